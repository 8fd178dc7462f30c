"""Features of clips: in files, side by side, some rows of an array."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from signs.features import feature_store


class Features(Protocol):
    """Features of clips, on disk or in memory; an array is one, too."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(clips, frames, feature_dim), or (clips, units) above LSTMs."""
        ...

    def __getitem__(self, indices: Any, /) -> np.ndarray:
        """Those of some clips: (n, *shape[1:]), float16 or float32."""
        ...


@dataclass(frozen=True)
class FeatureFiles:
    """The features of clips in one file each.

    Attributes:
        paths: the files, in the order of the clips.
        each: the shape of each.
        has_gaps: whether there may be NaN among them, as in landmarks.
    """

    paths: Sequence[Path]
    each: tuple[int, ...]
    has_gaps: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.paths), *self.each

    def __getitem__(self, indices: Any, /) -> np.ndarray:
        """Reads some clips.

        Raises:
            ValueError: if a file is missing or damaged.
        """
        found = [
            feature_store.read_features(
                self.paths[index], *self.each, has_gaps=self.has_gaps
            )
            for index in np.asarray(indices, int)
        ]
        empty = np.empty((0, *self.each), "float32")
        return np.stack(found) if found else empty


@dataclass(frozen=True)
class Beside:
    """Features of several kinds of the same clips, side by side.

    Attributes:
        parts: those of each kind.
    """

    parts: Sequence[Features]

    @property
    def shape(self) -> tuple[int, ...]:
        *front, _ = self.parts[0].shape
        return *front, sum(part.shape[-1] for part in self.parts)

    def __getitem__(self, indices: Any, /) -> np.ndarray:
        found = [part[indices].astype("float32") for part in self.parts]
        return np.concatenate(found, axis=-1)


@dataclass(frozen=True)
class Rows:
    """Some rows of an array that others use, too, such as a mapped file."""

    array: np.ndarray
    rows: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.rows), *self.array.shape[1:]

    def __getitem__(self, indices: Any, /) -> np.ndarray:
        found: np.ndarray = self.array[self.rows[np.asarray(indices)]]
        return found
