import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from store import META, folders, write_dataset

import train_lstm
import transfer
from signs.core import arguments
from signs.core.backend import keras
from signs.data import clips_table
from signs.data.clips_table import Dataset
from signs.models import classifier
from signs.training import feature_dataset, loop, run_record
from signs.training.batches import Batches
from signs.training.settings import TransferSettings

WORDS = ["null", "Tür", "Ä"]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("transfer")
    write_dataset(root / "data", "big", ["1", "2", "3", "4"], clips=60)
    write_dataset(root / "data", "small", WORDS, clips=30)
    flags = (
        "--recipe writeup --units 8 --batch 8 --lr 0.01 --epochs 2 "
        "--input centered --quiet"
    )
    argv = ["big", *flags.split(), *folders(root)]
    assert arguments.run(train_lstm.main, argv) == 0
    return root


def run_transfer(root: Path, *argv: str) -> int:
    return arguments.run(transfer.main, [*argv, *folders(root)])


def newest(root: Path) -> dict:
    path, record = run_record.find_model(None, root / "model", "transfer")
    return {"path": path, **record}


def lstm_weights(path: Path) -> list[list[np.ndarray]]:
    model = keras.saving.load_model(path)
    return [
        layer.get_weights()
        for layer in model.layers
        if isinstance(layer, keras.layers.LSTM)
    ]


@pytest.mark.parametrize(
    ("freeze", "frozen"), [("none", 0), ("first", 1), ("all", 2)]
)
def test_only_the_last_layer_is_new(root: Path, freeze, frozen, capsys):
    argv = ["--freeze", freeze, "--epochs", "2", "--lr", "0.01"]
    assert run_transfer(root, "small", *argv) == 0
    source, source_record = run_record.find_model(None, root / "model")
    result = newest(root)
    assert result["source"] == source_record["run"]
    assert result["freeze"] == freeze
    assert [row["label"] for row in result["classes"]] == sorted(WORDS)
    model = keras.saving.load_model(result["path"])
    assert model.output_shape == (None, 3)
    pairs = zip(lstm_weights(source), lstm_weights(result["path"]), strict=True)
    for number, (old, new) in enumerate(pairs):
        same = all(map(np.array_equal, old, new))
        assert same == (number < frozen)
    output = capsys.readouterr().out
    assert f"starting from {source}, whose classes were of big" in output
    assert output.count("frozen") == frozen
    log = json.loads((root / "log" / f"{result['run']}.json").read_text())
    assert log["arguments"]["model"] == str(source)


def test_the_input_layers_come_along(root: Path):
    """The target is seen with the source's own statistics."""
    assert run_transfer(root, "small", "--epochs", "1") == 0
    source, _ = run_record.find_model(None, root / "model")
    old, new = (
        keras.saving.load_model(path).get_layer("standardize").get_config()
        for path in (source, newest(root)["path"])
    )
    assert old["mean"] == new["mean"]
    assert newest(root)["input"] == "centered"


def test_a_model_by_name_and_by_path(root: Path, capsys):
    path, record = run_record.find_model(None, root / "model")
    for name in (record["run"], str(path)):
        assert run_transfer(root, "small", "--model", name, "--dry-run") == 0
        assert str(path) in capsys.readouterr().out
    assert run_transfer(root, "small", "--model", "other") == 2
    assert "other-best.keras" in capsys.readouterr().err


def test_resume(root: Path):
    argv = ["--freeze", "first", "--epochs", "1"]
    assert run_transfer(root, "small", *argv) == 0
    name = newest(root)["run"]
    assert run_transfer(root, "--resume", name, "--epochs", "3") == 0
    rows = (root / "log" / f"{name}.csv").read_text().splitlines()
    assert len(rows) == 4
    source, _ = run_record.find_model(None, root / "model")
    last = root / "model" / f"{name}-last.keras"
    old, new = lstm_weights(source)[0], lstm_weights(last)[0]
    assert all(map(np.array_equal, old, new))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": 40}, "frames 20 and 40"),
        ({"weights_hash": "abc"}, r"(0123456789abcdef) and random (abc)"),
        ({"length": 9}, "length 8 and 9"),
    ],
)
def test_other_features_are_refused(root: Path, change, message, capsys):
    write_dataset(root / "data", "other", WORDS, clips=30, meta=change)
    assert run_transfer(root, "other") == 2
    error = capsys.readouterr().err
    assert message in error
    assert "python feature.py other --overwrite" in error


def test_another_cnn_is_refused(root: Path, capsys):
    write_dataset(root / "data", "cnn", WORDS, meta={"cnn": "inceptionv3"})
    assert run_transfer(root, "cnn") == 2
    assert "python feature.py cnn --cnn mobilenet --alpha 0.25" in (
        capsys.readouterr().err
    )


def test_no_model_to_start_from(tmp_path: Path, capsys):
    write_dataset(tmp_path / "data", "small", WORDS)
    assert run_transfer(tmp_path, "small") == 2
    assert "python train_lstm.py" in capsys.readouterr().err


def test_a_damaged_model_is_named(root: Path, tmp_path: Path, capsys):
    path, record = run_record.find_model(None, root / "model")
    cut = tmp_path / path.name
    cut.write_bytes(path.read_bytes()[:-1000])
    (tmp_path / f"{record['run']}.json").write_text(
        (root / "model" / f"{record['run']}.json").read_text()
    )
    assert run_transfer(root, "small", "--model", str(cut)) == 2
    assert f"{cut} cannot be loaded" in capsys.readouterr().err


def test_frozen_lstms_are_computed_once(root: Path):
    """The head alone learns what it would learn in the whole network."""
    source, _ = run_record.find_model(None, root / "model")
    dataset = Dataset(root / "data" / "small")
    train, val = (
        feature_dataset.find_clips(
            dataset,
            clips_table.read_clips(dataset),
            clips_table.read_classes(dataset),
            META,
            split,
        )
        for split in ("train", "val")
    )
    model = classifier.replace_head(keras.saving.load_model(source), 3, "all")
    fit = TransferSettings(dataset="small", learning_rate=0.01)
    loop.compile_classifier(model, fit)
    head, seen, _ = loop.skip_frozen(model, train, val, fit)
    assert seen.shape == (8,)
    everything = model.predict(Batches(train, 8), verbose=0)
    only_head = head.predict(Batches(seen, 8), verbose=0)
    np.testing.assert_allclose(only_head, everything, atol=1e-6)
    before = model.get_layer("softmax").get_weights()[0].copy()
    head.fit(Batches(seen, 8, seed=0), epochs=2, verbose=0)
    assert not np.array_equal(
        before, model.get_layer("softmax").get_weights()[0]
    )
    np.testing.assert_allclose(
        head.predict(Batches(seen, 8), verbose=0),
        model.predict(Batches(train, 8), verbose=0),
        atol=1e-6,
    )


def test_resume_with_all_frozen(root: Path):
    argv = ["--freeze", "all", "--epochs", "2"]
    assert run_transfer(root, "small", *argv) == 0
    name = newest(root)["run"]
    assert run_transfer(root, "--resume", name, "--epochs", "4") == 0
    rows = (root / "log" / f"{name}.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["0", "1", "2", "3"]


def test_a_linear_probe_knows_most_before_its_first_step(root: Path):
    flags = ["--head", "linear_probe", "--epochs", "1", "--lr", "1e-9"]
    assert run_transfer(root, "small", *flags, "--quiet") == 0
    log = root / "log" / f"{newest(root)['run']}.csv"
    assert pd.read_csv(log)["val_accuracy"].iloc[0] > 0.8


@pytest.mark.slow  # two trainings more
def test_what_the_source_sees_is_inherited(tmp_path: Path, capsys):
    write_dataset(tmp_path / "data", "big", ["1", "2", "3", "4"], clips=60)
    write_dataset(tmp_path / "data", "small", WORDS, clips=30)
    flags = (
        "big --units 8 --batch 16 --epochs 1 --quiet --layers 1 "
        "--bidirectional --pool mean --input standardized --session-mean"
    )
    argv = [*flags.split(), *folders(tmp_path)]
    assert arguments.run(train_lstm.main, argv) == 0
    assert run_transfer(tmp_path, "small", "--epochs", "1") == 0
    assert "centred by the means of" in capsys.readouterr().out
    record = newest(tmp_path)
    assert record["session_mean"] and record["input"] == "standardized"
    resume = ["--resume", record["run"], "--epochs", "2"]
    assert run_transfer(tmp_path, *resume) == 0


def test_the_source_is_of_another_data_set(tmp_path: Path, capsys):
    """Not of the same one, and not of rendered clips for real ones."""
    for name in ("sample-a", "sample-b", "mine", "theirs"):
        write_dataset(tmp_path / "data", name, ["1", "2"], clips=20)
    train = "--recipe writeup --layers 1 --units 4 --epochs 1 --quiet".split()
    train += folders(tmp_path)
    for name in ("theirs", "mine", "sample-a"):
        assert arguments.run(train_lstm.main, [name, *train]) == 0
    for target, source in (("mine", "theirs"), ("sample-b", "sample-a")):
        assert run_transfer(tmp_path, target, "--dry-run") == 0
        assert f"classes were of {source}" in capsys.readouterr().out
    _, record = run_record.find_model(None, tmp_path / "model")
    argv = ["sample-a", "--model", record["run"]]
    assert run_transfer(tmp_path, *argv) == 2
    assert "trained on sample-a itself" in capsys.readouterr().err
    for path in (tmp_path / "model").glob("*"):
        if record["run"] not in path.name:
            path.unlink()
    assert run_transfer(tmp_path, "mine") == 2
    assert "no model in" in capsys.readouterr().err
