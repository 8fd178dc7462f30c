"""How the landmarks of a picture lie in a row of numbers.

A clip's landmarks are an array (frames, 176) of three parts:

    left hand    21 points x (x, y, z)     columns 0 to 62
    right hand   21 points x (x, y, z)     columns 63 to 125
    body         25 points x (x, y)        columns 126 to 175

Left and right are the person's own. All are in heights of the picture, from
its upper left corner, x to the right and y down, so that a circle stays a
circle; a hand's z is its points' distance behind the wrist, in the same unit.
What was not seen is NaN.

The points are MediaPipe's: those of a hand begin with the wrist, and those of
the body are the first 25 of its pose model, from the nose to the hips.
"""

from collections.abc import Sequence

import numpy as np

LANDMARKS = "landmarks"  # the name of such features
# Name and columns of each kind of features, where several lie side by side.
Blocks = Sequence[tuple[str, int]]

HANDS = ("left", "right")
HAND_POINTS = 21
BODY_POINTS = 25
HAND_DIM = HAND_POINTS * 3
BODY_DIM = BODY_POINTS * 2
LANDMARK_DIM = 2 * HAND_DIM + BODY_DIM

WRIST = 0
KNUCKLES = (5, 9, 13, 17)  # of the fingers, from the index to the little one
NOSE = 0
LEFT_SHOULDER, RIGHT_SHOULDER = 11, 12
LEFT_ELBOW, RIGHT_ELBOW = 13, 14

# Pairs of points between which a skeleton has a bone.
HAND_BONES = (
    *((0, 1), (1, 2), (2, 3), (3, 4)),
    *((0, 5), (5, 6), (6, 7), (7, 8)),
    *((5, 9), (9, 10), (10, 11), (11, 12)),
    *((9, 13), (13, 14), (14, 15), (15, 16)),
    *((13, 17), (17, 18), (18, 19), (19, 20), (0, 17)),
)
BODY_BONES = (
    *((11, 12), (11, 13), (13, 15), (12, 14), (14, 16)),
    *((11, 23), (12, 24), (23, 24)),
)
# Which point of the body is which after left and right were swapped.
BODY_SWAPPED = (
    *(0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9),
    *(12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23),
)


def has_landmarks(blocks: Blocks) -> bool:
    """Whether some of these features are landmarks."""
    return any(name == LANDMARKS for name, _ in blocks)


def empty(frames: int) -> np.ndarray:
    """The landmarks of a clip in which nothing was seen.

    Returns:
        NaN, float32, (frames, 176).
    """
    return np.full((frames, LANDMARK_DIM), np.nan, np.float32)


def split(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The hands and the body in rows of landmarks, as views.

    Args:
        landmarks: (..., 176).

    Returns:
        Hands, (..., 2, 21, 3), the left one first, and body, (..., 25, 2).
    """
    shape = landmarks.shape[:-1]
    hands, body = np.split(landmarks, [2 * HAND_DIM], axis=-1)
    return (
        hands.reshape(*shape, 2, HAND_POINTS, 3),
        body.reshape(*shape, BODY_POINTS, 2),
    )


def seen(landmarks: np.ndarray) -> np.ndarray:
    """What was seen of the left hand, the right hand and the body.

    Args:
        landmarks: (..., 176).

    Returns:
        bool, (..., 3).
    """
    firsts = landmarks[..., [0, HAND_DIM, 2 * HAND_DIM]]
    return np.array(firsts == firsts, bool)  # NaN is unlike itself


def has_hand(landmarks: np.ndarray) -> np.ndarray:
    """Whether a hand was seen.

    Args:
        landmarks: (..., 176).

    Returns:
        bool, (...).
    """
    return np.asarray(seen(landmarks)[..., :2].any(axis=-1))
