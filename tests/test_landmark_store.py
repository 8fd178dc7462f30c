"""feature.py --landmarks: what it stores of a data set, and when it does so."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import write_video
from people import rendered
from store import folders

import feature
import frame
from signs.core import arguments
from signs.data import clips_table
from signs.features import feature_store, landmark_models, landmark_store
from signs.models import landmark_layout as layout

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips with hands, one without, as frame.py leaves them."""
    root = tmp_path_factory.mktemp("filmed")
    videos = root / "data" / "d" / "video"
    for label in ("a", "b"):
        write_video(
            *(videos / label / "hands.avi", 25, (480, 360), 12),
            picture=lambda index: rendered()[index],
        )
    write_video(videos / "b" / "none.avi", colour=(200, 180, 160))
    made = arguments.run(frame.main, ["d", "--frames", "4", *folders(root)])
    assert made == 0
    return root


@pytest.fixture
def root(filmed: Path, tmp_path: Path) -> Path:
    shutil.copytree(filmed, tmp_path, dirs_exist_ok=True)
    return tmp_path


def make(root: Path, models: Path, *args: str) -> int:
    flags = ["d", "--landmarks", "--landmark-models", str(models)]
    return arguments.run(feature.main, [*flags, *args, *folders(root)])


def test_landmarks_and_their_record(root: Path, models: Path, capsys):
    assert make(root, models, "--workers", "2", "--export-pose") == 0
    output, warnings = capsys.readouterr()
    dataset = clips_table.Dataset(root / "data" / "d")
    folder = dataset.feature("landmarks")
    found = landmark_store.read_landmarks(folder / "a" / "hands.npy", 4)
    assert found.shape == (4, 176)
    assert layout.has_hand(found).mean() >= 0.5
    assert np.nanmax(found[:, : 2 * layout.HAND_DIM]) < 2
    # No hand is no zero vector.
    none = landmark_store.read_landmarks(folder / "b" / "none.npy", 4)
    assert np.isnan(none).all()
    assert "no hand was found in 1 clip: b/none" in warnings
    meta = feature_store.read_meta(dataset, "landmarks")
    assert meta is not None
    assert meta["weights"] == "hand_landmarker.task"
    assert (meta["frames"], meta["length"]) == (4, 176)
    assert "mediapipe" in meta["versions"]
    assert "hands in " in output
    assert (root / "log" / "d-landmarks.png").is_file()
    sheets = dataset.sheet_of_landmarks, dataset.sheet
    sheet, plain = (cv2.imread(str(path)) for path in sheets)
    assert sheet is not None and plain is not None
    assert sheet.shape == plain.shape and np.any(sheet != plain)
    pose_format = pytest.importorskip("pose_format")
    pose = pose_format.Pose.read((folder / "a" / "hands.pose").read_bytes())
    assert pose.body.data.shape == (4, 1, 67, 3)
    assert pose.body.fps == pytest.approx(4 / (25 / 12), rel=0.05)
    confidence = pose.body.confidence[:, 0, [25, 46]]
    assert confidence.tolist() == layout.seen(found)[:, :2].tolist()


def test_a_second_run_does_nothing_and_a_third_what_is_missing(
    root: Path, models: Path, capsys
):
    assert make(root, models, "--workers", "1") == 0
    folder = root / "data" / "d" / "feature" / "landmarks"
    paths = sorted(folder.rglob("*.npy"))
    before = {path: path.stat().st_mtime_ns for path in paths}
    capsys.readouterr()
    assert make(root, models) == 0
    assert "nothing to do: 3 clips of d have landmarks" in (
        capsys.readouterr().out
    )
    paths[0].unlink()
    assert make(root, models) == 0
    assert "1 of 3 clips of d to do" in capsys.readouterr().out
    assert paths[0].exists()
    for path in paths[1:]:
        assert path.stat().st_mtime_ns == before[path]


def test_auto_says_what_it_takes_and_why(
    root: Path, models: Path, tmp_path: Path, capsys
):
    flags = ["d", "--auto", "--dry-run", *folders(root)]
    flags += "--cnn mobilenet --alpha 0.25 --weights random".split()
    for folder, said in (
        (models, "landmarks; MediaPipe is installed"),
        (tmp_path / "none", "mobilenet-0.25; "),
    ):
        where = ["--landmark-models", str(folder)]
        assert arguments.run(feature.main, [*flags, *where]) == 0
        assert f"features: {said}" in capsys.readouterr().out


def test_another_video_has_its_landmarks_found_again(
    root: Path, models: Path, capsys
):
    assert make(root, models) == 0
    video = root / "data" / "d" / "video" / "b" / "none.avi"
    shutil.copy(video.with_name("hands.avi"), video)
    frames = ["d", "--frames", "4", *folders(root)]
    assert arguments.run(frame.main, frames) == 0
    capsys.readouterr()
    assert make(root, models) == 0
    assert "1 of 3 clips of d to do" in capsys.readouterr().out
    path = root / "data" / "d" / "feature" / "landmarks" / "b" / "none.npy"
    assert layout.has_hand(landmark_store.read_landmarks(path, 4)).any()


def test_a_damaged_video_costs_its_clip(root: Path, models: Path, capsys):
    frames = ["--frames", "4"]
    video = root / "data" / "d" / "video" / "a" / "hands.avi"
    video.write_bytes(b"")
    assert make(root, models) == 2
    assert "take them again with: python frame.py d" in capsys.readouterr().err
    assert arguments.run(frame.main, ["d", *frames, *folders(root)]) == 1
    assert make(root, models) == 1
    failed = (root / "log" / "d-feature-failed.csv").read_text()
    assert "a/hands,the video is an empty file" in failed
    folder = root / "data" / "d" / "feature" / "landmarks"
    assert (folder / "b" / "hands.npy").exists()
    assert not (folder / "a" / "hands.npy").exists()


def test_other_models_are_refused(root: Path, models: Path, capsys):
    assert make(root, models) == 0
    meta = root / "data" / "d" / "feature" / "landmarks" / "meta.json"
    record = json.loads(meta.read_text())
    meta.write_text(json.dumps({**record, "weights_hash": "0" * 16}))
    assert make(root, models) == 2
    error = capsys.readouterr().err
    assert "holds other landmarks than asked for: weights" in error
    assert "python feature.py d --landmarks --overwrite" in error
    assert make(root, models, "--overwrite") == 0


def test_stderr_stays_clean(root: Path, models: Path):
    """MediaPipe's own chatter is held back, in all processes."""
    command = [sys.executable, str(ROOT / "feature.py"), "d", "--landmarks"]
    done = subprocess.run(
        [*command, "--workers", "2", "--quiet", *folders(root)],
        capture_output=True,
        text=True,
        env={**os.environ, landmark_models.FOLDER_VARIABLE: str(models)},
        check=True,
    )
    lines = done.stderr.splitlines()
    assert [line for line in lines if not line.startswith("warning: ")] == []
    assert done.stdout == ""


def test_a_cnn_that_looks_at_hands(root: Path, models: Path, capsys):
    flags = ["d", "--cnn", "mobilenet", "--alpha", "0.25", "--crop", "hands"]
    flags += ["--weights", "random", "--engine", "keras", *folders(root)]
    assert arguments.run(feature.main, flags) == 2
    error = capsys.readouterr().err
    assert "make them with: python feature.py d --landmarks" in error
    assert make(root, models) == 0
    assert arguments.run(feature.main, flags) == 0
    whole = [x for x in flags if x not in ("--crop", "hands")]
    assert arguments.run(feature.main, whole) == 0
    dataset = clips_table.Dataset(root / "data" / "d")
    hands, pictures = (
        dataset.feature(f"mobilenet-0.25{end}") for end in ("-hands", "")
    )
    read = feature_store.read_features
    for clip, same in (("a/hands", False), ("b/none", True)):
        one, other = (
            read(x / f"{clip}.npy", 4, 256) for x in (hands, pictures)
        )
        # Where no hand is, it looks at the whole picture.
        assert np.allclose(one, other, rtol=0.05, atol=0.05) == same
    meta = feature_store.read_meta(dataset, "mobilenet-0.25-hands")
    assert meta is not None and len(meta["landmarks_hash"]) == 16
    capsys.readouterr()
    assert arguments.run(feature.main, flags) == 0
    assert "nothing to do: 3 clips of d" in capsys.readouterr().out
    command = feature_store.command(dataset, meta["cnn"])
    assert command.endswith("--cnn mobilenet --alpha 0.25 --crop hands")


def test_flags_that_need_landmarks_are_refused_without(capsys):
    with pytest.raises(SystemExit):
        feature.main(["d", "--export-pose"])
    assert "--export-pose need --landmarks" in capsys.readouterr().err
