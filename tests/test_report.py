"""The page that an evaluation is shown on."""

import numpy as np
import pandas as pd
import pytest

from signs.evaluation import report, report_pictures, scores

FACTS = {"command": "python evaluate.py <x>", "data": "mine: 90 test clips"}


def record_of(classes: int, ways: list[str], signers: int) -> tuple:
    random = np.random.default_rng(0)
    labels = np.arange(90) % classes
    odds = np.exp(
        random.normal(size=(90, classes)) + 2 * np.eye(classes)[labels]
    )
    answers = odds / odds.sum(axis=1, keepdims=True)
    names = [f"<{number}>" for number in range(classes)]
    table = pd.DataFrame(
        {"index": range(classes), "label": names, "name": names}
    )
    people = np.array([f"s{n % signers}" if signers else "" for n in range(90)])
    record = {
        **{"run": "RUN", "dataset": "mine", "what": "test clip"},
        **{"date": "2026-01-02T03:04:05", "cautions": ["Not a <test>."]},
        **{"facts": FACTS},
        **scores.evaluate(
            dict.fromkeys(ways, answers), labels, people, table, labels
        ),
    }
    return record, report_pictures.draw(record, answers, labels, names)


@pytest.mark.parametrize(
    "classes, ways, signers",
    [(3, ["single"], 0), (12, ["session", "single"], 6), (50, ["single"], 9)],
)
def test_a_page_says_all_and_hides_no_markup(
    classes: int, ways: list[str], signers: int
) -> None:
    record, pictures = record_of(classes, ways, signers)
    page = report.build(record, pictures)
    assert page.count("data:image/png;base64,") == 3
    for text in ("of 90 test clips", "2026-01-02", "Not a &lt;test&gt;"):
        assert text in page
    for way in scores.WAYS:
        assert (scores.WAYS[way] in page) == (way in ways)
    assert "&lt;1&gt;" in page
    assert "<1>" not in page
    assert ("top-5" in page) == (classes > 5)
    assert page.count('class="bar"') == min(classes, report.MOST_CLASSES)


def test_of_many_classes_those_recognised_least_are_shown() -> None:
    rows: list[dict] = [
        {"clips": 1, "recall": n / 100} for n in range(99, -1, -1)
    ]
    rows.append({"clips": 0, "recall": None})
    shown = report.shown_classes(rows)
    assert [row["recall"] for row in shown] == [
        n / 100 for n in range(report.MOST_CLASSES)
    ]


def test_a_figure_without_an_interval_is_said_without_one() -> None:
    assert report.say({"value": 0.5, "low": None, "high": None}) == "0.500"
    assert report.say({"value": 0.5, "low": 0.25, "high": 0.75}) == (
        "0.500 (0.250 to 0.750)"
    )
