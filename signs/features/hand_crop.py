"""The part of a clip's pictures that shows the signing hand.

A CNN that looks at it sees the hand in full size, and little of the person
and the room.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from signs.models import landmark_layout as layout

MARGIN = 0.25  # around a hand, as a share of its larger side
# The side of the square holds so much of the clip's hands: those that are
# found larger are mostly found wrongly.
_PART = 90  # percent


def crop_hands(
    pictures: Sequence[np.ndarray], landmarks: np.ndarray
) -> list[np.ndarray]:
    """Cuts a square around the signing hand out of each picture of a clip.

    The signing hand is the one seen in more frames. Where the other one
    touches it, the square holds both. It has one size through the clip, so
    that an open hand looks larger than a fist; where it leaves the picture,
    the outermost pixels go on. Where no hand was seen, it is where the hand
    was in the nearest frame.

    Args:
        pictures: those of the clip, RGB, uint8, (height, width, 3).
        landmarks: (frames, 176); see `models.landmark_layout`.

    Returns:
        The square pictures; the whole ones if the clip shows no hand.
    """
    boxes = _boxes(landmarks)
    if boxes is None:
        return list(pictures)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    side = float(np.percentile(sides, _PART))
    return [
        _cut(picture, middle * len(picture), side * len(picture))
        for picture, middle in zip(pictures, middles, strict=True)
    ]


def _boxes(landmarks: np.ndarray) -> np.ndarray | None:
    """What holds the signing hand of each frame, in heights of the picture.

    Returns:
        (frames, 4): left, top, right, bottom; None if no hand was seen.
    """
    hands, _ = layout.split(landmarks)
    seen = layout.seen(landmarks)[:, :2]
    counts = seen.sum(axis=0)
    if not counts.any():
        return None
    signing = int(counts[1] >= counts[0])
    own = _around(hands[_nearest(seen[:, signing]), signing])
    other = _around(hands[:, 1 - signing])  # NaN touches nothing
    touch = (own[:, :2] <= other[:, 2:]) & (other[:, :2] <= own[:, 2:])
    both = np.hstack(
        [
            np.fmin(own[:, :2], other[:, :2]),
            np.fmax(own[:, 2:], other[:, 2:]),
        ]
    )
    return np.where(touch.all(axis=1, keepdims=True), both, own)


def _around(hand: np.ndarray) -> np.ndarray:
    """Boxes around a hand's points, and some margin; (frames, 4)."""
    points = hand[..., :2].astype(np.float64)
    low, high = points.min(axis=1), points.max(axis=1)
    margin = MARGIN * (high - low).max(axis=1, keepdims=True)
    return np.hstack([low - margin, high + margin])


def _nearest(seen: np.ndarray) -> np.ndarray:
    """For each frame the nearest one in which something was seen."""
    there = np.flatnonzero(seen)
    away = np.abs(np.arange(len(seen))[:, None] - there)
    return there[away.argmin(axis=1)]


def _cut(picture: np.ndarray, middle: np.ndarray, side: float) -> np.ndarray:
    """Cuts a square out of a picture; it may reach beyond it."""
    height, width = picture.shape[:2]
    size = int(np.clip(round(side), 8, 2 * max(height, width)))
    # A hand beyond the picture is looked for at its edge.
    x, y = np.clip(middle, 0, [width, height]).round().astype(int).tolist()
    left, top = x - size // 2, y - size // 2
    inside = picture[
        max(0, top) : max(0, top + size), max(0, left) : max(0, left + size)
    ]
    return cv2.copyMakeBorder(
        inside,
        max(0, -top),
        max(0, top + size - height),
        max(0, -left),
        max(0, left + size - width),
        cv2.BORDER_REPLICATE,
    )
