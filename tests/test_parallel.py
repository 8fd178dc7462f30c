"""One clip that goes wrong costs one clip."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signs.core import parallel


class Odd(Exception):
    """Cannot be unpickled."""

    def __init__(self, text: str, number: int):
        super().__init__(text)


def work(row: str | int) -> int:
    """Fails in all ways that a decoder can, by what it is given."""
    if row == "damaged":
        raise ValueError("no frame\ncan be decoded")
    if row == "forbidden":
        raise PermissionError(13, "Permission denied", "clip.mp4")
    if row == "crash":
        os._exit(11)
    if row == "bug":
        raise TypeError("a bug")
    if row == "odd bug":
        raise Odd("an odd bug", 1)
    return 10 * int(row)


def nap(row: Path) -> None:
    time.sleep(0.2)
    row.write_text(str(os.getpid()))


@pytest.mark.parametrize("workers", [1, 2])
def test_results_and_reasons(workers: int) -> None:
    rows = {"a": 1, "b": "damaged", "c": 3, "d": "forbidden"}
    results, failures = parallel.map_clips(work, rows, workers, "work", True)
    assert results == {"a": 10, "c": 30}
    assert failures == {
        "b": "no frame can be decoded",
        "d": "Permission denied: clip.mp4",
    }


def test_a_process_that_dies_costs_its_clip() -> None:
    rows: dict[str, str | int] = {str(n): n for n in range(12)}
    rows["5"] = rows["9"] = "crash"
    results, failures = parallel.map_clips(work, rows, 2, "work", True)
    assert failures.keys() == {"5", "9"}
    assert "died" in failures["5"]
    assert results == {n: 10 * int(n) for n in rows if n not in failures}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bug_is_not_a_clip_that_failed(workers: int) -> None:
    with pytest.raises(TypeError, match="a bug"):
        parallel.map_clips(work, {"a": "bug", "b": 1}, workers, "work", True)


def test_a_bug_that_cannot_be_sent_is_shown() -> None:
    with pytest.raises(RuntimeError, match="Odd: an odd bug"):
        parallel.map_clips(work, {"a": "odd bug", "b": 1}, 2, "work", True)


class Rows(dict[str, Any]):
    """As many rows as you like, none of them in memory."""

    taken = 0

    def __len__(self) -> int:
        return 1_000_000_000

    def items(self) -> Any:
        while True:
            self.taken += 1
            yield str(self.taken), self.taken


@pytest.mark.parametrize("workers", [1, 2])
def test_rows_are_taken_as_they_are_needed(workers: int) -> None:
    rows = Rows()
    with closing(parallel.outcomes(work, rows, workers, 60)) as found:
        results = sorted(next(found)[1] for _ in range(50))
    assert rows.taken <= 50 + workers
    assert results[:40] == list(range(10, 410, 10))


def test_the_work_is_done_side_by_side(tmp_path: Path) -> None:
    rows = {str(number): tmp_path / str(number) for number in range(6)}
    parallel.map_clips(nap, rows, 2, "naps", True)
    processes = {path.read_text() for path in rows.values()}
    assert len(processes) == 2 and str(os.getpid()) not in processes


@pytest.mark.skipif(
    not hasattr(signal, "SIGKILL"), reason="this system kills otherwise"
)
def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    """Its output ends only when nobody holds it open any more."""
    program = (
        "import sys; from pathlib import Path\n"
        "from signs.core import parallel\n"
        "import test_parallel\n"
        "if __name__ == '__main__':\n"
        "    rows = {str(n): Path(sys.argv[1], str(n)) for n in range(99)}\n"
        "    parallel.map_clips(test_parallel.nap, rows, 2, 'naps', True)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(program)
    paths = [
        str(Path(parallel.__file__).parents[2]),
        str(Path(__file__).parent),
    ]
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
    )
    while process.poll() is None and not (tmp_path / "1").exists():
        time.sleep(0.05)
    process.kill()
    output, _ = process.communicate(timeout=30)
    assert output == b"" and process.returncode == -signal.SIGKILL
    assert not (tmp_path / "98").exists()


def test_no_clips_no_work() -> None:
    assert parallel.map_clips(work, {}, 4, "work", True) == ({}, {})


def test_the_bar_is_quiet_when_asked(capsys) -> None:
    parallel.map_clips(work, {"a": 1, "b": 2}, 1, "work", True)
    assert capsys.readouterr() == ("", "")


@given(st.permutations(range(9)))
def test_answers_come_in_the_order_of_the_clips(order: list[int]) -> None:
    clips = [str(number) for number in range(9)]
    late = [(str(number), number, None) for number in order]
    found = list(parallel.in_order(late, clips))
    assert [clip for clip, _, _ in found] == clips
    assert sorted(found) == sorted(late)
