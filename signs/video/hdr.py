"""High dynamic range, as a usual screen shows it.

Phones film in HLG, and some cameras in PQ (both in ITU-R BT.2100), with the
primary colours of BT.2020. Taken as if they were BT.709, such pictures are
grey and flat. Here each channel is made light, dimmed, and made BT.709 by one
table of 256 numbers; the primaries are changed last, which is exact for greys
and near enough for skin.
"""

from functools import cache

import cv2
import numpy as np

_WHITE = 203.0  # candela a square metre of a white sheet (ITU-R BT.2408)
_PEAK = 1000.0  # of the screen that HLG is made for
_KNEE = 0.5  # of white: what is brighter than this is dimmed
_GAMMA = 2.4  # of a usual screen (ITU-R BT.1886)
# Light of red, green, blue in BT.2020 to that in BT.709 (ITU-R BT.2087).
_TO_BT709 = np.array(
    [
        [1.6605, -0.5876, -0.0728],
        [-0.1246, 1.1329, -0.0083],
        [-0.0182, -0.1006, 1.1187],
    ]
)


def from_pq(picture: np.ndarray) -> np.ndarray:
    """A picture in PQ (RGB, uint8) as one in BT.709."""
    return _shown(picture, _pq_table())


def from_hlg(picture: np.ndarray) -> np.ndarray:
    """A picture in HLG (RGB, uint8) as one in BT.709."""
    return _shown(picture, _hlg_table())


def _shown(picture: np.ndarray, table: np.ndarray) -> np.ndarray:
    return cv2.transform(cv2.LUT(picture, table), _TO_BT709)


@cache
def _pq_table() -> np.ndarray:
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = np.linspace(0, 1, 256) ** (1 / m2)
    return _table(
        10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    )


@cache
def _hlg_table() -> np.ndarray:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    code = np.linspace(0, 1, 256)
    scene = np.where(
        code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12
    )
    return _table(_PEAK * scene**1.2)


def _table(light: np.ndarray) -> np.ndarray:
    """What to show for each code, of its light in candela a square metre."""
    light = light / _WHITE
    over = np.maximum(light - _KNEE, 0) / (1 - _KNEE)
    dimmed = np.minimum(light, _KNEE) + (1 - _KNEE) * over / (1 + over)
    return np.round(255 * dimmed ** (1 / _GAMMA)).astype(np.uint8)
