"""The pictures of a sign that is being recorded, and their features.

The CNN is the slow part, and the frames that a sign is judged by are known
only at its end. So while it is recorded, the features of some of its pictures
are made ahead, first far apart, then in between. At the end those that are
still missing follow, or, where time presses, a neighbour stands in.
"""

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from signs.inference.predictor import Predictor
from signs.video import images, sampling


@dataclass(frozen=True)
class TimedPicture:
    """A picture (RGB), its time in the stream, and when it came in."""

    time: float
    picture: np.ndarray
    seen: float


class ClipBuffer:
    """The pictures of one sign, and the features of some of them.

    Pictures are kept as JPEG, which is how the model was trained and takes
    little memory. One thread adds pictures, another one makes features.
    """

    def __init__(self) -> None:
        self.times: list[float] = []
        self.seen: list[float] = []
        self.jpegs: list[bytes] = []
        self._features: dict[int, np.ndarray] = {}

    def add(self, timed: TimedPicture) -> None:
        self.times.append(timed.time)
        self.seen.append(timed.seen)
        self.jpegs.append(images.encode_jpeg(timed.picture))

    def count(self, end: float) -> int:
        """How many pictures there are up to a time in the stream."""
        return max(1, bisect_right(self.times, end))

    def look_ahead(
        self,
        predictor: Predictor,
        count: int,
        is_over: bool = False,
        is_watched: bool = False,
    ) -> None:
        """Makes the features of two of the first `count` pictures.

        Where the sign is likely to be these, they are two of its frames. If
        it is watched, one of the two is the newest picture.

        It is called at most once a picture, and has those to catch up with
        that were there when the sign was noticed. Where features depend on
        those of all frames, these are known only at the end.
        """
        if predictor.sees_clips:
            return
        done = set(self._features)
        new = {len(self.times) - 1} - done if is_watched else set()
        if is_over:
            right = set(sampling.sample_indices(count, predictor.frames))
            left = sorted(right - done - new)
            self._make(sorted(new.union(left[: 2 - len(new)])), predictor)
            return
        done |= new
        for _ in range(2 - len(new)):
            index = next_index(done, count, predictor.frames)
            if index is not None:
                done.add(index)
        self._make(sorted(done - set(self._features)), predictor)

    def newest(self) -> tuple[float, np.ndarray] | None:
        """Time and features of the last picture that has some, if any."""
        done = list(self._features)  # another thread adds to them
        if not done:
            return None
        return self.times[max(done)], self._features[max(done)]

    def features(
        self, predictor: Predictor, count: int, seconds: float
    ) -> np.ndarray:
        """The features of the frames of a sign of `count` pictures.

        Args:
            seconds: how long it may take, about. Where the right frames take
                longer, neighbours stand in for some.

        Returns:
            float32, (frames, length).
        """
        if predictor.sees_clips:
            chosen = sampling.sample_indices(count, predictor.frames)
            jpegs = (self.jpegs[index] for index in chosen)
            return predictor.features(predictor.unpack(jpegs))
        there = self._features
        most = predictor.frames
        if predictor.pace > 0:
            most = int(min(most, seconds / predictor.pace))
        indices = choose_indices(there, count, predictor.frames, most)
        self._make(sorted(set(indices) - set(there)), predictor)
        found = np.stack([there[index] for index in indices])
        return predictor.together(found)

    def _make(self, indices: list[int], predictor: Predictor) -> None:
        if indices:
            jpegs = (self.jpegs[index] for index in indices)
            made = predictor.features(predictor.unpack(jpegs))
            self._features.update(zip(indices, made, strict=True))


def next_index(done: Collection[int], count: int, wanted: int) -> int | None:
    """Which of the first `count` pictures to look at next, from far to near.

    Args:
        done: indices that were looked at.
        count: pictures there are.
        wanted: frames that will be needed.

    Returns:
        An index; None once those looked at are more than twice as close as
        the frames that are needed.
    """
    step = 1 << count.bit_length()
    while step and count // step <= 4 * wanted:
        for index in range(0, count, step):
            if index not in done:
                return index
        step //= 2
    return None


def choose_indices(
    done: Collection[int], count: int, wanted: int, most: int
) -> list[int]:
    """The frames of a sign; neighbours where too many are yet to be made.

    Args:
        done, count, wanted: see `next_index`.
        most: how many may be given that are not done, if any are done.

    Returns:
        `wanted` indices below `count`, none smaller than the one before.
    """
    right = sampling.sample_indices(count, wanted)
    there = np.array(sorted(index for index in done if index < count))
    if not len(there):
        return right
    nearest = {i: int(there[np.abs(there - i).argmin()]) for i in right}
    # Those are made whose neighbours are the worst.
    far = sorted(nearest, key=lambda i: abs(nearest[i] - i), reverse=True)
    made = set(far[:most])
    return sorted(i if i in made else nearest[i] for i in right)
