"""A converted classifier says what Keras says, as long as it is the same."""

import errno
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from store import folders
from trained import copy_models, known_clips, trained

from signs.core import files
from signs.core.backend import keras
from signs.data import changes
from signs.data.clips_table import Dataset
from signs.inference import classifier_engine, predictor
from signs.inference.classifier_engine import open_converted
from signs.inference.predictor import load_classifier, load_predictor
from signs.models import classifier
from signs.models import landmark_layout as layout
from signs.training import ensemble, run_record

pytest.importorskip("ai_edge_litert")
OLD = Path(__file__).parent / "old_models" / "model"
FRAMES, LENGTH, CLASSES = 6, 8, 3
RECOMMENDED = {
    "input_transform": "both",
    "units": 8,
    "projection": 8,
    "bidirectional": True,
}
LANDMARKS = [(layout.LANDMARKS, layout.LANDMARK_DIM)]
SEVERAL = [("cnn", LENGTH), *LANDMARKS]


def write(
    folder: Path, blocks: Any = (), seed: int = 0, members=1, **options: Any
):
    """Writes a model; gives its path, its record, and a clip for it."""
    length = sum(x for _, x in blocks) or LENGTH
    keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)
    clip = random.normal(size=(FRAMES, length)).astype("float32")
    if blocks:
        clip[1, -layout.LANDMARK_DIM :] = np.nan
    transform = options.get("input_transform", "raw")
    models = [
        classifier.build_classifier(
            FRAMES,
            length,
            classes=CLASSES,
            blocks=blocks,
            statistics=classifier.mean_and_variance(
                transform, [clip[None]], blocks
            ),
            **options,
        )
        for _ in range(members)
    ]
    model = models[0] if members == 1 else ensemble.average(models)
    path = folder / "run-best.keras"
    model.save(path)
    record = {
        "run": "run",
        "frames": FRAMES,
        "features": {"cnn": "cnn", "length": length},
        "classes": [{"label": str(x)} for x in range(CLASSES)],
    }
    return path, record, clip


@pytest.mark.parametrize(
    ("blocks", "options"),
    [
        ((), {"units": 16}),
        ((), {"units": 8, "layers": 1, "dense": [6], "pool": "mean"}),
        ((), RECOMMENDED),
        pytest.param(
            (),
            {**RECOMMENDED, "dense": [6], "pool": "max"},
            marks=pytest.mark.slow,
        ),
        (LANDMARKS, RECOMMENDED),
        pytest.param(SEVERAL, RECOMMENDED, marks=pytest.mark.slow),
        pytest.param((), {**RECOMMENDED, "members": 2}, marks=pytest.mark.slow),
    ],
    ids=[
        *("writeup", "dense", "recommended", "max"),
        *("landmarks", "several", "ensemble"),
    ],
)
def test_it_says_what_keras_says(tmp_path: Path, blocks, options):
    path, record, clip = write(tmp_path, blocks, **options)
    ready = open_converted(path, record, tmp_path / "cnn", 2)
    expected = load_classifier(path, record).predict_on_batch(clip[None])
    found = ready.predict_on_batch(clip[None])
    assert found.shape == (1, CLASSES)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    "run", ["20261126-031008-lstm-30in3", "20261126-031022-lstm-30in3"]
)
def test_older_models_are_converted_too(tmp_path: Path, run: str):
    path, record = run_record.find_model(run, OLD)
    clip = np.random.default_rng(0).normal(size=(1, 5, 4)).astype("float32")
    ready = open_converted(path, record, tmp_path, 1)
    expected = load_classifier(path, record).predict_on_batch(clip)
    np.testing.assert_allclose(
        ready.predict_on_batch(clip), expected, atol=1e-4
    )


def test_a_model_that_was_trained_anew_is_converted_anew(tmp_path: Path):
    path, record, clip = write(tmp_path, units=4)
    converted = tmp_path / "cnn" / "run-best.tflite"
    first = open_converted(path, record, tmp_path / "cnn", 1)
    before = converted.stat().st_mtime_ns
    open_converted(path, record, tmp_path / "cnn", 1)
    assert converted.stat().st_mtime_ns == before
    write(tmp_path, seed=1, units=4)
    second = open_converted(path, record, tmp_path / "cnn", 1)
    expected = load_classifier(path, record).predict_on_batch(clip[None])
    np.testing.assert_allclose(
        second.predict_on_batch(clip[None]), expected, atol=1e-4
    )
    assert np.abs(first.predict_on_batch(clip[None]) - expected).max() > 1e-3
    assert sorted(x.name for x in converted.parent.glob("*.tflite")) == [
        converted.name
    ]


def test_nothing_need_be_written(tmp_path: Path, monkeypatch):
    path, record, clip = write(tmp_path, units=4)
    record = {
        **record,
        "session_mean": False,
        "features": {**record["features"], "size": 32, "dtype": "float32"},
    }
    monkeypatch.setattr(predictor, "_load_engine", lambda *args: None)

    def refuse(*args: Any, **options: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(files, "_sync_file", refuse)
    folder = tmp_path / "cnn"
    ready = load_predictor(path, record, folder, 1, engine="litert")
    expected = load_classifier(path, record).predict_on_batch(clip[None])[0]
    np.testing.assert_allclose(ready.classify(clip), expected, atol=1e-4)
    assert not list(folder.glob("*.tflite"))


def test_a_copy_is_looked_at_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch
):
    path, record, clip = write(tmp_path, units=4)
    ready = open_converted(path, record, tmp_path / "cnn", 1)
    expected = ready.predict_on_batch(clip[None])
    long_ago = 1_500_000_000
    os.utime(path, (long_ago, long_ago))
    changes.note(
        tmp_path / "cnn" / "run-best.tflite",
        classifier_engine.made_from(path, record),
    )
    os.utime(path, (long_ago + 9, long_ago + 9))  # as a copy has

    def refuse(*args: Any, **options: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(changes.Record, "_append", refuse)
    ready = open_converted(path, record, tmp_path / "cnn", 1)
    np.testing.assert_array_equal(ready.predict_on_batch(clip[None]), expected)


def test_models_of_the_same_name_wait_for_each_other(
    tmp_path: Path, monkeypatch
):
    models = []
    for seed in range(2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        models.append(write(folder, seed=seed, units=4))
    busy = threading.Lock()
    convert = classifier_engine._convert

    def alone(*args: Any) -> None:
        assert busy.acquire(blocking=False)
        convert(*args)
        busy.release()

    monkeypatch.setattr(classifier_engine, "_convert", alone)
    with ThreadPoolExecutor(2) as pool:
        opened = pool.map(
            lambda x: open_converted(x[0], x[1], tmp_path / "cnn", 1), models
        )
    for (path, record, clip), ready in zip(models, opened, strict=True):
        expected = load_classifier(path, record).predict_on_batch(clip[None])
        found = ready.predict_on_batch(clip[None])
        np.testing.assert_allclose(found, expected, atol=1e-4)


LAST = """
import sys
import predict
from signs.core import arguments
code = arguments.run(predict.main, sys.argv[1:])
heavy = {"tensorflow", "keras", "pandas", "matplotlib", "sklearn", "ray"}
print(code, sorted(heavy & set(sys.modules)))
"""


def test_the_second_answer_needs_no_keras(tmp_path_factory, tmp_path: Path):
    root = trained(tmp_path_factory)
    copy_models(root, tmp_path / "model")
    path, record = run_record.find_model(None, tmp_path / "model")
    load_predictor(path, record, tmp_path / "model" / "cnn", 2)
    row = known_clips(root, 1).iloc[0]
    video = Dataset(root / "data" / "sample-chalearn").video / row["video"]
    done = subprocess.run(
        [sys.executable, "-c", LAST, str(video), *folders(tmp_path)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == "0 []", done.stdout + done.stderr
    assert done.stderr == ""
