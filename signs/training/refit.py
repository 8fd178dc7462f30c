"""A run repeated on all clips but those of the test, for a known time.

How many epochs are best is known from clips that the first run did not train
on. Training anew with these, too, the model sees more people, and the clips
of the split test stay unseen.
"""

import dataclasses
from typing import TypeVar

from signs.core import files
from signs.core.errors import UserError
from signs.evaluation import training_log
from signs.training import run_record
from signs.training.run_record import Run
from signs.training.settings import FitSettings, RunOptions

Kind = TypeVar("Kind", bound=FitSettings)


def find_run(name: str, dataset: str, kind: str, options: RunOptions) -> Run:
    """The run to repeat.

    Args:
        name: of the run; empty means the newest one that is finished and no
            repetition itself.
        dataset: of the newest run.
        kind: of the newest run: `lstm` or `transfer`.
        options: say where logs and models are.

    Raises:
        UserError: if there is none.
    """
    if name:
        return Run(name, options.log, options.model_dir)
    pattern = f"????????-??????-{kind}-*in*.json"
    for path in sorted(options.log.glob(pattern), reverse=True):
        if "-evaluation-" in path.name:
            continue
        try:
            record = files.read_json(path)
        except ValueError:  # of a run that cannot be repeated
            continue
        arguments = record.get("arguments", {})
        is_first = "final" in record and not arguments.get("refit")
        if is_first and arguments.get("dataset") == dataset:
            return Run(path.stem, options.log, options.model_dir)
    raise UserError(
        f"no finished run on {dataset} is in {options.log}; train one first, "
        "or name one with --refit RUN"
    )


def settings_of(settings: Kind, run: Run) -> Kind:
    """The settings of a run's repetition.

    Args:
        settings: of the run.
        run: the run.

    Raises:
        UserError: if no clips have chosen the best of its epochs.
    """
    record = run_record.read_record(run.log_record, ["data"])
    if "final" not in record:
        raise UserError(
            f"{run.name} is not finished; go on with: "
            f"{run_record.resume_command(run.name)}"
        )
    if settings.refit or not record["data"].get("val"):
        raise UserError(
            f"{run.name} was trained without validation clips, so that the "
            "best number of epochs is not known; name another run with "
            "--refit RUN"
        )
    summary = training_log.summary(training_log.read_log(run.csv))
    epochs = summary["best_val_loss"]["epoch"]
    return dataclasses.replace(
        settings, epochs=epochs, patience=None, refit=run.name
    )
