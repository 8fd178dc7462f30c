"""Trains a classifier so that nothing is lost when it is stopped."""

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from signs.core import files
from signs.core.backend import keras
from signs.core.errors import UserError
from signs.core.messages import log
from signs.models import classifier
from signs.training.augment import Augmentation
from signs.training.feature_dataset import Batches, Embedded, Examples
from signs.training.joint import JointBatches, SourceTask, join
from signs.training.run_record import Run


def compile_classifier(
    model: Any, optimizer: Any, mixed_precision: bool = False
) -> None:
    """Prepares a classifier for training on cross-entropy.

    Labels are one-hot, so that they can be softened and mixed.

    Args:
        optimizer: a Keras optimizer, or the learning rate of a new Adam.
        mixed_precision: whether a new Adam is for float16, whose smallest
            gradients would be 0 if they were not scaled.
    """
    if isinstance(optimizer, float):
        optimizer = keras.optimizers.Adam(optimizer)
        if mixed_precision:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    metrics = ["accuracy"]
    if model.output_shape[-1] > 5:
        metrics.append(keras.metrics.TopKCategoricalAccuracy(5, name="top5"))
    model.compile(
        optimizer=optimizer,
        loss="categorical_crossentropy",
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
    lstms = classifier.lstms(model)
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
        return Embedded(vectors, examples.labels, examples.classes)

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
            # A model that was trained in half precision is used anywhere.
            with classifier.precision(self._whole, "float32"):
                self._whole.save(temporary)
            # The best one first: the last one says which epochs are done.
            if value < self._threshold:
                self._threshold = value
                with files.atomic(self._best) as copy:
                    shutil.copyfile(temporary, copy)


class Anchor(keras.callbacks.Callback):
    """Holds the weights to those that the training started with.

    After each step it pulls them back by the learning rate times `strength`
    times the distance, which is the L2-SP penalty of Li et al. 2018, Explicit
    inductive bias for transfer learning, arXiv 1802.01483, decoupled from
    Adam's scaling as weight decay is in Loshchilov and Hutter 2019, arXiv
    1711.05101. The softmax layer, being new, is free. A callback leaves no
    trace in the saved model.

    Args:
        model: the whole model, of which maybe a part is trained.
        strength: of the pull.
        start: all weights of the model at the start, as `get_weights` gives
            them; None: those of now.
    """

    def __init__(
        self,
        model: Any,
        strength: float,
        start: list[np.ndarray] | None = None,
    ):
        super().__init__()
        self._strength = strength
        free = {id(x) for x in model.layers[-1].weights}
        held = {id(x) for x in model.trainable_weights} - free
        values = model.get_weights() if start is None else start
        self._pairs = [
            (variable, keras.ops.convert_to_tensor(value, "float32"))
            for variable, value in zip(model.weights, values, strict=True)
            if id(variable) in held
        ]

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        # Asked for its model first, JAX writes its state to the variables.
        rate = float(self.model.optimizer.learning_rate)
        pull = min(1.0, rate * self._strength)
        for variable, start in self._pairs:
            variable.assign(variable + pull * (start - variable))


def slow_lower_layers(model: Any, decay: float) -> None:
    """Lets the layers of a compiled model learn the slower the lower they are.

    Discriminative fine-tuning: Howard and Ruder 2018, Universal language
    model fine-tuning for text classification, arXiv 1801.06146. Adam undoes
    any scaling of gradients, so its steps are scaled. Only the optimizer in
    this process is changed; a saved model knows nothing of it.

    Args:
        model: the whole model.
        decay: the learning rate of a layer is that of the layer above it
            times this; the softmax layer has the full one. 1 changes nothing.
    """
    if decay == 1:
        return
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    update = partial(type(optimizer)._backend_update_step, optimizer)
    learning = [x for x in model.layers if x.trainable_weights]
    depths = {
        id(variable): depth
        for depth, layer in enumerate(reversed(learning))
        for variable in layer.trainable_weights
    }

    def update_by_layer(grads: Any, variables: Any, rate: Any) -> None:
        for depth in sorted({depths[id(x)] for x in variables}):
            pairs = zip(grads, variables, strict=True)
            chosen = [x for x in pairs if depths[id(x[1])] == depth]
            update(
                [gradient for gradient, _ in chosen],
                [variable for _, variable in chosen],
                rate * decay**depth,
            )

    optimizer._backend_update_step = update_by_layer


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

    def __init__(self, settings: "Settings", steps: int, best: float):
        super().__init__()
        self._epochs = settings.epochs
        self._quiet = settings.quiet
        self._steps = steps
        self._best = best

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
        mixed_precision: whether hidden layers compute in float16.
        augmentation: how the clips are changed in training.
        layer_decay: by which the learning rate of each layer is multiplied
            below the one above it; see `slow_lower_layers`.
        anchor: how strongly weights are held to where they started; see
            `Anchor`.
    """

    epochs: int
    batch: int
    seed: int
    patience: int | None = None
    tensorboard: bool = False
    quiet: bool = False
    mixed_precision: bool = False
    augmentation: Augmentation = Augmentation()
    layer_decay: float = 1.0
    anchor: float = 0.0


def fit(
    model: Any,
    run: Run,
    train: Examples,
    val: Examples,
    settings: Settings,
    start: list[np.ndarray] | None = None,
    source: SourceTask | None = None,
) -> None:
    """Trains a compiled model up to a number of epochs.

    A model that was trained before goes on where it stopped: its optimizer
    knows how many steps it has made.

    Args:
        start: the weights that the run once started with, to which an anchor
            holds it; None: those that the model has now.
        source: what else it is trained on; see `joint`.

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
    monitor = "val_loss" if len(val) else "loss"
    rows = keras.callbacks.CSVLogger(str(run.csv), append=True)
    callbacks = [
        keras.callbacks.TerminateOnNaN(),
        rows,
        KeepModels(model, run.best, run.last, monitor, best),
        Progress(settings, -(-len(train) // settings.batch), best),
    ]
    if settings.patience:
        callbacks.append(StopEarly(monitor, settings.patience, losses))
    if settings.tensorboard:
        folder = run.log_folder / "tensorboard" / run.name
        callbacks.append(keras.callbacks.TensorBoard(str(folder)))
    try:
        history = _train(
            model, train, val, settings, callbacks, done, start, source
        )
    finally:
        # Keras leaves it open if it is stopped.
        with suppress(OSError):
            rows.on_train_end()
    training_losses = history.get("loss", [])
    if not training_losses or not np.isfinite(training_losses[-1]):
        raise UserError(
            f"the loss is no number any more, so {run.name} was stopped; "
            "try again with a lower --lr"
        )


def rehearse(
    model: Any,
    train: Examples,
    val: Examples,
    settings: Settings,
    source: SourceTask | None = None,
) -> pd.DataFrame:
    """Trains a compiled model for all its epochs, and saves nothing.

    Args:
        source: see `fit`.

    Returns:
        One row an epoch, with the columns of a run's log but `epoch`: loss,
        accuracy, val_loss, val_accuracy, ...
    """
    history = _train(model, train, val, settings, [], 0, source=source)
    return pd.DataFrame(history)


def _train(
    model: Any,
    train: Examples,
    val: Examples,
    settings: Settings,
    callbacks: list[Any],
    done: int,
    start: list[np.ndarray] | None = None,
    source: SourceTask | None = None,
) -> dict[str, list[float]]:
    """Trains by Keras's `fit` from epoch `done` on; returns its history."""
    classifier.hoist_products(model)
    trained = model
    train_on: Examples | Embedded = train
    judge_on: Examples | Embedded = val
    if source is not None:
        trained = join(model, source)
        compile_classifier(trained, model.optimizer)
    elif not varies(train, settings.augmentation):
        trained, train_on, judge_on = skip_frozen(model, train, val)
    slow_lower_layers(model, settings.layer_decay)
    if settings.anchor:
        callbacks = [Anchor(model, settings.anchor, start), *callbacks]
    policy = "mixed_float16" if settings.mixed_precision else "float32"
    batches: Any = Batches(
        train_on, settings.batch, settings.seed, done, settings.augmentation
    )
    judged: Any = Batches(judge_on, settings.batch)
    if source is not None:
        batches = JointBatches(batches, source, settings.seed, done)
        judged = JointBatches(judged, source)
    with classifier.precision(model, policy):
        return trained.fit(
            batches,
            validation_data=judged if len(val) else None,
            epochs=settings.epochs,
            initial_epoch=done,
            shuffle=False,
            callbacks=callbacks,
            verbose=0,
        ).history


def varies(train: Examples, augmentation: Augmentation) -> bool:
    """Whether clips are others in each epoch, so that all must be computed."""
    fewer = train.steps is not None and train.steps < train.frames
    return bool(fewer or augmentation.stretch or augmentation.mixup)


def finished_epochs(model: Any, clips: int, batch: int) -> int:
    """How many epochs a compiled model has been trained.

    In float16, a step whose gradients overflow is not counted.
    """
    return round(int(model.optimizer.iterations) / -(-clips // batch))


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
    compile_classifier(model, model.optimizer)
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
