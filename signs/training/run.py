"""One training, from settings to records: what both training scripts do."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from signs.core import errors, files, lock
from signs.core.backend import keras, say_device
from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data import clips_table
from signs.models import classifier
from signs.training import (
    callbacks,
    clips_used,
    devices,
    epoch_log,
    feature_dataset,
    head_init,
    loop,
    report,
    run_record,
    run_state,
)
from signs.training.run_record import Run
from signs.training.settings import (
    RunOptions,
    Settings,
    TrainingSettings,
    TransferSettings,
)
from signs.training.training_data import Data, describe_data


def build(settings: Settings, data: Data) -> Any:
    """The network that the settings describe, not compiled.

    What it has of data (mean and variance, the new softmax layer's start) is
    of the training clips.
    """
    if isinstance(settings, TrainingSettings):
        return _build_new(settings, data)
    return _build_transferred(settings, data)


def _build_new(settings: TrainingSettings, data: Data) -> Any:
    batches = data.train.batches()
    return classifier.build_classifier(
        *data.train.shape,
        classes=len(data.classes),
        layers=settings.layers,
        units=settings.units,
        dropout=settings.dropout,
        dense=settings.dense,
        input_transform=settings.input,
        statistics=classifier.mean_and_variance(
            settings.input, batches, data.blocks
        ),
        bidirectional=settings.bidirectional,
        pool=settings.pool,
        projection=settings.projection,
        blocks=data.blocks,
    )


def _build_transferred(settings: TransferSettings, data: Data) -> Any:
    path = Path(str(settings.model))
    source = classifier.load_classifier(path, data.train.shape)
    model = classifier.replace_head(source, len(data.classes), settings.freeze)
    head_init.start_head(model, data.train, settings.head)
    return model


def train(
    settings: Settings,
    options: RunOptions,
    data: Data,
    about: dict[str, Any],
    resume: str | None = None,
) -> Run:
    """Trains a new run, or goes on with one; returns it.

    Args:
        settings: what to train.
        options: where, and how to show it.
        data: what to train on.
        about: what the record of the model says besides: its kind (`lstm`
            or `transfer`), its input, and where it comes from.
        resume: the run to go on with; None begins a new one.
    """
    devices.use(options.devices, settings.batch)
    if resume:
        run = Run(resume, options.log, options.model_dir)
        run_record.check_same_data(run, describe_data(data))
    else:
        clips = len(data.train) + len(data.val)
        run = run_record.new_run(
            *(about["kind"], clips, len(data.classes)),
            *(options.log, options.model_dir),
        )
    if options.dry_run:
        go_on(settings, options, data, about, run)
        return run
    with lock.hold(run.log_folder, run.lock.name):
        for folder in (run.log_folder, run.model_folder):
            files.remove_leftovers(folder)
        go_on(settings, options, data, about, run)
    return run


def go_on(
    settings: Settings,
    options: RunOptions,
    data: Data,
    about: dict[str, Any],
    run: Run,
) -> int:
    """Trains a run from where its files say that it is; see `train`."""
    if _is_finished(settings, run):
        return 0
    keras.utils.set_random_seed(settings.seed)
    model, done, best = _start_or_restore(settings, data, run)
    log.info(f"run {run.name}: {classifier.describe(model)}")
    if options.dry_run:
        return 0
    if done and not run.state.exists():
        run_state.save(run.state, model, done, best)
    _write_records(settings, data, about, run)
    say_device()
    losses = epoch_log.cut(run.csv, done)
    best = _lowest_loss(settings, data, run, losses, best)
    patience = settings.patience
    if patience and epoch_log.epochs_since_best(losses) >= patience:
        log.info(f"no lower loss for {count(patience, 'epoch')}: stopped")
    elif done < settings.epochs:
        hooks = _hooks(settings, options, data, run, model, best, losses)
        with _explained(run, data):
            loop.fit(model, data.train, data.val, settings, hooks, done)
    report.finish(run, data.classes, data.val, data.split)
    if not options.keep_state:
        run.state.unlink(missing_ok=True)
    return 0


def _is_finished(settings: Settings, run: Run) -> bool:
    """Whether a run has had its epochs, and its figures are there."""
    if not (run.is_begun and run.last.exists()):
        return False
    record = run_record.read_record(run.log_record)
    had = record.get("final", {}).get("epochs", 0)
    if had < settings.epochs:
        return False
    log.info(
        f"nothing to do: {run.name} has had its {count(had, 'epoch')}; "
        f"train on with: {run_record.resume_command(run.name)} --epochs N"
    )
    return True


def _start_or_restore(
    settings: Settings, data: Data, run: Run
) -> tuple[Any, int, float]:
    """The model of a run, compiled, as it is.

    Returns:
        The model, the epochs that it has been trained, and the lowest loss
        that its state knows of.
    """
    if not run.last.exists():
        model = build(settings, data)
        loop.compile_classifier(model, settings)
        return model, 0, math.inf
    model = classifier.load_classifier(run.last, data.train.shape)
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:  # saved by an older version
        steps = int(optimizer.iterations)
        loop.compile_classifier(model, settings, optimizer)
        batches = -(-len(data.train) // settings.batch)
        return model, round(steps / batches), math.inf
    loop.compile_classifier(model, settings)
    if run.state.exists():
        return model, *run_state.load(run.state, model)
    model.optimizer.build(model.trainable_variables)
    # The row of an epoch is written before its model.
    done = epoch_log.count_rows(run.csv)
    log.info(
        f"{run.name} goes on from epoch {done} with a fresh optimizer, as the "
        "state of the old one was not kept (--keep-state)"
    )
    return model, done, math.inf


def _lowest_loss(
    settings: Settings, data: Data, run: Run, losses: list[float], best: float
) -> float:
    """The lowest loss of a run so far.

    Args:
        losses: those of its log; NaN where a row is lost.
        best: the lowest that its state knows of.
    """
    known = [loss for loss in losses if not math.isnan(loss)]
    if math.isinf(best) and len(known) < len(losses) and run.best.exists():
        # The row of the best epoch may be the one that is lost.
        model = classifier.load_classifier(run.best, data.train.shape)
        on = data.val if len(data.val) else data.train
        best = loop.loss(model, on, settings)
    return min([best, *known])


def _hooks(
    settings: Settings,
    options: RunOptions,
    data: Data,
    run: Run,
    model: Any,
    best: float,
    losses: list[float],
) -> list[Any]:
    """Keras's callbacks of a run."""

    def explain(epoch: int) -> str:
        kept = f"its models are those of epoch {epoch - 1}"
        return (
            f"the loss of {run.name} is no number any more in epoch {epoch}, "
            f"so it was stopped; {kept if epoch > 1 else 'it has no model'}; "
            "start anew with a lower rate, such as --lr "
            f"{settings.learning_rate / 10:g}"
        )

    batches = -(-len(data.train) // settings.batch)
    hooks = [
        callbacks.StopWhenDiverged(explain),
        callbacks.KeepEpochs(model, run, best, settings.refit is not None),
        callbacks.Progress(settings.epochs, batches, best, options.quiet),
    ]
    if settings.patience:
        monitor = "val_loss" if len(data.val) else "loss"
        hooks.append(callbacks.StopEarly(monitor, settings.patience, losses))
    if options.tensorboard:
        folder = run.log_folder / "tensorboard" / run.name
        hooks.append(callbacks.tensorboard(folder))
    return hooks


@contextmanager
def _explained(run: Run, data: Data) -> Iterator[None]:
    """Says what to do where a training is stopped."""
    command = run_record.resume_command(run.name)
    try:
        yield
    except KeyboardInterrupt:
        log.info(f"\ngo on with: {command}")
        raise
    except UserError:
        raise
    except OSError as error:
        raise UserError(errors.explain(error, command)) from error
    except Exception:
        # Keras says little of a file that went bad during the training.
        feature_dataset.read_once([data.train, data.val], quiet=True)
        raise


def _write_records(
    settings: Settings, data: Data, about: dict[str, Any], run: Run
) -> None:
    """Writes what is known of a run before it starts.

    The model's records come first: a model never lies there without them.
    """
    used = _find_used(settings, data, run)
    clips_table.write_table(run.clip_table, used)
    files.write_json(
        run.model_record,
        {
            "run": run.name,
            "dataset": data.dataset.name,
            "frames": data.meta["frames"],
            "session_mean": settings.session_mean,
            **_landmark_mean(data),
            "refit": settings.refit,
            **about,
            "features": data.meta,
            "classes": data.classes.to_dict("records"),
            "clips": clips_used.summary(used),
        },
    )
    arguments = {**settings.as_record(), "features": data.meta["cnn"]}
    files.write_json(
        run.log_record,
        {
            "run": run.name,
            "arguments": arguments,
            "versions": run_record.versions(),
            "backend": keras.backend.backend(),
            "data": describe_data(data),
        },
    )


def _landmark_mean(data: Data) -> dict[str, list[float]]:
    """The mean that a user of the model needs, if any; see `Centering`."""
    if data.centering is None or data.centering.landmark_mean is None:
        return {}
    mean = data.centering.landmark_mean.tolist()
    return {"landmark_mean": [round(x, 4) for x in mean]}


def _find_used(settings: Settings, data: Data, run: Run) -> pd.DataFrame:
    """The list of the clips that a run is trained and chosen on.

    That of a run that goes on stays, as its videos may be gone by now.
    """
    if run.clip_table.exists() and run.model_record.exists():
        record = run_record.read_record(run.model_record)
        used = clips_used.read(run.best, record)
        if used is not None:
            return used
    uses = {
        clips_used.TRAINED: data.train.clips,
        clips_used.CHOSEN: data.val.clips,
    }
    source = None
    if isinstance(settings, TransferSettings):
        source = Path(str(settings.model))
    return clips_used.of_training(data.dataset, uses, source)
