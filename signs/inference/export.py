"""A trained model as one file for other programs: ONNX, LiteRT or Keras."""

import importlib.util
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from signs.core import files
from signs.core.backend import keras, quiet_libraries
from signs.core.errors import UserError
from signs.core.messages import log
from signs.data import changes
from signs.features import backbones, combined, feature_store, variants
from signs.inference import sessions
from signs.inference.classifier_engine import made_from
from signs.inference.predictor import load_classifier
from signs.models.feature_blocks import transform_blocks
from signs.training.run_record import takes_transformed
from signs.training.session_mean import Centering

FORMATS = {".onnx": "onnx", ".tflite": "litert", ".keras": "keras"}
SPREAD = "spread evenly over a clip, first and last included"
# The packages that Keras converts with, besides TensorFlow.
NEEDS = {"onnx": ["tf2onnx", "onnx"], "litert": [], "keras": []}


def check_format(path: Path) -> str:
    """The format that a file's ending means: a value of `FORMATS`.

    Raises:
        UserError: if it means none, or a package is missing.
    """
    name = FORMATS.get(path.suffix.lower())
    if name is None:
        raise UserError(f"{path}: the ending is none of {', '.join(FORMATS)}")
    lacking = [
        package
        for package in NEEDS[name]
        if importlib.util.find_spec(package) is None
    ]
    if lacking:
        raise UserError(
            f"{path.suffix} needs {' and '.join(lacking)}; install with: "
            f"pip install {' '.join(lacking)}"
        )
    if name != "keras" and keras.backend.backend() != "tensorflow":
        raise UserError(
            "models are exported by TensorFlow: unset KERAS_BACKEND"
        )
    return name


def check_exportable(model: Path, record: dict[str, Any]) -> None:
    """Raises a `UserError` if no file can compute as a model does."""
    if is_alone(record):
        return
    if backbones.precision_of(record["features"]) == "int8":
        raise UserError(
            f"{model} was trained on features of eight bits, and an exported "
            "file computes in float32; use predict.py, or export a model of "
            "features that feature.py made without --engine litert-int8"
        )


def is_alone(record: dict[str, Any]) -> bool:
    """Whether a model is exported without what makes its features.

    That is so of landmarks, which MediaPipe finds, and of several kinds.
    """
    parts = combined.parts(record["features"])
    return len(parts) > 1 or parts[0]["cnn"] == feature_store.LANDMARKS


def record_path(path: Path) -> Path:
    """Where the class names of an exported file are: `FILE.json`."""
    return path.with_name(path.name + ".json")


def describe(record: dict[str, Any], model: Path) -> dict[str, Any]:
    """What a user of an exported file must know.

    Args:
        record: what `model/RUN.json` says.
        model: the file of the classifier.
    """
    features = record["features"]
    if is_alone(record):
        shape = [1, record["frames"], features["length"]]
        content = "features of each frame: " + "; then ".join(
            _columns(part) for part in combined.parts(features)
        )
    else:
        shape = [1, record["frames"], features["size"], features["size"], 3]
        content = f"RGB from 0 to 255; frames {SPREAD}"
        if variants.shows_hands(features["cnn"]):
            content += ", each a square around the signing hand"
        else:
            content += ", each squashed to a square"
    return {
        "run": record["run"],
        "model": model.name,
        "classes": [row["name"] for row in record["classes"]],
        "labels": [row["label"] for row in record["classes"]],
        "input": {
            "shape": shape,
            "dtype": "float32",
            "content": content,
        },
        # Which mean feature is subtracted, as by predict.py of a lone clip.
        "session_mean": sessions.CLIP if record["session_mean"] else None,
        "output": {
            "shape": [1, len(record["classes"])],
            "dtype": "float32",
            "content": "probabilities, in the order of classes",
        },
        "cnn": features["cnn"],
        "weights": features["weights"],
        "weights_hash": features["weights_hash"],
    }


def _columns(part: dict[str, Any]) -> str:
    """What one kind of features is that an exported file takes."""
    if part["cnn"] == feature_store.LANDMARKS:
        return (
            f"{part['length']} landmarks of MediaPipe, of frames {SPREAD}: "
            "left hand, right hand (21 points of x, y, z each), body (25 of "
            "x, y), in heights of the picture; NaN where not seen; see "
            "docs/landmarks.md"
        )
    return (
        f"{part['length']} of {part['cnn']} ({part['weights']} weights), as "
        "feature.py makes them"
    )


def is_current(path: Path, inputs: changes.Inputs) -> bool:
    """Whether a file and its record are there, and made from just these."""
    return record_path(path).exists() and changes.is_current(path, inputs)


def is_ours(path: Path) -> bool:
    """Whether a file was exported, and may be written anew."""
    return record_path(path).exists()


def export(
    path: Path,
    model: Path,
    record: dict[str, Any],
    weights: str | None = None,
) -> None:
    """Writes CNN and classifier as one file, and beside it the class names.

    A classifier of landmarks, or of features of several kinds, is written
    alone, with the transform of landmarks.

    Args:
        path: the file; its ending says the format.
        model, record: what `run_record.find_model` found.
        weights: file of the CNN's weights, where the record names a file.

    Raises:
        UserError: if something is missing; says what.
    """
    name = check_format(path)
    check_exportable(model, record)
    inputs = made_from(model, record)
    classifier = load_classifier(model, record)
    if is_alone(record):
        whole, what = alone(classifier, record), "without what makes its input"
    else:
        network = backbones.reload(record["features"], weights)
        whole = join(
            network, classifier, record["frames"], record["session_mean"]
        )
        what = "and its CNN"
    if record["session_mean"]:
        log.warning(
            "session mean: the file sees each clip less "
            f"{Centering.of_model(record).of_lone_clip}, as predict.py a clip "
            "on its own"
        )
    log.info(f"exporting {model.name} {what}; this takes a minute")
    with files.atomic(path) as temporary:
        if name == "keras":
            whole.save(temporary)
        else:
            convert(whole, temporary, name)
        about = {
            **describe(record, model),
            "model_hash": changes.fingerprint(model).read().digest,
        }
        files.write_json(record_path(path), about)
    changes.note(path, inputs)


def convert(whole: Any, path: Path, name: str) -> None:
    """Writes a `keras.Model` in another format: `onnx` or `litert`."""
    with quiet_libraries(), warnings.catch_warnings():
        # tf2onnx and NumPy disagree about old names, to no effect.
        warnings.simplefilter("ignore", FutureWarning)
        whole.export(
            str(path),
            format=name,
            verbose=False,
            # Keras would leave the batch size open.
            input_signature=[
                keras.InputSpec(
                    shape=whole.input_shape,
                    dtype="float32",
                    name=whole.inputs[0].name,
                )
            ],
        )


def join(
    network: backbones.Network,
    classifier: Any,
    frames: int,
    session_mean: bool = False,
) -> Any:
    """One model of a CNN and a classifier.

    Its batch size is fixed at 1: only so are LiteRT's own operations enough
    for an LSTM.

    Args:
        network: what makes features.
        classifier: what takes those of a clip.
        frames: how many pictures a clip has.
        session_mean: whether the classifier takes features less the mean of
            their session; it is then given those less the clip's own mean.

    Returns:
        A `keras.Model` from float32 (1, frames, size, size, 3), RGB, 0 to
        255, to probabilities (1, classes).
    """
    size = network.size
    pictures = keras.Input(
        batch_shape=(1, frames, size, size, 3), name="pictures"
    )
    single = keras.ops.reshape(pictures, (frames, size, size, 3))
    if network.motion:
        single = _motion_images(single)
    features = network.model(single)
    clip = keras.ops.reshape(features, (1, frames, network.length))
    if session_mean:
        clip = clip - keras.ops.mean(clip, axis=1, keepdims=True)
    return keras.Model(pictures, in_plain(classifier)(clip), name="signs")


def alone(classifier: Any, record: dict[str, Any]) -> Any:
    """A classifier of features, for one clip at a time.

    Args:
        classifier: of any kinds of features.
        record: what `model/RUN.json` says of it.

    Returns:
        A `keras.Model` from float32 (1, frames, feature_dim), of landmarks
        as on disk, to probabilities (1, classes).
    """
    described = record["features"]
    features = keras.Input(
        batch_shape=(1, record["frames"], described["length"]),
        name="features",
    )
    clip = features
    if takes_transformed(record):
        clip = transform_blocks(clip, combined.blocks_of(described))
    if record["session_mean"]:
        clip = _less_own_mean(clip, Centering.of_model(record))
    return keras.Model(features, in_plain(classifier)(clip), name="signs")


def _less_own_mean(clip: Any, centering: Centering) -> Any:
    """A clip on its own less the mean of its session, as in `sessions`."""
    ops = keras.ops
    known, weight = centering.start(clip.shape[-1])
    own = ops.mean(clip, axis=1, keepdims=True)
    mean = (own + known * weight) / (1 + weight)
    # What is 0 in all frames was not seen, of landmarks.
    seen = ops.max(ops.abs(clip), axis=1, keepdims=True) > 0
    has_part = centering.has_part(clip.shape[-1]).astype("float32")
    seen = ops.where(seen, np.float32(1), (weight == 0).astype("float32"))
    return clip - mean * seen * has_part


def in_plain(classifier: Any) -> Any:
    """A classifier with the same weights, made of `_plain` layers."""
    plain = keras.models.clone_model(
        classifier, clone_function=_plain, recursive=True
    )
    plain.set_weights(classifier.get_weights())
    return plain


def _motion_images(pictures: Any) -> Any:
    """What `pictures.motion_images` does, as a part of a model."""
    red, green, blue = (pictures[:, :, :, channel] for channel in range(3))
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    last = pictures.shape[0] - 1
    before = keras.ops.take(grey, [0, *range(last)], axis=0)
    after = keras.ops.take(grey, [*range(1, last + 1), last], axis=0)
    return keras.ops.stack([before, grey, after], axis=-1)


def _plain(layer: Any) -> Any:
    """A layer in a form that every format can hold.

    A `Normalization` keeps its numbers outside the graph, where ONNX takes
    them for further inputs; an LSTM with dropout draws random numbers, also
    where it does not use them.
    """
    if isinstance(layer, keras.layers.Normalization):
        mean = np.ravel(keras.ops.convert_to_numpy(layer.mean))
        variance = np.ravel(keras.ops.convert_to_numpy(layer.variance))
        deviation = np.maximum(np.sqrt(variance), keras.backend.epsilon())
        return keras.layers.Rescaling(
            (1 / deviation).tolist(),
            (-mean / deviation).tolist(),
            name=layer.name,
        )
    config = layer.get_config()
    if isinstance(layer, keras.layers.LSTM):
        config["dropout"] = 0.0
    if isinstance(layer, keras.layers.Bidirectional):
        for part in ("layer", "backward_layer"):
            if part in config:
                config[part]["config"]["dropout"] = 0.0
    return type(layer).from_config(config)
