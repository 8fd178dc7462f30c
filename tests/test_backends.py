"""The training scripts on Keras's other backends, where they are installed."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from store import folders, write_dataset

from signs.core.backend import keras

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SMALL = ["--epochs", "2", "--batch", "8", "--quiet"]


def run(backend: str, *command: str) -> None:
    subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend},
        check=True,
    )


@pytest.mark.parametrize("precision", [[], ["--mixed-precision"]])
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_train_and_transfer(backend: str, precision: list, tmp_path: Path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    write_dataset(tmp_path / "data", "d", ["x", "y", "z"], clips=30)
    options = [*SMALL, *precision, *folders(tmp_path)]
    run(backend, "train_lstm.py", "d", "--units", "8", *options)
    write_dataset(tmp_path / "data", "e", ["x", "y"], clips=20)
    run(backend, "transfer.py", "e", "--freeze", "all", *options)
    (record,) = (tmp_path / "log").glob("*-lstm-*.json")
    options[1] = "3"
    run(backend, "train_lstm.py", "--resume", record.stem, *options)
    assert json.loads(record.read_text())["backend"] == backend
    rows = (tmp_path / "log" / f"{record.stem}.csv").read_text().splitlines()
    assert len(rows) == 1 + 3
    for path in (tmp_path / "model").glob("*.keras"):
        model = keras.saving.load_model(path, safe_mode=True)
        assert {x.dtype_policy.name for x in model.layers} == {"float32"}
        clips = np.ones((2, 20, 8), "float32")
        assert np.isfinite(model.predict(clips, verbose=0)).all()
