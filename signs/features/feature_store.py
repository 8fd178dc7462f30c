"""The feature store: `feature/CNN/CLIP.npy`, and what made it: `meta.json`."""

import zlib
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from signs.core import files
from signs.core.errors import UserError
from signs.data.clips_table import Dataset
from signs.data.rows import Rows
from signs.features import backbones as cnns
from signs.features import variants
from signs.features.made_from import MadeFrom
from signs.models import landmark_layout
from signs.video.frame_store import FrameTask

if TYPE_CHECKING:
    import pandas as pd

DTYPES = ["float16", "float32"]
# What must be the same for features to go together. The engine is not among
# them: engines of one precision agree.
DECIDES = ["cnn", "weights_hash", "frames", "size", "length", "precision"]
DECIDES += ["landmarks_hash"]  # of features of hands
LANDMARKS = landmark_layout.LANDMARKS  # their folder, as others have a CNN's
# Where hands are looked for, larger pictures are shrunk: MediaPipe looks at a
# hand in 224 x 224 pixels.
VIDEO_SIDE = 1080


@dataclass(frozen=True)
class FeatureTask:
    """All that is needed to make the features of one clip, but the CNN.

    Attributes:
        folder: where its frames are.
        path: where its features go.
        frames: how many.
        size: of the pictures that the CNN takes.
        dtype: of the features.
        video: what to cut the signing hand out of, in place of the frames,
            which are smaller; None: the CNN sees whole frames.
        landmarks: where the hand is.
        motion: whether the CNN is shown `pictures.motion_images`.
        copies: how many changed copies of the clip it is shown, too.
        copies_path: where their features go.
        seed: of how they are changed.
    """

    folder: Path
    path: Path
    frames: int
    size: int
    dtype: str
    video: FrameTask | None = None
    landmarks: Path | None = None
    motion: bool = False
    copies: int = 0
    copies_path: Path = Path()
    seed: int = 0


def feature_path(dataset: Dataset, cnn: str, clip: str) -> Path:
    """Where a clip's features are."""
    return dataset.feature(cnn) / f"{clip}.npy"


def copies_path(dataset: Dataset, cnn: str, clip: str) -> Path:
    """Where the features of a clip's changed copies are, for the training."""
    return feature_path(dataset, variants.copies_folder(cnn), clip)


def tasks(
    dataset: Dataset,
    clips: "pd.DataFrame",
    meta: dict[str, Any],
    only_missing: bool = False,
    made_from: MadeFrom | None = None,
    videos: Rows[FrameTask] | None = None,
) -> Rows[FeatureTask]:
    """The task of every clip of the table, by clip.

    Args:
        only_missing: leave out the clips that have features of the frames as
            they are. A file that was cut has another size, so that none needs
            to be opened.
        made_from: what the features that are there were made from; None looks.
        videos: what to cut the signing hands out of, for a CNN that looks at
            those.
    """

    def task(row: dict[str, Any]) -> FeatureTask:
        return FeatureTask(
            dataset.frame / row["clip"],
            feature_path(dataset, meta["cnn"], row["clip"]),
            meta["frames"],
            meta["size"],
            meta["dtype"],
            videos.task(row) if videos else None,
            feature_path(dataset, LANDMARKS, row["clip"]),
            meta.get("motion", False),
            meta.get("copies", 0),
            copies_path(dataset, meta["cnn"], row["clip"]),
            zlib.crc32(row["clip"].encode()),
        )

    rows = Rows(clips, task)
    if not only_missing:
        return rows
    known = made_from or MadeFrom(dataset, meta["cnn"])
    shape = meta["frames"], meta["length"]

    def is_missing(clip: str, task: FeatureTask) -> bool:
        dtype = task.dtype
        return not (
            is_whole(task.path, *shape, dtype=dtype)
            and (
                not task.copies
                or is_whole(task.copies_path, task.copies, *shape, dtype=dtype)
            )
            and known.is_current(clip)
        )

    return rows.only(is_missing)


def is_whole(path: Path, *shape: int, dtype: str) -> bool:
    """Whether a file of features is there, and of the right size."""
    try:
        return path.stat().st_size == _file_size(shape, dtype)
    except (FileNotFoundError, NotADirectoryError):
        return False


@cache
def _file_size(shape: tuple[int, ...], dtype: str) -> int:
    """Bytes of a file of features."""
    file = BytesIO()
    np.save(file, np.zeros(shape, dtype))
    return file.tell()


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes an array as `.npy`, atomically."""
    content = BytesIO()  # a full disk is no error of its own for np.save
    np.save(content, array)
    with files.atomic(path, sync=False) as temporary:
        temporary.write_bytes(content.getvalue())


def read_features(
    path: Path, *shape: int, has_gaps: bool = False
) -> np.ndarray:
    """Reads the features of one clip.

    Args:
        path: the file.
        shape: what they are to be of: (frames, length), and of copies how
            many before that.
        has_gaps: whether there may be NaN among them, as in landmarks.

    Returns:
        Of that shape, in the type they are stored in.

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
    if features.shape != shape:
        raise ValueError(
            f"the features are of shape {features.shape}, not {shape}: {path}"
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
        if cnn not in there and there:
            raise UserError(
                f"{dataset.feature('')} holds features of "
                f"{' and '.join(there)}; say which to use, such as: "
                f"--features {there[0]}"
            )
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
    start = f"python feature.py {dataset.name}"
    if cnn == LANDMARKS:
        return f"{start} --landmarks"
    return f"{start} {variants.flags(cnn)}"


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


def is_same(
    meta: dict[str, Any],
    weights: str,
    seed: int,
    frames: int,
    dtype: str,
    engine: str,
    copies: int,
) -> bool:
    """Whether the features that a record describes are those asked for.

    Args:
        meta: the record.
        weights, seed, frames, dtype, engine: as asked for.
        copies: how many, at least.

    Returns:
        False also where only loading the CNN can tell.
    """
    return (
        weights in ("imagenet", "random", "auto")
        and weights in (meta["weights"], "auto")
        and meta["seed"] in (None, seed)
        and meta["frames"] == frames
        and dtype in ("auto", meta["dtype"])
        and cnns.precision(engine) == cnns.precision_of(meta)
        and copies <= meta.get("copies", 0)
    )
