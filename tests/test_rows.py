"""Tasks that are made of the table when they are asked for."""

import pandas as pd

from signs.data import rows
from signs.data.rows import Rows


def make(number: int) -> tuple[Rows[int], list[int]]:
    """Rows of as many clips, and a list of those that were made."""
    made: list[int] = []

    def task(row: dict) -> int:
        made.append(row["n"])
        return 10 * row["n"]

    names = [f"c{n}" for n in range(number)]
    clips = pd.DataFrame({"clip": names, "n": range(number)})
    return Rows(clips, task), made


def test_they_are_a_dictionary() -> None:
    number = 2 * rows._BLOCK + 3
    found, _ = make(number)
    expected = {f"c{n}": 10 * n for n in range(number)}
    assert dict(found.items()) == expected and list(found) == list(expected)
    assert len(found) == number and found["c1001"] == 10_010
    assert "c7" in found and "d" not in found and not make(0)[0]
    assert found == expected


def test_nothing_is_made_before_it_is_asked_for() -> None:
    found, made = make(5000)
    assert not made
    assert next(iter(found.items())) == ("c0", 0)
    assert made == [0]


def test_some_of_them() -> None:
    found, made = make(2500)
    some = found.only(lambda _, task: task % 30 == 0)
    assert made == list(range(2500))
    assert dict(some.items()) == {f"c{n}": 10 * n for n in range(0, 2500, 3)}
    assert not found.only(lambda _, task: False)
    assert list(some)[:2] == ["c0", "c3"] and some["c3"] == 30
