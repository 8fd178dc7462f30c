"""The window of the live recognition: pictures out, keys in."""

import math
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from signs.core.errors import UserError
from signs.inference import overlay
from signs.inference.live import Live, Sign
from signs.inference.overlay import Overlay
from signs.inference.segmenter import ByKey, ByMotion
from signs.video.stream import Stream

TITLE = "Signs"
LINGERS = 2.0  # seconds that the window stays after the last picture
SPACE = 32
QUIT = (27, ord("q"), ord("Q"))
FLAGS = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
# Asked of another process: without a display, Qt ends the one that asks.
PROBE = "import cv2; cv2.namedWindow('probe'); cv2.destroyAllWindows()"


def watch(
    stream: Stream,
    live: Live,
    segmenter: ByKey | ByMotion,
    model: str,
    is_mirrored: bool,
) -> Iterator[Sign]:
    """Shows a stream and what is recognised in it, until it is closed.

    Args:
        stream: where the pictures come from.
        live: what recognises them, by `segmenter`.
        segmenter: what starts and ends a sign.
        model: what is shown of the model.
        is_mirrored: whether the picture is shown as in a mirror. Only the
            eye sees it so.

    Yields:
        Each sign when its answer is there.

    Raises:
        UserError: if there is no screen, or no picture.
    """
    shown = Overlay(model=model, is_mirrored=is_mirrored)
    is_by_key = isinstance(segmenter, ByKey)
    shown.keys = "space: record  ·  q: quit" if is_by_key else "q: quit"
    shown.hint = (
        "Press space, sign after the countdown, press space again."
        if is_by_key
        else "Sign, and let your hands rest after each sign."
    )
    rate = Rate()
    picture = np.zeros((overlay.HEIGHT, overlay.WIDTH, 3), np.uint8)
    with Window() as window:

        def is_left_while_waiting() -> bool:
            shown.state, shown.colour = "no pictures: trying again", overlay.RED
            key = window.show(overlay.draw(picture, shown))
            return key in QUIT or window.is_closed

        pictures = stream.pictures(is_over=is_left_while_waiting)
        for seconds, picture in pictures:
            for sign in live.update(seconds, picture):
                shown.sign = sign
                yield sign
            shown.rate = rate.tick()
            shown.landmarks = live.landmarks()
            describe(shown, seconds, segmenter, live.is_thinking)
            key = window.show(overlay.draw(picture, shown))
            if key in QUIT or window.is_closed:
                return
            if key == SPACE and isinstance(segmenter, ByKey):
                segmenter.press()
        for sign in live.finish():
            shown.sign = sign
            yield sign
        if window.is_closed:
            return
        shown.state, shown.colour = "the video has ended", overlay.PALE
        shown.countdown = shown.strength = shown.landmarks = None
        canvas = overlay.draw(picture, shown)
        ends = time.monotonic() + LINGERS
        while time.monotonic() < ends and not window.is_closed:
            if window.show(canvas) in QUIT:
                return
            time.sleep(0.02)


def describe(
    shown: Overlay,
    seconds: float,
    segmenter: ByKey | ByMotion,
    is_thinking: bool,
) -> None:
    """Says in the overlay what is going on.

    Args:
        shown: the overlay.
        seconds: time of the stream.
        segmenter: what starts and ends a sign.
        is_thinking: whether an answer is due.
    """
    shown.countdown = None
    if isinstance(segmenter, ByMotion):
        shown.strength = segmenter.strength
    elif segmenter.countdown is not None:
        shown.countdown = math.ceil(segmenter.countdown)
    if segmenter.start is not None:
        shown.state = f"recording {seconds - segmenter.start:.1f} s"
        shown.colour = overlay.RED
    elif shown.countdown is not None:
        shown.state, shown.colour = "get ready", overlay.AMBER
    elif is_thinking:
        shown.state, shown.colour = "thinking", overlay.AMBER
    else:
        shown.state, shown.colour = "ready", overlay.GREEN


class Rate:
    """Pictures a second, over the last second or so."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=31)

    def tick(self) -> float:
        now = time.monotonic()
        self._times.append(now)
        while self._times[0] < now - 2:
            self._times.popleft()
        passed = now - self._times[0]
        return (len(self._times) - 1) / passed if passed > 0 else 0.0


class Window:
    """A window on the screen. Use it in a `with` statement."""

    def __init__(self) -> None:
        """Opens it.

        Raises:
            UserError: if there is no screen.
        """
        check_screen()
        # OpenCV's Qt warns of each font that it lacks; it draws no text here.
        os.environ["QT_QPA_FONTDIR"] = str(Path(cv2.__file__).parent)
        cv2.namedWindow(TITLE, FLAGS)
        cv2.resizeWindow(TITLE, overlay.WIDTH, overlay.HEIGHT + overlay.PANEL)

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(cv2.error):
            cv2.destroyAllWindows()
            cv2.waitKey(1)

    def show(self, canvas: np.ndarray) -> int:
        """Shows a picture (BGR), and gives the key pressed meanwhile.

        Returns:
            The key's code; -1 if none was pressed.
        """
        cv2.imshow(TITLE, canvas)
        key = cv2.waitKey(1)
        return key if key < 0 else key & 0xFF

    @property
    def is_closed(self) -> bool:
        try:
            return cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1
        except cv2.error:  # what Qt says after the last window
            return True


def check_screen() -> None:
    """Raises a `UserError` if no window can be opened."""
    advice = "run without a window: --headless"
    if sys.platform.startswith("linux"):
        names = ("DISPLAY", "WAYLAND_DISPLAY")
        if not any(os.environ.get(name) for name in names):
            raise UserError(f"there is no display; {advice}")
        command = [sys.executable, "-c", PROBE]
        found = subprocess.run(command, capture_output=True, text=True)
        if found.returncode:
            lines = found.stderr.split("\n")
            reason = next((x for x in lines if "rror" in x), "it is not there")
            raise UserError(f"no window can be opened ({reason}); {advice}")
        return
    try:
        cv2.namedWindow(TITLE, FLAGS)
    except cv2.error as error:
        raise UserError(
            f"no window can be opened ({error.err}); {advice}"
        ) from error
