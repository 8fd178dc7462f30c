"""Pictures of a source that may stop for a while, and goes on again."""

import time
from collections.abc import Callable, Iterator

import numpy as np

from signs.core.errors import UserError
from signs.core.messages import log
from signs.video.camera import Camera
from signs.video.capture import is_capture

FIRST_WAIT, LONGEST_WAIT = 0.1, 8.0  # seconds between two tries
REGRABS = 3  # tries before a camera is opened anew
_STEP = 0.05  # seconds between two looks whether to go on waiting


class Stream:
    """A `Camera` that is opened again when it gives no more pictures.

    A camera may fail to give a picture, be unplugged for a moment, or its
    network may break. It is tried again, at first soon, then after twice the
    time each. A file that has ended has ended.

    Attributes:
        is_file: whether it can be read at any pace; see `Camera`.
    """

    def __init__(self, source: str, patience: float = 0.0):
        """Opens a source.

        Args:
            source: see `Camera`.
            patience: seconds without a picture after which to give up; 0
                never tries again.

        Raises:
            UserError: if it cannot be opened.
        """
        self._source = source
        self._patience = patience
        self._camera = Camera(source)
        self.is_file = self._camera.is_file

    def __str__(self) -> str:
        return str(self._camera)

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self._camera.__exit__(*_)

    def pictures(
        self,
        at_own_pace: bool = True,
        is_over: Callable[[], bool] = lambda: False,
    ) -> Iterator[tuple[float, np.ndarray]]:
        """Yields the time of each picture in seconds, and the picture (RGB).

        Times go on over an interruption.

        Args:
            at_own_pace: see `Camera.pictures`.
            is_over: is asked again and again while there are no pictures:
                whether to give up.

        Raises:
            UserError: if there is not a single picture.
        """
        if self.is_file:
            yield from self._camera.pictures(at_own_pace)
            return
        began = seen = time.monotonic()
        for _, picture in self._camera.pictures():
            seen = time.monotonic()
            yield seen - began, picture
        while self._patience and not is_over():
            log.warning(f"{self} gives no more pictures; trying again")
            lost = seen
            for picture in self._pictures_again(seen, is_over):
                if lost == seen:
                    now = time.monotonic()
                    log.info(f"{self} is back after {now - lost:.1f} s")
                seen = time.monotonic()
                yield seen - began, picture
            if seen == lost:
                break
        log.warning(f"{self} gives no more pictures")

    def _pictures_again(
        self, seen: float, is_over: Callable[[], bool]
    ) -> Iterator[np.ndarray]:
        """Tries again until there are pictures, and yields those.

        Args:
            seen: when the last picture was seen.
            is_over: see `pictures`.
        """
        ends = seen + self._patience
        wait = FIRST_WAIT
        tries = 0
        while _wait(min(wait, ends - time.monotonic()), is_over):
            tries += 1
            wait = min(2 * wait, LONGEST_WAIT)
            found = False
            try:
                if tries > REGRABS or not is_capture(self._source):
                    self._camera.__exit__()
                    self._camera = Camera(self._source)
                for _, picture in self._camera.pictures():
                    found = True
                    yield picture
            except UserError:
                pass  # it is not there yet
            if found:
                return


def _wait(seconds: float, is_over: Callable[[], bool]) -> bool:
    """Waits so many seconds; whether to go on then."""
    if seconds <= 0:
        return False
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        if is_over():
            return False
        time.sleep(min(left, _STEP))
    return not is_over()
