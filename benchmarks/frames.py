"""From IsoGD-like clips to JPEG frames on disk."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2

from benchmarks import data
from benchmarks.rounds import Engine, Skip

CLIPS = 300
SLOW_CLIPS = 16  # of those: the ways that start programs take long enough
Work = Callable[[], float]


def prepare(folder: Path, quick: bool) -> None:
    data.clips(folder, 2 if quick else CLIPS)


def start_prototype(folder: Path, quick: bool) -> Work:
    """mediainfo says how long a clip is, ffmpeg takes the frames."""
    for program in ("mediainfo", "ffmpeg"):
        if shutil.which(program) is None:
            raise Skip(f"{program} is not installed")
    clips = _clips(folder)[:SLOW_CLIPS]

    def work() -> float:
        for clip in clips:
            to = _empty(folder / "prototype" / clip.stem)
            ask = ["mediainfo", "--Inform=Video;%Duration%", str(clip)]
            answer = subprocess.run(ask, capture_output=True, check=True)
            rate = data.FRAMES / (float(answer.stdout) / 1000)
            take = ["ffmpeg", "-y", "-loglevel", "error", "-i", str(clip)]
            take += ["-r", f"{rate}", "-frames", f"{data.FRAMES}", "-q:v", "2"]
            subprocess.run([*take, str(to / "frame-%03d.jpg")], check=True)
        return len(clips)

    return work


def start_one_process(folder: Path, quick: bool) -> Work:
    """One process that reads every frame, and keeps some."""
    from signs.video import images, sampling

    clips = _clips(folder)[: 4 * SLOW_CLIPS]

    def work() -> float:
        for clip in clips:
            to = _empty(folder / "one" / clip.stem)
            capture = cv2.VideoCapture(str(clip))
            pictures = []
            while (read := capture.read())[0]:
                pictures.append(read[1])
            chosen = sampling.sample_indices(len(pictures), data.FRAMES)
            for number, index in enumerate(chosen, 1):
                path = to / f"frame-{number:03}.jpg"
                quality = [cv2.IMWRITE_JPEG_QUALITY, images.JPEG_QUALITY]
                cv2.imwrite(str(path), pictures[index], quality)
        return len(clips)

    return work


def start_ours(folder: Path, quick: bool) -> Work:
    """What frame.py does, its processes' start included."""
    from signs.core import parallel
    from signs.core.arguments import available_cores
    from signs.video import frame_store

    tasks = {
        clip.stem: frame_store.FrameTask(
            clip, folder / "ours" / clip.stem, data.FRAMES
        )
        for clip in _clips(folder)
    }

    def work() -> float:
        _, failures = parallel.map_clips(
            frame_store.make_frames, tasks, available_cores(), "", quiet=True
        )
        if failures:
            raise RuntimeError(str(failures))
        return len(tasks)

    return work


def start_grab(folder: Path, quick: bool) -> Work:
    """One process that decodes every frame, and converts and writes none."""
    from signs.video.video_file import Video

    clips = _clips(folder)[: 4 * SLOW_CLIPS]

    def work() -> float:
        for clip in clips:
            with Video(clip) as video:
                for _ in video.frames():
                    pass
        return len(clips)

    return work


def _clips(folder: Path) -> list[Path]:
    return sorted((folder / "clips").iterdir())


def _empty(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


ENGINES = [
    Engine("mediainfo and ffmpeg a clip (2018)", start_prototype),
    Engine("one process, every frame", start_one_process),
    Engine("frame.py", start_ours),
    Engine("decoding alone, one process", start_grab),
]
