"""A study of two recipes on made-up features, small enough to be done."""

from pathlib import Path

from store import META, folders, write_dataset

import study as script
from signs.data import clips_table
from signs.data.clips_table import Dataset
from signs.study import plan

SHAPE = {"frames": 2, "length": 4}
META_HERE = {**META, **SHAPE}
TABLE = """name,train,transfer,note
scratch,--recipe writeup --layers 1 --lr 0.05,,from nothing
moved,--layers 1 --lr 0.05 --input standardized,--lr 0.02,"tuned, all of it"
"""
COMMON = [
    *("small", "--source", "large", "--folds", "2", "--repeats", "1"),
    *("--also", "--units 4 --batch 8 --epochs 6"),
]


def write_data(root: Path) -> Dataset:
    """A source of 3 classes, and a target of 2 with 4 signers."""
    write_dataset(root / "data", "large", ["x", "y", "z"], 30, META_HERE)
    small = write_dataset(root / "data", "small", ["a", "b"], 16, META_HERE)
    clips = clips_table.read_clips(small)
    clips["signer"] = [f"P{number // 2 % 4}" for number in range(len(clips))]
    clips_table.write_table(small.clips, clips)
    (root / "recipes.csv").write_text(TABLE, encoding="utf-8")
    return small


def argv(root: Path, *more: str) -> list[str]:
    path = str(root / "recipes.csv")
    return [*COMMON, "--table", path, *folders(root), *more]


def settings_of(root: Path, *more: str) -> plan.StudySettings:
    args = script.parse_arguments(argv(root, *more))
    return script.settings_of(args, str(META["cnn"]))
