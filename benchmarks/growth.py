"""How time and memory grow with the clips, and how quick a rerun is.

python -m benchmarks.growth FOLDER STEP    one step, in this process
"""

import io
import json
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from benchmarks import data
from benchmarks.rounds import ROOT, memory

SIZES = [100, 1_000, 10_000, 36_000]
SHORT = 8  # features a frame, where only the number of files matters
NEEDED = 8e9  # bytes that must be free for 36,000 clips of real size
SCRIPTS = [
    *("sample", "frame", "feature", "train_lstm", "transfer"),
    *("plot_logs", "predict", "live", "find_signs", "export"),
]
STEPS = {
    "frame": "rerun of frame.py",
    "feature": "rerun of feature.py",
    "start": "train_lstm.py, up to the first step",
    "epoch": "reading of an epoch",
}


def measure(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """Returns rows: step, clips, seconds, and bytes of memory held."""
    rows = []
    for clips in [10, 30] if quick else SIZES:
        here = folder / "data" / "d"
        data.dataset(here, clips, SHORT)
        _add_frames(here, clips)
        rows += [_run(folder, step, clips) for step in STEPS]
    shutil.rmtree(folder / "data")
    room = shutil.disk_usage(folder).free
    clips = 30 if quick else SIZES[-1]
    if quick or room > NEEDED:
        data.dataset(folder / "data" / "d", clips, data.LENGTH)
        row = _run(folder, "real", clips, "" if quick else "full")
        store = folder / "data" / "d" / "feature"
        on_disk = sum(x.stat().st_size for x in store.rglob("*.npy"))
        rows.append({**row, "on_disk": on_disk})
        shutil.rmtree(folder / "data")
    return rows


def help_times(quick: bool) -> dict[str, float]:
    """How long each script takes to answer `--help`, in seconds."""
    times = {}
    for script in SCRIPTS:
        command = [sys.executable, f"{script}.py", "--help"]
        tries = []
        for _ in range(1 if quick else 7):
            began = time.perf_counter()
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
            tries.append(time.perf_counter() - began)
        times[script] = statistics.median(tries)
    return times


def _add_frames(here: Path, clips: int) -> None:
    """Makes empty frames: a rerun looks at their names alone."""
    from signs.data import clips_table
    from signs.video import frame_store

    for clip in clips_table.read_clips(clips_table.Dataset(here))["clip"][
        :clips
    ]:
        folder = here / "frame" / clip
        if not frame_store.has_frames(folder, data.FRAMES):
            folder.mkdir(parents=True, exist_ok=True)
            for path in frame_store.frame_paths(folder, data.FRAMES):
                path.touch()


def _run(folder: Path, step: str, clips: int, size: str = "") -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.growth", str(folder), step]
    answer = subprocess.run(
        [*command, *filter(None, [size])],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return {"step": step, "clips": clips, **json.loads(answer.splitlines()[-1])}


def _time(folder: Path, step: str, full: bool) -> dict[str, float]:
    """One step; imports do not count, as they do not grow."""
    options = ["--data", str(folder / "data"), "--log", str(folder / "log")]
    options += ["--model-dir", str(folder / "model"), "--quiet"]
    work = {
        "frame": _rerun,
        "feature": _rerun,
        "start": _start,
        "epoch": _epoch,
        "real": _real,
    }[step](step, options, full)
    began = time.perf_counter()
    with redirect_stdout(io.StringIO()):
        work()
    return {"seconds": time.perf_counter() - began, "memory": memory()}


def _rerun(step: str, options: list[str], full: bool) -> Any:
    import importlib

    from signs.data import clips_table  # noqa: F401
    from signs.features import feature_store  # noqa: F401
    from signs.video import catalog, frame_store  # noqa: F401

    script = importlib.import_module(step)
    more = ["--weights", "random"] if step == "feature" else []

    def work() -> None:
        if script.main(["d", *more, *options]):
            raise RuntimeError(f"{step}.py failed")

    return work


def _start(step: str, options: list[str], full: bool) -> Any:
    import train_lstm
    from signs.training import training_data

    argv = ["d", "--recipe", "writeup", "--epochs", "1", *options]
    command = train_lstm.parse_arguments(argv)
    return lambda: training_data.read_data(command.settings, command.options)


def _epoch(step: str, options: list[str], full: bool) -> Any:
    from signs.training.batches import Batches

    batches = Batches(_start(step, options, full)().train, 256, seed=0)

    def work() -> None:
        for index in range(len(batches)):
            batches[index]

    return work


def _real(step: str, options: list[str], full: bool) -> Any:
    """Reads all, builds the network of the recipe, trains a few steps."""
    from signs.models import classifier
    from signs.training import loop
    from signs.training.batches import Batches
    from signs.training.settings import TrainingSettings

    start = _start(step, options, full)
    units = 1024 if full else 16
    model = classifier.build_classifier(
        data.FRAMES, data.LENGTH, classes=249, units=units
    )
    loop.compile_classifier(model, TrainingSettings(dataset="d"))

    def work() -> None:
        batches = Batches(start().train, 256, seed=0)
        model.fit(batches, steps_per_epoch=min(6, len(batches)), verbose=0)

    return work


if __name__ == "__main__":
    answer = _time(Path(sys.argv[1]), sys.argv[2], "full" in sys.argv[3:])
    print(json.dumps(answer))
