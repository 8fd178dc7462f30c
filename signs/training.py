"""Trains a classifier so that nothing is lost when it is stopped."""

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
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


class StopEarly(keras.callbacks.EarlyStopping):
    """Stops where the loss gets no lower, also in a run that was resumed.

    Args:
        monitor: the loss to watch: `val_loss` or `loss`.
        patience: epochs without a lower one after which to stop.
        losses: of the epochs before.
    """

    def __init__(self, monitor: str, patience: int, losses: list[float]):
        super().__init__(monitor, patience=patience)
        self._losses = losses

    def on_train_begin(self, logs: dict | None = None) -> None:
        super().on_train_begin(logs)
        if not np.isnan(self._losses).all():
            self.best = float(np.nanmin(self._losses))
            self.wait = epochs_since_best(self._losses)


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
    losses = keep_rows(run.csv, done)
    best = min((x for x in losses if x == x), default=float("inf"))
    if np.isnan(losses).any() and run.best.exists():
        # The row of the best epoch may be the one that is lost.
        best = loss_of(run.best, val if len(val) else train, settings.batch)
    if done >= settings.epochs:
        return
    if has_stopped_early(losses, settings.patience):
        log.info(f"no lower loss for {settings.patience} epochs: stopped")
        return
    run.csv.parent.mkdir(parents=True, exist_ok=True)
    trained, train_on, judge_on = skip_frozen(model, train, val)
    batches = Batches(train_on, settings.batch, settings.seed, done)
    monitor = "val_loss" if len(val) else "loss"
    rows = keras.callbacks.CSVLogger(str(run.csv), append=True)
    callbacks = [
        keras.callbacks.TerminateOnNaN(),
        rows,
        KeepModels(model, run.best, run.last, monitor, best),
        Progress(settings.epochs, len(batches), best, settings.quiet),
    ]
    if settings.patience:
        callbacks.append(StopEarly(monitor, settings.patience, losses))
    if settings.tensorboard:
        folder = run.log_folder / "tensorboard" / run.name
        callbacks.append(keras.callbacks.TensorBoard(str(folder)))
    try:
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
    finally:
        # Keras leaves it open if it is stopped.
        with suppress(OSError):
            rows.on_train_end()
    training_losses = history.history.get("loss", [])
    if not training_losses or not np.isfinite(training_losses[-1]):
        raise UserError(
            f"the loss is no number any more, so {run.name} was stopped; "
            "try again with a lower --lr"
        )


def finished_epochs(model: Any, clips: int, batch: int) -> int:
    """How many epochs a compiled model has been trained."""
    return int(model.optimizer.iterations) // -(-clips // batch)


def has_stopped_early(losses: list[float], patience: int | None) -> bool:
    """Whether the last `patience` losses are none the lower."""
    return patience is not None and epochs_since_best(losses) >= patience


def epochs_since_best(losses: list[float]) -> int:
    """How many epochs come after the lowest loss; 0 where there is none."""
    if np.isnan(losses).all():
        return 0
    return len(losses) - 1 - int(np.nanargmin(losses))


def loss_of(path: Path, examples: Examples, batch: int) -> float:
    """The loss of a saved model on examples."""
    model = keras.saving.load_model(path, safe_mode=True)
    return float(model.evaluate(Batches(examples, batch), verbose=0)[0])


def keep_rows(path: Path, epochs: int) -> list[float]:
    """Cuts a CSV log to the epochs that the last model has seen.

    A run killed between the row and the model leaves a row too many. After a
    power cut, rows may be cut or lost; they become rows without figures, so
    that there is one row an epoch.

    Returns:
        The validation loss (or training loss, without validation) of each
        epoch; NaN where it is lost.
    """
    text = ""
    if path.exists():
        text = path.read_text(encoding="utf-8", errors="replace")
    whole = text[: text.rfind("\n") + 1].splitlines()
    header, *rows = [line.split(",") for line in whole] or [[]]
    found = {row[0]: row for row in rows if len(row) == len(header)}
    numbers = [str(epoch) for epoch in range(epochs)]
    lost = [int(number) + 1 for number in numbers if number not in found]
    if lost:
        log.warning(
            f"{path}: the figures of epoch {', '.join(map(str, lost))} are "
            "lost; the models are not, and the training goes on"
        )
    blank = [""] * (len(header) - 1)
    kept = [found.get(number, [number, *blank]) for number in numbers]
    lines = [",".join(row) + "\n" for row in [header, *kept]]
    new = "".join(lines) if epochs and header else ""
    if new != text:
        files.write_text(path, new)
    return [_loss(header, row) for row in kept]


def _loss(header: list[str], row: list[str]) -> float:
    """The loss that decides in a row of the log; NaN if there is none."""
    cells = dict(zip(header, row, strict=False))
    # Without validation clips, Keras may write the columns, but as NA.
    for name in ("val_loss", "loss"):
        try:
            return float(cells[name])
        except (KeyError, ValueError):
            continue
    return float("nan")
