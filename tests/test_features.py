import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from store import META, write_dataset

from signs.core.errors import UserError
from signs.data.clips_table import Dataset
from signs.features import cnn_features, feature_store
from signs.features.feature_store import FeatureTask
from signs.video import images


def write_clip(folder: Path, values: list[int], size: int = 8) -> None:
    for number, value in enumerate(values, 1):
        picture = np.full((size, size, 3), value, np.uint8)
        images.write_jpeg(folder / f"frame-{number:03}.jpg", picture)


def mean_colour(pictures: np.ndarray) -> np.ndarray:
    """A stand-in network of three features a frame: R, G and B."""
    return pictures.mean(axis=(1, 2), dtype="float32")


def task(root: Path, clip: str, frames: int = 3) -> FeatureTask:
    path = root / "feature" / f"{clip}.npy"
    return FeatureTask(root / "frame" / clip, path, frames, 8, "float32")


@pytest.mark.parametrize("clips_at_once", [1, 2, 5])
def test_each_clip_gets_its_own_features(tmp_path: Path, clips_at_once: int):
    rows = {f"a/c{i}": task(tmp_path, f"a/c{i}") for i in range(5)}
    for i, row in enumerate(rows.values()):
        write_clip(row.folder, [40 * i, 40 * i + 10, 40 * i + 20])
    outcomes = list(
        cnn_features.make_features(rows, mean_colour, clips_at_once, readers=3)
    )
    assert [clip for clip, _, _ in outcomes] == list(rows)
    assert not any(error for _, _, error in outcomes)
    for i, row in enumerate(rows.values()):
        found = feature_store.read_features(row.path, 3, 3)
        expected = np.array([[40 * i], [40 * i + 10], [40 * i + 20]])
        np.testing.assert_allclose(found, np.tile(expected, 3), atol=2)


def test_a_bad_frame_costs_one_clip(tmp_path: Path):
    rows = {name: task(tmp_path, name) for name in "abc"}
    for row in rows.values():
        write_clip(row.folder, [10, 20, 30])
    frame = rows["b"].folder / "frame-002.jpg"
    frame.write_bytes(frame.read_bytes()[:-20])
    outcomes = cnn_features.make_features(rows, mean_colour, 3, readers=2)
    errors = {clip: error for clip, _, error in outcomes}
    assert errors["a"] is errors["c"] is None
    assert str(frame) in str(errors["b"])
    assert not rows["b"].path.exists() and rows["c"].path.exists()


def test_features_that_do_not_fit_are_not_stored(tmp_path: Path):
    row = FeatureTask(tmp_path, tmp_path / "c.npy", 2, 8, "float16")
    with pytest.raises(UserError, match="--dtype float32"):
        cnn_features.write_features(row, np.full((2, 3), 1e6, "float32"))
    assert not list(tmp_path.iterdir())


def test_only_missing_finds_what_is_not_whole(tmp_path: Path):
    dataset = write_dataset(tmp_path, "d", ["x", "y"], clips=6)
    clips = pd.read_csv(dataset.clips)
    paths = {
        clip: row.path
        for clip, row in feature_store.tasks(dataset, clips, META).items()
    }
    assert not feature_store.tasks(dataset, clips, META, only_missing=True)
    gone, cut, other = list(paths)[:3]
    paths[gone].unlink()
    paths[cut].write_bytes(paths[cut].read_bytes()[:-5])
    np.save(paths[other], np.zeros((40, META["length"]), "float32"))
    todo = feature_store.tasks(dataset, clips, META, only_missing=True)
    assert list(todo) == [gone, cut, other]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros((40, 8), "float32"), r"shape \(40, 8\), not \(20, 8\)"),
        (np.full((20, 8), np.nan, "float32"), "not finite"),
        (np.array([{"a": 1}]), "damaged"),
        (b"", "damaged"),
        (b"\x93NUMPY no more", "damaged"),
        (None, "missing"),
    ],
)
def test_bad_features_are_named(tmp_path: Path, content, message: str):
    path = tmp_path / "clip.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content, allow_pickle=True)
    with pytest.raises(ValueError, match=message) as caught:
        feature_store.read_features(path, 20, 8)
    assert str(path) in str(caught.value)


def test_which_cnn_is_meant(tmp_path: Path):
    dataset = Dataset(tmp_path / "d")
    with pytest.raises(UserError, match="python feature.py d --cnn incep"):
        feature_store.require_meta(dataset, None)
    write_dataset(tmp_path, "d", ["x", "y"])
    assert feature_store.require_meta(dataset, None)["cnn"] == "mobilenet-0.25"
    mend = "those of mobilenet-0.25.*python feature.py d --cnn mobilenet"
    with pytest.raises(UserError, match=mend):
        feature_store.require_meta(dataset, "mobilenet")
    write_dataset(tmp_path, "d", ["x", "y"], meta={"cnn": "inceptionv3"})
    assert feature_store.require_meta(dataset, None)["cnn"] == "inceptionv3"
    assert feature_store.require_meta(dataset, "mobilenet-0.25")["size"] == 224
    shutil.rmtree(dataset.feature("inceptionv3"))
    write_dataset(tmp_path, "d", ["x", "y"], meta={"cnn": "mobilenet"})
    mend = r"mobilenet and mobilenet-0\.25; .*--features mobilenet"
    with pytest.raises(UserError, match=mend):
        feature_store.require_meta(dataset, None)


def test_a_damaged_record_is_named(tmp_path: Path):
    dataset = write_dataset(tmp_path, "d", ["x", "y"])
    path = feature_store.meta_path(dataset, "mobilenet-0.25")
    for text in ("{", '{"cnn": "mobilenet-0.25"}', "[]"):
        path.write_text(text)
        with pytest.raises(UserError, match="--alpha 0.25 --overwrite"):
            feature_store.read_meta(dataset, "mobilenet-0.25")


def test_differences_names_both():
    assert feature_store.differences(META, dict(META, engine="litert")) == ""
    found = feature_store.differences(META, dict(META, engine="litert-int8"))
    assert found == "precision float32 and int8"
    other = dict(META, frames=40, weights="imagenet", weights_hash="ffff")
    found = feature_store.differences(META, other)
    assert "frames 20 and 40" in found
    assert "weights random (0123456789abcdef) and imagenet (ffff)" in found
