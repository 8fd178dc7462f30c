"""How clips reach the classifier: which pictures, and what is subtracted."""

from pathlib import Path

import numpy as np
import pytest
from helpers import write_video

from signs.core.backend import keras
from signs.features.pictures import motion_images
from signs.inference import export as exporting
from signs.inference.clip_buffer import ClipBuffer, TimedPicture
from signs.inference.clips import Classified, Video, find_videos, predict_clips
from signs.inference.live import Live, Sign
from signs.inference.predictor import Predictor, prepare
from signs.inference.segmenter import Segment
from signs.models import classifier
from signs.training import session_mean
from signs.video import decode, frame_store, sampling
from signs.video.camera import Camera

SIZE, LENGTH = 16, 12


class Shades:
    """Stands for a CNN: the mean colours of the quarters of a picture."""

    name = "shades"
    batch = 20

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        halves = pictures.reshape(-1, 2, SIZE // 2, 2, SIZE // 2, 3)
        return halves.mean(axis=(2, 4)).reshape(len(pictures), LENGTH) / 100


def make(motion: bool = False, **record) -> Predictor:
    described = {"cnn": "shades", "size": SIZE, "dtype": "float32"}
    described["length"] = LENGTH
    described["motion"] = motion
    classes = [{"label": x, "name": x} for x in "abc"]
    keras.utils.set_random_seed(0)
    return Predictor(
        Path("a.keras"),
        {"run": "a", "features": described, "classes": classes}
        | {"session_mean": False, **record},
        classifier.build_classifier(
            record["frames"], LENGTH, classes=3, layers=1, units=4
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
    return Shades()(prepare(pictures, SIZE)).astype("float32")


def room_of(clip: str) -> Path:
    return Path("light" if int(clip) % 2 else "dark")


def found_in(outcomes) -> dict[str, Classified]:
    found = {}
    for clip, classified, error in outcomes:
        assert error is None
        found[clip] = classified
    return found


@pytest.mark.parametrize("has_mean", [False, True])
def test_clips_are_seen_as_in_the_training(videos, has_mean: bool):
    """As many frames as in the training, minus the mean of their session."""
    predictor = make(frames=10, session_mean=has_mean)
    features = {clip: stored(path, 10) for clip, path in videos.items()}
    named = {
        clip: Video(path, path.name, room_of(clip))
        for clip, path in videos.items()
    }
    found = found_in(predict_clips(predictor, named, readers=2))
    expected = {}
    for clip, seen in features.items():
        mean = np.mean(
            [
                other.mean(axis=0)
                for name, other in features.items()
                if room_of(name) == room_of(clip)
            ],
            axis=0,
        )
        expected[clip] = predictor.classify(seen - mean * has_mean)
    assert list(found) == list(videos)
    for clip, classified in found.items():
        assert classified.session_mean == ("folder" if has_mean else None)
        np.testing.assert_allclose(
            classified.probabilities, expected[clip], atol=1e-4
        )
    rows = [tuple(np.round(x, 4)) for x in expected.values()]
    assert len(set(rows)) == 6


def test_a_clip_on_its_own_is_seen_less_its_own_mean(videos, capsys):
    predictor = make(frames=6, session_mean=True)
    named = {"0": Video(videos["0"], "0.avi")}
    found = found_in(predict_clips(predictor, named, readers=1))
    features = stored(videos["0"], 6)
    expected = predictor.classify(features - features.mean(axis=0))
    assert found["0"].session_mean == "clip"
    np.testing.assert_allclose(found["0"].probabilities, expected, atol=1e-4)
    assert "session mean: 0, for lack of others" in capsys.readouterr().err


def test_a_folder_is_a_session_and_so_are_videos_of_one(tmp_path: Path):
    for name in ("a/x/1.avi", "a/2.avi", "b/3.avi", "b/4.avi", "c/5.avi"):
        write_video(tmp_path / name, frames=1)
    named = [*sorted((tmp_path / "b").iterdir()), tmp_path / "c" / "5.avi"]
    found = find_videos([tmp_path / "a", *named])
    sessions = {Path(clip).name: x.session for clip, x in found.items()}
    a, b = tmp_path / "a", tmp_path / "b"
    assert sessions == {
        **{"1.avi": a, "2.avi": a, "3.avi": b, "4.avi": b},
        "5.avi": None,
    }
    # As Windows passes it on.
    assert list(find_videos([b / "*.avi"])) == [
        str(b / "3.avi"),
        str(b / "4.avi"),
    ]


def test_one_bad_video_among_those_of_a_session(videos, tmp_path: Path):
    bad = tmp_path / "bad.avi"
    bad.write_bytes(b"no video")
    named = {
        clip: Video(path, path.name, tmp_path)
        for clip, path in {"bad": bad, **videos}.items()
    }
    predictor = make(frames=6, session_mean=True)
    outcomes = list(predict_clips(predictor, named, readers=1))
    assert sorted(clip for clip, _, _ in outcomes) == sorted(named)
    assert [clip for clip, _, error in outcomes if error] == ["bad"]


class Whole:
    """Takes all that it sees from a time on for one sign."""

    start: float | None = None
    likely_end: float | None = None
    now = 0.0

    def update(self, time: float, picture: np.ndarray) -> None:
        self.now = time

    def finish(self) -> Segment:
        return Segment(self.start or 0.0, self.now, self.now)


def test_a_camera_is_centered_by_what_it_saw(videos):
    """The second sign is seen less the mean of both."""
    predictor = make(frames=6, session_mean=True)
    segmenter = Whole()
    live = Live(predictor, segmenter, 0.0, 3, is_realtime=False)
    answers: list[Sign] = []
    clips = []
    with live:
        for number, clip in enumerate(("0", "2")):
            segmenter.start = 10.0 * number
            with Camera(str(videos[clip])) as camera:
                for seconds, picture in camera.pictures(at_own_pace=False):
                    live.update(segmenter.start + seconds, picture)
            answers += live.finish()
            clips.append(stored(videos[clip], 6))
    mean = session_mean.RunningMean()
    for sign, features in zip(answers, clips, strict=True):
        assert sign.as_json()["session_mean"] == "running"
        expected = predictor.classify(mean.center(features))
        assert sign.probability == pytest.approx(expected.max(), abs=1e-4)


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
    plain = keras.models.clone_model(trained, clone_function=exporting._plain)
    plain.set_weights(trained.get_weights())
    np.testing.assert_allclose(
        plain.predict(clips, verbose=0),
        trained.predict(clips, verbose=0),
        atol=1e-6,
    )
    (both,) = classifier.lstms(plain)
    assert both.forward_layer.dropout == both.backward_layer.dropout == 0


def test_motion_images_are_the_same_in_files_and_streams(videos):
    predictor = make(frames=10, motion=True)
    pictures = decode.read_frames(
        videos["3"], 24, short_side=frame_store.SHORT_SIDE
    )
    chosen = [pictures[index] for index in sampling.sample_indices(24, 10)]
    expected = Shades()(motion_images(prepare(chosen, SIZE)))
    found = predictor.features(prepare(chosen, SIZE))
    np.testing.assert_allclose(found, expected, rtol=1e-5)

    buffer = ClipBuffer()
    for number, picture in enumerate(pictures):
        buffer.add(TimedPicture(number / 10, picture, 0.0))
        buffer.look_ahead(predictor, number + 1)
    found = buffer.features(predictor, 24, seconds=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
