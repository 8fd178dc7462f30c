"""A study's files: results.csv, one row a trial, and study.json."""

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

import pandas as pd

from signs.core import files
from signs.core.backend import keras
from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.evaluation import statistics
from signs.features import feature_store
from signs.study.plan import SOURCE, Place, Recipe, StudySettings, key_of
from signs.training import run_record

RESULTS = "results.csv"
FOLDS = "folds.csv"
RECORD = "study.json"
COLUMNS = [
    *("recipe", "key", *statistics.PLACE),
    *("accuracy", "accuracy_last", "accuracy_best", "best_epoch"),
    *("top5", "macro_recall", "val_loss"),
    *("train_clips", "test_clips", "seconds"),
]


def read(out: Path, mend: bool = True) -> pd.DataFrame:
    """Reads the results so far.

    Args:
        out: folder of the study.
        mend: whether to remove lines that a killed process has cut from the
            file, so that lines can be added to it again.

    Returns:
        One row a trial, with `COLUMNS`; of the same trial the last one.
    """
    path = out / RESULTS
    text = ""
    if path.exists():
        text = path.read_text(encoding="utf-8", errors="replace")
    lines = text.splitlines(keepends=True)
    rows = {line: _parse(line) for line in lines[1:]}
    damaged = [line for line, row in rows.items() if row is None]
    if mend and (damaged or (lines and lines[0] != _line(COLUMNS))):
        log.warning(
            f"{path}: {count(len(damaged), 'line')} cut or damaged; what was "
            "in there is done again"
        )
        good = [line for line, row in rows.items() if row is not None]
        files.write_text(path, "".join([_line(COLUMNS), *good]))
    results = pd.DataFrame(
        [row for row in rows.values() if row is not None], columns=COLUMNS
    )
    return results.drop_duplicates(["key", *statistics.PLACE], keep="last")


def _parse(line: str) -> list[Any] | None:
    """A line of results as a row; None if it is damaged."""
    try:
        cells = next(csv.reader([line]), [])
        if len(cells) != len(COLUMNS) or not line.endswith("\n"):
            return None
        return [*cells[:4], *map(int, cells[4:6]), *map(float, cells[6:])]
    except (ValueError, csv.Error):
        return None


def append(out: Path, row: dict[str, Any]) -> None:
    """Adds a result at the end of the file; only one process may do so."""
    path = out / RESULTS
    text = _line([row[name] for name in COLUMNS])
    if not path.exists() or not path.stat().st_size:
        text = _line(COLUMNS) + text
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text)


def _line(cells: list[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(
        [round(x, 6) if isinstance(x, float) else x for x in cells]
    )
    return line.getvalue()


def current(
    results: pd.DataFrame,
    recipes: list[Recipe],
    all_places: list[Place],
    study: StudySettings,
) -> pd.DataFrame:
    """The results of these recipes in these places, and no older ones."""
    wanted = [
        [recipe.name, key_of(recipe, place, study), *dataclasses.astuple(place)]
        for place in all_places
        for recipe in recipes
    ]
    return pd.DataFrame(wanted, columns=COLUMNS[:6]).merge(
        results.drop(columns="recipe"), on=["key", *statistics.PLACE]
    )


def check_record(study: StudySettings, meta: dict[str, Any]) -> None:
    """Raises a `UserError` if the folder is of a study of other data."""
    path = study.out / RECORD
    if study.overwrite or not path.exists():
        return
    then = run_record.read_record(path, ["dataset", "seed", "features"])
    now = {"dataset": study.dataset, "seed": study.seed}
    problems = [
        f"{name} {then[name]} and {value}"
        for name, value in now.items()
        if then[name] != value
    ]
    problems.append(feature_store.differences(then["features"], meta))
    if problem := ", ".join(filter(None, problems)):
        raise UserError(
            f"{study.out} is of another study: {problem}; name another folder "
            "with --out, or begin anew with --overwrite"
        )


def write_record(
    study: StudySettings, meta: dict[str, Any], recipes: list[Recipe]
) -> None:
    """Writes what the study is of, for people and for `check_record`."""
    files.write_json(
        study.out / RECORD,
        {
            "dataset": study.dataset,
            "source": study.source,
            "seed": study.seed,
            "arguments": dataclasses.asdict(study),
            "recipes": [dataclasses.asdict(recipe) for recipe in recipes],
            "versions": run_record.versions(),
            "backend": keras.backend.backend(),
            "features": meta,
        },
    )


def begin_anew(study: StudySettings) -> None:
    """Removes what an earlier run has left in the folder."""
    for name in (RESULTS, FOLDS, RECORD):
        (study.out / name).unlink(missing_ok=True)
    files.remove_folder(study.out / SOURCE)
