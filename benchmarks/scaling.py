"""Measures what a cluster costs and gains, and estimates larger ones.

Writes  benchmarks/scaling.json, benchmarks/scaling.md

On this machine: frame.py by processes and by Ray, the memory of the process
that shares the clips out, and the seconds that each step takes a clip. From
these and from what you assume below it works out time and price for more
clips on more machines; `docs/scaling.md` explains it. `make scaling` calls
this with all it needs; by hand, with requirements-cluster.txt installed:

    python -m benchmarks.scaling [--quick] [--cpu-price 1.5 ...]

--again works with the measurements of scaling.json, and measures nothing.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import cost_model, data
from benchmarks.rounds import ROOT, drain, load, memory
from benchmarks.run import facts
from benchmarks.stages import stages

CLIPS = 2_000  # tiny ones, which show what sharing them out costs
WAITS = [1, 2, 4]  # processes
WAIT = 0.05  # seconds that a clip takes which needs no core
PARTS = ("overhead", "waits", "memory", "stages")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="tiny sizes, to try this out")
    add("--rounds", type=int, default=5, help="how often each is measured")
    add("--only", nargs="*", default=PARTS, choices=PARTS, help="these parts")
    add("--again", action="store_true", help="measure nothing, only estimate")
    add("--scratch", type=Path, help="folder for 1 GB of data for a while")
    add("--out", type=Path, default=Path(__file__).parent)
    cost_model.add_flags(parser)
    args = parser.parse_args(arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "scaling.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    if not args.again:
        results |= facts([])
        results["command"] = "python -m benchmarks.scaling"
        results["quick"] = args.quick
        with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
            for part in args.only:
                print(f"measuring {part}", flush=True)
                folder = Path(scratch) / part
                folder.mkdir()
                results[part] = measure(part, folder, args)
                shutil.rmtree(folder)
                path.write_text(json.dumps(results, indent=1))
    text = cost_model.table(results, args)
    (args.out / "scaling.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


def measure(part: str, folder: Path, args: argparse.Namespace) -> Any:
    """Measures one of `PARTS`."""
    if part == "overhead":
        clips = 20 if args.quick else CLIPS
        return list(overhead(folder, clips, 1 if args.quick else args.rounds))
    if part == "waits":
        clips = 8 if args.quick else 400
        return [
            dispatch_waits(clips, x) for x in ([1, 2] if args.quick else WAITS)
        ]
    if part == "memory":
        sizes = [200, 2_000] if args.quick else [2_000, 200_000, 2_000_000]
        return [dispatch_memory(size) for size in sizes]
    return stages(folder, args.quick)


# --- Processes and Ray side by side -----------------------------------------


def overhead(folder: Path, clips: int, rounds: int) -> Iterator[dict]:
    """Takes frames of tiny clips in each way, in turn: a row each time.

    A quarter of the clips comes first: what that takes with one process is
    what the other times are estimated from.
    """
    write_tiny(folder, clips)
    ways = [
        (how, workers, number)
        for how in ("processes", "ray")
        for number in (clips // 4, clips)
        for workers in (1, 2)
    ]
    for _ in range(rounds):
        for how, workers, number in ways:
            row = take_frames(folder, how, workers, number)
            yield {**row, "load": load()}


def write_tiny(folder: Path, clips: int) -> None:
    """Videos of 64 x 48 pixels and 24 frames, all alike."""
    import cv2
    import numpy as np

    noise = np.random.default_rng(0).integers(0, 256, (24, 48, 64, 3), np.uint8)
    first = folder / "first.avi"
    writer = cv2.VideoWriter(
        str(first), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48)
    )
    for picture in noise:
        writer.write(picture)
    writer.release()
    for number in range(clips):
        path = folder / "video" / f"{number:05}.avi"
        path.parent.mkdir(exist_ok=True)
        shutil.copyfile(first, path)


def take_frames(folder: Path, how: str, workers: int, clips: int) -> dict:
    """Takes the frames of clips; says how long the parts of that took."""
    from signs.cluster import actor, ray_backend
    from signs.core import parallel
    from signs.video import frame_store

    out = folder / "frame"
    rows = {
        path.stem: frame_store.FrameTask(path, out / path.stem, data.FRAMES)
        for path in sorted((folder / "video").iterdir())[:clips]
    }
    began = time.perf_counter()
    if how == "processes":
        with closing(
            parallel.outcomes(frame_store.make_frames, rows, workers, 120)
        ) as found:
            seconds, first = drain(found)
        start = 0.0
    else:
        with ray_backend.connect("local", workers) as machine:
            start = time.perf_counter() - began
            do = partial(actor.each, frame_store.make_frames, 120)
            with closing(machine.outcomes(do, rows)) as found:
                seconds, first = drain(found)
    total = time.perf_counter() - began
    shutil.rmtree(out)
    return {
        "how": how,
        "workers": workers,
        "clips": clips,
        "total": total,
        "start": start,  # of Ray itself
        "work": seconds,  # of the processes, their start included
        "first": first,  # of which until the first clip is done
    }


# --- Work that needs no core ------------------------------------------------


def wait(row: int) -> None:
    """What a clip would be that is computed elsewhere."""
    time.sleep(WAIT)


def dispatch_waits(clips: int, workers: int) -> dict[str, Any]:
    """Shares out clips that only take time: more workers than cores can be
    tried, and it does not matter what else runs."""
    from signs.cluster import actor, ray_backend

    rows = {str(number): number for number in range(clips)}
    with (
        ray_backend.connect("local", workers) as machine,
        closing(
            machine.outcomes(partial(actor.each, wait, None), rows)
        ) as found,
    ):
        seconds, first = drain(found)
    return {
        "workers": workers,
        "clips": clips,
        "seconds": seconds - first,  # after the first clip
        "estimated": WAIT * (clips - 1) / workers,
    }


# --- Memory -----------------------------------------------------------------


class Numbers(dict):
    """As many rows as you like, made when they are asked for."""

    def __init__(self, number: int):
        super().__init__()
        self._number = number

    def __len__(self) -> int:
        return self._number

    def items(self) -> Any:
        return ((f"train/{x // 200:03}/{x}", x) for x in range(self._number))


def nothing(row: int) -> None:
    """The work on a row: none."""


def dispatch_memory(rows: int) -> dict[str, Any]:
    """Shares rows out in a process of its own; says what that process held."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.scaling",
        "dispatch",
        str(rows),
    ]
    done = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def dispatch(rows: int) -> None:
    """Shares rows out, and prints what this process held at most."""
    from signs.cluster import ray_backend

    began = time.perf_counter()
    _, failures = ray_backend.map_clips(
        nothing, Numbers(rows), "local", 2, "", quiet=True, keep=False
    )
    if failures:
        raise RuntimeError(str(failures))
    seconds = time.perf_counter() - began
    print(json.dumps({"rows": rows, "memory": memory(), "seconds": seconds}))


if __name__ == "__main__":
    from benchmarks import scaling  # so that its names can be imported

    if sys.argv[1:2] == ["dispatch"]:
        scaling.dispatch(int(sys.argv[2]))
    else:
        sys.exit(scaling.main())
