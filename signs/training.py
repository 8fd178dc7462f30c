"""Trains a classifier so that nothing is lost when it is stopped."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from signs import files
from signs.backend import keras
from signs.cli import UserError, log
from signs.examples import Batches, Embedded, Examples
from signs.runs import Run


def compile_classifier(model: Any, optimizer: Any) -> None:
    """Prepares a classifier for training on cross-entropy.

    Args:
        optimizer: a Keras optimizer, or the learning rate of a new Adam.
    """
    if isinstance(optimizer, float):
        optimizer = keras.optimizers.Adam(optimizer)
    metrics = ["accuracy"]
    if model.output_shape[-1] > 5:
        metrics.append(
            keras.metrics.SparseTopKCategoricalAccuracy(5, name="top5")
        )
    model.compile(
        optimizer=optimizer,
        loss="sparse_categorical_crossentropy",
        metrics=metrics,
    )


def skip_frozen(
    model: Any, train: Examples, val: Examples
) -> tuple[Any, Examples | Embedded, Examples | Embedded]:
    """Computes what frozen layers give once, instead of in each epoch.

    Only done where all LSTMs are frozen. In training, a frozen LSTM would
    still drop a part of its inputs; computed once, it drops nothing.

    Args:
        model: a compiled classifier.
        train, val: what to train on.

    Returns:
        The model of the layers above the last LSTM, which shares its weights
        and its optimizer with the whole one, and what it is to be trained
        on; all three arguments as they are, if an LSTM is trained.
    """
    lstms = [x for x in model.layers if isinstance(x, keras.layers.LSTM)]
    if not lstms or any(layer.trainable for layer in lstms):
        return model, train, val
    last = lstms[-1]
    body = keras.Model(model.input, last.output)
    inputs = keras.Input(last.output.shape[1:])
    outputs = inputs
    for layer in model.layers[model.layers.index(last) + 1 :]:
        outputs = layer(outputs)
    head = keras.Model(inputs, outputs)
    compile_classifier(head, model.optimizer)

    def embed(examples: Examples) -> Examples | Embedded:
        if not len(examples):
            return examples
        vectors = body.predict(Batches(examples, 64), verbose=0)
        return Embedded(vectors, examples.labels)

    return head, embed(train), embed(val)


class KeepModels(keras.callbacks.Callback):
    """Saves the best and the last model after each epoch, atomically.

    Keras's own `ModelCheckpoint` writes in place: a run killed at the wrong
    moment would lose what it had.

    Args:
        model: the whole model, of which maybe a part is trained.
        best, last: paths of the two `.keras` files.
        monitor: what is best when it is lowest: `val_loss` or `loss`.
        threshold: the best value so far.
    """

    def __init__(
        self,
        model: Any,
        best: Path,
        last: Path,
        monitor: str,
        threshold: float,
    ):
        super().__init__()
        self._whole = model
        self._best = best
        self._last = last
        self._monitor = monitor
        self._threshold = threshold

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        value = float((logs or {})[self._monitor])
        with files.atomic(self._last) as temporary:
            self._whole.save(temporary)
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
    trained, train_on, judge_on = skip_frozen(model, train, val)
    batches = Batches(train_on, settings.batch, settings.seed, done)
    monitor = "val_loss" if len(val) else "loss"
    callbacks = [
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.CSVLogger(str(run.csv), append=True),
        KeepModels(model, run.best, run.last, monitor, best),
        Progress(settings.epochs, len(batches), best, settings.quiet),
    ]
    if settings.patience:
        callbacks.append(
            keras.callbacks.EarlyStopping(monitor, patience=settings.patience)
        )
    if settings.tensorboard:
        folder = run.log_folder / "tensorboard" / run.name
        callbacks.append(keras.callbacks.TensorBoard(str(folder)))
    history = trained.fit(
        batches,
        validation_data=(
            Batches(judge_on, settings.batch) if len(val) else None
        ),
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
