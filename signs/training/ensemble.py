"""Several trainings that differ in their seed alone, as one model.

Its answer is the mean of theirs, which is right a little more often than each
(Lakshminarayanan et al. 2017, Simple and scalable predictive uncertainty
estimation using deep ensembles, arXiv 1612.01474).
"""

import dataclasses
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from signs.core import files
from signs.core.backend import keras
from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data import clips_table
from signs.evaluation import metrics
from signs.models import classifier
from signs.training import clips_used, refitting, run_record
from signs.training.batches import Batches
from signs.training.run_record import Run
from signs.training.settings import FitSettings, RunOptions
from signs.training.training_data import Data

PREDICTED = 64  # clips that the model is given at once
Kind = TypeVar("Kind", bound=FitSettings)


def train(
    settings: Any,
    options: RunOptions,
    data: Data,
    about: dict[str, Any],
    resume: str | None,
    refit: bool,
    members: int,
) -> None:
    """Trains as many networks as asked for, and their mean if several.

    Args:
        settings, options, data, about, resume, refit: see `refitting.train`.
        members: how many; their seeds follow that of the settings.

    Raises:
        UserError: if several are asked for, and a run to go on with.
    """
    if members > 1 and (resume or settings.refit):
        raise UserError(
            "--resume and --refit RUN are of one network: leave out --ensemble"
        )
    runs = [refitting.train(settings, options, data, about, resume, refit)]
    for number in range(1, members):
        more = dataclasses.replace(settings, seed=settings.seed + number)
        # The same clips, whatever another seed would choose: else the means
        # that are subtracted from features would not be the same ones.
        runs.append(refitting.train(more, options, data, about, None, refit))
    if members > 1 and not options.dry_run:
        write_mean(runs, data)


def write_mean(runs: list[Run], data: Data) -> Run:
    """Saves the mean of the best models of some runs, as one more model.

    Args:
        runs: finished ones, of the same data.
        data: the clips; those for validation judge it, unless the networks
            have learned them since, by `--refit`.

    Returns:
        Where it is: the files of a model, but no log.
    """
    first = run_record.read_model_record(runs[0].best)
    used = pd.concat(
        clips_used.read(run.best, run_record.read_model_record(run.best))
        for run in runs
    ).drop_duplicates()
    own = used[used["dataset"] == data.dataset.name]
    mean = run_record.new_run(
        first["kind"],
        own["clip"].nunique(),
        len(data.classes),
        *(runs[0].log_folder, runs[0].model_folder),
    )
    model = average([classifier.load_classifier(run.best) for run in runs])
    clips_table.write_table(mean.clip_table, used)
    files.write_json(
        mean.model_record,
        {
            **first,
            "run": mean.name,
            "ensemble": [run.name for run in runs],
            "clips": clips_used.summary(used),
        },
    )
    with files.atomic(mean.best) as temporary:
        model.save(temporary)
    log.info(f"mean of {count(len(runs), 'network')}: {mean.best}")
    learned = set(own["clip"][own["use"] == clips_used.TRAINED])
    unseen = [n for n, x in enumerate(data.val.clips) if x not in learned]
    if unseen:
        found = np.asarray(
            model.predict(Batches(data.val, PREDICTED), verbose=0)
        )
        labels = data.val.labels[unseen]
        figures = metrics.evaluate(found[unseen], labels)
        clips = count(len(unseen), "validation clip")
        none = " that none of them learned" * (len(unseen) < len(data.val))
        log.info(f"  on {clips}{none}: {metrics.in_words(figures)}")
    return mean


def average(models: list[Any]) -> Any:
    """One classifier whose answer is the mean of those of others.

    Args:
        models: classifiers of the same features and classes.

    Returns:
        A `keras.Model` like each of them, not compiled.
    """
    inputs = keras.Input(models[0].input_shape[1:], name="features")
    answers = [
        keras.Model(model.input, model.output, name=f"member_{number}")(inputs)
        for number, model in enumerate(models, 1)
    ]
    outputs = keras.layers.Average(name="mean")(answers)
    return keras.Model(inputs, outputs, name="classifier")
