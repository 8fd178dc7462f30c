"""What the window of the live recognition shows, drawn.

Pictures in here are BGR, as OpenCV shows them.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from signs.inference.lettering import can_write, write
from signs.inference.live import Sign
from signs.inference.predictor import Prediction
from signs.video.skeleton import draw_skeleton

WIDTH, HEIGHT = 720, 540  # of the picture's place
PANEL = 206  # height of the panel below it
GAP = 16
ROW = 40  # height of a prediction

DARK = (38, 33, 30)
TRACK = (66, 58, 53)
WHITE = (245, 245, 245)
PALE = (178, 168, 160)
GREEN = (96, 160, 62)
GREY = (112, 102, 96)
RED = (72, 72, 232)
AMBER = (60, 170, 240)


@dataclass
class Overlay:
    """What the window shows besides the picture.

    Attributes:
        state: what is going on, in a word or two.
        colour: of the light beside it.
        countdown: the large number; None hides it.
        strength: of the motion, 1 starts a sign; None hides it.
        sign: the last one recognised; None before the first.
        hint: what to do, shown before the first sign.
        rate: pictures a second.
        model: which model answers.
        keys: what keys do.
        is_mirrored: whether the picture is.
        landmarks: what is drawn onto the picture, see `landmark_layout`;
            None: nothing.
    """

    state: str = ""
    colour: tuple[int, int, int] = PALE
    countdown: int | None = None
    strength: float | None = None
    sign: Sign | None = None
    hint: str = ""
    rate: float = 0.0
    model: str = ""
    keys: str = ""
    is_mirrored: bool = True
    landmarks: np.ndarray | None = None


def draw(picture: np.ndarray, overlay: Overlay) -> np.ndarray:
    """Draws the whole content of the window.

    Args:
        picture: RGB, uint8, of any size.

    Returns:
        BGR, uint8, (HEIGHT + PANEL, WIDTH, 3).
    """
    canvas = np.full((HEIGHT + PANEL, WIDTH, 3), DARK, np.uint8)
    _draw_picture(canvas, picture, overlay)
    _draw_state(canvas, overlay)
    if overlay.countdown is not None:
        text = str(overlay.countdown)
        place = (WIDTH // 2, HEIGHT // 2 + 70)
        write(canvas, text, place, 200, WHITE, 700, "centre", shadow=True)
    if overlay.strength is not None:
        _draw_motion(canvas, overlay.strength)
    if overlay.sign is None:
        place = (WIDTH // 2, HEIGHT + PANEL // 2)
        write(canvas, overlay.hint, place, 22, PALE, align="centre")
    else:
        _draw_predictions(canvas, overlay.sign)
    _draw_foot(canvas, overlay)
    return canvas


def shown_name(prediction: Prediction) -> str:
    """The name of a class; its label where no font has the name's letters."""
    if can_write(prediction.name) or not can_write(prediction.label):
        return prediction.name
    return prediction.label


def _draw_picture(
    canvas: np.ndarray, picture: np.ndarray, overlay: Overlay
) -> None:
    height, width = picture.shape[:2]
    scale = min(WIDTH / width, HEIGHT / height)
    size = (round(width * scale), round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    shown = cv2.resize(picture, size, interpolation=method)
    if overlay.landmarks is not None:
        shown = draw_skeleton(shown, overlay.landmarks)
    shown = shown[:, :, ::-1]
    if overlay.is_mirrored:
        shown = shown[:, ::-1]
    left, top = (WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2
    canvas[top : top + size[1], left : left + size[0]] = shown


def _draw_state(canvas: np.ndarray, overlay: Overlay) -> None:
    strip = canvas[: 2 * GAP + 20]
    strip[:] = (0.45 * strip + 0.55 * np.array(DARK)).astype(np.uint8)
    centre = (GAP + 9, GAP + 10)
    cv2.circle(canvas, centre, 9, overlay.colour, -1, cv2.LINE_AA)
    base = GAP + 18
    write(canvas, overlay.state, (GAP + 30, base), 24, WHITE, 600)
    rate = f"{overlay.rate:.0f} frames a second"
    write(canvas, rate, (WIDTH - GAP, base), 18, PALE, align="right")


def _draw_motion(canvas: np.ndarray, strength: float) -> None:
    """A thin bar below the picture; its middle is what starts a sign."""
    length = int(WIDTH * min(strength / 2, 1))
    canvas[HEIGHT : HEIGHT + 5] = TRACK
    canvas[HEIGHT : HEIGHT + 5, :length] = GREEN if strength > 1 else PALE
    canvas[HEIGHT : HEIGHT + 5, WIDTH // 2 - 1 : WIDTH // 2 + 1] = WHITE


def _draw_predictions(canvas: np.ndarray, sign: Sign) -> None:
    for number, prediction in enumerate(sign.predictions[:3]):
        top = HEIGHT + GAP + number * (ROW + 8)
        bar = canvas[top : top + ROW, GAP : WIDTH - GAP]
        bar[:] = TRACK
        first = number == 0 and sign.is_known
        length = round(bar.shape[1] * prediction.probability)
        bar[:, :length] = GREEN if first else GREY
        base = top + ROW - 12
        name = shown_name(prediction)
        if number == 0 and not sign.is_known:
            name = f"unknown (perhaps {name})"
        weight = 700 if number == 0 else 400
        place = (2 * GAP, base)
        write(canvas, name, place, 24, WHITE, weight, most=WIDTH - 170)
        share = f"{prediction.probability:.0%}"
        place = (WIDTH - 2 * GAP, base)
        write(canvas, share, place, 22, WHITE, weight, align="right")


def _draw_foot(canvas: np.ndarray, overlay: Overlay) -> None:
    base = HEIGHT + PANEL - 18
    left = overlay.keys
    if overlay.sign is not None:
        left = f"answer after {overlay.sign.latency:.1f} s  ·  {left}"
    write(canvas, left, (GAP, base), 16, PALE)
    place = (WIDTH - GAP, base)
    write(canvas, overlay.model, place, 16, PALE, align="right", most=300)
