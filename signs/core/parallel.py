"""The same work on many clips, on all cores.

The work on one clip is a plain function of one picklable argument; nothing
here knows what it does.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any, TypeVar

from signs.core.errors import UserError
from signs.core.files import is_full
from signs.core.pool import Function, Pool

COSTS_ONE_CLIP = (UserError, ValueError, OSError, MemoryError)

Outcome = tuple[str, Any, BaseException | None]
# Works on some clips, whose rows it is given, and yields what came of them.
Work = Callable[[dict[str, Any]], Iterable[Outcome]]
Result = TypeVar("Result")


def map_clips(
    function: Function,
    rows: Mapping[str, Any],
    workers: int,
    description: str,
    quiet: bool = False,
    timeout: float | None = None,
    keep: bool = True,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Calls `function(row)` for every clip, in several processes.

    Args:
        function: importable by name; returns something small and picklable.
            A `ValueError`, `OSError` or `MemoryError` it raises costs one
            clip, not the run; so does the death of its process. A
            `UserError` and a full disk end the run.
        rows: what `function` takes, by clip.
        workers: how many processes.
        description: shown beside the progress bar.
        quiet: no progress bar.
        timeout: seconds after which a clip is given up, and its process
            killed. None waits for ever, and works in this process if there
            is but one worker.
        keep: whether what the function returned is wanted.

    Returns:
        What the function returned, by clip, and the reasons of the clips
        that failed, by clip.
    """
    # Closing ends the processes, whatever happens.
    with closing(outcomes(function, rows, workers, timeout)) as found:
        return collect(found, len(rows), description, quiet, keep)


def outcomes(
    function: Function,
    rows: Mapping[str, Any],
    workers: int,
    timeout: float | None = None,
    cores: int | None = None,
) -> Generator[Outcome, None, None]:
    """Yields (clip, result, error) as clips are finished; see `map_clips`.

    Rows are asked for as they are needed. It is to be closed: that ends the
    processes.

    Args:
        cores: how many each process may use; None leaves that to libraries.
    """
    if timeout is None and (workers == 1 or len(rows) <= 1):
        yield from in_this_process(function, rows)
        return
    workers = min(workers, len(rows))
    with closing(Pool(function, workers, timeout, cores)) as pool:
        yield from in_pool(pool, rows)


def in_this_process(
    function: Function, rows: Mapping[str, Any]
) -> Generator[Outcome, None, None]:
    """Yields (clip, result, error), one clip after the other."""
    for clip, row in rows.items():
        try:
            yield clip, function(row), None
        except COSTS_ONE_CLIP as error:
            if ends_the_run(error):
                raise
            yield clip, None, error


def in_pool(
    pool: Pool, rows: Mapping[str, Any]
) -> Generator[Outcome, None, None]:
    """Yields (clip, result, error); raises what ends the run."""
    for clip, result, error in pool.outcomes(rows):
        if error is not None and ends_the_run(error):
            raise error
        yield clip, result, error


def in_order(
    outcomes: Iterable[Outcome], clips: Iterable[str]
) -> Iterator[Outcome]:
    """Yields outcomes in the order of the clips, not in that of the work."""
    early: dict[str, Outcome] = {}
    expected = iter(clips)
    following = next(expected, None)
    for outcome in outcomes:
        early[outcome[0]] = outcome
        while following in early:
            yield early.pop(following)
            following = next(expected, None)


def collect(
    outcomes: Iterable[Outcome],
    total: int,
    description: str,
    quiet: bool = False,
    keep: bool = True,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Gathers outcomes under a progress bar; see `map_clips`.

    Args:
        outcomes: (clip, result, error), one a clip.
        total: how many there will be.
    """
    from tqdm import tqdm

    results: dict[str, Any] = {}
    failures: dict[str, str] = {}
    hidden = True if quiet else None  # None: unless on a terminal
    with tqdm(
        total=total, desc=description, unit="clip", disable=hidden
    ) as bar:
        for clip, result, error in outcomes:
            if error is not None:
                failures[clip] = reason(error)
            elif keep:
                results[clip] = result
            bar.update()
    return results, failures


def reason(error: BaseException) -> str:
    """One line that tells a person why a clip failed."""
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{place}"
    return " ".join(str(error).split()) or type(error).__name__


def ends_the_run(error: BaseException) -> bool:
    """Whether no other clip can be done either, or there is a bug."""
    return (
        isinstance(error, UserError)
        or is_full(error)
        or not isinstance(error, COSTS_ONE_CLIP)
    )


def read_ahead(
    read: Callable[[Any], Result],
    rows: Mapping[str, Any],
    ahead: int,
    readers: int,
) -> Iterator[tuple[str, Future[Result]]]:
    """Yields the clips with what is read of them, some still being read.

    Args:
        read: gives the pictures of a clip, say.
        rows: what `read` takes, by clip.
        ahead: how many clips are read before they are asked for.
        readers: threads that read.
    """
    waiting: deque[tuple[str, Future[Result]]] = deque()
    with ThreadPoolExecutor(readers) as pool:
        try:
            for clip, row in rows.items():
                waiting.append((clip, pool.submit(read, row)))
                if len(waiting) > ahead:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        except BaseException:
            # Only then: after a normal end, the last ones are still read.
            pool.shutdown(cancel_futures=True)
            raise
