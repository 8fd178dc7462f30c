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

MODEL_KEYS = ["run", "dataset", "frames", "input", "features", "classes"]
PACKAGES = [
    *("keras", "tensorflow", "jax", "torch"),
    *("ai-edge-litert", "openvino", "opencv-python", "numpy"),
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
    def model_record(self) -> Path:
        """What a user of the model must know: classes, CNN, frames, input."""
        return self.model_folder / f"{self.name}.json"

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


def find_model(
    asked: str | None, model_folder: Path, kind: str = "lstm"
) -> tuple[Path, dict[str, Any]]:
    """Finds a trained model and its record.

    Args:
        asked: path of a `.keras` file, or the name of a run, whose best
            model is meant; None takes the newest run.
        model_folder: where models are.
        kind: of the newest run: `lstm`, `transfer`, or `*` for either.

    Returns:
        The path of the model, and what `model/RUN.json` says.

    Raises:
        UserError: if there is none; names the command that trains one.
    """
    if asked is None:
        pattern = f"????????-??????-{kind}-*in*-best.keras"
        found = sorted(path.name for path in model_folder.glob(pattern))
        if not found:
            raise UserError(
                f"there is no trained model in {model_folder}; train one "
                "with: python train_lstm.py"
            )
        path = model_folder / found[-1]
    elif asked.endswith(".keras"):
        path = Path(asked)
    else:
        path = model_folder / f"{asked}-best.keras"
    if not path.is_file():
        raise UserError(
            f"there is no model {path}; --model takes a .keras file or the "
            f"name of a run in {model_folder}"
        )
    run = path.stem.removesuffix("-best").removesuffix("-last")
    path_of_record = path.with_name(f"{run}.json")
    record = read_record(path_of_record, MODEL_KEYS)
    features = record["features"]
    if not isinstance(features, dict) or "cnn" not in features:
        raise UserError(f"the record of the run is damaged: {path_of_record}")
    return path, record
