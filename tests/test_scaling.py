"""What is estimated of large clusters follows from what was measured."""

import argparse

import pytest

from benchmarks import cost_model, run

pytestmark = pytest.mark.slow

STAGES = {
    "load": 0.0,
    "engine": "litert",
    "frame_seconds": 0.02,
    "feature_seconds": 2.0,
    "read_seconds": 0.01,
    "train_seconds": 0.1,
    "video_bytes": 1e5,
    "frame_bytes": 1e4,
    "feature_bytes": 8e4,
}


def assumed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cost_model.add_flags(parser)
    return parser.parse_args(arguments)


def row(how: str, workers: int, clips: int) -> dict:
    """A time that follows the model: half a second, and 10 ms a clip."""
    work = 0.5 + 0.01 * (clips - 1) / workers
    start = 6.0 if how == "ray" else 0.0
    return {
        "how": how,
        "workers": workers,
        "clips": clips,
        "total": start + work,
        "start": start,
        "work": work,
        "first": 0.5,
        "load": 1.0,
    }


def table(**more: object) -> list[str]:
    facts = {**run.facts(["scaling.py"]), "quick": True, **more}
    return cost_model.table(facts, assumed()).splitlines()


def test_rates() -> None:
    args = assumed("--cores", "10", "--speed", "2", "--epochs", "5")
    cpu = cost_model.rates(STAGES, args, on_gpu=False)
    assert cpu == pytest.approx({"frame": 1000, "feature": 10, "train": 40})
    gpu = cost_model.rates(STAGES, args, on_gpu=True)
    assert gpu["feature"] == pytest.approx(100)  # 2,000 frames a second
    assert gpu["frame"] == cpu["frame"]


def test_a_gpu_waits_for_the_cores_that_read() -> None:
    args = assumed("--gpu-frames", "1e6", "--cores", "4")
    found = cost_model.rates(STAGES, args, on_gpu=True)
    assert found["feature"] == pytest.approx(400)


def test_what_follows_the_model_is_estimated() -> None:
    rows = [
        row(how, workers, clips)
        for how in ("processes", "ray")
        for clips in (500, 2000)
        for workers in (1, 2)
    ]
    lines = table(overhead=rows)
    errors = [x for x in lines if x.startswith(("| 500 |", "| 2,000 |"))]
    assert len(errors) == 3 and all("+0%" in line for line in errors)
    (one,) = [line for line in lines if line.startswith("| 1 |")]
    assert "| 6.0 | 1.00 | 1.29 |" in one


def test_machines_share_the_clips_at_the_same_price() -> None:
    lines = table(stages=STAGES, memory=[])
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("| 1,000,000 |")
    ]
    assert [cells[1] for cells in rows[:3]] == ["1 CPU", "10 CPU", "100 CPU"]
    # 1,000,000 clips of 2 s, by 16 cores: 34.7 hours.
    assert [cells[3] for cells in rows[:3]] == ["35 h", "3 h", "21 min"]
    assert len({cells[4] for cells in rows[:3]}) == 1
    assert {cells[6] for cells in rows} == {"training"}
