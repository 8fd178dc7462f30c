"""Signs of a recording as a table, as subtitles, and in a copy of it."""

import html
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pandas as pd
from av.video.stream import VideoStream

from signs.core import files
from signs.data import clips_table
from signs.inference.lettering import write
from signs.inference.live import Sign
from signs.inference.overlay import WHITE, shown_name
from signs.inference.predictor import UNKNOWN
from signs.video.camera import Camera

LONGEST_GAP = 2.0  # seconds that a picture of a labelled copy may stay
CODEC = "libx264" if "libx264" in av.codecs_available else "mpeg4"
CLOCK = Fraction(1, 90_000)  # seconds; MPEG's usual tick


def write_csv(path: Path, signs: Iterable[Sign]) -> None:
    """Writes start, end (in seconds), label, name, probability."""
    columns = ["start", "end", "label", "name", "probability"]
    rows = [[sign.as_json()[name] for name in columns] for sign in signs]
    clips_table.write_table(path, pd.DataFrame(rows, columns=columns))


def write_subtitles(path: Path, signs: Iterable[Sign]) -> None:
    """Writes subtitles as WebVTT (https://www.w3.org/TR/webvtt1/)."""
    cues = [
        f"{clock(sign.start)} --> {clock(sign.end)}\n"
        f"{html.escape(one_line(sign.name), quote=False)} "
        f"({sign.probability:.0%})\n"
        for sign in signs
    ]
    files.write_text(path, "\n".join(["WEBVTT\n", *cues]))


def clock(seconds: float) -> str:
    """A time as WebVTT has it: `01:02:03.450`."""
    thousandths = round(seconds * 1000)
    minutes, thousandths = divmod(thousandths, 60_000)
    return (
        f"{minutes // 60:02}:{minutes % 60:02}:"
        f"{thousandths // 1000:02}.{thousandths % 1000:03}"
    )


def one_line(text: str) -> str:
    """A text without line ends, which would end a subtitle."""
    return " ".join(text.split())


def write_video(path: Path, video: Path, signs: list[Sign]) -> None:
    """Writes a copy of a video with the labels drawn in, without its sound.

    Pictures keep their times, but for gaps: no picture stays for longer than
    `LONGEST_GAP`, whatever the time stamps say.

    Args:
        path: an `.mp4` file.
        video: what to copy.
        signs: in the order of time.

    Raises:
        ValueError: if it cannot be written.
    """
    with (
        files.atomic(path) as temporary,
        Camera(str(video)) as camera,
        _Writer(temporary, camera.rate, path) as writer,
    ):
        due, before = 0.0, None
        for seconds, picture in camera.pictures(at_own_pace=False):
            if before is not None:
                due += min(seconds - before, LONGEST_GAP)
            before = seconds
            writer.write(label(picture, seconds, signs), due)


class _Writer:
    """An MP4 file that is being written. Use it in a `with` statement."""

    def __init__(self, temporary: Path, rate: float, path: Path):
        """
        Args:
            temporary: the file.
            rate: pictures a second, about.
            path: what it will be called, for messages.
        """
        self._container = av.open(str(temporary), "w", format="mp4")
        self._rate = Fraction(rate).limit_denominator(1001)
        self._path = path
        self._stream: VideoStream | None = None
        self._last = -1

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None and self._stream is not None:
                self._encode(self._stream, None)
        finally:
            self._container.close()

    def write(self, picture: np.ndarray, seconds: float) -> None:
        """Writes a picture (RGB) that is due after so many seconds."""
        if self._stream is None:
            self._stream = self._add_stream(*picture.shape[1::-1])
        frame = av.VideoFrame.from_ndarray(picture, "rgb24")
        self._last = max(self._last + 1, round(seconds / CLOCK))
        frame.pts, frame.time_base = self._last, CLOCK
        self._encode(self._stream, frame)

    def _add_stream(self, width: int, height: int) -> VideoStream:
        stream = cast(
            VideoStream, self._container.add_stream(CODEC, rate=self._rate)
        )
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = CLOCK
        stream.options = {"preset": "veryfast", "crf": "20"}
        return stream

    def _encode(self, stream: VideoStream, frame: av.VideoFrame | None) -> None:
        try:
            for packet in stream.encode(frame):
                self._container.mux(packet)
        except av.FFmpegError as error:
            if isinstance(error, OSError) and files.is_full(error):
                raise
            raise ValueError(
                f"the video {self._path} cannot be written ({error})"
            ) from error


def label(
    picture: np.ndarray, seconds: float, signs: Iterable[Sign]
) -> np.ndarray:
    """A copy of a picture, of even size, with the sign of that time below."""
    height, width = picture.shape[:2]
    canvas = picture[: height - height % 2, : width - width % 2].copy()
    for sign in signs:
        if sign.start <= seconds <= sign.end:
            size = max(12, height // 12)
            strip = canvas[height - 2 * size :]
            strip[:] = strip // 3
            name = shown_name(sign.predictions[0]) if sign.is_known else UNKNOWN
            text = f"{one_line(name)} ({sign.probability:.0%})"
            place = (width // 2, height - size * 3 // 4)
            write(
                canvas,
                text,
                place,
                size,
                WHITE,
                600,
                "centre",
                most=width,
            )
    return canvas
