"""How time and memory grow with the clips, and how quick a rerun is.

Tables and records are as the steps write them. Of the files that they are of,
there are only a few, to which all clips are linked.

python -m benchmarks.growth FOLDER STEP    one step, in this process
"""

import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import data
from benchmarks.rounds import ROOT, memory

if TYPE_CHECKING:
    from signs.data.clips_table import Dataset

SIZES = [1_000, 10_000, 36_000, 360_000]
REAL = 36_000  # clips with features of real size
LABELS = 249
MOST_LINKS = 50_000  # to one file; ext4 has 65,000
SHORT = 8  # features a frame, where only the number of files matters
NEEDED = 8e9  # bytes that must be free for the clips of real size
SCRIPTS = [
    *("sample", "frame", "feature", "train_lstm", "transfer"),
    *("plot_logs", "evaluate", "predict", "live", "find_signs", "export"),
]
STEPS = {
    "tables": "frame.py, the tables of new videos",
    "frame": "rerun of frame.py",
    "feature": "rerun of feature.py",
    "start": "train_lstm.py, up to the first step",
    "epoch": "reading of an epoch",
}


def measure(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """Returns rows: step, clips, seconds, and bytes of memory held."""
    from signs.data.clips_table import Dataset

    rows = []
    for clips in [10, 30] if quick else SIZES:
        here = Dataset(folder / "data" / "d")
        _make_videos(here, clips)
        rows.append(_run(folder, "tables", clips))
        _pretend(here)
        rows += [_run(folder, x, clips) for x in STEPS if x != "tables"]
        shutil.rmtree(folder / "data")
    room = shutil.disk_usage(folder).free
    clips = 300 if quick else REAL  # each class has some
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


def _make_videos(here: "Dataset", clips: int) -> None:
    """Makes clips, one folder a class; all are one rendered video."""
    video = data.clips(here.root / "rendered", 1)[0]
    names = (f"{i % LABELS:03}/{i:06}.avi" for i in range(clips))
    _link(video, (here.video / name for name in names))


def _pretend(here: "Dataset") -> None:
    """Makes frames and features, and says that they are of the clips."""
    from signs.core import files
    from signs.data import changes, clips_table
    from signs.features import feature_store
    from signs.features.made_from import MadeFrom
    from signs.video import frame_store

    clips = clips_table.read_clips(here)
    rows = frame_store.tasks(here, clips, here.video, data.FRAMES)
    first = next(iter(rows.values()))
    made_from = frame_store.make_frames(first)
    with changes.recording(here.record("frame")) as record:
        for clip, task in rows.items():
            if task is not first and not task.folder.exists():
                task.folder.parent.mkdir(parents=True, exist_ok=True)
                task.folder.symlink_to(first.folder, target_is_directory=True)
            seen = changes.fingerprint(task.video)
            record.update(clip, {**made_from, "video": seen})
    data.dataset(here.root.parent / "one", 1, SHORT)
    one = here.root.parent / "one" / "feature"
    path = next(one.rglob("*.npy"))
    name = next(one.iterdir()).name
    _link(
        path,
        (feature_store.feature_path(here, name, x) for x in clips["clip"]),
    )
    meta = files.read_json(one / name / "meta.json")
    files.write_json(feature_store.meta_path(here, name), meta)
    record_of = MadeFrom(here, name)
    with record_of.begin(clips, []):
        for clip in clips["clip"]:
            record_of.record.update(clip, record_of.inputs(clip))


def _link(file: Path, places: Iterable[Path]) -> None:
    """Puts one file into many places, as hard links."""
    for number, place in enumerate(places):
        place.parent.mkdir(parents=True, exist_ok=True)
        if number % MOST_LINKS == 0:
            shutil.copy2(file, place)
            last = place
        else:
            os.link(last, place)


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
        "tables": _tables,
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


def _tables(step: str, options: list[str], full: bool) -> Any:
    from signs.data import clips_table
    from signs.data.settings import TableSettings
    from signs.video import catalog

    here = clips_table.Dataset(Path(options[1]) / "d")
    request = catalog.Request(TableSettings(), data.FRAMES)
    return lambda: catalog.update(here, request)


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
