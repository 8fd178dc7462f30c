"""The clips to train on, read batch by batch while the network trains."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
from tqdm import tqdm

from signs.core.backend import keras
from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data.clips_table import Dataset
from signs.features import feature_store

READERS = 2  # threads that read the next batches during a training step
IN_MEMORY = 2**30  # bytes of features up to which a split is kept in memory


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
        frames, feature_dim: the shape of each.
    """

    paths: Sequence[Path]
    frames: int
    feature_dim: int

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.paths), self.frames, self.feature_dim

    def __getitem__(self, indices: Any, /) -> np.ndarray:
        """Reads some clips.

        Raises:
            ValueError: if a file is missing or damaged.
        """
        shape = self.frames, self.feature_dim
        found = [
            feature_store.read_features(self.paths[index], *shape)
            for index in np.asarray(indices, int)
        ]
        return np.stack(found) if found else np.empty((0, *shape), "float32")


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


@dataclass(frozen=True)
class FeatureDataset:
    """The clips of one split that have features.

    Attributes:
        clips: their names.
        signers: of each clip; "" where unknown.
        labels: their classes, int32, (clips,), from 0.
        classes: how many there are.
        features: see `Features`.
        means: what is subtracted from each frame of a clip, float32,
            (clips, feature_dim); None: nothing.
    """

    clips: Sequence[str]
    signers: Sequence[str]
    labels: np.ndarray
    classes: int
    features: Features
    means: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a clip's features: (frames, feature_dim)."""
        return tuple(self.features.shape[1:])

    def read(self, indices: Any) -> np.ndarray:
        """The features of some clips, float32, (n, *shape)."""
        found = self.features[np.asarray(indices)].astype("float32")
        if self.means is not None:
            found -= self.means[np.asarray(indices)][:, None]
        return found

    def batches(self, size: int = 256) -> Iterator[np.ndarray]:
        """All features in order, float32, (up to `size`, *shape)."""
        for start in range(0, len(self), size):
            yield self.read(range(start, min(start + size, len(self))))

    def first(self, clips: int) -> Self:
        """The first so many clips, or all if there are fewer."""
        rows = np.arange(min(clips, len(self)))
        return replace(
            self,
            clips=self.clips[: len(rows)],
            signers=self.signers[: len(rows)],
            labels=self.labels[rows],
            features=Rows(self.features[rows], rows),
            means=None if self.means is None else self.means[rows],
        )

    def digest(self) -> str:
        """A digest of which clips these are, and of which classes."""
        lines = sorted(
            f"{clip}\t{label}"
            for clip, label in zip(self.clips, self.labels, strict=True)
        )
        text = "\n".join(lines).encode()
        return hashlib.sha256(text).hexdigest()[:16]


class Batches(keras.utils.PyDataset):
    """Clips in batches, for `fit`, `evaluate` and `predict`.

    Gives features, float32, (batch, *shape), and classes, int32, (batch,).
    Keras itself would shuffle only the batches, so the clips are shuffled
    here.

    Args:
        dataset: what to read.
        size: clips a batch; the last one may be smaller.
        seed: of the order, which differs from epoch to epoch and is the same
            in every run; None keeps the order of the table.
        epoch: the first epoch, from 0.
    """

    def __init__(
        self,
        dataset: FeatureDataset,
        size: int,
        seed: int | None = None,
        epoch: int = 0,
    ):
        # What is in memory needs no threads, which would cost more.
        workers = READERS if isinstance(dataset.features, FeatureFiles) else 1
        super().__init__(workers=workers, max_queue_size=2 * READERS)
        self._dataset = dataset
        self._size = size
        self._seed = seed
        self._epoch = epoch
        self._order = np.arange(len(dataset))
        self._shuffle()

    def __len__(self) -> int:
        return -(-len(self._dataset) // self._size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        start = index * self._size
        chosen = self._order[start : start + self._size]
        return self._dataset.read(chosen), self._dataset.labels[chosen]

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        if self._seed is not None:
            random = np.random.default_rng((self._seed, self._epoch))
            self._order = random.permutation(len(self._dataset))


def find_clips(
    dataset: Dataset,
    clips: pd.DataFrame,
    classes: pd.DataFrame,
    meta: dict[str, Any],
    split: str | None,
) -> FeatureDataset:
    """The clips of a split that have a label and features.

    Args:
        dataset: where they are.
        clips: the clips table.
        classes: the classes table; says which index a label has.
        meta: the record of the features.
        split: train, val or test; None: all of the table.

    Returns:
        Them, in the order of the table.

    Raises:
        UserError: if a label is missing in the classes table, or there are
            clips but no features.
    """
    index_of = dict(zip(classes["label"], classes["index"], strict=True))
    chosen = clips[clips["label"] != ""]
    if split is not None:
        chosen = chosen[chosen["split"] == split]
    unknown = set(chosen["label"]) - set(index_of)
    if unknown:
        raise UserError(
            f"the label {min(unknown)!r} of {dataset.clips} is missing in "
            f"{dataset.classes}; take it up with: python frame.py "
            f"{dataset.name}"
        )
    kind = f"{split} clip" if split else "clip"
    missing = feature_store.tasks(dataset, chosen, meta, only_missing=True)
    there = chosen[~chosen["clip"].isin(list(missing))]
    mend = feature_store.command(dataset, meta["cnn"])
    if len(chosen) and not len(there):
        raise UserError(
            f"no {kind} has features in {dataset.feature(meta['cnn'])}; "
            f"make them with: {mend}"
        )
    if missing:
        log.warning(
            f"{count(len(missing), kind)} left out, having no "
            f"features, such as {next(iter(missing))}; make them with: {mend}"
        )
    paths = [
        feature_store.feature_path(dataset, meta["cnn"], clip)
        for clip in there["clip"]
    ]
    return FeatureDataset(
        list(there["clip"]),
        list(there["signer"]),
        there["label"].map(index_of).to_numpy("int32"),
        len(classes),
        FeatureFiles(paths, meta["frames"], meta["length"]),
    )


def check_trainable(train: FeatureDataset) -> None:
    """Raises a `UserError` if there is nothing to learn from."""
    if not len(train):
        raise UserError(
            "no clip with a label is in the split train; look at the columns "
            "label and split of clips.csv"
        )
    if len(set(train.labels)) < 2:
        raise UserError("training needs clips of at least two classes")


def read_once(
    splits: Sequence[FeatureDataset], quiet: bool
) -> list[FeatureDataset]:
    """Reads all features: a bad file is found now, not hours later.

    Args:
        splits: the training and validation clips, say.
        quiet: no progress bar.

    Returns:
        The same; in memory where that takes no more than `IN_MEMORY` bytes.

    Raises:
        UserError: if a file is damaged.
    """
    found = []
    with tqdm(
        total=sum(map(len, splits)),
        desc="checking features",
        unit="clip",
        leave=False,
        disable=True if quiet else None,
    ) as bar:
        for split in splits:
            kept: list[np.ndarray] = []
            size = 0
            for start in range(0, len(split), 256):
                rows = range(start, min(start + 256, len(split)))
                try:
                    block = split.features[rows]
                except ValueError as error:
                    raise UserError(
                        f"{error}; delete that file and run feature.py again"
                    ) from error
                size += block.nbytes
                kept = [*kept, block] if size <= IN_MEMORY else []
                bar.update(len(rows))
            if kept:
                split = replace(split, features=np.concatenate(kept))
            found.append(split)
    return found
