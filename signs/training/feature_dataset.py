"""The clips that a network is trained and judged on, and their features."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from tqdm import tqdm

from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data.clips_table import Dataset
from signs.features import combined, feature_store
from signs.training.feature_files import Beside, FeatureFiles, Features, Rows

IN_MEMORY = 2**30  # bytes of features up to which a split is kept in memory
ALONE = 0.3  # share of clips that are learned as ones without a session


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
        copies: features of changed copies, which stand in for clips in the
            training; None: there are none.
        own_means: `means` as they are of each clip alone, which stand in for
            those in the training; None: they do not.
    """

    clips: Sequence[str]
    signers: Sequence[str]
    labels: np.ndarray
    classes: int
    features: Features
    means: np.ndarray | None = None
    copies: Features | None = None
    own_means: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a clip's features: (frames, feature_dim)."""
        return tuple(self.features.shape[1:])

    def read(
        self, indices: Any, random: np.random.Generator | None = None
    ) -> np.ndarray:
        """The features of some clips.

        Args:
            indices: which.
            random: draws a copy, or the clip itself, of each, and whether
                it is shown as a clip of a session or as one alone; None: the
                clips themselves, as of a session.

        Returns:
            float32, (n, *shape).
        """
        indices = np.asarray(indices)
        found = self.features[indices].astype("float32")
        means = None if self.means is None else self.means[indices]
        if random is not None:
            changed = self._draw_copies(found, indices, random)
            if means is not None and self.own_means is not None:
                own = self.own_means[indices]
                # Landmarks, whose mean is another one, have no copies.
                own[changed] = found[changed].mean(axis=1)
                is_alone = random.random(len(found)) < ALONE
                means = np.where(is_alone[:, None], own, means)
        if means is not None:
            found -= means[:, None]
        return found

    def _draw_copies(
        self, found: np.ndarray, indices: Any, random: np.random.Generator
    ) -> np.ndarray:
        """Puts copies in the place of some clips; returns of which."""
        if self.copies is None:
            return np.empty(0, int)
        drawn = random.integers(1 + self.copies.shape[1], size=len(found))
        changed = np.flatnonzero(drawn)
        copies = self.copies[indices[changed]]
        found[changed] = copies[np.arange(len(changed)), drawn[changed] - 1]
        return changed

    def batches(self, size: int = 256) -> Iterator[np.ndarray]:
        """All features in order, float32, (up to `size`, *shape)."""
        for start in range(0, len(self), size):
            yield self.read(range(start, min(start + size, len(self))))

    def first(self, clips: int) -> Self:
        """The first so many clips, or all if there are fewer."""
        rows = np.arange(min(clips, len(self)))
        copies = self.copies
        return replace(
            self,
            clips=self.clips[: len(rows)],
            signers=self.signers[: len(rows)],
            labels=self.labels[rows],
            features=Rows(self.features[rows], rows),
            means=None if self.means is None else self.means[rows],
            copies=None if copies is None else Rows(copies[rows], rows),
            own_means=None if self.own_means is None else self.own_means[rows],
        )

    def digest(self) -> str:
        """A digest of which clips these are, and of which classes."""
        lines = sorted(
            f"{clip}\t{label}"
            for clip, label in zip(self.clips, self.labels, strict=True)
        )
        text = "\n".join(lines).encode()
        return hashlib.sha256(text).hexdigest()[:16]


def find_clips(
    dataset: Dataset,
    clips: pd.DataFrame,
    classes: pd.DataFrame,
    meta: dict[str, Any],
    split: str | None,
    copies: bool = False,
) -> FeatureDataset:
    """The clips of a split that have a label and features.

    Args:
        dataset: where they are.
        clips: the clips table.
        classes: the classes table; says which index a label has.
        meta: the record of the features.
        split: train, val or test; None: all of the table.
        copies: whether changed copies are wanted, too, where there are any.

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
    kinds = combined.parts(meta)
    missing = {
        clip: None
        for kind_meta in kinds
        for clip in feature_store.tasks(
            dataset, chosen, kind_meta, only_missing=True
        )
    }
    there = chosen[~chosen["clip"].isin(list(missing))]
    mend = combined.command(dataset, meta)
    if len(chosen) and not len(there):
        where = " or ".join(str(dataset.feature(x["cnn"])) for x in kinds)
        raise UserError(
            f"no {kind} has features in {where}; make them with: {mend}"
        )
    if missing:
        log.warning(
            f"{count(len(missing), kind)} left out, having no "
            f"features, such as {next(iter(missing))}; make them with: {mend}"
        )
    found = [_files_of(dataset, there, x) for x in kinds]
    changed = None
    # Landmarks have no changed copies, so neither has what lies beside them.
    if copies and meta.get("copies"):
        changed = _files_of(dataset, there, meta, copies=True)
    return FeatureDataset(
        list(there["clip"]),
        list(there["signer"]),
        there["label"].map(index_of).to_numpy("int32"),
        len(classes),
        found[0] if len(found) == 1 else Beside(found),
        copies=changed,
    )


def _files_of(
    dataset: Dataset,
    clips: pd.DataFrame,
    meta: dict[str, Any],
    copies: bool = False,
) -> FeatureFiles:
    """The files of one kind of features, or of copies."""
    shape: tuple[int, ...] = (meta["frames"], meta["length"])
    path_of = feature_store.feature_path
    if copies:
        shape = meta["copies"], *shape
        path_of = feature_store.copies_path
    return FeatureFiles(
        [path_of(dataset, meta["cnn"], clip) for clip in clips["clip"]],
        shape,
        meta["cnn"] == feature_store.LANDMARKS,
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
    with tqdm(
        total=sum(len(x) * (1 + (x.copies is not None)) for x in splits),
        desc="checking features",
        unit="clip",
        leave=False,
        disable=True if quiet else None,
    ) as bar:
        found = []
        for split in splits:
            kept = _read_all(split.features, bar)
            found.append(replace(split, features=kept))
            if split.copies is not None:
                copies = _read_all(split.copies, bar)
                found[-1] = replace(found[-1], copies=copies)
        return found


def _read_all(features: Features, bar: Any) -> Features:
    """Reads features; gives them as an array where that is small enough."""
    kept: list[np.ndarray] = []
    size = 0
    clips = features.shape[0]
    for start in range(0, clips, 256):
        rows = range(start, min(start + 256, clips))
        try:
            block = features[rows]
        except ValueError as error:
            raise UserError(
                f"{error}; delete that file and run feature.py again"
            ) from error
        size += block.nbytes
        kept = [*kept, block] if size <= IN_MEMORY else []
        bar.update(len(rows))
    return np.concatenate(kept) if kept else features
