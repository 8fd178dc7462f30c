"""The same work on many clips, on all cores.

The work on one clip is a plain function of one picklable argument; nothing
here knows what it does.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from tqdm import tqdm

from signs.core.errors import UserError
from signs.core.files import is_full

# Workers start afresh rather than as copies of this process, which may hold
# threads (TensorFlow's, OpenCV's) that do not survive being copied.
_CONTEXT = multiprocessing.get_context("spawn")
# Windows can wait for no more processes than these.
_MOST_WORKERS = 61 if sys.platform == "win32" else 1024
_MOST_STILLBORN = 5  # processes in a row that die before they work
_GRACE = 2.0  # seconds that workers have to finish their clips in the end
# Variables by which libraries that compute are told how many threads to use.
THREADS = [
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
]
COSTS_ONE_CLIP = (UserError, ValueError, OSError, MemoryError)

Outcome = tuple[str, Any, BaseException | None]
# Works on some clips, whose rows it is given, and yields what came of them.
Work = Callable[[dict[str, Any]], Iterable[Outcome]]


def map_clips(
    function: Callable[[Any], Any],
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
    function: Callable[[Any], Any],
    rows: Mapping[str, Any],
    workers: int,
    timeout: float | None = None,
) -> Generator[Outcome, None, None]:
    """Yields (clip, result, error) as clips are finished; see `map_clips`.

    It is to be closed: that ends the processes.
    """
    if timeout is None and (workers == 1 or len(rows) <= 1):
        return in_this_process(function, rows)
    return _in_processes(function, rows, workers, timeout)


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
        description: shown beside the progress bar.
        quiet: no progress bar.
        keep: whether the results are wanted.
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


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Lets processes that are started meanwhile use so many threads each."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, str(number)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def late(seconds: float) -> TimeoutError:
    """The reason of a clip that took too long."""
    return TimeoutError(f"given up after {seconds:g} s (see --timeout)")


def in_this_process(
    function: Callable[[Any], Any], rows: Mapping[str, Any]
) -> Generator[Outcome, None, None]:
    """Yields (clip, result, error), one clip after the other."""
    for clip, row in rows.items():
        try:
            yield clip, function(row), None
        except COSTS_ONE_CLIP as error:
            if ends_the_run(error):
                raise
            yield clip, None, error


def _in_processes(
    function: Callable[[Any], Any],
    rows: Mapping[str, Any],
    workers: int,
    timeout: float | None,
) -> Generator[Outcome, None, None]:
    """Yields (clip, result, error) in the order the clips are finished."""
    left = deque(rows.items())
    team = [
        _Worker(function, timeout)
        for _ in range(min(workers, len(rows), _MOST_WORKERS))
    ]
    try:
        stillborn = 0
        while team:
            for worker in _wait_for_some(team):
                outcome = worker.outcome()
                is_stillborn = worker.is_gone and outcome is None
                stillborn = stillborn + 1 if is_stillborn else 0
                if stillborn == _MOST_STILLBORN:
                    raise UserError(
                        "the processes to work in die at their start "
                        f"({worker.ending()}); try again with fewer --workers, "
                        "which need less memory"
                    )
                if left and not worker.is_gone:
                    worker.begin(*left.popleft())
                else:
                    team.remove(worker)
                    worker.pipe.close()
                    if left:
                        team.append(_Worker(function, timeout))
                if outcome is not None:
                    yield outcome
    finally:
        _end(team)


class _Worker:
    """A process that works on one clip after the other.

    Each has a pipe of its own, so that one that is killed takes nothing with
    it but its clip. (Pools share their queues: a process that dies while it
    holds one breaks the pool.)
    """

    def __init__(self, function: Callable[[Any], Any], timeout: float | None):
        self.pipe, theirs = _CONTEXT.Pipe()
        self.process = _CONTEXT.Process(
            target=_work, args=(function, theirs), daemon=True
        )
        _start_out_of_reach(self.process)
        theirs.close()
        self.is_gone = False
        self.deadline = float("inf")
        self._timeout = float("inf") if timeout is None else timeout
        self._clip: str | None = None  # None until it has started

    def begin(self, clip: str, row: Any) -> None:
        """Gives it a clip to work on."""
        self._clip = clip
        self.deadline = time.monotonic() + self._timeout
        with suppress(OSError):  # it has just died, which `outcome` will see
            self.pipe.send(row)

    def outcome(self) -> Outcome | None:
        """What came of its clip; None if it had none yet.

        Raises:
            BaseException: what ends the run.
        """
        try:
            if not self.pipe.poll():  # late
                self.process.kill()
                return self._lost(late(self._timeout))
            result, error = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            text = f"the process that worked on it died ({self.ending()})"
            return self._lost(ChildProcessError(text))
        clip, self._clip = self._clip, None
        self.deadline = float("inf")
        if error is not None and ends_the_run(error):
            raise error
        return None if clip is None else (clip, result, error)

    def _lost(self, error: OSError) -> Outcome | None:
        self.is_gone = True
        return None if self._clip is None else (self._clip, None, error)

    def ending(self) -> str:
        """How its process ended."""
        code = self.process.exitcode or 0
        name = signal.strsignal(-code) if code < 0 else None
        return name or f"exit code {code}"


def _wait_for_some(team: list[_Worker]) -> list[_Worker]:
    """Waits for workers that have something to say, have died, or are late."""
    first = min(worker.deadline for worker in team) - time.monotonic()
    said = wait([worker.pipe for worker in team], max(0.0, min(first, 60.0)))
    now = time.monotonic()
    return [x for x in team if x.pipe in said or x.deadline <= now]


def _end(team: list[_Worker]) -> None:
    """Ends workers, after their clips if those are done soon."""
    for worker in team:
        worker.pipe.close()
    end = time.monotonic() + _GRACE
    for worker in team:
        worker.process.join(max(0.0, end - time.monotonic()))
        worker.process.kill()


# --- In the worker's process ------------------------------------------------


def _start_out_of_reach(process: BaseProcess) -> None:
    """Starts a process that Ctrl-C does not stop.

    Ctrl-C reaches every process of the terminal. Only the first one, which
    tells the others to stop after their clip, should answer it.
    """
    if threading.current_thread() is not threading.main_thread():
        process.start()
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.start()  # inherits what is ignored
    finally:
        signal.signal(signal.SIGINT, handler)


def _work(function: Callable[[Any], Any], pipe: Connection) -> None:
    """Works on clips until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # If the first process is killed, nobody would tell this one to end.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        pipe.send((None, None))
        while True:
            row = pipe.recv()
            pipe.send(_try(function, row))


def _try(
    function: Callable[[Any], Any], row: Any
) -> tuple[Any, BaseException | None]:
    try:
        return function(row), None
    except COSTS_ONE_CLIP as error:
        return None, error
    except Exception as error:
        error.add_note(traceback.format_exc())  # else lost on the way
        return None, error


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
