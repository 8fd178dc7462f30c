"""Features of whole pictures: of landmarks, of hands, of several kinds.

A CNN sees small pictures, or the signing hands cut out of large ones; what
finds landmarks sees those of full size.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from signs.features import feature_store, hand_crop, variants
from signs.features.landmark_engine import LandmarkEngine, open_engine
from signs.features.landmark_models import LandmarkModels
from signs.features.pictures import show
from signs.video import frame_store, images


@dataclass(frozen=True)
class Part:
    """What makes one kind of features.

    Attributes:
        described: the record of these features.
        network: runs the CNN; None: they are the landmarks themselves.
    """

    described: dict[str, Any]
    network: Callable[[Any], np.ndarray] | None = None


def needs_landmarks(described: dict[str, Any]) -> bool:
    """Whether a kind of features is landmarks, or made with their help."""
    name = described["cnn"]
    return name == feature_store.LANDMARKS or variants.shows_hands(name)


class WholePictures:
    """Makes several kinds of features of the same pictures, side by side.

    Args:
        parts: what makes each.
        landmarks: finds landmarks, where some part needs them.
    """

    def __init__(self, parts: Sequence[Part], landmarks: LandmarkEngine | None):
        self.parts = parts
        self.landmarks = landmarks

    @property
    def short_side(self) -> int:
        """Pixels that pictures are shrunk to, if larger."""
        if self.landmarks:
            return feature_store.VIDEO_SIDE
        return frame_store.SHORT_SIDE

    def __call__(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """The features of pictures.

        Args:
            pictures: RGB, uint8, of any size; all of a clip, in order, if a
                part sees motion images or hands.

        Returns:
            float32, (n, feature_dim).
        """
        found = self.landmarks(pictures) if self.landmarks else None
        return self._side_by_side(pictures, found)

    def of_clip(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """The features of a clip, float32, (frames, feature_dim).

        Args:
            pictures: those of the clip, and, where landmarks are looked for,
                between each two of them the one halfway.
        """
        if self.landmarks is None:
            return self._side_by_side(pictures, None)
        found = self.landmarks.of_clip(pictures)
        return self._side_by_side(pictures[::2], found)

    def together(self, features: np.ndarray) -> np.ndarray:
        """The features of a clip whose pictures were looked at by turns."""
        found = features.copy()
        for columns in self._landmark_columns():
            if self.landmarks is not None:
                found[:, columns] = self.landmarks.together(found[:, columns])
        return found

    def landmarks_in(self, features: np.ndarray) -> np.ndarray | None:
        """The landmarks among features, (..., 176); None if there are none."""
        columns = next(self._landmark_columns(), None)
        return None if columns is None else features[..., columns]

    def _landmark_columns(self) -> Iterator[slice]:
        start = 0
        for part in self.parts:
            end = start + part.described["length"]
            if part.network is None:
                yield slice(start, end)
            start = end

    def _side_by_side(
        self, pictures: Sequence[np.ndarray], landmarks: np.ndarray | None
    ) -> np.ndarray:
        return np.hstack(
            [_features(part, pictures, landmarks) for part in self.parts]
        )


def open_whole(
    kinds: Sequence[dict[str, Any]],
    open_cnn: Callable[[dict[str, Any]], Callable[[Any], np.ndarray]],
    models: Path | LandmarkModels | None,
    threads: int,
) -> WholePictures:
    """What makes features as records describe them.

    Args:
        kinds: the records.
        open_cnn: gives what runs the CNN of one.
        models, threads: see `landmark_engine.open_engine`.

    Raises:
        UserError: if something is missing, or is another one.
    """
    needing = [kind for kind in kinds if needs_landmarks(kind)]
    landmarks = open_engine(needing, models, threads) if needing else None
    parts = [
        Part(
            kind,
            None if kind["cnn"] == feature_store.LANDMARKS else open_cnn(kind),
        )
        for kind in kinds
    ]
    return WholePictures(parts, landmarks)


def _features(
    part: Part, pictures: Sequence[np.ndarray], landmarks: np.ndarray | None
) -> np.ndarray:
    """One kind of features, rounded as those on disk are."""
    if part.network is None:
        if landmarks is None:
            raise ValueError("nothing finds landmarks")
        return landmarks
    described = part.described
    if landmarks is not None and variants.shows_hands(described["cnn"]):
        hands = hand_crop.crop_hands(pictures, landmarks)
        shown = frame_store.to_batch(hands, described["size"])
    else:
        small = (images.shrink(x, frame_store.SHORT_SIDE) for x in pictures)
        # As frame.py stores them.
        stored = (images.decode_jpeg(images.encode_jpeg(x)) for x in small)
        shown = frame_store.to_batch(stored, described["size"])
    made = part.network(show(shown, described.get("motion", False)))
    return made.astype(described["dtype"]).astype("float32")
