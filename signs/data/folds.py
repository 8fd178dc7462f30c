"""Repeated folds: each clip is tested once in every repeat.

The folds of a study are made once, and kept in a table that people can read.
"""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data import clips_table, splits

WAYS = ("auto", "signer", "random")
# Instead of the number of a fold:
ALWAYS_TRAINED_ON = 0
LEFT_OUT = -1


def warn_of_duplicates(clips: pd.DataFrame) -> None:
    """Names the clips that are there under another name, too.

    Args:
        clips: rows of the clips table, and a column `content`.
    """
    again = clips["content"].duplicated()
    if again.any():
        names = list(clips["clip"][again])
        more = ", ..." if len(names) > 5 else ""
        log.warning(
            f"{count(len(names), 'clip')} left out, whose features are byte "
            f"for byte those of another one: {', '.join(names[:5])}{more}"
        )


def choose_way(how: str, clips: pd.DataFrame) -> str:
    """`signer` or `random`, where `auto` may have been asked for."""
    chosen = splits.way_to_divide(clips) if how == "auto" else how
    known = clips["signer"][clips["signer"] != ""].nunique()
    if chosen == "signer" and known < 2:
        raise UserError(
            "no two signers are known: fill in signers.csv (clip,signer), run "
            "frame.py --overwrite, or use --by random"
        )
    return chosen


def make(
    clips: pd.DataFrame, how: str, folds: int, repeats: int, seed: int
) -> pd.DataFrame:
    """Divides clips into folds, again and again.

    By signer, whole signers are divided (scikit-learn's StratifiedGroupKFold),
    so that nobody is ever trained and tested on; clips of unknown signers are
    trained on only, and duplicates are left out. At random, the classes are
    divided evenly (StratifiedKFold), and people are on both sides.

    Args:
        clips: rows of the clips table, by clip, and a column `content`.
        how: signer or random.
        folds: how many.
        repeats: how often.
        seed: of the first repeat; the next one has the next seed.

    Returns:
        One column a repeat, `HOW-1` and so on: the number of the fold from 1
        that each clip is tested in, `ALWAYS_TRAINED_ON` or `LEFT_OUT`.

    Raises:
        UserError: if there are fewer signers, or clips of every class, than
            folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    kind = StratifiedGroupKFold if how == "signer" else StratifiedKFold
    again = clips["content"].duplicated()
    known = np.flatnonzero(
        ((clips["signer"] != "") | (how == "random")) & ~again
    )
    people = clips["signer"].iloc[known].nunique()
    sizes = clips["label"].iloc[known].value_counts()
    most = people if how == "signer" else sizes.max()
    if folds > most:
        raise UserError(
            f"{folds} folds need as many signers, and as many clips of a "
            f"class; use --folds {most}, or fewer"
        )
    labels = clips["label"].to_numpy()[known]
    groups = clips["signer"].to_numpy()[known] if how == "signer" else None
    columns = {}
    for repeat in range(repeats):
        column = np.where(again, LEFT_OUT, ALWAYS_TRAINED_ON)
        divide = kind(folds, shuffle=True, random_state=seed + repeat)
        with warnings.catch_warnings():
            # That a class is too small for all folds is said by `check`.
            warnings.filterwarnings("ignore", "The least populated class")
            for fold, (_, test) in enumerate(
                divide.split(labels, labels, groups), start=1
            ):
                column[known[test]] = fold
        columns[f"{how}-{repeat + 1}"] = column
    return pd.DataFrame(columns)


def keep(
    path: Path,
    clips: pd.DataFrame,
    ways: list[str],
    folds: int,
    repeats: int,
    seed: int,
) -> pd.DataFrame:
    """The folds that a study's table has, or else makes and writes them.

    Args:
        path: the table: clip, label, signer, and one column a repeat.
        clips, folds, repeats, seed: see `make`.
        ways: of signer and random.

    Returns:
        The table's columns of folds, those of earlier runs included.

    Raises:
        UserError: if the table is of other clips, or of as many folds.
    """
    about = clips[["clip", "label", "signer"]]
    wanted = pd.concat(
        [make(clips, how, folds, repeats, seed) for how in ways], axis=1
    )
    kept = pd.DataFrame(index=clips.index)
    if path.exists():
        old = clips_table.read_csv(path)
        kept = old.drop(columns=about.columns, errors="ignore").astype(int)
        same = about.equals(old.reindex(columns=about.columns))
        if not same or (kept.max() != folds).any():
            raise UserError(
                f"{path} is of other clips, or of another number of folds; "
                "name another folder with --out, or begin anew with --overwrite"
            )
    new = wanted[wanted.columns.difference(kept.columns, sort=False)]
    result = pd.concat([kept, new], axis=1)
    if len(new.columns):
        clips_table.write_table(path, pd.concat([about, result], axis=1))
    return result


def sides(column: pd.Series, fold: int) -> tuple[np.ndarray, np.ndarray]:
    """The row numbers that are trained on and tested on in a fold."""
    numbers = column.to_numpy()
    is_train = (numbers != fold) & (numbers != LEFT_OUT)
    return np.flatnonzero(is_train), np.flatnonzero(numbers == fold)


def check(clips: pd.DataFrame, columns: pd.DataFrame, how: str) -> None:
    """Says what is wrong with the folds; see `splits.check_sides`.

    Args:
        clips: rows of the clips table, and a column `content`.
        columns: of one way to make folds.
        how: signer or random.

    Raises:
        UserError: if something is on both sides that must not be.
    """
    lacking = 0
    for name, column in columns.items():
        for fold in range(1, column.max() + 1):
            train, test = sides(column, fold)
            found = splits.check_sides(clips.iloc[train], clips.iloc[test])
            lacking += bool(found.pop("classes"))
            if how == "random":
                del found["signers"]  # known to be on both sides
            for what, items in found.items():
                if items:
                    raise UserError(
                        f"{what} on both sides of fold {fold} of {name}, such "
                        f"as {min(items)}; begin anew with --overwrite"
                    )
    if lacking:
        log.warning(
            f"in {count(lacking, 'fold')} by {how}, a class is only trained "
            "or only tested on: it has too few clips or signers"
        )
    distinct = {partition(column) for _, column in columns.items()}
    if len(distinct) < len(columns.columns):
        log.warning(
            f"of {len(columns.columns)} repeats by {how}, only {len(distinct)} "
            "have folds of their own, so few ways are there to divide the "
            "signers evenly; the others differ in the networks' seed alone"
        )


def partition(column: pd.Series) -> frozenset[frozenset[int]]:
    """The sets of rows that are tested together, in no order."""
    rows = column.reset_index(drop=True).groupby(column.to_numpy()).groups
    return frozenset(frozenset(map(int, part)) for part in rows.values())


def limit(
    rows: np.ndarray, labels: np.ndarray, most: int, seed: tuple[int, ...]
) -> np.ndarray:
    """Draws at most so many clips of each class.

    Of a smaller number the clips are among those of a larger one.

    Args:
        rows: row numbers to draw from.
        labels: of all rows.
        most: clips a class.
        seed: of the drawing.

    Returns:
        int: row numbers, in order.
    """
    order = np.random.default_rng(seed).permutation(rows)
    rank = pd.Series(order).groupby(labels[order]).cumcount().to_numpy()
    return np.sort(order[rank < most])
