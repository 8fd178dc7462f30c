"""The study of other people and other gestures is complete and goes on."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from store import META, write_dataset

from signs.core import arguments, files
from signs.core.errors import UserError
from signs.data import clips_table
from signs.study import people
from studies import people_transfer

pytestmark = pytest.mark.slow  # many trainings
TABLE = """name,train,transfer
scratch,--recipe recommended --batch 16,
recommended,--recipe recommended,--recipe recommended
"""
ALL = ["scratch", "recommended", "class-mean-source", "class-mean-features"]
LABELS = ["a", "b", "c", "d"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 4 gestures of 6 people, and a finished study of them."""
    root = tmp_path_factory.mktemp("people")
    meta = {**META, "frames": 3, "length": 4}
    dataset = write_dataset(root / "data", "small", LABELS, 96, meta)
    clips = clips_table.read_clips(dataset)
    clips["signer"] = [f"P{number // 4 % 6}" for number in range(len(clips))]
    clips_table.write_table(dataset.clips, clips)
    (root / "recipes.csv").write_text(TABLE, encoding="utf-8")
    assert run(root) == 0
    return root


def run(root: Path, *more: str) -> int:
    return arguments.run(
        people_transfer.main,
        [
            *("small", "--data", str(root / "data"), "--out", str(root)),
            *("--models", str(root), "--table", str(root / "recipes.csv")),
            *("--also", "--units 4 --layers 1 --epochs 2"),
            *("--clips-a-class", "2", "--jobs", "1"),
            *more,
        ],
    )


def test_a_study_is_complete(finished: Path) -> None:
    trials = people.read_trials(finished / "small-transfer-trials.csv")
    places = trials.drop_duplicates(people.TRIAL)
    assert len(places) == 3 * len(ALL)
    # Everyone is judged once, on all their clips of two of the gestures.
    for _, one in trials.groupby(["clips_a_class", "recipe"]):
        assert sorted(one["signer"]) == [f"P{number}" for number in range(6)]
        assert (one["clips"] == 8).all()
    summary = pd.read_csv(finished / "small-transfer.csv")
    assert list(summary["recipe"]) == ALL
    assert (summary["clips"] == 48).all()
    assert summary["p_holm"].isna().sum() == 1  # the baseline
    sources = pd.read_csv(finished / "small-transfer-sources.csv")
    assert len(sources) == 3
    assert (finished / "small-transfer.png").stat().st_size


def test_what_is_finished_is_not_done_again(
    finished: Path, capsys: pytest.CaptureFixture
) -> None:
    path = finished / "small-transfer-trials.csv"
    before = path.read_text(encoding="utf-8")
    # A trial lost half of its people when the process was killed.
    path.write_text(
        before[: before.rstrip().rindex("\n") + 1], encoding="utf-8"
    )
    capsys.readouterr()
    assert run(finished) == 0
    printed = capsys.readouterr().out
    assert printed.count(" clips a class, split") == 1
    assert people.read_trials(path)["right"].notna().all()
    assert len(people.read_trials(path)) == before.count("\n") - 1


def test_other_recipes_are_another_study(
    finished: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run(finished, "--also", "--units 5 --layers 1 --epochs 2") == 2
    assert "other recipes" in capsys.readouterr().err


def test_nobody_and_nothing_is_on_two_sides(finished: Path) -> None:
    plan = files.read_json(finished / "small-transfer.json")
    judged = []
    for split in plan["splits"]:
        groups = [
            split[f"{who}_people"] for who in ("source", "training", "judged")
        ]
        assert sorted(sum(groups, [])) == [f"P{n}" for n in range(6)]
        gestures = split["source_gestures"] + split["target_gestures"]
        assert sorted(gestures) == LABELS
        judged += split["judged_people"]
    assert len(set(judged)) == len(judged) == 6


def test_too_few_people_are_refused() -> None:
    clips = pd.DataFrame({"signer": ["p", "q"] * 4, "label": [*"abcdabcd"]})
    with pytest.raises(UserError, match="signers.csv"):
        people.make_splits(clips, 0)


def test_differences_are_those_of_the_same_people() -> None:
    """One recipe is right in 2 of 4 clips of everyone, the other in 3."""
    signers = np.repeat([f"P{number}" for number in range(8)], 4)
    trials = pd.concat(
        [
            people.by_person(
                signers,
                np.tile(np.arange(4) < right, 8),
                clips_a_class=1,
                split=1,
                seed=0,
                recipe=recipe,
            )
            for recipe, right in (("old", 2), ("new", 3))
        ]
    )
    summary = people.summarise(trials, ["old", "new"]).set_index("recipe")
    assert summary.loc["old", "accuracy"] == 0.5
    assert summary.loc["new", "accuracy"] == 0.75
    assert summary.loc["new", "difference"] == pytest.approx(0.25)
    assert summary.loc["new", "p_holm"] == pytest.approx(2 / 2**8)
