"""Tens of thousands of tiny clips through frame.py and feature.py.

Does memory grow, or do files stay open? How quick is it to run them again?

Writes  benchmarks/large.json, and prints it as a table

    python -m benchmarks.large [--clips 36000]

Needs Linux, whose /proc says what a process takes.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.rounds import ROOT

PROC = Path("/proc")
CLIPS = 36_000  # about as many as IsoGD has
STEPS = {
    "frame": ["--frames", "1"],
    "feature": "--cnn mobilenet --alpha 0.25 --weights random".split(),
}
OUTPUT = {
    "frame": "data/d/frame/{clip}/frame-001.jpg",
    "feature": "data/d/feature/mobilenet-0.25/{clip}.npy",
}
LABELS = 10
KINDS = [2, 3, 3, 2]  # frames of the videos that differ


@dataclass(frozen=True)
class Look:
    """What a script takes at one moment.

    Attributes:
        seconds: since its start.
        memory: bytes that its first process holds.
        others: bytes that its other processes hold together.
        files: how many all of them have open.
        processes: how many there are.
    """

    seconds: float
    memory: int
    others: int
    files: int
    processes: int


@dataclass(frozen=True)
class Measured:
    """What a script took for many clips.

    Attributes:
        step: the script.
        clips: how many.
        seconds: how long it took.
        rerun: how long it took once more, with nothing to do.
        looks: at it while it was at work.
    """

    step: str
    clips: int
    seconds: float
    rerun: float
    looks: list[Look]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--clips", type=int, default=CLIPS, help="how many")
    add("--scratch", type=Path, help="folder for 1 GB of data for a while")
    add("--out", type=Path, default=Path(__file__).parent)
    args = parser.parse_args(arguments)
    from benchmarks import run

    with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
        measured = measure(Path(scratch), args.clips)
    results = {
        **run.facts([]),
        "command": f"python -m benchmarks.large --clips {args.clips}",
        "steps": [asdict(step) for step in measured],
    }
    (args.out / "large.json").write_text(json.dumps(results, indent=1) + "\n")
    print(table(measured))
    return 0


def measure(
    root: Path,
    clips: int,
    steps: Sequence[str] = tuple(STEPS),
) -> list[Measured]:
    """Runs steps on tiny clips, and again when there is nothing to do.

    Args:
        root: an empty folder.
        clips: how many.
        steps: of `STEPS`.
    """
    pause = min(2.0, clips / 100_000)
    names = write_clips(root, clips)
    measured = []
    for step in steps:
        path = OUTPUT[step]
        ends = [root / path.format(clip=names[n]) for n in (0, -1)]
        seconds, looks, _ = run_step(root, step, ends, pause)
        made = len(list(root.glob(path.format(clip="*/*"))))
        if made != clips:
            raise RuntimeError(f"{step}.py made {made} of {clips} clips")
        if not looks:
            raise RuntimeError(f"{step}.py was too quick to be looked at")
        rerun, _, said = run_step(root, step, ends, pause)
        if not said.startswith("nothing to do"):
            raise RuntimeError(f"{step}.py did work again: {said}")
        measured.append(Measured(step, clips, seconds, rerun, looks))
    return measured


def write_clips(root: Path, clips: int) -> list[str]:
    """Makes a few tiny videos, and many names for them.

    Returns:
        The names of the clips, in the order that the steps take.
    """
    import cv2
    import numpy as np

    chance = np.random.default_rng(0)
    code = cv2.VideoWriter.fourcc(*"MJPG")
    kinds = [root / f"{number}.avi" for number in range(len(KINDS))]
    for path, frames in zip(kinds, KINDS, strict=True):
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, 25, (16, 16))
        for _ in range(frames):
            writer.write(chance.integers(0, 256, (16, 16, 3), np.uint8))
        writer.release()
    names = []
    for number in range(clips):
        name = f"{number % LABELS}/{number:06}"
        path = root / "data" / "d" / "video" / f"{name}.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = kinds[number // LABELS % len(kinds)]
        try:
            os.link(kind, path)
        except OSError:  # a disk without links, or with too many of them
            shutil.copyfile(kind, path)
        names.append(name)
    return sorted(names)


def run_step(
    root: Path, step: str, ends: list[Path], pause: float
) -> tuple[float, list[Look], str]:
    """Runs a script.

    Args:
        root: has data/, log/ and model/.
        step: the script.
        ends: the first and the last file it makes; it is looked at while
            only the first is there.
        pause: seconds between two looks.

    Returns:
        How many seconds it took, the looks, and what it said.

    Raises:
        RuntimeError: if it fails.
    """
    command = [sys.executable, str(ROOT / f"{step}.py"), "d", *STEPS[step]]
    command += ["--workers", "2"]
    command += ["--data", str(root / "data"), "--log", str(root / "log")]
    command += ["--model-dir", str(root / "model")]
    looks = []
    began = time.monotonic()
    with (root / f"{step}.txt").open("w+") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            while process.poll() is None:
                if ends[0].exists() and not ends[-1].exists():
                    with suppress(OSError):  # a process has just ended
                        seconds = time.monotonic() - began
                        looks.append(look(process.pid, seconds))
                time.sleep(pause)
        finally:
            process.terminate()
        seconds = time.monotonic() - began
        output.seek(0)
        said = output.read()
    if process.returncode:
        raise RuntimeError(said)
    return seconds, looks, said


def look(pid: int, seconds: float) -> Look:
    """What a process and its children take at this moment."""
    children = PROC / str(pid) / "task" / str(pid) / "children"
    pids = [str(pid), *children.read_text().split()]
    page = os.sysconf("SC_PAGESIZE")
    memory = [
        page * int((PROC / one / "statm").read_text().split()[1])
        for one in pids
    ]
    files = sum(len(os.listdir(PROC / one / "fd")) for one in pids)
    return Look(seconds, memory[0], sum(memory[1:]), files, len(pids))


def parts(looks: list[Look]) -> dict[str, list[Look]]:
    """The first, the middle and the last fifth of the looks."""
    fifth = max(1, len(looks) // 5)
    middle = (len(looks) - fifth) // 2
    return {
        "start": looks[:fifth],
        "middle": looks[middle : middle + fifth],
        "end": looks[-fifth:],
    }


def table(measured: list[Measured]) -> str:
    """The results as Markdown: medians of a fifth of the time each."""
    lines = [
        "| step | what | start | middle | end |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    kinds: dict[str, Callable[[Look], float]] = {
        "memory, MB": lambda look: look.memory / 1e6,
        "memory of its other processes, MB": lambda look: look.others / 1e6,
        "open files": lambda look: look.files,
        "processes": lambda look: look.processes,
    }
    for step in measured:
        for what, value in kinds.items():
            medians = [
                f"{statistics.median(map(value, part)):.0f}"
                for part in parts(step.looks).values()
            ]
            lines.append(f"| {step.step}.py | {what} | {' | '.join(medians)} |")
    lines.append("")
    for step in measured:
        lines.append(
            f"{step.step}.py: {step.clips:,} clips in {step.seconds:.0f} s, "
            f"once more in {step.rerun:.1f} s"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
