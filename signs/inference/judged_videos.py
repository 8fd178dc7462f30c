"""Labelled videos in no data set that a model is judged on, made ready."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from signs.core import files, parallel
from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.core.parallel import COSTS_ONE_CLIP, Outcome
from signs.data import signers
from signs.features import (
    cnn_features,
    combined,
    feature_store,
    landmark_store,
)
from signs.features.landmark_models import LandmarkModels
from signs.inference.judged_clips import Task
from signs.inference.predictor import Predictor
from signs.video import frame_store
from signs.video.frame_store import FrameTask


def rows_of_videos(videos: Path) -> tuple[pd.DataFrame, Path]:
    """The clips with a label among videos that are in no data set.

    Args:
        videos: their folder, or the CSV file that lists them, in any layout
            that frame.py knows.

    Returns:
        Their rows of a clips table, and the folder that the videos' paths
        start from.

    Raises:
        UserError: if there are none.
    """
    from signs.data.layouts import detect

    rows, layout, _ = detect.read_layout(videos)
    root = videos.parent if videos.is_file() else videos
    rows = signers.add_signers(rows, root / "signers.csv")
    rows = rows[rows["label"] != ""].reset_index(drop=True)
    if not len(rows):
        raise UserError(f"no video of {videos} has a label to judge by")
    log.info(f"{videos}: {count(len(rows), 'clip')}, layout {layout}")
    return rows, root


def make_features(
    task: Task, predictor: Predictor, workers: int, quiet: bool
) -> dict[str, str]:
    """Makes the features of the clips to judge on, from their videos.

    Args:
        task: its data set is filled.
        predictor: whose features are wanted.
        workers: processes, then threads.
        quiet: no progress bars.

    Returns:
        The reasons of the clips that failed.
    """
    dataset, rows = task.dataset, task.rows
    meta = task.record["features"]
    for kind in combined.parts(meta):
        files.write_json(feature_store.meta_path(dataset, kind["cnn"]), kind)
    whole = predictor.whole
    if whole and whole.landmarks and meta["cnn"] == feature_store.LANDMARKS:
        return _make_landmarks(task, whole.landmarks.models, workers, quiet)
    frames = frame_store.tasks(dataset, rows, task.root, task.record["frames"])
    if whole:
        outcomes = _make_side_by_side(task, predictor, frames)
        return parallel.collect(
            outcomes, len(rows), "features", quiet, keep=False
        )[1]
    _, failures = parallel.map_clips(
        *(frame_store.make_frames, frames, workers, "frames", quiet),
        timeout=None,
        keep=False,
    )
    good = rows[~rows["clip"].isin(list(failures))]
    outcomes = cnn_features.make_features(
        feature_store.tasks(dataset, good, meta),
        predictor.features,
        max(1, 20 // task.record["frames"]),
        workers,
    )
    _, more = parallel.collect(
        outcomes, len(good), "features", quiet, keep=False
    )
    return {**failures, **more}


def _make_side_by_side(
    task: Task, predictor: Predictor, clips: Mapping[str, FrameTask]
) -> Iterator[Outcome]:
    """Makes several kinds of features of clips, each where it belongs."""
    kinds = combined.parts(task.record["features"])
    ends = np.cumsum([kind["length"] for kind in kinds])

    def read(clip: FrameTask) -> Any:
        return predictor.read(clip.video, clip.start, clip.end)

    for clip, future in parallel.read_ahead(read, clips, 2, 1):
        try:
            features = predictor.features_of_clip(future.result())
        except COSTS_ONE_CLIP as error:
            yield clip, None, error
            continue
        parts = np.split(features, ends[:-1], axis=1)
        for kind, part in zip(kinds, parts, strict=True):
            feature_store.write_array(
                feature_store.feature_path(task.dataset, kind["cnn"], clip),
                part.astype(kind["dtype"]),
            )
        yield clip, clip, None


def _make_landmarks(
    task: Task, models: LandmarkModels, workers: int, quiet: bool
) -> dict[str, str]:
    tasks = landmark_store.tasks(
        task.dataset, task.rows, task.root, task.record["frames"], models
    )
    return parallel.map_clips(
        *(landmark_store.make_landmarks, tasks, workers, "landmarks", quiet),
        timeout=None,
        keep=False,
    )[1]
