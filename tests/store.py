"""A data set as the training steps find it, with made-up features."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from signs.data.clips_table import CLASS_COLUMNS, COLUMNS, Dataset

META = {
    "cnn": "mobilenet-0.25",
    "weights": "random",
    "weights_hash": "0123456789abcdef",
    "seed": 0,
    "frames": 20,
    "size": 224,
    "length": 8,
    "dtype": "float32",
}


def write_dataset(
    data: Path,
    name: str,
    labels: list[str],
    clips: int = 40,
    meta: dict | None = None,
    shuffled: bool = False,
) -> Dataset:
    """Writes tables and features; every fifth clip is for validation.

    A label's features rise along a direction of its own, so a network can
    learn them in a few epochs.

    Args:
        shuffled: write the rows in another order; the clips stay the same.
    """
    meta = {**META, **(meta or {})}
    dataset = Dataset(data / name)
    random = np.random.default_rng(0)
    classes = sorted(labels)
    directions = random.normal(size=(len(labels), meta["length"]))
    rows = []
    for number in range(clips):
        label = labels[number % len(labels)]
        slope = np.linspace(0, 3, meta["frames"])[:, None]
        noise = random.normal(size=(meta["frames"], meta["length"])) / 3
        values = slope * directions[classes.index(label)] + noise
        clip = f"{label}/clip.{number}"
        path = dataset.feature(meta["cnn"]) / f"{clip}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, values.astype(meta["dtype"]))
        split = "val" if number // len(labels) % 5 == 0 else "train"
        rows.append([clip, f"{clip}.avi", label, "", split])
    if shuffled:
        rows = [rows[i] for i in random.permutation(len(rows))]
    table = pd.DataFrame(rows, columns=COLUMNS)
    table.to_csv(dataset.clips, index=False)
    pd.DataFrame(
        zip(range(len(classes)), classes, classes, strict=True),
        columns=CLASS_COLUMNS,
    ).to_csv(dataset.classes, index=False)
    path = dataset.feature(meta["cnn"]) / "meta.json"
    path.write_text(json.dumps(meta), encoding="utf-8")
    return dataset


def folders(root: Path) -> list[str]:
    """The arguments that keep a script inside a folder."""
    return [
        *("--data", str(root / "data")),
        *("--log", str(root / "log")),
        *("--model-dir", str(root / "model")),
    ]
