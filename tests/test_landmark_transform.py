"""What the numbers made of landmarks promise: what they do not depend on."""

import functools
import itertools
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given, settings

from signs.core.backend import keras
from signs.models import landmark_layout as layout
from signs.models.landmark_transform import (
    PARTS,
    TRANSFORMED_DIM,
    transform_landmarks,
)

FRAMES = 6
# What turns with the camera where no shoulders say what is up.
TURNS = ["direction", "path", "velocity"]


def person(seed: int, with_body: bool = True) -> np.ndarray:
    """Made-up landmarks of a clip: two hands that move, and a body."""
    random = np.random.default_rng(seed)
    landmarks = layout.empty(FRAMES)
    hands, body = layout.split(landmarks)
    hands = landmarks[:, : 2 * layout.HAND_DIM].reshape(FRAMES, 2, 21, 3)
    # A palm of a size that is no accident, below fingers anywhere.
    shapes = random.uniform(-0.05, 0.05, (FRAMES, 2, 21, 3))
    shapes[:, :, list(layout.KNUCKLES), 1] -= 0.1
    places = random.uniform(0.2, 0.8, (FRAMES, 2, 1, 3))
    hands[:] = shapes + places
    if with_body:
        body = landmarks[:, 2 * layout.HAND_DIM :].reshape(FRAMES, 25, 2)
        body[:] = random.uniform(0.2, 0.8, (FRAMES, 25, 2))
        body[:, layout.LEFT_SHOULDER] = [0.7, 0.5]
        body[:, layout.RIGHT_SHOULDER] = [0.4, 0.5]
    return landmarks


@functools.cache
def model(mirror: bool = False) -> keras.Model:
    """The transform as a model, which is faster than one by one."""
    inputs = keras.Input((FRAMES, layout.LANDMARK_DIM))
    return keras.Model(inputs, transform_landmarks(inputs, mirror))


def numbers(landmarks: np.ndarray, mirror: bool = False) -> np.ndarray:
    """The numbers of one clip, (frames, TRANSFORMED_DIM)."""
    return model(mirror).predict_on_batch(landmarks[None])[0]


def moved(
    landmarks: np.ndarray,
    turn: float = 0.0,
    scale: float = 1.0,
    shift: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """The same person, seen by a camera that is held otherwise."""
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    matrix = np.array([[cos, sin], [-sin, cos]], np.float32)
    landmarks = landmarks.copy()
    hands = landmarks[:, : 2 * layout.HAND_DIM].reshape(-1, 2, 21, 3)
    body = landmarks[:, 2 * layout.HAND_DIM :].reshape(-1, 25, 2)
    hands[..., :2] = hands[..., :2] @ matrix + shift
    hands[..., 2] *= scale
    body[:] = body @ matrix + shift
    return landmarks


def mirrored(landmarks: np.ndarray) -> np.ndarray:
    """The same person, with left and right swapped."""
    hands, body = layout.split(landmarks)
    hands = hands[:, ::-1] * np.array([-1, 1, 1], np.float32)
    body = body[:, layout.BODY_SWAPPED] * np.array([-1, 1], np.float32)
    return np.concatenate(
        [hands.reshape(FRAMES, -1), body.reshape(FRAMES, -1)], axis=1
    )


def gaps(landmarks: np.ndarray, seed: int) -> np.ndarray:
    """The same clip, in some frames of which a part was not seen."""
    random = np.random.default_rng(seed)
    landmarks = landmarks.copy()
    ends = [0, layout.HAND_DIM, 2 * layout.HAND_DIM, layout.LANDMARK_DIM]
    for start, end in itertools.pairwise(ends):
        landmarks[random.random(FRAMES) < 0.4, start:end] = np.nan
    return landmarks


def assert_same(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-3)


SEEDS = st.integers(0, 2**32 - 1)
few = settings(max_examples=50)


@few
@given(
    SEEDS,
    st.floats(0.3, 3),
    st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    st.booleans(),
)
def test_neither_place_nor_size_matters(seed, scale, shift, with_body):
    landmarks = gaps(person(seed, with_body), seed)
    elsewhere = moved(landmarks, 0.0, scale, shift)
    assert_same(numbers(elsewhere), numbers(landmarks))


@few
@given(SEEDS, st.floats(-3, 3))
def test_how_the_camera_is_held_does_not_matter(seed, turn):
    landmarks = person(seed)
    assert_same(numbers(moved(landmarks, turn)), numbers(landmarks))


@few
@given(SEEDS, st.floats(-3, 3))
def test_a_hand_alone_is_the_same_however_the_camera_is_held(seed, turn):
    landmarks = gaps(person(seed, with_body=False), seed)
    one, other = numbers(landmarks), numbers(moved(landmarks, turn))
    for name in PARTS.keys() - {*TURNS}:
        assert_same(other[:, PARTS[name]], one[:, PARTS[name]])


@few
@given(SEEDS, st.booleans())
def test_left_handed_signers_are_mirrored_on_request(seed, with_body):
    landmarks = gaps(person(seed, with_body), seed)
    left, right = layout.seen(landmarks)[:, :2].sum(axis=0)
    assume(left != right or left > 1)  # else none does more than the other
    one = numbers(landmarks, mirror=True)
    assert_same(numbers(mirrored(landmarks), mirror=True), one)


@few
@given(SEEDS)
def test_both_hands_are_described_alike(seed):
    landmarks = person(seed)
    one, other = numbers(landmarks), numbers(mirrored(landmarks))
    for name in ("shape", "distances"):
        left, right = np.split(one[:, PARTS[name]], 2, axis=1)
        assert_same(other[:, PARTS[name]], np.hstack([right, left]))


@few
@given(SEEDS, st.booleans())
def test_numbers_are_finite_and_of_moderate_size(seed, with_body):
    found = numbers(gaps(person(seed, with_body), seed))
    assert found.shape == (FRAMES, TRANSFORMED_DIM)
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 100


def test_a_clip_in_which_nothing_was_seen_gives_zeros():
    assert not numbers(layout.empty(FRAMES)).any()


def test_a_hand_that_was_never_seen_gives_zeros():
    landmarks = person(0)
    landmarks[:, : layout.HAND_DIM] = np.nan
    found = numbers(landmarks)
    for name in ("shape", "distances", "direction", "path", "velocity"):
        left, right = np.split(found[:, PARTS[name]], 2, axis=1)
        assert not left.any(), name
        assert right.any(), name
    assert found[:, PARTS["seen"]].tolist() == [[0, 1, 1]] * FRAMES


def test_a_gap_is_filled_from_the_nearest_frame_and_flagged():
    landmarks = person(0)
    landmarks[2:5, : layout.HAND_DIM] = np.nan
    landmarks[2:5, 2 * layout.HAND_DIM :] = np.nan
    found = numbers(landmarks)
    shape = found[:, PARTS["shape"]][:, :60]
    for frame, source in ((2, 1), (3, 1), (4, 5)):
        assert shape[frame].tolist() == shape[source].tolist()
    assert found[:, PARTS["seen"]][:, 0].tolist() == [1, 1, 0, 0, 0, 1]
    assert found[:, PARTS["seen"]][:, 1].tolist() == [1] * 6


def test_a_right_handed_signer_is_left_as_is():
    landmarks = person(0)
    landmarks[0, : layout.HAND_DIM] = np.nan
    assert_same(numbers(landmarks, mirror=True), numbers(landmarks))


def test_other_rows_are_refused():
    with pytest.raises(ValueError, match="176 numbers a frame, not 175"):
        transform_landmarks(np.zeros((1, FRAMES, 175), "float32"))


@pytest.mark.parametrize("mirror", [False, True])
def test_a_model_keeps_the_transform_when_it_is_saved(
    tmp_path: Path, mirror: bool
):
    model(mirror).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    clips = np.stack([gaps(person(seed), seed) for seed in range(4)])
    on_arrays = transform_landmarks(clips, mirror)
    assert_same(loaded.predict_on_batch(clips), np.asarray(on_arrays))
