"""The clips to train on, read batch by batch while the network trains."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from signs.core.backend import keras
from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data.clips_table import Dataset
from signs.features import feature_store
from signs.training import augment
from signs.training.augment import Augmentation
from signs.video.decode import sample_indices

READERS = 2  # threads that read the next batches during a training step


@dataclass(frozen=True)
class Examples:
    """The clips of one split that have features.

    Attributes:
        paths: their feature files.
        labels: their classes, int32, (clips,), from 0.
        frames, length: shape of a clip's features as they are stored.
        classes: how many there are.
        steps: how many of the frames the network sees; None: all.
        offsets: what is subtracted from each frame of a clip, float32,
            (length,), by path; nothing from clips that are not in it.
    """

    paths: list[Path]
    labels: np.ndarray
    frames: int
    length: int
    classes: int
    steps: int | None = None
    offsets: Mapping[Path, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of a clip's features as the network sees them."""
        return self.steps or self.frames, self.length

    def sample(self, frames: int) -> np.ndarray:
        """Clips evenly spread over these, with about so many frames in all.

        Returns:
            float32, (n, *shape).
        """
        wanted = min(len(self), -(-frames // self.shape[0]))
        return self.read(sample_indices(len(self), wanted))

    def read(
        self,
        indices: Any,
        stretch: float = 0.0,
        random: np.random.Generator | None = None,
    ) -> np.ndarray:
        """The features of some clips.

        Args:
            indices: which.
            stretch: see `Augmentation`.
            random: draws the frames; None spreads them evenly.

        Returns:
            float32, (n, *shape).
        """
        steps, _ = self.shape
        seen = np.empty((len(indices), *self.shape), "float32")
        for row, index in enumerate(indices):
            path = self.paths[index]
            stored = feature_store.read_features(path, self.frames, self.length)
            chosen: Any = sample_indices(self.frames, steps)
            if random is not None:
                chosen = augment.draw_steps(self.frames, steps, stretch, random)
            seen[row] = stored[chosen]
            if path in self.offsets:
                seen[row] -= self.offsets[path]
        return seen

    def batches(self, size: int = 256) -> Iterator[np.ndarray]:
        """All features in order, float32, (up to `size`, *shape)."""
        for start in range(0, len(self), size):
            yield self.read(range(start, min(start + size, len(self))))


@dataclass(frozen=True)
class Embedded:
    """Clips as the layers above the frozen ones see them.

    Attributes:
        vectors: float32, (clips, units).
        labels: their classes, int32, (clips,), from 0.
        classes: how many there are.
    """

    vectors: np.ndarray
    labels: np.ndarray
    classes: int

    def __len__(self) -> int:
        return len(self.vectors)

    def read(
        self,
        indices: Any,
        stretch: float = 0.0,
        random: np.random.Generator | None = None,
    ) -> np.ndarray:
        """Some vectors, float32, (n, units); these cannot be varied."""
        return self.vectors[indices]


class Batches(keras.utils.PyDataset):
    """Examples in batches, for `fit`, `evaluate` and `predict`.

    Labels are one-hot, float32, (batch, classes). The features stay on disk:
    memory does not grow with the data. Keras itself would shuffle only the
    batches, so the clips are shuffled here.

    Args:
        examples: what to read.
        size: clips a batch; the last one may be smaller.
        seed: of the order and of all that is drawn, which differ from epoch
            to epoch and are the same in every run; None is for judging: it
            keeps the order of the table, and the clips as they are.
        epoch: the first epoch, from 0.
        augmentation: how the clips are changed where there is a seed.
    """

    def __init__(
        self,
        examples: Examples | Embedded,
        size: int,
        seed: int | None = None,
        epoch: int = 0,
        augmentation: Augmentation | None = None,
    ):
        super().__init__(workers=READERS, max_queue_size=2 * READERS)
        self._examples = examples
        self._size = size
        self._seed = seed
        self._epoch = epoch
        self._change = augmentation or Augmentation()
        self._order = np.arange(len(examples))
        self._shuffle()

    def __len__(self) -> int:
        return -(-len(self._examples) // self._size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        start = index * self._size
        chosen = self._order[start : start + self._size]
        labels = np.zeros((len(chosen), self._examples.classes), "float32")
        labels[np.arange(len(chosen)), self._examples.labels[chosen]] = 1
        if self._seed is None:
            return self._examples.read(chosen), labels
        # The order has the first two numbers; a 0 behind them would not count.
        random = np.random.default_rng((self._seed, self._epoch, index + 1))
        change = self._change
        seen = self._examples.read(chosen, change.stretch, random)
        labels = augment.soften(labels, change.smoothing)
        if change.mixup:
            seen, labels = augment.mix(seen, labels, change.mixup, random)
        return seen, labels

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        if self._seed is not None:
            random = np.random.default_rng((self._seed, self._epoch))
            self._order = random.permutation(len(self._examples))


def find_examples(
    dataset: Dataset,
    clips: pd.DataFrame,
    classes: pd.DataFrame,
    meta: dict[str, Any],
    split: str,
) -> Examples:
    """The clips of a split that have a label and features.

    Args:
        clips: the clips table.
        classes: the classes table; says which index a label has.
        meta: the record of the features.
        split: train, val or test.

    Raises:
        UserError: if a label is missing in the classes table, or there are
            clips but no features.
    """
    index_of = dict(zip(classes["label"], classes["index"], strict=True))
    chosen = clips[(clips["split"] == split) & (clips["label"] != "")]
    unknown = set(chosen["label"]) - set(index_of)
    if unknown:
        raise UserError(
            f"the label {min(unknown)!r} of {dataset.clips} is missing in "
            f"{dataset.classes}; delete {dataset.classes}, and write it "
            f"afresh with: python frame.py {dataset.name}"
        )
    missing = feature_store.tasks(dataset, chosen, meta, only_missing=True)
    there = chosen[~chosen["clip"].isin(list(missing))]
    mend = feature_store.command(dataset, meta["cnn"])
    if len(chosen) and not len(there):
        raise UserError(
            f"no {split} clip has features in {dataset.feature(meta['cnn'])}; "
            f"make them with: {mend}"
        )
    if missing:
        log.warning(
            f"{count(len(missing), f'{split} clip')} left out, having no "
            f"features, such as {next(iter(missing))}; make them with: {mend}"
        )
    return Examples(
        [
            feature_store.feature_path(dataset, meta["cnn"], c)
            for c in there["clip"]
        ],
        there["label"].map(index_of).to_numpy("int32"),
        meta["frames"],
        meta["length"],
        len(classes),
    )


def check_examples(splits: dict[str, Examples], quiet: bool) -> None:
    """Reads all features once: a bad file is found now, not hours later.

    Args:
        splits: examples by split, such as train and val.

    Raises:
        UserError: if there is nothing to train on, or a file is damaged.
    """
    if not len(splits["train"]):
        raise UserError(
            "no clip with a label is in the split train; look at the columns "
            "label and split of clips.csv"
        )
    if len(set(splits["train"].labels)) < 2:
        raise UserError("training needs clips of at least two classes")
    total = sum(map(len, splits.values()))
    with tqdm(
        total=total,
        desc="checking features",
        unit="clip",
        leave=False,
        disable=True if quiet else None,
    ) as bar:
        for examples in splits.values():
            try:
                for batch in examples.batches():
                    bar.update(len(batch))
            except ValueError as error:
                raise UserError(
                    f"{error}; delete that file and run feature.py again"
                ) from error
