"""Draws landmarks onto pictures, so that people see what was found."""

import cv2
import numpy as np

from signs.models import landmark_layout as layout

# RGB: the left hand, the right hand, the body.
COLOURS = ((66, 133, 244), (52, 199, 89), (255, 204, 0))


def draw_skeleton(picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Draws what was seen in a picture onto a copy of it.

    Args:
        picture: RGB, uint8, (height, width, 3), of any size.
        landmarks: (176,); see `models.landmark_layout`.

    Returns:
        RGB, uint8, of the same size.
    """
    drawn = np.ascontiguousarray(picture).copy()
    hands, body = layout.split(landmarks)
    thickness = max(1, round(min(picture.shape[:2]) / 150))
    for points, bones, colour in (
        (body, layout.BODY_BONES, COLOURS[2]),
        (hands[0], layout.HAND_BONES, COLOURS[0]),
        (hands[1], layout.HAND_BONES, COLOURS[1]),
    ):
        if np.isnan(points).any():
            continue
        places = np.clip(points[:, :2] * picture.shape[0], -1e4, 1e4)
        places = places.round().astype(int)
        for start, end in bones:
            ends = tuple(places[start].tolist()), tuple(places[end].tolist())
            cv2.line(drawn, *ends, colour, thickness, cv2.LINE_AA)
    return drawn
