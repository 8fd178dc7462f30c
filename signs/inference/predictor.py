"""A trained model, ready for use: pictures in, probabilities of classes out.

All that must agree with the training (class names, CNN, its weights, number
of frames) is read from the record beside the model.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from signs.core.errors import UserError
from signs.core.parallel import COSTS_ONE_CLIP, Outcome, Work
from signs.features.feature_store import read_ahead
from signs.training import session_mean
from signs.video import decode, frame_store

if TYPE_CHECKING:
    from signs.features.engines import Engine
    from signs.features.worker_setup import Recipe

# What needs Keras is imported by the functions that load a model, so that a
# missing camera or a finished step is told of at once.


@dataclass(frozen=True)
class Guess:
    """One class, and how likely it is.

    Attributes:
        label: as in the table that the model was trained on.
        name: the class as people call it.
        probability: from 0 to 1.
    """

    label: str
    name: str
    probability: float


class Recognizer:
    """A classifier together with the CNN that it was trained on.

    Attributes:
        path: the file of the classifier.
        record: what `model/RUN.json` says of it.
        frames: how many pictures of a clip it looks at.
        stored: of how many pictures of a clip it looks at those; they are
            what a clip was cut into for the training.
        is_centered: whether the features are to be centred by the mean of
            their recording first; see `signs/recordings.py`.
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
        self.stored: int = record["frames"]
        self.frames: int = self.stored
        self.is_centered = bool(record["session_mean"])
        self.size: int = record["features"]["size"]
        self.pace = 0.0
        self._dtype = record["features"]["dtype"]
        self._classifier = classifier
        self._engine = engine

    def features(self, pictures: np.ndarray) -> np.ndarray:
        """The features of pictures, rounded as those on disk are.

        Args:
            pictures: RGB, uint8, (n, size, size, 3).

        Returns:
            float32, (n, length).
        """
        began = time.perf_counter()
        made = self._engine(pictures)
        self.pace = (time.perf_counter() - began) / len(pictures)
        return made.astype(self._dtype).astype("float32")

    def classify(self, features: np.ndarray) -> np.ndarray:
        """The probabilities of all classes for the features of one clip.

        Args:
            features: float32, (frames, length), centred if they are to be.

        Returns:
            float32, (classes,), in the order of the record's classes.
        """
        found = self._classifier.predict_on_batch(features[None])
        return np.asarray(found, "float32")[0]

    def recognize(self, pictures: np.ndarray) -> np.ndarray:
        """The probabilities of all classes for the pictures of one clip.

        They are not centred by a recording.
        """
        return self.classify(self.features(pictures))

    def warm_up(self) -> None:
        """Does once what makes the first answer slow."""
        shape = (self.frames, self.size, self.size, 3)
        self.recognize(np.zeros(shape, np.uint8))

    def best(self, probabilities: np.ndarray, count: int) -> list[Guess]:
        """The likeliest classes, best first; equal ones in class order."""
        order = np.argsort(-probabilities, kind="stable")[:count]
        classes = self.record["classes"]
        return [
            Guess(
                classes[index]["label"],
                classes[index]["name"],
                float(probabilities[index]),
            )
            for index in order
        ]


def load(
    path: Path,
    record: dict[str, Any],
    folder: Path,
    threads: int,
    weights: str | None = None,
    engine: str = "auto",
) -> Recognizer:
    """Loads a classifier and the CNN that it needs.

    Args:
        path, record: what `runs.find_model` found.
        folder: where CNNs that were converted for LiteRT are kept.
        threads: how many cores LiteRT uses.
        weights: file of the CNN's weights, where the record names a file.
        engine: see `engines.suit`.

    Raises:
        UserError: if something is missing, damaged, or does not belong
            together.
    """
    described = record["features"]
    network = _load_engine(described, folder, threads, weights, engine)
    return Recognizer(path, record, load_classifier(path, record), network)


def start(
    path: Path, record: dict[str, Any], recipe: "Recipe", cores: int
) -> Work:
    """Loads a model in a process of a cluster; see `cluster.Start`.

    Returns:
        What recognises clips; where they are to be centred by their
        recordings, which takes all of them, what gives their features.
    """
    classifier = load_classifier(path, record)
    recognizer = Recognizer(path, record, classifier, recipe.open(cores))
    if recognizer.is_centered:
        return partial(features_of_files, recognizer, readers=cores)
    return partial(recognize_files, recognizer, readers=cores)


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
        pictures: RGB, uint8, not larger than `frames.SHORT_SIDE` on the
            short side.
        size: height and width of what the CNN looks at.

    Returns:
        uint8, (n, size, size, 3).
    """
    return unpack(map(decode.encode_jpeg, pictures), size)


def unpack(jpegs: Iterable[bytes], size: int) -> np.ndarray:
    """Like `prepare`, of pictures that are JPEG already."""
    return frame_store.to_batch(map(decode.decode_jpeg, jpegs), size)


def recognize_files(
    recognizer: Recognizer, paths: dict[str, Path], readers: int
) -> Iterator[Outcome]:
    """Recognises one clip after the other.

    Where they are to be centred by their recordings, there is no answer
    before the features of all clips are there.

    Args:
        recognizer: what to recognise them with.
        paths: a video by clip.
        readers: threads that read.

    Yields:
        (clip, probabilities, None), or (clip, None, error) where no frame
        of the video can be read.
    """
    return classify_files(
        recognizer, features_of_files(recognizer, paths, readers)
    )


def features_of_files(
    recognizer: Recognizer, paths: dict[str, Path], readers: int
) -> Iterator[Outcome]:
    """Like `recognize_files`, but yields features, not centred.

    Threads read the next clips while the CNN works on this one.
    """
    chosen = decode.sample_indices(recognizer.stored, recognizer.frames)

    def read(path: Path) -> np.ndarray:
        pictures = list(
            decode.read_frames(
                path, recognizer.stored, short_side=frame_store.SHORT_SIDE
            )
        )
        return prepare((pictures[x] for x in chosen), recognizer.size)

    for clip, future in read_ahead(read, paths, 2 * readers, readers):
        try:
            pictures = future.result()
        except COSTS_ONE_CLIP as error:
            yield clip, None, error
        else:
            yield clip, recognizer.features(pictures), None


def classify_files(
    recognizer: Recognizer, outcomes: Iterable[Outcome]
) -> Iterator[Outcome]:
    """Turns the features of clips into probabilities."""
    waiting: dict[str, np.ndarray] = {}
    for clip, features, error in outcomes:
        if error is not None:
            yield clip, None, error
        elif recognizer.is_centered:
            waiting[clip] = features
        else:
            yield clip, recognizer.classify(features), None
    if waiting:
        centered = session_mean.center(list(waiting.values()))
        for clip, features in zip(waiting, centered, strict=True):
            yield clip, recognizer.classify(features), None


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
