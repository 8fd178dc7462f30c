"""Presets: all settings of a training in one word, `--recipe NAME`.

A flag on the command line has precedence over the preset.
"""

import dataclasses
from typing import Any

from signs.training.settings import (
    FitSettings,
    TrainingSettings,
    TransferSettings,
)

WRITEUP, RECOMMENDED = "writeup", "recommended"
DEFAULT = RECOMMENDED
ALIASES = {"best": RECOMMENDED}  # a name of the versions before

# What differs from the settings' own defaults, which are those of the 2018
# write-up. Why the recommended ones are: docs/transfer-study.md.
TRAINING: dict[str, dict[str, Any]] = {
    WRITEUP: {},
    RECOMMENDED: {
        "input": "both",
        "session_mean": True,
        "projection": 128,
        "units": 128,
        "bidirectional": True,
        "batch": 64,
        "copies": True,
        "label_smoothing": 0.1,
        "patience": 10,
    },
}
TRANSFER: dict[str, dict[str, Any]] = {
    WRITEUP: {},
    RECOMMENDED: {
        "head": "linear_probe",
        "learning_rate": 1e-3,
        "copies": True,
        "label_smoothing": 0.1,
    },
}
_OF = {TrainingSettings: TRAINING, TransferSettings: TRANSFER}


def values(kind: type[FitSettings], name: str) -> dict[str, Any]:
    """The values that a preset gives to settings, by name.

    Args:
        kind: the class of the settings.
        name: of the preset, or an older name of it.

    Raises:
        KeyError: if there is no such preset.
    """
    name = ALIASES.get(name, name)
    defaults = {
        field.name: field.default
        for field in dataclasses.fields(kind)
        if field.default is not dataclasses.MISSING
    }
    return {**defaults, **_OF[kind][name], "recipe": name}


def describe(kind: type[FitSettings], flags: dict[str, str]) -> str:
    """What the presets stand for, as flags.

    Args:
        kind: the class of the settings.
        flags: the flag of each setting whose flag is not its name.
    """
    texts = []
    for name, preset in _OF[kind].items():
        parts = [_flag(flags.get(x, x), y) for x, y in preset.items()]
        text = " ".join(parts) or "as in the write-up of 2018"
        texts.append(f"{name}: {text}")
    return "; ".join(texts)


def _flag(name: str, value: Any) -> str:
    name = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    return f"--{name} {value}"
