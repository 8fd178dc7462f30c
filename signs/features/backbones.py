"""The networks that turn one picture into one vector of features."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from signs.core.errors import UserError
from signs.core.messages import log
from signs.features.variants import CNNS, Variant, split_name

# Keras is imported by the functions that need it: `--help` shows these
# engines, too, and must not wait for TensorFlow.

# Of those files, where it is known.
MD5 = {
    CNNS["inceptionv3"].weights[1]: "bcbd6486424b2319ff4ef7d526e38f63",
    CNNS["mobilenet"].weights[0.25]: "f313cee49f5d33dfb06f2b255c4adb64",
    CNNS["efficientnetv2s"].weights[1]: "af0682fb74e8c54910f2d4393339c070",
}
# Where Keras has them: STORE/MODULE/FILE.
STORE = "https://storage.googleapis.com/tensorflow/keras-applications"
# What may run them; see `engines`.
ENGINES = ("auto", "keras", "litert", "openvino", "litert-int8")


@dataclass(frozen=True)
class Network:
    """A CNN without its top, ready for use.

    Attributes:
        name: what its folder of features is called, such as `inceptionv3`.
        model: takes RGB pictures, float32, 0 to 255, of shape
            (n, size, size, 3), and gives float32 features (n, length). The
            preprocessing that its weights need is inside.
        size: height and width of the pictures in pixels.
        weights: `imagenet`, `random`, or the name of a weights file.
        weights_hash: tells weights apart; equal ones have equal hashes,
            wherever they came from.
        seed: what random weights were drawn with, else None.
    """

    name: str
    model: Any
    size: int
    weights: str
    weights_hash: str
    seed: int | None

    @property
    def motion(self) -> bool:
        """Whether it is to be shown `pictures.motion_images`."""
        return split_name(self.name).motion

    @property
    def length(self) -> int:
        """Features a picture."""
        return int(self.model.output_shape[-1])

    def describe(self) -> dict[str, Any]:
        """What `meta.json` says of the network."""
        return {
            "cnn": self.name,
            "weights": self.weights,
            "weights_hash": self.weights_hash,
            "seed": self.seed,
            "size": self.size,
            "motion": self.motion,
            "length": self.length,
        }


def precision(engine: str) -> str:
    """How exact the features of an engine are: `float32` or `int8`.

    Those of one precision agree, whatever the engine.

    Args:
        engine: one of `ENGINES`.
    """
    return "int8" if engine.endswith("-int8") else "float32"


def precision_of(record: dict[str, Any]) -> str:
    """The precision of the features that a record describes.

    Args:
        record: see `features.read_meta`; without an engine it is of exact
            features.
    """
    return precision(record.get("engine", "keras"))


def load(name: str, weights: str, seed: int = 0) -> Network:
    """Builds a CNN and gives it its weights.

    Args:
        name: see `variants.full_name`.
        weights: `imagenet` (downloaded to where Keras keeps it, unless it is
            there), `random`, `auto` (`imagenet`, else `random`), or the path
            of a weights file of this network without its top.
        seed: of the random weights.

    Raises:
        UserError: if the weights cannot be had; says where to get them.
    """
    variant = split_name(name)
    if weights == "auto":
        try:
            return load(name, "imagenet", seed)
        except UserError as error:
            log.warning("%s", error)
            log.warning(
                "going on with random weights: good enough to try the "
                "steps out, too poor for real results"
            )
            weights = "random"
    from signs.core.backend import keras

    size = CNNS[variant.kind].size
    keras.utils.set_random_seed(seed)
    if weights == "imagenet":
        base = _application(variant, _imagenet(name))
    elif weights == "random":
        base = _application(variant, None)
    else:
        base = _from_file(name, variant, Path(weights))
    model = _with_preprocessing(variant.kind, base, size, weights == "random")
    return Network(
        name,
        model,
        size,
        weights if weights in ("imagenet", "random") else Path(weights).name,
        hash_weights(model),
        seed if weights == "random" else None,
    )


def reload(description: dict[str, Any], weights: str | None = None) -> Network:
    """Loads the CNN that a `meta.json` or a model's record describes.

    Args:
        description: what `Network.describe` gave.
        weights: where to take the weights from, if not from where they
            came at first: the path of a file.

    Raises:
        UserError: if its weights are not at hand, or are other ones.
    """
    name, source = description["cnn"], description["weights"]
    if weights is None and source not in ("imagenet", "random"):
        raise UserError(
            f"the model was trained on features of {name} with the weights "
            f"file {source}; name it with: --weights PATH/{source}"
        )
    network = load(name, weights or source, description["seed"] or 0)
    if network.weights_hash != description["weights_hash"]:
        raise UserError(
            f"the model was trained on features of {name} with the weights "
            f"{source} ({description['weights_hash']}), but "
            f"{weights or source} are others ({network.weights_hash}); "
            "name the right file with: --weights FILE"
        )
    return network


def hash_weights(model: Any) -> str:
    """A short hash of a model's weights, whatever its layers are called."""
    digest = hashlib.sha256()
    for array in model.get_weights():
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array, np.float32).tobytes())
    return digest.hexdigest()[:16]


def _application(variant: Variant, weights: str | Path | None) -> Any:
    from signs.core.backend import keras, quiet_libraries

    about = CNNS[variant.kind]
    build = getattr(keras.applications, about.builder)
    options = {"alpha": variant.width} if about.has_width else {}
    with quiet_libraries():
        base = build(
            include_top=False,
            weights=None if weights is None else str(weights),
            input_shape=(about.size, about.size, 3),
            pooling="avg" if variant.grid == 1 else None,
            **options,
        )
    if variant.grid == 1:
        return base
    # Cells of one size, which overlap where the map cannot be divided.
    side = int(base.output_shape[1])
    if variant.grid > side:
        raise UserError(
            f"--grid {variant.grid}: the last maps of {variant.kind} are of "
            f"{side} x {side}; use --grid {side}, or less"
        )
    step = side // variant.grid
    cell = side - (variant.grid - 1) * step
    x = keras.layers.AveragePooling2D(cell, step, name="grid")(base.output)
    return keras.Model(base.input, keras.layers.Flatten(name="flat")(x))


def _from_file(name: str, variant: Variant, path: Path) -> Any:
    if not path.is_file():
        raise UserError(
            f"{path} is no file; --weights takes imagenet, auto, random, or "
            f"the weights file of {name} without its top"
        )
    try:
        return _application(variant, path)
    except (ValueError, OSError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path} does not hold the weights of {name} without its top: "
            f"{reason}"
        ) from error


def _with_preprocessing(
    kind: str, base: Any, size: int, is_random: bool
) -> Any:
    """Puts a network's own preprocessing in front of it.

    Random weights let the signal fade from layer to layer, so their
    features are scaled to a mean of 1, on noise.
    """
    from signs.core.backend import keras

    module = getattr(keras.applications, CNNS[kind].module)
    inputs = keras.Input((size, size, 3), name="picture")
    outputs = base(module.preprocess_input(inputs))
    model = keras.Model(inputs, outputs, name=kind)
    if not is_random:
        return model
    noise = np.random.default_rng(0).uniform(0, 255, (2, size, size, 3))
    mean = float(np.mean(model.predict_on_batch(noise.astype("float32"))))
    outputs = keras.layers.Rescaling(1 / mean, name="scale")(outputs)
    return keras.Model(inputs, outputs, name=kind)


def imagenet_file(name: str) -> tuple[str, Path]:
    """Where the weights of a CNN come from, and where they are kept.

    Args:
        name: see `variants.full_name`.

    Returns:
        The address, and the path, whether it is there or not.

    Raises:
        UserError: if there are none.
    """
    variant = split_name(name)
    application = CNNS[variant.kind]
    if variant.width not in application.weights:
        there = ", ".join(f"{x:g}" for x in application.weights)
        raise UserError(
            f"there are no ImageNet weights of {name}, only of --alpha "
            f"{there}; or name a file with --weights FILE"
        )
    file = application.weights[variant.width]
    folder = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    return f"{STORE}/{application.module}/{file}", folder / "models" / file


def _imagenet(name: str) -> Path:
    """The file of ImageNet's weights; downloads it first, if need be."""
    from signs.core import download

    address, path = imagenet_file(name)
    return download.fetch(
        address,
        f"md5:{MD5[path.name]}" if path.name in MD5 else None,
        path.parent,
        f"put it into {path.parent}, or name a file with --weights "
        "FILE, or try the steps out with --weights random",
    )
