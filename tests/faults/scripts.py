"""Runs the scripts as users do: as processes, with real signals and files."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import write_video
from store import META as LONG_META
from store import folders, write_dataset

from signs.core import files
from signs.data import clips_table
from signs.video import images

ROOT = Path(__file__).parents[2]
CNN = "--cnn mobilenet --alpha 0.25 --weights random --engine keras".split()
# The first signal that ends a process before it can answer.
CODES = {"SIGINT": (130, -2), "SIGTERM": (143, -15), "SIGKILL": (-9,)}
# Few frames are compiled in no time.
META: dict[str, Any] = {**LONG_META, "frames": 4}
_numbers = itertools.count()


class Script:
    """A script that runs.

    Args:
        root: has data/, log/ and model/.
        name: such as `frame`.
        arguments: its command line, but for these folders.
        options: of `subprocess.Popen`.
    """

    def __init__(self, root: Path, name: str, *arguments: str, **options):
        self.name = name
        self._output = root / f"{name}-{next(_numbers)}.txt"
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / f"{name}.py")]
                + [*arguments, *folders(root)],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )

    def stop(self, name: str) -> None:
        """Sends a signal as the system does, and waits for all to end."""
        number = getattr(signal, name)
        if self.process.poll() is not None:
            pass  # its number may be another process's by now
        elif name == "SIGINT":  # Ctrl-C reaches all processes of a terminal
            self._tell_all(number)
        else:
            self.process.send_signal(number)
        self.wait(30)

    def wait(self, seconds: float = 120) -> int:
        """Waits until it and its workers have ended; returns its exit code."""
        code = self.process.wait(seconds)
        end = time.monotonic() + 10
        while self._tell_all(0):
            assert time.monotonic() < end, "a worker outlives its script"
            time.sleep(0.02)
        return code

    def _tell_all(self, number: int) -> bool:
        try:
            os.killpg(self.process.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def output(self) -> str:
        return self._output.read_text(encoding="utf-8")


def run(root: Path, name: str, *arguments: str, **options) -> tuple[int, str]:
    """Runs a script to its end; returns its exit code and what it said."""
    script = Script(root, name, *arguments, **options)
    code = script.wait()
    return code, script.output()


def without_privileges(root: Path, script: str) -> tuple[int, str]:
    """Runs a script as a user whom the system may forbid something."""
    command = [sys.executable, str(ROOT / script)]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may do everything, and there is no setpriv")
        # Owner of the files, but without the right to pass over their modes.
        allowed = "-dac_override,-dac_read_search"
        command = ["setpriv", "--bounding-set", allowed, *command]
    done = subprocess.run(
        [*command, "d", "--workers", "1", "--quiet", *folders(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def until(condition: Callable[[], bool], script: Script) -> None:
    """Waits until something is the case, or the script has ended."""
    while script.process.poll() is None and not condition():
        time.sleep(0.005)


def tree(folder: Path) -> dict[str, bytes]:
    """What is in the files of a folder, hidden ones included.

    But for the records of what they were made from: times are in them.
    """
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".made-from" not in path.parts
    }


def check_whole(found: dict[str, bytes], expected: dict[str, bytes]) -> None:
    """All files that can be taken for finished are as they should be."""
    for name, content in found.items():
        if not Path(name).name.startswith("."):
            assert name in expected, name
            assert content == expected[name], name


def write_clips(
    root: Path, clips: int, frames: int = 24, size: tuple[int, int] = (64, 48)
) -> clips_table.Dataset:
    """A data set of videos, one folder for each of three classes."""
    dataset = clips_table.Dataset(root / "data" / "d")
    for number in range(clips):
        path = dataset.video / "abc"[number % 3] / f"{number:03}.avi"
        write_video(path, frames + number % 7, size)
    return dataset


def write_frames(
    root: Path, clips: int, frames: int = 4
) -> clips_table.Dataset:
    """A data set as frame.py leaves it, of random pictures."""
    dataset = clips_table.Dataset(root / "data" / "d")
    chance = np.random.default_rng(0)
    rows = ["clip,video,label,signer,split"]
    for number in range(clips):
        clip = f"{number % 3}/{number:03}"
        split = "val" if number // 3 % 4 == 0 else "train"
        rows.append(f"{clip},{clip}.avi,{number % 3},,{split}")
        for index in range(1, frames + 1):
            path = dataset.frame / clip / f"frame-{index:03}.jpg"
            picture = chance.integers(0, 256, (24, 32, 3), np.uint8)
            images.write_jpeg(path, picture)
    files.write_text(dataset.clips, "\n".join(rows) + "\n")
    clips_table.write_table(
        dataset.classes, clips_table.classes_of(clips_table.read_clips(dataset))
    )
    meta = {"frames": frames, "source": "video", "split": "random"}
    files.write_json(dataset.frame / "meta.json", meta)
    return dataset


SMALL = "--recipe writeup --layers 1 --units 4 --batch 8 --quiet".split()


def write_features(
    root: Path, clips: int, classes: int = 2
) -> clips_table.Dataset:
    """A data set as feature.py leaves it, of made-up features."""
    labels = [str(number) for number in range(1, classes + 1)]
    return write_dataset(root / "data", "d", labels, clips, META)


def raw_mjpeg(path: Path, pictures: list[np.ndarray], times: int = 1) -> Path:
    """A video without a header, which may change its size at any frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(map(images.encode_jpeg, pictures)) * times)
    return path
