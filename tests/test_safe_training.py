"""Nothing of a training is lost, and no run goes on as another one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from store import folders, write_dataset

import train_lstm
from signs.core import arguments
from signs.core.backend import keras
from signs.training.run_record import Run

QUIET = ["--quiet"]
SMALL = "--units 4 --layers 1 --batch 8 --lr 0.01 --quiet".split()


def train(root: Path, *args: str) -> int:
    return arguments.run(train_lstm.main, [*args, *folders(root)])


def run_of(root: Path) -> Run:
    (record,) = (root / "log").glob("*-lstm-*.json")
    return Run(record.stem, root / "log", root / "model")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("safe")
    write_dataset(root / "data", "d", ["a", "b", "c"], clips=30)
    assert train(root, "d", *SMALL, "--epochs", "2", "--keep-state") == 0
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def test_models_have_no_optimizer_and_the_state_goes_in_the_end(root: Path):
    run = run_of(root)
    assert run.state.exists()
    for path in (run.best, run.last):
        model = keras.saving.load_model(path, safe_mode=True)
        assert getattr(model, "optimizer", None) is None
    assert train(root, "--resume", run.name, "--epochs", "3", *QUIET) == 0
    assert not run.state.exists()


def test_a_run_that_went_on_is_as_one_that_never_stopped(root: Path):
    run = run_of(root)
    assert train(root, "--resume", run.name, "--epochs", "4", *QUIET) == 0
    assert train(root, "d", *SMALL, "--epochs", "4") == 0
    first, second = sorted((root / "log").glob("*in3.csv"))
    pd.testing.assert_frame_equal(
        pd.read_csv(first), pd.read_csv(second), rtol=1e-3
    )


def test_without_its_state_a_run_goes_on_with_a_fresh_optimizer(
    root: Path, capsys
):
    run = run_of(root)
    before = run.csv.read_text()
    run.state.unlink()
    assert train(root, "--resume", run.name, "--epochs", "4") == 0
    said = capsys.readouterr().out
    assert "from epoch 2 with a fresh optimizer" in said
    assert run.csv.read_text().startswith(before)
    assert pd.read_csv(run.csv)["epoch"].tolist() == [0, 1, 2, 3]


def test_a_damaged_state_is_named(root: Path, capsys):
    run = run_of(root)
    run.state.write_bytes(run.state.read_bytes()[:-200])
    assert train(root, "--resume", run.name, "--epochs", "3") == 2
    assert f"{run.state} is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--units", "8"], "--units 8 instead of 4"),
        (["--lr", "0.1"], "--lr 0.1 instead of 0.01"),
        (["--recipe", "writeup"], "--recipe writeup instead of recommended"),
        (["other"], "--dataset other instead of d"),
    ],
)
def test_other_settings_are_refused(root: Path, capsys, flags, said: str):
    run = run_of(root)
    assert train(root, *flags, "--resume", run.name, "--epochs", "3") == 2
    assert said in capsys.readouterr().err
    assert train(root, "--units", "4", "--resume", run.name, *QUIET) == 0


def test_swapped_clips_are_refused(root: Path, capsys):
    path = root / "data" / "d" / "clips.csv"
    table = pd.read_csv(path)
    swap = {
        split: table.index[table["split"] == split][0]
        for split in ("train", "val")
    }
    table.loc[swap["train"], "split"] = "val"
    table.loc[swap["val"], "split"] = "train"
    table.to_csv(path, index=False)
    resume = ["--resume", run_of(root).name, "--epochs", "3"]
    assert train(root, *resume) == 2
    error = capsys.readouterr().err
    assert "as many training clips, but not the same ones" in error
    assert "as many validation clips, but not the same ones" in error


def test_a_loss_that_is_no_number_stops_the_run(root: Path, capsys):
    """It names the epoch and a flag to try, and keeps the models of before."""
    run = run_of(root)
    rows = run.csv.read_text()
    kept = {path: path.read_bytes() for path in (run.best, run.last)}
    state = dict(np.load(run.state))
    weights = next(x for x in state if state[x].ndim == 2)
    state[weights] = np.full_like(state[weights], np.nan)
    np.savez(run.state, **state)
    assert train(root, "--resume", run.name, "--epochs", "4") == 2
    error = capsys.readouterr().err
    assert "no number any more in epoch 3" in error
    assert "its models are those of epoch 2" in error
    assert "--lr 0.001" in error
    assert run.csv.read_text() == rows
    assert {path: path.read_bytes() for path in kept} == kept


def test_tensorboard_works_or_says_what_it_needs(root: Path, capsys):
    flags = ["--resume", run_of(root).name, "--epochs", "3", "--tensorboard"]
    code = train(root, *flags)
    if code == 0:
        assert list((root / "log" / "tensorboard").rglob("events*"))
    else:
        assert "python -m pip install" in capsys.readouterr().err


def test_the_record_is_the_settings(finished: Path):
    record = json.loads(run_of(finished).log_record.read_text())
    assert record["arguments"]["learning_rate"] == 0.01
    assert record["arguments"]["recipe"] == "recommended"
    assert record["arguments"]["session_mean"] is True
    assert set(record["data"]["digests"]) == {"train", "val"}
    for name in ("log", "data", "quiet", "resume", "keep_state"):
        assert name not in record["arguments"]
