"""The results of a study as a picture."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from signs.core import files
from signs.evaluation import curves, statistics
from signs.evaluation.curves import BLUE, CHANCE, COLOURS, GREY, VERMILION

COLOUR_OF = {"signer": BLUE, "random": VERMILION}
MEANING = {
    "signer": "tested on new people",
    "random": "tested on random clips: the same people",
}
LINES = ["-", "--", ":", "-."]  # change where the colours begin again
DOT: dict[str, Any] = {
    "linestyle": "",
    "marker": "o",
    "markersize": 5.5,
    "capsize": 0,
}


def draw(
    path: Path,
    summary: pd.DataFrame,
    title: str,
    classes: int,
    baseline: str | None = None,
) -> None:
    """Draws a summary; writes it atomically.

    Of one number of clips a class: a dot with its 95% interval for each
    recipe, and beside it the paired difference to the baseline. Of several:
    accuracy against clips a class, one line a recipe.

    Args:
        path: of the picture.
        summary: as `compare.summarise` returns it.
        title: above it.
        classes: how many; 1 in so many is chance.
        baseline: the recipe that the others are compared with.
    """
    with curves.style(), files.atomic(path) as temporary:
        figure = Figure(layout="constrained")
        if summary["clips_a_class"].nunique() > 1:
            draw_curves(figure, summary, classes)
        else:
            draw_dots(figure, summary, classes, baseline)
        figure.suptitle(curves.shorten(title, 110), x=0.01, ha="left")
        figure.savefig(temporary)


def draw_dots(
    figure: Figure, summary: pd.DataFrame, classes: int, baseline: str | None
) -> None:
    """Draws one row a recipe, from top to bottom as in the table."""
    recipes = list(summary["recipe"].unique())
    ways = list(summary["by"].unique())
    compared = bool(summary["difference"].notna().any())
    height = (0.3 + 0.06 * len(ways)) * len(recipes) + 1.6
    figure.set_size_inches(11 if compared else 8, max(2.6, height))
    panels = np.atleast_1d(figure.subplots(1, 1 + compared, sharey=True))
    draw_intervals(panels[0], summary, ["accuracy", "low", "high"])
    panels[0].set(xlim=(0, 1), xlabel="accuracy, with 95% interval")
    draw_chance(panels[0], 1 / classes, "vertical")
    if compared:
        columns = ["difference", "difference_low", "difference_high"]
        draw_intervals(panels[1], summary, columns)
        panels[1].axvline(0, color=GREY, linewidth=1.2, zorder=1)
        name = curves.shorten(str(baseline), 30)
        panels[1].set_xlabel(f"paired difference to {name}")
    names = [curves.shorten(recipe, 40) for recipe in recipes]
    panels[0].set_yticks(range(len(recipes)), names)
    panels[0].set_ylim(len(recipes) - 0.4, -0.6)  # the first one is on top
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=3)


def draw_intervals(
    panel: Axes, summary: pd.DataFrame, columns: list[str]
) -> None:
    """Draws dots with intervals, those of each way beside each other.

    Args:
        columns: of the middle, and of the lower and upper end.
    """
    recipes = list(summary["recipe"].unique())
    ways = list(summary["by"].unique())
    for number, way in enumerate(ways):
        rows = summary[summary["by"] == way]
        shift = 0.24 * (number - (len(ways) - 1) / 2)
        middle, low, high = (rows[name].to_numpy() for name in columns)
        panel.errorbar(
            middle,
            [recipes.index(recipe) + shift for recipe in rows["recipe"]],
            xerr=np.nan_to_num([middle - low, high - middle]),
            color=COLOUR_OF[way],
            label=MEANING[way],
            **DOT,
        )


def draw_curves(figure: Figure, summary: pd.DataFrame, classes: int) -> None:
    """Draws accuracy against training clips a class."""
    ways = list(summary["by"].unique())
    recipes = list(summary["recipe"].unique())
    figure.set_size_inches(2.5 + 5.5 * len(ways), 4.6)
    panels = np.atleast_1d(figure.subplots(1, len(ways), sharey=True))
    steps = sorted(
        summary["clips_a_class"].unique(), key=statistics.clips_order
    )
    for panel, way in zip(panels, ways, strict=True):
        rows = summary[summary["by"] == way]
        for number, recipe in enumerate(recipes):
            shift = 0.03 * (number - (len(recipes) - 1) / 2)
            one = rows[rows["recipe"] == recipe]
            if len(one):
                draw_curve(panel, one, steps, number, shift)
        draw_chance(panel, 1 / classes, "horizontal")
        panel.set_xticks(range(len(steps)), steps)
        panel.set(xlabel="training clips a class", title=MEANING[way])
    panels[0].set(ylim=(0, 1), ylabel="accuracy, with 95% interval")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper")


def draw_curve(
    panel: Axes,
    rows: pd.DataFrame,
    steps: list[str],
    number: int,
    shift: float,
) -> None:
    """Draws the line of one recipe, a little aside so that all are seen."""
    places = [steps.index(step) for step in rows["clips_a_class"]]
    order = np.argsort(places)
    middle = rows["accuracy"].to_numpy()[order]
    low, high = (rows[name].to_numpy()[order] for name in ("low", "high"))
    panel.errorbar(
        np.array(places)[order] + shift,
        middle,
        yerr=np.nan_to_num([middle - low, high - middle]),
        color=COLOURS[number % len(COLOURS)],
        linestyle=LINES[number // len(COLOURS) % len(LINES)],
        marker="o",
        markersize=4.5,
        elinewidth=0.9,
        label=curves.shorten(str(rows["recipe"].iloc[0]), 30),
    )


def draw_chance(panel: Axes, chance: float, direction: str) -> None:
    """Draws the accuracy of a blind guess."""
    draw_line = panel.axvline if direction == "vertical" else panel.axhline
    draw_line(chance, label=f"chance ({chance:.2f})", zorder=1, **CHANCE)
