"""Features whose landmarks are transformed before a network gets them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from signs.models.feature_blocks import transform_blocks, transformed
from signs.models.landmark_layout import Blocks, has_landmarks
from signs.training.feature_dataset import IN_MEMORY, FeatureDataset
from signs.training.feature_files import Features

TOGETHER = 256  # clips that are transformed at once


@dataclass(frozen=True)
class TransformedFeatures:
    """What `transform_blocks` makes of features, made as they are read.

    Attributes:
        features: those with landmarks.
        blocks: of which kinds they are.
    """

    features: Features
    blocks: Blocks

    @property
    def shape(self) -> tuple[int, ...]:
        *front, _ = self.features.shape
        return *front, sum(length for _, length in transformed(self.blocks))

    def __getitem__(self, indices: Any, /) -> np.ndarray:
        read = self.features[indices].astype("float32")
        found: np.ndarray = transform_blocks(read, self.blocks)
        return found


def transform(dataset: FeatureDataset, blocks: Blocks) -> FeatureDataset:
    """The same clips, with landmarks transformed.

    Args:
        dataset: the clips.
        blocks: the kinds of their features.

    Returns:
        Them; as they are without landmarks. What was in memory still is,
        where that takes no more than `IN_MEMORY` bytes.
    """
    if not has_landmarks(blocks):
        return dataset
    made = TransformedFeatures(dataset.features, blocks)
    size = 4 * int(np.prod(made.shape))
    if isinstance(dataset.features, np.ndarray) and 0 < size <= IN_MEMORY:
        starts = range(0, len(dataset), TOGETHER)
        rows = np.arange(len(dataset))
        parts = [made[rows[start : start + TOGETHER]] for start in starts]
        return replace(dataset, features=np.concatenate(parts))
    return replace(dataset, features=made)
