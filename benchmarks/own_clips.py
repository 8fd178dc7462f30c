"""A thousand own clips, from videos to figures, beside plain Keras.

Times frame.py, feature.py (MobileNet .25), train_lstm.py and evaluate.py on a
table of clips, and one Keras script that does the same for the same number of
epochs. Prints a table, and writes it to --out.

    python -m benchmarks.own_clips shrec/clips.csv --weights mobilenet.h5

The table has the columns path, label and signer.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.rounds import ROOT

FRAMES, SIZE = 20, 224


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("table", type=Path)
    add("--weights", default="imagenet", help="of MobileNet .25: as a file")
    add("--plain", action="store_true", help=argparse.SUPPRESS)
    add("--epochs", type=int, default=40, help=argparse.SUPPRESS)
    add("--out", type=Path, default=ROOT / "benchmarks" / "own_clips.json")
    args = parser.parse_args(arguments)
    if args.plain:
        print(json.dumps(plain(args.table, args.weights, args.epochs)))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        ours = scripts(Path(scratch), args.table.resolve(), args.weights)
    command = [sys.executable, "-m", "benchmarks.own_clips", str(args.table)]
    command += ["--plain", "--weights", args.weights]
    command += ["--epochs", str(ours["epochs"])]
    answer = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    theirs = json.loads(answer.splitlines()[-1])
    args.out.write_text(json.dumps({"ours": ours, "plain": theirs}, indent=1))
    print(table(ours["seconds"], theirs["seconds"]))
    print(f"{ours['epochs']} epochs; {ours['result']}")
    return 0


def table(ours: dict[str, float], theirs: dict[str, float]) -> str:
    """Both in Markdown, step by step."""
    ours = {**ours, "together": sum(ours.values())}
    theirs = {**theirs, "together": sum(theirs.values())}
    lines = [
        "| step | this project | plain Keras | ratio |",
        "|---|---|---|---|",
    ]
    for step, seconds in ours.items():
        other = theirs.get(step)
        cells = "| |" if other is None else f"| {other:.0f} s | "
        more = "" if other is None else f"{other / seconds:.1f} |"
        lines.append(f"| {step} | {seconds:.0f} s {cells}{more}")
    return "\n".join(lines)


def scripts(folder: Path, source: Path, weights: str) -> dict[str, Any]:
    """Runs the scripts as a user does; returns seconds a step."""
    cnn = ["--cnn", "mobilenet", "--alpha", "0.25", "--weights", weights]
    steps = {
        "frames": ["frame.py", "mine", "--source", str(source)],
        "features": ["feature.py", "mine", *cnn],
        "training": ["train_lstm.py", "mine"],
        "evaluation": ["evaluate.py", "mine", "--split", "val", "--anyway"],
    }
    places = [
        *("--data", str(folder / "data"), "--log", str(folder / "log")),
        *("--model-dir", str(folder / "model"), "--quiet"),
    ]
    seconds = {}
    for step, command in steps.items():
        began = time.monotonic()
        subprocess.run(
            [sys.executable, *command, *places], cwd=ROOT, check=True
        )
        seconds[step] = time.monotonic() - began
        print(f"{step}: {seconds[step]:.0f} s", flush=True)
    (run,) = (folder / "model").glob("*-best.keras")
    log = folder / "log" / f"{run.stem.removesuffix('-best')}.csv"
    (judged,) = (folder / "log").glob("*-evaluation-val.json")
    accuracy = next(iter(json.loads(judged.read_text())["figures"].values()))
    return {
        "seconds": seconds,
        "epochs": len(log.read_text().splitlines()) - 1,
        "result": f"accuracy {accuracy['accuracy']['value']:.3f} on people "
        "who chose the epoch",
    }


def plain(source: Path, weights: str, epochs: int) -> dict[str, Any]:
    """The same by OpenCV and Keras, as tutorials do it, in one process."""
    import cv2
    import keras
    import numpy as np

    with source.open(newline="") as file:
        rows = list(csv.DictReader(file))
    model = keras.applications.MobileNet(
        (SIZE, SIZE, 3), 0.25, include_top=False, weights=weights, pooling="avg"
    )
    prepare = keras.applications.mobilenet.preprocess_input
    seconds = {"frames": 0.0, "features": 0.0}
    features = []
    for row in rows:
        began = time.monotonic()
        video, pictures = cv2.VideoCapture(str(source.parent / row["path"])), []
        while (read := video.read())[0]:
            pictures.append(cv2.resize(read[1][:, :, ::-1], (SIZE, SIZE)))
        chosen = np.linspace(0, len(pictures) - 1, FRAMES).round().astype(int)
        batch = prepare(np.stack([pictures[i] for i in chosen]).astype("f4"))
        read_by = time.monotonic()
        features.append(model.predict_on_batch(batch))
        seconds["frames"] += read_by - began
        seconds["features"] += time.monotonic() - read_by
    began = time.monotonic()
    labels = sorted({row["label"] for row in rows})
    targets = np.array([labels.index(row["label"]) for row in rows])
    people = sorted({row["signer"] for row in rows})
    held = np.isin([row["signer"] for row in rows], people[:: len(people) // 4])
    layer = keras.layers
    network = keras.Sequential(
        [
            keras.Input((FRAMES, features[0].shape[-1])),
            layer.Bidirectional(
                layer.LSTM(128, dropout=0.5, return_sequences=True)
            ),
            layer.Bidirectional(layer.LSTM(128, dropout=0.5)),
            layer.Dense(len(labels), activation="softmax"),
        ]
    )
    network.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    shown = np.stack(features)
    network.fit(
        shown[~held],
        targets[~held],
        64,
        epochs,
        validation_data=(shown[held], targets[held]),
        verbose=0,
    )
    seconds["training"] = time.monotonic() - began
    return {"seconds": seconds}


if __name__ == "__main__":
    sys.exit(main())
