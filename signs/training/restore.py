"""The settings of a run that goes on, or is repeated on more clips."""

import dataclasses

from signs.core.errors import UserError
from signs.training import refitting, run_record
from signs.training.flags import FLAG_OF, Command, Kind
from signs.training.run_record import Run
from signs.training.settings import cut_settings

MAY_DIFFER = frozenset({"epochs", "patience"})  # when a run goes on


def settings_of(command: Command[Kind], kind: str) -> Kind:
    """The settings of the run to resume or repeat, or of a new one.

    Args:
        command: what the script was asked for.
        kind: of the script's runs: `lstm` or `transfer`.

    Raises:
        UserError: if there is no such run, it is of the other kind or of a
            version that could more, or other settings were asked for.
    """
    options = command.options
    if command.resume is not None:
        run = Run(command.resume, options.log, options.model_dir)
        return _restore(command, kind, run, MAY_DIFFER)
    if command.refit:
        run = Run(command.refit, options.log, options.model_dir)
        restored = _restore(command, kind, run, frozenset())
        return refitting.settings_of(restored, run)
    return command.settings


def _restore(
    command: Command[Kind], kind: str, run: Run, may_differ: frozenset[str]
) -> Kind:
    """The settings of a run, but for what may differ from them."""
    asked = command.settings
    if run.model_record.exists() and not run.log_record.exists():
        model = run_record.read_record(run.model_record)
        if members := model.get("ensemble"):
            raise UserError(
                f"{run.name} is the mean of several networks, and each is a "
                "run by itself; go on with: "
                f"{run_record.resume_command(members[0])}"
            )
    record = run_record.read_record(run.log_record, ["arguments", "data"])
    if f"-{kind}-" not in run.name:
        raise UserError(
            f"{run.name} is a run of another script; go on with: "
            f"{run_record.resume_command(run.name)}"
        )
    if cut := cut_settings(record["arguments"]):
        raise UserError(
            f"{run.name} cannot go on: it was begun with {', '.join(cut)}, "
            "which this version does not have any more; start a new run "
            "without --resume or --refit"
        )
    try:
        restored = type(asked).from_mapping(record["arguments"])
    except TypeError as error:
        raise UserError(
            f"the record of the run is damaged: {run.log_record}"
        ) from error
    given = command.given & set(asked.as_record())
    free = {name: getattr(asked, name) for name in given & may_differ}
    if differing := [
        f"--{FLAG_OF.get(name, name).replace('_', '-')} "
        f"{getattr(asked, name)} instead of {getattr(restored, name)}"
        for name in sorted(given - may_differ)
        if getattr(asked, name) != getattr(restored, name)
    ]:
        raise UserError(
            f"{run.name} was begun with other settings: {', '.join(differing)};"
            " leave them out, or start a new run without --resume and --refit"
        )
    return dataclasses.replace(restored, **free)
