"""Files that are whole or not there at all, even after a power cut."""

import csv
import errno
import itertools
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

if sys.platform == "darwin":
    import fcntl

TEMPORARY = ".partial-"
# What a write fails with where no other one can succeed either.
_FULL = {errno.ENOSPC, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)}
# What a disk says that has nothing to sync of a folder, or does not let us.
_NO_FOLDERS = {errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM}
_numbers = itertools.count()
# Processes of several machines that share a folder may have equal numbers.
_MINE = secrets.token_hex(3)


@contextmanager
def atomic(path: Path, sync: bool = True) -> Iterator[Path]:
    """Yields a temporary path beside `path`, and renames it on success.

    The temporary name is short, whatever the length of the final one, and
    keeps the ending, in lower case, as some writers choose the format by it.
    After an exception nothing is left behind, and an older file stays as it
    was. What a killed process leaves is hidden, and `remove_leftovers`
    removes it.

    Args:
        path: where the file is to be.
        sync: whether to wait until it is on the disk, which takes as long as
            writing dozens of small files. Without, call `sync_disk`, once
            for many files, before anything says that they are there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        yield temporary
        if sync or sys.platform != "linux":
            _sync_file(temporary, fully=sync)
        os.replace(temporary, path)
        if sync:
            _sync_folder(path.parent)
    except BaseException as error:
        if isinstance(error, OSError) and (
            error.filename in (None, temporary, str(temporary))
        ):
            error.filename = str(path)  # a failed write does not say where
        temporary.unlink(missing_ok=True)
        raise


def sync_disk(folder: Path) -> None:
    """Waits until all that was written without `sync` is on the disk.

    Args:
        folder: on that disk.
    """
    if sys.platform == "linux":
        os.sync()  # which waits; elsewhere `atomic` has synced the files
    else:
        _sync_folder(folder)


def _sync_file(path: Path, fully: bool) -> None:
    file = os.open(path, os.O_RDWR)
    try:
        _sync(file, fully)
    finally:
        os.close(file)


def _sync_folder(folder: Path) -> None:
    """Waits until the names of a folder's files are on the disk."""
    if sys.platform == "win32":  # it opens no folders
        return
    try:
        file = os.open(folder, os.O_RDONLY)
        try:
            _sync(file, fully=True)
        finally:
            os.close(file)
    except OSError as error:
        if error.errno not in _NO_FOLDERS:
            raise


def _sync(file: int, fully: bool) -> None:
    os.fsync(file)
    if fully and sys.platform == "darwin":
        # There, fsync leaves it in the memory of the disk, and this empties
        # that, whichever file it is called for.
        with suppress(OSError):  # disks that are no Mac's do not know it
            fcntl.fcntl(file, fcntl.F_FULLFSYNC)


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk is full or can only be read."""
    return isinstance(error, OSError) and error.errno in _FULL


def remove_leftovers(
    folder: Path, deep: bool = False, seconds: float = 3600.0
) -> None:
    """Removes what killed processes left half-written.

    Args:
        folder: where to look; it need not exist.
        deep: look in the folders below, too.
        seconds: keep what was written to in the last so many seconds, as
            another process may be at it.
    """
    newest = time.time() - seconds
    for path in folder.glob(f"{'**/' * deep}{TEMPORARY}*"):
        try:
            if path.stat().st_mtime > newest:
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        except FileNotFoundError:  # another process was faster
            continue


def remove_folder(folder: Path) -> None:
    """Removes what is in a folder all at once, as far as can be told.

    Renamed first, it is gone for every reader; were it removed file by file,
    an interruption would leave some that look like what is yet to be made.
    """
    if not folder.is_dir():
        return
    place = folder.resolve()  # a link to another disk stays
    away = _temporary(place)
    try:
        place.rename(away)
    except OSError:  # a disk is mounted there
        for path in place.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return
    if folder.is_symlink():
        place.mkdir()
    shutil.rmtree(away)


def _temporary(path: Path) -> Path:
    number = f"{_MINE}-{os.getpid()}-{next(_numbers)}"
    name = f"{TEMPORARY}{number}{path.suffix.lower()}"
    return path.with_name(name)


def write_text(path: Path, text: str) -> None:
    """Writes a text file atomically, as UTF-8 with `\\n` line ends."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file atomically; umlauts stay readable."""
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
    write_text(path, text + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON file that holds an object.

    Raises:
        ValueError: if it does not.
        OSError: if it cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError(f"it is nested too deeply: {path}") from error
    if not isinstance(content, dict):
        raise ValueError(f"it is no JSON object: {path}")
    return content


def write_failures(path: Path, failures: Mapping[str, str]) -> None:
    """Writes the clips that failed, with reasons; removes the file if none.

    Args:
        path: CSV file with the columns clip, reason.
        failures: reason by clip.
    """
    if not failures:
        path.unlink(missing_ok=True)
        return
    with (
        atomic(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["clip", "reason"])
        writer.writerows(sorted(failures.items()))


def read_failures(path: Path) -> dict[str, str]:
    """Reads what `write_failures` wrote; empty where there is no file."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["clip"]: row["reason"] for row in csv.DictReader(file)}
