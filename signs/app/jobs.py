"""A training that goes on while the page is shown, closed and shown again.

It is the scripts, one after the other, as people run them by hand. What they
print is kept, and a run that is stopped goes on where it was.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from signs.core.errors import UserError

ROOT = Path(__file__).parents[2]
# A bar of tqdm: `frames:  45%|####5     | 9/20 [00:01<00:02, 6.02clip/s]`
_BAR = re.compile(r"(?P<percent>\d+)%\|.*?\| *(?P<done>.*)")
LINES_KEPT = 400


@dataclass(frozen=True)
class Step:
    """One script of a job.

    Attributes:
        title: what it does, for people.
        command: the script and its arguments, or what gives them when it is
            this step's turn.
        good: exit codes after which the job goes on.
    """

    title: str
    command: Sequence[str] | Callable[[], Sequence[str]]
    good: tuple[int, ...] = (0,)


@dataclass
class Progress:
    """How far a job is.

    Attributes:
        state: `waiting`, `running`, `stopped`, `failed` or `done`.
        step: the title of the step that is under way or was the last.
        number, steps: which of how many that is, from 1 on.
        percent: of the step, where it has a bar; else None.
        lines: what was printed last, without bars.
    """

    state: str = "waiting"
    step: str = ""
    number: int = 0
    steps: int = 0
    percent: int | None = None
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LINES_KEPT))


class Job:
    """Runs steps in order, in processes of their own.

    Args:
        steps: what to run.
        folder: the working folder, in which `data`, `log` and `model` are.
    """

    def __init__(self, steps: Sequence[Step], folder: Path):
        self._steps, self._folder = steps, folder
        self.progress = Progress(steps=len(steps))
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self.progress.state = "running"
        self._thread.start()

    def stop(self) -> None:
        """Ends the step under way as Ctrl-C does: what is finished is kept."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            if sys.platform == "win32":
                process.send_signal(signal.CTRL_BREAK_EVENT)
            else:
                process.send_signal(signal.SIGINT)

    def wait(self, seconds: float | None = None) -> None:
        self._thread.join(seconds)

    def _run(self) -> None:
        progress = self.progress
        for number, step in enumerate(self._steps, 1):
            if self._stopping.is_set():
                break
            progress.number, progress.step = number, step.title
            progress.percent = None
            code = self._follow(step)
            if self._stopping.is_set():
                break
            if code not in step.good:
                progress.state = "failed"
                return
        progress.state = "stopped" if self._stopping.is_set() else "done"

    def _follow(self, step: Step) -> int:
        """Runs a step, and keeps what it prints; returns its exit code."""
        flags: dict[str, Any] = {}
        if sys.platform == "win32":
            flags["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
        command = step.command() if callable(step.command) else step.command
        with subprocess.Popen(
            [sys.executable, str(ROOT / command[0]), *command[1:]],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"},
            **flags,
        ) as process:
            self._process = process
            stream = cast(IO[bytes], process.stdout)
            line = b""
            for character in iter(lambda: stream.read(1), b""):
                if character in b"\r\n":
                    self._keep(line.decode(errors="replace"))
                    line = b""
                else:
                    line += character
            self._keep(line.decode(errors="replace"))
        return process.returncode

    def _keep(self, line: str) -> None:
        bar = _BAR.search(line)
        if bar:
            self.progress.percent = int(bar["percent"])
        elif line.strip():
            self.progress.lines.append(line.rstrip())


class Jobs:
    """The jobs of one page: at most one is under way at any time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.current: Job | None = None

    def start(self, steps: Sequence[Step], folder: Path) -> Job:
        """Starts a job.

        Raises:
            UserError: if another one is under way.
        """
        with self._lock:
            if self.current and self.current.progress.state == "running":
                raise UserError(
                    "a training is under way already; stop it first, or wait"
                )
            self.current = Job(steps, folder)
            self.current.start()
            return self.current
