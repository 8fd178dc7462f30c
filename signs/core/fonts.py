"""Fonts for class names in any script.

matplotlib's own font has Latin, Greek, Cyrillic, Arabic and Hebrew letters;
for others, the machine's fonts are searched. Where none has them, a picture
shows numbers, and a message says what to install.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from pathlib import Path

from signs.core.messages import log

PLAIN = "DejaVu Sans"  # comes with matplotlib
# Tried first, where they are installed: one a script, of the usual systems.
PREFERRED = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans Thai"),
    *("Noto Sans Devanagari", "Noto Sans", "Arial Unicode MS"),
    *("Microsoft YaHei", "PingFang SC", "Hiragino Sans", "Malgun Gothic"),
    *("Leelawadee UI", "Thonburi", "Nirmala UI", "Kohinoor Devanagari"),
)


def families(texts: Iterable[str]) -> list[str]:
    """The font families that show the texts, in the order to try them.

    As matplotlib's `font.family`, which takes each letter from the first of
    them that has it.
    """
    chosen, missing = [PLAIN], _letters(texts) - _letters_of(PLAIN)
    for family in _installed() if missing else ():
        found = missing & _letters_of(family)
        if found:
            chosen.append(family)
            missing -= found
        if not missing:
            break
    return chosen


def names_to_draw(names: Sequence[str]) -> list[str]:
    """The names, or their indices where no font has the letters of a name.

    Args:
        names: class names in the order of classes.csv.
    """
    covered = set[str]().union(*map(_letters_of, families(names)))
    drawn = [
        name if _letters([name]) <= covered else f"class {index}"
        for index, name in enumerate(names)
    ]
    if drawn != list(names):
        _say_what_to_install()
    return drawn


def needs_shaping(text: str) -> bool:
    """Whether letters change with their neighbours or go to the left.

    So it is in Arabic, Hebrew, and all scripts that combine signs, such as
    Hindi's and Thai's.
    """
    return any(
        unicodedata.bidirectional(letter) in ("R", "AL", "AN")
        or unicodedata.category(letter) in ("Mn", "Mc")
        for letter in text
    )


@lru_cache(maxsize=1024)
def find_file(text: str, bold: bool = False) -> Path | None:
    """The file of a font that has all letters of a text.

    Args:
        text: what is to be drawn.
        bold: whether a bold one is better, if it is as good as any.

    Returns:
        That of the first family that will do; None if there is none.
    """
    from matplotlib.font_manager import FontProperties, findfont, get_font

    needed = _letters([text])
    for family in (
        PLAIN,
        *([] if needed <= _letters_of(PLAIN) else _installed()),
    ):
        if not needed <= _letters_of(family):
            continue
        for weight in ("bold", "normal") if bold else ("normal",):
            font = FontProperties(family=[family], weight=weight)
            path = findfont(font)
            if needed <= set(map(chr, get_font(path).get_charmap())):
                return Path(path)
    return None


def _letters(texts: Iterable[str]) -> set[str]:
    return {letter for text in texts for letter in text if not letter.isspace()}


@cache
def _installed() -> tuple[str, ...]:
    from matplotlib.font_manager import fontManager

    # The "last resort" font has a box for every letter.
    names = {
        font.name
        for font in fontManager.ttflist
        if not font.name.startswith("Last Resort")
    }
    first = [name for name in PREFERRED if name in names]
    return (*first, *sorted(names - {PLAIN, *first}))


@cache
def _letters_of(family: str) -> set[str]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    path = findfont(FontProperties(family=[family]))
    return set(map(chr, get_font(path).get_charmap()))


@cache
def _say_what_to_install() -> None:
    log.warning(
        "no font here has the letters of some class names: pictures show "
        "their index in classes.csv instead; install such a font (on Debian "
        "and Ubuntu: apt-get install fonts-noto)"
    )
