"""What a clip costs in each step of the work: core-seconds and bytes."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import data
from benchmarks.rounds import drain, load


def stages(folder: Path, quick: bool) -> dict[str, Any]:
    """Seconds and bytes a clip of each step, on this machine.

    They are seconds of one core, which hardly depend on what else runs.
    """
    found: dict[str, Any] = {"load": load()}
    found |= frames_of_real_clips(folder, 4 if quick else 200)
    found |= features_of_real_clips(folder, 1 if quick else 12, quick)
    found |= training(40 if quick else 512, quick)
    return found


def core_seconds(work: Callable[[], Any]) -> float:
    """What a work takes of all cores together, in this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def frames_of_real_clips(folder: Path, clips: int) -> dict[str, float]:
    from signs.core import parallel
    from signs.video import frame_store

    paths = data.clips(folder, clips)
    rows = {
        path.stem: frame_store.FrameTask(
            path, folder / "frame" / path.stem, data.FRAMES
        )
        for path in paths
    }
    outcomes = parallel.in_this_process(frame_store.make_frames, rows)
    return {
        "frame_seconds": core_seconds(lambda: drain(outcomes)) / clips,
        "video_bytes": mean_size(paths),
        "frame_bytes": mean_size((folder / "frame").rglob("*.jpg")),
    }


def features_of_real_clips(
    folder: Path, clips: int, quick: bool
) -> dict[str, Any]:
    """InceptionV3 with random weights costs what it does with others."""
    from signs.core.arguments import available_cores
    from signs.features import backbones, cnn_features, engines, feature_store
    from signs.video import frame_store

    cores = available_cores()
    name = "mobilenet-0.25" if quick else "inceptionv3"
    network = backbones.load(name, "random")
    engine = engines.make("auto", network, folder, cores)
    store = folder / "feature"
    rows = {
        path.name: feature_store.FeatureTask(
            path,
            store / f"{path.name}.npy",
            data.FRAMES,
            network.size,
            "float16",
        )
        for path in sorted((folder / "frame").iterdir())[: clips + 1]
    }
    made = cnn_features.make_features(rows, engine, 1, cores)
    next(made)  # warms up
    feature = core_seconds(lambda: drain(made)) / clips

    def read() -> None:
        for row in rows.values():
            frame_store.read_pictures(row.folder, row.frames, row.size)

    return {
        "engine": engine.name,
        "feature_seconds": feature,
        "read_seconds": core_seconds(read) / len(rows),
        "feature_bytes": mean_size(store.glob("*.npy")),
    }


def training(clips: int, quick: bool) -> dict[str, float]:
    """Seconds a clip and an epoch of 2 LSTM(1024)."""
    import numpy as np

    from signs.core.backend import keras
    from signs.models import classifier

    model = classifier.build_classifier(
        data.FRAMES, data.LENGTH, classes=249, units=8 if quick else 1024
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    random = np.random.default_rng(0)
    batch = min(256, clips)
    inputs = random.random((batch, data.FRAMES, data.LENGTH), "float32")
    answers = keras.utils.to_categorical(random.integers(0, 249, batch), 249)
    model.train_on_batch(inputs, answers)

    def train() -> None:
        for _ in range(clips // batch):
            model.train_on_batch(inputs, answers)

    return {"train_seconds": core_seconds(train) / clips}


def mean_size(paths: Any) -> float:
    return statistics.mean(path.stat().st_size for path in paths)
