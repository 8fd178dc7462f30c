"""Two processes in one folder: the second one is sent away."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from scripts import Script, run, tree, write_clips
from store import folders

import frame
from signs.core import arguments, files, lock
from signs.core.errors import UserError
from signs.training import run_record


def test_two_at_once_in_one_data_set(tmp_path: Path) -> None:
    for name in ("alone", "together"):
        write_clips(tmp_path / name, 18, frames=60)
    args = ["d", "--workers", "1", "--quiet"]
    alone, together = tmp_path / "alone", tmp_path / "together"
    assert arguments.run(frame.main, [*args, *folders(alone)]) == 0
    both = [Script(together, "frame", *args) for _ in range(2)]
    codes = [script.wait() for script in both]
    assert sorted(codes) in ([0, 2], [0, 0])
    for script, code in zip(both, codes, strict=True):
        if code == 2:
            (line,) = script.output().splitlines()
            assert line.startswith("error: another process (")
            assert "data/d; wait until it has finished" in line
    assert tree(together / "data") == tree(alone / "data")


@pytest.mark.parametrize("script", ["frame", "feature", "sample"])
def test_a_held_data_set_is_left_alone(tmp_path: Path, script: str) -> None:
    name = "sample-ledasila" if script == "sample" else "d"
    write_clips(tmp_path, 3)
    args = [] if script == "sample" else ["d"]
    with lock.hold(tmp_path / "data" / name):
        before = tree(tmp_path / "data")
        code, output = run(tmp_path, script, *args)
        assert code == 2
        assert f"error: another process ({os.getpid()}) is at work" in output
        assert tree(tmp_path / "data") == before


def test_only_one_gets_a_lock(tmp_path: Path) -> None:
    """Many processes take and release one lock, and count up in turn."""
    program = (
        "import sys; from pathlib import Path; from signs.core import lock\n"
        "from signs.core.errors import UserError\n"
        "folder, done = Path(sys.argv[1]), 0\n"
        "while done < 50:\n"
        "    try:\n"
        "        with lock.hold(folder):\n"
        "            path = folder / 'count'\n"
        "            number = int(path.read_text())\n"
        "            path.write_text(str(number + 1))\n"
        "            done += 1\n"
        "    except UserError: pass\n"
    )
    (tmp_path / "count").write_text("0")
    root = str(Path(lock.__file__).parents[2])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            env={**os.environ, "PYTHONPATH": root},
        )
        for _ in range(3)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "150"
    assert [path.name for path in tmp_path.iterdir()] == ["count"]


def test_a_lock_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "d"
    for _ in range(2):
        with lock.hold(folder):
            assert (folder / lock.NAME).read_text() == str(os.getpid())
            with pytest.raises(UserError, match="at work in .*data/d"):
                with lock.hold(folder):
                    raise AssertionError("two have it")
            with lock.hold(folder, "other"):
                pass
        assert list(tmp_path.iterdir()) == []


def test_runs_of_the_same_second_have_other_names(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    first = run_record.new_run("lstm", 5, 2, folder, tmp_path)
    with lock.hold(folder, first.lock.name):
        second = run_record.new_run("lstm", 5, 2, folder, tmp_path)
    assert first.name < second.name


def test_leftovers_are_removed_and_never_read(tmp_path: Path) -> None:
    dataset = write_clips(tmp_path, 3)
    args = ["d", "--workers", "1", "--timeout", "0", *folders(tmp_path)]
    assert arguments.run(frame.main, args) == 0
    expected = tree(dataset.root)
    clip = dataset.frame / "a" / "000"
    (clip / "frame-020.jpg").unlink()
    for folder in (dataset.root, dataset.frame, clip):
        (folder / f"{files.TEMPORARY}99-1.csv").write_text("half of a")
    away = dataset.root / f"{files.TEMPORARY}99-2" / "a" / "frame-001.jpg"
    away.parent.mkdir(parents=True)
    away.write_text("of a folder that was to be removed")
    assert arguments.run(frame.main, args) == 0
    assert tree(dataset.root) == expected


def test_leftovers_of_others_are_kept_for_a_while(tmp_path: Path) -> None:
    old, new = (tmp_path / f"{files.TEMPORARY}{n}.keras" for n in (1, 2))
    deep = tmp_path / "a" / "b" / f"{files.TEMPORARY}3.npy"
    deep.parent.mkdir(parents=True)
    for path in (old, new, deep):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    files.remove_leftovers(tmp_path)
    assert not old.exists() and new.exists() and deep.exists()
    files.remove_leftovers(tmp_path, deep=True, seconds=0)
    assert not new.exists() and not deep.exists()
    files.remove_leftovers(tmp_path / "none")


@pytest.mark.parametrize("linked", [False, True])
def test_a_folder_goes_at_once(tmp_path: Path, linked: bool) -> None:
    folder = tmp_path / "frame"
    real = tmp_path / "elsewhere" if linked else folder
    (real / "a").mkdir(parents=True)
    (real / "a" / "1.jpg").write_text("old")
    if linked:
        folder.symlink_to(real)
    files.remove_folder(folder)
    assert tree(tmp_path) == {}
    files.write_text(folder / "a" / "1.jpg", "new")
    assert tree(real) == {"a/1.jpg": b"new"}
    files.remove_folder(tmp_path / "none")


def test_a_mounted_folder_is_emptied(disk) -> None:
    for name in ("a/1.jpg", "b.txt"):
        files.write_text(disk.path / name, "old")
    files.remove_folder(disk.path)
    assert list(disk.path.iterdir()) == []
