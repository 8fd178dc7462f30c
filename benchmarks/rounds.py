"""Measures several ways to do the same work, in turn and in rounds.

Each way (an engine) lives in a process of its own, since some of them cannot
share one. In every round each engine does its work once, so that whatever
else the machine does meanwhile hits all of them alike.
"""

import importlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


class Skip(Exception):
    """Raised by an engine that cannot run here; says why."""


@dataclass(frozen=True)
class Engine:
    """One way to do the work.

    Attributes:
        name: as the table shows it.
        start: takes the folder of the data and whether to be quick; gives
            the work to be measured, which returns how many units it did.
        environment: variables of its process; None removes one.
    """

    name: str
    start: Callable[[Path, bool], Callable[[], float]]
    environment: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """What an engine did.

    Attributes:
        rates: units a second, one a round; empty if it was skipped.
        memory: the most that its process held, in bytes; 0 if not known.
        note: why it was skipped.
    """

    rates: list[float]
    memory: int = 0
    note: str = ""


def measure(
    module: str, folder: Path, rounds: int, quick: bool = False
) -> dict[str, Measured]:
    """Measures the `ENGINES` of a module side by side.

    Args:
        module: its name, such as `benchmarks.train`.
        folder: where its data are.
        rounds: how often each engine works; the work before does not count.
        quick: tiny sizes, to try the benchmark out.

    Returns:
        What was measured, by name, in the order of `ENGINES`.
    """
    engines = importlib.import_module(module).ENGINES
    processes = [_start(module, x, folder, quick) for x in engines]
    try:
        answers: list[list[dict[str, Any]]] = []
        for process in processes:  # one after the other: they warm up
            answers.append([_ask(process)])
        for _ in range(rounds):
            for process, heard in zip(processes, answers, strict=True):
                if "skip" not in heard[0]:
                    heard.append(_ask(process))
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return {
        engine.name: Measured(
            [x["units"] / x["seconds"] for x in heard[1:]],
            heard[-1].get("memory", 0),
            heard[0].get("skip", ""),
        )
        for engine, heard in zip(engines, answers, strict=True)
    }


def _start(
    module: str, engine: Engine, folder: Path, quick: bool
) -> "subprocess.Popen[str]":
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    for name, value in engine.environment.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    command = ["-m", __name__, module, engine.name, str(folder), str(quick)]
    with _errors(folder, engine.name).open("w") as errors:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )


def _errors(folder: Path, engine: str) -> Path:
    """Where an engine's messages go."""
    return folder / f"{''.join(filter(str.isalnum, engine))}.log"


def _ask(process: Any) -> dict[str, Any]:
    """Lets a process do its work once; the first time, it also starts."""
    try:
        print("go", file=process.stdin, flush=True)
        line = process.stdout.readline() if process.stdout else ""
    except BrokenPipeError:
        line = ""
    if not line:
        process.wait()
        name, folder = process.args[4:6]
        errors = _errors(Path(folder), name).read_text(errors="replace")
        raise RuntimeError(f"{name} failed:\n{errors[-3000:]}")
    return json.loads(line)


def _work(module: str, name: str, folder: Path, quick: bool) -> None:
    """Runs in the engine's process: works each time it is asked to."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no answer
    engines = {x.name: x for x in importlib.import_module(module).ENGINES}
    work = None
    for _ in sys.stdin:
        try:
            if work is None:
                work = engines[name].start(folder, quick)
                work()  # warms up
            began = time.perf_counter()
            units = work()
            seconds = time.perf_counter() - began
            answer = {"units": units, "seconds": seconds, "memory": memory()}
        except Skip as reason:
            answer = {"skip": str(reason)}
        print(json.dumps(answer), file=answers, flush=True)


def memory() -> int:
    """The most memory this process has held so far, in bytes; 0 if unknown."""
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage says counts the process that this one was forked from.
        found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text())
        if found:
            return 1024 * int(found[1])
    try:
        import resource
    except ImportError:  # on Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def drain(outcomes: Any) -> tuple[float, float]:
    """Seconds until all is done, and until the first clip is."""
    began = time.perf_counter()
    first = 0.0
    for _, _, error in outcomes:
        if error is not None:
            raise RuntimeError(str(error))
        first = first or time.perf_counter() - began
    return time.perf_counter() - began, first


def load() -> float | None:
    """How many processes would like a core, on average of the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


# NumPy chooses its own kernels.
NUMPY_ALONE: dict[str, str | None] = {
    "OPENBLAS_CORETYPE": None,
    "OPENBLAS_L2_SIZE": None,
}


def matrix_products(size: int, number: int = 8) -> Callable[[], float]:
    """A work that does nothing but what a CPU does fastest.

    Args:
        size: of two square matrices, whose product is taken.
        number: how often; one product would be over before a core is awake.

    Returns:
        The work, which returns how many floating-point operations it took.
    """
    import numpy as np

    one = np.ones((size, size), "float32")
    product = np.empty_like(one)

    def work() -> float:
        for _ in range(number):
            np.matmul(one, one, out=product)
        return 2.0 * number * size**3

    return work


if __name__ == "__main__":
    from benchmarks import rounds  # so that its classes are there only once

    _, module_name, engine_name, data_folder, is_quick = sys.argv
    rounds._work(
        module_name, engine_name, Path(data_folder), is_quick == "True"
    )
