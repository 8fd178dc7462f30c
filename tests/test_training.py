from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from store import META, write_dataset

from signs.core.backend import keras
from signs.core.errors import UserError
from signs.data import clips_table
from signs.training import loop
from signs.training.augment import Augmentation
from signs.training.feature_dataset import (
    Batches,
    Examples,
    check_examples,
    find_examples,
)
from signs.training.run_record import Run


@pytest.fixture
def examples(tmp_path: Path) -> Examples:
    dataset = write_dataset(tmp_path, "d", ["x", "null", "ö"], clips=30)
    return find(dataset, "train")


def find(dataset: clips_table.Dataset, split: str) -> Examples:
    return find_examples(
        dataset,
        clips_table.read_clips(dataset),
        clips_table.read_classes(dataset),
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
    loop.compile_classifier(model, 0.01)
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
    clips = clips_table.read_clips(dataset)
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
        labels = np.concatenate([y for _, y in rows]).argmax(axis=1)
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
    labels = batches[0][1]
    assert labels.shape == (7, 3) and labels.sum() == 7
    np.testing.assert_array_equal(labels.argmax(axis=1), examples.labels[:7])


def test_a_bad_file_is_found_before_training(examples):
    np.save(examples.paths[3], np.full((20, 8), np.inf, "float32"))
    with pytest.raises(UserError, match="not finite.*delete that file"):
        check_examples({"train": examples}, quiet=True)


def test_nothing_to_train_on(examples):
    none = Examples([], np.zeros(0, "int32"), 20, 8, 3)
    with pytest.raises(UserError, match="no clip with a label"):
        check_examples({"train": none}, quiet=True)
    same = Examples(examples.paths, np.zeros_like(examples.labels), 20, 8, 3)
    with pytest.raises(UserError, match="two classes"):
        check_examples({"train": same}, quiet=True)


def test_a_run_goes_on_where_it_stopped(examples, tmp_path: Path):
    """Rows are kept, epochs counted on, the better best stays."""
    run = Run("r", tmp_path / "log", tmp_path / "model")
    run.model_folder.mkdir()
    loop.fit(
        small_model(), run, examples, examples,
        loop.Settings(epochs=3, batch=4, seed=0, quiet=True),
    )  # fmt: skip
    first = run.csv.read_text()
    assert len(first.splitlines()) == 4

    # Killed between the row and the model: a row too many.
    run.csv.write_text(first + first.splitlines()[-1].replace("2,", "3,", 1))
    model = keras.saving.load_model(run.last)
    assert loop.finished_epochs(model, len(examples), 4) == 3
    # A worse start from here on: no later epoch can be the best one.
    model.layers[-1].set_weights(
        [-5 * x for x in model.layers[-1].get_weights()]
    )
    best = run.best.read_bytes()
    loop.fit(
        model, run, examples, examples,
        loop.Settings(epochs=5, batch=4, seed=0, quiet=True),
    )  # fmt: skip
    rows = pd.read_csv(run.csv)
    assert rows["epoch"].tolist() == [0, 1, 2, 3, 4]
    assert run.csv.read_text().startswith(first)
    assert rows["val_loss"].idxmin() == 2
    assert run.best.read_bytes() == best
    last = keras.saving.load_model(run.last)
    assert loop.finished_epochs(last, len(examples), 4) == 5


def test_a_loss_that_is_no_number_stops_the_run(examples, tmp_path: Path):
    run = Run("r", tmp_path / "log", tmp_path / "model")
    model = small_model()
    model.layers[-1].set_weights(
        [np.full_like(x, np.nan) for x in model.layers[-1].get_weights()]
    )
    with pytest.raises(UserError, match="lower --lr"):
        loop.fit(
            model, run, examples, examples,
            loop.Settings(epochs=2, batch=4, seed=0, quiet=True),
        )  # fmt: skip
    assert not run.best.exists()


def test_a_network_sees_as_many_frames_as_it_is_to(examples):
    fewer = replace(examples, steps=5)
    assert fewer.shape == (5, 8)
    stored = examples.read([0, 1])
    judged = Batches(fewer, size=2)
    # The first and the last one, and evenly spread ones in between.
    np.testing.assert_array_equal(judged[0][0], stored[:, [0, 5, 10, 14, 19]])
    trained = Batches(fewer, size=len(examples), seed=0)
    epochs = []
    for _ in range(2):
        epochs.append(trained[0][0])
        trained.on_epoch_end()
    assert epochs[0].shape == (len(examples), 5, 8)
    assert not np.array_equal(np.sort(epochs[0], 0), np.sort(epochs[1], 0))
    again = Batches(fewer, size=len(examples), seed=0, epoch=1)
    np.testing.assert_array_equal(again[0][0], epochs[1])
    assert loop.varies(fewer, Augmentation())
    assert not loop.varies(examples, Augmentation(smoothing=0.1))


def test_offsets_are_subtracted(examples):
    offset = np.arange(8, dtype="float32")
    moved = replace(examples, offsets={examples.paths[1]: offset}, steps=4)
    plain = replace(examples, steps=4)
    np.testing.assert_allclose(
        moved.read([0, 1]) - plain.read([0, 1]),
        np.stack([np.zeros((4, 8)), np.tile(-offset, (4, 1))]),
        atol=1e-6,
    )


def test_only_training_is_augmented(examples):
    change = Augmentation(smoothing=0.3, mixup=1.0, stretch=0.5)
    size = len(examples)
    judged = Batches(examples, size, None, 0, change)[0]
    np.testing.assert_array_equal(judged[0], examples.read(range(size)))
    assert set(np.unique(judged[1])) == {0, 1}
    features, labels = Batches(examples, size, 0, 0, change)[0]
    assert labels.min() == pytest.approx(0.1)
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-5)
    assert len(np.unique(labels.round(4))) > 10
    assert not np.isin(features[:, 0, 0], judged[0][:, :, 0]).all()
    again = Batches(examples, size, 0, 0, change)[0]
    np.testing.assert_array_equal(again[0], features)
    other = Batches(examples, size, 1, 0, change)[0]
    assert not np.array_equal(other[0], features)


def three_layers(examples: Examples, decay: float, **options):
    """Weights before and after an epoch, lowest layer first."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((20, 8)),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(4, name="low"),
            keras.layers.Dense(4, name="middle"),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    loop.compile_classifier(model, 0.001, **options)
    before = model.get_weights()
    for _ in range(2):  # twice is no slower than once
        loop.slow_lower_layers(model, decay)
    model.fit(Batches(examples, len(examples), seed=0), verbose=0)
    moved = [
        np.abs(new - old).max()
        for old, new in zip(before, model.get_weights(), strict=True)
    ]
    return model, moved[::2]


@pytest.mark.parametrize("half", [False, True])
def test_lower_layers_learn_more_slowly(examples, tmp_path, half: bool):
    """Adam's first step is as long as the learning rate."""
    options = {"mixed_precision": half}
    _, moved = three_layers(examples, 1.0, **options)
    np.testing.assert_allclose(moved, [0.001] * 3, rtol=0.02)
    model, moved = three_layers(examples, 0.5, **options)
    np.testing.assert_allclose(moved, [0.00025, 0.0005, 0.001], rtol=0.02)
    assert int(model.optimizer.iterations) == 1
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    assert type(again.optimizer).__module__.startswith("keras.")


def test_an_anchor_holds_all_but_the_head(examples, tmp_path: Path):
    run = Run("r", tmp_path / "log", tmp_path / "model")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((20, 8)),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(4),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    loop.compile_classifier(model, 0.01)
    start = model.get_weights()
    settings = loop.Settings(2, batch=4, seed=0, quiet=True, anchor=100.0)
    loop.fit(model, run, examples, examples, settings)
    # The learning rate times 100 is 1: after each step it is back.
    np.testing.assert_allclose(model.get_weights()[0], start[0], atol=1e-6)
    assert np.abs(model.get_weights()[2] - start[2]).max() > 0.01

    again = keras.saving.load_model(run.last, safe_mode=True)
    other = [weights + 1 for weights in start]
    settings = replace(settings, epochs=3)
    loop.fit(again, run, examples, examples, settings, other)
    np.testing.assert_allclose(again.get_weights()[0], other[0], atol=1e-5)
    assert np.abs(again.get_weights()[2] - other[2]).max() > 0.5


def test_a_model_of_sparse_labels_is_judged_as_any_other(examples, tmp_path):
    """So were models compiled before labels became one-hot."""
    model = small_model()
    expected = model.evaluate(Batches(examples, 8), verbose=0)[0]
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "old.keras")
    found = loop.loss_of(tmp_path / "old.keras", examples, 8)
    assert found == pytest.approx(expected, rel=1e-5)
