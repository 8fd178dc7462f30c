"""The clips table that a source of videos gives, before people edit it."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from signs.data import clips_table, splits
from signs.data.layouts import detect
from signs.data.layouts.detect import Listing
from signs.data.settings import TableSettings
from signs.data.signers import add_signers


def read(source: Path, signers: Path, settings: TableSettings) -> Listing:
    """Reads which clips a source holds, and who signs in them.

    Args:
        source: the folder of the videos, or the CSV file that lists them.
        signers: `signers.csv`, which need not be there.
        settings: how to read it.

    Raises:
        UserError: if there are no clips, or something in a list is wrong.
    """
    listing = detect.read_layout(source, settings.layout)
    return listing._replace(clips=add_signers(listing.clips, signers))


def digest(listing: Listing, settings: TableSettings) -> str:
    """A text that is the same for as long as the table would be."""
    text = json.dumps([listing.layout, asdict(settings)], sort_keys=True)
    text += listing.clips.to_csv(index=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def divide(
    listing: Listing, settings: TableSettings
) -> tuple[pd.DataFrame, str]:
    """The table with its classes chosen and its splits assigned.

    Returns:
        The table, and how train and val were told apart; see `splits.assign`.

    Raises:
        UserError: if what is asked for cannot be had.
    """
    clips = clips_table.keep_classes(
        listing.clips, settings.min_clips, settings.classes
    )
    clips, how = splits.assign(
        clips, settings.split, settings.val, settings.seed
    )
    splits.warn_of_classes(clips)
    splits.warn_of_signers(clips, how)
    splits.warn_of_duplicates(clips, listing.folder.root)
    return clips, how


def with_names(classes: pd.DataFrame, layout: str) -> pd.DataFrame:
    """Names the classes that have no name but their label."""
    unnamed = classes["name"] == classes["label"]
    names = [detect.readable(label, layout) for label in classes["label"]]
    return classes.assign(name=classes["name"].where(~unnamed, names))
