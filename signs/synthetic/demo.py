"""Runs every step on rendered data, and shows what came out.

Run it with `make demo`, or `python -m signs.synthetic.demo`.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from signs.core import arguments, files, messages
from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data import clips_table, scan
from signs.features import feature_store
from signs.training import run_record

ROOT = Path(__file__).parents[2]
DATA, LOG, MODEL = (ROOT / name for name in ("data", "log", "model"))
SOURCE, TARGET = "sample-chalearn", "sample-ledasila"

SAMPLE = "--clips 100".split()  # more would take InceptionV3 minutes more
# Few epochs: the data is little, and so is the time.
TRAIN = TRANSFER = "--epochs 15".split()

Row = tuple[str, float, str]


def main() -> int:
    messages.set_up_messages(quiet=False)
    rows = [
        step(["sample.py", *SAMPLE], rendered),
        *(
            step(["frame.py", name], partial(sizes, name))
            for name in (SOURCE, TARGET)
        ),
        *(
            step(
                ["feature.py", name, "--weights", "auto"],
                partial(made_with, name),
            )
            for name in (SOURCE, TARGET)
        ),
        step(["train_lstm.py", SOURCE, *TRAIN], lambda: judged("lstm")),
        step(["transfer.py", TARGET, *TRANSFER], lambda: judged("transfer")),
    ]
    logs = [str(LOG / f"{newest(kind)}.csv") for kind in ("lstm", "transfer")]
    rows.append(step(["plot_logs.py", *logs], lambda: "see below"))
    rows.append(step(["evaluate.py", SOURCE], tested))
    show(rows)
    pictures = [Path(log_path).with_suffix(".png") for log_path in logs]
    pictures += [LOG / f"{newest('lstm')}-evaluation-test.html"]
    pictures += [DATA / name / "sheet.png" for name in (SOURCE, TARGET)]
    log.info("\nto look at:")
    for path in pictures:
        log.info(f"  {path.relative_to(ROOT)}")
    return 0


def step(command: list[str], result: Callable[[], str]) -> Row:
    """Runs a script as a user would; returns its row of the table.

    Raises:
        UserError: if it fails.
    """
    shown = " ".join(["python", *map(short, command)])
    log.info(f"\n$ {shown}")
    start = time.monotonic()
    code = subprocess.run(
        [sys.executable, *command], cwd=ROOT, check=False
    ).returncode
    if code:
        raise UserError(f"the demo stopped, as this failed ({code}): {shown}")
    return short(command[0]), time.monotonic() - start, result()


def short(path: str) -> str:
    return path.removeprefix(f"{ROOT}/")


def rendered() -> str:
    folders = [
        clips_table.Dataset(DATA / name).video for name in (SOURCE, TARGET)
    ]
    clips = sum(len(scan.find_files(folder).videos) for folder in folders)
    return f"{count(clips, 'clip')} of people who sign"


def sizes(name: str) -> str:
    dataset = clips_table.Dataset(DATA / name)
    clips = clips_table.read_clips(dataset)
    classes = clips_table.read_classes(dataset)
    return f"{name}: {count(len(clips), 'clip')} of {len(classes)} classes"


def made_with(name: str) -> str:
    meta = feature_store.require_meta(clips_table.Dataset(DATA / name), None)
    return (
        f"{name}: {meta['length']} features a frame, {meta['cnn']} with "
        f"{meta['weights']} weights, {meta['engine']}"
    )


def newest(kind: str) -> str:
    """The name of the newest run of a kind."""
    _, record = run_record.find_model(None, MODEL, kind)
    return record["run"]


def judged(kind: str) -> str:
    """How good the newest run of a kind is."""
    record = run_record.read_record(LOG / f"{newest(kind)}.json")
    figures, data = run_record.validation_figures(record), record["data"]
    low, high = figures["interval"]
    return (
        f"accuracy {figures['accuracy']:.2f} ({low:.2f} to {high:.2f}), "
        f"chance {figures['chance']:.2f}, on {figures['clips']} clips, "
        f"{data['split']} split, {data['features']['weights']} CNN weights"
    )


def tested() -> str:
    """How good the newest model is on people who are only in the test."""
    path = LOG / f"{newest('lstm')}-evaluation-test.json"
    figures = next(iter(files.read_json(path)["figures"].values()))
    found = figures["accuracy"]
    interval = ""
    if found.get("low") is not None:
        interval = f" ({found['low']:.2f} to {found['high']:.2f})"
    return (
        f"accuracy {found['value']:.2f}{interval} on people who are only in "
        "the test"
    )


def show(rows: list[Row]) -> None:
    """Prints the table of the steps."""
    wide = max(len(name) for name, _, _ in rows)
    log.info(f"\n{'step':{wide}}  seconds  result")
    for name, seconds, result in rows:
        log.info(f"{name:{wide}}  {seconds:7.1f}  {result}")
    total = sum(seconds for _, seconds, _ in rows)
    log.info(f"{'together':{wide}}  {total:7.1f}")


if __name__ == "__main__":
    sys.exit(arguments.run(lambda _: main()))
