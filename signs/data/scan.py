"""The files of a folder of videos, as it is found, and the clips they are."""

import glob
import os
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from signs.core.messages import count, log
from signs.data import clips_table

# The endings of videos, in small letters.
ENDINGS = frozenset(
    ".3gp .asf .avi .dav .flv .gif .h264 .h265 .hevc .m2ts .m4v .mkv .mov .mp4 "
    ".mpeg .mpg .mts .mxf .ogv .ts .vob .webm .wmv".split()
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
        name = posixpath.splitext(self.video)[0]
        if self.start or self.end:
            name += f"@{self.start or '0'}-{self.end or 'end'}"
        return clips_table.normal(name) if _has_odd_bytes(name) else name


@dataclass(frozen=True)
class VideoFolder:
    """The files of a folder, and what of it could not be looked at.

    All paths start from `root`, with `/`, and are sorted by their characters.

    Attributes:
        root: the folder.
        files: all files, but hidden ones.
        videos: those of them that end as videos do.
        unreadable: why a folder could not be read, by its path.
        dangling: links that lead nowhere.
        loops: links to a folder that they are in, which are not followed.
    """

    root: Path
    files: list[str]
    videos: list[str]
    unreadable: dict[str, str] = field(default_factory=dict)
    dangling: list[str] = field(default_factory=list)
    loops: list[str] = field(default_factory=list)

    def hides(self, path: str) -> bool:
        """Whether a file may be there that could not be looked at."""
        parents = [str(parent) for parent in PurePosixPath(path).parents]
        closed = {*self.unreadable, *self.dangling}
        return not closed.isdisjoint([path, *parents])

    def failures(self) -> dict[str, str]:
        """Why folders are left out, as it stands beside clips that failed."""
        return {
            f"{clips_table.as_cell(path)}/": f"the folder cannot be read: {why}"
            for path, why in self.unreadable.items()
        }


def find_files(root: Path) -> VideoFolder:
    """Finds the files of a folder and of those below, links being followed.

    Raises:
        OSError: if the folder itself cannot be read.
    """
    found = VideoFolder(root, [], [])
    # Folders to look at, each with those above it, to know a loop by.
    folders: list[tuple[str, tuple[tuple[int, int], ...]]] = [("", ())]
    while folders:
        folder, above = folders.pop()
        try:
            identity = _identity(root / folder)
            if identity in above:
                found.loops.append(folder.rstrip("/"))
                continue
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    if _sort_in(entry, folder, found):
                        below = f"{folder}{entry.name}/"
                        folders.append((below, (*above, identity)))
        except OSError as error:
            if not folder:
                raise
            reason = error.strerror or type(error).__name__
            found.unreadable[folder.rstrip("/")] = reason
    found.files.sort()
    found.videos.extend(filter(is_video, found.files))
    found.dangling.sort()
    found.loops.sort()
    return found


def _sort_in(
    entry: "os.DirEntry[str]", folder: str, found: VideoFolder
) -> bool:
    """Notes a file or a link that leads nowhere; true for a folder."""
    path = folder + entry.name
    if entry.name.startswith("."):
        return False
    if entry.is_symlink() and not os.path.exists(entry.path):
        found.dangling.append(path)
    elif entry.is_dir():
        return True
    elif entry.is_file():
        found.files.append(path)
    return False


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def warn_of(found: VideoFolder) -> None:
    """Names what could not be looked at."""
    for folder, reason in sorted(found.unreadable.items()):
        log.warning(
            f"{found.root / folder} cannot be read ({reason}): what is in it "
            "is left out; allow it, and run the same command again"
        )
    for links, problem, remedy in (
        (
            found.dangling,
            "leading nowhere",
            "fetch what they stand for (git annex get, dvc pull, huggingface "
            "download), or mount the disk",
        ),
        (found.loops, "leading back to a folder they are in", "remove them"),
    ):
        if links:
            log.warning(
                f"{count(len(links), 'link')} in {found.root} left out for "
                f"{problem}, such as {clips_table.as_cell(links[0])}; {remedy}"
            )


def is_video(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in ENDINGS


def expand(arguments: Iterable[str]) -> Iterator[str]:
    """Replaces patterns such as `*.mp4` by the files that fit, sorted.

    Shells do so, but for those of Windows. What is there under just that name
    stays as it is, and so does what fits nothing, for the message about it.
    """
    for argument in arguments:
        fitting: list[str] = []
        if glob.has_magic(argument) and not os.path.lexists(argument):
            fitting = sorted(glob.glob(argument, recursive=True))
        yield from fitting or [argument]


def _has_odd_bytes(text: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in text)
