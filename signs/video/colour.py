"""From a decoded picture to an upright one in RGB."""

from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import (
    ColorRange,
    Colorspace,
    ColorTrc,
    VideoReformatter,
)

from signs.video import hdr
from signs.video.images import fit

# What a video says of its matrix (ITU-T H.273, table 4), as FFmpeg's
# converter takes it. The other numbers say nothing, or are very rare.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
_HDR = {
    int(ColorTrc.SMPTE2084): hdr.from_pq,
    int(ColorTrc.ARIB_STD_B67): hdr.from_hlg,
}
# Pixels that are further from square are an error of the file.
_MOST_STRETCHED = 4


class Converter:
    """Turns decoded pictures into RGB.

    One for all pictures of a video, as FFmpeg's tables are made once.
    """

    def __init__(self, pixel: Fraction | None = None):
        """
        Args:
            pixel: width by height of a pixel on screen; None for square ones.
        """
        if not pixel or not 1 / _MOST_STRETCHED <= pixel <= _MOST_STRETCHED:
            pixel = Fraction(1)
        self._pixel = float(pixel)
        self._turn: Turn | None = None
        self._reformatter = VideoReformatter()

    def __call__(
        self, frame: VideoFrame, short_side: int | None = None
    ) -> np.ndarray:
        """Converts a picture; see `Video.picture`."""
        if self._turn is None or frame.key_frame:
            self._turn = _turn(frame)
        try:
            picture = fit(self._opaque(frame), self._pixel, short_side)
            if frame.color_trc in _HDR:
                picture = _HDR[frame.color_trc](picture)
        except (av.FFmpegError, cv2.error) as error:
            text = f"a picture cannot be converted: {error}"
            raise ValueError(text) from error
        return self._turn(picture)

    def _opaque(self, frame: VideoFrame) -> np.ndarray:
        """A picture in RGB; what is transparent in it shows black."""
        form = frame.format.name
        if not _has_alpha(form):
            picture = self._rgb(frame, "rgb24")
            if frame.color_range == ColorRange.MPEG and form.startswith("gray"):
                # The converter takes all grey for full range.
                picture = cv2.LUT(picture, _full_range())
            return picture
        picture = self._rgb(frame, "rgba")
        colours, alpha = picture[..., :3], picture[..., 3:]
        # No alpha at all is a file that leaves that byte empty.
        if alpha.min() == 255 or not alpha.any():
            return np.ascontiguousarray(colours)
        return (colours * (alpha / np.float32(255)) + 0.5).astype(np.uint8)

    def _rgb(self, frame: VideoFrame, form: str) -> np.ndarray:
        matrix = _MATRICES.get(frame.colorspace)
        if matrix is None and not frame.format.is_rgb:
            # As players guess it.
            is_large = frame.width >= 1280 or frame.height > 576
            matrix = Colorspace.ITU709 if is_large else Colorspace.ITU601
        return self._reformatter.reformat(
            frame, format=form, src_colorspace=matrix, threads=1
        ).to_ndarray()


class Turn(NamedTuple):
    """How to put a stored picture upright.

    Attributes:
        transpose: whether rows become columns.
        down, right: -1 where that order of pixels is turned round, else 1.
    """

    transpose: bool = False
    down: int = 1
    right: int = 1

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        if self == _UPRIGHT:
            return picture
        if self.transpose:
            picture = picture.swapaxes(0, 1)
        return np.ascontiguousarray(picture[:: self.down, :: self.right])


_UPRIGHT = Turn()
# By quarter turns against the clock.
_TURNS = [_UPRIGHT, Turn(True, -1, 1), Turn(False, -1, -1), Turn(True, 1, -1)]


def _turn(frame: VideoFrame) -> Turn:
    """What a picture's display matrix says: turns, mirrors, or both."""
    try:
        side_data: Any = frame.side_data
    except ValueError:  # PyAV does not know all kinds of side data
        return _TURNS[round(frame.rotation / 90) % 4]
    matrix = side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return _UPRIGHT
    # Where a point (x, y) goes: (a x + c y, b x + d y).
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    transpose = abs(b) + abs(c) > abs(a) + abs(d)
    x, y = (c, b) if transpose else (a, d)
    return Turn(transpose, -1 if y < 0 else 1, -1 if x < 0 else 1)


@cache
def _has_alpha(form: str) -> bool:
    return any(part.is_alpha for part in VideoFormat(form).components)


@cache
def _full_range() -> np.ndarray:
    codes = (np.arange(256) - 16) * 255 / 219
    return np.round(codes.clip(0, 255)).astype(np.uint8)
