import json
import time
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from helpers import number_of, write_video
from hypothesis import given
from hypothesis import strategies as st
from store import folders
from trained import (
    PAUSE,
    RATE,
    known_clips,
    last_model,
    pictures_of,
    recording,
    trained,
    write_recording,
)

import live as live_script
from signs.core import arguments
from signs.core.errors import UserError
from signs.inference.clip_buffer import choose_indices, next_index
from signs.inference.live import Live, recognize_stream
from signs.inference.predictor import Predictor, load_predictor, prepare
from signs.inference.segmenter import ByMotion
from signs.video import decode, sampling
from signs.video.camera import Camera
from signs.video.stream import Stream

SIGNS = 5


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return trained(tmp_path_factory)


@pytest.fixture(scope="module")
def predictor(root: Path) -> Predictor:
    path, record = last_model(root)
    return load_predictor(path, record, root / "model" / "cnn", threads=2)


@dataclass(frozen=True)
class Long:
    """A long video, and what is signed in it."""

    path: Path
    clips: list[list[np.ndarray]]
    labels: list[str]

    def middle(self, number: int) -> float:
        """The time when a sign is half done, in seconds."""
        before = sum(
            len(clip) + 2 * PAUSE * RATE for clip in self.clips[:number]
        )
        return (before + PAUSE * RATE + len(self.clips[number]) / 2) / RATE


@pytest.fixture(scope="module")
def long_video(root: Path, tmp_path_factory) -> Long:
    rows = known_clips(root, SIGNS)
    clips = [pictures_of(root, row) for _, row in rows.iterrows()]
    path = tmp_path_factory.mktemp("long") / "Öl, 5 signs.avi"
    return Long(write_recording(path, clips), clips, list(rows["label"]))


def run_live(root: Path, capsys, *args: object) -> list[dict]:
    """The lines of JSON that live.py prints."""
    model, _ = last_model(root)
    common = [*folders(root), "--threshold", "0", "--model", str(model)]
    assert arguments.run(live_script.main, [*map(str, args), *common]) == 0
    return [json.loads(x) for x in capsys.readouterr().out.splitlines()]


def test_a_long_video_gives_the_right_signs(root: Path, long_video, capsys):
    camera = [long_video.path, "--headless"]
    signs = run_live(root, capsys, *camera)
    assert len(signs) == SIGNS
    for number, sign in enumerate(signs):
        assert sign["start"] < long_video.middle(number) < sign["end"]
        assert sign["probability"] == sign["top"][0]["probability"]
        assert sign["latency"] > 0
        assert len(sign["top"]) == 3
    found = [sign["label"] for sign in signs]
    right = [a == b for a, b in zip(found, long_video.labels, strict=True)]
    assert sum(right) >= SIGNS - 1
    again = run_live(root, capsys, *camera)
    without = [{**sign, "latency": 0} for sign in signs]
    assert [{**sign, "latency": 0} for sign in again] == without


def test_a_video_can_take_its_own_time(
    root: Path, long_video, tmp_path, capsys
):
    """As with a camera: the answer comes soon after the sign's end."""
    path = write_recording(tmp_path / "short.avi", long_video.clips[:1])
    began = time.monotonic()
    signs = run_live(root, capsys, path, "--headless", "--realtime")
    assert time.monotonic() - began > 3
    assert [sign["label"] for sign in signs] == long_video.labels[:1]
    assert 0.8 <= signs[0]["latency"] < 10


def test_a_sign_in_a_stream_is_what_it_is_in_a_file(
    predictor, long_video, tmp_path: Path
):
    """The same pictures give the same answer, but for the video's codec."""
    with Camera(str(long_video.path)) as camera:
        stream = list(camera.pictures(at_own_pace=False))
    with Live(predictor, ByMotion(0.8), 0, 3, is_realtime=False) as live:
        signs = [sign for time, p in stream for sign in live.update(time, p)]
        signs += live.finish()
    assert len(signs) == SIGNS
    for sign in signs:
        path = long_video.path
        pictures = decode.read_frames(
            path, predictor.frames, sign.start, sign.end + 1e-3
        )
        batch = prepare(pictures, predictor.size)
        expected = predictor.best(
            predictor.classify(predictor.features(batch)), 3
        )
        for prediction, other in zip(sign.predictions, expected, strict=True):
            assert prediction.label == other.label
            assert prediction.probability == pytest.approx(
                other.probability, 1e-3
            )


def test_what_is_hardly_likely_is_unknown(predictor, long_video):
    for threshold, is_known in ((0.99999, False), (0.0, True)):
        live = Live(predictor, ByMotion(0.8), threshold, 2, is_realtime=False)
        with live:
            signs = [
                sign
                for seconds, picture in recording(long_video.clips[:1])
                for sign in live.update(seconds, picture)
            ]
            signs += live.finish()
        assert len(signs) == 1
        assert signs[0].is_known == is_known
        assert (signs[0].label == "unknown") != is_known
        assert signs[0].probability == signs[0].predictions[0].probability


def test_a_stream_without_end_needs_no_more_memory(predictor, long_video):
    """What is kept between signs is a second of pictures, and no more."""
    with Live(predictor, ByMotion(0.8), 0, 1, is_realtime=True) as live:
        offset, found, kept = 0.0, 0, []
        for _ in range(4):
            for seconds, picture in recording(long_video.clips[:1]):
                found += len(live.update(offset + seconds, picture))
            offset += seconds + 0.1
            kept.append(len(live._kept))
            assert live._buffer is None
        found += len(live.finish())
        assert found == 4
        assert kept == [kept[0]] * 4 and kept[0] <= 12
        assert not live.is_thinking


def test_a_stream_that_breaks_ends_the_thread(predictor):
    class Broken(ByMotion):
        def update(self, time, picture):
            raise RuntimeError("broken")

    with (
        pytest.raises(RuntimeError, match="broken"),
        Live(predictor, Broken(0.8), 0, 1, is_realtime=True) as live,
    ):
        live.update(0.0, np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(RuntimeError):
        live._pool.submit(print)


# --- The features of pictures to come ---------------------------------------


@given(st.integers(1, 400), st.integers(1, 40))
def test_pictures_are_looked_at_from_far_to_near(count, wanted):
    done: list[int] = []
    while (index := next_index(done, count, wanted)) is not None:
        assert 0 <= index < count and index not in done
        done.append(index)
    assert len(done) <= 4 * wanted + 1
    if count <= 4 * wanted:
        assert sorted(done) == list(range(count))
    gaps = [b - a for a, b in pairwise([*sorted(done), count])]
    assert max(gaps) <= max(1, count / (2 * wanted))


@given(
    st.sets(st.integers(0, 300)),
    st.integers(1, 300),
    st.integers(1, 30),
    st.integers(0, 30),
)
def test_neighbours_stand_in_for_frames(done, count, wanted, most):
    indices = choose_indices(done, count, wanted, most)
    right = sampling.sample_indices(count, wanted)
    assert len(indices) == wanted
    assert indices == sorted(indices)
    assert 0 <= indices[0] and indices[-1] < count
    there = {index for index in done if index < count}
    if there:
        assert len(set(indices) - there) <= most
    if most >= wanted or not there or set(right) <= there:
        assert indices == right


def test_the_worst_neighbours_are_replaced():
    done = {0, 10, 11, 19}
    assert choose_indices(done, 20, 3, most=0) == [0, 10, 19]
    assert choose_indices({0, 19}, 20, 3, most=1) == [0, 10, 19]
    assert choose_indices({0, 1}, 21, 3, most=1) == [0, 1, 20]


# --- Cameras ----------------------------------------------------------------


def test_a_file_is_a_camera_with_its_own_times(tmp_path: Path):
    path = write_video(tmp_path / "a.avi", frames=20, fps=2)
    with Camera(str(path)) as camera:
        assert camera.is_file and camera.rate == 2
        began = time.monotonic()
        pictures = list(camera.pictures(at_own_pace=False))
        assert time.monotonic() - began < 5
    times = [seconds for seconds, _ in pictures]
    np.testing.assert_allclose(times, np.arange(20) / 2, atol=1e-3)
    assert [number_of(picture) for _, picture in pictures] == list(range(20))


def test_a_file_at_its_own_pace_waits_and_skips(tmp_path: Path):
    path = write_video(tmp_path / "a.avi", frames=20, fps=20)
    with Camera(str(path)) as camera:
        began = time.monotonic()
        seen = []
        for seconds, picture in camera.pictures():
            seen.append(number_of(picture))
            assert time.monotonic() - began > seconds - 0.01
            if len(seen) == 5:
                time.sleep(0.4)
        assert time.monotonic() - began > 0.9
    assert seen == sorted(set(seen))
    assert camera.skipped >= 3
    assert len(seen) == 20 - camera.skipped


def test_a_file_on_a_server_has_its_own_times_too(tmp_path: Path):
    write_video(tmp_path / "a.avi", frames=20, fps=2)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/a.avi"
        with Camera(address) as camera:
            times = [x for x, _ in camera.pictures(at_own_pace=False)]
        server.shutdown()
    np.testing.assert_allclose(times, np.arange(20) / 2, atol=1e-3)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nothing.mp4", "there is no video nothing.mp4"),
        ("63", "camera 63 cannot be opened; is it plugged in"),
        ("http://127.0.0.1:9/x.mp4", "is the address right"),
    ],
)
def test_a_camera_that_is_not_there(source, message):
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        Camera(source)


def test_a_camera_without_a_picture(tmp_path: Path, predictor):
    path = tmp_path / "text.avi"
    path.write_text("no video")
    with pytest.raises(UserError, match="is it a video"):
        Camera(str(path))
    whole = write_video(tmp_path / "a.avi", frames=3)
    path.write_bytes(whole.read_bytes()[:2300])
    live = Live(predictor, ByMotion(0.8), 0, 1, is_realtime=False)
    with live, pytest.raises(UserError, match="text.avi"):
        with Stream(str(path)) as stream:
            list(recognize_stream(stream, live, at_own_pace=False))
