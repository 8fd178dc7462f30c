import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signs.models.landmark_layout import LANDMARK_DIM, LANDMARKS
from signs.models.landmark_transform import PARTS, TRANSFORMED_DIM
from signs.training import session_mean
from signs.training.feature_dataset import FeatureDataset

LENGTH = 6


def rooms(sizes: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Which room each clip is of, and its scene; shuffled."""
    random = np.random.default_rng(seed)
    places = random.normal(size=(len(sizes), LENGTH)) * 20
    which = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return which, places[which] + random.normal(size=(len(which), LENGTH))


def same_partition(one, other) -> bool:
    pairs = set(zip(one, other, strict=True))
    return len(pairs) == len(set(one)) == len(set(other))


@pytest.mark.parametrize("sizes", [[20], [3, 3], [12, 30, 7], [5] * 12])
def test_scenes_tell_sessions_apart(sizes):
    which, scenes = rooms(sizes)
    found = session_mean.find_sessions([""] * len(which), scenes)
    assert same_partition(found, which)
    assert sorted(set(found)) == list(range(len(sizes)))


def test_known_signers_are_never_mixed():
    """Not even where they were recorded in the same room."""
    which, scenes = rooms([10, 10])
    signers = [["Ada", "Bob", ""][i % 3] for i in range(20)]
    found = session_mean.find_sessions(signers, scenes)
    expected = list(zip(signers, which, strict=True))
    assert same_partition(found, expected)


def test_a_few_clips_that_nothing_is_known_of_are_on_their_own():
    assert session_mean.find_sessions(
        ["", ""], np.zeros((2, LENGTH))
    ).tolist() == [0, 1]


def test_equal_scenes_are_one_session():
    found = session_mean.find_sessions([""] * 8, np.ones((8, LENGTH)))
    assert set(found) == {0}


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_a_session_minus_its_mean_is_zero_on_average(numbers):
    which = np.unique(numbers, return_inverse=True)[1]
    clips = np.random.default_rng(0).normal(size=(len(which), LENGTH))
    found = session_mean.mean_by_session(which, clips)
    assert found.dtype == np.float32
    for number in set(which):
        chosen = which == number
        rest = (clips - found)[chosen].mean(axis=0)
        np.testing.assert_allclose(rest, 0, atol=1e-6)


def dataset_of(which: np.ndarray, scenes: np.ndarray) -> FeatureDataset:
    """Clips that begin and end in their scene."""
    random = np.random.default_rng(1)
    clips = []
    for place in scenes:
        clip = place + random.normal(size=(5, LENGTH)) / 10
        clip[1:4] += random.normal(size=LENGTH) * 30  # the sign itself
        clips.append(clip)
    names = [str(number) for number in range(len(which))]
    features = np.stack(clips).astype("float32")
    return FeatureDataset(names, [""] * len(names), which, 9, features)


def test_the_means_are_those_of_all_splits():
    which, scenes = rooms([8, 8])
    everything = dataset_of(which, scenes)
    half = len(which) // 2
    parts = [dataset_of(which, scenes).first(half), everything]
    parts[1] = FeatureDataset(
        everything.clips[half:],
        everything.signers[half:],
        which[half:],
        9,
        everything.features[np.arange(half, len(which))],
    )
    found = np.concatenate(
        [part.read(range(half)) for part in session_mean.subtract(parts)]
    )
    clips = everything.read(range(len(which)))
    for number in (0, 1):
        mean = clips[which == number].mean(axis=(0, 1))
        np.testing.assert_allclose(
            found[which == number],
            clips[which == number] - mean,
            rtol=1e-3,
            atol=1e-3,
        )


def test_a_running_mean_is_that_of_all_clips_and_then_forgets():
    random = np.random.default_rng(0)
    clips = random.normal(size=(10, 5, LENGTH)).astype("float32")
    mean = session_mean.RunningMean()
    first, *others = [mean.center(clip) for clip in clips]
    np.testing.assert_allclose(first.mean(axis=0), 0, atol=1e-6)
    expected = clips[-1] - clips.mean(axis=(0, 1))
    np.testing.assert_allclose(others[-1], expected, atol=1e-5)
    for _ in range(8 * session_mean.REMEMBERED):
        last = mean.center(clips[0] + 100)  # someone switched a lamp on
    np.testing.assert_allclose(last, first, atol=0.1)


BLOCKS = [("cnn", 3), (LANDMARKS, TRANSFORMED_DIM)]
DIM = 3 + TRANSFORMED_DIM
FLAGS = slice(3 + PARTS["seen"].start, DIM)
few = settings(max_examples=20)


def signer(seed: int, clips: int, offset: float = 0.0) -> np.ndarray:
    """Features and transformed landmarks of one person's clips.

    Args:
        offset: how much this person's differ from others', all through.
    """
    random = np.random.default_rng(seed)
    found = random.normal(size=(clips, 5, DIM))
    person = np.random.default_rng(seed + 1).normal(size=DIM)
    found += offset * person
    found[..., FLAGS] = 1.0
    return found.astype("float32")


def centered(
    clips: np.ndarray, centering: session_mean.Centering
) -> np.ndarray:
    """Clips less their session's mean."""
    means = session_mean.mean_by_session(
        np.zeros(len(clips), int),
        np.stack([centering.mean_of_clip(clip) for clip in clips]),
        centering,
    )
    return clips - means[:, None]


def typical(value: float = 0.0) -> session_mean.Centering:
    mean = np.full(TRANSFORMED_DIM, value, "float32")
    return session_mean.Centering(BLOCKS, mean)


@few
@given(st.integers(0, 2**32 - 2), st.floats(-50, 50), st.integers(1, 60))
def test_what_differs_from_person_to_person_vanishes(seed, offset, clips):
    """Of landmarks the more, the more clips there are."""
    plain = centered(signer(seed, clips), typical())
    other = centered(signer(seed, clips, offset), typical())
    person = offset * np.random.default_rng(seed + 1).normal(size=DIM)
    left = person * session_mean.PRIOR / (clips + session_mean.PRIOR)
    left[:3] = 0  # of a CNN's features, nothing is left
    left[FLAGS] = 0
    np.testing.assert_allclose(other - plain, left + 0 * plain, atol=2e-3)
    assert (other[..., FLAGS] == 1).all()


@few
@given(st.integers(0, 2**32 - 2), st.integers(1, 9))
def test_a_hand_that_a_clip_does_not_show_has_no_part(seed, clips):
    shown = signer(seed, clips, 3.0)
    hidden = shown[:1].copy()
    hand = slice(3, 63)
    hidden[..., hand] = 0
    both = centered(np.concatenate([shown, hidden]), typical(1.0))
    assert (both[-1, :, hand] == 0).all()
    alone = centered(shown, typical(1.0))
    np.testing.assert_allclose(both[:-1, :, hand], alone[..., hand], atol=1e-4)


def test_a_camera_starts_from_the_mean_of_the_training():
    clips = signer(0, 30, 5.0)
    mean = session_mean.RunningMean(typical(2.0))
    first, *_, last = [mean.center(clip) for clip in clips]
    expected = centered(clips[:1], typical(2.0))[0]
    np.testing.assert_allclose(first, expected, atol=1e-4)
    together = centered(clips, typical(2.0))[-1]
    np.testing.assert_allclose(last, together, atol=1e-3)


def test_landmarks_of_old_models_have_no_part():
    centering = session_mean.Centering([(LANDMARKS, LANDMARK_DIM), ("cnn", 1)])
    features = np.ones((4, LANDMARK_DIM + 1), "float32")
    features[:, :5] = np.nan
    mean = centering.mean_of_clip(features)
    assert mean.tolist() == [0] * LANDMARK_DIM + [1]
    assert centering.scene(features).tolist() == mean.tolist()


def test_hands_do_not_tell_rooms_apart():
    blocks = [("mobilenet-0.25", 2), ("mobilenet-hands", 2), (LANDMARKS, 4)]
    found = session_mean.Centering(blocks).scene(np.ones((3, 8)))
    assert found.tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
