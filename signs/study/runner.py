"""Recipes on repeated folds: the table, the plan, and the results."""

import argparse
import contextlib
import csv
import dataclasses
import hashlib
import io
import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

import train_lstm
import transfer
from signs.cluster import ray_backend
from signs.core import files, parallel
from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data import clips_table, folds
from signs.data.clips_table import Dataset
from signs.evaluation import statistics
from signs.features import feature_store
from signs.study import trial
from signs.study.trial import Cell, Source, Target
from signs.training import run, run_record

EVERY_CLIP = "all"  # instead of a number of training clips a class
RESULTS = "results.csv"
FOLDS = "folds.csv"
RECORD = "study.json"
SOURCE = "source"
RESULT_COLUMNS = [
    *("recipe", "key", *statistics.PLACE),
    *("accuracy", "accuracy_last", "accuracy_best", "best_epoch"),
    *("top5", "macro_recall", "val_loss"),
    *("train_clips", "test_clips", "seconds"),
]
# What the study itself decides, so that no recipe can.
_OF_THE_STUDY = [
    *("data", "log", "model_dir", "seed", "workers"),
    *("overwrite", "dry_run", "quiet", "cnn", "model"),
    *("resume", "patience", "tensorboard", "devices"),
]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A way to train, from a row of a table.

    Attributes:
        name: of the row.
        train: flags of train_lstm.py.
        transfer: flags of transfer.py; empty where nothing is transferred.
        note: for people.
        train_args, transfer_args: the flags as the scripts parse them; None
            where nothing is transferred.
        key: changes whenever what the flags stand for does.
        source_key: the same of the flags of train_lstm.py alone.
    """

    name: str
    train: str
    transfer: str
    note: str
    train_args: argparse.Namespace
    transfer_args: argparse.Namespace | None
    key: str
    source_key: str

    @property
    def args(self) -> argparse.Namespace:
        """Those of the script that trains on the folds."""
        return self.transfer_args or self.train_args


@dataclasses.dataclass(frozen=True)
class Place:
    """Where and how a recipe is tried: the same for all of them."""

    by: str
    clips_a_class: str
    repeat: int
    fold: int


# --- The table of recipes ---------------------------------------------------


def read_recipes(
    path: Path, also: str, study: argparse.Namespace
) -> list[Recipe]:
    """Reads a table of recipes: name,train,transfer,note.

    Args:
        path: a CSV file; transfer and note may be left out.
        also: flags of train_lstm.py that all rows are to have; its --epochs
            hold for the transfer, too.
        study: the script's arguments.

    Raises:
        UserError: if there are none, or a flag is wrong; names the row.
    """
    if not path.is_file():
        raise UserError(
            f"there is no table {path}; ready-made ones are in the folder "
            "studies"
        )
    rows = clips_table.read_csv(path).reindex(
        columns=["name", "train", "transfer", "note"]
    )
    if rows["name"].isna().any() or rows.empty:
        raise UserError(
            f"{path} must have the column name, and at least one row: "
            "name,train,transfer,note"
        )
    twice = rows["name"][rows["name"].duplicated() | (rows["name"] == "")]
    if len(twice):
        raise UserError(f"{path}: the name {twice.iloc[0]!r} is there twice")
    recipes = []
    for name, train, other, note in rows.fillna("").itertuples(index=False):
        train = f"{train} {also}".strip()
        if other.strip():
            other = f"{other} {_epochs_of(also)}".strip()
        where = f"{path}, row {name}"
        recipes.append(
            make_recipe(name, train, other.strip(), note, study, where)
        )
    return recipes


def make_recipe(
    name: str,
    train: str,
    other: str,
    note: str,
    study: argparse.Namespace,
    where: str,
) -> Recipe:
    """Parses the flags of a row; see `Recipe` and `parse_flags`."""
    train_args, settings = parse_flags(
        train_lstm.parse_arguments, train, study, where
    )
    source_key = _digest([settings])
    if not other:
        return Recipe(
            name, train, "", note, train_args, None, source_key, source_key
        )
    transfer_args, more = parse_flags(
        transfer.parse_arguments, other, study, where
    )
    key = _digest([settings, more, study.source])
    return Recipe(
        name, train, other, note, train_args, transfer_args, key, source_key
    )


def choose_baseline(
    asked: str | None, recipes: list[Recipe], path: Path
) -> str:
    """The name of the recipe that the others are compared with.

    Raises:
        UserError: if there is none of the name asked for.
    """
    names = [recipe.name for recipe in recipes]
    if asked is None:
        return names[0]
    if asked not in names:
        raise UserError(
            f"--baseline {asked}: {path} has only {', '.join(names)}"
        )
    return asked


def _epochs_of(flags: str) -> str:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--epochs")
    epochs = parser.parse_known_args(shlex.split(flags))[0].epochs
    return f"--epochs {epochs}" if epochs else ""


def parse_flags(
    parse: Callable[[list[str]], argparse.Namespace],
    flags: str,
    study: argparse.Namespace,
    where: str,
) -> tuple[argparse.Namespace, dict[str, Any]]:
    """Parses the flags of a recipe as the script that has them does.

    Args:
        parse: `parse_arguments` of the script.
        flags: as typed.
        study: the study's own arguments, which hold for the recipe.
        where: the row, for messages.

    Returns:
        The script's arguments, and those of them that are not its defaults.

    Raises:
        UserError: if the script does not take them, or they are the study's.
    """
    given = [
        study.dataset,
        "--data",
        str(study.data),
        *["--quiet"] * study.quiet,
    ]
    complaint = io.StringIO()
    try:
        with (
            contextlib.redirect_stderr(complaint),
            contextlib.redirect_stdout(complaint),
        ):
            plain = parse(given)
            args = parse([*given, *shlex.split(flags)])
    except SystemExit as error:
        reason = complaint.getvalue().strip().rpartition("error: ")[2]
        raise UserError(
            f"{where}: {reason if error.code else '--help is no recipe'}"
        ) from error
    except ValueError as error:  # shlex
        raise UserError(f"{where}: {error}: {flags}") from error
    for name in _OF_THE_STUDY:
        if getattr(args, name, None) != getattr(plain, name, None):
            flag = "--" + name.replace("_", "-")
            raise UserError(f"{where}: {flag} cannot differ between recipes")
    settings = {
        name: value
        for name, value in vars(args).items()
        if name not in vars(plain) or value != getattr(plain, name)
    }
    args.epochs = getattr(args, "epochs", run.DEFAULT_EPOCHS)
    args.cnn = study.cnn
    return args, settings


# --- The plan ---------------------------------------------------------------


def places(study: argparse.Namespace, ways: list[str]) -> list[Place]:
    """All places to try a recipe in, folds innermost."""
    return [
        Place(by, clips, repeat, fold)
        for by in ways
        for clips in study.clips_a_class
        for repeat in range(1, study.repeats + 1)
        for fold in range(1, study.folds + 1)
    ]


def source_of(
    recipe: Recipe, repeat: int, study: argparse.Namespace
) -> Source | None:
    """What a recipe transfers from in a repeat; None if from nothing.

    Recipes that train alike share it. The repeats take turns with the seeds.
    """
    if recipe.transfer_args is None:
        return None
    seed = study.seed + (repeat - 1) % study.source_seeds
    key = _digest([recipe.source_key, study.source])
    args = argparse.Namespace(
        **{**vars(recipe.train_args), "dataset": study.source, "seed": seed}
    )
    return Source(args, f"source-lstm-{key}-{seed}", study.out / SOURCE)


def cell_of(
    recipe: Recipe,
    place: Place,
    study: argparse.Namespace,
    target: Target,
    columns: pd.DataFrame,
) -> Cell:
    """The training of a recipe in a place.

    Args:
        columns: the folds; see `folds.make`.
    """
    train, test = folds.sides(columns[f"{place.by}-{place.repeat}"], place.fold)
    if place.clips_a_class != EVERY_CLIP:
        seed = (study.seed, place.repeat, place.fold)
        most = int(place.clips_a_class)
        train = folds.limit(train, target.labels, most, seed)
    args = argparse.Namespace(
        **{**vars(recipe.args), "seed": study.seed + place.repeat - 1}
    )
    source = source_of(recipe, place.repeat, study)
    if source is not None:
        run.inherit(args, vars(source.args))
    return Cell(args, source, target, train, test, place.by)


def missing(
    recipes: list[Recipe],
    all_places: list[Place],
    results: pd.DataFrame,
    study: argparse.Namespace,
) -> list[tuple[Recipe, Place]]:
    """What has no result yet; by recipe, as `cells.compiled` has it."""
    done = set(
        results[["key", *statistics.PLACE]].itertuples(index=False, name=None)
    )
    todo = []
    for recipe in recipes:
        for place in all_places:
            cell = key_of(recipe, place, study), *dataclasses.astuple(place)
            if cell not in done:
                done.add(cell)  # two names may have the same flags
                todo.append((recipe, place))
    return todo


def key_of(recipe: Recipe, place: Place, study: argparse.Namespace) -> str:
    """The key of a recipe's results in a place."""
    source = source_of(recipe, place.repeat, study)
    return recipe.key if source is None else f"{recipe.key}-{source.args.seed}"


def _digest(content: list[Any]) -> str:
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


# --- The work ---------------------------------------------------------------


def keep_folds(
    study: argparse.Namespace, clips: pd.DataFrame, ways: list[str]
) -> pd.DataFrame:
    """Makes the folds, or takes those of the study's table; checks them.

    Args:
        clips: rows of the clips table, and a column `content`.
        ways: of signer and random.

    Returns:
        See `folds.keep`.
    """
    columns = folds.keep(
        study.out / FOLDS, clips, ways, study.folds, study.repeats, study.seed
    )
    for how in ways:
        names = [f"{how}-{number + 1}" for number in range(study.repeats)]
        folds.check(clips, columns[names], how)
    return columns


def train_sources(
    study: argparse.Namespace,
    meta: dict[str, Any],
    todo: list[tuple[Recipe, Place]],
) -> dict[str, str]:
    """Trains the classifiers that are to be transferred, where missing.

    Args:
        meta: the record of the target's features.

    Returns:
        The reasons of those that failed, by name.

    Raises:
        UserError: if the source has other features than the target.
    """
    needed = {
        source.name: source
        for recipe, place in todo
        if (source := source_of(recipe, place.repeat, study)) is not None
    }
    if not needed:
        return {}
    dataset = Dataset(study.data / study.source)
    theirs = feature_store.require_meta(dataset, study.cnn)
    if problem := feature_store.differences(theirs, meta):
        raise UserError(
            f"{study.source} and {study.dataset} have other features: "
            f"{problem}; make both with the same settings, such as: python "
            f"feature.py {study.dataset} --overwrite"
        )
    failures = {}
    for name, judged, error in work(
        trial.train_source, needed, study, f"training on {study.source}"
    ):
        if error is not None:
            failures[name] = parallel.reason(error)
        elif judged:
            log.info(f"{name}: accuracy {judged['accuracy']:.2f}, on its split")
    return failures


def train_cells(
    study: argparse.Namespace,
    target: Target,
    columns: pd.DataFrame,
    todo: list[tuple[Recipe, Place]],
    failed: dict[str, str],
) -> dict[str, str]:
    """Trains and tests on the folds, and writes each result as it comes.

    Args:
        columns: the folds.
        failed: reasons of the sources that failed, by name.

    Returns:
        The reasons of the trainings that failed.
    """
    failures, rows, plan = {}, {}, {}
    for recipe, place in todo:
        cell = cell_of(recipe, place, study, target, columns)
        name = " ".join(map(str, [recipe.name, *dataclasses.astuple(place)]))
        if cell.source and cell.source.name in failed:
            failures[name] = failed[cell.source.name]
        else:
            plan[name], rows[name] = cell, (recipe, place)
    for name, figures, error in work(trial.run_cell, plan, study, "training"):
        if error is not None:
            failures[name] = parallel.reason(error)
            continue
        recipe, place = rows[name]
        append_result(
            study.out,
            {
                "recipe": recipe.name,
                "key": key_of(recipe, place, study),
                **dataclasses.asdict(place),
                **figures,
            },
        )
    return failures


def work(
    function: Callable[[Any], Any],
    rows: dict[str, Any],
    study: argparse.Namespace,
    description: str,
) -> Iterator[parallel.Outcome]:
    """Calls a function for all rows, some at once, under a progress bar."""
    jobs = min(study.jobs, len(rows))
    share = max(1, study.workers // max(jobs, 1))
    if study.cluster:
        outcomes = ray_backend.outcomes(
            function,
            rows,
            study.cluster,
            study.workers,
            share=share,
            use_gpus=True,
        )
    else:
        outcomes = parallel.outcomes(function, rows, jobs)
    with (
        parallel.threads(share) if jobs > 1 else contextlib.nullcontext(),
        contextlib.closing(outcomes) as found,
        tqdm(
            total=len(rows),
            desc=description,
            unit="training",
            disable=True if study.quiet else None,
        ) as bar,
    ):
        for outcome in found:
            yield outcome
            bar.update()


def check_record(study: argparse.Namespace, meta: dict[str, Any]) -> None:
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


def write_record(study: argparse.Namespace, meta: dict[str, Any]) -> None:
    """Writes what the study is of, for people and for `check_record`."""
    files.write_json(
        study.out / RECORD,
        {
            "dataset": study.dataset,
            "source": study.source,
            "seed": study.seed,
            "arguments": vars(study),
            "versions": run_record.versions(),
            "backend": run.keras.backend.backend(),
            "features": meta,
        },
    )


def begin_anew(study: argparse.Namespace) -> None:
    """Removes what an earlier run has left in the folder."""
    for name in (RESULTS, FOLDS, RECORD):
        (study.out / name).unlink(missing_ok=True)
    files.remove_folder(study.out / SOURCE)


# --- The results ------------------------------------------------------------


def read_results(out: Path, mend: bool = True) -> pd.DataFrame:
    """Reads the results so far.

    Args:
        out: folder of the study.
        mend: whether to remove lines that a killed process has cut from the
            file, so that lines can be added to it again.

    Returns:
        One row a cell, with `RESULT_COLUMNS`; of the same cell the last one.
    """
    path = out / RESULTS
    text = ""
    if path.exists():
        text = path.read_text(encoding="utf-8", errors="replace")
    lines = text.splitlines(keepends=True)
    rows = {line: _parse(line) for line in lines[1:]}
    damaged = [line for line, row in rows.items() if row is None]
    if mend and (damaged or (lines and lines[0] != _line(RESULT_COLUMNS))):
        log.warning(
            f"{path}: {count(len(damaged), 'line')} cut or damaged; what was "
            "in there is done again"
        )
        good = [line for line, row in rows.items() if row is not None]
        files.write_text(path, "".join([_line(RESULT_COLUMNS), *good]))
    results = pd.DataFrame(
        [row for row in rows.values() if row is not None],
        columns=RESULT_COLUMNS,
    )
    return results.drop_duplicates(["key", *statistics.PLACE], keep="last")


def _parse(line: str) -> list[Any] | None:
    """A line of results as a row; None if it is damaged."""
    try:
        cells = next(csv.reader([line]), [])
        if len(cells) != len(RESULT_COLUMNS) or not line.endswith("\n"):
            return None
        return [*cells[:4], *map(int, cells[4:6]), *map(float, cells[6:])]
    except (ValueError, csv.Error):
        return None


def append_result(out: Path, row: dict[str, Any]) -> None:
    """Adds a result at the end of the file; only one process may do so."""
    path = out / RESULTS
    text = _line([row[name] for name in RESULT_COLUMNS])
    if not path.exists() or not path.stat().st_size:
        text = _line(RESULT_COLUMNS) + text
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
    study: argparse.Namespace,
) -> pd.DataFrame:
    """The results of these recipes in these places, and no older ones."""
    wanted = [
        [recipe.name, key_of(recipe, place, study), *dataclasses.astuple(place)]
        for place in all_places
        for recipe in recipes
    ]
    return pd.DataFrame(wanted, columns=RESULT_COLUMNS[:6]).merge(
        results.drop(columns="recipe"), on=["key", *statistics.PLACE]
    )
