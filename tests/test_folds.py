"""Every clip is tested once a repeat, and no signer is on both sides."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from signs.core.errors import UserError
from signs.data import folds, splits

rows_of_clips = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["", *"12345678"])),
    min_size=12,
    max_size=40,
)


def make_clips(rows: list[tuple[str, str]]) -> pd.DataFrame:
    clips = pd.DataFrame(rows, columns=["label", "signer"], dtype=str)
    names = [f"clip.{number:03}" for number in range(len(rows))]
    return clips.assign(clip=names, content=names)


def even_clips(people: int = 6, labels: str = "ab") -> pd.DataFrame:
    """Two clips of each label by each signer."""
    return make_clips(
        [(x, str(y)) for _ in range(2) for x in labels for y in range(people)]
    )


@settings(max_examples=15)
@given(rows_of_clips, st.integers(2, 4), st.integers(0, 99))
@pytest.mark.parametrize("how", ["signer", "random"])
def test_folds_partition_the_clips(
    how: str, rows: list[tuple[str, str]], number: int, seed: int
) -> None:
    clips = make_clips(rows)
    known = clips[clips["signer"] != ""]
    assume(known["signer"].nunique() >= number)
    assume(known["label"].value_counts().max() >= number)
    columns = folds.make(clips, how, number, 2, seed)
    assert list(columns) == [f"{how}-1", f"{how}-2"]
    for _, column in columns.items():
        tested = []
        for fold in range(1, number + 1):
            train, test = folds.sides(column, fold)
            assert len(train) + len(test) == len(clips)
            assert len(test)
            found = splits.check_sides(clips.iloc[train], clips.iloc[test])
            assert not found["clips"] and not found["contents"]
            if how == "signer":
                assert not found["signers"]
            tested += test.tolist()
        expected = known.index if how == "signer" else clips.index
        assert sorted(tested) == expected.tolist()


def test_the_same_seed_gives_the_same_folds_and_repeats_differ() -> None:
    clips = even_clips(people=9)
    one, again = (folds.make(clips, "signer", 3, 3, 5) for _ in range(2))
    assert one.equals(again)
    assert len({folds.partition(column) for _, column in one.items()}) == 3
    later = folds.make(clips, "signer", 3, 1, 6)
    assert one["signer-2"].tolist() == later["signer-1"].tolist()


def test_duplicates_are_left_out(capsys) -> None:
    clips = even_clips()
    clips["content"] = clips["content"].replace("clip.003", "clip.000")
    column = folds.make(clips, "random", 2, 1, 0)["random-1"]
    assert column[3] == folds.LEFT_OUT
    train, test = folds.sides(column, 1)
    assert len(train) + len(test) == len(clips) - 1
    folds.warn_of_duplicates(clips)
    assert "clip.003" in capsys.readouterr().err


def test_too_many_folds_are_refused() -> None:
    with pytest.raises(UserError, match="--folds 6"):
        folds.make(even_clips(people=6), "signer", 7, 1, 0)
    with pytest.raises(UserError, match="--folds 12"):
        folds.make(even_clips(people=6), "random", 13, 1, 0)


def test_auto_takes_signers_where_they_are_known() -> None:
    clips = even_clips()
    assert folds.choose_way("auto", clips) == "signer"
    assert folds.choose_way("random", clips) == "random"
    unknown = clips.assign(signer="")
    assert folds.choose_way("auto", unknown) == "random"
    with pytest.raises(UserError, match="no two signers"):
        folds.choose_way("signer", unknown)


def test_what_is_wrong_with_folds_is_said(capsys) -> None:
    clips = even_clips(people=4)
    columns = folds.make(clips, "signer", 2, 1, 0)
    folds.check(clips, columns, "signer")
    assert capsys.readouterr().err == ""
    mixed = columns.copy()
    first = mixed.index == 0
    mixed["signer-1"] = mixed["signer-1"].where(~first, 3 - mixed["signer-1"])
    with pytest.raises(UserError, match="signers on both sides"):
        folds.check(clips, mixed, "signer")
    rare = clips.assign(label=["rare", *clips["label"][1:]])
    columns = folds.make(rare, "signer", 2, 2, 0)
    folds.check(rare, columns, "signer")
    assert "only trained or only tested" in capsys.readouterr().err


def test_repeats_that_are_none_are_named(capsys) -> None:
    clips = even_clips(people=2)
    folds.check(clips, folds.make(clips, "signer", 2, 3, 0), "signer")
    assert "only 1 have folds of their own" in capsys.readouterr().err


def test_folds_are_kept(tmp_path: Path) -> None:
    path, clips = tmp_path / "folds.csv", even_clips()
    arguments = (path, clips, ["signer"], 3)
    first = folds.keep(*arguments, 1, 0)
    text = path.read_text(encoding="utf-8")
    assert folds.keep(*arguments, 1, 0).equals(first)
    assert path.read_text(encoding="utf-8") == text
    more = folds.keep(path, clips, ["signer", "random"], 3, 2, 0)
    assert list(more) == ["signer-1", "signer-2", "random-1", "random-2"]
    assert more["signer-1"].equals(first["signer-1"])
    with pytest.raises(UserError, match="another number of folds"):
        folds.keep(path, clips, ["signer"], 2, 1, 0)
    with pytest.raises(UserError, match="other clips"):
        folds.keep(path, clips[1:].reset_index(), ["signer"], 3, 1, 0)


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(0, 9))
def test_fewer_clips_are_among_more(most: int, seed: int) -> None:
    labels = np.repeat([0, 1, 2], [8, 3, 5])
    rows = np.arange(1, len(labels))
    few, more = (
        folds.limit(rows, labels, number, (seed, 1)) for number in (most, 7)
    )
    assert set(few) <= set(more) <= set(rows)
    counts = np.bincount(labels[few], minlength=3)
    assert counts.tolist() == np.minimum([7, 3, 5], most).tolist()
