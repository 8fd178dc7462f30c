"""The frames of a clip on disk: `frame/CLIP/frame-001.jpg` and so on."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from signs.core import files
from signs.core.errors import UserError
from signs.data.clips_table import Dataset, on_disk
from signs.data.rows import Rows
from signs.video import decode

FRAME = "frame-*.jpg"
SHORT_SIDE = 299  # pixels; the largest that the CNNs of the recipe look at


@dataclass(frozen=True)
class FrameTask:
    """All that is needed to make the frames of one clip.

    Attributes:
        video: the file.
        folder: where its frames go.
        frames: how many.
        start, end: the section to take them from, in seconds.
    """

    video: Path
    folder: Path
    frames: int
    start: float = 0.0
    end: float = float("inf")


def frame_paths(folder: Path, frames: int) -> list[Path]:
    """Where a clip's frames are; the names sort in time order."""
    return [folder / name for name in _names(frames)]


def make_frames(task: FrameTask) -> None:
    """Writes the frames of one clip, each file atomically.

    The last frame is written last, so a clip that has all of them is done.

    Raises:
        ValueError: if no frame of the video can be decoded.
        OSError: if the frames cannot be written; then none is left.
    """
    _remove(task.folder, f"{files.TEMPORARY}*")  # a killed process's
    pictures = decode.read_frames(
        task.video, task.frames, task.start, task.end, SHORT_SIDE
    )
    # Frames of another number of frames would be taken for this clip's.
    _remove(task.folder, FRAME)
    try:
        for path, picture in zip(
            frame_paths(task.folder, task.frames), pictures, strict=True
        ):
            decode.write_jpeg(path, picture)
    except Exception:
        _remove(task.folder, FRAME)
        with suppress(OSError):  # clips of deeper folders may be in it
            task.folder.rmdir()
        raise


def _remove(folder: Path, pattern: str) -> None:
    for path in folder.glob(pattern):
        if path.is_file():  # a clip in a deeper folder may be called so
            path.unlink()


def has_frames(folder: Path, frames: int) -> bool:
    """Whether exactly this clip's frames are there, and no older ones."""
    try:
        with os.scandir(folder) as entries:
            there = {
                entry.name
                for entry in entries
                if entry.name.startswith("frame-") and entry.is_file()
            }
    except (FileNotFoundError, NotADirectoryError):
        return False
    return there == set(_names(frames))


def read_pictures(folder: Path, frames: int, size: int) -> np.ndarray:
    """Reads a clip's frames as a CNN takes them.

    Returns:
        RGB, uint8, (frames, size, size, 3).

    Raises:
        ValueError: if a frame is missing or damaged.
    """
    return to_batch(map(decode.read_jpeg, frame_paths(folder, frames)), size)


def to_batch(pictures: Iterable[np.ndarray], size: int) -> np.ndarray:
    """Squashes pictures (RGB, uint8) into one array (n, size, size, 3)."""
    return np.stack([decode.squash(picture, size) for picture in pictures])


def tasks(
    dataset: Dataset, clips: pd.DataFrame, root: Path, frames: int
) -> Rows[FrameTask]:
    """The task of every clip of the table, by clip.

    Args:
        root: the folder that the videos' paths start from.
    """

    def task(row: dict[str, Any]) -> FrameTask:
        return FrameTask(
            root / on_disk(row["video"]),
            dataset.frame / row["clip"],
            frames,
            float(row.get("start") or 0),
            float(row.get("end") or "inf"),
        )

    return Rows(clips, task)


def meta_path(dataset: Dataset) -> Path:
    return dataset.frame / "meta.json"


def read_meta(dataset: Dataset) -> dict | None:
    """What is known of the data set's frames; None before there are any.

    Returns:
        frames: how many a clip has; short_side: pixels; jpeg_quality:
        percent; source: folder of the videos, from the data set's folder;
        layout: the source's; split: how the clips were split, which is
        official, signer or random; found: clips that the source held;
        arguments: how `clips.csv` was asked for.
    """
    path = meta_path(dataset)
    if not path.exists():
        return None
    try:
        meta = files.read_json(path)
        count, source = meta.get("frames"), meta.get("source", "video")
        if type(count) is int and count > 0 and isinstance(source, str):
            return meta
        reason = "it does not say how many frames, or of which videos"
    except ValueError as error:
        reason = str(error)
    raise UserError(
        f"{path} is damaged ({reason}); make the frames again with: "
        f"python frame.py {dataset.name} --overwrite"
    )


def require_meta(dataset: Dataset) -> dict:
    """Like `read_meta`, for the steps that need frames.

    Raises:
        UserError: if there are none; names the command that makes them.
    """
    meta = read_meta(dataset)
    if meta is None:
        raise UserError(
            f"there are no frames in {dataset.frame}; make them with: "
            f"python frame.py {dataset.name}"
        )
    return meta


@cache
def _names(frames: int) -> tuple[str, ...]:
    digits = max(3, len(str(frames)))
    return tuple(f"frame-{n:0{digits}}.jpg" for n in range(1, frames + 1))
