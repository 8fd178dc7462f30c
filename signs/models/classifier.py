"""The classifier: features of a clip in, probabilities of classes out.

Built of Keras's own layers and operations only, so that a saved model loads
without this project.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from signs.core.backend import has_gpu, keras
from signs.core.errors import UserError
from signs.models.input_transform import look

FREEZE = ["none", "first", "all"]
FRESH = ["none", "last"]
# Of so many frames, whitening is found; more are slow, and change little.
WHITENED_FRAMES = 10_000
POOLS = ["last", "mean", "max"]


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
    whitening: tuple[np.ndarray, np.ndarray] | None = None,
    bidirectional: bool = False,
    pool: str = "last",
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
        whitening: weights and bias of the frozen layer that makes principal
            components of the view; see `fit_whitening`.
        bidirectional: whether each LSTM has a twin that reads the clip
            backwards; their outputs lie side by side. Schuster and Paliwal
            1997, Bidirectional recurrent neural networks.
        pool: what of the last LSTM's outputs goes on: the `last` one, or
            their `mean` or `max` over time. Yue-Hei Ng et al. 2015, Beyond
            short snippets, arXiv 1503.08909.

    Raises:
        ValueError: if the pool is none of them.

    Returns:
        A `keras.Model` from float32 (batch, frames, length) to softmax
        probabilities (batch, classes), not compiled.
    """
    if pool not in POOLS:
        raise ValueError(f"the pool {pool!r} is none of {', '.join(POOLS)}")
    inputs = keras.Input((frames, length), name="features")
    x = look(inputs, view)
    if moments is not None:
        mean, variance = moments
        x = keras.layers.Normalization(
            mean=mean, variance=variance, name="standardize"
        )(x)
    if whitening is not None:
        x = _whitened(x, *whitening)
    for number in range(1, layers + 1):
        lstm = keras.layers.LSTM(
            units,
            dropout=dropout,
            return_sequences=number < layers or pool != "last",
            name=f"lstm_{number}",
        )
        if bidirectional:
            lstm = keras.layers.Bidirectional(lstm, name=lstm.name)
        x = lstm(x)
    if pool == "mean":
        x = keras.layers.GlobalAveragePooling1D(name="pool")(x)
    elif pool == "max":
        x = keras.layers.GlobalMaxPooling1D(name="pool")(x)
    for number, width in enumerate(dense, 1):
        x = keras.layers.Dense(
            width, activation="relu", name=f"dense_{number}"
        )(x)
        x = keras.layers.Dropout(dropout, name=f"dropout_{number}")(x)
    outputs = _head(x, classes)
    return keras.Model(inputs, outputs, name="classifier")


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


def replace_head(
    source: Any, classes: int, freeze: str = "none", fresh: str = "none"
) -> Any:
    """Puts a new softmax layer on a trained classifier.

    All else stays: the layers are the source's own, weights and all.

    Args:
        source: what `build_classifier` made.
        classes: how many classes the new layer has.
        freeze: which LSTMs keep their weights: `none`, `first` or `all`.
        fresh: `last` starts the last LSTM, and hidden dense layers above it,
            afresh: the lower layers are the more general ones. Yosinski et
            al. 2014, How transferable are features in deep neural networks?,
            arXiv 1411.1792.

    Returns:
        A `keras.Model`, not compiled.
    """
    found = lstms(source)
    if freeze not in FREEZE or fresh not in FRESH or not found:
        raise ValueError(
            f"cannot freeze {freeze!r} of {len(found)} LSTMs, {fresh!r} fresh"
        )
    x = source.layers[-1].input
    if fresh == "last":
        x = found[-1].input
        first = source.layers.index(found[-1])
        for layer in source.layers[first:-1]:
            x = type(layer).from_config(layer.get_config())(x)
    model = keras.Model(source.input, _head(x, classes), name="classifier")
    found = lstms(model)
    frozen = {"none": [], "first": found[:1], "all": found}[freeze]
    for layer in found:
        layer.trainable = layer not in frozen
    return model


def _whitened(x: Any, kernel: np.ndarray, bias: np.ndarray) -> Any:
    # Raw features may be too large for half precision.
    layer = keras.layers.Dense(
        len(bias), trainable=False, dtype="float32", name="whiten"
    )
    outputs = layer(x)
    layer.set_weights([kernel, bias])
    return outputs


def hoist_products(model: Any) -> None:
    """Lets LSTMs multiply the inputs of all time steps at once, on a CPU.

    Keras on TensorFlow multiplies them step by step in a loop, and sums the
    gradients of the weights up step by step, too; the other backends have
    their own ways, and GPUs have cuDNN. It is the same formula with the same
    weights, and a saved model knows nothing of it.

    Args:
        model: what `build_classifier` made, not trained yet in this process.
    """
    if keras.backend.backend() != "tensorflow" or has_gpu():
        return
    for layer in model.layers:
        for lstm in _one_way(layer):
            lstm.inner_loop = partial(_lstm, lstm)


def _lstm(
    layer: Any,
    sequences: Any,
    initial_state: Any,
    mask: Any = None,
    training: bool = False,
) -> tuple[Any, Any, list[Any]]:
    """Keras's LSTM over all steps; see `keras.layers.LSTM.inner_loop`.

    Returns:
        The last output (batch, units); all of them (batch, frames, units),
        or the last one of them; the last states.
    """
    ops, cell = keras.ops, layer.cell
    if layer.go_backwards:
        sequences = ops.flip(sequences, axis=1)
    if training and cell.dropout:
        # Keras draws one mask a clip, which all its frames share.
        kept = cell.get_dropout_mask(sequences[:, 0, :])
        sequences = sequences * ops.expand_dims(kept, 1)
    by_time = ops.transpose(sequences, (1, 0, 2))
    products = ops.matmul(by_time, cell.kernel) + cell.bias
    output, carry = initial_state
    outputs = []
    for product in ops.unstack(products):
        gates = product + ops.matmul(output, cell.recurrent_kernel)
        enter, keep, new, leave = ops.split(gates, 4, axis=1)
        carry = cell.recurrent_activation(keep) * carry + (
            cell.recurrent_activation(enter) * cell.activation(new)
        )
        output = cell.recurrent_activation(leave) * cell.activation(carry)
        outputs.append(output)
    kept_outputs = outputs if layer.return_sequences else outputs[-1:]
    return output, ops.stack(kept_outputs, axis=1), [output, carry]


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
        if isinstance(layer, kinds) and layer.name != "whiten"
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


def fit_whitening(
    view: str,
    moments: tuple[np.ndarray, np.ndarray] | None,
    components: int,
    clips: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The principal components of what a view shows, each of variance 1.

    As in YouTube-8M, Abu-El-Haija et al. 2016, arXiv 1609.08675, where
    Inception's 2048 features became 1024 this way.

    Args:
        view, moments: see `build_classifier`.
        components: how many to keep.
        clips: features of a sample of the training clips, (clips, frames,
            length).

    Returns:
        Weights (view's length, components) and bias (components,), float32,
        of a linear layer.

    Raises:
        UserError: if there are fewer frames or features than components.
    """
    from sklearn.decomposition import PCA

    rows = _rows(view, clips)
    if moments is not None:
        mean, variance = moments
        rows = (rows - mean) / np.maximum(np.sqrt(variance), 1e-7)
    if components > min(rows.shape):
        raise UserError(
            f"--components {components}: there are only {rows.shape[0]:,} "
            f"frames of {rows.shape[1]:,} features to find them in"
        )
    pca = PCA(components, random_state=0).fit(rows)
    # As with moments: what hardly ever moves must not be blown up.
    variance = pca.explained_variance_
    variance = np.maximum(variance, 1e-4 * variance.mean())
    kernel = (pca.components_ / np.sqrt(variance)[:, None]).T
    return kernel.astype("float32"), (-pca.mean_ @ kernel).astype("float32")


def _rows(view: str, batch: np.ndarray) -> np.ndarray:
    """All frames of clips as a view shows them, float64, (n, length)."""
    seen = look(keras.ops.convert_to_tensor(batch, "float32"), view)
    seen = keras.ops.convert_to_numpy(seen)
    return seen.reshape(-1, seen.shape[-1]).astype("float64")


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
        rows = _rows(view, batch)
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
