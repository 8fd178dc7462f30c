"""What the page trains: which scripts, on which features, and what came out."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from signs.app.jobs import Step
from signs.core import files
from signs.core.errors import UserError
from signs.data.clips_table import Dataset
from signs.training import run_record
from signs.training.run_record import Run

LANDMARKS, SMALL_CNN = "landmarks", "mobilenet-0.25"
EPOCHS = 60  # enough for a hundred clips


@dataclass(frozen=True)
class Workplace:
    """The folders of one project, and the data set that the page is of.

    Attributes:
        root: the folder that the scripts run in.
        data, log, model: the three folders, as the scripts' flags name them.
        name: of the data set.
        weights: what feature.py takes as `--weights`.
    """

    root: Path
    data: Path
    log: Path
    model: Path
    name: str
    weights: str = "auto"

    @property
    def dataset(self) -> Dataset:
        return Dataset(self.data / self.name)

    def flags(self) -> list[str]:
        return [
            *("--data", str(self.data), "--log", str(self.log)),
            *("--model-dir", str(self.model)),
        ]


def features_to_use(place: Workplace) -> tuple[str, str]:
    """Which features to train on, and why, in words.

    Landmarks, where MediaPipe is installed: they leave out the room and the
    person. Else those of the CNN whose features or weights are there.
    """
    if importlib.util.find_spec("mediapipe"):
        return LANDMARKS, "MediaPipe is installed: hands leave out the room"
    there = sorted(place.dataset.feature("").glob("*/meta.json"))
    if there:
        return there[0].parent.name, "these features are there already"
    return SMALL_CNN, "a small CNN; better: requirements-landmarks.txt"


def source_model(place: Workplace, features: str) -> str | None:
    """The newest model on other data with the same features, if any."""
    try:
        path, record = run_record.find_model(
            None, place.model, target=place.name
        )
    except UserError:
        return None
    same = record["features"]["cnn"] == features
    return path.stem.removesuffix("-best") if same else None


def unfinished(place: Workplace) -> str | None:
    """The newest run on this data set, if it was stopped before its end."""
    run = newest_run(place)
    if run is None or "final" in run_record.read_record(run.log_record):
        return None
    return run.name if run.state.exists() else None


def newest_run(place: Workplace) -> Run | None:
    """The newest training on this data set."""
    for path in sorted(place.log.glob("????????-??????-*in*.json"))[::-1]:
        run = Run(path.stem, place.log, place.model)
        if not run.model_record.exists():
            continue
        record = files.read_json(run.model_record)
        if record.get("dataset") == place.name:
            return run
    return None


def plan(place: Workplace, features: str, epochs: int = EPOCHS) -> list[Step]:
    """The scripts that make a model of the takes, in order.

    What is done already they leave alone, and a training that was stopped
    goes on.
    """
    name, flags = place.name, place.flags()
    if features == LANDMARKS:
        made_by = ["--landmarks"]
    else:
        made_by = [*cnn_flags(features), "--weights", place.weights]
    stopped, source = unfinished(place), source_model(place, features)
    if stopped:
        script = "transfer.py" if "-transfer-" in stopped else "train_lstm.py"
        train = [script, "--resume", stopped]
        title = "going on with the training"
    elif source:
        train = ["transfer.py", name, "--model", source]
        title = f"transferring {source}"
    else:
        train = ["train_lstm.py", name, "--features", features]
        title = "training from scratch"
    if not stopped:
        train += ["--epochs", str(epochs)]
    return [
        # A clip that cannot be read is named, and the others are used.
        Step("frames", ["frame.py", name, *flags], good=(0, 1)),
        Step("features", ["feature.py", name, *made_by, *flags], good=(0, 1)),
        Step(title, [*train, *flags]),
        Step(
            "judging",
            ["evaluate.py", name, "--split", "val", "--anyway", *flags],
        ),
    ]


def cnn_flags(features: str) -> list[str]:
    """The flags of feature.py that make features of a name."""
    base, _, alpha = features.partition("-")
    return ["--cnn", base, *(["--alpha", alpha] if alpha else [])]


@dataclass(frozen=True)
class Outcome:
    """What came out of a training.

    Attributes:
        sentence: how good it is, with what that figure means.
        confusion: the picture of what is taken for what.
        wrong: the clips it gets wrong: clip, label, predicted.
        report: the page of evaluate.py.
    """

    sentence: str
    confusion: Path | None
    wrong: pd.DataFrame
    report: Path | None


def outcome(place: Workplace) -> Outcome | None:
    """How good the newest model is, on whom it was not trained on."""
    run = newest_run(place)
    if run is None:
        return None
    stem = place.log / f"{run.name}-evaluation-val"
    table, record = stem.with_suffix(".csv"), stem.with_suffix(".json")
    if not table.exists() or not record.exists():
        return None
    said = pd.read_csv(table, dtype=str, keep_default_na=False)
    wrong = said[said["label"] != said["predicted"]]
    report = stem.with_suffix(".html")
    return Outcome(
        in_words(files.read_json(record), said),
        run.confusion if run.confusion.exists() else None,
        wrong[["clip", "label", "predicted"]],
        report if report.exists() else None,
    )


def in_words(record: Mapping[str, Any], said: pd.DataFrame) -> str:
    """The accuracy as a sentence that says of whom it is."""
    right = int((said["label"] == said["predicted"]).sum())
    people = sorted(set(said["signer"]) - {""})
    of_whom = (
        f"clips of {', '.join(people)}, left out of the training"
        if people and record.get("split") == "signer"
        else "clips left out of the training, **of people who are also in "
        "it**: expect less of others"
    )
    accuracy = next(iter(record["figures"].values()))["accuracy"]
    return (
        f"**{right} of {len(said)} right** "
        f"({right / max(1, len(said)):.0%}; 95% interval "
        f"{accuracy['low']:.0%} to {accuracy['high']:.0%}), on {of_whom}."
    )
