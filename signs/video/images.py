"""Pictures in memory and on disk.

Every picture in this project is RGB, uint8, of shape (height, width, 3);
OpenCV's BGR stays inside this file.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from signs.core import files

JPEG_QUALITY = 90

# Pictures are small, and the processes and threads that work side by side are
# as many as there are cores.
cv2.setNumThreads(1)


def shrink(picture: np.ndarray, short_side: int | None) -> np.ndarray:
    """Shrinks a picture to at most `short_side` pixels on the short side."""
    return fit(picture, 1.0, short_side)


def fit(
    picture: np.ndarray, pixel: float, short_side: int | None
) -> np.ndarray:
    """Shrinks a picture to square pixels, and to a largest short side.

    Args:
        picture: uint8.
        pixel: width by height of one of its pixels.
        short_side: pixels that its shorter side has at most; None for any.

    Returns:
        The picture, no side of it longer than before.
    """
    height, width = picture.shape[:2]
    wide, high = width * min(1.0, pixel), height * min(1.0, 1 / pixel)
    scale = min(1.0, (short_side or float("inf")) / min(wide, high))
    size = (max(1, round(wide * scale)), max(1, round(high * scale)))
    if size == (width, height):
        return picture
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def squash(picture: np.ndarray, size: int) -> np.ndarray:
    """Resizes a picture to (size, size, 3), whatever its aspect.

    This is what a CNN sees, and what the 2018 prototype did: nothing of a
    wide gesture is cut off.
    """
    height, width = picture.shape[:2]
    shrinks = height >= size and width >= size
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(picture, (size, size), interpolation=method)


def encode_jpeg(picture: np.ndarray) -> bytes:
    """A picture (RGB) as the bytes of a JPEG file."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    height, width = picture.shape[:2]
    with _explained(f"a picture of {width}x{height} cannot be a JPEG"):
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        done, encoded = cv2.imencode(".jpg", bgr, flags)
    if not done:
        raise ValueError(f"a picture of {width}x{height} cannot be a JPEG")
    return encoded.tobytes()


def decode_jpeg(content: bytes) -> np.ndarray:
    """The picture (RGB) in the bytes of a JPEG file.

    Raises:
        ValueError: if it is damaged.
    """
    buffer = np.frombuffer(content, np.uint8)
    picture = None
    # OpenCV fills the lost part of a cut file with grey and says nothing, but
    # a whole JPEG ends with its end-of-image marker.
    if buffer.size > 2 and content.endswith(b"\xff\xd9"):
        with _explained("damaged JPEG"):
            picture = cv2.imdecode(buffer, cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError("damaged JPEG")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def write_jpeg(path: Path, picture: np.ndarray) -> None:
    """Writes a picture (RGB) as JPEG, atomically."""
    with files.atomic(path, sync=False) as temporary:
        temporary.write_bytes(encode_jpeg(picture))


def read_jpeg(path: Path) -> np.ndarray:
    """Reads a picture as RGB.

    Raises:
        ValueError: if it is missing or damaged.
    """
    try:
        return decode_jpeg(path.read_bytes())
    except FileNotFoundError as error:
        raise ValueError(f"the frame is missing: {path}") from error
    except ValueError as error:
        raise ValueError(f"{error}: {path}") from error


@contextmanager
def _explained(problem: str) -> Iterator[None]:
    """Turns errors of OpenCV, which has a class of its own, into others."""
    try:
        yield
    except cv2.error as error:
        raise ValueError(f"{problem} ({' '.join(str(error).split())})") from (
            error
        )
