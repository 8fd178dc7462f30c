import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from store import folders
from trained import copy_models, known_clips, last_model, trained

import export
import predict
from signs.core import arguments
from signs.core.backend import keras
from signs.data.clips_table import Dataset
from signs.features import backbones
from signs.features.pictures import motion_images
from signs.inference import export as exporting
from signs.inference.predictor import load_classifier, prepare
from signs.models import classifier
from signs.video import decode, frame_store


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return trained(tmp_path_factory)


@pytest.fixture(scope="module")
def pictures(root: Path) -> np.ndarray:
    """The frames of a clip, as an exported model takes them."""
    row = known_clips(root, 1).iloc[0]
    return shown(
        Dataset(root / "data" / "sample-chalearn").video / row["video"]
    )


def shown(video: Path) -> np.ndarray:
    found = decode.read_frames(video, 10, short_side=frame_store.SHORT_SIDE)
    return prepare(found, 224)[None].astype("float32")


@pytest.fixture(scope="module")
def expected(root: Path, pictures: np.ndarray) -> np.ndarray:
    """What Keras says."""
    path, record = last_model(root)
    network = backbones.reload(record["features"])
    features = network.model.predict_on_batch(pictures[0])
    model = load_classifier(path, record)
    return model.predict_on_batch(features[None])


def run_export(root: Path, path: Path, *args: str) -> int:
    model, _ = last_model(root)
    options = [str(path), "--model", str(model), *args]
    return arguments.run(export.main, [*options, *folders(root)])


def check_classes(root: Path, path: Path) -> None:
    """The class names and the shapes are beside the file."""
    _, record = last_model(root)
    text = path.with_name(path.name + ".json").read_text(encoding="utf-8")
    beside = json.loads(text)
    assert beside["labels"] == ["1", "2", "3"]
    assert beside["classes"] == [row["name"] for row in record["classes"]]
    assert beside["input"]["shape"] == [1, 10, 224, 224, 3]
    assert beside["run"] == record["run"]


def test_tflite_says_what_keras_says(
    root: Path, tmp_path: Path, pictures, expected, capsys
):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    path = tmp_path / "out" / "Sign.TFLITE"
    assert run_export(root, path) == 0
    assert f"exported {path}" in capsys.readouterr().out
    check_classes(root, path)
    model = interpreter.Interpreter(str(path), num_threads=2)
    model.allocate_tensors()
    (takes,), (gives,) = model.get_input_details(), model.get_output_details()
    assert takes["shape"].tolist() == list(pictures.shape)
    model.set_tensor(takes["index"], pictures)
    model.invoke()
    found = model.get_tensor(gives["index"])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.sum() == pytest.approx(1, abs=1e-5)


def test_an_export_follows_its_model(root: Path, tmp_path: Path, capsys):
    """A model that was trained anew under its name is exported anew."""
    models = copy_models(root, tmp_path / "model")
    path = tmp_path / "SIGNS.KERAS"

    def run(*args: str) -> str:
        flags = [str(path), *args, *folders(tmp_path)]
        assert arguments.run(export.main, flags) == 0
        return capsys.readouterr().out

    assert f"exported {path}" in run()
    beside = exporting.record_path(path)
    first = json.loads(beside.read_text(encoding="utf-8"))
    assert f"nothing to do: {path}" in run()
    assert "nothing to do" in run("--dry-run")

    best = next(models.glob("*-best.keras"))
    last = next(models.glob("*-last.keras"))
    last.replace(best)
    assert "would export" in run("--dry-run")
    assert f"exported {path}" in run()
    second = json.loads(beside.read_text(encoding="utf-8"))
    assert second["model_hash"] != first["model_hash"]
    assert {**second, "model_hash": ""} == {**first, "model_hash": ""}

    record = next(x for x in models.glob("*.json"))
    content = json.loads(record.read_text(encoding="utf-8"))
    content["classes"].reverse()
    record.write_text(json.dumps(content), encoding="utf-8")
    assert f"exported {path}" in run()
    third = json.loads(beside.read_text(encoding="utf-8"))
    assert third["labels"] == first["labels"][::-1]


def test_a_model_with_a_session_mean_sees_the_clip_less_its_own(
    root: Path, tmp_path: Path, capsys
):
    """As predict.py does with a clip on its own."""
    models = copy_models(root, tmp_path / "model")
    (record,) = models.glob("*.json")
    content = json.loads(record.read_text(encoding="utf-8"))
    content["session_mean"] = True
    record.write_text(json.dumps(content), encoding="utf-8")
    row = known_clips(root, 1).iloc[0]
    path = Dataset(root / "data" / "sample-chalearn").video / row["video"]
    flags = [*folders(tmp_path), "--engine", "keras", "--json"]
    assert arguments.run(predict.main, [str(path), *flags]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["session_mean"] == "clip"

    file = tmp_path / "sign.keras"
    assert arguments.run(export.main, [str(file), *folders(tmp_path)]) == 0
    assert "less the clip's own mean" in capsys.readouterr().err
    beside = exporting.record_path(file).read_text(encoding="utf-8")
    assert json.loads(beside)["session_mean"] == "clip"
    found = keras.saving.load_model(file).predict_on_batch(shown(path))
    best = {one["label"]: one["probability"] for one in line["top"]}
    expected = [best[row["label"]] for row in content["classes"]]
    np.testing.assert_allclose(found[0], expected, atol=1e-4)


def test_a_file_of_others_is_not_replaced(root: Path, tmp_path: Path, capsys):
    path = tmp_path / "sign.keras"
    path.write_text("precious")
    assert run_export(root, path) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert path.read_text() == "precious"
    assert run_export(root, path, "--overwrite") == 0
    assert "exported" in capsys.readouterr().out


def test_keras_says_what_keras_says(
    root: Path, tmp_path: Path, pictures, expected
):
    path = tmp_path / "sign.keras"
    assert run_export(root, path) == 0
    check_classes(root, path)
    model = keras.saving.load_model(path)
    found = model.predict_on_batch(pictures)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_onnx_says_what_keras_says(
    root: Path, tmp_path: Path, pictures, expected
):
    for name in ("tf2onnx", "onnx", "onnxruntime"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    import onnxruntime

    path = tmp_path / "sign.onnx"
    assert run_export(root, path) == 0
    check_classes(root, path)
    session = onnxruntime.InferenceSession(path)
    (takes,) = session.get_inputs()
    assert takes.shape == list(pictures.shape)
    (found,) = session.run(None, {takes.name: pictures})
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_what_cannot_be_exported_is_told(root: Path, tmp_path: Path, capsys):
    assert run_export(root, tmp_path / "sign.pt") == 2
    error = capsys.readouterr().err
    assert "the ending is none of .onnx, .tflite, .keras" in error
    if importlib.util.find_spec("tf2onnx") is None:
        assert run_export(root, tmp_path / "sign.onnx") == 2
        error = capsys.readouterr().err
        assert "pip install tf2onnx" in error
    assert run_export(root, tmp_path / "sign.tflite", "--dry-run") == 0
    assert "would export" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def small() -> backbones.Network:
    return backbones.load("mobilenet-0.25", "random")


@pytest.mark.parametrize("name", ["raw", "centered", "difference", "both"])
def test_the_joined_model_is_the_two_models(small: backbones.Network, name):
    rng = np.random.default_rng(0)
    length = small.length * (2 if name == "both" else 1)
    statistics = None
    if name != "raw":
        mean = rng.normal(0, 0.01, length)
        statistics = (mean, rng.uniform(0.001, 2, length))
    trained = classifier.build_classifier(
        3,
        small.length,
        classes=4,
        units=8,
        dense=[6],
        input_transform=name,
        statistics=statistics,
    )
    shown = rng.uniform(0, 255, (1, 3, 224, 224, 3)).astype("float32")
    features = small.model.predict_on_batch(shown[0])[None]
    expected = trained.predict_on_batch(features)
    joined = exporting.join(small, trained, 3)
    np.testing.assert_allclose(
        joined.predict_on_batch(shown), expected, atol=1e-5
    )


def test_motion_images_are_made_in_the_joined_model():
    network = backbones.load("mobilenet-0.25-motion-grid2", "random")
    trained = classifier.build_classifier(
        3, network.length, classes=4, units=8, input_transform="raw"
    )
    random = np.random.default_rng(0)
    shown = random.integers(0, 256, (3, 224, 224, 3), np.uint8)
    levels = np.array([40, 120, 200], np.uint8)  # so that order matters
    shown[:, 50:150] = levels[:, None, None, None]
    seen = motion_images(shown).astype("float32")
    features = network.model.predict_on_batch(seen)[None]
    expected = trained.predict_on_batch(features)
    joined = exporting.join(network, trained, 3)
    found = joined.predict_on_batch(shown[None].astype("float32"))
    np.testing.assert_allclose(found, expected, atol=1e-3)
    backwards = joined.predict_on_batch(shown[None, ::-1].astype("float32"))
    assert (
        np.abs(backwards - expected).max() > 10 * np.abs(found - expected).max()
    )
