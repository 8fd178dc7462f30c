"""Training on two data sets at once."""

from pathlib import Path

import numpy as np
import pytest
from store import META, folders, write_dataset

import train_lstm
import transfer
from signs.core import arguments
from signs.core.backend import keras
from signs.data import clips_table
from signs.data.clips_table import Dataset
from signs.models import classifier
from signs.training import feature_dataset, joint, loop, run_record
from signs.training.feature_dataset import Batches, Examples
from signs.training.joint import JointBatches, SourceTask

WEIGHT = 0.3


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two data sets, and a classifier of the big one."""
    root = tmp_path_factory.mktemp("joint")
    write_dataset(root / "data", "big", ["1", "2", "3", "4"], clips=60)
    write_dataset(root / "data", "small", ["a", "b", "c"], clips=30)
    flags = "--units 8 --batch 8 --lr 0.01 --epochs 2 --input centered --quiet"
    args = ["big", *flags.split(), *folders(root)]
    assert arguments.run(train_lstm.main, args) == 0
    return root


def clips_of(root: Path, name: str) -> Examples:
    dataset = Dataset(root / "data" / name)
    clips, classes = (
        clips_table.read_clips(dataset),
        clips_table.read_classes(dataset),
    )
    return feature_dataset.find_examples(dataset, clips, classes, META, "train")


def pair(root: Path) -> tuple[keras.Model, SourceTask]:
    """A new classifier without dropout, and its source."""
    clips = clips_of(root, "small")
    old = classifier.build_classifier(*clips.shape, 4, units=8, dropout=0)
    model = classifier.replace_head(old, 3)
    loop.compile_classifier(model, 0.01)
    return model, SourceTask(
        old.layers[-1].get_weights(), clips_of(root, "big"), WEIGHT
    )


def test_the_loss_is_of_both_and_judging_of_the_new_clips(root: Path):
    model, task = pair(root)
    joined = joint.join(model, task)
    joined.compile(loss="categorical_crossentropy")
    clips = clips_of(root, "small")
    batches = JointBatches(Batches(clips, 8, seed=3), task, seed=3)
    (seen, others, theirs), labels = batches[1]
    assert len(seen) == len(others) == len(labels)
    head = keras.layers.Dense(4, activation="softmax", name="old")
    old = keras.Model(model.input, head(model.layers[-1].input))
    head.set_weights(task.head)

    def entropy(net: keras.Model, x: np.ndarray, y: np.ndarray) -> float:
        guesses = keras.ops.convert_to_numpy(net(x))
        return float(-np.log((guesses * y).sum(1)).mean())

    expected = entropy(model, seen, labels)
    expected += WEIGHT * entropy(old, others, theirs)
    loss = joined.test_on_batch((seen, others, theirs), labels)
    assert np.ravel(loss)[0] == pytest.approx(expected, rel=1e-4)
    judging = JointBatches(Batches(clips, 8), task)
    assert judging[0][1].sum() == 8 and not judging[0][0][2].any()
    alone = model.evaluate(Batches(clips, 8), verbose=0)[0]
    assert np.ravel(joined.evaluate(judging, verbose=0))[0] == pytest.approx(
        alone, rel=1e-4
    )


def test_other_clips_are_drawn_in_each_epoch_but_the_same_in_each_run(
    root: Path,
):
    _, task = pair(root)
    clips = clips_of(root, "small")

    def drawn(epoch: int) -> JointBatches:
        return JointBatches(Batches(clips, 8, 3, epoch), task, 3, epoch)

    first, second = drawn(0), drawn(1)
    assert len(first) == len(Batches(clips, 8))
    (_, others, labels), _ = first[0]
    assert not np.array_equal(others, second[0][0][1])
    assert not np.array_equal(others, first[1][0][1])
    first.on_epoch_end()
    for ours, theirs in zip(first[0][0], second[0][0], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # Each clip comes with its own label.
    stored = task.examples.read(range(len(task.examples)))
    for clip, label in zip(others, labels, strict=True):
        (row,) = np.flatnonzero((stored == clip).all((1, 2)))
        assert label.argmax() == task.examples.labels[row]


def test_what_is_trained_is_what_the_saved_model_has(root: Path):
    model, task = pair(root)
    joined = joint.join(model, task)
    ours, theirs = (x.trainable_variables for x in (model, joined))
    assert [x.path for x in ours] == [x.path for x in theirs]
    assert all(a is b for a, b in zip(ours, theirs, strict=True))
    before = model.get_weights()
    settings = loop.Settings(2, 8, 0, quiet=True)
    clips = clips_of(root, "small")
    history = loop.rehearse(model, clips, clips, settings, task)
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= set(history)
    assert not any(map(np.array_equal, before, model.get_weights()))


def run_transfer(root: Path, *args: str) -> int:
    return arguments.run(transfer.main, [*args, *folders(root)])


def test_the_script_trains_and_goes_on(root: Path, capsys):
    flags = f"--joint {WEIGHT} --epochs 1 --batch 8"
    assert run_transfer(root, "small", *flags.split()) == 0
    assert "big: " in capsys.readouterr().out
    path, record = run_record.find_model(None, root / "model", "transfer")
    name = record["run"]
    assert run_transfer(root, "--resume", name, "--epochs", "3") == 0
    log = run_record.read_record(root / "log" / f"{name}.json")
    assert log["arguments"]["joint"] == WEIGHT
    assert len((root / "log" / f"{name}.csv").read_text().splitlines()) == 4
    model = keras.saving.load_model(
        root / "model" / f"{name}-last.keras", safe_mode=True
    )
    assert model.output_shape == (None, 3)
    steps = 3 * len(Batches(clips_of(root, "small"), 8))
    assert int(model.optimizer.iterations) == steps
    assert all(x.path.startswith("adam") for x in model.optimizer.variables)


def test_a_source_whose_classes_have_changed(tmp_path: Path, capsys):
    write_dataset(tmp_path / "data", "big", ["1", "2", "3"], clips=30)
    write_dataset(tmp_path / "data", "small", ["a", "b"], clips=20)
    flags = "--units 4 --epochs 1 --quiet".split()
    assert (
        arguments.run(train_lstm.main, ["big", *flags, *folders(tmp_path)]) == 0
    )
    write_dataset(tmp_path / "data", "big", ["1", "2", "3", "4"], clips=40)
    assert run_transfer(tmp_path, "small", "--joint", "1") == 2
    assert "any more: classes 3 and 4" in capsys.readouterr().err
    write_dataset(tmp_path / "data", "big", ["1", "2", "4"], clips=30)
    assert run_transfer(tmp_path, "small", "--joint", "1") == 2
    assert "any more: other classes" in capsys.readouterr().err


def test_all_frozen_leaves_nothing_to_train(root: Path, capsys):
    flags = "--freeze all --joint 1".split()
    with pytest.raises(SystemExit):
        run_transfer(root, "small", *flags)
    assert "nothing that --joint could train" in capsys.readouterr().err
