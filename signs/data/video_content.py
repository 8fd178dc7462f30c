"""What a video holds, as a text that is the same wherever its bytes are."""

import hashlib
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from signs.data import clips_table
from signs.data.clips_table import SECTION


def of_file(path: Path, sizes: Collection[int] | None = None) -> str:
    """The size of a file in bytes, and the SHA-256 of what is in it.

    Args:
        path: the file.
        sizes: files of other sizes are not read; None reads all.

    Returns:
        `SIZE-HASH`; empty where there is no such file.
    """
    if not path.is_file():
        return ""
    size = path.stat().st_size
    if sizes is not None and size not in sizes:
        return ""
    with path.open("rb") as file:
        return f"{size}-{hashlib.file_digest(file, 'sha256').hexdigest()}"


def of_clips(
    clips: pd.DataFrame,
    root: Path,
    workers: int,
    sizes: Collection[int] | None = None,
) -> list[str]:
    """What is in each clip's video, with the section if it is one.

    Args:
        clips: rows of the clips table.
        root: the folder that its column video starts from.
        workers: threads that read.
        sizes: see `of_file`.
    """
    paths = [root / clips_table.on_disk(video) for video in clips["video"]]
    each = list(dict.fromkeys(paths))
    with ThreadPoolExecutor(workers) as pool:
        # Threads are enough: hashing leaves the interpreter to others.
        found = dict(
            zip(
                each, pool.map(partial(of_file, sizes=sizes), each), strict=True
            )
        )
    parts = clips.reindex(columns=SECTION, fill_value="").itertuples(
        index=False
    )
    return [
        found[path] and found[path] + section(*part)
        for path, part in zip(paths, parts, strict=True)
    ]


def section(start: Any, end: Any) -> str:
    """How a section is told from the rest of its video; "" for all of it."""
    return (
        f"@{float(start or 0):g}-{end and float(end)}" if start or end else ""
    )


def sizes_of(contents: Iterable[str]) -> set[int]:
    """The sizes of the files that these texts are of."""
    return {int(text.partition("-")[0]) for text in contents if text}
