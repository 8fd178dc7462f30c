"""A camera, a video file or an address on the network, picture by picture."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from signs.core.errors import UserError
from signs.video import decode
from signs.video.capture import (
    advice,
    is_capture,
    open_capture,
    without_password,
)

LATE = 0.1  # seconds behind its own pace after which a file skips pictures


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
        self._is_camera = is_capture(source)
        self.is_file = not self._is_camera and "://" not in source
        if self.is_file and not Path(source).is_file():
            raise UserError(
                f"there is no video {source}; give the number of a camera, "
                "the path of a video, or an address such as rtsp://..."
            )
        if self._is_camera:
            self._capture = open_capture(source)
        else:
            self._capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            self._capture.release()
            raise UserError(f"{self} cannot be opened; {self._advice()}")
        # What is filmed just now has no length; what lies on a server has.
        length = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.is_file = self.is_file or (not self._is_camera and length > 0)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0 < rate < 1000 else decode.USUAL_RATE

    def __str__(self) -> str:
        shown = without_password(self.source)
        return f"camera {shown}" if self._is_camera else shown

    def __enter__(self) -> "Camera":
        return self

    def __exit__(self, *_: object) -> None:
        self._capture.release()

    def pictures(
        self, at_own_pace: bool = True
    ) -> Iterator[tuple[float, np.ndarray]]:
        """Yields the time of each picture in seconds, and the picture (RGB).

        Times begin near 0 and grow from picture to picture: a file's are its
        own, a camera's those of their arrival.

        Args:
            at_own_pace: whether a file takes as long as it lasts, and skips
                pictures where what is done with them takes longer. Else none
                is skipped.

        Raises:
            UserError: if there is not a single picture.
        """
        began = time.monotonic()
        count, last = 0, -1.0
        while self._capture.grab():
            now = time.monotonic() - began
            if not self.is_file:
                last = now
            else:
                # Some files have no time stamps; then pictures are counted.
                stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                last = stamp if stamp > last else last + 1 / self.rate
                if at_own_pace and now > last + LATE:
                    self.skipped += 1
                    continue
                if at_own_pace:
                    time.sleep(max(0.0, last - now))
            picture = self._retrieve()
            if picture is not None:
                count += 1
                yield last, picture
        if not count:
            raise UserError(f"{self} gives no picture; {self._advice()}")

    def _retrieve(self) -> np.ndarray | None:
        """The picture (RGB) that was grabbed; None if it is damaged."""
        with suppress(cv2.error):
            done, picture = self._capture.retrieve()
            if done and picture is not None and picture.size:
                return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        return None

    def _advice(self) -> str:
        if self._is_camera:
            return advice(self.source)
        if "://" in self.source:
            return "is the address right, and can it be reached?"
        return "is it a video that OpenCV can read?"
