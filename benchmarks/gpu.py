"""Measures the CNN and the training on the device that Keras finds.

For a GPU, where TensorFlow may be missing: Keras runs on JAX or torch. Needs
keras, jax or torch, numpy, pandas, opencv, and tqdm. On a CPU it runs
too, slowly; --quick tries it out.

    KERAS_BACKEND=jax python -m benchmarks.gpu --out gpu
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

FRAMES, LENGTH, CLASSES = 20, 2048, 249


def cnn_name(quick: bool) -> str:
    return "mobilenet-0.25" if quick else "inceptionv3"


def units(quick: bool) -> int:
    """Width of the LSTMs."""
    return 16 if quick else 1024


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="tiny sizes, to try this out")
    add("--rounds", type=int, default=5, help="how often each is measured")
    add("--out", type=Path, default=Path(__file__).parent, help="folder")
    args = parser.parse_args(arguments)
    results = {
        "chip": chip(),
        "date": datetime.date.today().isoformat(),
        "command": "KERAS_BACKEND={} python -m benchmarks.gpu {}".format(
            os.environ.get("KERAS_BACKEND", "tensorflow"),
            " ".join(sys.argv[1:]),
        ).strip(),
        "quick": args.quick,
        "versions": versions(),
        "rows": measure(1 if args.quick else args.rounds, args.quick),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "gpu.json").write_text(json.dumps(results, indent=1))
    text = table(results)
    (args.out / "gpu.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


def chip() -> str:
    """The name of the device that Keras works on."""
    from signs.core.backend import has_gpu, keras

    if not has_gpu():
        return f"no GPU; CPU {platform.processor() or platform.machine()}"
    if keras.backend.backend() == "torch":
        import torch

        return torch.cuda.get_device_name(0)
    if keras.backend.backend() == "jax":
        import jax

        return jax.devices()[0].device_kind
    import tensorflow as tf

    gpu = tf.config.list_physical_devices("GPU")[0]
    return tf.config.experimental.get_device_details(gpu)["device_name"]


def versions() -> dict[str, str]:
    from signs.training import run_record

    return run_record.versions()


def measure(rounds: int, quick: bool) -> list[dict[str, Any]]:
    """Measures everything, one thing after the other: a row each."""
    rows = []
    for half in (False, True):
        for batch in [2] if quick else [20, 60, 120, 240]:
            rows.append(
                {
                    "what": f"{cnn_name(quick)}, frames a second",
                    "precision": "half" if half else "float32",
                    "batch": batch,
                    "rates": timed(cnn_work(batch, half, quick), rounds),
                }
            )
    for half in (False, True):
        for batch in [4] if quick else [16, 256, 1024]:
            rows.append(
                {
                    "what": f"training of 2 LSTM({units(quick)}), "
                    "clips a second",
                    "precision": "mixed" if half else "float32",
                    "batch": batch,
                    "rates": timed(train_work(batch, half, quick), rounds),
                }
            )
    return rows


def timed(work: Callable[[], int], rounds: int) -> list[float]:
    """Units a second of each round; the first two, which compile, go."""
    rates = []
    for number in range(2 + rounds):
        began = time.perf_counter()
        done = work()
        seconds = time.perf_counter() - began
        if number > 1:
            rates.append(done / seconds)
    return rates


def cnn_work(batch: int, half: bool, quick: bool) -> Callable[[], int]:
    """What feature.py asks of its engine, pictures in memory."""
    from signs.features import backbones, engines

    network = backbones.load(cnn_name(quick), "random")
    engine = engines.KerasEngine(network, half)
    random = np.random.default_rng(0)
    shape = (batch, network.size, network.size, 3)
    pictures = random.integers(0, 256, shape, "uint8")
    times = 1 if quick else 10

    def work() -> int:
        for _ in range(times):
            engine(pictures)
        return times * batch

    return work


def train_work(batch: int, half: bool, quick: bool) -> Callable[[], int]:
    """What train_lstm.py does, features in memory."""
    from signs.models import classifier
    from signs.training import loop
    from signs.training.settings import TrainingSettings

    model = classifier.build_classifier(
        FRAMES, LENGTH, classes=CLASSES, units=units(quick)
    )
    settings = TrainingSettings(dataset="d", mixed_precision=half)
    loop.compile_classifier(model, settings)
    random = np.random.default_rng(0)
    clips = batch * (1 if quick else max(2, 2048 // batch))
    features = random.random((clips, FRAMES, LENGTH), "float32")
    labels = random.integers(0, CLASSES, clips).astype("int32")
    policy = "mixed_float16" if half else "float32"

    def work() -> int:
        with classifier.precision(model, policy):
            model.fit(features, labels, batch, shuffle=False, verbose=0)
        return clips

    return work


def table(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    versions_of = ", ".join(f"{k} {v}" for k, v in results["versions"].items())
    lines = [
        f"# {results['chip']}",
        "",
        f"{results['date']}; `{results['command']}`; {versions_of}.",
        "",
    ]
    if results["quick"]:
        lines += ["**Tiny sizes, only to try this out: no figures.**", ""]
    lines += ["| what | precision | batch | median |", "|---" * 4 + "|"]
    lines += [
        f"| {row['what']} | {row['precision']} | {row['batch']} | "
        f"{statistics.median(row['rates']):.4g} |"
        for row in results["rows"]
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
