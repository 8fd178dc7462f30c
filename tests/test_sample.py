"""sample.py: two data sets in real layouts, of drawn people who sign."""

import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from planned import DEFAULT, both

import frame
import sample
from signs.core import arguments, messages
from signs.data import clips_table
from signs.data.clips_table import Dataset
from signs.synthetic.puppets import (
    people,
    render,
)
from signs.synthetic.puppets.plan import Settings
from signs.video import decode

SMALL = (
    "--gestures 3 --performers 4 --words 2 --clips 28 --workers 1 --quiet"
).split()


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> Path:
    """A data folder with both sets, not to be changed."""
    root = tmp_path_factory.mktemp("rendered")
    folders = ("--data", str(root / "data"), "--log", str(root / "log"))
    assert arguments.run(sample.main, [*SMALL, *folders]) == 0
    return root / "data"


@pytest.fixture
def copied(rendered: Path, tmp_path: Path, monkeypatch) -> Path:
    """A data folder with both sets, in the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(rendered, tmp_path / "data")
    return Path("data")


def run(*args: str) -> int:
    """Runs sample.py with the small sizes, and then the arguments."""
    return arguments.run(sample.main, [*SMALL, *args])


def digests(root: Path) -> dict[str, str]:
    """What is in each file."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def times(root: Path) -> dict[Path, int]:
    """When each file was written."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {path: path.stat().st_mtime_ns for path in files}


# What is on disk


def test_isogd_layout_is_exact(rendered: Path) -> None:
    root = rendered / "sample-chalearn" / "video"
    lists = {f"{split}_list.txt" for split in ("train", "valid", "test")}
    found = set()
    for split, phase in (
        ("train", "IsoGD_phase_1"),
        ("valid", "IsoGD_phase_1"),
        ("test", "IsoGD_phase_2"),
    ):
        lines = (root / f"{split}_list.txt").read_text().splitlines()
        assert len(lines) >= 3
        for number, line in enumerate(lines, 1):
            colour, depth, label = line.split(" ")
            assert colour == f"{split}/001/M_{number:05}.avi"
            assert depth == f"{split}/001/K_{number:05}.avi"
            assert label in {"1", "2", "3"}
            found.add(root / phase / colour)
    files = {path for path in root.rglob("*") if path.is_file()}
    assert files == found | {root / name for name in lists}


def test_ledasila_layout_is_exact(rendered: Path) -> None:
    root = rendered / "sample-ledasila" / "video"
    name = re.compile(
        r"([a-z])/([^-]+)---([a-z_-]+)---vid-(\d+)---lsid-(\d+)\.mp4"
    )
    entries, words = [], set()
    for path in root.rglob("*"):
        if path.is_dir():
            continue
        match = name.fullmatch(path.relative_to(root).as_posix())
        assert match, path
        assert match[2].lstrip("_")[0].lower() == match[1]
        words.add(match[2])
        entries.append(match[5])
    assert words == {"null", "sch_oen"}
    assert len(set(entries)) == len(entries) == 8


def test_videos_are_as_in_the_real_sets(rendered: Path) -> None:
    small = Settings(gestures=3, performers=4, clips=28, words=2, seed=0)
    for name, planned in zip(
        ("sample-chalearn", "sample-ledasila"), both(small), strict=True
    ):
        for clip in planned.clips.values():
            below = clip.video.relative_to(planned.dataset.root)
            capture = cv2.VideoCapture(str(rendered / name / below))
            size = clip.format.width, clip.format.height
            assert capture.get(cv2.CAP_PROP_FPS) == clip.format.rate
            frames = 0
            while True:
                done, picture = capture.read()
                if not done:
                    break
                assert picture.shape == (size[1], size[0], 3)
                frames += 1
            assert frames == clip.frames
    assert {clip.format.rate for clip in planned.clips.values()} == {25}


def test_a_clip_is_xvid_where_opencv_can_write_it(rendered: Path) -> None:
    clip = next(rendered.rglob("M_00001.avi")).read_bytes()
    codec = b"XVID" if render.can_write("XVID", ".avi") else b"MJPG"
    assert codec in clip[:4096]


def test_signers_are_named_for_every_clip_of_both_sets(rendered: Path) -> None:
    everybody: list[set[str]] = []
    for name in ("sample-chalearn", "sample-ledasila"):
        dataset = Dataset(rendered / name)
        signers = clips_table.read_csv(dataset.signers)
        assert list(signers) == ["clip", "signer"]
        videos = {
            path.relative_to(dataset.video).with_suffix("").as_posix()
            for path in dataset.video.rglob("*.*")
            if path.suffix in (".avi", ".mp4")
        }
        assert set(signers["clip"]) == videos
        everybody.append(set(signers["signer"]))
    assert not everybody[0] & everybody[1]


def test_frame_py_takes_both_sets(copied: Path) -> None:
    for name in ("sample-chalearn", "sample-ledasila"):
        args = [name, "--frames", "3", "--workers", "1", "--quiet"]
        assert arguments.run(frame.main, args) == 0
    clips = pd.read_csv(copied / "sample-chalearn" / "clips.csv", dtype=str)
    assert clips["split"].value_counts().to_dict() == {
        "train": 12,
        "val": 5,
        "test": 3,
    }
    assert clips.groupby("signer")["split"].nunique().eq(1).all()
    assert set(clips["label"]) == {"1", "2", "3"}
    words = clips_table.read_clips(Dataset(copied / "sample-ledasila"))
    assert set(words["label"]) == {"null", "sch_oen"}
    assert words.groupby("signer")["split"].nunique().eq(1).all()


def test_colours_are_not_swapped(rendered: Path) -> None:
    size = Settings(gestures=3, performers=4, clips=28, words=2, seed=0)
    planned, _ = both(size)
    clip = next(c for c in planned.clips.values() if c.signer == 0)
    who, _ = people.in_light(
        people.person(0, 0), people.recording(0, 0, clip.session)
    )
    path = rendered / "sample-chalearn" / clip.video.relative_to("data/a")
    picture = decode.read_frames(path, 1)[0].astype(int)
    skin = np.array(who.skin)
    assert skin[0] > skin[2] + 40

    def like(colour: np.ndarray) -> int:
        return int((np.abs(picture - colour).max(axis=2) < 24).sum())

    assert like(skin) > 300
    assert like(skin) > 5 * like(skin[::-1])


# Running it again, and otherwise


def test_same_bytes_whatever_the_workers(
    rendered: Path, tmp_path: Path
) -> None:
    folders = ("--data", str(tmp_path / "data"), "--log", str(tmp_path))
    assert run(*folders, "--workers", "2") == 0
    assert digests(tmp_path / "data") == digests(rendered)
    again, other = (
        next(render.pictures(clip))
        for clip in (
            next(iter(both(DEFAULT)[0].clips.values())),
            next(iter(both(replace(DEFAULT, seed=1))[0].clips.values())),
        )
    )
    assert (again != other).any()


def test_a_second_run_does_nothing(copied: Path, capsys) -> None:
    before = times(copied)
    messages.set_up_messages(quiet=False)
    assert arguments.run(sample.main, [a for a in SMALL if a != "--quiet"]) == 0
    assert times(copied) == before
    output = capsys.readouterr().out
    assert output.startswith("nothing to do: all 28 clips are in ")
    assert output.count("\n") == 1


def test_only_what_is_missing_is_rendered(copied: Path) -> None:
    before, when = digests(copied), times(copied)
    gone = next(copied.rglob("M_00002.avi"))
    gone.unlink()
    assert run() == 0
    assert digests(copied) == before
    changed = {
        path for path, time in times(copied).items() if time != when[path]
    }
    assert changed == {gone}


def test_other_settings_are_refused_until_overwritten(
    copied: Path, capsys
) -> None:
    before = times(copied)
    assert run("--gestures", "2") == 2
    error = capsys.readouterr().err
    assert "gestures 3, not 2" in error
    assert "--overwrite" in error
    assert "sample-chalearn" in error
    assert times(copied) == before
    assert run("--gestures", "2", "--clips", "25", "--overwrite") == 0
    clips = [p for p in copied.rglob("*.*") if p.suffix in (".avi", ".mp4")]
    assert len(clips) == 25
    found = json.loads((copied / "sample-ledasila/sample.json").read_text())
    assert found["clips"] == 25
    assert found["gestures"] == 2


@pytest.mark.parametrize("content", ["", "{", "[1]", "null"])
def test_damaged_settings_are_refused(
    copied: Path, capsys, content: str
) -> None:
    marker = copied / "sample-chalearn" / "sample.json"
    marker.write_text(content)
    assert run() == 2
    assert "--overwrite" in capsys.readouterr().err


def test_videos_of_others_are_never_touched(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "data" / "sample-chalearn" / "video" / "mine.avi"
    mine.parent.mkdir(parents=True)
    mine.write_text("precious")
    assert run("--overwrite") == 2
    assert "was not made by sample.py" in capsys.readouterr().err
    assert mine.read_text() == "precious"
    assert not (tmp_path / "data" / "sample-ledasila").exists()


def test_dry_run_writes_nothing(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    args = [*SMALL, "--dry-run"]
    args.remove("--quiet")
    assert arguments.run(sample.main, args) == 0
    output = capsys.readouterr().out
    assert "would render 28 clips" in output
    assert "20 clips (12 train, 5 valid, 3 test), 3 gestures" in output
    assert list(tmp_path.iterdir()) == []


def test_the_summary_names_the_next_command(copied: Path, capsys) -> None:
    args = [a for a in SMALL if a != "--quiet"]

    def last_run() -> list[str]:
        next(copied.rglob("M_00003.avi")).unlink()
        assert arguments.run(sample.main, args) == 0
        return capsys.readouterr().out.splitlines()

    lines = last_run()
    assert lines[0].startswith("sample-chalearn: 20 clips (12 train, ")
    assert lines[1].startswith("sample-ledasila: 8 clips, 2 words, ")
    assert lines[2].startswith("1 clip rendered in ")
    assert lines[3:] == ["next: python frame.py sample-chalearn"]
    # frame.py keeps a table of other clips unless it is told not to.
    (copied / "sample-chalearn" / "clips.csv").write_text("")
    assert last_run()[-1].endswith("frame.py sample-chalearn --overwrite")


def test_clips_that_fail_are_listed_and_tried_again(copied: Path) -> None:
    letter = copied / "sample-ledasila" / "video" / "n"
    shutil.rmtree(letter)
    letter.write_text("a file where a folder should be")
    (next(copied.rglob("M_00001.avi"))).unlink()
    assert run() == 1
    failures = clips_table.read_csv(Path("log/sample-failed.csv"))
    assert len(failures) == 4
    assert failures["clip"].str.startswith("sample-ledasila/n/null---").all()
    assert run() == 2  # now nothing at all could be done
    letter.unlink()
    assert run() == 0
    assert not Path("log/sample-failed.csv").exists()
