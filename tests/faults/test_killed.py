"""Steps that are stopped at any moment lose no finished work.

`pytest tests/faults --campaign 20` stops each step that often, at random.
"""

import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scripts import (
    CNN,
    CODES,
    Script,
    check_whole,
    run,
    tree,
    until,
    write_clips,
    write_frames,
)
from store import folders, write_dataset

import feature
import frame
import sample
import train_lstm
import transfer
from signs import cli, experiment, runs, table
from signs.examples import Batches, find_examples

Times = Callable[[int], int]
SIGNALS = ["SIGKILL", "SIGTERM", "SIGINT"]


def stop_and_go(
    root: Path,
    main: Callable,
    arguments: list[str],
    expected: dict[str, bytes],
    moments: list[Callable[[Script], object]],
) -> None:
    """Stops a step again and again, lets it finish, and compares.

    Args:
        expected: what an undisturbed run has in its data folder.
        moments: each waits for the moment to stop at.
    """
    for number, moment in enumerate(moments):
        script = Script(root, main.__module__, *arguments)
        moment(script)
        signal = SIGNALS[number % 3]
        script.stop(signal)
        check_stopped(script, signal)
        check_whole(tree(root / "data"), expected)
    assert cli.run(main, [*arguments, *folders(root)]) == 0
    found = tree(root / "data")
    assert found.keys() == expected.keys()
    check_whole(found, expected)


def after(seconds: float) -> Callable[[Script], None]:
    return lambda script: time.sleep(seconds)


def when_there(folder: Path, pattern: str, count: int) -> Callable:
    """Waits until so many files are there, or the script has ended."""

    def enough() -> bool:
        return len(list(folder.glob(pattern))) >= count

    return lambda script: until(enough, script)


def test_frames(tmp_path: Path, times: Times, chance: random.Random) -> None:
    names = ("undisturbed", "stopped")
    first, second = (tmp_path / name for name in names)
    for root in (first, second):
        write_clips(root, 30, frames=100)
    arguments = ["d", "--workers", "2", "--quiet"]
    began = time.monotonic()
    assert run(first, "frame", *arguments) == (0, "")
    duration = time.monotonic() - began
    moments = [
        when_there(second / "data/d/frame", "*/*", chance.randrange(30))
        if number % 2
        else after(chance.uniform(0, duration))
        for number in range(times(2))
    ]
    expected = tree(first / "data")
    stop_and_go(second, frame.main, arguments, expected, moments)


def test_sample(tmp_path: Path, times: Times, chance: random.Random) -> None:
    small = "--gestures 3 --performers 4 --words 2 --clips 28 --quiet".split()
    undisturbed = tmp_path / "undisturbed"
    root = tmp_path / "stopped"
    root.mkdir()
    assert cli.run(sample.main, [*small, *folders(undisturbed)]) == 0
    moments = [
        when_there(root, "data/*/video/**/[!.]*.*", chance.randrange(5, 25))
        for _ in range(times(1))
    ]
    expected = tree(undisturbed / "data")
    stop_and_go(root, sample.main, small, expected, moments)


def test_features(tmp_path: Path, times: Times, chance: random.Random) -> None:
    first, second = tmp_path / "undisturbed", tmp_path / "stopped"
    for root in (first, second):
        write_frames(root, 40)
    arguments = ["d", *CNN, "--quiet"]
    assert cli.run(feature.main, [*arguments, *folders(first)]) == 0
    folder = second / "data/d/feature/mobilenet-0.25"
    moments = [
        when_there(folder, "*/[!.]*.npy", chance.randrange(1, 40))
        if number % 2 == 0
        else after(chance.uniform(0, 12))
        for number in range(times(1))
    ]
    expected = tree(first / "data")
    stop_and_go(second, feature.main, arguments, expected, moments)


SMALL = "--units 8 --batch 8 --lr 0.01 --epochs 8 --quiet".split()


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A data set to train on, and a model to start from."""
    write_dataset(tmp_path / "data", "d", ["1", "2", "3"], clips=60)
    once = [*SMALL, "--epochs", "1", *folders(tmp_path)]
    assert cli.run(train_lstm.main, ["d", *once]) == 0
    return tmp_path


@pytest.mark.parametrize(
    ("main", "options", "few"),
    [
        (train_lstm.main, [], 1),
        (transfer.main, ["--freeze", "first"], 0),
    ],
    ids=["train_lstm", "transfer"],
)
def test_trainings(
    trained: Path,
    times: Times,
    chance: random.Random,
    main: Callable,
    options: list[str],
    few: int,
) -> None:
    start = SMALL if main is train_lstm.main else [*options, *SMALL[2:]]
    for number in range(times(few)):
        before = set((trained / "log").glob("*.json"))

        def arguments(before: set[Path] = before) -> list[str]:
            found = new_run(trained, before)
            return ["--resume", found.name] if found else ["d", *start]

        # Every other run is stopped twice.
        for signal in chance.sample(SIGNALS, 1 + number % 2):
            script = Script(trained, main.__module__, *arguments())
            if number % 4 == 3:
                time.sleep(chance.uniform(0, 12))
            else:
                wait_for_rows(trained, before, chance.randrange(8), script)
            script.stop(signal)
            check_stopped(script, signal)
        done = [*arguments(), "--quiet", *folders(trained)]
        assert cli.run(main, done) == 0
        check_run(trained, new_run(trained, before))


def wait_for_rows(
    root: Path, before: set[Path], rows: int, script: Script
) -> None:
    """Waits until the log of the new run has more rows."""

    def enough() -> bool:
        found = new_run(root, before)
        if found is None or not found.csv.exists():
            return False
        return found.csv.read_text().count("\n") > rows + 1

    until(enough, script)


def check_stopped(script: Script, signal: str) -> None:
    """It has ended by the signal, or just before it came."""
    code = script.process.returncode
    assert code in (0, *CODES[signal]), script.output()
    if code in (130, 143):
        assert "finished is kept" in script.output()
        assert "Traceback" not in script.output()


def new_run(root: Path, before: set[Path]) -> runs.Run | None:
    """The run that has come since."""
    for path in set((root / "log").glob("*.json")) - before:
        return runs.Run(path.stem, root / "log", root / "model")
    return None


def check_run(root: Path, found: runs.Run | None) -> None:
    """One row an epoch; the best model is as good as the best row."""
    assert found is not None
    rows = pd.read_csv(found.csv)
    assert rows["epoch"].tolist() == list(range(8))
    assert np.isfinite(rows.to_numpy()).all()
    record = runs.read_record(found.log_record)
    assert record["final"]["epochs"] == 8
    dataset = table.Dataset(root / "data" / "d")
    meta = record["data"]["features"]
    clips, classes = table.read_clips(dataset), table.read_classes(dataset)
    val = find_examples(dataset, clips, classes, meta, "val")
    model = experiment.load_model(found.best)
    loss = model.evaluate(Batches(val, 8), verbose=0)[0]
    assert loss <= rows["val_loss"].min() + 1e-4
    last = experiment.load_model(found.last)
    assert int(last.optimizer.iterations) == 8 * 6
    left = [*(root / "log").glob(".*"), *(root / "model").glob(".*")]
    assert all(path.name.startswith(".partial-") for path in left)
