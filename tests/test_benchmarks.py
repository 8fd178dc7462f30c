"""The pieces of the benchmark run on tiny sizes; nothing is timed here."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import data, frames, report, rounds, run
from signs.data import clips_table
from signs.features import feature_store
from signs.training.feature_dataset import find_clips


@pytest.mark.slow  # starts a process for each engine
def test_engines_work_in_rounds(tmp_path: Path):
    frames.prepare(tmp_path, quick=True)
    measured = rounds.measure("benchmarks.frames", tmp_path, 2, quick=True)
    assert list(measured) == [x.name for x in frames.ENGINES]
    for name, found in measured.items():
        assert found.note or len(found.rates) == 2, name
        assert all(rate > 0 for rate in found.rates)
    made = sorted((tmp_path / "ours").glob("*/*.jpg"))
    assert len(made) == 2 * data.FRAMES
    assert len(list((tmp_path / "one").glob("*/*.jpg"))) == len(made)


def test_an_engine_that_fails_says_why(tmp_path: Path):
    with pytest.raises(RuntimeError, match="No such file"):
        rounds.measure("benchmarks.frames", tmp_path, 1, quick=True)


def test_the_data_set_is_one_that_can_be_trained_on(tmp_path: Path):
    data.dataset(tmp_path / "d", 30, 8, labels=3)
    here = clips_table.Dataset(tmp_path / "d")
    meta = feature_store.require_meta(here, None)
    tables = clips_table.read_clips(here), clips_table.read_classes(here)
    train = find_clips(here, *tables, meta, "train")
    val = find_clips(here, *tables, meta, "val")
    assert (len(train), len(val)) == (25, 5)
    assert train.read([0]).shape == (1, data.FRAMES, 8)


def row(engine: str, *rates: float) -> dict:
    return {
        "engine": engine,
        "unit": "clips a second",
        "median": float(np.median(rates)) if rates else None,
        "rates": list(rates),
        "memory": 10**9,
        "note": "" if rates else "ffmpeg is not installed",
    }


def test_the_table_and_the_plot(tmp_path: Path):
    results = {
        **run.facts(["run.py", "--quick"]),
        "frames": [
            row("mediainfo and ffmpeg a clip (2018)"),
            row("one process, every frame", 50.0, 100.0, 40.0),
            row("frame.py", 100.0, 110.0, 120.0),
        ],
        "growth": [
            {"step": step, "clips": clips, "seconds": 1.0, "memory": 10**8}
            for step in report.STEPS
            for clips in (100, 36_000)
        ]
        + [
            {
                "step": "real",
                "clips": 36_000,
                "seconds": 9.0,
                "memory": 3e9,
                "on_disk": 2.95e9,
            }
        ],
        "help": {"frame": 0.1},
    }
    text = report.table(results)
    # Of the rounds: 2, 1.1 and 3 times as fast.
    assert "| frame.py | one process, every frame | 2.00 | 1.6 |" in text
    assert "| ffmpeg is not installed |" in text
    assert "2.95 GB on disk" in text and "frame.py 0.10 s" in text
    rows = [x for x in text.splitlines() if x.startswith("|")]
    widths = [x.count("|") for x in rows]
    for before, line, width in zip(rows, rows[1:], widths[1:], strict=False):
        if line.startswith("|---"):
            assert before.count("|") == width
    report.plot(results, tmp_path / "results.png")
    assert (tmp_path / "results.png").stat().st_size > 5_000
