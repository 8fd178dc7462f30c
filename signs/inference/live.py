"""Recognising the signs of a stream while it goes on."""

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from signs.inference.clip_buffer import Recording, Shot
from signs.inference.predictor import Guess, Recognizer
from signs.inference.segmenter import Cutter, Segment
from signs.training.session_mean import RunningMean
from signs.video import decode, frame_store
from signs.video.camera import Camera

UNKNOWN = "unknown"
KEPT = 1.0  # seconds before now, from which the beginning of a sign is taken
HURRY = 0.6  # seconds that the CNN may take after the end of a sign
WAITING = 2  # signs that may wait for their answer where there is no hurry


@dataclass(frozen=True)
class Sign:
    """One sign of a stream, recognised.

    Attributes:
        start, end: in seconds of the stream.
        guesses: the likeliest classes, best first.
        is_known: whether the first one is likely enough to be believed.
        latency: seconds from the sign's last motion to this answer.
    """

    start: float
    end: float
    guesses: list[Guess]
    is_known: bool
    latency: float

    @property
    def label(self) -> str:
        return self.guesses[0].label if self.is_known else UNKNOWN

    @property
    def name(self) -> str:
        return self.guesses[0].name if self.is_known else UNKNOWN

    @property
    def probability(self) -> float:
        return self.guesses[0].probability

    def as_json(self) -> dict[str, Any]:
        """Ready for JSON; times to a millisecond."""
        return {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "label": self.label,
            "name": self.name,
            "probability": round(self.probability, 4),
            "top": [
                {**asdict(guess), "probability": round(guess.probability, 4)}
                for guess in self.guesses
            ],
            "latency": round(self.latency, 3),
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
        recognizer: Recognizer,
        cutter: Cutter,
        threshold: float,
        top: int,
        in_hurry: bool,
    ):
        """
        Args:
            recognizer: what to recognise signs with.
            cutter: tells where they start and end.
            threshold: the probability below which a sign is `unknown`.
            top: how many guesses to give of each.
            in_hurry: whether answers must come soon. Else the same stream
                always gives the same answers.
        """
        self._recognizer = recognizer
        self._cutter = cutter
        self._threshold = threshold
        self._top = top
        self._in_hurry = in_hurry
        self._mean = RunningMean() if recognizer.is_centered else None
        self._kept: deque[Shot] = deque()
        self._recording: Recording | None = None
        self._answers: deque[Future[Sign]] = deque()
        self._ahead: Future[None] | None = None
        self._pool = ThreadPoolExecutor(1, "recognise")

    def __enter__(self) -> "Live":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    @property
    def is_thinking(self) -> bool:
        """Whether a sign has ended whose answer is not there yet."""
        return bool(self._answers)

    def see(self, seconds: float, picture: np.ndarray) -> list[Sign]:
        """Takes the next picture; gives what was recognised meanwhile.

        Args:
            seconds: time of the picture in the stream.
            picture: RGB, uint8.
        """
        shown = decode.shrink(picture, frame_store.SHORT_SIDE)
        shot = Shot(seconds, shown, time.monotonic())
        self._kept.append(shot)
        while self._kept[0].time < seconds - KEPT:
            self._kept.popleft()
        segment = self._cutter.see(seconds, shown)
        if self._recording is not None:
            self._recording.add(shot)
        elif self._cutter.start is not None:
            self._recording = Recording()
            for kept in self._kept:
                if kept.time >= self._cutter.start:
                    self._recording.add(kept)
        if segment is not None:
            self._end(segment)
        elif self._cutter.start is None:
            self._recording = None  # it was no sign
        if self._in_hurry:
            self._look_ahead()
        most = len(self._answers) if self._in_hurry else WAITING
        return self._collect(most)

    def finish(self) -> list[Sign]:
        """Ends the stream; waits for the answers that are not there yet."""
        segment = self._cutter.finish()
        if segment is not None:
            self._end(segment)
        self._recording = None
        return self._collect(0)

    def _end(self, segment: Segment) -> None:
        if self._recording is not None:
            self._answers.append(
                self._pool.submit(self._answer, self._recording, segment)
            )
        self._recording = None

    def _look_ahead(self) -> None:
        if self._ahead is not None and self._ahead.done():
            self._ahead.result()  # raises what went wrong
            self._ahead = None
        recording = self._recording
        if recording is not None and not (self._ahead or self._answers):
            self._ahead = self._pool.submit(
                recording.look_ahead, self._recognizer, len(recording.times)
            )

    def _collect(self, most: int) -> list[Sign]:
        """The answers that are there; waits while more than `most` are not."""
        answers = []
        while self._answers and (
            self._answers[0].done() or len(self._answers) > most
        ):
            answers.append(self._answers.popleft().result())
        return answers

    def _answer(self, recording: Recording, segment: Segment) -> Sign:
        times = np.array(recording.times)
        count = max(1, int((times <= segment.end).sum()))
        still = max(0, int((times <= segment.still).sum()) - 1)
        seconds = HURRY if self._in_hurry else float("inf")
        features = recording.features(self._recognizer, count, seconds)
        if self._mean is not None:
            features = self._mean.center(features)
        probabilities = self._recognizer.classify(features)
        guesses = self._recognizer.best(probabilities, self._top)
        return Sign(
            segment.start,
            segment.end,
            guesses,
            guesses[0].probability >= self._threshold,
            time.monotonic() - recording.seen[still],
        )


def recognize_stream(
    camera: Camera, live: Live, at_own_pace: bool
) -> Iterator[Sign]:
    """Recognises the signs of a stream without showing it.

    Args:
        camera: where the pictures come from.
        live: what recognises them.
        at_own_pace: see `Camera.pictures`.

    Yields:
        Each sign when its answer is there.

    Raises:
        UserError: if there is no picture.
    """
    for seconds, picture in camera.pictures(at_own_pace):
        yield from live.see(seconds, picture)
    yield from live.finish()
