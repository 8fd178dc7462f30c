"""Whether a model that is 80% sure is right in 80% of cases."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import binomtest

from signs.core import files
from signs.evaluation import curves
from signs.evaluation.intervals import CONFIDENCE, Estimate, Units, interval

BINS = 10
_SIMULATED = 200


def bin_sums(confidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    """What each clip adds to the bins of a reliability plot.

    Args:
        confidence: the probability of the class that is answered, (clips,).
        right: whether it is the right one, bool, (clips,).

    Returns:
        float64, (clips, 3 * BINS): for each of equally wide bins, whether
        the clip is in it; then its confidence there; then whether it is right.
    """
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    inside = np.eye(BINS)[bins]
    return np.hstack(
        [inside, inside * confidence[:, None], inside * right[:, None]]
    )


def error_of(sums: np.ndarray) -> np.ndarray:
    """The expected calibration error of summed bins, (..., 3 * BINS).

    Naeini et al. 2015, Obtaining well calibrated probabilities using Bayesian
    binning; Guo et al. 2017, On calibration of modern neural networks, arXiv
    1706.04599: the mean distance of confidence and accuracy, by bin.
    """
    number, confidence, right = np.split(sums, 3, axis=-1)
    apart = np.abs(confidence - right).sum(axis=-1)
    error: np.ndarray = apart / number.sum(axis=-1)
    return error


def calibration_error(
    confidence: np.ndarray, right: np.ndarray, units: Units, seed: int = 0
) -> Estimate:
    """The expected calibration error, with its interval."""
    return interval(bin_sums(confidence, right), units, error_of, seed=seed)


def error_by_chance(confidence: np.ndarray, seed: int = 0) -> float:
    """The calibration error that perfect confidences would show here.

    Few clips never agree with even the best probabilities, so that the error
    of a small set is above 0 whatever the model.
    """
    random = np.random.default_rng(seed)
    found = [
        error_of(
            bin_sums(
                confidence, random.random(len(confidence)) < confidence
            ).sum(axis=0)
        )
        for _ in range(_SIMULATED)
    ]
    return float(np.mean(found))


def draw(path: Path, confidence: np.ndarray, right: np.ndarray) -> None:
    """Draws a reliability plot; writes it atomically.

    Above: accuracy by confidence, with Wilson intervals. Below: how many
    clips have such a confidence.
    """
    with curves.style(), files.atomic(path) as temporary:
        figure = Figure((3.8, 4.2), layout="constrained")
        above, below = figure.subplots(
            2, 1, sharex=True, height_ratios=[3.6, 1]
        )
        _draw_accuracy(above, bin_sums(confidence, right).sum(axis=0))
        edges = np.linspace(0, 1, BINS + 1)
        below.hist(confidence, edges, color=curves.GREY, rwidth=0.9)
        below.set(xlabel="confidence", ylabel="clips", xlim=(0, 1))
        below.grid(visible=False)
        figure.savefig(temporary, dpi=200)


def _draw_accuracy(axes: Axes, sums: np.ndarray) -> None:
    axes.plot([0, 1], [0, 1], **curves.CHANCE)
    for number, confidence, right in sums.reshape(3, BINS).T:
        if not number:
            continue
        ends = binomtest(round(right), round(number)).proportion_ci(
            CONFIDENCE, "wilson"
        )
        place, share = confidence / number, right / number
        axes.plot([place] * 2, ends, color=curves.BLUE, linewidth=1.4)
        axes.plot(
            *(place, share, "o"),
            color=curves.BLUE,
            markersize=4 + 5 * np.sqrt(number / sums[:BINS].max()),
            clip_on=False,
        )
    axes.set(ylabel="accuracy", ylim=(0, 1))
