"""From IsoGD-like clips to landmarks on disk; SIGNS_LANDMARK_MODELS names the
folder of the models."""

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path

from benchmarks import data
from benchmarks.rounds import Engine, Skip

CLIPS = 24
Work = Callable[[], float]


def prepare(folder: Path, quick: bool) -> None:
    data.clips(folder, 2 if quick else CLIPS)


def start_ours(folder: Path, quick: bool, workers: int | None = None) -> Work:
    """What feature.py --landmarks does, its processes' start included."""
    from signs.core import parallel
    from signs.core.arguments import available_cores
    from signs.features import landmark_store
    from signs.video.frame_store import FrameTask

    models = _models()
    tasks = {
        clip.stem: landmark_store.LandmarkTask(
            FrameTask(clip, clip.parent, data.FRAMES),
            folder / "landmarks" / f"{clip.stem}.npy",
            models,
        )
        for clip in sorted((folder / "clips").iterdir())
    }

    def work() -> float:
        _, failures = parallel.map_clips(
            landmark_store.make_landmarks,
            tasks,
            workers or available_cores(),
            "",
            quiet=True,
        )
        if failures:
            raise RuntimeError(str(failures))
        return len(tasks) * data.FRAMES

    return work


def start_detector(folder: Path, quick: bool) -> Work:
    """One process that looks for hands once in each decoded picture."""
    from signs.features.landmarks import LandmarkDetector
    from signs.video import decode

    detector = LandmarkDetector(_models())
    clips = sorted((folder / "clips").iterdir())[:8]
    pictures = [x for clip in clips for x in decode.read_frames(clip, 20)]

    def work() -> float:
        for picture in pictures:
            detector.find_hands(picture)
        return len(pictures)

    return work


def _models():
    from signs.core.errors import UserError
    from signs.features import landmark_models

    if importlib.util.find_spec("mediapipe") is None:
        raise Skip("mediapipe is not installed")
    try:
        return landmark_models.find_models()
    except UserError as error:
        raise Skip(str(error)) from error


ENGINES = [
    Engine("feature.py --landmarks", start_ours),
    Engine("the same, one process", functools.partial(start_ours, workers=1)),
    Engine("one look at each picture, one process", start_detector),
]
