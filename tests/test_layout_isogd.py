"""IsoGD as it is published, and as people keep it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from listings import rows, touch

from signs.core.errors import UserError
from signs.data import clips_table
from signs.data.layouts import isogd
from signs.data.layouts.detect import read_layout

# --- IsoGD ------------------------------------------------------------------

TRAIN = [f"train/001/M_0000{number}.avi" for number in (1, 2, 3)]
VALID = ["valid/001/M_00001.avi"]
TEST = ["test/001/M_00001.avi", "test/001/M_00002.avi"]


@pytest.fixture
def phases(tmp_path: Path) -> Path:
    """The videos of IsoGD, RGB and depth, in the folders they come in."""
    for path in TRAIN + VALID:
        touch(tmp_path, f"IsoGD_phase_1/{path}")
        touch(tmp_path, f"IsoGD_phase_1/{path.replace('M_', 'K_')}")
    for path in TEST:
        touch(tmp_path, f"IsoGD_phase_2/{path}")
    return tmp_path


def three(paths: list[str], first: int = 1) -> str:
    """A list in three columns; the labels count up from `first`."""
    return "".join(
        f"{path} {path.replace('M_', 'K_')} {label}\n"
        for label, path in enumerate(paths, start=first)
    )


def two(paths: list[str]) -> str:
    return "".join(f"{path} {path.replace('M_', 'K_')}\n" for path in paths)


def zero(paths: list[str]) -> str:
    return two(paths).replace("\n", " 0\n")


def test_isogd_as_published(phases: Path) -> None:
    (phases / "IsoGD_phase_1/train_list.txt").write_text(three(TRAIN))
    (phases / "IsoGD_phase_1/valid_list.txt").write_text(three(VALID, 249))
    (phases / "IsoGD_phase_2/test_list.txt").write_text(three(TEST, 9))
    clips, layout, folder = read_layout(phases)
    assert layout == "isogd" and len(folder.videos) == 10
    assert list(clips.columns) == clips_table.COLUMNS
    assert rows(clips, "clip", "video", "label", "split") == [
        (f"{phase}/{path[:-4]}", f"{phase}/{path}", label, split)
        for phase, path, label, split in [
            ("IsoGD_phase_1", TRAIN[0], "1", "train"),
            ("IsoGD_phase_1", TRAIN[1], "2", "train"),
            ("IsoGD_phase_1", TRAIN[2], "3", "train"),
            ("IsoGD_phase_1", VALID[0], "249", "val"),
            ("IsoGD_phase_2", TEST[0], "9", "test"),
            ("IsoGD_phase_2", TEST[1], "10", "test"),
        ]
    ]
    assert (
        list(clips_table.classes_of(clips)["label"]) == "1 2 3 9 10 249".split()
    )


@pytest.mark.parametrize("place", ["", "IsoGD_phase_1/", "lists/of 2017/"])
@pytest.mark.parametrize(
    "names",
    [
        ("train_list.txt", "valid_list.txt", "test_list.txt"),
        ("train.txt", "valid.txt", "test.txt"),
        ("train_list.txt", "val.txt", "test.txt"),
        ("Train_List.txt", "val_list.txt", "TEST.TXT"),
    ],
)
def test_isogd_lists_by_any_name_in_any_place(
    phases: Path, names: tuple[str, str, str], place: str
) -> None:
    for name, paths in zip(names, (TRAIN, VALID, TEST), strict=True):
        touch(phases, place + name)
        (phases / place / name).write_text(three(paths))
    clips, layout, _ = read_layout(phases)
    assert layout == "isogd"
    splits = ["train"] * 3 + ["val"] + ["test"] * 2
    assert list(clips["split"]) == splits
    assert list(clips["label"]) == ["1", "2", "3", "1", "1", "2"]


@pytest.mark.parametrize("form", [two, zero])
def test_isogd_without_labels(phases: Path, form, capsys) -> None:
    (phases / "train.txt").write_text(three(TRAIN))
    (phases / "valid.txt").write_text(form(VALID))
    clips, _, _ = read_layout(phases)
    assert list(clips["label"]) == ["1", "2", "3", ""]
    assert "the validation list has no labels" in capsys.readouterr().err


@pytest.mark.parametrize("form", [two, zero])
@pytest.mark.parametrize("labelled", ["valid.txt", "valid_list.txt"])
def test_isogd_takes_the_copy_that_has_labels(
    phases: Path, form, labelled: str, capsys
) -> None:
    (phases / "train.txt").write_text(three(TRAIN))
    for name in ("valid.txt", "valid_list.txt"):
        text = three(VALID, 7) if name == labelled else form(VALID)
        (phases / name).write_text(text)
    clips, _, _ = read_layout(phases)
    assert list(clips["label"]) == ["1", "2", "3", "7"]
    assert capsys.readouterr().err == ""


def test_isogd_lists_with_odd_line_ends(phases: Path) -> None:
    text = three(TRAIN).replace(" ", "\t").replace("\n", " \r\n\r\n")
    text = text.replace("train/002", "train\\002").replace(" 3", " 003")
    (phases / "train.txt").write_bytes(f"\ufeff{text}".encode())
    clips, _, _ = read_layout(phases)
    assert rows(clips, "video", "label") == [
        (f"IsoGD_phase_1/{path}", str(label))
        for label, path in enumerate(TRAIN, start=1)
    ]


def test_isogd_from_inside_one_phase(phases: Path) -> None:
    (phases / "IsoGD_phase_1/train.txt").write_text(three(TRAIN))
    clips, _, _ = read_layout(phases / "IsoGD_phase_1")
    assert list(clips["video"]) == TRAIN


def test_isogd_takes_the_colour_video_in_any_column(phases: Path) -> None:
    path = TRAIN[0]
    (phases / "train.txt").write_text(
        f"{path.replace('M_', 'K_')} {path} 5\n{TRAIN[1]} 6\n"
    )
    clips, _, _ = read_layout(phases)
    assert rows(clips, "video", "label") == [
        (f"IsoGD_phase_1/{TRAIN[0]}", "5"),
        (f"IsoGD_phase_1/{TRAIN[1]}", "6"),
    ]


def test_isogd_keeps_a_listed_clip_that_is_missing(phases: Path) -> None:
    (phases / "IsoGD_phase_1" / TRAIN[0]).unlink()
    (phases / "train.txt").write_text(three(TRAIN))
    clips, _, _ = read_layout(phases)
    assert list(clips["video"]) == [f"IsoGD_phase_1/{path}" for path in TRAIN]


def test_isogd_leaves_out_an_archive_that_was_not_unpacked(
    phases: Path, capsys
) -> None:
    (phases / "train.txt").write_text(three(TRAIN))
    (phases / "test.txt").write_text(three(["test/031/M_1.avi"]))
    clips, _, _ = read_layout(phases)
    assert list(clips["split"]) == ["train"] * 3
    assert "test.txt is left out: none of its 1 video" in (
        capsys.readouterr().err
    )
    (phases / "train.txt").write_text(three(["train/031/M_1.avi"]))
    with pytest.raises(UserError, match="not one video of the lists"):
        read_layout(phases)


@pytest.mark.parametrize(
    "line",
    [
        "train/001/M_00002.avi train/001/K_00002.avi 2 3",
        "train/001/M_00002.avi train/001/K_00002.avi two",
        "train/001/M_00002.avi train/001/K_00002.avi -1",
        "../train/001/M_00002.avi train/001/K_00002.avi 1",
        "26 train/001/M_00002.avi train/001/K_00002.avi",
        "train/001/M_00002.avi,train/001/K_00002.avi,1",
    ],
)
def test_isogd_names_a_line_that_is_wrong(phases: Path, line: str) -> None:
    (phases / "train.txt").write_text(f"{three(TRAIN[:1])}\n{line}\n")
    with pytest.raises(UserError, match=r"train.txt, line 3: "):
        read_layout(phases)


def test_isogd_refuses_a_clip_that_is_listed_twice(phases: Path) -> None:
    (phases / "train.txt").write_text(three(TRAIN))
    (phases / "valid.txt").write_text(three([*VALID, TRAIN[1]]))
    with pytest.raises(
        UserError, match="valid.txt, line 2: .*train.txt, line 2"
    ):
        read_layout(phases)


def test_isogd_needs_its_lists(phases: Path) -> None:
    with pytest.raises(UserError, match="IsoGD but not its lists"):
        read_layout(phases)
    with pytest.raises(UserError, match="has no list of IsoGD"):
        read_layout(phases, "isogd")
    assert read_layout(phases, "folder")[1] == "folder"


def test_isogd_lists_that_are_no_text(phases: Path) -> None:
    (phases / "train.txt").write_bytes(three(TRAIN).encode("utf-16"))
    with pytest.raises(UserError, match="train.txt is not UTF-8"):
        read_layout(phases, "isogd")


@given(st.text(max_size=60))
def test_isogd_never_takes_nonsense_for_a_line(line: str) -> None:
    parsed = isogd._parse(line.split())
    assert parsed is None or parsed[1] == "" or int(parsed[1]) > 0
