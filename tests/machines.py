"""A cluster of Ray on this machine, and work for it that may go wrong."""

import importlib.util
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signs.core.errors import UserError

HAS_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="ray is not installed")
STORE = 80_000_000  # bytes of shared memory a machine, about the least


class Machines:
    """A cluster of machines that can be killed.

    Attributes:
        address: what `--cluster` takes.
    """

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster()
        # A dead machine is to be noticed soon.
        quick = {
            "health_check_initial_delay_ms": 0,
            "health_check_period_ms": 500,
            "health_check_failure_threshold": 5,
        }
        self._start(_system_config=quick)
        self._second = self._start()
        self.address = self._cluster.address

    def _start(self, **options: Any) -> Any:
        return self._cluster.add_node(
            num_cpus=1,
            object_store_memory=STORE,
            include_dashboard=False,
            **options,
        )

    def kill_one(self) -> None:
        """Kills a machine, on which no driver runs."""
        self._cluster.remove_node(self._second, allow_graceful=False)

    def add_one(self) -> None:
        """Adds a machine in the place of the one that was killed."""
        self._second = self._start()

    def shut_down(self) -> None:
        self._cluster.shutdown()


def work(row: tuple[str, Any]) -> Any:
    """Does what a decoder may do."""
    kind, value = row
    if kind == "sleep":
        time.sleep(value)
    elif kind == "spin":  # holds the interpreter, and answers no signal
        sum(range(10**12))
    elif kind == "killed":  # as the system does when memory runs out
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "killed once" and not Path(value).exists():
        Path(value).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "parent killed once" and not Path(value).exists():
        Path(value).touch()
        os.kill(os.getppid(), signal.SIGKILL)
    elif kind == "memory":
        np.zeros(int(value), np.uint8)
    elif kind == "damaged":
        raise ValueError("no frame\ncan be decoded")
    elif kind == "full":
        raise OSError(28, "No space left on device", "frame-001.jpg")
    elif kind == "refuse":
        raise UserError("nothing can be done")
    elif kind == "bug":
        raise TypeError("a bug")
    return value


class Rows(dict):
    """As many rows as you like, none of them in memory."""

    def __init__(self, number: int):
        super().__init__()
        self._number = number
        self.taken = 0

    def __len__(self) -> int:
        return self._number

    def items(self) -> Any:
        for number in range(self._number):
            self.taken += 1
            yield str(number), ("", number)
