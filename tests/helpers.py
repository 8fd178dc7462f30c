"""What several tests need: videos whose frames can be told apart."""

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

CODECS = {".avi": "MJPG", ".mp4": "mp4v"}
BITS = (2, 8)  # rows and columns of black and white blocks in a picture


def numbered(number: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A picture (RGB) that shows a number in black and white blocks."""
    bits = [255 * (number >> bit & 1) for bit in range(BITS[0] * BITS[1])]
    blocks = np.array(bits, np.uint8).reshape(BITS)
    grey = cv2.resize(blocks, size, interpolation=cv2.INTER_NEAREST)
    return np.dstack([grey] * 3)


def number_of(picture: np.ndarray) -> int:
    """The number that a picture made by `numbered` shows."""
    grey = picture.mean(axis=2).astype(np.uint8)
    blocks = cv2.resize(grey, BITS[::-1], interpolation=cv2.INTER_AREA)
    return sum(1 << bit for bit, value in enumerate(blocks.flat) if value > 127)


def write_video(
    path: Path,
    frames: int = 24,
    size: tuple[int, int] = (64, 48),
    fps: float = 25,
    colour: tuple[int, int, int] | None = None,
    picture: Callable[[int], np.ndarray] | None = None,
) -> Path:
    """Writes a video.

    Args:
        path: its ending says which codec (`.avi`: MJPG, `.mp4`: mp4v).
        frames: how many.
        size: width and height.
        fps: frames a second.
        colour: one for all pictures (RGB); None numbers them, see
            `number_of`.
        picture: makes the picture (RGB) of each index, instead.

    Returns:
        The path.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = cv2.VideoWriter.fourcc(*CODECS.get(path.suffix.lower(), "MJPG"))
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, codec, fps, size)
    assert writer.isOpened(), path
    for index in range(frames):
        if picture is not None:
            image = picture(index)
        elif colour is not None:
            image = np.full((size[1], size[0], 3), colour, np.uint8)
        else:
            image = numbered(index, size)
        writer.write(np.ascontiguousarray(image[:, :, ::-1]))
    writer.release()
    return path


def shared(*parts: str) -> Path:
    """A path below the folder of shared test material; skips without it."""
    root = os.environ.get("SIGNS_SHARED", "")
    if not root or not Path(root).is_dir():
        pytest.skip("SIGNS_SHARED names no folder of test media")
    path = Path(root, *parts)
    if not path.exists():
        pytest.skip(f"there is no {path}")
    return path
