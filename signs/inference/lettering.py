"""Text in pictures, in any language that this computer has a font for.

OpenCV's built-in fonts have the letters of Europe and of East Asia, but do
not join letters, nor write to the left. The rest is drawn by Pillow.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from signs.core import fonts
from signs.core.messages import log

BOLD = 600  # weight from which on a text is bold
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Lettering:
    """A text as a picture.

    Attributes:
        mask: how much of each pixel is covered, 0 to 255, uint8, (h, w).
        left, top: where it lies from the beginning of the base line.
        width: how far the next text would begin from there.
    """

    mask: np.ndarray
    left: int
    top: int
    width: int


def write(
    canvas: np.ndarray,
    text: str,
    place: tuple[int, int],
    size: int,
    colour: Colour,
    weight: int = 400,
    align: str = "left",
    shadow: bool = False,
    most: int | None = None,
) -> None:
    """Writes one line of text.

    Letters that no font has are written as `[U+4E2D]`, with a warning.

    Args:
        canvas: where to; uint8, (height, width, 3).
        place: left end (or centre, or right end) of its base line.
        size: of the letters, in pixels.
        weight: 400 is regular, 700 bold.
        align: `left`, `centre` or `right`.
        shadow: whether to darken what is around the letters.
        most: pixels; a longer text is cut.
    """
    text = _drawable(text)
    if most is not None:
        text = cut(text, size, weight, most)
    width = draw(text, size, weight).width
    x = place[0] - {"left": 0, "centre": width // 2, "right": width}[align]
    if shadow:
        for dx, dy in ((-2, 2), (2, 2), (0, 3)):
            spot = (x + dx, place[1] + dy)
            _blend(canvas, text, spot, size, (0, 0, 0), weight)
    _blend(canvas, text, (x, place[1]), size, colour, weight)


def can_write(text: str) -> bool:
    """Whether there is a font for each of the letters."""
    return _drawable(text) == unicodedata.normalize("NFC", text)


@lru_cache(maxsize=256)
def cut(text: str, size: int, weight: int, most: int) -> str:
    """A text that is as long as fits into so many pixels."""
    whole = text
    while text and draw(text, size, weight).width > most:
        whole = whole[:-1]
        text = f"{whole.rstrip()}…"
    return text


@lru_cache(maxsize=256)
def draw(text: str, size: int, weight: int) -> Lettering:
    """Draws a text, all of whose letters are in some font."""
    if not text:
        return Lettering(np.zeros((1, 1), np.uint8), 0, 0, 0)
    if _opencv_has_all(text):
        return _draw_by_opencv(text, size, weight)
    runs = [_draw_by_pillow(run, size, weight) for run in _runs(text)]
    starts = np.cumsum([0, *(run.width for run in runs)])
    left = min(start + r.left for start, r in zip(starts, runs, strict=False))
    top = min(run.top for run in runs)
    bottom = max(run.top + run.mask.shape[0] for run in runs)
    right = max(
        start + r.left + r.mask.shape[1]
        for start, r in zip(starts, runs, strict=False)
    )
    mask = np.zeros((bottom - top, right - left), np.uint8)
    for start, run in zip(starts, runs, strict=False):
        height, width = run.mask.shape
        y, x = run.top - top, start + run.left - left
        part = mask[y : y + height, x : x + width]
        np.maximum(part, run.mask, out=part)
    return Lettering(mask, int(left), top, int(starts[-1]))


def _blend(
    canvas: np.ndarray,
    text: str,
    place: tuple[int, int],
    size: int,
    colour: Colour,
    weight: int,
) -> None:
    drawn = draw(text, size, weight)
    x, y = place[0] + drawn.left, place[1] + drawn.top
    height, width = drawn.mask.shape
    part = canvas[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)]
    if not part.size:
        return
    top, left = max(0, -y), max(0, -x)
    mask = drawn.mask[top : top + part.shape[0], left : left + part.shape[1]]
    share = mask[:, :, None].astype("float32") / 255
    mixed = part + share * (np.array(colour, "float32") - part)
    part[:] = np.round(mixed).astype(np.uint8)


def _draw_by_opencv(text: str, size: int, weight: int) -> Lettering:
    font = cv2.FontFace("sans")
    whole = (100_000, 1000)
    width = cv2.getTextSize(whole, text, (0, 0), font, size, weight)[2]
    mask = np.zeros((2 * size, width + 2 * size), np.uint8)
    place = (size, size + size // 2)
    cv2.putText(mask, text, place, 255, font, size, weight)
    left, top, wide, high = cv2.boundingRect(mask)
    mask = mask[top : top + high, left : left + wide]
    return Lettering(mask, left - place[0], top - place[1], width)


def _draw_by_pillow(text: str, size: int, weight: int) -> Lettering:
    from PIL import Image, ImageDraw, ImageFont

    path = fonts.find_file(text, weight >= BOLD)
    font = ImageFont.truetype(str(path), size)
    left, top, right, bottom = font.getbbox(text, anchor="ls")
    area = (max(1, int(right - left)), max(1, int(bottom - top)))
    image = Image.new("L", area)
    ImageDraw.Draw(image).text((-left, -top), text, 255, font, anchor="ls")
    width = round(font.getlength(text))
    return Lettering(np.asarray(image), int(left), int(top), width)


def _runs(text: str) -> list[str]:
    """Parts of a text, each of letters that one font has."""
    if fonts.find_file(text) is not None:
        return [text]
    runs = [""]
    for character in text:
        if fonts.find_file(runs[-1] + character) is None:
            runs.append("")
        runs[-1] += character
    return runs


@lru_cache(maxsize=256)
def _drawable(text: str) -> str:
    """A text, with what no font has as code points."""
    text = unicodedata.normalize("NFC", text)
    lacking = {
        character
        for character in text
        if not _opencv_has(character) and fonts.find_file(character) is None
    }
    if not lacking:
        return text
    log.warning(
        f"no font on this computer has all letters of {text!r}, so some are "
        "drawn as numbers; install one of that language, such as Noto Sans"
    )
    return "".join(
        f"[U+{ord(character):04X}]" if character in lacking else character
        for character in text
    )


def _opencv_has_all(text: str) -> bool:
    return not fonts.needs_shaping(text) and all(map(_opencv_has, text))


@lru_cache(maxsize=4096)
def _opencv_has(character: str) -> bool:
    """Whether OpenCV draws a letter, and not a question mark instead."""
    return character == "?" or not np.array_equal(
        _draw_by_opencv(character, 24, 400).mask,
        _draw_by_opencv("?", 24, 400).mask,
    )
