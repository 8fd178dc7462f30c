"""A run after any change gives what a run from nothing would."""

import os
import shutil
from pathlib import Path

import pytest
from framing import Run, made, show, take_frames
from helpers import number_of, write_video
from store import folders

import feature
import train_lstm
from signs.core import arguments
from signs.data import clips_table
from signs.data.changes import Record
from signs.data.clips_table import Dataset
from signs.features import feature_store
from signs.features.made_from import MadeFrom
from signs.video import frame_store, images

CNN = "--cnn mobilenet --alpha 0.25 --weights random --engine keras".split()


def shown(dataset: Dataset, clip: str) -> list[int]:
    paths = sorted((dataset.frame / clip).glob("*.jpg"))
    return [number_of(images.read_jpeg(path)) for path in paths]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return lambda *args: take_frames(tmp_path, *args)


@pytest.fixture
def mine(tmp_path: Path, run: Run) -> Dataset:
    """Three clips of two classes, with frames."""
    dataset = Dataset(tmp_path / "data" / "d")
    for number, name in enumerate(["a/1", "a/2", "b/1"], start=1):
        show(dataset.video / f"{name}.avi", number)
    assert run() == 0
    return dataset


# --- Videos and sections ----------------------------------------------------


def test_a_video_replaced_under_its_name(
    run: Run, mine: Dataset, capsys
) -> None:
    before = mine.sheet.read_bytes()
    path = mine.video / "a" / "1.avi"
    old = path.stat()
    show(path, 77)
    capsys.readouterr()
    assert run() == 0
    assert shown(mine, "a/1") == [77] * 3 and shown(mine, "a/2") == [2] * 3
    assert mine.sheet.read_bytes() != before
    assert "nothing to do" not in capsys.readouterr().out
    # Also where its time is the old one, as after unpacking an archive.
    show(path, 78, frames=9)
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert run() == 0
    assert shown(mine, "a/1") == [78] * 3


def test_a_copy_is_not_decoded_again(run: Run, mine: Dataset, capsys) -> None:
    written = {x: x.stat().st_mtime_ns for x in mine.frame.rglob("*.jpg")}
    for path in mine.video.rglob("*.avi"):
        os.utime(path, (1, 1))
    capsys.readouterr()
    assert run() == 0
    assert "nothing to do" in capsys.readouterr().out
    assert written == {
        x: x.stat().st_mtime_ns for x in mine.frame.rglob("*.jpg")
    }


def test_a_video_replaced_by_one_that_is_broken(
    tmp_path: Path, run: Run, mine: Dataset, capsys
) -> None:
    (mine.video / "a" / "1.avi").write_bytes(b"junk")
    assert run() == 1
    assert not (mine.frame / "a" / "1").exists()
    assert run() == 1
    show(mine.video / "a" / "1.avi", 5)
    assert run() == 0
    assert shown(mine, "a/1") == [5] * 3


def test_frames_that_were_deleted_or_damaged_in_number(
    run: Run, mine: Dataset
) -> None:
    shutil.rmtree(mine.frame / "a" / "1")
    (mine.frame / "a" / "2" / "frame-002.jpg").unlink()
    assert run() == 0
    assert shown(mine, "a/1") == [1] * 3 and shown(mine, "a/2") == [2] * 3


def test_a_corrected_section(tmp_path: Path, run: Run, capsys) -> None:
    dataset = Dataset(tmp_path / "data" / "d")
    write_video(dataset.video / "long.avi", 60, fps=10)
    table = dataset.video / "list.csv"
    table.write_text("path,label,start,end\nlong.avi,x,0,2\nlong.avi,y,2,4\n")
    assert run() == 0
    assert shown(dataset, "long@0-2") == [0, 10, 19]
    # In the source ...
    table.write_text("path;label;start;end\nlong.avi;x;0;2\nlong.avi;y;3,0;4\n")
    assert run() == 0
    assert list(clips_table.read_clips(dataset)["clip"]) == [
        *("long@0-2", "long@3.0-4")
    ]
    assert shown(dataset, "long@3.0-4") == [30, 35, 39]
    assert not (dataset.frame / "long@2-4").exists()
    # ... and in clips.csv.
    text = dataset.clips.read_text()
    dataset.clips.write_text(text.replace("3.0,4\n", "3.0,6\n"))
    assert run() == 0
    assert shown(dataset, "long@3.0-4") == [30, 45, 59]


# --- Tables -----------------------------------------------------------------


def test_one_in_and_one_out(run: Run, mine: Dataset, capsys) -> None:
    (mine.video / "b" / "1.avi").unlink()
    show(mine.video / "c" / "9.avi", 9)
    assert run() == 0
    assert list(clips_table.read_clips(mine)["clip"]) == ["a/1", "a/2", "c/9"]
    assert list(clips_table.read_classes(mine)["label"]) == ["a", "c"]
    assert not (mine.frame / "b").exists()
    out = capsys.readouterr().out
    assert "1 clip added, 1 removed" in out
    assert "removed the frames of 1 clip" in out


def test_a_clip_renamed(run: Run, mine: Dataset) -> None:
    (mine.video / "a" / "1.avi").rename(mine.video / "a" / "one.avi")
    assert run() == 0
    assert shown(mine, "a/one") == [1] * 3
    assert not (mine.frame / "a" / "1").exists()


def test_edits_of_people_stay(run: Run, mine: Dataset, capsys) -> None:
    text = mine.clips.read_text().replace("a/2.avi,a,,", "a/2.avi,z,Anna,")
    mine.clips.write_text(text)
    assert run() == 0
    assert "z" in list(clips_table.read_classes(mine)["label"])
    show(mine.video / "b" / "2.avi", 4)
    mine.signers.write_text("file,signer\na/2.avi,Ben\nb/2.avi,Cleo\n")
    capsys.readouterr()
    assert run() == 0
    clips = clips_table.read_clips(mine).set_index("clip")
    assert clips.loc["a/2", "label"] == "z"
    assert clips.loc["a/2", "signer"] == "Anna"
    assert clips.loc["b/2", "signer"] == "Cleo"
    error = capsys.readouterr().err
    assert "the signer of a/2 was edited to 'Anna'" in error
    assert run() == 0
    assert "was edited" not in capsys.readouterr().err


def test_edited_classes(run: Run, mine: Dataset) -> None:
    text = mine.classes.read_text().replace("a,a", "a,Alpha")
    mine.classes.write_text(text)
    show(mine.video / "c" / "1.avi", 9)
    assert run() == 0
    assert list(clips_table.read_classes(mine)["name"]) == ["Alpha", "b", "c"]
    mine.classes.write_text("index,label,name\n0,a,Alpha\n")
    assert run() == 0
    assert list(clips_table.read_classes(mine)["name"]) == ["Alpha", "b", "c"]


def test_a_source_that_is_wrong_now_changes_nothing(
    tmp_path: Path, run: Run, capsys
) -> None:
    dataset = Dataset(tmp_path / "data" / "d")
    show(dataset.video / "1.avi", 1)
    table = dataset.video / "list.csv"
    table.write_text("path,label\n1.avi,x\n")
    assert run() == 0
    before = made(dataset)
    table.write_text("path,label\n1.avi,x\n../2.avi,y\n")
    assert run() == 2
    assert "list.csv, line 3" in capsys.readouterr().err
    assert made(dataset) == before


def test_videos_that_are_gone_leave_their_frames(
    run: Run, mine: Dataset, capsys
) -> None:
    """As where they were moved to an archive to make room."""
    before = made(mine)
    for path in mine.video.rglob("*.avi"):
        path.unlink()
    capsys.readouterr()
    assert run() == 0
    assert "nothing to do" in capsys.readouterr().out
    assert made(mine) == before


def test_a_folder_that_cannot_be_looked_at_takes_no_clip_along(
    run: Run, mine: Dataset, monkeypatch, capsys
) -> None:
    before = made(mine)
    really_scan = os.scandir

    def scan(path: Path):
        if Path(path).name == "b" and "video" in Path(path).parts:
            raise OSError(5, "Input/output error", str(path))
        return really_scan(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scan)
        assert run() == 1
    assert made(mine) == before
    error = capsys.readouterr().err
    assert "kept as it is: 1 video cannot be looked at" in error
    failed = mine.root.parents[1] / "log" / "d-frame-failed.csv"
    assert "b/,the folder cannot be read" in failed.read_text()


def test_a_failed_run_leaves_no_table_behind(
    tmp_path: Path, run: Run, capsys
) -> None:
    dataset = Dataset(tmp_path / "data" / "d")
    for name in ("a/1.avi", "b/1.avi"):
        (dataset.video / name).parent.mkdir(parents=True)
        (dataset.video / name).write_bytes(b"junk")
    assert run() == 2
    assert [x.name for x in dataset.root.iterdir()] == ["video"]


# --- What an earlier version made -------------------------------------------


def as_of_before(dataset: Dataset) -> None:
    """Takes away what earlier versions did not write."""
    shutil.rmtree(dataset.root / ".made-from")
    path = frame_store.meta_path(dataset)
    text = path.read_text().replace('"listing"', '"something"')
    path.write_text(text)


def test_data_of_an_earlier_version_is_kept(
    run: Run, mine: Dataset, capsys
) -> None:
    as_of_before(mine)
    before = {x: x.stat().st_mtime_ns for x in mine.frame.rglob("*.jpg")}
    capsys.readouterr()
    assert run() == 0
    assert "are of an earlier version, and kept" in capsys.readouterr().out
    assert before == {
        x: x.stat().st_mtime_ns for x in mine.frame.rglob("*.jpg")
    }
    assert run() == 0
    assert "nothing to do" in capsys.readouterr().out
    show(mine.video / "a" / "1.avi", 50)
    assert run() == 0
    assert shown(mine, "a/1") == [50] * 3


# --- Features ---------------------------------------------------------------


def test_features_follow_their_frames(
    tmp_path: Path, run: Run, mine: Dataset, capsys
) -> None:
    args = ["d", *CNN, "--quiet", *folders(tmp_path)]
    assert arguments.run(feature.main, args) == 0
    folder = mine.feature("mobilenet-0.25")
    before = {path: path.read_bytes() for path in folder.rglob("*.npy")}
    assert len(before) == 3

    show(mine.video / "a" / "1.avi", 1234)
    (mine.video / "a" / "2.avi").unlink()
    assert arguments.run(feature.main, args) == 2
    error = capsys.readouterr().err
    assert "frames of 1 clip are not those" in error
    assert "a/1; take them again with: python frame.py d" in error
    train = ["d", "--units", "4", "--quiet", "--dry-run", *folders(tmp_path)]
    assert arguments.run(train_lstm.main, train) == 2
    assert "python frame.py d" in capsys.readouterr().err

    assert run() == 0
    clips = clips_table.read_clips(mine)
    meta = feature_store.read_meta(mine, "mobilenet-0.25")
    assert meta is not None
    assert list(feature_store.tasks(mine, clips, meta, True)) == ["a/1"]
    assert arguments.run(feature.main, args) == 0
    after = {path: path.read_bytes() for path in folder.rglob("*.npy")}
    one, two, other = (folder / f"{x}.npy" for x in ("a/1", "a/2", "b/1"))
    assert after.keys() == {one, other}
    assert after[one] != before[one] and after[other] == before[other]
    assert list(Record(mine.record("feature-mobilenet-0.25"))) == ["a/1", "b/1"]


def test_features_of_an_earlier_version(run: Run, mine: Dataset) -> None:
    """They are trusted as long as the frames are of that version, too."""
    as_of_before(mine)
    assert MadeFrom(mine, "x").is_current("a/1")
    show(mine.video / "a" / "1.avi", 9)
    clips = clips_table.read_clips(mine)
    assert run() == 0  # which trusts the frames that are there
    show(mine.video / "a" / "2.avi", 9)
    assert run() == 0
    made_from = MadeFrom(mine, "x")
    assert [made_from.is_current(x) for x in clips["clip"]] == [
        *(True, False, True)
    ]
    with made_from.begin(clips, ["a/2"]):
        assert not made_from.is_current("a/2")
    assert [MadeFrom(mine, "x").is_current(x) for x in clips["clip"]] == [
        *(True, False, True)
    ]
