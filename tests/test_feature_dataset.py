import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from store import META, write_dataset

from signs.core.errors import UserError
from signs.data import clips_table
from signs.features import feature_store
from signs.training import feature_dataset
from signs.training.batches import Batches
from signs.training.feature_dataset import (
    ALONE,
    FeatureDataset,
    check_trainable,
    find_clips,
    read_once,
)
from signs.training.feature_files import FeatureFiles, Rows


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
        labels = np.concatenate([y for _, y in rows]).argmax(axis=1)
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
    np.testing.assert_array_equal(labels, np.eye(3)[dataset.labels[:7]])


def test_smoothed_labels_are_still_sure_of_the_class(dataset):
    labels = Batches(dataset, size=9, smoothing=0.3)[0][1]
    assert labels.dtype == np.float32
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(labels.argmax(axis=1), dataset.labels[:9])
    assert np.unique(labels) == pytest.approx([0.1, 0.8])


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


def with_copies(dataset: FeatureDataset, count: int) -> FeatureDataset:
    """Copies whose features are larger by 100 times their number."""
    own = dataset.features[np.arange(len(dataset))]
    moved = [own + 100 * number for number in range(1, count + 1)]
    return replace(dataset, copies=np.stack(moved, axis=1))


def test_copies_stand_in_for_clips_in_the_training_alone(dataset):
    changed = with_copies(dataset, 2)
    means = np.full((len(dataset), 8), 7, "float32")
    changed = replace(changed, means=means)
    rows = np.arange(len(dataset))
    np.testing.assert_allclose(changed.read(rows), dataset.read(rows) - 7)
    seen = set()
    for seed in range(20):
        found = changed.read(rows, np.random.default_rng(seed))
        moved = (found + 7 - dataset.read(rows)) / 100
        numbers = np.round(moved).astype(int)
        np.testing.assert_allclose(moved, numbers, atol=1e-3)
        assert (numbers == numbers[:, :1, :1]).all()  # whole clips
        seen |= set(numbers[:, 0, 0])
    assert seen == {0, 1, 2}


def test_some_clips_are_learned_as_ones_without_a_session(dataset):
    """Each as `predict.py` sees a single video."""
    rows = np.arange(len(dataset))
    session = np.full((len(dataset), 8), 7, "float32")
    own = np.full((len(dataset), 8), 3, "float32")
    both = replace(dataset, means=session, own_means=own)
    np.testing.assert_allclose(both.read(rows), dataset.read(rows) - 7)
    subtracted = np.concatenate(
        [
            (dataset.read(rows) - both.read(rows, np.random.default_rng(seed)))
            for seed in range(30)
        ]
    ).round(3)
    assert set(np.unique(subtracted)) == {3, 7}
    assert (subtracted == subtracted[:, :1, :1]).all()  # whole clips
    assert abs((subtracted[:, 0, 0] == 3).mean() - ALONE) < 0.05
    changed = replace(with_copies(both, 1), means=session)
    found = changed.read(rows, np.random.default_rng(0))
    means = found.mean(axis=1)
    is_alone = np.isclose(means, 0, atol=1e-3).all(axis=1)
    assert 0 < is_alone.sum() < len(rows)  # copies less their own mean


def test_copies_are_drawn_anew_and_repeatably(dataset):
    changed = with_copies(dataset, 3)
    first, second = Batches(changed, 50, seed=1), Batches(changed, 50, seed=1)
    np.testing.assert_array_equal(first[0][0], second[0][0])
    first.on_epoch_end()
    drawn = np.sort((first[0][0] // 100).max(axis=(1, 2)))
    before = np.sort((second[0][0] // 100).max(axis=(1, 2)))
    assert not np.array_equal(drawn, before)
    plain = Batches(changed, 50)[0][0]
    np.testing.assert_array_equal(plain, dataset.read(range(len(dataset))))


def test_copies_on_disk(tmp_path: Path):
    dataset = write_dataset(tmp_path, "d", ["x", "y"], clips=20)
    tables = clips_table.read_clips(dataset), clips_table.read_classes(dataset)
    meta: dict[str, Any] = {**META, "copies": 2}
    for number, clip in enumerate(tables[0]["clip"]):
        path = feature_store.copies_path(dataset, meta["cnn"], clip)
        copies = np.full((2, 20, 8), number, meta["dtype"])
        feature_store.write_array(path, copies)
    plain = find_clips(dataset, *tables, meta, "train")
    assert plain.copies is None
    found = find_clips(dataset, *tables, meta, "train", copies=True)
    assert found.copies is not None
    assert found.copies.shape == (len(found), 2, 20, 8)
    names = list(tables[0]["clip"])
    expected = [names.index(clip) for clip in found.clips]
    (in_memory,) = read_once([found], quiet=True)
    for each in (found, in_memory, in_memory.first(len(found))):
        assert each.copies is not None
        read = each.copies[np.arange(len(found))]
        np.testing.assert_array_equal(read[:, 1, 3, 5], expected)
    bad = feature_store.copies_path(dataset, meta["cnn"], found.clips[1])
    bad.write_bytes(bad.read_bytes()[:-1])
    with pytest.raises(UserError, match=re.escape(str(bad))):
        read_once([found], quiet=True)
