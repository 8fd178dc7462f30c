"""Streams that stop and go on, and cameras by any name."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import cv2
import numpy as np
import pytest
from helpers import number_of, numbered, write_video

from signs.core.errors import UserError
from signs.video import capture, stream
from signs.video.camera import Camera
from signs.video.images import encode_jpeg
from signs.video.stream import Stream


class Server:
    """A camera on the network that hangs up after some pictures.

    Attributes:
        visits: how often it was asked.
        refusals: which visits, from 0, it sends away.
        pictures: how many it sends each visitor.
    """

    def __init__(self) -> None:
        self.visits = 0
        self.refusals: range = range(0)
        self.pictures = 8
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                number = server.visits
                server.visits += 1
                if number in server.refusals:
                    self.send_error(503)
                    return
                self.send_response(200)
                kind = "multipart/x-mixed-replace; boundary=frame"
                self.send_header("Content-Type", kind)
                self.end_headers()
                for index in range(server.pictures):
                    jpeg = encode_jpeg(numbered(100 * number + index))
                    head = "--frame\r\nContent-Type: image/jpeg\r\n"
                    head += f"Content-Length: {len(jpeg)}\r\n\r\n"
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
                    time.sleep(0.01)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/live"

    @contextmanager
    def running(self) -> Iterator["Server"]:
        Thread(target=self._server.serve_forever, daemon=True).start()
        yield self
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server().running() as found:
        yield found


def test_a_network_stream_is_connected_again(server: Server, capsys):
    server.refusals = range(2, 4)
    with Stream(server.address, patience=20) as camera:
        assert not camera.is_file
        times, visits = [], set()
        for seconds, picture in camera.pictures():
            times.append(seconds)
            visits.add(number_of(picture) // 100)
            if 4 in visits:
                break
    assert visits == {0, 1, 4}
    assert times == sorted(times)
    # It waits longer each time that it fails.
    assert max(np.diff(times)) > 3 * stream.FIRST_WAIT
    output = capsys.readouterr()
    lost = f"{server.address} gives no more pictures; trying again"
    assert output.err.count(lost) == 2
    assert output.out.count(f"{server.address} is back after") == 2


def test_a_network_stream_that_stays_away_ends(server: Server, capsys):
    server.refusals = range(1, 100)
    began = time.monotonic()
    with Stream(server.address, patience=1.0) as camera:
        assert len(list(camera.pictures())) >= server.pictures - 1
    assert 1.0 <= time.monotonic() - began < 10
    assert server.visits > 3
    error = capsys.readouterr().err
    assert error.endswith(f"{server.address} gives no more pictures\n")


def test_waiting_can_be_called_off(server: Server):
    server.refusals = range(1, 100)
    with Stream(server.address, patience=60) as camera:
        began = time.monotonic()
        list(camera.pictures(is_over=lambda: time.monotonic() > began + 1))
        assert time.monotonic() - began < 10


def test_without_patience_a_stream_ends_at_once(server: Server):
    with Stream(server.address) as camera:
        list(camera.pictures())
    assert server.visits == 1


class Flaky:
    """A camera that now and then fails to give a picture."""

    def __init__(self, path: Path, fails: set[int]):
        self._capture = cv2.VideoCapture(str(path))
        self._fails = fails
        self._count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._capture, name)

    def grab(self) -> bool:
        self._count += 1
        return self._count not in self._fails and self._capture.grab()


def test_a_grab_that_failed_is_tried_again(tmp_path: Path, monkeypatch, capsys):
    """The camera stays open: none is lost. Later it is opened anew."""
    path = write_video(tmp_path / "a.avi", frames=9)
    opened = []

    def open_capture(source: str) -> Flaky:
        opened.append(source)
        if len(opened) > 1:
            raise UserError("it is not there any more")
        return Flaky(path, {4, 5, 8})

    monkeypatch.setattr("signs.video.camera.open_capture", open_capture)
    with Stream("0", patience=1.0) as camera:
        pictures = [number_of(picture) for _, picture in camera.pictures()]
    assert pictures == list(range(9))
    assert capsys.readouterr().out.count("camera 0 is back after") == 2
    assert len(opened) > 1


def test_a_file_that_has_ended_has_ended(tmp_path: Path, capsys):
    path = write_video(tmp_path / "a.avi", frames=9)
    with Stream(str(path), patience=60) as camera:
        assert camera.is_file
        assert len(list(camera.pictures(at_own_pace=False))) == 9
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("source", "is_camera"),
    [
        ("0", True),
        ("/dev/video0", True),
        ("/dev/null", True),
        ("v4l2src device=/dev/video0 ! videoconvert ! appsink", True),
        ("rtspsrc location=rtsp://a/b ! decodebin ! appsink", True),
        ("rtsp://user:word@camera.local:554/stream1", False),
        ("Hello! World.mp4", False),
        ("video" * 1000, False),
    ],
)
def test_what_a_camera_is(source: str, is_camera: bool):
    assert capture.is_capture(source) == is_camera


def test_passwords_are_not_shown():
    shown = capture.without_password
    address = "rtsp://me:se/cret@camera.local:554/live"
    assert shown("rtsp://me:secret@a.b:554/x") == "rtsp://me:***@a.b:554/x"
    assert shown("rtsp://a.b:554/x@y") == "rtsp://a.b:554/x@y"
    assert shown(address) == address  # no valid one: `/` must be escaped
    with pytest.raises(UserError) as error:
        Camera("rtsp://me:secret@127.0.0.1:9/live")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("/dev/video63", "there is no camera /dev/video63"),
        ("/dev/null", "camera /dev/null cannot be opened; is it plugged in"),
        ("videotestsrc ! videoconvert ! appsink", "without GStreamer"),
    ],
)
def test_a_camera_that_cannot_be_opened(source: str, message: str):
    if "appsink" in source:
        if cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
            pytest.skip("this OpenCV has GStreamer")
    with pytest.raises(UserError, match=message):
        Camera(source)
