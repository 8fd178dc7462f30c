"""What tests of evaluate.py judge, and how: data sets of ten signers each."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from store import folders, write_dataset

import evaluate
import train_lstm
from signs.core import arguments
from signs.data import clips_table
from signs.data.clips_table import Dataset

LABELS = ["null", "Maus & <b>Haus</b>", "drei"]
SPLITS = {"train": 4, "val": 2, "test": 4}  # signers of each
QUICK = (
    "--no-bidirectional --units 8 --layers 1 --lr 0.02 --batch 16 --epochs 6"
).split()


def split_by_signer(dataset: Dataset) -> None:
    """Gives each clip a signer, and each signer a split."""
    clips = clips_table.read_clips(dataset)
    people = [
        (f"{split}{number}", split)
        for split, size in SPLITS.items()
        for number in range(size)
    ]
    drawn = np.arange(len(clips)) // len(LABELS) % len(people)
    clips["signer"] = [people[number][0] for number in drawn]
    clips["split"] = [people[number][1] for number in drawn]
    clips_table.write_table(dataset.clips, clips)


def write_data(root: Path) -> None:
    """Two data sets, with files in the place of their videos."""
    for name in ("mine", "theirs"):
        dataset = write_dataset(root / "data", name, LABELS, clips=120)
        split_by_signer(dataset)
        for clip in clips_table.read_clips(dataset)["video"]:
            path = dataset.video / clip
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name} {clip}")


def run(root: Path, *args: str) -> int:
    return arguments.run(evaluate.main, [*args, *folders(root)])


def record_of(root: Path, what: str) -> dict:
    (path,) = (root / "log").glob(f"*-evaluation-{what}.json")
    return json.loads(path.read_text(encoding="utf-8"))


def train(root: Path, *args: str) -> tuple[str, pd.DataFrame]:
    """Trains; returns the run, and the list of clips that it knows."""
    command = [*args, *folders(root), "--quiet"]
    assert arguments.run(train_lstm.main, command) == 0
    path = sorted((root / "model").glob("*-lstm-*-clips.csv"))[-1]
    used = clips_table.read_csv(path)
    return path.name.removesuffix("-clips.csv"), used
