"""What arms and hands do over time: every gesture, by its number.

Positions are metres in the signer's own directions, from the hollow of the
throat: `out` (away from the middle of the body, on the hand's own side), `up`
and `forward` (towards the viewer). Both hands are worked out as if they were
the same hand; whoever draws them mirrors one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# How far each finger is bent, 0 (straight) to 1 (into the palm), from thumb
# to little finger, and how far the straight ones are spread, 0 to 1.
SHAPES: dict[str, tuple[float, float, float, float, float, float]] = {
    "flat": (0.2, 0.0, 0.0, 0.0, 0.0, 0.0),
    "fist": (0.8, 1.0, 1.0, 1.0, 1.0, 0.0),
    "spread": (0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
    "index": (0.9, 0.0, 1.0, 1.0, 1.0, 0.0),
    "claw": (0.3, 0.55, 0.55, 0.55, 0.55, 1.0),
    "two": (0.9, 0.0, 0.0, 1.0, 1.0, 0.9),
    "thumb": (0.0, 1.0, 1.0, 1.0, 1.0, 0.0),
    "ring": (0.6, 0.62, 0.0, 0.0, 0.0, 0.7),
    "horns": (0.9, 0.0, 1.0, 1.0, 0.0, 0.4),
    "corner": (0.0, 0.0, 1.0, 1.0, 1.0, 0.2),
    "three": (0.0, 0.0, 0.0, 1.0, 1.0, 0.7),
    "phone": (0.0, 1.0, 1.0, 1.0, 0.0, 0.4),
    "bunch": (0.55, 0.6, 0.6, 0.6, 0.6, 0.0),
}
SPREAD = 5  # where the spread is in a shape

# Middle of the movement: out, up, forward.
PLACES: dict[str, tuple[float, float, float]] = {
    "above the head": (0.27, 0.32, 0.12),
    "belly": (0.08, -0.36, 0.26),
    "mouth": (0.06, 0.10, 0.24),
    "stretched out": (0.46, -0.08, 0.10),
    "chest": (0.03, -0.14, 0.30),
    "low outside": (0.38, -0.30, 0.16),
    "forehead": (0.13, 0.23, 0.20),
    "other shoulder": (-0.15, -0.06, 0.24),
    "beside the shoulder": (0.36, 0.06, 0.18),
}

# What the hand that does not lead does.
PARTNERS = ("rests", "mirrors", "holds still", "alternates", "follows")

# Where the fingers point, and where the palm looks: out, up, forward.
Direction = tuple[float, float, float]
FACINGS: dict[str, tuple[Direction, Direction]] = {
    "up, palm forward": ((0.0, 1.0, 0.1), (0.0, -0.1, 1.0)),
    "inward, palm back": ((-1.0, 0.2, 0.2), (0.1, 0.0, -1.0)),
    "up, palm inward": ((0.0, 1.0, 0.2), (-0.8, 0.0, 0.6)),
    "inward, palm down": ((-0.9, 0.1, 0.5), (0.0, -1.0, 0.2)),
    "up, palm back": ((-0.3, 1.0, 0.1), (0.0, 0.1, -1.0)),
    "outward, palm forward": ((0.7, 0.7, 0.2), (0.1, 0.1, 1.0)),
    "inward, palm up": ((-0.7, 0.1, 0.6), (0.0, 1.0, 0.3)),
}

# A movement once around, by angle; 1 is the signer's amplitude.
Path = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
PATHS: dict[str, Path] = {
    "waving": lambda a: (0.5 * np.sin(2 * a), 0 * a, 0 * a),
    "circle": lambda a: (np.cos(a), np.sin(a), 0 * a),
    "push": lambda a: (0 * a, 0.35 * np.cos(a), -np.cos(a)),
    "up and down": lambda a: (0 * a, np.cos(a), 0 * a),
    "across": lambda a: (np.cos(a), 0 * a, 0 * a),
    "zigzag": lambda a: (0.5 * np.sin(4 * a), np.cos(a), 0 * a),
    "bow": lambda a: (np.cos(a), 1.1 * np.sin(a) ** 2 - 0.5, 0 * a),
    "slope": lambda a: (0.8 * np.cos(a), 0.8 * np.cos(a), 0 * a),
    "triangle": lambda a: (
        np.sin(a) - 0.35 * np.sin(2 * a),
        np.cos(a) + 0.35 * np.cos(2 * a),
        0 * a,
    ),
    "eight": lambda a: (np.sin(a), 0.6 * np.sin(2 * a), 0 * a),
    "fluttering": lambda a: (0.3 * np.sin(a), 0.3 * np.cos(a), 0 * a),
}
AMPLITUDE = 0.17  # metres


@dataclass(frozen=True)
class Gesture:
    """What makes a gesture; each word is a key of the tables above."""

    place: str
    path: str
    partner: str
    facing: str
    shape: str
    last_shape: str
    repeats: int


@dataclass(frozen=True)
class Style:
    """How one performer does any gesture, once.

    `amplitude` is a factor, `rest` where the hand hangs before and after
    (out, up, forward), `offset` where this performance is off the place.
    The hands leave their rest at `start`, and are back at `end`, as shares
    of the clip; each way takes the share `rise`.
    """

    amplitude: float = 1.0
    rest: tuple[float, float, float] = (0.26, -0.56, 0.08)
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    start: float = 0.06
    end: float = 0.94
    rise: float = 0.18


@dataclass(frozen=True)
class Motion:
    """Both hands, frame by frame; the leading hand is number 0.

    wrist, pointing, palm: (frames, 2, 3); fingers: (frames, 2, 6), as in
    SHAPES.
    """

    wrist: np.ndarray
    pointing: np.ndarray
    palm: np.ndarray
    fingers: np.ndarray


def gesture(number: int) -> Gesture:
    """The gesture of that number, always the same one.

    Each table is gone through in a circle. As 9 places, 11 paths and 5
    partners have no common divisor, no two of the first 495 gestures agree
    in all three (Chinese remainder theorem), and neighbours differ in each.
    """

    def choose(table: dict | tuple, index: int = number) -> str:
        return list(table)[index % len(table)]

    shape = choose(SHAPES)
    changes = number % 4 == 2
    return Gesture(
        place=choose(PLACES),
        path=choose(PATHS),
        partner=choose(PARTNERS),
        facing=choose(FACINGS),
        shape=shape,
        last_shape=choose(SHAPES, number + 6) if changes else shape,
        repeats=1 + number % 2,
    )


def move(what: Gesture, style: Style, frames: int) -> Motion:
    """Works out where both hands are in every frame.

    The hands rise from their rest, do the movement, and go back.

    Args:
        what: the gesture.
        style: how it is done this time.
        frames: length of the clip; a hurried one repeats less.

    Returns:
        The motion of both hands.
    """
    time = np.linspace(0, 1, frames)
    raised = smooth((time - style.start) / style.rise) * smooth(
        (style.end - time) / style.rise
    )
    begin = style.start + 0.75 * style.rise
    finish = style.end - 0.75 * style.rise
    progress = np.clip((time - begin) / (finish - begin), 0, 1)
    repeats = min(what.repeats, max(1, frames // 14))
    angle = 2 * np.pi * repeats * progress
    hands = [
        _leading(what, style, angle, progress),
        _partner(what, style, angle, progress),
    ]
    weights = [raised, raised * (what.partner != "rests")]
    rest = (np.array(style.rest), *_RESTING)
    mixed = [
        [_mix(low, high, weight) for low, high in zip(rest, hand, strict=True)]
        for hand, weight in zip(hands, weights, strict=True)
    ]
    # From one list a hand to one array a quantity.
    return Motion(
        *(np.stack(pair, axis=1) for pair in zip(*mixed, strict=True))
    )


def smooth(x: np.ndarray) -> np.ndarray:
    """From 0 to 1 without a jerk, as a hand starts and stops."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


_Hand = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

# Pointing, palm and fingers of a hand that hangs.
_RESTING = (
    np.array([-0.1, -1.0, 0.1]),
    np.array([-1.0, 0.0, 0.0]),
    np.array([0.3, 0.25, 0.3, 0.35, 0.4, 0.1]),
)


def _mix(low: np.ndarray, high: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """From `low` to `high` (frames, n) by `weight` (frames,)."""
    return low + (high - low) * weight[:, None]


def _leading(
    what: Gesture,
    style: Style,
    angle: np.ndarray,
    progress: np.ndarray,
    outward: int = 1,
) -> _Hand:
    """The leading hand during the stroke; (frames, n) each.

    With -1 for `outward` it goes inward where it would go outward.
    """
    place = np.array(PLACES[what.place])
    if what.partner in ("mirrors", "alternates", "follows"):
        # Both hands do the same: each keeps to its own side.
        place[0] = 0.17 + 0.6 * abs(place[0])
    size = AMPLITUDE * style.amplitude
    path = np.stack(PATHS[what.path](angle), axis=1) * (outward, 1, 1)
    wrist = place + np.array(style.offset) + size * path
    pointing, palm = (
        np.tile(direction, (len(angle), 1))
        for direction in FACINGS[what.facing]
    )
    if what.path == "waving":
        pointing = pointing + np.outer(np.sin(2 * angle), (0.9, 0.0, 0.0))
    first, last = (
        np.array(SHAPES[shape]) for shape in (what.shape, what.last_shape)
    )
    fingers = _mix(first, last, smooth(2 * progress - 0.5))
    if what.path == "fluttering":
        lag = np.arange(5) * 1.2
        fingers[:, :SPREAD] += 0.4 * np.sin(3 * angle[:, None] - lag)
    return wrist, pointing, palm, np.clip(fingers, 0, 1)


def _partner(
    what: Gesture, style: Style, angle: np.ndarray, progress: np.ndarray
) -> _Hand:
    """The other hand during the stroke; (frames, n) each."""
    if what.partner == "holds still":
        # A flat hand before the chest, palm up, below the one that moves.
        frames = len(angle)
        out, up, forward = PLACES[what.place]
        wrist = (0.14 + 0.2 * out, min(up, 0.0) - 0.17, forward)
        pointing, palm = FACINGS["inward, palm up"]
        base = (wrist, pointing, palm, SHAPES["flat"])
        still = [np.tile(part, (frames, 1)).astype(float) for part in base]
        return still[0], still[1], still[2], still[3]
    if what.partner == "alternates":
        # Half a turn off; of waving, which goes to and fro twice, a quarter.
        lag = np.pi / 2 if what.path == "waving" else np.pi
        return _leading(what, style, angle + lag, progress)
    if what.partner == "follows":
        # A little later, and the same way in the picture.
        return _leading(what, style, angle - np.pi / 3, progress, outward=-1)
    return _leading(what, style, angle, progress)
