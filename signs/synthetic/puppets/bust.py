"""Trunk and head of a person: drawn once per clip, then moved as a whole.

Outlines are written as `x,y x,y ...` in millimetres from the hollow of the
throat, x to the right of the picture and y up; metres everywhere else.
"""

import numpy as np

from signs.synthetic.puppets.people import Colour, Person, Recording
from signs.synthetic.puppets.rooms import shade
from signs.synthetic.puppets.sprite import Brush, Sprite

INK: Colour = (30, 24, 24)
EYES: tuple[Colour, ...] = (
    (86, 60, 40),
    (70, 96, 120),
    (72, 92, 66),
    (54, 40, 32),
)
# The lower edge of the hair, from the right ear over the forehead; what is
# symmetric stops in the middle.
HAIRLINES = {
    "short": "84,200 76,250 50,283 0,276",
    "long": "86,170 78,240 30,295 0,310",
    "parted": "85,200 74,255 -20,262 -45,300 -70,260 -85,200",
    "bun": "86,200 70,265 0,295",
    "curly": "86,200 70,250 35,270 0,258",
    "bob": "87,130 76,220 70,250 0,252",
}
# The right half of what falls down behind the face.
LOCKS = {
    "long": "0,330 85,300 115,200 125,0 130,-170 60,-190 55,50 0,60",
    "bob": "0,330 85,300 118,200 122,80 60,65 0,80",
}


def draw_trunk(who: Person, where: Recording, scale: float) -> Sprite:
    """Draws shoulders, chest and hips with the clothes.

    Args:
        who, where: the person, and the clothes.
        scale: pixels per metre.
    """
    brush = Brush(scale, half_width=0.25, top=0.1, bottom=-1.3)
    wide = np.array([who.width, 1.0])
    legs = _both(_points("0,-580 150,-580 190,-1300 0,-1300"))
    brush.area(legs * wide, where.trousers)
    gap = _points("0,-740 12,-1300 -12,-1300")
    brush.area(gap, shade(where.trousers, 0.6))
    half = _trunk(who)
    brush.area(_both(half), where.shirt)
    # The side that the light does not reach.
    edge = half[3:-1] * (-where.lit_from, 1)
    dark = np.concatenate([edge, edge[::-1] * (0.72, 1)])
    brush.area(dark, shade(where.shirt, 0.84))
    _pattern(brush, who, where)
    fold = _points("150,-130 125,-200 115,-300") * wide
    for side in (-1, 1):
        brush.line(fold * (side, 1), shade(where.shirt, 0.68), 0.006)
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
    brush = Brush(scale, half_width=0.16, top=0.41, bottom=-0.2)
    _hair_behind(brush, who)
    _neck_and_ears(brush, who)
    face = _face(who)
    brush.area(face, shade(who.skin, 0.82))
    lit = face * (0.93, 0.985) + (0.006 * where.lit_from, 0.004)
    brush.area(lit, who.skin)
    if who.beard:
        _beard(brush, who, face)
    _eyes_and_nose(brush, who)
    _hair_above(brush, who)
    if who.glasses:
        _glasses(brush)
    faceless = brush.picture.copy()
    red, green, blue = who.skin
    lips = (round(red * 0.82), round(green * 0.58), round(blue * 0.58))
    brush.oval((0.0, 0.12), (0.029, 0.0095), lips)
    brush.line(_points("-28,122 0,119 28,122"), shade(lips, 0.6), 0.004)
    closed = brush.sprite()
    brush.picture = faceless
    brush.oval((0.0, 0.117), (0.024, 0.017), lips)
    brush.oval((0.0, 0.117), (0.017, 0.01), (70, 26, 28))
    return closed, brush.sprite()


def _points(text: str) -> np.ndarray:
    """From millimetres, `x,y x,y ...`, to metres; (points, 2)."""
    pairs = [pair.split(",") for pair in text.split()]
    return np.array(pairs, float) / 1000


def _both(half: np.ndarray) -> np.ndarray:
    """A symmetric outline from its right half."""
    return np.concatenate([half, half[::-1] * (-1, 1)])


def _trunk(who: Person) -> np.ndarray:
    """The right half of the trunk's outline, from the neck down."""
    neck = _points("0,45 58,45 90,12")
    shoulder = _points("-20,-15 18,-50 20,-100") + (who.shoulders, 0)
    side = _points("162,-190 145,-380 165,-620") * (who.width, 1)
    return np.concatenate([neck, shoulder, side, _points("0,-630")])


def _pattern(brush: Brush, who: Person, where: Recording) -> None:
    """What is on the shirt, in the second colour."""
    second = where.second
    if where.pattern == "stripes":
        for y in np.arange(-0.08, -0.6, -0.06):
            edge = 0.19 if y > -0.12 else 0.15 * who.width
            half = np.array([(0, y), (edge, y), (edge, y - 0.025)])
            brush.area(_both(np.append(half, [(0, y - 0.025)], 0)), second)
    if where.pattern == "print":
        brush.oval((0.0, -0.24), (0.07, 0.06), second)
        brush.oval((0.0, -0.24), (0.035, 0.03), where.shirt)
    if where.pattern == "buttons":
        placket = _points("0,-50 0,-620")
        brush.line(placket, shade(where.shirt, 0.7), 0.005)
        for y in np.arange(-0.1, -0.6, -0.09).tolist():
            brush.oval((0.0, y), (0.007, 0.007), second)
    if where.pattern == "jacket":
        brush.area(_both(_points("0,40 50,30 60,-250 75,-630 0,-630")), second)
        lapel = _points("50,40 100,-20 85,-120 60,-250")
        for side in (-1, 1):
            brush.area(lapel * (side, 1), shade(where.shirt, 0.75))


def _neckline(brush: Brush, who: Person, where: Recording) -> None:
    """The skin above the collar, and the collar's edge."""
    deep = where.collar
    curve = np.array([(0.062, 0.05), (0.056, 0.01), (0.03, -0.7 * deep)])
    curve = np.append(curve, [(0.0, -deep)], 0)
    brush.area(_both(curve), shade(who.skin, 0.9))
    brush.line(_both(curve), shade(where.shirt, 0.66), 0.01)


def _neck_and_ears(brush: Brush, who: Person) -> None:
    skin = who.skin
    brush.area(_both(_points("0,120 52,120 60,0 0,-20")), shade(skin, 0.9))
    # The shadow of the chin.
    brush.area(_both(_points("0,130 52,130 52,60 0,35")), shade(skin, 0.7))
    for side in (-1, 1):
        brush.oval((side * 0.089, 0.19), (0.015, 0.028), shade(skin, 0.82))
        brush.oval((side * 0.089, 0.188), (0.008, 0.017), shade(skin, 0.7))


def _face(who: Person) -> np.ndarray:
    """The outline of the face; (points, 2)."""
    angle = np.linspace(0, 2 * np.pi, 48)
    x, y = np.sin(angle), np.cos(angle)
    low = np.clip(-y, 0, 1)
    x = x * (1 - 0.3 * low**2 * (1.6 - who.jaw))
    return np.stack([0.089 * x, 0.196 + 0.128 * y], axis=1)


def _eyes_and_nose(brush: Brush, who: Person) -> None:
    skin = who.skin
    fair = sum(skin) > 480
    iris = EYES[sum(who.hair) % len(EYES)] if fair else EYES[-1]
    for side in (-1, 1):
        x = side * 0.036
        brush.oval((x, 0.205), (0.021, 0.014), shade(skin, 0.86))
        brush.oval((x, 0.204), (0.0165, 0.0095), (240, 238, 234))
        brush.oval((x, 0.205), (0.008, 0.0088), iris)
        brush.oval((x, 0.205), (0.004, 0.004), INK)
        lid = _points("-18,207 0,215 18,207") + (x, 0)
        brush.line(lid, shade(skin, 0.4), 0.005)
        brow = _points("-18,232 0,240 20,233") * (side, 1) + (x, 0)
        brush.line(brow, shade(who.hair, 0.8), 0.009)
    nose = _points("4,200 8,172 15,158 0,152 -14,158")
    brush.line(nose, shade(skin, 0.68), 0.006)


def _glasses(brush: Brush) -> None:
    brush.line(_points("-10,210 10,210"), INK, 0.005)
    for side in (-1, 1):
        brush.oval((side * 0.037, 0.205), (0.028, 0.024), INK, 0.005)
        brush.line(_points("64,210 88,215") * (side, 1), INK, 0.005)


def _beard(brush: Brush, who: Person, face: np.ndarray) -> None:
    """From one cheek around the chin to the other, and above the lip."""
    low = face[face[:, 1] < 0.165]
    first, last = low[0] * (0.8, 1), low[-1] * (0.8, 1)
    lip = _points("-35,145 35,145")
    outline = np.concatenate([low, [last], lip, [first]])
    brush.area(outline * (1.03, 1) - (0, 0.004), shade(who.hair, 0.9))


def _hair_behind(brush: Brush, who: Person) -> None:
    """What of the hair is behind face and neck."""
    hair = shade(who.hair, 0.72)
    if who.haircut in LOCKS:
        brush.area(_both(_points(LOCKS[who.haircut])), hair)
    if who.haircut == "bun":
        brush.oval((0.0, 0.355), (0.045, 0.04), hair)
    if who.haircut == "curly":
        for angle in np.linspace(-0.25 * np.pi, 1.25 * np.pi, 15):
            x, y = float(np.cos(angle)), float(np.sin(angle))
            brush.oval((0.1 * x, 0.235 + 0.1 * y), (0.038, 0.038), hair)


def _hair_above(brush: Brush, who: Person) -> None:
    """What of the hair is on the head."""
    if who.haircut not in HAIRLINES:
        return  # bald
    # From the left ear over the crown to the right one, and back.
    angle = np.linspace(-0.62 * np.pi, 0.62 * np.pi, 30)
    crown = np.stack([np.sin(angle), np.cos(angle)], 1) * (0.098, 0.137)
    crown += (0, 0.203)
    line = _points(HAIRLINES[who.haircut])
    if line[-1, 0] == 0:
        line = _both(line)
    brush.area(np.concatenate([crown, line]), who.hair)
    shine = crown[6:16] * (0.8, 1) - (0, 0.022)
    brush.line(shine, shade(who.hair, 1.35), 0.008)
