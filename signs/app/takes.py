"""The takes of a data set: videos that people film of their own signs.

A take is `data/NAME/video/SIGN/SIGNER-01.webm`; who signs is in
`data/NAME/signers.csv` as well. So the scripts train on what the page records,
and the page shows what is filed by hand.
"""

import filecmp
import os
import re
import shutil
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from filelock import BaseFileLock, FileLock

from signs.core import files
from signs.core.errors import UserError
from signs.core.messages import count
from signs.data import clips_table, signers
from signs.data.clips_table import Dataset, normal
from signs.data.scan import is_video

LONGEST_NAME = 60  # characters
_LONGEST_BYTES = 200  # of 255 that a file's name may have
ENOUGH_TAKES = 5  # of one sign by one person
_OTHERS = " -_'+"  # that names may have besides letters, digits and accents
# Names that Windows keeps for devices.
_RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[\d¹²³])", re.IGNORECASE)


@dataclass(frozen=True)
class Take:
    """One video of one sign.

    Attributes:
        path: the file.
        sign: the label.
        signer: who signs; empty if that is not known.
    """

    path: Path
    sign: str
    signer: str


def check_name(text: str, what: str) -> str:
    """A name that people typed, as the name of a folder; never a path.

    Args:
        text: letters of any script, digits, blanks and - _ ' +.
        what: what it names, for the message.

    Returns:
        The name in Unicode's NFC, without blanks around it.

    Raises:
        UserError: if there is anything else in it, or nothing, or too much.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if not name:
        raise UserError(f"the name of the {what} is missing")
    if len(name) > LONGEST_NAME or len(name.encode()) > _LONGEST_BYTES:
        raise UserError(
            f"the name of the {what} is too long; take at most {LONGEST_NAME} "
            "characters"
        )
    # Vowels of Indian scripts and accents are marks of their own (M).
    kinds = [unicodedata.category(character)[0] for character in name]
    is_good = kinds[0] in "LN" and all(
        kind in "LMN" or character in _OTHERS
        for kind, character in zip(kinds, name, strict=True)
    )
    # In names of videos, --- separates a word from what follows it.
    if not is_good or "---" in name or _RESERVED.fullmatch(name):
        raise UserError(
            f"{name!r} cannot be the name of a {what}: begin with a letter or "
            "digit, and use letters, digits, blanks and - _ ' + only"
        )
    return name


def add(dataset: Dataset, sign: str, signer: str, video: Path) -> Take:
    """Files a video as the next take of a sign by a signer.

    Two pages may do so at once: each take has a number of its own.

    Args:
        dataset: where to.
        sign, signer: names; see `check_name`.
        video: a file, which stays where it is.

    Raises:
        UserError: if a name is none.
    """
    sign, signer = check_name(sign, "sign"), check_name(signer, "signer")
    folder = dataset.video / sign
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(dataset):
        number = 1 + max(_numbers(folder, signer), default=0)
        path = folder / f"{signer}-{number:02}{video.suffix.lower()}"
        with files.atomic(path) as temporary:
            shutil.copyfile(video, temporary)
        take = Take(path, sign, signer)
        _write_signers(dataset, {clip_of(dataset, take): signer})
    return take


def correct(dataset: Dataset, sign: str, signer: str, video: Path) -> Take:
    """Files a video under its right sign, wherever it is filed now.

    Args:
        dataset: where to.
        sign, signer: names; see `check_name`.
        video: a file; where it is a take already, that one moves.

    Raises:
        UserError: if a name is none.
    """
    before = [take for take in find(dataset) if _is_same(take.path, video)]
    right = (check_name(sign, "sign"), check_name(signer, "signer"))
    for take in before:
        if (take.sign, take.signer) == right:
            return take
    filed = add(dataset, sign, signer, video)
    for take in before:
        discard(dataset, take)
    return filed


def _is_same(one: Path, other: Path) -> bool:
    return one.stat().st_size == other.stat().st_size and filecmp.cmp(
        one, other, shallow=False
    )


def discard(dataset: Dataset, take: Take) -> None:
    """Removes a take, and the folder of its sign if that is empty then."""
    with _alone(dataset):
        take.path.unlink(missing_ok=True)
        _write_signers(dataset, {clip_of(dataset, take): None})
        if take.path.parent.is_dir() and not any(take.path.parent.iterdir()):
            take.path.parent.rmdir()


def find(dataset: Dataset) -> list[Take]:
    """All takes, those that were filed by hand included, in order."""
    known = _read_signers(dataset)
    signer_of = dict(zip(known["clip"], known["signer"], strict=True))
    found = []
    for folder in sorted(dataset.video.glob("*/")):
        for path in sorted(folder.iterdir()):
            if not path.is_file() or path.name.startswith("."):
                continue
            take = Take(path, folder.name, "")
            signer = signer_of.get(normal(clip_of(dataset, take)), "")
            found.append(Take(path, folder.name, signer))
    return found


def table(takes: Iterable[Take]) -> pd.DataFrame:
    """How many takes there are of each sign (rows) by each signer (columns)."""
    rows = [(take.sign, take.signer or "?") for take in takes]
    pairs = pd.DataFrame(rows, columns=["sign", "signer"])
    return pd.crosstab(pairs["sign"], pairs["signer"])


def advice(takes: Iterable[Take]) -> list[str]:
    """What is missing before a training means something, in plain words."""
    counts = table(takes)
    if counts.empty:
        return ["Film a first sign."]
    said = []
    if len(counts) < 2:
        said.append("one more sign: there must be two to tell apart")
    for sign, row in counts.iterrows():
        people = [str(name) for name in row.index[row > 0] if name != "?"]
        few = [name for name in people if row[name] < ENOUGH_TAKES]
        lacks = [f"{ENOUGH_TAKES - row[name]} more of {name}" for name in few]
        if len(people) < 2:
            lacks.append("one more person, for a figure that means something")
        if lacks:
            there = ", ".join(f"{row[name]} of {name}" for name in people)
            there = there or count(int(row.sum()), "take")
            said.append(f"{sign}: {there}; film " + " and ".join(lacks))
    return said


def _alone(dataset: Dataset) -> BaseFileLock:
    """Two pages, or a page and record.py, take turns."""
    dataset.root.mkdir(parents=True, exist_ok=True)
    return FileLock(dataset.root / ".takes.lock", timeout=30)


def _numbers(folder: Path, signer: str) -> list[int]:
    pattern = re.compile(re.escape(signer) + r"-(\d+)")
    matches = (pattern.fullmatch(path.stem) for path in folder.iterdir())
    return [int(match[1]) for match in matches if match]


def clip_of(dataset: Dataset, take: Take) -> str:
    """The name of a take's clip, as in clips.csv and signers.csv."""
    place = take.path.relative_to(dataset.video)
    return place.with_suffix("").as_posix()


def _read_signers(dataset: Dataset) -> pd.DataFrame:
    """Who signs, in whatever words people say it; see `data.signers`."""
    if not dataset.signers.exists():
        return pd.DataFrame({"clip": [], "signer": []}, dtype=str)
    known = signers.read_signers(dataset.signers)
    return known.assign(clip=known["clip"].map(_as_clip))


def _as_clip(name: str) -> str:
    """A clip that may be named by its video."""
    name = normal(name).replace("\\", "/")
    return os.path.splitext(name)[0] if is_video(name) else name


def _write_signers(dataset: Dataset, changes: dict[str, str | None]) -> None:
    known = _read_signers(dataset)
    new = [(clip, signer) for clip, signer in changes.items() if signer]
    rows = pd.concat(
        [
            known[~known["clip"].isin([*map(normal, changes)])],
            pd.DataFrame(new, columns=["clip", "signer"], dtype=str),
        ]
    )
    clips_table.write_table(
        dataset.signers, rows.sort_values("clip", kind="stable").fillna("")
    )
