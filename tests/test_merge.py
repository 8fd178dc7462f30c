"""clips.csv follows its source, and no edit of people is lost."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signs.data import clips_table
from signs.data.merge import Merged, follow, follow_classes

NAMES = ["a", "b", "c", "d"]
CELLS = ["label", "signer", "split"]


def table(rows: dict[str, tuple[str, str, str]]) -> pd.DataFrame:
    cells = [[clip, f"{clip}.mp4", *row] for clip, row in rows.items()]
    return pd.DataFrame(cells, columns=clips_table.COLUMNS, dtype=str)


def merge(
    base: pd.DataFrame,
    given: pd.DataFrame,
    current: pd.DataFrame,
    there: bool = True,
) -> Merged:
    return follow(base, given, current, lambda _: there)


cells = st.tuples(*[st.sampled_from(["", "x", "y"])] * 3)
tables = st.dictionaries(st.sampled_from(NAMES), cells, max_size=4).map(table)


@given(base=tables, given_now=tables)
def test_an_unedited_table_becomes_what_the_source_gives(
    base: pd.DataFrame, given_now: pd.DataFrame
) -> None:
    merged = merge(base, given_now, base)
    pd.testing.assert_frame_equal(merged.clips, given_now)
    assert merged.conflicts == []


@given(base=tables, current=tables)
def test_an_edited_table_stays_while_the_source_does(
    base: pd.DataFrame, current: pd.DataFrame
) -> None:
    merged = merge(base, base, current)
    rows = merged.clips.sort_values("clip", ignore_index=True)
    expected = current.sort_values("clip", ignore_index=True)
    pd.testing.assert_frame_equal(rows, expected)
    assert merged.conflicts == []


@given(base=tables, given_now=tables, current=tables)
def test_no_edit_is_lost_and_no_clip_is_there_twice(
    base: pd.DataFrame, given_now: pd.DataFrame, current: pd.DataFrame
) -> None:
    merged = merge(base, given_now, current).clips
    assert merged["clip"].is_unique
    was, here, now = (
        x.set_index("clip").to_dict("index") for x in (base, current, merged)
    )
    for clip, row in here.items():
        for column in CELLS:
            edited = clip not in was or row[column] != was[clip][column]
            if edited:
                assert now[clip][column] == row[column]
    for clip in was.keys() - here.keys():
        assert clip not in now  # a person took it out
    # Merging once more changes nothing.
    again = merge(given_now, given_now, merged).clips
    assert again.set_index("clip").to_dict("index") == now


def test_a_cell_that_both_changed_is_named_and_the_edit_wins() -> None:
    merged = merge(
        table({"a": ("old", "", ""), "b": ("x", "", "")}),
        table({"a": ("new", "Anna", ""), "b": ("x", "", "")}),
        table({"a": ("mine", "", ""), "b": ("x", "", "val")}),
    )
    assert list(merged.clips["label"]) == ["mine", "x"]
    assert list(merged.clips["signer"]) == ["Anna", ""]
    assert list(merged.clips["split"]) == ["", "val"]
    (conflict,) = merged.conflicts
    assert "label of a was edited to 'mine'" in conflict
    assert "from 'old' to 'new'" in conflict


@pytest.mark.parametrize("there", [True, False])
def test_an_edited_clip_that_the_source_has_no_more(there: bool) -> None:
    base = table({"a": ("x", "", ""), "b": ("x", "", "")})
    edited = table({"a": ("mine", "", ""), "b": ("x", "", "")})
    merged = merge(base, base[1:], edited, there)
    assert list(merged.clips["clip"]) == (["b", "a"] if there else ["b"])
    assert len(merged.conflicts) == 1


def test_rows_and_columns_of_people_stay() -> None:
    base = table({"a": ("x", "", ""), "b": ("x", "", "")})
    mine = base.assign(note=["nice", ""]).iloc[::-1]
    given_now = table(
        {"a": ("x", "", ""), "b": ("y", "", ""), "c": ("", "", "")}
    )
    merged = merge(base, given_now, mine).clips
    assert list(merged["clip"]) == ["b", "a", "c"]
    assert list(merged["note"]) == ["", "nice", ""]
    assert list(merged["label"]) == ["y", "x", ""]


def test_a_clip_that_was_renamed_in_the_table_is_no_second_one() -> None:
    base = table({"a": ("x", "", "")})
    mine = base.assign(clip="mine")
    again = base.assign(clip="a.mp4")  # as an a.avi came
    assert list(merge(base, again, mine).clips["clip"]) == ["mine"]


def test_sections_come_and_go() -> None:
    base = table({"a": ("x", "", "")})
    cut = base.assign(clip="a@1-2", start="1", end="2")
    merged = merge(base, cut, base)
    pd.testing.assert_frame_equal(merged.clips, cut)
    pd.testing.assert_frame_equal(merge(cut, base, cut).clips, base)


def test_names_of_classes_stay() -> None:
    classes = clips_table.classes_of(
        table({"a": ("p", "", ""), "b": ("q",) * 3})
    )
    classes["name"] = ["P!", "q"]
    new = follow_classes(classes, ["a", "p", "r"])
    assert new.to_dict("list") == {
        "index": [0, 1, 2],
        "label": ["a", "p", "r"],
        "name": ["a", "P!", "r"],
    }
    mixed = classes.iloc[::-1].assign(index=[0, 1])
    assert list(follow_classes(mixed, ["a", "p", "q"])["label"]) == [
        *("q", "p", "a")
    ]
