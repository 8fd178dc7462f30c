"""Many clips: memory stays flat, nothing stays open, a rerun does nothing.

`python -m benchmarks.large` is the same with as many clips as IsoGD has.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks import large

pytestmark = pytest.mark.slow

Times = Callable[[int], int]


@pytest.fixture(autouse=True)
def _linux() -> None:
    if not large.PROC.joinpath("self", "task").exists():
        pytest.skip("needs Linux's list of processes")


def check_flat(looks: list[large.Look]) -> None:
    """In the last third it is as much as in the second one."""
    third = len(looks) // 3
    assert third > 2
    middle, end = looks[third : 2 * third], looks[2 * third : -2]
    before, after = (
        np.median([look.memory + look.others for look in part])
        for part in (middle, end)
    )
    assert after < 1.03 * before + 4e6, (before, after)
    # Each of the workers may just be writing a file.
    files = [max(look.files for look in part) for part in (middle, end)]
    assert files[1] <= files[0] + 2
    # Two workers, and who counts them.
    assert max(look.processes for look in looks) <= 4


@pytest.mark.parametrize(
    ("steps", "few"), [(["frame"], 10), (["frame", "feature"], 0)]
)
def test_many_clips(
    tmp_path: Path,
    times: Times,
    tried: Counter[str],
    steps: list[str],
    few: int,
) -> None:
    clips = 200 * times(few)
    measured = large.measure(tmp_path, clips, steps)
    for step in measured:
        check_flat(step.looks)
        tried[f"tiny clips through {step.step}.py"] += clips
    text = large.table(measured)
    assert all(f"{step}.py: {clips:,} clips in " in text for step in steps)


def test_a_step_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="error: .* is missing"):
        large.run_step(tmp_path, "feature", [tmp_path / "none"], 0.02)
