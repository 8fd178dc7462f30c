"""Which clips a folder of videos holds, and what they show.

Four layouts are known: the lists of IsoGD, the file names of LedaSila, one
folder a class, and a CSV file. Each has one function here that returns a
`Clip` a clip, in an order that does not depend on the machine.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

import pandas as pd

from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data import clips_table
from signs.data.layouts import isogd
from signs.data.scan import (
    ENDINGS,
    SPLIT_NAMES,
    Clip,
    Source,
    find_files,
    warn_of_links,
)

# The words with at least this many clips are those of the 2018 write-up.
LEDASILA_MIN_CLIPS = 18


def read_layout(
    path: Path, layout: str = "auto"
) -> tuple[pd.DataFrame, str, int]:
    """Reads which clips there are.

    Args:
        path: the folder of the videos, or the CSV file that lists them.
        layout: one of `LAYOUTS`. `auto`: list files mean isogd, `---` in the
            names of most videos ledasila, a CSV with the right columns csv;
            else there is one folder a class.

    Returns:
        The clips table, with the splits that the source itself gives; the
        layout; and how many videos there are, listed or not.

    Raises:
        UserError: if there are no clips, or something in a list is wrong.
    """
    if path.is_file() and layout not in ("auto", "csv"):
        raise UserError(
            f"{path} is a file; --layout {layout} needs the folder: "
            f"--source {path.parent}"
        )
    source = find_files(path.parent if path.is_file() else path)
    warn_of_links(source)
    if path.is_file():
        clips, layout = read_csv_list(source, path), "csv"
    elif not source.videos:
        raise UserError(
            f"there is no video in {path}; its name would end with one of "
            + " ".join(sorted(ENDINGS))
        )
    else:
        layout = guess_layout(source) if layout == "auto" else layout
        clips = READERS[layout](source)
    return to_table(clips), layout, len(source.videos)


def guess_layout(source: Source) -> str:
    """The layout that a folder looks like; see `read_layout`."""
    if any(
        isogd.is_list(source.root / path) for path in isogd.list_paths(source)
    ):
        return "isogd"
    names = [PurePosixPath(path).name for path in source.videos]
    if _most("---" in name for name in names):
        return "ledasila"
    if _csv_paths(source):
        return "csv"
    if _most(re.match(r"[MK]_\d+\.avi$", name) for name in names):
        raise UserError(
            f"{source.root} has the videos of IsoGD but not its lists; put "
            "train_list.txt, valid_list.txt and test_list.txt there, or say "
            "--layout folder"
        )
    return "folder"


# --- LedaSila ---------------------------------------------------------------


def read_ledasila(source: Source) -> list[Clip]:
    """Reads LedaSila: `<letter>/<Word>---<region>---vid-n---lsid-m.mp4`.

    Only `---` separates; words and regions may have single hyphens. The word
    as it is written there is the label. All clips of a word are one class,
    whatever their region and whatever folder they are in.
    """
    clips, others = [], []
    for video in source.videos:
        word, *rest = video.split("/")[-1].rsplit("---", 3)
        if rest and clips_table.normal(word):
            clips.append(Clip(video, clips_table.normal(word)))
        else:
            others.append(video)
    if not clips:
        raise UserError(
            f"no video in {source.root} is named as LedaSila's are: "
            "Word---region---vid-1---lsid-1.mp4"
        )
    _warn_left_out(others, "having no --- in the name")
    return clips


def readable(label: str, layout: str) -> str:
    """What a label is called in tables and plots.

    LedaSila writes `__` for a blank and `_ae`, `_oe`, `_ue` for umlauts, as in
    `Rote__R_uebe`; of `___`, the first two are the blank. The case is that of
    the vowel: `_Oe` is an Ö. Other layouts' labels are their own names.
    """
    if layout != "ledasila":
        return label
    umlauts = dict(zip("aouAOU", "äöüÄÖÜ", strict=True))
    name = re.sub(
        "__|_([aouAOU])[eE]",
        lambda match: umlauts[match[1]] if match[1] else " ",
        label,
    )
    return name.strip() or label


# --- One folder a class -----------------------------------------------------


def read_folders(source: Source) -> list[Clip]:
    """Reads `[train|val|test]/<label>/<clip>.<ending>`.

    The first folders are splits if all of them are named so and `train` is
    one; else they are the labels. What is deeper is only part of the clip's
    name.
    """
    folders = [video.split("/")[:-1] for video in source.videos]
    first = {path[0].lower() for path in folders if path}
    splits = "train" in {SPLIT_NAMES.get(name) for name in first} and (
        first <= SPLIT_NAMES.keys() and any(len(path) > 1 for path in folders)
    )
    if not splits and len(first & SPLIT_NAMES.keys()) > 1:
        log.warning(
            f"the folders {', '.join(sorted(first & SPLIT_NAMES.keys()))} are "
            "taken for classes; they are splits only if all the first folders "
            "are, and each holds one folder a class"
        )
    clips, others = [], []
    for video, path in zip(source.videos, folders, strict=True):
        split = SPLIT_NAMES[path[0].lower()] if splits and path else ""
        label = clips_table.normal("".join(path[int(splits) :][:1]))
        if label:
            clips.append(Clip(video, label, split=split))
        else:
            others.append(video)
    if not clips:
        raise UserError(
            f"the videos in {source.root} are in no folder that names their "
            "class; move them into one folder a class, or list them in a CSV "
            "with the columns path,label"
        )
    _warn_left_out(others, "being in no folder that names their class")
    return clips


# --- CSV --------------------------------------------------------------------


def read_csv_list(source: Source, path: Path | None = None) -> list[Clip]:
    """Reads a CSV with `path,label[,signer][,split][,start,end]`.

    Paths start from the CSV's folder; start and end are seconds. Cells may
    be separated by commas, semicolons or tabs.

    Args:
        source: the folder.
        path: the file; None takes the one in the folder that has a path and
            a label.
    """
    if path is None:
        paths = _csv_paths(source)
        if len(paths) != 1:
            names = ", ".join(paths) or "none"
            raise UserError(
                f"{source.root} should hold one CSV with the columns path and "
                f"label, and holds {names}; name it with: --source FILE"
            )
        path = source.root / paths[0]
    rows = clips_table.read_csv(
        path, sep=_separator(path), skip_blank_lines=False
    )
    rows.columns = [str(name).strip().lower() for name in rows.columns]
    if not {"path", "label"} <= set(rows.columns):
        raise UserError(f"{path} must have the columns path and label")
    there = {clips_table.normal(file): file for file in source.files}
    # One name in two Unicode forms may be two files.
    there |= {file: file for file in source.files}
    outside = {clips_table.normal(link) for link in source.outside}
    clips = []
    for number, row in enumerate(rows.to_dict("records"), start=2):
        cells = {str(k): clips_table.normal(str(v)) for k, v in row.items()}
        if any(cells.values()):
            exact = str(row["path"]).strip()
            cells["path"] = exact if exact in there else cells["path"]
            place = f"{path}, line {number}"
            clips.append(_csv_clip(cells, there, outside, place))
    if not clips:
        raise UserError(f"{path} lists no clip")
    return clips


def _csv_paths(source: Source) -> list[str]:
    """CSV files at the top of the folder that have a path and a label."""
    found = []
    for path in source.files:
        if "/" in path or not path.lower().endswith(".csv"):
            continue
        with (source.root / path).open(
            encoding="utf-8-sig", errors="replace"
        ) as file:
            header = re.split("[,;\t]", file.readline().lower())
        if {"path", "label"} <= {name.strip(' "\n') for name in header}:
            found.append(path)
    return found


def _separator(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline()
    return max(",;\t", key=header.count)


def _csv_clip(
    cells: dict[str, str],
    there: dict[str, str],
    outside: set[str],
    place: str,
) -> Clip:
    """Checks one row of a CSV; names the row if it is wrong.

    Args:
        cells: by column.
        there: the paths on disk by their normal form.
        outside: links that lead out of the folder, in normal form.
        place: file and line.
    """
    path = cells["path"].replace("\\", "/").removeprefix("./")
    if not path:
        raise UserError(f"{place}: the path is empty")
    folders = [str(parent) for parent in PurePosixPath(path).parents]
    if not clips_table.is_inside(path) or outside & {path, *folders}:
        raise UserError(
            f"{place}: {cells['path']!r} leads out of the CSV's folder; "
            "paths start from there"
        )
    split = cells.get("split", "").lower()
    if split and split not in SPLIT_NAMES:
        raise UserError(
            f"{place}: the split {cells['split']!r} is none of train, val, test"
        )
    times = {key: cells.get(key, "") for key in clips_table.SECTION}
    for key, time in times.items():
        if time and not clips_table.is_seconds(time):
            raise UserError(
                f"{place}: the {key} {time!r} is not a number of seconds"
            )
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


# --- What all have in common ------------------------------------------------

READERS: dict[str, Callable[[Source], list[Clip]]] = {
    "isogd": isogd.read,
    "ledasila": read_ledasila,
    "folder": read_folders,
    "csv": read_csv_list,
}
LAYOUTS = ("auto", *READERS)


def to_table(clips: list[Clip]) -> pd.DataFrame:
    """The clips table: `table.COLUMNS`, and `SECTION` if there are any.

    Raises:
        UserError: if a clip is listed twice.
    """
    seen: dict[str, Clip] = {}
    for clip in clips:
        if not (
            clips_table.is_inside(clip.name)
            and clips_table.is_inside(clip.video)
        ):
            raise UserError(
                f"the video {clip.video!r} has a name that not every system "
                "can have (a backslash, a colon or a line end); rename it"
            )
        key = f"{clip.video}@{clip.start}-{clip.end}"
        if key in seen:
            raise UserError(
                f"{clip.place}: {clip.video} is listed already in "
                f"{seen[key].place}"
            )
        seen[key] = clip
    rows = [
        [
            name,
            clips_table.as_cell(clip.video),
            clip.label,
            clip.signer,
            clip.split,
        ]
        + [clip.start, clip.end]
        for name, clip in zip(clip_names(clips), clips, strict=True)
    ]
    columns = [*clips_table.COLUMNS, *clips_table.SECTION]
    rows_table = pd.DataFrame(rows, columns=columns, dtype=str)
    if not rows_table[clips_table.SECTION].any(axis=None):
        rows_table = rows_table.drop(columns=clips_table.SECTION)
    return rows_table


def clip_names(clips: list[Clip]) -> list[str]:
    """The clips' names; those that would be equal keep the video's ending."""
    videos: dict[str, set[str]] = {}
    for clip in clips:
        videos.setdefault(clip.name, set()).add(clip.video)
    alike = {name for name, paths in videos.items() if len(paths) > 1}
    if alike:
        log.warning(
            f"{count(len(alike), 'name')} stand for several videos that "
            f"differ in the ending, such as {min(alike)}; these clips keep "
            "the ending in their names"
        )
    return [
        clip.name + PurePosixPath(clip.video).suffix
        if clip.name in alike
        else clip.name
        for clip in clips
    ]


def hint_at_min_clips(clips: pd.DataFrame) -> None:
    """Says how many words LedaSila has, and how many have enough clips."""
    sizes = clips["label"].value_counts()
    enough = sizes[sizes >= LEDASILA_MIN_CLIPS]
    if 0 < len(enough) < len(sizes):
        log.info(
            f"{len(enough):,} of {count(len(sizes), 'word')} have at least "
            f"{LEDASILA_MIN_CLIPS} clips, {enough.sum():,} in all; the 2018 "
            f"write-up took those: --min-clips {LEDASILA_MIN_CLIPS}"
        )


def _warn_left_out(videos: list[str], why: str) -> None:
    if videos:
        log.warning(
            f"{count(len(videos), 'video')} left out, {why}, such as "
            f"{clips_table.as_cell(videos[0])}"
        )


def _most(answers: Iterable[object]) -> bool:
    listed = [bool(answer) for answer in answers]
    return 2 * sum(listed) > len(listed)
