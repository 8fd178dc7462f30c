"""From frames to features on disk, by a CNN."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from signs.cluster import ray_backend
from signs.core import files, parallel
from signs.core.backend import say_device
from signs.core.errors import UserError
from signs.core.parallel import COSTS_ONE_CLIP, Outcome, Work, ends_the_run
from signs.data.clips_table import Dataset
from signs.features import (
    backbones,
    engines,
    feature_store,
    hand_crop,
    worker_setup,
)
from signs.features.backbones import Network
from signs.features.feature_store import FeatureTask
from signs.features.made_from import MadeFrom
from signs.features.pictures import jitter, show
from signs.features.worker_setup import Recipe
from signs.models import landmark_layout as layout
from signs.video import decode, frame_store


def load_network(
    name: str, weights: str, seed: int, dtype: str, there: dict[str, Any] | None
) -> tuple[Network, dict[str, Any]]:
    """Loads a CNN, and says what its features are made with.

    Args:
        name: see `variants.full_name`.
        weights, seed: see `backbones.load`.
        dtype: what features are to be stored in; `auto` is float16, but
            float32 for random weights, whose features differ little.
        there: the record of the features that are there.

    Returns:
        The CNN, and its part of `meta.json`.
    """
    if there and weights == "auto" and there["weights"] == "random":
        weights = "random"  # as before, without trying to download again
    network = backbones.load(name, weights, seed)
    if dtype == "auto":
        dtype = "float32" if network.weights == "random" else "float16"
    return network, {**network.describe(), "dtype": dtype}


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
    say_device(runner.name)
    _write_meta(dataset, meta, runner.name)
    clips_at_once = _at_once(batch or runner.batch, meta)
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
        at_once = _at_once(batch or recipe.batch, meta)
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


def _at_once(batch: int, meta: dict[str, Any]) -> int:
    """How many clips, with their copies, make about so many frames."""
    return max(1, batch // (meta["frames"] * (1 + meta.get("copies", 0))))


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
    pictures_of = parallel.read_ahead(
        _read, rows, 2 * clips_at_once + 2, readers
    )
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
    """What the CNN sees of a clip, and then of its copies."""
    seen = _read_pictures(task)
    random = np.random.default_rng(task.seed)
    shown = [seen, *(jitter(seen, random) for _ in range(task.copies))]
    return np.concatenate([show(each, task.motion) for each in shown])


def _read_pictures(task: FeatureTask) -> np.ndarray:
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


def write_features(task: FeatureTask, features: np.ndarray) -> Path:
    """Writes the features of one clip, and of its copies, atomically.

    Args:
        task: which clip.
        features: of its frames, and then of those of its copies.

    Returns:
        The path of the clip's own features.

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
    own, copies = np.split(stored, [task.frames])
    if task.copies:
        shape = task.copies, task.frames, -1
        feature_store.write_array(task.copies_path, copies.reshape(shape))
    feature_store.write_array(task.path, own)
    return task.path
