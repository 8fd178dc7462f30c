"""The feature store: `feature/CNN/CLIP.npy`, and what made it: `meta.json`."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from signs.core import files
from signs.core.errors import UserError
from signs.core.parallel import COSTS_ONE_CLIP, Outcome, Work, ends_the_run
from signs.data.clips_table import Dataset
from signs.data.rows import Rows
from signs.features import backbones as cnns
from signs.features.made_from import MadeFrom
from signs.video import frame_store

if TYPE_CHECKING:
    from signs.features.worker_setup import Recipe

DTYPES = ["float16", "float32"]
# What must be the same for features to go together. The engine is not among
# them: engines of one precision agree.
DECIDES = ["cnn", "weights_hash", "frames", "size", "length", "precision"]


@dataclass(frozen=True)
class FeatureTask:
    """All that is needed to make the features of one clip, but the CNN."""

    folder: Path
    path: Path
    frames: int
    size: int
    dtype: str


def feature_path(dataset: Dataset, cnn: str, clip: str) -> Path:
    """Where a clip's features are."""
    return dataset.feature(cnn) / f"{clip}.npy"


def tasks(
    dataset: Dataset,
    clips: pd.DataFrame,
    meta: dict[str, Any],
    only_missing: bool = False,
    made_from: MadeFrom | None = None,
) -> Rows[FeatureTask]:
    """The task of every clip of the table, by clip.

    Args:
        only_missing: leave out the clips that have features of the frames as
            they are. A file that was cut has another size, so that none needs
            to be opened.
        made_from: what the features that are there were made from; None looks.
    """

    def task(row: dict[str, Any]) -> FeatureTask:
        return FeatureTask(
            dataset.frame / row["clip"],
            feature_path(dataset, meta["cnn"], row["clip"]),
            meta["frames"],
            meta["size"],
            meta["dtype"],
        )

    rows = Rows(clips, task)
    if not only_missing:
        return rows
    known = made_from or MadeFrom(dataset, meta["cnn"])
    shape = meta["frames"], meta["length"]
    return rows.only(
        lambda clip, task: not (
            is_whole(task.path, *shape, meta["dtype"]) and known.is_current(clip)
        )
    )


def is_whole(path: Path, frames: int, length: int, dtype: str) -> bool:
    """Whether a clip's feature file is there, and of the right size."""
    try:
        return path.stat().st_size == _file_size(frames, length, dtype)
    except (FileNotFoundError, NotADirectoryError):
        return False


@cache
def _file_size(frames_a_clip: int, length: int, dtype: str) -> int:
    """Bytes of a clip's feature file."""
    file = BytesIO()
    np.save(file, np.zeros((frames_a_clip, length), dtype))
    return file.tell()


def start(recipe: "Recipe", clips_at_once: int, cores: int) -> Work:
    """Loads the CNN in a process of a cluster; see `cluster.Start`."""
    engine = recipe.open(cores)
    return partial(
        make_features, engine=engine, clips_at_once=clips_at_once, readers=cores
    )


def make_features(
    rows: Mapping[str, FeatureTask],
    engine: Callable[[np.ndarray], np.ndarray],
    clips_at_once: int,
    readers: int,
) -> Iterator[Outcome]:
    """Makes the features of clips, and yields them as they are written.

    Threads read the next frames while the CNN works on these, so that it
    never waits.

    Args:
        rows: task by clip.
        engine: gives the features (n, length) of pictures (RGB, uint8,
            (n, size, size, 3)).
        clips_at_once: how many clips the engine is given at once.
        readers: threads that read frames.

    Yields:
        (clip, path of the features, None), or (clip, None, error) where the
        frames of a clip are missing or damaged.
    """
    pictures_of = read_ahead(_read, rows, 2 * clips_at_once + 2, readers)
    while group := list(islice(pictures_of, clips_at_once)):
        good: list[tuple[str, np.ndarray]] = []
        for clip, future in group:
            try:
                good.append((clip, future.result()))
            except COSTS_ONE_CLIP as error:
                yield clip, None, error
        if not good:
            continue
        features = engine(np.concatenate([pictures for _, pictures in good]))
        parts = np.split(features, len(good))
        for (clip, _), part in zip(good, parts, strict=True):
            yield _write(clip, rows[clip], part)


def _write(clip: str, task: FeatureTask, features: np.ndarray) -> Outcome:
    try:
        return clip, write_features(task, features), None
    except COSTS_ONE_CLIP as error:
        if ends_the_run(error):
            raise
        return clip, None, error


def _read(task: FeatureTask) -> np.ndarray:
    return frame_store.read_pictures(task.folder, task.frames, task.size)


def read_ahead(
    read: Callable[[Any], np.ndarray],
    rows: Mapping[str, Any],
    ahead: int,
    readers: int,
) -> Iterator[tuple[str, Future[np.ndarray]]]:
    """Yields the clips with their pictures, some of them still being read.

    Args:
        read: gives the pictures of a clip.
        rows: what `read` takes, by clip.
        ahead: how many clips are read before they are asked for.
        readers: threads that read.
    """
    waiting: deque[tuple[str, Future[np.ndarray]]] = deque()
    with ThreadPoolExecutor(readers) as pool:
        try:
            for clip, row in rows.items():
                waiting.append((clip, pool.submit(read, row)))
                if len(waiting) > ahead:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        except BaseException:
            # Only then: after a normal end, the last ones are still read.
            pool.shutdown(cancel_futures=True)
            raise


def write_features(task: FeatureTask, features: np.ndarray) -> Path:
    """Writes the features of one clip atomically.

    Raises:
        UserError: if they are not finite in the type they are stored in.
    """
    with np.errstate(over="ignore"):
        stored = features.astype(task.dtype)
    if not np.isfinite(stored).all():
        raise UserError(
            f"the CNN gives features that do not fit into {task.dtype} for "
            f"{task.folder}; try --dtype float32, or other weights"
        )
    write_array(task.path, stored)
    return task.path


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes an array as `.npy`, atomically."""
    content = BytesIO()  # a full disk is no error of its own for np.save
    np.save(content, array)
    with files.atomic(path, sync=False) as temporary:
        temporary.write_bytes(content.getvalue())


def read_features(
    path: Path, frames_a_clip: int, length: int, has_gaps: bool = False
) -> np.ndarray:
    """Reads the features of one clip.

    Args:
        path: the file.
        frames_a_clip, length: the shape that they are to be of.
        has_gaps: whether there may be NaN among them, as in landmarks.

    Returns:
        (frames_a_clip, length), in the type they are stored in.

    Raises:
        ValueError: if they are missing, damaged, of another shape, or not
            finite.
    """
    try:
        with path.open("rb") as file:
            # Unlike np.load, this reads no archives and no pickles.
            features = np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError as error:
        raise ValueError(f"the features are missing: {path}") from error
    except OSError:
        raise
    except Exception as error:  # a damaged header may fail in any way
        raise ValueError(f"the features are damaged: {path}") from error
    if features.dtype.kind != "f":
        raise ValueError(f"the features are damaged: {path}")
    if features.shape != (frames_a_clip, length):
        raise ValueError(
            f"the features are of shape {features.shape}, not "
            f"{(frames_a_clip, length)}: {path}"
        )
    finite = np.isfinite(features)
    if not (finite | np.isnan(features) if has_gaps else finite).all():
        raise ValueError(f"the features are not finite: {path}")
    return features


def meta_path(dataset: Dataset, cnn: str) -> Path:
    return dataset.feature(cnn) / "meta.json"


def read_meta(dataset: Dataset, cnn: str) -> dict[str, Any] | None:
    """What made the features of a CNN; None before there are any.

    Returns:
        cnn, weights, weights_hash, seed, size, length (see
        `cnn.Network.describe`), frames, dtype, engine, versions.
    """
    path = meta_path(dataset, cnn)
    if not path.exists():
        return None
    try:
        meta = files.read_json(path)
        if meta.get("cnn") == cnn and _is_whole(meta):
            return meta
        reason = f"it is not of features of {cnn}"
    except ValueError as error:
        reason = str(error)
    raise UserError(
        f"{path} is damaged ({reason}); make the features again with: "
        f"{command(dataset, cnn)} --overwrite"
    )


def _is_whole(meta: dict[str, Any]) -> bool:
    """Whether a record says all that reading the features needs."""
    numbers = [meta.get(key) for key in ("frames", "size", "length")]
    return (
        all(type(n) is int and n > 0 for n in numbers)
        and all(isinstance(meta.get(x), str) for x in ("weights", DECIDES[1]))
        and meta.get("dtype") in DTYPES
        and "seed" in meta
    )


def require_meta(dataset: Dataset, cnn: str | None) -> dict[str, Any]:
    """The record of the features that a training step is to use.

    Args:
        cnn: name of the CNN; None takes the only one there is, or
            InceptionV3 among several.

    Raises:
        UserError: if there are none; names the command that makes them.
    """
    there = sorted(
        path.parent.name
        for path in dataset.feature("").glob("*/meta.json")
        if not path.parent.name.startswith(files.TEMPORARY)
    )
    default = "inceptionv3"
    if cnn is None:
        only_one = len(there) == 1 and default not in there
        cnn = there[0] if only_one else default
    if cnn not in there:
        others = f" (there are those of {', '.join(there)})" if there else ""
        raise UserError(
            f"there are no features in {dataset.feature(cnn)}{others}; make "
            f"them with: {command(dataset, cnn)}"
        )
    meta = read_meta(dataset, cnn)
    if meta is None:
        raise UserError(f"{meta_path(dataset, cnn)} vanished")
    return meta


def command(dataset: Dataset, cnn: str) -> str:
    """The command that makes the features of a CNN, or landmarks."""
    if cnn == "landmarks":
        return f"python feature.py {dataset.name} --landmarks"
    kind, _, width = cnn.partition("-")
    return f"python feature.py {dataset.name} --cnn {kind}" + (
        f" --alpha {width}" if width else ""
    )


def differences(one: dict[str, Any], other: dict[str, Any]) -> str:
    """In which deciding points two records differ, in words; "" if in none.

    For example `frames 20 and 40, weights imagenet (3f..) and random (a1..)`.
    """

    def show(meta: dict[str, Any], key: str) -> str:
        if key == "weights_hash":
            return f"{meta.get('weights')} ({meta.get(key)})"
        return str(meta.get(key))

    one, other = (
        {**meta, "precision": cnns.precision_of(meta)} for meta in (one, other)
    )

    return ", ".join(
        f"{key.removesuffix('_hash')} {show(one, key)} and {show(other, key)}"
        for key in DECIDES
        if one.get(key) != other.get(key)
    )
