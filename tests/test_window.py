import ctypes
import ctypes.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from store import folders
from trained import (
    known_clips,
    last_model,
    pictures_of,
    trained,
    write_recording,
)

import live
from signs.core import arguments
from signs.inference import lettering, overlay, window
from signs.inference.live import Sign
from signs.inference.overlay import Overlay
from signs.inference.predictor import Prediction
from signs.inference.segmenter import ByKey, ByMotion
from signs.models import landmark_layout
from signs.video import skeleton

PATIENCE = 40  # seconds until the window is there, on a busy machine


def sign(*shares: float, is_known: bool = True) -> Sign:
    names = ["Tür", "schön", "Auf Wiedersehen"]
    predictions = [
        Prediction(*pair) for pair in zip("123", names, shares, strict=False)
    ]
    return Sign(1.0, 2.0, predictions, is_known, 0.7)


# --- What is drawn ----------------------------------------------------------


def test_the_picture_is_mirrored_for_the_eye_only():
    picture = np.zeros((60, 80, 3), np.uint8)
    picture[:, :40] = (255, 0, 0)
    before = picture.copy()
    for is_mirrored, red in ((True, -1), (False, 0)):
        canvas = overlay.draw(picture, Overlay(is_mirrored=is_mirrored))
        row = canvas[overlay.HEIGHT // 2]
        assert row[red].tolist() == [0, 0, 255]  # BGR
        assert row[-1 - red].tolist() == [0, 0, 0]
    assert np.array_equal(picture, before)


@pytest.mark.parametrize("shape", [(352, 288), (240, 320), (48, 640), (9, 9)])
def test_any_picture_fits(shape):
    picture = np.full((*shape, 3), 255, np.uint8)
    canvas = overlay.draw(picture, Overlay(sign=sign(0.7, 0.2, 0.1)))
    assert canvas.shape == (overlay.HEIGHT + overlay.PANEL, overlay.WIDTH, 3)
    middle = canvas[overlay.HEIGHT // 2, overlay.WIDTH // 2]
    assert middle.tolist() == [255, 255, 255]


def test_hands_are_drawn_where_they_are():
    picture = np.zeros((60, 80, 3), np.uint8)
    landmarks = landmark_layout.empty(1)[0]
    right = slice(landmark_layout.HAND_DIM, 2 * landmark_layout.HAND_DIM)
    points = np.full((landmark_layout.HAND_POINTS, 3), 0.5)
    points[:, 0] = 0.8  # in heights, which is in the right half
    points[::2, 0] = 1.1
    landmarks[right] = points.ravel()
    for is_mirrored, half in ((True, slice(360)), (False, slice(360, None))):
        shown = Overlay(is_mirrored=is_mirrored, landmarks=landmarks)
        row = overlay.draw(picture, shown)[overlay.HEIGHT // 2]
        green = (row == skeleton.COLOURS[1][::-1]).all(axis=1)
        assert green[half].sum() == green.sum() > 150


def test_the_bars_are_as_long_as_the_guesses_are_likely():
    picture = np.zeros((60, 80, 3), np.uint8)

    def green(shown: Sign | None) -> int:
        canvas = overlay.draw(picture, Overlay(sign=shown))
        return int((canvas == overlay.GREEN).all(axis=2).sum())

    likely, less = green(sign(0.9, 0.1)), green(sign(0.45, 0.4))
    assert likely > 1.6 * less > 0
    assert green(sign(0.9, 0.1, is_known=False)) == 0
    assert green(None) == 0


def test_umlauts_are_drawn_and_long_names_are_cut():
    def drawn(text: str, most: int | None = None) -> np.ndarray:
        canvas = np.zeros((60, 400, 3), np.uint8)
        lettering.write(canvas, text, (5, 40), 24, overlay.WHITE, most=most)
        return canvas

    assert len({drawn(text).tobytes() for text in "äöüßÄ?"}) == 6
    wide = drawn("Donaudampfschifffahrt", most=100)
    assert wide[:, :105].any() and not wide[:, 106:].any()


def test_the_state_is_told():
    shown = Overlay()
    by_key = ByKey(4)
    window.describe(shown, 0.0, by_key, is_thinking=False)
    assert shown.state == "ready" and shown.strength is None
    by_key.press()
    by_key.update(0.0, np.zeros((4, 4, 3), np.uint8))
    window.describe(shown, 0.0, by_key, is_thinking=False)
    assert (shown.state, shown.countdown) == ("get ready", 3)
    by_key.update(3.0, np.zeros((4, 4, 3), np.uint8))
    window.describe(shown, 4.25, by_key, is_thinking=False)
    assert (shown.state, shown.countdown) == ("recording 1.2 s", None)
    by_motion = ByMotion(0.8)
    window.describe(shown, 9.0, by_motion, is_thinking=True)
    assert (shown.state, shown.strength) == ("thinking", 0)


# --- On a screen ------------------------------------------------------------


def test_without_a_display_headless_is_named(monkeypatch, capsys, tmp_path):
    if not sys.platform.startswith("linux"):
        pytest.skip("only X and Wayland can be missing")
    root = trained_model_only(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    args = ["0", *folders(root)]
    assert arguments.run(live.main, args) == 2
    error = capsys.readouterr().err
    assert error == (
        "error: there is no display; run without a window: --headless\n"
    )
    monkeypatch.setenv("DISPLAY", ":4711")
    assert arguments.run(live.main, args) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: no window can be opened")
    assert error.endswith("run without a window: --headless\n")


def trained_model_only(root: Path) -> Path:
    """A folder that looks as if there were a model; it is not loaded."""
    name = "20260101-000000-lstm-1in1"
    (root / "model").mkdir()
    (root / "model" / f"{name}-best.keras").touch()
    (root / "model" / f"{name}.json").write_text(
        '{"run": "", "dataset": "", "frames": 1, "input": "raw", '
        '"features": {"cnn": ""}, "classes": []}'
    )
    return root


@pytest.fixture
def screen() -> Iterator[str]:
    """The name of a virtual screen."""
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    reader, writer = os.pipe()
    # Without -noreset, it cannot be reached for a moment after its last window
    # was closed.
    command = ["Xvfb", "-noreset", "-displayfd", str(writer)]
    command += ["-screen", "0", "800x800x24"]
    server = subprocess.Popen(
        [*command, "-nolisten", "tcp"],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as pipe:
        number = pipe.readline().strip()
    try:
        if not number:
            pytest.skip("Xvfb does not start here")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()


class Keyboard:
    """Types into the window of a program on a virtual screen."""

    def __init__(self, display: str):
        self.environment = {**os.environ, "DISPLAY": display}

    def do(self, *args: str) -> str:
        return subprocess.run(
            ["xdotool", *args],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        ).stdout.strip()

    def wait_for_window(self, program: subprocess.Popen[str]) -> None:
        ends = time.monotonic() + PATIENCE
        while not self.do("search", "--onlyvisible", "--name", "^Signs$"):
            assert time.monotonic() < ends, "no window came up"
            assert program.poll() is None, program.communicate()
            time.sleep(0.2)

    def press(self, key: str) -> None:
        found = self.do("search", "--onlyvisible", "--name", "^Signs$")
        self.do("windowfocus", found.split()[0])
        self.do("key", key)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return trained(tmp_path_factory)


def test_keys_record_a_sign_and_end(root: Path, tmp_path: Path, screen: str):
    rows = known_clips(root, 4)
    clips = [pictures_of(root, row) for _, row in rows.iterrows()]
    video = write_recording(tmp_path / "a.avi", clips * 2)
    model, record = last_model(root)
    keyboard = Keyboard(screen)
    program = subprocess.Popen(
        [sys.executable, "live.py", str(video), "--seconds"]
        + ["1.5", "--threshold", "0", "--model", str(model), *folders(root)],
        cwd=Path(live.__file__).parent,
        env=keyboard.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        keyboard.wait_for_window(program)
        assert program.stdout is not None
        assert "model" in program.stdout.readline()
        keyboard.press("space")
        # Three seconds of countdown, and one and a half of recording.
        answer = program.stdout.readline()
        if answer.startswith("converting"):  # once, for the next time
            answer = program.stdout.readline()
        start, end = (
            float(x) for x in answer.partition(" s:")[0].split(" to ")
        )
        assert 1.4 < end - start < 5  # on a busy machine, pictures are skipped
        labels = [row["label"] for row in record["classes"]]
        assert answer.partition(": ")[2].split()[0] in labels
        keyboard.press("q")
        assert program.wait(PATIENCE) == 0
        assert program.communicate()[1] == ""
    finally:
        program.kill()
        program.communicate()


class Message(ctypes.Structure):
    """X11's XClientMessageEvent, as long as its XEvent."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 24),
    ]


def click_on_the_cross(display: str, window: int) -> None:
    """Asks a window to close, as a window manager does.

    xdotool can do so in its newer versions only.
    """
    library = ctypes.util.find_library("X11")
    if library is None:
        pytest.skip("libX11 is not installed")
    x11 = ctypes.CDLL(library)
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    server = ctypes.c_void_p(x11.XOpenDisplay(display.encode()))
    kind = x11.XInternAtom(server, b"WM_PROTOCOLS", 0)
    message = Message(33, 0, 1, None, window, kind, 32)
    message.data[0] = x11.XInternAtom(server, b"WM_DELETE_WINDOW", 0)
    place = ctypes.c_ulong(window)
    assert x11.XSendEvent(server, place, 0, 0, ctypes.byref(message))
    x11.XCloseDisplay(server)


def test_a_window_that_is_closed_ends_the_program(screen: str):
    code = (
        "import numpy as np; from signs.inference.window import Window\n"
        "with Window() as window:\n"
        "    while not window.is_closed:\n"
        "        window.show(np.zeros((90, 90, 3), np.uint8))\n"
    )
    keyboard = Keyboard(screen)
    program = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(live.__file__).parent,
        env=keyboard.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        keyboard.wait_for_window(program)
        found = keyboard.do("search", "--onlyvisible", "--name", "^Signs$")
        click_on_the_cross(screen, int(found.split()[0]))
        assert program.wait(PATIENCE) == 0
        assert program.communicate()[1] == ""
    finally:
        program.kill()
        program.communicate()


def test_the_rate_is_that_of_the_last_second():
    rate = window.Rate()
    for _ in range(12):
        found = rate.tick()
        time.sleep(0.02)
    assert 15 < found < 51
    assert cv2.__version__ >= "5"  # whose fonts have umlauts
