"""The work of a study: sources first, then the trials, some side by side."""

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from signs.cluster import ray_backend
from signs.core import parallel
from signs.core.errors import UserError
from signs.core.messages import log
from signs.data import folds
from signs.data.clips_table import Dataset
from signs.features import combined, feature_store
from signs.study import results, trial
from signs.study.plan import (
    Place,
    Recipe,
    StudySettings,
    key_of,
    source_of,
    trial_of,
)
from signs.study.trial import Target
from signs.training.feature_files import Features

Todo = list[tuple[Recipe, Place]]


def pack(features: Features, path: Path, dtype: str) -> list[str]:
    """Writes all features into one file, to be mapped into memory.

    Args:
        features: of the clips, or of their copies.
        path: the `.npy` file to write.
        dtype: what the features are stored in.

    Returns:
        A digest of each clip's features, the same where the bytes are.

    Raises:
        UserError: if a file is damaged.
    """
    store = np.lib.format.open_memmap(path, "w+", dtype, features.shape)
    digests = []
    for row in range(len(store)):
        try:
            store[row] = features[[row]][0]
        except ValueError as error:
            raise UserError(
                f"{error}; delete that file and run feature.py again"
            ) from error
        digests.append(hashlib.sha256(store[row].tobytes()).hexdigest())
    store.flush()
    return digests


def keep_folds(
    study: StudySettings, clips: pd.DataFrame, ways: list[str]
) -> pd.DataFrame:
    """Makes the folds, or takes those of the study's table; checks them.

    Args:
        clips: rows of the clips table, and a column `content`.
        ways: of signer and random.

    Returns:
        See `folds.keep`.
    """
    folds.warn_of_duplicates(clips)
    columns = folds.keep(
        study.out / results.FOLDS,
        clips,
        ways,
        study.folds,
        study.repeats,
        study.seed,
    )
    for by in ways:
        names = [f"{by}-{number + 1}" for number in range(study.repeats)]
        folds.check(clips, columns[names], by)
    return columns


def train_sources(
    study: StudySettings, meta: dict[str, Any], todo: Todo
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
    theirs = combined.require_meta(dataset, study.features)
    if problem := feature_store.differences(theirs, meta):
        raise UserError(
            f"{study.source} and {study.dataset} have other features: "
            f"{problem}; make both with the same settings, such as: python "
            f"feature.py {study.dataset} --overwrite"
        )
    failures = {}
    for name, figures, error in work(
        trial.train_source, needed, study, f"training on {study.source}"
    ):
        if error is not None:
            failures[name] = parallel.reason(error)
        elif figures:
            log.info(
                f"{name}: accuracy {figures['accuracy']:.2f}, on its split"
            )
    return failures


def run_trials(
    study: StudySettings,
    target: Target,
    columns: pd.DataFrame,
    todo: Todo,
    failed: dict[str, str],
) -> dict[str, str]:
    """Trains and tests on the folds, and writes each result as it comes.

    Args:
        columns: the folds.
        failed: reasons of the sources that failed, by name; their recipes
            fail for the same reason.

    Returns:
        The reasons of the trials that failed.
    """
    failures, rows, trials = {}, {}, {}
    for recipe, place in todo:
        name = " ".join(map(str, [recipe.name, *dataclasses.astuple(place)]))
        source = source_of(recipe, place.repeat, study)
        if source is not None and source.name in failed:
            failures[name] = failed[source.name]
            continue
        trials[name] = trial_of(recipe, place, study, target, columns)
        rows[name] = recipe, place
    for name, figures, error in work(
        trial.run_trial, trials, study, "training"
    ):
        if error is not None:
            failures[name] = parallel.reason(error)
            continue
        recipe, place = rows[name]
        row = {
            "recipe": recipe.name,
            "key": key_of(recipe, place, study),
            **dataclasses.asdict(place),
            **figures,
        }
        results.append(study.out, row)
    return failures


def work(
    function: Callable[[Any], Any],
    rows: dict[str, Any],
    study: StudySettings,
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
        outcomes = parallel.outcomes(function, rows, jobs, cores=share)
    with (
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
