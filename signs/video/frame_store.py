"""The frames of a clip on disk: `frame/CLIP/frame-001.jpg` and so on."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from signs.core import files
from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data import changes
from signs.data.changes import Record
from signs.data.clips_table import Dataset, on_disk
from signs.data.rows import Rows
from signs.video import images

if TYPE_CHECKING:
    import pandas as pd

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


def make_frames(task: FrameTask) -> changes.Inputs:
    """Writes the frames of one clip, each file atomically.

    Returns:
        What they were made from, for the record that says that they are done.

    Raises:
        ValueError: if no frame of the video can be decoded.
        OSError: if the frames cannot be written. In both cases none is left,
            an older one neither.
    """
    from signs.video import decode  # late: it imports PyAV

    remove_frames(task.folder)
    made_from = inputs(task)
    jpegs = decode.read_frames(
        task.video,
        task.frames,
        task.start,
        task.end,
        SHORT_SIDE,
        then=images.encode_jpeg,
    )
    try:
        for path, jpeg in zip(
            frame_paths(task.folder, task.frames), jpegs, strict=True
        ):
            with files.atomic(path, sync=False) as temporary:
                temporary.write_bytes(jpeg)
    except Exception:
        remove_frames(task.folder)
        raise
    return made_from


def remove_frames(folder: Path) -> None:
    """Removes the frames of a clip, also those that a killed process left."""
    for pattern in (FRAME, f"{files.TEMPORARY}*"):
        for path in folder.glob(pattern):
            if path.is_file():  # a clip in a deeper folder may be called so
                path.unlink()
    with suppress(OSError):  # clips of deeper folders may be in it
        folder.rmdir()


def has_frames(folder: Path, frames: int) -> bool:
    """Whether exactly this clip's frames are there, and no older ones."""
    try:
        if set(os.listdir(folder)) == set(_names(frames)):
            return True
        with os.scandir(folder) as entries:
            there = {
                entry.name
                for entry in entries
                if entry.name.startswith("frame-") and entry.is_file()
            }
    except (FileNotFoundError, NotADirectoryError):
        return False
    return there == set(_names(frames))


# --- What frames were made from ---------------------------------------------


def inputs(task: FrameTask) -> changes.Inputs:
    """What a clip's frames are made from, its video read.

    Raises:
        ValueError: if the video is no file.
        OSError: if it may not be read.
    """
    if not task.video.is_file():
        problem = "is not a file" if task.video.exists() else "is missing"
        raise ValueError(f"the video {problem}: {task.video}")
    return {**_settings(task), "video": changes.fingerprint(task.video).read()}


def is_current(record: Record, clip: str, task: FrameTask) -> bool:
    """Whether a clip's frames were made from what is to be seen now.

    Frames whose video is gone are as current as they can be.
    """
    try:
        video: Any = changes.fingerprint(task.video)
    except OSError:
        video = (record.get(clip) or {}).get("video")
    return record.is_current(clip, {**_settings(task), "video": video})


def has_current_frames(record: Record, clip: str, task: FrameTask) -> bool:
    """Whether there is nothing to do for a clip."""
    return has_frames(task.folder, task.frames) and (
        is_current(record, clip, task)
    )


def outdated(record: Record, rows: Rows[FrameTask]) -> list[str]:
    """Clips whose frames are there, but not made from what is to be seen."""

    def is_outdated(clip: str, task: FrameTask) -> bool:
        if record.get(clip):
            return not is_current(record, clip, task)
        return has_frames(task.folder, task.frames)

    return list(rows.only(is_outdated))


def open_record(dataset: Dataset, rows: Rows[FrameTask]) -> Record:
    """What the frames of a data set were made from.

    Frames of an earlier version, which wrote nothing down, are trusted if
    they are whole: they become those of the videos as they are now.

    Args:
        rows: the task of every clip.
    """
    path = dataset.record("frame")
    record = Record(path)
    if path.exists() or not meta_path(dataset).exists():
        return record
    for clip, task in rows.items():
        if has_frames(task.folder, task.frames):
            try:
                record.adopt(clip, inputs(task))
            except (ValueError, OSError):  # the video is gone
                record.adopt(clip, {**_settings(task), "video": None})
    if len(record):
        log.info(
            f"the frames in {dataset.frame} are of an earlier version, and "
            "kept; --overwrite makes them again"
        )
    return record


def remove_others(
    dataset: Dataset, record: Record, clips: "pd.DataFrame"
) -> int:
    """Removes the frames of clips that are no longer in the table.

    Returns:
        Of how many clips.
    """
    listed = set(clips["clip"])
    others = [clip for clip in record if clip not in listed]
    for clip in others:
        folder = dataset.frame / clip
        remove_frames(folder)
        for parent in folder.relative_to(dataset.frame).parents[:-1]:
            with suppress(OSError):  # others are in it
                (dataset.frame / parent).rmdir()
        record.discard(clip)
    if others:
        log.info(
            f"removed the frames of {count(len(others), 'clip')} that "
            f"{'is' if len(others) == 1 else 'are'} no longer in "
            f"{dataset.clips}, such as {others[0]}"
        )
    return len(others)


def _settings(task: FrameTask) -> dict[str, Any]:
    section = {"start": task.start, "end": task.end}
    whole = {"start": 0.0, "end": float("inf")}
    return {
        "frames": task.frames,
        **{key: x for key, x in section.items() if x != whole[key]},
    }


# --- Reading them -----------------------------------------------------------


def read_pictures(folder: Path, frames: int, size: int) -> np.ndarray:
    """Reads a clip's frames as a CNN takes them.

    Returns:
        RGB, uint8, (frames, size, size, 3).

    Raises:
        ValueError: if a frame is missing or damaged.
    """
    return to_batch(map(images.read_jpeg, frame_paths(folder, frames)), size)


def to_batch(pictures: Iterable[np.ndarray], size: int) -> np.ndarray:
    """Squashes pictures (RGB, uint8) into one array (n, size, size, 3)."""
    return np.stack([images.squash(picture, size) for picture in pictures])


def tasks(
    dataset: Dataset, clips: "pd.DataFrame", root: Path, frames: int
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
