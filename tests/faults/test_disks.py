"""Disks that are full, can only be read, or go away; real ones, in memory."""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from conftest import Disk
from scripts import (
    CNN,
    META,
    SMALL,
    Script,
    run,
    tree,
    until,
    without_privileges,
    write_clips,
    write_features,
    write_frames,
)
from store import folders, write_dataset

import feature
import frame
import plot_logs
import sample
import train_lstm
from signs.core import arguments, files
from signs.core.backend import keras
from signs.features import engines
from signs.features.backbones import Network
from signs.training import feature_dataset, run_record
from signs.video import frame_store

pytestmark = pytest.mark.slow
Times = Callable[[int], int]
ALONE = ["d", "--workers", "1", "--timeout", "0", "--quiet"]
FULL = "No space left on device"
READ_ONLY = "Read-only file system"


def error_of(capsys) -> str:
    """The one line of an error."""
    lines = [
        line
        for line in capsys.readouterr().err.splitlines()
        if not line.startswith("warning: ")
    ]
    assert len(lines) == 1 and lines[0].startswith("error: "), lines
    return lines[0]


def fill(disk: Disk, left: int) -> Path:
    """Fills a disk but for so many bytes; returns the file that does it."""
    path = disk.path / "filler"
    path.write_bytes(bytes(shutil.disk_usage(disk.path).free - left))
    return path


@pytest.mark.parametrize("workers", [1, 2])
def test_frames_on_a_full_disk(
    disk: Disk, tmp_path: Path, capsys, workers: int
) -> None:
    expected = write_clips(tmp_path, 12, size=(320, 240))
    options = [
        *ALONE,
        "--workers",
        str(workers),
        "--timeout",
        str(30 * (workers - 1)),
    ]
    assert arguments.run(frame.main, [*options, *folders(tmp_path)]) == 0
    root = disk.path
    options += ["--source", str(expected.video), *folders(root)]
    filler = fill(disk, 900_000)
    assert arguments.run(frame.main, options) == 2
    error = error_of(capsys)
    assert f"{FULL}: {root / 'data/d/frame'}" in error
    assert "make room, and run the same command again" in error
    found = tree(root / "data")
    assert not [name for name in found if "/." in name]
    clips = list((root / "data/d/frame").glob("*/*"))
    assert 0 < len(clips) < 12
    assert all(frame_store.has_frames(clip, 20) for clip in clips)
    filler.unlink()
    assert arguments.run(frame.main, options) == 0
    found, whole = tree(root / "data/d/frame"), tree(expected.frame)
    assert json.loads(found.pop("meta.json"))["frames"] == 20
    del whole["meta.json"]
    assert found == whole
    assert (root / "data/d/clips.csv").read_bytes() == (
        expected.clips.read_bytes()
    )


def test_features_on_a_full_disk(disk: Disk, capsys) -> None:
    dataset = write_frames(disk.path, 12)
    args = ["d", *CNN, "--quiet", *folders(disk.path)]
    filler = fill(disk, 50_000)
    assert arguments.run(feature.main, args) == 2
    folder = dataset.feature("mobilenet-0.25")
    error = error_of(capsys)
    assert f"{FULL}: {folder}" in error and "make room" in error
    made = tree(folder)
    assert 0 < len(made) < 13
    assert not [name for name in made if ".partial" in name]
    filler.unlink()
    assert arguments.run(feature.main, args) == 0
    assert len(tree(folder)) == 13
    assert tree(folder).items() >= made.items()


def test_a_conversion_on_a_full_disk(disk: Disk) -> None:
    """A cut network must not be kept for the next time."""
    inputs = keras.Input((8, 8, 3))
    outputs = keras.layers.Dense(300_000)(keras.layers.Flatten()(inputs)[:, :1])
    model = keras.Model(inputs, outputs)
    network = Network("mobilenet", model, 8, "random", "abc", 0)
    filler = fill(disk, 500_000)
    with pytest.raises(OSError, match=FULL):
        engines.convert(network, disk.path / "cnn")
    assert [x for x in disk.path.rglob("*") if x.is_file()] == [filler]
    filler.unlink()
    path = engines.convert(network, disk.path / "cnn")
    assert path.stat().st_size > 1_000_000


def test_a_training_on_a_full_disk(disk: Disk, tmp_path: Path, capsys) -> None:
    write_features(tmp_path, clips=45)
    small = [*SMALL, "--units", "96", "--epochs", "4"]
    places = [
        *("--data", str(tmp_path / "data")),
        *("--log", str(tmp_path / "log")),
        *("--model-dir", str(disk.path)),
    ]
    # A model has 0.5 MB: there is room for the first two, not for a third.
    filler = fill(disk, 1_250_000)
    assert arguments.run(train_lstm.main, ["d", *small, *places]) == 2
    error = error_of(capsys)
    (record,) = (tmp_path / "log").glob("*.json")
    assert FULL in error
    assert f"python train_lstm.py --resume {record.stem}" in error
    assert not list(disk.path.glob(".*"))
    filler.unlink()
    resume = ["--resume", record.stem, "--quiet", *places]
    assert arguments.run(train_lstm.main, resume) == 0
    rows = pd.read_csv(record.with_suffix(".csv"))
    assert rows["epoch"].tolist() == [0, 1, 2, 3]
    assert run_record.read_record(record)["final"]["epochs"] == 4


def test_a_log_on_a_full_disk(
    disk: Disk, tmp_path: Path, capsys, times: Times
) -> None:
    times(0)
    write_features(tmp_path, clips=45)
    small = [*SMALL, "--epochs", "2"]
    places = [
        *("--data", str(tmp_path / "data")),
        *("--log", str(disk.path)),
        *("--model-dir", str(tmp_path / "model")),
    ]
    # In memory, a file takes whole pages: there is room for the lock and the
    # record, not for the first row.
    filler = fill(disk, 2 * os.sysconf("SC_PAGESIZE"))
    assert arguments.run(train_lstm.main, ["d", *small, *places]) == 2
    (record,) = disk.path.glob("*.json")
    error = error_of(capsys)
    assert FULL in error and f"--resume {record.stem}" in error
    filler.unlink()
    resume = ["--resume", record.stem, "--quiet", *places]
    assert arguments.run(train_lstm.main, resume) == 0
    rows = pd.read_csv(record.with_suffix(".csv"))
    assert rows["epoch"].tolist() == [0, 1]


def test_sample_on_a_full_disk(
    disk: Disk, tmp_path: Path, capsys, times: Times
) -> None:
    times(0)
    small = "--gestures 2 --performers 4 --words 2 --clips 25 --quiet".split()
    assert arguments.run(sample.main, [*small, *folders(tmp_path)]) == 0
    args = [*small, "--workers", "1", *folders(disk.path)]
    filler = fill(disk, 900_000)
    assert arguments.run(sample.main, args) == 2
    assert FULL in error_of(capsys)
    expected = tree(tmp_path / "data")
    assert tree(disk.path / "data").items() <= expected.items()
    filler.unlink()
    assert arguments.run(sample.main, args) == 0
    assert tree(disk.path / "data") == expected


def test_figures_on_a_full_disk(disk: Disk, tmp_path: Path, capsys) -> None:
    log = tmp_path / "RUN.csv"
    log.write_text("epoch,loss,accuracy\n0,2,0.1\n1,1,0.2\n")
    out = disk.path / "RUN.png"
    filler = fill(disk, 8_000)
    args = [str(log), "--out", str(out), "--quiet"]
    assert arguments.run(plot_logs.main, args) == 2
    assert f"{FULL}: {out}" in error_of(capsys)
    assert list(disk.path.iterdir()) == [filler]
    filler.unlink()
    assert arguments.run(plot_logs.main, args) == 0
    assert out.exists()


# --- Disks that can only be read --------------------------------------------


def test_what_cannot_be_written_is_named(disk: Disk, capsys) -> None:
    root = disk.path
    write_frames(root, 2)
    write_clips(root, 2)
    write_dataset(root / "data", "t", ["1", "2"], 10, META)
    files.write_text(root / "log" / "RUN.csv", "epoch,loss\n0,1\n1,1\n")
    before = tree(root)
    disk.set("ro")
    places = folders(root)
    for main, args in [
        (frame.main, [*ALONE, "--frames", "4"]),
        (frame.main, [*ALONE, "--overwrite"]),
        (feature.main, ["d", *CNN, "--quiet"]),
        (train_lstm.main, ["t", *SMALL]),
        (sample.main, ["--quiet"]),
        (plot_logs.main, ["--quiet"]),
    ]:
        assert arguments.run(main, [*args, *places]) == 2, main
        error = error_of(capsys)
        assert f"{READ_ONLY}: {root}" in error, error
    assert tree(root) == before


def test_what_is_done_needs_only_to_be_read(disk: Disk, capsys) -> None:
    root = disk.path
    write_clips(root, 6)
    alone = [*ALONE, "--frames", "4", *folders(root)]
    assert arguments.run(frame.main, alone) == 0
    features = ["d", *CNN, *folders(root)]
    assert arguments.run(feature.main, features) == 0
    disk.set("ro")
    capsys.readouterr()
    for main, args in ((frame.main, alone), (feature.main, features)):
        loud = [x for x in args if x != "--quiet"]
        assert arguments.run(main, loud) == 0
        assert capsys.readouterr().out.startswith("nothing to do")


def test_data_that_can_only_be_read_are_trained_on(
    disk: Disk, tmp_path: Path
) -> None:
    write_features(disk.path, clips=20)
    disk.set("ro")
    places = [
        *("--data", str(disk.path / "data")),
        *("--log", str(tmp_path / "log")),
        *("--model-dir", str(tmp_path / "model")),
    ]
    small = ["d", *SMALL, "--epochs", "1"]
    assert arguments.run(train_lstm.main, [*small, *places]) == 0


# --- Things that go away, and things that are forbidden ---------------------


def test_videos_that_go_away_while_they_are_read(tmp_path: Path) -> None:
    dataset = write_clips(tmp_path, 30, frames=90)
    args = ["d", "--workers", "1", "--quiet"]
    script = Script(tmp_path, "frame", *args)
    until(lambda: len(list(dataset.frame.glob("*/*"))) > 3, script)
    away = dataset.root / "away"
    dataset.video.rename(away)
    assert script.wait() == 1
    failed = files.read_failures(tmp_path / "log" / "d-frame-failed.csv")
    assert 0 < len(failed) < 30
    assert all("the video is missing" in why for why in failed.values())
    assert f"{len(failed)} clips failed" in script.output()
    away.rename(dataset.video)
    assert run(tmp_path, "frame", *args) == (0, "")
    assert len(list(dataset.frame.glob("*/*/*.jpg"))) == 30 * 20
    assert not (tmp_path / "log" / "d-frame-failed.csv").exists()


def test_features_that_go_away_during_a_training(
    tmp_path: Path, capsys, monkeypatch
) -> None:
    """Those of a large set, which is read again in each epoch."""
    monkeypatch.setattr(feature_dataset, "IN_MEMORY", 0)
    dataset = write_features(tmp_path, clips=40)
    gone = next(dataset.feature(META["cnn"]).rglob("*.npy"))

    def remove() -> None:
        while not any(
            "\n0," in x.read_text() for x in tmp_path.glob("log/*.csv")
        ):
            time.sleep(0.05)
        gone.unlink()

    thread = threading.Thread(target=remove)
    thread.start()
    args = ["d", *SMALL, "--epochs", "2000", *folders(tmp_path)]
    assert arguments.run(train_lstm.main, args) == 2
    thread.join()
    error = error_of(capsys)
    assert error.startswith("error: the features are missing: ")
    assert str(gone) in error and "run feature.py again" in error


def test_a_video_that_may_not_be_read(tmp_path: Path) -> None:
    dataset = write_clips(tmp_path, 6)
    closed = dataset.video / "b" / "001.avi"
    closed.chmod(0)
    code, output = without_privileges(tmp_path, "frame.py")
    assert code == 1, output
    failed = files.read_failures(tmp_path / "log" / "d-frame-failed.csv")
    assert failed == {"b/001": f"Permission denied: {closed}"}
    closed.chmod(0o644)
    assert without_privileges(tmp_path, "frame.py") == (0, "")


@pytest.mark.parametrize("place", ["", "frame", "video"])
def test_a_folder_that_is_forbidden(tmp_path: Path, place: str) -> None:
    dataset = write_clips(tmp_path, 3)
    dataset.frame.mkdir()
    closed = dataset.root / place
    before = tree(tmp_path / "data")
    closed.chmod(0o000 if place == "video" else 0o555)
    code, output = without_privileges(tmp_path, "frame.py")
    closed.chmod(0o755)
    assert code == 2, output
    error = output.splitlines()[-1]
    assert error.startswith(f"error: Permission denied: {closed}")
    assert "Traceback" not in output and ".partial" not in output
    after = tree(tmp_path / "data")
    assert after.items() >= before.items()
    assert not [name for name in after if name.endswith((".csv", ".jpg"))]
