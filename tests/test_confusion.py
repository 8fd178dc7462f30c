from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from signs.evaluation import confusion


def classes(names: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {"index": range(len(names)), "label": names, "name": names}
    )


LABELS = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 1, 1, 1, 0, 2])
NAMES = ["null", "Tür", "Öl", "nie"]


def test_the_table_of_known_predictions():
    table = confusion.class_table(PREDICTED, LABELS, classes(NAMES))
    assert table["clips"].tolist() == [3, 2, 1, 0]
    assert table["recall"][:3].tolist() == pytest.approx(
        [1 / 3, 0.5, 1], abs=1e-4
    )
    assert table["precision"][:3].tolist() == pytest.approx(
        [0.5, 1 / 3, 1], abs=1e-4
    )
    assert np.isnan(table["recall"][3]) and np.isnan(table["precision"][3])
    assert table["mistaken_for"].tolist() == ["Tür", "null", "", ""]


def test_the_worst_pairs():
    counts = confusion.matrix(PREDICTED, LABELS, 4)
    assert counts.sum() == 6 and counts[0, 1] == 2
    found = confusion.worst_pairs(counts, NAMES)
    assert found == ["Tür for null (2 of 3)", "null for Tür (1 of 2)"]
    assert counts[0, 0] == 1
    assert confusion.worst_pairs(np.eye(3, dtype=int), NAMES[:3]) == []


@pytest.mark.parametrize("count", [2, 21, 40, 249])
def test_the_picture(count: int, tmp_path: Path):
    random = np.random.default_rng(0)
    labels = random.integers(0, count, 5 * count)
    predicted = np.where(random.random(len(labels)) < 0.7, labels, labels[::-1])
    counts = confusion.matrix(predicted, labels, count)
    path = tmp_path / "confusion.png"
    names = [f"sign {number}" for number in range(count)]
    confusion.draw(path, counts, names, "title")
    picture = cv2.imread(str(path))
    assert picture is not None and min(picture.shape[:2]) > 500
    # The diagonal is dark blue, the rest is light.
    assert (picture[:, :, 2] < 100).mean() > 0.001
    assert list(tmp_path.iterdir()) == [path]
