"""Models, logs and features that are damaged, malicious, or of others."""

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from malicious import bad_features
from scripts import META, SMALL, tree, write_features
from store import folders, write_dataset

import train_lstm
import transfer
from signs.core import arguments, files, lock
from signs.core.backend import keras
from signs.core.errors import UserError
from signs.features import feature_store
from signs.models import classifier
from signs.training import callbacks, epoch_log, run_record

pytestmark = pytest.mark.slow
SHAPE = (META["frames"], META["length"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A data set, and a run of three epochs; not to be changed."""
    root = tmp_path_factory.mktemp("trained")
    write_features(root, clips=20)
    write_dataset(root / "data", "e", ["x", "y", "z"], 20, META)
    args = ["d", *SMALL, "--epochs", "3", "--keep-state", *folders(root)]
    assert arguments.run(train_lstm.main, args) == 0
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    shutil.copytree(trained, tmp_path / "all")
    return tmp_path / "all"


def run_of(root: Path) -> run_record.Run:
    (record,) = (root / "log").glob("*.json")
    return run_record.Run(record.stem, root / "log", root / "model")


def call(script, root: Path, *args: str) -> int:
    return arguments.run(script.main, [*args, "--quiet", *folders(root)])


def refused(capsys) -> str:
    """The one line that says why nothing was done."""
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), lines
    assert len(lines[0]) < 1000
    return lines[0]


# --- Models -----------------------------------------------------------------


def test_a_model_cannot_bring_its_own_code(root: Path, capsys) -> None:
    inputs = keras.Input((4, 8))
    marker = root / "was here"

    def attack(x, path=str(marker)):
        open(path, "w").close()
        return x

    outputs = keras.layers.Lambda(attack, output_shape=inputs.shape[1:])(inputs)
    model = keras.Model(inputs, outputs)
    marker.unlink(missing_ok=True)
    attacked = run_of(root)
    model.save(attacked.best)
    assert call(transfer, root, "e") == 2
    assert f"{attacked.best} cannot be loaded: " in refused(capsys)
    assert not marker.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"])
def test_what_is_no_model(root: Path, capsys, content: bytes) -> None:
    attacked = run_of(root)
    attacked.best.write_bytes(content * 99)
    assert call(transfer, root, "e") == 2
    assert f"{attacked.best} cannot be loaded: " in refused(capsys)
    attacked.last.write_bytes(content * 99)
    assert (
        call(train_lstm, root, "--resume", attacked.name, "--epochs", "9") == 2
    )
    assert f"{attacked.last} cannot be loaded: " in refused(capsys)


def test_damaged_models(
    root: Path,
    times: Callable[[int], int],
    chance: random.Random,
    tried: Counter[str],
) -> None:
    """A changed byte is found, or does no harm; it is no traceback."""
    attacked = run_of(root)
    content = attacked.best.read_bytes()
    whole = classifier.load_classifier(attacked.best, SHAPE).get_weights()
    for _ in range(4 * times(4)):
        tried["damaged models"] += 1
        changed = bytearray(content)
        for _ in range(chance.choice([1, 10, 100])):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        cut = chance.choice([0, 0, 1, chance.randrange(len(changed))])
        attacked.best.write_bytes(bytes(changed[: len(changed) - cut]))
        try:
            model = classifier.load_classifier(attacked.best, SHAPE)
        except UserError as error:
            assert str(attacked.best) in str(error)
        else:
            assert all(map(np.array_equal, model.get_weights(), whole))
    attacked.best.write_bytes(content)
    classifier.load_classifier(attacked.best, SHAPE)


def test_a_model_of_other_features(root: Path, capsys) -> None:
    attacked = run_of(root)
    inputs = keras.Input((4, 9))
    keras.Model(inputs, keras.layers.LSTM(3)(inputs)).save(attacked.best)
    assert call(transfer, root, "e") == 2
    assert "(None, 4, 9), not features of (4, 8)" in refused(capsys)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", "[" * 9999, '{"run": 1}']
)
def test_damaged_records(root: Path, capsys, text: str) -> None:
    attacked = run_of(root)
    attacked.model_record.write_text(text)
    assert call(transfer, root, "e") == 2
    assert f"is damaged: {attacked.model_record}" in refused(capsys)
    attacked.log_record.write_text(text)
    assert call(train_lstm, root, "--resume", attacked.name) == 2
    assert f"is damaged: {attacked.log_record}" in refused(capsys)


@pytest.mark.parametrize("key", ["features", "classes", "input"])
@pytest.mark.parametrize("value", [None, [], {}, 5])
def test_records_of_another_form(root: Path, capsys, key: str, value) -> None:
    attacked = run_of(root)
    record = json.loads(attacked.model_record.read_text())
    attacked.model_record.write_text(json.dumps({**record, key: value}))
    code = call(transfer, root, "e", "--dry-run")
    if code == 2:
        assert "error: " in refused(capsys)
    else:
        assert code == 0 and key in ("classes", "input")


def test_a_run_of_another_script(root: Path, capsys) -> None:
    attacked = run_of(root)
    assert call(transfer, root, "--resume", attacked.name) == 2
    error = refused(capsys)
    assert f"python train_lstm.py --resume {attacked.name}" in error


def test_a_run_is_trained_by_one(root: Path, capsys) -> None:
    attacked = run_of(root)
    before = tree(root)
    with lock.hold(attacked.log_folder, attacked.lock.name):
        assert call(train_lstm, root, "--resume", attacked.name) == 2
        assert "another process (" in refused(capsys)
    assert tree(root) == before


# --- Logs -------------------------------------------------------------------


def resume(root: Path, epochs: int) -> tuple[int, pd.DataFrame]:
    attacked = run_of(root)
    code = call(
        train_lstm, root, "--resume", attacked.name, "--epochs", str(epochs)
    )
    return code, pd.read_csv(attacked.csv)


def test_rows_that_are_cut_or_lost(root: Path, capsys) -> None:
    """One row an epoch stays, and what is lost is not made up."""
    attacked = run_of(root)
    text = attacked.csv.read_text()
    header, *rows = text.splitlines()
    values = [float(pd.read_csv(attacked.csv)["val_loss"][n]) for n in range(3)]
    cases = {
        text + rows[-1][:9]: [],
        text[:-1]: [3],
        text[:-9]: [3],
        f"{header}\n{rows[0]}\n": [2, 3],
        f"{header}\n{rows[0]}\n" + "\0" * 99 + f"\n{rows[2]}\n": [2],
        f"{header}\n{rows[0]}\n{rows[2]}\n{rows[2]}\n": [2],
        f"{header}\n": [1, 2, 3],
    }
    for content, lost in cases.items():
        attacked.csv.write_text(content)
        losses = epoch_log.cut(attacked.csv, 3)
        kept = pd.read_csv(attacked.csv)
        assert kept["epoch"].tolist() == [0, 1, 2]
        for number in range(3):
            if number + 1 in lost:
                assert np.isnan(losses[number])
                assert kept.loc[number].isna().sum() == len(kept.columns) - 1
            else:
                assert losses[number] == values[number]
        message = capsys.readouterr().err
        expected = f"epoch {', '.join(map(str, lost))} are lost"
        assert expected in message if lost else message == ""
        assert epoch_log.cut(attacked.csv, 3)  # once mended, it stays so
        capsys.readouterr()
    attacked.csv.unlink()
    assert np.isnan(epoch_log.cut(attacked.csv, 3)).all()
    attacked.csv.write_bytes(bytes(4096))
    assert np.isnan(epoch_log.cut(attacked.csv, 3)).all()
    assert epoch_log.cut(attacked.csv, 0) == []


def test_a_lost_row_does_not_lose_the_best_model(root: Path, capsys) -> None:
    """Its loss is measured where the log no longer tells it."""
    attacked = run_of(root)
    best = attacked.best.read_bytes()
    header, *rows = attacked.csv.read_text().splitlines()
    worse = [
        ",".join(x.split(",")[:1] + ["99"] * header.count(",")) for x in rows
    ]
    attacked.csv.write_text(
        "\n".join([header, worse[0], worse[1], rows[2][:5]])
    )
    attacked.state.unlink()
    model = keras.saving.load_model(attacked.last)
    model.get_layer("softmax").set_weights(
        [1e3 * x for x in model.get_layer("softmax").get_weights()]
    )
    model.save(attacked.last)
    code, table = resume(root, 4)
    assert code == 0
    assert table["epoch"].tolist() == [0, 1, 2, 3]
    assert attacked.best.read_bytes() == best
    assert run_record.read_record(attacked.log_record)["final"]["epochs"] == 4


def test_a_run_without_its_figures_gets_them(root: Path, capsys) -> None:
    """Killed after the last epoch, it was finished but not judged."""
    attacked = run_of(root)
    record = run_record.read_record(attacked.log_record)
    final = record.pop("final")
    files.write_json(attacked.log_record, record)
    before = attacked.csv.read_bytes(), attacked.last.read_bytes()
    code, _ = resume(root, 3)
    assert code == 0
    assert run_record.read_record(attacked.log_record)["final"] == final
    assert (attacked.csv.read_bytes(), attacked.last.read_bytes()) == before


def test_patience_survives_a_stop(root: Path) -> None:
    """It counts the epochs before the stop, too."""
    nan = float("nan")
    for losses, epochs in {
        (3.0, 2.0, 2.5): 1,
        (3.0, 2.0, 2.5, 2.0): 2,
        (): 0,
        (nan, nan): 0,
        (1.0, nan, nan): 2,
    }.items():
        assert epoch_log.epochs_since_best(list(losses)) == epochs
    callback = callbacks.StopEarly("val_loss", 3, [3.0, 2.0, 2.5])
    callback.on_train_begin()
    assert (callback.best, callback.wait) == (2.0, 1)
    attacked = run_of(root)
    record = run_record.read_record(attacked.log_record)
    record["arguments"]["patience"] = 1
    files.write_json(attacked.log_record, record)
    header, *rows = attacked.csv.read_text().splitlines()
    rows[2] = ",".join(["2"] + ["99"] * header.count(","))
    attacked.csv.write_text("\n".join([header, *rows]) + "\n")
    code, table = resume(root, 50)
    assert code == 0
    assert table["epoch"].tolist() == [0, 1, 2]


# --- Features ---------------------------------------------------------------


@pytest.mark.parametrize("name", bad_features(Path("x")))
def test_bad_features_stop_a_training_before_it_starts(
    trained: Path, tmp_path: Path, capsys, name: str
) -> None:
    marker = tmp_path / "was here"
    content, message = bad_features(marker)[name]
    shutil.copytree(trained / "data", tmp_path / "data")
    path = sorted((tmp_path / "data").rglob("*.npy"))[7]
    size = path.stat().st_size
    path.write_bytes(content[:size].ljust(size, b"\0"))
    before = tree(tmp_path)
    assert call(train_lstm, tmp_path, "d", *SMALL) == 2
    error = refused(capsys)
    assert message in error and str(path) in error
    assert "delete that file and run feature.py again" in error
    assert tree(tmp_path) == before  # nothing was begun, nothing unpickled


def test_damaged_features(
    tmp_path: Path,
    times: Callable[[int], int],
    chance: random.Random,
    tried: Counter[str],
) -> None:
    """Whatever byte is changed: an array of the right kind, or ValueError."""
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((20, 8), "float16"))
    content = path.read_bytes()
    for _ in range(50 * times(10)):
        tried["damaged feature files"] += 1
        changed = bytearray(content)
        for _ in range(chance.choice([1, 2, 20])):
            changed[chance.randrange(128)] = chance.randrange(256)
        path.write_bytes(changed[: chance.choice([None, 5, 127, 200])])
        try:
            found = feature_store.read_features(path, 20, 8)
        except ValueError as error:
            assert str(path) in str(error)
        else:
            assert found.shape == (20, 8) and found.dtype.kind == "f"
