"""What a file was made from, and whether it is still that.

This module alone decides whether something that was made is up to date. Each
step writes down what a clip's files were made from, its inputs, when they are
safe on disk; a clip counts as done when that record says so. On the next run
the present inputs are compared with those: the size and the time of a file,
which costs one look at its folder, and its content only where the time alone
is another one, as after a copy.

Many clips share one record, `.made-from/STEP.jsonl` of their data set, to
which lines are appended. A single file, such as an exported model, has one of
its own beside it.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from signs.core import files
from signs.core.parallel import Outcome
from signs.data.fingerprints import YOUNG
from signs.data.fingerprints import Fingerprint as Fingerprint
from signs.data.fingerprints import fingerprint as fingerprint

NAME = "made-from.jsonl"
_BATCH, _SECONDS = 1_000, 2.0  # entries or time that one sync serves
_STARTED, _REMOVED = "{}", "null"  # instead of a clip's inputs
_DECODER = json.JSONDecoder()
# Marks files that an earlier version made, which wrote nothing down.
_ADOPTED = "adopted"

# Numbers and texts as JSON has them, and files.
Inputs: TypeAlias = Mapping[str, "str | int | float | None | Fingerprint"]


class Record:
    """What each clip's files were made from: a journal of JSON lines.

    A line is `[clip, inputs]`, and the last one of a clip counts; no inputs,
    `{}`, are those of files not finished yet, and null those of removed ones.
    Lines are appended in batches, once all files of the batch are on disk; a
    line that a power cut has torn is no line.

    Args:
        path: the journal; it need not exist.
    """

    def __init__(self, path: Path):
        self.path = path
        self._entries: dict[str, str] = {}
        self._waiting: dict[str, str] = {}
        self._due = time.monotonic() + _SECONDS
        self._has_appended = False
        self._load()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def get(self, key: str) -> dict[str, Any] | None:
        """The inputs as they were written down; None of an unknown clip."""
        return _parse(self._entries.get(key, _REMOVED))

    def is_current(self, key: str, inputs: Inputs) -> bool:
        """Whether the clip's files were made from just these inputs.

        Where a file has another time but its old content, the new time is
        written down with the next `flush`, so that its content is read only
        once.
        """
        recorded = self.get(key)
        if recorded is None:
            return False
        adopted = recorded.pop(_ADOPTED, False)
        if recorded.keys() != inputs.keys():
            return False
        moved = False
        for name, value in inputs.items():
            if not isinstance(value, Fingerprint):
                if recorded[name] != value:
                    return False
                continue
            then = recorded[name]
            if not isinstance(then, list) or value.size != then[0]:
                return False
            if value.mtime_ns != then[1]:
                if not then[2] or value.read().digest != then[2]:
                    return False
                moved |= then[1] != YOUNG
        if moved:
            mark = {_ADOPTED: True} if adopted else {}
            self._entries[key] = self._waiting[key] = _text({**inputs, **mark})
        return True

    def is_adopted(self, key: str) -> bool:
        """Whether the clip's files are of an earlier version, and trusted."""
        return _ADOPTED in (self.get(key) or {})

    def identity(self, key: str) -> str:
        """A short text that is another one when the clip is made anew from
        other inputs, and the same where only a file's time has changed.

        Empty for a clip that is unknown, or not finished.
        """
        recorded = self.get(key)
        if not recorded:
            return ""
        parts = {
            name: [value[0], value[2] or value[1]]
            if isinstance(value, list)
            else value
            for name, value in recorded.items()
        }
        text = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def begin(self, keys: Iterable[str]) -> None:
        """Says that the clips' files are about to be made, or made anew.

        Until they are finished they are current for no inputs, even if the
        run is killed; and they are known, should the clip vanish.
        """
        for key in keys:
            if self._entries.get(key) != _STARTED:
                self._entries[key] = self._waiting[key] = _STARTED
        self.flush()

    def update(self, key: str, inputs: Inputs) -> None:
        """Says what the clip's files, which are there now, were made from."""
        self._note(key, _text(inputs))

    def adopt(self, key: str, inputs: Inputs) -> None:
        """Like `update`, for files of which nothing was written down."""
        self._note(key, _text({**inputs, _ADOPTED: True}))

    def watch(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Yields outcomes of work that returns a clip's inputs, noted down."""
        for clip, inputs, error in outcomes:
            if error is None:
                self.update(clip, inputs)
            yield clip, inputs, error

    def discard(self, key: str) -> None:
        """Says that the clip's files are no more."""
        if self._entries.pop(key, None) is not None:
            self._note(key, _REMOVED)

    def flush(self) -> None:
        """Makes all that was noted last: first the clips' files, then this."""
        began = time.monotonic()
        if self._waiting:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            files.sync_disk(self.path.parent)
            self._append(self._waiting)
            self._waiting = {}
        # A slow disk is not kept waiting for most of the time.
        took = time.monotonic() - began
        self._due = time.monotonic() + max(_SECONDS, 20 * took)

    def close(self) -> None:
        """Makes all last, and leaves one line a clip, in order."""
        self.flush()
        if self._has_appended:
            self._compact()

    def _note(self, key: str, text: str) -> None:
        if text != _REMOVED:
            self._entries[key] = text
        self._waiting[key] = text
        if len(self._waiting) >= _BATCH or time.monotonic() > self._due:
            self.flush()

    def _load(self) -> None:
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8", errors="replace") as file:
            for key, text in filter(None, map(_split, file)):
                if text == _REMOVED:
                    self._entries.pop(key, None)
                else:
                    self._entries[key] = text

    def _append(self, entries: Mapping[str, str]) -> None:
        with self.path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")  # ends a torn line
            file.writelines(map(_line, entries.items()))
            file.flush()
            os.fsync(file.fileno())
        self._has_appended = True

    def _compact(self) -> None:
        with (
            files.atomic(self.path) as temporary,
            temporary.open("wb") as file,
        ):
            file.writelines(map(_line, sorted(self._entries.items())))
        self._has_appended = False


@contextmanager
def recording(path: Path) -> Iterator[Record]:
    """Opens a record, and makes it last at the end, whatever happens."""
    record = Record(path)
    try:
        yield record
    except BaseException:
        record.flush()
        raise
    record.close()


def is_current(path: Path, inputs: Inputs, journal: Path | None = None) -> bool:
    """Whether a single file is there, and was made from just these inputs.

    It is itself one of the inputs: a file that was changed since is not what
    was made.

    Args:
        path: the file.
        inputs: what it would be made from now.
        journal: where that is written down; None is beside the file.
    """
    if not path.exists():
        return False
    record = Record(journal or beside(path))
    found = record.is_current(path.name, {**inputs, "made": fingerprint(path)})
    with suppress(OSError):  # in a folder that can only be read
        record.close()
    return found


def note(path: Path, inputs: Inputs, journal: Path | None = None) -> None:
    """Writes down what a file that was just made was made from."""
    with recording(journal or beside(path)) as record:
        record.update(path.name, {**inputs, "made": fingerprint(path)})


def beside(path: Path) -> Path:
    """Where the record of a single file is."""
    return path.with_name(f".{path.name}.{NAME}")


def _text(inputs: Mapping[str, Any]) -> str:
    """The inputs as JSON; a file is `[size, mtime_ns, digest]`."""

    def plain(value: Any) -> Any:
        if not isinstance(value, Fingerprint):
            return value
        seen = value.read()
        return [seen.size, seen.mtime_ns, seen.digest]

    plainly = {name: plain(value) for name, value in inputs.items()}
    return json.dumps(plainly, separators=(",", ":"))


def _line(entry: tuple[str, str]) -> bytes:
    key, text = entry
    return f"[{json.dumps(key)},{text}]\n".encode()


def _split(line: str) -> tuple[str, str] | None:
    """The clip and the inputs, as JSON, of a line; None if it is torn.

    The inputs are not looked into, as that takes longer than all the rest.
    """
    try:
        key, end = _DECODER.raw_decode(line, 1)
    except (ValueError, RecursionError):
        return None
    text = line[end + 1 : -2]
    is_whole = line[end : end + 1] == "," and line.endswith("]\n")
    is_known = text.startswith("{") or text == _REMOVED
    return (key, text) if is_whole and is_known and type(key) is str else None


def _parse(text: str) -> dict[str, Any] | None:
    """The inputs in a text; None if it is damaged."""
    try:
        inputs = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(inputs, dict):
        return None
    lists = [value for value in inputs.values() if isinstance(value, list)]
    return inputs if all(len(value) == 3 for value in lists) else None
