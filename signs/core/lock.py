"""One process at a time in a folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from signs.core.errors import UserError

NAME = ".lock"
_PATIENCE = 0.2  # seconds: the file may just be removed by who had the lock


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
    path = folder / name
    lock = FileLock(path, timeout=_PATIENCE)
    made = [x for x in (folder, *folder.parents) if not x.exists()]
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(poll_interval=_PATIENCE / 4)
            path.write_text(str(os.getpid()))
        except Timeout as error:
            raise UserError(
                f"another process{_owner(path)} is at work in {folder}; wait "
                "until it has finished, or stop it"
            ) from error
        except OSError:  # whoever writes there will say why
            pass
        yield
    finally:
        if lock.is_locked:
            with suppress(OSError):  # on Windows, `release` removes it
                path.unlink()
            lock.release()
        for parent in made:
            with suppress(OSError):  # not empty
                parent.rmdir()


def _owner(path: Path) -> str:
    """The number of the process that has a lock, where it can be read."""
    with suppress(OSError, ValueError):
        return f" ({int(path.read_text())})"
    return ""
