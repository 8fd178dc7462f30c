"""Which layout a folder of videos has, and the clips that it holds."""

from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import NamedTuple

import pandas as pd

from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data import clips_table
from signs.data.layouts import folder, isogd, ledasila, lsa64, table, ucf101
from signs.data.scan import ENDINGS, Clip, VideoFolder, find_files, warn_of

# The first one that matches a folder is taken for its layout.
READERS: dict[str, ModuleType] = {
    "isogd": isogd,
    "ucf101": ucf101,
    "ledasila": ledasila,
    "csv": table,
    "lsa64": lsa64,
    "folder": folder,
}
LAYOUTS = ("auto", *READERS)


class NoVideosError(UserError):
    """There is no video in a folder."""


class Listing(NamedTuple):
    """What a source of videos holds.

    Attributes:
        clips: the clips table, with the splits that the source itself gives.
        layout: one of `LAYOUTS`, but not auto.
        folder: the files that are there, listed or not.
    """

    clips: pd.DataFrame
    layout: str
    folder: VideoFolder


def read_layout(path: Path, layout: str = "auto") -> Listing:
    """Reads which clips there are.

    Args:
        path: the folder of the videos, or the CSV file that lists them.
        layout: one of `LAYOUTS`; auto looks.

    Raises:
        UserError: if there are no clips, or something in a list is wrong.
    """
    if path.is_file() and layout not in ("auto", "csv"):
        raise UserError(
            f"{path} is a file; --layout {layout} needs the folder: "
            f"--source {path.parent}"
        )
    found = find_files(path.parent if path.is_file() else path)
    warn_of(found)
    if path.is_file():
        clips, layout = table.read(found, path), "csv"
    elif not found.videos:
        raise NoVideosError(
            f"there is no video in {path}; its name would end with one of "
            + " ".join(sorted(ENDINGS))
        )
    else:
        layout = guess_layout(found) if layout == "auto" else layout
        clips = READERS[layout].read(found)
    return Listing(to_table(clips), layout, found)


def guess_layout(found: VideoFolder) -> str:
    """The layout that a folder looks like."""
    name = next(name for name, kind in READERS.items() if kind.matches(found))
    if name == "folder":
        isogd.require_lists(found)
    return name


def readable(label: str, layout: str) -> str:
    """What a label is called in tables and plots, where that is not itself."""
    return ledasila.readable(label) if layout == "ledasila" else label


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
