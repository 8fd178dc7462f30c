"""The trainings of a study, each a plain function of one argument."""

import dataclasses
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from signs.core import messages
from signs.data.clips_table import Dataset
from signs.training.run_record import Run
from signs.training.settings import RunOptions, Settings, TrainingSettings

if TYPE_CHECKING:
    from signs.training.training_data import Data

# The last models of this process, by what they are made of; oldest first.
_models: dict[str, Any] = {}
_KEPT = 8


@dataclass(frozen=True)
class Target:
    """The clips that a study trains and tests on.

    Attributes:
        dataset: where they are from.
        meta: the record of their features.
        classes: the classes table.
        clips: their names.
        signers: of each clip; "" where unknown.
        labels: their classes, int32, (clips,).
        store: the file that has all their features; see `runner.pack`.
        copies: the file that has those of their copies, if there are any.
    """

    dataset: Dataset
    meta: dict[str, Any]
    classes: pd.DataFrame
    clips: list[str]
    signers: list[str]
    labels: np.ndarray
    store: Path
    copies: Path | None = None


@dataclass(frozen=True)
class SourceModel:
    """A classifier to start from, trained on another data set.

    Attributes:
        name: of its run.
        settings: of its training.
        options: say where its log, record and model go.
    """

    name: str
    settings: TrainingSettings
    options: RunOptions

    @property
    def run(self) -> Run:
        """Its files."""
        return Run(self.name, self.options.log, self.options.model_dir)


@dataclass(frozen=True)
class Trial:
    """One recipe on one fold.

    Attributes:
        settings: of the training; of a transfer, they name the source.
        target: the clips.
        train, test: row numbers of the clips.
        by: the way the folds were made.
    """

    settings: Settings
    target: Target
    train: np.ndarray
    test: np.ndarray
    by: str


def train_source(source: SourceModel) -> dict[str, Any]:
    """Trains a source classifier, as train_lstm.py would; or goes on with it.

    Returns:
        How good it is on its own validation clips; see `metrics.evaluate`.

    Raises:
        ValueError: if it diverged; that costs this source, not the study.
    """
    with quietly():
        from signs.training import run, run_record, training_data
        from signs.training.callbacks import DivergedError

        data = training_data.read_data(source.settings, source.options)
        about = {"kind": "lstm", "input": source.settings.input}
        try:
            run.go_on(source.settings, source.options, data, about, source.run)
        except DivergedError as error:
            raise ValueError(str(error)) from error
        record = run_record.read_record(source.run.log_record)
        return run_record.validation_figures(record)


def run_trial(trial: Trial) -> dict[str, Any]:
    """Trains on a fold's training clips, and tests on its others.

    Whatever is fitted to data (mean and variance, the softmax layer's start)
    is fitted to the training clips alone.

    Returns:
        accuracy: mean of the last five epochs; accuracy_last; accuracy_best:
        of the epoch with the lowest loss on the test clips, which is biased
        upwards; best_epoch; top5, macro_recall: of the last epoch; val_loss:
        mean of the last five epochs; train_clips, test_clips, seconds.
    """
    with quietly():
        from signs.core.backend import keras
        from signs.training import loop, run, training_data

        start = time.monotonic()
        settings = trial.settings
        data = training_data.prepare(settings, data_of(trial))
        keras.utils.set_random_seed(settings.seed)
        model = compiled(settings, run.build(settings, data))
        history = loop.fit(model, data.train, data.val, settings)
        figures = figures_of(pd.DataFrame(history), model, data.val)
    return {
        **figures,
        "train_clips": len(trial.train),
        "test_clips": len(trial.test),
        "seconds": round(time.monotonic() - start, 2),
    }


def data_of(trial: Trial) -> "Data":
    """A fold as a training sees it; who is tested on is its `val`."""
    from signs.training.feature_dataset import FeatureDataset
    from signs.training.feature_files import Rows
    from signs.training.training_data import Data

    target = trial.target
    train, test = (
        FeatureDataset(
            [target.clips[row] for row in rows],
            [target.signers[row] for row in rows],
            target.labels[rows],
            len(target.classes),
            Rows(open_store(target.store), rows),
        )
        for rows in (trial.train, trial.test)
    )
    if trial.settings.copies and target.copies is not None:
        copies = Rows(open_store(target.copies), trial.train)
        train = dataclasses.replace(train, copies=copies)
    return Data(
        target.dataset, target.meta, target.classes, train, test, trial.by
    )


@lru_cache(maxsize=2)
def open_store(path: Path) -> np.ndarray:
    """Features that all processes share, once for each process."""
    return np.load(path, mmap_mode="r")


def compiled(settings: Settings, model: Any) -> Any:
    """A model that is ready to be trained: compiled, or recycled.

    Half the time of a short training would go into TensorFlow's tracing of
    its graph. So an earlier model of the same make is given this one's
    variables (weights, and the state of what draws dropout), and trained
    again; the results are the same.

    Args:
        settings: of the training.
        model: as it was built.
    """
    from signs.core.backend import keras
    from signs.training import loop

    made_by = dataclasses.asdict(settings)
    for name in ("seed", "model", "recipe"):  # no part of the graph
        made_by.pop(name, None)
    # Keras numbers the layers of all models on, where they have no names.
    make = re.sub(r"_\d+\b", "", f"{model.to_json()} {made_by}")
    if make not in _models or settings.mixed_precision:
        loop.compile_classifier(model, settings)
        _models[make] = model
        if len(_models) > _KEPT:
            del _models[next(iter(_models))]
        return model
    old = _models[make]
    for variable, new in zip(old.variables, model.variables, strict=True):
        variable.assign(new)
    rate = old.optimizer.learning_rate.path
    for variable in old.optimizer.variables:
        if variable.path != rate:  # the count of steps, and Adam's averages
            # Times 0, the NaN of a training that diverged would stay.
            variable.assign(keras.ops.zeros(variable.shape, variable.dtype))
    return old


def figures_of(
    history: pd.DataFrame, model: Any, test: Any
) -> dict[str, float]:
    """The figures of a training; see `run_trial`."""
    from signs.core.backend import keras
    from signs.evaluation import metrics, training_log

    predicted = [
        keras.ops.convert_to_numpy(model(batch, training=False))
        for batch in test.batches()
    ]
    found = metrics.evaluate(
        np.nan_to_num(np.concatenate(predicted), nan=1e-9), test.labels
    )
    ends = history.tail(training_log.LAST_EPOCHS)
    losses = history["val_loss"].fillna(np.inf)
    best = int(losses.argmin())
    return {
        "accuracy": float(ends["val_accuracy"].mean()),
        "accuracy_last": float(history["val_accuracy"].iloc[-1]),
        "accuracy_best": float(history["val_accuracy"].iloc[best]),
        "best_epoch": best + 1,
        "top5": found["top5"],
        "macro_recall": found["macro_recall"],
        "val_loss": float(ends["val_loss"].mean()),
    }


@contextmanager
def quietly() -> Iterator[None]:
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
