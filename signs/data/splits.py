"""Who is trained on and who is judged on.

A split that puts a signer on both sides rewards recognising the person and
the room. So the order of preference is: the official lists, whole signers,
and only then a random split.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data import clips_table

WAYS = ("auto", "official", "signer", "random")
# What each way means, for people.
MEANING = {
    "official": "as the data set gives it",
    "signer": "by signer: nobody is on both sides",
    "random": "random, which mixes performers: expect less from new people",
}
CANDIDATES = 100  # choices of signers to compare, for each number of them
TAIL = 4096  # bytes at the end of a file that tell most files apart


def assign(
    clips: pd.DataFrame, how: str = "auto", val: float = 0.2, seed: int = 0
) -> tuple[pd.DataFrame, str]:
    """Fills the column split.

    Test clips of the source stay test clips. `signer` and `random` divide
    the official training clips, where there are any, and leave the official
    validation clips out: nobody of theirs may get into the training.

    Clips without a label are in neither train nor val.

    Args:
        clips: the clips table, with the splits that the source gives.
        how: one of `WAYS`; auto takes the first that can be had of official,
            signer, random.
        val: share of the clips to validate on, if that is not given.
        seed: the same one gives the same split, whatever the clips' order.

    Returns:
        The table with its splits, and how train and val were told apart:
        official, signer or random.

    Raises:
        UserError: if what is asked for cannot be had.
    """
    labelled = clips["label"] != ""
    split = clips["split"].where(labelled | (clips["split"] == "test"), "")
    is_train, is_val = split == "train", split == "val"
    pool = is_train if is_train.any() else labelled & (split != "test")
    refuse(how, bool(is_train.any() or is_val.any()), clips[pool])
    as_given = how in ("auto", "official")
    if as_given and is_val.any():
        return clips.assign(split=split), "official"
    how = way_to_divide(clips[pool]) if as_given else how
    if as_given and is_train.any() and val > 0:
        log.warning(
            "there is no official validation clip with a label: some of the "
            f"training clips become that, {MEANING[how]}"
        )
    elif is_train.any() and is_val.any():
        log.info(
            f"--split {how} divides the official training clips; the "
            f"{count(is_val.sum(), 'official validation clip')} are left out"
        )
    split = split.where(split == "test", "")
    split[pool] = _divide(clips[pool], how, val, seed)
    return clips.assign(split=split), how


def refuse(how: str, official: bool, pool: pd.DataFrame) -> None:
    """Raises a `UserError` if the clips cannot be split as asked."""
    if how == "official" and not official:
        raise UserError(
            "there is no official split: no lists, no folders train and val, "
            "no column split; use --split signer or --split random"
        )
    if how == "signer" and pool["signer"][pool["signer"] != ""].nunique() < 2:
        raise UserError(
            "no two signers are known: fill in signers.csv (clip,signer) or "
            "the column signer of the CSV, or use --split random"
        )


def way_to_divide(clips: pd.DataFrame) -> str:
    """`signer` if most clips have one and there are two, else `random`."""
    known = clips["signer"][clips["signer"] != ""]
    return (
        "signer"
        if known.nunique() > 1 and 2 * len(known) > len(clips)
        else "random"
    )


def _divide(clips: pd.DataFrame, how: str, val: float, seed: int) -> np.ndarray:
    """`train` or `val` for each clip."""
    if val == 0 or clips.empty:
        is_val = np.zeros(len(clips), bool)
    elif how == "signer":
        is_val = by_signer(clips, val, seed)
    else:
        is_val = at_random(clips, val, seed)
    return np.where(is_val, "val", "train")


def at_random(clips: pd.DataFrame, val: float, seed: int) -> np.ndarray:
    """Draws the share `val` of each class.

    A class of at least two clips has at least one on each side; a single clip
    is trained on. (scikit-learn's stratified splits refuse both cases.)

    Returns:
        bool, (clips,): which are to validate on.
    """
    generator = np.random.default_rng(seed)
    chosen: list[str] = []
    for _, members in clips.groupby("label")["clip"]:
        size = min(max(1, round(val * len(members))), len(members) - 1)
        chosen += list(generator.permutation(np.sort(members))[:size])
    return clips["clip"].isin(chosen).to_numpy()


def by_signer(clips: pd.DataFrame, val: float, seed: int) -> np.ndarray:
    """Chooses signers to validate on.

    Of many random choices (scikit-learn's GroupShuffleSplit) of about so many
    signers it takes the one that has most classes on both sides and is nearest
    to the share `val`: one of ten classes missing is as bad as being off by a
    tenth of the clips.

    Clips of unknown signers are trained on, with a warning, as one of them
    may be of a signer who is validated on.

    Returns:
        bool, (clips,): which are to validate on.
    """
    from sklearn.model_selection import GroupShuffleSplit

    signers = clips["signer"].to_numpy()
    known = np.flatnonzero(signers != "")
    if len(known) < len(clips):
        unknown = len(clips) - len(known)
        what = "clip{} of unknown signers {}"
        log.warning(
            f"{count(unknown, what.format('', 'is'), what.format('s', 'are'))} "
            "trained on; name their signers to be sure that nobody is on "
            "both sides"
        )
    labels, names = pd.factorize(clips["label"])
    people = len(set(signers[known]))
    sizes = {
        min(max(1, round(share * people)), people - 1)
        for share in (val / 2, val, 2 * val)
    }
    best, least = np.zeros(len(clips), bool), float("inf")
    for size in sorted(sizes):
        choices = GroupShuffleSplit(
            CANDIDATES, test_size=size, random_state=seed
        )
        for _, drawn in choices.split(known, groups=signers[known]):
            is_val = np.zeros(len(clips), bool)
            is_val[known[drawn]] = True
            both = np.intersect1d(labels[is_val], labels[~is_val])
            missing = 1 - len(both) / len(names)
            cost = missing + abs(is_val.mean() - val)
            if cost < least - 1e-9:
                best, least = is_val, cost
    return best


def signers_on_both_sides(clips: pd.DataFrame) -> list[str]:
    """Known signers who are in more than one of train, val and test."""
    known = clips[(clips["signer"] != "") & (clips["split"] != "")]
    splits = known.groupby("signer")["split"].nunique()
    return sorted(splits.index[splits > 1])


def warn_of_classes(clips: pd.DataFrame) -> None:
    """Names the classes that cannot be learned, or not be judged."""
    labels = clips_table.class_order(clips["label"])
    for split, name in (("train", "training"), ("val", "validation")):
        there = set(clips["label"][clips["split"] == split])
        lacking = [label for label in labels if label not in there]
        if lacking:
            log.warning(
                f"{count(len(lacking), 'class has', 'classes have')} no {name} "
                f"clip: {_listed(lacking)}"
            )


def warn_of_signers(clips: pd.DataFrame, how: str) -> None:
    """Names the signers on both sides, where there should be none.

    Args:
        clips: the clips table.
        how: how it was split; a random split is known to mix signers.
    """
    both = signers_on_both_sides(clips)
    if both and how != "random":
        log.warning(
            f"{count(len(both), 'signer is', 'signers are')} in more than one "
            f"split: {_listed(both)}; figures will be too good"
        )


def warn_of_duplicates(clips: pd.DataFrame, root: Path) -> None:
    """Names videos of different splits that are byte for byte the same.

    Args:
        clips: the clips table.
        root: the folder that its column video starts from.
    """
    split_of = defaultdict(set)
    for video, split in zip(clips["video"], clips["split"], strict=True):
        if split:
            split_of[root / clips_table.on_disk(video)].add(split)
    both = [
        f"{group[0].name} and {group[1].name}"
        for group in identical_files(split_of)
        if len(set.union(*(split_of[path] for path in group))) > 1
    ]
    if both:
        log.warning(
            f"{count(len(both), 'video is', 'videos are')} in more than one "
            f"split under different names: {_listed(both)}; figures will be "
            "too good"
        )


def identical_files(paths: Iterable[Path]) -> list[list[Path]]:
    """Groups of files that are byte for byte the same.

    Only files of the same size are opened, and only those that end alike are
    read as a whole, so that tens of thousands of videos take a moment.

    Args:
        paths: files; those that are missing are left out.

    Returns:
        The groups of two and more, each in the order of the paths.
    """
    groups = [[path for path in paths if path.is_file()]]
    for key in (_size, _tail, _digest):
        groups = [part for group in groups for part in _alike(group, key)]
    return groups


def _alike(paths: list[Path], key: Callable[[Path], Any]) -> list[list[Path]]:
    """Groups of two and more files that have the same key."""
    groups = defaultdict(list)
    for path in paths:
        groups[key(path)].append(path)
    return [group for group in groups.values() if len(group) > 1]


def _size(path: Path) -> int:
    return path.stat().st_size


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-min(TAIL, _size(path)), os.SEEK_END)
        return file.read(TAIL)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def check_sides(train: pd.DataFrame, test: pd.DataFrame) -> dict[str, set[str]]:
    """What two sides of a split share that they should not, or lack.

    Args:
        train, test: rows of the clips table, maybe with a column `content`,
            which is the same where the bytes of the clips are.

    Returns:
        clips, contents and signers on both sides, and classes on one side
        only; empty sets where all is well.
    """

    def shared(column: str) -> set[str]:
        if column not in train.columns:
            return set()
        return set(train[column]) & set(test[column]) - {""}

    return {
        "clips": shared("clip"),
        "contents": shared("content"),
        "signers": shared("signer"),
        "classes": set(train["label"]) ^ set(test["label"]),
    }


def _listed(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
