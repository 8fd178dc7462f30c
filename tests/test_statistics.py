"""What a study claims is no more than its trials allow."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from signs.evaluation import statistics

accuracies = st.floats(0, 1)
ratios = st.floats(0.01, 4)


def make_results(
    recipe: str, values: Sequence[float] | np.ndarray, by: str = "signer"
) -> pd.DataFrame:
    """Results of 5 folds, so many repeats as are needed; 80/20 clips."""
    return pd.DataFrame(
        {
            "recipe": recipe,
            "by": by,
            "clips_a_class": "all",
            "repeat": [number // 5 + 1 for number in range(len(values))],
            "fold": [number % 5 + 1 for number in range(len(values))],
            "accuracy": values,
            **dict.fromkeys(statistics.MEANS, 0.5),
            "train_clips": 80,
            "test_clips": 20,
        }
    )


@settings(max_examples=50)
@given(st.lists(accuracies, min_size=2, max_size=25), ratios)
def test_the_corrected_interval_is_wider_than_the_naive(
    values: list[float], ratio: float
) -> None:
    mean, low, high = statistics.corrected_interval(np.array(values), ratio)
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    assert mean == pytest.approx(np.mean(values))
    assert high - mean == pytest.approx(mean - low)
    assert high - low >= 2 * half - 1e-12  # of equal values, both are 0
    if half > 1e-6:
        assert (high - low) / (2 * half) == pytest.approx(
            np.sqrt(1 + len(values) * ratio)
        )


def test_the_correction_is_that_of_the_paper() -> None:
    # s² = 0.001, n = 5, a quarter as many test as training clips:
    # 2.7764 * sqrt(0.001 * (1/5 + 1/4)) = 0.058897
    values = np.array([0.46, 0.48, 0.5, 0.52, 0.54])
    assert values.var(ddof=1) == pytest.approx(0.001)
    _, low, high = statistics.corrected_interval(values, 0.25)
    assert (high - low) / 2 == pytest.approx(0.058897, abs=1e-6)


def test_one_trial_has_no_interval() -> None:
    mean, low, high = statistics.corrected_interval(np.array([0.4]), 0.25)
    assert mean == 0.4
    assert np.isnan([low, high]).all()
    assert np.isnan(statistics.corrected_interval(np.array([]), 0.25)).all()


@settings(max_examples=20)
@given(st.lists(st.tuples(accuracies, accuracies), min_size=2, max_size=10))
def test_the_paired_difference_is_antisymmetric(
    pairs: list[tuple[float, float]],
) -> None:
    one, other = (
        make_results(name, list(values))
        for name, values in zip("ab", zip(*pairs, strict=True), strict=True)
    )
    mean, low, high = statistics.paired_difference(one, other)
    assert statistics.paired_difference(other, one) == pytest.approx(
        (-mean, -high, -low)
    )
    assert low <= mean <= high
    assert statistics.paired_difference(one, one) == (0, 0, 0)


def test_only_trials_that_both_have_are_paired() -> None:
    one = make_results("a", [0.5, 0.7, 0.2])
    shuffled = make_results("b", [0.4, 0.6])[::-1]
    mean, _, _ = statistics.paired_difference(one, shuffled)
    assert mean == pytest.approx(0.1)


def test_pairing_shows_what_intervals_alone_do_not() -> None:
    hard = np.array([0.2, 0.5, 0.8, 0.3, 0.6])
    better = hard + 0.05 + np.array([1, -1, 0, 1, -1]) / 100
    results = pd.concat([make_results("a", hard), make_results("b", better)])
    summary: Any = statistics.summarise(results, "a").set_index("recipe")
    assert summary.loc["a", "high"] > summary.loc["b", "low"]  # they overlap
    assert summary.loc["b", "difference"] == pytest.approx(0.05)
    assert summary.loc["b", "difference_low"] > 0
    assert np.isnan(summary.loc["a", "difference"])
    assert summary.loc["b", "trials"] == 5
    assert summary.loc["b", "clips"] == 100


def test_ways_and_numbers_of_clips_are_not_mixed() -> None:
    results = pd.concat(
        [
            make_results("b", [0.1, 0.1]),
            make_results("a", [0.2, 0.2]),
            make_results("a", [0.9, 0.9], by="random"),
            make_results("b", [0.5, 0.5]).assign(clips_a_class="5"),
        ]
    )
    summary: Any = statistics.summarise(results, "a")
    assert list(summary["recipe"]) == ["b", "a", "a", "b"]
    assert list(summary["accuracy"]) == pytest.approx([0.1, 0.2, 0.9, 0.5])
    assert summary["difference"].notna().tolist() == [True] + 3 * [False]
    assert summary["difference"].iloc[0] == pytest.approx(-0.1)


def test_the_text_is_aligned_and_marks_what_is_clear() -> None:
    results = pd.concat(
        [
            make_results("scratch", [0.2, 0.3, 0.25, 0.2, 0.3]),
            make_results("much better", [0.7, 0.8, 0.75, 0.7, 0.8]),
            make_results("alike", [0.2, 0.3, 0.2, 0.3, 0.25]),
        ]
    )
    summary: Any = statistics.summarise(results, "scratch")
    lines = statistics.in_words(summary, "scratch")
    better = next(line for line in lines if "much better" in line)
    alike = next(line for line in lines if "alike" in line)
    assert "+0.50 (+0.50 to +0.50) *" in better
    assert "0.75 (" in better
    assert " * " not in alike
    assert len({len(line) for line in lines[1:5]}) == 1
    assert all("nan" not in line for line in lines)
