"""A model of landmarks at work: predict, find_signs, live, export."""

import json
import pickle
import shutil
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import write_video
from people import rendered
from store import folders

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
from signs.features import landmark_models, landmark_store
from signs.inference.clips import Video, classify_clips, start_whole
from signs.inference.live import Live
from signs.inference.predictor import Predictor, load_predictor
from signs.inference.segmenter import ByKey
from signs.models import landmark_layout as layout
from signs.training import run_record

FRAMES = 4
FAST = "--units 8 --projection 8 --batch 4 --epochs 2".split()
GESTURES = {"a": 4, "b": 1}


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


def test_what_was_found_just_now_is_shown(predictor: Predictor):
    """While nothing is recorded, only because somebody looks."""
    shown = [x for x in rendered(GESTURES["a"]) if has_hand(predictor, x)]
    with Live(predictor, ByKey(4.0), 0, 1, is_realtime=True) as watched:
        assert watched.landmarks() is None
        found = None
        ends = time.monotonic() + 60
        while found is None and time.monotonic() < ends:
            watched.update(0.0, shown[0])
            found = watched.landmarks()
            time.sleep(0.01)
        np.testing.assert_array_equal(found, predictor.features(shown[:1])[0])
        watched.update(10.0, shown[0])
        assert watched.landmarks() is None


def has_hand(predictor: Predictor, picture: np.ndarray) -> bool:
    return bool(layout.has_hand(predictor.features([picture])).any())


def test_processes_of_a_cluster_say_the_same(
    root: Path, models: Path, predictor: Predictor
):
    """Started from what is sent to them."""
    found = landmark_models.find_models(models)
    folder = root / "model" / "cnn"
    model = predictor.path, predictor.record
    start = partial(start_whole, *model, folder, None, found)
    work = pickle.loads(pickle.dumps(start))(1)
    ((clip, features, error),) = work({"clip": video_of(root)})
    assert (clip, error) == ("clip", None)
    expected = predictor.features_of_clip(predictor.read(video_of(root)))
    np.testing.assert_array_equal(features, expected)


def answer(predictor: Predictor, clip: np.ndarray) -> np.ndarray:
    """What predict.py says of the features of a clip on its own."""
    outcomes = [("clip", clip, None)]
    videos = {"clip": Video(Path("clip"), "clip")}
    ((_, classified, _),) = classify_clips(predictor, outcomes, videos)
    return classified.probabilities


def check_tflite(root: Path, predictor: Predictor, path: Path) -> None:
    """An exported model says what predict.py says, of a clip with gaps."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    assert run(export, root, path) == 0
    about = json.loads(path.with_name(path.name + ".json").read_text())
    model = interpreter.Interpreter(str(path), num_threads=1)
    model.allocate_tensors()
    (takes,), (gives,) = model.get_input_details(), model.get_output_details()
    for clip in clips_with_gaps(root, predictor):
        assert about["input"]["shape"] == [1, *clip.shape]
        model.set_tensor(takes["index"], clip[None])
        model.invoke()
        found = model.get_tensor(gives["index"])[0]
        np.testing.assert_allclose(found, answer(predictor, clip), atol=1e-4)


def clips_with_gaps(root: Path, predictor: Predictor) -> list[np.ndarray]:
    clip = predictor.features_of_clip(predictor.read(video_of(root)))
    gap, nothing = clip.copy(), clip.copy()
    gap[1, -layout.LANDMARK_DIM :] = np.nan
    nothing[:, -layout.LANDMARK_DIM :] = np.nan
    return [clip, gap, nothing]


def test_tflite_takes_landmarks_with_gaps(
    root: Path, predictor: Predictor, tmp_path: Path
):
    check_tflite(root, predictor, tmp_path / "signs.tflite")


def test_onnx_takes_landmarks_with_gaps(
    root: Path, predictor: Predictor, tmp_path: Path
):
    for name in ("tf2onnx", "onnx"):
        pytest.importorskip(name)
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "signs.onnx"
    assert run(export, root, path) == 0
    session = onnxruntime.InferenceSession(path)
    (takes,) = session.get_inputs()
    for clip in clips_with_gaps(root, predictor):
        (found,) = session.run(None, {takes.name: clip[None]})
        np.testing.assert_allclose(found[0], answer(predictor, clip), atol=1e-4)


NAMES = ["mobilenet-0.25", "mobilenet-0.25-hands", "landmarks"]


@pytest.fixture(scope="module")
def both(root: Path, tmp_path_factory, models: Path) -> Path:
    """The same clips, and a model of two CNNs' features beside landmarks.

    One of the CNNs sees the signing hand alone.
    """
    both = tmp_path_factory.mktemp("both")
    shutil.copytree(root / "data", both / "data")
    cnn = "--cnn mobilenet --alpha 0.25 --weights random".split()
    assert run(feature, both, "d", *cnn) == 0
    assert run(feature, both, "d", *cnn, "--crop", "hands") == 0
    assert run(train_lstm, both, "d", "--features", "+".join(NAMES), *FAST) == 0
    return both


@pytest.fixture(scope="module")
def all_three(both: Path, models: Path) -> Predictor:
    path, record = run_record.find_model(None, both / "model")
    folder = both / "model" / "cnn"
    return load_predictor(path, record, folder, 1, landmark_models=models)


def stored(root: Path) -> list[np.ndarray]:
    folder = root / "data" / "d" / "feature"
    return [np.load(folder / name / "a" / "0.npy") for name in NAMES]


@pytest.mark.slow  # two CNNs
def test_several_kinds_are_made_as_they_are_stored(
    both: Path, all_three: Predictor
):
    made = all_three.features_of_clip(all_three.read(video_of(both)))
    expected = stored(both)
    ends = np.cumsum([x.shape[1] for x in expected])
    assert made.shape == (FRAMES, ends[-1])
    whole, hands, landmarks = np.split(made, ends[:-1], axis=1)
    np.testing.assert_array_equal(landmarks, expected[2])
    np.testing.assert_allclose(whole, expected[0], atol=0.02)
    np.testing.assert_allclose(hands, expected[1], atol=0.002)
    assert np.abs(hands - whole).max() > 0.02


@pytest.mark.slow  # two CNNs
def test_predict_live_and_export_with_several_kinds(
    both: Path, all_three: Predictor, models: Path, tmp_path: Path, capsys
):
    where = ["--landmark-models", models]
    folder = video_of(both).parent
    assert run(predict, both, folder, "--json", *where) == 0
    answers = map(json.loads, capsys.readouterr().out.splitlines())
    for found in answers:
        assert found["probability"] > 0
    assert run(live, both, video_of(both), "--headless", *where) == 0
    check_tflite(both, all_three, tmp_path / "signs.tflite")


@pytest.mark.slow  # two CNNs
def test_videos_are_judged_with_several_kinds(both: Path, models: Path):
    """The figures are those of the data set's own features."""
    clips = ["d", "--split", "val", "--anyway"]
    assert run(evaluate, both, *clips) == 0
    (page,) = (both / "log").glob("*-evaluation-val.csv")
    table = both / "videos.csv"
    table.write_text(
        "path,label\nd/video/a/1.avi,a\nd/video/b/1.avi,b\n", encoding="utf-8"
    )
    table = table.rename(both / "data" / "videos.csv")
    videos = ["--videos", table, "--anyway"]
    assert run(evaluate, both, *videos, "--landmark-models", models) == 0
    (other,) = (both / "log").glob("*-evaluation-videos*.csv")
    columns = ["predicted", "probability"]
    one, two = (pd.read_csv(path)[columns] for path in (page, other))
    pd.testing.assert_frame_equal(one, two, atol=0.01)
