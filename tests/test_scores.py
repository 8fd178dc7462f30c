"""The figures of an evaluation, its calibration and its baselines."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signs.evaluation import calibration, scores
from signs.evaluation.baselines import NearestClassMean
from signs.evaluation.intervals import units_of

CLASSES = pd.DataFrame(
    {"index": range(7), "label": list("abcdefg"), "name": list("ABCDEFG")}
)


def answered(clips: int, skill: float, seed: int = 0) -> tuple:
    """Probabilities of a model with some skill, labels and signers."""
    random = np.random.default_rng(seed)
    labels = np.arange(clips) % 7
    raised = random.normal(size=(clips, 7)) + skill * np.eye(7)[labels]
    odds = np.exp(raised)
    signers = np.array([f"s{number % 5}" for number in range(clips)], object)
    return odds / odds.sum(axis=1, keepdims=True), labels, signers


def test_figures_are_those_of_scikit_learn() -> None:
    from sklearn import metrics

    probabilities, labels, signers = answered(300, 1.5)
    found = scores.score(probabilities, labels, units_of(signers))
    answers = probabilities.argmax(axis=1)
    wanted = {
        "accuracy": metrics.accuracy_score(labels, answers),
        "top5": metrics.top_k_accuracy_score(labels, probabilities, k=5),
        "macro_recall": metrics.balanced_accuracy_score(labels, answers),
        "loss": metrics.log_loss(labels, probabilities),
    }
    assert list(found) == list(scores.NAMES)
    for name, value in wanted.items():
        assert found[name].value == pytest.approx(value), name
    for name, (value, low, high) in found.items():
        assert low < value < high, name


def test_a_blind_guess_is_not_among_the_best_five() -> None:
    probabilities = np.full((10, 7), 1 / 7)
    found = scores.score(probabilities, np.zeros(10, int), units_of([""] * 10))
    assert found["top5"].value == 0


def test_each_class_and_each_signer_has_its_interval() -> None:
    probabilities, labels, signers = answered(140, 1.5)
    labels[labels == 6] = 5
    answers = probabilities.argmax(axis=1)
    rows = scores.by_class(answers, labels, CLASSES, signers)
    assert [row["name"] for row in rows] == list("ABCDEFG")
    assert rows[6]["clips"] == 0
    assert rows[6]["recall"] is rows[6]["low"] is None
    for row in rows[:6]:
        assert row["low"] < row["recall"] < row["high"]
    people = scores.by_signer(answers == labels, signers)
    assert {row["signer"] for row in people} == set(signers)
    assert sum(row["clips"] for row in people) == 140
    figures = [row["accuracy"] for row in people]
    assert figures == sorted(figures)


def test_a_calibrated_model_has_no_more_error_than_chance() -> None:
    random = np.random.default_rng(0)
    confidence = random.uniform(0.2, 1, 4000)
    right = random.random(4000) < confidence
    units = units_of([""] * 4000)
    honest = calibration.calibration_error(confidence, right, units)
    assert honest.value == pytest.approx(
        calibration.error_by_chance(confidence), abs=0.01
    )
    boasting = calibration.calibration_error(
        np.minimum(confidence + 0.2, 1), right, units
    )
    assert boasting.low > 0.1


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50)
)
def test_the_calibration_error_is_between_0_and_1(clips: list) -> None:
    confidence = np.array([x for x, _ in clips])
    right = np.array([x for _, x in clips])
    sums = calibration.bin_sums(confidence, right).sum(axis=0)
    assert 0 <= calibration.error_of(sums) <= 1
    # No finer bins can hide a difference of the means.
    gap = abs(confidence.mean() - right.mean())
    assert calibration.error_of(sums) >= gap - 1e-9


def test_a_reliability_plot_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    calibration.draw(path, np.array([0.3, 1.0]), np.array([False, True]))
    assert path.read_bytes()[:4] == b"\x89PNG"


def test_the_nearest_class_mean_knows_what_is_apart() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    middles = 10 + random.normal(size=(3, 4, 5))
    vectors = middles[labels] + 0.3 * random.normal(size=(60, 4, 5))
    found = NearestClassMean(4)
    for start in range(0, 30, 7):
        stop = min(start + 7, 30)
        found.add(vectors[start:stop], labels[start:stop])
    answers = found.scores(vectors[30:])
    assert (answers.argmax(axis=1) == labels[30:]).all()
    assert np.isneginf(answers[:, 3]).all()


def test_no_class_mean_without_a_training_clip() -> None:
    with pytest.raises(ValueError, match="no training clip"):
        NearestClassMean(3).scores(np.zeros((1, 2)))
