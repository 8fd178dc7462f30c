"""Features of several kinds of the same pictures, side by side.

Each kind looks at whole pictures, of which a CNN sees small ones, and what
finds landmarks those of full size.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from signs.features.pictures import show
from signs.video import frame_store, images

if TYPE_CHECKING:
    from signs.features.engines import Engine


class WholePictures(Protocol):
    """What makes features of whole pictures of any size."""

    def __call__(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """The features of pictures, float32, (n, feature_dim)."""
        ...

    def of_clip(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """The features of a clip, float32, (frames, feature_dim).

        Args:
            pictures: those of the clip, and between each two of them the one
                halfway.
        """
        ...

    def together(self, features: np.ndarray) -> np.ndarray:
        """The features of a clip whose pictures were looked at by turns."""
        ...


class CnnPictures:
    """A CNN that is given whole pictures, and sees them as `frame.py` does.

    Args:
        engine: runs the CNN.
        described: the record of its features.
    """

    def __init__(self, engine: "Engine", described: dict[str, Any]):
        self._engine = engine
        self._described = described

    def __call__(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        from signs.inference.predictor import prepare

        small = (images.shrink(x, frame_store.SHORT_SIDE) for x in pictures)
        shown = prepare(small, self._described["size"])
        motion = self._described.get("motion", False)
        made = self._engine(show(shown, motion))
        return made.astype(self._described["dtype"]).astype("float32")

    def of_clip(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        return self(pictures[::2])

    def together(self, features: np.ndarray) -> np.ndarray:
        return features


class SideBySide:
    """Several kinds of features of the same pictures.

    Args:
        parts: what makes each, and how many numbers it makes of a picture.
    """

    def __init__(self, parts: Sequence[tuple[WholePictures, int]]):
        self._parts = parts

    def __call__(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        return np.hstack([part(pictures) for part, _ in self._parts])

    def of_clip(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        return np.hstack([part.of_clip(pictures) for part, _ in self._parts])

    def together(self, features: np.ndarray) -> np.ndarray:
        found, start = [], 0
        for part, length in self._parts:
            found.append(part.together(features[:, start : start + length]))
            start += length
        return np.hstack(found)
