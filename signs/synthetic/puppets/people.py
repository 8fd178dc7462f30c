"""Who signs, in which clothes and in front of which room.

Colours are RGB, lengths metres of the signer's own body.
"""

from dataclasses import dataclass, replace

import numpy as np

Colour = tuple[int, int, int]

SKINS: tuple[Colour, ...] = (
    (232, 190, 162),
    (198, 146, 110),
    (245, 208, 184),
    (141, 94, 66),
    (219, 170, 134),
    (104, 68, 48),
    (236, 198, 168),
    (172, 120, 86),
)
HAIRS: tuple[Colour, ...] = (
    (54, 38, 28),
    (28, 24, 24),
    (150, 108, 60),
    (98, 62, 38),
    (190, 158, 104),
    (120, 118, 118),
    (128, 62, 34),
)
HAIRCUTS = ("short", "long", "parted", "bun", "curly", "bald", "bob")
CLOTHES: tuple[Colour, ...] = (
    (52, 72, 112),
    (150, 48, 52),
    (70, 70, 76),
    (58, 110, 84),
    (208, 204, 196),
    (186, 140, 62),
    (96, 66, 116),
    (84, 138, 168),
    (38, 40, 48),
    (168, 108, 124),
)
PATTERNS = ("plain", "stripes", "plain", "print", "buttons", "jacket")
TROUSERS: tuple[Colour, ...] = ((46, 56, 78), (40, 40, 44), (96, 86, 70))


@dataclass(frozen=True)
class Person:
    """What stays the same whenever somebody is recorded.

    size: of the whole body, 1 is average; shoulders: from the throat to a
    shoulder, metres; width: of the trunk, 1 is average; jaw: its width, 1 is
    average; tempo: of signing, 1 is average; amplitude: a factor; lift: how
    far the elbows are held off the body, 0 to 1; rest: where the hands are
    before and after (out, up, forward).
    """

    skin: Colour
    hair: Colour
    haircut: str
    beard: bool
    glasses: bool
    size: float
    shoulders: float
    width: float
    jaw: float
    left_handed: bool
    tempo: float
    amplitude: float
    lift: float
    rest: tuple[float, float, float]


@dataclass(frozen=True)
class Recording:
    """What stays the same while a camera stands in front of a signer.

    shirt, second, trousers: colours; pattern: of the shirt; sleeve: how much
    of the arm it covers, 0 to 1; collar: depth of the neckline, metres;
    room: seed of the background; place: where the throat is in the picture,
    in shares of its width and height; zoom: a factor; tint: of the light,
    RGB factors; lit_from: -1 if the light comes from the left, 1 from the
    right; noise: of the camera, in grey levels.
    """

    shirt: Colour
    second: Colour
    trousers: Colour
    pattern: str
    sleeve: float
    collar: float
    room: int
    place: tuple[float, float]
    zoom: float
    tint: tuple[float, float, float]
    lit_from: int
    noise: int


def person(seed: int, number: int) -> Person:
    """Performer `number`: the same one for the same seed.

    What people notice first (skin, hair) goes round, so that even few
    performers differ; one in six is left-handed.
    """
    random = np.random.default_rng([seed, 1, number])
    haircut = HAIRCUTS[number % len(HAIRCUTS)]
    arms_hang = random.random() < 0.6
    return Person(
        skin=_near(SKINS[number % len(SKINS)], random, 8),
        hair=_near(HAIRS[(3 * number + 1) % len(HAIRS)], random, 10),
        haircut=haircut,
        beard=haircut in ("short", "bald", "parted") and random.random() < 0.5,
        glasses=bool(random.random() < 0.3),
        size=float(random.uniform(0.94, 1.06)),
        shoulders=float(random.uniform(0.17, 0.205)),
        width=float(random.uniform(0.86, 1.18)),
        jaw=float(random.uniform(0.85, 1.1)),
        left_handed=number % 6 == 2,
        tempo=float(np.exp(random.normal(0, 0.15))),
        amplitude=float(random.uniform(0.85, 1.2)),
        lift=float(random.uniform(0, 0.4)),
        rest=(0.24, -0.55, 0.08) if arms_hang else (0.09, -0.43, 0.2),
    )


def recording(seed: int, signer: int, session: int) -> Recording:
    """One recording of a performer: room, clothes, light and camera."""
    random = np.random.default_rng([seed, 2, signer, session])
    shirt, second = random.choice(len(CLOTHES), 2, replace=False)
    sleeves = ((1.0, 0.45), (0.5, 0.2), (0.72, 0.15), (0.28, 0.2))
    lengths, chances = zip(*sleeves, strict=True)
    warm = random.uniform(-0.07, 0.07)
    bright = random.uniform(0.82, 1.08)
    return Recording(
        shirt=_near(CLOTHES[shirt], random, 14),
        second=_near(CLOTHES[second], random, 14),
        trousers=_near(TROUSERS[random.integers(len(TROUSERS))], random, 8),
        pattern=PATTERNS[random.integers(len(PATTERNS))],
        sleeve=float(random.choice(lengths, p=chances)),
        collar=float(random.choice([0.02, 0.035, 0.08])),
        room=int(random.integers(2**31)),
        place=(
            float(random.uniform(0.43, 0.57)),
            float(random.uniform(0.43, 0.49)),
        ),
        zoom=float(random.uniform(0.92, 1.08)),
        tint=(bright * (1 + warm), bright, bright * (1 - warm)),
        lit_from=int(random.choice([-1, 1])),
        noise=int(random.integers(2, 5)),
    )


def in_light(who: Person, where: Recording) -> tuple[Person, Recording]:
    """The same two, with the colours that they have in this light."""

    def lit(colour: Colour) -> Colour:
        tinted = np.array(colour) * where.tint
        red, green, blue = np.clip(tinted, 0, 255).astype(int).tolist()
        return red, green, blue

    return (
        replace(who, skin=lit(who.skin), hair=lit(who.hair)),
        replace(
            where,
            shirt=lit(where.shirt),
            second=lit(where.second),
            trousers=lit(where.trousers),
        ),
    )


def _near(colour: Colour, random: np.random.Generator, spread: int) -> Colour:
    """A colour close to the given one."""
    off = random.integers(-spread, spread + 1, 3)
    red, green, blue = np.clip(np.array(colour) + off, 0, 255).tolist()
    return red, green, blue
