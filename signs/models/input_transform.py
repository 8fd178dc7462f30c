"""What the first LSTM sees of a clip's features, as a part of the model."""

from typing import Any

# The rooms and the people stay the same through a clip, the movement does
# not; so a clip's mean feature is mostly room. Subtracting it is what speech
# recognition does with every utterance (cepstral mean normalisation).
INPUTS = {
    "raw": "the features as they are, as in the 2018 write-up",
    "standardized": "each dimension to mean 0 and variance 1",
    "centered": "minus the clip's mean feature, then standardized",
    "difference": "minus the frame before, then standardized",
    "both": "the features beside the centered ones, then standardized",
}


def transform(x: Any, name: str) -> Any:
    """Applies an input transform, but for the standardising that follows it.

    Args:
        x: a tensor, symbolic or not, of shape (batch, frames, feature_dim).
        name: a key of `INPUTS`.

    Returns:
        A tensor (batch, frames, feature_dim); of `difference` one frame less,
        of `both` twice the dimensions.

    Raises:
        ValueError: if there is no transform of that name.
    """
    from signs.core.backend import keras

    if name == "difference":
        return x[:, 1:] - x[:, :-1]
    if name in ("raw", "standardized"):
        return x
    centered = x - keras.ops.mean(x, axis=1, keepdims=True)
    if name == "centered":
        return centered
    if name == "both":
        return keras.ops.concatenate([x, centered], axis=-1)
    raise ValueError(f"the input {name!r} is none of {', '.join(INPUTS)}")
