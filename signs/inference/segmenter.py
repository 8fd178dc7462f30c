"""Cutting a stream of pictures into signs: by motion, or by a key.

Times are seconds of the stream. Both ways are told each picture in turn
(`update`), and give back a sign when it has ended.
"""

from collections import deque
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

LONGEST = 10.0  # seconds, of a sign
SMALL = (64, 48)  # width and height that motion is looked for in, in pixels
SPAN = 0.1  # seconds between the pictures that are compared
SMOOTH = 0.3  # seconds of motion that are looked at together
BEFORE = 0.25  # seconds that a sign is given before its first motion
AFTER = 0.25  # and after its last
SHORTEST = 0.35  # seconds of motion; less is a twitch, or a cut in a film
# Motion in grey levels (see `Motion`): what starts a sign and what it must
# fall below to end it, in a scene that is otherwise at rest.
STARTS = 5.0
ENDS = 2.5
# How much higher both lie where the scene is never at rest.
STARTS_ABOVE = 3.0
ENDS_ABOVE = 2.0
MEMORY = 20.0  # seconds that the unrest of the scene is judged by
QUIETEST = 0.1  # the share of them in which nobody signed, at least
LEARNING = 3.0  # seconds until that is judged; a stream may begin in a sign
DELAY = (SMOOTH + SPAN) / 2  # seconds that smoothed motion lags behind
COUNTDOWN = 3.0  # seconds from the key to the recording


@dataclass(frozen=True)
class Segment:
    """The part of a stream that is a sign.

    Attributes:
        start, end: in seconds, with a little before and after the motion.
        still: when the motion, or the recording, ended.
    """

    start: float
    end: float
    still: float


class Segmenter(Protocol):
    """Tells where signs start and end.

    Attributes:
        start: when the sign that is under way began; None between signs.
        likely_end: when it ended, if nothing more comes; None if that cannot
            be told yet.
    """

    start: float | None
    likely_end: float | None

    def update(self, time: float, picture: np.ndarray) -> Segment | None:
        """Takes the next picture; gives a sign that has ended, if any.

        Args:
            time: of the picture; never smaller than the one before.
            picture: RGB, uint8.
        """
        ...

    def finish(self) -> Segment | None:
        """Ends the stream; gives the sign that was under way, if any."""
        ...


class Motion:
    """How much moves in a stream, whatever the noise and the light.

    Two small grey pictures, a tenth of a second apart, are compared. What a
    change of light (gain and offset) and a shake of the camera (a small
    shift) explain is taken out first, by least squares, as in the method of
    Lucas and Kanade (1981). Of what is left, the mean of the strongest 2% of
    the pixels counts, for hands are small, less four times the median, which
    is what noise alone would give.
    """

    def __init__(self) -> None:
        self._before: deque[tuple[float, np.ndarray]] = deque()

    def measure(self, time: float, picture: np.ndarray) -> float:
        """The motion up to a picture (RGB), in grey levels of 256."""
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(grey, SMALL, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small.astype("float32"), (0, 0), 1)
        before = self._before
        before.append((time, small))
        # The newest one that is old enough, so that a movement measures the
        # same at any rate.
        while len(before) > 1 and before[1][0] <= time - SPAN + 1e-3:
            before.popleft()
        return _difference(before[0][1], small)


def _difference(old: np.ndarray, new: np.ndarray) -> float:
    down, right = np.gradient(old)
    causes = np.stack([old, np.ones_like(old), right, down], -1).reshape(-1, 4)
    # A flat picture has no gradients: a little is added to be solvable.
    square = causes.T @ causes + np.eye(4, dtype="float32")
    explained = causes @ np.linalg.solve(square, causes.T @ new.ravel())
    left = np.sort(np.abs(new.ravel() - explained))
    strongest = left[-len(left) // 50 :].mean()
    return max(0.0, float(strongest - 4 * left[len(left) // 2]))


class ByMotion:
    """Cuts a stream where motion starts and ends.

    The motion is smoothed by a running median, which a single jump (a cut, a
    flash) does not move. A sign starts above one threshold and ends below a
    lower one, so that holding a hand for a moment does not end it. Both rise
    with the unrest of the scene: the motion in its quietest moments.
    """

    def __init__(self, pause: float):
        """
        Args:
            pause: seconds of rest that end a sign.
        """
        self.start: float | None = None
        self.likely_end: float | None = None
        self.strength = 0.0  # of the motion: 1 is what starts a sign
        self._pause = pause
        self._motion = Motion()
        self._recent: deque[tuple[float, float]] = deque()
        self._memory: deque[tuple[float, float]] = deque()
        self._began: float | None = None  # the stream
        self._now = 0.0
        self._free = 0.0  # where the sign before ended
        self._first = 0.0  # motion of the sign under way
        self._last = 0.0

    def update(self, time: float, picture: np.ndarray) -> Segment | None:
        if self._began is None:
            self._began = self._free = time
        self._now = time
        self.likely_end = None
        moved = self._smooth(time, self._motion.measure(time, picture))
        unrest = self._unrest(time, moved)
        starts = STARTS + STARTS_ABOVE * unrest
        self.strength = moved / starts
        if self.start is None:
            if moved > starts:
                self._first = max(time - DELAY, self._free)
                self._last = time
                self.start = max(self._first - BEFORE, self._free)
            return None
        if moved > ENDS + ENDS_ABOVE * unrest:
            self._last = time
        if time - self._last >= self._pause:
            return self._end(self._last - DELAY)
        if time - self.start >= LONGEST:
            return self._end(time)
        if time >= self._last - DELAY + AFTER:
            self.likely_end = self._last - DELAY + AFTER
        return None

    def finish(self) -> Segment | None:
        return None if self.start is None else self._end(self._last)

    def _end(self, still: float) -> Segment | None:
        start, self.start = self.start, None
        if start is None or still - self._first < SHORTEST:
            return None
        end = min(still + AFTER, self._now, start + LONGEST)
        self._free = end
        return Segment(start, end, min(still, end))

    def _smooth(self, time: float, motion: float) -> float:
        """The median of the motion of the last moments."""
        self._recent.append((time, motion))
        while self._recent[0][0] <= time - SMOOTH + 1e-3:
            self._recent.popleft()
        return float(np.median([motion for _, motion in self._recent]))

    def _unrest(self, time: float, moved: float) -> float:
        """The motion in the quietest moments of the last while."""
        self._memory.append((time, moved))
        while self._memory[0][0] < time - MEMORY:
            self._memory.popleft()
        if self._began is None or time - self._began < LEARNING:
            return 0.0
        rest = np.quantile([motion for _, motion in self._memory], QUIETEST)
        return float(rest)


class ByKey:
    """Cuts a stream where a key is pressed.

    The first press starts a countdown, after which the recording begins; the
    next one ends it, and so does time.

    Attributes:
        countdown: seconds until the recording; None unless it is counting.
    """

    def __init__(self, seconds: float):
        """
        Args:
            seconds: after which a recording ends by itself; 10 at most.
        """
        self.start: float | None = None
        self.likely_end: float | None = None  # the key may come at any time
        self.countdown: float | None = None
        self._seconds = min(seconds, LONGEST)
        self._now = 0.0
        self._begins: float | None = None
        self._pressed = False

    def press(self) -> None:
        """The key was pressed; in the countdown it calls that off."""
        self._pressed = True

    def update(self, time: float, picture: np.ndarray) -> Segment | None:
        self._now = time
        pressed, self._pressed = self._pressed, False
        if self.start is not None:
            if pressed or time - self.start >= self._seconds:
                return self.finish()
        elif pressed:
            counting = self._begins is not None
            self._begins = None if counting else time + COUNTDOWN
        elif self._begins is not None and time >= self._begins:
            self._begins, self.start = None, time
        self.countdown = None if self._begins is None else self._begins - time
        return None

    def finish(self) -> Segment | None:
        start, self.start = self.start, None
        if start is None or self._now <= start:
            return None
        end = min(self._now, start + LONGEST)
        return Segment(start, end, end)
