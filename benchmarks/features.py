"""From JPEG frames to features on disk, with InceptionV3 at 299x299."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import data
from benchmarks.rounds import NUMPY_ALONE, Engine, matrix_products

CLIPS = 6
GFLOP_A_FRAME = 11.4  # of InceptionV3 at 299x299
Work = Callable[[], float]


def prepare(folder: Path, quick: bool) -> None:
    """Takes the frames of the clips that all engines work on."""
    from signs.video import frame_store

    for index, video in enumerate(data.clips(folder, 1 if quick else CLIPS)):
        frame_store.make_frames(
            frame_store.FrameTask(
                video, folder / "frame" / f"{index}", data.FRAMES
            )
        )


def start_prototype(folder: Path, quick: bool) -> Work:
    """One frame at a time through `predict`, as in 2018."""
    model, preprocess = _inception()
    paths = sorted((folder / "frame" / "0").glob("*.jpg"))
    paths = paths[:2] if quick else paths

    def work() -> float:
        features = [
            model.predict(preprocess(_load(path)[None]), verbose=0)[0]
            for path in paths
        ]
        np.save(folder / "prototype.npy", features)
        return len(paths)

    return work


def start_keras(folder: Path, quick: bool) -> Work:
    """All frames of a clip through `predict` at once."""
    model, preprocess = _inception()

    def run(pictures: np.ndarray) -> np.ndarray:
        return model.predict(
            preprocess(pictures), batch_size=data.FRAMES, verbose=0
        )

    return _clip_by_clip(folder, run, "keras")


def start_onnx(folder: Path, quick: bool) -> Work:
    """The same by ONNX Runtime, of which Keras makes the file."""
    import onnxruntime

    from signs.core.arguments import available_cores

    path = folder / "inception.onnx"
    # In a process of its own, as this takes 8 GB of memory.
    code = "from benchmarks import features; features.convert({!r})"
    command = [sys.executable, "-c", code.format(str(path))]
    subprocess.run(command, check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = available_cores()
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name

    def run(pictures: np.ndarray) -> np.ndarray:
        return session.run(None, {name: pictures / 127.5 - 1})[0]

    return _clip_by_clip(folder, run, "onnx")


def start_ours(folder: Path, quick: bool, name: str = "auto") -> Work:
    """What feature.py does."""
    from signs.core.arguments import available_cores
    from signs.features import backbones, cnn_features, engines, feature_store
    from signs.video import frame_store

    network = backbones.load("inceptionv3", "random")
    threads = available_cores()
    engine = engines.make(name, network, folder / "cnn", threads)
    tasks = {
        path.name: feature_store.FeatureTask(
            path, folder / "ours" / f"{path.name}.npy", data.FRAMES, 299, "f2"
        )
        for path in sorted((folder / "frame").iterdir())
    }
    at_once = max(1, engine.batch // data.FRAMES)

    def work() -> float:
        outcomes = cnn_features.make_features(tasks, engine, at_once, threads)
        for _, _, error in outcomes:
            if error:
                raise error
        return len(tasks) * data.FRAMES

    frame_store.read_pictures(folder / "frame" / "0", data.FRAMES, network.size)
    return work


def start_bound(folder: Path, quick: bool) -> Work:
    """How many frames the products alone would take, done by NumPy."""
    size = 512 if quick else 3072
    work = matrix_products(size)
    return lambda: work() / (GFLOP_A_FRAME * 1e9)


def convert(path: str) -> None:
    """Writes InceptionV3 as an ONNX file."""
    model, _ = _inception()
    model(np.zeros((1, 299, 299, 3), "float32"))  # or Keras exports nothing
    model.export(path, format="onnx", verbose=False)


def _inception() -> tuple[Any, Callable[[np.ndarray], np.ndarray]]:
    import keras

    model = keras.applications.InceptionV3(
        include_top=False,
        weights=None,
        pooling="avg",
        input_shape=(299, 299, 3),
    )
    return model, keras.applications.inception_v3.preprocess_input


def _load(path: Path) -> np.ndarray:
    import keras

    picture = keras.utils.load_img(path, target_size=(299, 299))
    return keras.utils.img_to_array(picture)


def _clip_by_clip(
    folder: Path, run: Callable[[np.ndarray], np.ndarray], name: str
) -> Work:
    clips = sorted((folder / "frame").iterdir())
    (folder / name).mkdir(exist_ok=True)

    def work() -> float:
        for clip in clips:
            paths = sorted(clip.glob("*.jpg"))
            features = run(np.stack([_load(path) for path in paths]))
            np.save(folder / name / f"{clip.name}.npy", features)
        return len(clips) * data.FRAMES

    return work


PLAIN: dict[str, str | None] = {"KERAS_BACKEND": "tensorflow"}
ENGINES = [
    Engine("one frame at a time (2018)", start_prototype, PLAIN),
    Engine("Keras predict, a clip at a time", start_keras, PLAIN),
    Engine("ONNX Runtime, a clip at a time", start_onnx, PLAIN),
    *(
        Engine(
            f"feature.py --engine {name}", partial(start_ours, name=name), PLAIN
        )
        for name in ("litert", "openvino", "litert-int8")
    ),
    Engine("bound: float32 products", start_bound, NUMPY_ALONE),
]
