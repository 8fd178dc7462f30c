"""Ways to train a small network: does any cost less than Keras's default?

Trains the recommended network (2 x 2 LSTM(128)) on 1,500 clips of noise, each
way in a process of its own. Prints CPU seconds of the first epoch, which holds
tracing and compiling, and of the later ones; and what the products alone cost.

    python -m benchmarks.small_training
    python -m benchmarks.small_training WAY      one way, in this process
"""

import subprocess
import sys
import time
from typing import Any

import numpy as np

from benchmarks import data
from benchmarks.rounds import ROOT

CLIPS, FEATURES, CLASSES, BATCH, EPOCHS = 1_500, 256, 14, 64, 4
UNITS = 128
# Multiplications and additions of an epoch, forward and back: the projection,
# and two LSTMs of two directions and four gates.
_PER_FRAME = 2 * FEATURES * UNITS + 2 * 4 * UNITS * (2 * UNITS + 3 * UNITS)
GFLOP = 3 * 2 * _PER_FRAME * data.FRAMES * CLIPS / 1e9
WAYS = ["default", "steps 8", "unroll", "jit", "bound"]


def main() -> int:
    print("| way | first epoch | later ones |\n|---|---|---|")
    for way in WAYS:
        command = [sys.executable, "-m", "benchmarks.small_training", way]
        answer = subprocess.run(
            command, cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout
        print(answer.splitlines()[-1], flush=True)
    return 0


def measure(way: str) -> str:
    """A row of the table."""
    if way == "bound":
        return f"| float32 products alone | | {_products():.2f} s |"
    fit = _prepare(way)
    seconds = []
    for epochs in (1, EPOCHS):
        began = time.process_time()
        fit(epochs)
        seconds.append((time.process_time() - began) / epochs)
    return f"| {way} | {seconds[0]:.1f} s | {seconds[1]:.2f} s |"


def _prepare(way: str) -> Any:
    from signs.core.backend import keras
    from signs.models import classifier

    random = np.random.default_rng(0)
    shown = random.normal(size=(CLIPS, data.FRAMES, FEATURES)).astype("f4")
    labels = np.eye(CLASSES, dtype="f4")[random.integers(0, CLASSES, CLIPS)]
    model = classifier.build_classifier(
        *(data.FRAMES, FEATURES),
        classes=CLASSES,
        units=UNITS,
        projection=UNITS,
        bidirectional=True,
        input_transform="both",
    )
    if way == "unroll":
        model = keras.models.clone_model(model, clone_function=_unrolled)
    more: dict[str, Any] = {}
    if way == "steps 8":
        more["steps_per_execution"] = 8
    if way == "jit":
        more["jit_compile"] = True
    model.compile(keras.optimizers.Adam(), "categorical_crossentropy", **more)
    return lambda epochs: model.fit(
        shown, labels, BATCH, epochs=epochs, verbose=0
    )


def _unrolled(layer: Any) -> Any:
    config = layer.get_config()
    for part in ("layer", "backward_layer"):
        if part in config:
            config[part]["config"]["unroll"] = True
    return type(layer).from_config(config)


def _products() -> float:
    """CPU seconds of as many products of matrices as an epoch has."""
    one = np.ones((BATCH * data.FRAMES, 2 * UNITS), "f4")
    other = np.ones((2 * UNITS, 4 * UNITS), "f4")
    each = 2 * one.shape[0] * one.shape[1] * other.shape[1] / 1e9
    one @ other
    began = time.process_time()
    for _ in range(round(GFLOP / each)):
        one @ other
    return time.process_time() - began


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(measure(sys.argv[1]))
    else:
        sys.exit(main())
