from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trained import RATE, recording

from signs.inference.segmenter import LONGEST, ByKey, ByMotion, Motion, Segment
from signs.synthetic.puppets import render
from signs.synthetic.puppets.render import Clip, Format

ROOM = cv2.resize(
    np.random.default_rng(1).integers(40, 200, (9, 12, 3), np.uint8),
    (160, 120),
    interpolation=cv2.INTER_CUBIC,
)
PAUSE = 0.8


def scene(hand: float | None, random, noise=4.0, gain=1.0, shift=(0.0, 0.0)):
    """A room with two hands at a height from 0 to 1; None hides them."""
    picture = ROOM.astype(np.float32)
    if hand is not None:
        for x in (50, 110):
            y = round(100 - 70 * hand)
            cv2.circle(picture, (x, y), 8, (235, 190, 160), -1)
            cv2.circle(picture, (x, y), 4, (120, 70, 60), -1)
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    shaken = cv2.warpAffine(
        picture, matrix, (160, 120), borderMode=cv2.BORDER_REPLICATE
    )
    noisy = gain * shaken + random.normal(0, noise, shaken.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def cut(pictures, segmenter) -> list[Segment]:
    """All segments of (time, picture) pairs."""
    found = [segmenter.update(time, picture) for time, picture in pictures]
    return [x for x in [*found, segmenter.finish()] if x is not None]


def moves(rate, parts, **options):
    """A stream of (seconds, moves?) parts; hands swing where they move."""
    random = np.random.default_rng(0)
    number = 0
    for seconds, is_moving in parts:
        for step in range(round(seconds * rate)):
            swing = 0.5 - 0.5 * np.cos(2 * np.pi * step / rate)
            yield (
                number / rate,
                scene(
                    swing if is_moving else 0,
                    random,
                    **{
                        name: value(number / rate, random)
                        for name, value in options.items()
                    },
                ),
            )
            number += 1


SIGNS = [(1.5, 0), (2, 1), (1.5, 0), (3, 1), (1.2, 0), (1, 1), (1.5, 0)]
TRUE = [(1.5, 3.5), (5.0, 8.0), (9.2, 10.2)]


def assert_true(segments):
    assert len(segments) == len(TRUE)
    for segment, (start, end) in zip(segments, TRUE, strict=True):
        assert start - 0.6 <= segment.start <= start + 0.2
        assert end - 0.2 <= segment.end <= end + 0.6


@pytest.mark.parametrize("rate", [10, 15, 25, 30])
def test_pauses_part_the_signs_at_any_rate(rate):
    assert_true(cut(moves(rate, SIGNS), ByMotion(PAUSE)))


@pytest.mark.parametrize(
    "options",
    [
        {"noise": lambda time, random: 15},
        {"gain": lambda time, random: 1 + 0.3 * np.sin(time)},
        {"gain": lambda time, random: random.normal(1, 0.03)},
        {"gain": lambda time, random: 0.6 if 4 < time < 9 else 1.0},
        {"shift": lambda time, random: random.normal(0, 0.3, 2)},
    ],
    ids=["noise", "clouds", "flicker", "lamp", "shake"],
)
@pytest.mark.parametrize("rate", [10, 25])
def test_noise_light_and_shake_are_no_motion(rate, options):
    assert_true(cut(moves(rate, SIGNS, **options), ByMotion(PAUSE)))


def test_the_end_is_foretold_while_it_is_waited_for():
    segmenter, foretold, segments = ByMotion(PAUSE), [], []
    for time, picture in moves(25, SIGNS):
        likely = segmenter.likely_end
        segment = segmenter.update(time, picture)
        if segment is not None:
            foretold.append(likely)
            segments.append(segment)
        elif likely is None and segmenter.likely_end is not None:
            # So early that there is time to work before the pause is over.
            assert time - segmenter.likely_end < PAUSE / 4
    assert_true(segments)
    assert foretold == [pytest.approx(x.end) for x in segments]
    assert segmenter.likely_end is None


def test_an_unrest_that_lasts_is_learned():
    """A scene that never rests, such as trees in the wind behind."""
    random = np.random.default_rng(0)
    segmenter = ByMotion(PAUSE)
    found = []
    for number in range(400):
        time = number / 10
        signs = 20 <= time < 22 or 30 <= time < 32
        hand = 0.5 - 0.5 * np.cos(2 * np.pi * time) if signs else 0
        picture = scene(hand, random)
        sway = round(2 * np.sin(5 * time))
        picture[:40, :30] = np.roll(picture[:40, :30], sway, axis=1)
        found.append(segmenter.update(time, picture))
    late = [x for x in found if x is not None and x.start > 15]
    assert [round(x.start) for x in late] == [20, 30]


def test_a_cut_or_a_twitch_is_no_sign():
    random = np.random.default_rng(0)
    stream = [(n / 25, scene(0, random)) for n in range(50)]
    stream += [(n / 25, 255 - scene(0, random)) for n in range(50, 100)]
    stream += [
        (n / 25, scene(0.3 if n in (101, 102, 103) else 0, random))
        for n in range(100, 150)
    ]
    assert cut(stream, ByMotion(PAUSE)) == []


def test_a_held_hand_does_not_end_a_sign():
    parts = [(1, 0), (1.5, 1), (0.5, 0), (1.5, 1), (1.5, 0)]
    assert len(cut(moves(25, parts), ByMotion(PAUSE))) == 1
    assert len(cut(moves(25, parts), ByMotion(0.3))) == 2


def test_ten_seconds_are_the_most():
    segments = cut(moves(10, [(3, 0), (18, 1), (2, 0)]), ByMotion(PAUSE))
    first, second = segments
    assert first.end - first.start == pytest.approx(LONGEST)
    assert second.start == first.end
    assert second.end == pytest.approx(21, abs=0.6)


def test_a_stream_may_begin_and_end_in_a_sign():
    segments = cut(moves(10, [(2, 1), (1.5, 0), (2, 1)]), ByMotion(PAUSE))
    assert len(segments) == 2
    assert segments[0].start < 0.3
    assert segments[1].end == pytest.approx(5.4)


@pytest.mark.parametrize("signer", range(4))
def test_rendered_people(signer):
    """Three signs of a person, with pauses in between."""
    form = Format(width=160, height=120, rate=RATE, codec="XVID", scale=92)
    clips = [
        list(render.pictures(Clip(Path(), gesture, signer, 0, 9, 32, 0, form)))
        for gesture in range(3)
    ]
    segments = cut(recording(clips), ByMotion(PAUSE))
    assert len(segments) == 3
    for number, segment in enumerate(segments):
        middle = 1.5 + number * 6.2 + 1.6
        assert segment.start < middle < segment.end


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.floats(0.01, 3), st.floats(0, 1), st.integers(1, 30)),
        max_size=25,
    ),
    st.floats(0.2, 2),
)
def test_segments_are_in_order_apart_and_short(parts, pause):
    random = np.random.default_rng(0)
    time, stream = 3.0, []
    for gap, hand, pictures in parts:
        for number in range(pictures):
            time += gap / pictures
            stream.append((time, scene(hand * (number % 3) / 2, random)))
    segmenter = ByMotion(pause)
    segments = cut(stream, segmenter)
    assert segmenter.start is None
    for segment in segments:
        assert stream[0][0] <= segment.start < segment.end <= time
        assert segment.end - segment.start <= LONGEST + 1e-9
        assert segment.start < segment.still <= segment.end
    for one, other in pairwise(segments):
        assert one.end <= other.start


def test_motion_measures_the_same_at_any_rate():
    """Hands that move evenly, and a scene without anything to see."""
    means = []
    for rate in (10, 20, 30):
        random, motion = np.random.default_rng(0), Motion()
        found = [
            motion.measure(n / rate, scene(0.8 * n / rate, random))
            for n in range(rate)
        ]
        means.append(np.mean(found[rate // 5 :]))
    assert max(means) < 1.25 * min(means)
    assert min(means) > 10
    black = np.zeros((48, 64, 3), np.uint8)
    assert [motion.measure(9 + n, black) for n in range(3)][1:] == [0, 0]


def press_at(segmenter, presses, seconds=12.0, rate=10):
    found = []
    for number in range(round(seconds * rate)):
        time = number / rate
        if any(abs(time - press) < 1e-9 for press in presses):
            segmenter.press()
        found.append(segmenter.update(time, ROOM))
    return [x for x in [*found, segmenter.finish()] if x is not None]


def test_a_key_counts_down_records_and_ends():
    segmenter = ByKey(4)
    assert press_at(segmenter, [1.0, 5.5]) == [Segment(4.0, 5.5, 5.5)]
    assert press_at(ByKey(4), [1.0]) == [Segment(4.0, 8.0, 8.0)]
    assert press_at(ByKey(99), [1.0], 20) == [Segment(4.0, 14.0, 14.0)]
    # In the countdown, the key calls it off.
    assert press_at(ByKey(4), [1.0, 2.0]) == []
    # The stream ends first.
    assert press_at(ByKey(4), [7.0]) == [Segment(10.0, 11.9, 11.9)]


def test_the_countdown_is_seen():
    segmenter = ByKey(4)
    segmenter.press()
    shown = []
    for number in range(40):
        segmenter.update(number / 10, ROOM)
        shown.append(segmenter.countdown)
    assert shown[0] == 3 and shown[15] == pytest.approx(1.5)
    assert shown[30] is None and segmenter.start == 3
