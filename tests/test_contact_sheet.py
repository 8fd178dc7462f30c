"""The picture of clips that frame.py leaves to look at."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from framing import Run
from helpers import write_video

from signs.data import clips_table
from signs.data.clips_table import Dataset
from signs.video import contact_sheet, frame_store

# --- The contact sheet ------------------------------------------------------


def test_the_sheet_shows_each_class_in_its_row(
    run_frame: Run, tmp_path: Path
) -> None:
    dataset = Dataset(tmp_path / "data" / "mine")
    colours = {"a": (250, 0, 0), "b": (0, 250, 0), "c $x$ ﷺ": (0, 0, 250)}
    for label, colour in colours.items():
        path = dataset.video / label / "1.avi"
        write_video(path, 3, size=(300, 200), colour=colour)
    assert run_frame("mine") == 0
    picture = np.asarray(cv2.imread(str(dataset.sheet)))[:, :, ::-1]
    height = contact_sheet.CELL * 2 // 3 + contact_sheet.GAP
    for row, colour in enumerate(colours.values()):
        y = contact_sheet.HEAD + row * height + height // 2
        for column in range(contact_sheet.COLUMNS):
            x = (
                contact_sheet.MARGIN
                + column * (contact_sheet.CELL + contact_sheet.GAP)
                + 70
            )
            shown = picture[y, x].astype(int)
            assert np.abs(shown - colour).max() < 30, (row, column)
        margin = picture[y - 40 : y + 40, : contact_sheet.MARGIN - 10]
        assert margin.min() < 90 and margin.mean() > 200


def test_the_sheet_is_drawn_again_if_it_can(
    run_frame: Run, mine: Dataset, capsys
) -> None:
    run_frame("mine")
    shutil.rmtree(mine.frame / "null" / "3")
    mine.sheet.unlink()
    for path in (mine.frame / "null" / "1").iterdir():
        path.write_bytes(b"damaged")
    for path in (mine.frame / "Tür" / "1").iterdir():
        path.write_bytes(b"damaged")
    assert run_frame("mine") == 0
    assert "no contact sheet: damaged JPEG" in capsys.readouterr().err


def test_the_sheet_spreads_over_classes_and_signers() -> None:
    rows = [
        [f"{label}{signer}", "", label, signer, "train"]
        for label in "abcdefghijklmnopqrstuvwxyz"
        for signer in "1234"
    ]
    clips = pd.DataFrame(rows, columns=clips_table.COLUMNS)
    labels = sorted(set(clips["label"]))
    chosen = contact_sheet.choose(clips, labels, 4)
    assert list(chosen["label"]) == ["a", "i", "r", "z"]
    assert sorted(chosen["signer"]) == ["1", "2", "3", "4"]
    unlabelled = clips[:2].assign(label="")
    assert len(contact_sheet.choose(unlabelled, [], 4)) == 1


def test_meta_is_readable_by_people(run_frame: Run, mine: Dataset) -> None:
    run_frame("mine", "--val", "0.4")
    text = frame_store.meta_path(mine).read_text(encoding="utf-8")
    assert '"frames": 20,\n' in text
    assert json.loads(text)["arguments"]["val"] == 0.4
