"""All figures of one evaluation, each with its interval."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from signs.evaluation import calibration, confusion, intervals
from signs.evaluation.intervals import Estimate, Units, units_of

# What they are called in reports, in this order.
NAMES = {
    "accuracy": "accuracy",
    "top5": "top-5 accuracy",
    "macro_recall": "macro recall",
    "calibration_error": "calibration error",
    "loss": "cross-entropy (nats)",
}
# How the clips were shown to the model, for people.
WAYS = {
    "session": "clips of whole sessions",
    "single": "each clip alone",
}


def score(
    probabilities: np.ndarray, labels: np.ndarray, units: Units, seed: int = 0
) -> dict[str, Estimate]:
    """How good a classifier's answers are.

    Args:
        probabilities: float, (clips, classes).
        labels: the right classes, int, (clips,).
        units: what the intervals resample.

    Returns:
        accuracy; top5: share of clips whose class is among the five
        likeliest; macro_recall: mean recall of the classes that occur;
        calibration_error: see `calibration`; loss: mean cross-entropy.
    """
    answers = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1).astype(float)
    right = answers == labels
    return {
        "accuracy": intervals.share(right, units, seed),
        "top5": intervals.share(ranks(probabilities, labels) <= 5, units, seed),
        "macro_recall": macro_recall(
            right, labels, probabilities.shape[1], units, seed
        ),
        "calibration_error": calibration.calibration_error(
            confidence, right, units, seed
        ),
        "loss": mean_loss(probabilities, labels, units, seed),
    }


def ranks(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The place of the right class, from 1; of equals, the worst."""
    own = probabilities[np.arange(len(labels)), labels]
    found: np.ndarray = (probabilities >= own[:, None]).sum(axis=1)
    return found


def macro_recall(
    right: np.ndarray,
    labels: np.ndarray,
    classes: int,
    units: Units,
    seed: int = 0,
) -> Estimate:
    """The mean recall of the classes that occur, with its interval."""
    member = np.eye(classes)[labels]
    sums = np.hstack([member * right[:, None], member])

    def figure(summed: np.ndarray) -> np.ndarray:
        hits, clips = np.split(summed, 2, axis=-1)
        there = clips > 0
        recall = np.divide(hits, clips, where=there, out=np.zeros(hits.shape))
        classes = np.maximum(there.sum(axis=-1), 1)
        found: np.ndarray = recall.sum(axis=-1) / classes
        return found

    return intervals.interval(sums, units, figure, seed=seed)


def mean_loss(
    probabilities: np.ndarray, labels: np.ndarray, units: Units, seed: int = 0
) -> Estimate:
    """The mean cross-entropy in nats, with its interval."""
    rows = np.maximum(probabilities.astype(float), 1e-7)
    own = rows[np.arange(len(labels)), labels] / rows.sum(axis=1)
    sums = np.column_stack([-np.log(own), np.ones(len(own))])
    return intervals.interval(
        sums, units, intervals.ratio, is_share=False, seed=seed
    )


def evaluate(
    probabilities: Mapping[str, np.ndarray],
    labels: np.ndarray,
    signers: np.ndarray,
    classes: pd.DataFrame,
    nearest: np.ndarray | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """All that a set of clips says of a classifier, ready for JSON.

    Args:
        probabilities: what it answers, (clips, classes), by the way that the
            clips were shown to it; the first way is the one that classes,
            signers and baselines are judged by.
        labels: the right classes, int, (clips,).
        signers: of the clips, (clips,); "" where unknown.
        classes: the classes table.
        nearest: the classes that the nearest class mean answers, (clips,);
            None where that cannot be known.
        seed: of what is drawn.
    """
    units = units_of(signers)
    first = next(iter(probabilities.values()))
    right = first.argmax(axis=1) == labels
    counts = np.bincount(labels, minlength=len(classes))
    found: dict[str, Any] = {
        "clips": len(labels),
        "signers": units.signers,
        "interval": {"resamples": units.kind, "units": units.number},
        "figures": {
            way: {
                name: estimate.as_json()
                for name, estimate in score(each, labels, units, seed).items()
            }
            for way, each in probabilities.items()
        },
        "calibration_error_by_chance": round(
            calibration.error_by_chance(first.max(axis=1), seed), 6
        ),
        "baselines": {
            "chance": {"value": round(1 / len(classes), 6)},
            "most_frequent_class": {
                "value": round(float(counts.max() / len(labels)), 6),
                "name": classes["name"].iloc[int(counts.argmax())],
            },
        },
        "by_class": by_class(first.argmax(axis=1), labels, classes, signers),
        "by_signer": by_signer(right, signers),
    }
    if nearest is not None:
        theirs = nearest == labels
        gain = intervals.paired_difference(right, theirs, units, seed)
        found["baselines"]["nearest_class_mean"] = {
            **intervals.share(theirs, units, seed).as_json(),
            "gain": gain.as_json(),
        }
    return found


def by_class(
    answers: np.ndarray,
    labels: np.ndarray,
    classes: pd.DataFrame,
    signers: np.ndarray,
) -> list[dict[str, Any]]:
    """How good the answers are for each class.

    Args:
        classes: the classes table.
        signers: of the clips; "" where unknown.

    Returns:
        What `confusion.class_table` says of each class, ready for JSON, with
        low and high: the ends of the interval of the recall.
    """
    rows: list[dict[str, Any]] = []
    for row in confusion.class_table(answers, labels, classes).to_dict(
        "records"
    ):
        mine = labels == row["index"]
        found = intervals.share(
            answers[mine] == row["index"], units_of(signers[mine])
        ).as_json()
        rows.append(
            {
                **{str(key): _or_none(value) for key, value in row.items()},
                "low": found["low"],
                "high": found["high"],
            }
        )
    return rows


def _or_none(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value


def by_signer(right: np.ndarray, signers: np.ndarray) -> list[dict[str, Any]]:
    """The accuracy of each known signer's clips, the lowest first.

    Returns:
        signer, clips, accuracy, low, high: Wilson's interval.
    """
    rows = []
    for name in sorted(set(signers) - {""}):
        mine = right[signers == name]
        rows.append(
            {
                "signer": str(name),
                "clips": len(mine),
                **_accuracy(mine),
            }
        )
    return sorted(rows, key=lambda row: row["accuracy"])


def _accuracy(right: np.ndarray) -> dict[str, float | None]:
    found = intervals.share(right, units_of([""] * len(right))).as_json()
    return {
        "accuracy": found["value"],
        "low": found["low"],
        "high": found["high"],
    }


def in_words(estimate: Estimate, form: str = ".3f") -> str:
    """A figure and its interval: `0.914 (0.871 to 0.944)`."""
    value, low, high = estimate
    if np.isnan(low):
        return f"{value:{form}}"
    return f"{value:{form}} ({low:{form}} to {high:{form}})"
