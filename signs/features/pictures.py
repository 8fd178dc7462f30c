"""What a CNN is shown of a clip: its pictures, or the movement in them."""

import cv2
import numpy as np

# By how much a copy of a clip is changed, at most: its scale, as a power of
# two; its place, as a share of the picture; its turn, in degrees.
SCALE, SHIFT, TURN = 0.3, 0.1, 12.0


def motion_images(pictures: np.ndarray) -> np.ndarray:
    """Shows movement as colour: before is red, now is green, after is blue.

    What stands still is grey, and what moves has coloured edges, which a CNN
    that was trained on photographs tells apart. The first picture stands in
    for the one before it, and the last one for the one after it. Kim and Won
    2020, Action recognition in videos using pre-trained 2D convolutional
    neural networks, IEEE Access 8.

    Args:
        pictures: of one clip, RGB, uint8, (frames, height, width, 3).

    Returns:
        uint8, of the same shape.
    """
    grey = np.stack([cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in pictures])
    before = np.concatenate([grey[:1], grey[:-1]])
    after = np.concatenate([grey[1:], grey[-1:]])
    return np.stack([before, grey, after], axis=-1)


def show(pictures: np.ndarray, motion: bool) -> np.ndarray:
    """What a CNN sees of a clip: its pictures, or its motion images."""
    return motion_images(pictures) if motion else pictures


def jitter(pictures: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Moves, scales and turns all pictures of a clip in the same way.

    So would another camera, or another person, have it. Beyond the border
    its pixels go on.

    Args:
        pictures: of one clip, uint8, (frames, height, width, 3).
        random: what draws scale, place and turn.

    Returns:
        uint8, of the same shape.
    """
    _, height, width, _ = pictures.shape
    scale, right, down, turn = random.uniform(-1, 1, 4)
    matrix = cv2.getRotationMatrix2D(
        (width / 2, height / 2), TURN * turn, 2 ** (SCALE * scale)
    )
    matrix[:, 2] += SHIFT * width * right, SHIFT * height * down
    moved = [
        cv2.warpAffine(
            picture,
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for picture in pictures
    ]
    return np.stack(moved)
