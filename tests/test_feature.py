import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from store import folders

import feature
from signs.core import arguments, files
from signs.core.backend import keras
from signs.data import clips_table
from signs.video import images

ROOT = Path(__file__).parents[1]
CNN = ["--cnn", "mobilenet", "--alpha", "0.25", "--weights", "random"]
# Converting for LiteRT takes seconds, so only some tests do it.
SMALL = [*CNN, "--engine", "keras"]


def write_frames(root: Path, clips: list[str], frames: int = 4) -> Path:
    """A data set as frame.py leaves it, of random pictures."""
    dataset = clips_table.Dataset(root / "data" / "d")
    dataset.record("frame").unlink(missing_ok=True)
    random = np.random.default_rng(0)
    rows = ["clip,video,label,signer,split"]
    for clip in clips:
        rows.append(f"{clip},{clip}.avi,null,,train")
        for number in range(1, frames + 1):
            picture = random.integers(0, 256, (24, 32, 3), np.uint8)
            path = dataset.frame / clip / f"frame-{number:03}.jpg"
            images.write_jpeg(path, picture)
    files.write_text(dataset.clips, "\n".join(rows) + "\n")
    files.write_json(
        dataset.frame / "meta.json",
        {"frames": frames, "source": str(dataset.video)},
    )
    return dataset.feature("mobilenet-0.25")


def make(root: Path, *args: str) -> int:
    return arguments.run(feature.main, ["d", *args, *folders(root)])


def test_features_and_their_record(tmp_path: Path, capsys):
    folder = write_frames(tmp_path, ["a/x.1", "b"])
    assert make(tmp_path, *CNN) == 0
    for clip in ("a/x.1", "b"):
        features = np.load(folder / f"{clip}.npy", allow_pickle=False)
        assert features.shape == (4, 256) and features.dtype == np.float32
        assert len(np.unique(features, axis=0)) == 4
    meta = json.loads((folder / "meta.json").read_text())
    assert meta["cnn"] == "mobilenet-0.25" and meta["weights"] == "random"
    assert (meta["frames"], meta["size"], meta["length"]) == (4, 224, 256)
    assert (
        meta["engine"] in ("litert", "openvino") and meta["dtype"] == "float32"
    )
    assert len(meta["weights_hash"]) == 16 and "keras" in meta["versions"]
    output = capsys.readouterr().out
    assert "2 clips with features of (4, 256)" in output

    times = {x: x.stat().st_mtime_ns for x in folder.rglob("*.*")}
    assert make(tmp_path, *CNN) == 0
    output = capsys.readouterr().out
    assert output.startswith("nothing to do")
    assert output.endswith("\nnext: python train_lstm.py d\n")
    assert {x: x.stat().st_mtime_ns for x in folder.rglob("*.*")} == times

    other = folder.with_name("inceptionv3") / "meta.json"
    other.parent.mkdir()
    other.write_bytes((folder / "meta.json").read_bytes())
    assert make(tmp_path, *CNN) == 0
    said = capsys.readouterr().out
    assert said.endswith("train_lstm.py d --features mobilenet-0.25\n")


def test_a_cut_file_is_made_again(tmp_path: Path):
    folder = write_frames(tmp_path, ["a", "b"])
    assert make(tmp_path, *CNN) == 0
    path, other = folder / "a.npy", folder / "b.npy"
    whole, time = path.read_bytes(), other.stat().st_mtime_ns
    path.write_bytes(whole[:-100])
    assert make(tmp_path, *CNN) == 0
    assert path.read_bytes() == whole
    assert other.stat().st_mtime_ns == time


def test_auto_looks_for_the_data_set_before_models(tmp_path: Path, capsys):
    assert make(tmp_path, "--auto") == 2
    found = capsys.readouterr()
    assert "python frame.py d" in found.err and not found.out


@pytest.mark.parametrize("engine", ["keras", "litert"])
def test_the_batch_does_not_matter(tmp_path: Path, engine: str):
    folder = write_frames(tmp_path, list("abc"))
    found = []
    for batch in ("4", "12"):
        args = ["--engine", engine, "--batch", batch, "--overwrite"]
        assert make(tmp_path, *CNN, *args) == 0
        found.append([np.load(folder / f"{clip}.npy") for clip in "abc"])
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)


def test_weights_of_a_file_are_known_again(tmp_path: Path, capsys):
    write_frames(tmp_path, ["a"])
    file = tmp_path / "cnn.weights.h5"
    keras.applications.MobileNet(
        (224, 224, 3), 0.25, include_top=False, weights=None
    ).save_weights(file)
    flags = [*CNN[:-1], str(file)]
    assert make(tmp_path, *flags) == 0
    capsys.readouterr()
    assert make(tmp_path, *flags) == 0
    output = capsys.readouterr().out
    assert output.startswith("nothing to do") and output.count("\n") == 2


@pytest.mark.slow  # converts for both precisions
def test_features_of_eight_bits_are_kept_apart(tmp_path: Path, capsys):
    folder = write_frames(tmp_path, ["a"])
    assert make(tmp_path, *CNN, "--engine", "litert") == 0
    exact = np.load(folder / "a.npy")
    eight = [*CNN, "--engine", "litert-int8"]
    assert make(tmp_path, *eight) == 2
    error = capsys.readouterr().err
    assert "precision float32 and int8" in error
    assert "--engine litert-int8 --overwrite" in error

    assert make(tmp_path, *eight, "--overwrite") == 0
    meta = json.loads((folder / "meta.json").read_text())
    assert meta["engine"] == "litert-int8"
    near = np.load(folder / "a.npy")
    assert 0 < np.abs(near - exact).max() < exact.max() / 4
    capsys.readouterr()
    assert make(tmp_path, *eight) == 0
    assert capsys.readouterr().out.startswith("nothing to do")
    assert make(tmp_path, *CNN) == 2
    assert "precision int8 and float32" in capsys.readouterr().err


def test_a_bad_clip_is_listed_and_tried_again(tmp_path: Path, capsys):
    folder = write_frames(tmp_path, ["good", "bad", "none"])
    frames = tmp_path / "data" / "d" / "frame"
    picture = frames / "bad" / "frame-002.jpg"
    content = picture.read_bytes()
    picture.write_bytes(content[:-10])
    for path in (frames / "none").iterdir():
        path.unlink()
    assert make(tmp_path, *SMALL) == 1
    captured = capsys.readouterr()
    assert "2 clips failed" in captured.err
    failed = files.read_failures(tmp_path / "log" / "d-feature-failed.csv")
    assert "damaged" in failed["bad"] and "missing" in failed["none"]
    assert (folder / "good.npy").exists() and not (folder / "bad.npy").exists()

    picture.write_bytes(content)
    assert make(tmp_path, *SMALL) == 1
    failed = files.read_failures(tmp_path / "log" / "d-feature-failed.csv")
    assert list(failed) == ["none"]
    assert (folder / "bad.npy").exists()


def test_nothing_done_is_no_success(tmp_path: Path, capsys):
    write_frames(tmp_path, ["a"])
    for path in (tmp_path / "data" / "d" / "frame" / "a").iterdir():
        path.unlink()
    assert make(tmp_path, *SMALL) == 2
    assert "python frame.py d" in capsys.readouterr().err


def test_features_made_otherwise_are_refused(tmp_path: Path, capsys):
    folder = write_frames(tmp_path, ["a"])
    assert make(tmp_path, *SMALL) == 0
    before = (folder / "a.npy").read_bytes()
    capsys.readouterr()
    assert make(tmp_path, *SMALL, "--seed", "1") == 2
    error = capsys.readouterr().err
    assert "weights random (" in error and "--overwrite" in error
    assert (folder / "a.npy").read_bytes() == before
    assert make(tmp_path, *SMALL, "--seed", "1", "--overwrite") == 0
    assert (folder / "a.npy").read_bytes() != before

    write_frames(tmp_path, ["a"], frames=5)
    assert make(tmp_path, *SMALL, "--seed", "1") == 2
    assert "frames 4 and 5" in capsys.readouterr().err


def test_dry_run_and_missing_input(tmp_path: Path, capsys):
    assert make(tmp_path, *SMALL) == 2
    assert "python frame.py d" in capsys.readouterr().err
    folder = write_frames(tmp_path, ["a"])
    assert make(tmp_path, *SMALL, "--dry-run") == 0
    assert "1 of 1 clip to do" in capsys.readouterr().out
    assert not folder.exists()
    assert make(tmp_path, "--cnn", "vgg") == 2
    assert "--cnn 'vgg' is none of inceptionv3" in capsys.readouterr().err


def test_without_a_network(tmp_path: Path):
    """What happens where ImageNet's weights cannot be downloaded."""
    write_frames(tmp_path, ["a"])
    environment = {
        **os.environ,
        "KERAS_HOME": str(tmp_path / "keras"),
        "https_proxy": "http://127.0.0.1:9",
        "no_proxy": "",
        "NO_PROXY": "",
    }

    def run(weights: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, ROOT / "feature.py", "d", "--cnn", "mobilenet",
             "--alpha", "0.25", "--weights", weights, "--engine", "keras",
             *folders(tmp_path)],
            env=environment, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip

    refused = run("imagenet")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    for part in (
        "mobilenet_2_5_224_tf_no_top.h5",
        "https://storage.googleapis.com/",
        str(tmp_path / "keras" / "models"),
        "--weights random",
    ):
        assert part in refused.stderr

    assert run("auto").returncode == 0
    path = tmp_path / "data" / "d" / "feature" / "mobilenet-0.25" / "meta.json"
    assert json.loads(path.read_text())["weights"] == "random"


def test_motion_images_in_cells_and_copies(tmp_path: Path, capsys):
    write_frames(tmp_path, ["a/x", "b"])
    flags = [*SMALL, "--motion", "--grid", "2"]
    assert make(tmp_path, *flags) == 0
    root = clips_table.Dataset(tmp_path / "data" / "d").feature("")
    folder = root / "mobilenet-0.25-motion-grid2"
    plain = np.load(folder / "b.npy")
    assert plain.shape == (4, 4 * 256)
    meta = json.loads((folder / "meta.json").read_text())
    assert meta["motion"] is True and meta["copies"] == 0
    assert not (root / f"{folder.name}.copies").exists()

    assert make(tmp_path, *flags, "--copies", "2") == 0
    copies = np.load(root / f"{folder.name}.copies" / "b.npy")
    assert copies.shape == (2, 4, 4 * 256)
    np.testing.assert_allclose(np.load(folder / "b.npy"), plain, rtol=1e-3)
    for copy in copies:
        assert (
            np.abs(copy - plain).mean()
            > 10 * np.abs(np.load(folder / "b.npy") - plain).mean()
        )
    capsys.readouterr()

    for more in (["--copies", "2"], []):  # once asked for, they stay
        assert make(tmp_path, *flags, *more) == 0
        assert capsys.readouterr().out.startswith("nothing to do")
    (root / f"{folder.name}.copies" / "b.npy").unlink()
    assert make(tmp_path, *flags) == 0
    np.testing.assert_allclose(
        np.load(root / f"{folder.name}.copies" / "b.npy"), copies, rtol=1e-3
    )


def test_too_many_cells(tmp_path: Path, capsys):
    write_frames(tmp_path, ["a"])
    assert make(tmp_path, *SMALL, "--grid", "8") == 2
    assert "7 x 7; use --grid 7, or less" in capsys.readouterr().err
