"""The trainings of a study, each a plain function of one argument."""

import argparse
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from signs.core import messages
from signs.data.clips_table import Dataset
from signs.evaluation import training_log

# What the last model of this process is made of, and the model itself.
_last: tuple[str, Any] | None = None


@dataclass(frozen=True)
class Target:
    """The clips that a study trains and tests on.

    Attributes:
        dataset: where they are from.
        meta: the record of their features.
        classes: the classes table.
        paths: their feature files.
        labels: their classes, int32, (clips,).
        store: the file that has all their features; see `folds.pack`.
    """

    dataset: Dataset
    meta: dict[str, Any]
    classes: pd.DataFrame
    paths: list[Path]
    labels: np.ndarray
    store: Path


@dataclass(frozen=True)
class Source:
    """A classifier to start from, trained on another data set.

    Attributes:
        args: of train_lstm.py, as parsed; say which data set, and the seed.
        name: of its run.
        folder: where its log, record and model go.
    """

    args: argparse.Namespace
    name: str
    folder: Path

    @property
    def model(self) -> Path:
        """Its best model, by validation loss."""
        return self.folder / f"{self.name}-best.keras"


@dataclass(frozen=True)
class Cell:
    """One recipe on one fold.

    Attributes:
        args: of train_lstm.py, or of transfer.py where there is a source; say
            the seed, too.
        source: what to start from; None trains from scratch.
        target: the clips.
        train, test: row numbers of the clips.
        how: the way the folds were made.
    """

    args: argparse.Namespace
    source: Source | None
    target: Target
    train: np.ndarray
    test: np.ndarray
    how: str


def train_source(source: Source) -> dict[str, Any]:
    """Trains a source classifier, as train_lstm.py would; or goes on with it.

    Returns:
        Its final figures; see `judge.judge`.
    """
    with _quietly():
        import train_lstm
        from signs.training import run, run_record

        started = run_record.Run(source.name, source.folder, source.folder)
        resumed = source.name if started.last.exists() else None
        args = argparse.Namespace(**{**vars(source.args), "resume": resumed})
        data = run.read_data(args)
        about = {"kind": "lstm", "input": args.input}
        run.go_on(
            args, started, data, lambda: train_lstm.build(args, data), about
        )
        return run_record.read_record(started.log_record)["final"]["judged"]


def run_cell(cell: Cell) -> dict[str, Any]:
    """Trains on a fold's training clips, and tests on its others.

    Whatever is fitted to data (moments to standardise by, principal
    components) is fitted to the training clips alone, as the ordinary `build`
    of the scripts sees no others.

    Returns:
        accuracy: mean of the last five epochs; accuracy_last; accuracy_best:
        of the epoch with the lowest loss on the test clips, which is biased
        upwards; best_epoch; top5, macro_recall: of the last epoch; val_loss:
        mean of the last five epochs; train_clips, test_clips, seconds.
    """
    with _quietly():
        from signs.core.backend import keras
        from signs.training import loop, run

        start = time.monotonic()
        data = run.prepare(cell.args, data_of(cell))
        source = source_task(cell, data)
        keras.utils.set_random_seed(cell.args.seed)
        model = compiled(cell.args, build(cell, data))
        history = loop.rehearse(
            model,
            data.train,
            data.val,
            run.settings_of(cell.args),
            source,
        )
        figures = figures_of(history, model, data.val)
    return {
        **figures,
        "train_clips": len(cell.train),
        "test_clips": len(cell.test),
        "seconds": round(time.monotonic() - start, 2),
    }


def data_of(cell: Cell) -> Any:
    """A fold as a training sees it: an `experiment.Data`."""
    from signs.data import folds
    from signs.training import run

    target = cell.target
    train, test = (
        folds.Loaded(
            paths=[target.paths[row] for row in rows],
            labels=target.labels[rows],
            frames=target.meta["frames"],
            length=target.meta["length"],
            classes=len(target.classes),
            store=open_store(target.store),
            rows=rows,
        )
        for rows in (cell.train, cell.test)
    )
    return run.Data(
        target.dataset, target.meta, target.classes, train, test, cell.how
    )


def source_task(cell: Cell, data: Any) -> Any:
    """What else a cell is trained on: a `joint.SourceTask`, or None."""
    from signs.training import run

    if cell.source is None or not cell.args.joint:
        return None
    return run.find_source_task(
        cell.args, cell.source.model, cell.source.args.dataset, data
    )


@lru_cache(maxsize=1)
def open_store(path: Path) -> np.ndarray:
    """Features that all processes share, once for each process."""
    return np.load(path, mmap_mode="r")


def build(cell: Cell, data: Any) -> Any:
    """The model of a cell, not compiled."""
    import train_lstm
    import transfer
    from signs.training import run

    if cell.source is None:
        return train_lstm.build(cell.args, data)
    source = run.load_model(cell.source.model, data.meta, data.train.steps)
    return transfer.build(cell.args, data, source)


def compiled(args: argparse.Namespace, model: Any) -> Any:
    """A model that is ready to be trained: compiled, or recycled.

    Half the time of a short training would go into TensorFlow's tracing of
    its graph. So an earlier model of the same make is given this one's
    variables (weights, and the state of what draws dropout), and trained
    again; the results are the same.

    Args:
        args: of the script that trains.
        model: as it was built.
    """
    from signs.training import run

    global _last
    settings = {k: v for k, v in vars(args).items() if k != "seed"}
    # Keras numbers the layers of all models on, where they have no names.
    make = re.sub(r"_\d+\b", "", f"{model.to_json()} {settings}")
    if _last is None or _last[0] != make or args.mixed_precision:
        run.compile_model(args, model)
        _last = make, model
        return model
    old = _last[1]
    for variable, new in zip(old.variables, model.variables, strict=True):
        variable.assign(new)
    rate = old.optimizer.learning_rate.path
    for variable in old.optimizer.variables:
        if variable.path != rate:  # the count of steps, and Adam's moments
            variable.assign(variable * 0)
    return old


def figures_of(
    history: pd.DataFrame, model: Any, test: Any
) -> dict[str, float]:
    """The figures of a training; see `run_cell`."""
    from signs.core.backend import keras
    from signs.evaluation import metrics

    answers = [
        keras.ops.convert_to_numpy(model(batch, training=False))
        for batch in test.batches()
    ]
    judged = metrics.judge(
        np.nan_to_num(np.concatenate(answers), nan=1e-9), test.labels
    )
    ends = history.tail(training_log.LAST_EPOCHS)
    losses = history["val_loss"].fillna(np.inf)
    best = int(losses.argmin())
    return {
        "accuracy": float(ends["val_accuracy"].mean()),
        "accuracy_last": float(history["val_accuracy"].iloc[-1]),
        "accuracy_best": float(history["val_accuracy"].iloc[best]),
        "best_epoch": best + 1,
        "top5": judged["top5"],
        "macro_recall": judged["macro_recall"],
        "val_loss": float(ends["val_loss"].mean()),
    }


@contextmanager
def _quietly() -> Iterator[None]:
    """Lets through warnings only: a study has many trainings."""
    if not messages.log.handlers:  # a new process
        messages.set_up_messages(quiet=True)
    # TensorFlow warns of many small models, which is what a study is.
    levels = {messages.log: logging.WARNING}
    levels[logging.getLogger("tensorflow")] = logging.ERROR
    before = {logger: logger.level for logger in levels}
    for logger, level in levels.items():
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, level in before.items():
            logger.setLevel(level)
