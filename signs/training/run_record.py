"""The record of a run: its name, and what RUN.json says of it."""

import datetime
import importlib.metadata
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signs.core import files
from signs.core.errors import UserError
from signs.features import feature_store
from signs.training import settings

MODEL_KEYS = ["run", "dataset", "frames", "input", "features", "classes"]
PACKAGES = [
    *("keras", "tensorflow", "jax", "torch"),
    *("ai-edge-litert", "openvino", "opencv-contrib-python"),
    *("av", "numpy", "mediapipe"),
]


@dataclass(frozen=True)
class Run:
    """Where the files of one training are."""

    name: str
    log_folder: Path
    model_folder: Path

    @property
    def csv(self) -> Path:
        """One row an epoch."""
        return self.log_folder / f"{self.name}.csv"

    @property
    def log_record(self) -> Path:
        """Arguments, versions, data, split, final figures."""
        return self.log_folder / f"{self.name}.json"

    @property
    def class_table(self) -> Path:
        """How good the best model is for each class."""
        return self.log_folder / f"{self.name}-classes.csv"

    @property
    def confusion(self) -> Path:
        """Which classes it takes for which, as a picture."""
        return self.log_folder / f"{self.name}-confusion.png"

    @property
    def best(self) -> Path:
        return self.model_folder / f"{self.name}-best.keras"

    @property
    def last(self) -> Path:
        return self.model_folder / f"{self.name}-last.keras"

    @property
    def state(self) -> Path:
        """What a stopped training needs to go on; see `run_state`."""
        return self.model_folder / f"{self.name}-state.npz"

    @property
    def model_record(self) -> Path:
        """What a user of the model must know: classes, CNN, frames, input."""
        return self.model_folder / f"{self.name}.json"

    @property
    def is_begun(self) -> bool:
        """Whether there is a record of it."""
        return self.log_record.exists()

    @property
    def clip_table(self) -> Path:
        """Which clips the model was trained and chosen on."""
        return self.model_folder / f"{self.name}-clips.csv"

    @property
    def lock(self) -> Path:
        """Is there while a process trains it."""
        return self.log_folder / f".{self.name}.lock"


def versions() -> dict[str, str]:
    """The versions of what decides about results, where installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def new_run(
    kind: str, clips: int, classes: int, log_folder: Path, model_folder: Path
) -> Run:
    """A run whose files do not exist yet.

    Args:
        kind: `lstm` or `transfer`.
        clips: training and validation clips.
        classes: how many classes.

    Returns:
        A run named `YYYYMMDD-HHMMSS-KIND-CLIPSinCLASSES`, in local time.
    """
    time = datetime.datetime.now()
    while True:
        name = f"{time:%Y%m%d-%H%M%S}-{kind}-{clips}in{classes}"
        run = Run(name, log_folder, model_folder)
        taken = (run.log_record, run.model_record, run.lock)
        if not any(path.exists() for path in taken):
            return run
        time += datetime.timedelta(seconds=1)


def read_record(path: Path, keys: Sequence[str] = ()) -> dict[str, Any]:
    """Reads a RUN.json.

    Args:
        path: the file.
        keys: what must be in it.

    Raises:
        UserError: if it is missing or damaged.
    """
    try:
        record = files.read_json(path)
    except FileNotFoundError as error:
        raise UserError(f"the record of the run is missing: {path}") from error
    except ValueError as error:
        raise UserError(f"the record of the run is damaged: {path}") from error
    if not set(keys) <= set(record):
        raise UserError(f"the record of the run is damaged: {path}")
    return record


def resume_command(run: str) -> str:
    """The command that goes on with a run."""
    script = "transfer" if "-transfer-" in run else "train_lstm"
    return f"python {script}.py --resume {run}"


def takes_transformed(record: dict[str, Any]) -> bool:
    """Whether a model takes the numbers made of landmarks, not landmarks.

    It does so where the mean of a session is subtracted from them.

    Args:
        record: what `model/RUN.json` says.
    """
    return record.get("landmark_mean") is not None


def check_same_data(run: Run, now: dict[str, Any]) -> None:
    """Raises a `UserError` if a run was begun on other data than these.

    Args:
        run: the run.
        now: what its record would say of the data; see `run.describe_data`.
    """
    then = read_record(run.log_record, ["data"])["data"]
    problems = [feature_store.differences(then["features"], now["features"])]
    for name, what in (
        ("train", "training clips"),
        ("val", "validation clips"),
        ("classes", "classes"),
    ):
        digests = (x.get("digests", {}).get(name) for x in (then, now))
        old, new = digests
        if then[name] != now[name]:
            problems.append(f"{what} {then[name]} and {now[name]}")
        elif None not in (old, new) and old != new:
            problems.append(f"as many {what}, but not the same ones")
    if problem := ", ".join(filter(None, problems)):
        raise UserError(
            f"{run.name} cannot go on, as its data are others now: {problem}; "
            "start a new run without --resume"
        )


def validation_figures(record: dict[str, Any]) -> dict[str, Any]:
    """How good the best model of a finished run is on validation clips.

    Args:
        record: what `log/RUN.json` says; it may be an older version's.

    Returns:
        See `metrics.evaluate`; nothing where there were no such clips.
    """
    final = record.get("final", {})
    return final.get("validation") or final.get("judged") or {}


def find_model(
    asked: str | None,
    model_folder: Path,
    kind: str = "lstm",
    target: str | None = None,
    trained_on: str | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Finds a trained model and its record.

    Args:
        asked: path of a `.keras` file, or the name of a run, whose best
            model is meant; None takes the newest run.
        model_folder: where models are.
        kind: of the newest run: `lstm`, `transfer`, or `*` for either.
        target: the data set that it is to be transferred to: the newest run
            on another one is meant, and none on rendered clips, unless
            these are rendered, too.
        trained_on: the newest run on this data set is meant.

    Returns:
        The path of the model, and what `model/RUN.json` says, in today's
        words.

    Raises:
        UserError: if there is none, or it was trained in a way that this
            version cannot follow; names the command that trains one.
    """
    if asked is None:
        path = _newest_model(model_folder, kind, target, trained_on)
    elif asked.endswith(".keras"):
        path = Path(asked)
    else:
        path = model_folder / f"{asked}-best.keras"
    if not path.is_file():
        raise UserError(
            f"there is no model {path}; --model takes a .keras file or the "
            f"name of a run in {model_folder}"
        )
    return path, read_model_record(path)


def _newest_model(
    model_folder: Path, kind: str, target: str | None, trained_on: str | None
) -> Path:
    pattern = f"????????-??????-{kind}-*in*-best.keras"
    found = sorted(model_folder.glob(pattern), reverse=True)
    if not found:
        raise UserError(
            f"there is no trained model in {model_folder}; train one "
            "with: python train_lstm.py"
        )
    if trained_on is not None:
        for path in found:
            if read_model_record(path)["dataset"] == trained_on:
                return path
        raise UserError(
            f"no model in {model_folder} was trained on {trained_on}; train "
            f"one with: python train_lstm.py {trained_on}, or name one with "
            "--model"
        )
    if target is None:
        return found[0]
    for path in found:
        record = read_model_record(path)
        source = record["dataset"]
        is_fit = is_rendered(target) or not is_rendered(source)
        if source != target and is_fit and "ensemble" not in record:
            return path
    raise UserError(
        f"no model in {model_folder} can be transferred to {target}: all are "
        f"of {target} itself or of rendered clips; train one on a large data "
        "set with: python train_lstm.py, or name one with --model"
    )


def is_rendered(dataset: str) -> bool:
    """Whether a data set is one of those that sample.py renders."""
    return dataset.startswith("sample-")


def read_model_record(path: Path) -> dict[str, Any]:
    """What `model/RUN.json` says of a model, in today's words.

    Args:
        path: of the `.keras` file.

    Raises:
        UserError: if it is missing or damaged, or the model is one of those
            that this version cannot use.
    """
    run = path.stem.removesuffix("-best").removesuffix("-last")
    path_of_record = path.with_name(f"{run}.json")
    record = read_record(path_of_record, MODEL_KEYS)
    features = record["features"]
    if not isinstance(features, dict) or "cnn" not in features:
        raise UserError(f"the record of the run is damaged: {path_of_record}")
    if record.get("steps") not in (None, record["frames"]):
        raise UserError(
            f"{path} looks at {record['steps']} of {record['frames']} frames "
            "(--steps of an older version), which this version cannot do; "
            f"train it again with: python train_lstm.py {record['dataset']}"
        )
    return {"session_mean": False, **settings.rename(record)}
