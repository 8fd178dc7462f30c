"""What a study compares: recipes, and the folds to try them on."""

import contextlib
import dataclasses
import hashlib
import io
import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from signs.core.errors import UserError
from signs.data import clips_table, folds
from signs.evaluation import statistics
from signs.study.trial import SourceModel, Target, Trial
from signs.training import flags
from signs.training.flags import Command
from signs.training.settings import (
    RunOptions,
    Settings,
    TrainingSettings,
    TransferSettings,
)

EVERY_CLIP = "all"  # instead of a number of training clips a class
SOURCE = "source"  # the folder of the classifiers that are transferred
# What the study itself decides, so that no recipe can.
_OF_THE_STUDY = {"dataset", "features", "seed", "model", "patience"}
# What does not change what is learned.
_FOR_PEOPLE = {"recipe"}


@dataclass(frozen=True)
class StudySettings:
    """What a study is of, and how it is done.

    Attributes:
        dataset: whose clips are the folds.
        source: the data set of the classifiers that are transferred.
        features: the name of the features of both.
        data: the folder of data sets.
        out: the folder of the study.
        seed: of the first repeat.
        folds, repeats: how many parts the clips are divided into, how often.
        clips_a_class: training clips of each class: numbers, or `all`.
        source_seeds: classifiers for each way to train one.
        jobs: trainings side by side.
        workers: cores that they share.
        cluster: the address of a Ray cluster; None: this machine.
        quiet: no progress.
        overwrite: whether earlier results do not count.
    """

    dataset: str
    source: str
    features: str
    data: Path
    out: Path
    seed: int
    folds: int
    repeats: int
    clips_a_class: tuple[str, ...]
    source_seeds: int
    jobs: int
    workers: int
    cluster: str | None
    quiet: bool
    overwrite: bool


@dataclass(frozen=True)
class Recipe:
    """A way to train, from a row of a table.

    Attributes:
        name: of the row.
        train: settings of a training from scratch; of the source's, where
            there is a transfer.
        transfer: settings of the transfer; None where nothing is.
        note: for people.
    """

    name: str
    train: TrainingSettings
    transfer: TransferSettings | None = None
    note: str = ""

    @property
    def settings(self) -> Settings:
        """Those of the training on the folds."""
        return self.transfer or self.train

    def key(self, study: StudySettings) -> str:
        """Changes whenever one of the settings does."""
        parts: list[Any] = [_deciding(self.train)]
        if self.transfer is not None:
            parts += [_deciding(self.transfer), study.source]
        return _digest(parts)


@dataclass(frozen=True)
class Place:
    """Where and how a recipe is tried: the same for all of them.

    Attributes:
        by: how the folds were made: `signer` or `random`.
        clips_a_class: how many are trained on: a number, or `all`.
        repeat, fold: from 1.
    """

    by: str
    clips_a_class: str
    repeat: int
    fold: int


def _deciding(settings: Settings) -> dict[str, Any]:
    left_out = _OF_THE_STUDY | _FOR_PEOPLE
    record = settings.as_record()
    return {name: x for name, x in record.items() if name not in left_out}


def _digest(content: list[Any]) -> str:
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


# --- The table of recipes ---------------------------------------------------


def read_recipes(path: Path, also: str, dataset: str) -> list[Recipe]:
    """Reads a table of recipes: name,train,transfer,note.

    Args:
        path: a CSV file; transfer and note may be left out.
        also: flags of train_lstm.py that all rows are to have; its --epochs
            hold for the transfer, too.
        dataset: what is trained on.

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
    for name, train, transfer, note in rows.astype(object).fillna("").values:
        where = f"{path}, row {name}"
        recipe = make_recipe(f"{train} {also}", transfer, dataset, where)
        recipes.append(dataclasses.replace(recipe, name=name, note=note))
    return recipes


def make_recipe(train: str, transfer: str, dataset: str, where: str) -> Recipe:
    """Parses the flags of a row.

    Args:
        train: flags of train_lstm.py.
        transfer: flags of transfer.py; empty where nothing is transferred.
            Unless they name the epochs, those of `train` hold.
        dataset: what is trained on.
        where: the row, for messages.

    Raises:
        UserError: if a script does not take them, or they are the study's.
    """

    def parse_training(argv: list[str]) -> Command[TrainingSettings]:
        return flags.parse(flags.training_parser(""), TrainingSettings, argv)

    def parse_transfer(argv: list[str]) -> Command[TransferSettings]:
        return flags.parse(flags.transfer_parser(""), TransferSettings, argv)

    first = _parse(parse_training, train, dataset, where)
    if not transfer.strip():
        return Recipe("", first.settings)
    second = _parse(parse_transfer, transfer, dataset, where)
    settings = second.settings
    if "epochs" in first.given and "epochs" not in second.given:
        settings = dataclasses.replace(settings, epochs=first.settings.epochs)
    return Recipe("", first.settings, settings)


def _parse(
    parse: Callable[[list[str]], Command[Any]],
    text: str,
    dataset: str,
    where: str,
) -> Command[Any]:
    complaint = io.StringIO()
    try:
        with (
            contextlib.redirect_stderr(complaint),
            contextlib.redirect_stdout(complaint),
        ):
            command = parse([dataset, *shlex.split(text)])
    except SystemExit as error:
        reason = complaint.getvalue().strip().rpartition("error: ")[2]
        raise UserError(
            f"{where}: {reason if error.code else '--help is no recipe'}"
        ) from error
    except ValueError as error:  # shlex
        raise UserError(f"{where}: {error}: {text}") from error
    allowed = set(command.settings.as_record()) - _OF_THE_STUDY
    for name in sorted(command.given - allowed - {"dataset"}):
        flag = "--" + name.replace("_", "-")
        raise UserError(f"{where}: {flag} cannot differ between recipes")
    return command


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


# --- The trials -------------------------------------------------------------


def places(study: StudySettings, ways: list[str]) -> list[Place]:
    """All places to try a recipe in, folds innermost."""
    return [
        Place(by, clips, repeat, fold)
        for by in ways
        for clips in study.clips_a_class
        for repeat in range(1, study.repeats + 1)
        for fold in range(1, study.folds + 1)
    ]


def source_of(
    recipe: Recipe, repeat: int, study: StudySettings
) -> SourceModel | None:
    """What a recipe transfers from in a repeat; None if from nothing.

    Recipes that train alike share it. The repeats take turns with the seeds.
    """
    if recipe.transfer is None:
        return None
    seed = study.seed + (repeat - 1) % study.source_seeds
    key = _digest([_deciding(recipe.train), study.source])
    settings = dataclasses.replace(
        recipe.train,
        dataset=study.source,
        features=study.features,
        seed=seed,
    )
    folder = study.out / SOURCE
    options = RunOptions(
        data=study.data, log=folder, model_dir=folder, quiet=True
    )
    return SourceModel(f"source-lstm-{key}-{seed}", settings, options)


def trial_of(
    recipe: Recipe,
    place: Place,
    study: StudySettings,
    target: Target,
    columns: pd.DataFrame,
) -> Trial:
    """The training of a recipe in a place.

    Args:
        columns: the folds; see `folds.make`.
    """
    train, test = sides(place, study, target.labels, columns)
    source = source_of(recipe, place.repeat, study)
    changed: dict[str, Any] = {
        "features": study.features,
        "seed": study.seed + place.repeat - 1,
    }
    if source is not None:
        changed["model"] = str(source.run.best)
        changed["session_mean"] = source.settings.session_mean
    settings = dataclasses.replace(recipe.settings, **changed)
    return Trial(settings, target, train, test, place.by)


def sides(
    place: Place,
    study: StudySettings,
    labels: np.ndarray,
    columns: pd.DataFrame,
) -> tuple[np.ndarray, np.ndarray]:
    """The row numbers that are trained on and tested on in a place."""
    column = columns[f"{place.by}-{place.repeat}"]
    train, test = folds.sides(column, place.fold)
    if place.clips_a_class != EVERY_CLIP:
        seed = (study.seed, place.repeat, place.fold)
        train = folds.limit(train, labels, int(place.clips_a_class), seed)
    return train, test


def key_of(recipe: Recipe, place: Place, study: StudySettings) -> str:
    """The key of a recipe's results in a place."""
    source = source_of(recipe, place.repeat, study)
    key = recipe.key(study)
    return key if source is None else f"{key}-{source.settings.seed}"


def missing(
    recipes: list[Recipe],
    all_places: list[Place],
    results: pd.DataFrame,
    study: StudySettings,
) -> list[tuple[Recipe, Place]]:
    """What has no result yet; by recipe, as `trial.compiled` has it."""
    done = set(
        results[["key", *statistics.PLACE]].itertuples(index=False, name=None)
    )
    todo = []
    for recipe in recipes:
        for place in all_places:
            trial = key_of(recipe, place, study), *dataclasses.astuple(place)
            if trial not in done:
                done.add(trial)  # two names may have the same settings
                todo.append((recipe, place))
    return todo
