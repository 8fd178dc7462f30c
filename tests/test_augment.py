import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from signs.training import augment

SEEDS = st.integers(0, 2**32 - 1)


@given(st.integers(1, 50), st.data(), SEEDS)
def test_one_frame_is_drawn_from_each_section(frames, data, seed):
    steps = data.draw(st.integers(1, frames))
    random = np.random.default_rng(seed)
    chosen = augment.draw_steps(frames, steps, 0, random)
    sections = np.floor(np.arange(steps + 1) * frames / steps)
    assert len(chosen) == steps
    assert (chosen >= sections[:-1]).all() and (chosen <= sections[1:]).all()
    if steps == frames:
        assert chosen.tolist() == list(range(frames))


@given(st.integers(1, 50), st.floats(0, 0.9), SEEDS)
def test_a_stretched_clip_goes_on_forwards(frames, stretch, seed):
    random = np.random.default_rng(seed)
    chosen = augment.draw_steps(frames, frames, stretch, random)
    assert chosen.min() >= 0 and chosen.max() < frames
    assert (np.diff(chosen) >= 0).all()
    assert np.diff(chosen).max(initial=0) <= np.ceil(1 + stretch)


def test_clips_become_slower_and_faster():
    """Some show a part of the clip, others rest at its ends."""
    random = np.random.default_rng(0)
    drawn = [augment.draw_steps(20, 20, 0.25, random) for _ in range(200)]
    lengths = [chosen[-1] - chosen[0] for chosen in drawn]
    starts = [chosen[0] for chosen in drawn]
    resting = [np.sum(chosen == 0) for chosen in drawn]
    assert min(lengths) <= 15 and max(lengths) == 19
    assert max(starts) >= 3 and max(resting) >= 3


def test_soft_labels():
    hard = np.eye(4, dtype="float32")
    soft = augment.soften(hard, 0.2)
    np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(soft[0], [0.85, 0.05, 0.05, 0.05], rtol=1e-6)
    np.testing.assert_array_equal(augment.soften(hard, 0), hard)


@given(st.integers(1, 9), st.floats(0.05, 5), SEEDS)
def test_a_mixed_label_says_what_a_clip_was_mixed_of(clips, alpha, seed):
    """Features that are their own labels stay so."""
    labels = np.eye(clips, dtype="float32")
    random = np.random.default_rng(seed)
    features, mixed = augment.mix(labels, labels, alpha, random)
    np.testing.assert_array_equal(features, mixed)
    np.testing.assert_allclose(mixed.sum(axis=1), 1, atol=1e-5)
    assert (np.count_nonzero(mixed, axis=1) <= 2).all()
