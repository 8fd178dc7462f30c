"""Models as a training leaves them, but with weights that learned nothing."""

from pathlib import Path
from typing import Any

from benchmarks import data

LABELS = [str(number) for number in range(1, 21)]
# What `--recipe recommended` builds; see training/presets.py.
RECOMMENDED: dict[str, Any] = {
    "input_transform": "both",
    "projection": 128,
    "units": 128,
    "bidirectional": True,
}


def write(folder: Path, features: str) -> Path:
    """Writes a classifier of the recommended recipe, and its record.

    Args:
        folder: of models; it has no other one.
        features: `inceptionv3`, `mobilenet-0.25` or `landmarks`, which
            `SIGNS_LANDMARK_MODELS` must name the models of.

    Returns:
        The path of the classifier.
    """
    import numpy as np

    from signs.core import files
    from signs.core.backend import keras
    from signs.features import combined
    from signs.models import classifier

    about = _describe(features)
    keras.utils.set_random_seed(0)
    blocks = combined.blocks_of(about)
    clip = np.random.default_rng(0).uniform(
        size=(1, data.FRAMES, about["length"])
    )
    model = classifier.build_classifier(
        data.FRAMES,
        about["length"],
        classes=len(LABELS),
        statistics=classifier.mean_and_variance(
            RECOMMENDED["input_transform"], [clip], blocks
        ),
        blocks=blocks,
        **RECOMMENDED,
    )
    run = f"20260101-000000-lstm-1000in{len(LABELS)}"
    path = folder / f"{run}-best.keras"
    folder.mkdir(parents=True, exist_ok=True)
    model.save(path)
    files.write_json(
        folder / f"{run}.json",
        {
            "run": run,
            "dataset": "rendered",
            "frames": data.FRAMES,
            "input": RECOMMENDED["input_transform"],
            "session_mean": features != "landmarks",
            "features": about,
            "classes": [
                {"index": index, "label": label, "name": label}
                for index, label in enumerate(LABELS)
            ],
        },
    )
    return path


def lacks(features: str) -> str:
    """Why there can be no such features here; empty where there can."""
    from signs.core.errors import UserError
    from signs.features import landmark_models

    if features != "landmarks":
        return ""
    try:
        landmark_models.require_packages()
        landmark_models.find_models()
    except UserError as error:
        return str(error)
    return ""


def _describe(features: str) -> dict[str, Any]:
    """The record of features, as their `meta.json` has it."""
    from signs.features import backbones, landmark_models, landmark_store

    if features == "landmarks":
        found = landmark_models.find_models()
        return landmark_store.describe(found, data.FRAMES)
    network = backbones.load(features, "random")
    about = {"frames": data.FRAMES, "dtype": "float16", "engine": "keras"}
    return {**network.describe(), **about}
