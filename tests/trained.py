"""A model trained on rendered people, by the scripts, once for all tests."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from store import folders

import feature
import frame
import sample
import train_lstm
from signs.core import arguments
from signs.data import clips_table
from signs.data.clips_table import Dataset
from signs.training import run_record
from signs.video.camera import Camera

CNN = ["--cnn", "mobilenet", "--alpha", "0.25", "--weights", "random"]
RATE = 10  # frames a second of the rendered videos
PAUSE = 1.5  # seconds around the signs of a recording


_made: list[Path] = []


def trained(factory: pytest.TempPathFactory) -> Path:
    """A folder with data/, log/ and model/ after the first three steps.

    It is made once. Tests read it, and copy what they change.
    """
    if not _made:
        _made.append(_train(factory.mktemp("trained")))
    return _made[0]


def _train(root: Path) -> Path:
    common = [*folders(root), "--quiet", "--workers", "2"]
    steps = [
        (sample, "--gestures 3 --performers 4 --clips 66 --words 2".split()),
        (frame, ["sample-chalearn", "--frames", "10"]),
        (feature, ["sample-chalearn", *CNN]),
        (
            train_lstm,
            "sample-chalearn --recipe writeup --input centered --units 32 "
            "--layers 1 --lr 0.005 --batch 16 --epochs 20".split(),
        ),
    ]
    for script, args in steps:
        assert arguments.run(script.main, [*args, *common]) == 0
    return root


def copy_models(root: Path, target: Path) -> Path:
    """Copies the models, but not the converted CNN, to change them."""
    return Path(
        shutil.copytree(
            root / "model", target, ignore=shutil.ignore_patterns("cnn")
        )
    )


def last_model(root: Path) -> tuple[Path, dict]:
    """The model after its last epoch, and its record.

    It has learned the few training clips by heart, so that it is known what
    it must answer for them.
    """
    path, record = run_record.find_model(None, root / "model")
    return path.with_name(path.name.replace("-best", "-last")), record


def known_clips(root: Path, clips: int) -> pd.DataFrame:
    """Rows of the clips table: training clips, of each class in turn."""
    rows = clips_table.read_clips(Dataset(root / "data" / "sample-chalearn"))
    rows = rows[rows["split"] == "train"]
    turn = rows.groupby("label").cumcount()
    return rows.loc[turn.sort_values(kind="stable").index][:clips]


def pictures_of(root: Path, row: pd.Series) -> list[np.ndarray]:
    """All pictures of a clip of the table."""
    video = Dataset(root / "data" / "sample-chalearn").video / row["video"]
    with Camera(str(video)) as camera:
        return [picture for _, picture in camera.pictures(at_own_pace=False)]


def recording(
    clips: Iterable[list[np.ndarray]],
) -> Iterator[tuple[float, np.ndarray]]:
    """A long recording of several clips, with pauses around them.

    In a pause a picture stays, but for noise and flicker.

    Args:
        clips: the pictures of each.

    Yields:
        The time of each picture in seconds, and the picture (RGB).
    """
    random = np.random.default_rng(0)
    still = round(PAUSE * RATE)
    number = 0
    for pictures in clips:
        for picture in [
            *(noisy(pictures[0], random) for _ in range(still)),
            *pictures,
            *(noisy(pictures[-1], random) for _ in range(still)),
        ]:
            yield number / RATE, picture
            number += 1


def noisy(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A picture with the noise of a sensor and the flicker of a lamp."""
    changed = picture * random.normal(1, 0.008)
    changed = changed + random.normal(0, 4, picture.shape)
    return np.clip(changed, 0, 255).astype(np.uint8)


def write_recording(path: Path, clips: Iterable[list[np.ndarray]]) -> Path:
    """Writes a `recording` as a video file."""
    writer = None
    for _, picture in recording(clips):
        if writer is None:
            code = cv2.VideoWriter.fourcc(*"MJPG")
            size = picture.shape[1::-1]
            name = str(path)
            writer = cv2.VideoWriter(name, cv2.CAP_FFMPEG, code, RATE, size)
        writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if writer is not None:
        writer.release()
    return path
