"""Training of 2 LSTM(1024), and of its last layer alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import data
from benchmarks.rounds import NUMPY_ALONE, Engine, matrix_products

CLASSES = 249
# Multiplications and additions of one clip, forward and back: 20 frames, two
# layers of four gates; the input of the first layer needs no gradient.
GFLOP_A_CLIP = (
    20 * 2 * 4 * 1024 * (3 * (2048 + 1024 + 1024 + 1024) - 2048) / 1e9
)
Work = Callable[[], float]


def prepare(folder: Path, quick: bool) -> None:
    """Writes the features of a batch, and of a small set to transfer to."""
    data.dataset(folder / "data", 24 if quick else 616, data.LENGTH)


def start_default(folder: Path, quick: bool) -> Work:
    """The network as a user of Keras writes it, with data in memory."""
    import keras

    layer = keras.layers
    units = 16 if quick else 1024
    model = keras.Sequential(
        [
            keras.Input((data.FRAMES, data.LENGTH)),
            layer.LSTM(units, dropout=0.5, return_sequences=True),
            layer.LSTM(units, dropout=0.5),
            layer.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    features, labels = _in_memory(quick)

    def work() -> float:
        model.fit(features, labels, len(labels), verbose=0)
        return len(labels)

    return work


def start_torch(folder: Path, quick: bool) -> Work:
    """torch's own LSTM, with dropout between the layers as in Keras."""
    import torch
    from torch import nn

    units = 16 if quick else 1024
    layers = [nn.LSTM(data.LENGTH, units, batch_first=True)]
    layers += [nn.LSTM(units, units, batch_first=True)]
    head = nn.Linear(units, CLASSES)
    parameters = [x for y in (*layers, head) for x in y.parameters()]
    adam = torch.optim.Adam(parameters, 1e-3)
    features, labels = map(torch.from_numpy, _in_memory(quick))

    def work() -> float:
        x = features
        for lstm in layers:
            # As in Keras, all frames of a clip share one mask.
            kept = nn.functional.dropout(torch.ones(len(x), 1, x.shape[2]))
            x, _ = lstm(x * kept)
        loss = nn.functional.cross_entropy(head(x[:, -1]), labels.long())
        adam.zero_grad()
        loss.backward()
        adam.step()
        return len(labels)

    return work


def start_ours(folder: Path, quick: bool) -> Work:
    """What train_lstm.py does, features read from disk."""
    return _ours(folder, quick, batch=256, clips=512, head_only=False)


def start_transfer(folder: Path, quick: bool) -> Work:
    """An epoch of transfer.py."""
    return _ours(folder, quick, batch=16, clips=96, head_only=False)


def start_transfer_head(folder: Path, quick: bool) -> Work:
    """An epoch of transfer.py --freeze all, after the first look."""
    return _ours(folder, quick, batch=16, clips=512, head_only=True)


def start_bound(folder: Path, quick: bool) -> Work:
    """How many clips the products alone would take, done by NumPy."""
    size = 512 if quick else 3072
    work = matrix_products(size)
    return lambda: work() / (GFLOP_A_CLIP * 1e9)


def _ours(
    folder: Path, quick: bool, batch: int, clips: int, head_only: bool
) -> Work:
    from dataclasses import replace

    from signs.data import clips_table
    from signs.features import feature_store
    from signs.models import classifier
    from signs.training import loop
    from signs.training.batches import Batches
    from signs.training.feature_dataset import find_clips
    from signs.training.settings import TrainingSettings

    here = clips_table.Dataset(folder / "data")
    meta = feature_store.require_meta(here, None)
    tables = clips_table.read_clips(here), clips_table.read_classes(here)
    train = find_clips(here, *tables, meta, "train").first(clips)
    clips = len(train)
    model: Any = classifier.build_classifier(
        data.FRAMES, data.LENGTH, classes=CLASSES, units=16 if quick else 1024
    )
    if head_only:
        model = classifier.replace_head(model, 21, "all")
        train.labels[:] %= 21
        train = replace(train, classes=21)
    settings = TrainingSettings(dataset="d")
    loop.compile_classifier(model, settings)
    trained, train_on, _ = loop.skip_frozen(model, train, train, settings)

    def work() -> float:
        trained.fit(Batches(train_on, batch, seed=0), shuffle=False, verbose=0)
        return clips

    return work


def _in_memory(quick: bool) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    clips = 8 if quick else 256
    features = random.random((clips, data.FRAMES, data.LENGTH), "float32")
    return features, random.integers(0, CLASSES, clips).astype("int32")


def _on(backend: str) -> dict[str, str | None]:
    return {"KERAS_BACKEND": backend}


ENGINES = [
    Engine("Keras on TensorFlow, default", start_default, _on("tensorflow")),
    Engine("torch nn.LSTM", start_torch),
    Engine("train_lstm.py on TensorFlow", start_ours, _on("tensorflow")),
    Engine("train_lstm.py on JAX", start_ours, _on("jax")),
    Engine("train_lstm.py on torch", start_ours, _on("torch")),
    Engine("bound: float32 products", start_bound, NUMPY_ALONE),
    Engine("transfer.py, everything", start_transfer, _on("tensorflow")),
    Engine("transfer.py, all frozen", start_transfer_head, _on("tensorflow")),
]
