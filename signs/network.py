"""The classifier: features of a clip in, probabilities of classes out.

Built of Keras's own layers and operations only, so that a saved model loads
without this project.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from signs.backend import keras
from signs.inputs import look

FREEZE = ["none", "first", "all"]


def build_classifier(
    frames: int,
    length: int,
    classes: int,
    layers: int = 2,
    units: int = 1024,
    dropout: float = 0.5,
    dense: Sequence[int] = (),
    view: str = "raw",
    moments: tuple[np.ndarray, np.ndarray] | None = None,
) -> Any:
    """Builds the LSTM network of the recipe.

    Args:
        frames, length: shape of a clip's features.
        classes: how many classes.
        layers: LSTM layers, at least 1.
        units: width of each.
        dropout: share of each LSTM's and hidden dense layer's input that is
            dropped in training, in [0, 1).
        dense: widths of hidden dense layers (ReLU) before the last one.
        view: what the first LSTM sees, a key of `INPUTS`.
        moments: mean and variance that a standardised view is scaled by,
            each of the view's length; see `view_moments`.

    Returns:
        A `keras.Model` from float32 (batch, frames, length) to softmax
        probabilities (batch, classes), not compiled.
    """
    inputs = keras.Input((frames, length), name="features")
    x = look(inputs, view)
    if moments is not None:
        mean, variance = moments
        x = keras.layers.Normalization(
            mean=mean, variance=variance, name="standardize"
        )(x)
    for number in range(1, layers + 1):
        x = keras.layers.LSTM(
            units,
            dropout=dropout,
            return_sequences=number < layers,
            name=f"lstm_{number}",
        )(x)
    for number, width in enumerate(dense, 1):
        x = keras.layers.Dense(
            width, activation="relu", name=f"dense_{number}"
        )(x)
        x = keras.layers.Dropout(dropout, name=f"dropout_{number}")(x)
    outputs = _head(x, classes)
    return keras.Model(inputs, outputs, name="classifier")


def replace_head(source: Any, classes: int, freeze: str = "none") -> Any:
    """Puts a new softmax layer on a trained classifier.

    All else stays: the layers are the source's own, weights and all.

    Args:
        source: what `build_classifier` made.
        classes: how many classes the new layer has.
        freeze: which LSTMs keep their weights: `none`, `first` or `all`.

    Returns:
        A `keras.Model`, not compiled.
    """
    lstms = [x for x in source.layers if isinstance(x, keras.layers.LSTM)]
    if freeze not in FREEZE or not lstms:
        raise ValueError(f"cannot freeze {freeze!r} of {len(lstms)} LSTMs")
    frozen = {"none": [], "first": lstms[:1], "all": lstms}[freeze]
    for layer in lstms:
        layer.trainable = layer not in frozen
    last = source.layers[-1]
    outputs = _head(last.input, classes)
    return keras.Model(source.inputs, outputs, name="classifier")


def view_moments(
    view: str, batches: Iterable[np.ndarray]
) -> tuple[np.ndarray, np.ndarray] | None:
    """What a view is standardised by: moments over clips and frames.

    Args:
        view: a key of `INPUTS`.
        batches: features of the training clips, (batch, frames, length).

    Returns:
        Mean and variance, float64, each of the view's length; None for
        `raw`, which is not standardised.
    """
    if view == "raw":
        return None
    total = squares = np.zeros(1)
    count = 0
    for batch in batches:
        seen = keras.ops.convert_to_numpy(
            look(keras.ops.convert_to_tensor(batch, "float32"), view)
        )
        rows = seen.reshape(-1, seen.shape[-1]).astype("float64")
        total = total + rows.sum(axis=0)
        squares = squares + np.square(rows).sum(axis=0)
        count += len(rows)
    mean = total / count
    variance = squares / count - np.square(mean)
    # A dimension that hardly ever moves must not be blown up when it does.
    return mean, np.maximum(variance, 1e-4 * variance.mean())


def _head(x: Any, classes: int) -> Any:
    # Probabilities stay float32 in mixed precision.
    return keras.layers.Dense(
        classes, activation="softmax", dtype="float32", name="softmax"
    )(x)
