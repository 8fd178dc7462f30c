"""The clips of a data set on the machines of a Ray cluster.

Two machines are played by two sets of Ray's processes on this one, each with
its own scheduler and memory; `make cluster-test` has all that is needed.
"""

import json
import os
import random
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from machines import Machines, Rows, needs_ray, work
from scripts import (
    Script,
    run,
    tree,
    until,
    write_clips,
    write_frames,
)
from store import META, folders, write_dataset
from trained import CNN, last_model, trained

import feature
import frame
import predict
import study
from signs.cluster import ray_backend
from signs.cluster.actor import each
from signs.core import arguments, parallel
from signs.core.errors import UserError
from signs.data import clips_table

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    here = Path(__file__).parent
    paths = [here, here / "faults", here.parent]
    environment = {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        made = Machines()
        yield made
        made.shut_down()


# --- Any work ---------------------------------------------------------------


@needs_ray
def test_what_goes_wrong_costs_one_clip(
    machines: Machines, tmp_path: Path
) -> None:
    rows: dict[str, Any] = {str(n): ("", n) for n in range(300)}
    rows["damaged"] = ("damaged", 0)
    rows["memory"] = ("memory", 1e17)
    rows["killed"] = ("killed", 0)
    rows["sleeps"] = ("sleep", 60)
    rows["spins"] = ("spin", 0)
    rows["no machine"] = ("parent killed once", tmp_path / "mark")
    names = list(rows)
    random.Random(0).shuffle(names)
    results, failures = ray_backend.map_clips(
        work,
        {name: rows[name] for name in names},
        *(machines.address, 2, "work", True, 4),
    )
    failures["memory"] = failures["memory"][:18]
    assert failures == {
        "damaged": "no frame can be decoded",
        "memory": "Unable to allocate",
        "killed": "the process that worked on it died (Killed)",
        "sleeps": "given up after 4 s (see --timeout)",
        "spins": "given up after 4 s (see --timeout)",
    }
    expected = rows.keys() - failures.keys()
    assert results == {name: rows[name][1] for name in expected}


@needs_ray
def test_a_killed_process_costs_nothing(
    machines: Machines, tmp_path: Path
) -> None:
    """Unless a clip kills each; then it costs that clip."""
    rows: dict[str, Any] = {str(n): ("", n) for n in range(300)}
    rows["killed once"] = ("killed once", tmp_path / "mark")
    rows["killed"] = ("killed", 0)
    rows |= {f"late {n}": ("", n) for n in range(300)}
    results, failures = ray_backend.map_clips(
        work, rows, machines.address, 2, "work", True
    )
    assert failures == {"killed": "each of 3 processes died of it"}
    assert len(results) == 601


@needs_ray
@pytest.mark.parametrize(
    ("kind", "error", "text"),
    [
        ("full", OSError, "No space left"),
        ("refuse", UserError, "nothing can be done"),
        ("bug", TypeError, "a bug"),
    ],
)
def test_what_no_clip_survives_ends_the_run(
    machines: Machines, kind: str, error: type, text: str
) -> None:
    rows = {"a": ("", 1), "b": (kind, 0), "c": ("", 2)}
    with pytest.raises(error, match=text):
        ray_backend.map_clips(work, rows, machines.address, 2, "work", True)


def doomed(cores: int) -> parallel.Work:
    """Dies while it starts."""
    os._exit(7)


@needs_ray
def test_processes_that_never_start_end_the_run(machines: Machines) -> None:
    """Else new ones would be started for ever."""
    with (
        ray_backend.connect(machines.address, 2) as connected,
        closing(connected.outcomes(doomed, {"a": 1, "b": 2})) as outcomes,
        pytest.raises(UserError, match="die at their start on the cluster"),
    ):
        list(outcomes)


@needs_ray
def test_rows_are_taken_as_they_are_needed(machines: Machines) -> None:
    rows = Rows(100_000)
    start = partial(each, work, None)
    with (
        ray_backend.connect(machines.address, 2) as connected,
        closing(connected.outcomes(start, rows)) as outcomes,
    ):
        found = [next(outcomes) for _ in range(500)]
        assert rows.taken < 500 + 2 * 3 * 200
    assert sorted(result for _, result, _ in found)[:99] == list(range(99))


# --- The scripts ------------------------------------------------------------


def copy_data(root: Path, target: Path) -> list[str]:
    """Copies data sets; returns the arguments that work on the copy."""
    shutil.copytree(root / "data", target / "data")
    return folders(target)


def same_files(root: Path) -> None:
    """What was made in root/two is what was made in root/one."""
    for name in ("data/d", "log"):
        one, two = (tree(root / x / name) for x in ("one", "two"))
        assert one and one.keys() == two.keys()
        for file, content in two.items():
            there, here = (str(root / x).encode() for x in ("two", "one"))
            assert content.replace(there, here) == one[file], file


@needs_ray
def test_frames_are_the_same_when_a_machine_dies(
    machines: Machines, tmp_path: Path
) -> None:
    dataset = write_clips(tmp_path / "one", 90, frames=60, size=(320, 240))
    (dataset.video / "a" / "bad.avi").write_bytes(b"no video")
    there = copy_data(tmp_path / "one", tmp_path / "two")
    assert arguments.run(frame.main, ["d", *folders(tmp_path / "one")]) == 1
    made = tmp_path / "two" / "data" / "d" / "frame"
    counts = []

    def kill() -> None:
        while len(list(made.glob("*/*/frame-020.jpg"))) < 20:
            time.sleep(0.01)
        machines.kill_one()
        counts.append(len(list(made.glob("*/*/frame-020.jpg"))))

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        args = ["d", "--cluster", machines.address, *there]
        assert arguments.run(frame.main, args) == 1
    finally:
        killer.join()
        machines.add_one()
    assert counts[0] < 80  # it was in the middle
    same_files(tmp_path)


@needs_ray
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_a_driver_that_is_stopped_goes_on(
    machines: Machines, name: str, tmp_path: Path
) -> None:
    dataset = write_clips(tmp_path / "one", 90, frames=60, size=(320, 240))
    copy_data(tmp_path / "one", tmp_path / "two")
    assert arguments.run(frame.main, ["d", *folders(tmp_path / "one")]) == 0
    made = clips_table.Dataset(tmp_path / "two" / "data" / "d")
    args = ("d", "--cluster", machines.address)
    script = Script(tmp_path / "two", "frame", *args)

    def done() -> int:
        return len(list(made.frame.glob("*/*/frame-020.jpg")))

    until(lambda: done() > 10, script)
    script.stop(name)
    assert script.process.returncode in (130, -9)
    assert "Traceback" not in script.output()
    assert 10 < done() < 90
    code, said = run(tmp_path / "two", "frame", *args)
    assert code == 0, said
    assert tree(made.root) == tree(dataset.root)


@needs_ray
def test_features_are_the_same(machines: Machines, tmp_path: Path) -> None:
    dataset = write_frames(tmp_path / "one", 12)
    damaged = next(dataset.frame.glob("*/*/frame-002.jpg"))
    damaged.write_bytes(damaged.read_bytes()[:100])
    there = copy_data(tmp_path / "one", tmp_path / "two")
    args = ["d", *CNN, "--engine", "auto", "--batch", "8"]
    here = [*args, *folders(tmp_path / "one")]
    assert arguments.run(feature.main, here) == 1
    there = [*args, "--cluster", machines.address, *there]
    assert arguments.run(feature.main, there) == 1
    same_files(tmp_path)


@needs_ray
def test_answers_are_the_same(
    machines: Machines,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys,
) -> None:
    root = trained(tmp_path_factory)
    videos = tmp_path / "videos"
    source = root / "data" / "sample-chalearn" / "video"
    paths = [x for x in sorted(source.rglob("*.*")) if "M_" in x.name]
    for number, path in enumerate(paths[:12]):
        videos.mkdir(exist_ok=True)
        shutil.copyfile(path, videos / f"{number:02}{path.suffix}")
    (videos / "05-bad.avi").write_bytes(b"no video")
    model, _ = last_model(root)
    said = {}
    for name, how in {
        "one": [],
        "two": ["--cluster", machines.address],
    }.items():
        args = [
            *(str(videos), "--model", str(model), "--json"),
            *("--csv", str(tmp_path / f"{name}.csv")),
            *("--model-dir", str(root / "model"), *how),
            *("--log", str(tmp_path / name)),
        ]
        capsys.readouterr()
        assert arguments.run(predict.main, args) == 1
        said[name] = capsys.readouterr().out
        said[f"{name} failed"] = tree(tmp_path / name)
    assert said["one"] == said["two"]
    assert len([json.loads(line) for line in said["one"].splitlines()]) == 13
    assert said["one failed"] == said["two failed"]
    one, two = ((tmp_path / f"{x}.csv").read_bytes() for x in ("one", "two"))
    assert one == two and one.count(b"\n") == 13


STUDY = """name,train,transfer,note
scratch,--layers 1 --lr 0.05,,from nothing
moved,--layers 1 --lr 0.05,--lr 0.02,"tuned, all of it"
"""


@needs_ray
def test_a_study_is_the_same(machines: Machines, tmp_path: Path) -> None:
    shape = {"frames": 4, "length": 4}
    data = tmp_path / "one" / "data"
    write_dataset(data, "large", ["x", "y", "z"], 30, {**META, **shape})
    write_dataset(data, "small", ["a", "b"], 16, {**META, **shape})
    table_path = tmp_path / "recipes.csv"
    table_path.write_text(STUDY, encoding="utf-8")
    args = [
        *("small", "--source", "large", "--table", str(table_path)),
        *("--folds", "2", "--repeats", "1", "--workers", "1"),
        *("--also", "--units 4 --batch 8 --epochs 2"),
    ]
    there = copy_data(tmp_path / "one", tmp_path / "two")
    here = [*args, *folders(tmp_path / "one")]
    assert arguments.run(study.main, here) == 0
    there = [*args, "--cluster", machines.address, *there]
    assert arguments.run(study.main, there) == 0
    one, two = (
        pd.read_csv(tmp_path / x / "log/study-small-recipes/results.csv")
        .drop(columns="seconds")
        .sort_values(["recipe", "repeat", "fold"])
        .reset_index(drop=True)
        for x in ("one", "two")
    )
    assert len(one) == 4
    pd.testing.assert_frame_equal(one, two, rtol=1e-4)
