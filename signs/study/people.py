"""Transfer to other people and other gestures of one data set: plan, results.

The people are divided in three groups, and the gestures in two. A source is
trained on source gestures of the first group; it is transferred to target
gestures of the second one, and judged on those of the third, which no
training ever saw. The roles are rotated, so that everyone is judged once.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from signs.core import files
from signs.core.errors import UserError
from signs.data import clips_table
from signs.evaluation import curves, intervals
from signs.study import plot

SHARES = (0.4, 0.3, 0.3)  # of the people: source, training, judged
TARGET_SHARE = 3 / 7  # of the gestures
FEWEST_PEOPLE = 6
# A trial has one row for each person that is judged.
TRIAL = ["clips_a_class", "split", "seed", "recipe"]
COLUMNS = [*TRIAL, "signer", "clips", "right", "people_judged"]
SUMMARY = [
    *("clips_a_class", "recipe", "trainings", "people", "clips"),
    *("accuracy", "low", "high"),
    *("difference", "difference_low", "difference_high", "p", "p_holm"),
]


@dataclass(frozen=True)
class Split:
    """Who and what is trained on, and judged.

    Attributes:
        source_people, training_people, judged_people: nobody is in two.
        source_gestures, target_gestures: no gesture is in both.
    """

    source_people: tuple[str, ...]
    training_people: tuple[str, ...]
    judged_people: tuple[str, ...]
    source_gestures: tuple[str, ...]
    target_gestures: tuple[str, ...]


def make_splits(clips: pd.DataFrame, seed: int) -> list[Split]:
    """Draws three splits, in which each person is judged once.

    Args:
        clips: rows of the clips table that have a label and a signer.
        seed: of the drawing.

    Raises:
        UserError: if there are too few people or gestures.
    """
    random = np.random.default_rng(seed)
    people = [str(x) for x in random.permutation(sorted(set(clips["signer"])))]
    labels = [str(x) for x in random.permutation(sorted(set(clips["label"])))]
    if len(people) < FEWEST_PEOPLE or len(labels) < 4:
        raise UserError(
            f"this study needs clips of at least {FEWEST_PEOPLE} known people "
            f"and 4 gestures; there are {len(people)} and {len(labels)}: fill "
            "in signers.csv (clip,signer)"
        )
    ends = np.round(np.cumsum(SHARES) * len(people)).astype(int)
    groups = [
        tuple(sorted(people[start:end]))
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]
    targets = round(TARGET_SHARE * len(labels))
    splits = []
    for number in range(3):
        source, training, judged = groups[-number:] + groups[:-number]
        turned = labels[number * targets :] + labels[: number * targets]
        splits.append(
            Split(
                *(source, training, judged),
                tuple(sorted(turned[targets:])),
                tuple(sorted(turned[:targets])),
            )
        )
    return splits


def keep_plan(path: Path, plan: dict[str, Any]) -> None:
    """Writes the plan before the first training; later ones must have it.

    Raises:
        UserError: if the file is of another plan.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(path, plan)
        return
    then = files.read_json(path)
    as_read = json.loads(json.dumps(plan))  # tuples become lists
    for name, value in as_read.items():
        if then.get(name) != value:
            raise UserError(
                f"{path} is of a study with other {name}; name another folder "
                "with --out, or delete the study's files there"
            )


# --- Results ----------------------------------------------------------------


def read_trials(path: Path) -> pd.DataFrame:
    """The trials so far; those that a killed process has cut are left out."""
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS)
    rows = pd.read_csv(path, on_bad_lines="skip").reindex(columns=COLUMNS)
    rows = rows.dropna().drop_duplicates([*TRIAL, "signer"], keep="last")
    judged = rows.groupby(TRIAL)["signer"].transform("size")
    whole = rows[judged == rows["people_judged"]]
    numbers = ["clips_a_class", "split", "seed", "clips", "right"]
    return whole.astype(dict.fromkeys(numbers, int)).reset_index(drop=True)


def write_trials(path: Path, trials: pd.DataFrame) -> None:
    """Writes all trials; atomically, as there are few."""
    clips_table.write_table(path, trials[COLUMNS])


def by_person(
    signers: np.ndarray, right: np.ndarray, **trial: Any
) -> pd.DataFrame:
    """The rows of a trial.

    Args:
        signers: of each judged clip.
        right: whether it was told right, bool, (clips,).
        trial: the columns of `TRIAL`.
    """
    found = pd.DataFrame({"signer": signers, "right": right.astype(int)})
    rows = found.groupby("signer", as_index=False).agg(
        clips=("right", "size"), right=("right", "sum")
    )
    return rows.assign(**trial, people_judged=len(rows))[COLUMNS]


def complete(trials: pd.DataFrame, recipes: list[str]) -> pd.DataFrame:
    """The trials of places where all recipes were tried."""
    place = ["clips_a_class", "split", "seed"]
    known = trials[trials["recipe"].isin(recipes)]
    there = known.groupby(place)["recipe"].transform("nunique")
    return known[there == len(recipes)]


def summarise(trials: pd.DataFrame, recipes: list[str]) -> pd.DataFrame:
    """One row for each number of clips and recipe.

    Intervals resample the judged people; see `intervals`. Differences are to
    the first recipe, on the same clips, with p-values of flipping the signs of
    whole people, and Holm's correction over all of them.

    Args:
        trials: see `read_trials`.
        recipes: their names, in order; the first one is the baseline.
    """
    trials = complete(trials, recipes)
    rows = []
    for clips, group in trials.groupby("clips_a_class"):
        order = ["split", "seed", "signer"]
        tables = {
            recipe: group[group["recipe"] == recipe].sort_values(order)
            for recipe in recipes
        }
        base = right_clips(tables[recipes[0]])
        for recipe, table in tables.items():
            right = right_clips(table)
            units = intervals.units_of(
                np.repeat(table["signer"].to_numpy(), table["clips"])
            )
            row: list[Any] = [
                *(clips, recipe, table.groupby(["split", "seed"]).ngroups),
                *(table["signer"].nunique(), len(right)),
                *intervals.share(right, units),
            ]
            if recipe == recipes[0]:
                row += [float("nan")] * 4
            else:
                row += intervals.paired_difference(right, base, units)
            rows.append(row)
    summary = pd.DataFrame(rows, columns=SUMMARY[:-1])
    summary["p_holm"] = float("nan")
    compared = summary["p"].notna()
    summary.loc[compared, "p_holm"] = intervals.holm(
        summary.loc[compared, "p"].tolist()
    )
    return summary


def right_clips(table: pd.DataFrame) -> np.ndarray:
    """Whether each clip is right; in what order within a person is no matter.

    Only sums over people count, so that these are all that trials keep.
    """
    return np.concatenate(
        [
            np.arange(clips) < right
            for clips, right in zip(table["clips"], table["right"], strict=True)
        ]
    )


# --- For people -------------------------------------------------------------


def in_words(summary: pd.DataFrame) -> str:
    """The summary as two tables of Markdown: accuracies, and differences."""
    recipes = list(summary["recipe"].unique())
    sizes = sorted(summary["clips_a_class"].unique())
    cells: dict[Any, Any] = {
        (row["clips_a_class"], row["recipe"]): row
        for _, row in summary.iterrows()
    }
    tables = []
    for names, cell in ((recipes, _accuracy), (recipes[1:], _difference)):
        lines = ["| clips a class | " + " | ".join(names) + " |"]
        lines.append("|---" * (len(names) + 1) + "|")
        for size in sizes:
            found = [cell(cells[size, name]) for name in names]
            lines.append(f"| {size} | " + " | ".join(found) + " |")
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def _accuracy(row: Any) -> str:
    return f"{row['accuracy']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def _difference(row: Any) -> str:
    low, high = row["difference_low"], row["difference_high"]
    star = " *" if row["p_holm"] < 0.05 else ""
    return f"{row['difference']:+.2f} ({low:+.2f} to {high:+.2f}){star}"


def draw(path: Path, summary: pd.DataFrame, title: str, chance: float) -> None:
    """Draws accuracy against clips a class; writes the picture atomically.

    Args:
        path: of the picture.
        summary: see `summarise`.
        title: above it.
        chance: the accuracy of a blind guess.
    """
    recipes = list(summary["recipe"].unique())
    old = [name for name in recipes[1:] if name.startswith("writeup")]
    new = [name for name in recipes[1:] if name not in old]
    summary = summary.assign(clips_a_class=summary["clips_a_class"].astype(str))
    steps = sorted(summary["clips_a_class"].unique(), key=float)
    with curves.style(), files.atomic(path) as temporary:
        figure = Figure((12, 5), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for panel, names in zip(panels, (old, new), strict=True):
            shown = [recipes[0], *names]
            for number, name in enumerate(shown):
                rows = summary[summary["recipe"] == name]
                shift = 0.06 * (number - (len(shown) - 1) / 2)
                plot.draw_curve(panel, rows, steps, number, shift)
            plot.draw_chance(panel, chance, "horizontal")
            panel.set_xticks(range(len(steps)), steps)
            panel.set_xlabel("training clips a class")
            panel.legend(loc="upper left", ncols=2)
        panels[0].set(
            ylim=(0, 1.18),
            yticks=np.arange(0, 1.01, 0.2),
            ylabel="accuracy on new people, with 95% interval",
            title="the write-up's transfer",
        )
        panels[1].set_title("the recommended transfer, and class means")
        figure.suptitle(curves.shorten(title, 110), x=0.01, ha="left")
        figure.savefig(temporary)


def as_plan(splits: list[Split]) -> list[dict[str, Any]]:
    """Splits, ready for JSON."""
    return [
        {name: list(found) for name, found in dataclasses.asdict(split).items()}
        for split in splits
    ]
