"""What works on clips in a process of a cluster; it knows nothing of Ray."""

import os
import pickle
import socket
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from signs.core import files, parallel
from signs.core.errors import UserError
from signs.core.parallel import Outcome, Work
from signs.core.pool import THREADS, Function, Pool

# What gives the work, in the process that is to do it, told its cores.
Start = Callable[[int], Work]


def each(function: Function, timeout: float | None, cores: int) -> Work:
    """Calls a function for one clip after the other.

    Where there is a timeout, it does so in a process that can be ended.
    """
    if timeout is None:
        return partial(parallel.in_this_process, function)
    return partial(parallel.in_pool, Pool(function, 1, timeout, cores))


class Actor:
    """Works on chunks of clips.

    Args:
        start: pickled; see `Start`.
        place: the folder to work in, so that paths mean the same.
        cores: how many this process has.
    """

    def __init__(self, start: bytes, place: Path, cores: int):
        self._start = start
        self._place = place
        self._cores = cores
        self._work: Work | None = None

    def work(self, rows: dict[str, Any]) -> list[Outcome] | Exception:
        """What came of the clips, which is on the disk; or what ends the run.

        What gets it ready is done here, too: a process that dies of that is
        not started again for ever, as one would be that dies in `__init__`.
        """
        try:
            self._work = self._work or self._get_ready()
            outcomes = list(self._work(rows))
            if rows:
                files.sync_disk(self._place)
            return outcomes
        except Exception as error:
            if not isinstance(error, UserError):
                error.add_note(traceback.format_exc())  # else lost on the way
            return error

    def _get_ready(self) -> Work:
        try:
            os.chdir(self._place)
        except OSError as error:
            raise UserError(
                f"the machine {socket.gethostname()} of the cluster does not "
                f"see the folder {self._place}; work in one that all machines "
                "share"
            ) from error
        # Read by the libraries that are imported from here on.
        os.environ.update(dict.fromkeys(THREADS, str(self._cores)))
        work: Work = pickle.loads(self._start)(self._cores)
        return work
