"""A trained model, ready for use: pictures in, probabilities of classes out.

All that must agree with the training (class names, CNN, its weights, number
of frames) is read from the record beside the model.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from signs.core.errors import UserError
from signs.core.messages import log
from signs.features import combined, variants
from signs.features.pictures import show
from signs.models.feature_blocks import transform_blocks
from signs.training.run_record import takes_transformed
from signs.training.session_mean import Centering
from signs.video import decode, frame_store, images

if TYPE_CHECKING:
    from signs.features.engines import Engine
    from signs.features.landmark_models import LandmarkModels
    from signs.inference.classifier_engine import Classifier
    from signs.inference.whole_pictures import WholePictures

Pictures = Any  # an array of them, or a list of whole ones of any size

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

    Where that is on landmarks, MediaPipe stands in for the CNN, or beside it,
    and looks at whole pictures.

    Attributes:
        path: the file of the classifier.
        record: what `model/RUN.json` says of it.
        frames: how many pictures of a clip it looks at.
        needs_session_mean: whether the mean feature of a clip's session is
            to be subtracted first; see `sessions.py`.
        centering: how.
        motion: whether the CNN is shown `pictures.motion_images`.
        sees_clips: whether the features of a frame depend on the others of
            its clip: in motion images, and where hands are cut out.
        size: height and width in pixels of what the CNN looks at.
        short_side: pixels that pictures are shrunk to, if larger.
        pace: seconds that the CNN took for a picture, the last time.
        whole: what makes features of whole pictures, where that is not one
            CNN; else None.
    """

    def __init__(
        self,
        path: Path,
        record: dict[str, Any],
        classifier: "Classifier",
        engine: Callable[[Any], np.ndarray],
        whole: "WholePictures | None" = None,
    ):
        self.path = path
        self.record = record
        self.frames: int = record["frames"]
        self.needs_session_mean: bool = record["session_mean"]
        self.centering = Centering.of_model(record)
        kinds = combined.parts(record["features"])
        self.motion: bool = any(part.get("motion", False) for part in kinds)
        self.sees_clips = self.motion or any(
            variants.shows_hands(part["cnn"]) for part in kinds
        )
        self.size: int = record["features"]["size"]
        self.pace = 0.0
        self._dtype = record["features"]["dtype"]
        self._classifier = classifier
        self._engine = engine
        self.whole = whole
        self.short_side = whole.short_side if whole else frame_store.SHORT_SIDE

    def read(
        self, video: Path, start: float = 0.0, end: float = math.inf
    ) -> Pictures:
        """Reads what `features_of_clip` takes.

        Args:
            video: the file.
            start, end: the section of it that is the clip, in seconds.

        Raises:
            ValueError: if no frame of the video can be decoded.
        """
        count = self.frames
        if self.whole and self.whole.landmarks:
            count = 2 * count - 1  # hands are looked for halfway, too
        pictures = decode.read_frames(video, count, start, end, self.short_side)
        return pictures if self.whole else prepare(pictures, self.size)

    def unpack(self, jpegs: Iterable[bytes]) -> Pictures:
        """What `features` takes, of pictures that are JPEG."""
        if self.whole:
            return [images.decode_jpeg(jpeg) for jpeg in jpegs]
        return unpack(jpegs, self.size)

    def features(self, pictures: Pictures) -> np.ndarray:
        """The features of pictures, rounded as those on disk are.

        Args:
            pictures: RGB, uint8, (n, size, size, 3), or whole ones, see
                `whole`; all of one clip, in order, if it `sees_clips`.

        Returns:
            float32, (n, feature_dim).
        """
        began = time.perf_counter()
        shown = pictures if self.whole else show(pictures, self.motion)
        made = self._engine(shown)
        self.pace = (time.perf_counter() - began) / len(pictures)
        return self._rounded(made)

    def features_of_clip(self, pictures: Pictures) -> np.ndarray:
        """The features of a clip that was read by `read`.

        Returns:
            float32, (frames, feature_dim).
        """
        if self.whole:
            return self._rounded(self.whole.of_clip(pictures))
        return self.features(pictures)

    def together(self, features: np.ndarray) -> np.ndarray:
        """The features of a clip whose pictures were looked at by turns."""
        return self.whole.together(features) if self.whole else features

    def as_taken(self, features: np.ndarray) -> np.ndarray:
        """What the classifier takes of the features of a clip.

        Returns:
            float32, (frames, feature_dim); the same, or with landmarks
            transformed.
        """
        if not takes_transformed(self.record):
            return features
        blocks = combined.blocks_of(self.record["features"])
        found: np.ndarray = transform_blocks(features[None], blocks)[0]
        return found

    def _rounded(self, features: np.ndarray) -> np.ndarray:
        return features.astype(self._dtype).astype("float32")

    def classify(self, features: np.ndarray) -> np.ndarray:
        """The probabilities of all classes for the features of one clip.

        Args:
            features: float32, (frames, feature_dim), as `as_taken` gives
                them, less the mean of their session if the model needs that.

        Returns:
            float32, (classes,), in the order of the record's classes.
        """
        found = self._classifier.predict_on_batch(features[None])
        return np.asarray(found, "float32")[0]

    def warm_up(self) -> None:
        """Does once what makes the first answer slow."""
        if self.whole:  # one picture will do, and a small one
            one = self.features([np.zeros((64, 64, 3), np.uint8)])
            clip = one.repeat(self.frames, axis=0)
            self.classify(self.as_taken(clip))
            return
        clip = np.zeros((self.frames, self.size, self.size, 3), np.uint8)
        self.features(clip[:2])  # as they are looked at ahead
        self.classify(self.features(clip))

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
    landmark_models: "Path | LandmarkModels | None" = None,
    convert: bool = True,
) -> Predictor:
    """Loads a classifier, and the CNN or the landmark models that it needs.

    Args:
        path, record: what `run_record.find_model` found.
        folder: where networks that were converted for LiteRT are kept.
        threads: how many cores LiteRT uses.
        weights: file of the CNN's weights, where the record names a file.
        engine: see `engines.suit`.
        landmark_models: MediaPipe's models, or their folder; None: see
            `landmark_models.find_models`.
        convert: whether the classifier may be converted, too, which saves
            Keras the next time.

    Raises:
        UserError: if something is missing, damaged, or does not belong
            together.
    """
    from signs.features import engines
    from signs.inference.classifier_engine import open_converted
    from signs.inference.whole_pictures import needs_landmarks, open_whole

    described = record["features"]
    whole: WholePictures | None
    parts = combined.parts(described)
    if len(parts) > 1 or needs_landmarks(parts[0]):
        open_cnn = partial(
            _load_engine,
            folder=folder,
            threads=threads,
            weights=weights,
            engine=engine,
        )
        whole = open_whole(parts, open_cnn, landmark_models, threads)
        network: Callable[[Any], np.ndarray] = whole
    else:
        whole = None
        network = _load_engine(described, folder, threads, weights, engine)
    classifier: Classifier | None = None
    if convert and engines.choose(engine) != "keras":
        try:
            classifier = open_converted(path, record, folder, threads)
        except OSError as error:  # such as a folder that can only be read
            log.info(
                f"the classifier, converted, cannot be kept in {folder} "
                f"({error.strerror}): Keras runs it, which starts later"
            )
    if classifier is None:
        classifier = load_classifier(path, record)
    return Predictor(path, record, classifier, network, whole)


def feature_dim(record: dict[str, Any]) -> int:
    """How many numbers of a frame a classifier takes."""
    return sum(length for _, length in Centering.of_model(record).blocks)


def load_classifier(path: Path, record: dict[str, Any]) -> Any:
    """Loads a classifier that takes and gives what its record says.

    Raises:
        UserError: if it cannot be loaded, or the record is another one's.
    """
    from signs.models import classifier as models

    shape = record["frames"], feature_dim(record)
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
