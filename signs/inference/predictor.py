"""A trained model, ready for use: pictures in, probabilities of classes out.

All that must agree with the training (class names, CNN, its weights, number
of frames) is read from the record beside the model.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from signs.core.errors import UserError
from signs.features.pictures import show
from signs.video import frame_store, images

if TYPE_CHECKING:
    from signs.features.engines import Engine

# What needs Keras is imported by the functions that load a model, so that a
# missing camera or a finished step is told of at once.

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Prediction:
    """One class, and how likely it is.

    Attributes:
        label: as in the table that the model was trained on.
        name: the class as people call it.
        probability: from 0 to 1.
    """

    label: str
    name: str
    probability: float


class Predictor:
    """A classifier together with the CNN that it was trained on.

    Attributes:
        path: the file of the classifier.
        record: what `model/RUN.json` says of it.
        frames: how many pictures of a clip it looks at.
        needs_session_mean: whether the mean feature of a clip's session is
            to be subtracted first; see `sessions.py`.
        motion: whether the CNN is shown `pictures.motion_images`, so that
            the features of a frame depend on its neighbours.
        size: height and width in pixels of what the CNN looks at.
        pace: seconds that the CNN took for a picture, the last time.
    """

    def __init__(
        self,
        path: Path,
        record: dict[str, Any],
        classifier: Any,
        engine: "Engine",
    ):
        self.path = path
        self.record = record
        self.frames: int = record["frames"]
        self.needs_session_mean: bool = record["session_mean"]
        self.motion: bool = record["features"].get("motion", False)
        self.size: int = record["features"]["size"]
        self.pace = 0.0
        self._dtype = record["features"]["dtype"]
        self._classifier = classifier
        self._engine = engine

    def features(self, pictures: np.ndarray) -> np.ndarray:
        """The features of pictures, rounded as those on disk are.

        Args:
            pictures: RGB, uint8, (n, size, size, 3); of one clip, in order,
                if the CNN is shown motion images.

        Returns:
            float32, (n, feature_dim).
        """
        began = time.perf_counter()
        made = self._engine(show(pictures, self.motion))
        self.pace = (time.perf_counter() - began) / len(pictures)
        return made.astype(self._dtype).astype("float32")

    def classify(self, features: np.ndarray) -> np.ndarray:
        """The probabilities of all classes for the features of one clip.

        Args:
            features: float32, (frames, feature_dim), less the mean of their
                session if the model needs that.

        Returns:
            float32, (classes,), in the order of the record's classes.
        """
        found = self._classifier.predict_on_batch(features[None])
        return np.asarray(found, "float32")[0]

    def warm_up(self) -> None:
        """Does once what makes the first answer slow."""
        shape = (self.frames, self.size, self.size, 3)
        self.classify(self.features(np.zeros(shape, np.uint8)))

    def best(self, probabilities: np.ndarray, count: int) -> list[Prediction]:
        """The likeliest classes, best first; equal ones in class order."""
        order = np.argsort(-probabilities, kind="stable")[:count]
        classes = self.record["classes"]
        return [
            Prediction(
                classes[index]["label"],
                classes[index]["name"],
                float(probabilities[index]),
            )
            for index in order
        ]


def load_predictor(
    path: Path,
    record: dict[str, Any],
    folder: Path,
    threads: int,
    weights: str | None = None,
    engine: str = "auto",
) -> Predictor:
    """Loads a classifier and the CNN that it needs.

    Args:
        path, record: what `run_record.find_model` found.
        folder: where CNNs that were converted for LiteRT are kept.
        threads: how many cores LiteRT uses.
        weights: file of the CNN's weights, where the record names a file.
        engine: see `engines.suit`.

    Raises:
        UserError: if something is missing, damaged, or does not belong
            together.
    """
    described = record["features"]
    check_features(path, record)
    network = _load_engine(described, folder, threads, weights, engine)
    return Predictor(path, record, load_classifier(path, record), network)


def check_features(path: Path, record: dict[str, Any]) -> None:
    """Raises a `UserError` if a model takes what is not made here.

    A CNN would look at whole pictures, and the answers would be wrong.
    """
    from signs.features import feature_store, variants

    name = record["features"]["cnn"]
    if name == feature_store.LANDMARKS or variants.split_name(name).hands:
        raise UserError(
            f"{path} was trained on {name}, which are made by feature.py "
            "only: judge it with evaluate.py, or use a model that was trained "
            "on features of whole pictures"
        )


def load_classifier(path: Path, record: dict[str, Any]) -> Any:
    """Loads a classifier that takes and gives what its record says.

    Raises:
        UserError: if it cannot be loaded, or the record is another one's.
    """
    from signs.models import classifier as models

    shape = record["frames"], record["features"]["length"]
    classifier = models.load_classifier(path, shape)
    classes = len(record["classes"])
    if classifier.output_shape != (None, classes):
        raise UserError(
            f"{path} tells {classifier.output_shape[-1]} classes apart, but "
            f"the record of {record['run']} beside it names {classes}: they "
            "do not belong together"
        )
    return classifier


def prepare(pictures: Iterable[np.ndarray], size: int) -> np.ndarray:
    """Pictures as the CNN gets them from `frame.py`, by way of JPEG.

    Args:
        pictures: RGB, uint8, not larger than `frame_store.SHORT_SIDE` on the
            short side.
        size: height and width of what the CNN looks at.

    Returns:
        uint8, (n, size, size, 3).
    """
    return unpack(map(images.encode_jpeg, pictures), size)


def unpack(jpegs: Iterable[bytes], size: int) -> np.ndarray:
    """Like `prepare`, of pictures that are JPEG already."""
    return frame_store.to_batch(map(images.decode_jpeg, jpegs), size)


def _load_engine(
    described: dict[str, Any],
    folder: Path,
    threads: int,
    weights: str | None,
    engine: str,
) -> "Engine":
    """What runs the CNN of a record.

    Where it was converted before, under the hash of its weights, Keras need
    not build it, which saves seconds.
    """
    from signs.features import backbones, engines

    chosen = engines.choose(engines.suit(engine, described))
    converted = engines.converted_path(
        described, folder, backbones.precision(chosen)
    )
    ready = weights is None and converted.exists()
    if ready and chosen != "keras":
        return engines.open_converted(
            chosen, converted, described["size"], threads
        )
    network = backbones.reload(described, weights)
    return engines.make(chosen, network, folder, threads)
