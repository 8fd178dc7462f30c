"""A file that is there is whole."""

import json
import os
import sys
from pathlib import Path

import pytest

from signs.core import files


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file.txt"
    files.write_text(path, "old")
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), files.atomic(path) as temporary:
            temporary.write_text("half of the n")
            raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_final_file_appears_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file.npy"
    with files.atomic(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.suffix == ".npy"
        assert temporary.name.startswith(files.TEMPORARY)
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(sys.platform != "linux", reason="others sync otherwise")
@pytest.mark.parametrize("sync", [True, False])
def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sync: bool
) -> None:
    """A power cut cannot be had; so what is asked of the system, in order."""
    asked = []

    def fsync(file: int) -> None:
        asked.append(f"sync {Path(os.readlink(f'/proc/self/fd/{file}')).name}")

    def replace(old: Path, new: Path) -> None:
        asked.append(f"rename to {new.name}")
        old.rename(new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(os, "sync", lambda: asked.append("sync all"))
    with files.atomic(tmp_path / "a.csv", sync) as temporary:
        temporary.write_text("new")
    files.sync_disk(tmp_path)
    own = [f"sync {temporary.name}"] * sync
    folder = [f"sync {tmp_path.name}"] * sync
    assert asked == [*own, "rename to a.csv", *folder, "sync all"]


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".txt")
    files.write_text(path, "long")
    assert path.read_text() == "long"


def test_text_is_the_same_bytes_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    files.write_json(path, {"Wörter": ["Tür"], "path": Path("a")})
    assert path.read_bytes().startswith('{\n  "Wörter": ['.encode())
    assert json.loads(path.read_text(encoding="utf-8"))["path"] == "a"


def test_failures_are_listed_and_the_list_goes_with_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log" / "failed.csv"
    failures = {"ü/b": 'a, "b"', "null": "NA"}
    files.write_failures(path, failures)
    assert path.read_text(encoding="utf-8").splitlines()[:2] == [
        "clip,reason",
        "null,NA",
    ]
    assert files.read_failures(path) == failures
    files.write_failures(path, {})
    assert not path.exists()
    assert files.read_failures(path) == {}
    files.write_failures(path, {})
