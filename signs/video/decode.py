"""From a video file to a fixed number of pictures.

Every picture in this project is RGB, uint8, of shape (height, width, 3);
OpenCV's BGR stays inside this file.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np

from signs.core import files

JPEG_QUALITY = 90
USUAL_RATE = 25.0  # frames a second, where a file does not say

# Pictures are small, and the processes and threads that work side by side are
# as many as there are cores.
cv2.setNumThreads(1)


def sample_indices(count: int, frames: int) -> list[int]:
    """Which of `count` frames to take so that `frames` are spread evenly.

    The first and the last one are always taken (of one, the middle), and
    frames are repeated where there are too few. Rounds halves up, in whole
    numbers, so that every machine picks the same frames.

    Args:
        count: frames there are, at least 1.
        frames: frames to take, at least 1.

    Returns:
        `frames` indices from 0 to `count - 1`, none smaller than the one
        before. For example `sample_indices(5, 3)` is `[0, 2, 4]`.

    Raises:
        ValueError: if either number is below 1.
    """
    if count < 1 or frames < 1:
        raise ValueError(f"cannot take {frames} frames of {count}")
    if frames == 1:
        return [(count - 1) // 2]
    gaps = frames - 1
    return [(2 * i * (count - 1) + gaps) // (2 * gaps) for i in range(frames)]


def read_frames(
    video: Path,
    frames: int,
    start: float = 0.0,
    end: float = float("inf"),
    short_side: int | None = None,
) -> list[np.ndarray]:
    """Reads evenly spread frames of a video, or of a section of it.

    What the header says is only a guess of which frames to keep in the first
    pass; all are decoded and counted, and where the guess was wrong a second
    pass takes the right ones. Frames are upright: OpenCV follows the file's
    rotation tag.

    Args:
        video: a file that FFmpeg can read.
        frames: how many frames to take.
        start, end: section to take them from, in seconds.
        short_side: pictures are shrunk so that the shorter side has at most
            this many pixels; they are never enlarged.

    Returns:
        `frames` pictures, RGB, uint8, (height, width, 3), in time order.

    Raises:
        ValueError: if no frame can be decoded; says why.
        OSError: if the file may not be read.
    """
    if not video.is_file():
        problem = "is not a file" if video.exists() else "is missing"
        raise ValueError(f"the video {problem}: {video}")
    with video.open("rb") as file:
        if not file.read(1):
            raise ValueError(f"the video is an empty file: {video}")
    times, pictures = _decode(video, frames, start, end, short_side)
    if not times:
        raise ValueError(f"no frame can be decoded: {video}")
    # The first frames of a whole video may be due before its time 0.
    first = start if start > 0 else -math.inf
    inside = [i for i, time in enumerate(times) if first <= time < end]
    if not inside:
        raise ValueError(
            f"no frame lies between {start:g} and {end:g} seconds: the video "
            f"ends at {times[-1]:.2f} seconds: {video}"
        )
    indices = [inside[i] for i in sample_indices(len(inside), frames)]
    if not pictures.keys() >= set(indices):
        _, pictures = _decode(
            video, frames, start, end, short_side, set(indices)
        )
    if not pictures:
        raise ValueError(f"no frame can be decoded: {video}")
    # A frame that was counted but cannot be converted gives its place to the
    # nearest one that can.
    there = np.array(sorted(pictures))
    nearest = [there[np.abs(there - index).argmin()] for index in indices]
    return [pictures[index] for index in nearest]


def shrink(picture: np.ndarray, short_side: int | None) -> np.ndarray:
    """Shrinks a picture to at most `short_side` pixels on the short side."""
    height, width = picture.shape[:2]
    if short_side is None or min(height, width) <= short_side:
        return picture
    scale = short_side / min(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
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


def _open(video: Path) -> cv2.VideoCapture:
    """Opens a video; the capture is unopened where OpenCV cannot read it."""
    settings = [cv2.CAP_PROP_N_THREADS, 1]
    return cv2.VideoCapture(str(video), cv2.CAP_FFMPEG, settings)


def _decode(
    video: Path,
    frames: int,
    start: float,
    end: float,
    short_side: int | None,
    wanted: set[int] | None = None,
) -> tuple[list[float], dict[int, np.ndarray]]:
    """Decodes all frames up to the end in order, and keeps the wanted ones.

    Args:
        wanted: indices of frames; None takes the header's word.

    Returns:
        The time of each frame in seconds, and the wanted pictures (RGB) by
        index.
    """
    capture = _open(video)
    times: list[float] = []
    pictures: dict[int, np.ndarray] = {}
    try:
        rate = capture.get(cv2.CAP_PROP_FPS)
        rate = rate if 0 < rate < 1000 else USUAL_RATE
        if wanted is None:
            wanted = _guess(capture, rate, frames, start, end)
        while capture.grab():
            index = len(times)
            # Times are in whole ticks of the file's clock: a frame that is
            # due at 1 s may say 0.9999.
            stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 + 5e-4
            # Some files have no time stamps; then frames are counted.
            last = times[-1] if times else -math.inf
            if last < stamp < math.inf:
                times.append(stamp)
            else:
                times.append(last + 1 / rate if times else 0.0)
            if times[-1] >= end:
                break
            if index in wanted:
                with suppress(cv2.error):  # too large, or of unknown form
                    done, picture = capture.retrieve()
                    if done and picture is not None and picture.size:
                        pictures[index] = shrink(_to_rgb(picture), short_side)
    finally:
        capture.release()
    return times, pictures


def _guess(
    capture: cv2.VideoCapture,
    rate: float,
    frames: int,
    start: float,
    end: float,
) -> set[int]:
    """Which frames of a section to take if the header is right."""
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    # Headers claim 0, -1 or astronomical numbers as well.
    count = count if 0 < count < 10_000_000 else 0
    first = math.ceil(start * rate - 0.01)
    last = math.ceil(min(count, end * rate - 0.01))
    if last <= first:
        return set()
    return {first + i for i in sample_indices(last - first, frames)}


def _to_rgb(picture: np.ndarray) -> np.ndarray:
    if picture.ndim == 2 or picture.shape[2] == 1:
        return cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
