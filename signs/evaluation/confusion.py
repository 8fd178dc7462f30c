"""Which classes are taken for which: a table, a picture, the worst pairs."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    confusion_matrix,
    precision_recall_fscore_support,
)

from signs.core import files, fonts
from signs.evaluation import curves

MOST_NAMED = 40  # classes; of more, the names would be too small to read
MOST_COUNTED = 25  # classes; of more, so would the counts in the cells


def matrix(
    predicted: np.ndarray, labels: np.ndarray, classes: int
) -> np.ndarray:
    """How often each class (row) was taken for each (column).

    Args:
        predicted, labels: classes, int, (clips,).
        classes: how many there are; all have a row, even without a clip.

    Returns:
        int, (classes, classes).
    """
    counts: np.ndarray = confusion_matrix(
        labels, predicted, labels=range(classes)
    )
    return counts


def class_table(
    predicted: np.ndarray, labels: np.ndarray, classes: pd.DataFrame
) -> pd.DataFrame:
    """How good the predictions are for each class.

    Args:
        classes: the classes table.

    Returns:
        One row a class: index, label, name, clips, recall, precision, and
        mistaken_for, the name of the class most often predicted instead.
        Recall is empty where there are no clips, precision where the class
        was never predicted.
    """
    precision, recall, _, clips = precision_recall_fscore_support(
        labels, predicted, labels=range(len(classes)), zero_division=np.nan
    )
    counts = matrix(predicted, labels, len(classes))
    np.fill_diagonal(counts, 0)
    names = classes["name"].to_numpy()
    mistaken = [names[row.argmax()] if row.any() else "" for row in counts]
    return classes.assign(
        clips=clips,
        recall=np.round(recall, 4),
        precision=np.round(precision, 4),
        mistaken_for=mistaken,
    )


def worst_pairs(
    counts: np.ndarray, names: list[str], most: int = 3
) -> list[str]:
    """The most frequent confusions in words: `Haus for Maus (3 of 5)`."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
    return [
        f"{names[taken]} for {names[right]} "
        f"({wrong[right, taken]} of {counts[right].sum()})"
        for right, taken in pairs
        if wrong[right, taken]
    ]


def draw(path: Path, counts: np.ndarray, names: list[str], title: str) -> None:
    """Draws the matrix as shares of each class; writes it atomically."""
    classes = len(names)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(
        counts, totals, where=totals > 0, out=np.full(counts.shape, np.nan)
    )
    side = 4.5 + 0.22 * min(classes, MOST_NAMED)
    with curves.style(names), files.atomic(path) as temporary:
        figure = Figure((side + 1, side), layout="constrained")
        axes = figure.subplots()
        axes.grid(visible=False)
        shown = ConfusionMatrixDisplay(shares).plot(
            include_values=False,
            cmap="Blues",
            ax=axes,
            colorbar=False,
            im_kw={"vmin": 0, "vmax": 1},
        )
        bar = figure.colorbar(shown.im_, shrink=0.8)
        bar.set_label("share of the class's clips")
        axes.set(xlabel="predicted", ylabel="class", title=title)
        _name_axes(axes, names)
        if classes <= MOST_COUNTED:
            _write_counts(axes, counts, shares)
        figure.savefig(temporary)


def _name_axes(axes: Axes, names: list[str]) -> None:
    if len(names) <= MOST_NAMED:
        names = [
            curves.shorten(name, 30) for name in fonts.names_to_draw(names)
        ]
        size = 9 if len(names) <= MOST_COUNTED else 7
        places = range(len(names))
        axes.set_xticks(places, names, rotation=90, fontsize=size)
        axes.set_yticks(places, names, fontsize=size)
        return
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(10, integer=True))
        axis.set_major_formatter(ScalarFormatter())
    axes.set_xlabel("predicted (index in classes.csv)")
    axes.set_ylabel("class (index in classes.csv)")


def _write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for (row, column), number in np.ndenumerate(counts):
        if number:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(
                *(column, row, str(number)),
                color=colour,
                ha="center",
                va="center",
                fontsize=8,
            )
