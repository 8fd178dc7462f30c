"""Many clips: memory stays flat, nothing is left open, reruns are quick.

A campaign takes 300 clips for each of its N.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from helpers import write_video
from scripts import CNN, Script

from signs import table

PROC = Path("/proc")


@dataclass
class Usage:
    """What the processes of a script take, from time to time.

    Attributes:
        memory: bytes of all processes together.
        files: how many are open in all of them.
        processes: how many there are.
    """

    memory: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    processes: list[int] = field(default_factory=list)

    def look(self, pid: int) -> None:
        """Adds what a process and its children take at this moment."""
        task = PROC / str(pid) / "task" / str(pid) / "children"
        memory = files = 0
        pids = [str(pid), *task.read_text().split()]
        for one in pids:
            pages = (PROC / one / "statm").read_text().split()[1]
            memory += int(pages) * os.sysconf("SC_PAGESIZE")
            files += len(list((PROC / one / "fd").iterdir()))
        self.memory.append(memory)
        self.files.append(files)
        self.processes.append(len(pids))


def watch(script: Script, is_at_work: Callable[[], bool]) -> Usage:
    """Waits for a script; returns what it took while it was at work."""
    usage = Usage()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.03):
            try:
                if is_at_work():
                    usage.look(script.process.pid)
            except OSError:  # one of the processes has just ended
                continue

    thread = threading.Thread(target=look)
    thread.start()
    try:
        assert script.wait(3600) == 0, script.output()
    finally:
        ended.set()
        thread.join()
    return usage


def check_flat(usage: Usage) -> None:
    """In the last third it is as much as in the second one."""
    third = len(usage.memory) // 3
    assert third > 2
    early, late = slice(third, 2 * third), slice(2 * third, -2)
    before, after = (np.median(usage.memory[x]) for x in (early, late))
    assert after < 1.03 * before + 4e6, (before, after)
    # Two workers may just be writing one each.
    assert np.median(usage.files[late]) <= np.median(usage.files[early]) + 2
    assert max(usage.processes) <= 4  # two workers, and who counts them


def test_many_clips(tmp_path: Path, times: Callable[[int], int]) -> None:
    if not PROC.joinpath("self", "task").exists():
        pytest.skip("needs Linux's list of processes")
    clips = 300 * times(2)
    dataset = table.Dataset(tmp_path / "data" / "d")
    tiny = write_video(tmp_path / "tiny.avi", 3, size=(16, 16))
    for number in range(clips):
        path = dataset.video / f"{number % 10}" / f"{number:06}.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(tiny, path)
        except OSError:
            shutil.copy(tiny, path)
    arguments = ["d", "--frames", "4", "--workers", "2"]
    first = dataset.frame / "0" / "000000"
    last = dataset.frame / "9" / f"{clips - 1:06}"
    began = time.monotonic()
    script = Script(tmp_path, "frame", *arguments)
    check_flat(watch(script, lambda: first.exists() and not last.exists()))
    duration = time.monotonic() - began
    assert len(list(dataset.frame.glob("*/*"))) == clips
    began = time.monotonic()
    script = Script(tmp_path, "frame", *arguments)
    assert script.wait() == 0
    assert script.output().startswith("nothing to do")
    assert time.monotonic() - began < 3 + duration / 4


def test_many_features(tmp_path: Path, times: Callable[[int], int]) -> None:
    if not PROC.joinpath("self", "task").exists():
        pytest.skip("needs Linux's list of processes")
    clips = 100 * times(0)
    dataset = table.Dataset(tmp_path / "data" / "d")
    tiny = write_video(tmp_path / "tiny.avi", 3, size=(16, 16))
    for number in range(clips):
        path = dataset.video / f"{number % 10}" / f"{number:06}.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(tiny, path)
    assert Script(tmp_path, "frame", "d", "--frames", "2").wait(3600) == 0
    folder = dataset.feature("mobilenet-0.25")
    began = time.monotonic()
    script = Script(tmp_path, "feature", "d", *CNN)
    check_flat(watch(script, lambda: (folder / "0" / "000000.npy").exists()))
    duration = time.monotonic() - began
    assert len(list(folder.glob("*/*.npy"))) == clips
    began = time.monotonic()
    script = Script(tmp_path, "feature", "d", *CNN)
    assert script.wait() == 0
    assert script.output().startswith("nothing to do")
    assert time.monotonic() - began < 5 + duration / 4
