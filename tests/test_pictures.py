import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from signs.features.pictures import jitter, motion_images

GREY = np.random.default_rng(0).integers(0, 256, (5, 24, 32), np.uint8)
CLIP = np.repeat(GREY[..., None], 3, axis=-1)


def test_motion_images_are_a_frame_and_its_neighbours():
    seen = motion_images(CLIP)
    assert seen.dtype == np.uint8
    for frame, (before, after) in enumerate(
        [(0, 1), (0, 2), (1, 3), (2, 4), (3, 4)]
    ):
        expected = np.stack([GREY[before], GREY[frame], GREY[after]], axis=-1)
        np.testing.assert_array_equal(seen[frame], expected)


def test_what_stands_still_is_grey_in_motion_images():
    still = np.repeat(CLIP[:1], 4, axis=0)
    np.testing.assert_array_equal(motion_images(still), still)


@given(st.integers(0, 2**32 - 1))
def test_a_copy_is_changed_alike_in_all_frames(seed: int):
    still = np.repeat(CLIP[:1], 3, axis=0)
    copy = jitter(still, np.random.default_rng(seed))
    assert copy.shape == still.shape and copy.dtype == np.uint8
    assert (copy == copy[:1]).all()
    assert (copy != still).any()
    again = jitter(still, np.random.default_rng(seed))
    np.testing.assert_array_equal(copy, again)


@given(st.integers(0, 2**32 - 1))
def test_a_copy_stays_near(seed: int):
    """What is in the middle neither leaves the picture nor vanishes."""
    clip = np.zeros((1, 90, 120, 3), np.uint8)
    clip[:, 35:55, 50:70] = 255
    copy = jitter(clip, np.random.default_rng(seed))[0, ..., 0] / 255
    assert 0.6 < copy.sum() / 400 < 1.6
    rows, columns = np.nonzero(copy > 0.5)
    assert abs(rows.mean() - 45) < 15 and abs(columns.mean() - 60) < 20
