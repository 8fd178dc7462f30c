"""Writes a data set of made-up hands that spell letters: landmarks alone.

People differ in the shape of their fingers, in how far they bend them, in how
they make each letter, and in how they hold the hand. There are no pictures:
only what training and judging do with landmarks is seen by it, not how well
hands are found. docs/landmarks.md shows the results.

    DATA/letters/clips.csv, classes.csv
    DATA/letters/feature/landmarks/CLIP.npy   (20, 176)

Example: python -m studies.letters --trained-on 3
         python train_lstm.py letters --features landmarks --epochs 40
         python evaluate.py letters --split test
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from signs.core import arguments
from signs.data.settings import FRAMES

if TYPE_CHECKING:
    from signs.data.clips_table import Dataset

LETTERS = "abcdefghiklmnopqrstuvwxy"  # j and z are movements
CLIPS = 288  # of each person
JUDGED = 4  # people; one more is for validation

# In lengths of the palm, from the wrist on: x, y (up is negative), z.
KNUCKLES = [(-0.35, -0.3), (-0.25, -1), (-0.05, -1.02), (0.15, -0.97)]
KNUCKLES += [(0.32, -0.88)]
BONES = [(0.45, 0.35, 0.3), (0.5, 0.3, 0.25), (0.55, 0.35, 0.27)]
BONES += [(0.5, 0.33, 0.26), (0.4, 0.25, 0.22)]
BENT = (1.0, 1.0, 0.7)  # the last two joints of a finger bend together

# Standard deviations, in radians or shares.
HABIT, OWN_WAY, TILT, SHAPE = 0.25, 0.15, 0.3, 0.1  # of people
AGAIN = 0.12  # of one person's clips of a letter
SEEN = 0.02  # of MediaPipe's points, in lengths of the palm
MISSED = 0.1  # share of the frames in which no hand is found


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, default=Path("data"), help="folder")
    add("--trained-on", type=arguments.whole_number, default=3, help="people")
    add("--seed", type=int, default=0)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)
    import pandas as pd

    from signs.core import files
    from signs.data import clips_table
    from signs.features import feature_store, landmark_store
    from signs.features.landmark_models import LandmarkModels

    dataset = clips_table.Dataset(args.data / "letters")
    rows = write_clips(dataset, args.trained_on, args.seed)
    table = pd.DataFrame(rows, columns=clips_table.COLUMNS)
    dataset.root.mkdir(parents=True, exist_ok=True)
    clips_table.write_table(dataset.clips, table)
    clips_table.write_table(dataset.classes, clips_table.classes_of(table))
    # No model has found them; the seed tells the sets apart.
    models = LandmarkModels(Path("made up"), None, f"{args.seed:016}")
    about = landmark_store.describe(models, FRAMES)
    files.write_json(feature_store.meta_path(dataset, "landmarks"), about)
    print(f"{len(rows):,} clips in {dataset.root}")
    return 0


def write_clips(
    dataset: "Dataset", trained_on: int, seed: int
) -> list[list[str]]:
    """Writes the landmarks of all people; returns the rows of clips.csv."""
    from signs.features import feature_store

    random = np.random.default_rng(seed)
    shape = len(LETTERS), 5, 2
    bends = random.uniform(0, 1.5, shape)
    bends[random.random(shape[:2]) < 0.5] *= 0.1  # a finger that is stretched
    turns = random.normal(0, 0.4, (len(LETTERS), 3))
    rows = []
    for number in range(trained_on + 1 + JUDGED):
        signer = f"person-{number + 1:02}"
        split = "train" if number < trained_on else "val"
        split = "test" if number > trained_on else split
        knuckles = np.pad(KNUCKLES, ((0, 0), (0, 1)))
        knuckles = knuckles * random.normal(1, SHAPE, (5, 3))
        bones = np.array(BONES) * random.normal(1, SHAPE, (5, 3))
        own = bends + random.normal(0, HABIT, (5, 2))
        own = own + random.normal(0, OWN_WAY, shape)
        tilt = random.normal(0, TILT, 3)
        for clip in range(CLIPS):
            letter = clip % len(LETTERS)
            bent = own[letter] + random.normal(0, AGAIN, (5, 2))
            turn = turns[letter] + random.normal(0, AGAIN, 3)
            points = turned(hand(knuckles, bones, bent), turn, tilt)
            name = f"{signer}/{LETTERS[letter]}-{clip // len(LETTERS):02}"
            path = feature_store.feature_path(dataset, "landmarks", name)
            feature_store.write_array(path, film(points, random))
            label = LETTERS[letter]
            rows.append([name, f"{name}.avi", label, signer, split])
    return rows


def hand(
    knuckles: np.ndarray, bones: np.ndarray, bent: np.ndarray
) -> np.ndarray:
    """The points of a hand, in lengths of the palm, (21, 3).

    Args:
        knuckles: where each finger begins, (5, 3).
        bones: their lengths, (5, 3).
        bent: by how much the lower joint of each finger is, and those
            above it, in radians, (5, 2).
    """
    angles = np.cumsum(bent[:, [0, 1, 1]] * BENT, axis=1)
    sides = np.arctan2(knuckles[:, 0], -knuckles[:, 1])[:, None]
    steps = np.stack(
        [
            np.sin(sides) * np.cos(angles),
            -np.cos(sides) * np.cos(angles),
            -np.sin(angles),
        ],
        axis=-1,
    )
    ends = knuckles[:, None] + np.cumsum(bones[..., None] * steps, axis=1)
    fingers = np.concatenate([knuckles[:, None], ends], axis=1)
    return np.concatenate([np.zeros((1, 3)), fingers.reshape(20, 3)])


def turned(points: np.ndarray, *turns: np.ndarray) -> np.ndarray:
    """Points after some turns, each by a vector of radians."""
    from scipy.spatial.transform import Rotation

    for turn in turns:
        points = Rotation.from_rotvec(turn).apply(points)
    return points


def film(points: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The landmarks of a clip of a hand that is held still.

    Args:
        points: in lengths of the palm, (21, 3).
        random: draws place, size, and what goes wrong.

    Returns:
        See `signs.models.landmark_layout`, float16, (20, 176).
    """
    from signs.models import landmark_layout as layout

    palm = random.uniform(0.08, 0.2)  # in heights of the picture
    place = np.append(random.uniform(0.4, 0.9, 2), 0)
    drift = np.cumsum(random.normal(0, 0.004, (FRAMES, 1, 3)), axis=0)
    noise = random.normal(0, SEEN, (FRAMES, layout.HAND_POINTS, 3))
    found = layout.empty(FRAMES)
    hands, _ = layout.split(found)
    hands[:, layout.HANDS.index("right")] = (
        (points + noise) * palm + place + drift
    )
    found[random.random(FRAMES) < MISSED] = np.nan
    return found.astype("float16")


if __name__ == "__main__":
    sys.exit(arguments.run(main))
