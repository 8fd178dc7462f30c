"""The work of the study of people: sources first, then the trials."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from signs.core import parallel
from signs.data import clips_table, folds
from signs.evaluation import intervals
from signs.study import people, people_trial
from signs.study.people import Split
from signs.study.people_trial import Task
from signs.study.plan import Recipe
from signs.training.settings import TrainingSettings
from signs.training.training_data import Data

EMBEDDING = "recommended"  # the recipe whose source gives class means
MEANS = {"class-mean-source": "source", "class-mean-features": "features"}


@dataclass(frozen=True)
class Place:
    """Where all recipes are tried.

    Attributes:
        size: training clips a class.
        split: from 1.
        seed: of networks, and of which clips are drawn.
    """

    size: int
    split: int
    seed: int


@dataclass(frozen=True)
class Study:
    """What all trials have in common.

    Attributes:
        dataset: its name.
        recipes: of the table.
        splits: who and what is trained on, and judged.
        data: all clips as `train`, features in memory.
        out, models: the folders of results and of source networks.
        sizes: training clips a class.
        seeds: of each split, how many.
        jobs: trainings side by side.
    """

    dataset: str
    recipes: list[Recipe]
    splits: list[Split]
    data: Data
    out: Path
    models: Path
    sizes: tuple[int, ...]
    seeds: int
    jobs: int

    def path(self, ending: str) -> Path:
        """One of the study's files."""
        return self.out / f"{self.dataset}-transfer{ending}"

    @property
    def names(self) -> list[str]:
        """Of all recipes, in order."""
        return [*(recipe.name for recipe in self.recipes), *MEANS]

    @property
    def sources(self) -> list[TrainingSettings]:
        """What is trained on a split's source, each once."""
        found = [x.train for x in self.recipes if x.transfer is not None]
        return list(dict.fromkeys(found))


def find_todo(study: Study) -> list[tuple[Place, str]]:
    """Places and names of recipes that are not tried yet.

    All splits of a size come before the next size, and all recipes of a split
    before the next split, so that what is finished can be compared.
    """
    trials = people.read_trials(study.path("-trials.csv"))
    done = set(trials[people.TRIAL].itertuples(index=False, name=None))
    return [
        (Place(size, split, seed), name)
        for seed in range(study.seeds)
        for size in study.sizes
        for split in range(1, len(study.splits) + 1)
        for name in study.names
        if (size, split, seed, name) not in done
    ]


def train_sources(study: Study, places: list[Place]) -> None:
    """Trains the source networks that are missing.

    They are judged on their own gestures, of all people new to them.
    """
    tasks, about = {}, {}
    for place in places:
        parts = study.splits[place.split - 1]
        labels = parts.source_gestures
        train = rows_of(study, parts.source_people, labels)
        others = parts.training_people + parts.judged_people
        judged = rows_of(study, others, labels)
        data = people_trial.data_of(study.data, train, judged, set(labels))
        for settings in study.sources:
            path = source_path(study, settings, place)
            if path.exists():
                continue
            seeded = replace(settings, seed=place.seed)
            tasks[path.stem] = people_trial.Task(seeded, data, model=path)
            about[path.stem] = {
                "source": settings.recipe,
                "split": place.split,
                "seed": place.seed,
                "gestures": len(labels),
                "train_clips": len(train),
                "judged_clips": len(judged),
                "judged_people": len(others),
            }
    table = study.path("-sources.csv")
    for name, right, error in parallel.outcomes(
        people_trial.train_source, tasks, study.jobs, cores=1
    ):
        if error is not None:
            raise error
        units = intervals.units_of(tasks[name].data.val.signers)
        found = intervals.share(right, units)
        row = {**about[name], **found._asdict()}
        old = [pd.read_csv(table)] if table.exists() else []
        rows = pd.concat([*old, pd.DataFrame([row])])
        clips_table.write_table(table, rows.round(6))
        print(f"source {name}: {found.value:.2f} on new people", flush=True)


def run_trials(study: Study, todo: list[tuple[Place, str]]) -> None:
    """Trains and judges, and writes each result at once."""
    tasks, places = {}, {}
    for place, name in todo:
        key = (
            f"{place.size} clips a class, split {place.split}, "
            f"seed {place.seed}, {name}"
        )
        tasks[key] = task_of(study, place, name)
        places[key] = place, name
    path = study.path("-trials.csv")
    start = time.monotonic()
    for key, predicted, error in parallel.outcomes(
        people_trial.predict, tasks, study.jobs, cores=1
    ):
        if error is not None:
            raise error
        place, name = places[key]
        judged = tasks[key].data.val
        rows = people.by_person(
            np.array(judged.signers),
            predicted == judged.labels,
            clips_a_class=place.size,
            split=place.split,
            seed=place.seed,
            recipe=name,
        )
        people.write_trials(path, pd.concat([people.read_trials(path), rows]))
        share = rows["right"].sum() / rows["clips"].sum()
        seconds = time.monotonic() - start
        print(f"{seconds:5.0f} s: {key}: {share:.2f}", flush=True)


def task_of(study: Study, place: Place, name: str) -> Task:
    """What a recipe does in a place."""
    parts = study.splits[place.split - 1]
    labels = parts.target_gestures
    train = folds.limit(
        rows_of(study, parts.training_people, labels),
        study.data.train.labels,
        place.size,
        (place.seed, place.split),
    )
    judged = rows_of(study, parts.judged_people, labels)
    data = people_trial.data_of(study.data, train, judged, set(labels))
    by_name = {recipe.name: recipe for recipe in study.recipes}
    recipe = by_name[EMBEDDING if name in MEANS else name]
    path = source_path(study, recipe.train, place)
    if name in MEANS:
        model = path if MEANS[name] == "source" else None
        return people_trial.Task(recipe.train, data, MEANS[name], model)
    if recipe.transfer is None:
        return people_trial.Task(replace(recipe.train, seed=place.seed), data)
    settings = replace(
        recipe.transfer,
        seed=place.seed,
        model=str(path),
        session_mean=recipe.train.session_mean,
    )
    return people_trial.Task(settings, data)


def source_path(study: Study, settings: TrainingSettings, place: Place) -> Path:
    """Where a source network is, or is to be; of none: not used."""
    known = study.sources
    number = known.index(settings) if settings in known else len(known)
    name = f"{study.dataset}-{place.split}-{place.seed}-{number}"
    return study.models / f"{name}.keras"


def rows_of(
    study: Study, people: Sequence[str], labels: Sequence[str]
) -> np.ndarray:
    """The row numbers of all clips of some people and gestures."""
    label_of = study.data.classes.set_index("index")["label"]
    clips = study.data.train
    chosen = np.isin(label_of.loc[clips.labels].to_numpy(str), labels)
    return np.flatnonzero(chosen & np.isin(clips.signers, people))
