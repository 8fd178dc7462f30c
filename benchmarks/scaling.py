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
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import cost_model, data
from benchmarks.rounds import ROOT, memory
from benchmarks.run import facts

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


# --- What a clip costs ------------------------------------------------------


def stages(folder: Path, quick: bool) -> dict[str, Any]:
    """Seconds and bytes a clip of each step, on this machine.

    They are seconds of one core, which hardly depend on what else runs.
    """
    found: dict[str, Any] = {"load": load()}
    found |= frames_of_real_clips(folder, 4 if quick else 200)
    found |= features_of_real_clips(folder, 1 if quick else 12, quick)
    found |= training(40 if quick else 512, quick)
    return found


def core_seconds(work: Callable[[], Any]) -> float:
    """What a work takes of all cores together, in this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def frames_of_real_clips(folder: Path, clips: int) -> dict[str, float]:
    from signs.core import parallel
    from signs.video import frame_store

    paths = data.clips(folder, clips)
    rows = {
        path.stem: frame_store.FrameTask(
            path, folder / "frame" / path.stem, data.FRAMES
        )
        for path in paths
    }
    outcomes = parallel.in_this_process(frame_store.make_frames, rows)
    return {
        "frame_seconds": core_seconds(lambda: drain(outcomes)) / clips,
        "video_bytes": mean_size(paths),
        "frame_bytes": mean_size((folder / "frame").rglob("*.jpg")),
    }


def features_of_real_clips(
    folder: Path, clips: int, quick: bool
) -> dict[str, Any]:
    """InceptionV3 with random weights costs what it does with others."""
    from signs.core.arguments import available_cores
    from signs.features import backbones, cnn_features, engines, feature_store
    from signs.video import frame_store

    cores = available_cores()
    name = "mobilenet-0.25" if quick else "inceptionv3"
    network = backbones.load(name, "random")
    engine = engines.make("auto", network, folder, cores)
    store = folder / "feature"
    rows = {
        path.name: feature_store.FeatureTask(
            path,
            store / f"{path.name}.npy",
            data.FRAMES,
            network.size,
            "float16",
        )
        for path in sorted((folder / "frame").iterdir())[: clips + 1]
    }
    made = cnn_features.make_features(rows, engine, 1, cores)
    next(made)  # warms up
    feature = core_seconds(lambda: drain(made)) / clips

    def read() -> None:
        for row in rows.values():
            frame_store.read_pictures(row.folder, row.frames, row.size)

    return {
        "engine": engine.name,
        "feature_seconds": feature,
        "read_seconds": core_seconds(read) / len(rows),
        "feature_bytes": mean_size(store.glob("*.npy")),
    }


def training(clips: int, quick: bool) -> dict[str, float]:
    """Seconds a clip and an epoch of 2 LSTM(1024)."""
    import numpy as np

    from signs.core.backend import keras
    from signs.models import classifier

    model = classifier.build_classifier(
        data.FRAMES, data.LENGTH, classes=249, units=8 if quick else 1024
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    random = np.random.default_rng(0)
    batch = min(256, clips)
    inputs = random.random((batch, data.FRAMES, data.LENGTH), "float32")
    answers = keras.utils.to_categorical(random.integers(0, 249, batch), 249)
    model.train_on_batch(inputs, answers)

    def train() -> None:
        for _ in range(clips // batch):
            model.train_on_batch(inputs, answers)

    return {"train_seconds": core_seconds(train) / clips}


def mean_size(paths: Any) -> float:
    return statistics.mean(path.stat().st_size for path in paths)


if __name__ == "__main__":
    from benchmarks import scaling  # so that its names can be imported

    if sys.argv[1:2] == ["dispatch"]:
        scaling.dispatch(int(sys.argv[2]))
    else:
        sys.exit(scaling.main())
