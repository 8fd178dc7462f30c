import numpy as np
import pytest

from signs.evaluation.metrics import evaluate, in_words, interval


def test_figures_of_known_answers():
    labels = np.array([0, 0, 0, 1])
    probabilities = np.array(
        [[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.5, 0.5]], "float32"
    )
    found = evaluate(probabilities, labels)
    assert found["accuracy"] == 0.5
    assert found["macro_recall"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["top5"] == 1.0
    assert found["chance"] == 0.5
    assert found["majority"] == 0.75
    assert found["loss"] == pytest.approx(
        -np.log([0.9, 0.8, 0.4, 0.5]).mean(), rel=1e-5
    )
    assert "accuracy 0.50 (95% interval" in in_words(found)


def test_top5_and_classes_that_do_not_occur():
    probabilities = np.tile(np.arange(10, 0, -1.0), (4, 1))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    found = evaluate(probabilities, np.array([0, 4, 5, 9]))
    assert found["top5"] == 0.5
    assert found["accuracy"] == 0.25
    assert found["macro_recall"] == 0.25


def test_the_interval_is_wilsons():
    """Values of Newcombe 1998, Statistics in Medicine 17, table I."""
    assert interval(81, 263) == pytest.approx([0.2553, 0.3662], abs=1e-4)
    assert interval(0, 20) == pytest.approx([0, 0.1611], abs=1e-4)
    assert interval(20, 20)[1] == 1
