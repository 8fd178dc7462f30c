"""The clips that a model is judged on, and what it says of them."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from signs.core.errors import UserError
from signs.core.messages import count
from signs.data import clips_table
from signs.data.clips_table import Dataset
from signs.evaluation.baselines import NearestClassMean
from signs.features import combined, feature_store
from signs.models.feature_blocks import transform_blocks
from signs.training import (
    clips_used,
    feature_dataset,
    session_mean,
    transformed_features,
)
from signs.training.batches import Batches
from signs.training.feature_dataset import FeatureDataset
from signs.training.run_record import takes_transformed
from signs.training.session_mean import Centering

# How clips are shown to a model; see `evaluation.report`.
SESSION, SINGLE = "session", "single"


@dataclass(frozen=True)
class Task:
    """Which model is to be judged on which clips.

    Attributes:
        model: the file of the model.
        record: what is known of it.
        used: the clips that it was trained and chosen on; None: not known.
        dataset: where the clips to judge on have their features.
        name: what the data are called.
        what: what one of these clips is called.
        rows: of the clips table; all have a label.
        root: the folder that their videos' paths start from.
        split: how they were told apart from the training clips, if known.
    """

    model: Path
    record: dict[str, Any]
    used: pd.DataFrame | None
    dataset: Dataset
    name: str
    what: str
    rows: pd.DataFrame
    root: Path
    split: str = ""

    @property
    def session_mean(self) -> bool:
        """Whether the model takes features less their session's mean."""
        return bool(self.record["session_mean"])


@dataclass(frozen=True)
class JudgedClips:
    """Clips with a class that a model knows, and with features.

    Attributes:
        rows: of the clips table, in the order of the features.
        features: what the model is shown; classes are the model's.
        unknown: clips by label that the model does not know; left out.
        lacking: clips that have no features; left out.
    """

    rows: pd.DataFrame
    features: FeatureDataset
    unknown: dict[str, int]
    lacking: list[str]


def classes_of(record: dict[str, Any]) -> pd.DataFrame:
    """The classes table of a model."""
    return pd.DataFrame(record["classes"])


def rows_of(dataset: Dataset, split: str) -> pd.DataFrame:
    """The clips of a split that have a label.

    Raises:
        UserError: if there are none.
    """
    clips = clips_table.read_clips(dataset)
    rows = clips[(clips["split"] == split) & (clips["label"] != "")]
    if len(rows):
        return rows
    sizes = clips["split"][clips["label"] != ""].value_counts()
    there = ", ".join(f"{n:,} in {name}" for name, n in sizes.items() if name)
    unlabelled = clips["split"] == split
    if unlabelled.any():
        raise UserError(
            f"none of the {count(int(unlabelled.sum()), f'{split} clip')} of "
            f"{dataset.name} has a label; fill in the column label of "
            f"{dataset.clips}"
        )
    raise UserError(
        f"no clip of {dataset.name} is in the split {split} ({there or 'none'}"
        f" has a split); put some people's clips there, in the column split "
        f"of {dataset.clips}, and train again"
    )


def find(task: Task, failed: Collection[str] = ()) -> JudgedClips:
    """The clips of a task that have features, and a class the model knows.

    Args:
        task: which.
        failed: clips that are known to have no features, so that nothing
            need be said of them here.

    Raises:
        UserError: if the features are missing or others than the model's, or
            the model knows none of the classes.
    """
    dataset, rows, record = task.dataset, task.rows, task.record
    name = record["features"]["cnn"]
    meta = combined.require_meta(dataset, name)
    if problem := feature_store.differences(record["features"], meta):
        raise UserError(
            f"{record['run']} was trained on other features than those of "
            f"{task.name}: {problem}; make the same ones with: "
            f"{combined.command(dataset, meta, '--overwrite')}"
        )
    classes = classes_of(record)
    known = rows["label"].isin(set(classes["label"]))
    if not known.any():
        raise UserError(
            f"{record['run']} knows none of the classes of {task.name}: it "
            f"was trained on those of {record['dataset']}, such as "
            f"{classes['label'].iloc[0]!r}"
        )
    unknown = rows["label"][~known].value_counts()
    features = feature_dataset.find_clips(
        dataset, rows[known & ~rows["clip"].isin(failed)], classes, meta, None
    )
    there = rows.set_index("clip", drop=False).loc[list(features.clips)]
    return JudgedClips(
        there.reset_index(drop=True),
        features,
        {str(label): int(number) for label, number in unknown.items()},
        sorted(set(rows["clip"][known]) - set(features.clips)),
    )


def show(
    features: FeatureDataset, record: dict[str, Any]
) -> dict[str, FeatureDataset]:
    """The clips as a model is to see them, by the way to show them.

    Args:
        features: of the clips.
        record: of the model. Was it trained on features less the mean of
            their session, it is shown clips of whole sessions, which uses
            what all clips have in common though not their labels; and each
            clip alone, as `predict.py` sees one video.

    Returns:
        `SESSION` first, if it is there, and `SINGLE`.
    """
    if not record["session_mean"]:
        return {SINGLE: features}
    centering = Centering.of_model(record)
    features = _as_taken(features, record)
    centred = session_mean.subtract([features], centering)[0]
    return {
        SESSION: centred,
        SINGLE: replace(centred, means=centred.own_means),
    }


def _as_taken(
    features: FeatureDataset, record: dict[str, Any]
) -> FeatureDataset:
    """Features with landmarks transformed, if that is what a model takes."""
    if not takes_transformed(record):
        return features
    blocks = combined.blocks_of(record["features"])
    return transformed_features.transform(features, blocks)


def predict(model: Any, features: FeatureDataset) -> np.ndarray:
    """The probabilities that a model gives, float32, (clips, classes)."""
    return np.asarray(model.predict(Batches(features, 64), verbose=0))


def nearest_class_mean(
    task: Task, data: Path, features: FeatureDataset
) -> np.ndarray | None:
    """What the nearest class mean answers, from the same training clips.

    Args:
        task: which model is judged.
        data: the folder of data sets.
        features: of the clips to classify, as the model sees them.

    Returns:
        Classes, int, (clips,); None where the training clips are not there.
    """
    train = _training_clips(task, data)
    if train is None or not len(train):
        return None
    centering = Centering.of_model(task.record)
    blocks = centering.blocks
    if task.session_mean:
        train = _as_taken(train, task.record)
        train = session_mean.subtract([train], centering)[0]
    means = NearestClassMean(len(task.record["classes"]))
    start = 0
    for block in train.batches():
        seen = np.asarray(transform_blocks(block, blocks))
        means.add(seen, train.labels[start : start + len(block)])
        start += len(block)
    return np.concatenate(
        [
            means.scores(np.asarray(transform_blocks(block, blocks))).argmax(
                axis=1
            )
            for block in features.batches()
        ]
    )


def _training_clips(task: Task, data: Path) -> FeatureDataset | None:
    dataset = Dataset(data / task.record["dataset"])
    wanted = task.record["features"]
    if not dataset.clips.exists():
        return None
    kinds = [part["cnn"] for part in combined.parts(wanted)]
    if not all(feature_store.read_meta(dataset, kind) for kind in kinds):
        return None
    meta = combined.require_meta(dataset, wanted["cnn"])
    if feature_store.differences(wanted, meta):
        return None
    rows = clips_table.read_clips(dataset)
    classes = classes_of(task.record)
    trained = rows["split"] == "train"
    if task.used is not None:
        own = task.used[task.used["dataset"] == dataset.name]
        names = own["clip"][own["use"] == clips_used.TRAINED]
        trained = rows["clip"].isin(set(names))
    rows = rows[trained & rows["label"].isin(set(classes["label"]))]
    return feature_dataset.find_clips(dataset, rows, classes, meta, None)
