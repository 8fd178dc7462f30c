"""The pictures of a report: figures, confusion, calibration."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import ConfusionMatrixDisplay

from signs.core import files
from signs.evaluation import calibration, confusion, curves
from signs.evaluation.scores import WAYS


@dataclass(frozen=True)
class Row:
    """One line of the comparison.

    Attributes:
        name: what is judged.
        estimate: value, low and high; the ends may be None or missing.
        people: the accuracy of each signer, drawn as faint points.
        is_baseline: whether it is drawn in grey.
    """

    name: str
    estimate: Mapping[str, Any]
    people: Sequence[float] = ()
    is_baseline: bool = False


def draw(
    record: Mapping[str, Any],
    probabilities: np.ndarray,
    labels: np.ndarray,
    names: list[str],
) -> dict[str, bytes]:
    """The pictures of a page, PNG by name; see `report.build`.

    Args:
        record: what `evaluate.py` writes as JSON.
        probabilities: that the model gives, (clips, classes).
        labels: the right classes, int, (clips,).
        names: of the classes.
    """
    answers = probabilities.argmax(axis=1)
    counts = confusion.matrix(answers, labels, len(names))
    with tempfile.TemporaryDirectory(prefix="signs-") as folder:
        path = Path(folder) / "picture.png"
        draw_comparison(path, _rows(record))
        found = {"comparison": path.read_bytes()}
        draw_confusion(path, counts, names)
        found["confusion"] = path.read_bytes()
        confidence = probabilities.max(axis=1).astype(float)
        calibration.draw(path, confidence, answers == labels)
        found["calibration"] = path.read_bytes()
    return found


def _rows(record: Mapping[str, Any]) -> list[Row]:
    people = [row["accuracy"] for row in record["by_signer"]]
    rows = [
        Row(WAYS[way], each["accuracy"], [] if place else people)
        for place, (way, each) in enumerate(record["figures"].items())
    ]
    names = {
        "nearest_class_mean": "nearest class mean",
        "most_frequent_class": "most frequent class",
        "chance": "chance",
    }
    baselines = record["baselines"]
    return rows + [
        Row(text, baselines[name], is_baseline=True)
        for name, text in names.items()
        if name in baselines
    ]


def draw_comparison(path: Path, rows: Sequence[Row]) -> None:
    """Draws accuracies with their intervals; writes them atomically."""
    with curves.style(), files.atomic(path) as temporary:
        figure = Figure((6.2, 0.65 + 0.28 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for height, row in enumerate(rows):
            _draw_row(axes, height, row)
        axes.set_yticks(range(len(rows)), [row.name for row in rows])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(visible=False, axis="y")
        axes.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5), xlabel="accuracy")
        axes.set_xticks(np.linspace(0, 1, 6))
        figure.savefig(temporary, dpi=200)


def draw_confusion(path: Path, counts: np.ndarray, names: list[str]) -> None:
    """Draws which classes are taken for which, in percent of each class.

    Args:
        path: what to write, atomically.
        counts: see `confusion.matrix`.
        names: of the classes.
    """
    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    few = len(names) <= confusion.MOST_COUNTED
    named = len(names) <= confusion.MOST_NAMED
    with curves.style(), files.atomic(path) as temporary:
        figure = Figure((6.6, 4.2), layout="constrained")
        axes = figure.subplots()
        display = ConfusionMatrixDisplay(100 * counts / totals)
        display.plot(
            ax=axes,
            cmap="Blues",
            colorbar=False,
            include_values=few,
            values_format=".0f",
            text_kw={"fontsize": 7},
        )
        for text in display.text_.ravel() if few else ():
            text.set_visible(text.get_text() != "0")
        axes.grid(visible=False)
        axes.set_aspect("auto")
        axes.set(xlabel="answer", ylabel="class (percent of its clips)")
        if named:
            short = [curves.shorten(name, 22) for name in names]
            size = 8 if few else 6
            axes.set_xticks(
                range(len(names)), short, rotation=90, fontsize=size
            )
            axes.set_yticks(range(len(names)), short, fontsize=size)
        else:
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(10, integer=True))
        figure.savefig(temporary, dpi=200)


def _draw_row(axes: Axes, height: int, row: Row) -> None:
    colour = curves.GREY if row.is_baseline else curves.BLUE
    axes.plot(
        *(row.people, [height] * len(row.people), "o"),
        color=colour,
        alpha=0.25,
        markersize=5,
        markeredgewidth=0,
        clip_on=False,
    )
    low, high = row.estimate.get("low"), row.estimate.get("high")
    if low is not None and high is not None:
        axes.plot([low, high], [height] * 2, color=colour, linewidth=2.2)
    axes.plot(
        *([row.estimate["value"]], [height], "D" if row.is_baseline else "o"),
        color=colour,
        markersize=6 if row.is_baseline else 8,
        clip_on=False,
        zorder=5,
    )
