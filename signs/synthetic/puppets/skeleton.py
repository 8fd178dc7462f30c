"""From where the hands are to where every joint is.

The arms follow the hands by inverse kinematics, the fingers by how far they
are bent. Directions as in `gestures`, until `joints` mirrors one hand: then
x (to the right of the picture), up, forward.
"""

from dataclasses import dataclass

import numpy as np

from signs.synthetic.puppets.gestures import SPREAD, Motion

# Metres, of a person of size 1.
UPPER_ARM = 0.29
FOREARM = 0.25
PALM = 0.085
HAND = 1.12  # hands are a little larger than life: they are what matters
# The fingers from index to little finger: where they begin, towards the thumb
# from the middle of the hand, and how long they are.
KNUCKLES = np.array([0.032, 0.011, -0.011, -0.031])
LENGTHS = np.array([0.083, 0.092, 0.086, 0.068])
SHARES = np.array([0.45, 0.31, 0.24])  # of a finger, from bone to bone
BEND = np.radians([80.0, 95.0, 60.0])  # of each joint of a bent finger
FAN = np.radians([16.0, 5.0, -7.0, -20.0])  # of spread fingers


@dataclass(frozen=True)
class Joints:
    """Where everything is: metres; x, up, forward.

    Args:
        shoulder, elbow, wrist: (frames, 2, 3), in the order of the picture:
            the arm at the left first.
        fingers: (frames, 2, 5, 4, 3), thumb first, from its root to its tip.
        palm: (frames, 2, 4, 3), the corners of the palm.
        facing: (frames, 2), how much the palm looks at the viewer, -1 to 1.
    """

    shoulder: np.ndarray
    elbow: np.ndarray
    wrist: np.ndarray
    fingers: np.ndarray
    palm: np.ndarray
    facing: np.ndarray


def joints(
    motion: Motion,
    shoulder_width: float = 0.19,
    size: float = 1.0,
    lift: float = 0.0,
    left_handed: bool = False,
) -> Joints:
    """Works out all joints of both arms.

    Args:
        motion: of the two hands, the leading one first.
        shoulder_width: from the throat to a shoulder, metres.
        size: of arms and hands; 1 is an average person.
        lift: how far the elbows are held off the body, 0 to 1.
        left_handed: whether the left hand leads.
    """
    shoulder = np.zeros_like(motion.wrist)
    # A shoulder goes up with the hand.
    raised = np.clip(motion.wrist[..., 1] + 0.2, 0, 0.5)
    shoulder[..., 0] = shoulder_width
    shoulder[..., 1] = -0.055 + 0.06 * raised
    elbow, wrist = _arm(shoulder, motion.wrist, size, lift)
    forearm = _unit(wrist - elbow)
    # A wrist bends only so far: the hand follows the forearm in part.
    pointing = _unit(0.7 * forearm + motion.pointing)
    palm = motion.palm - pointing * _dot(motion.palm, pointing)
    palm = _unit(palm + 1e-6 * np.array([0.3, 0.2, 1.0]))
    side = np.cross(palm, pointing)  # towards the thumb
    hand = HAND * size
    fingers = _fingers(wrist, pointing, palm, side, motion.fingers, hand)
    corners = _palm(wrist, pointing, side, hand)
    # The signer's right hand is at the left of the picture.
    order = [1, 0] if left_handed else [0, 1]
    return Joints(
        _place(shoulder, order),
        _place(elbow, order),
        _place(wrist, order),
        _place(fingers, order),
        _place(corners, order),
        facing=palm[:, order, 2],
    )


def _place(points: np.ndarray, order: list[int]) -> np.ndarray:
    """From (out, up, forward) of each hand to (x, up, forward)."""
    placed = points[:, order]
    placed[:, 0, ..., 0] *= -1
    return placed


def _arm(
    shoulder: np.ndarray, wrist: np.ndarray, size: float, lift: float
) -> tuple[np.ndarray, np.ndarray]:
    """Elbow and wrist by the law of cosines; (frames, 2, 3) each.

    Of all elbows that fit, the one nearest to down, outward and back is
    taken. A wrist that is out of reach is drawn nearer.
    """
    upper, lower = UPPER_ARM * size, FOREARM * size
    reach = wrist - shoulder
    distance = np.linalg.norm(reach, axis=-1, keepdims=True)
    direction = reach / np.maximum(distance, 1e-6)
    distance = np.clip(distance, 0.3 * upper, 0.985 * (upper + lower))
    along = (upper**2 - lower**2 + distance**2) / (2 * distance)
    aside = np.sqrt(np.maximum(upper**2 - along**2, 0))
    pole = np.array([0.5 + lift, -1.0 + 0.4 * lift, -0.35])
    pole = _unit(pole - direction * _dot(pole, direction))
    elbow = shoulder + along * direction + aside * pole
    return elbow, shoulder + distance * direction


def _fingers(
    wrist: np.ndarray,
    pointing: np.ndarray,
    palm: np.ndarray,
    side: np.ndarray,
    bent: np.ndarray,
    size: float,
) -> np.ndarray:
    """The joints of all fingers; (frames, 2, 5, 4, 3)."""
    wrist, pointing, palm, side = (
        part[:, :, None] for part in (wrist, pointing, palm, side)
    )
    fan = bent[:, :, [SPREAD]] * FAN * (1 - 0.7 * bent[:, :, 1:SPREAD])
    straight = np.cos(fan)[..., None] * pointing + np.sin(fan)[..., None] * side
    root = wrist + size * (PALM * pointing + KNUCKLES[:, None] * side)
    angles = np.cumsum(bent[:, :, 1:SPREAD, None] * BEND, axis=-1)
    bones = (
        np.cos(angles)[..., None] * straight[..., None, :]
        + np.sin(angles)[..., None] * palm[..., None, :]
    )
    bones = bones * (size * LENGTHS[:, None] * SHARES)[..., None]
    four = np.concatenate(
        [root[..., None, :], root[..., None, :] + np.cumsum(bones, axis=-2)],
        axis=-2,
    )
    return np.concatenate(
        [_thumb(wrist, pointing, palm, side, bent, size), four], axis=2
    )


def _thumb(
    wrist: np.ndarray,
    pointing: np.ndarray,
    palm: np.ndarray,
    side: np.ndarray,
    bent: np.ndarray,
    size: float,
) -> np.ndarray:
    """The joints of the thumb, which closes across the palm."""
    closed = bent[:, :, [0], None]
    root = wrist + size * (0.018 * pointing + 0.024 * side)
    first = _unit(
        (0.62 + 0.2 * closed) * pointing
        + (0.9 - 0.65 * closed) * side
        + (0.1 + 0.55 * closed) * palm
    )
    second = _unit(
        (0.8 + 0.15 * closed) * pointing
        + (0.6 - 1.3 * closed) * side
        + (0.05 + 0.45 * closed) * palm
    )
    joint = root + size * 0.046 * first
    middle = joint + size * 0.032 * second
    tip = middle + size * 0.026 * second
    return np.stack([root, joint, middle, tip], axis=-2)


def _palm(
    wrist: np.ndarray, pointing: np.ndarray, side: np.ndarray, size: float
) -> np.ndarray:
    """The corners of the palm; (frames, 2, 4, 3)."""
    far = PALM * size * pointing
    return np.stack(
        [
            wrist + 0.026 * size * side,
            wrist + far + 0.040 * size * side,
            wrist + 0.95 * far - 0.039 * size * side,
            wrist - 0.024 * size * side,
        ],
        axis=2,
    )


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sum(a * b, axis=-1, keepdims=True)


def _unit(a: np.ndarray) -> np.ndarray:
    return a / np.maximum(np.linalg.norm(a, axis=-1, keepdims=True), 1e-9)
