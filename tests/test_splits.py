"""Nobody is on both sides, and the same seed gives the same split."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signs.core.errors import UserError
from signs.data import clips_table, splits


def make_clips(
    labels: list[str],
    signers: list[str] | None = None,
    given_splits: list[str] | None = None,
) -> pd.DataFrame:
    names = [f"clip.{number:03}" for number in range(len(labels))]
    empty = [""] * len(labels)
    columns = [
        names,
        [f"{name}.mp4" for name in names],
        labels,
        signers or empty,
        given_splits or empty,
    ]
    values = dict(zip(clips_table.COLUMNS, columns, strict=True))
    return pd.DataFrame(values, dtype=str)


def split_of(clips: pd.DataFrame, **options) -> dict[str, str]:
    assigned, _ = splits.assign(clips, **options)
    return dict(zip(assigned["clip"], assigned["split"], strict=True))


some_labels = st.lists(st.sampled_from(["a", "b", "null", "NA"]), min_size=1)
seeds = st.integers(0, 2**32 - 1)


@given(some_labels, seeds, st.floats(0.01, 0.99))
def test_random_is_stratified(labels: list[str], seed: int, val: float) -> None:
    clips, how = splits.assign(make_clips(labels), "auto", val, seed)
    assert how == "random"
    for _, members in clips.groupby("label"):
        size = int((members["split"] == "val").sum())
        assert set(members["split"]) <= {"train", "val"}
        if len(members) == 1:
            assert size == 0
        else:
            assert 1 <= size < len(members)
            assert abs(size - val * len(members)) <= 1


@settings(max_examples=15)
@given(some_labels, seeds, st.randoms(use_true_random=False))
@pytest.mark.parametrize("how", ["random", "signer"])
def test_the_order_of_the_clips_does_not_matter(
    how: str, labels: list[str], seed: int, random
) -> None:
    signers = [f"s{number % 5}" for number in range(len(labels) + 10)]
    clips = make_clips(labels + ["a"] * 10, signers)
    order = list(range(len(clips)))
    random.shuffle(order)
    shuffled = clips.iloc[order].reset_index(drop=True)
    options = {"how": how, "seed": seed}
    assert split_of(clips, **options) == split_of(shuffled, **options)


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("12345678")),
        min_size=2,
    ).filter(lambda rows: len({signer for _, signer in rows}) > 1),
    seeds,
    st.floats(0.01, 0.99),
)
def test_no_signer_is_on_both_sides(rows, seed: int, val: float) -> None:
    labels, signers = map(list, zip(*rows, strict=True))
    clips, how = splits.assign(make_clips(labels, signers), "auto", val, seed)
    assert how == "signer"
    assert set(clips["split"]) == {"train", "val"}
    assert splits.signers_on_both_sides(clips) == []


def test_seeds_matter_and_zero_is_one() -> None:
    clips = make_clips(["a", "b"] * 50)
    assert split_of(clips, seed=0) == split_of(clips, seed=0)
    assert split_of(clips, seed=0) == split_of(clips)
    assert split_of(clips, seed=0) != split_of(clips, seed=1)


def test_signers_are_chosen_so_that_classes_are_on_both_sides() -> None:
    # Every class is done by two of eight signers; four signers cover all.
    rows = [
        (label, signer)
        for label, pair in zip("abcd", ["01", "23", "45", "67"], strict=True)
        for signer in pair
        for _ in range(5)
    ]
    labels, signers = map(list, zip(*rows, strict=True))
    clips, _ = splits.assign(make_clips(labels, signers), "signer", 0.5)
    assert set(clips["label"][clips["split"] == "val"]) == set("abcd")
    assert set(clips["label"][clips["split"] == "train"]) == set("abcd")


@pytest.mark.parametrize("seed", range(5))
def test_the_share_is_kept_though_signers_differ(seed: int) -> None:
    signers = ["big"] * 300 + [f"s{n % 20}" for n in range(200)]
    labels = [f"{n % 10}" for n in range(500)]
    clips, _ = splits.assign(make_clips(labels, signers), "auto", 0.2, seed)
    share = (clips["split"] == "val").mean()
    assert 0.03 < share < 0.25
    assert set(clips["split"][clips["signer"] == "big"]) == {"train"}


def test_clips_of_unknown_signers_are_trained_on(capsys) -> None:
    signers = ["1", "2", "3"] * 4 + ["", ""]
    clips, how = splits.assign(make_clips(["a", "b"] * 7, signers))
    assert how == "signer"
    assert set(clips["split"][clips["signer"] == ""]) == {"train"}
    assert "2 clips of unknown signers are" in capsys.readouterr().err


def test_auto_needs_most_signers() -> None:
    few = make_clips(["a"] * 9, ["1", "2"] + [""] * 7)
    one = make_clips(["a"] * 9, ["1"] * 9)
    assert splits.assign(few)[1] == splits.assign(one)[1] == "random"
    assert splits.assign(few, "signer")[1] == "signer"


OFFICIAL = make_clips(
    ["a", "b"] * 12,
    [str(number // 2 % 6) for number in range(24)],
    ["train"] * 16 + ["val"] * 4 + ["test"] * 4,
)


@pytest.mark.parametrize("how", ["auto", "official"])
def test_official_lists_are_kept(how: str) -> None:
    clips, used = splits.assign(OFFICIAL, how)
    assert used == "official"
    pd.testing.assert_frame_equal(clips, OFFICIAL)


@pytest.mark.parametrize("how", ["random", "signer"])
def test_only_the_official_training_part_is_divided(how: str, capsys) -> None:
    clips, used = splits.assign(OFFICIAL, how)
    assert used == how
    assert set(clips["split"][:16]) == {"train", "val"}
    assert set(clips["split"][16:20]) == {""}
    assert set(clips["split"][20:]) == {"test"}
    assert "4 official validation clips are left" in capsys.readouterr().out


@pytest.mark.parametrize("signers_known", [True, False])
def test_validation_clips_are_taken_where_none_has_a_label(
    signers_known: bool, capsys
) -> None:
    clips = OFFICIAL.copy()
    clips.loc[clips["split"] == "val", "label"] = ""
    clips.loc[23, "label"] = ""
    if not signers_known:
        clips["signer"] = ""
    clips, used = splits.assign(clips)
    assert used == ("signer" if signers_known else "random")
    assert set(clips["split"][:16]) == {"train", "val"}
    assert set(clips["split"][16:20]) == {""}
    assert set(clips["split"][20:]) == {"test"}
    assert "no official validation clip" in capsys.readouterr().err


def test_the_write_up_split() -> None:
    sizes = np.random.default_rng(0).multinomial(35_878, [1 / 249] * 249)
    labels = [str(n + 1) for n, size in enumerate(sizes) for _ in range(size)]
    clips = make_clips(
        labels + ["1"] * 9, None, ["train"] * 35_878 + ["val"] * 9
    )
    sizes_of = splits.assign(clips, "random")[0]["split"].value_counts()
    assert sizes_of["train"] + sizes_of["val"] == 35_878
    assert abs(sizes_of["val"] - 7_173) < 60


def test_no_share_no_validation() -> None:
    for signers in (None, ["1", "2"] * 4):
        clips, _ = splits.assign(make_clips(["a"] * 8, signers), val=0)
        assert set(clips["split"]) == {"train"}


def test_clips_without_a_label_are_in_neither() -> None:
    clips, _ = splits.assign(make_clips(["", "a", "a", ""]), "random", 0.5)
    assert list(clips["split"] == "") == [True, False, False, True]
    nothing, _ = splits.assign(make_clips(["", ""]))
    assert list(nothing["split"]) == ["", ""]


def test_what_cannot_be_had_is_refused() -> None:
    clips = make_clips(["a"] * 4, ["1"] * 4)
    with pytest.raises(UserError, match="there is no official split"):
        splits.assign(clips, "official")
    with pytest.raises(UserError, match="no two signers are known"):
        splits.assign(clips, "signer")


def test_classes_and_signers_that_spoil_a_split(capsys) -> None:
    labels = [f"{number}" for number in range(1, 8)] + ["8", "8", ""]
    clips = make_clips(
        labels, ["1"] * 8 + ["1", ""], ["train"] * 7 + ["val", "test", ""]
    )
    splits.warn_of_classes(clips)
    error = capsys.readouterr().err
    assert "1 class has no training clip: 8\n" in error
    assert (
        "7 classes have no validation clip: 1, 2, 3, 4, 5 and 2 more" in error
    )
    splits.warn_of_signers(clips, "official")
    assert "1 signer is in more than one split: 1;" in capsys.readouterr().err
    splits.warn_of_signers(clips, "random")
    assert capsys.readouterr().err == ""


def test_every_way_has_a_meaning() -> None:
    assert splits.WAYS == ("auto", *splits.MEANING)


def test_identical_files_are_found(tmp_path) -> None:
    contents = {
        "a": b"x" * 9000,
        "b": b"y" + b"x" * 8999,  # as long, and ends alike
        "c": b"x" * 9000,
        "d": b"x" * 9001,
        "e": b"",
        "f": b"",
        "g": b"x" * 8999 + b"y",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    paths = [tmp_path / name for name in [*contents, "missing"]]
    found = splits.identical_files(paths)
    names = {tuple(path.name for path in group) for group in found}
    assert names == {("a", "c"), ("e", "f")}


@settings(max_examples=20)
@given(st.lists(st.binary(max_size=2), min_size=1, max_size=12))
def test_identical_files_are_those_of_the_same_bytes(
    tmp_path_factory, contents: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("files")
    paths = [folder / str(number) for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    found = splits.identical_files(paths)
    assert sorted(len(group) for group in found) == sorted(
        contents.count(x) for x in set(contents) if contents.count(x) > 1
    )
    for group in found:
        assert len({path.read_bytes() for path in group}) == 1


def test_duplicates_in_two_splits_are_named(tmp_path, capsys) -> None:
    clips = make_clips(["a"] * 4, given_splits=["train", "train", "val", ""])
    for video, content in zip(clips["video"], b"xyxx", strict=True):
        (tmp_path / video).write_bytes(bytes([content]))
    splits.warn_of_duplicates(clips, tmp_path)
    warning = capsys.readouterr().err
    assert "clip.000.mp4 and clip.002.mp4" in warning
    assert "1 video is in more than one split" in warning
    splits.warn_of_duplicates(clips.assign(split="train"), tmp_path)
    assert capsys.readouterr().err == ""


def test_sections_of_one_video_are_no_twins(tmp_path, capsys) -> None:
    clips = make_clips(["a", "a"], given_splits=["train", "val"])
    clips["video"] = "long.mp4"
    (tmp_path / "long.mp4").write_bytes(b"x")
    splits.warn_of_duplicates(clips, tmp_path)
    assert capsys.readouterr().err == ""


def test_what_two_sides_share_or_lack_is_found() -> None:
    clips = make_clips(["a", "a", "b"], ["1", "2", "1"])
    found = splits.check_sides(clips[:2], clips[2:])
    assert found == {
        "clips": set(),
        "contents": set(),
        "signers": {"1"},
        "classes": {"a", "b"},
    }
    same = clips.assign(content="x", signer="", label="a")
    found = splits.check_sides(same[:2], same[1:])
    assert found["clips"] == {"clip.001"}
    assert found["contents"] == {"x"}
    assert found["signers"] == found["classes"] == set()
