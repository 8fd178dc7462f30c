"""The classifier: features of a clip in, probabilities of classes out.

Built of Keras's own layers and operations only, so that a saved model loads
without this project.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from signs.core.backend import keras
from signs.core.errors import UserError
from signs.models.feature_blocks import transform_blocks, weigh
from signs.models.input_transform import transform
from signs.models.landmark_layout import Blocks, has_landmarks


def build_classifier(
    frames: int,
    feature_dim: int,
    *,
    classes: int,
    layers: int = 2,
    units: int = 1024,
    dropout: float = 0.5,
    dense: Sequence[int] = (),
    input_transform: str = "raw",
    statistics: tuple[np.ndarray, np.ndarray] | None = None,
    bidirectional: bool = False,
    pool: str = "last",
    projection: int = 0,
    blocks: Blocks = (),
) -> Any:
    """Builds the LSTM network; its defaults are the 2018 write-up's.

    Args:
        frames, feature_dim: shape of a clip's features.
        classes: how many classes.
        layers: LSTM layers, at least 1.
        units: width of each.
        dropout: share of each LSTM's and hidden dense layer's input that is
            dropped in training, in [0, 1).
        dense: widths of hidden dense layers (ReLU) before the last one.
        input_transform: what the first LSTM sees, a key of `INPUTS`.
        statistics: mean and variance that the transformed features are
            standardised by; see `mean_and_variance`.
        bidirectional: whether each LSTM has a second one beside it that reads
            the clip backwards; their outputs lie side by side. Schuster and
            Paliwal 1997, Bidirectional recurrent neural networks.
        pool: what of the last LSTM's outputs goes on: the `last` one, or
            their `mean` or `max` over time. Yue-Hei Ng et al. 2015, Beyond
            short snippets, arXiv 1503.08909.
        projection: width of a linear layer below the LSTMs; 0: none. Where
            there are many features, it saves most of the work. What is
            dropped of its inputs is dropped of all frames of a clip, as an
            LSTM does.
        blocks: of which kinds the features are, see `transform_blocks`; none:
            of one, and no landmarks.

    Raises:
        ValueError: if the transform or the pool is none of those.

    Returns:
        A `keras.Model` from float32 (batch, frames, feature_dim) to softmax
        probabilities (batch, classes), not compiled.
    """
    inputs = keras.Input((frames, feature_dim), name="features")
    x = transform(transform_blocks(inputs, blocks), input_transform)
    if statistics is not None:
        mean, variance = statistics
        x = keras.layers.Normalization(
            mean=mean, variance=variance, name="standardize"
        )(x)
    if projection:
        x = keras.layers.SpatialDropout1D(dropout, name="drop_features")(x)
        x = keras.layers.Dense(projection, name="projection")(x)
    for number in range(1, layers + 1):
        lstm = keras.layers.LSTM(
            units,
            dropout=0.0 if projection and number == 1 else dropout,
            return_sequences=number < layers or pool != "last",
            name=f"lstm_{number}",
        )
        if bidirectional:
            lstm = keras.layers.Bidirectional(lstm, name=lstm.name)
        x = lstm(x)
    x = _pooled(x, pool)
    for number, width in enumerate(dense, 1):
        x = keras.layers.Dense(
            width, activation="relu", name=f"dense_{number}"
        )(x)
        x = keras.layers.Dropout(dropout, name=f"dropout_{number}")(x)
    outputs = _head(x, classes)
    return keras.Model(inputs, outputs, name="classifier")


def _pooled(x: Any, pool: str) -> Any:
    """One vector of the outputs of an LSTM over time."""
    if pool == "last":
        return x
    if pool == "mean":
        return keras.layers.GlobalAveragePooling1D(name="pool")(x)
    if pool == "max":
        return keras.layers.GlobalMaxPooling1D(name="pool")(x)
    raise ValueError(f"the pool {pool!r} is none of last, mean, max")


def lstms(model: Any) -> list[Any]:
    """The LSTMs of a classifier, lowest first, as its layers.

    One that reads both ways is a `Bidirectional` layer of two.
    """
    kinds = (keras.layers.LSTM, keras.layers.Bidirectional)
    return [layer for layer in model.layers if isinstance(layer, kinds)]


def _one_way(layer: Any) -> list[Any]:
    """The LSTM that a layer is, or the two that it holds; else none."""
    if isinstance(layer, keras.layers.Bidirectional):
        return [layer.forward_layer, layer.backward_layer]
    return [layer] if isinstance(layer, keras.layers.LSTM) else []


def replace_head(source: Any, classes: int, freeze: str = "none") -> Any:
    """Puts a new softmax layer on a trained classifier.

    All else stays: the layers are the source's own, weights and all.

    Args:
        source: what `build_classifier` made.
        classes: how many classes the new layer has.
        freeze: which LSTMs keep their weights, and with them what is below:
            `none`, `first` or `all`.

    Returns:
        A `keras.Model`, not compiled.

    Raises:
        ValueError: if there is no LSTM, or no such way to freeze.
    """
    found = lstms(source)
    if freeze not in ("none", "first", "all") or not found:
        raise ValueError(f"cannot freeze {freeze!r} of {len(found)} LSTMs")
    outputs = _head(source.layers[-1].input, classes)
    model = keras.Model(source.input, outputs, name="classifier")
    frozen = {"none": [], "first": found[:1], "all": found}[freeze]
    for layer in model.layers:
        if layer in found:
            layer.trainable = layer not in frozen
        elif layer.name == "projection":  # it is below the first LSTM
            layer.trainable = not frozen
    return model


def load_classifier(path: Path, shape: tuple[int, ...] | None = None) -> Any:
    """Loads a `.keras` file, never running code that it may hold.

    Args:
        path: the file.
        shape: (frames, feature_dim) of the features that it is to take, if
            known.

    Raises:
        UserError: if it is damaged or not a classifier of such features.
    """
    try:
        model = keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # a damaged file may fail in any place
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} cannot be loaded: {reason}") from error
    if shape and model.input_shape != (None, *shape):
        raise UserError(
            f"{path} takes {model.input_shape}, not features of {shape}; it "
            "is not the model that its record describes"
        )
    return model


def describe(model: Any) -> str:
    """The layers of a classifier in one line, and its size."""
    parts = []
    for layer in model.layers:
        kind = type(layer).__name__
        if isinstance(layer, keras.layers.Bidirectional):
            units = layer.forward_layer.units
            kind = "2-way LSTM"
        elif isinstance(layer, keras.layers.LSTM | keras.layers.Dense):
            units = layer.units
        else:
            continue
        frozen = "" if layer.trainable else " frozen"
        parts.append(f"{kind}({units}){frozen}")
    weights = model.count_params() / 1e6
    return f"{' + '.join(parts)}, {weights:.1f} million weights"


@contextmanager
def precision(model: Any, policy: str) -> Iterator[None]:
    """Lets the hidden layers compute in a precision, until the block ends.

    Args:
        model: what `build_classifier` made.
        policy: a Keras dtype policy: `float32`, or `mixed_float16`, whose
            weights stay float32, too.
    """
    kinds = (keras.layers.Dense, keras.layers.Dropout)
    hidden = [
        layer
        for layer in model.layers[:-1]
        # The principal components of older versions' models are not trained.
        if isinstance(layer, kinds) and layer.trainable
    ]
    for layer in lstms(model):
        inner = _one_way(layer)
        hidden += [layer, *inner, *(lstm.cell for lstm in inner)]
    before = [layer.dtype_policy for layer in hidden]
    for layer in hidden:
        layer.dtype_policy = policy
    try:
        yield
    finally:
        for layer, old in zip(hidden, before, strict=True):
            layer.dtype_policy = old


def mean_and_variance(
    name: str, batches: Iterable[np.ndarray], blocks: Blocks = ()
) -> tuple[np.ndarray, np.ndarray] | None:
    """What transformed features are standardised by, over clips and frames.

    Args:
        name: of the input transform.
        batches: features of the training clips, (batch, frames, feature_dim).
        blocks: of which kinds they are, as in `build_classifier`.

    Returns:
        Mean and variance of each dimension, float64, (transformed
        feature_dim,), the latter so that all blocks have the same weight;
        None for a CNN's features that are `raw`, which are not standardised.
    """
    if name == "raw" and len(blocks) < 2 and not has_landmarks(blocks):
        return None
    total = squares = np.zeros(1)
    count = 0
    for batch in batches:
        seen = keras.ops.convert_to_tensor(batch, "float32")
        seen = transform(transform_blocks(seen, blocks), name)
        seen = keras.ops.convert_to_numpy(seen)
        rows = seen.reshape(-1, seen.shape[-1]).astype("float64")
        total = total + rows.sum(axis=0)
        squares = squares + np.square(rows).sum(axis=0)
        count += len(rows)
    mean = total / count
    variance = squares / count - np.square(mean)
    return mean, weigh(variance, blocks)


def _head(x: Any, classes: int) -> Any:
    # Probabilities stay float32 in mixed precision.
    return keras.layers.Dense(
        classes, activation="softmax", dtype="float32", name="softmax"
    )(x)
