"""A process that looks at videos, and may hang or die over one."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pebble import ProcessExpired, ProcessPool

from signs.core.errors import UserError

Result = TypeVar("Result")


class Worker:
    """Runs functions on videos, one after the other; the page lives on.

    Args:
        seconds: the longest that one may take.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # A fork of a process with threads could wait for ever.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPool(max_workers=1, context=context)

    def run(
        self, function: Callable[..., Result], video: Path, *others: object
    ) -> Result:
        """Calls a function of a video.

        Args:
            function: importable by name.
            video: its first argument.
            others: its other ones.

        Raises:
            UserError: if it raises one, or the video cannot be read, with the
                reason.
        """
        try:
            return self._pool.schedule(
                function, args=[video, *others], timeout=self._seconds
            ).result()
        except TimeoutError as error:
            reason = f"it took longer than {self._seconds:.0f} seconds"
            raise UserError(f"{video.name}: {reason}") from error
        except ProcessExpired as error:
            raise UserError(
                f"{video.name}: the decoder crashed on it"
            ) from error
        except (ValueError, OSError) as error:
            reason = str(error).replace(f": {video}", "")
            raise UserError(f"{video.name}: {reason}") from error

    def begin(self, function: Callable[..., object], *others: object) -> None:
        """Calls a function later, when the process has time for it.

        What it raises is of no interest: `run` will say it again.
        """
        self._pool.schedule(function, args=list(others))

    def close(self) -> None:
        self._pool.stop()
        self._pool.join()
