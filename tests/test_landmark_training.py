"""From landmarks on disk to a judged model, by the scripts."""

import json
from pathlib import Path

import numpy as np
import pytest
from store import folders, write_dataset

import evaluate
import train_lstm
import transfer
from signs.core import arguments
from signs.core.backend import keras
from signs.data.clips_table import Dataset
from signs.inference.clips import Video, classify_clips
from signs.inference.predictor import Predictor, load_classifier
from signs.models import classifier
from signs.models import landmark_layout as layout
from signs.models.feature_blocks import transform_blocks, weigh
from signs.models.landmark_transform import TRANSFORMED_DIM
from signs.training import run_record

FRAMES = 20
META = {
    "cnn": "landmarks",
    "weights": "hand_landmarker.task",
    "seed": None,
    "size": 1080,
    "length": layout.LANDMARK_DIM,
    "dtype": "float16",
    "engine": "mediapipe",
}
FAST = (
    "--layers 1 --no-bidirectional --units 16 --projection 16 --batch 8 "
    "--lr 0.01 --epochs 6"
).split()


def clip(label: str, seed: int, scale: float = 1.0) -> np.ndarray:
    """A right hand that goes up and down or to and fro; half-seen.

    Its place and size are other ones in each clip.
    """
    random = np.random.default_rng(seed)
    turn = np.linspace(0, 4 * np.pi, FRAMES) + random.uniform(0, 1)
    way = np.zeros((FRAMES, 1, 3))
    way[:, 0, int(label == "up")] = 0.3 * np.sin(turn)
    shape = np.random.default_rng(0).uniform(-0.05, 0.05, (21, 3))
    shape[list(layout.KNUCKLES), 1] -= 0.1
    size = scale * random.uniform(0.5, 1.5)
    shift = np.append(random.uniform(0.2, 0.8, 2), 0)
    hand = (shape + way) * size + shift
    landmarks = layout.empty(FRAMES)
    landmarks[:, layout.HAND_DIM : 2 * layout.HAND_DIM] = hand.reshape(
        FRAMES, -1
    )
    landmarks[random.random(FRAMES) < 0.2] = np.nan
    return landmarks


def write_landmarks(root: Path, name: str = "d", clips: int = 60) -> Dataset:
    dataset = write_dataset(root / "data", name, ["up", "fro"], clips, META)
    folder = dataset.feature("landmarks")
    for number, path in enumerate(sorted(folder.rglob("*.npy"))):
        np.save(path, clip(path.parent.name, number).astype("float16"))
    return dataset


def run(script, root: Path, *args: str) -> int:
    return arguments.run(script.main, [*args, "--quiet", *folders(root)])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("landmarks")
    write_landmarks(root)
    assert run(train_lstm, root, "d", "--features", "landmarks", *FAST) == 0
    return root


def load(root: Path, kind: str = "lstm") -> Predictor:
    """The newest model, without what makes its features."""
    path, record = run_record.find_model(None, root / "model", kind)
    model = keras.saving.load_model(path, safe_mode=True)

    def engine(_: object) -> np.ndarray:
        raise AssertionError("no pictures are looked at here")

    return Predictor(path, record, model, engine)


def ask(
    predictor: Predictor, clips: np.ndarray, together: bool = True
) -> np.ndarray:
    """What a model says of clips of one session, or of each by itself."""
    folder = Path("session") if together else None
    names = [str(number) for number in range(len(clips))]
    outcomes = zip(names, clips, [None] * len(clips), strict=True)
    videos = {name: Video(Path(name), name, folder) for name in names}
    found = {
        name: classified.probabilities
        for name, classified, _ in classify_clips(predictor, outcomes, videos)
    }
    return np.stack([found[name] for name in names])


def test_it_learns_from_landmarks_with_gaps(trained: Path):
    record = load(trained).record
    log = json.loads((trained / "log" / f"{record['run']}.json").read_text())
    assert log["final"]["validation"]["accuracy"] > 0.9
    assert record["session_mean"] is True
    assert len(record["landmark_mean"]) == TRANSFORMED_DIM


@pytest.mark.parametrize("together", [False, True])
def test_place_and_size_do_not_matter_to_the_model(
    trained: Path, together: bool
):
    predictor = load(trained)
    one = np.stack([clip("up", seed) for seed in range(8)])
    other = one * 2.5
    hands = other[:, :, : 2 * layout.HAND_DIM].reshape(8, FRAMES, -1, 3)
    hands[..., :2] += 0.7
    other[:, :, : 2 * layout.HAND_DIM] = hands.reshape(8, FRAMES, -1)
    found = ask(predictor, one, together)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(
        ask(predictor, other, together), found, atol=1e-3
    )


@pytest.mark.slow  # one training more
def test_without_the_session_mean_the_model_transforms(trained: Path):
    args = ["d", "--features", "landmarks", "--no-session-mean"]
    assert run(train_lstm, trained, *args, *FAST) == 0
    predictor = load(trained)
    shape = (None, FRAMES, layout.LANDMARK_DIM)
    model = load_classifier(predictor.path, predictor.record)
    assert model.input_shape == shape
    assert "landmark_mean" not in predictor.record
    clips = np.stack([clip("up", seed) for seed in range(4)])
    assert ask(predictor, clips).argmax(axis=1).tolist() == [1] * 4
    for path in (trained / "model").glob(f"{predictor.record['run']}*"):
        path.unlink()


def test_a_transfer_starts_from_a_model_of_landmarks(trained: Path):
    write_landmarks(trained, "other", 20)
    assert run(transfer, trained, "other", "--epochs", "2") == 0
    predictor = load(trained, "transfer")
    clips = np.stack([clip("up", seed) for seed in range(2)])
    assert np.isfinite(ask(predictor, clips)).all()
    assert len(predictor.record["landmark_mean"]) == TRANSFORMED_DIM


def test_landmarks_beside_features_of_a_cnn(tmp_path: Path, capsys):
    both = ["--features", "mobilenet-0.25+landmarks"]
    write_dataset(tmp_path / "data", "d", ["up", "fro"], 60, {"length": 300})
    assert run(train_lstm, tmp_path, "d", *both, *FAST) == 2
    assert "python feature.py d --landmarks" in capsys.readouterr().err
    write_landmarks(tmp_path)
    assert run(train_lstm, tmp_path, "d", *both, *FAST) == 0
    predictor = load(tmp_path)
    shape = (None, FRAMES, 300 + TRANSFORMED_DIM)
    model = load_classifier(predictor.path, predictor.record)
    assert model.input_shape == shape
    assert predictor.record["session_mean"] is True
    assert run(evaluate, tmp_path, "d", "--split", "val", "--anyway") == 0
    (page,) = (tmp_path / "log").glob("*-evaluation-val.json")
    figures = json.loads(page.read_text())["figures"]
    assert figures["session"]["accuracy"]["value"] > 0.9
    # A clip that lacks one of them is left out.
    next(iter((tmp_path / "data/d/feature/landmarks/up").iterdir())).unlink()
    assert run(train_lstm, tmp_path, "d", *both, *FAST, "--epochs", "1") == 0
    warning = capsys.readouterr().err
    assert "1 train clip left out" in warning or "1 val clip left" in warning
    twice = ["--features", "landmarks+landmarks"]
    assert run(train_lstm, tmp_path, "d", *twice, *FAST) == 2


def test_a_clip_in_which_nothing_was_seen_has_an_answer(trained: Path):
    nothing = layout.empty(FRAMES)[None]
    for together in (False, True):
        found = ask(load(trained), nothing.repeat(2, axis=0), together)
        assert np.isfinite(found).all()


def test_a_model_of_landmarks_is_judged(trained: Path):
    assert run(evaluate, trained, "d", "--split", "val", "--anyway") == 0
    (record,) = (trained / "log").glob("*-evaluation-val.json")
    found = json.loads(record.read_text())
    assert found["figures"]["session"]["accuracy"]["value"] > 0.9
    assert found["figures"]["single"]["accuracy"]["value"] > 0.9
    assert found["baselines"]["nearest_class_mean"] is not None


@pytest.mark.parametrize("transform", ["raw", "standardized", "both"])
def test_landmarks_are_standardised_whatever_the_input(transform: str):
    clips = np.stack([clip("up", seed) for seed in range(8)])
    blocks = [(layout.LANDMARKS, layout.LANDMARK_DIM)]
    found = classifier.mean_and_variance(transform, [clips], blocks)
    assert found is not None
    times = 2 if transform == "both" else 1
    for part in found:
        assert part.shape == (times * TRANSFORMED_DIM,)
        assert np.isfinite(part).all()


def test_blocks_have_the_same_weight_whatever_their_dimensions():
    random = np.random.default_rng(0)
    blocks = [("large", 2000), ("small", 20)]
    values = random.normal(0, [5] * 2000 + [0.1] * 20, (4, 50, 2020))
    statistics = classifier.mean_and_variance("raw", [values], blocks)
    assert statistics is not None
    mean, variance = statistics
    seen = (values - mean) / np.sqrt(variance)
    large, small = np.split(np.square(seen), [2000], axis=-1)
    assert large.sum() == pytest.approx(small.sum(), rel=1e-3)
    assert np.square(seen).mean() == pytest.approx(1, rel=1e-3)
    alone = np.square(random.normal(size=8))
    assert weigh(alone, []) == pytest.approx(alone)


def test_each_block_stays_in_its_place():
    landmarks = np.stack([clip("up", seed) for seed in range(2)])
    other = np.ones((2, FRAMES, 3), "float32")
    both = np.concatenate([other, landmarks], axis=-1)
    blocks = [("cnn", 3), (layout.LANDMARKS, layout.LANDMARK_DIM)]
    found = np.asarray(transform_blocks(both, blocks))
    assert found.shape == (2, FRAMES, 3 + TRANSFORMED_DIM)
    assert (found[..., :3] == 1).all()
    assert np.isfinite(found).all()
