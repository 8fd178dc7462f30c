"""The networks that turn one picture into one vector of features.

To add a network of `keras.applications`, add a line to `CNNS`.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from signs.core.errors import UserError
from signs.core.messages import log

# Keras is imported by the functions that need it: this table is also what
# `--help` shows, which must not wait for TensorFlow.


@dataclass(frozen=True)
class Application:
    """A network of `keras.applications`.

    Attributes:
        builder: its function there.
        module: its module there, which has its `preprocess_input`.
        size: height and width of the pictures it was trained on, in pixels.
        weights: the file of ImageNet's weights without the top, by the
            network's width (`alpha`).
    """

    builder: str
    module: str
    size: int
    weights: dict[float, str]

    @property
    def has_width(self) -> bool:
        """Whether it comes in several widths."""
        return len(self.weights) > 1


CNNS = {
    # arXiv 1512.00567: 2048 features
    "inceptionv3": Application(
        "InceptionV3",
        "inception_v3",
        299,
        {1: "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"},
    ),
    # arXiv 1704.04861: 1024 features times its width
    "mobilenet": Application(
        "MobileNet",
        "mobilenet",
        224,
        {
            1: "mobilenet_1_0_224_tf_no_top.h5",
            0.75: "mobilenet_7_5_224_tf_no_top.h5",
            0.5: "mobilenet_5_0_224_tf_no_top.h5",
            0.25: "mobilenet_2_5_224_tf_no_top.h5",
        },
    ),
    # arXiv 2104.00298: 1280 features
    "efficientnetv2s": Application(
        "EfficientNetV2S",
        "efficientnet_v2",
        384,
        {1: "efficientnetv2-s_notop.h5"},
    ),
}
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
HANDS = "-hands"  # ends the name of a CNN that looks at the hand alone


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


def full_name(kind: str, width: float = 1.0, hands: bool = False) -> str:
    """What a CNN is called in folders and records: `mobilenet-0.25`.

    Args:
        kind: a key of `CNNS`.
        width: MobileNet's.
        hands: whether it looks at the signing hand alone:
            `mobilenet-0.25-hands`.

    Raises:
        UserError: if there is no such network, or not in this width.
    """
    if kind not in CNNS:
        raise UserError(f"--cnn {kind!r} is none of {', '.join(CNNS)}")
    if width != 1 and not CNNS[kind].has_width:
        raise UserError(f"--alpha is for mobilenet; {kind} has one width")
    return kind + f"-{width:g}" * (width != 1) + HANDS * hands


def split_name(name: str) -> tuple[str, float]:
    """The opposite of `full_name`: `mobilenet-0.25` is MobileNet at 0.25."""
    whole, name = name, name.removesuffix(HANDS)
    kind, _, width = name.partition("-")
    try:
        number = float(width or 1)
    except ValueError:
        number = 1.0
    if full_name(kind, number) != name:
        raise UserError(f"--cnn {whole!r} is none of {', '.join(CNNS)}")
    return kind, number


def load(name: str, weights: str, seed: int = 0) -> Network:
    """Builds a CNN and gives it its weights.

    Args:
        name: a key of `CNNS`; MobileNet's may end in its width, as in
            `mobilenet-0.25`.
        weights: `imagenet` (downloaded to where Keras keeps it, unless it is
            there), `random`, `auto` (`imagenet`, else `random`), or the path
            of a weights file of this network without its top.
        seed: of the random weights.

    Raises:
        UserError: if the weights cannot be had; says where to get them.
    """
    kind, width = split_name(name)
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

    size = CNNS[kind].size
    keras.utils.set_random_seed(seed)
    if weights == "imagenet":
        base = _application(kind, width, _imagenet(name, kind, width))
    elif weights == "random":
        base = _application(kind, width, None)
    else:
        base = _from_file(name, kind, width, Path(weights))
    model = _with_preprocessing(kind, base, size, weights == "random")
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


def _application(kind: str, width: float, weights: str | Path | None) -> Any:
    from signs.core.backend import keras, quiet_libraries

    build = getattr(keras.applications, CNNS[kind].builder)
    size = CNNS[kind].size
    options = {"alpha": width} if CNNS[kind].has_width else {}
    with quiet_libraries():
        return build(
            include_top=False,
            weights=None if weights is None else str(weights),
            input_shape=(size, size, 3),
            pooling="avg",
            **options,
        )


def _from_file(name: str, kind: str, width: float, path: Path) -> Any:
    if not path.is_file():
        raise UserError(
            f"{path} is no file; --weights takes imagenet, auto, random, or "
            f"the weights file of {name} without its top"
        )
    try:
        return _application(kind, width, path)
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


def _imagenet(name: str, kind: str, width: float) -> Path:
    """The file of ImageNet's weights; downloads it first, if need be."""
    from signs.core import download

    application = CNNS[kind]
    if width not in application.weights:
        there = ", ".join(f"{x:g}" for x in application.weights)
        raise UserError(
            f"there are no ImageNet weights of {name}, only of --alpha "
            f"{there}; or name a file with --weights FILE"
        )
    file = application.weights[width]
    folder = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    return download.fetch(
        f"{STORE}/{application.module}/{file}",
        f"md5:{MD5[file]}" if file in MD5 else None,
        folder / "models",
        f"put it into {folder / 'models'}, or name a file with --weights "
        "FILE, or try the steps out with --weights random",
    )
