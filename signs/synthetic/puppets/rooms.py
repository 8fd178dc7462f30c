"""Backgrounds: a wall, and what stands in front of it.

Drawn once per clip, at twice its size for smooth edges, and a little out of
focus as behind a person. RGB, uint8.
"""

import cv2
import numpy as np

from signs.synthetic.puppets.people import Colour

MARGIN = 8  # pixels around the picture, for the shaking of the camera

WALLS: tuple[Colour, ...] = (
    (214, 206, 190),
    (176, 190, 198),
    (196, 206, 184),
    (222, 198, 168),
    (164, 158, 152),
    (132, 152, 170),
    (226, 224, 218),
    (190, 170, 176),
    (118, 138, 122),
    (202, 178, 120),
)
WOODS: tuple[Colour, ...] = (
    (128, 88, 54),
    (92, 62, 42),
    (176, 134, 88),
    (206, 196, 182),
    (70, 66, 66),
)
Area = tuple[int, int, int, int]  # left, top, right, bottom


def room(
    seed: int,
    width: int,
    height: int,
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> np.ndarray:
    """Draws a room.

    Args:
        seed: of the room; the same seed draws the same room.
        width, height: of the picture, in pixels.
        tint: of the light, RGB factors.

    Returns:
        RGB, uint8, (height + 2 MARGIN, width + 2 MARGIN, 3).
    """
    random = np.random.default_rng([seed, 3])
    outer = (width + 2 * MARGIN, height + 2 * MARGIN)
    picture = np.zeros((2 * outer[1], 2 * outer[0], 3), np.uint8)
    wall = _vary(WALLS[random.integers(len(WALLS))], random, 12)
    _paper(picture, wall, random)
    floor = int(picture.shape[0] * random.uniform(0.88, 1.15))
    _floor(picture, floor, wall, random)
    things = [_window, _shelf, _door, _pictures, _plant, _curtain, _lamp]
    chosen = random.permutation(len(things))[: random.integers(2, 5)]
    # Things stand beside each other; the middle is behind the person.
    slots = random.permutation(4)[: len(chosen)]
    for thing, slot in zip(sorted(chosen), slots, strict=True):
        across = picture.shape[1] * (0.11 + 0.26 * slot)
        across += random.uniform(-0.04, 0.04) * picture.shape[1]
        things[thing](
            picture, int(across), min(floor, picture.shape[0]), random
        )
    small = cv2.resize(picture, outer, interpolation=cv2.INTER_AREA)
    lit = _shine(small, tint, random)
    return cv2.GaussianBlur(lit, (0, 0), 0.9)


def shade(colour: Colour, factor: float) -> Colour:
    """A colour in more light (factor above 1) or less."""
    red, green, blue = (min(255, max(0, round(c * factor))) for c in colour)
    return red, green, blue


def _vary(colour: Colour, random: np.random.Generator, by: int) -> Colour:
    red, green, blue = np.clip(
        np.array(colour) + random.integers(-by, by + 1, 3), 0, 255
    ).tolist()
    return red, green, blue


def _box(
    picture: np.ndarray, area: Area, colour: Colour, line: int = -1
) -> None:
    cv2.rectangle(picture, area[:2], area[2:], colour, line)


def _paper(
    picture: np.ndarray, wall: Colour, random: np.random.Generator
) -> None:
    """The wall: plain, striped wallpaper, bricks, panels or tiles."""
    height, width = picture.shape[:2]
    _box(picture, (0, 0, width, height), wall)
    kind = random.choice(["plain", "plain", "stripes", "bricks", "panels"])
    dark = shade(wall, 0.9)
    if kind == "stripes":
        step = int(random.integers(20, 60))
        for x in range(0, width, 2 * step):
            _box(picture, (x, 0, x + step, height), shade(wall, 0.94))
    if kind == "bricks":
        for row, y in enumerate(range(0, height, 26)):
            cv2.line(picture, (0, y), (width, y), dark, 3)
            for x in range((row % 2) * 30, width, 60):
                cv2.line(picture, (x, y), (x, y + 26), dark, 3)
    if kind == "panels":
        top = int(height * random.uniform(0.45, 0.65))
        _box(picture, (0, top, width, height), shade(wall, 0.82))
        cv2.line(picture, (0, top), (width, top), shade(wall, 1.15), 8)
        for x in range(int(random.integers(60)), width, 70):
            cv2.line(picture, (x, top), (x, height), shade(wall, 0.72), 3)


def _floor(
    picture: np.ndarray, top: int, wall: Colour, random: np.random.Generator
) -> None:
    height, width = picture.shape[:2]
    wood = _vary(WOODS[random.integers(len(WOODS))], random, 10)
    if top < height:
        _box(picture, (0, top, width, height), wood)
        _box(picture, (0, top - 14, width, top), shade(wall, 1.12))


def _window(
    picture: np.ndarray, x: int, floor: int, random: np.random.Generator
) -> None:
    height, width = picture.shape[:2]
    half = int(width * random.uniform(0.12, 0.17))
    top, bottom = int(height * 0.05), int(height * random.uniform(0.5, 0.7))
    view = picture[top:bottom, max(0, x - half) : x + half]
    view[:] = _vary((198, 216, 232), random, 14)
    ground = int((bottom - top) * random.uniform(0.5, 0.8))
    green = _vary((112, 138, 96), random, 20)
    for i in range(5):
        centre = (i * half // 2, ground + int(random.integers(10, 40)))
        cv2.ellipse(view, centre, (half // 2, 50), 0, 180, 360, green, -1)
    view[ground + 10 :] = shade(green, 0.9)
    frame = (240, 238, 232)
    _box(picture, (x - half, top, x + half, bottom), frame, 12)
    cv2.line(picture, (x, top), (x, bottom), frame, 8)
    _box(picture, (x - half - 16, bottom, x + half + 16, bottom + 14), frame)


def _shelf(
    picture: np.ndarray, x: int, floor: int, random: np.random.Generator
) -> None:
    height, width = picture.shape[:2]
    wood = _vary(WOODS[random.integers(len(WOODS))], random, 10)
    half = int(width * random.uniform(0.1, 0.16))
    top = int(height * random.uniform(0.02, 0.3))
    _box(picture, (x - half, top, x + half, floor), shade(wood, 0.62))
    step = int(random.integers(74, 96))
    for y in range(top + step, floor, step):
        at = x - half + 8
        while at < x + half - 24:
            thick = int(random.integers(8, 20))
            tall = int(random.integers(step // 2, step - 14))
            if random.random() < 0.85:
                book = _vary((130, 110, 100), random, 80)
                _box(picture, (at, y - tall, at + thick - 2, y), book)
            at += thick
        _box(picture, (x - half, y, x + half, y + 8), wood)
    _box(picture, (x - half, top, x + half, floor), wood, 9)


def _door(
    picture: np.ndarray, x: int, floor: int, random: np.random.Generator
) -> None:
    height, width = picture.shape[:2]
    half, top = int(width * 0.14), int(height * random.uniform(0.0, 0.08))
    paint = _vary(WOODS[random.integers(len(WOODS))], random, 12)
    _box(
        picture,
        (x - half - 12, top - 12, x + half + 12, floor),
        shade(paint, 1.2),
    )
    _box(picture, (x - half, top, x + half, floor), paint)
    middle = (top + floor) // 2
    for upper, lower in ((top + 24, middle - 16), (middle + 16, floor - 24)):
        for left in (x - half + 16, x + 8):
            panel = (left, upper, left + half - 24, lower)
            _box(picture, panel, shade(paint, 0.8), 4)
    cv2.circle(picture, (x + half - 12, middle), 9, (206, 188, 122), -1)


def _pictures(
    picture: np.ndarray, x: int, floor: int, random: np.random.Generator
) -> None:
    height, width = picture.shape[:2]
    for _ in range(int(random.integers(1, 4))):
        wide, tall = (int(width * random.uniform(0.04, 0.09)) for _ in "wh")
        left = x + int(random.integers(-60, 60)) - wide
        top = int(height * random.uniform(0.05, 0.45))
        area = (left, top, left + 2 * wide, top + 2 * tall)
        paper = _vary((176, 168, 150), random, 70)
        _box(picture, area, paper)
        centre = (left + wide, top + tall)
        blot = _vary((120, 110, 110), random, 90)
        cv2.ellipse(
            picture, centre, (wide // 2, tall // 2), 0, 0, 360, blot, -1
        )
        cv2.circle(picture, (left + wide // 2, top + tall // 2), 10, blot, -1)
        _box(picture, area, _vary((70, 56, 44), random, 40), 7)


def _plant(
    picture: np.ndarray, x: int, floor: int, random: np.random.Generator
) -> None:
    pot = _vary((168, 98, 68), random, 30)
    top = floor - int(random.integers(60, 130))
    for _ in range(int(random.integers(14, 26))):
        angle = random.uniform(np.pi * 1.05, np.pi * 1.95)
        length = random.uniform(70, 190)
        centre = (
            int(x + np.cos(angle) * length / 2),
            int(top + np.sin(angle) * length / 2),
        )
        leaf = _vary((62, 112, 58), random, 24)
        axes = (int(length / 2), int(random.integers(8, 20)))
        turn = float(np.degrees(angle))
        cv2.ellipse(picture, centre, axes, turn, 0, 360, leaf, -1)
    outline = [(x - 42, top), (x + 42, top), (x + 32, floor), (x - 32, floor)]
    cv2.fillPoly(picture, [np.array(outline, np.int32)], pot)


def _curtain(
    picture: np.ndarray, x: int, floor: int, random: np.random.Generator
) -> None:
    height, width = picture.shape[:2]
    cloth = _vary((146, 128, 124), random, 40)
    half = int(width * random.uniform(0.07, 0.15))
    fold = int(random.integers(14, 26))
    for i, left in enumerate(range(x - half, x + half, fold)):
        tone = shade(cloth, 1.0 if i % 2 else 0.84)
        _box(picture, (left, 0, left + fold, floor), tone)


def _lamp(
    picture: np.ndarray, x: int, floor: int, random: np.random.Generator
) -> None:
    height, width = picture.shape[:2]
    top = int(height * random.uniform(0.1, 0.35))
    cv2.line(picture, (x, top), (x, floor), (60, 56, 52), 8)
    shape = [(x - 34, top - 60), (x + 34, top - 60), (x + 62, top + 26)]
    shape.append((x - 62, top + 26))
    glow = _vary((244, 226, 176), random, 10)
    cv2.fillPoly(picture, [np.array(shape, np.int32)], glow)


def _shine(
    picture: np.ndarray,
    tint: tuple[float, float, float],
    random: np.random.Generator,
) -> np.ndarray:
    """The same wall in coloured light that falls off across it."""
    corners = random.uniform(0.72, 1.08, (2, 2)).astype(np.float32)
    size = (picture.shape[1], picture.shape[0])
    light = cv2.resize(corners, size, interpolation=cv2.INTER_LINEAR)
    light = cv2.merge([light * np.float32(factor) for factor in tint])
    return cv2.multiply(picture, light, dtype=cv2.CV_8U)
