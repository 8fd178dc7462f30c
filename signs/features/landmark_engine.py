"""What finds landmarks in pictures, in the place of a CNN's engine."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from signs.core.errors import UserError
from signs.features import landmark_models, landmark_store
from signs.features.landmark_models import LandmarkModels
from signs.features.landmarks import Found, Hand, arrange, clip_landmarks
from signs.models import landmark_layout as layout

# How sure of its side a hand is that stands in a row of landmarks.
_SURE = 0.8


class LandmarkEngine:
    """Makes landmarks of pictures, as `feature.py --landmarks` does.

    It is called as a CNN's engine is, but with whole pictures of any size.

    Args:
        models: what finds them.
        threads: how many pictures are looked at side by side.
    """

    def __init__(self, models: LandmarkModels, threads: int = 1):
        self.models = models
        self._detector = landmark_store.detector(models, threads)

    def __call__(self, pictures: Iterable[np.ndarray]) -> np.ndarray:
        """The landmarks of pictures by themselves.

        Args:
            pictures: RGB, uint8, (height, width, 3).

        Returns:
            float32, (n, 176); see `landmark_layout`.
        """
        return _rounded(arrange(self._detector.find_all(list(pictures))))

    def of_clip(self, pictures: Iterable[np.ndarray]) -> np.ndarray:
        """The landmarks of a clip; see `landmarks.clip_landmarks`.

        Returns:
            float32, (frames, 176).
        """
        return _rounded(clip_landmarks(self._detector, list(pictures)))

    def together(self, landmarks: np.ndarray) -> np.ndarray:
        """The landmarks of a clip whose pictures were looked at by turns.

        Which hand is the left one shows best in all pictures at once.
        """
        return arrange_again(landmarks)


def _rounded(landmarks: np.ndarray) -> np.ndarray:
    """Landmarks as they are on disk."""
    return landmarks.astype(landmark_store.DTYPE).astype("float32")


def open_engine(
    described: Sequence[dict[str, Any]],
    models: Path | LandmarkModels | None,
    threads: int = 1,
) -> LandmarkEngine:
    """What makes landmarks as records describe them.

    Args:
        described: the records of landmarks, or of hands that were cut out by
            them; see `landmark_store.describe`, `cnn_features`.
        models: MediaPipe's, or their folder; None: see
            `landmark_models.find_models`.
        threads: how many pictures are looked at side by side.

    Raises:
        UserError: if MediaPipe or a model is missing, or is another one.
    """
    landmark_models.require_packages()
    if not isinstance(models, LandmarkModels):
        models = landmark_models.find_models(models)
    for record in described:
        names, wanted = record["weights"], record["weights_hash"]
        if record["cnn"] != landmark_store.NAME:
            names, wanted = "others", record.get("landmarks_hash")
        if models.hash != wanted:
            raise UserError(
                f"the landmarks were made by {names} ({wanted}), but "
                f"{models.hand.parent} has {models.names} ({models.hash}); "
                "name the folder of the others with --landmark-models DIR or "
                f"{landmark_models.FOLDER_VARIABLE}"
            )
    return LandmarkEngine(models, threads)


def arrange_again(landmarks: np.ndarray) -> np.ndarray:
    """Tells left from right hands anew, where rows were found one by one.

    Args:
        landmarks: of a clip, (frames, 176).

    Returns:
        float32, (frames, 176); see `landmarks.arrange`.
    """
    hands, bodies = layout.split(landmarks)
    seen = layout.seen(landmarks)
    found = [
        Found(
            tuple(
                Hand(sides[side], _SURE if side else 1 - _SURE)
                for side in range(len(layout.HANDS))
                if there[side]
            ),
            body,
        )
        for sides, body, there in zip(hands, bodies, seen, strict=True)
    ]
    return arrange(found)
