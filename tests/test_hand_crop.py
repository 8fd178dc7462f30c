"""What is cut out of pictures for a CNN that looks at hands."""

import numpy as np

from signs.features.hand_crop import crop_hands
from signs.models import landmark_layout as layout

HEIGHT, WIDTH = 200, 300


def clip(
    left: list[float | None], right: list[float | None]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Pictures of black hands on white, and where they are.

    Args:
        left, right: where the hand is in each frame, as the distance of its
            middle from the picture's left side, in heights of the picture.
    """
    landmarks = layout.empty(len(left))
    pictures = [np.full((HEIGHT, WIDTH, 3), 255, np.uint8) for _ in left]
    for side, places in enumerate((left, right)):
        for row, picture, x in zip(landmarks, pictures, places, strict=True):
            if x is None:
                continue
            points = np.full((21, 3), (x, 0.5, 0), np.float32)
            points[:2, :2] += [[-0.1, -0.1], [0.1, 0.1]]
            start = side * layout.HAND_DIM
            row[start : start + layout.HAND_DIM] = points.ravel()
            low, high = (round((x + end) * HEIGHT) for end in (-0.1, 0.1))
            picture[80:120, max(0, low) : max(0, high)] = 0
    return pictures, landmarks


def black(picture: np.ndarray) -> float:
    """Which share of a picture is black."""
    return float((picture == 0).mean())


def test_the_hand_is_in_the_middle_with_some_margin():
    for cropped in crop_hands(*clip([None] * 3, [0.3, 0.8, 1.2])):
        assert cropped.shape == (60, 60, 3)  # 40 pixels, and 1/4 on each side
        assert (cropped[12:48, 12:48] == 0).all()
        assert np.isclose(black(cropped), (40 / 60) ** 2, atol=0.03)


def test_the_signing_hand_is_the_one_seen_more_often():
    pictures, landmarks = clip([0.3, 0.3, 0.3], [None, 1.2, None])
    assert all(black(x) > 0.4 for x in crop_hands(pictures, landmarks))
    pictures[1][:, 200:] = 100  # what the other hand shows
    assert not (crop_hands(pictures, landmarks)[1] == 100).any()


def test_hands_that_touch_are_both_shown():
    cropped = crop_hands(*clip([0.55] * 3, [0.75] * 3))
    assert cropped[0].shape == (100, 100, 3)
    assert np.isclose(black(cropped[0]), 0.4 * 0.8, atol=0.03)


def test_a_gap_shows_where_the_hand_was_in_the_nearest_frame():
    pictures, landmarks = clip([None] * 4, [0.3, None, None, 1.2])
    pictures[1][:, :100] = 50
    pictures[2][:, 200:] = 70
    cropped = crop_hands(pictures, landmarks)
    assert (cropped[1] == 50).all(axis=2).mean() > 0.9
    assert (cropped[2] == 70).all(axis=2).mean() > 0.9


def test_a_hand_at_the_edge_is_not_squeezed():
    for place in (0.0, WIDTH / HEIGHT):
        cropped = crop_hands(*clip([None], [place]))
        assert cropped[0].shape == (60, 60, 3)


def test_a_hand_far_outside_is_looked_for_at_the_edge():
    for place in (-5.0, 20.0):
        (cropped,) = crop_hands(*clip([None], [place]))
        assert cropped.shape == (60, 60, 3)


def test_without_a_hand_the_whole_pictures_stay():
    pictures, landmarks = clip([None] * 2, [None] * 2)
    assert crop_hands(pictures, landmarks) == pictures
