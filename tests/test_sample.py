"""sample.py: two data sets in real layouts, of drawn people who sign."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frame
import sample
from signs.core import arguments, errors, messages
from signs.data import clips_table
from signs.data.clips_table import Dataset
from signs.synthetic.puppets import (
    gestures,
    people,
    plan,
    render,
    rooms,
    skeleton,
)
from signs.synthetic.puppets.plan import Settings
from signs.video import decode

Run = Callable[..., int]
SMALL = (
    "--gestures 3 --performers 4 --words 2 --clips 28 --workers 1 --quiet"
).split()
DEFAULT = Settings(gestures=8, performers=8, clips=150, words=5, seed=0)
LARGEST = Settings(gestures=249, performers=21, clips=36_000, words=21, seed=0)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> Path:
    """A data folder with both sets, not to be changed."""
    root = tmp_path_factory.mktemp("rendered")
    folders = ("--data", str(root / "data"), "--log", str(root / "log"))
    assert arguments.run(sample.main, [*SMALL, *folders]) == 0
    return root / "data"


@pytest.fixture
def copied(rendered: Path, tmp_path: Path, monkeypatch) -> Path:
    """A data folder with both sets, in the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(rendered, tmp_path / "data")
    return Path("data")


def run(*args: str) -> int:
    """Runs sample.py with the small sizes, and then the arguments."""
    return arguments.run(sample.main, [*SMALL, *args])


def digests(root: Path) -> dict[str, str]:
    """What is in each file."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def times(root: Path) -> dict[Path, int]:
    """When each file was written."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {path: path.stat().st_mtime_ns for path in files}


def both(size: Settings) -> tuple[plan.Plan, plan.Plan]:
    """The plans of the two data sets."""
    return (
        plan.plan_gestures(Dataset(Path("data/a")), size, "XVID"),
        plan.plan_words(Dataset(Path("data/b")), size),
    )


def listed(plan_: plan.Plan, split: str) -> list[list[str]]:
    """The columns of a list file, row by row."""
    text = plan_.texts[plan_.dataset.video / f"{split}_list.txt"]
    return [line.split(" ") for line in text.splitlines()]


# What is on disk


def test_isogd_layout_is_exact(rendered: Path) -> None:
    root = rendered / "sample-chalearn" / "video"
    lists = {f"{split}_list.txt" for split in ("train", "valid", "test")}
    found = set()
    for split, phase in (
        ("train", "IsoGD_phase_1"),
        ("valid", "IsoGD_phase_1"),
        ("test", "IsoGD_phase_2"),
    ):
        lines = (root / f"{split}_list.txt").read_text().splitlines()
        assert len(lines) >= 3
        for number, line in enumerate(lines, 1):
            colour, depth, label = line.split(" ")
            assert colour == f"{split}/001/M_{number:05}.avi"
            assert depth == f"{split}/001/K_{number:05}.avi"
            assert label in {"1", "2", "3"}
            found.add(root / phase / colour)
    files = {path for path in root.rglob("*") if path.is_file()}
    assert files == found | {root / name for name in lists}


def test_ledasila_layout_is_exact(rendered: Path) -> None:
    root = rendered / "sample-ledasila" / "video"
    name = re.compile(
        r"([a-z])/([^-]+)---([a-z_-]+)---vid-(\d+)---lsid-(\d+)\.mp4"
    )
    entries, words = [], set()
    for path in root.rglob("*"):
        if path.is_dir():
            continue
        match = name.fullmatch(path.relative_to(root).as_posix())
        assert match, path
        assert match[2].lstrip("_")[0].lower() == match[1]
        words.add(match[2])
        entries.append(match[5])
    assert words == {"null", "sch_oen"}
    assert len(set(entries)) == len(entries) == 8


def test_videos_are_as_in_the_real_sets(rendered: Path) -> None:
    small = Settings(gestures=3, performers=4, clips=28, words=2, seed=0)
    for name, planned in zip(
        ("sample-chalearn", "sample-ledasila"), both(small), strict=True
    ):
        for clip in planned.clips.values():
            below = clip.video.relative_to(planned.dataset.root)
            capture = cv2.VideoCapture(str(rendered / name / below))
            size = clip.format.width, clip.format.height
            assert capture.get(cv2.CAP_PROP_FPS) == clip.format.rate
            frames = 0
            while True:
                done, picture = capture.read()
                if not done:
                    break
                assert picture.shape == (size[1], size[0], 3)
                frames += 1
            assert frames == clip.frames
    assert {clip.format.rate for clip in planned.clips.values()} == {25}


def test_a_clip_is_xvid_where_opencv_can_write_it(rendered: Path) -> None:
    clip = next(rendered.rglob("M_00001.avi")).read_bytes()
    codec = b"XVID" if render.can_write("XVID", ".avi") else b"MJPG"
    assert codec in clip[:4096]


def test_signers_are_named_for_every_clip_of_both_sets(rendered: Path) -> None:
    everybody: list[set[str]] = []
    for name in ("sample-chalearn", "sample-ledasila"):
        dataset = Dataset(rendered / name)
        signers = clips_table.read_csv(dataset.signers)
        assert list(signers) == ["clip", "signer"]
        videos = {
            path.relative_to(dataset.video).with_suffix("").as_posix()
            for path in dataset.video.rglob("*.*")
            if path.suffix in (".avi", ".mp4")
        }
        assert set(signers["clip"]) == videos
        everybody.append(set(signers["signer"]))
    assert not everybody[0] & everybody[1]


def test_frame_py_takes_both_sets(copied: Path) -> None:
    for name in ("sample-chalearn", "sample-ledasila"):
        args = [name, "--frames", "3", "--workers", "1", "--quiet"]
        assert arguments.run(frame.main, args) == 0
    clips = pd.read_csv(copied / "sample-chalearn" / "clips.csv", dtype=str)
    assert clips["split"].value_counts().to_dict() == {
        "train": 12,
        "val": 5,
        "test": 3,
    }
    assert clips.groupby("signer")["split"].nunique().eq(1).all()
    assert set(clips["label"]) == {"1", "2", "3"}
    words = clips_table.read_clips(Dataset(copied / "sample-ledasila"))
    assert set(words["label"]) == {"null", "sch_oen"}
    assert words.groupby("signer")["split"].nunique().eq(1).all()


def test_colours_are_not_swapped(rendered: Path) -> None:
    size = Settings(gestures=3, performers=4, clips=28, words=2, seed=0)
    planned, _ = both(size)
    clip = next(c for c in planned.clips.values() if c.signer == 0)
    who, _ = people.in_light(
        people.person(0, 0), people.recording(0, 0, clip.session)
    )
    path = rendered / "sample-chalearn" / clip.video.relative_to("data/a")
    picture = decode.read_frames(path, 1)[0].astype(int)
    skin = np.array(who.skin)
    assert skin[0] > skin[2] + 40

    def like(colour: np.ndarray) -> int:
        return int((np.abs(picture - colour).max(axis=2) < 24).sum())

    assert like(skin) > 300
    assert like(skin) > 5 * like(skin[::-1])


# Running it again, and otherwise


def test_same_bytes_whatever_the_workers(
    rendered: Path, tmp_path: Path
) -> None:
    folders = ("--data", str(tmp_path / "data"), "--log", str(tmp_path))
    assert run(*folders, "--workers", "2") == 0
    assert digests(tmp_path / "data") == digests(rendered)
    again, other = (
        next(render.pictures(clip))
        for clip in (
            next(iter(both(DEFAULT)[0].clips.values())),
            next(iter(both(replace(DEFAULT, seed=1))[0].clips.values())),
        )
    )
    assert (again != other).any()


def test_a_second_run_does_nothing(copied: Path, capsys) -> None:
    before = times(copied)
    messages.set_up_messages(quiet=False)
    assert arguments.run(sample.main, [a for a in SMALL if a != "--quiet"]) == 0
    assert times(copied) == before
    output = capsys.readouterr().out
    assert output.startswith("nothing to do: all 28 clips are in ")
    assert output.count("\n") == 1


def test_only_what_is_missing_is_rendered(copied: Path) -> None:
    before, when = digests(copied), times(copied)
    gone = next(copied.rglob("M_00002.avi"))
    gone.unlink()
    assert run() == 0
    assert digests(copied) == before
    changed = {
        path for path, time in times(copied).items() if time != when[path]
    }
    assert changed == {gone}


def test_other_settings_are_refused_until_overwritten(
    copied: Path, capsys
) -> None:
    before = times(copied)
    assert run("--gestures", "2") == 2
    error = capsys.readouterr().err
    assert "gestures 3, not 2" in error
    assert "--overwrite" in error
    assert "sample-chalearn" in error
    assert times(copied) == before
    assert run("--gestures", "2", "--clips", "25", "--overwrite") == 0
    clips = [p for p in copied.rglob("*.*") if p.suffix in (".avi", ".mp4")]
    assert len(clips) == 25
    found = json.loads((copied / "sample-ledasila/sample.json").read_text())
    assert found["clips"] == 25
    assert found["gestures"] == 2


@pytest.mark.parametrize("content", ["", "{", "[1]", "null"])
def test_damaged_settings_are_refused(
    copied: Path, capsys, content: str
) -> None:
    marker = copied / "sample-chalearn" / "sample.json"
    marker.write_text(content)
    assert run() == 2
    assert "--overwrite" in capsys.readouterr().err


def test_videos_of_others_are_never_touched(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "data" / "sample-chalearn" / "video" / "mine.avi"
    mine.parent.mkdir(parents=True)
    mine.write_text("precious")
    assert run("--overwrite") == 2
    assert "was not made by sample.py" in capsys.readouterr().err
    assert mine.read_text() == "precious"
    assert not (tmp_path / "data" / "sample-ledasila").exists()


def test_dry_run_writes_nothing(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    args = [*SMALL, "--dry-run"]
    args.remove("--quiet")
    assert arguments.run(sample.main, args) == 0
    output = capsys.readouterr().out
    assert "would render 28 clips" in output
    assert "20 clips (12 train, 5 valid, 3 test), 3 gestures" in output
    assert list(tmp_path.iterdir()) == []


def test_the_summary_names_the_next_command(copied: Path, capsys) -> None:
    args = [a for a in SMALL if a != "--quiet"]

    def last_run() -> list[str]:
        next(copied.rglob("M_00003.avi")).unlink()
        assert arguments.run(sample.main, args) == 0
        return capsys.readouterr().out.splitlines()

    lines = last_run()
    assert lines[0].startswith("sample-chalearn: 20 clips (12 train, ")
    assert lines[1].startswith("sample-ledasila: 8 clips, 2 words, ")
    assert lines[2].startswith("1 clip rendered in ")
    assert lines[3:] == ["next: python frame.py sample-chalearn"]
    # frame.py keeps a table of other clips unless it is told not to.
    (copied / "sample-chalearn" / "clips.csv").write_text("")
    assert last_run()[-1].endswith("frame.py sample-chalearn --overwrite")


def test_clips_that_fail_are_listed_and_tried_again(copied: Path) -> None:
    letter = copied / "sample-ledasila" / "video" / "n"
    shutil.rmtree(letter)
    letter.write_text("a file where a folder should be")
    (next(copied.rglob("M_00001.avi"))).unlink()
    assert run() == 1
    failures = clips_table.read_csv(Path("log/sample-failed.csv"))
    assert len(failures) == 4
    assert failures["clip"].str.startswith("sample-ledasila/n/null---").all()
    assert run() == 2  # now nothing at all could be done
    letter.unlink()
    assert run() == 0
    assert not Path("log/sample-failed.csv").exists()


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
