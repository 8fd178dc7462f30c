"""From the shell to the first answer: `predict.py CLIP`, and plain Keras.

Both are started anew for each answer, in turn. The plain script does what a
tutorial does: it reads the video by OpenCV, shows its frames to the network
from keras.applications (or to MediaPipe), and the features to the LSTM.

python -m benchmarks.first_answer ours CLIP FLAG ...    with the time in between
python -m benchmarks.first_answer plain CLIP FEATURES MODEL WEIGHTS
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import data, models
from benchmarks.rounds import ROOT

FEATURES = ["mobilenet-0.25", "inceptionv3", "landmarks"]
CACHES = Path("/proc/sys/vm/drop_caches")  # of the disk; root may empty them


def measure(folder: Path, rounds: int, quick: bool) -> list[dict[str, Any]]:
    """Returns a row for each kind of features, and state of the disk's cache.

    Each has the seconds of all rounds: `ours`, of which `before` until the
    first picture is decoded, and `plain`.
    """
    clip = data.clips(folder, 1)[0]
    rows: list[dict[str, Any]] = []
    for features in FEATURES[:1] if quick else FEATURES:
        if note := models.lacks(features):
            rows.append({"features": features, "note": note})
            continue
        here = folder / features
        model = models.write(here / "model", features)
        weights = _write_weights(here, features)
        ours = ["ours", str(clip), *_folders(here)]
        plain = ["plain", str(clip), features, str(model), str(weights)]
        _run(ours)  # converts what is kept converted
        for cache in ["warm", "cold"]:
            times: dict[str, list[float]] = {"ours": [], "before": []}
            times["plain"] = []
            for _ in range(rounds):
                if cache == "cold" and not _empty_caches():
                    break
                seconds, before = _run(ours)
                times["ours"].append(seconds)
                times["before"].append(before)
                if cache == "cold":
                    _empty_caches()
                times["plain"].append(_run(plain)[0])
            if times["plain"]:
                rows.append({"features": features, "cache": cache, **times})
    return rows


def _folders(here: Path) -> list[str]:
    return [
        *("--model-dir", str(here / "model")),
        *("--log", str(here / "log"), "--data", str(here / "data")),
    ]


def _write_weights(here: Path, features: str) -> Path:
    """A file of the CNN's weights, which a tutorial would download."""
    path = here / "cnn.weights.h5"
    if features != "landmarks":
        _application(features, None).save_weights(path)
    return path


def _application(features: str, weights: Path | None) -> Any:
    import keras

    options = {"weights": weights, "include_top": False, "pooling": "avg"}
    if features == "inceptionv3":
        return keras.applications.InceptionV3(**options)
    size = (224, 224, 3)
    return keras.applications.MobileNet(size, alpha=0.25, **options)


def _empty_caches() -> bool:
    """Empties the disk's cache; whether that is permitted."""
    try:
        os.sync()
        CACHES.write_text("3")
    except OSError:
        return False
    return True


def _run(arguments: list[str]) -> tuple[float, float]:
    """Seconds until an answer is there, and until a picture is decoded."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.first_answer", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    took = time.monotonic() - began
    if done.returncode:
        raise RuntimeError(f"{arguments[0]} failed:\n{done.stderr[-3000:]}")
    decoded = json.loads(done.stdout.splitlines()[-1])["decoded"]
    return took, decoded - began


def _ours(clip: str, flags: list[str]) -> float:
    """Runs predict.py; when the clip began to be read."""
    from signs.core import arguments
    from signs.video import decode

    import predict  # isort: skip

    read, began = decode.read_frames, []

    def timed(*args: Any, **options: Any) -> Any:
        began.append(time.monotonic())
        return read(*args, **options)

    decode.read_frames = timed
    if arguments.run(predict.main, [clip, *flags]):
        sys.exit(1)
    return began[0]


def _plain(clip: str, features: str, model: str, weights: str) -> float:
    """What a tutorial does; when the clip began to be read."""
    import cv2
    import keras
    import numpy as np

    began = time.monotonic()
    capture = cv2.VideoCapture(clip)
    frames = []
    while (found := capture.read())[0]:
        frames.append(cv2.cvtColor(found[1], cv2.COLOR_BGR2RGB))
    chosen = np.linspace(0, len(frames) - 1, data.FRAMES).round().astype(int)
    pictures = [frames[index] for index in chosen]
    if features == "landmarks":
        seen = _mediapipe_landmarks(pictures)
    else:
        cnn = _application(features, Path(weights))
        size = cnn.input_shape[1] or 299
        small = [cv2.resize(x, (size, size)) for x in pictures]
        seen = cnn.predict(np.stack(small) / 127.5 - 1, verbose=0)
    classifier = keras.saving.load_model(model)
    print(classifier.predict(seen[None], verbose=0).argmax())
    return began


def _mediapipe_landmarks(pictures: Any) -> Any:
    """The hands of pictures, one look at each, as a row of landmarks."""
    import mediapipe
    import numpy as np
    from mediapipe.tasks.python import BaseOptions, vision

    from signs.features import landmark_models

    hands = vision.HandLandmarker.create_from_options(
        vision.HandLandmarkerOptions(
            base_options=BaseOptions(
                model_asset_path=str(landmark_models.find_models().hand)
            ),
            num_hands=2,
        )
    )
    rows = np.full((len(pictures), 176), np.nan, np.float32)
    for row, picture in zip(rows, pictures, strict=True):
        image = mediapipe.Image(mediapipe.ImageFormat.SRGB, picture)
        found = hands.detect(image)
        for side, points in enumerate(found.hand_landmarks):
            values = [(p.x, p.y, p.z) for p in points]
            row[63 * side : 63 * side + 63] = np.ravel(values)
    hands.close()
    return rows


if __name__ == "__main__":
    way, video, *rest = sys.argv[1:]
    with contextlib.redirect_stdout(sys.stderr):
        when = _ours(video, rest) if way == "ours" else _plain(video, *rest)
    print(json.dumps({"decoded": when}))
