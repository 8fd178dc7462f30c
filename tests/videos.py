"""Small videos of every kind, made with PyAV."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from helpers import number_of, numbered

from signs.video.decode import read_frames

# Encoders that would write to the terminal.
QUIET = {"libx265": {"x265-params": "log-level=none"}}


def encode(
    path: Path,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    frames: int = 24,
    size: tuple[int, int] = (64, 48),
    rate: float = 10,
    options: dict[str, str] | None = None,
    picture: Callable[[int], np.ndarray | VideoFrame] | None = None,
    change: Callable[[Packet], None] = lambda packet: None,
    **settings: Any,
) -> Path:
    """Writes a video.

    Args:
        path: its ending says which container.
        codec: of FFmpeg's encoders.
        pixels: their form, as FFmpeg calls it.
        frames: how many.
        size: width and height.
        rate: frames a second.
        options: of the encoder.
        picture: makes each picture (RGB) from its index; without it they are
            numbered, see `number_of`.
        change: may change each packet, such as its time.
        settings: of the stream, such as `color_range`; `format` and
            `container_options` are the container's.

    Returns:
        The path.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = {
        key: settings.pop(key)
        for key in ("format", "container_options")
        if key in settings
    }
    every = {**QUIET.get(codec, {}), **(options or {})}
    with av.open(str(path), "w", **opened) as container:
        stream: Any = container.add_stream(
            codec, rate=Fraction(rate).limit_denominator(1001), options=every
        )
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        matrix = settings.pop("display_matrix", None)
        if matrix is not None:
            stream.set_display_matrix(matrix)
        for name, value in settings.items():
            setattr(stream.codec_context, name, value)
        for index in range(frames):
            image = (picture or (lambda n: numbered(n, size)))(index)
            if isinstance(image, np.ndarray):
                image = VideoFrame.from_ndarray(np.ascontiguousarray(image))
            write(container, stream.encode(image), change)
        write(container, stream.encode(None), change)
    return path


def write(
    container: Any, packets: Iterable[Packet], change: Callable[[Packet], None]
) -> None:
    for packet in packets:
        change(packet)
        container.mux(packet)


def in_yuv(
    picture: np.ndarray, pixels: str, matrix: int, colour_range: int
) -> VideoFrame:
    """A picture (RGB) with a matrix and range of one's choice.

    Args:
        matrix: `av.video.reformatter.Colorspace`.
        colour_range: `av.video.reformatter.ColorRange`.
    """
    form = "rgb48le" if picture.dtype == np.uint16 else "rgb24"
    return VideoReformatter().reformat(
        VideoFrame.from_ndarray(picture, form),
        format=pixels,
        dst_colorspace=matrix,
        dst_color_range=colour_range,
        threads=1,
    )


def fields(index: int, size: tuple[int, int]) -> np.ndarray:
    """A bar that moves, as an interlacing camera films it: top field first."""

    def bar(time: float) -> np.ndarray:
        picture = np.full((size[1], size[0], 3), 40, np.uint8)
        left = int(time * 6) % (size[0] - 16)
        picture[:, left : left + 16] = 220
        return picture

    picture = bar(index)
    picture[1::2] = bar(index + 0.5)[1::2]
    return picture


def combing(picture: np.ndarray) -> float:
    """How much each line differs from both its neighbours, in grey levels."""
    grey = picture.mean(axis=2)
    return float(np.abs(2 * grey[1:-1] - grey[:-2] - grey[2:]).mean())


def numbers(
    path: Path, frames: int, start: float = 0, end: float = float("inf")
) -> list[int]:
    """What numbers the frames show that are taken of a video."""
    return [number_of(x) for x in read_frames(path, frames, start, end)]
