"""What runs a CNN over pictures: Keras itself, or LiteRT.

On a CPU, LiteRT with XNNPACK is the fastest of the engines that were measured
(see `benchmarks/`); on a GPU, Keras is. Their features agree to a cosine of
.9999 and better.
"""

import importlib.util
from pathlib import Path
from typing import Protocol

import numpy as np

from signs import files
from signs.backend import keras, quiet_libraries
from signs.cli import UserError, log
from signs.cnn import Network


class Engine(Protocol):
    """Runs a CNN.

    Attributes:
        name: `keras` or `litert`.
        batch: how many pictures are best given at once.
    """

    name: str
    batch: int

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Gives the features of pictures.

        Args:
            pictures: RGB, uint8, (n, size, size, 3).

        Returns:
            float32, (n, length).
        """
        ...


def make(name: str, network: Network, folder: Path, threads: int) -> Engine:
    """Returns the engine of that name, ready for the network.

    Args:
        name: `keras`, `litert`, or `auto`: Keras on a GPU, else LiteRT
            where it is installed.
        network: what to run.
        folder: where LiteRT's converted network is kept for the next time.
        threads: how many cores LiteRT uses.

    Raises:
        UserError: if that engine is not there.
    """
    if choose(name) == "keras":
        return KerasEngine(network)
    return LiteRtEngine(convert(network, folder), network.size, threads)


def choose(name: str) -> str:
    """Which engine is meant on this machine: `keras` or `litert`.

    Args:
        name: `keras`, `litert` or `auto`; see `make`.

    Raises:
        UserError: if that engine is not there.
    """
    missing = _what_litert_lacks()
    if name == "litert" and missing:
        raise UserError(f"--engine litert {missing}; use --engine keras")
    if name == "keras" or missing or (name == "auto" and has_gpu()):
        return "keras"
    return "litert"


class KerasEngine:
    """Runs the CNN by Keras, on whatever device its backend has."""

    name = "keras"

    def __init__(self, network: Network):
        self.batch = 128 if has_gpu() else 20
        self._model = network.model

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        features = self._model.predict_on_batch(pictures.astype("float32"))
        return np.asarray(features, "float32")


class LiteRtEngine:
    """Runs a converted CNN by LiteRT and XNNPACK, on the CPU."""

    name = "litert"
    batch = 20

    def __init__(self, path: Path, size: int, threads: int):
        from ai_edge_litert.interpreter import Interpreter

        with quiet_libraries():
            self._interpreter = Interpreter(str(path), num_threads=threads)
        self._size = size
        self._count = 0
        self._allocate(self.batch)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        if len(pictures) != self._count:
            self._allocate(len(pictures))
        self._interpreter.set_tensor(self._input, pictures.astype("float32"))
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)

    def _allocate(self, count: int) -> None:
        shape = (count, self._size, self._size, 3)
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        with quiet_libraries():
            self._interpreter.resize_tensor_input(self._input, shape)
            self._interpreter.allocate_tensors()
        self._count = count


def convert(network: Network, folder: Path) -> Path:
    """Converts a CNN for LiteRT, once for each set of weights.

    Returns:
        The path of the converted network.
    """
    path = converted_path(network.name, network.weights_hash, folder)
    if not path.exists():
        log.info("converting the CNN for LiteRT (once; kept as %s)", path)
        with files.atomic(path) as temporary, quiet_libraries():
            network.model.export(temporary, format="litert", verbose=False)
    return path


def converted_path(cnn: str, weights_hash: str, folder: Path) -> Path:
    """Where a CNN that was converted for LiteRT is kept."""
    return folder / f"{cnn}-{weights_hash}.tflite"


def has_gpu() -> bool:
    """Whether Keras's backend sees a GPU."""
    return bool(keras.distribution.list_devices("gpu"))


def _what_litert_lacks() -> str | None:
    """Why LiteRT cannot be used here; None where it can."""
    if importlib.util.find_spec("ai_edge_litert") is None:
        return "needs the package ai-edge-litert"
    if keras.backend.backend() != "tensorflow":
        return "converts by TensorFlow: unset KERAS_BACKEND"
    return None
