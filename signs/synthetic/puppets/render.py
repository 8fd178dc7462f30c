"""A clip of a person who signs: from who, where and what to a video file.

Everything is drawn in RGB; only the writer of the video gets BGR. What does
not change during a clip (room, trunk, head) is drawn once; arms and hands
are drawn afresh in every frame.
"""

import math
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from signs.core import files
from signs.synthetic.puppets import bust, gestures, people, rooms, skeleton
from signs.synthetic.puppets.arms import Arms
from signs.synthetic.puppets.people import Person
from signs.synthetic.puppets.rooms import MARGIN
from signs.video.video_file import NoVideoError, Video


@dataclass(frozen=True)
class Format:
    """What all videos of a data set have in common.

    scale: pixels per metre at zoom 1.
    """

    width: int
    height: int
    rate: int
    codec: str
    scale: int


@dataclass(frozen=True)
class Clip:
    """All that is needed to render one clip.

    video: the file to write; gesture: its number; signer: number of the
    performer; session: which recording of that performer; take: number of
    the clip, which decides all that differs from clip to clip; frames: its
    length; seed: of the whole data; format: size, rate and codec.
    """

    video: Path
    gesture: int
    signer: int
    session: int
    take: int
    frames: int
    seed: int
    format: Format


def render(clip: Clip) -> None:
    """Renders one clip to its file, atomically.

    Raises:
        ValueError: if OpenCV cannot write such a video.
        OSError: if there is no room for it.
    """
    cv2.setNumThreads(1)  # as many processes as cores work side by side
    with files.atomic(clip.video) as temporary:
        writer = _open(temporary, clip.format)
        if not writer.isOpened():
            codec = clip.format.codec
            raise ValueError(f"OpenCV cannot write {codec}: {clip.video}")
        try:
            for picture in pictures(clip):
                writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        finally:
            writer.release()
        _check(temporary, clip)


def _check(path: Path, clip: Clip) -> None:
    """Raises an error if a video is not whole: its writer never says so."""
    frames = 0
    with suppress(NoVideoError), Video(path) as video:
        frames = sum(1 for _ in video.frames())
    if frames != clip.frames:
        # Where the disk is full, this fails, and says so.
        path.write_bytes(bytes(path.stat().st_size + 2**20))
        raise ValueError(
            f"OpenCV wrote {frames} of {clip.frames} frames: {clip.video}"
        )


def can_write(codec: str, ending: str) -> bool:
    """Whether OpenCV can write videos of that codec on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        form = Format(64, 64, 10, codec, 1)
        writer = _open(Path(folder) / f"probe{ending}", form)
        try:
            return writer.isOpened()
        finally:
            writer.release()


def pictures(clip: Clip) -> Iterator[np.ndarray]:
    """Yields the frames of a clip: RGB, uint8, (height, width, 3)."""
    form = clip.format
    who = people.person(clip.seed, clip.signer)
    where = people.recording(clip.seed, clip.signer, clip.session)
    who, where = people.in_light(who, where)
    random = np.random.default_rng([clip.seed, 4, clip.gesture, clip.take])
    body = _perform(clip, who, random)
    scale = form.scale * where.zoom * who.size
    shown = (where.place[0] * form.width, where.place[1] * form.height)
    throat = shown + _wander(random, clip.frames, 0.004 * scale)
    shake = np.rint(_wander(random, clip.frames, 0.6)).astype(int)
    shake = np.clip(shake, -MARGIN, MARGIN)
    turns = _wander(random, clip.frames, 0.015)[:, 0]
    speaks = _wander(random, clip.frames, 1.0)[:, 0] > 0.3
    gains = _light(random, clip.frames)
    room = rooms.room(where.room, form.width, form.height, where.tint)
    trunk = bust.draw_trunk(who, where, scale)
    heads = bust.draw_heads(who, where, scale)
    throat = throat - shake
    arms = Arms(body, who, where, scale, throat)
    noise = _noise(room.shape, where.noise, random)
    spots = random.integers(0, 2 * MARGIN, (clip.frames, 2))
    canvas = np.empty((form.height, form.width, 3), np.uint8)
    for frame in range(clip.frames):
        x, y = MARGIN + shake[frame]
        canvas[:] = room[y : y + form.height, x : x + form.width]
        at = tuple(throat[frame])
        trunk.paste(canvas, at)
        heads[int(speaks[frame])].paste(canvas, at, turns[frame])
        arms.draw(canvas, frame)
        x, y = spots[frame]
        grain = noise[y : y + form.height, x : x + form.width]
        yield cv2.addWeighted(canvas, gains[frame], grain, 1, -where.noise)


def _open(path: Path, form: Format) -> cv2.VideoWriter:
    size = (form.width, form.height)
    fourcc = cv2.VideoWriter.fourcc(*form.codec)
    return cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, form.rate, size)


def _perform(
    clip: Clip, who: Person, random: np.random.Generator
) -> skeleton.Joints:
    """All joints of the signer in all frames."""
    style = gestures.Style(
        amplitude=who.amplitude * random.uniform(0.9, 1.1),
        rest=who.rest,
        offset=tuple(random.normal(0, 0.015, 3)),
        start=random.uniform(0.0, 0.1),
        end=random.uniform(0.9, 1.0),
        rise=random.uniform(0.13, 0.2),
    )
    motion = gestures.move(gestures.gesture(clip.gesture), style, clip.frames)
    return skeleton.joints(
        motion, who.shoulders, who.size, who.lift, who.left_handed
    )


def _wander(random: np.random.Generator, frames: int, by: float) -> np.ndarray:
    """Slow random movement in two directions; (frames, 2)."""
    time = np.arange(frames)[:, None] / 10
    waves = [
        np.sin(time * random.uniform(0.5, 4.5, 2) + random.uniform(0, 6.3, 2))
        for _ in range(3)
    ]
    return by * np.sum(waves, axis=0) / 2


def _light(random: np.random.Generator, frames: int) -> np.ndarray:
    """How bright each frame is: another day, a cloud, a lamp that flickers."""
    drift = random.normal(0, 0.015)
    slow = random.normal(1, 0.06) + np.linspace(-drift, drift, frames)
    return np.clip(slow + random.normal(0, 0.003, frames), 0.8, 1.2)


def _noise(
    shape: tuple[int, ...], level: int, random: np.random.Generator
) -> np.ndarray:
    """Grain around `level`, somewhat larger than a picture."""
    grain = np.frombuffer(random.bytes(math.prod(shape)), np.uint8)
    return (
        (grain.astype(np.uint16) * (2 * level + 1) >> 8)
        .astype(np.uint8)
        .reshape(shape)
    )
