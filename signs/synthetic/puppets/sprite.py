"""Drawings that are made once, large, and then pasted into every picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from signs.synthetic.puppets.people import Colour

FINER = 3  # drawn so many times as large as shown, for smooth edges
Point = tuple[float, float]
Points = Sequence[Point] | np.ndarray


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
        cos, sin = np.cos(turn), np.sin(turn)
        matrix = np.array([[cos, -sin, at[0] - x], [sin, cos, at[1] - y]])
        matrix[:, 2] -= matrix[:, :2] @ self.anchor
        size = (region.shape[1], region.shape[0])
        moved = cv2.warpAffine(self.picture, matrix, size)
        ground = cv2.cvtColor(255 - moved[:, :, 3], cv2.COLOR_GRAY2RGB)
        cv2.multiply(region, ground, region, 1 / 255)
        cv2.add(region, cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB), region)


class Brush:
    """Draws a sprite in metres, from the throat: x to the right, y up.

    Args:
        scale: pixels per metre.
        half_width, top, bottom: where the drawing ends, in metres.
    """

    def __init__(
        self, scale: float, half_width: float, top: float, bottom: float
    ) -> None:
        self.scale = scale
        self.anchor = (half_width * scale, top * scale)
        self.size = (
            round(2 * half_width * scale),
            round((top - bottom) * scale),
        )
        shape = (self.size[1] * FINER, self.size[0] * FINER, 4)
        self.picture = np.zeros(shape, np.uint8)

    def sprite(self) -> Sprite:
        """What was drawn, at the size it is shown."""
        method = cv2.INTER_AREA
        small = cv2.resize(self.picture, self.size, interpolation=method)
        return Sprite(small, self.anchor)

    def area(self, points: Points, colour: Colour) -> None:
        """Fills the outline that goes through the points."""
        cv2.fillPoly(self.picture, [self._pixels(points)], (*colour, 255))

    def line(self, points: Points, colour: Colour, width: float) -> None:
        """Draws a line through the points."""
        pixels = self._pixels(points)
        thick = self._length(width)
        cv2.polylines(self.picture, [pixels], False, (*colour, 255), thick)

    def oval(
        self, centre: Point, radii: Point, colour: Colour, width: float = 0
    ) -> None:
        """Fills an ellipse or, given a width, draws its rim."""
        thick = self._length(width) if width else -1
        middle = self._pixels([centre])[0].tolist()
        axes = [round(radius * self.scale * FINER) for radius in radii]
        ink = (*colour, 255)
        cv2.ellipse(self.picture, middle, axes, 0, 0, 360, ink, thick)

    def _length(self, metres: float) -> int:
        return max(1, round(metres * self.scale * FINER))

    def _pixels(self, points: Points) -> np.ndarray:
        right_and_down = np.array(points) * (self.scale, -self.scale)
        pixels = (right_and_down + self.anchor) * FINER
        return np.rint(pixels).astype(np.int32)
