"""How clips reach the classifier: which pictures, and what is subtracted."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import write_video
from store import META
from trained import copy_models, trained

import predict
from signs.core import arguments
from signs.core.backend import keras
from signs.inference import export, predictor
from signs.inference.live import Live, Sign
from signs.inference.segmenter import Segment
from signs.models import classifier
from signs.training import feature_dataset, session_mean
from signs.video import decode, frame_store
from signs.video.camera import Camera

SIZE, LENGTH = 16, 12


class Shades:
    """Stands for a CNN: the mean colours of the quarters of a picture."""

    name = "shades"
    batch = 20

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        halves = pictures.reshape(-1, 2, SIZE // 2, 2, SIZE // 2, 3)
        return halves.mean(axis=(2, 4)).reshape(len(pictures), LENGTH) / 100


def make(**record) -> predictor.Recognizer:
    described = {"size": SIZE, "dtype": "float32", "length": LENGTH}
    record.setdefault("session_mean", False)
    classes = [{"label": x, "name": x} for x in "abc"]
    keras.utils.set_random_seed(0)
    return predictor.Recognizer(
        Path("a.keras"),
        {"run": "a", "features": described, "classes": classes, **record},
        classifier.build_classifier(
            *(record["frames"], LENGTH), classes=3, layers=1, units=4
        ),
        Shades(),
    )


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> dict[str, Path]:
    """Three clips of a light room, three of a dark one."""
    folder = tmp_path_factory.mktemp("videos")
    found = {}
    for number in range(6):

        def picture(index: int, number: int = number) -> np.ndarray:
            shade = 160 if number % 2 else 30
            image = np.full((48, 64, 3), shade, np.uint8)
            image[: index * 2, : 20 + 3 * number] += np.uint8(70)
            return image

        path = folder / f"{number}.avi"
        found[str(number)] = write_video(path, 24, picture=picture)
    return found


def stored(path: Path, count: int) -> np.ndarray:
    """The features of a clip as the pipeline would store them."""
    pictures = decode.read_frames(
        path, count, short_side=frame_store.SHORT_SIDE
    )
    return Shades()(predictor.prepare(pictures, SIZE)).astype("float32")


@pytest.mark.parametrize("centered", [False, True])
def test_clips_are_seen_as_in_the_training(videos, tmp_path, centered: bool):
    """Minus the mean of their session."""
    recognizer = make(frames=10, session_mean=centered)
    paths = {}
    for clip, path in videos.items():
        paths[clip] = tmp_path / f"{clip}.npy"
        np.save(paths[clip], stored(path, 10))
    labels = np.zeros(6, "int32")
    trained_on = feature_dataset.FeatureDataset(
        list(paths),
        [""] * 6,
        labels,
        3,
        feature_dataset.FeatureFiles(list(paths.values()), 10, LENGTH),
    )
    if centered:
        (trained_on,) = session_mean.subtract([trained_on])
    found: dict[str, np.ndarray] = {}
    for clip, probabilities, error in predictor.recognize_files(
        recognizer, videos, readers=2
    ):
        assert error is None and probabilities is not None
        found[clip] = probabilities
    expected = [recognizer.classify(x) for x in trained_on.read(range(6))]
    np.testing.assert_allclose([found[x] for x in videos], expected, atol=1e-4)
    assert len(set(map(tuple, np.round(expected, 4)))) == 6


def test_one_bad_video_among_those_of_a_recording(videos, tmp_path: Path):
    bad = tmp_path / "bad.avi"
    bad.write_bytes(b"no video")
    paths = {"bad": bad, **videos}
    recognizer = make(frames=6, session_mean=True)
    answers = list(predictor.recognize_files(recognizer, paths, readers=1))
    assert sorted(clip for clip, _, _ in answers) == sorted(paths)
    assert [clip for clip, _, error in answers if error] == ["bad"]


class Whole:
    """Takes all that it sees from a time on for one sign."""

    start: float | None = None
    now = 0.0

    def see(self, time: float, picture: np.ndarray) -> None:
        self.now = time

    def finish(self) -> Segment:
        return Segment(self.start or 0.0, self.now, self.now)


def test_a_camera_is_centered_by_what_it_saw(videos):
    """The second sign is seen less the mean of both."""
    recognizer = make(frames=6, session_mean=True)
    cutter = Whole()
    live = Live(recognizer, cutter, 0.0, 3, in_hurry=False)
    answers: list[Sign] = []
    clips = []
    with live:
        for number, clip in enumerate(("0", "2")):
            cutter.start = 10.0 * number
            with Camera(str(videos[clip])) as camera:
                for seconds, picture in camera.pictures(at_own_pace=False):
                    live.see(cutter.start + seconds, picture)
            answers += live.finish()
            clips.append(stored(videos[clip], 6))
    mean = session_mean.RunningMean()
    for sign, features in zip(answers, clips, strict=True):
        expected = recognizer.classify(mean.center(features))
        assert sign.probability == pytest.approx(expected.max(), abs=1e-4)


def test_what_needs_other_clips_is_not_exported(tmp_path_factory, capsys):
    root = trained(tmp_path_factory)
    models = copy_models(root, tmp_path_factory.mktemp("m") / "model")
    path = next(models.glob("*.json"))
    record = {**json.loads(path.read_text()), "session_mean": True}
    path.write_text(json.dumps(record))
    target = models / "sign.tflite"
    flags = ["--export", str(target), "--model-dir", str(models)]
    assert arguments.run(predict.main, flags) == 2
    assert "--session-mean" in capsys.readouterr().err
    assert not target.exists()


def test_an_exported_network_reads_both_ways():
    """Without its dropout, which other formats cannot hold."""
    random = np.random.default_rng(0)
    clips = random.normal(size=(1, 5, LENGTH)).astype("float32")
    trained = classifier.build_classifier(
        *(5, LENGTH),
        classes=3,
        layers=1,
        units=4,
        input_transform="both",
        statistics=classifier.mean_and_variance("both", [clips]),
        bidirectional=True,
        pool="mean",
    )
    plain = keras.models.clone_model(trained, clone_function=export._plain)
    plain.set_weights(trained.get_weights())
    np.testing.assert_allclose(
        plain.predict(clips, verbose=0),
        trained.predict(clips, verbose=0),
        atol=1e-6,
    )
    (both,) = classifier.lstms(plain)
    assert both.forward_layer.dropout == both.backward_layer.dropout == 0


def test_the_exported_file_says_how_many_frames_it_takes():
    features = {**META, "size": SIZE}
    record = {"run": "a", "frames": 20, "features": features, "classes": []}
    described = export.describe(record, Path("a"))
    assert described["input"]["shape"] == [1, 20, SIZE, SIZE, 3]
