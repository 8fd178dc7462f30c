"""MediaPipe's tasks, which find hands and bodies in pictures."""

import contextlib
import sys
from collections.abc import Iterator
from threading import Lock
from typing import Any

import numpy as np

from signs.core.errors import UserError
from signs.core.quiet import quiet_libraries
from signs.features.landmark_models import LandmarkModels, damaged

# Of MediaPipe's own threshold, .5, many real hands fall short.
DETECTION = 0.2
_quiet = Lock()  # what a process writes to stderr is held back but once


class Tasks:
    """What finds hands, and bodies where there is a model for them.

    It serves one thread at a time.
    """

    def __init__(self, models: LandmarkModels):
        """Loads the models.

        Raises:
            UserError: if a file is none that MediaPipe can use.
        """
        self._mediapipe, vision, base = _import_mediapipe()
        hands = vision.HandLandmarkerOptions(
            base_options=base(model_asset_path=str(models.hand)),
            num_hands=2,
            min_hand_detection_confidence=DETECTION,
        )
        self._tasks = {
            "hands": _open(vision.HandLandmarker, hands, models.hand)
        }
        if models.body is not None:
            body = vision.PoseLandmarkerOptions(
                base_options=base(model_asset_path=str(models.body))
            )
            self._tasks["body"] = _open(
                vision.PoseLandmarker, body, models.body
            )
        self._is_new = True  # no hand was found yet

    def close(self) -> None:
        """Frees the models."""
        with quiet_libraries():
            for task in self._tasks.values():
                task.close()

    def detect(self, what: str, picture: np.ndarray) -> Any:
        """What a task sees in a picture.

        Args:
            what: `hands` or `body`.
            picture: RGB, uint8, (height, width, 3).

        Returns:
            The task's result; None without a model for it.
        """
        if what not in self._tasks:
            return None
        image = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB,
            data=np.ascontiguousarray(picture),
        )
        if not self._is_new:
            return self._tasks[what].detect(image)
        # It warns of itself as it finds the first hand.
        with _quiet, quiet_libraries():
            result = self._tasks[what].detect(image)
        self._is_new = not getattr(result, "hand_landmarks", None)
        return result


def _open(kind: Any, options: Any, path: Any) -> Any:
    try:
        with quiet_libraries():
            return kind.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        raise UserError(damaged(path)) from error


def _import_mediapipe() -> tuple[Any, Any, Any]:
    """Imports MediaPipe; see `landmark_models.require_packages`."""
    with quiet_libraries(), _without_tensorflow():
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision
    return mediapipe, vision, BaseOptions


@contextlib.contextmanager
def _without_tensorflow() -> Iterator[None]:
    """Lets an import go on as if TensorFlow were not installed.

    MediaPipe would import all of it for a decorator of its documentation,
    which takes seconds and some 400 MB in each process.
    """
    if "tensorflow" in sys.modules:
        yield
        return
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["tensorflow"]
