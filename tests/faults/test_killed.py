"""Steps that are stopped at any moment lose no finished work.

`pytest tests/faults --campaign 20` stops each step that often, at random.
"""

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scripts import (
    CNN,
    CODES,
    META,
    SMALL,
    Script,
    check_whole,
    tree,
    until,
    write_clips,
    write_features,
    write_frames,
)
from store import folders, write_dataset

import feature
import frame
import sample
import train_lstm
import transfer
from signs.core import arguments
from signs.data import clips_table
from signs.models import classifier
from signs.training import loop, run_record
from signs.training.feature_dataset import find_clips
from signs.training.settings import TrainingSettings

pytestmark = pytest.mark.slow

Times = Callable[[int], int]
SIGNALS = ["SIGKILL", "SIGTERM", "SIGINT"]


@dataclass(frozen=True)
class Step:
    """A script whose output is to be the same, however often it is stopped.

    Attributes:
        main: the script's.
        arguments: its command line.
        prepare: makes a folder of its input.
        output: pattern of the files that it makes one after the other.
        count: about how many these are.
        seconds: about how long it takes.
    """

    main: Callable
    arguments: list[str]
    prepare: Callable[[Path], object]
    output: str
    count: int
    seconds: float

    def finish(self, root: Path) -> dict[str, bytes]:
        """Runs it to its end; returns what is in its data folder."""
        args = [*self.arguments, *folders(root)]
        assert arguments.run(self.main, args) == 0
        return tree(root / "data")

    def wait(self, script: Script, root: Path, chance: random.Random) -> None:
        """Waits for a random moment, by the files made or by the clock."""
        there = len(list(root.glob(self.output)))
        if there >= self.count or chance.random() < 0.3:
            time.sleep(chance.uniform(0, self.seconds))
            return
        most = chance.randrange(there, self.count)
        until(lambda: len(list(root.glob(self.output))) > most, script)


def stop_and_go(
    step: Step,
    folder: Path,
    stops: int,
    chance: random.Random,
    tried: Counter[str],
) -> None:
    """Stops a step again and again, lets it finish, and compares.

    What is done before it can be stopped is begun afresh.
    """
    step.prepare(folder / "undisturbed")
    expected = step.finish(folder / "undisturbed")
    done = 0
    while done < stops:
        root = folder / "stopped"
        step.prepare(root)
        for signal in chance.sample(SIGNALS, min(stops - done, 3)):
            script = Script(root, step.main.__module__, *step.arguments)
            step.wait(script, root, chance)
            script.stop(signal)
            check_whole(tree(root / "data"), expected)
            if not check_stopped(script, signal, tried):
                break
            done += 1
        found = step.finish(root)
        assert found.keys() == expected.keys()
        check_whole(found, expected)
        shutil.rmtree(root)


def test_frames(
    tmp_path: Path, times: Times, chance: random.Random, tried: Counter[str]
) -> None:
    step = Step(
        frame.main,
        ["d", "--workers", "2", "--quiet"],
        lambda root: write_clips(root, 30, frames=100),
        "data/d/frame/*/*",
        30,
        3.0,
    )
    stop_and_go(step, tmp_path, times(2), chance, tried)


def test_sample(
    tmp_path: Path, times: Times, chance: random.Random, tried: Counter[str]
) -> None:
    step = Step(
        sample.main,
        "--gestures 3 --performers 4 --words 2 --clips 28 --quiet".split(),
        lambda root: root.mkdir(),
        "data/*/video/**/[!.]*.*",
        35,
        4.0,
    )
    stop_and_go(step, tmp_path, times(0), chance, tried)


def test_features(
    tmp_path: Path, times: Times, chance: random.Random, tried: Counter[str]
) -> None:
    step = Step(
        feature.main,
        ["d", *CNN, "--quiet"],
        lambda root: write_frames(root, 40),
        "data/d/feature/mobilenet-0.25/*/[!.]*.npy",
        40,
        10.0,
    )
    stop_and_go(step, tmp_path, times(0), chance, tried)


EPOCHS = ["--epochs", "8"]


@pytest.mark.parametrize(
    ("main", "options", "few"),
    [
        (train_lstm.main, SMALL, 1),
        (transfer.main, ["--freeze", "first", "--batch", "8"], 0),
    ],
    ids=["train_lstm", "transfer"],
)
def test_trainings(
    tmp_path: Path,
    times: Times,
    chance: random.Random,
    tried: Counter[str],
    main: Callable,
    options: list[str],
    few: int,
) -> None:
    attempts = times(few)
    write_features(tmp_path, clips=60)
    if main is transfer.main:
        once = ["d", *SMALL, "--epochs", "1", *folders(tmp_path)]
        assert arguments.run(train_lstm.main, once) == 0
        write_dataset(tmp_path / "data", "e", ["x", "y", "z"], 60, META)
    dataset = "e" if main is transfer.main else "d"
    start = [dataset, *options, *EPOCHS]
    for number in range(attempts):
        before = set((tmp_path / "log").glob("*.json"))

        def argv(before: set[Path] = before) -> list[str]:
            found = new_run(tmp_path, before)
            return ["--resume", found.name] if found else start

        # Every other run is stopped twice.
        for signal in chance.sample(SIGNALS, 1 + number % 2):
            script = Script(tmp_path, main.__module__, *argv())
            if number % 4 == 3:
                time.sleep(chance.uniform(0, 12))
            else:
                wait_for_rows(tmp_path, before, chance.randrange(8), script)
            script.stop(signal)
            check_stopped(script, signal, tried)
        done = [*argv(), "--quiet", *folders(tmp_path)]
        assert arguments.run(main, done) == 0
        check_run(tmp_path, new_run(tmp_path, before))


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


def check_stopped(script: Script, signal: str, tried: Counter[str]) -> bool:
    """Whether it has ended by the signal, and not just before it came."""
    code = script.process.returncode
    how = "stopped" if code else "done before it could be stopped"
    tried[f"{script.name}.py {how}"] += 1
    assert code in (0, *CODES[signal]), script.output()
    if code in (130, 143):
        assert "finished is kept" in script.output()
        assert "Traceback" not in script.output()
    return code != 0


def new_run(root: Path, before: set[Path]) -> run_record.Run | None:
    """The run that has come since."""
    for path in set((root / "log").glob("*.json")) - before:
        return run_record.Run(path.stem, root / "log", root / "model")
    return None


def check_run(root: Path, found: run_record.Run | None) -> None:
    """One row an epoch; the best model is as good as the best row."""
    assert found is not None
    rows = pd.read_csv(found.csv)
    assert rows["epoch"].tolist() == list(range(8))
    assert np.isfinite(rows.to_numpy()).all()
    record = run_record.read_record(found.log_record)
    assert record["final"]["epochs"] == 8
    name = record["data"]["dataset"]
    dataset = clips_table.Dataset(root / "data" / name)
    meta = record["data"]["features"]
    clips, classes = (
        clips_table.read_clips(dataset),
        clips_table.read_classes(dataset),
    )
    val = find_clips(dataset, clips, classes, meta, "val")
    settings = TrainingSettings(dataset="d")
    losses = [
        loop.loss(classifier.load_classifier(path), val, settings)
        for path in (found.best, found.last)
    ]
    assert losses[0] <= rows["val_loss"].min() + 1e-4
    assert losses[1] == pytest.approx(rows["val_loss"].iloc[-1], abs=1e-4)
    assert not found.state.exists()
    left = [*(root / "log").glob(".*"), *(root / "model").glob(".*")]
    assert all(path.name.startswith(".partial-") for path in left)
