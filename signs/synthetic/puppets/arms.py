"""Arms and hands of a person: drawn afresh in every frame.

All outlines of a clip are worked out at once; a frame only fills them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from signs.synthetic.puppets.people import Colour, Person, Recording
from signs.synthetic.puppets.rooms import shade
from signs.synthetic.puppets.skeleton import Joints

FINE = 4  # bits of a pixel in the positions that OpenCV takes
NEARER = 0.5  # what is one metre nearer looks larger by this share
# Half the thickness in metres: at the shoulder, the elbow and the wrist.
RADII = np.array([0.042, 0.036, 0.025])
CLOTH = 0.008  # a sleeve is wider by this
_ROUND = np.linspace(0, np.pi, 7)


@dataclass(frozen=True)
class Layer:
    """Outlines of one colour: (frames, points, 2), in 1/16 of a pixel."""

    outlines: np.ndarray
    colour: Colour


@dataclass(frozen=True)
class Segment:
    """A piece of an arm, in pixels.

    start, end: (frames, 2); wide, narrow: half the thickness there, (frames,).
    """

    start: np.ndarray
    end: np.ndarray
    wide: np.ndarray
    narrow: np.ndarray

    def until(self, share: float) -> "Segment":
        """The first part of it."""
        return Segment(
            self.start,
            self.start + (self.end - self.start) * share,
            self.wide,
            self.wide + (self.narrow - self.wide) * share,
        )


class Arms:
    """Both arms and hands of a clip.

    Args:
        body: where the joints are.
        who, where: the person, and the clothes.
        scale: pixels per metre.
        throat: where it is in each frame, in pixels; (frames, 2).
    """

    def __init__(
        self,
        body: Joints,
        who: Person,
        where: Recording,
        scale: float,
        throat: np.ndarray,
    ) -> None:
        def project(points: np.ndarray) -> np.ndarray:
            nearer = scale * (1 + NEARER * points[..., 2:])
            origin = throat.reshape(-1, *[1] * (points.ndim - 2), 2)
            return origin + points[..., :2] * (1, -1) * nearer

        bones = np.stack([body.shoulder, body.elbow, body.wrist], axis=2)
        near = scale * (1 + NEARER * bones[..., 2])
        self._layers = [
            _arm(project(bones)[:, side], near[:, side], inward, who, where)
            for side, inward in ((0, 1), (1, -1))
        ]
        self._palms = _fine(project(body.palm))
        self._fingers = _fine(project(body.fingers))
        # From the farthest finger to the nearest, the palm in between.
        depth = body.fingers[..., 1:, 2].mean(axis=-1)
        palm_depth = body.palm[..., 2].mean(axis=-1)
        self._order = np.argsort(depth, axis=-1).tolist()
        self._behind = (depth < palm_depth[..., None]).tolist()
        self._sizes = near[..., 2].tolist()
        self._inside = (body.facing > 0).tolist()
        self._first = np.argmin(body.wrist[..., 2], axis=1).tolist()
        red, green, blue = who.skin
        self._ink = shade(who.skin, 0.5)
        self._palm_colours = (
            shade(who.skin, 0.94),
            shade((red + 12, green + 5, blue + 4), 1.0),
        )

    def draw(self, canvas: np.ndarray, frame: int) -> None:
        """Draws both arms on a picture (RGB), the farther one first."""
        first = self._first[frame]
        for side in (first, 1 - first):
            for layer in self._layers[side]:
                cv2.fillConvexPoly(
                    canvas,
                    layer.outlines[frame],
                    layer.colour,
                    cv2.LINE_AA,
                    FINE,
                )
            self._hand(canvas, frame, side)

    def _hand(self, canvas: np.ndarray, frame: int, side: int) -> None:
        size = self._sizes[frame][side]
        colour = self._palm_colours[self._inside[frame][side]]
        behind = self._behind[frame][side]
        order = self._order[frame][side]
        fingers = self._fingers[frame, side]
        for finger in order:
            if behind[finger]:
                dark = shade(colour, 0.9)
                self._finger(canvas, fingers[finger], finger, size, dark)
        palm = self._palms[frame, side]
        cv2.polylines(canvas, [palm], True, self._ink, 3, cv2.LINE_AA, FINE)
        cv2.fillConvexPoly(canvas, palm, colour, cv2.LINE_AA, FINE)
        # A palm seen from its edge still has its thickness.
        middle = (palm[:2] + palm[:1:-1]) // 2
        thick = max(2, round(0.029 * size))
        cv2.polylines(canvas, [middle], False, colour, thick, cv2.LINE_AA, FINE)
        for finger in order:
            if not behind[finger]:
                self._finger(canvas, fingers[finger], finger, size, colour)

    def _finger(
        self,
        canvas: np.ndarray,
        line: np.ndarray,
        finger: int,
        size: float,
        colour: Colour,
    ) -> None:
        thick = max(2, round((0.0205 if finger else 0.023) * size))
        smooth = (cv2.LINE_AA, FINE)
        cv2.polylines(canvas, [line], False, self._ink, thick + 2, *smooth)
        cv2.polylines(canvas, [line], False, colour, thick, *smooth)


def _arm(
    bones: np.ndarray,
    near: np.ndarray,
    inward: int,
    who: Person,
    where: Recording,
) -> list[Layer]:
    """The layers of one arm: skin, then the sleeve over it.

    Args:
        bones: shoulder, elbow and wrist in pixels; (frames, 3, 2).
        near: pixels per metre there; (frames, 3).
        inward: 1 if the body is to the right of this arm, else -1.
        who, where: the colours, the sleeve, the light.
    """

    def segment(number: int, wider: float) -> Segment:
        radii = (RADII + wider) * near
        return Segment(
            bones[:, number],
            bones[:, number + 1],
            radii[:, number],
            radii[:, number + 1],
        )

    skin = [segment(0, 0), segment(1, 0)]
    upper, lower = segment(0, CLOTH), segment(1, CLOTH)
    cloth = [upper.until(min(1.0, 2 * where.sleeve))]
    if where.sleeve > 0.5:
        cloth.append(lower.until(2 * where.sleeve - 1))
    # Where the sleeve meets the shirt there is no outline.
    across = _aside(inward * upper.wide) * 0.3
    seam = Segment(
        upper.start + across,
        upper.start + 2 * across,
        0.86 * upper.wide,
        0.9 * upper.wide,
    )
    joined = Layer(_capsule(seam), shade(where.shirt, 0.96))
    return [
        *_limb(skin, who.skin, where.lit_from),
        *_limb(cloth, where.shirt, where.lit_from, joined),
    ]


def _limb(
    segments: list[Segment], colour: Colour, light: int, *joined: Layer
) -> list[Layer]:
    """Outlines, then bodies, then what joins them to others, then lit sides."""

    def layers(
        shift: float, inset: float, share: float, shown: Colour
    ) -> Iterator[Layer]:
        for part in segments:
            moved = Segment(
                part.start + _aside(light * shift * part.wide),
                part.end + _aside(light * shift * part.narrow),
                share * part.wide - inset,
                share * part.narrow - inset,
            )
            yield Layer(_capsule(moved), shown)

    return [
        *layers(0, 0, 1, shade(colour, 0.6)),
        *layers(0, 1, 1, shade(colour, 0.9)),
        *joined,
        *layers(0.25, 0, 0.5, colour),
    ]


def _aside(across: np.ndarray) -> np.ndarray:
    """Moves to the right; (frames,) to (frames, 2)."""
    return np.stack([across, 0 * across], axis=1)


def _capsule(part: Segment) -> np.ndarray:
    """The outline of two discs and what lies between them."""
    along = part.end - part.start
    angle = np.arctan2(along[:, 1], along[:, 0])[:, None]
    first, second = angle + np.pi / 2 + _ROUND, angle - np.pi / 2 + _ROUND

    def half(
        centre: np.ndarray, radius: np.ndarray, at: np.ndarray
    ) -> np.ndarray:
        ring = np.stack([np.cos(at), np.sin(at)], axis=-1)
        return centre[:, None] + radius[:, None, None] * ring

    return _fine(
        np.concatenate(
            [
                half(part.start, part.wide, first),
                half(part.end, part.narrow, second),
            ],
            axis=1,
        )
    )


def _fine(points: np.ndarray) -> np.ndarray:
    """Pixels as OpenCV takes them, with fractions."""
    return np.rint(points * (1 << FINE)).astype(np.int32)
