"""One training, from arguments to records: what both training scripts do."""

import argparse
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from signs.core import errors, files, lock
from signs.core.backend import keras
from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data import clips_table
from signs.data.clips_table import Dataset
from signs.evaluation import confusion, metrics, training_log
from signs.features import feature_store
from signs.training import devices, loop, run_record, session_mean
from signs.training.augment import Augmentation
from signs.training.feature_dataset import (
    Batches,
    Examples,
    check_examples,
    find_examples,
)
from signs.training.joint import SourceTask
from signs.training.run_record import Run
from signs.video import frame_store

# Arguments that say where and how, not what, is trained: a run that is
# resumed takes them from the command line, all others from its record.
_NOT_OF_THE_RUN = [
    *("data", "log", "model_dir", "workers"),
    *("overwrite", "dry_run", "quiet", "resume", "devices"),
]
DEFAULT_EPOCHS = 100
# What a transferred network sees is what its source saw; with defaults.
INHERITED = {"input": "raw", "steps": None, "center_recording": False}


@dataclass(frozen=True)
class Data:
    """A data set as a training sees it.

    Attributes:
        dataset: where its files are.
        meta: the record of its features.
        classes: the classes table.
        train, val: clips with features.
        split: how the clips were split: `official`, `signer`, `random`, or
            `unknown`.
        source: what else is trained on; None: nothing.
    """

    dataset: Dataset
    meta: dict[str, Any]
    classes: pd.DataFrame
    train: Examples
    val: Examples
    split: str
    source: SourceTask | None = None

    @property
    def clips(self) -> int:
        return len(self.train) + len(self.val)


def restore(args: argparse.Namespace, kind: str) -> argparse.Namespace:
    """The arguments of the run to resume, or the ones given for a new run.

    Args:
        args: the script's.
        kind: of the script's runs: `lstm` or `transfer`.

    Raises:
        UserError: if there is no such run, or it is of the other kind.
    """
    asked_epochs = getattr(args, "epochs", None)
    if args.resume is None:
        args.epochs = asked_epochs or DEFAULT_EPOCHS
        return args
    path = args.log / f"{args.resume}.json"
    record = run_record.read_record(path, ["arguments", "data"])
    if f"-{kind}-" not in args.resume:
        raise UserError(
            f"{args.resume} is a run of another script; go on with: "
            f"{resume_command(args.resume)}"
        )
    given = {name: getattr(args, name) for name in _NOT_OF_THE_RUN}
    restored = {"epochs": DEFAULT_EPOCHS, **vars(args), **record["arguments"]}
    if asked_epochs:
        restored["epochs"] = asked_epochs
    return argparse.Namespace(**{**restored, **given})


def resume_command(run: str) -> str:
    """The command that goes on with a run."""
    script = "transfer" if "-transfer-" in run else "train_lstm"
    return f"python {script}.py --resume {run}"


def read_data(args: argparse.Namespace) -> Data:
    """Finds the clips, classes and features that the arguments name.

    Raises:
        UserError: if something is missing; names the command that makes it.
    """
    dataset = Dataset(args.data / args.dataset)
    clips = clips_table.read_clips(dataset)
    classes = clips_table.read_classes(dataset)
    meta = feature_store.require_meta(dataset, args.cnn)
    train, val = (
        find_examples(dataset, clips, classes, meta, split)
        for split in ("train", "val")
    )
    how = (frame_store.read_meta(dataset) or {}).get("split", "unknown")
    data = Data(dataset, meta, classes, train, val, how)
    log.info(
        f"{dataset.name}: {count(len(train), 'training clip')} and "
        f"{count(len(val), 'validation clip')} of "
        f"{count(len(classes), 'class', 'classes')}, split: {how}\n"
        f"features of {meta['cnn']} ({meta['weights']} weights), "
        f"{meta['frames']} x {meta['length']:,} a clip"
    )
    warn_of_gaps(data)
    check_examples({"train": train, "val": val}, args.quiet)
    return prepare(args, data)


def warn_of_gaps(data: Data) -> None:
    """Names the classes that cannot be learned, or not be judged."""
    if not len(data.val):
        log.warning(
            "no clip is in the split val: the best model is the one with "
            "the lowest training loss, which says nothing about new clips"
        )
    for examples, split in ((data.train, "training"), (data.val, "validation")):
        there = set(examples.labels.tolist())
        lacking = data.classes[~data.classes["index"].isin(there)]["name"]
        if len(lacking) and len(examples):
            names = ", ".join(lacking[:5]) + (", ..." * (len(lacking) > 5))
            log.warning(
                f"{count(len(lacking), 'class has', 'classes have')} no "
                f"{split} clip: {names}"
            )


def train(
    args: argparse.Namespace,
    data: Data,
    build: Callable[[], Any],
    about: dict[str, Any],
) -> int:
    """Trains a new run, or goes on with one; returns the exit code.

    Args:
        args: the script's, after `restore`.
        data: what to train on.
        build: makes the model of a new run, not compiled.
        about: what the record of the model says besides: its kind (`lstm`
            or `transfer`), its input, and where it comes from.
    """
    devices.use(args.devices, args.batch)
    if args.resume:
        run = Run(args.resume, args.log, args.model_dir)
        check_same_data(run, data)
    else:
        run = run_record.new_run(
            about["kind"],
            data.clips,
            len(data.classes),
            args.log,
            args.model_dir,
        )
    if args.dry_run:
        return go_on(args, run, data, build, about)
    with lock.hold(run.log_folder, run.lock.name):
        for folder in (run.log_folder, run.model_folder):
            files.remove_leftovers(folder)
        return go_on(args, run, data, build, about)


def go_on(
    args: argparse.Namespace,
    run: Run,
    data: Data,
    build: Callable[[], Any],
    about: dict[str, Any],
) -> int:
    """Trains a run from where it is; see `train`."""
    keras.utils.set_random_seed(args.seed)
    if args.resume and run.last.exists():
        model = load_model(run.last, data.meta, args.steps)
        # Its loss may be of an older version, with other labels.
        loop.compile_classifier(model, model.optimizer)
    else:
        model = build()
        compile_model(args, model)
    done = loop.finished_epochs(model, len(data.train), args.batch)
    if is_finished(args, run, done):
        log.info(
            f"nothing to do: {run.name} has had its {count(done, 'epoch')}; "
            "train on with: --epochs N"
        )
        return 0
    log.info(f"run {run.name}: {describe(model)}")
    if args.dry_run:
        return 0
    write_records(run, args, data, about)
    start = None
    if args.resume and settings_of(args).anchor:
        # From the same seed, fresh layers start as they did then.
        keras.utils.set_random_seed(args.seed)
        start = build().get_weights()
    fit(args, model, run, data, start)
    report(run, data)
    return 0


def compile_model(args: argparse.Namespace, model: Any) -> None:
    """Prepares a model for training as the arguments of a script say."""
    loop.compile_classifier(model, args.lr, args.mixed_precision)


def settings_of(args: argparse.Namespace) -> loop.Settings:
    """How to train, as the arguments of a script say.

    Args:
        args: of either script that trains.
    """
    return loop.Settings(
        getattr(args, "epochs", DEFAULT_EPOCHS),
        args.batch,
        args.seed,
        args.patience,
        args.tensorboard,
        args.quiet,
        args.mixed_precision,
        Augmentation(args.label_smoothing, args.mixup, args.stretch),
        getattr(args, "layer_decay", 1.0),
        getattr(args, "anchor", 0.0),
    )


def prepare(args: argparse.Namespace, data: Data) -> Data:
    """The data as the network of the arguments is to see them.

    Args:
        args: of either script that trains.
        data: as they were found; what was prepared for other arguments may
            be given, too.

    Raises:
        UserError: if the network is to see more frames than are stored.
    """
    steps = getattr(args, "steps", None)
    if steps and steps > data.meta["frames"]:
        raise UserError(
            f"--steps {steps}: only {data.meta['frames']} frames of each clip "
            f"of {data.dataset.name} are stored; store more with: python "
            f"frame.py {data.dataset.name} --frames {2 * steps} --overwrite"
        )
    train, val = (
        dataclasses.replace(examples, steps=steps, offsets={})
        for examples in (data.train, data.val)
    )
    if getattr(args, "center_recording", False):
        clips = clips_table.read_clips(data.dataset)
        cnn = data.meta["cnn"]
        paths = [
            feature_store.feature_path(data.dataset, cnn, x)
            for x in clips["clip"]
        ]
        signers = dict(zip(paths, clips["signer"], strict=True))
        offsets = session_mean.offsets((train, val), signers)
        train = dataclasses.replace(train, offsets=offsets)
        val = dataclasses.replace(val, offsets=offsets)
    return dataclasses.replace(data, train=train, val=val)


def inherit(args: argparse.Namespace, source: Mapping[str, Any]) -> None:
    """Sets the arguments that a transferred network has from its source.

    Args:
        args: of transfer.py; they are changed.
        source: the record of the model, or the arguments that it was trained
            with.
    """
    for name, value in INHERITED.items():
        setattr(args, name, source.get(name, value))


def find_source_task(
    args: argparse.Namespace,
    model: Path,
    dataset: str,
    data: Data,
    classes: list[dict[str, Any]] | None = None,
) -> SourceTask:
    """What a transferred network is to be trained on besides.

    Args:
        args: of transfer.py, after `inherit`.
        model: the trained classifier.
        dataset: the name of the data set that it was trained on.
        data: what is trained on.
        classes: of the classifier, as its record has them; None where it was
            just trained on that data set.

    Raises:
        UserError: if clips or features of that data set are missing, or they
            are others than those of the classifier.
    """
    theirs = read_data(argparse.Namespace(**{**vars(args), "dataset": dataset}))
    head = load_model(model, data.meta, args.steps).layers[-1].get_weights()
    problem = feature_store.differences(data.meta, theirs.meta)
    if not problem and len(head[-1]) != len(theirs.classes):
        problem = f"classes {len(head[-1])} and {len(theirs.classes)}"
    if not problem and classes not in (None, theirs.classes.to_dict("records")):
        problem = "other classes, or another order of them"
    if problem:
        raise UserError(
            f"--joint trains on {dataset}, too, which is not what {model} was "
            f"trained on any more: {problem}"
        )
    return SourceTask(head, theirs.train, args.joint)


def is_finished(args: argparse.Namespace, run: Run, done: int) -> bool:
    """Whether a run has had its epochs, and its figures are there."""
    if done < args.epochs or not args.resume:
        return False
    return "final" in run_record.read_record(run.log_record)


def fit(
    args: argparse.Namespace,
    model: Any,
    run: Run,
    data: Data,
    start: list[np.ndarray] | None = None,
) -> None:
    """Trains, and says how to go on if that is stopped."""
    settings = settings_of(args)
    try:
        loop.fit(model, run, data.train, data.val, settings, start, data.source)
    except KeyboardInterrupt:
        log.info(f"\ngo on with: {resume_command(run.name)}")
        raise
    except UserError:
        raise
    except OSError as error:
        raise UserError(
            errors.explain(error, resume_command(run.name))
        ) from error
    except Exception:
        # Keras says little of a file that went bad during the training.
        check_examples({"train": data.train, "val": data.val}, quiet=True)
        raise


def describe(model: Any) -> str:
    """The layers of a classifier in one line, and its size."""
    parts = []
    for layer in model.layers:
        kind = type(layer).__name__
        if isinstance(layer, keras.layers.Bidirectional):
            units = layer.forward_layer.units
            kind = "2-way LSTM"
        elif isinstance(layer, keras.layers.LSTM | keras.layers.Dense):
            units = layer.units
        else:
            continue
        frozen = "" if layer.trainable else " frozen"
        parts.append(f"{kind}({units}){frozen}")
    weights = model.count_params() / 1e6
    return f"{' + '.join(parts)}, {weights:.1f} million weights"


def write_records(
    run: Run, args: argparse.Namespace, data: Data, about: dict[str, Any]
) -> None:
    """Writes what is known of a run before it starts.

    The model's record comes first: a model never lies there without it.
    """
    files.write_json(
        run.model_record,
        {
            "run": run.name,
            "dataset": data.dataset.name,
            "frames": data.meta["frames"],
            "steps": args.steps,
            "center_recording": args.center_recording,
            **about,
            "features": data.meta,
            "classes": data.classes.to_dict("records"),
        },
    )
    kept = {
        name: value
        for name, value in vars(args).items()
        if name not in _NOT_OF_THE_RUN
    }
    files.write_json(
        run.log_record,
        {
            "run": run.name,
            "arguments": {**kept, "cnn": data.meta["cnn"]},
            "versions": run_record.versions(),
            "backend": keras.backend.backend(),
            "data": {
                "dataset": data.dataset.name,
                "classes": len(data.classes),
                "split": data.split,
                "train": len(data.train),
                "val": len(data.val),
                "features": data.meta,
            },
        },
    )


def check_same_data(run: Run, data: Data) -> None:
    """Raises a `UserError` if a run was begun on other data than these."""
    then = run_record.read_record(run.log_record)["data"]
    problem = feature_store.differences(then["features"], data.meta)
    counts = {
        "training clips": (then["train"], len(data.train)),
        "classes": (then["classes"], len(data.classes)),
    }
    changed = [
        f"{name} {old} and {new}"
        for name, (old, new) in counts.items()
        if old != new
    ]
    problem = ", ".join(filter(None, [problem, *changed]))
    if problem:
        raise UserError(
            f"{run.name} cannot go on, as its data are others now: {problem}; "
            "start a new run without --resume"
        )


def load_model(
    path: Path, meta: dict[str, Any] | None = None, steps: int | None = None
) -> Any:
    """Loads a `.keras` file, never running code that it may hold.

    Args:
        path: the file.
        meta: the record of the features that it is to take, if known.
        steps: how many of their frames it takes; None: all.

    Raises:
        UserError: if it is damaged or not a classifier of such features.
    """
    try:
        model = keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # a damaged file may fail in any place
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} cannot be loaded: {reason}") from error
    shape = meta and (None, steps or meta["frames"], meta["length"])
    if shape and model.input_shape != shape:
        raise UserError(
            f"{path} takes {model.input_shape}, not features of {shape}; it "
            "is not the model that its record describes"
        )
    return model


def report(run: Run, data: Data) -> None:
    """Judges the best model, prints the figures, and keeps them."""
    figures = training_log.summary(training_log.read_log(run.csv))
    if len(data.val):
        model = load_model(run.best, data.meta, data.train.steps)
        probabilities = np.asarray(
            model.predict(Batches(data.val, 64), verbose=0)
        )
        figures["judged"] = metrics.judge(probabilities, data.val.labels)
        print_figures(data, figures)
        report_classes(run, data, probabilities.argmax(axis=1))
    record = run_record.read_record(run.log_record)
    files.write_json(run.log_record, {**record, "final": figures})
    log.info(f"log   {run.csv}\nmodel {run.best}")


def report_classes(run: Run, data: Data, answers: np.ndarray) -> None:
    """Writes how good the best model is for each class, and draws it."""
    labels, names = data.val.labels, data.classes["name"].tolist()
    counts = confusion.matrix(answers, labels, len(names))
    clips_table.write_table(
        run.class_table, confusion.class_table(answers, labels, data.classes)
    )
    title = f"{run.name}, {count(len(labels), 'validation clip')}"
    confusion.draw(run.confusion, counts, names, title)
    if pairs := confusion.worst_pairs(counts, names):
        log.info(f"  most often taken: {'; '.join(pairs)}")
    log.info(f"classes {run.class_table}, {run.confusion}")


def print_figures(data: Data, figures: dict[str, Any]) -> None:
    judged = figures["judged"]
    best, last = figures["best_val_loss"], figures["last"]
    mean = figures[f"mean_of_last_{training_log.LAST_EPOCHS}"]
    log.info(
        f"judged on {count(judged['clips'], 'validation clip')}, split: "
        f"{data.split} (chance {judged['chance']:.2f}, most frequent class "
        f"{judged['majority']:.2f})\n"
        f"  best epoch {best['epoch']}: {metrics.in_words(judged)}\n"
        f"  last epoch {last['epoch']}: accuracy {last['val_accuracy']:.2f}, "
        f"loss {last['val_loss']:.3f}\n"
        f"  mean of the last {training_log.LAST_EPOCHS}: accuracy "
        f"{mean['val_accuracy']:.2f}, loss {mean['val_loss']:.3f}"
    )
    if data.split == "random":
        log.info("  a random split mixes performers: expect less from new ones")
