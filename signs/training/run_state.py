"""`model/RUN-state.npz`: what a stopped training needs to go on.

The saved models have no optimizer's state, which is twice their size and of
no use to those who apply them. It is here, with the weights that belong to
it, until the run is finished.
"""

from pathlib import Path
from typing import Any

import numpy as np

from signs.core import files
from signs.core.backend import keras
from signs.core.errors import UserError


def save(path: Path, model: Any, epochs: int, best: float) -> None:
    """Writes the state of a training atomically.

    Args:
        path: the file.
        model: the whole model, compiled.
        epochs: how many it has been trained.
        best: the lowest loss so far.
    """
    values = _values(model)
    arrays = {
        str(number): keras.ops.convert_to_numpy(value)
        for number, value in enumerate(values)
    }
    with files.atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, epochs=epochs, best=best, **arrays)


def load(path: Path, model: Any) -> tuple[int, float]:
    """Gives a model the state that a training was stopped in.

    Args:
        path: the file.
        model: the same model, compiled; it is changed.

    Returns:
        How many epochs it has been trained, and the lowest loss.

    Raises:
        UserError: if the file is damaged, or of another model.
    """
    model.optimizer.build(model.trainable_variables)
    values = _values(model)
    try:
        with path.open("rb") as file, np.load(file) as found:
            arrays = [found[str(number)] for number in range(len(values))]
            epochs, best = int(found["epochs"]), float(found["best"])
        for value, array in zip(values, arrays, strict=True):
            value.assign(array)
    except OSError:
        raise
    except Exception as error:  # a damaged file may fail in any place
        raise UserError(
            f"{path} is damaged, so the run cannot go on; delete it to train "
            "on from the last model with a fresh optimizer"
        ) from error
    return epochs, best


def _values(model: Any) -> list[Any]:
    """Weights, the state of what draws dropout, and the optimizer's."""
    return [*model.variables, *model.optimizer.variables]
