"""From IsoGD-like clips to pictures, on one core: PyAV beside OpenCV.

The ways of OpenCV are those of this project before it took PyAV.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from benchmarks import data
from benchmarks.rounds import Engine

CLIPS = 48
Work = Callable[[], float]


def prepare(folder: Path, quick: bool) -> None:
    data.clips(folder, 2 if quick else CLIPS)


def with_opencv(clip: Path, believes: bool) -> list[np.ndarray]:
    """Evenly spread pictures (RGB) by OpenCV.

    Args:
        clip: a video.
        believes: whether to believe how many pictures the header says there
            are. Some say too many or too few, so that it had to be checked
            meanwhile, and all done again; else they are counted first.
    """
    from signs.video.sampling import sample_indices

    settings = [cv2.CAP_PROP_N_THREADS, 1]
    capture = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG, settings)
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if believes else 0
    if not believes:
        while capture.grab():
            count += 1
        capture = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG, settings)
    wanted = set(sample_indices(count, data.FRAMES))
    pictures = []
    index = 0
    while capture.grab():
        if index in wanted:
            _, picture = capture.retrieve()
            pictures.append(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        index += 1
    return pictures


def with_pyav(clip: Path) -> list[np.ndarray]:
    from signs.video import decode

    return decode.read_frames(clip, data.FRAMES)


def start_pictures(
    read: Callable[[Path], list[np.ndarray]], folder: Path, quick: bool
) -> Work:
    """Reads the pictures of each clip, and forgets them."""
    clips = _on_one_core(folder)

    def work() -> float:
        for clip in clips:
            read(clip)
        return len(clips)

    return work


def start_opencv_frames(folder: Path, quick: bool) -> Work:
    """Writes the pictures of each clip, one after the other."""
    from signs.video import images

    clips = _on_one_core(folder)

    def work() -> float:
        for clip in clips:
            to = folder / "opencv" / clip.stem
            for number, picture in enumerate(with_opencv(clip, True), 1):
                images.write_jpeg(to / f"frame-{number:03}.jpg", picture)
        return len(clips)

    return work


def start_frames(folder: Path, quick: bool) -> Work:
    """What a process of frame.py does with each clip."""
    from signs.video import frame_store

    clips = _on_one_core(folder)

    def work() -> float:
        for clip in clips:
            to = folder / "pyav" / clip.stem
            frame_store.make_frames(
                frame_store.FrameTask(clip, to, data.FRAMES)
            )
        return len(clips)

    return work


def _on_one_core(folder: Path) -> list[Path]:
    with suppress(AttributeError):  # only Linux has it
        os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    return sorted((folder / "clips").iterdir())


ENGINES = [
    Engine(
        "OpenCV, counting first",
        partial(start_pictures, partial(with_opencv, believes=False)),
    ),
    Engine(
        "OpenCV, believing the header",
        partial(start_pictures, partial(with_opencv, believes=True)),
    ),
    Engine("PyAV", partial(start_pictures, with_pyav)),
    Engine("OpenCV, to JPEG on disk", start_opencv_frames),
    Engine("PyAV, to JPEG on disk", start_frames),
]
