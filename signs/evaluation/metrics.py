"""How good a classifier is, with what the number of clips allows to say."""

from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import log_loss, recall_score, top_k_accuracy_score

CONFIDENCE = 0.95


def evaluate(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Figures of a classifier's predictions on one set of clips.

    Args:
        probabilities: float, (clips, classes).
        labels: the right classes, int, (clips,).

    Returns:
        Ready for JSON. clips: how many; accuracy; interval: its 95% interval
        (see `interval`); top5: share of clips whose class is among the five
        likeliest; macro_recall: mean over the classes that occur; loss: mean
        cross-entropy, in nats; chance: accuracy of a blind guess; majority:
        accuracy of always naming the most frequent class.
    """
    clips, classes = probabilities.shape
    predicted = probabilities.argmax(axis=1)
    right = int((predicted == labels).sum())
    top5 = 1.0
    if classes > 5:
        top5 = top_k_accuracy_score(
            labels, probabilities, k=5, labels=range(classes)
        )
    rows = probabilities.astype("float64")
    return {
        "clips": clips,
        "accuracy": right / clips,
        "interval": interval(right, clips),
        "top5": float(top5),
        "macro_recall": float(
            recall_score(
                labels, predicted, labels=np.unique(labels), average="macro"
            )
        ),
        "loss": float(
            log_loss(
                labels,
                rows / rows.sum(axis=1, keepdims=True),
                labels=range(classes),
            )
        ),
        "chance": 1 / classes,
        "majority": float(np.bincount(labels).max() / clips),
    }


def interval(right: int, clips: int) -> list[float]:
    """The 95% interval of an accuracy (Wilson 1927, as SciPy has it).

    It holds for other clips of the same people; on new people the accuracy
    varies more.
    """
    found = binomtest(right, clips).proportion_ci(CONFIDENCE, "wilson")
    return [float(found.low), float(found.high)]


def in_words(figures: dict[str, Any]) -> str:
    """The figures of `evaluate` in one line."""
    low, high = figures["interval"]
    return (
        f"accuracy {figures['accuracy']:.2f} "
        f"(95% interval {low:.2f} to {high:.2f}), "
        f"top-5 {figures['top5']:.2f}, "
        f"macro recall {figures['macro_recall']:.2f}, "
        f"loss {figures['loss']:.3f}"
    )
