"""The curves of training logs as figures, and the look they share."""

import hashlib
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from signs.core import fonts
from signs.evaluation import training_log

FIGURES = ["accuracy", "loss"]  # from left to right
LOSS_LIMIT = 5.0
MANY_EPOCHS = 300  # from here on, noise makes one broad band of a thick line

# Colours that people with colour-blindness tell apart, too: Okabe and Ito
# (2008), without the yellow, which is too faint for lines on white.
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#555555"
COLOURS = [
    *(BLUE, VERMILION, "#009E73", "#CC79A7"),
    *("#E69F00", "#56B4E9", "#000000", "#8C8C8C"),
]
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
    "text.parse_math": False,
    "figure.constrained_layout.wspace": 0.06,
    "savefig.dpi": 150,
}
TRAINING: dict[str, Any] = {
    "label": "training",
    "linestyle": "--",
    "linewidth": 1.5,
}
VALIDATION: dict[str, Any] = {"label": "validation", "linewidth": 1.7}
BEST: dict[str, Any] = {
    "label": "best validation",
    "linestyle": "",
    "marker": "o",
    "markersize": 6.5,
    "markerfacecolor": "white",
    "markeredgewidth": 1.6,
    "zorder": 5,
    "clip_on": False,
}
CHANCE: dict[str, Any] = {"color": GREY, "linestyle": ":", "linewidth": 1.2}


@dataclass(frozen=True)
class Run:
    """One training: where its log is, and what is in it."""

    path: Path
    name: str
    table: pd.DataFrame  # as `training_log.read_log` returns it
    classes: int | None  # where it is known

    def identity(self) -> str:
        """A line that is another one where this run's curves would be."""
        digest = hashlib.sha256(self.table.to_csv().encode()).hexdigest()
        return f"{self.name} {digest} {self.classes}"


@contextmanager
def style(texts: Iterable[str] = ()) -> Iterator[None]:
    """The look of the figures, as a context.

    Args:
        texts: what is written in the figure in any script, such as names.
    """
    look = {**STYLE, "font.family": fonts.families(texts)}
    with matplotlib.rc_context(look), warnings.catch_warnings():
        # A name in a script that the font lacks shows as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield


def draw(figure: Figure, runs: list[Run]) -> None:
    """Draws accuracy (left) and loss (right) of one run, or of several."""
    panels = figure.subplots(1, 2)
    if len(runs) == 1:
        title = shorten(runs[0].name, 100)
        figure.set_size_inches(10, 4.2)
        draw_run(panels, runs[0])
        set_up_panels(panels, runs)
        draw_key(figure, panels, "outside lower center")
    else:
        title = f"Comparison of {len(runs)} trainings"
        figure.set_size_inches(10, 4.2 + 0.2 * len(runs))
        draw_comparison(panels, runs)
        set_up_panels(panels, runs)
        draw_names(figure, runs)
        draw_key(figure, panels, "outside upper right", GREY)
    figure.suptitle(title, x=0.01, ha="left")


def set_up_panels(panels: Sequence[Axes], runs: list[Run]) -> None:
    """Sets titles and limits of the panels, and draws the level of chance."""
    last = max(int(run.table["epoch"].iloc[-1]) for run in runs)
    limits = [1.0, loss_limit(runs)]
    classes = {run.classes for run in runs}
    for panel, column, top in zip(panels, FIGURES, limits, strict=True):
        panel.set_title(column.capitalize())
        panel.set_xlabel("Epoch")
        panel.set_xlim(1, last) if last > 1 else panel.set_xlim(0, 2)
        panel.set_ylim(0, top)
        whole = MaxNLocator(integer=True, steps=[1, 2, 5, 10])
        panel.xaxis.set_major_locator(whole)
        number = next(iter(classes))
        if len(classes) == 1 and number is not None:
            # What guessing gives: one in so many is right, and the loss is
            # that of the same probability for each class.
            chance = 1 / number if column == "accuracy" else math.log(number)
            label = f"chance ({number} classes)"
            panel.axhline(chance, label=label, **CHANCE)


def loss_limit(runs: list[Run]) -> float:
    """The upper limit of the loss: 5, unless the curves need another.

    They do where they leave it, and where they fill less than a quarter of
    it. A few wild epochs do not count.
    """
    losses = pd.concat([run.table[["loss", "val_loss"]] for run in runs])
    values = losses.to_numpy()[np.isfinite(losses.to_numpy())]
    if not values.size:
        return LOSS_LIMIT
    most = min(values.max(), 2 * np.percentile(values, 95))
    if LOSS_LIMIT / 4 <= most <= LOSS_LIMIT or most <= 0:
        return LOSS_LIMIT
    return float(1.08 * most)


def draw_run(panels: Sequence[Axes], run: Run) -> None:
    """Draws one run, and writes its best figures above the panels."""
    for panel, column in zip(panels, FIGURES, strict=True):
        draw_curve(panel, run, column, VERMILION, **TRAINING)
        draw_curve(panel, run, f"val_{column}", BLUE, **VALIDATION)
        best = draw_best(panel, run, column, BLUE)
        if best:
            value = (
                f"{best[1]:.2f}" if column == "accuracy" else f"{best[1]:.3f}"
            )
            text = f"best validation {value} in epoch {best[0]}"
            panel.set_title(text, loc="right", color=BLUE, fontsize=9)


def draw_comparison(panels: Sequence[Axes], runs: list[Run]) -> None:
    """Draws the curves of several runs over each other."""
    thin = {**TRAINING, "linewidth": 0.9, "alpha": 0.7}
    for run, colour in zip(runs, COLOURS, strict=False):
        for panel, column in zip(panels, FIGURES, strict=True):
            draw_curve(panel, run, column, colour, **thin)
            draw_curve(panel, run, f"val_{column}", colour, **VALIDATION)
            draw_best(panel, run, column, colour)


def draw_curve(
    panel: Axes, run: Run, column: str, colour: str, **options: Any
) -> None:
    """Draws a column of a run's table, as far as it has numbers."""
    values = run.table[column].replace([np.inf, -np.inf], np.nan).dropna()
    epochs = run.table["epoch"][values.index]
    if len(values) == 1:  # a line of one point is not seen
        options = {**options, "marker": "."}
    if len(values) > MANY_EPOCHS:
        options = {**options, "linewidth": 0.8}
    if len(values):
        # An accuracy of 1 lies on the edge, which would hide half its line.
        clip = column.endswith("loss")
        panel.plot(epochs, values, color=colour, clip_on=clip, **options)


def draw_best(
    panel: Axes, run: Run, column: str, colour: str
) -> tuple[int, float] | None:
    """Marks the best epoch on the validation set; returns it, and its value."""
    row = training_log.summary(run.table)[f"best_val_{column}"]
    if row is None or row[f"val_{column}"] is None:
        return None
    best = row["epoch"], row[f"val_{column}"]
    panel.plot(*best, color=colour, **BEST)
    return best


def draw_names(figure: Figure, runs: list[Run]) -> None:
    """Writes below the panels which colour is which run, as a table."""
    names = [
        Line2D([], [], color=colour, linewidth=3, label=shorten(run.name, 60))
        for run, colour in zip(runs, COLOURS, strict=False)
    ]
    # The bar would make these lines higher than the others.
    lines = [
        training_log.validation_line(run.table).replace(" |", ",")
        for run in runs
    ]
    results = [Line2D([], [], linestyle="", label=line) for line in lines]
    figure.legend(
        handles=names + results,
        loc="outside lower left",
        ncols=2,
        handlelength=1.6,
        columnspacing=0,
    )


def draw_key(
    figure: Figure,
    panels: Sequence[Axes],
    place: Literal["outside lower center", "outside upper right"],
    colour: str | None = None,
) -> None:
    """Writes what each kind of line is.

    Args:
        figure, panels: where the curves are drawn already.
        place: side and corner of the figure, as matplotlib names them.
        colour: of all kinds; None for the colours they are drawn in.
    """
    kinds: dict[str, Line2D] = {}
    for panel in panels:
        for line in panel.get_lines():
            kind = Line2D([], [])
            kind.update_from(line)
            if colour is not None:
                kind.set_color(colour)
            kinds.setdefault(str(line.get_label()), kind)
    figure.legend(
        handles=list(kinds.values()), loc=place, ncols=4, borderaxespad=0
    )


def shorten(text: str, length: int) -> str:
    """A text of at most `length` characters; what is left out is its middle."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[:half]}\N{HORIZONTAL ELLIPSIS}{text[-half:]}"
