"""Processes that work side by side, by Pebble, and what is to be said of it.

See https://pebble.readthedocs.io.
"""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from typing import Any

from signs.core.errors import UserError

# Workers start afresh rather than as copies of this process, which may hold
# threads (TensorFlow's, OpenCV's) that do not survive being copied.
_CONTEXT: Any = multiprocessing.get_context("spawn")
_MOST_BROKEN = 5  # pools in a row that do no clip at all
_GRACE = 2.0  # seconds that workers have to finish their clips in the end
_SILENCE = 90.0  # seconds beyond the timeout after which a pool is stuck
# Variables by which libraries that compute are told how many threads to use.
THREADS = [
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
]

Function = Callable[[Any], Any]


class Pool:
    """Processes that call one function for one clip after the other.

    One that dies or hangs costs its clip, and another takes its place. They
    share a pipe, and one that is killed just while it holds the pipe's lock
    breaks the pool: then a new pool does again what was under way.

    Args:
        function: importable by name; returns something picklable.
        workers: how many processes.
        timeout: seconds after which a clip is given up.
        cores: how many each process may use; None leaves that to libraries.
    """

    def __init__(
        self,
        function: Function,
        workers: int,
        timeout: float | None = None,
        cores: int | None = None,
    ):
        self._function = function
        self._workers = workers
        self._timeout = timeout or float("inf")
        self._cores = cores
        self._tasks: dict[Future[Any], tuple[str, Any]] = {}  # under way
        self._broken = 0  # pools since a clip was done
        self._pool = self._open()

    def outcomes(
        self, rows: Mapping[str, Any]
    ) -> Iterator[tuple[str, Any, BaseException | None]]:
        """Yields (clip, result, error) as clips are finished.

        Args:
            rows: what the function takes, by clip; asked for when needed.
        """
        left = iter(rows.items())
        heard = time.monotonic()
        while True:
            # One a process: none waits where it could not be called off.
            for task in islice(left, self._workers - len(self._tasks)):
                self._begin(task)
            if not self._tasks:
                return
            done, _ = wait(self._tasks, 1.0, FIRST_COMPLETED)
            now = time.monotonic()
            heard = now if done else heard
            if not self._pool.active or now > heard + self._timeout + _SILENCE:
                self._begin_anew()
                heard = now
            for future in done & self._tasks.keys():
                clip, _ = self._tasks.pop(future)
                error = self._explain(future.exception())
                self._broken = 0
                yield clip, None if error else future.result(), error

    def close(self) -> None:
        """Ends the processes, after their clips if those are done soon."""
        wait(self._tasks, _GRACE)
        self._pool.stop()
        self._pool.join()

    def _open(self) -> Any:
        from pebble import ProcessPool

        _CONTEXT.Lock()  # starts the tracker of locks, which unblocks Ctrl-C
        return ProcessPool(
            self._workers,
            initializer=_set_up,
            initargs=(self._cores,),
            context=_CONTEXT,
        )

    def _begin(self, task: tuple[str, Any]) -> None:
        arguments = (self._function, task[1])
        try:
            with _ctrl_c_blocked():
                future: Future[Any] = self._pool.schedule(
                    _call, arguments, timeout=self._timeout
                )
        except RuntimeError as error:  # the pool has just broken
            future = Future()
            future.set_exception(BrokenProcessPool(str(error)))
        self._tasks[future] = task

    def _begin_anew(self) -> None:
        """Gives a new pool the clips that a broken one has left."""
        self._broken += 1
        if self._broken == _MOST_BROKEN:
            raise UserError(
                "the processes to work in die at their start; try again with "
                "fewer --workers, which need less memory"
            )
        self._pool.stop()
        self._pool.join()
        self._pool = self._open()
        for future, task in list(self._tasks.items()):
            if not future.done() or _is_broken(future.exception()):
                del self._tasks[future]
                self._begin(task)

    def _explain(self, error: BaseException | None) -> BaseException | None:
        """Says in words for people what Pebble says of a process."""
        from pebble import ProcessExpired

        if isinstance(error, ProcessExpired):
            code = error.exitcode
            name = signal.strsignal(-code) if code < 0 else f"exit code {code}"
            return ChildProcessError(
                f"the process that worked on it died ({name})"
            )
        if isinstance(error, TimeoutError) and self._timeout in error.args:
            text = f"given up after {self._timeout:g} s (see --timeout)"
            return TimeoutError(text)
        return error


def _is_broken(error: BaseException | None) -> bool:
    return isinstance(error, BrokenProcessPool)


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Keeps Ctrl-C from processes that are started meanwhile, and from those
    that threads start which are: only the first process is to answer it."""
    if sys.platform == "win32":  # it has no such thing
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# --- In the worker's process ------------------------------------------------


def _set_up(cores: int | None) -> None:
    if cores is not None:  # read by the libraries that are imported later
        os.environ.update(dict.fromkeys(THREADS, str(cores)))
    # What hangs may never come to Pebble's own handler.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # If the first process is killed, nobody would tell this one to end.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _call(function: Function, row: Any) -> Any:
    try:
        return function(row)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # it would break the pool on its way back
            raise RuntimeError(traceback.format_exc()) from None
        raise
