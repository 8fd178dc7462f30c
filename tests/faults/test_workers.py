"""Processes that hang, die, or never start cost what they work on."""

import ctypes
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import numbered
from scripts import Script, raw_mjpeg, tree, until, write_clips
from store import folders

import frame
from signs.core import arguments, files, parallel
from signs.core.errors import UserError
from signs.data import clips_table
from signs.video import frame_store

pytestmark = pytest.mark.slow


def work(row: tuple[str, float]) -> float:
    """Does what a decoder may do."""
    kind, value = row
    if Path(kind).is_absolute():  # a folder to tell who is at work
        Path(kind, str(os.getpid())).touch()
        time.sleep(value)
    elif kind == "sleep":
        time.sleep(value)
    elif kind == "busy":  # holds the interpreter, and answers no signal
        pow(7, 2 ** int(value), 10**9 + 7) if value < 64 else spin()
    elif kind == "segfault":
        ctypes.string_at(0)
    elif kind == "memory":
        np.zeros(int(value), np.uint8)
    elif kind == "full":
        raise OSError(28, "No space left on device", "frame-001.jpg")
    elif kind == "refuse":
        raise UserError("nothing can be done")
    return value


def spin() -> None:
    sum(range(10**11))


def test_a_clip_that_hangs_costs_itself() -> None:
    rows = {str(n): ("", float(n)) for n in range(30)}
    rows["sleeps"] = ("sleep", 60.0)
    rows["spins"] = ("busy", 64.0)
    rows |= {f"late{n}": ("", float(n)) for n in range(30)}
    began = time.monotonic()
    results, failures = parallel.map_clips(work, rows, 2, "work", True, 2.0)
    assert time.monotonic() - began < 50
    assert len(results) == 60
    assert failures.keys() == {"sleeps", "spins"}
    assert set(failures.values()) == {"given up after 2 s (see --timeout)"}


def test_one_worker_is_watched_as_well() -> None:
    rows = {"a": ("", 1.0), "b": ("sleep", 60.0), "c": ("", 3.0)}
    results, failures = parallel.map_clips(work, rows, 1, "work", True, 2.0)
    assert results == {"a": 1.0, "c": 3.0}
    assert failures.keys() == {"b"}


def test_a_crash_is_told_by_its_name() -> None:
    if sys.platform == "win32":
        pytest.skip("signals have no names there")
    rows = {"a": ("segfault", 0.0), "b": ("", 2.0)}
    results, failures = parallel.map_clips(work, rows, 1, "work", True, 9)
    assert results == {"b": 2.0}
    assert failures == {
        "a": "the process that worked on it died (Segmentation fault)"
    }


def test_memory_that_is_not_there_costs_a_clip() -> None:
    rows = {"a": ("memory", 1e17), "b": ("", 2.0)}
    for timeout in (None, 9):
        results, failures = parallel.map_clips(
            work, rows, 1, "work", True, timeout
        )
        assert results == {"b": 2.0}
        assert "Unable to allocate" in failures["a"]


@pytest.mark.parametrize("timeout", [None, 9])
@pytest.mark.parametrize("kind", ["full", "refuse"])
def test_what_no_clip_survives_ends_the_run(
    kind: str, timeout: float | None
) -> None:
    rows = {"a": (kind, 0.0), "b": ("", 2.0)}
    with pytest.raises((OSError, UserError), match="No space|nothing can"):
        parallel.map_clips(work, rows, 1, "work", True, timeout)


def test_killed_workers_lose_only_their_clips(
    tmp_path: Path,
    times: Callable[[int], int],
    chance: random.Random,
    tried: Counter[str],
) -> None:
    """Killed from outside at any moment, in work or between two clips."""
    if not Path("/proc/self/task").exists():
        pytest.skip("needs Linux's list of processes")
    for _ in range(times(0)):
        rows = {str(n): (str(tmp_path), 0.01) for n in range(400)}
        stop = threading.Event()
        killed: list[int] = []

        def kill(
            stop: threading.Event = stop, killed: list[int] = killed
        ) -> None:
            while not stop.wait(chance.uniform(0.3, 1.5)):
                # Those that never get to work would end the run.
                working = [
                    x for x in children() if (tmp_path / f"{x}").exists()
                ]
                if working:
                    killed.append(chance.choice(working))
                    os.kill(killed[-1], signal.SIGKILL)
                    (tmp_path / f"{killed[-1]}").unlink()

        thread = threading.Thread(target=kill)
        thread.start()
        try:
            results, failures = parallel.map_clips(
                work, rows, 2, "work", True, 20
            )
        finally:
            stop.set()
            thread.join()
        assert results.keys() | failures.keys() == rows.keys()
        assert len(failures) <= len(killed)
        tried["workers killed"] += len(killed)
        assert all("(Killed)" in why for why in failures.values())


def children() -> list[int]:
    """The workers of this process."""
    path = f"/proc/{os.getpid()}/task/{os.getpid()}/children"
    return [
        int(pid)
        for pid in Path(path).read_text().split()
        if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def test_workers_that_never_start_end_the_run(
    tmp_path: Path, monkeypatch
) -> None:
    """Else new ones would be started for ever."""
    (tmp_path / "doomed.py").write_text(
        "import os, sys\n"
        "if 'spawn_main' in ' '.join(sys.orig_argv): os._exit(7)\n"
        "def work(row): return row\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import doomed  # type: ignore[import-not-found]

    with pytest.raises(UserError, match="die at their start"):
        parallel.map_clips(doomed.work, {"a": 1}, 2, "work", True, 9)


# --- frame.py ---------------------------------------------------------------


def slow_clip(path: Path, seconds: int = 8) -> Path:
    """A video that takes at least so long: large pictures, no header."""
    picture = cv2.resize(numbered(5), (3840, 2160))
    return raw_mjpeg(path, [picture], 30 * seconds)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_slow_clip_is_given_up(tmp_path: Path, workers: str, capsys) -> None:
    dataset = write_clips(tmp_path, 4)
    slow_clip(dataset.video / "b" / "slow.avi")
    args = ["d", "--workers", workers, "--timeout", "1"]
    assert arguments.run(frame.main, [*args, *folders(tmp_path)]) == 1
    failed = files.read_failures(tmp_path / "log" / "d-frame-failed.csv")
    assert failed == {"b/slow": "given up after 1 s (see --timeout)"}
    assert "1 clip failed" in capsys.readouterr().err
    assert len(clips_table.read_clips(dataset)) == 5
    done = [
        x for x in dataset.frame.glob("*/*") if frame_store.has_frames(x, 20)
    ]
    assert len(done) == 4
    assert not [name for name in tree(dataset.root) if "/." in name]


def test_a_decoder_that_is_killed_costs_its_clip(tmp_path: Path) -> None:
    if not Path("/proc/self/task").exists():
        pytest.skip("needs Linux's list of processes")
    dataset = write_clips(tmp_path, 4)
    slow_clip(dataset.video / "a" / "slow.avi", 15)
    script = Script(tmp_path, "frame", "d", "--workers", "1")
    # It is the last clip of the first class; the others come after it.
    until(lambda: len(list(dataset.frame.glob("a/*"))) == 2, script)
    time.sleep(0.3)
    pid = script.process.pid
    task = Path(f"/proc/{pid}/task/{pid}/children")
    workers = [
        int(child)
        for child in task.read_text().split()
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    assert len(workers) == 1
    os.kill(workers[0], signal.SIGKILL)
    assert script.wait() == 1
    failed = files.read_failures(tmp_path / "log" / "d-frame-failed.csv")
    assert failed == {"a/slow": "the process that worked on it died (Killed)"}
    assert len(list(dataset.frame.glob("*/*/*.jpg"))) == 4 * 20


def test_ctrl_c_does_not_wait_for_a_clip_that_hangs(tmp_path: Path) -> None:
    dataset = clips_table.Dataset(tmp_path / "data" / "d")
    for label in "ab":
        slow_clip(dataset.video / label / "slow.avi", 15)
    script = Script(tmp_path, "frame", "d", "--workers", "2")
    until(dataset.clips.exists, script)
    time.sleep(1.0)
    began = time.monotonic()
    script.stop("SIGINT")
    assert time.monotonic() - began < 8
    assert script.process.returncode == 130
    assert "Traceback" not in script.output()


def test_timeouts_that_make_no_sense(capsys) -> None:
    for text in ("-1", "inf", "nan", "soon"):
        with pytest.raises(SystemExit):
            frame.parse_arguments(["--timeout", text])
    assert frame.parse_arguments([]).timeout == 120
