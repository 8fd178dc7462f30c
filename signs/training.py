"""Trains a classifier so that nothing is lost when it is stopped."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from signs import features, files
from signs.backend import keras
from signs.cli import UserError, count, log
from signs.runs import Run
from signs.table import Dataset

READERS = 2  # threads that read the next batches during a training step


@dataclass(frozen=True)
class Examples:
    """The clips of one split that have features.

    Attributes:
        paths: their feature files.
        labels: their classes, int32, (clips,), from 0.
        frames, length: shape of a clip's features.
    """

    paths: list[Path]
    labels: np.ndarray
    frames: int
    length: int

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, indices: Any) -> np.ndarray:
        """The features of some clips, float32, (n, frames, length)."""
        return np.stack(
            [
                features.read_features(
                    self.paths[index], self.frames, self.length
                )
                for index in indices
            ],
            dtype="float32",
        )

    def batches(self, size: int = 256) -> Iterator[np.ndarray]:
        """All features in order, float32, (up to `size`, frames, length)."""
        for start in range(0, len(self), size):
            yield self.read(range(start, min(start + size, len(self))))


class Batches(keras.utils.PyDataset):
    """Examples in batches, for `fit`, `evaluate` and `predict`.

    The features stay on disk: memory does not grow with the data. Keras
    itself would shuffle only the batches, so the clips are shuffled here.

    Args:
        examples: what to read.
        size: clips a batch; the last one may be smaller.
        seed: of the order, which differs from epoch to epoch and is the same
            in every run; None keeps the order of the table.
        epoch: the first epoch, from 0.
    """

    def __init__(
        self,
        examples: Examples,
        size: int,
        seed: int | None = None,
        epoch: int = 0,
    ):
        super().__init__(workers=READERS, max_queue_size=2 * READERS)
        self._examples = examples
        self._size = size
        self._seed = seed
        self._epoch = epoch
        self._order = np.arange(len(examples))
        self._shuffle()

    def __len__(self) -> int:
        return -(-len(self._examples) // self._size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        start = index * self._size
        chosen = self._order[start : start + self._size]
        return self._examples.read(chosen), self._examples.labels[chosen]

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        if self._seed is not None:
            random = np.random.default_rng((self._seed, self._epoch))
            self._order = random.permutation(len(self._examples))


def find_examples(
    dataset: Dataset,
    clips: pd.DataFrame,
    classes: pd.DataFrame,
    meta: dict[str, Any],
    split: str,
) -> Examples:
    """The clips of a split that have a label and features.

    Args:
        clips: the clips table.
        classes: the classes table; says which index a label has.
        meta: the record of the features.
        split: train, val or test.

    Raises:
        UserError: if a label is missing in the classes table, or there are
            clips but no features.
    """
    index_of = dict(zip(classes["label"], classes["index"], strict=True))
    chosen = clips[(clips["split"] == split) & (clips["label"] != "")]
    unknown = set(chosen["label"]) - set(index_of)
    if unknown:
        raise UserError(
            f"the label {min(unknown)!r} of {dataset.clips} is missing in "
            f"{dataset.classes}; write both afresh with: "
            f"python frame.py {dataset.name} --overwrite"
        )
    missing = features.tasks(dataset, chosen, meta, only_missing=True)
    there = chosen[~chosen["clip"].isin(list(missing))]
    mend = features.command(dataset, meta["cnn"])
    if len(chosen) and not len(there):
        raise UserError(
            f"no {split} clip has features in {dataset.feature(meta['cnn'])}; "
            f"make them with: {mend}"
        )
    if missing:
        log.warning(
            f"{count(len(missing), f'{split} clip')} left out, having no "
            f"features, such as {next(iter(missing))}; make them with: {mend}"
        )
    return Examples(
        [features.feature_path(dataset, meta["cnn"], c) for c in there["clip"]],
        there["label"].map(index_of).to_numpy("int32"),
        meta["frames"],
        meta["length"],
    )


def check_examples(splits: dict[str, Examples], quiet: bool) -> None:
    """Reads all features once: a bad file is found now, not hours later.

    Args:
        splits: examples by split, such as train and val.

    Raises:
        UserError: if there is nothing to train on, or a file is damaged.
    """
    if not len(splits["train"]):
        raise UserError(
            "no clip with a label is in the split train; look at the columns "
            "label and split of clips.csv"
        )
    if len(set(splits["train"].labels)) < 2:
        raise UserError("training needs clips of at least two classes")
    total = sum(map(len, splits.values()))
    with tqdm(
        total=total,
        desc="checking features",
        unit="clip",
        leave=False,
        disable=True if quiet else None,
    ) as bar:
        for examples in splits.values():
            try:
                for batch in examples.batches():
                    bar.update(len(batch))
            except ValueError as error:
                raise UserError(
                    f"{error}; delete that file and run feature.py again"
                ) from error


def compile_classifier(model: Any, learning_rate: float) -> None:
    """Prepares a classifier for training by Adam on cross-entropy."""
    metrics = ["accuracy"]
    if model.output_shape[-1] > 5:
        metrics.append(
            keras.metrics.SparseTopKCategoricalAccuracy(5, name="top5")
        )
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=metrics,
    )


class KeepModels(keras.callbacks.Callback):
    """Saves the best and the last model after each epoch, atomically.

    Keras's own `ModelCheckpoint` writes in place: a run killed at the wrong
    moment would lose what it had.

    Args:
        best, last: paths of the two `.keras` files.
        monitor: what is best when it is lowest: `val_loss` or `loss`.
        threshold: the best value so far.
    """

    def __init__(self, best: Path, last: Path, monitor: str, threshold: float):
        super().__init__()
        self._best = best
        self._last = last
        self._monitor = monitor
        self._threshold = threshold

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        value = float((logs or {})[self._monitor])
        with files.atomic(self._last) as temporary:
            self.model.save(temporary)
            # The best one first: the last one says which epochs are done.
            if value < self._threshold:
                self._threshold = value
                with files.atomic(self._best) as copy:
                    shutil.copyfile(temporary, copy)


class Progress(keras.callbacks.Callback):
    """Prints one line an epoch, and on a terminal a bar within it."""

    def __init__(self, epochs: int, steps: int, best: float, quiet: bool):
        super().__init__()
        self._epochs = epochs
        self._steps = steps
        self._best = best
        self._quiet = quiet

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._start = time.monotonic()
        self._bar = tqdm(
            total=self._steps,
            desc=f"epoch {epoch + 1}",
            unit="batch",
            leave=False,
            disable=True if self._quiet else None,
        )

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._bar.update()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._bar.close()
        logs = logs or {}
        width = len(str(self._epochs))
        line = (
            f"epoch {epoch + 1:{width}}/{self._epochs}  "
            f"train loss {logs['loss']:.3f} accuracy {logs['accuracy']:.3f}"
        )
        if "val_loss" in logs:
            line += (
                f"  val loss {logs['val_loss']:.3f} "
                f"accuracy {logs['val_accuracy']:.3f}"
            )
        value = logs.get("val_loss", logs["loss"])
        seconds = time.monotonic() - self._start
        mark = "  *" if value < self._best else ""
        self._best = min(self._best, value)
        log.info(f"{line}  {seconds:.1f} s{mark}")


@dataclass(frozen=True)
class Settings:
    """How to train.

    Attributes:
        epochs: how many in all, those before a resume included.
        batch: clips a batch.
        seed: of the order of the clips.
        patience: epochs without a lower validation loss after which to
            stop; None never stops early.
        tensorboard: whether to write logs for TensorBoard, too.
        quiet: no progress.
    """

    epochs: int
    batch: int
    seed: int
    patience: int | None = None
    tensorboard: bool = False
    quiet: bool = False


def fit(
    model: Any, run: Run, train: Examples, val: Examples, settings: Settings
) -> None:
    """Trains a compiled model up to a number of epochs.

    A model that was trained before goes on where it stopped: its optimizer
    knows how many steps it has made.

    Raises:
        UserError: if the loss is no number any more.
    """
    done = finished_epochs(model, len(train), settings.batch)
    best = keep_rows(run.csv, done)
    if done >= settings.epochs:
        return
    run.csv.parent.mkdir(parents=True, exist_ok=True)
    batches = Batches(train, settings.batch, settings.seed, done)
    monitor = "val_loss" if len(val) else "loss"
    callbacks = [
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.CSVLogger(str(run.csv), append=True),
        KeepModels(run.best, run.last, monitor, best),
        Progress(settings.epochs, len(batches), best, settings.quiet),
    ]
    if settings.patience:
        callbacks.append(
            keras.callbacks.EarlyStopping(monitor, patience=settings.patience)
        )
    if settings.tensorboard:
        folder = run.log_folder / "tensorboard" / run.name
        callbacks.append(keras.callbacks.TensorBoard(str(folder)))
    history = model.fit(
        batches,
        validation_data=Batches(val, settings.batch) if len(val) else None,
        epochs=settings.epochs,
        initial_epoch=done,
        shuffle=False,
        callbacks=callbacks,
        verbose=0,
    )
    losses = history.history.get("loss", [])
    if not losses or not np.isfinite(losses[-1]):
        raise UserError(
            f"the loss is no number any more, so {run.name} was stopped; "
            "try again with a lower --lr"
        )


def finished_epochs(model: Any, clips: int, batch: int) -> int:
    """How many epochs a compiled model has been trained."""
    return int(model.optimizer.iterations) // -(-clips // batch)


def keep_rows(path: Path, epochs: int) -> float:
    """Cuts a CSV log to the epochs that the last model has seen.

    A run killed between the row and the model leaves a row too many.

    Returns:
        The lowest validation loss (or training loss, without validation) of
        the rows that stay; infinity where there are none.
    """
    if not path.exists():
        return float("inf")
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = lines[: epochs + 1] if epochs else []
    if kept != lines:
        files.write_text(path, "".join(kept))
    if not kept:
        return float("inf")
    rows = pd.read_csv(path)
    # Without validation clips, Keras may write the columns, but as NA.
    losses = rows.get("val_loss", rows["loss"]).fillna(rows["loss"])
    return float(losses.min())
