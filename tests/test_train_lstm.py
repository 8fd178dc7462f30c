import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from store import folders, write_dataset

import train_lstm
from signs.core import arguments
from signs.core.backend import keras
from signs.evaluation import training_log
from signs.training import presets, run_record

SMALL = ["--recipe", "writeup", "--units", "8", "--batch", "8", "--lr", "0.01"]


def train(root: Path, *args: str) -> int:
    return arguments.run(train_lstm.main, [*args, *folders(root)])


def only_run(root: Path) -> str:
    (record,) = (root / "log").glob("*-lstm-*.json")
    return record.stem


def epoch_logs(root: Path) -> list[Path]:
    return training_log.find_logs(root / "log")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "data", "d", ["10", "9", "null"], clips=45)
    return tmp_path


def test_a_run_leaves_all_that_was_promised(root: Path, capsys):
    code = train(root, "d", *SMALL, "--epochs", "6", "--input", "centered")
    assert code == 0
    run = only_run(root)
    assert pd.Series([run]).str.fullmatch(r"\d{8}-\d{6}-lstm-45in3").all()
    rows = pd.read_csv(root / "log" / f"{run}.csv")
    assert rows["epoch"].tolist() == list(range(6))
    record = json.loads((root / "log" / f"{run}.json").read_text())
    assert record["arguments"]["units"] == 8
    assert record["arguments"]["seed"] == 0
    assert record["arguments"]["features"] == "mobilenet-0.25"
    assert record["data"]["train"] == 36 and record["data"]["val"] == 9
    found = record["final"]["validation"]
    best = rows.iloc[rows["val_loss"].argmin()]
    assert found["loss"] == pytest.approx(best["val_loss"], rel=1e-3)
    assert found["accuracy"] == pytest.approx(best["val_accuracy"])
    table = pd.read_csv(
        root / "log" / f"{run}-classes.csv", keep_default_na=False
    )
    assert table["label"].tolist() == ["10", "9", "null"]
    assert table["clips"].tolist() == [3, 3, 3]
    assert table["recall"].astype(float).mean() == pytest.approx(
        found["macro_recall"], abs=1e-3
    )
    assert (root / "log" / f"{run}-confusion.png").stat().st_size > 1000
    path, model_record = run_record.find_model(None, root / "model")
    assert path.name == f"{run}-best.keras"
    labels = [row["label"] for row in model_record["classes"]]
    assert labels == ["10", "9", "null"]
    assert model_record["frames"] == 20
    assert model_record["input"] == "centered"
    assert model_record["features"]["weights_hash"] == "0123456789abcdef"
    output = capsys.readouterr().out
    assert "36 training clips and 9 validation clips of 3 classes" in output
    assert "epoch 6/6" in output
    assert "95% interval" in output


def test_it_learns(root: Path):
    assert train(root, "d", *SMALL, "--epochs", "30", "--dropout", "0.1") == 0
    record = json.loads(next((root / "log").glob("*.json")).read_text())
    assert record["final"]["validation"]["accuracy"] > 0.8


def test_the_same_seed_gives_the_same_run(root: Path):
    for _ in range(2):
        assert train(root, "d", *SMALL, "--epochs", "2") == 0
    first, second = (pd.read_csv(x) for x in epoch_logs(root))
    pd.testing.assert_frame_equal(first, second, rtol=1e-4)
    assert train(root, "d", *SMALL, "--epochs", "2", "--seed", "1") == 0
    third = pd.read_csv(epoch_logs(root)[-1])
    assert not np.allclose(first["loss"], third["loss"], rtol=1e-3)


def test_resume(root: Path, capsys):
    assert train(root, "d", *SMALL, "--epochs", "2", "--layers", "1") == 0
    run = only_run(root)
    log = root / "log" / f"{run}.csv"
    before = log.read_text()
    assert train(root, "--resume", run) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert log.read_text() == before

    assert train(root, "--resume", run, "--epochs", "4") == 0
    assert only_run(root) == run
    assert log.read_text().startswith(before)
    assert pd.read_csv(log)["epoch"].tolist() == [0, 1, 2, 3]
    record = json.loads((root / "log" / f"{run}.json").read_text())
    assert record["arguments"]["layers"] == 1
    assert record["arguments"]["epochs"] == 4
    assert record["final"]["epochs"] == 4


def test_a_run_killed_in_its_first_epoch_can_be_resumed(root: Path):
    assert train(root, "d", *SMALL, "--epochs", "1") == 0
    run = only_run(root)
    expected = (root / "log" / f"{run}.csv").read_text()
    (root / "model" / f"{run}-last.keras").unlink()
    (root / "model" / f"{run}-best.keras").unlink()
    assert train(root, "--resume", run) == 0
    again = pd.read_csv(root / "log" / f"{run}.csv")
    assert again["epoch"].tolist() == [0]
    assert len(expected.splitlines()) == 2
    assert (root / "model" / f"{run}-best.keras").exists()


def test_resume_refuses_other_data(root: Path, capsys):
    assert train(root, "d", *SMALL, "--epochs", "1") == 0
    run = only_run(root)
    write_dataset(
        root / "data", "d", ["10", "9", "null"], 60, meta={"weights_hash": "x"}
    )
    assert train(root, "--resume", run, "--epochs", "2") == 2
    error = capsys.readouterr().err
    assert "weights random (0123456789abcdef) and random (x)" in error
    assert "training clips 36 and 48" in error
    assert train(root, "--resume", "nothing") == 2
    assert "nothing.json" in capsys.readouterr().err


def test_without_validation_clips(root: Path, capsys):
    path = root / "data" / "d" / "clips.csv"
    path.write_text(path.read_text().replace(",val", ",test"))
    assert train(root, "d", *SMALL, "--epochs", "2") == 0
    assert "no clip is in the split val" in capsys.readouterr().err
    rows = pd.read_csv(root / "log" / f"{only_run(root)}.csv")
    assert rows["loss"].notna().all()
    run = only_run(root)
    assert train(root, "--resume", run, "--epochs", "3") == 0
    assert list((root / "model").glob("*-best.keras"))


def test_a_class_only_in_one_split_is_named(root: Path, capsys):
    path = root / "data" / "d" / "clips.csv"
    lines = path.read_text().splitlines()
    kept = [x for x in lines if not (x.startswith("null") and x[-3:] == "val")]
    path.write_text("\n".join(kept) + "\n")
    assert train(root, "d", *SMALL, "--epochs", "1") == 0
    error = capsys.readouterr().err
    assert "1 class has no validation clip: null" in error


def test_dry_run_writes_nothing(root: Path, capsys):
    assert train(root, "d", *SMALL, "--dry-run") == 0
    assert "LSTM(8) + LSTM(8) + Dense(3)" in capsys.readouterr().out
    assert not (root / "log").exists() and not (root / "model").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["other"], "python frame.py other"),
        (["d", "--cnn", "inceptionv3"], "python feature.py d --cnn inc"),
    ],
)
def test_what_is_missing_names_its_command(
    root: Path, capsys, args: list[str], message: str
):
    assert train(root, *args) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and captured.err.startswith("error: ")
    assert message in captured.err


def test_a_model_loads_in_safe_mode_without_this_project(root: Path):
    assert train(root, "d", *SMALL, "--epochs", "1", "--input", "both") == 0
    path, _ = run_record.find_model(None, root / "model")
    model = keras.saving.load_model(path, safe_mode=True)
    modules = {type(layer).__module__ for layer in model.layers}
    assert all(module.startswith("keras.") for module in modules)


@pytest.mark.slow  # one training more
def test_a_model_trained_in_half_precision_is_like_any_other(root: Path):
    options = ["--mixed-precision", "--epochs", "2"]
    assert train(root, "d", *SMALL, *options) == 0
    run = only_run(root)
    assert train(root, "--resume", run, "--epochs", "3") == 0
    rows = pd.read_csv(root / "log" / f"{run}.csv")
    assert rows["epoch"].tolist() == [0, 1, 2]
    model = keras.saving.load_model(root / "model" / f"{run}-best.keras")
    assert {x.dtype_policy.name for x in model.layers} == {"float32"}
    assert {x.dtype for x in model.weights} == {"float32"}


def test_a_recipe_is_recorded_with_all_it_stands_for(root: Path):
    flags = ["--units", "8", "--epochs", "1"]
    assert train(root, "d", *flags) == 0
    path = root / "log" / f"{only_run(root)}.json"
    args = json.loads(path.read_text())["arguments"]
    recipe = presets.TRAINING["recommended"]
    assert args["recipe"] == "recommended"
    assert args["units"] == 8  # given, so it wins
    for name in recipe.keys() - {"units"}:
        assert args[name] == recipe[name]
