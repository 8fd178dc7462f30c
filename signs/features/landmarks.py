"""From pictures to the landmarks of hands and body, by MediaPipe.

Pictures are looked at one by one. Following hands from frame to frame
(MediaPipe's VIDEO mode) found fewer: see docs/landmarks.md for the figures.
What finds more is a second try with a border around the picture, as hands
that fill it are not found otherwise, and a third in the pictures halfway to
the neighbouring frames, as a hand that moves fast is blurred in one, but not
in all.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import numpy as np

from signs.features.landmark_models import LandmarkModels
from signs.features.mediapipe_tasks import Tasks
from signs.models import landmark_layout as layout

SAME_HAND = 0.5  # palms between two findings that are of one hand
# What makes it unlikely that a hand is a left or right one, in nats.
FARTHEST = 4.0  # palms that it jumped from one frame to the next
CHANGED_SIDE = 1.5  # that one hand comes as another goes
_SURE = 0.95  # what MediaPipe's word for a side counts at most


@dataclass(frozen=True)
class Hand:
    """A hand in a picture.

    Attributes:
        points: float32, (21, 3); see `landmark_layout`.
        right: how likely it is the person's right one, 0 to 1.
    """

    points: np.ndarray
    right: float

    @property
    def middle(self) -> np.ndarray:
        """The middle of the palm, (2,)."""
        palm = self.points[[layout.WRIST, *layout.KNUCKLES], :2]
        return palm.mean(axis=0)

    @property
    def palm(self) -> float:
        """The palm's size, in heights of the picture."""
        arms = self.points[list(layout.KNUCKLES)] - self.points[layout.WRIST]
        return float(np.linalg.norm(arms, axis=1).mean()) + 1e-6


@dataclass(frozen=True)
class Found:
    """What is in a picture.

    Attributes:
        hands: none, one or two.
        body: float32, (25, 2); NaN where none was seen.
    """

    hands: tuple[Hand, ...]
    body: np.ndarray


class LandmarkDetector:
    """Finds hands, and the body where there is a model for it.

    One picture takes about 25 ms of one core for the hands. Several threads
    may ask at once; MediaPipe serves each in turn, so there is a set of its
    tasks for each.
    """

    def __init__(self, models: LandmarkModels, threads: int = 1):
        """Loads the models.

        Args:
            models: the files.
            threads: how many pictures are looked at side by side.

        Raises:
            UserError: if a file is none that MediaPipe can use.
        """
        self._all = [Tasks(models) for _ in range(threads)]
        self._free: SimpleQueue[Tasks] = SimpleQueue()
        for tasks in self._all:
            self._free.put(tasks)

    def close(self) -> None:
        """Frees the models; Python's own end would come too late for them."""
        for tasks in self._all:
            tasks.close()

    def find_all(self, pictures: Sequence[np.ndarray]) -> list[Found]:
        """Finds hands and body in each of some pictures; see `find`."""
        with ThreadPoolExecutor(len(self._all)) as pool:
            return list(pool.map(self.find, pictures))

    def find(self, picture: np.ndarray) -> Found:
        """Finds hands and body in a picture.

        Args:
            picture: RGB, uint8, (height, width, 3).
        """
        hands = self.find_hands(picture) or self.find_hands(picture, 0.5)
        return Found(hands, self._find_body(picture))

    def find_hands(
        self, picture: np.ndarray, border: float = 0.0
    ) -> tuple[Hand, ...]:
        """Finds up to two hands in a picture.

        Args:
            picture: RGB, uint8, (height, width, 3).
            border: how much to add to each side, as a share of the
                picture's height or width, by repeating its outermost pixels.
        """
        import cv2

        height, width = picture.shape[:2]
        top, left = int(height * border), int(width * border)
        if border:
            picture = cv2.copyMakeBorder(
                picture, top, top, left, left, cv2.BORDER_REPLICATE
            )
        result = self._detect("hands", picture)
        whole = picture.shape[1], picture.shape[0]
        hands = []
        for points, sides in zip(
            result.hand_landmarks, result.handedness, strict=True
        ):
            # z is in the same unit as x.
            rows = [
                (p.x * whole[0] - left, p.y * whole[1] - top, p.z * whole[0])
                for p in points
            ]
            side = sides[0]
            is_right = side.category_name == "Right"
            right = side.score if is_right else 1 - side.score
            hands.append(Hand(np.array(rows, np.float32) / height, right))
        return _without_duplicates(hands)

    def _find_body(self, picture: np.ndarray) -> np.ndarray:
        body = np.full((layout.BODY_POINTS, 2), np.nan, np.float32)
        result = self._detect("body", picture)
        if result is not None and result.pose_landmarks:
            points = result.pose_landmarks[0][: layout.BODY_POINTS]
            aspect = picture.shape[1] / picture.shape[0]
            body[:] = [(p.x * aspect, p.y) for p in points]
        return body

    def _detect(self, what: str, picture: np.ndarray) -> Any:
        tasks = self._free.get()
        try:
            return tasks.detect(what, picture)
        finally:
            self._free.put(tasks)


def clip_landmarks(
    detector: LandmarkDetector, pictures: Sequence[np.ndarray]
) -> np.ndarray:
    """The landmarks of a clip.

    Args:
        detector: finds them in one picture.
        pictures: those of the clip, and between each two of them the one
            halfway; an odd number, RGB, uint8, (height, width, 3).

    Returns:
        float32, (frames, 176); see `landmark_layout`.
    """
    found = detector.find_all(pictures[::2])
    seen = [bool(one.hands) for one in found]
    for index, one in enumerate(found):
        # Where the next frame has no hand either, it is away, not blurred.
        halfway = [
            pictures[index + neighbour]
            for neighbour in (index - 1, index + 1)
            if 0 <= neighbour < len(found) and seen[neighbour]
        ]
        if not seen[index]:
            tries = (detector.find_hands(picture) for picture in halfway)
            hands = next(filter(None, tries), ())
            found[index] = Found(hands, one.body)
    return arrange(found)


def arrange(found: Sequence[Found]) -> np.ndarray:
    """Tells left from right hands, and puts all of a clip into rows.

    MediaPipe says of each hand by itself which one it is, and errs where it
    sees a hand from its side. Over a clip, the likeliest sides are those of
    which it says so most, and with which no hand jumps (by the Viterbi
    algorithm).

    Args:
        found: what is in each picture of a clip.

    Returns:
        float32, (frames, 176); see `landmark_layout`.
    """
    rows = layout.empty(len(found))
    for row, one, sides in zip(rows, found, _find_sides(found), strict=True):
        for side, hand in enumerate(sides):
            if hand is not None:
                start = side * layout.HAND_DIM
                row[start : start + layout.HAND_DIM] = hand.points.ravel()
        row[2 * layout.HAND_DIM :] = one.body.ravel()
    return rows


Sides = tuple[Hand | None, Hand | None]  # the left hand and the right one


def _find_sides(found: Sequence[Found]) -> list[Sides]:
    """The left and the right hand of each picture."""
    # Of each way to end so far: its cost, and the sides of all pictures.
    ways: list[tuple[float, list[Sides]]] = [(0.0, [])]
    last: list[Sides] = [(None, None)]  # where each way last saw hands
    for one in found:
        if not one.hands:
            ways = [(cost, [*sides, (None, None)]) for cost, sides in ways]
            continue
        choices = _choices(one.hands)
        ways = [
            min(
                (
                    (
                        cost + _oddness(choice) + _jump(before, choice),
                        [*sides, choice],
                    )
                    for (cost, sides), before in zip(ways, last, strict=True)
                ),
                key=lambda way: way[0],
            )
            for choice in choices
        ]
        last = choices
    return min(ways, key=lambda way: way[0])[1]


def _choices(hands: tuple[Hand, ...]) -> list[Sides]:
    """The ways in which hands may be the left and the right one."""
    if len(hands) == 1:
        return [(hands[0], None), (None, hands[0])]
    return [(hands[0], hands[1]), (hands[1], hands[0])]


def _oddness(sides: Sides) -> float:
    """How unlikely sides are by what is said of each hand, in nats."""
    left, right = sides
    chances = [1 - left.right] if left else []
    chances += [right.right] if right else []
    return -sum(math.log(min(max(x, 1 - _SURE), _SURE)) for x in chances)


def _jump(before: Sides, after: Sides) -> float:
    """How unlikely sides are after others, in nats."""
    pairs = [(a, b) for a, b in zip(before, after, strict=True) if a and b]
    if not pairs and any(before):
        return CHANGED_SIDE
    return sum(min(_apart(one, other), FARTHEST) for one, other in pairs)


def _apart(one: Hand, other: Hand) -> float:
    """How far two hands are from each other, in palms."""
    way = np.linalg.norm(one.middle - other.middle)
    return float(way) / max(one.palm, other.palm)


def _without_duplicates(hands: list[Hand]) -> tuple[Hand, ...]:
    """Drops a hand that is another one, found twice."""
    surest = sorted(hands, key=lambda x: -abs(x.right - 0.5))
    if len(surest) == 2:
        gap = surest[0].points[:, :2] - surest[1].points[:, :2]
        apart = np.linalg.norm(gap, axis=1).mean()
        if apart < SAME_HAND * max(surest[0].palm, surest[1].palm):
            surest.pop()
    return tuple(surest)
