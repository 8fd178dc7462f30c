"""What the tests of frame.py need: two fixtures, and what is on disk."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import number_of, numbered, write_video
from store import folders

import frame
from signs.core import arguments
from signs.data.clips_table import Dataset
from signs.video import frame_store, images

Run = Callable[..., int]
QUICK = ["--workers", "1", "--timeout", "0", "--frames", "3"]


@pytest.fixture
def run_frame(tmp_path: Path, monkeypatch) -> Run:
    """Runs frame.py in a folder of its own; returns its exit code."""
    monkeypatch.chdir(tmp_path)

    def run(*argv: str) -> int:
        alone = ["--workers", "1", "--timeout", "0"]  # in this process
        return arguments.run(frame.main, [*argv, *alone])

    return run


@pytest.fixture
def mine(tmp_path: Path) -> Dataset:
    """Two classes of three clips, one folder a class."""
    dataset = Dataset(tmp_path / "data" / "mine")
    for label in ("null", "Tür"):
        for number in (1, 2, 3):
            path = dataset.video / label / f"{number}.avi"
            write_video(path, 20 + number)
    return dataset


def numbers(dataset: Dataset, clip: str, count: int = 20) -> list[int]:
    """The numbers that a clip's frames show."""
    paths = frame_store.frame_paths(dataset.frame / clip, count)
    return [number_of(images.read_jpeg(path)) for path in paths]


def snapshot(root: Path, hidden: bool = False) -> dict[str, int]:
    """When each file was written; the hidden ones are records."""
    return {
        str(path.relative_to(root)): path.stat().st_mtime_ns
        for path in root.rglob("*")
        if path.is_file() and (hidden or not path.name.startswith("."))
    }


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


def show(path: Path, number: int, frames: int = 4) -> Path:
    """A video all of whose pictures show the same number."""
    return write_video(path, frames, picture=lambda _: numbered(number))


def take_frames(root: Path, *args: str) -> int:
    args = ("d", *QUICK, *args, *folders(root))
    return arguments.run(frame.main, args)


def made(dataset: Dataset) -> dict[str, bytes]:
    """What frame.py has made, but for its records and the sheet."""
    return {
        path.relative_to(dataset.root).as_posix(): path.read_bytes()
        for path in sorted(dataset.root.rglob("*"))
        if path.is_file()
        and path.suffix in (".csv", ".jpg")
        and not {"video", ".made-from"} & set(path.parts)
    }
