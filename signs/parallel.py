"""The same work on many clips, on all cores.

The work on one clip is a plain function of one picklable argument; nothing
here knows what it does.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any

from tqdm import tqdm

# Workers start afresh rather than as copies of this process, which may hold
# threads (TensorFlow's, OpenCV's) that do not survive being copied.
_CONTEXT = multiprocessing.get_context("spawn")
COSTS_ONE_CLIP = (ValueError, OSError)

Outcome = tuple[str, Any, BaseException | None]


def map_clips(
    function: Callable[[Any], Any],
    rows: dict[str, Any],
    workers: int,
    description: str,
    quiet: bool = False,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Calls `function(row)` for every clip, in several processes.

    Args:
        function: importable by name; returns something small and picklable.
            A `ValueError` or `OSError` it raises costs one clip, not the
            run; so does the death of its process.
        rows: what `function` takes, by clip.
        workers: how many processes; 1 works in this process.
        description: shown beside the progress bar.
        quiet: no progress bar.

    Returns:
        What the function returned, by clip, and the reasons of the clips
        that failed, by clip.
    """
    outcomes = _outcomes(function, rows, workers)
    return collect(outcomes, len(rows), description, quiet)


def collect(
    outcomes: Iterable[Outcome],
    total: int,
    description: str,
    quiet: bool = False,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Gathers outcomes under a progress bar; see `map_clips`.

    Args:
        outcomes: (clip, result, error), one a clip.
        total: how many there will be.
        description: shown beside the progress bar.
        quiet: no progress bar.
    """
    results: dict[str, Any] = {}
    failures: dict[str, str] = {}
    bar = tqdm(
        total=total,
        desc=description,
        unit="clip",
        disable=True if quiet else None,
    )
    with bar:
        for clip, result, error in outcomes:
            if error is None:
                results[clip] = result
            else:
                failures[clip] = reason(error)
            bar.update()
    return results, failures


def reason(error: BaseException) -> str:
    """One line that tells a person why a clip failed."""
    if isinstance(error, BrokenProcessPool):
        return "the process that worked on it died (the decoder crashed)"
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{place}"
    return " ".join(str(error).split()) or type(error).__name__


def _outcomes(
    function: Callable[[Any], Any], rows: dict[str, Any], workers: int
) -> Iterator[Outcome]:
    """Yields (clip, result, error) in the order the clips are finished."""
    if workers == 1 or len(rows) <= 1:
        for clip, row in rows.items():
            try:
                yield clip, function(row), None
            except COSTS_ONE_CLIP as error:
                yield clip, None, error
        return
    undone = yield from _pooled(function, rows, workers)
    # A process died, which breaks the pool and everything under way in it.
    # The clips that it worked on are among the first ones undone; they go
    # again, each in a process of its own, so that only the guilty one fails.
    while undone:
        for clip in list(undone)[:workers]:
            yield from _alone(function, clip, undone.pop(clip))
        undone = yield from _pooled(function, undone, workers)


def _pooled(
    function: Callable[[Any], Any], rows: dict[str, Any], workers: int
) -> Generator[Outcome, None, dict[str, Any]]:
    """Yields outcomes; returns the rows that a broken pool left undone."""
    undone = dict(rows)
    waiting = iter(rows.items())
    under_way: dict[Future[Any], str] = {}
    with _pool(min(workers, len(rows))) as pool:
        try:
            while undone:
                # A short queue keeps the memory flat over millions of clips.
                for clip, row in islice(waiting, 4 * workers - len(under_way)):
                    under_way[pool.submit(function, row)] = clip
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    error = future.exception()
                    if error and not isinstance(error, COSTS_ONE_CLIP):
                        raise error
                    clip = under_way.pop(future)
                    del undone[clip]
                    yield clip, None if error else future.result(), error
        except BrokenProcessPool:
            pass
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return undone


def _alone(
    function: Callable[[Any], Any], clip: str, row: Any
) -> Iterator[Outcome]:
    """Yields the outcome of one clip in a process of its own."""
    with _pool(1) as pool:
        try:
            yield clip, pool.submit(function, row).result(), None
        except (*COSTS_ONE_CLIP, BrokenProcessPool) as error:
            yield clip, None, error


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        # Windows can wait for no more processes than these.
        min(workers, 61) if sys.platform == "win32" else workers,
        mp_context=_CONTEXT,
        initializer=_start_worker,
    )


def _start_worker() -> None:
    """Lets a worker live as long as the process it works for."""
    # Ctrl-C reaches every process of the terminal. Only the first one, which
    # tells the others to stop after their clip, should answer it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # If the first one is killed, nobody would tell this one to end.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
