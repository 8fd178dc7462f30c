"""A run repeated on all clips but those of the test, for a known time.

How many epochs are best is known from clips that the first run did not train
on. Training anew with these, too, the model sees more people, and the clips
of the split test stay unseen.
"""

import dataclasses
from typing import Any, TypeVar

from signs.core.errors import UserError
from signs.evaluation import training_log
from signs.training import run, run_record, training_data
from signs.training.run_record import Run
from signs.training.settings import FitSettings, RunOptions
from signs.training.training_data import Data

Kind = TypeVar("Kind", bound=FitSettings)


def settings_of(settings: Kind, first: Run) -> Kind:
    """The settings of a run's repetition.

    Args:
        settings: of the run.
        first: the run.

    Raises:
        UserError: if no clips have chosen the best of its epochs.
    """
    record = run_record.read_record(first.log_record, ["data"])
    if "final" not in record:
        raise UserError(
            f"{first.name} is not finished; go on with: "
            f"{run_record.resume_command(first.name)}"
        )
    if settings.refit or not record["data"].get("val"):
        raise UserError(
            f"{first.name} was trained without validation clips, so that the "
            "best number of epochs is not known; name another run with "
            "--refit RUN"
        )
    summary = training_log.summary(training_log.read_log(first.csv))
    epochs = summary["best_val_loss"]["epoch"]
    return dataclasses.replace(
        settings, epochs=epochs, patience=None, refit=first.name
    )


def train(
    settings: Any,
    options: RunOptions,
    data: Data,
    about: dict[str, Any],
    resume: str | None,
    refit: bool,
) -> Run:
    """Trains a run, and repeats it if asked for; returns the last one.

    Args:
        settings, options, data, about, resume: see `run.train`.
        refit: whether to repeat it.

    Raises:
        UserError: if it cannot be repeated, for want of validation clips.
    """
    if refit and not len(data.val):
        raise UserError(
            f"no clip of {data.dataset.name} is in the split val, so that "
            "the best number of epochs cannot be known; choose it by some of "
            "the training clips with: --inner-val --refit"
        )
    first = run.train(settings, options, data, about, resume)
    if not refit or options.dry_run:
        return first
    again = settings_of(settings, first)
    data = training_data.read_data(again, options)
    return run.train(again, options, data, about)
