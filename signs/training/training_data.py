"""The data that a training sees: clips, classes, features, of one data set."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import pandas as pd

from signs.core.messages import count, log
from signs.data import clips_table
from signs.data.clips_table import Dataset
from signs.features import feature_store
from signs.training import feature_dataset, session_mean
from signs.training.feature_dataset import FeatureDataset, find_clips
from signs.training.settings import RunOptions, Settings
from signs.video import catalog, frame_store


@dataclass(frozen=True)
class Data:
    """A data set as a training sees it.

    Attributes:
        dataset: where its files are.
        meta: the record of its features.
        classes: the classes table.
        train, val: clips with features.
        split: how the clips were split: `official`, `signer`, `random`, or
            `unknown`.
    """

    dataset: Dataset
    meta: dict[str, Any]
    classes: pd.DataFrame
    train: FeatureDataset
    val: FeatureDataset
    split: str


def read_data(settings: Settings, options: RunOptions) -> Data:
    """Finds the clips, classes and features that the settings name.

    Raises:
        UserError: if something is missing; names the command that makes it.
    """
    dataset = Dataset(options.data / settings.dataset)
    clips = clips_table.read_clips(dataset)
    catalog.check_frames(dataset, clips, adopt=False)
    classes = clips_table.read_classes(dataset)
    meta = feature_store.require_meta(dataset, settings.features)
    train, val = (
        find_clips(dataset, clips, classes, meta, split)
        for split in ("train", "val")
    )
    split = (frame_store.read_meta(dataset) or {}).get("split", "unknown")
    log.info(
        f"{dataset.name}: {count(len(train), 'training clip')} and "
        f"{count(len(val), 'validation clip')} of "
        f"{count(len(classes), 'class', 'classes')}, split: {split}\n"
        f"features of {meta['cnn']} ({meta['weights']} weights), "
        f"{meta['frames']} x {meta['length']:,} a clip"
    )
    data = Data(dataset, meta, classes, train, val, split)
    _warn_of_gaps(data)
    feature_dataset.check_trainable(train)
    train, val = feature_dataset.read_once([train, val], options.quiet)
    return prepare(settings, dataclasses.replace(data, train=train, val=val))


def prepare(settings: Settings, data: Data) -> Data:
    """The data as the network of the settings is to see them."""
    if not settings.session_mean:
        return data
    train, val = session_mean.subtract([data.train, data.val])
    return dataclasses.replace(data, train=train, val=val)


def _warn_of_gaps(data: Data) -> None:
    """Names the classes that cannot be learned, or not be judged."""
    if not len(data.val):
        log.warning(
            "no clip is in the split val: the best model is the one with "
            "the lowest training loss, which says nothing about new clips"
        )
    for split, name in ((data.train, "training"), (data.val, "validation")):
        there = set(split.labels.tolist())
        lacking = data.classes[~data.classes["index"].isin(there)]["name"]
        if len(lacking) and len(split):
            names = ", ".join(lacking[:5]) + (", ..." * (len(lacking) > 5))
            log.warning(
                f"{count(len(lacking), 'class has', 'classes have')} no "
                f"{name} clip: {names}"
            )


def describe_data(data: Data) -> dict[str, Any]:
    """What a run's record says of its data."""
    return {
        "dataset": data.dataset.name,
        "classes": len(data.classes),
        "split": data.split,
        "train": len(data.train),
        "val": len(data.val),
        "digests": {"train": data.train.digest(), "val": data.val.digest()},
        "features": data.meta,
    }
