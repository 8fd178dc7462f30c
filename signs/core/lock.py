"""One process at a time in a folder."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from signs.core.errors import UserError

NAME = ".lock"
_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        # Nobody else can read what is locked there; so lock no text.
        os.lseek(file, 1 << 20, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def hold(folder: Path, name: str = NAME) -> Iterator[None]:
    """Holds a folder for this process alone, until the end of the block.

    The lock is one of the operating system's on an open file, so that a
    process that is killed leaves none. Where no file can be written, and
    where the disk knows no locks, there is no lock either.

    Args:
        folder: is made if it is missing, and removed again if the block
            leaves it empty.
        name: of the file in it; other names are other locks.

    Raises:
        UserError: if another process has the lock.
    """
    made: list[Path] = []
    path = folder / name
    file = None
    try:
        made = _make(folder)
        file = _open_locked(path)
        yield
    finally:
        if file is not None:
            _remove(path, file)
        for parent in made:
            with suppress(OSError):  # not empty
                parent.rmdir()


def _make(folder: Path) -> list[Path]:
    """Makes a folder; returns those that were not there, the lowest first."""
    missing = [x for x in (folder, *folder.parents) if not x.exists()]
    with suppress(OSError):  # whoever writes there will say why
        folder.mkdir(parents=True, exist_ok=True)
    return missing


def _open_locked(path: Path) -> int | None:
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:  # whoever writes there will say why
            return None
        try:
            _lock(file)
        except OSError as error:
            if error.errno not in _TAKEN:  # this disk knows no locks
                return file
            owner = os.read(file, 99).decode(errors="replace")
            os.close(file)
            raise UserError(
                f"another process ({owner}) is at work in {path.parent}; "
                "wait until it has finished, or stop it"
            ) from error
        if sys.platform == "win32" or _is_at(path, file):
            with suppress(OSError):  # no room for the number
                os.ftruncate(file, 0)
                os.write(file, str(os.getpid()).encode())
            return file
        # The process that had it has removed it in between.
        os.close(file)


def _is_at(path: Path, file: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file), path.stat())
    return False


def _remove(path: Path, file: int) -> None:
    """Removes the file of a lock, and the lock with it."""
    if sys.platform == "win32":  # no open file can be removed there
        os.close(file)
    with suppress(OSError):
        path.unlink()
    if sys.platform != "win32":
        os.close(file)
