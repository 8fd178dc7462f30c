"""From frames to features on disk, by a CNN."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from signs.cluster import ray_backend
from signs.core import files, parallel
from signs.core.errors import UserError
from signs.core.parallel import COSTS_ONE_CLIP, Outcome, Work, ends_the_run
from signs.data.clips_table import Dataset
from signs.features import engines, feature_store, hand_crop, worker_setup
from signs.features.backbones import Network
from signs.features.feature_store import FeatureTask
from signs.features.made_from import MadeFrom
from signs.features.worker_setup import Recipe
from signs.models import landmark_layout as layout
from signs.video import decode, frame_store


def extract(
    dataset: Dataset,
    todo: Mapping[str, FeatureTask],
    network: Network,
    meta: dict[str, Any],
    made_from: MadeFrom,
    engine: str,
    batch: int | None,
    folder: Path,
    workers: int,
    cluster: str | None = None,
    quiet: bool = False,
) -> dict[str, str]:
    """Makes the features of clips, and writes `meta.json`.

    Args:
        todo: the clips' tasks.
        network: the CNN.
        meta: what `meta.json` is to say, but for the engine.
        made_from: where to note down what they were made from.
        engine: one of `backbones.ENGINES`.
        batch: frames that go through the CNN at once; None: as many as suit
            the engine.
        folder: where converted CNNs are kept.
        workers: how many cores to use, on each machine of a cluster.
        cluster: address of a Ray cluster; None works on this machine.
        quiet: no progress bar.

    Returns:
        The reasons of the clips that failed, by clip.
    """
    how = made_from, engine, batch, folder, workers
    if cluster:
        return _on_cluster(dataset, todo, network, meta, *how, cluster, quiet)
    runner = engines.make(engine, network, folder, workers)
    _write_meta(dataset, meta, runner.name)
    clips_at_once = max(1, (batch or runner.batch) // meta["frames"])
    outcomes = make_features(todo, runner, clips_at_once, workers)
    return parallel.collect(
        made_from.watch(outcomes),
        len(todo),
        f"{meta['cnn']} ({runner.name})",
        quiet,
        keep=False,
    )[1]


def _on_cluster(
    dataset: Dataset,
    todo: Mapping[str, FeatureTask],
    network: Network,
    meta: dict[str, Any],
    made_from: MadeFrom,
    engine: str,
    batch: int | None,
    folder: Path,
    workers: int,
    cluster: str,
    quiet: bool,
) -> dict[str, str]:
    """Like `extract`, by processes that have a CNN or a GPU each."""
    with ray_backend.connect(cluster, workers) as machines:
        chosen, on_gpu = worker_setup.choose(engine, machines.gpus)
        recipe = worker_setup.write(chosen, on_gpu, network, folder)
        _write_meta(dataset, meta, chosen)
        at_once = max(1, (batch or recipe.batch) // meta["frames"])
        start = partial(_start, recipe, at_once)
        cores = ray_backend.CORES_OF_A_CNN
        with closing(
            machines.outcomes(
                start, todo, cores=cores, on_gpu=on_gpu, unit=at_once
            )
        ) as outcomes:
            return parallel.collect(
                made_from.watch(outcomes),
                len(todo),
                f"{meta['cnn']} ({chosen})",
                quiet,
                keep=False,
            )[1]


def _write_meta(dataset: Dataset, meta: dict[str, Any], engine: str) -> None:
    path = feature_store.meta_path(dataset, meta["cnn"])
    files.write_json(path, {**meta, "engine": engine})


def _start(recipe: Recipe, clips_at_once: int, cores: int) -> Work:
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
    if task.video is None or task.landmarks is None:
        return frame_store.read_pictures(task.folder, task.frames, task.size)
    landmarks = feature_store.read_features(
        task.landmarks, task.frames, layout.LANDMARK_DIM, has_gaps=True
    )
    video = task.video
    pictures = decode.read_frames(
        video.video,
        task.frames,
        video.start,
        video.end,
        feature_store.VIDEO_SIDE,
    )
    hands = hand_crop.crop_hands(pictures, landmarks)
    return frame_store.to_batch(hands, task.size)


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
    feature_store.write_array(task.path, stored)
    return task.path
