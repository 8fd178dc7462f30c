import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from store import folders
from trained import known_clips, last_model, trained

import predict
from signs.core import arguments
from signs.data.clips_table import Dataset
from signs.features import backbones
from signs.inference import export, predictor
from signs.models import classifier
from signs.video import decode, frame_store


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return trained(tmp_path_factory)


@pytest.fixture(scope="module")
def pictures(root: Path) -> np.ndarray:
    """The frames of a clip, as an exported model takes them."""
    row = known_clips(root, 1).iloc[0]
    path = Dataset(root / "data" / "sample-chalearn").video / row["video"]
    found = decode.read_frames(path, 10, short_side=frame_store.SHORT_SIDE)
    return predictor.prepare(found, 224)[None].astype("float32")


@pytest.fixture(scope="module")
def expected(root: Path, pictures: np.ndarray) -> np.ndarray:
    """What Keras says."""
    path, record = last_model(root)
    network = backbones.reload(record["features"])
    features = network.model.predict_on_batch(pictures[0])
    model = predictor.load_classifier(path, record)
    return model.predict_on_batch(features[None])


def run_export(root: Path, path: Path, *args: str) -> int:
    model, _ = last_model(root)
    options = ["--export", str(path), "--model", str(model), *args]
    return arguments.run(predict.main, [*options, *folders(root)])


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
    path = tmp_path / "out" / "sign.tflite"
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

    before = path.stat().st_mtime_ns
    assert run_export(root, path) == 0
    assert f"nothing to do: {path}" in capsys.readouterr().out
    beside = export.record_path(path)
    changed = {**json.loads(beside.read_text()), "run": "another"}
    beside.write_text(json.dumps(changed))
    assert run_export(root, path) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert path.stat().st_mtime_ns == before


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
    assert "the ending is none of .onnx, .tflite" in error
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


@pytest.mark.parametrize("view", ["raw", "centered", "difference", "both"])
def test_the_joined_model_is_the_two_models(small: backbones.Network, view):
    rng = np.random.default_rng(0)
    length = small.length * (2 if view == "both" else 1)
    moments = None
    if view != "raw":
        moments = (rng.normal(0, 0.01, length), rng.uniform(0.001, 2, length))
    trained = classifier.build_classifier(
        *(3, small.length),
        classes=4,
        units=8,
        dense=[6],
        input_transform=view,
        statistics=moments,
    )
    shown = rng.uniform(0, 255, (1, 3, 224, 224, 3)).astype("float32")
    features = small.model.predict_on_batch(shown[0])[None]
    expected = trained.predict_on_batch(features)
    joined = export.join(small, trained, 3)
    np.testing.assert_allclose(
        joined.predict_on_batch(shown), expected, atol=1e-5
    )
