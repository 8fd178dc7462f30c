"""A model of landmarks at work: predict, find_signs, live, export."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import shared, write_video
from store import folders
from test_landmarks import rendered

import evaluate
import export
import feature
import find_signs
import frame
import live
import predict
import train_lstm
from signs.core import arguments
from signs.data.clips_table import Dataset
from signs.features import landmark_store
from signs.inference.predictor import Predictor, load_predictor
from signs.models import landmark_layout as layout
from signs.training import run_record

FRAMES = 4
FAST = "--units 8 --projection 8 --batch 4 --epochs 2".split()
GESTURES = {"a": 4, "b": 1}


@pytest.fixture(scope="module")
def models() -> Path:
    """The folder of MediaPipe's models; skips without it."""
    pytest.importorskip("mediapipe")
    shared("weights", "hand_landmarker.task")
    return shared("weights")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Path:
    """Two clips of two rendered gestures each, and a model of landmarks."""
    root = tmp_path_factory.mktemp("root")
    rows = ["clip,video,label,signer,split"]
    for label, gesture in GESTURES.items():
        pictures = rendered(gesture)
        picture = pictures.__getitem__
        for number, split in enumerate(("train", "val")):
            clip = f"{label}/{number}"
            write_video(
                root / "data" / "d" / "video" / f"{clip}.avi",
                *(len(pictures), (480, 360), 12),
                picture=picture,
            )
            rows.append(f"{clip},{clip}.avi,{label},,{split}")
    table = root / "data" / "d" / "clips.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    for script, *args in (
        (frame, "--frames", str(FRAMES)),
        (feature, "--landmarks", "--landmark-models", str(models)),
        (train_lstm, "--features", "landmarks", *FAST),
    ):
        assert run(script, root, "d", *args) == 0
    return root


def run(script, root: Path, *args: object) -> int:
    flags = [*map(str, args), "--workers", "1", *folders(root)]
    return arguments.run(script.main, flags)


def video_of(root: Path, clip: str = "a/0") -> Path:
    return root / "data" / "d" / "video" / f"{clip}.avi"


@pytest.fixture(scope="module")
def predictor(root: Path, models: Path) -> Predictor:
    path, record = run_record.find_model(None, root / "model")
    folder = root / "model" / "cnn"
    return load_predictor(path, record, folder, 1, landmark_models=models)


def test_what_is_predicted_from_is_what_is_stored(
    root: Path, predictor: Predictor
):
    dataset = Dataset(root / "data" / "d")
    stored = landmark_store.read_landmarks(
        dataset.feature("landmarks") / "a" / "0.npy", FRAMES
    )
    assert layout.has_hand(stored).any()
    made = predictor.features_of_clip(predictor.read(video_of(root)))
    np.testing.assert_array_equal(made, stored)


def test_predict_names_the_sign(root: Path, models: Path, capsys):
    where = ["--landmark-models", models]
    assert run(predict, root, video_of(root), "--json", *where) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["label"] in GESTURES
    kept = (root / "model" / "cnn").glob("*.tflite")
    assert [x.name.endswith("-best.tflite") for x in kept] == [True]


def test_the_models_are_found_by_the_variable(
    root: Path, models: Path, monkeypatch, tmp_path: Path, capsys
):
    monkeypatch.setenv("SIGNS_LANDMARK_MODELS", str(models))
    out = ["--out", tmp_path, "--quiet"]
    assert run(find_signs, root, video_of(root), *out) == 0
    assert (tmp_path / "0.json").exists()
    assert run(live, root, video_of(root), "--headless") == 0
    monkeypatch.setenv("SIGNS_LANDMARK_MODELS", str(tmp_path))
    assert run(predict, root, video_of(root)) == 2
    assert "hand_landmarker.task is missing" in capsys.readouterr().err


def test_videos_are_judged_without_a_data_set(root: Path, models: Path):
    videos = ["--videos", root / "data" / "d" / "video", "--anyway"]
    assert run(evaluate, root, *videos, "--landmark-models", models) == 0


def test_landmarks_of_other_models_are_refused(
    root: Path, models: Path, tmp_path: Path
):
    path, record = run_record.find_model(None, root / "model")
    features = {**record["features"], "weights_hash": "0"}
    with pytest.raises(Exception, match="name the folder of the others"):
        load_predictor(
            *(path, {**record, "features": features}, tmp_path, 1),
            landmark_models=models,
        )


def test_pictures_looked_at_by_turns_make_a_clip(predictor: Predictor):
    shown = rendered(GESTURES["a"])[::3]
    together = predictor.features(shown)
    one_by_one = np.concatenate([predictor.features([x]) for x in shown])
    found = predictor.together(one_by_one)
    assert layout.seen(found).sum() == layout.seen(together).sum()


def test_tflite_takes_landmarks_with_gaps(
    root: Path, predictor: Predictor, tmp_path: Path
):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    path = tmp_path / "signs.tflite"
    assert run(export, root, path) == 0
    about = json.loads((tmp_path / "signs.tflite.json").read_text())
    assert about["input"]["shape"] == [1, FRAMES, layout.LANDMARK_DIM]
    model = interpreter.Interpreter(str(path), num_threads=1)
    model.allocate_tensors()
    (takes,), (gives,) = model.get_input_details(), model.get_output_details()
    clip = predictor.features_of_clip(predictor.read(video_of(root)))
    clip[1] = np.nan
    model.set_tensor(takes["index"], clip[None])
    model.invoke()
    found = model.get_tensor(gives["index"])[0]
    np.testing.assert_allclose(found, predictor.classify(clip), atol=1e-4)


@pytest.fixture(scope="module")
def both(root: Path, tmp_path_factory, models: Path) -> Path:
    """The same clips, and a model of a CNN's features beside landmarks."""
    both = tmp_path_factory.mktemp("both")
    shutil.copytree(root / "data", both / "data")
    cnn = "--cnn mobilenet --alpha 0.25 --weights random".split()
    names = ["--features", "mobilenet-0.25+landmarks"]
    assert run(feature, both, "d", *cnn) == 0
    assert run(train_lstm, both, "d", *names, *FAST) == 0
    return both


def test_a_cnn_beside_landmarks_sees_what_is_stored(both: Path, models: Path):
    path, record = run_record.find_model(None, both / "model")
    folder = both / "model" / "cnn"
    ready = load_predictor(path, record, folder, 1, landmark_models=models)
    made = ready.features_of_clip(ready.read(video_of(both)))
    stored = [
        np.load(both / "data" / "d" / "feature" / name / "a" / "0.npy")
        for name in ("mobilenet-0.25", "landmarks")
    ]
    assert made.shape == (FRAMES, sum(x.shape[1] for x in stored))
    np.testing.assert_array_equal(made[:, -176:], stored[1])
    np.testing.assert_allclose(made[:, :-176], stored[0], atol=0.02)


def test_predict_and_live_with_a_cnn_beside_landmarks(
    both: Path, models: Path, tmp_path: Path, capsys
):
    where = ["--landmark-models", models]
    folder = video_of(both).parent
    assert run(predict, both, folder, "--json", *where) == 0
    answers = map(json.loads, capsys.readouterr().out.splitlines())
    for answer in answers:
        assert answer["probability"] > 0
    assert run(live, both, video_of(both), "--headless", *where) == 0
    assert run(export, both, tmp_path / "signs.tflite") == 2
    assert "only models of one kind" in capsys.readouterr().err
