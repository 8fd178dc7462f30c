"""A CSV file that lists the clips, as people and spreadsheets write it."""

import os
import re
from pathlib import Path, PurePosixPath

from signs.core.errors import UserError
from signs.data import clips_table
from signs.data.csv_files import read_columns, read_csv, rename_columns
from signs.data.scan import SPLIT_NAMES, Clip, VideoFolder

# What people call the columns; of several the first counts.
COLUMNS = {
    "path": [
        *("video", "file", "filename", "file_name", "filepath", "file_path"),
        *("video_path", "video_file", "clip"),
    ],
    "label": ["class", "sign", "gesture", "gloss", "word"],
    "signer": ["performer", "person", "subject", "signer_id", "participant"],
    "split": ["subset", "partition", "set"],
    "start": ["begin", "start_time"],
    "end": ["stop", "end_time"],
}
# By these columns a list of clips is known among other tables.
PATHS = {"path", *COLUMNS["path"]} - {"clip"}
LABELS = {"label", *COLUMNS["label"]}


def matches(folder: VideoFolder) -> bool:
    """Whether there is a CSV with a path and a label."""
    return bool(_lists(folder))


def read(folder: VideoFolder, path: Path | None = None) -> list[Clip]:
    """Reads a CSV with `path,label[,signer][,split][,start,end]`.

    Paths start from the CSV's folder, or are absolute and in it; start and
    end are seconds. `COLUMNS` has the other names that columns may have.

    Args:
        folder: the folder.
        path: the file; None takes the one in the folder that has a path and
            a label.
    """
    if path is None:
        paths = _lists(folder)
        if len(paths) != 1:
            names = ", ".join(paths) or "none"
            raise UserError(
                f"{folder.root} should hold one CSV with the columns path and "
                f"label, and holds {names}; name it with: --source FILE"
            )
        path = folder.root / paths[0]
    rows = rename_columns(read_csv(path, keep_blank_lines=True), COLUMNS)
    if not {"path", "label"} <= set(rows.columns):
        raise UserError(
            f"{path} must have the columns path and label; it has "
            + ", ".join(map(str, rows.columns))
        )
    there = {clips_table.normal(file): file for file in folder.files}
    # One name in two Unicode forms may be two files.
    there |= {file: file for file in folder.files}
    clips = []
    for number, row in enumerate(rows.to_dict("records"), start=2):
        cells = {str(k): clips_table.normal(str(v)) for k, v in row.items()}
        if any(cells.values()):
            exact = str(row["path"]).strip()
            cells["path"] = exact if exact in there else cells["path"]
            place = f"{path}, line {number}"
            clips.append(_clip(cells, there, folder.root, place))
    if not clips:
        raise UserError(f"{path} lists no clip")
    return clips


def _lists(folder: VideoFolder) -> list[str]:
    """CSV files at the top of the folder that have a path and a label."""
    found = []
    for path in folder.files:
        if "/" not in path and path.lower().endswith((".csv", ".tsv")):
            columns = set(read_columns(folder.root / path))
            if columns & PATHS and columns & LABELS:
                found.append(path)
    return found


def _clip(
    cells: dict[str, str], there: dict[str, str], root: Path, place: str
) -> Clip:
    """Checks one row; names the row if it is wrong.

    Args:
        cells: by column.
        there: the paths on disk by their normal form.
        root: the folder that paths start from.
        place: file and line.
    """
    path = _from_root(cells["path"], root)
    if not path:
        raise UserError(f"{place}: the path is empty")
    if not clips_table.is_inside(path):
        raise UserError(
            f"{place}: {cells['path']!r} leads out of the CSV's folder; "
            "paths start from there"
        )
    split = cells.get("split", "").lower()
    if split and split not in SPLIT_NAMES:
        raise UserError(
            f"{place}: the split {cells['split']!r} is none of train, val, test"
        )
    times = {key: _seconds(cells, key, place) for key in clips_table.SECTION}
    if float(times["start"] or 0) >= float(times["end"] or "inf"):
        raise UserError(
            f"{place}: the section ends at {times['end']} seconds, before it "
            f"starts at {times['start']}"
        )
    return Clip(
        there.get(path, path),
        cells["label"],
        cells.get("signer", ""),
        SPLIT_NAMES.get(split, ""),
        **times,
        place=place,
    )


def _from_root(cell: str, root: Path) -> str:
    """A path with `/` that starts from a folder, if it lies in there."""
    path = cell.replace("\\", "/").removeprefix("./")
    for base in (os.path.abspath(root), os.path.realpath(root)):
        start = base.replace("\\", "/").rstrip("/") + "/"
        if os.path.normcase(path).startswith(os.path.normcase(start)):
            return str(PurePosixPath(path[len(start) :]))
    return path


def _seconds(cells: dict[str, str], column: str, place: str) -> str:
    """A time in seconds as text, with a point even if it had a comma."""
    time = re.sub(r"^(\d+),(\d+)$", r"\1.\2", cells.get(column, ""))
    if time and not clips_table.is_seconds(time):
        raise UserError(
            f"{place}: the {column} {time!r} is not a number of seconds"
        )
    return time
