"""Signs of a recording as a table, as subtitles, and in a copy of it."""

import html
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from signs.core import files
from signs.data import clips_table
from signs.inference import overlay
from signs.inference.live import Sign
from signs.video.camera import Camera


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

    Args:
        path: an `.mp4` file.
        video: what to copy.
        signs: in the order of time.

    Raises:
        ValueError: if OpenCV cannot write it.
    """
    with files.atomic(path) as temporary, Camera(str(video)) as camera:
        writer = None
        written = 0
        try:
            for seconds, picture in camera.pictures(at_own_pace=False):
                if writer is None:
                    writer = _open(temporary, picture, camera.rate, path)
                labelled = label(picture, seconds, signs)
                # The copy has a steady rate, whatever the original has.
                due = round(seconds * camera.rate) + 1
                for _ in range(due - written):
                    writer.write(labelled)
                written = max(written, due)
        finally:
            if writer is not None:
                writer.release()


def label(
    picture: np.ndarray, seconds: float, signs: Iterable[Sign]
) -> np.ndarray:
    """A picture (RGB) as BGR, with the sign of that time below."""
    canvas = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    height, width = canvas.shape[:2]
    canvas = canvas[: height - height % 2, : width - width % 2].copy()
    for sign in signs:
        if sign.start <= seconds <= sign.end:
            size = max(12, height // 12)
            strip = canvas[height - 2 * size :]
            strip[:] = strip // 3
            text = f"{one_line(sign.name)} ({sign.probability:.0%})"
            place = (width // 2, height - size * 3 // 4)
            overlay.write(
                canvas,
                text,
                place,
                size,
                overlay.WHITE,
                600,
                "centre",
                most=width,
            )
    return canvas


def _open(
    temporary: Path, picture: np.ndarray, rate: float, path: Path
) -> cv2.VideoWriter:
    height, width = picture.shape[:2]
    size = (width - width % 2, height - height % 2)
    code = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(temporary), cv2.CAP_FFMPEG, code, rate, size)
    if not writer.isOpened():
        raise ValueError(f"OpenCV cannot write the video {path}")
    return writer
