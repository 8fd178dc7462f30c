"""From landmarks to numbers that do not depend on who stands where.

Points in a picture change when the person stands elsewhere, is bigger, or
when the camera is held aslant. What a sign is does not; nor do the numbers
that `transform_landmarks` gives. Gaps are filled from the nearest frame in
which the hand was seen, and flagged.

Inside a model, all is made of `keras.ops`, so that it can be saved and
exported. On arrays, NumPy does the same, without Keras.
"""

from typing import Any

import numpy as np

from signs.models.landmark_layout import (
    BODY_POINTS,
    BODY_SWAPPED,
    HAND_DIM,
    HAND_POINTS,
    KNUCKLES,
    LANDMARK_DIM,
    LEFT_ELBOW,
    LEFT_SHOULDER,
    NOSE,
    RIGHT_ELBOW,
    RIGHT_SHOULDER,
    WRIST,
)

_PAIRS = np.array(np.triu_indices(HAND_POINTS, 1))
_LENGTHS = {
    "shape": 2 * (HAND_POINTS - 1) * 3,
    "distances": 2 * _PAIRS.shape[1],
    "direction": 2 * 2,
    "path": 2 * 2,
    "velocity": 2 * 2,
    "place": 5 * 2,
    "seen": 3,
}
_ENDS = np.cumsum([*_LENGTHS.values()]).tolist()
# Where in the numbers of a frame which of them are.
PARTS = {
    name: slice(end - _LENGTHS[name], end)
    for name, end in zip(_LENGTHS, _ENDS, strict=True)
}
TRANSFORMED_DIM = _ENDS[-1]
_TINY = 1e-6  # a length, in heights of the picture; none is divided by less
_ONE, _NONE = np.float32(1), np.float32(0)


def transform_landmarks(
    landmarks: Any, mirror_left_handed: bool = False
) -> Any:
    """Turns landmarks into numbers for a network, frame by frame.

    Of each hand, the left one first:
        shape: its points from the wrist on, over the size of the palm, turned
            so that the fingers' knuckles are above the wrist. A left hand is
            mirrored: the same shape of either hand gives the same numbers.
        distances: between all pairs of its points, over the palm's size.
        direction: from the wrist to the knuckles, over the palm's size.
        path: the wrist from the middle of the clip's wrists on, over the
            mean size of the clip's palms.
        velocity: what the path grew by since the frame before.
    Then:
        place: both wrists, both elbows and the nose, from the middle of the
            shoulders on, over the shoulders' width.
        seen: 1 where the left hand, the right hand, the body were seen in
            the frame itself, else 0.

    Up is where the clip's shoulders say it is. Where no body was seen, it is
    the picture's, and direction, path and velocity turn with the camera; the
    rest never does. What was seen in no frame of the clip gives zeros.

    Args:
        landmarks: an array, or a tensor of Keras, symbolic or not,
            (batch, frames, 176); see `models.landmark_layout`.
        mirror_left_handed: mirror the clips in which the left hand does more
            than the right one, so that they look as if a right-handed person
            signed.

    Returns:
        float32, (batch, frames, `TRANSFORMED_DIM`), an array or a tensor as
        the landmarks are; `PARTS` says what is where.
    """
    if landmarks.shape[-1] != LANDMARK_DIM:
        raise ValueError(
            f"landmarks have {LANDMARK_DIM} numbers a frame, not "
            f"{landmarks.shape[-1]}"
        )
    ops = _library(landmarks)
    frames = landmarks.shape[1]
    x = landmarks * _ONE
    # NaN is unlike itself. Written just so, it can be told in ONNX, too, where
    # what is not chosen is else multiplied by 0.
    is_unknown = ops.not_equal(x, x)
    known = ops.where(is_unknown, _NONE, _ONE)
    x = ops.where(is_unknown, _NONE, x)
    seen = ops.stack(
        [known[..., 0], known[..., HAND_DIM], known[..., 2 * HAND_DIM]], -1
    )
    parts = [x[..., :HAND_DIM], x[..., HAND_DIM : 2 * HAND_DIM]]
    parts.append(x[..., 2 * HAND_DIM :])
    left, right, body = (
        _fill(part, seen[..., i], frames) for i, part in enumerate(parts)
    )
    left = ops.reshape(left, (-1, frames, HAND_POINTS, 3))
    right = ops.reshape(right, (-1, frames, HAND_POINTS, 3))
    body = ops.reshape(body, (-1, frames, BODY_POINTS, 2))
    if mirror_left_handed:
        left, right, body, seen = _mirror(left, right, body, seen)
    return _describe(left, right, body, seen)


def _library(values: Any) -> Any:
    """NumPy for arrays, else `keras.ops`, which is much the same."""
    if isinstance(values, np.ndarray):
        return np
    from signs.core.backend import keras

    return keras.ops


def _fill(values: Any, seen: Any, frames: int) -> Any:
    """Fills gaps from the nearest frame, of two equally near the earlier.

    Args:
        values: (batch, frames, length); 0 where nothing was seen.
        seen: 1 or 0, (batch, frames).
    """
    ops = _library(values)
    steps = np.arange(frames)
    away = np.abs(steps[:, None] - steps) + steps / (4 * frames)
    unseen = 1 - ops.expand_dims(seen, 1)
    cost = unseen * (2.0 * frames) + away.astype("float32")
    # Keras's argmin would need more than the operations of LiteRT.
    nearest = ops.equal(cost, ops.min(cost, axis=-1, keepdims=True))
    nearest = ops.where(nearest, _ONE, _NONE)
    return ops.matmul(nearest, values)


def _mirror(left: Any, right: Any, body: Any, seen: Any) -> list[Any]:
    """Mirrors the clips of the batch in which the left hand does more.

    That is the hand seen in more frames; of two seen equally often, the one
    that moves farther.
    """
    ops = _library(left)

    def moved(hand: Any) -> Any:
        wrist = hand[:, :, WRIST, :2]
        way = _norm(wrist[:, 1:] - wrist[:, :-1])[..., 0]
        return ops.sum(way, axis=1) / (ops.mean(_palm(hand), (1, 2)) + _TINY)

    counts = ops.sum(seen, axis=1)
    more = counts[:, 0] - counts[:, 1]
    farther = moved(left) > moved(right)
    flip = ops.logical_or(more > 0.5, ops.logical_and(more > -0.5, farther))
    flip = ops.reshape(flip, (-1, 1, 1, 1))
    hands = np.array([-1, 1, 1], "float32")
    swapped = ops.take(body, np.array(BODY_SWAPPED), axis=2)
    return [
        ops.where(flip, right * hands, left),
        ops.where(flip, left * hands, right),
        ops.where(flip, swapped * hands[:2], body),
        ops.where(flip[..., 0], ops.take(seen, np.array([1, 0, 2]), -1), seen),
    ]


def _describe(left: Any, right: Any, body: Any, seen: Any) -> Any:
    """The numbers of clips without gaps; see `transform_landmarks`."""
    ops = _library(left)
    ever = ops.max(seen, axis=1, keepdims=True)  # (batch, 1, 3)
    has_body = ever[..., 2:]
    across, width = _shoulders(body, has_body)
    wrists = [hand[:, :, WRIST, :2] for hand in (left, right)]
    palms = [_palm(left), _palm(right)]  # (batch, frames, 1)

    # The mean over both hands where they were really seen. With a batch of 1,
    # Keras would take a sum of two of these for a bias, which LiteRT cannot.
    weights = ops.expand_dims(seen[..., :2], -1)  # (batch, frames, 2, 1)
    total = ops.sum(seen[..., :2], axis=(1, 2), keepdims=True) + _TINY

    def mean(pair: list[Any]) -> Any:
        both = ops.sum(ops.stack(pair, axis=2) * weights, axis=(1, 2))
        return ops.expand_dims(both, 1) / total

    middle, size = mean(wrists), mean(palms)
    parts: dict[str, list[Any]] = {name: [] for name in PARTS}
    for number, hand in enumerate((left, right)):
        there = ever[..., number : number + 1]
        shape, distances, direction = _hand(hand, palms[number], number == 0)
        path = _turn(wrists[number] - middle, across) / (size + _TINY)
        parts["shape"].append(shape * there)
        parts["distances"].append(distances * there)
        parts["direction"].append(_turn(direction, across) * there)
        parts["path"].append(path * there)
        step = path[:, 1:] - path[:, :-1]
        still = ops.zeros_like(path[:, :1])
        parts["velocity"].append(ops.concatenate([still, step], 1) * there)
    pair = body[:, :, LEFT_SHOULDER] + body[:, :, RIGHT_SHOULDER]
    for number, point in enumerate(
        [
            *wrists,
            body[:, :, LEFT_ELBOW],
            body[:, :, RIGHT_ELBOW],
            body[:, :, NOSE],
        ]
    ):
        there = has_body * (ever[..., number : number + 1] if number < 2 else 1)
        place = _turn(point - pair / 2, across) / (width + _TINY)
        parts["place"].append(place * there)
    parts["seen"].append(seen)
    return ops.concatenate([x for name in PARTS for x in parts[name]], -1)


def _hand(hand: Any, palm: Any, is_left: bool) -> tuple[Any, Any, Any]:
    """What a hand looks like by itself, whatever its place and size.

    Args:
        hand: (batch, frames, 21, 3).
        palm: its size, (batch, frames, 1).
        is_left: whether it is to be mirrored.

    Returns:
        shape (batch, frames, 60), distances (batch, frames, 210), direction
        (batch, frames, 2).
    """
    ops = _library(hand)
    frames = hand.shape[1]
    size = ops.expand_dims(palm, -1) + _TINY
    points = (hand - hand[:, :, WRIST : WRIST + 1]) / size
    knuckles = ops.take(points, np.array(KNUCKLES), axis=2)
    direction = ops.mean(knuckles[..., :2], axis=2)
    # The knuckles are up, which in a picture is where y falls.
    up = direction / (_norm(direction) + _TINY)
    across = ops.stack([-up[..., 1], up[..., 0]], -1)
    turned = _turn(points[:, :, 1:, :2], ops.expand_dims(across, 2))
    if is_left:
        turned = turned * np.array([-1, 1], "float32")
    shape = ops.concatenate([turned, points[:, :, 1:, 2:]], -1)
    gap = ops.take(points, _PAIRS[0], axis=2) - ops.take(
        points, _PAIRS[1], axis=2
    )
    return (
        ops.reshape(shape, (-1, frames, (HAND_POINTS - 1) * 3)),
        _norm(gap)[..., 0],
        direction,
    )


def _palm(hand: Any) -> Any:
    """The size of a hand's palm, which no finger changes.

    It is the mean distance in space of the wrist to the knuckles, which a
    turn of the hand changes little.

    Args:
        hand: (batch, frames, 21, 3).

    Returns:
        (batch, frames, 1).
    """
    ops = _library(hand)
    knuckles = ops.take(hand, np.array(KNUCKLES), axis=2)
    return ops.mean(_norm(knuckles - hand[:, :, WRIST : WRIST + 1]), axis=2)


def _shoulders(body: Any, has_body: Any) -> tuple[Any, Any]:
    """Where a clip's shoulders say right is, and how wide they are.

    Returns:
        A vector of length 1 to the right of the picture if the person stands
        straight, (batch, 1, 2), and the width (batch, 1, 1).
    """
    ops = _library(body)
    # A person who faces the camera has the left shoulder on the right.
    line = body[:, :, LEFT_SHOULDER] - body[:, :, RIGHT_SHOULDER]
    line = ops.mean(line, axis=1, keepdims=True)
    width = _norm(line)
    level = np.array([1, 0], "float32")
    known = has_body * ops.where(width > _TINY, _ONE, _NONE)
    across = line / (width + _TINY) * known + (1 - known) * level
    return across, width


def _turn(points: Any, across: Any) -> Any:
    """Coordinates along and square to a direction of length 1.

    Args:
        points: (..., 2).
        across: where the new x goes, (..., 2).
    """
    ops = _library(points)
    x, y = points[..., 0], points[..., 1]
    right, down = across[..., 0], across[..., 1]
    return ops.stack([x * right + y * down, y * right - x * down], -1)


def _norm(vectors: Any) -> Any:
    """Lengths of vectors, with an axis of one in the place of theirs."""
    ops = _library(vectors)
    return ops.sqrt(ops.sum(ops.square(vectors), axis=-1, keepdims=True))
