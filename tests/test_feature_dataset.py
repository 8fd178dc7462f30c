import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from store import META, write_dataset

from signs.core.errors import UserError
from signs.data import clips_table
from signs.training import feature_dataset
from signs.training.feature_dataset import (
    Batches,
    FeatureDataset,
    FeatureFiles,
    Rows,
    check_trainable,
    find_clips,
    read_once,
)


@pytest.fixture
def dataset(tmp_path: Path) -> FeatureDataset:
    return find(
        write_dataset(tmp_path, "d", ["x", "null", "ö"], clips=30), "train"
    )


def files_of(dataset: FeatureDataset) -> list[Path]:
    assert isinstance(dataset.features, FeatureFiles)
    return list(dataset.features.paths)


def find(dataset: clips_table.Dataset, split: str) -> FeatureDataset:
    return find_clips(
        dataset,
        clips_table.read_clips(dataset),
        clips_table.read_classes(dataset),
        META,
        split,
    )


def test_labels_follow_the_classes_table(tmp_path: Path):
    for shuffled in (False, True):
        dataset = write_dataset(
            tmp_path, f"d{shuffled}", ["x", "null", "ö"], 30, shuffled=shuffled
        )
        found = find(dataset, "train")
        names = [clip.split("/")[0] for clip in found.clips]
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
    first, *others = files_of(train)
    first.unlink()
    assert len(find(dataset, "train")) == len(train) - 1
    assert "1 train clip left out" in capsys.readouterr().err
    for path in others:
        path.unlink()
    with pytest.raises(UserError, match="python feature.py d --cnn mobilenet"):
        find(dataset, "train")


def test_a_label_that_is_no_class(tmp_path: Path):
    dataset = write_dataset(tmp_path, "d", ["x", "y"], clips=20)
    dataset.classes.write_text("index,label,name\n0,x,x\n")
    with pytest.raises(UserError, match="the label 'y'"):
        find(dataset, "train")


def test_an_epoch_is_every_clip_once_in_a_new_order(dataset):
    batches = Batches(dataset, size=5, seed=1)
    epochs = []
    for _ in range(2):
        rows = [batches[i] for i in range(len(batches))]
        features = np.concatenate([x for x, _ in rows])
        labels = np.concatenate([y for _, y in rows])
        assert features.shape == (len(dataset), 20, 8)
        assert features.dtype == np.float32
        epochs.append((features, labels))
        batches.on_epoch_end()
    in_order = dataset.read(range(len(dataset)))
    for features, labels in epochs:
        # The first value tells a clip; its label must have come along.
        places = [
            int(np.flatnonzero(in_order[:, 0, 0] == value)[0])
            for value in features[:, 0, 0]
        ]
        assert sorted(places) == list(range(len(dataset)))
        np.testing.assert_array_equal(labels, dataset.labels[places])
    assert not np.array_equal(epochs[0][1], epochs[1][1])
    again = Batches(dataset, size=5, seed=1, epoch=1)
    np.testing.assert_array_equal(again[0][0], epochs[1][0][:5])


def test_without_a_seed_the_order_is_the_tables(dataset):
    batches = Batches(dataset, size=7)
    batches.on_epoch_end()
    labels = batches[0][1]
    np.testing.assert_array_equal(labels, dataset.labels[:7])


def test_a_bad_file_is_found_before_training(dataset):
    bad = files_of(dataset)[3]
    np.save(bad, np.full((20, 8), np.inf, "float32"))
    with pytest.raises(UserError, match="not finite.*delete that file"):
        read_once([dataset], quiet=True)
    bad.write_bytes(bad.read_bytes()[:100])
    with pytest.raises(UserError, match=re.escape(bad.name)):
        read_once([dataset], quiet=True)


def test_what_fits_stays_in_memory(dataset, monkeypatch):
    wanted = dataset.read(range(len(dataset)))
    for most, kept in ((2**20, True), (1000, False)):
        monkeypatch.setattr(feature_dataset, "IN_MEMORY", most)
        (found,) = read_once([dataset], quiet=True)
        assert isinstance(found.features, np.ndarray) == kept
        np.testing.assert_array_equal(found.read(range(len(found))), wanted)


def test_nothing_to_train_on(dataset):
    with pytest.raises(UserError, match="no clip with a label"):
        check_trainable(dataset.first(0))
    same = replace(dataset, labels=np.zeros_like(dataset.labels))
    with pytest.raises(UserError, match="two classes"):
        check_trainable(same)


def test_means_are_subtracted(dataset):
    means = np.zeros((len(dataset), 8), "float32")
    means[1] = np.arange(8)
    moved = replace(dataset, means=means)
    np.testing.assert_allclose(
        moved.read([0, 1]) - dataset.read([0, 1]),
        np.stack([np.zeros((20, 8)), np.tile(-means[1], (20, 1))]),
        atol=1e-6,
    )
    np.testing.assert_allclose(moved.first(2).read([1]), moved.read([1]))


def test_rows_of_a_larger_array_are_what_is_on_disk(dataset):
    store = dataset.features[np.arange(len(dataset))]
    rows = np.array([5, 3, 1])
    found = Rows(store, rows)
    assert found.shape == (3, 20, 8)
    np.testing.assert_array_equal(found[[2, 0]], dataset.features[[1, 5]])


def test_a_digest_tells_clips_and_labels_not_their_order(dataset):
    backwards = np.arange(len(dataset))[::-1]
    same = replace(
        dataset,
        clips=[dataset.clips[row] for row in backwards],
        labels=dataset.labels[backwards],
    )
    assert same.digest() == dataset.digest()
    other = replace(dataset, clips=["another", *dataset.clips[1:]])
    relabelled = replace(dataset, labels=1 - dataset.labels)
    assert len({x.digest() for x in (dataset, other, relabelled)}) == 3
