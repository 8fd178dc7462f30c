"""The data that a training sees: clips, classes, features, of one data set."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from signs.core.messages import count, log
from signs.data import clips_table, splits
from signs.data.clips_table import Dataset
from signs.features import combined
from signs.models.landmark_layout import Blocks
from signs.training import (
    feature_dataset,
    session_mean,
    transformed_features,
)
from signs.training.feature_dataset import FeatureDataset, find_clips
from signs.training.session_mean import Centering
from signs.training.settings import RunOptions, Settings
from signs.video import catalog, frame_store

INNER_SHARE = 0.2  # of the training clips, where these choose the epoch
USED = ["train", "val"]  # splits that a training may look at


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
        centering: how the means of sessions are subtracted; None: they are
            not.
    """

    dataset: Dataset
    meta: dict[str, Any]
    classes: pd.DataFrame
    train: FeatureDataset
    val: FeatureDataset
    split: str
    centering: Centering | None = None

    @property
    def blocks(self) -> Blocks:
        """The kinds of features that the network gets."""
        if self.centering is not None:
            return self.centering.blocks
        return combined.blocks_of(self.meta)


def read_data(settings: Settings, options: RunOptions) -> Data:
    """Finds the clips, classes and features that the settings name.

    Raises:
        UserError: if something is missing; names the command that makes it.
    """
    dataset = Dataset(options.data / settings.dataset)
    clips = clips_table.read_clips(dataset)
    catalog.check_frames(dataset, clips, adopt=False)
    clips = divide(settings, clips)
    classes = clips_table.read_classes(dataset)
    meta = combined.require_meta(dataset, settings.features)
    tables = dataset, clips, classes, meta
    train = find_clips(*tables, "train", settings.copies)
    val = find_clips(*tables, "val")
    split = (frame_store.read_meta(dataset) or {}).get("split", "unknown")
    if settings.inner_val and not settings.refit:
        split = splits.way_to_divide(clips[clips["split"].isin(USED)])
    log.info(
        f"{dataset.name}: {count(len(train), 'training clip')} and "
        f"{count(len(val), 'validation clip')} of "
        f"{count(len(classes), 'class', 'classes')}, split: {split}\n"
        f"features of {meta['cnn']} ({meta['weights']} weights), "
        f"{meta['frames']} x {meta['length']:,} a clip"
        + f", and {meta.get('copies')} copies"
        * (train.copies is not None)
    )
    data = Data(dataset, meta, classes, train, val, split)
    if settings.refit:
        log.info(f"repeats {settings.refit} for {settings.epochs} epochs")
    else:
        _warn_of_gaps(data)
    feature_dataset.check_trainable(train)
    train, val = feature_dataset.read_once([train, val], options.quiet)
    return prepare(settings, dataclasses.replace(data, train=train, val=val))


def divide(settings: Settings, clips: pd.DataFrame) -> pd.DataFrame:
    """The clips table, with what each clip is used for as its split.

    Args:
        settings: say what chooses the best epoch, and whether anything does.
        clips: the clips table.
    """
    if settings.refit:
        used = clips["split"].isin(USED)
        return clips.assign(split=clips["split"].mask(used, "train"))
    if not settings.inner_val:
        return clips
    is_train = (clips["split"] == "train") & (clips["label"] != "")
    pool = clips[is_train]
    by_signer = splits.way_to_divide(pool) == "signer"
    choose = splits.by_signer if by_signer else splits.at_random
    is_val = choose(pool, INNER_SHARE, settings.seed)
    split = clips["split"].where(clips["split"] == "test", "")
    split[is_train] = np.where(is_val, "val", "train")
    chosen = pool["signer"][is_val]
    who = count(chosen.nunique(), "signer") + " of the split train"
    log.info(
        f"epochs are chosen by {who if by_signer else 'part of train'}; the "
        "split val is not looked at"
    )
    return clips.assign(split=split)


def prepare(settings: Settings, data: Data) -> Data:
    """The data as the network of the settings is to see them."""
    if not settings.session_mean:
        return data
    blocks = combined.blocks_of(data.meta)
    train, val = (
        transformed_features.transform(split, blocks)
        for split in (data.train, data.val)
    )
    centering = session_mean.learn_centering(blocks, train)
    train, val = session_mean.subtract([train, val], centering)
    return dataclasses.replace(data, train=train, val=val, centering=centering)


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
