"""What happens after each epoch: rows, models, progress."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from signs.core import files
from signs.core.backend import keras
from signs.core.errors import UserError
from signs.core.messages import log
from signs.models import classifier
from signs.training import epoch_log, run_state
from signs.training.run_record import Run

Logs = dict[str, float] | None


class DivergedError(UserError):
    """The loss of a training is no number any more."""


class StopWhenDiverged(keras.callbacks.Callback):
    """Ends a training whose loss is no number, before its epoch is kept.

    It comes before all that keep or show an epoch.

    Args:
        explain: gives the message of a `DivergedError` of an epoch, from 1.
    """

    def __init__(self, explain: Callable[[int], str]):
        super().__init__()
        self._explain = explain
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._check(logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._check(logs)

    def _check(self, logs: Logs = None) -> None:
        for name in ("loss", "val_loss"):
            if not math.isfinite((logs or {}).get(name, 0.0)):
                raise DivergedError(self._explain(self._epoch))


class KeepEpochs(keras.callbacks.Callback):
    """After each epoch writes its row, and the models, each atomically.

    Keras's own `CSVLogger` and `ModelCheckpoint` write in place: a run killed
    at the wrong moment would lose what it had.

    Args:
        model: the whole model, of which maybe a part is trained.
        run: whose files are written.
        best: the lowest loss so far.
        newest: whether the last epoch is the best one, whatever its loss.
    """

    def __init__(self, model: Any, run: Run, best: float, newest: bool = False):
        super().__init__()
        self._newest = newest
        self._whole = model
        self._run = run
        self._best = best

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        figures: dict[str, float] = dict(logs or {})
        epoch_log.append(self._run.csv, epoch, figures)
        loss = figures.get("val_loss", figures["loss"])
        # Asked for its model, JAX writes its state to the variables.
        _ = self.model
        # The state comes last: it says which epochs are done.
        if self._newest or loss < self._best:
            self._best = min(loss, self._best)
            save_model(self._whole, self._run.best)
        save_model(self._whole, self._run.last)
        run_state.save(self._run.state, self._whole, epoch + 1, self._best)


def save_model(model: Any, path: Path) -> None:
    """Saves a model atomically, without its optimizer's state."""
    # It shares all layers, but was never compiled.
    plain = keras.Model(model.input, model.output, name=model.name)
    with files.atomic(path) as temporary:
        # A model that was trained in half precision is used anywhere.
        with classifier.precision(model, "float32"):
            plain.save(temporary)


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

    def on_train_begin(self, logs: Logs = None) -> None:
        super().on_train_begin(logs)
        if not np.isnan(self._losses).all():
            self.best = float(np.nanmin(self._losses))
            self.wait = epoch_log.epochs_since_best(self._losses)


class Progress(keras.callbacks.Callback):
    """Prints one line an epoch, and on a terminal a bar within it.

    Args:
        epochs: how many there are to be, for the line.
        batches: in an epoch.
        best: the lowest loss so far.
        quiet: no bar.
    """

    def __init__(self, epochs: int, batches: int, best: float, quiet: bool):
        super().__init__()
        self._epochs = epochs
        self._batches = batches
        self._best = best
        self._quiet = quiet

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._start = time.monotonic()
        self._bar = tqdm(
            total=self._batches,
            desc=f"epoch {epoch + 1}",
            unit="batch",
            leave=False,
            disable=True if self._quiet else None,
        )

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._bar.update()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
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


def tensorboard(folder: Path) -> Any:
    """Keras's callback that writes logs for TensorBoard.

    Raises:
        UserError: if what it needs is not installed.
    """
    import importlib.util

    lacking = [
        name
        for name in ("tensorflow", "tensorboard")
        if importlib.util.find_spec(name) is None
    ]
    if lacking:
        raise UserError(
            f"--tensorboard needs {' and '.join(lacking)}, which is not "
            f"installed: python -m pip install {' '.join(lacking)}"
        )
    return keras.callbacks.TensorBoard(str(folder))
