"""Files that people bring: videos, and zip archives of videos."""

import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from signs.core.errors import UserError
from signs.data.scan import ENDINGS, is_video

MEGABYTE = 2**20
MOST_BYTES = 500 * MEGABYTE  # of one video
MOST_BYTES_IN_ALL = 4_000 * MEGABYTE  # of one archive, unpacked
MOST_FILES = 2_000  # in one archive


@dataclass(frozen=True)
class Upload:
    """One video of an upload.

    Attributes:
        path: where it is now.
        name: what it is called, as people know it.
        sign: the folder that it was in; empty if it was in none.
    """

    path: Path
    name: str
    sign: str


def videos_of(upload: Path, folder: Path) -> Iterator[Upload]:
    """The videos of an uploaded file: itself, or what an archive holds.

    What an archive says of sizes is not believed, and what it calls its files
    is never a path here.

    Args:
        upload: a video, or a zip archive with or without a folder a sign.
        folder: an empty folder for what is unpacked; the caller removes it.

    Raises:
        UserError: if it is neither, damaged, or larger than is allowed.
    """
    if upload.suffix.lower() != ".zip":
        if not is_video(upload.name):
            raise UserError(
                f"{upload.name} is no video and no .zip; a video's name ends "
                "with one of " + " ".join(sorted(ENDINGS))
            )
        _check_size(upload.stat().st_size, MOST_BYTES, upload.name)
        yield Upload(upload, upload.name, "")
        return
    try:
        with zipfile.ZipFile(upload) as archive:
            yield from _unpack(archive, folder, upload.name)
    except UserError:
        raise
    except Exception as error:  # a damaged archive may lead to any
        raise UserError(
            f"{upload.name} cannot be unpacked: {error or 'it is cut off'}"
        ) from error


def _unpack(
    archive: zipfile.ZipFile, folder: Path, name: str
) -> Iterator[Upload]:
    entries = [entry for entry in archive.infolist() if _is_wanted(entry)]
    if not entries:
        raise UserError(f"there is no video in {name}")
    if len(entries) > MOST_FILES:
        raise UserError(f"{name} holds more than {MOST_FILES:,} videos")
    left = MOST_BYTES_IN_ALL
    for number, entry in enumerate(entries):
        inner = PurePosixPath(entry.filename.replace("\\", "/"))
        path = folder / f"{number:06}{inner.suffix.lower()}"
        with archive.open(entry) as source, path.open("wb") as target:
            most = min(MOST_BYTES, left)
            shutil.copyfileobj(_Limited(source, most, inner.name), target)
        left -= path.stat().st_size
        sign = inner.parent.name if len(inner.parts) > 1 else ""
        yield Upload(path, inner.name, sign)


def _is_wanted(entry: zipfile.ZipInfo) -> bool:
    inner = PurePosixPath(entry.filename.replace("\\", "/"))
    hidden = any(
        part.startswith((".", "__MACOSX")) and part not in (".", "..")
        for part in inner.parts
    )
    return not entry.is_dir() and not hidden and is_video(inner.name)


class _Limited:
    """A file that may not give more than it is allowed to."""

    def __init__(self, file, most: int, name: str):
        self._file, self._most, self._name = file, most, name
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self._read += len(content)
        _check_size(self._read, self._most, self._name)
        return content


def _check_size(size: int, most: int, name: str) -> None:
    if size > most:
        raise UserError(f"{name} is larger than {most // MEGABYTE:,} MB")
