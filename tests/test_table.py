"""The tables say the same on every machine, and refuse what cannot be."""

import unicodedata
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signs.core.errors import UserError
from signs.data import clips_table
from signs.data.clips_table import Dataset
from signs.data.signers import add_signers

ODD_LABELS = ["null", "NA", "nan", "None", "Straße", "a,b", 'say "ja"', "0"]
texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=9
)


def clips_of(labels: list[str]) -> pd.DataFrame:
    rows = [
        [f"clip.{n}", f"clip.{n}.mp4", label, "", "train"]
        for n, label in enumerate(labels)
    ]
    return pd.DataFrame(rows, columns=clips_table.COLUMNS, dtype=str)


def dataset_with(tmp_path: Path, clips: pd.DataFrame) -> Dataset:
    dataset = Dataset(tmp_path / "mine")
    clips_table.write_table(dataset.clips, clips)
    clips_table.write_table(dataset.classes, clips_table.classes_of(clips))
    return dataset


def test_words_that_look_like_missing_values(tmp_path: Path) -> None:
    dataset = dataset_with(tmp_path, clips_of(ODD_LABELS))
    assert list(clips_table.read_clips(dataset)["label"]) == ODD_LABELS
    classes = clips_table.read_classes(dataset)
    assert list(classes["label"]) == sorted(ODD_LABELS)
    assert list(classes["name"]) == sorted(ODD_LABELS)
    assert list(classes["index"]) == list(range(len(ODD_LABELS)))


@given(st.lists(texts, min_size=1))
def test_any_text_survives(tmp_path_factory, labels: list[str]) -> None:
    clips = clips_of(labels)
    dataset = dataset_with(tmp_path_factory.mktemp("t"), clips)
    pd.testing.assert_frame_equal(clips_table.read_clips(dataset), clips)


def test_what_a_spreadsheet_saves_can_be_read(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path)
    dataset.clips.write_bytes(
        "\ufeffclip,video,label,signer,split\r\n"
        "a,a.mp4,Tür,,train\r\nb,b.mp4,NA,,val\r\n".encode()
    )
    assert list(clips_table.read_clips(dataset)["label"]) == ["Tür", "NA"]


def test_tables_are_the_same_bytes_everywhere(tmp_path: Path) -> None:
    clips_table.write_table(tmp_path / "clips.csv", clips_of(["Tür"]))
    expected = "clip,video,label,signer,split\nclip.0,clip.0.mp4,Tür,,train\n"
    assert (tmp_path / "clips.csv").read_bytes() == expected.encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"path,label\na,b,c\n", "a row has more cells"),
        (b"path,label\na,b\nc,d,e\n", "cannot be read"),
        ("path,label\na,Tür\n".encode("latin-1"), "save it as CSV in UTF-8"),
    ],
)
def test_broken_csv(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"list.csv.* {message}"):
        clips_table.read_csv(path)


HEAD = "clip,video,label,signer,split\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("clip,video,label,split\na,a.mp4,b,train\n", "the column signer is"),
        (HEAD, "it lists no clip"),
        (HEAD + "a,a.mp4,b,,train\na,b.mp4,b,,val\n", "clip 'a' is listed twi"),
        (HEAD + "a,a.mp4,b,,dev\n", "the split 'dev' is none of train, val"),
        (HEAD + "../a,a.mp4,b,,val\n", "the clip '../a' is not a path inside"),
        (HEAD + "/a,a.mp4,b,,val\n", "the clip '/a' is not a path inside"),
        (HEAD + "a,../a.mp4,b,,val\n", "the video '../a.mp4' is not inside"),
        (
            HEAD.replace("\n", ",start,end\n") + "a,a.mp4,b,,val,1,soon\n",
            "the end 'soon' is not a number of seconds",
        ),
    ],
)
def test_impossible_clips(tmp_path: Path, content: str, message: str) -> None:
    dataset = Dataset(tmp_path / "mine")
    dataset.root.mkdir()
    dataset.clips.write_text(content)
    with pytest.raises(UserError, match=message) as error:
        clips_table.read_clips(dataset)
    assert "python frame.py mine --overwrite" in str(error.value)


def test_missing_tables_name_the_step(tmp_path: Path) -> None:
    for read in (clips_table.read_clips, clips_table.read_classes):
        with pytest.raises(UserError, match=r"is missing; .*frame.py mine"):
            read(Dataset(tmp_path / "mine"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("index,label\n0,a\n", "it must have index,label,name"),
        ("index,label,name\nx,a,a\n", "an index is no number"),
        ("index,label,name\n1,a,a\n", "the indices are not 0, 1, 2"),
        ("index,label,name\n0,a,a\n1,a,b\n", "a label is listed twice"),
    ],
)
def test_impossible_classes(tmp_path: Path, content: str, message: str) -> None:
    dataset = Dataset(tmp_path)
    dataset.classes.write_text(content)
    with pytest.raises(UserError, match=message):
        clips_table.read_classes(dataset)


def test_classes_go_by_index_whatever_the_order_of_rows(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path)
    dataset.classes.write_text("index,label,name\n2,c,C\n0,b,B\n1,a,A\n")
    assert list(clips_table.read_classes(dataset)["label"]) == ["b", "a", "c"]


@given(st.permutations(["b", "B", "ä", "10", "9", "null", ""] * 2))
def test_class_order_is_that_of_the_set(labels: list[str]) -> None:
    order = clips_table.class_order(pd.Series(labels))
    assert order == ["10", "9", "B", "b", "null", "ä"]


@given(st.lists(st.integers(1, 999), min_size=1))
def test_numbers_are_ordered_as_numbers(numbers: list[int]) -> None:
    order = clips_table.class_order(pd.Series([str(n) for n in numbers]))
    assert [int(label) for label in order] == sorted(set(numbers))


def test_isogd_labels_from_one_become_indices_from_zero() -> None:
    labels = [str(number) for number in range(249, 0, -1)]
    classes = clips_table.classes_of(clips_of(["", *labels]))
    assert list(classes["index"]) == list(range(249))
    assert list(classes["label"]) == [str(n) for n in range(1, 250)]


@pytest.mark.parametrize("path", ["a", "a/b.c/d", "a..b", "...", "ä ö/ü"])
def test_paths_inside(path: str) -> None:
    assert clips_table.is_inside(path)


@pytest.mark.parametrize(
    "path", ["", "/a", "a//b", "a/", "..", "a/../b", "./a", "a\\b", "C:/a"]
)
def test_paths_that_lead_outside(path: str) -> None:
    assert not clips_table.is_inside(path)


@given(st.binary(max_size=12))
def test_any_name_on_disk_can_stand_in_the_table(name: bytes) -> None:
    path = name.replace(b"\\", b"").decode("utf-8", "surrogateescape")
    cell = clips_table.as_cell(path)
    cell.encode("utf-8")
    assert clips_table.on_disk(cell) == path


def test_labels_have_one_form() -> None:
    composed = "Tür"
    assert (
        clips_table.normal(unicodedata.normalize("NFD", composed)) == composed
    )
    assert clips_table.normal(f" {composed}\t") == composed
    old = composed.encode("latin-1").decode("utf-8", "surrogateescape")
    assert clips_table.normal(old) == composed


def test_signers_are_filled_in(tmp_path: Path, capsys) -> None:
    path = tmp_path / "signers.csv"
    name = unicodedata.normalize("NFD", "clip.1")
    path.write_text(f"clip,signer\n{name},Anna\nclip.2,\ngone,Ben\n")
    clips = clips_of(["a", "b", "c"]).assign(signer=["x", "y", "z"])
    filled = add_signers(clips, path)
    assert list(filled["signer"]) == ["x", "Anna", "z"]
    assert "lists 1 clip that is not there, such as gone" in (
        capsys.readouterr().err
    )
    assert add_signers(clips, tmp_path / "none.csv") is clips


def test_signers_may_be_named_by_video(tmp_path: Path, capsys) -> None:
    path = tmp_path / "signers.csv"
    text = "File;Person\r\nclip.0.mp4;Anna\r\nsub\\long.mp4;Ben\r\n"
    path.write_bytes(f"{text}sub/long@2-3;Cleo\r\n".encode("utf-16"))
    clips = clips_of(["a", "b", "c", "d"])
    clips["clip"] = ["clip.0", "sub/long@0-1", "sub/long@1-2", "sub/long@2-3"]
    clips["video"] = ["clip.0.mp4"] + ["sub/long.mp4"] * 3
    filled = add_signers(clips, path)
    assert list(filled["signer"]) == ["Anna", "Ben", "Ben", "Cleo"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-16"),
        lambda text: text.replace(",", ";").encode("utf-8-sig"),
        lambda text: text.replace(",", "\t").encode(),
        lambda text: b"sep=,\r\n" + text.encode(),
    ],
)
def test_a_table_saved_by_a_spreadsheet(tmp_path: Path, encode) -> None:
    dataset = Dataset(tmp_path)
    dataset.clips.write_bytes(encode(HEAD + "a,a.mp4,null,Ä,train\n"))
    clips = clips_table.read_clips(dataset)
    assert list(clips.iloc[0]) == ["a", "a.mp4", "null", "Ä", "train"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("clip,who\na,b\n", "must have the columns clip,signer"),
        ("clip,signer\na,b\na,c\n", "lists the clip 'a' twice"),
    ],
)
def test_wrong_signers(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "signers.csv"
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        add_signers(clips_of(["a"]), path)


def test_the_largest_classes_are_kept() -> None:
    clips = clips_of(["c"] * 3 + ["a"] * 2 + ["b"] * 2 + ["d", ""])

    def kept(min_clips: int, classes: int | None = None) -> list[str]:
        return sorted(
            set(clips_table.keep_classes(clips, min_clips, classes).label)
        )

    assert kept(1) == ["", "a", "b", "c", "d"]
    assert kept(2) == ["a", "b", "c"]
    assert kept(1, 2) == ["a", "c"]
    assert kept(3, 2) == ["c"]
    with pytest.raises(UserError, match="no class has 4 clips; .* has 3"):
        kept(4)
