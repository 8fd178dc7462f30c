"""What the results of a study allow to say of its recipes.

Trials on repeated folds share most of their training clips, so their accuracies
vary less than those of independent trainings would, and the usual interval is
far too narrow. All intervals here are of the corrected resampled t-test:
Nadeau and Bengio 2003, Inference for the generalization error, Machine
Learning 52, for repeated folds recommended by Bouckaert and Frank 2004.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from signs.data import splits
from signs.evaluation.metrics import CONFIDENCE
from signs.evaluation.training_log import LAST_EPOCHS

# Trials with the same place were trained and tested on the same clips, with
# the same seed, so that their recipes can be compared pair by pair.
SERIES = ["by", "clips_a_class"]
PLACE = [*SERIES, "repeat", "fold"]
MEANS = [
    *("accuracy_last", "accuracy_best", "top5", "macro_recall"),
    *("val_loss", "seconds"),
]
COLUMNS = [
    *SERIES,
    *("recipe", "trials", "clips", "accuracy", "low", "high"),
    *("difference", "difference_low", "difference_high"),
    *MEANS,
]


def corrected_interval(
    values: np.ndarray, ratio: float
) -> tuple[float, float, float]:
    """The mean of resampled figures, with its 95% interval.

    The variance of the mean is that of the figures times (1/n + ratio), where
    independent figures would have 1/n (Nadeau and Bengio 2003).

    Args:
        values: float, (n,), one figure (or difference of figures) a trial.
        ratio: test clips to training clips in a trial.

    Returns:
        Mean, lower and upper end; the ends are NaN where n is less than 2.
    """
    values = np.asarray(values, float)
    number = len(values)
    if number < 2:
        mean = float(values.mean()) if number else float("nan")
        return mean, float("nan"), float("nan")
    error = np.sqrt(values.var(ddof=1) * (1 / number + ratio))
    half = float(student.ppf((1 + CONFIDENCE) / 2, number - 1) * error)
    mean = float(values.mean())
    return mean, mean - half, mean + half


def paired_difference(
    one: pd.DataFrame, other: pd.DataFrame
) -> tuple[float, float, float]:
    """How much more accurate one recipe is than another, trial by trial.

    Args:
        one, other: results with the columns of `PLACE`, accuracy,
            train_clips and test_clips; only places that both have count.

    Returns:
        Mean difference, lower and upper end of its interval; see
        `corrected_interval`.
    """
    both = one.merge(other, on=PLACE, suffixes=("", "_other"))
    return corrected_interval(
        (both["accuracy"] - both["accuracy_other"]).to_numpy(),
        clips_ratio(both),
    )


def clips_ratio(results: pd.DataFrame) -> float:
    """Test clips to training clips of the results, on average."""
    return float((results["test_clips"] / results["train_clips"]).mean())


def summarise(
    results: pd.DataFrame, baseline: str | None = None
) -> pd.DataFrame:
    """One row for each recipe, way to make folds, and clips a class.

    Args:
        results: one row a trial: recipe, the columns of `PLACE`, accuracy,
            those of `MEANS`, train_clips and test_clips.
        baseline: the recipe that the others are compared with.

    Returns:
        by, clips_a_class, recipe; trials; clips: tested, over all trials;
        accuracy, low, high: its mean and interval; difference,
        difference_low, difference_high: to the baseline on the same trials,
        NaN for the baseline itself; the means of `MEANS`. Recipes are in the
        order they first appear in.
    """
    rows = []
    for series, group in results.groupby(SERIES, sort=False):
        reference = group[group["recipe"] == baseline]
        for recipe, trials in group.groupby("recipe", sort=False):
            nothing = (float("nan"),) * 3
            compared = recipe != baseline and len(reference) > 0
            rows.append(
                [
                    *series,
                    recipe,
                    len(trials),
                    int(trials["test_clips"].sum()),
                    *corrected_interval(
                        trials["accuracy"].to_numpy(), clips_ratio(trials)
                    ),
                    *(
                        paired_difference(trials, reference)
                        if compared
                        else nothing
                    ),
                    *trials[MEANS].mean(),
                ]
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def clips_order(clips_a_class: str) -> float:
    """By which numbers of clips a class are sorted; `all` comes last."""
    return float(clips_a_class) if clips_a_class.isdigit() else float("inf")


def in_words(summary: pd.DataFrame, baseline: str) -> list[str]:
    """A summary as lines of text, for a terminal.

    Args:
        summary: as `summarise` returns it.
        baseline: the recipe that the others are compared with.
    """
    width = max(6, *map(len, summary["recipe"]))
    beside = max(26, len(f"against {baseline}"))
    lines = []
    for (by, clips), rows in summary.groupby(SERIES, sort=False):
        limit = "" if clips == "all" else f", {clips} training clips a class"
        lines += [
            f"{splits.MEANING[str(by)]}{limit}",
            f"  {'recipe':{width}}  {'accuracy':19}  "
            f"{'against ' + baseline:{beside}}  top-5  recall   loss  trials  "
            "seconds",
        ]
        row: Any
        for row in rows.itertuples():
            accuracy = _interval(row.accuracy, row.low, row.high, ".2f")
            lines.append(
                f"  {row.recipe:{width}}  {accuracy:19}  "
                f"{_difference(row):{beside}}  {row.top5:5.2f}  "
                f"{row.macro_recall:6.2f}  {row.val_loss:5.2f}  "
                f"{row.trials:6}  {row.seconds:7.1f}"
            )
    return [
        *lines,
        f"accuracy is the mean of the last {LAST_EPOCHS} epochs; in brackets, "
        "corrected 95% intervals",
        "* the interval of the difference, trial by trial, leaves out 0",
    ]


def _difference(row: Any) -> str:
    if np.isnan(row.difference):
        return ""
    ends = row.difference_low, row.difference_high
    clear = "" if np.isnan(ends[0]) or ends[0] <= 0 <= ends[1] else " *"
    return _interval(row.difference, *ends, "+.2f") + clear


def _interval(middle: float, low: float, high: float, form: str) -> str:
    if np.isnan(low):
        return f"{middle:{form}}"
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"
