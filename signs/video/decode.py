"""From a video file to a fixed number of pictures."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from av.packet import Packet

from signs.video.sampling import sample_indices
from signs.video.video_file import NoVideoError, Video

# Times are in whole ticks of the file's clock: what is due at 1 s may say
# 0.9999.
_TICK = 5e-4
# Up to so many bytes of a video are kept in memory, and not read twice.
_KEPT = 64 * 1024 * 1024
# Where the file's own index misleads, seconds further back to look for a key
# frame; after these, at the beginning.
_FURTHER_BACK = (0.0, 10.0, 60.0)


@dataclass(frozen=True)
class _Section:
    """What to take of a video.

    Attributes:
        video: the file.
        frames: how many to take.
        start, end: of the section, in seconds; the end is not in it. The
            first frames of a whole video may be due before its time 0.
        short_side: see `Video.picture`.
        then: what to make of each picture.
    """

    video: Path
    frames: int
    start: float
    end: float
    short_side: int | None
    then: Callable[[np.ndarray], Any]

    @property
    def begins(self) -> float:
        return self.start - _TICK if self.start > 0 else -math.inf

    @property
    def ends(self) -> float:
        return self.end - _TICK


@dataclass
class _Taken:
    """What one pass through a section gave.

    Attributes:
        count: pictures of the section that were decoded.
        first, last: times of the first and last picture that were decoded,
            in the section or not.
        results: of the pictures that were wanted, by index in the section.
        problem: what went wrong; None if nothing did.
    """

    count: int = 0
    first: float = math.inf
    last: float = -math.inf
    results: dict[int, Any] = field(default_factory=dict)
    problem: str | None = None


def read_frames(
    video: Path,
    frames: int,
    start: float = 0.0,
    end: float = math.inf,
    short_side: int | None = None,
    then: Callable[[np.ndarray], Any] = lambda picture: picture,
) -> list[Any]:
    """Takes evenly spread frames of a video, or of a section of it.

    The pictures in the file are counted without decoding them, which is
    quick, and says which ones to keep while decoding. Those that do decode
    are counted, too, and where they are others than expected, they are
    decoded once more to take the right ones.

    Args:
        video: a file that FFmpeg can read.
        frames: how many frames to take.
        start, end: section to take them from, in seconds from the file's
            start by its own clock.
        short_side: pictures are shrunk so that the shorter side has at most
            this many pixels; they are never enlarged.
        then: is called with each picture, RGB, uint8, (height, width, 3),
            when it is decoded; memory for all pictures at once is needed
            only if it keeps them.

    Returns:
        What `then` made of `frames` pictures, in time order: else the
        pictures.

    Raises:
        ValueError: if no frame can be decoded; says why.
        OSError: if the file may not be read.
    """
    _check(video)
    section = _Section(video, frames, start, end, short_side, then)
    try:
        return _read(section)
    except NoVideoError as error:
        raise ValueError(f"no frame can be decoded: {video} ({error})") from (
            error
        )


def _check(video: Path) -> None:
    if not video.is_file():
        problem = "is not a file" if video.exists() else "is missing"
        raise ValueError(f"the video {problem}: {video}")
    with video.open("rb") as file:
        if not file.read(1):
            raise ValueError(f"the video is an empty file: {video}")


def _read(section: _Section) -> list[Any]:
    for position in _positions(section):
        taken = _take(section, position)
        if position is None or taken.first <= section.start + _TICK:
            break
    if not taken.count:
        if taken.last == -math.inf:
            raise NoVideoError(taken.problem or "there is no picture in it")
        where = (
            f"the video ends at {taken.last:.2f} seconds"
            if taken.last < section.begins
            else "there is a gap in the video"
        )
        raise ValueError(
            f"no frame lies between {section.start:g} and "
            f"{section.end:g} seconds: {where}: {section.video}"
        )
    indices = sample_indices(taken.count, section.frames)
    if not taken.results.keys() >= set(indices):
        taken = _take(section, position, set(indices))
    if not taken.results:
        raise NoVideoError(taken.problem or "there is no picture in it")
    # A frame that was counted but cannot be converted gives its place to the
    # nearest one that can.
    there = np.array(sorted(taken.results))
    nearest = [there[np.abs(there - index).argmin()] for index in indices]
    return [taken.results[index] for index in nearest]


def _positions(section: _Section) -> Iterator[float | None]:
    """Where to begin reading, in seconds; None is the beginning."""
    for back in _FURTHER_BACK:
        if section.start > back:
            yield section.start - back
    yield None


def _take(
    section: _Section, position: float | None, wanted: set[int] | None = None
) -> _Taken:
    """Decodes a section, and keeps the wanted pictures.

    Args:
        section: what to decode.
        position: where to begin reading.
        wanted: indices of pictures in the section; without them, those that
            are right if each picture in the file can be decoded.
    """
    if wanted is None:
        with Video(section.video) as video:
            count, packets = _count(section, video, position)
            wanted = set(sample_indices(count, section.frames) if count else ())
            if packets is not None:
                return _decode(section, video, packets, wanted)
    with Video(section.video) as video:
        return _decode(section, video, video.packets(position), wanted)


def _count(
    section: _Section, video: Video, position: float | None
) -> tuple[int, list[Packet] | None]:
    """Counts the pictures of a section that are in the file.

    Returns:
        How many, and all packets that it takes to decode them; None for
        those if they are too large to be kept.
    """
    begins, ends = section.begins, section.ends
    is_whole = begins == -math.inf and ends == math.inf
    count = size = 0
    kept: list[Packet] | None = []
    for number, packet in enumerate(video.packets(position)):
        size += packet.size
        if size > _KEPT:
            kept = None
        elif kept is not None:
            kept.append(packet)
        if is_whole:
            count += not packet.is_discard
            continue
        decoded = video.seconds(packet.dts)
        shown = video.seconds(packet.pts)
        if shown is None:
            shown = number / video.rate if decoded is None else decoded
        count += begins <= shown < ends and not packet.is_discard
        if decoded is not None and decoded >= ends:
            break  # none that follows is shown before it is decoded
    return count, kept


def _decode(
    section: _Section, video: Video, packets: Iterable[Packet], wanted: set[int]
) -> _Taken:
    """Decodes packets up to a section's end."""
    taken = _Taken()
    begins, ends = section.begins, section.ends
    for time, frame in video.frames(packets):
        if taken.first == math.inf:
            taken.first = time
        taken.last = time
        if time >= ends:
            break
        if time < begins:
            continue
        if taken.count in wanted:
            try:
                picture = video.picture(frame, section.short_side)
            except ValueError as error:
                video.problem = video.problem or str(error)
            else:
                taken.results[taken.count] = section.then(picture)
        taken.count += 1
    taken.problem = video.problem
    return taken
