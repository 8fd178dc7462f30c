"""The same work on many clips, on all machines of a Ray cluster.

The only module that knows Ray (https://docs.ray.io). What is done to a clip,
what is kept and what is said is the same as on one machine; this deals the
clips out. `docs/scaling.md` says how to start a cluster.

Ray starts the processes, on CPUs or GPUs, and tells of those that die. Each
is given a few clips at a time (a chunk), so that the network is no brake.
Where a chunk is lost, its clips are done again one by one, which shows the
one that is at fault.
"""

import importlib.util
import os
import pickle
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from signs.core import parallel
from signs.core.errors import UserError
from signs.core.messages import log
from signs.core.parallel import Outcome, Work

_LIVES = 3  # processes that a clip may cost until it has failed
_QUEUE = 2  # chunks that a process holds, so that it never waits for one
_SECONDS = 0.5  # that a chunk takes, about
_SLOW = 5.0  # seconds a clip
_MOST_CLIPS = 200  # in a chunk
_MOST_STILLBORN = 5  # processes in a row that die before they work
_REST = 5.0  # seconds after which to look for new machines
_PATIENCE = 60.0  # seconds without any process, after which to say so
_STORE = 100_000_000  # bytes: hardly anything goes through Ray's own memory

# More cores than these are too many for one clip's pictures in a CNN.
CORES_OF_A_CNN = 4

# What gives the work, in the process that is to do it, told its cores.
Start = Callable[[int], Work]


def require() -> None:
    """Raises a `UserError` if Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise UserError(
            "--cluster needs Ray; install it with: "
            "python -m pip install -r requirements-cluster.txt"
        )


def map_clips(
    function: Callable[[Any], Any],
    rows: Mapping[str, Any],
    address: str,
    cores: int,
    description: str,
    quiet: bool = False,
    timeout: float | None = None,
    keep: bool = True,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Like `parallel.map_clips`, on a cluster.

    Args:
        address, cores: see `connect`.
    """
    with closing(outcomes(function, rows, address, cores, timeout)) as found:
        return parallel.collect(found, len(rows), description, quiet, keep)


def outcomes(
    function: Callable[[Any], Any],
    rows: Mapping[str, Any],
    address: str,
    cores: int,
    timeout: float | None = None,
    share: int = 1,
    use_gpus: bool = False,
) -> Generator[Outcome, None, None]:
    """Like `parallel.outcomes`, on a cluster.

    Args:
        address, cores: see `connect`.
        share: cores of each process.
        use_gpus: give each a GPU instead, if there are any.
    """
    with (
        connect(address, cores) as cluster,
        closing(
            cluster.outcomes(
                partial(each, function),
                rows,
                timeout,
                share,
                on_gpu=use_gpus and cluster.gpus > 0,
            )
        ) as found,
    ):
        yield from found


def each(function: Callable[[Any], Any], cores: int) -> Work:
    """What does chunks by calling a function for one clip after the other."""
    return partial(parallel.in_this_process, function)


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


@contextmanager
def connect(address: str, cores: int) -> Iterator["Cluster"]:
    """Connects with a cluster until the end of the block.

    Args:
        address: `local` starts one on this machine, and ends it; `auto`
            finds the one that this machine belongs to; HOST:PORT names one.
        cores: of a local one.

    Raises:
        UserError: if Ray is not installed, or there is no such cluster.
    """
    require()
    # Nothing is sent to Ray's makers, and no warning is given of a default
    # that is to change.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    options: dict[str, Any] = {"address": address}
    if address == "local":
        options |= {
            "num_cpus": cores,
            "object_store_memory": _STORE,
            "include_dashboard": False,
        }
    try:
        with _own_signals():
            ray.init(log_to_driver=False, logging_level="ERROR", **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"no Ray cluster can be used at {address}: {reason}; start one "
            "with: ray start --head, or try --cluster local"
        ) from error
    try:
        yield Cluster()
    finally:
        ray.shutdown()


class Cluster:
    """The machines that this process is connected with."""

    @property
    def gpus(self) -> int:
        """How many GPUs they have."""
        return sum(int(x.get("GPU", 0)) for x in _machines())

    def outcomes(
        self,
        start: Start,
        rows: Mapping[str, Any],
        timeout: float | None = None,
        cores: int = 1,
        on_gpu: bool = False,
        unit: int = 1,
    ) -> Generator[Outcome, None, None]:
        """Yields (clip, result, error) as clips are finished.

        It is to be closed: that ends the processes. What ends a run on one
        machine (see `parallel.ends_the_run`) is raised.

        Args:
            start: makes what does chunks; called once in each process.
                Picklable, as are rows and results.
            rows: what the work takes, by clip. They are asked for as they
                are needed, so they need not be in memory.
            timeout: seconds after which a clip is given up. None waits for
                ever.
            cores: of a process; fewer, where a machine has not so many.
            on_gpu: whether each process has a GPU, instead.
            unit: how many clips are best done together; chunks are
                multiples of it.
        """
        feed = _Feed(rows, unit)
        team = _Team(start, cores, on_gpu, timeout)
        try:
            while True:
                team.hire(feed)
                team.deal(feed)
                if not feed.left and not team.has_work:
                    return
                for worker in team.wait_for_some():
                    yield from team.hear(worker, feed)
        finally:
            for worker in team.workers:
                worker.kill()


# --- The clips --------------------------------------------------------------


@dataclass(frozen=True)
class _Chunk:
    """Clips that are done together; and how often they lost a process."""

    rows: dict[str, Any]
    losses: int = 0


class _Feed:
    """The clips that are not given to any process, in chunks.

    Attributes:
        left: how many.
    """

    def __init__(self, rows: Mapping[str, Any], unit: int):
        self.left = len(rows)
        self._rows = iter(rows.items())
        self._again: deque[_Chunk] = deque()
        self._unit = unit
        self._seconds = 0.0  # that a clip takes; 0 before it is known

    @property
    def is_slow(self) -> bool:
        """Whether a clip takes so long that none should wait in a queue."""
        return not 0 < self._seconds < _SLOW

    def take(self, workers: int, timeout: float) -> _Chunk:
        """The next chunk; smaller ones in the end, so that all end alike."""
        if self._again:
            chunk = self._again.popleft()
        else:
            chunk = _Chunk(dict(self._next(self._size(workers, timeout))))
        self.left -= len(chunk.rows)
        return chunk

    def _next(self, number: int) -> Iterator[tuple[str, Any]]:
        for _, row in zip(range(number), self._rows, strict=False):
            yield row

    def _size(self, workers: int, timeout: float) -> int:
        if not self._seconds:
            return self._unit
        clips = min(_SECONDS, timeout / 4) / self._seconds
        fair = self.left / (2 * _QUEUE * workers)
        units = int(min(clips, fair, _MOST_CLIPS) / self._unit)
        return max(1, units) * self._unit

    def put_back(self, chunk: _Chunk) -> None:
        """Takes back a chunk that nobody has worked on."""
        self.left += len(chunk.rows)
        self._again.appendleft(chunk)

    def do_again(self, chunk: _Chunk, losses: int) -> None:
        """Takes back clips that were lost, to be done one by one."""
        for clip, row in chunk.rows.items():
            self.put_back(_Chunk({clip: row}, losses))

    def learn(self, clips: int, seconds: float) -> None:
        """Notes how long a chunk took."""
        new = max(seconds, 1e-6) / clips
        old = self._seconds or new
        self._seconds = 0.8 * old + 0.2 * new


# --- The processes, as seen from here ---------------------------------------


class _Team:
    """The processes of a run, on all machines.

    Attributes:
        workers: those that live, or are being started.
    """

    def __init__(
        self, start: Start, cores: int, on_gpu: bool, timeout: float | None
    ):
        self.workers: list[_Worker] = []
        self._start = pickle.dumps(start)
        self._cores = cores
        self._on_gpu = on_gpu
        self._timeout = float("inf") if timeout is None else timeout
        self._stillborn = 0
        self._next_look = 0.0
        self._places = 0
        self._options: dict[str, Any] = {}
        self._idle_since = time.monotonic()

    @property
    def has_work(self) -> bool:
        return any(worker.chunks for worker in self.workers)

    def hire(self, feed: _Feed) -> None:
        """Starts as many processes as the machines have room for."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _REST
            self._places, self._options = _room(self._cores, self._on_gpu)
        wanted = min(self._places, len(self.workers) + feed.left)
        for _ in range(wanted - len(self.workers)):
            self.workers.append(_Worker(self._start, self._options))
        if any(worker.is_ready for worker in self.workers):
            self._idle_since = now
        elif now > self._idle_since + _PATIENCE:
            self._idle_since = float("inf")
            log.warning("no machine of the cluster has room; waiting for one")

    def deal(self, feed: _Feed) -> None:
        """Gives clips to the processes, first to those that have none."""
        for held in range(1 if feed.is_slow else _QUEUE):
            for worker in self.workers:
                if not feed.left:
                    return
                if worker.is_ready and len(worker.chunks) == held:
                    worker.give(feed.take(len(self.workers), self._timeout))

    def wait_for_some(self) -> list["_Worker"]:
        """Those that have something to say; ends those that are late."""
        import ray

        if not self.workers:
            time.sleep(0.2)
            return []
        now = time.monotonic()
        first = min(x.since + self._timeout for x in self.workers) - now
        of_ref = {x.expected: x for x in self.workers if x.is_busy}
        refs = list(of_ref)
        ray.wait(refs, timeout=max(0.0, min(first, _REST)))
        done, _ = ray.wait(refs, num_returns=len(refs), timeout=0)
        for ref in set(refs) - set(done):
            if of_ref[ref].since + self._timeout <= time.monotonic():
                of_ref[ref].give_up()
        return [of_ref[ref] for ref in done]

    def hear(self, worker: "_Worker", feed: _Feed) -> Iterator[Outcome]:
        """Yields what came of a chunk; takes back what was lost."""
        import ray

        try:
            answer = ray.get(worker.expected)
        except ray.exceptions.RayTaskError:
            raise  # a bug of ours
        except ray.exceptions.RayError as error:
            self.workers.remove(worker)
            self._next_look = 0.0  # a machine may be gone, too
            yield from self._bury(worker, feed, error)
            return
        if isinstance(answer, BaseException):
            raise answer
        self._stillborn = 0
        if worker.is_ready:
            outcomes, seconds = answer
            feed.learn(len(worker.chunks[0].rows), seconds)
            worker.finish()
            yield from outcomes
        else:
            worker.begin()

    def _bury(
        self, worker: "_Worker", feed: _Feed, error: Exception
    ) -> Iterator[Outcome]:
        worker.kill()
        if not worker.is_ready:
            self._stillborn += 1
            if self._stillborn >= max(_MOST_STILLBORN, 2 * self._places):
                reason = " ".join(str(error).split())[:300]
                raise UserError(
                    "the processes to work in die at their start on the "
                    f"cluster ({reason})"
                )
        for chunk in list(worker.chunks)[:0:-1]:
            feed.put_back(chunk)
        if not worker.chunks:
            return
        chunk = worker.chunks[0]
        losses = chunk.losses + (not worker.is_late)
        (clip, *others) = chunk.rows
        if others or not (worker.is_late or losses >= _LIVES):
            feed.do_again(chunk, losses)
        elif worker.is_late:
            yield clip, None, parallel.late(self._timeout)
        else:
            text = f"each of the {losses} processes that worked on it died"
            yield clip, None, ChildProcessError(text)


class _Worker:
    """A process on some machine of the cluster.

    Attributes:
        chunks: what it has to do; it is at the first one.
        since: when it began with that; never, if there is none.
        is_ready: whether it has started.
        is_late: whether it was ended for being late.
    """

    def __init__(self, start: bytes, options: dict[str, Any]):
        import ray

        self._actor = ray.remote(_Actor).options(**options).remote()
        cores = max(1, int(options["num_cpus"]))
        self._started = self._actor.begin.remote(
            start, sys.path, Path.cwd(), cores
        )
        self._answers: deque[Any] = deque()
        self.chunks: deque[_Chunk] = deque()
        self.since = float("inf")
        self.is_ready = False
        self.is_late = False

    @property
    def is_busy(self) -> bool:
        """Whether it is to say something."""
        return bool(self.chunks) or not self.is_ready

    @property
    def expected(self) -> Any:
        """What it will say next."""
        return self._answers[0] if self.is_ready else self._started

    def begin(self) -> None:
        """Notes that it has started."""
        self.is_ready = True

    def give(self, chunk: _Chunk) -> None:
        """Gives it a chunk to do."""
        if not self.chunks:
            self.since = time.monotonic()
        self.chunks.append(chunk)
        self._answers.append(self._actor.work.remote(chunk.rows))

    def finish(self) -> None:
        """Notes that it has done its first chunk."""
        self.chunks.popleft()
        self._answers.popleft()
        self.is_late = False  # it was faster than its end
        self.since = time.monotonic() if self.chunks else float("inf")

    def give_up(self) -> None:
        """Ends it for being late; `expected` tells when it is dead."""
        self.is_late = True
        self.since = float("inf")
        self.kill()

    def kill(self) -> None:
        import ray

        ray.kill(self._actor)


def _machines() -> list[dict[str, float]]:
    """What each machine that lives has: CPU, GPU, memory ..."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _room(cores: int, on_gpu: bool) -> tuple[int, dict[str, Any]]:
    """How many processes the machines have room for, and what each takes."""
    machines = [x for x in _machines() if x.get("GPU" if on_gpu else "CPU")]
    if on_gpu:
        shares = [x.get("CPU", 0) // x["GPU"] for x in machines]
        places = sum(int(x["GPU"]) for x in machines)
        return places, {"num_gpus": 1, "num_cpus": min(shares, default=1)}
    most = max((int(x["CPU"]) for x in machines), default=1)
    cores = max(1, min(cores, most))
    places = sum(int(x["CPU"]) // cores for x in machines)
    return places, {"num_cpus": cores}


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keeps this process's answer to SIGTERM, which Ray would replace."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler or signal.SIG_DFL)


# --- In a process of the cluster --------------------------------------------


class _Actor:
    """Works on chunks, in a process of its own on some machine."""

    def begin(
        self, start: bytes, paths: list[str], place: Path, cores: int
    ) -> BaseException | None:
        """Gets ready; returns what ends the run, if there is something.

        Args:
            start: pickled; see `Start`.
            paths: where the first process finds modules.
            place: the folder it works in, so that paths mean the same.
            cores: how many this process has.
        """
        try:
            os.chdir(place)
        except OSError:
            return UserError(
                f"the machine {socket.gethostname()} of the cluster does not "
                f"see the folder {place}; work in one that all machines share"
            )
        sys.path.extend(path for path in paths if path not in sys.path)
        try:
            # Read by the libraries that are imported from here on.
            os.environ.update(dict.fromkeys(parallel.THREADS, str(cores)))
            self._work: Work = pickle.loads(start)(cores)
        except Exception as error:
            return _with_place(error)
        return None

    def work(
        self, rows: dict[str, Any]
    ) -> tuple[list[Outcome], float] | BaseException:
        """What came of the clips, and the seconds it took."""
        began = time.monotonic()
        try:
            outcomes = list(self._work(rows))
        except Exception as error:
            return _with_place(error)
        return outcomes, time.monotonic() - began


def _with_place(error: Exception) -> Exception:
    """Adds where it happened, which is lost on the way."""
    if not isinstance(error, UserError):
        error.add_note(traceback.format_exc())
    return error
