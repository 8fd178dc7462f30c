"""A table that people edit follows its source, without losing an edit.

Three tables are compared cell by cell, as a version control system does: what
the source gave last time (base), what it gives now (given), and the table as
it is (current).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd

from signs.data import clips_table

Row = dict[str, str]


@dataclass
class Merged:
    """What came of a merge.

    Attributes:
        clips: the clips table.
        added, removed: how many clips.
        changed: how many cells of the other clips follow the source.
        conflicts: what was edited and has changed in the source as well, each
            in words.
    """

    clips: pd.DataFrame
    added: int = 0
    removed: int = 0
    changed: int = 0
    conflicts: list[str] = field(default_factory=list)


def follow(
    base: pd.DataFrame,
    given: pd.DataFrame,
    current: pd.DataFrame,
    is_there: Callable[[str], bool],
) -> Merged:
    """Merges a clips table with what its source gives now.

    A cell that nobody edited is what the source gives; an edited one stays,
    and so do rows that people have added or taken out. Rows are in the order
    of the source, unless people have put them in another one.

    Args:
        base: the table as the source gave it last time.
        given: as it gives it now.
        current: as it is; it may have more columns.
        is_there: whether the video in a cell of the table is on disk. An
            edited clip that the source has no more stays if it is.
    """
    columns = list(current.columns)
    columns += [x for x in given.columns if x not in columns]
    was, now, here = (_rows(x, columns) for x in (base, given, current))
    result = Merged(current)
    kept: dict[str, Row] = {}
    for clip, row in here.items():
        if clip in now:
            kept[clip] = _cells(clip, was.get(clip), now[clip], row, result)
        elif clip not in was:
            kept[clip] = row
        elif row == was[clip]:
            result.removed += 1
        elif is_there(row["video"]):
            kept[clip] = row
            result.conflicts.append(
                f"the clip {clip} is no longer in the source, but was edited: "
                "it stays"
            )
        else:
            result.removed += 1
            result.conflicts.append(
                f"the clip {clip} was edited, but its video is gone: it is "
                "left out"
            )
    taken = {_section(row) for row in kept.values()}
    new = {
        clip: row
        for clip, row in now.items()
        if clip not in was and clip not in here and _section(row) not in taken
    }
    result.added = len(new)
    merged = kept | new
    if [x for x in here if x in was] == [x for x in was if x in here]:
        order = [x for x in now if x in merged]
        order += [x for x in kept if x not in now]
        merged = {clip: merged[clip] for clip in order}
    table = pd.DataFrame(list(merged.values()), columns=columns, dtype=str)
    result.clips = _without_empty_sections(table)
    return result


def _cells(
    clip: str, was: Row | None, now: Row, here: Row, result: Merged
) -> Row:
    """One row of the merged table."""
    row = {}
    for column, edited in here.items():
        before = was[column] if was else None
        source = now[column] if column in now else ""
        if edited == before and edited != source:
            row[column] = source
            result.changed += 1
            continue
        row[column] = edited
        if edited != source and source != before and was is not None:
            result.conflicts.append(
                f"the {column} of {clip} was edited to {edited!r}, and the "
                f"source has changed it from {before!r} to {source!r}: the "
                "edit stays"
            )
    return row


def _rows(table: pd.DataFrame, columns: list[str]) -> dict[str, Row]:
    """The rows by clip; cells of columns that are not there are empty."""
    whole = table.reindex(columns=columns, fill_value="")
    return {
        row["clip"]: {str(name): str(cell) for name, cell in row.items()}
        for row in whole.to_dict("records")
    }


def _section(row: Row) -> tuple[str, str, str]:
    return row["video"], row.get("start", ""), row.get("end", "")


def _without_empty_sections(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose clips are all whole videos needs no times."""
    section = [x for x in clips_table.SECTION if x in table.columns]
    if section and not table[section].to_numpy().astype(bool).any():
        return table.drop(columns=section)
    return table


def follow_classes(classes: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    """The classes table of other labels: names and order that people gave stay.

    Args:
        classes: the table as it is, by index.
        labels: all labels, in class order.
    """
    names = dict(zip(classes["label"], classes["name"], strict=True))
    order = [label for label in names if label in set(labels)]
    order += [label for label in labels if label not in names]
    if list(names) == clips_table.class_order(classes["label"]):
        order = labels
    table = pd.DataFrame({"label": order}, dtype=str)
    table["name"] = [names.get(label, label) for label in order]
    table.insert(0, "index", range(len(order)))
    return table
