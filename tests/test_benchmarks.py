"""The pieces of the benchmark run on tiny sizes; nothing is timed here."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import (
    data,
    first_answer,
    frames,
    live_latency,
    models,
    report,
    rounds,
    run,
)
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
        "first_answer": [
            {
                "features": "mobilenet-0.25",
                "cache": "warm",
                "ours": [1.0, 2.0, 1.5],
                "before": [0.5, 0.5, 0.75],
                "plain": [8.0, 8.0, 9.0],
            },
            {"features": "landmarks", "note": "landmarks need mediapipe"},
        ],
        "live_latency": [
            {
                "features": "mobilenet-0.25",
                "signs": 20,
                "shown": 20,
                "known": [0.9] * 20,
                "answered": [0.04] * 19 + [0.2],
                "pictures": 1000,
                "dropped": 1,
                "share_at_rest": 0.07,
            },
            {"features": "landmarks", "note": "landmarks need mediapipe"},
        ],
    }
    text = report.table(results)
    # Of the rounds: 2, 1.1 and 3 times as fast.
    assert "| frame.py | one process, every frame | 2.00 | 1.6 |" in text
    assert "| ffmpeg is not installed |" in text
    wait = "| mobilenet-0.25, warm | 1.50 | 1.00 to 2.00 | 0.50 | 8.00 | 6.0 |"
    assert wait in text and "Warm only" in text
    assert "| 20 of 20 | 0.90 s | 40 ms | 200 ms | 1 of 1,000 | 7% |" in text
    assert "2.95 GB on disk" in text and "frame.py 0.10 s" in text
    rows = [x for x in text.splitlines() if x.startswith("|")]
    widths = [x.count("|") for x in rows]
    for before, line, width in zip(rows, rows[1:], widths[1:], strict=False):
        if line.startswith("|---"):
            assert before.count("|") == width
    kept = run.earlier({**results, "date": "2026-01-01"}, ["first_answer"])
    assert "growth" in kept and "help" in kept and "first_answer" not in kept
    text = report.table({**run.facts(["run.py"]), **kept})
    assert "Measured before: frames 2026-01-01, live_latency 2026" in text
    report.plot(results, tmp_path / "results.png")
    assert (tmp_path / "results.png").stat().st_size > 5_000


@pytest.mark.slow
def test_a_first_answer_is_waited_for(tmp_path: Path):
    (row, *_) = first_answer.measure(tmp_path, 1, quick=True)
    assert row["features"] == "mobilenet-0.25" and row["cache"] == "warm"
    assert 0 < row["before"][0] < row["ours"][0]
    assert len(row["plain"]) == 1


@pytest.mark.slow
def test_a_live_answer_is_waited_for(tmp_path: Path):
    models.write(tmp_path / "model", "mobilenet-0.25")
    row = live_latency.measure_one(tmp_path, "mobilenet-0.25", 1)
    assert row["shown"] == 1 and len(row["answered"]) == row["signs"]
    assert all(x > live_latency.PAUSE for x in row["known"])
    assert 0 < row["share_at_rest"] < 2
