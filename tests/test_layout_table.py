"""Lists as a CSV, as spreadsheets write them."""

import unicodedata
from pathlib import Path

import pytest
from listings import rows, touch

from signs.core.errors import UserError
from signs.data import clips_table
from signs.data.layouts.detect import read_layout
from signs.data.scan import find_files


def two(paths: list[str]) -> str:
    return "".join(f"{path} {path.replace('M_', 'K_')}\n" for path in paths)


def link(path: Path, target: Path) -> None:
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("this system makes no links")


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
