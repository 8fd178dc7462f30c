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


def look(x: Any, view: str) -> Any:
    """Gives features as a view shows them, not yet standardised.

    Args:
        x: a tensor, symbolic or not, of shape (batch, frames, length).
        view: a key of `INPUTS`.

    Returns:
        A tensor (batch, frames, length); of `difference` one frame less, of
        `both` twice the length.
    """
    from signs.core.backend import keras

    if view == "difference":
        return x[:, 1:] - x[:, :-1]
    if view in ("raw", "standardized"):
        return x
    centered = x - keras.ops.mean(x, axis=1, keepdims=True)
    if view == "centered":
        return centered
    if view == "both":
        return keras.ops.concatenate([x, centered], axis=-1)
    raise ValueError(f"the input {view!r} is none of {', '.join(INPUTS)}")
