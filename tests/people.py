"""Rendered people whose hands can be found in pictures."""

import functools
from pathlib import Path

import numpy as np

from signs.synthetic.puppets.render import Clip, Format, pictures


@functools.cache
def rendered(gesture: int = 4) -> list[np.ndarray]:
    """Pictures of a person who makes a gesture with both hands."""
    form = Format(480, 360, 12, "MJPG", 330)
    return list(pictures(Clip(Path(), gesture, 1, 0, 0, 25, 0, form)))
