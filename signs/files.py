"""Files that are whole or not there at all."""

import csv
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TEMPORARY = ".partial-"
_numbers = itertools.count()


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, and renames it on success.

    The temporary name is short, whatever the length of the final one, and
    keeps the ending, as some writers choose the format by it. After an
    exception nothing is left behind, and an older file stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    name = f"{TEMPORARY}{os.getpid()}-{next(_numbers)}{path.suffix}"
    temporary = path.with_name(name)
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Writes a text file atomically, as UTF-8 with `\\n` line ends."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file atomically; umlauts stay readable."""
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
    write_text(path, text + "\n")


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
