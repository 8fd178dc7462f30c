"""Which clips there are: who signs what, where, how long, in which file.

Nothing is rendered or written here; the same settings give the same plan.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np

from signs.core.errors import UserError
from signs.core.messages import count
from signs.data.clips_table import Dataset
from signs.synthetic.puppets import people
from signs.synthetic.puppets.render import Clip, Format

MOST_GESTURES = 249
MOST_PERFORMERS = 21
MOST_CLIPS = 36_000
SPLITS = ("train", "valid", "test")
PHASES = {
    "train": "IsoGD_phase_1",
    "valid": "IsoGD_phase_1",
    "test": "IsoGD_phase_2",
}
CLIPS_A_FOLDER = 200
# LedaSila's words have about 20 clips each.
MOST_CLIPS_A_WORD = 21
WORD_SIGNERS = 10
# Umlauts and blanks are spelled as in LedaSila; so are the regions, which
# stand for federal states of Austria.
WORDS = (
    "null",
    "sch_oen",
    "guten__Morgen",
    "m_uede",
    "Banane",
    "M_aedchen",
    "Arbeit",
    "gr_uen",
    "Haus",
    "fr_oehlich",
    "lernen",
    "K_aese",
    "Wasser",
    "T_uer",
    "Auf__Wiedersehen",
    "h_oeren",
    "Zeit",
    "sp_aet",
    "Freund",
    "_oeffnen",
    "Jahr",
)
REGIONS = ("w", "k", "n_oe", "st-b", "t")
VARIANT_REGIONS = ("k", "st-b")  # sign every second word in their own way


@dataclass(frozen=True)
class Settings:
    """What the user asked for."""

    gestures: int
    performers: int
    clips: int
    words: int
    seed: int

    @property
    def word_clips(self) -> int:
        """How many of the clips are in the words' data set."""
        return min(round(0.3 * self.clips), MOST_CLIPS_A_WORD * self.words)

    @property
    def gesture_clips(self) -> int:
        """How many of the clips are in the gestures' data set."""
        return self.clips - self.word_clips


@dataclass(frozen=True)
class Plan:
    """One data set before it is there.

    clips: what to render, by clip; texts: content of the other files, by
    path; summary: what is in it, for people.
    """

    dataset: Dataset
    clips: dict[str, Clip]
    texts: dict[Path, str]
    summary: str


def check(settings: Settings) -> None:
    """Raises a `UserError` if there are too few clips for the classes.

    Each gesture is to have two clips for training, one for validation and
    one for the test; each word four.
    """

    def enough(clips: int) -> bool:
        asked = Settings(**{**vars(settings), "clips": clips})
        return (
            asked.gesture_clips >= 4 * asked.gestures
            and asked.word_clips >= 4 * asked.words
        )

    if not enough(settings.clips):
        needed = settings.clips + 1
        while not enough(needed):
            needed += 1
        raise UserError(
            f"{count(settings.clips, 'clip')} are too few for "
            f"{count(settings.gestures, 'gesture')} and "
            f"{count(settings.words, 'word')}; take --clips {needed} or more"
        )


def split_performers(performers: int) -> dict[str, list[int]]:
    """Who is in which split: at 21, 17 + 2 + 2 as in IsoGD; nobody twice."""
    valid = 2 if performers >= 6 else 1
    test = 2 if performers >= 12 else 1
    train = performers - valid - test
    everybody = list(range(performers))
    return {
        "train": everybody[:train],
        "valid": everybody[train : train + valid],
        "test": everybody[train + valid :],
    }


def plan_gestures(dataset: Dataset, settings: Settings, codec: str) -> Plan:
    """Plans a data set in IsoGD's layout.

    Args:
        dataset: where it goes.
        settings: its size.
        codec: four letters; XVID as in IsoGD, where OpenCV can write it.
    """
    total, classes = settings.gesture_clips, settings.gestures
    dealt = _deal_splits(settings)
    lengths = _lengths(
        [signer for _, _, signer in dealt],
        settings.seed,
        # Median 37; a clip in 25 has fewer than 20 frames.
        lambda share: 37 * np.exp(0.35 * NormalDist().inv_cdf(share)),
        (9, 80),
    )
    form = Format(320, 240, 10, codec, 210)
    sessions = max(3, round(classes / 12))
    clips: dict[str, Clip] = {}
    lists: dict[str, list[str]] = {split: [] for split in SPLITS}
    for take, (split, label, signer) in enumerate(dealt):
        number = len(lists[split]) + 1
        folder = f"{split}/{(number - 1) // CLIPS_A_FOLDER + 1:03}"
        colour, depth = (f"{folder}/{kind}_{number:05}" for kind in "MK")
        clip = f"{PHASES[split]}/{colour}"
        clips[clip] = Clip(
            video=dataset.video / f"{clip}.avi",
            gesture=label,
            signer=signer,
            session=_session(settings.seed, signer, label, classes, sessions),
            take=take,
            frames=lengths[take],
            seed=settings.seed,
            format=form,
        )
        lists[split].append(f"{colour}.avi {depth}.avi {label + 1}\n")
    texts = {
        dataset.video / f"{split}_list.txt": "".join(lines)
        for split, lines in lists.items()
    }
    texts[dataset.signers] = _signers(clips)
    parts = ", ".join(f"{len(lists[split]):,} {split}" for split in SPLITS)
    summary = (
        f"{count(total, 'clip')} ({parts}), {count(classes, 'gesture')}, "
        f"{count(settings.performers, 'performer')}"
    )
    return Plan(dataset, clips, texts, summary)


def plan_words(dataset: Dataset, settings: Settings) -> Plan:
    """Plans a data set in LedaSila's layout; nobody is in both data sets."""
    total, classes = settings.word_clips, settings.words
    signers = range(MOST_PERFORMERS, MOST_PERFORMERS + WORD_SIGNERS)
    dealt = deal(total, classes, signers)
    lengths = _lengths(
        [signer for _, signer in dealt],
        settings.seed,
        lambda share: 50 + 28 * share,
        (50, 78),
    )
    form = Format(288, 352, 25, "mp4v", 235)
    random = np.random.default_rng([settings.seed, 6])
    # Every clip is a dictionary entry of its own.
    entries = random.choice(90_000, (2, total), replace=False) + 10_000
    clips = {}
    for take, (label, signer) in enumerate(dealt):
        word, region = WORDS[label], REGIONS[signer % len(REGIONS)]
        variant = label % 2 == 1 and region in VARIANT_REGIONS
        video, entry = entries[:, take]
        name = f"{word}---{region}---vid-{video}---lsid-{entry}"
        letter = word.lstrip("_")[0].lower()
        clip = f"{letter}/{name}"
        clips[clip] = Clip(
            video=dataset.video / letter / f"{name}.mp4",
            gesture=MOST_GESTURES + 2 * label + variant,
            signer=signer,
            session=_session(settings.seed, signer, label, classes, 2),
            take=take,
            frames=lengths[take],
            seed=settings.seed,
            format=form,
        )
    summary = (
        f"{count(total, 'clip')}, {count(classes, 'word')}, "
        f"{count(WORD_SIGNERS, 'performer')}"
    )
    return Plan(dataset, clips, {dataset.signers: _signers(clips)}, summary)


def deal(
    clips: int, classes: int, performers: Sequence[int], takes: int = 1
) -> list[tuple[int, int]]:
    """Deals clips to classes in turn, and those of a class to performers.

    Args:
        clips: how many there are.
        classes: how many there are.
        performers: their numbers.
        takes: how often a performer does a gesture before the next one does.

    Returns:
        (class, performer) of each clip. Each class has as many clips as any
        other, give or take one.
    """
    return [
        (
            clip % classes,
            performers[
                (clip % classes + clip // classes // takes) % len(performers)
            ],
        )
        for clip in range(clips)
    ]


def _deal_splits(settings: Settings) -> list[tuple[str, int, int]]:
    """Split, gesture and performer of each clip, as shuffled as IsoGD's."""
    total, classes = settings.gesture_clips, settings.gestures
    valid = max(classes, round(0.24 * total))
    test = max(classes, round(0.1 * total))
    sizes = {"train": total - valid - test, "valid": valid, "test": test}
    random = np.random.default_rng([settings.seed, 5])
    dealt = []
    for split, performers in split_performers(settings.performers).items():
        # Two takes in a row where that leaves two performers a class: the
        # other take, in the same room, is what flatters a random split.
        takes = 2 if sizes[split] // classes >= 4 else 1
        pairs = deal(sizes[split], classes, performers, takes)
        dealt += [(split, *pairs[i]) for i in random.permutation(len(pairs))]
    return dealt


def _session(
    seed: int, signer: int, label: int, classes: int, sessions: int
) -> int:
    """In which of the recordings of a performer a gesture is.

    In front of one background a performer does only some of the gestures:
    8 to 15 where there are many, a third of them where there are few.
    """
    return _order(seed, signer, classes)[label] * sessions // classes


@functools.cache
def _order(seed: int, signer: int, classes: int) -> list[int]:
    """In which order a performer does the gestures; the place of each."""
    random = np.random.default_rng([seed, 7, signer])
    return random.permutation(classes).tolist()


def _lengths(
    signers: list[int],
    seed: int,
    quantile: Callable[[float], float],
    limits: tuple[int, int],
) -> list[int]:
    """How many frames each clip has.

    The lengths follow the distribution as closely as so many clips can; who
    signs slowly gets longer ones.

    Args:
        signers: the performer of each clip.
        seed: of the whole data.
        quantile: from a share of the clips, in (0, 1), to their length.
        limits: the shortest and the longest length.
    """
    random = np.random.default_rng([seed, 8])
    tempo = {who: people.person(seed, who).tempo for who in set(signers)}
    slow = [-np.log(tempo[who]) + random.normal(0, 0.3) for who in signers]
    rank = np.argsort(np.argsort(slow))
    shares = (rank + 0.5) / len(signers)
    return [
        int(np.clip(round(quantile(share)), *limits))
        for share in shares.tolist()
    ]


def _signers(clips: dict[str, Clip]) -> str:
    """Who is in which clip, which the layouts themselves do not say; CSV."""
    rows = [f"{clip},P{item.signer + 1:02}\n" for clip, item in clips.items()]
    return "clip,signer\n" + "".join(sorted(rows))
