"""In how many frames hands were found, of all and of each signer."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from signs.core import files
from signs.core.messages import count, log
from signs.data import clips_table
from signs.evaluation import curves
from signs.features import feature_store, landmark_store
from signs.video import contact_sheet, skeleton

LOW = 0.5  # share of frames with a hand, below which to say what to do
_MOST_NAMED = 3  # clips, or signers, in one message
_MOST_DRAWN = 40  # signers
_ADVICE = (
    "film with more light, so that fast hands do not blur; nearer, so that a "
    "hand is at least a tenth of the picture's height; and with both hands "
    "inside the picture. Depth and infrared pictures have no landmarks"
)


def report(
    dataset: clips_table.Dataset, clips: pd.DataFrame, frames: int, plot: Path
) -> None:
    """Says, and draws, in how many frames hands were found.

    Args:
        dataset: has landmarks, and gets `sheet-landmarks.png`.
        clips: rows of the clips table; all have landmarks.
        frames: how many a clip has.
        plot: PNG file of the shares by signer.
    """
    clips = clips.assign(share=landmark_store.shares(dataset, clips, frames))
    for problem in problems(clips):
        log.warning(problem)
    title = f"{dataset.name}: hands in {clips['share'].mean():.0%} of frames"
    draw(plot, clips, title)
    sheet = dataset.sheet_of_landmarks
    try:
        _draw_sheet(dataset, clips, frames, title)
    except ValueError as error:
        log.warning(f"no contact sheet: {error}")
    log.info(f"{title}; see {plot} and {sheet}")


def _draw_sheet(
    dataset: clips_table.Dataset, clips: pd.DataFrame, frames: int, title: str
) -> None:
    """Draws a contact sheet with what was found in each frame."""

    @functools.cache
    def landmarks(clip: str) -> np.ndarray:
        path = feature_store.feature_path(dataset, landmark_store.NAME, clip)
        return landmark_store.read_landmarks(path, frames)

    def draw_onto(clip: str, index: int, picture: np.ndarray) -> np.ndarray:
        return skeleton.draw_skeleton(picture, landmarks(clip)[index])

    names = clips_table.read_classes(dataset).set_index("label")["name"]
    contact_sheet.draw(
        *(dataset.sheet_of_landmarks, clips, names, dataset.frame, frames),
        title,
        draw_onto,
    )


def by_signer(clips: pd.DataFrame) -> pd.DataFrame:
    """How many of each signer's frames show a hand.

    Args:
        clips: signer (text), share: of the clip's frames.

    Returns:
        One row a signer, least first: signer, clips, share. A signer who is
        not known is `unknown`.
    """
    names = clips["signer"].replace("", "unknown")
    table = clips["share"].groupby(names).agg(["size", "mean"]).reset_index()
    table.columns = pd.Index(["signer", "clips", "share"])
    return table.sort_values("share", kind="stable", ignore_index=True)


def problems(clips: pd.DataFrame) -> list[str]:
    """What is to be said of clips in which few hands were found.

    Args:
        clips: clip, signer (text), share: of the clip's frames.

    Returns:
        A message for people each; none if all is well.
    """
    found = []
    none = clips["clip"][clips["share"] == 0]
    if len(none):
        found.append(
            f"no hand was found in {count(len(none), 'clip')}: "
            f"{_some(none.tolist())}"
        )
    total = clips["share"].mean()
    signers = by_signer(clips)
    low = signers[(signers["share"] < LOW) & (signers["signer"] != "unknown")]
    if total < LOW:
        found.append(
            f"hands were found in only {total:.0%} of frames; {_ADVICE}"
        )
    elif len(low):
        names = [
            f"{name} ({share:.0%})"
            for name, share in zip(low["signer"], low["share"], strict=True)
        ]
        found.append(
            f"hands were found in less than {LOW:.0%} of the frames of "
            f"{count(len(low), 'signer')}: {_some(names)}; {_ADVICE}"
        )
    return found


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    text = ", ".join(names[:_MOST_NAMED])
    return f"{text} and {more:,} more" if more > 0 else text


def draw(path: Path, clips: pd.DataFrame, title: str) -> None:
    """Draws the share of frames with hands, by signer, as a PNG file.

    Args:
        path: the file.
        clips: see `problems`.
        title: what stands above.
    """
    table = by_signer(clips)[:_MOST_DRAWN][::-1]
    names = [curves.shorten(str(name), 30) for name in table["signer"]]
    with curves.style(), files.atomic(path) as temporary:
        height = 1.4 + 0.3 * len(table)
        figure = Figure(figsize=(7, height), layout="constrained")
        axes = figure.add_subplot()
        colours = [
            curves.VERMILION if share < LOW else curves.BLUE
            for share in table["share"]
        ]
        axes.barh(range(len(table)), table["share"], color=colours)
        axes.set_yticks(range(len(table)), names)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter("{x:.0%}")
        axes.set_xlabel("frames in which a hand was found")
        axes.grid(visible=False, axis="y")
        rows = zip(table["share"], table["clips"], strict=True)
        for place, (share, clips_of_signer) in enumerate(rows):
            axes.text(
                *(
                    0.01,
                    place,
                    f"{share:.0%}, {count(clips_of_signer, 'clip')}",
                ),
                color="white" if share > 0.3 else "black",
                va="center",
                fontsize=8,
            )
        axes.set_title(title)
        figure.savefig(temporary)
