"""What a file was made from is known, whatever happens in between."""

import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signs.data import changes, fingerprints
from signs.data.changes import Record, fingerprint, recording

LONG_AGO = 1_500_000_000


def write(path: Path, text: str, mtime: int = LONG_AGO) -> Path:
    path.write_text(text)
    os.utime(path, (mtime, mtime))
    return path


def test_a_clip_is_current_until_one_of_its_inputs_changes(
    tmp_path: Path,
) -> None:
    video = write(tmp_path / "a.mp4", "one")
    with recording(tmp_path / changes.NAME) as record:
        record.update("a", {"video": fingerprint(video), "start": 0.5})
    record = Record(tmp_path / changes.NAME)

    def current(**edited: float) -> bool:
        now: changes.Inputs = {"video": fingerprint(video), "start": 0.5}
        return record.is_current("a", {**now, **edited})

    assert current()
    assert not current(start=0.6)
    assert not current(end=2.0)
    assert not record.is_current("a", {"video": fingerprint(video)})
    assert not record.is_current("b", {"video": fingerprint(video)})
    write(video, "two", LONG_AGO + 9)
    assert not current()
    write(video, "three")
    assert not current()


def test_a_copy_has_another_time_and_is_read_once(tmp_path: Path) -> None:
    video = write(tmp_path / "a.mp4", "one")
    path = tmp_path / changes.NAME
    with recording(path) as record:
        record.update("a", {"video": fingerprint(video)})
    identity = record.identity("a")
    write(video, "one", LONG_AGO + 9)
    with recording(path) as record:
        assert record.is_current("a", {"video": fingerprint(video)})
        assert record.identity("a") == identity
    entry = Record(path).get("a")
    assert entry is not None
    assert entry["video"][1] == (LONG_AGO + 9) * 10**9


def test_looking_alone_writes_nothing(tmp_path: Path) -> None:
    video = write(tmp_path / "a.mp4", "one")
    path = tmp_path / changes.NAME
    with recording(path) as record:
        record.update("a", {"video": fingerprint(video)})
    before = path.read_bytes()
    write(video, "one", LONG_AGO + 9)
    assert Record(path).is_current("a", {"video": fingerprint(video)})
    assert path.read_bytes() == before


def test_a_file_rewritten_within_one_tick_is_seen(tmp_path: Path) -> None:
    video = tmp_path / "a.mp4"
    now = time.time_ns()
    for text in ("one", "two"):
        video.write_text(text)
        os.utime(video, ns=(now, now))
        if text == "one":
            record = Record(tmp_path / changes.NAME)
            record.update("a", {"video": fingerprint(video)})
            assert record.is_current("a", {"video": fingerprint(video)})
    assert not record.is_current("a", {"video": fingerprint(video)})


def test_what_was_written_meanwhile_is_not_what_was_made_of(
    tmp_path: Path,
) -> None:
    model = write(tmp_path / "a.keras", "epoch 1")
    made = write(tmp_path / "a.tflite", "made of epoch 1")
    inputs = {"model": fingerprint(model)}
    write(model, "epoch 2", LONG_AGO + 9)  # while it was being made
    changes.note(made, inputs)
    assert not changes.is_current(made, {"model": fingerprint(model)})
    inputs = {"model": fingerprint(model)}
    changes.note(made, inputs)
    assert changes.is_current(made, {"model": fingerprint(model)})


def test_a_large_file_is_known_by_size_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "LARGEST_HASHED", 2)
    video = write(tmp_path / "a.mp4", "one")
    record = Record(tmp_path / changes.NAME)
    record.update("a", {"video": fingerprint(video)})
    assert record.is_current("a", {"video": fingerprint(video)})
    write(video, "one", LONG_AGO + 9)
    assert not record.is_current("a", {"video": fingerprint(video)})


@pytest.mark.parametrize(
    "damage",
    [b'["c",{"n":', b"\0\0\0\0", b"7", b'["c",3]\n', b"[1,2,3]\n"]
    + [b'["c",{"video":[1]}]', b"[" * 99_999],
)
def test_a_line_torn_by_a_power_cut_is_no_line(
    damage: bytes, tmp_path: Path
) -> None:
    path = tmp_path / changes.NAME
    with recording(path) as record:
        record.update("a", {"n": 1})
    with path.open("ab") as file:
        file.write(damage)
    with recording(path) as record:
        assert record.is_current("a", {"n": 1})
        assert not record.is_current("c", {"n": 1})
        assert record.identity("c") == ""
        record.update("b", {"n": 2})
    record = Record(path)
    assert record.is_current("a", {"n": 1}) and record.is_current("b", {"n": 2})


def test_the_journal_has_one_line_a_clip_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / changes.NAME
    for number in range(30):
        with recording(path) as record:
            for clip in range(100):
                record.update(f"{clip}", {"n": number})
    assert len(path.read_text().splitlines()) == 100
    assert Record(path).get("7") == {"n": 29}


def test_a_single_file_has_its_record_beside_it(tmp_path: Path) -> None:
    model = write(tmp_path / "model.keras", "weights")
    export = tmp_path / "model.tflite"

    def inputs() -> dict[str, changes.Fingerprint]:
        return {"model": fingerprint(model)}

    assert not changes.is_current(export, inputs())
    write(export, "flat")
    assert not changes.is_current(export, inputs())
    changes.note(export, inputs())
    assert changes.is_current(export, inputs())
    write(export, "edit", LONG_AGO + 9)
    assert not changes.is_current(export, inputs())
    write(export, "flat")
    write(model, "trained", LONG_AGO + 9)
    assert not changes.is_current(export, inputs())


# Each step changes the files or tables of a few clips in one way.
CLIPS = ["a", "b", "sub/c"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from(CLIPS), st.integers(0, 2)),
        st.tuples(st.just("touch"), st.sampled_from(CLIPS), st.integers(0, 2)),
        st.tuples(st.just("start"), st.sampled_from(CLIPS), st.integers(0, 2)),
        st.tuples(st.just("remove"), st.sampled_from(CLIPS), st.none()),
        st.tuples(st.just("killed"), st.none(), st.integers(0, 3)),
        st.tuples(st.just("run"), st.none(), st.none()),
    ),
    max_size=25,
)


@given(steps=STEPS)
@settings(max_examples=150, deadline=None)
def test_a_run_after_any_edits_gives_what_a_run_from_nothing_would(
    steps: list[tuple],
) -> None:
    root = Path(tempfile.mkdtemp())
    path, made = root / changes.NAME, {}  # type: ignore[var-annotated]
    starts = dict.fromkeys(CLIPS, 0)

    def run(record: Record, most: int = len(CLIPS)) -> None:
        for clip in list(record):
            if not (root / clip).exists():
                made.pop(clip, None)
                record.discard(clip)
        there: dict[str, changes.Inputs] = {
            clip: {"video": fingerprint(root / clip), "start": starts[clip]}
            for clip in CLIPS
            if (root / clip).exists()
        }
        todo = [x for x, now in there.items() if not record.is_current(x, now)]
        record.begin(todo)
        for clip in todo[:most]:
            made[clip] = wanted(clip)
            record.update(clip, there[clip])

    def wanted(clip: str) -> tuple[str, int]:
        return (root / clip).read_text(), starts[clip]

    try:
        (root / "sub").mkdir()
        for number, (what, clip, value) in enumerate([*steps, ("run",) * 3]):
            if what == "write":
                write(root / clip, f"text {value}", LONG_AGO + number)
            elif what == "touch" and (root / clip).exists():
                os.utime(root / clip, (LONG_AGO + value, LONG_AGO + number))
            elif what == "start":
                starts[clip] = value
            elif what == "remove":
                (root / clip).unlink(missing_ok=True)
            elif what == "killed":  # before it wrote down what it made
                run(Record(path), value)
                with path.open("ab") as file:
                    file.write(b'["a",{"sta')
            elif what == "run":
                with recording(path) as record:
                    run(record)
        there = [clip for clip in CLIPS if (root / clip).exists()]
        assert made == {clip: wanted(clip) for clip in there}
        assert sorted(Record(path)) == sorted(there)
    finally:
        shutil.rmtree(root)


def test_the_journal_is_plain_json_lines(tmp_path: Path) -> None:
    path = tmp_path / changes.NAME
    video = write(tmp_path / "v", "content")
    with recording(path) as record:
        record.update("söm/a", {"video": fingerprint(video), "frames": 20})
    [line] = path.read_text(encoding="utf-8").splitlines()
    clip, inputs = json.loads(line)
    assert clip == "söm/a"
    assert inputs["frames"] == 20
    assert inputs["video"][:2] == [7, LONG_AGO * 10**9]
