"""A camera, a video file or an address on the network, picture by picture."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from av.video.frame import VideoFrame

from signs.core.errors import UserError
from signs.video.capture import (
    advice,
    is_capture,
    open_capture,
    without_password,
)
from signs.video.video_file import USUAL_RATE, NoVideoError, Video

LATE = 0.1  # seconds behind its own pace after which a file skips pictures

# A picture's time in seconds, None for now; and what makes it, in RGB.
Grabbed = tuple[float | None, Callable[[], np.ndarray | None]]


class Camera:
    """A stream of pictures.

    Attributes:
        source: number of a camera, path of a file, or an address.
        is_file: whether it is a file, here or on a server, which can be
            read at any pace.
        rate: pictures a second, as far as the source says.
        skipped: pictures that were left out to keep a file's own pace.
    """

    def __init__(self, source: str):
        """Opens a source.

        Args:
            source: a camera, see `capture.open_capture`; `rtsp://...` or
                `http://...` an address; all else the path of a video file.

        Raises:
            UserError: if it cannot be opened.
        """
        self.source = source
        self.skipped = 0
        self._video: Video | None = None
        self._capture: cv2.VideoCapture | None = None
        if is_capture(source):
            self._capture = open_capture(source)
            self.is_file = False
            rate = self._capture.get(cv2.CAP_PROP_FPS)
            self.rate = rate if 0 < rate < 1000 else USUAL_RATE
        else:
            is_address = "://" in source
            self._video = self._open_video(is_address)
            # What is filmed just now has no length; what lies on a server
            # has.
            self.is_file = not is_address or self._video.duration is not None
            self.rate = self._video.rate

    def _open_video(self, is_address: bool) -> Video:
        if not is_address and not Path(self.source).is_file():
            raise UserError(
                f"there is no video {self.source}; give the number of a "
                "camera, the path of a video, or an address such as rtsp://..."
            )
        try:
            # More threads would hold back what is being filmed.
            return Video(self.source, threads=1 if is_address else 0)
        except NoVideoError as error:
            raise UserError(
                f"{self} cannot be opened ({error}); {self._advice()}"
            ) from error

    def __str__(self) -> str:
        shown = without_password(self.source)
        return shown if self._capture is None else f"camera {shown}"

    def __enter__(self) -> "Camera":
        return self

    def __exit__(self, *_: object) -> None:
        if self._video is not None:
            self._video.close()
        if self._capture is not None:
            self._capture.release()

    def pictures(
        self, at_own_pace: bool = True
    ) -> Iterator[tuple[float, np.ndarray]]:
        """Yields the time of each picture in seconds, and the picture (RGB).

        Times begin near 0 and grow from picture to picture: a file's are its
        own, a camera's those of their arrival. All pictures have the size of
        the first.

        Args:
            at_own_pace: whether a file takes as long as it lasts, and skips
                pictures where what is done with them takes longer. Else none
                is skipped.

        Raises:
            UserError: if there is not a single picture.
        """
        began = time.monotonic()
        size: tuple[int, int] | None = None
        for due, make in self._grab():
            now = time.monotonic() - began
            if due is not None and at_own_pace:
                if now > due + LATE:
                    self.skipped += 1
                    continue
                time.sleep(max(0.0, due - now))
            picture = make()
            if picture is None:
                continue
            height, width = picture.shape[:2]
            size = size or (width, height)
            if (width, height) != size:
                picture = cv2.resize(picture, size)
            yield now if due is None else due, picture
        if size is None:
            raise UserError(f"{self} gives no picture; {self._advice()}")

    def _grab(self) -> Iterator[Grabbed]:
        if self._video is not None:
            for seconds, frame in self._video.frames():
                due = seconds if self.is_file else None
                yield due, partial(_convert, self._video, frame)
        if self._capture is not None:
            while self._capture.grab():
                yield None, partial(_retrieve, self._capture)

    def _advice(self) -> str:
        if self._capture is not None:
            return advice(self.source)
        if "://" in self.source:
            return "is the address right, and can it be reached?"
        return "is it a video that FFmpeg can read?"


def _convert(video: Video, frame: VideoFrame) -> np.ndarray | None:
    """A decoded picture (RGB); None if it is of a form that is not known."""
    with suppress(ValueError):
        return video.picture(frame)
    return None


def _retrieve(capture: cv2.VideoCapture) -> np.ndarray | None:
    """The picture (RGB) that was grabbed; None if it is damaged."""
    with suppress(cv2.error):
        done, picture = capture.retrieve()
        if done and picture is not None and picture.size:
            return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    return None
