"""What a file is like: its size, its time, and a digest of its content."""

import hashlib
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

# Larger files are known by size and time alone: reading them costs more than
# what is made of them.
LARGEST_HASHED = 1 << 28  # bytes
# A file may be written twice between two ticks of a disk's clock. So the time
# of one that was younger when it was looked at is not relied on (FAT: 2 s).
_TICK = 2_000_000_000  # nanoseconds
YOUNG = 0  # instead of its time: its content is read on every run


@dataclass(frozen=True)
class Fingerprint:
    """What a file was like when something was made from it.

    Attributes:
        size: bytes.
        mtime_ns: when it was last written to; `YOUNG` if that says nothing,
            as it was only just then.
        digest: of its content; empty for files above `LARGEST_HASHED`.
        path: where the file is, if its content is yet to be read.
    """

    size: int
    mtime_ns: int
    digest: str = ""
    path: Path | None = None

    def read(self) -> "Fingerprint":
        """This, with the digest of the content.

        There is none of a file that was written anew since it was looked at,
        such as a model by a training that goes on: the content is not what
        something was made from.
        """
        if self.path is None:
            return self
        if self.size > LARGEST_HASHED:
            return Fingerprint(self.size, self.mtime_ns)
        if 0 <= time.time_ns() - self.mtime_ns < _TICK:
            found = Fingerprint(self.size, YOUNG, _digest(self.path))
        else:
            digest = _known_digest(self.path, self.size, self.mtime_ns)
            found = Fingerprint(self.size, self.mtime_ns, digest)
        now = fingerprint(self.path)
        if (now.size, now.mtime_ns) != (self.size, self.mtime_ns):
            _known_digest.cache_clear()  # it may hold what was read just now
            return Fingerprint(self.size, self.mtime_ns)
        return found


def fingerprint(path: Path) -> Fingerprint:
    """Looks at a file, links being followed, without reading it.

    Raises:
        OSError: if it is not there.
    """
    status = path.stat()
    return Fingerprint(status.st_size, status.st_mtime_ns, path=path)


@lru_cache(maxsize=64)  # sections of one recording come one after the other
def _known_digest(path: Path, size: int, mtime_ns: int) -> str:
    return _digest(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
