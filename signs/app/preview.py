"""A take as its frames, in one picture; decoded where it can do no harm."""

from pathlib import Path

import cv2
import numpy as np
from pebble import ProcessExpired, ProcessPool

from signs.core.errors import UserError
from signs.video import decode, images

FRAMES = 20
COLUMNS = 10
WIDTH = 108  # of one frame, in pixels
SECONDS = 60.0  # the longest that looking at one video may take


def strip(video: Path) -> bytes:
    """The frames that the network would see, in rows of ten, as JPEG.

    Args:
        video: any file.

    Raises:
        ValueError: if no picture can be decoded.
        OSError: if it cannot be read.
    """
    pictures = decode.read_frames(video, FRAMES, short_side=WIDTH)
    height = max(1, round(WIDTH * pictures[0].shape[0] / pictures[0].shape[1]))
    small = [
        cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA)
        for picture in pictures
    ]
    rows = [
        np.hstack(small[start : start + COLUMNS])
        for start in range(0, FRAMES, COLUMNS)
    ]
    return images.encode_jpeg(np.vstack(rows))


class Previews:
    """Looks at videos in a process of its own, which may hang or die."""

    def __init__(self) -> None:
        self._pool = ProcessPool(max_workers=1)

    def strip(self, video: Path) -> bytes:
        """As `strip`, but the page lives on whatever the video does.

        Raises:
            UserError: if the video cannot be read, with the reason.
        """
        try:
            return self._pool.schedule(
                strip, args=[video], timeout=SECONDS
            ).result()
        except TimeoutError as error:
            reason = f"it took longer than {SECONDS:.0f} seconds"
            raise UserError(f"{video.name}: {reason}") from error
        except ProcessExpired as error:
            raise UserError(
                f"{video.name}: the decoder crashed on it"
            ) from error
        except (ValueError, OSError) as error:
            reason = str(error).replace(f": {video}", "")
            raise UserError(f"{video.name}: {reason}") from error

    def close(self) -> None:
        self._pool.stop()
        self._pool.join()
