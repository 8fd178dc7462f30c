"""Data sets whose names say it all: LedaSila, LSA64, UCF101."""

import os
import sys
import unicodedata
from pathlib import Path

import pytest
from listings import rows, touch

from signs.core.errors import UserError
from signs.data import clips_table
from signs.data.layouts import ledasila as ledasila_layout
from signs.data.layouts.detect import read_layout, readable

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
