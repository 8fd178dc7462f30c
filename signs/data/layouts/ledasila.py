"""LedaSila, where the name of a video says which word is signed."""

import re

import pandas as pd

from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data import clips_table
from signs.data.layouts.common import most, warn_left_out
from signs.data.scan import Clip, VideoFolder

# The words with at least this many clips are those of the 2018 write-up.
MIN_CLIPS = 18


def matches(folder: VideoFolder) -> bool:
    """Whether most videos have a `---` in their names."""
    return most("---" in video.split("/")[-1] for video in folder.videos)


def read(folder: VideoFolder) -> list[Clip]:
    """Reads LedaSila: `<letter>/<Word>---<region>---vid-n---lsid-m.mp4`.

    Only `---` separates; words and regions may have single hyphens. The word
    as it is written there is the label. All clips of a word are one class,
    whatever their region and whatever folder they are in.
    """
    clips, others = [], []
    for video in folder.videos:
        word, *rest = video.split("/")[-1].rsplit("---", 3)
        if rest and clips_table.normal(word):
            clips.append(Clip(video, clips_table.normal(word)))
        else:
            others.append(video)
    if not clips:
        raise UserError(
            f"no video in {folder.root} is named as LedaSila's are: "
            "Word---region---vid-1---lsid-1.mp4"
        )
    warn_left_out(others, "having no --- in the name")
    return clips


def readable(label: str) -> str:
    """What a label of LedaSila is called in tables and plots.

    LedaSila writes `__` for a blank and `_ae`, `_oe`, `_ue` for umlauts, as in
    `Rote__R_uebe`; of `___`, the first two are the blank. The case is that of
    the vowel: `_Oe` is an Ö.
    """
    umlauts = dict(zip("aouAOU", "äöüÄÖÜ", strict=True))
    name = re.sub(
        "__|_([aouAOU])[eE]",
        lambda match: umlauts[match[1]] if match[1] else " ",
        label,
    )
    return name.strip() or label


def hint_at_min_clips(clips: pd.DataFrame) -> None:
    """Says how many words LedaSila has, and how many have enough clips."""
    sizes = clips["label"].value_counts()
    enough = sizes[sizes >= MIN_CLIPS]
    if 0 < len(enough) < len(sizes):
        log.info(
            f"{len(enough):,} of {count(len(sizes), 'word')} have at least "
            f"{MIN_CLIPS} clips, {enough.sum():,} in all; the 2018 write-up "
            f"took those: --min-clips {MIN_CLIPS}"
        )
