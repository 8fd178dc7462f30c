"""Trunk and head of a person: drawn once per clip, then moved as a whole.

Both are drawn three times as large as they are shown, for smooth edges.
Metres from the hollow of the throat: x to the right of the picture, y up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from signs.puppets.people import Colour, Person, Recording
from signs.puppets.rooms import shade

FINER = 3
Point = tuple[float, float]
INK: Colour = (30, 24, 24)
EYES = ((86, 60, 40), (70, 96, 120), (72, 92, 66), (54, 40, 32))


@dataclass(frozen=True)
class Sprite:
    """A drawing with a transparent ground.

    picture: RGBA, uint8, the colours already multiplied by alpha; anchor:
    where in it the throat is, in pixels.
    """

    picture: np.ndarray
    anchor: Point

    def paste(self, canvas: np.ndarray, at: Point, turn: float = 0.0) -> None:
        """Draws it on a picture (RGB), in place.

        Args:
            canvas: the picture.
            at: where the throat goes, in pixels; fractions count.
            turn: about the throat, in radians, clockwise.
        """
        height, width = self.picture.shape[:2]
        left = int(at[0] - self.anchor[0]) - 2
        top = int(at[1] - self.anchor[1]) - 2
        x, y = max(left, 0), max(top, 0)
        region = canvas[y : top + height + 4, x : left + width + 4]
        if not region.size:
            return
        cos, sin = np.cos(turn), np.sin(turn)
        matrix = np.array([[cos, -sin, at[0] - x], [sin, cos, at[1] - y]])
        matrix[:, 2] -= matrix[:, :2] @ self.anchor
        size = (region.shape[1], region.shape[0])
        moved = cv2.warpAffine(self.picture, matrix, size)
        ground = cv2.cvtColor(255 - moved[:, :, 3], cv2.COLOR_GRAY2RGB)
        cv2.multiply(region, ground, region, 1 / 255)
        cv2.add(region, cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB), region)


class Brush:
    """Draws in metres on a sprite-to-be."""

    def __init__(
        self, scale: float, left: float, top: float, right: float, bottom: float
    ) -> None:
        self.fine = scale * FINER
        self.corner = (left, top)
        self.size = (
            round((right - left) * scale),
            round((top - bottom) * scale),
        )
        shape = (self.size[1] * FINER, self.size[0] * FINER, 4)
        self.picture = np.zeros(shape, np.uint8)

    def sprite(self) -> Sprite:
        """What was drawn, at the size it is shown."""
        small = cv2.resize(
            self.picture, self.size, interpolation=cv2.INTER_AREA
        )
        scale = self.fine / FINER
        return Sprite(small, (-self.corner[0] * scale, self.corner[1] * scale))

    def area(
        self, points: Sequence[Point] | np.ndarray, colour: Colour
    ) -> None:
        cv2.fillPoly(self.picture, [self._pixels(points)], (*colour, 255))

    def line(
        self, points: Sequence[Point] | np.ndarray, colour: Colour, width: float
    ) -> None:
        thick = max(1, round(width * self.fine))
        pixels = self._pixels(points)
        cv2.polylines(self.picture, [pixels], False, (*colour, 255), thick)

    def oval(
        self, centre: Point, axes: Point, colour: Colour, width: float = 0
    ) -> None:
        thick = max(1, round(width * self.fine)) if width else -1
        middle = self._pixels([centre])[0].tolist()
        radii = (round(axes[0] * self.fine), round(axes[1] * self.fine))
        cv2.ellipse(
            self.picture, middle, radii, 0, 0, 360, (*colour, 255), thick
        )

    def _pixels(self, points: Sequence[Point] | np.ndarray) -> np.ndarray:
        away = (np.array(points) - self.corner) * (self.fine, -self.fine)
        return np.round(away).astype(np.int32)


def draw_trunk(who: Person, where: Recording, scale: float) -> Sprite:
    """Draws shoulders, chest and hips with the clothes.

    Args:
        who, where: the person, and the clothes.
        scale: pixels per metre.
    """
    brush = Brush(scale, -0.25, 0.1, 0.25, -1.3)
    half = _outline(who)
    cloth = where.shirt
    legs = [(-0.15, -0.58), (0.15, -0.58), (0.19, -1.3), (-0.19, -1.3)]
    brush.area(np.array(legs) * (who.width, 1), where.trousers)
    brush.area(
        [(0.0, -0.74), (0.012, -1.3), (-0.012, -1.3)],
        shade(where.trousers, 0.6),
    )
    brush.area(_both(half), cloth)
    # The side that the light does not reach.
    dark = [(-where.lit_from * x, y) for x, y in half[3:-1]]
    inner = [(0.72 * x, y) for x, y in dark[::-1]]
    brush.area(dark + inner, shade(cloth, 0.84))
    _pattern(brush, who, where)
    for side in (-1, 1):
        fold = [(0.15, -0.13), (0.125, -0.2), (0.115, -0.3)]
        brush.line(
            np.array(fold) * (side * who.width, 1), shade(cloth, 0.68), 0.006
        )
    _neckline(brush, who, where)
    return brush.sprite()


def draw_heads(
    who: Person, where: Recording, scale: float
) -> tuple[Sprite, Sprite]:
    """Draws neck, face and hair.

    Args:
        who, where: the person, and the side of the light.
        scale: pixels per metre.

    Returns:
        The head with its mouth closed, and open: signers mouth words.
    """
    brush = Brush(scale, -0.16, 0.41, 0.16, -0.2)
    light = where.lit_from
    skin, dark = who.skin, shade(who.skin, 0.82)
    _hair_behind(brush, who)
    neck = [
        (-0.052, 0.12),
        (0.052, 0.12),
        (0.06, 0.0),
        (0.0, -0.02),
        (-0.06, 0.0),
    ]
    brush.area(neck, shade(skin, 0.9))
    brush.area(
        [
            (-0.052, 0.13),
            (0.052, 0.13),
            (0.052, 0.06),
            (0.0, 0.035),
            (-0.052, 0.06),
        ],
        shade(skin, 0.7),
    )
    for side in (-1, 1):
        brush.oval((side * 0.089, 0.19), (0.015, 0.028), dark)
        brush.oval((side * 0.089, 0.188), (0.008, 0.017), shade(skin, 0.7))
    face = _face(who)
    brush.area(face, dark)
    brush.area(face * (0.93, 0.985) + (light * 0.006, 0.004), skin)
    if who.beard:
        _beard(brush, who, face)
    _features(brush, who)
    _hair_above(brush, who)
    if who.glasses:
        for side in (-1, 1):
            brush.oval((side * 0.037, 0.205), (0.028, 0.024), INK, 0.005)
        brush.line([(-0.01, 0.21), (0.01, 0.21)], INK, 0.005)
        for side in (-1, 1):
            brush.line(
                [(side * 0.064, 0.21), (side * 0.088, 0.215)], INK, 0.005
            )
    blank = brush.picture.copy()
    red, green, blue = skin
    lips = (round(red * 0.82), round(green * 0.58), round(blue * 0.58))
    brush.oval((0.0, 0.12), (0.029, 0.0095), lips)
    brush.line(
        [(-0.028, 0.122), (0.0, 0.119), (0.028, 0.122)], shade(lips, 0.6), 0.004
    )
    closed = brush.sprite()
    brush.picture = blank
    brush.oval((0.0, 0.117), (0.024, 0.017), lips)
    brush.oval((0.0, 0.117), (0.017, 0.01), (70, 26, 28))
    return closed, brush.sprite()


def _outline(who: Person) -> list[Point]:
    """The right half of the trunk, from the neck down."""
    wide, shoulder = who.width, who.shoulders
    return [
        (0.0, 0.045),
        (0.058, 0.045),
        (0.09, 0.012),
        (shoulder - 0.02, -0.015),
        (shoulder + 0.018, -0.05),
        (shoulder + 0.02, -0.1),
        (0.162 * wide, -0.19),
        (0.145 * wide, -0.38),
        (0.165 * wide, -0.62),
        (0.0, -0.63),
    ]


def _both(half: list[Point]) -> list[Point]:
    """A symmetric outline from its right half."""
    return half + [(-x, y) for x, y in half[::-1]]


def _pattern(brush: Brush, who: Person, where: Recording) -> None:
    """What is on the shirt, in the second colour."""
    second = where.second
    if where.pattern == "stripes":
        for y in np.arange(-0.08, -0.6, -0.06):
            edge = 0.19 if y > -0.12 else 0.15 * who.width
            brush.area(
                [(-edge, y), (edge, y), (edge, y - 0.025), (-edge, y - 0.025)],
                second,
            )
    if where.pattern == "print":
        brush.oval((0.0, -0.24), (0.07, 0.06), second)
        brush.oval((0.0, -0.24), (0.035, 0.03), where.shirt)
    if where.pattern == "buttons":
        brush.line([(0.0, -0.05), (0.0, -0.62)], shade(where.shirt, 0.7), 0.005)
        for y in np.arange(-0.1, -0.6, -0.09):
            brush.oval((0.0, float(y)), (0.007, 0.007), second)
    if where.pattern == "jacket":
        inner = [
            (0.0, 0.04),
            (0.05, 0.03),
            (0.06, -0.25),
            (0.075, -0.63),
            (0.0, -0.63),
        ]
        brush.area(_both(inner), second)
        for side in (-1, 1):
            lapel = [(0.05, 0.04), (0.1, -0.02), (0.085, -0.12), (0.06, -0.25)]
            brush.area(np.array(lapel) * (side, 1), shade(where.shirt, 0.75))


def _neckline(brush: Brush, who: Person, where: Recording) -> None:
    """The skin above the collar, and the collar's edge."""
    deep = where.collar
    curve = [(0.062, 0.05), (0.056, 0.01), (0.03, -0.7 * deep), (0.0, -deep)]
    brush.area(_both(curve), shade(who.skin, 0.9))
    edge = shade(where.shirt, 0.66)
    brush.line(curve, edge, 0.01)
    brush.line([(-x, y) for x, y in curve], edge, 0.01)


def _face(who: Person) -> np.ndarray:
    """The outline of the face; (points, 2)."""
    angle = np.linspace(0, 2 * np.pi, 48)
    x, y = np.sin(angle), np.cos(angle)
    low = np.clip(-y, 0, 1)
    x = x * (1 - 0.3 * low**2 * (1.6 - who.jaw))
    return np.stack([0.089 * x, 0.196 + 0.128 * y], axis=1)


def _features(brush: Brush, who: Person) -> None:
    """Eyes, brows and nose."""
    skin = who.skin
    iris = EYES[sum(who.hair) % len(EYES)] if sum(skin) > 480 else EYES[3]
    for side in (-1, 1):
        x = side * 0.036
        brush.oval((x, 0.205), (0.021, 0.014), shade(skin, 0.86))
        brush.oval((x, 0.204), (0.0165, 0.0095), (240, 238, 234))
        brush.oval((x, 0.205), (0.008, 0.0088), iris)
        brush.oval((x, 0.205), (0.004, 0.004), INK)
        lid = [(x - 0.018, 0.207), (x, 0.2155), (x + 0.018, 0.207)]
        brush.line(lid, shade(skin, 0.4), 0.005)
        brow = [(x - side * 0.018, 0.232), (x, 0.24), (x + side * 0.02, 0.233)]
        brush.line(brow, shade(who.hair, 0.8), 0.009)
    nose = [
        (0.004, 0.2),
        (0.008, 0.172),
        (0.015, 0.158),
        (0.0, 0.152),
        (-0.014, 0.158),
    ]
    brush.line(nose, shade(skin, 0.68), 0.006)


def _beard(brush: Brush, who: Person, face: np.ndarray) -> None:
    low = face[face[:, 1] < 0.165]
    order = np.argsort(low[:, 0])
    left, right = low[order[0]], low[order[-1]]
    inner = [
        right * (0.8, 1.0),
        (0.035, 0.145),
        (-0.035, 0.145),
        left * (0.8, 1.0),
    ]
    outline = [*face[(face[:, 1] < 0.165)], *inner]
    # From one cheek around the chin to the other, then back above the lip.
    brush.area(
        np.array(outline) * (1.03, 1.0) - (0.0, 0.004), shade(who.hair, 0.9)
    )


def _hair_behind(brush: Brush, who: Person) -> None:
    """What of the hair is behind face and neck."""
    hair = shade(who.hair, 0.72)
    if who.haircut == "long":
        lock = [
            (0.0, 0.33),
            (0.085, 0.3),
            (0.115, 0.2),
            (0.125, 0.0),
            (0.13, -0.17),
            (0.06, -0.19),
            (0.055, 0.05),
            (0.0, 0.06),
        ]
        brush.area(_both(lock), hair)
    if who.haircut == "bob":
        lock = [
            (0.0, 0.33),
            (0.085, 0.3),
            (0.118, 0.2),
            (0.122, 0.08),
            (0.06, 0.065),
            (0.0, 0.08),
        ]
        brush.area(_both(lock), hair)
    if who.haircut == "bun":
        brush.oval((0.0, 0.355), (0.045, 0.04), hair)
    if who.haircut == "curly":
        angles = np.linspace(-0.25 * np.pi, 1.25 * np.pi, 15)
        for angle in angles:
            centre = (0.1 * np.cos(angle), 0.235 + 0.1 * np.sin(angle))
            brush.oval(
                (float(centre[0]), float(centre[1])), (0.038, 0.038), hair
            )


def _hair_above(brush: Brush, who: Person) -> None:
    """What of the hair is on the head."""
    if who.haircut == "bald":
        return
    hair = who.hair
    angle = np.linspace(-0.62 * np.pi, 0.62 * np.pi, 30)
    top = np.stack([0.098 * np.sin(angle), 0.203 + 0.137 * np.cos(angle)], 1)
    lines = {
        "short": [
            (0.084, 0.2),
            (0.076, 0.25),
            (0.05, 0.283),
            (0.0, 0.276),
            (-0.05, 0.283),
            (-0.076, 0.25),
            (-0.084, 0.2),
        ],
        "long": [
            (0.086, 0.17),
            (0.078, 0.24),
            (0.03, 0.295),
            (0.0, 0.31),
            (-0.03, 0.295),
            (-0.078, 0.24),
            (-0.086, 0.17),
        ],
        "parted": [
            (0.085, 0.2),
            (0.074, 0.255),
            (-0.02, 0.262),
            (-0.045, 0.3),
            (-0.07, 0.26),
            (-0.085, 0.2),
        ],
        "bun": [
            (0.086, 0.2),
            (0.07, 0.265),
            (0.0, 0.295),
            (-0.07, 0.265),
            (-0.086, 0.2),
        ],
        "curly": [
            (0.086, 0.2),
            (0.07, 0.25),
            (0.035, 0.27),
            (0.0, 0.258),
            (-0.035, 0.272),
            (-0.07, 0.25),
            (-0.086, 0.2),
        ],
        "bob": [
            (0.087, 0.13),
            (0.076, 0.22),
            (0.07, 0.25),
            (0.0, 0.252),
            (-0.07, 0.25),
            (-0.076, 0.22),
            (-0.087, 0.13),
        ],
    }
    brush.area([*map(tuple, top), *lines[who.haircut]], hair)
    shine = top[6:16] * (0.8, 1.0) + (0.0, -0.022)
    brush.line(shine, shade(hair, 1.35), 0.008)
