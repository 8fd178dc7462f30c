"""--cluster where none is there yet: no Ray, no address, or a local one."""

from pathlib import Path
from typing import Any

import pytest
from machines import HAS_RAY, needs_ray
from scripts import run, write_clips
from store import folders

import feature
import frame
import predict
import study
from signs.cluster.actor import Actor
from signs.core import arguments
from signs.core.errors import UserError

pytestmark = pytest.mark.slow


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


@needs_ray
def test_an_address_without_a_cluster(tmp_path: Path, capsys) -> None:
    write_clips(tmp_path, 3)
    args = ["d", "--cluster", "no such address", *folders(tmp_path)]
    assert arguments.run(frame.main, args) == 2
    said = capsys.readouterr().err
    assert "no Ray cluster can be used at no such address" in said
    assert "Traceback" not in said


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
