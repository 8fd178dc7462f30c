"""What sample.py plans to render, and how people are drawn."""

import re
from dataclasses import replace
from itertools import combinations
from statistics import median

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planned import DEFAULT, both

import sample
from signs.core import arguments, errors
from signs.synthetic.puppets import (
    gestures,
    people,
    plan,
    render,
    rooms,
    skeleton,
)
from signs.synthetic.puppets.plan import Settings

LARGEST = Settings(gestures=249, performers=21, clips=36_000, words=21, seed=0)


def listed(plan_: plan.Plan, split: str) -> list[list[str]]:
    """The columns of a list file, row by row."""
    text = plan_.texts[plan_.dataset.video / f"{split}_list.txt"]
    return [line.split(" ") for line in text.splitlines()]


# What is planned


def test_default_is_what_a_demo_can_process() -> None:
    gesture_plan, word_plan = both(DEFAULT)
    counts = [len(listed(gesture_plan, split)) for split in plan.SPLITS]
    assert counts == [70, 25, 10]
    words = pd.Series(
        [(c.gesture - 249) // 2 for c in word_plan.clips.values()]
    )
    assert words.value_counts().tolist() == [9] * 5
    lengths = [clip.frames for clip in gesture_plan.clips.values()]
    assert 9 <= min(lengths) < 20
    assert 36 <= median(lengths) <= 38
    assert max(lengths) <= 80


def test_largest_has_the_lengths_of_isogd() -> None:
    gesture_plan, word_plan = both(LARGEST)
    assert len(gesture_plan.clips) + len(word_plan.clips) == 36_000
    assert len(word_plan.clips) == 21 * 21
    lengths = np.array([clip.frames for clip in gesture_plan.clips.values()])
    assert (lengths.min(), lengths.max()) == (9, 80)
    assert np.median(lengths) == 37
    assert 0.03 < (lengths < 20).mean() < 0.05
    folders = pd.Series(
        [clip.video.parent for clip in gesture_plan.clips.values()]
    ).value_counts()
    assert folders.max() == 200
    # Only the last folder of a split may have fewer.
    assert (folders == 200).sum() >= len(folders) - 3
    sessions: dict[tuple[int, int], set[int]] = {}
    for clip in gesture_plan.clips.values():
        key = (clip.signer, clip.session)
        sessions.setdefault(key, set()).add(clip.gesture)
    assert {len(done) for done in sessions.values()} <= set(range(8, 16))


sizes = st.builds(
    Settings,
    gestures=st.integers(2, 40),
    performers=st.integers(4, 21),
    clips=st.integers(20, 600),
    words=st.integers(2, 21),
    seed=st.integers(0, 2**32),
)


@settings(max_examples=25)
@given(size=sizes)
def test_whatever_the_size_every_class_is_everywhere(size: Settings) -> None:
    try:
        plan.check(size)
    except errors.UserError as error:
        needed = int(str(error).split("--clips ")[1].split()[0])
        assert needed > size.clips
        size = replace(size, clips=needed)
    gesture_plan, word_plan = both(size)
    assert len(gesture_plan.clips) + len(word_plan.clips) == size.clips
    assert both(size)[0] == gesture_plan
    by_name = {
        clip.video.relative_to(gesture_plan.dataset.video).as_posix(): clip
        for clip in gesture_plan.clips.values()
    }
    people_in: dict[str, set[int]] = {}
    for split in plan.SPLITS:
        phase = "IsoGD_phase_2" if split == "test" else "IsoGD_phase_1"
        rows = listed(gesture_plan, split)
        clips = [by_name[f"{phase}/{row[0]}"] for row in rows]
        assert [clip.gesture + 1 for clip in clips] == [
            int(row[2]) for row in rows
        ]
        assert {clip.gesture for clip in clips} == set(range(size.gestures))
        people_in[split] = {clip.signer for clip in clips}
        if split == "train":
            pairs = {(clip.gesture, clip.signer) for clip in clips}
            performers = pd.Series([gesture for gesture, _ in pairs])
            assert performers.value_counts().min() >= 2
    for first, second in combinations(people_in.values(), 2):
        assert not first & second
    signers = {clip.signer for clip in word_plan.clips.values()}
    assert not signers & set().union(*people_in.values())
    names = [clip.rsplit("---", 1)[1] for clip in word_plan.clips]
    assert len(set(names)) == len(names)


def test_a_room_is_seen_with_only_some_of_the_gestures() -> None:
    for planned, classes in zip(both(DEFAULT), (8, 5), strict=True):
        rooms_of: dict[tuple[int, int], set[int]] = {}
        for clip in planned.clips.values():
            key = (clip.signer, clip.session)
            rooms_of.setdefault(key, set()).add(clip.gesture)
        assert max(len(done) for done in rooms_of.values()) <= 0.6 * classes
        sessions = pd.Series([signer for signer, _ in rooms_of])
        assert sessions.value_counts().max() >= 2


def test_regions_have_variants_of_their_own() -> None:
    _, planned = both(replace(DEFAULT, words=21, clips=2000))
    ways: dict[str, dict[str, set[int]]] = {}
    for name, clip in planned.clips.items():
        word, region, _, _ = name.split("/")[1].split("---")
        ways.setdefault(word, {}).setdefault(region, set()).add(clip.gesture)
    assert "null" in ways
    for letters in ("_oe", "_ae", "_ue"):
        assert any(letters in word for word in ways)
    assert any("__" in word for word in ways)
    assert any("-" in region for region in ways["null"])
    several = 0
    for regions in ways.values():
        assert all(len(way) == 1 for way in regions.values())
        several += len(set().union(*regions.values())) == 2
    assert several == 10
    assert all(
        min(min(way) for way in regions.values()) >= plan.MOST_GESTURES
        for regions in ways.values()
    )


# What is drawn


def test_no_two_gestures_are_the_same() -> None:
    last = plan.MOST_GESTURES + 2 * len(plan.WORDS)
    described = [gestures.gesture(number) for number in range(last)]
    assert len({(g.place, g.path, g.partner) for g in described}) == last
    moves = []
    for what in described:
        motion = gestures.move(what, gestures.Style(), 40)
        moves.append(motion.wrist.ravel())
    paths = np.stack(moves)
    for number in range(last):
        gaps = np.abs(paths - paths[number]).max(axis=1)
        gaps[number] = 1
        assert gaps.min() > 0.04, number  # four centimetres somewhere


def test_a_gesture_depends_on_its_number_alone() -> None:
    assert gestures.gesture(7) == gestures.gesture(7)
    slow = gestures.move(gestures.gesture(7), gestures.Style(), 80)
    fast = gestures.move(gestures.gesture(7), gestures.Style(), 40)
    assert np.abs(slow.wrist[::2] - fast.wrist).max() < 0.08


def test_hands_rest_at_both_ends_and_a_hurried_clip_repeats_less() -> None:
    style = gestures.Style()
    motion = gestures.move(gestures.gesture(1), style, 60)
    for hand in (0, 1):
        assert motion.wrist[0, hand] == pytest.approx(style.rest)
        assert motion.wrist[-1, hand] == pytest.approx(style.rest)
    assert gestures.gesture(1).repeats == 2

    def turns(frames: int) -> int:
        moved = gestures.move(gestures.gesture(1), style, frames).wrist
        stroke = moved[frames // 4 : -frames // 4, 0, 0]
        turned = np.diff(np.sign(np.diff(stroke)))
        return int((turned != 0).sum())

    assert turns(60) > turns(14)


@given(
    out=st.floats(-0.6, 0.9),
    up=st.floats(-0.7, 0.7),
    forward=st.floats(-0.3, 0.6),
    lift=st.floats(0, 1),
    left_handed=st.booleans(),
    bent=st.floats(0, 1),
)
def test_bones_keep_their_length(
    out: float,
    up: float,
    forward: float,
    lift: float,
    left_handed: bool,
    bent: float,
) -> None:
    still = gestures.Motion(
        wrist=np.full((1, 2, 3), (out, up, forward)),
        pointing=np.full((1, 2, 3), (0.0, 1.0, 0.2)),
        palm=np.full((1, 2, 3), (0.0, 0.0, 1.0)),
        fingers=np.full((1, 2, 6), bent),
    )
    body = skeleton.joints(still, lift=lift, left_handed=left_handed)
    upper = np.linalg.norm(body.elbow - body.shoulder, axis=-1)
    lower = np.linalg.norm(body.wrist - body.elbow, axis=-1)
    assert upper == pytest.approx(np.full((1, 2), skeleton.UPPER_ARM))
    assert lower == pytest.approx(np.full((1, 2), skeleton.FOREARM))
    bones = np.linalg.norm(np.diff(body.fingers, axis=3), axis=-1)
    lengths = skeleton.HAND * skeleton.LENGTHS
    assert bones[..., 1:, :].sum(axis=-1)[0, 0] == pytest.approx(lengths)
    # One hand is the mirror image of the other.
    mirrored = body.fingers[:, 1] * (-1, 1, 1)
    assert body.fingers[:, 0] == pytest.approx(mirrored)


def test_the_leading_hand_is_on_the_signers_own_side() -> None:
    what = gestures.gesture(0)
    assert what.partner == "rests"
    motion = gestures.move(what, gestures.Style(), 40)
    for left_handed, leads in ((False, 0), (True, 1)):
        body = skeleton.joints(motion, left_handed=left_handed)
        height = body.wrist[20, :, 1]
        assert height.argmax() == leads
    # The signer's right hand is at the left of the picture.
    assert body.wrist[0, 0, 0] < 0 < body.wrist[0, 1, 0]


def test_pictures_show_a_person_who_moves() -> None:
    clip = next(iter(both(DEFAULT)[0].clips.values()))
    pictures = list(render.pictures(clip))
    assert len(pictures) == clip.frames
    for picture in pictures:
        assert picture.shape == (240, 320, 3)
        assert picture.dtype == np.uint8
    where = people.recording(0, clip.signer, clip.session)
    empty = rooms.room(where.room, 320, 240, where.tint)[8:-8, 8:-8]
    changed = np.abs(pictures[0].astype(int) - empty).max(axis=2) > 40
    # Somebody stands in the middle, and nobody at the upper corners.
    assert changed[100:, 130:190].mean() > 0.5
    assert changed[:60, :60].mean() < 0.1
    middle = pictures[len(pictures) // 2].astype(int)
    assert (np.abs(middle - pictures[0]).max(axis=2) > 40).sum() > 500


def test_performers_differ_and_stay_themselves() -> None:
    everybody = [people.person(0, number) for number in range(31)]
    assert people.person(0, 4) == everybody[4]
    assert len(set(everybody)) == 31
    left = sum(person.left_handed for person in everybody)
    assert 3 <= left <= 8
    assert people.person(1, 4) != everybody[4]
    assert people.recording(0, 4, 0) != people.recording(0, 4, 1)


# What is asked for


@pytest.mark.parametrize(
    "args",
    [
        ("--gestures", "250"),
        ("--gestures", "1"),
        ("--performers", "22"),
        ("--performers", "3"),
        ("--clips", "36001"),
        ("--words", "22"),
        ("--seed", "-1"),
        ("--gestures", "ten"),
    ],
)
def test_limits_of_the_flags(args: tuple[str, str], capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        sample.main(args)
    assert stop.value.code == 2
    assert f"argument {args[0]}" in capsys.readouterr().err


def test_too_few_clips_are_refused_with_the_number_needed(capsys) -> None:
    assert arguments.run(sample.main, ["--gestures", "249", "--dry-run"]) == 2
    needed = re.search(r"take --clips (\d+)", capsys.readouterr().err)
    assert needed
    size = replace(DEFAULT, gestures=249, clips=int(needed[1]))
    plan.check(size)
    with pytest.raises(errors.UserError):
        plan.check(replace(size, clips=size.clips - 1))
