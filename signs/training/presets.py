"""Named settings of the training scripts: the recipes.

A flag on the command line has precedence over the recipe.
"""

from typing import Any

WRITEUP = "writeup"

# By script and recipe: what differs from the script's own defaults, which are
# the recipe of the 2018 write-up. Why the best one is: docs/transfer-study.md.
RECIPES: dict[str, dict[str, dict[str, Any]]] = {
    "train_lstm": {
        WRITEUP: {},
        "best": {
            "input": "both",
            "center_recording": True,
            "units": 128,
            "batch": 64,
        },
    },
    "transfer": {
        WRITEUP: {},
        "best": {"head": "probe", "lr": 1e-3},
    },
}


def in_words(script: str) -> str:
    """What the recipes of a script stand for, as flags."""
    return "; ".join(
        f"{name}: {_flags(recipe) or 'the defaults, as in the write-up'}"
        for name, recipe in RECIPES[script].items()
    )


def _flags(recipe: dict[str, Any]) -> str:
    parts = []
    for name, value in recipe.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            parts.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            parts.append(f"--{flag} {value}")
    return " ".join(parts)
