"""The flags that the scripts which use a model have in common."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signs.core import arguments, files
from signs.core.errors import UserError
from signs.core.messages import count, log

if TYPE_CHECKING:
    from signs.inference.predictor import Predictor


def add_model_flags(parser: argparse.ArgumentParser) -> None:
    """Adds which model is meant, and the weights of its CNN."""
    add = parser.add_argument
    add(
        "--model",
        metavar="FILE|RUN",
        help="the model to use (default: the newest run)",
    )
    add(
        "--weights",
        metavar="FILE",
        help="weights of the CNN, if the model was trained with such a file",
    )


def add_prediction_flags(
    parser: argparse.ArgumentParser, threshold: float
) -> None:
    """Adds how a model is run, and what is told of its predictions.

    Args:
        threshold: default of `--threshold`.
    """
    from signs.features.backbones import ENGINES

    add_model_flags(parser)
    add = parser.add_argument
    add(
        "--engine",
        choices=ENGINES,
        default="auto",
        help="what runs the CNN, as in feature.py",
    )
    add_landmark_models_flag(parser)
    add("--top", type=arguments.whole_number, default=3, help="classes to name")
    add(
        "--threshold",
        type=arguments.fraction,
        default=threshold,
        help="a sign that is less probable is called unknown",
    )


def add_landmark_models_flag(parser: Any) -> None:
    """Adds where MediaPipe's models are, to a parser or a group of flags."""
    parser.add_argument(
        "--landmark-models",
        type=Path,
        metavar="DIR",
        help="folder of MediaPipe's hand_landmarker.task and "
        "pose_landmarker_full.task, for landmarks; without it "
        "SIGNS_LANDMARK_MODELS names it, or they are downloaded",
    )


def find_model(args: argparse.Namespace) -> tuple[Path, dict[str, Any]]:
    """The model that is meant, and its record; says which it is.

    Raises:
        UserError: if there is none.
    """
    from signs.training import run_record

    path, record = run_record.find_model(args.model, args.model_dir, "*")
    log.info(f"model {path}")
    return path, record


def load(
    args: argparse.Namespace, path: Path, record: dict[str, Any]
) -> "Predictor":
    """Loads the model and the CNN that it needs."""
    from signs.inference.predictor import load_predictor

    folder = args.model_dir / "cnn"
    return load_predictor(
        *(path, record, folder, args.workers, args.weights, args.engine),
        args.landmark_models,
    )


def report_failures(
    path: Path, failures: dict[str, str], videos: int, what: str
) -> int:
    """Says which videos failed; returns the exit code.

    Args:
        path: the table to write them to.
        failures: the reason of each.
        videos: how many there were in all.
        what: could not be done with them, such as `predicted`.

    Raises:
        UserError: if all failed.
    """
    files.write_failures(path, failures)
    if not failures:
        return 0
    clip, reason = next(iter(failures.items()))
    if len(failures) == videos:
        raise UserError(
            f"no video could be {what}, such as {clip} ({reason}); all are in "
            f"{path}"
        )
    log.warning(
        f"{count(len(failures), 'video')} of {videos:,} failed: see {path}"
    )
    return 1
