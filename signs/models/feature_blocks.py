"""What features of several kinds, side by side, become for the network.

Features may be of one kind, or of several beside each other: a CNN's and
landmarks, say. Each kind is a block of columns. Landmarks are transformed
before anything else sees them (see `landmark_transform`), which also fills
their gaps: as the first layer of a model, or outside of it, where the mean of
a session is to be subtracted from what comes of it.
"""

from typing import Any

import numpy as np

from signs.models.landmark_layout import LANDMARK_DIM, LANDMARKS, Blocks
from signs.models.landmark_transform import (
    TRANSFORMED_DIM,
    transform_landmarks,
)

# The least variance that a dimension is divided by, over the mean one of its
# block: what hardly ever moves in the training must not be blown up when it
# does. A hand that no training clip shows may well be found in another clip.
_LEAST = {LANDMARKS: 0.05}
_LEAST_ELSE = 1e-4


def transformed(blocks: Blocks) -> Blocks:
    """The kinds of features that `transform_blocks` makes of others."""
    return [
        (name, TRANSFORMED_DIM if name == LANDMARKS else length)
        for name, length in blocks
    ]


def transform_blocks(x: Any, blocks: Blocks) -> Any:
    """Turns the landmarks among features into numbers for a network.

    Args:
        x: an array, or a tensor of Keras, symbolic or not, (batch, frames,
            feature_dim).
        blocks: what its columns are; none: of one kind, without landmarks.
            Landmarks that are transformed already stay as they are.

    Returns:
        Of the same kind, (batch, frames, dimensions), without NaN if only
        landmarks have any. A symbolic tensor is made by a single layer for
        the landmarks.
    """
    if (LANDMARKS, LANDMARK_DIM) not in [tuple(block) for block in blocks]:
        return x
    parts, start = [], 0
    for name, length in blocks:
        part = x if len(blocks) == 1 else x[..., start : start + length]
        start += length
        parts.append(_numbers(part) if name == LANDMARKS else part)
    if len(parts) == 1:
        return parts[0]
    if isinstance(x, np.ndarray):
        return np.concatenate(parts, axis=-1)
    from signs.core.backend import keras

    return keras.ops.concatenate(parts, axis=-1)


def _numbers(landmarks: Any) -> Any:
    if isinstance(landmarks, np.ndarray):
        return transform_landmarks(landmarks)
    from signs.core.backend import keras

    if not isinstance(landmarks, keras.KerasTensor):
        return transform_landmarks(landmarks)
    inputs = keras.Input((landmarks.shape[1], LANDMARK_DIM))
    layer = keras.Model(
        inputs, transform_landmarks(inputs), name="landmark_transform"
    )
    return layer(landmarks)


def weigh(variance: np.ndarray, blocks: Blocks) -> np.ndarray:
    """The variance to divide by, so that each block has the same weight.

    Divided by its own, each dimension would count the same, and of 2,048 and
    200 dimensions side by side, the few would drown. So each block is weighed
    by 1 over the square root of its dimensions; and all of them so that the
    mean square of what comes out is 1, as it is of a single block.

    Args:
        variance: of each dimension that `transform_blocks` gives, or of these
            and, behind them, as many more of the same order.
        blocks: as there; none: a single one.

    Returns:
        Of the same shape.
    """
    lengths = [n for _, n in transformed(blocks)] or [len(variance)]
    names = [name for name, _ in blocks] or [""]
    total = sum(lengths)
    found = np.array(variance, "float64")
    for repeat in range(len(found) // total):
        start = repeat * total
        for name, length in zip(names, lengths, strict=True):
            part = found[start : start + length]
            least = _LEAST.get(name, _LEAST_ELSE)
            part[:] = np.maximum(part, least * part.mean())
            part *= len(lengths) * length / total
            start += length
    return found
