"""The files of a folder, and the clips that they are."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from signs.core.messages import count, log
from signs.data import clips_table

ENDINGS = frozenset(
    ".3gp .asf .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts "
    ".vob .webm .wmv".split()
)
# Names of the folders, lists and CSV cells that mean a split.
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}


@dataclass(frozen=True)
class Clip:
    """One row of the clips table to be.

    Attributes:
        video: path below the source, with `/`, as it is on disk.
        label: what is shown; empty if that is not known.
        signer, split, start, end: as in the table; empty if not known.
        place: file and line that lists the clip, for messages.
    """

    video: str
    label: str
    signer: str = ""
    split: str = ""
    start: str = ""
    end: str = ""
    place: str = ""

    @cached_property
    def name(self) -> str:
        """The video's path without its ending, and the section if any."""
        path = PurePosixPath(self.video)
        name = str(path.with_suffix(""))
        if self.start or self.end:
            name += f"@{self.start or '0'}-{self.end or 'end'}"
        return clips_table.normal(name) if _has_odd_bytes(name) else name


@dataclass(frozen=True)
class Source:
    """The files of a folder.

    Attributes:
        root: the folder.
        files: paths from `root` with `/`, sorted by their characters.
        videos: those of them that end as videos do.
        outside: links that lead out of the folder, and are left out.
    """

    root: Path
    files: list[str]
    videos: list[str]
    outside: list[str]


def find_files(root: Path) -> Source:
    """All files below a folder, but hidden ones and what lies outside.

    Links to files that are inside are kept, links to folders never followed.
    """
    found, outside, folders = [], [], [""]
    while folders:
        folder = folders.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = folder + entry.name
                if entry.name.startswith("."):
                    continue
                if entry.is_symlink() and not os.path.exists(entry.path):
                    continue  # leads nowhere, or in a circle
                if entry.is_symlink() and leads_out(Path(entry.path), root):
                    outside.append(path)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(path + "/")
                elif entry.is_file():
                    found.append(path)
    found.sort()
    return Source(root, found, [*filter(is_video, found)], sorted(outside))


def leads_out(path: Path, root: Path) -> bool:
    """Whether a path ends outside of a folder, links being followed."""
    # Unlike `Path.resolve`, this takes links that go in a circle.
    return not Path(os.path.realpath(path)).is_relative_to(
        os.path.realpath(root)
    )


def warn_of_links(source: Source) -> None:
    if source.outside:
        log.warning(
            f"{count(len(source.outside), 'link')} in {source.root} left out "
            "for leading out of that folder, such as "
            f"{clips_table.as_cell(source.outside[0])}; copy what is there, "
            "or name its folder with --source"
        )


def is_video(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in ENDINGS


def _has_odd_bytes(text: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in text)
