"""Recognising the signs of a stream while it goes on."""

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from signs.inference import sessions
from signs.inference.clip_buffer import ClipBuffer, TimedPicture
from signs.inference.predictor import UNKNOWN, Prediction, Predictor
from signs.inference.segmenter import Segment, Segmenter
from signs.training.session_mean import RunningMean
from signs.video import frame_store, images
from signs.video.stream import Stream

KEPT = 1.0  # seconds before now, from which the beginning of a sign is taken
HURRY = 0.6  # seconds that the CNN may take after the end of a sign
RECENT = 0.3  # seconds for which found landmarks are shown
WAITING = 2  # signs that may wait for their answer where there is no hurry


@dataclass(frozen=True)
class Sign:
    """One sign of a stream, recognised.

    Attributes:
        start, end: in seconds of the stream.
        predictions: the likeliest classes, best first.
        is_known: whether the first one is likely enough to be believed.
        latency: seconds from the sign's last motion to this prediction.
        session_mean: `sessions.RUNNING` if the mean of what was seen so far
            was subtracted; None if none was.
    """

    start: float
    end: float
    predictions: list[Prediction]
    is_known: bool
    latency: float
    session_mean: str | None = None

    @property
    def label(self) -> str:
        return self.predictions[0].label if self.is_known else UNKNOWN

    @property
    def name(self) -> str:
        return self.predictions[0].name if self.is_known else UNKNOWN

    @property
    def probability(self) -> float:
        return self.predictions[0].probability

    def as_json(self) -> dict[str, Any]:
        """Ready for JSON; times to a millisecond."""
        return {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "label": self.label,
            "name": self.name,
            "probability": round(self.probability, 4),
            "top": [
                {
                    **asdict(prediction),
                    "probability": round(prediction.probability, 4),
                }
                for prediction in self.predictions
            ],
            "latency": round(self.latency, 3),
            "session_mean": self.session_mean,
        }

    def in_words(self) -> str:
        return (
            f"{self.start:8.2f} to {self.end:.2f} s: {self.name} "
            f"({self.probability:.0%})"
        )


class Live:
    """Takes a stream picture by picture, and gives the signs in it.

    Use it in a `with` statement, which ends its thread.
    """

    def __init__(
        self,
        predictor: Predictor,
        segmenter: Segmenter,
        threshold: float,
        top: int,
        is_realtime: bool,
    ):
        """
        Args:
            predictor: what to recognise signs with.
            segmenter: tells where they start and end.
            threshold: the probability below which a sign is `unknown`.
            top: how many predictions to give of each.
            is_realtime: whether answers must come soon. Else the same stream
                always gives the same answers.
        """
        self._predictor = predictor
        self._segmenter = segmenter
        self._threshold = threshold
        self._top = top
        self._is_realtime = is_realtime
        self._mean = None
        if predictor.needs_session_mean:
            self._mean = RunningMean(predictor.centering)
        self._kept: deque[TimedPicture] = deque()
        self._buffer: ClipBuffer | None = None
        self._waiting: deque[Future[Sign]] = deque()
        self._ahead: Future[None] | None = None
        self._seen: tuple[float, np.ndarray] | None = None
        self._is_watched = False
        self._pool = ThreadPoolExecutor(1, "recognise")

    def __enter__(self) -> "Live":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    @property
    def is_thinking(self) -> bool:
        """Whether a sign has ended whose answer is not there yet."""
        return bool(self._waiting)

    def update(self, seconds: float, picture: np.ndarray) -> list[Sign]:
        """Takes the next picture; gives what was recognised meanwhile.

        Args:
            seconds: time of the picture in the stream.
            picture: RGB, uint8.
        """
        shown = images.shrink(picture, frame_store.SHORT_SIDE)
        kept_as = images.shrink(picture, self._predictor.short_side)
        timed = TimedPicture(seconds, kept_as, time.monotonic())
        self._kept.append(timed)
        while self._kept[0].time < seconds - KEPT:
            self._kept.popleft()
        segment = self._segmenter.update(seconds, shown)
        if self._buffer is not None:
            self._buffer.add(timed)
        elif self._segmenter.start is not None:
            self._buffer = ClipBuffer()
            for kept in self._kept:
                if kept.time >= self._segmenter.start:
                    self._buffer.add(kept)
        if segment is not None:
            self._end(segment)
        elif self._segmenter.start is None:
            self._buffer = None  # it was no sign
        if self._is_realtime:
            self._look_ahead()
        most = len(self._waiting) if self._is_realtime else WAITING
        return self._collect(most)

    def landmarks(self) -> np.ndarray | None:
        """The hands and the body that were found just now, for the eye.

        While no sign is recorded, they are looked for only because this is
        asked for.

        Returns:
            (176,), see `landmark_layout`; None where there are none, or the
            model does not look for any.
        """
        whole = self._predictor.whole
        if whole is None or whole.landmarks is None or not self._kept:
            return None
        self._is_watched = True
        seen = self._seen
        newest = self._buffer.newest() if self._buffer is not None else None
        if newest is not None:
            found = whole.landmarks_in(newest[1])
            seen = seen if found is None else (newest[0], found)
        is_idle = self._buffer is None or self._predictor.sees_clips
        if is_idle and not (self._ahead or self._waiting):
            self._ahead = self._pool.submit(self._look, self._kept[-1])
        if seen is None or self._kept[-1].time - seen[0] > RECENT:
            return None
        return seen[1]

    def _look(self, timed: TimedPicture) -> None:
        whole = self._predictor.whole
        if whole is not None and whole.landmarks is not None:
            self._seen = timed.time, whole.landmarks([timed.picture])[0]

    def finish(self) -> list[Sign]:
        """Ends the stream; waits for the answers that are not there yet."""
        segment = self._segmenter.finish()
        if segment is not None:
            self._end(segment)
        self._buffer = None
        return self._collect(0)

    def _end(self, segment: Segment) -> None:
        if self._buffer is not None:
            self._waiting.append(
                self._pool.submit(self._predict, self._buffer, segment)
            )
        self._buffer = None

    def _look_ahead(self) -> None:
        if self._ahead is not None and self._ahead.done():
            self._ahead.result()  # raises what went wrong
            self._ahead = None
        buffer = self._buffer
        if buffer is not None and not (self._ahead or self._waiting):
            end = self._segmenter.likely_end
            self._ahead = self._pool.submit(
                buffer.look_ahead,
                self._predictor,
                buffer.count(float("inf") if end is None else end),
                end is not None,
                self._is_watched,
            )

    def _collect(self, most: int) -> list[Sign]:
        """The answers that are there; waits while more than `most` are not."""
        signs = []
        while self._waiting and (
            self._waiting[0].done() or len(self._waiting) > most
        ):
            signs.append(self._waiting.popleft().result())
        return signs

    def _predict(self, buffer: ClipBuffer, segment: Segment) -> Sign:
        times = np.array(buffer.times)
        count = buffer.count(segment.end)
        still = max(0, int((times <= segment.still).sum()) - 1)
        seconds = HURRY if self._is_realtime else float("inf")
        features = buffer.features(self._predictor, count, seconds)
        features = self._predictor.as_taken(features)
        if self._mean is not None:
            features = self._mean.center(features)
        probabilities = self._predictor.classify(features)
        predictions = self._predictor.best(probabilities, self._top)
        return Sign(
            segment.start,
            segment.end,
            predictions,
            predictions[0].probability >= self._threshold,
            time.monotonic() - buffer.seen[still],
            None if self._mean is None else sessions.RUNNING,
        )


def recognize_stream(
    stream: Stream, live: Live, at_own_pace: bool
) -> Iterator[Sign]:
    """Recognises the signs of a stream without showing it.

    Args:
        stream: where the pictures come from.
        live: what recognises them.
        at_own_pace: see `Stream.pictures`.

    Yields:
        Each sign when its answer is there.

    Raises:
        UserError: if there is no picture.
    """
    for seconds, picture in stream.pictures(at_own_pace):
        yield from live.update(seconds, picture)
    yield from live.finish()
