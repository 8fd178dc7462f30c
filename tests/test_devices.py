"""Training on several devices learns what training on one does."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from store import folders, write_dataset

import train_lstm
from signs.core import arguments

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
# There are 23 training clips, which neither 6 nor 4 divides.
SMALL = "--units 8 --layers 1 --batch 6 --epochs 2".split()
TWO = {
    "KERAS_BACKEND": "jax",
    "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    "JAX_PLATFORMS": "cpu",
}


def script(name: str, root: Path, *args: str) -> tuple[int, str]:
    """Runs a script where JAX sees two devices; returns what it said."""
    done = subprocess.run(
        [sys.executable, f"{name}.py", *args, *folders(root)],
        cwd=ROOT,
        env={**os.environ, **TWO},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def curve(root: Path, kind: str) -> pd.DataFrame:
    """The newest log of a kind of run."""
    return pd.read_csv(max((root / "log").glob(f"*-{kind}-*in?.csv")))


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs of both scripts on one device and on two, by --devices."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed")
    made = {}
    for number in ("1", "all"):
        root = made[number] = tmp_path_factory.mktemp(number)
        write_dataset(root / "data", "d", ["x", "y", "z"], clips=29)
        write_dataset(root / "data", "e", ["x", "y", "z"], clips=29)
        devices = ["--devices", number]
        code, said = script("train_lstm", root, "d", *SMALL, *devices)
        assert code == 0, said
        code, said = script(
            *("transfer", root, "e", "--batch", "4", "--epochs", "2"),
            *("--freeze", "all", *devices),
        )
        assert code == 0, said
        if number == "all":
            assert "training on cpu:0, cpu:1" in said
    return made


@pytest.mark.parametrize("kind", ["lstm", "transfer"])
def test_the_learning_curve_is_the_same(
    roots: dict[str, Path], kind: str
) -> None:
    one, two = (curve(roots[number], kind) for number in ("1", "all"))
    assert len(one) == 2 and one["loss"].nunique() == 2
    pd.testing.assert_frame_equal(one, two, rtol=1e-4, atol=1e-5)


def test_a_run_goes_on_with_other_devices(roots: dict[str, Path]) -> None:
    root = roots["all"]
    path = next((root / "log").glob("*-lstm-*.json"))
    record = json.loads(path.read_text(encoding="utf-8"))
    assert "devices" not in record["arguments"]
    code, said = script(
        *("train_lstm", root, "d", "--resume", path.stem, "--epochs", "3"),
        *("--devices", "1"),
    )
    assert code == 0 and "training on cpu:0\n" in said, said
    assert len(curve(root, "lstm")) == 3


def test_what_cannot_be_shared_is_told(roots: dict[str, Path]) -> None:
    root = roots["1"]
    for args, said in {
        ("--devices", "3"): "--devices 3, but JAX sees only 2 here",
        ("--devices", "2", "--batch", "5"): "use --batch 4 or 6",
        ("--devices", "2", "--batch", "1"): "use --batch 2,",
    }.items():
        code, output = script("train_lstm", root, "d", *args)
        assert code == 2 and said in output
        assert "Traceback" not in output


def test_other_backends_are_told(tmp_path: Path, capsys) -> None:
    write_dataset(tmp_path / "data", "d", ["x", "y"], clips=20)
    args = ["d", "--devices", "all", *folders(tmp_path)]
    assert arguments.run(train_lstm.main, args) == 2
    assert "--devices is for JAX" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("text", ["0", "-1", "some", "1.5"])
def test_numbers_that_make_no_sense(text: str, capsys) -> None:
    with pytest.raises(SystemExit):
        train_lstm.parse_arguments(["--devices", text])
    assert "--devices" in capsys.readouterr().err
