"""What runs a CNN over pictures: Keras itself, LiteRT, or OpenVINO.

Of the engines that were measured (see `benchmarks/`), OpenVINO is the fastest
on CPUs with AVX-512, LiteRT with XNNPACK on other ones, and Keras on a GPU.
Their features agree to a cosine of .9999 and better. LiteRT in eight bits is
several times as fast on CPUs that multiply such numbers (VNNI), but its
features are others, if near: `cnn.precision` tells the two apart.
"""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from signs.core import files
from signs.core.backend import backend_name, has_gpu
from signs.core.errors import UserError
from signs.core.messages import log
from signs.core.quiet import quiet_libraries
from signs.features import backbones
from signs.features.backbones import Network


class Engine(Protocol):
    """Runs a CNN.

    Attributes:
        name: one of `cnn.ENGINES`, but not `auto`.
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


_FEW = 2  # pictures that are looked at together in a stream

# The package of each engine that runs a converted network.
PACKAGES = {
    "litert": "ai-edge-litert",
    "openvino": "openvino",
    "litert-int8": "ai-edge-litert",
}


def make(name: str, network: Network, folder: Path, threads: int) -> Engine:
    """Returns the engine of that name, ready for the network.

    Args:
        name: one of `cnn.ENGINES`; see `choose`.
        network: what to run.
        folder: where a converted network is kept for the next time.
        threads: how many cores LiteRT or OpenVINO uses.

    Raises:
        UserError: if that engine is not there.
    """
    name = choose(name)
    if name == "keras":
        return KerasEngine(network)
    path = convert(network, folder, backbones.precision(name))
    return open_converted(name, path, network.size, threads)


def open_converted(name: str, path: Path, size: int, threads: int) -> Engine:
    """Returns an engine that runs a converted network.

    Args:
        name: a key of `PACKAGES`.
        path: see `convert`; of the precision that the engine has.
        size: of the pictures, in pixels.
        threads: how many cores it uses.
    """
    if name == "openvino":
        return OpenVinoEngine(path, size, threads)
    return LiteRtEngine(path, size, threads, name)


def choose(name: str) -> str:
    """Which engine is meant on this machine.

    Args:
        name: one of `cnn.ENGINES`. `auto` is Keras on a GPU or where nothing
            else can be used, OpenVINO on a CPU with AVX-512, else LiteRT;
            never one that is less exact.

    Raises:
        UserError: if that engine is not there.
    """
    missing = {engine: _what_is_missing(engine) for engine in PACKAGES}
    if missing.get(name):
        raise UserError(f"--engine {name} {missing[name]}; use --engine keras")
    if name != "auto":
        return name
    # What the CPU lacks, OpenCV marks with a `?` at the end of the word.
    has_avx512 = "*AVX512-SKX" in cv2.getCPUFeaturesLine().split()
    order = ["openvino", "litert"] if has_avx512 else ["litert"]
    there = [engine for engine in order if not missing[engine]]
    return "keras" if not there or has_gpu() else there[0]


def suit(name: str, described: dict[str, Any]) -> str:
    """Which engine gives the features that a record describes.

    Args:
        name: one of `cnn.ENGINES`; `auto` stays so, unless the features are
            of eight bits.
        described: see `features.read_meta`.

    Raises:
        UserError: if that engine gives other ones.
    """
    wanted = backbones.precision_of(described)
    if name == "auto" and wanted == "int8":
        return "litert-int8"
    if backbones.precision(name) != wanted:
        instead = "litert-int8" if wanted == "int8" else "auto"
        raise UserError(
            f"the model was trained on features of {wanted}, and --engine "
            f"{name} gives {backbones.precision(name)}; use --engine {instead}"
        )
    return name


class KerasEngine:
    """Runs the CNN by Keras, on whatever device its backend has.

    Args:
        half: compute in half precision: several times as fast on a GPU,
            far slower on most CPUs. None does so on a GPU. It is bfloat16,
            as in float16 random weights would give nothing but zeros.
    """

    name = "keras"

    def __init__(self, network: Network, half: bool | None = None):
        self.batch = 128 if has_gpu() else 20
        self._model = network.model
        self._most = 0
        if has_gpu() if half is None else half:
            set_precision(self._model, "mixed_bfloat16")
            self._model.make_predict_function(force=True)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        count = len(pictures)
        self._most = max(self._most, count)
        if has_gpu() and count < self._most:
            # Another size would be compiled anew, for half a minute.
            pictures = np.resize(pictures, (self._most, *pictures.shape[1:]))
        features = self._model.predict_on_batch(pictures.astype("float32"))
        return np.asarray(features, "float32")[:count]


def set_precision(model: Any, policy: str) -> None:
    """Lets all layers of a CNN compute in another precision.

    Args:
        policy: a Keras dtype policy, such as `mixed_bfloat16`: weights stay
            float32.
    """
    from signs.core.backend import keras

    for layer in model.layers:
        if isinstance(layer, keras.Model):
            set_precision(layer, policy)
        elif not isinstance(layer, keras.layers.Rescaling):
            layer.dtype_policy = policy


class LiteRtEngine:
    """Runs a converted CNN by LiteRT and XNNPACK, on the CPU."""

    batch = 20

    def __init__(
        self, path: Path, size: int, threads: int, name: str = "litert"
    ):
        self.name = name
        self._interpreter = open_interpreter(path, threads)
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


def open_interpreter(path: Path, threads: int) -> Any:
    """Loads a file in LiteRT's format; its tensors are yet to be allocated.

    Raises:
        UserError: if it is damaged.
    """
    from ai_edge_litert.interpreter import Interpreter

    with quiet_libraries(), _named(path):
        return Interpreter(str(path), num_threads=threads)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Says which file it is that an engine cannot read."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"the converted network {path} is damaged; remove it, and run the "
            "same command again, which converts it anew"
        ) from error


class OpenVinoEngine:
    """Runs a converted CNN by OpenVINO, on the CPU.

    It is loaded when it is first used, and so after a clip was read.
    """

    name = "openvino"
    batch = 20

    def __init__(self, path: Path, size: int, threads: int):
        self._path = path
        self._size = size
        self._settings = {
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            # By itself it would use bfloat16 on some CPUs.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        # Networks by how many pictures they take, compiled when first needed.
        # One for any number of them takes twice as long for a small CNN, and
        # one for each number would be compiled in the middle of a stream.
        self._compiled: dict[int, Any] = {}
        self._sizes = {_FEW, self.batch}

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        if len(pictures) > max(self._sizes):
            self._sizes.add(len(pictures))
        parts = []
        sizes = sorted(self._sizes, reverse=True)
        left = pictures.astype("float32")
        while len(left):
            size = next((x for x in sizes if x <= len(left)), sizes[-1])
            part, left = left[:size], left[size:]
            if len(part) < size:
                part = np.resize(part, (size, *part.shape[1:]))
            if size not in self._compiled:
                self._compiled[size] = self._compile(size)
            network = self._compiled[size]
            parts.append(network(part)[network.output(0)].copy())
        return np.concatenate(parts)[: len(pictures)]

    @cached_property
    def _core(self) -> Any:
        from openvino import Core

        return Core()

    @cached_property
    def _network(self) -> Any:
        with _named(self._path):
            return self._core.read_model(self._path)

    def _compile(self, count: int) -> Any:
        self._network.reshape([count, self._size, self._size, 3])
        return self._core.compile_model(self._network, "CPU", self._settings)


def convert(network: Network, folder: Path, precision: str = "float32") -> Path:
    """Converts a CNN to LiteRT's format, once for each set of weights.

    OpenVINO reads that, too, in float32. For eight bits, each output channel
    of the weights is scaled by itself, and so are the activations of each
    picture, when they are known; so no pictures are needed to convert, and
    none depends on the others of its batch. LiteRT calls it dynamic range
    quantization (https://ai.google.dev/edge/litert/models/post_training_quant).

    Args:
        precision: `float32` or `int8`.

    Returns:
        The path of the converted network.
    """
    path = converted_path(network.describe(), folder, precision)
    if path.exists():
        return path
    log.info("converting the CNN (once; kept as %s)", path)
    options = {}
    if precision == "int8":
        from tensorflow import lite

        options["optimizations"] = [lite.Optimize.DEFAULT]
    with files.atomic(path) as temporary, quiet_libraries():
        network.model.export(
            temporary, format="litert", verbose=False, **options
        )
    return path


def converted_path(
    described: dict[str, Any], folder: Path, precision: str = "float32"
) -> Path:
    """Where a CNN that was converted is kept.

    Args:
        described: what `Network.describe` says of it.
    """
    end = "" if precision == "float32" else f"-{precision}"
    stem = f"{described['cnn']}-{described['weights_hash']}"
    return folder / f"{stem}{end}.tflite"


def _what_is_missing(engine: str) -> str | None:
    """Why an engine cannot be used here; None where it can."""
    package = PACKAGES[engine]
    if importlib.util.find_spec(package.replace("-", "_")) is None:
        return f"needs the package {package}"
    if backend_name() != "tensorflow":
        return "converts by TensorFlow: unset KERAS_BACKEND"
    return None
