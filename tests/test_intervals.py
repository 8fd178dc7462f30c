"""What the intervals promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signs.evaluation import intervals
from signs.evaluation.intervals import Units, interval, ratio, share, units_of

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_signers_are_resampled_where_three_are_known() -> None:
    units = units_of(["b", "a", "c", "b"])
    assert (units.kind, units.number, units.signers) == ("signers", 3, 3)
    assert units.of.tolist() == [1, 0, 2, 1]


@pytest.mark.parametrize(
    "signers", [["", "", ""], ["a", "b", "a"], ["a", "b", "c", "", "", ""]]
)
def test_clips_are_resampled_where_too_few_signers_are_known(
    signers: list[str],
) -> None:
    units = units_of(signers)
    assert (units.kind, units.number) == ("clips", len(signers))


def test_unknown_signers_count_as_one_person_among_known_ones() -> None:
    assert units_of(["a", "b", "c", "d", "", ""]).number == 5


@pytest.mark.parametrize("signers", [3, 6, 20])
def test_an_interval_of_signers_holds_the_truth_in_95_of_100_cases(
    signers: int,
) -> None:
    """People differ: each has an accuracy of their own, around .9."""
    random = np.random.default_rng(signers)
    held = held_by_clips = 0
    times = 300
    for _ in range(times):
        own = random.beta(13.5, 1.5, signers)
        names = np.repeat(np.arange(signers), 30)
        right = random.random(len(names)) < own[names]
        _, low, high = share(right, units_of([f"s{n}" for n in names]))
        held += low <= 0.9 <= high
        _, low, high = share(right, units_of([""] * len(names)))
        held_by_clips += low <= 0.9 <= high
    assert 0.90 < held / times < 0.99
    assert held_by_clips < held - 0.1 * times


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from("abcde")), min_size=1),
)
def test_an_interval_is_inside_0_and_1_and_holds_its_figure(
    clips: list[tuple[bool, str]],
) -> None:
    right = np.array([x for x, _ in clips])
    value, low, high = share(right, units_of([x for _, x in clips]))
    assert value == right.mean()
    assert 0 <= low <= value + 1e-9
    assert value - 1e-9 <= high <= 1


@given(st.lists(st.booleans(), min_size=2, max_size=60), st.randoms())
def test_the_order_of_clips_does_not_matter(clips: list[bool], chance) -> None:
    names = [f"s{number % 4}" for number in range(len(clips))]
    pairs = list(zip(clips, names, strict=True))
    first = share(np.array(clips), units_of(names))
    chance.shuffle(pairs)
    again = share(
        np.array([x for x, _ in pairs]), units_of([y for _, y in pairs])
    )
    assert first == pytest.approx(again)


def test_where_all_are_right_the_interval_is_that_of_the_clips() -> None:
    _, low, high = share(np.ones(40, bool), units_of(list("abcd") * 10))
    assert low == pytest.approx(0.912, abs=0.001)
    assert high == 1


def test_signers_who_agree_exactly_leave_no_doubt() -> None:
    """But a share never gets narrower than its clips allow."""
    right = np.array([True, False] * 20)
    names = np.repeat([f"s{n}" for n in range(20)], 2)
    units = units_of(names.tolist())
    sums = np.column_stack([right, np.ones(40)])
    assert interval(sums, units, ratio)[1:] == (0.5, 0.5)
    assert share(right, units).low == pytest.approx(0.352, abs=0.001)


def test_one_unit_says_nothing_of_how_much_a_figure_varies() -> None:
    sums = np.column_stack([[0.0, 1.0], [1.0, 1.0]])
    found = interval(sums, Units(np.array([0, 0]), "signers", 1), ratio)
    assert found.value == 0.5
    assert np.isnan(found.low)
    assert found.as_json() == {"value": 0.5, "low": None, "high": None}


def test_a_paired_difference_is_clear_where_every_signer_agrees() -> None:
    names = np.repeat([f"s{n}" for n in range(10)], 20)
    random = np.random.default_rng(0)
    worse = random.random(200) < 0.6
    better = worse | (random.random(200) < 0.5)
    units = units_of(names.tolist())
    found = intervals.paired_difference(better, worse, units)
    assert found.value == pytest.approx(better.mean() - worse.mean())
    assert 0 < found.low < found.value < found.high
    # All of 2^10 ways to flip the signs were tried; two are as extreme.
    assert found.p == pytest.approx(2 / 2**10)
    back = intervals.paired_difference(worse, better, units)
    assert back.value == -found.value
    assert back.p == pytest.approx(found.p)


def test_a_model_is_not_better_than_itself() -> None:
    right = np.array([True, False, True] * 5)
    units = units_of(["a", "b", "c"] * 5)
    assert intervals.paired_difference(right, right, units) == (0, 0, 0, 1)


def test_holm_corrects_as_in_the_textbook() -> None:
    assert intervals.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx(
        [0.03, 0.06, 0.06, 0.02]
    )


@given(P_VALUES)
def test_holm_keeps_the_order_and_is_between_none_and_bonferroni(
    p: list[float],
) -> None:
    values = np.array(p)
    corrected = intervals.holm(p)
    assert (corrected >= values).all()
    assert (corrected <= np.minimum(len(p) * values, 1) + 1e-12).all()
    order = np.argsort(values)
    assert (np.diff(corrected[order]) >= 0).all()
    assert corrected[order[0]] == pytest.approx(min(1, len(p) * values.min()))
