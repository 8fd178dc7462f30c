"""What the page trains: which scripts, on which features, and what came out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from signs.app import takes
from signs.app.jobs import Step
from signs.core import files
from signs.core.errors import UserError
from signs.data import clips_table
from signs.data.clips_table import Dataset
from signs.features import (
    backbones,
    combined,
    feature_store,
    landmark_models,
    variants,
)
from signs.training import run_record
from signs.training.run_record import Run

LANDMARKS, SMALL_CNN = feature_store.LANDMARKS, "mobilenet-0.25"
EPOCHS = 60  # enough for a hundred clips
# A take is recognised by itself, without others of its session (what that is
# worth: docs/your-videos.md); and in batches of the default size, a hundred
# clips give too few steps.
SETTINGS = ["--no-session-mean", "--batch", "16"]
# Two people in two rooms do not tell a CNN what is not the sign.
CNN_SETTINGS = ["--input", "centered"]
RANDOM = (
    "The CNN has random weights: good enough to try the page out, and no "
    "measure of what your signs can reach."
)


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
    weights: str = "imagenet"

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

    Those of the last training; else landmarks, where MediaPipe is installed:
    they leave out the room and the person; else those of a CNN.
    """
    run = newest_run(place)
    if run is not None and combined.SIGN not in features_of(run):
        return features_of(run), "as in the last training"
    is_better, why = landmark_models.preferred()
    if is_better:
        return LANDMARKS, why
    there = sorted(place.dataset.feature("").glob("*/meta.json"))
    if there:
        return there[0].parent.name, "these features are there already"
    return SMALL_CNN, why


def features_of(run: Run) -> str:
    """The name of the features that a run is trained on."""
    return str(run_record.read_record(run.model_record)["features"]["cnn"])


def lacking(place: Workplace, features: str) -> str:
    """Which files a training will need that are not here; maybe empty."""
    if features == LANDMARKS:
        if not landmark_models.preferred()[0]:
            return (
                "Landmarks need MediaPipe: `python -m pip install -r "
                "requirements-landmarks.txt`, and start the page again."
            )
        if landmark_models.find_at_hand():
            return ""
        wanted, folder = landmark_models.addresses(), landmark_models.kept_in()
    elif place.weights == "random":
        return RANDOM
    elif place.weights not in ("imagenet", "auto"):
        return ""
    else:
        address, path = backbones.imagenet_file(features)
        if path.exists():
            return ""
        wanted, folder = [address], path.parent
    return (
        f"Not here yet, and downloaded by the training: {' and '.join(wanted)}"
        f". Without a network, get it by other means, and put it into "
        f"`{folder}`."
    )


def caution(features: Mapping[str, Any]) -> str:
    """What is to be known of a model before it is believed; maybe empty.

    Args:
        features: the record of what it was trained on.
    """
    sources = [part["weights"] for part in combined.parts(dict(features))]
    return RANDOM if "random" in sources else ""


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


def unfinished(place: Workplace) -> Run | None:
    """The newest run on this data set, if Train would go on with it.

    It was stopped before its end, and the takes are still those of its start.
    """
    run = newest_run(place)
    if run is None or "final" in run_record.read_record(run.log_record):
        return None
    if not (run.state.exists() and run.clip_table.exists()):
        return None
    found = takes.find(place.dataset)
    clips = {takes.clip_of(place.dataset, take) for take in found}
    began = run.clip_table.stat().st_mtime
    if clips != set(clips_table.read_csv(run.clip_table)["clip"]) or any(
        take.path.stat().st_mtime > began for take in found
    ):
        return None
    return run


def newest_run(place: Workplace, judged: bool = False) -> Run | None:
    """The newest training on this data set.

    Args:
        place: the folders and the data set.
        judged: whether only those count that leave clips out to be judged on.
    """
    for path in sorted(place.log.glob("????????-??????-*in*.json"))[::-1]:
        run = Run(path.stem, place.log, place.model)
        if not run.model_record.exists():
            continue
        record = files.read_json(run.model_record)
        if record.get("dataset") == place.name and not (
            judged and record.get("refit")
        ):
            return run
    return None


def plan(place: Workplace, features: str, epochs: int = EPOCHS) -> list[Step]:
    """The scripts that make a model of the takes, in order.

    What is done already they leave alone, and a training that was stopped
    goes on. Each is trained twice: first without the clips that it is judged
    on, then with all, which is the model to use.
    """
    name, flags = place.name, place.flags()
    if features == LANDMARKS:
        made_by = ["--landmarks"]
    else:
        made_by = variants.flags(features).split()
        made_by += ["--weights", place.weights]
    title, train = _training(place, features, epochs)

    def judge() -> list[str]:
        run = newest_run(place, judged=True)
        model = ["--model", run.name] if run else []
        return ["evaluate.py", name, *model, "--split", "val", *flags]

    return [
        # A clip that cannot be read is named, and the others are used.
        Step("frames", ["frame.py", name, *flags], good=(0, 1)),
        Step("features", ["feature.py", name, *made_by, *flags], good=(0, 1)),
        Step(title, [*train, *flags]),
        Step("judging", lambda: [*judge(), "--anyway"]),
    ]


def _training(
    place: Workplace, features: str, epochs: int
) -> tuple[str, list[str]]:
    """What trains: a title, and the script with its arguments."""
    stopped, source = unfinished(place), source_model(place, features)
    again = ["--refit"]  # on all clips
    if stopped and features_of(stopped) == features:
        is_new = "-transfer-" not in stopped.name
        script = "train_lstm.py" if is_new else "transfer.py"
        record = run_record.read_record(stopped.model_record)
        flags = [] if record.get("refit") else again
        title = "going on with the training"
        return title, [script, "--resume", stopped.name, *flags]
    most = ["--epochs", str(epochs), *again]
    if source:
        command = ["transfer.py", place.name, "--model", source, *most]
        return f"transferring {source}", command
    command = ["train_lstm.py", place.name, "--features", features, *SETTINGS]
    if features != LANDMARKS:
        command += CNN_SETTINGS
    return "training from scratch", [*command, *most]


@dataclass(frozen=True)
class Outcome:
    """What came out of a training.

    Attributes:
        sentence: how good it is, with what that figure means.
        caution: what is to be known before that is believed; maybe empty.
        confusion: the picture of what is taken for what.
        wrong: the clips it gets wrong: clip, label, predicted.
        report: the page of evaluate.py.
    """

    sentence: str
    caution: str
    confusion: Path | None
    wrong: pd.DataFrame
    report: Path | None


def outcome(place: Workplace) -> Outcome | None:
    """How good the newest training is, on whom it was not trained on."""
    run = newest_run(place, judged=True)
    if run is None:
        return None
    stem = place.log / f"{run.name}-evaluation-val"
    table, record = stem.with_suffix(".csv"), stem.with_suffix(".json")
    if not table.exists() or not record.exists():
        return None
    said = pd.read_csv(table, dtype=str, keep_default_na=False)
    wrong = said[said["label"] != said["predicted"]]
    report = stem.with_suffix(".html")
    split = run_record.read_record(run.log_record)["data"]["split"]
    return Outcome(
        in_words(files.read_json(record), said, split),
        caution(run_record.read_record(run.model_record)["features"]),
        run.confusion if run.confusion.exists() else None,
        wrong[["clip", "label", "predicted"]],
        report if report.exists() else None,
    )


def in_words(record: Mapping[str, Any], said: pd.DataFrame, split: str) -> str:
    """The accuracy as a sentence that says of whom it is.

    Args:
        record: what evaluate.py found.
        said: what the model says of each clip.
        split: how the clips were split.
    """
    right = int((said["label"] == said["predicted"]).sum())
    people = sorted(set(said["signer"]) - {""})
    of_whom = (
        f"clips of {', '.join(people)}, left out of the training"
        if people and split == "signer"
        else "clips left out of the training, **of people who are also in "
        "it**: expect less of others"
    )
    accuracy = next(iter(record["figures"].values()))["accuracy"]
    return (
        f"**{right} of {len(said)} right** "
        f"({right / max(1, len(said)):.0%}; 95% interval "
        f"{accuracy['low']:.0%} to {accuracy['high']:.0%}), on {of_whom}. The "
        "same clips chose the best epoch, so it is a little too good. The "
        "model to try has then been trained on all takes."
    )
