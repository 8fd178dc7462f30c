"""The clips of a data set on the machines of a Ray cluster.

Two machines are played by two sets of Ray's processes on this one, each with
its own scheduler and memory; `make cluster-test` has all that is needed.
"""

import importlib.util
import json
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
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
from signs.cluster.actor import Actor, each
from signs.core import arguments, parallel
from signs.core.errors import UserError
from signs.data import clips_table

pytestmark = pytest.mark.slow

HAS_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="ray is not installed")
STORE = 80_000_000  # bytes of shared memory a machine, about the least


class Machines:
    """A cluster of machines that can be killed.

    Attributes:
        address: what `--cluster` takes.
    """

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster()
        # A dead machine is to be noticed soon.
        quick = {
            "health_check_initial_delay_ms": 0,
            "health_check_period_ms": 500,
            "health_check_failure_threshold": 5,
        }
        self._start(_system_config=quick)
        self._second = self._start()
        self.address = self._cluster.address

    def _start(self, **options: Any) -> Any:
        return self._cluster.add_node(
            num_cpus=1,
            object_store_memory=STORE,
            include_dashboard=False,
            **options,
        )

    def kill_one(self) -> None:
        """Kills a machine, on which no driver runs."""
        self._cluster.remove_node(self._second, allow_graceful=False)

    def add_one(self) -> None:
        """Adds a machine in the place of the one that was killed."""
        self._second = self._start()

    def shut_down(self) -> None:
        self._cluster.shutdown()


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


def work(row: tuple[str, Any]) -> Any:
    """Does what a decoder may do."""
    kind, value = row
    if kind == "sleep":
        time.sleep(value)
    elif kind == "spin":  # holds the interpreter, and answers no signal
        sum(range(10**12))
    elif kind == "killed":  # as the system does when memory runs out
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "killed once" and not Path(value).exists():
        Path(value).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "parent killed once" and not Path(value).exists():
        Path(value).touch()
        os.kill(os.getppid(), signal.SIGKILL)
    elif kind == "memory":
        np.zeros(int(value), np.uint8)
    elif kind == "damaged":
        raise ValueError("no frame\ncan be decoded")
    elif kind == "full":
        raise OSError(28, "No space left on device", "frame-001.jpg")
    elif kind == "refuse":
        raise UserError("nothing can be done")
    elif kind == "bug":
        raise TypeError("a bug")
    return value


# --- Without Ray ------------------------------------------------------------


@pytest.mark.skipif(HAS_RAY, reason="ray is installed")
@pytest.mark.parametrize("script", [frame, feature, predict, study])
def test_what_to_install(script: Any, tmp_path: Path, capsys) -> None:
    args = ["d", "--cluster", "local", *folders(tmp_path)]
    if script is study:
        args += ["--table", "recipes.csv"]
    assert arguments.run(script.main, args) == 2
    said = capsys.readouterr().err
    assert "pip install -r requirements-cluster.txt" in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_machine_that_does_not_see_the_folder(tmp_path: Path) -> None:
    problem = Actor(b"", tmp_path / "elsewhere", 1).work({})
    assert isinstance(problem, UserError)
    assert f"does not see the folder {tmp_path}" in str(problem)


def test_predict_takes_clips_only(capsys) -> None:
    for args in (["--camera", "0"], ["--segments", "a.mp4"]):
        with pytest.raises(SystemExit):
            predict.main([*args, "--cluster", "local"])
        error = capsys.readouterr().err
        assert "unrecognized arguments: --cluster local" in error


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


class Rows(dict):
    """As many rows as you like, none of them in memory."""

    def __init__(self, number: int):
        super().__init__()
        self._number = number
        self.taken = 0

    def __len__(self) -> int:
        return self._number

    def items(self) -> Any:
        for number in range(self._number):
            self.taken += 1
            yield str(number), ("", number)


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
def test_a_local_cluster_ends_with_its_script(tmp_path: Path) -> None:
    dataset = write_clips(tmp_path, 30)
    args = ("d", "--cluster", "local", "--workers", "2")
    code, said = run(tmp_path, "frame", *args)
    assert code == 0, said
    assert len(list(dataset.frame.glob("*/*/frame-020.jpg"))) == 30
    assert not [line for line in said.splitlines() if "ray" in line.lower()]
    code, said = run(tmp_path, "frame", *args)
    assert code == 0 and said.startswith("nothing to do") and len(said) < 200


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


@needs_ray
def test_an_address_without_a_cluster(tmp_path: Path, capsys) -> None:
    write_clips(tmp_path, 3)
    args = ["d", "--cluster", "no such address", *folders(tmp_path)]
    assert arguments.run(frame.main, args) == 2
    said = capsys.readouterr().err
    assert "no Ray cluster can be used at no such address" in said
    assert "Traceback" not in said


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
