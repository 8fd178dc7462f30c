"""Each folder that people have becomes the same kind of table."""

import os
import sys
from pathlib import Path

import pandas as pd
import pytest
from listings import rows, touch

from signs.core.errors import UserError
from signs.data.layouts.detect import read_layout
from signs.data.scan import expand

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
