"""Runs and models of version 0.1 still load, or say what remakes them.

The files in `old_models` were written by commit cd5d5e1, from the clips that
`store.write_dataset` makes.
"""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from store import folders, write_dataset

import train_lstm
import transfer
from signs.core import arguments
from signs.core.errors import UserError
from signs.evaluation import training_log
from signs.models import classifier
from signs.training import run_record

OLD = Path(__file__).parent / "old_models"
META = {"length": 4, "frames": 5}
# By --recipe best; with layers and flags that are no more; on 3 of 5 frames.
PLAIN, RICH, FEWER, MOVED = (
    "20261126-031008-lstm-30in3",
    "20261126-031022-lstm-30in3",
    "20261126-031036-lstm-30in3",
    "20261126-031047-transfer-20in2",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = Path(shutil.copytree(OLD, tmp_path / "old"))
    write_dataset(root / "data", "old-source", ["1", "2", "3"], 30, META)
    write_dataset(root / "data", "old-target", ["null", "Tür"], 20, META)
    return root


def go_on(script, root: Path, run: str) -> int:
    argv = ["--resume", run, "--epochs", "4", "--quiet", *folders(root)]
    return arguments.run(script.main, argv)


@pytest.mark.parametrize("run", [PLAIN, RICH, MOVED])
def test_a_model_loads_with_its_record_in_todays_words(run: str):
    path, record = run_record.find_model(run, OLD / "model")
    model = classifier.load_classifier(path, (5, 4))
    assert model.output_shape == (None, len(record["classes"]))
    assert record["session_mean"] == (run != RICH)
    assert len(training_log.read_log(OLD / "log" / f"{run}.csv"))
    figures = run_record.validation_figures(
        run_record.read_record(OLD / "log" / f"{run}.json")
    )
    assert 0 <= figures["accuracy"] <= 1


def test_a_model_of_fewer_frames_names_what_remakes_it():
    with pytest.raises(UserError, match=r"python train_lstm.py old-source"):
        run_record.find_model(FEWER, OLD / "model")


def test_a_finished_run_is_trained_longer(root: Path):
    before = (root / "log" / f"{PLAIN}.csv").read_text()
    assert go_on(train_lstm, root, PLAIN) == 0
    after = (root / "log" / f"{PLAIN}.csv").read_text()
    assert after.startswith(before) and len(after.splitlines()) == 5


def test_a_run_with_flags_that_are_no_more_does_not_go_on(root: Path, capsys):
    assert go_on(train_lstm, root, RICH) == 2
    error = capsys.readouterr().err
    for flag in ("--components 3", "--mixup 0.2"):
        assert flag in error


@pytest.mark.parametrize("run", [PLAIN, RICH])
def test_a_model_can_be_transferred(root: Path, run: str):
    argv = ["old-target", "--model", run, "--epochs", "1", "--quiet"]
    assert arguments.run(transfer.main, [*argv, *folders(root)]) == 0
    new = max((root / "log").glob("*-transfer-*.csv"))
    assert new.stem != MOVED
    assert pd.read_csv(new)["loss"].notna().all()
