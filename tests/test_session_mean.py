import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
