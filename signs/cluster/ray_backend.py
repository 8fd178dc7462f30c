"""The same work on many clips, on all machines of a Ray cluster.

The only room that knows Ray (https://docs.ray.io). What is done to a clip, what
is kept and what is said is the same as on one machine; this shares the clips
out. `docs/scaling.md` says how to start a cluster.

Each share of the cores, or each GPU, has an actor (see `actor`), which is given
a few clips at a time: a chunk. When it dies, or its machine does, Ray starts it
again wherever there is room, and does the chunk again. Of a chunk that is lost
all the same, the clips are done one by one, which shows the one at fault.
"""

import importlib.util
import os
import pickle
import signal
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from signs.cluster.actor import Actor, Start, each
from signs.core import parallel
from signs.core.errors import UserError
from signs.core.messages import log
from signs.core.parallel import Outcome
from signs.core.pool import Function

_LIVES = 3  # how often a chunk is tried
_SECONDS = 0.5  # that a chunk takes, about
_MOST_CLIPS = 200  # in a chunk
_MOST_STILLBORN = 3  # actors in a row that die before they work
_REST = 5.0  # seconds after which to look for new machines
_PATIENCE = 60.0  # seconds without any actor, after which to say so
_STORE = 100_000_000  # bytes: hardly anything goes through Ray's own memory

# More cores than these are too many for one clip's pictures in a CNN.
CORES_OF_A_CNN = 4


def require() -> None:
    """Raises a `UserError` if Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise UserError(
            "--cluster needs Ray; install it with: "
            "python -m pip install -r requirements-cluster.txt"
        )


def map_clips(
    function: Function,
    rows: Mapping[str, Any],
    address: str,
    cores: int,
    description: str,
    quiet: bool = False,
    timeout: float | None = None,
    keep: bool = True,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Like `parallel.map_clips`, on the cluster of `connect`."""
    with closing(outcomes(function, rows, address, cores, timeout)) as found:
        return parallel.collect(found, len(rows), description, quiet, keep)


def outcomes(
    function: Function,
    rows: Mapping[str, Any],
    address: str,
    cores: int,
    timeout: float | None = None,
    share: int = 1,
    use_gpus: bool = False,
) -> Generator[Outcome, None, None]:
    """Like `parallel.outcomes`, on the cluster of `connect`.

    Args:
        share: cores of each process.
        use_gpus: give each a GPU instead, if there are any.
    """
    start = partial(each, function, timeout)
    with connect(address, cores) as cluster:
        on_gpu = use_gpus and cluster.gpus > 0
        found = cluster.outcomes(start, rows, cores=share, on_gpu=on_gpu)
        with closing(found):
            yield from found


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
        options |= {"num_cpus": cores, "object_store_memory": _STORE}
        options["include_dashboard"] = False
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(log_to_driver=False, logging_level="ERROR", **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"no Ray cluster can be used at {address}: {reason}; start one "
            "with: ray start --head, or try --cluster local"
        ) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_sigterm)  # Ray has its own answer
    try:
        yield Cluster()
    finally:
        ray.shutdown()


class Cluster:
    """The machines that this process is connected with."""

    @property
    def gpus(self) -> int:
        """How many GPUs they have."""
        import ray

        return int(ray.cluster_resources().get("GPU", 0))

    def outcomes(
        self,
        start: Start,
        rows: Mapping[str, Any],
        *,
        cores: int = 1,
        on_gpu: bool = False,
        unit: int = 1,
    ) -> Generator[Outcome, None, None]:
        """Yields (clip, result, error) as clips are finished.

        It is to be closed: that ends the processes. What ends a run on one
        machine (see `parallel.ends_the_run`) is raised.

        Args:
            start: makes what does chunks; called in each process. Picklable,
                as are rows and results.
            rows: what the work takes, by clip; asked for when needed.
            cores: of a process; fewer, where a machine has not so many.
            on_gpu: whether each process has a GPU, instead.
            unit: how many clips are best done together; chunks are
                multiples of it.
        """
        left = iter(rows.items())
        lost: list[dict[str, Any]] = []
        size = unit

        def take() -> dict[str, Any]:
            return lost.pop() if lost else dict(islice(left, size))

        team = _Team(start, -(-len(rows) // unit), cores, on_gpu)
        chunk = take()
        try:
            while chunk or any(clips for _, clips, _ in team.busy.values()):
                team.spawn()
                while chunk and team.idle:
                    team.dispatch(team.idle.pop(), chunk)
                    chunk = take()
                if not chunk:  # makes room for those whose machine is gone
                    team.retire(team.idle)
                for clips, found, seconds in team.hear():
                    if found is not None:
                        yield from found
                    elif len(clips) == 1:
                        text = f"each of {_LIVES} processes died of it"
                        yield next(iter(clips)), None, ChildProcessError(text)
                    else:
                        lost += [{clip: row} for clip, row in clips.items()]
                    if found:
                        most = min(len(found) * _SECONDS / seconds, _MOST_CLIPS)
                        size = unit * max(1, int(most / unit))
                    chunk = chunk or take()
        finally:
            team.retire(
                team.idle + [actor for actor, _, _ in team.busy.values()]
            )


class _Team:
    """The actors of a run, on all machines.

    Args:
        most: how many actors there can be work for.

    Attributes:
        idle: those that can be given a chunk.
        busy: of each answer that is awaited, the actor, its chunk, and since
            when. A chunk of no clips asks whether the actor is ready.
    """

    def __init__(self, start: Start, most: int, cores: int, on_gpu: bool):
        self.idle: list[Any] = []
        self.busy: dict[Any, tuple[Any, dict[str, Any], float]] = {}
        self._start = pickle.dumps(start)
        self._most = most
        self._needs = (cores, on_gpu)
        self._stillborn = 0
        self._next_look = 0.0
        self._warn_at = time.monotonic() + _PATIENCE

    def spawn(self) -> None:
        """Starts actors where the machines have room for them."""
        import ray

        now = time.monotonic()
        if now > self._warn_at:
            self._warn_at = float("inf")
            log.warning("no machine of the cluster has room; waiting for one")
        if now < self._next_look:
            return
        self._next_look = now + _REST
        places, options = _room(*self._needs)
        options |= {"max_restarts": -1, "max_task_retries": _LIVES - 1}
        cores = max(1, int(options["num_cpus"]))
        there = len(self.idle) + len(self.busy)
        for _ in range(min(places, self._most) - there):
            make = ray.remote(Actor).options(**options)
            self.dispatch(make.remote(self._start, Path.cwd(), cores), {})

    def dispatch(self, actor: Any, chunk: dict[str, Any]) -> None:
        """Gives a chunk to an actor."""
        self.busy[actor.work.remote(chunk)] = (actor, chunk, time.monotonic())

    def hear(
        self,
    ) -> Iterator[tuple[dict[str, Any], list[Outcome] | None, float]]:
        """Waits for an answer, or a little.

        Yields:
            A chunk; what came of its clips, None if it is lost; and the
            seconds that it took.

        Raises:
            BaseException: what ends the run.
        """
        import ray

        if not self.busy:
            time.sleep(0.2)
            return
        for answer in ray.wait(list(self.busy), timeout=1.0)[0]:
            actor, chunk, since = self.busy.pop(answer)
            found = None
            try:
                found = ray.get(answer)
            except ray.exceptions.RayTaskError:
                raise  # a bug of ours
            except ray.exceptions.RayError as error:
                if chunk:
                    self.dispatch(actor, {})
                else:
                    self._lose(actor, error)
            else:
                self.idle.append(actor)
                self._stillborn, self._warn_at = 0, float("inf")
            if isinstance(found, BaseException):
                raise found
            yield chunk, found, max(time.monotonic() - since, 1e-3)

    def _lose(self, actor: Any, error: Exception) -> None:
        """Gives up an actor that never gets ready."""
        self.retire([actor])
        self._next_look = 0.0
        self._stillborn += 1
        if self._stillborn == _MOST_STILLBORN:
            raise UserError(
                "the processes to work in die at their start on the cluster "
                f"({' '.join(str(error).split())[:300]})"
            )

    def retire(self, actors: list[Any]) -> None:
        """Ends actors, and takes them from the list."""
        import ray

        while actors:
            ray.kill(actors.pop())


def _room(cores: int, on_gpu: bool) -> tuple[int, dict[str, Any]]:
    """How many actors the machines have room for, and what each takes."""
    import ray

    living = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    machines = [x for x in living if x.get("GPU" if on_gpu else "CPU")]
    if on_gpu:
        shares = [x.get("CPU", 0) // x["GPU"] for x in machines]
        places = sum(int(x["GPU"]) for x in machines)
        return places, {"num_gpus": 1, "num_cpus": min(shares, default=1)}
    most = max((int(x["CPU"]) for x in machines), default=1)
    cores = max(1, min(cores, most))
    places = sum(int(x["CPU"]) // cores for x in machines)
    return places, {"num_cpus": cores}
