"""Filming without a browser: what becomes a take, and where it is filed."""

from pathlib import Path

import numpy as np
import pytest

import record
from signs.app import filming, takes
from signs.app.filming import Filming
from signs.core import arguments
from signs.data.clips_table import Dataset
from signs.inference.overlay import Overlay
from signs.video import decode

PICTURE = np.zeros((48, 64, 3), np.uint8)


def run_until(filming: Filming, start: float, state: str) -> float:
    """Goes on, ten pictures a second, until a state is reached."""
    now = start
    while filming.state != state:
        now += 0.1
        assert now < start + 60
        filming.update(now, PICTURE)
    return now


def test_takes_follow_each_other_until_space_is_pressed_again():
    it = Filming(seconds=1.0)
    assert it.update(0.0, PICTURE) is None and it.state == "rest"
    it.press(0.0)
    now = run_until(it, 0.0, "take")
    assert now == pytest.approx(filming.COUNTDOWN, abs=0.2)
    taken = None
    while taken is None:
        now += 0.1
        taken = it.update(now, PICTURE)
    assert taken[-1][0] - taken[0][0] == pytest.approx(1.0, abs=0.11)
    now = run_until(it, now, "take")
    it.press(now)
    assert it.state == "rest" and it.pictures == []


def test_the_overlay_says_what_goes_on():
    it, shown = Filming(seconds=1.0), Overlay()
    it.describe(0.0, shown)
    assert shown.state == "resting" and shown.countdown is None
    it.press(0.0)
    numbers: list[int | None] = []
    for now in np.arange(0, filming.COUNTDOWN, 0.1):
        it.describe(float(now), shown)
        numbers.append(shown.countdown)
    assert {*numbers} == {1, 2, 3} and numbers[0] == 3


def test_a_take_is_filed_with_its_pictures_and_its_pace(tmp_path: Path):
    dataset = Dataset(tmp_path / "data" / "mine")
    pictures = [
        (index / 20, np.full((48, 64, 3), (200, 10 * index, 0), np.uint8))
        for index in range(21)
    ]
    take = filming.file_take(dataset, "hello", "Anna", pictures)
    assert take.path == dataset.video / "hello" / "Anna-01.mp4"
    seen = decode.read_frames(take.path, 21)
    assert seen[0].mean(axis=(0, 1))[0] > 170  # red is red
    assert abs(float(seen[-1].mean(axis=(0, 1))[1]) - 200) < 20
    assert takes.find(dataset) == [take]


def test_names_are_checked_before_the_camera_is_opened(tmp_path, capsys):
    flags = ["mine", "--sign", "../x", "--signer", "a", "--data", str(tmp_path)]
    assert arguments.run(record.main, flags) == 2
    assert "cannot be the name of a sign" in capsys.readouterr().err
