"""A take as its frames, in one picture; decoded where it can do no harm."""

import functools
from pathlib import Path

import cv2
import numpy as np

from signs.app.worker import Worker
from signs.data.settings import FRAMES
from signs.features import feature_store, landmark_models
from signs.features.landmark_engine import LandmarkEngine
from signs.video import decode, images, skeleton

COLUMNS = 10
WIDTH = 108  # of one frame, in pixels
SECONDS = 60.0  # the longest that looking at one video may take


def strip(video: Path) -> bytes:
    """The frames that the network would see, in rows of ten, as JPEG.

    Where landmarks can be found, they are drawn in.

    Args:
        video: any file.

    Raises:
        ValueError: if no picture can be decoded.
        OSError: if it cannot be read.
    """
    models = landmark_models.find_at_hand()
    side = feature_store.VIDEO_SIDE if models else WIDTH
    pictures = decode.read_frames(video, FRAMES, short_side=side)
    height = max(1, round(WIDTH * pictures[0].shape[0] / pictures[0].shape[1]))
    small = [
        cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA)
        for picture in pictures
    ]
    if models:
        landmarks = _engine(models)(pictures)
        small = list(map(skeleton.draw_skeleton, small, landmarks))
    rows = [
        np.hstack(small[start : start + COLUMNS])
        for start in range(0, FRAMES, COLUMNS)
    ]
    return images.encode_jpeg(np.vstack(rows))


def check(video: Path) -> None:
    """Raises what `strip` raises, and makes no picture."""
    decode.read_frames(video, FRAMES, short_side=WIDTH)


_engine = functools.cache(LandmarkEngine)


class Previews(Worker):
    """Looks at videos in a process of its own."""

    def __init__(self) -> None:
        super().__init__(SECONDS)

    def strip(self, video: Path) -> bytes:
        """As `strip`, but the page lives on whatever the video does.

        Raises:
            UserError: if the video cannot be read, with the reason.
        """
        return self.run(strip, video)

    def check(self, video: Path) -> None:
        """Raises a `UserError` if a video cannot be read, with the reason."""
        self.run(check, video)
