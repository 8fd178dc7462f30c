"""frame.py from a folder of videos to tables, frames and a contact sheet."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from helpers import number_of, write_video

import frame
from signs.core import arguments
from signs.data import clips_table, splits
from signs.data.clips_table import Dataset
from signs.data.layouts import detect
from signs.data.settings import TableSettings
from signs.video import contact_sheet, frame_store, images, sampling

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch) -> Run:
    """Runs frame.py in a folder of its own; returns its exit code."""
    monkeypatch.chdir(tmp_path)

    def run(*argv: str) -> int:
        alone = ["--workers", "1", "--timeout", "0"]  # in this process
        return arguments.run(frame.main, [*argv, *alone])

    return run


@pytest.fixture
def mine(tmp_path: Path) -> Dataset:
    """Two classes of three clips, one folder a class."""
    dataset = Dataset(tmp_path / "data" / "mine")
    for label in ("null", "Tür"):
        for number in (1, 2, 3):
            path = dataset.video / label / f"{number}.avi"
            write_video(path, 20 + number)
    return dataset


def numbers(dataset: Dataset, clip: str, count: int = 20) -> list[int]:
    """The numbers that a clip's frames show."""
    paths = frame_store.frame_paths(dataset.frame / clip, count)
    return [number_of(images.read_jpeg(path)) for path in paths]


def snapshot(root: Path, hidden: bool = False) -> dict[str, int]:
    """When each file was written; the hidden ones are records."""
    return {
        str(path.relative_to(root)): path.stat().st_mtime_ns
        for path in root.rglob("*")
        if path.is_file() and (hidden or not path.name.startswith("."))
    }


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


# --- A first run, and a second one ------------------------------------------


def test_a_folder_of_videos(run: Run, mine: Dataset, capsys) -> None:
    assert run("mine") == 0
    clips = clips_table.read_clips(mine)
    assert list(clips["clip"]) == [
        f"{label}/{number}" for label in ("Tür", "null") for number in (1, 2, 3)
    ]
    assert list(clips["split"].value_counts().items()) == [
        ("train", 4),
        ("val", 2),
    ]
    assert list(clips_table.read_classes(mine)["label"]) == ["Tür", "null"]
    for clip in clips["clip"]:
        folder = mine.frame / clip
        assert sorted(path.name for path in folder.iterdir()) == [
            f"frame-{number:03}.jpg" for number in range(1, 21)
        ]
        count = 20 + int(clip[-1])
        assert numbers(mine, clip) == sampling.sample_indices(count, 20)
    meta = frame_store.read_meta(mine)
    assert meta and len(meta.pop("listing")) == 16
    assert meta == {
        "frames": 20,
        "short_side": 299,
        "jpeg_quality": 90,
        "source": "video",
        "layout": "folder",
        "split": "random",
        "videos": 6,
        "arguments": asdict(TableSettings()),
    }
    out, err = capsys.readouterr()
    assert err == ""
    for fact in (
        "6 clips, layout folder",
        "2, each of 3 clips",
        "signers  not known",
        "train 4, val 2",
        "random, which mixes performers",
        "python feature.py mine",
    ):
        assert fact in out
    assert max(map(len, lines(out))) <= 80
    assert not Path("log").exists()


def test_a_second_run_does_nothing(run: Run, mine: Dataset, capsys) -> None:
    run("mine")
    before = snapshot(mine.root, hidden=True)
    capsys.readouterr()
    assert run("mine") == 0
    out, err = capsys.readouterr()
    assert len(lines(out)) == 1 and "nothing to do" in out and err == ""
    assert snapshot(mine.root, hidden=True) == before


def test_the_same_seed_gives_the_same_file(run: Run, mine: Dataset) -> None:
    for name in ("again", "other"):
        shutil.copytree(mine.video, mine.root.parent / name / "video")
    run("mine")
    run("again", "--seed", "0")
    run("other", "--seed", "7")
    texts = [
        (mine.root.parent / name / "clips.csv").read_bytes()
        for name in ("mine", "again", "other")
    ]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize("count", [1, 7, 19, 300])
def test_short_and_long_clips(run: Run, tmp_path: Path, count: int) -> None:
    dataset = Dataset(tmp_path / "data" / "mine")
    write_video(dataset.video / "a" / "1.avi", count)
    assert run("mine") == 0
    assert numbers(dataset, "a/1") == sampling.sample_indices(count, 20)


def test_red_reaches_the_network_as_red(run: Run, mine: Dataset) -> None:
    write_video(mine.video / "red" / "1.mp4", colour=(255, 0, 0))
    run("mine")
    batch = frame_store.read_pictures(mine.frame / "red/1", 20, 299)
    assert batch.shape == (20, 299, 299, 3)
    assert batch[..., 0].min() > 230 and batch[..., 1:].max() < 30


def test_work_side_by_side(mine: Dataset, tmp_path: Path) -> None:
    write_video(mine.video / "null" / "broken.avi").write_bytes(b"junk")
    script = Path(frame.__file__)
    done = subprocess.run(
        [sys.executable, str(script), "mine", "--workers", "2", "--quiet"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert "1 clip failed" in done.stderr and "null/broken" in done.stderr
    assert "Traceback" not in done.stderr
    folders = {path.parent for path in mine.frame.rglob("*.jpg")}
    assert len(folders) == 6


# --- Clips that fail --------------------------------------------------------


def write_isogd(dataset: Dataset) -> None:
    """Lists with a clip that is missing, one of 2 frames, one that is junk."""
    phase = dataset.video / "IsoGD_phase_1"
    rows = []
    for number, count in enumerate([12, 2, 0, -1, 9, 30], start=1):
        path = f"train/001/M_{number:05}.avi"
        if count > 0:
            write_video(phase / path, count, size=(320, 240), fps=10)
        elif count == 0:
            (phase / path).write_bytes(b"junk")
        rows.append(f"{path} {path.replace('M_', 'K_')} {number % 2 + 1}")
    (phase / "train_list.txt").write_text("\n".join(rows[:4]))
    valid = [row.replace(" 1", " 0") for row in rows[4:]]
    (phase / "valid_list.txt").write_text("\n".join(valid))


def test_clips_that_fail_are_listed_and_tried_again(
    run: Run, tmp_path: Path, capsys
) -> None:
    dataset = Dataset(tmp_path / "data" / "chalearn")
    write_isogd(dataset)
    assert run() == 1
    failed = Path("log/chalearn-frame-failed.csv")
    folder = "IsoGD_phase_1/train/001"
    failures = clips_table.read_csv(failed)
    assert list(failures["clip"]) == [f"{folder}/M_{n:05}" for n in (3, 4)]
    assert "no frame can be decoded" in failures["reason"][0]
    assert "the video is missing" in failures["reason"][1]
    assert numbers(dataset, f"{folder}/M_00002") == [0] * 10 + [1] * 10
    out, err = capsys.readouterr()
    assert "layout isogd" in out and "train 4, val 1" in out
    assert f"{failed} lists them" in err.replace("\\", "/")
    assert "1 of them without a label" in out
    assert list(clips_table.read_classes(dataset)["label"]) == ["1", "2"]

    before = snapshot(dataset.frame)
    write_video(dataset.video / folder / "M_00003.avi", 20)
    assert run() == 1
    assert list(clips_table.read_csv(failed)["clip"]) == [f"{folder}/M_00004"]
    write_video(dataset.video / folder / "M_00004.avi", 20)
    assert run() == 0
    assert not failed.exists()
    after = snapshot(dataset.frame)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 40


def test_if_all_clips_fail_nothing_could_be_done(
    run: Run, mine: Dataset, capsys
) -> None:
    for path in mine.video.rglob("*.avi"):
        path.write_bytes(b"")
    assert run("mine") == 2
    err = capsys.readouterr().err
    assert "error: no clip has frames: all 6 failed" in err
    assert "the video is an empty file" in err
    assert len(clips_table.read_csv(Path("log/mine-frame-failed.csv"))) == 6


def test_no_videos(run: Run, tmp_path: Path, capsys) -> None:
    assert run() == 2
    err = capsys.readouterr().err
    assert len(lines(err)) == 1 and err.startswith("error: ")
    assert str(Path("data/chalearn/video")) in err
    assert "python sample.py" in err
    assert list(tmp_path.iterdir()) == []


def test_videos_that_went_away(run: Run, mine: Dataset, capsys) -> None:
    run("mine")
    mine.video.rename(mine.root / "moved")
    assert run("mine") == 0
    shutil.rmtree(mine.frame / "null")
    assert run("mine") == 2
    assert "is missing, and 3 clips of" in capsys.readouterr().err
    assert run("mine", "--source", "data/mine/moved") == 0
    assert numbers(mine, "null/1") == sampling.sample_indices(21, 20)
    meta = frame_store.read_meta(mine)
    assert meta and Path(meta["source"]) == (mine.root / "moved").resolve()


# --- Frames that are no longer right ----------------------------------------


def test_another_number_of_frames_is_refused(
    run: Run, mine: Dataset, capsys
) -> None:
    run("mine", "--frames", "40")
    before = snapshot(mine.root)
    assert run("mine") == 2
    err = capsys.readouterr().err
    assert "has 40 frames a clip, not 20" in err
    assert "python frame.py mine --frames 20 --overwrite" in err
    assert snapshot(mine.root) == before
    assert run("mine", "--overwrite") == 0
    assert len(list((mine.frame / "null/1").iterdir())) == 20
    assert numbers(mine, "null/1") == sampling.sample_indices(21, 20)


def test_leftover_frames_are_not_read(run: Run, mine: Dataset) -> None:
    run("mine")
    folder = mine.frame / "null/1"
    before = snapshot(mine.frame)
    for name in ("frame-021.jpg", "frame-040.jpg", ".partial-1-1.jpg"):
        shutil.copy(folder / "frame-020.jpg", folder / name)
    assert not frame_store.has_frames(folder, 20)
    assert not frame_store.has_frames(folder, 40)
    assert run("mine") == 0
    after = snapshot(mine.frame)
    assert after.keys() == before.keys()
    changed = {name for name in after if after[name] != before[name]}
    assert {Path(name).parent for name in changed} == {Path("null/1")}


def test_an_interrupted_run_goes_on(
    run: Run, mine: Dataset, monkeypatch
) -> None:
    really_encode, left = images.encode_jpeg, iter(range(50))

    def interrupted(picture: np.ndarray) -> bytes:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return really_encode(picture)

    with monkeypatch.context() as patch:
        patch.setattr(images, "encode_jpeg", interrupted)
        assert run("mine") == 130
    assert len(list(mine.frame.rglob("*.jpg"))) == 40
    before = snapshot(mine.root)
    assert run("mine") == 0
    after = snapshot(mine.root)
    assert len(list(mine.frame.rglob("*.jpg"))) == 120
    finished = [name for name in before if name.startswith("frame/Tür/1/")]
    kept = ["clips.csv", "classes.csv", "frame/meta.json", *finished]
    names = [str(Path(name)) for name in kept]
    assert len(finished) == 20
    assert [after[name] for name in names] == [before[name] for name in names]


def test_overwrite_takes_all_afresh(run: Run, mine: Dataset) -> None:
    run("mine")
    shutil.rmtree(mine.video / "null")
    write_video(mine.video / "Tür" / "1.avi", 5)
    assert run("mine", "--overwrite") == 0
    assert len(clips_table.read_clips(mine)) == 3
    assert numbers(mine, "Tür/1") == sampling.sample_indices(5, 20)
    assert not (mine.frame / "null").exists()


def test_a_damaged_record_is_refused_and_mended(
    run: Run, mine: Dataset, capsys
) -> None:
    run("mine")
    frame_store.meta_path(mine).write_text("{")
    assert run("mine") == 2
    assert "is damaged (Expecting" in capsys.readouterr().err
    assert run("mine", "--overwrite") == 0
    assert frame_store.require_meta(mine)["frames"] == 20


# --- The table --------------------------------------------------------------


def test_an_edited_table_is_kept(run: Run, mine: Dataset, capsys) -> None:
    run("mine")
    clips = clips_table.read_clips(mine)[:4].assign(split="test", signer="Anna")
    clips_table.write_table(mine.clips, clips)
    before = mine.clips.read_bytes()
    capsys.readouterr()
    assert run("mine", "--split", "random", "--val", "0.5") == 0
    assert mine.clips.read_bytes() == before
    out, err = capsys.readouterr()
    assert "removed the frames of 2 clips" in out
    assert "is kept as it is, without regard to --split, --val;" in err
    write_video(mine.video / "Tür" / "4.avi")
    assert run("mine") == 0
    assert "follows its source: 1 clip added, 0 removed" in (
        capsys.readouterr().out
    )
    edited = clips_table.read_clips(mine)
    assert list(edited["clip"]) == [*clips["clip"][:3], "Tür/4", "null/1"]
    assert list(edited["signer"]).count("Anna") == 4
    assert list(edited["split"]).count("test") == 4
    assert run("mine", "--overwrite") == 0
    assert len(clips_table.read_clips(mine)) == 7


def test_a_table_of_your_own(run: Run, mine: Dataset, capsys) -> None:
    rows = ["clip,video,label,signer,split", "one,null/1.avi,NA,,train"]
    mine.clips.write_text("\n".join(rows))
    assert run("mine") == 0
    assert numbers(mine, "one") == sampling.sample_indices(21, 20)
    assert list(clips_table.read_classes(mine)["label"]) == ["NA"]
    assert "as clips.csv says" in capsys.readouterr().out


def test_signers_of_the_table_on_both_sides(
    run: Run, mine: Dataset, capsys
) -> None:
    mine.signers.write_text("clip,signer\nnull/1,A\nTür/1,A\nnull/2,B\nTür/2,B")
    assert run("mine") == 0
    clips = clips_table.read_clips(mine).set_index("clip")
    assert splits.signers_on_both_sides(clips) == []
    out, err = capsys.readouterr()
    assert "signers  2" in out and "nobody is on both sides" in out
    assert "2 clips of unknown signers" in err
    clips.loc["null/1", "split"] = "val"
    clips.loc["Tür/1", "split"] = "train"
    clips_table.write_table(mine.clips, clips.reset_index())
    run("mine")
    assert "1 signer is in more than one split: A" in capsys.readouterr().err


def test_only_some_classes(run: Run, mine: Dataset, capsys) -> None:
    write_video(mine.video / "rare" / "1.avi", 3)
    assert run("mine", "--dry-run") == 0
    assert "1 class has no validation clip: rare" in capsys.readouterr().err
    assert run("mine", "--min-clips", "2", "--classes", "1") == 0
    assert set(clips_table.read_clips(mine)["label"]) == {"Tür"}
    assert run("mine", "--overwrite", "--min-clips", "9") == 2
    assert set(clips_table.read_clips(mine)["label"]) == {"Tür"}
    assert "no class has 9 clips; the largest has 3" in capsys.readouterr().err


def test_ledasila_words_are_readable(run: Run, tmp_path: Path, capsys) -> None:
    dataset = Dataset(tmp_path / "data" / "ledasila")
    for number in range(20):
        for word in ("Rote__R_uebe", "null")[: 2 if number < 2 else 1]:
            name = f"{word}---w-v-k---vid-{number}---lsid-{number}.mp4"
            path = dataset.video / word[0].lower() / name
            write_video(path, 2, size=(288, 352))
    assert run("ledasila", "--frames", "2") == 0
    classes = clips_table.read_classes(dataset)
    assert list(classes["label"]) == ["Rote__R_uebe", "null"]
    assert list(classes["name"]) == ["Rote Rübe", "null"]
    assert "1 of 2 words have at least 18 clips" in capsys.readouterr().out
    picture = images.read_jpeg(next(dataset.frame.rglob("*.jpg")))
    assert picture.shape == (352, 288, 3)


def test_sections_from_a_list_elsewhere(run: Run, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    write_video(elsewhere / "long.avi", 60, fps=10)
    path = elsewhere / "list.csv"
    path.write_text(
        "path,label,signer,split,start,end\n"
        "long.avi,NA,1,train,0,2\nlong.avi,null,2,val,4,6\n"
    )
    assert run("mine", "--source", str(path), "--frames", "5") == 0
    dataset = Dataset(Path("data/mine"))
    assert numbers(dataset, "long@0-2", 5) == [0, 5, 10, 14, 19]
    assert numbers(dataset, "long@4-6", 5) == [40, 45, 50, 54, 59]
    assert list(clips_table.read_classes(dataset)["label"]) == ["NA", "null"]
    # The source is remembered, also where all is made again.
    shutil.rmtree(dataset.frame / "long@0-2")
    assert run("mine", "--frames", "5") == 0
    assert run("mine", "--frames", "3", "--overwrite") == 0
    assert numbers(dataset, "long@4-6", 3) == [40, 50, 59]


# --- The command line -------------------------------------------------------


@pytest.mark.parametrize("made_before", [False, True])
@pytest.mark.parametrize("more", [[], ["--overwrite"], ["--frames", "20"]])
def test_a_dry_run_writes_nothing(
    run: Run,
    mine: Dataset,
    tmp_path: Path,
    capsys,
    made_before: bool,
    more: list[str],
) -> None:
    if made_before:
        run("mine")
        shutil.rmtree(mine.frame / "null" / "1")
    before = snapshot(tmp_path)
    capsys.readouterr()
    assert run("mine", "--dry-run", *more) == 0
    todo = 1 if made_before and more != ["--overwrite"] else 6
    clips = "1 clip" if todo == 1 else "6 clips"
    assert f"20 frames of each of {clips} into" in capsys.readouterr().out
    assert snapshot(tmp_path) == before
    assert (tmp_path / "log").exists() is False


def test_help_needs_nothing_heavy() -> None:
    program = (
        "import sys, frame\n"
        "try: frame.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'cv2', 'pandas', 'numpy', 'sklearn', 'matplotlib'}\n"
        "print(heavy & set(sys.modules))"
    )
    folder = Path(frame.__file__).parent
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert lines(done.stdout)[-1] == "set()"
    for text in ("Step 1:", "(default: 20)", "(default: 0.2)", "--dry-run"):
        assert text in done.stdout


def test_the_choices_are_those_there_are() -> None:
    parser_of = {
        "layout": detect.LAYOUTS,
        "split": splits.WAYS,
    }
    for name, choices in parser_of.items():
        for choice in choices:
            args = frame.parse_arguments([f"--{name}", choice])
            assert getattr(args, name) == choice
        with pytest.raises(SystemExit):
            frame.parse_arguments([f"--{name}", "other"])


def test_quiet(run: Run, mine: Dataset, capsys) -> None:
    assert run("mine", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


# --- The contact sheet ------------------------------------------------------


def test_the_sheet_shows_each_class_in_its_row(
    run: Run, tmp_path: Path
) -> None:
    dataset = Dataset(tmp_path / "data" / "mine")
    colours = {"a": (250, 0, 0), "b": (0, 250, 0), "c $x$ ﷺ": (0, 0, 250)}
    for label, colour in colours.items():
        path = dataset.video / label / "1.avi"
        write_video(path, 3, size=(300, 200), colour=colour)
    assert run("mine") == 0
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
    run: Run, mine: Dataset, capsys
) -> None:
    run("mine")
    shutil.rmtree(mine.frame / "null" / "3")
    mine.sheet.unlink()
    for path in (mine.frame / "null" / "1").iterdir():
        path.write_bytes(b"damaged")
    for path in (mine.frame / "Tür" / "1").iterdir():
        path.write_bytes(b"damaged")
    assert run("mine") == 0
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


def test_meta_is_readable_by_people(run: Run, mine: Dataset) -> None:
    run("mine", "--val", "0.4")
    text = frame_store.meta_path(mine).read_text(encoding="utf-8")
    assert '"frames": 20,\n' in text
    assert json.loads(text)["arguments"]["val"] == 0.4
