"""Clips and folders of clips in, probabilities out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from signs.core.errors import UserError
from signs.core.parallel import COSTS_ONE_CLIP, Outcome, Work, read_ahead
from signs.inference import sessions
from signs.inference.predictor import (
    Predictor,
    load_classifier,
    load_predictor,
)

if TYPE_CHECKING:
    from signs.features.landmark_models import LandmarkModels
    from signs.features.worker_setup import Recipe


@dataclass(frozen=True)
class Video:
    """A video that was named, or that is in a folder that was.

    Attributes:
        path: where it is.
        name: its path below the folder.
        session: the folder whose clips are one session with it; None for a
            clip on its own.
    """

    path: Path
    name: str
    session: Path | None = None


@dataclass(frozen=True)
class Classified:
    """What a model says of a clip.

    Attributes:
        probabilities: float32, (classes,).
        session_mean: which mean was subtracted, `sessions.FOLDER` or
            `sessions.CLIP`; None if none was.
    """

    probabilities: np.ndarray
    session_mean: str | None = None


def find_videos(paths: Iterable[Path]) -> dict[str, Video]:
    """The videos that were named, and those in the folders that were.

    Several videos that are named and lie in the same folder are one session,
    as what `FOLDER/*.mp4` stands for is. Windows leaves that as it is, so
    names with `*` that are no files are spelled out here.

    Returns:
        A video by clip, which is its path as it was named; sorted.

    Raises:
        UserError: if there are none.
    """
    from signs.data import clips_table, scan

    paths = [Path(name) for name in scan.expand(map(str, paths))]
    named = {path for path in paths if not path.is_dir()}
    together = Counter(path.parent for path in named)
    found = []
    for path in paths:
        if path in named:
            session = path.parent if together[path.parent] > 1 else None
            found.append(Video(path, path.name, session))
        else:
            inside = scan.find_files(path).videos
            found += [Video(path / name, name, path) for name in inside]
    if not found:
        raise UserError(f"there is no video in {', '.join(map(str, paths))}")
    return {clips_table.as_cell(str(video.path)): video for video in found}


def start_worker(
    path: Path, record: dict[str, Any], recipe: "Recipe", cores: int
) -> Work:
    """Loads a model in a process of a cluster; see `ray_backend.Start`.

    Returns:
        What gives the probabilities of clips; where the model needs the mean
        of their session, which takes all of its clips, their features.
    """
    classifier = load_classifier(path, record)
    predictor = Predictor(path, record, classifier, recipe.open(cores))
    return _work_of(predictor, cores)


def start_whole(
    path: Path,
    record: dict[str, Any],
    folder: Path,
    weights: str | None,
    models: "LandmarkModels | None",
    cores: int,
) -> Work:
    """Like `start_worker`, for a model that looks at whole pictures.

    Args:
        folder, weights: see `load_predictor`.
        models: MediaPipe's, on a disk that all machines see.
    """
    predictor = load_predictor(
        path, record, folder, cores, weights, landmark_models=models
    )
    return _work_of(predictor, cores)


def _work_of(predictor: Predictor, cores: int) -> Work:
    if predictor.needs_session_mean:
        return partial(features_of_clips, predictor, readers=cores)
    return partial(_classify_alone, predictor, readers=cores)


def _classify_alone(
    predictor: Predictor, paths: dict[str, Path], readers: int
) -> Iterator[Outcome]:
    outcomes = features_of_clips(predictor, paths, readers)
    return classify_clips(predictor, outcomes, {})


def predict_clips(
    predictor: Predictor, videos: Mapping[str, Video], readers: int
) -> Iterator[Outcome]:
    """Classifies one clip after the other; see `classify_clips`.

    Args:
        predictor: what to classify them with.
        videos: see `find_videos`.
        readers: threads that read.
    """
    paths = {clip: video.path for clip, video in videos.items()}
    outcomes = features_of_clips(predictor, paths, readers)
    return classify_clips(predictor, outcomes, videos)


def features_of_clips(
    predictor: Predictor, paths: dict[str, Path], readers: int
) -> Iterator[Outcome]:
    """The features of one clip after the other.

    Threads read the next clips while the CNN works on this one.

    Args:
        predictor: what to make them with.
        paths: a video by clip.
        readers: threads that read.

    Yields:
        (clip, features, None), float32, (frames, feature_dim); or (clip,
        None, error) where no frame of the video can be read.
    """
    if predictor.whole:
        readers = 1  # whole pictures take much memory
    reading = read_ahead(predictor.read, paths, 2 * readers, readers)
    for clip, future in reading:
        try:
            pictures = future.result()
        except COSTS_ONE_CLIP as error:
            yield clip, None, error
        else:
            yield clip, predictor.features_of_clip(pictures), None


def classify_clips(
    predictor: Predictor,
    outcomes: Iterable[Outcome],
    videos: Mapping[str, Video],
) -> Iterator[Outcome]:
    """Turns the features of clips into probabilities.

    Where the model needs the mean of a session, there is no answer before
    the features of all clips are there.

    Args:
        predictor: what to classify them with.
        outcomes: see `features_of_clips`.
        videos: see `find_videos`; only looked at for sessions.

    Yields:
        (clip, `Classified`, None), or (clip, None, error).
    """
    waiting: dict[str, np.ndarray] = {}
    for clip, found, error in outcomes:
        if error is not None:
            yield clip, None, error
            continue
        features = predictor.as_taken(found)
        if predictor.needs_session_mean:
            waiting[clip] = features
        else:
            yield clip, Classified(predictor.classify(features)), None
    folders = {clip: videos[clip].session for clip in waiting}
    means = sessions.session_means(waiting, folders, predictor.centering)
    if means:
        sessions.say_which(means, folders, predictor.centering)
    for clip, features in waiting.items():
        mean, kind = means[clip]
        probabilities = predictor.classify(features - mean)
        yield clip, Classified(probabilities, kind), None
