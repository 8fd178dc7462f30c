"""Landmarks on disk: `feature/landmarks/CLIP.npy`, and what made them.

They are kept as they were found (see `models.landmark_layout`): what was not
seen is NaN, which says at once where there are gaps. What a network takes is
made of them when they are read.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from signs.core import files, parallel
from signs.data.clips_table import Dataset
from signs.data.rows import Rows
from signs.features import feature_store
from signs.features.landmark_models import LandmarkModels
from signs.features.landmarks import LandmarkDetector, clip_landmarks
from signs.features.made_from import MadeFrom
from signs.models import landmark_layout as layout
from signs.video import decode, frame_store
from signs.video.frame_store import FrameTask

if TYPE_CHECKING:
    import pandas as pd

NAME = feature_store.LANDMARKS
# It errs by at most 0.0005 of the picture's height; MediaPipe by more.
DTYPE = "float16"


@dataclass(frozen=True)
class LandmarkTask:
    """All that is needed to find the landmarks of one clip.

    Attributes:
        clip: which frames of which video.
        path: where they go.
        models: what finds them.
    """

    clip: FrameTask
    path: Path
    models: LandmarkModels


def describe(models: LandmarkModels, frames: int) -> dict[str, Any]:
    """What `meta.json` says of landmarks; see `feature_store.read_meta`.

    Args:
        models: what finds them.
        frames: how many a clip has.
    """
    return {
        "cnn": NAME,
        "weights": models.names,
        "weights_hash": models.hash,
        "seed": None,
        "size": feature_store.VIDEO_SIDE,
        "length": layout.LANDMARK_DIM,
        "frames": frames,
        "dtype": DTYPE,
        "engine": "mediapipe",
    }


def tasks(
    dataset: Dataset,
    clips: "pd.DataFrame",
    root: Path,
    frames: int,
    models: LandmarkModels,
) -> Rows[LandmarkTask]:
    """The task of every clip of the table, by clip.

    Args:
        root: the folder that the videos' paths start from.
        frames: how many a clip has.
        models: what finds landmarks.
    """
    videos = frame_store.tasks(dataset, clips, root, frames)

    def task(row: dict[str, Any]) -> LandmarkTask:
        path = feature_store.feature_path(dataset, NAME, row["clip"])
        return LandmarkTask(videos.task(row), path, models)

    return Rows(clips, task)


def missing(
    rows: Rows[LandmarkTask], made_from: MadeFrom
) -> Rows[LandmarkTask]:
    """The tasks of the clips that have no landmarks of their video as it is.

    Args:
        made_from: what the landmarks that are there were made from.
    """

    def is_missing(clip: str, task: LandmarkTask) -> bool:
        shape = (task.clip.frames, layout.LANDMARK_DIM)
        is_whole = feature_store.is_whole(task.path, *shape, dtype=DTYPE)
        return not (is_whole and made_from.is_current(clip))

    return rows.only(is_missing)


def make_landmarks(task: LandmarkTask) -> Path:
    """Finds the landmarks of one clip, and writes them atomically.

    They are looked for in the video itself, as its pictures are larger than
    the clip's frames, and in those halfway between them.

    Raises:
        ValueError: if the video is missing, or cannot be decoded.
        UserError: if a model file is damaged.
    """
    clip = task.clip
    pictures = decode.read_frames(
        clip.video,
        2 * clip.frames - 1,
        clip.start,
        clip.end,
        feature_store.VIDEO_SIDE,
    )
    landmarks = clip_landmarks(detector(task.models), pictures)
    feature_store.write_array(task.path, landmarks.astype(DTYPE))
    return task.path


# Of this process, by models and threads.
_detectors: dict[tuple[LandmarkModels, int], LandmarkDetector] = {}


def detector(models: LandmarkModels, threads: int = 1) -> LandmarkDetector:
    """The detector of this process, which loads the models but once."""
    if (models, threads) not in _detectors:
        _detectors[models, threads] = LandmarkDetector(models, threads)
        # MediaPipe's threads are gone when `atexit` calls what it is given.
        Finalize(None, close_detectors, exitpriority=1)
    return _detectors[models, threads]


def close_detectors() -> None:
    """Frees the models that `make_landmarks` loaded in this process."""
    while _detectors:
        _detectors.popitem()[1].close()


def read_landmarks(path: Path, frames: int) -> np.ndarray:
    """Reads the landmarks of one clip.

    Returns:
        float32, (frames, 176), with NaN where nothing was seen.

    Raises:
        ValueError: if they are missing, damaged or of another shape.
    """
    landmarks = feature_store.read_features(
        path, frames, layout.LANDMARK_DIM, has_gaps=True
    )
    return landmarks.astype(np.float32)


def find_all(
    dataset: Dataset,
    todo: Mapping[str, LandmarkTask],
    meta: dict[str, Any],
    made_from: MadeFrom,
    workers: int,
    cluster: str | None = None,
    quiet: bool = False,
) -> dict[str, str]:
    """Finds the landmarks of clips, and writes `meta.json`.

    Args:
        todo: the clips' tasks.
        meta: what `meta.json` is to say.
        made_from: where to note down what they were made from.
        workers: how many processes, or cores of each machine of a cluster.
        cluster: address of a Ray cluster; None works on this machine.
        quiet: no progress bar.

    Returns:
        The reasons of the clips that failed, by clip.
    """
    from signs.cluster import ray_backend

    files.write_json(feature_store.meta_path(dataset, NAME), meta)
    work = (
        ray_backend.outcomes(make_landmarks, todo, cluster, workers)
        if cluster
        else parallel.outcomes(make_landmarks, todo, workers)
    )
    with closing(work):
        outcomes = made_from.watch(work)
        found = parallel.collect(outcomes, len(todo), NAME, quiet, keep=False)
    close_detectors()
    return found[1]


def shares(dataset: Dataset, clips: "pd.DataFrame", frames: int) -> list[float]:
    """In what share of each clip's frames a hand was found.

    Args:
        clips: rows of the clips table; all have landmarks.
        frames: how many a clip has.
    """
    paths = (
        feature_store.feature_path(dataset, NAME, x) for x in clips["clip"]
    )
    return [
        float(layout.has_hand(read_landmarks(path, frames)).mean())
        for path in paths
    ]
