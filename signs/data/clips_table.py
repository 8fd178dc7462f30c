"""The clips table and the list of classes: who is where, said once.

`data/DATASET/clips.csv` has one row a clip; `data/DATASET/classes.csv` says
which index of the network's output is which label.
"""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from signs.core.errors import UserError
from signs.core.messages import count
from signs.data.csv_files import read_csv as read_csv
from signs.data.csv_files import write_table as write_table

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["clip", "video", "label", "signer", "split"]
# Only there where clips are sections of longer videos; in seconds.
SECTION = ["start", "end"]
CLASS_COLUMNS = ["index", "label", "name"]
SPLITS = ["train", "val", "test"]
# They would break the lines of a table, or of a message.
CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Dataset:
    """Where one data set's files are, below `data/DATASET`."""

    root: Path

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def video(self) -> Path:
        return self.root / "video"

    @property
    def clips(self) -> Path:
        return self.root / "clips.csv"

    @property
    def classes(self) -> Path:
        return self.root / "classes.csv"

    @property
    def signers(self) -> Path:
        return self.root / "signers.csv"

    @property
    def frame(self) -> Path:
        return self.root / "frame"

    @property
    def sheet(self) -> Path:
        return self.root / "sheet.png"

    @property
    def sheet_of_landmarks(self) -> Path:
        return self.root / "sheet-landmarks.png"

    def feature(self, cnn: str) -> Path:
        return self.root / "feature" / cnn

    @property
    def given(self) -> Path:
        """The clips table as the source gave it last, before any edits."""
        return self.root / ".made-from" / "clips.csv"

    def record(self, step: str) -> Path:
        """What the files of a step were made from; see `changes`."""
        return self.root / ".made-from" / f"{step}.jsonl"


def read_clips(dataset: Dataset) -> "pd.DataFrame":
    """Reads and checks `clips.csv`.

    Returns:
        One row a clip, all columns text, in the order of the file: clip,
        video, label, signer, split and, where the clips are sections of
        longer videos, start and end in seconds.

    Raises:
        UserError: if it is missing or says something impossible.
    """
    path = dataset.clips
    if not path.exists():
        raise UserError(
            f"{path} is missing; make it with: python frame.py {dataset.name}"
        )
    clips = read_csv(path)
    check_clips(clips, path)
    return clips


def check_clips(clips: "pd.DataFrame", path: Path) -> None:
    """Raises a `UserError` if the clips table says something impossible."""

    def refuse(problem: str) -> None:
        raise UserError(
            f"{path}: {problem}; mend the file, or write it afresh with: "
            f"python frame.py {path.parent.name} --overwrite"
        )

    missing = [name for name in COLUMNS if name not in clips.columns]
    if missing:
        refuse(f"the column {', '.join(missing)} is missing")
    if clips.empty:
        refuse("it lists no clip")
    twice = clips["clip"][clips["clip"].duplicated()]
    if len(twice):
        refuse(f"the clip {twice.iloc[0]!r} is listed twice")
    unknown = set(clips["split"]) - {*SPLITS, ""}
    if unknown:
        refuse(f"the split {min(unknown)!r} is none of {', '.join(SPLITS)}")
    for clip in clips["clip"]:
        if not is_inside(clip):
            refuse(f"the clip {clip!r} is not a path inside the data set")
    for path_on_disk in map(on_disk, clips["video"]):
        if not is_inside(path_on_disk):
            refuse(f"the video {path_on_disk!r} is not inside its folder")
    for column in clips.columns.intersection(SECTION):
        for time in clips[column].unique():
            if time and not is_seconds(time):
                refuse(f"the {column} {time!r} is not a number of seconds")
    parts = clips.reindex(columns=["video", *SECTION], fill_value="")
    for video, start, end in parts.itertuples(index=False):
        if float(start or 0) >= float(end or "inf"):
            refuse(
                f"the section of {video!r} ends at {end} seconds, before it "
                f"starts at {start or 0}"
            )
    # Else one clip might be both trained on and validated on.
    again = parts["video"][parts.duplicated()]
    if len(again):
        refuse(f"the video {again.iloc[0]!r} is listed twice")


def is_inside(path: str) -> bool:
    """Whether a relative path with `/` stays below the folder it is in."""
    parts = path.split("/")
    return (
        "" not in parts
        and not {".", ".."} & set(parts)
        and not CONTROL.search(path)
        and ("\\" not in path and ":" not in parts[0][1:2])
    )


def is_seconds(text: str) -> bool:
    """Whether a text is a time in seconds, 0 or more."""
    try:
        return 0 <= float(text) <= 1e9
    except ValueError:
        return False


def as_cell(path: str) -> str:
    """A path as it stands in the table.

    Names on disk need not be valid text (umlauts from an old archive). Python
    has lone surrogates for their bytes; UTF-8 has none, so those are written
    as `\\udcfc`. No other backslash is in the table: paths have `/`.
    """
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def on_disk(cell: str) -> str:
    """The path that `as_cell` made a cell of the table of."""
    return re.sub(
        r"\\u(dc[89a-f][0-9a-f])", lambda code: chr(int(code[1], 16)), cell
    )


def keep_classes(
    clips: "pd.DataFrame", min_clips: int = 1, classes: int | None = None
) -> "pd.DataFrame":
    """Keeps the clips of the larger classes.

    Clips without a label go if any class does.

    Args:
        clips: the clips
        min_clips: clips that a class must have.
        classes: how many of the largest classes to keep; equally large ones
            go by class order. None keeps all.

    Raises:
        UserError: if no class is left.
    """
    if min_clips <= 1 and classes is None:
        return clips
    sizes = clips["label"].value_counts()
    order = class_order(clips["label"])
    largest = sorted(order, key=lambda label: -sizes[label])
    kept = [label for label in largest if sizes[label] >= min_clips][:classes]
    if not kept:
        most = f"; the largest has {sizes[largest[0]]}" if largest else ""
        raise UserError(
            f"no class has {count(min_clips, 'clip')}{most}; ask for fewer "
            "with --min-clips"
        )
    return clips[clips["label"].isin(kept)].reset_index(drop=True)


def class_order(labels: "pd.Series[str]") -> list[str]:
    """The labels in the order of the network's outputs.

    Labels that are all whole numbers (IsoGD's, from 1) go by number, others
    by their characters' code points, so that the order depends on neither
    machine nor language. The empty label, an unlabelled clip, is no class.
    """
    unique = {label for label in labels if label}
    if all(is_number(label) for label in unique):
        return sorted(unique, key=lambda label: (int(label), label))
    return sorted(unique)


def is_number(label: str) -> bool:
    """Whether a label is a whole number, as IsoGD's are."""
    return label.isascii() and label.isdigit() and len(label) < 19


def classes_of(clips: "pd.DataFrame") -> "pd.DataFrame":
    """The classes table of a clips table; a class is named by its label."""
    import pandas as pd

    labels = class_order(clips["label"])
    table = pd.DataFrame({"label": labels, "name": labels}, dtype=str)
    table.insert(0, "index", range(len(labels)))
    return table


def read_classes(dataset: Dataset) -> "pd.DataFrame":
    """Reads `classes.csv`: index (int, from 0), label, name; by index.

    Raises:
        UserError: if it is missing, or its indices are not 0, 1, 2 ...
    """
    path = dataset.classes
    command = f"python frame.py {dataset.name}"
    if not path.exists():
        raise UserError(f"{path} is missing; make it with: {command}")
    classes = read_csv(path)
    mend = f"write it afresh with: {command} --overwrite"
    if not set(CLASS_COLUMNS) <= set(classes.columns):
        raise UserError(f"{path}: it must have index,label,name; {mend}")
    try:
        classes["index"] = classes["index"].astype(int)
    except (ValueError, OverflowError) as error:
        raise UserError(f"{path}: an index is no number; {mend}") from error
    classes = classes.sort_values("index", ignore_index=True)
    if list(classes["index"]) != list(range(len(classes))):
        raise UserError(f"{path}: the indices are not 0, 1, 2 ...; {mend}")
    if classes["label"].duplicated().any():
        raise UserError(f"{path}: a label is listed twice; {mend}")
    return classes[CLASS_COLUMNS]


def normal(label: str) -> str:
    """A label as it is compared: one Unicode form (NFC), in one line.

    macOS may hand out names in another form (NFD) than the lists use. A byte
    that is no UTF-8 is taken for an old Western European character.
    """
    label = re.sub("[\udc80-\udcff]", _old_character, label)
    label = CONTROL.sub(" ", label)
    return unicodedata.normalize("NFC", label).strip()


def _old_character(surrogate: re.Match[str]) -> str:
    byte = ord(surrogate[0]) - 0xDC00
    return bytes([byte]).decode("cp1252", "replace")
