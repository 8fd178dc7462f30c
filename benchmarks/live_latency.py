"""From a sign's last picture to its answer, live, and what it costs.

python -m benchmarks.live_latency FOLDER FEATURES SIGNS    in this process

Rendered people sign, with pauses, at 30 pictures a second. A picture that is
due while the one before is still worked on is dropped, as a camera does. That
a sign is over is known after a pause; until its answer is there, it is waited
on again. Both waits are told.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import models
from benchmarks.rounds import ROOT

RATE = 30  # pictures a second
PAUSE = 0.8  # seconds of rest that end a sign; the default of live.py
REST = 2.5  # seconds of rest between two signs
NOBODY = 10.0  # seconds of rest in which the use of the CPU is measured
FEATURES = ["mobilenet-0.25", "inceptionv3", "landmarks"]
# Performer and gesture; some of one hand, some of two.
SIGNS = [(performer, gesture) for performer in (1, 2) for gesture in range(6)]


def measure(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """Returns a row for each kind of features."""
    rows: list[dict[str, Any]] = []
    for features in FEATURES:
        if note := models.lacks(features):
            rows.append({"features": features, "note": note})
            continue
        here = folder / features
        models.write(here / "model", features)
        rows.append(measure_one(here, features, 1 if quick else len(SIGNS)))
    return rows


def measure_one(folder: Path, features: str, signs: int) -> dict[str, Any]:
    """Measures the model in `FOLDER/model`, in a process of its own."""
    command = ["-m", "benchmarks.live_latency", str(folder), features]
    done = subprocess.run(
        [sys.executable, *command, str(signs)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{features} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _measure(folder: Path, features: str, signs: int) -> dict[str, Any]:
    from signs.core.arguments import available_cores
    from signs.inference.live import Live
    from signs.inference.predictor import load_predictor
    from signs.inference.segmenter import ByMotion
    from signs.training import run_record

    class Watched(ByMotion):
        """Notes when it says that a sign is over, and when that was seen."""

        def update(self, time_: float, picture: np.ndarray) -> Any:
            seen.append((time_, time.monotonic()))
            segment = super().update(time_, picture)
            if segment is not None:
                last = max(x for t, x in seen if t <= segment.still)
                ended.append((last, time.monotonic()))
            return segment

    seen: list[tuple[float, float]] = []
    ended: list[tuple[float, float]] = []
    path, record = run_record.find_model(None, folder / "model")
    predictor = load_predictor(
        path, record, folder / "model" / "cnn", available_cores()
    )
    predictor.warm_up()
    stream = list(_stream(signs))
    known: list[float] = []
    answered: list[float] = []
    dropped, rest_began, share = 0, 0.0, 0.0
    with Live(predictor, Watched(PAUSE), 0.0, 3, is_realtime=True) as live:
        began = time.monotonic()
        for number, picture in enumerate(stream):
            due = began + number / RATE
            late = time.monotonic() - due
            if late > 1 / RATE:
                dropped += 1
                continue
            time.sleep(max(0.0, -late))
            if number == len(stream) - round(NOBODY * RATE):
                rest_began, used = time.monotonic(), time.process_time()
            for _ in live.update(number / RATE, picture):
                last, known_at = ended[len(answered)]
                known.append(known_at - last)
                answered.append(time.monotonic() - known_at)
        share = time.process_time() - used
        share /= time.monotonic() - rest_began
    return {
        "features": features,
        "signs": len(answered),
        "shown": signs,
        "known": known,
        "answered": answered,
        "pictures": len(stream),
        "dropped": dropped,
        "share_at_rest": share,
    }


def _stream(signs: int) -> Iterator[np.ndarray]:
    """The pictures of a person who signs and rests, RGB, with noise."""
    from signs.synthetic.puppets.render import Clip, Format, pictures

    random = np.random.default_rng(0)
    form = Format(640, 480, RATE, "MJPG", 330)
    for number, (performer, gesture) in enumerate(SIGNS[:signs]):
        clip = Clip(Path(), gesture, performer, 0, 0, 2 * RATE, 0, form)
        shown = list(pictures(clip))
        if not number:
            yield from _still(shown[0], REST, random)
        yield from shown
        yield from _still(shown[-1], REST, random)
    yield from _still(shown[-1], NOBODY, random)


def _still(
    picture: np.ndarray, seconds: float, random: np.random.Generator
) -> Iterator[np.ndarray]:
    """One picture again and again, with the noise of a sensor."""
    noisy = [
        np.clip(picture + random.normal(0, 2, picture.shape), 0, 255)
        for _ in range(5)
    ]
    for number in range(round(seconds * RATE)):
        yield noisy[number % len(noisy)].astype(np.uint8)


if __name__ == "__main__":
    _, where, kind, many = sys.argv
    print(json.dumps(_measure(Path(where), kind, int(many))))
