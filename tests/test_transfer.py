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
from signs.training import feature_dataset, loop, run, run_record
from signs.training.augment import Augmentation
from signs.training.feature_dataset import Batches

WORDS = ["null", "Tür", "Ä"]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("transfer")
    write_dataset(root / "data", "big", ["1", "2", "3", "4"], clips=60)
    write_dataset(root / "data", "small", WORDS, clips=30)
    flags = "--units 8 --batch 8 --lr 0.01 --epochs 2 --input centered --quiet"
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
        feature_dataset.find_examples(
            dataset,
            clips_table.read_clips(dataset),
            clips_table.read_classes(dataset),
            META,
            split,
        )
        for split in ("train", "val")
    )
    model = classifier.replace_head(keras.saving.load_model(source), 3, "all")
    loop.compile_classifier(model, 0.01)
    head, seen, _ = loop.skip_frozen(model, train, val)
    assert isinstance(seen, feature_dataset.Embedded)
    everything = model.predict(Batches(train, 8), verbose=0)
    only_head = head.predict(Batches(seen, 8), verbose=0)
    np.testing.assert_allclose(only_head, everything, atol=1e-6)
    before = model.get_layer("softmax").get_weights()[0].copy()
    head.fit(Batches(seen, 8, seed=0), epochs=2, verbose=0)
    assert not np.array_equal(
        before, model.get_layer("softmax").get_weights()[0]
    )
    assert loop.finished_epochs(model, len(train), 8) == 2
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


@pytest.mark.parametrize("head", ["probe", "means"])
def test_a_head_that_starts_warm(root: Path, head: str):
    """It knows most before its first step; a cold one guesses."""
    flags = ["--head", head, "--epochs", "1", "--lr", "1e-9", "--quiet"]
    assert run_transfer(root, "small", *flags) == 0
    log = root / "log" / f"{newest(root)['run']}.csv"
    assert pd.read_csv(log)["val_accuracy"].iloc[0] > 0.8


def test_the_last_lstm_afresh(root: Path):
    flags = ["--fresh", "last", "--freeze", "first", "--epochs", "1"]
    assert run_transfer(root, "small", *flags, "--lr", "1e-9") == 0
    source, _ = run_record.find_model(None, root / "model")
    pairs = zip(
        lstm_weights(source), lstm_weights(newest(root)["path"]), strict=True
    )
    moved = [
        max(np.abs(a - b).max() for a, b in zip(old, new, strict=True))
        for old, new in pairs
    ]
    assert moved[0] == 0 and moved[1] > 0.1
    with pytest.raises(SystemExit):
        transfer.parse_arguments(["--fresh", "last", "--freeze", "all"])


def test_an_anchor_holds_a_resumed_run_to_its_source(root: Path):
    """As strongly as can be: the learning rate times 100 is 1."""
    flags = ["--anchor", "100", "--lr", "0.01", "--head", "probe"]
    assert run_transfer(root, "small", *flags, "--epochs", "1") == 0
    name = newest(root)["run"]
    last = root / "model" / f"{name}-last.keras"
    model = keras.saving.load_model(last)
    for layer in classifier.lstms(model):
        layer.set_weights([x + 0.1 for x in layer.get_weights()])
    model.save(last)
    assert run_transfer(root, "--resume", name, "--epochs", "2") == 0
    source, _ = run_record.find_model(None, root / "model")
    for old, new in zip(lstm_weights(source), lstm_weights(last), strict=True):
        for one, other in zip(old, new, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_flags_become_settings():
    flags = "--layer-decay 0.5 --anchor 3 --mixup 0.2 --stretch 0.3"
    args = transfer.parse_arguments([*flags.split(), "--label-smoothing", ".1"])
    settings = run.settings_of(args)
    assert (settings.layer_decay, settings.anchor) == (0.5, 3)
    assert settings.augmentation == Augmentation(0.1, 0.2, 0.3)
    plain = run.settings_of(transfer.parse_arguments([]))
    assert (plain.layer_decay, plain.anchor) == (1, 0)
    assert plain.augmentation == Augmentation()


def test_frozen_lstms_see_varied_clips(root: Path):
    """Then they are computed in each epoch, and still stay as they are."""
    flags = ["--freeze", "all", "--stretch", "0.3", "--epochs", "2"]
    assert run_transfer(root, "small", *flags) == 0
    source, _ = run_record.find_model(None, root / "model")
    pairs = zip(
        lstm_weights(source), lstm_weights(newest(root)["path"]), strict=True
    )
    assert all(all(map(np.array_equal, old, new)) for old, new in pairs)


def test_what_the_source_sees_is_inherited(tmp_path: Path, capsys):
    write_dataset(tmp_path / "data", "big", ["1", "2", "3", "4"], clips=60)
    write_dataset(tmp_path / "data", "small", WORDS, clips=30)
    flags = (
        "big --units 8 --batch 16 --epochs 1 --quiet --layers 1 --steps 4 "
        "--bidirectional --pool mean --input standardized --center-recording"
    )
    assert (
        arguments.run(train_lstm.main, [*flags.split(), *folders(tmp_path)])
        == 0
    )
    assert (
        run_transfer(tmp_path, "small", "--recipe", "best", "--epochs", "1")
        == 0
    )
    assert "centred by the means of" in capsys.readouterr().out
    record = newest(tmp_path)
    assert (record["frames"], record["steps"]) == (20, 4)
    assert record["center_recording"] and record["input"] == "standardized"
    model = keras.saving.load_model(record["path"], safe_mode=True)
    assert model.input_shape == (None, 4, 8)
    resume = ["--resume", record["run"], "--epochs", "2"]
    assert run_transfer(tmp_path, *resume) == 0
