"""Filming take after take with OpenCV's window; what record.py does."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from signs.app import takes
from signs.app.takes import Take
from signs.core.errors import UserError
from signs.data.clips_table import Dataset
from signs.inference import overlay
from signs.inference.overlay import Overlay
from signs.inference.window import QUIT, SPACE, Window
from signs.video.stream import Stream

COUNTDOWN, SHOWN = 2.1, 1.5  # seconds before a take, and after it
DISCARD = (ord("d"), ord("D"))


@dataclass
class Filming:
    """What goes on: resting, counting down, filming, or showing a take.

    Time is that of the stream, so it does not matter how fast it is shown.

    Attributes:
        seconds: how long a take is.
        state: `rest`, `countdown`, `take` or `shown`.
        since: when that began.
        pictures: of the take under way: times, and RGB.
    """

    seconds: float
    state: str = "rest"
    since: float = 0.0
    pictures: list[tuple[float, np.ndarray]] = field(default_factory=list)

    def press(self, now: float) -> None:
        """Space was pressed: starts, or stops and drops what is under way."""
        self._enter("countdown" if self.state == "rest" else "rest", now)

    def update(
        self, now: float, picture: np.ndarray
    ) -> list[tuple[float, np.ndarray]] | None:
        """Takes the next picture; gives the pictures of a take that ended."""
        passed = now - self.since
        if self.state == "countdown" and passed >= COUNTDOWN:
            self._enter("take", now)
        elif self.state == "shown" and passed >= SHOWN:
            self._enter("countdown", now)
        if self.state != "take":
            return None
        self.pictures.append((now, picture))
        if now - self.since < self.seconds:
            return None
        taken = self.pictures
        self._enter("shown", now)
        return taken

    def describe(self, now: float, shown: Overlay) -> None:
        """Says in the overlay what is going on."""
        left = COUNTDOWN - (now - self.since)
        shown.countdown = None
        if self.state == "countdown":
            shown.state, shown.colour = "get ready", overlay.AMBER
            shown.countdown = min(3, int(left / COUNTDOWN * 3) + 1)
        elif self.state == "take":
            shown.state, shown.colour = "sign now", overlay.RED
        elif self.state == "shown":
            shown.state, shown.colour = "kept; d discards it", overlay.GREEN
        else:
            shown.state, shown.colour = "resting", overlay.PALE

    def _enter(self, state: str, now: float) -> None:
        self.state, self.since, self.pictures = state, now, []


def film(
    stream: Stream,
    dataset: Dataset,
    sign: str,
    signer: str,
    seconds: float,
    most: int | None = None,
) -> Iterator[tuple[str, Take]]:
    """Films takes of a sign until the window is closed.

    Args:
        stream: a camera.
        dataset: where takes are filed.
        sign, signer: what is filmed, and who signs.
        seconds: how long a take is.
        most: how many takes; None films on.

    Yields:
        `kept` or `discarded`, and the take.

    Raises:
        UserError: if there is no screen, or no picture.
    """
    filming = Filming(seconds)
    shown = Overlay(model=f"{sign}, {signer}", keys="space  ·  d  ·  q")
    shown.hint = "Space starts and stops filming; d discards the last take."
    last: Take | None = None
    kept = 0
    with Window() as window:
        for now, picture in stream.pictures():
            taken = filming.update(now, picture)
            if taken:
                last = file_take(dataset, sign, signer, taken)
                kept += 1
                shown.hint = f"{last.path.name}: take {kept}"
                yield "kept", last
                if most is not None and kept >= most:
                    return
            filming.describe(now, shown)
            key = window.show(overlay.draw(picture, shown))
            if key in QUIT or window.is_closed:
                return
            if key == SPACE:
                filming.press(now)
            elif key in DISCARD and last is not None:
                takes.discard(dataset, last)
                yield "discarded", last
                last, kept = None, kept - 1


def file_take(
    dataset: Dataset,
    sign: str,
    signer: str,
    pictures: list[tuple[float, np.ndarray]],
) -> Take:
    """Files pictures as the next take.

    Args:
        pictures: times in seconds, and RGB, uint8.

    Raises:
        UserError: if a video of them cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = write_video(Path(folder) / "take.mp4", pictures)
        return takes.add(dataset, sign, signer, path)


def write_video(path: Path, pictures: list[tuple[float, np.ndarray]]) -> Path:
    """Writes pictures as a video, at the rate that they came in.

    Args:
        path: the file to write.
        pictures: times in seconds, and RGB, uint8.

    Raises:
        UserError: if a video of them cannot be written.
    """
    passed = pictures[-1][0] - pictures[0][0]
    rate = (len(pictures) - 1) / passed if passed > 0 else 25.0
    height, width = pictures[0][1].shape[:2]
    codec = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(path), codec, rate, (width, height))
    if not writer.isOpened():
        raise UserError(f"a video of {width}x{height} cannot be written")
    for _, picture in pictures:
        writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    writer.release()
    return path
