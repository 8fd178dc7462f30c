from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from store import META, write_dataset

from signs import table, training
from signs.backend import keras
from signs.cli import UserError
from signs.examples import Batches, Examples, check_examples, find_examples
from signs.runs import Run


@pytest.fixture
def examples(tmp_path: Path) -> Examples:
    dataset = write_dataset(tmp_path, "d", ["x", "null", "ö"], clips=30)
    return find(dataset, "train")


def find(dataset: table.Dataset, split: str) -> Examples:
    return find_examples(
        dataset,
        table.read_clips(dataset),
        table.read_classes(dataset),
        META,
        split,
    )


def small_model(classes: int = 3):
    model = keras.Sequential(
        [
            keras.Input((20, 8)),
            keras.layers.Flatten(),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )
    training.compile_classifier(model, 0.01)
    return model


def test_labels_follow_the_classes_table(tmp_path: Path):
    for shuffled in (False, True):
        dataset = write_dataset(
            tmp_path, f"d{shuffled}", ["x", "null", "ö"], 30, shuffled=shuffled
        )
        found = find(dataset, "train")
        names = [path.parent.name for path in found.paths]
        expected = [{"null": 0, "x": 1, "ö": 2}[name] for name in names]
        assert found.labels.tolist() == expected
        assert found.labels.dtype == np.int32


def test_an_unlabelled_clip_is_left_out(tmp_path: Path):
    dataset = write_dataset(tmp_path, "d", ["x", "y"], clips=20)
    clips = table.read_clips(dataset)
    clips.loc[clips["split"] == "train", "label"] = ""
    clips.to_csv(dataset.clips, index=False)
    assert len(find(dataset, "train")) == 0
    assert len(find(dataset, "val")) == 4


def test_clips_without_features(tmp_path: Path, capsys):
    dataset = write_dataset(tmp_path, "d", ["x", "y"], clips=20)
    train = find(dataset, "train")
    train.paths[0].unlink()
    assert len(find(dataset, "train")) == len(train) - 1
    assert "1 train clip left out" in capsys.readouterr().err
    for path in train.paths[1:]:
        path.unlink()
    with pytest.raises(UserError, match="python feature.py d --cnn mobilenet"):
        find(dataset, "train")


def test_a_label_that_is_no_class(tmp_path: Path):
    dataset = write_dataset(tmp_path, "d", ["x", "y"], clips=20)
    dataset.classes.write_text("index,label,name\n0,x,x\n")
    with pytest.raises(UserError, match="the label 'y'"):
        find(dataset, "train")


def test_an_epoch_is_every_clip_once_in_a_new_order(examples):
    batches = Batches(examples, size=5, seed=1)
    epochs = []
    for _ in range(2):
        rows = [batches[i] for i in range(len(batches))]
        features = np.concatenate([x for x, _ in rows])
        labels = np.concatenate([y for _, y in rows])
        assert features.shape == (len(examples), 20, 8)
        assert features.dtype == np.float32
        epochs.append((features, labels))
        batches.on_epoch_end()
    in_order = examples.read(range(len(examples)))
    for features, labels in epochs:
        # The first value tells a clip; its label must have come along.
        places = [
            int(np.flatnonzero(in_order[:, 0, 0] == value)[0])
            for value in features[:, 0, 0]
        ]
        assert sorted(places) == list(range(len(examples)))
        np.testing.assert_array_equal(labels, examples.labels[places])
    assert not np.array_equal(epochs[0][1], epochs[1][1])
    again = Batches(examples, size=5, seed=1, epoch=1)
    np.testing.assert_array_equal(again[0][0], epochs[1][0][:5])


def test_without_a_seed_the_order_is_the_tables(examples):
    batches = Batches(examples, size=7)
    batches.on_epoch_end()
    np.testing.assert_array_equal(batches[0][1], examples.labels[:7])


def test_a_bad_file_is_found_before_training(examples):
    np.save(examples.paths[3], np.full((20, 8), np.inf, "float32"))
    with pytest.raises(UserError, match="not finite.*delete that file"):
        check_examples({"train": examples}, quiet=True)


def test_nothing_to_train_on(examples):
    none = Examples([], np.zeros(0, "int32"), 20, 8)
    with pytest.raises(UserError, match="no clip with a label"):
        check_examples({"train": none}, quiet=True)
    same = Examples(examples.paths, np.zeros_like(examples.labels), 20, 8)
    with pytest.raises(UserError, match="two classes"):
        check_examples({"train": same}, quiet=True)


def test_a_run_goes_on_where_it_stopped(examples, tmp_path: Path):
    """Rows are kept, epochs counted on, the better best stays."""
    run = Run("r", tmp_path / "log", tmp_path / "model")
    run.model_folder.mkdir()
    training.fit(
        small_model(), run, examples, examples,
        training.Settings(epochs=3, batch=4, seed=0, quiet=True),
    )  # fmt: skip
    first = run.csv.read_text()
    assert len(first.splitlines()) == 4

    # Killed between the row and the model: a row too many.
    run.csv.write_text(first + first.splitlines()[-1].replace("2,", "3,", 1))
    model = keras.saving.load_model(run.last)
    assert training.finished_epochs(model, len(examples), 4) == 3
    # A worse start from here on: no later epoch can be the best one.
    model.layers[-1].set_weights(
        [-5 * x for x in model.layers[-1].get_weights()]
    )
    best = run.best.read_bytes()
    training.fit(
        model, run, examples, examples,
        training.Settings(epochs=5, batch=4, seed=0, quiet=True),
    )  # fmt: skip
    rows = pd.read_csv(run.csv)
    assert rows["epoch"].tolist() == [0, 1, 2, 3, 4]
    assert run.csv.read_text().startswith(first)
    assert rows["val_loss"].idxmin() == 2
    assert run.best.read_bytes() == best
    last = keras.saving.load_model(run.last)
    assert training.finished_epochs(last, len(examples), 4) == 5


def test_a_loss_that_is_no_number_stops_the_run(examples, tmp_path: Path):
    run = Run("r", tmp_path / "log", tmp_path / "model")
    model = small_model()
    model.layers[-1].set_weights(
        [np.full_like(x, np.nan) for x in model.layers[-1].get_weights()]
    )
    with pytest.raises(UserError, match="lower --lr"):
        training.fit(
            model, run, examples, examples,
            training.Settings(epochs=2, batch=4, seed=0, quiet=True),
        )  # fmt: skip
    assert not run.best.exists()
