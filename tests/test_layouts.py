"""Each layout that people have becomes the same kind of table."""

import os
import sys
import unicodedata
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signs.core.errors import UserError
from signs.data import clips_table
from signs.data.layouts import isogd
from signs.data.layouts import ledasila as ledasila_layout
from signs.data.layouts.detect import read_layout, readable
from signs.data.scan import expand, find_files


def touch(root: Path, *paths: str) -> Path:
    """Makes empty files; what is in them does not matter for a layout."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def rows(clips: pd.DataFrame, *columns: str) -> list[tuple[str, ...]]:
    return list(clips[list(columns)].itertuples(index=False, name=None))


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


# --- LedaSila ---------------------------------------------------------------


def ledasila(word: str, region: str = "k", number: int = 1) -> str:
    tail = f"{region}---vid-{number}---lsid-{number + 9}.mp4"
    return f"{word[:1].lower() or 'x'}/{word}---{tail}"


def test_ledasila_oddities(tmp_path: Path) -> None:
    words = {
        "Banane": "Banane",
        "null": "null",
        "schw_aermen": "schwärmen",
        "Rote__R_uebe": "Rote Rübe",
        "Schildkr_oete": "Schildkröte",
        "_Oesterreich": "Österreich",
        "_oeffnen": "öffnen",
        "auf___aendern": "auf ändern",
        "zehn__Millionen___KK10_PP000": "zehn Millionen _KK10_PP000",
        "E-Mail": "E-Mail",
        "vor-": "vor-",
        "Feuer": "Feuer",
        "so..was": "so..was",
    }
    regions = ["k", "t-ooe", "w-v-k-ogs", "K\ufffdrnten", "KÃ¤rnten", "noe-w"]
    for number, word in enumerate(words):
        region = regions[number % len(regions)]
        touch(tmp_path, ledasila(word, region, number))
    clips, layout, _ = read_layout(tmp_path)
    assert layout == "ledasila"
    assert sorted(clips["label"]) == sorted(words)
    assert {x: readable(x, layout) for x in clips["label"]} == words
    assert set(clips["signer"]) == {""}
    for clip in clips.to_dict("records"):
        assert clip["video"] == clip["clip"] + ".mp4"
        assert (tmp_path / clip["video"]).is_file()


def test_ledasila_words_have_one_unicode_form(tmp_path: Path) -> None:
    composed, decomposed = "Tür", unicodedata.normalize("NFD", "Tür")
    touch(tmp_path, ledasila(composed, number=1))
    touch(tmp_path, ledasila(decomposed, number=2))
    clips, _, _ = read_layout(tmp_path)
    assert set(clips["label"]) == {"Tür"}
    assert clips["clip"].is_unique
    assert all((tmp_path / video).is_file() for video in clips["video"])


@pytest.mark.skipif(
    sys.platform != "linux", reason="the file system takes only valid text"
)
def test_names_that_are_no_text(tmp_path: Path) -> None:
    name = ledasila("Haus", "KÄrnten").encode("latin-1")
    (tmp_path / "h").mkdir()
    Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).touch()
    clips, layout, _ = read_layout(tmp_path)
    assert layout == "ledasila" and list(clips["label"]) == ["Haus"]
    assert clips["clip"][0] == ledasila("Haus", "KÄrnten")[:-4]
    clips_table.write_table(tmp_path / "clips.csv", clips)
    again = clips_table.read_csv(tmp_path / "clips.csv")
    assert (tmp_path / clips_table.on_disk(again["video"][0])).is_file()


def test_ledasila_leaves_out_what_is_named_otherwise(
    tmp_path: Path, capsys
) -> None:
    touch(tmp_path, ledasila("Haus"), ledasila(""), "n/notes.mp4")
    clips, _, _ = read_layout(tmp_path, "ledasila")
    assert list(clips["label"]) == ["Haus"]
    assert "2 videos left out" in capsys.readouterr().err


def test_ledasila_hint(tmp_path: Path, capsys) -> None:
    for number in range(20):
        touch(tmp_path, ledasila("Haus", number=number))
    touch(tmp_path, ledasila("null"))
    ledasila_layout.hint_at_min_clips(read_layout(tmp_path)[0])
    assert "1 of 2 words have at least 18 clips, 20 in all" in (
        capsys.readouterr().out
    )


# --- One folder a class -----------------------------------------------------


def test_folders(tmp_path: Path) -> None:
    touch(tmp_path, "null/b.mp4", "null/a.MOV", "NA/x/a.b..c.webm", "ö ü/1.avi")
    touch(
        tmp_path, "NA/readme.txt", ".git/x.mp4", "NA/.hidden.mp4", "NA/._.mp4"
    )
    touch(tmp_path, "NA/.partial-1-2.mp4", "empty/nothing.txt")
    clips, layout, folder = read_layout(tmp_path)
    assert (layout, len(folder.videos)) == ("folder", 4)
    assert rows(clips, "clip", "video", "label", "split") == [
        ("NA/x/a.b..c", "NA/x/a.b..c.webm", "NA", ""),
        ("null/a", "null/a.MOV", "null", ""),
        ("null/b", "null/b.mp4", "null", ""),
        ("ö ü/1", "ö ü/1.avi", "ö ü", ""),
    ]


@pytest.mark.parametrize("val", ["val", "valid", "Validation"])
def test_folders_with_splits(tmp_path: Path, val: str) -> None:
    touch(tmp_path, "train/a/1.mp4", f"{val}/a/1.mp4", "test/b/anna/1.mp4")
    clips, layout, _ = read_layout(tmp_path)
    assert layout == "folder"
    assert set(rows(clips, "clip", "label", "split")) == {
        ("train/a/1", "a", "train"),
        (f"{val}/a/1", "a", "val"),
        ("test/b/anna/1", "b", "test"),
    }


def test_a_class_may_be_called_train(tmp_path: Path, capsys) -> None:
    touch(tmp_path, "train/1.mp4", "car/1.mp4")
    clips, _, _ = read_layout(tmp_path)
    assert rows(clips, "label", "split") == [("car", ""), ("train", "")]
    assert capsys.readouterr().err == ""
    touch(tmp_path, "train/a/1.mp4", "val/a/1.mp4")
    assert set(read_layout(tmp_path)[0]["label"]) == {"car", "train", "val"}
    assert "train, val are taken for classes" in capsys.readouterr().err


def test_videos_without_a_class(tmp_path: Path, capsys) -> None:
    touch(tmp_path, "1.mp4", "2.mp4")
    with pytest.raises(UserError, match="in no folder that names their class"):
        read_layout(tmp_path)
    touch(tmp_path, "a/1.mp4")
    assert list(read_layout(tmp_path)[0]["clip"]) == ["a/1"]
    assert "2 videos left out" in capsys.readouterr().err


def test_nothing_to_read(tmp_path: Path) -> None:
    touch(tmp_path, "a/readme.txt", "a/.hidden.mp4")
    with pytest.raises(UserError, match=r"no video in .*\.avi .*\.mp4"):
        read_layout(tmp_path)


def test_the_order_is_not_that_of_the_file_system(tmp_path: Path) -> None:
    names = [f"{label}/{number}.mp4" for label in "bac" for number in (2, 10)]
    first = read_layout(touch(tmp_path / "1", *names))[0]
    second = read_layout(touch(tmp_path / "2", *reversed(names)))[0]
    pd.testing.assert_frame_equal(first, second)
    assert list(first["video"]) == sorted(names)


def test_two_videos_that_differ_in_the_ending(tmp_path: Path, capsys) -> None:
    touch(tmp_path, "a/1.mp4", "a/1.avi", "a/2.mp4")
    clips, _, _ = read_layout(tmp_path)
    assert list(clips["clip"]) == ["a/1.avi", "a/1.mp4", "a/2"]
    assert "such as a/1; these clips keep the ending" in capsys.readouterr().err


def link(path: Path, target: Path) -> None:
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("this system makes no links")


def test_links_are_followed(tmp_path: Path, capsys) -> None:
    """As DVC, git-annex and the Hugging Face cache have them."""
    root, elsewhere = tmp_path / "videos", tmp_path / "elsewhere"
    touch(root, "a/1.mp4")
    touch(elsewhere, "blob-1", "b/2.mp4", "b/.git/annex/3")
    link(root / "a" / "inside.mp4", root / "a" / "1.mp4")
    link(root / "a" / "out.mp4", elsewhere / "blob-1")
    link(root / "b", elsewhere / "b")
    link(elsewhere / "b" / "3.mp4", Path(".git/annex/3"))
    clips, _, _ = read_layout(root)
    assert list(clips["clip"]) == ["a/1", "a/inside", "a/out", "b/2", "b/3"]
    assert capsys.readouterr().err == ""
    (root / "list.csv").write_text("path,label\nb/2.mp4,x\n")
    assert list(read_layout(root)[0]["label"]) == ["x"]


def test_links_in_a_circle_are_named(tmp_path: Path, capsys) -> None:
    touch(tmp_path, "a/1.mp4", "a/deep/2.mp4")
    link(tmp_path / "a" / "deep" / "loop", tmp_path / "a")
    link(tmp_path / "itself.mp4", tmp_path / "itself.mp4")
    link(tmp_path / "gone.mp4", tmp_path / "not fetched")
    clips, _, folder = read_layout(tmp_path)
    assert list(clips["clip"]) == ["a/1", "a/deep/2"]
    assert folder.loops == ["a/deep/loop"]
    assert folder.dangling == ["gone.mp4", "itself.mp4"]
    error = capsys.readouterr().err
    assert "1 link in" in error and "such as a/deep/loop" in error
    assert "2 links in" in error and "leading nowhere, such as gone" in error


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, capsys) -> None:
    touch(tmp_path, "a/1.mp4", "b/2.mp4", "b/c/3.mp4")
    (tmp_path / "b").chmod(0)
    try:
        if os.access(tmp_path / "b", os.R_OK):
            pytest.skip("this user may read everything")
        clips, _, folder = read_layout(tmp_path)
    finally:
        (tmp_path / "b").chmod(0o700)
    assert list(clips["clip"]) == ["a/1"]
    assert folder.unreadable.keys() == {"b"}
    assert folder.hides("b/c/3.mp4") and not folder.hides("a/1.mp4")
    assert f"{tmp_path / 'b'} cannot be read" in capsys.readouterr().err


def test_a_folder_that_vanishes_costs_only_itself(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    """As where a disk of the network fails, which nobody may read either."""
    touch(tmp_path, "a/1.mp4", "b/2.mp4")
    really_scan = os.scandir

    def scan(path: Path):
        if Path(path).name == "b":
            raise OSError(5, "Input/output error", str(path))
        return really_scan(path)

    monkeypatch.setattr(os, "scandir", scan)
    clips, _, folder = read_layout(tmp_path)
    assert list(clips["clip"]) == ["a/1"]
    assert folder.unreadable == {"b": "Input/output error"}
    assert "b cannot be read (Input/output error)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "around", ["archive/", "my data/Videos (1)/", "archive/train/"]
)
def test_one_folder_too_many(tmp_path: Path, around: str, capsys) -> None:
    touch(tmp_path, f"{around}hello/x.mp4", f"{around}bye/anna/y.mp4")
    clips, layout, _ = read_layout(tmp_path)
    assert layout == "folder"
    assert rows(clips, "clip", "label") == [
        (f"{around}bye/anna/y", "bye"),
        (f"{around}hello/x", "hello"),
    ]
    out = capsys.readouterr().out
    assert f"below {around.rstrip('/').removesuffix('/train')}: " in out
    if around.endswith("train/"):
        assert set(clips["split"]) == {"train"}


def test_one_class_is_no_folder_too_many(tmp_path: Path, capsys) -> None:
    touch(tmp_path, "hello/anna/1.mp4", "hello/anna/2.mp4")
    assert set(read_layout(tmp_path)[0]["label"]) == {"hello"}
    touch(tmp_path, "hello/ben/3.mp4", "hello/4.mp4")
    assert set(read_layout(tmp_path)[0]["label"]) == {"hello"}
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "ending", [".gif", ".h264", ".hevc", ".MTS", ".m2ts", ".mxf", ".dav"]
)
def test_endings_of_cameras_and_streams(tmp_path: Path, ending: str) -> None:
    touch(tmp_path, f"a/1{ending}")
    assert list(read_layout(tmp_path)[0]["clip"]) == ["a/1"]


def test_patterns_that_no_shell_has_replaced(
    tmp_path: Path, monkeypatch
) -> None:
    touch(tmp_path, "b.mp4", "a.mp4", "sub/c.mp4", "[x].mp4")
    monkeypatch.chdir(tmp_path)
    assert list(expand(["*.mp4", "*.avi", "sub", "[x].mp4"])) == [
        "[x].mp4",
        "a.mp4",
        "b.mp4",
        "*.avi",
        "sub",
        "[x].mp4",
    ]
    assert list(expand([os.path.join("**", "c.*")])) == [
        os.path.join("sub", "c.mp4")
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="not a name on Windows")
def test_names_that_not_every_system_can_have(tmp_path: Path) -> None:
    touch(tmp_path, "a/b\\c.mp4")
    with pytest.raises(UserError, match="rename it"):
        read_layout(tmp_path)


# --- LSA64 ------------------------------------------------------------------


def test_lsa64(tmp_path: Path, capsys) -> None:
    touch(tmp_path, "all/001_001_001.mp4", "all/064_010_005.mp4", "all/x.mp4")
    clips, layout, _ = read_layout(tmp_path)
    assert layout == "lsa64"
    assert rows(clips, "clip", "label", "signer") == [
        ("all/001_001_001", "1", "1"),
        ("all/064_010_005", "64", "10"),
    ]
    assert "1 video left out" in capsys.readouterr().err


def test_lsa64_names_in_folders_of_classes_are_names(tmp_path: Path) -> None:
    touch(tmp_path, "hello/001_001_001.mp4", "bye/002_001_001.mp4")
    clips, layout, _ = read_layout(tmp_path)
    assert layout == "folder" and set(clips["label"]) == {"hello", "bye"}
    with pytest.raises(UserError, match="named as LSA64's are"):
        read_layout(touch(tmp_path / "other", "a/1.mp4"), "lsa64")


# --- UCF101 -----------------------------------------------------------------

UCF = [
    f"{name}/v_{name}_g{group:02}_c01.avi"
    for name in ("ApplyEyeMakeup", "YoYo")
    for group in (1, 8, 9)
]


@pytest.fixture
def ucf(tmp_path: Path) -> Path:
    """Videos and lists in the folders that their archives have."""
    touch(tmp_path, *(f"UCF-101/{path}" for path in UCF))
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    number = {"ApplyEyeMakeup": 1, "YoYo": 101}
    for which, groups in (("01", ("08", "09")), ("02", ("01", "09"))):
        train = [path for path in UCF if path[-10:-8] in groups]
        test = [path for path in UCF if path not in train]
        (lists / f"trainlist{which}.txt").write_text(
            "".join(f"{x} {number[x.split('/')[0]]}\n" for x in train)
        )
        (lists / f"testlist{which}.txt").write_text("\r\n".join(test))
    (lists / "classInd.txt").write_text("1 ApplyEyeMakeup\n101 YoYo\n")
    return tmp_path


def test_ucf101(ucf: Path, capsys) -> None:
    clips, layout, _ = read_layout(ucf)
    assert layout == "ucf101"
    assert set(rows(clips, "video", "label", "signer", "split")) == {
        (
            f"UCF-101/{path}",
            path.split("/")[0],
            path[-11:-8],
            "test" if "_g01_" in path else "train",
        )
        for path in UCF
    }
    assert "the lists 01 are taken" in capsys.readouterr().out


def test_ucf101_without_lists_has_groups(ucf: Path) -> None:
    for path in (ucf / "ucfTrainTestlist").iterdir():
        path.unlink()
    clips, layout, _ = read_layout(ucf)
    assert layout == "ucf101"
    assert set(clips["signer"]) == {"g01", "g08", "g09"}
    assert set(clips["split"]) == {""}
    assert set(clips["label"]) == {"ApplyEyeMakeup", "YoYo"}


def test_ucf101_lists_that_are_wrong(ucf: Path) -> None:
    path = ucf / "ucfTrainTestlist/trainlist01.txt"
    path.write_text("../x.avi 1\n")
    with pytest.raises(UserError, match=r"trainlist01.txt, line 1: "):
        read_layout(ucf)
    path.write_text("A/other.avi 1\n")
    (ucf / "ucfTrainTestlist/testlist01.txt").unlink()
    with pytest.raises(UserError, match="not one video of UCF101's lists"):
        read_layout(ucf)


# --- CSV --------------------------------------------------------------------


def write_list(root: Path, text: str, name: str = "list.csv") -> Path:
    (root / name).write_text(text, encoding="utf-8")
    return root / name


def test_csv(tmp_path: Path) -> None:
    touch(tmp_path, "x/1.mp4", "x/2.mp4", "y.avi", "z.gif")
    write_list(
        tmp_path,
        "path,label,signer,split\n"
        "x/1.mp4,NA,Anna,train\n\nx\\2.mp4,null,NA,valid\n"
        "./y.avi,Tür,,test\nz.gif,,,\nmissing.mp4,nan,Ben,Train\n",
    )
    clips, layout, _ = read_layout(tmp_path)
    assert layout == "csv"
    assert list(clips.columns) == clips_table.COLUMNS
    assert rows(clips, *clips_table.COLUMNS) == [
        ("x/1", "x/1.mp4", "NA", "Anna", "train"),
        ("x/2", "x/2.mp4", "null", "NA", "val"),
        ("y", "y.avi", "Tür", "", "test"),
        ("z", "z.gif", "", "", ""),
        ("missing", "missing.mp4", "nan", "Ben", "train"),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_from_a_spreadsheet(tmp_path: Path, separator: str) -> None:
    touch(tmp_path, "1.mp4")
    text = " Path ,LABEL\r\n1.mp4, ja \r\n".replace(",", separator)
    path = tmp_path / "list.csv"
    path.write_bytes(f"\ufeff{text}".encode())
    assert rows(read_layout(path)[0], "clip", "label") == [("1", "ja")]
    assert read_layout(tmp_path)[1] == "csv"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("first", ["", "sep=;\r\n"])
def test_csv_as_excel_in_europe_writes_it(
    tmp_path: Path, encoding: str, first: str
) -> None:
    touch(tmp_path, "Tür/1.mp4")
    text = f'{first}File;LABEL;Start;End\r\nTür\\1.mp4;null;0,5;"1,75"\r\n'
    (tmp_path / "list.csv").write_bytes(text.encode(encoding))
    clips, layout, _ = read_layout(tmp_path)
    assert layout == "csv"
    assert rows(clips, "clip", "label", "start", "end") == [
        ("Tür/1@0.5-1.75", "null", "0.5", "1.75")
    ]


@pytest.mark.parametrize(
    "header", ["file,label", "Video,Class", "filename,gloss", "File Path,sign"]
)
def test_csv_with_other_headers(tmp_path: Path, header: str) -> None:
    touch(tmp_path, "1.mp4")
    write_list(tmp_path, f"{header},Signer ID\n1.mp4,NA,Anna\n")
    clips, layout, _ = read_layout(tmp_path)
    assert layout == "csv"
    assert rows(clips, "clip", "label", "signer") == [("1", "NA", "Anna")]


def test_csv_may_be_the_table_of_another_data_set(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.mp4")
    write_list(tmp_path, "clip,video,label,signer,split\none,a/1.mp4,x,,val\n")
    clips, layout, _ = read_layout(tmp_path)
    assert layout == "csv"
    assert rows(clips, "clip", "label", "split") == [("a/1", "x", "val")]


def test_csv_with_absolute_paths(tmp_path: Path) -> None:
    real = touch(tmp_path / "disk", "x/1.mp4", "2.mp4")
    link(tmp_path / "videos", real)
    root = tmp_path / "videos"
    write_list(
        root, f"path,label\n{root / 'x' / '1.mp4'},a\n{real / '2.mp4'},b\n"
    )
    assert list(read_layout(root)[0]["video"]) == ["x/1.mp4", "2.mp4"]
    write_list(root, f"path,label\n{tmp_path / 'other.mp4'},a\n")
    with pytest.raises(UserError, match="leads out of the CSV's folder"):
        read_layout(root)


def test_csv_in_an_old_code_page_says_how_to_save_it(tmp_path: Path) -> None:
    touch(tmp_path, "1.mp4")
    path = tmp_path / "list.csv"
    path.write_bytes("path;label\n1.mp4;Tür\n".encode("cp1252"))
    with pytest.raises(UserError, match="list.csv cannot be read.*CSV UTF-8"):
        read_layout(path)


def test_csv_sections(tmp_path: Path) -> None:
    touch(tmp_path, "long.mp4", "short.mp4")
    write_list(
        tmp_path,
        "path,label,start,end\nlong.mp4,a,0,1.5\nlong.mp4,b,1.5,\n"
        "long.mp4,c,,\nshort.mp4,a,,2\n",
    )
    clips, _, _ = read_layout(tmp_path)
    assert list(clips.columns) == [*clips_table.COLUMNS, *clips_table.SECTION]
    assert rows(clips, "clip", "label", "start", "end") == [
        ("long@0-1.5", "a", "0", "1.5"),
        ("long@1.5-end", "b", "1.5", ""),
        ("long", "c", "", ""),
        ("short@0-2", "a", "", "2"),
    ]


def test_csv_in_another_unicode_form_than_the_disk(tmp_path: Path) -> None:
    on_disk = unicodedata.normalize("NFD", "Tür.mp4")
    touch(tmp_path, on_disk)
    write_list(tmp_path, f"path,label\nTür.mp4,{on_disk[:-4]}\n")
    clips, _, _ = read_layout(tmp_path)
    assert rows(clips, "video", "label") == [(on_disk, "Tür")]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("../1.mp4,a,,,", "'../1.mp4' leads out of the CSV's folder"),
        ("/etc/1.mp4,a,,,", "'/etc/1.mp4' leads out"),
        ("C:\\1.mp4,a,,,", "leads out"),
        (",a,,,", "the path is empty"),
        ("1.mp4,a,dev,,", "the split 'dev' is none of train, val, test"),
        ("1.mp4,a,,soon,", "the start 'soon' is not a number"),
        ("1.mp4,a,,,-1", "the end '-1' is not a number"),
        ("1.mp4,a,,2,1", "the section ends at 1 seconds, before it starts"),
        ("0.mp4,b,,,", "0.mp4 is listed already in .*list.csv, line 2"),
    ],
)
def test_csv_names_the_row(tmp_path: Path, row: str, message: str) -> None:
    touch(tmp_path, "0.mp4", "1.mp4")
    head = "path,label,split,start,end\n0.mp4,a,,,\n\n"
    write_list(tmp_path, head + row + "\n")
    with pytest.raises(UserError, match=f"list.csv, line 4: .*{message}"):
        read_layout(tmp_path)


def test_csv_must_be_one(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.mp4")
    write_list(tmp_path, "what,word\n1.mp4,a\n", "other.csv")
    assert read_layout(tmp_path)[1] == "folder"
    with pytest.raises(UserError, match="holds none; name it with: --source"):
        read_layout(tmp_path, "csv")
    with pytest.raises(UserError, match="must have the columns path and label"):
        read_layout(tmp_path / "other.csv")
    one = write_list(tmp_path, "path,label\na/1.mp4,x\n", "one.csv")
    assert read_layout(tmp_path)[1] == "csv"
    write_list(tmp_path, "path,label\na/1.mp4,x\n", "two.csv")
    with pytest.raises(UserError, match="holds one.csv, two.csv"):
        read_layout(tmp_path, "csv")
    assert rows(read_layout(one)[0], "label") == [("x",)]
    with pytest.raises(UserError, match="is a file; --layout isogd needs"):
        read_layout(one, "isogd")


def test_csv_without_rows(tmp_path: Path) -> None:
    touch(tmp_path, "1.mp4")
    write_list(tmp_path, "path,label\n\n")
    with pytest.raises(UserError, match="lists no clip"):
        read_layout(tmp_path)


def test_files_are_found_whatever_is_between(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.mp4", "a/1.txt", "B/3.mkv", "c.mp4")
    source = find_files(tmp_path)
    assert source.files == ["B/3.mkv", "a/1.txt", "b/2.mp4", "c.mp4"]
    assert source.videos == ["B/3.mkv", "b/2.mp4", "c.mp4"]
    assert source.unreadable == {} and source.dangling == source.loops == []
