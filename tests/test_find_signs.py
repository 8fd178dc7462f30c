import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from helpers import write_video
from hypothesis import given
from hypothesis import strategies as st
from store import folders
from trained import (
    copy_models,
    known_clips,
    last_model,
    pictures_of,
    trained,
    write_recording,
)

import find_signs
from signs.core import arguments
from signs.core.errors import UserError
from signs.inference import subtitles
from signs.inference.live import Sign
from signs.inference.long_video import name_outputs
from signs.inference.predictor import Prediction
from signs.video.camera import Camera


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return trained(tmp_path_factory)


@pytest.fixture(scope="module")
def clips(root: Path) -> list[list[np.ndarray]]:
    rows = known_clips(root, 2)
    return [pictures_of(root, row) for _, row in rows.iterrows()]


def find(root: Path, *args: object) -> int:
    model, _ = last_model(root)
    options = ["--threshold", "0", "--model", model]
    return arguments.run(
        find_signs.main, [*map(str, [*args, *options]), *folders(root)]
    )


def test_a_recording_gets_a_table_subtitles_and_a_labelled_copy(
    root: Path, clips, tmp_path: Path, capsys
):
    path = tmp_path / "videos" / "a" / "Grüße & more.v2.avi"
    path.parent.mkdir(parents=True)
    write_recording(path, clips)
    out = tmp_path / "out"
    args = [tmp_path / "videos", "--out", out, "--draw"]
    assert find(root, *args) == 0
    assert "2 signs: " in capsys.readouterr().out
    stem = "Grüße & more.v2"
    assert {x.name for x in (out / "a").iterdir()} == {
        *(f"{stem}.csv", f"{stem}.vtt", f"{stem}.json"),
        f"{stem}-labelled.mp4",
    }
    table = pd.read_csv(out / "a" / f"{stem}.csv", dtype={"label": str})
    assert list(table.columns) == [
        *("start", "end", "label", "name", "probability"),
    ]
    expected = known_clips(root, 2)["label"]
    assert list(table["label"]) == list(expected)
    assert table["start"].is_monotonic_increasing
    cues = (out / "a" / f"{stem}.vtt").read_text(encoding="utf-8").split("\n\n")
    assert cues[0] == "WEBVTT"
    for cue, row in zip(cues[1:], table.to_dict("records"), strict=True):
        times, text = cue.strip().split("\n")
        seconds = float(times.split(" --> ")[0].rpartition(":")[2])
        assert seconds == pytest.approx(row["start"], abs=1e-3)
        assert text == f"{row['name']} ({row['probability']:.0%})"
    with (
        Camera(str(path)) as one,
        Camera(str(out / "a" / f"{stem}-labelled.mp4")) as other,
    ):
        pairs = list(
            zip(one.pictures(False), other.pictures(False), strict=True)
        )
    for (seconds, before), (_, after) in pairs:
        change = np.abs(before.astype(float) - after)[-40:].mean()
        inside = (table["start"] <= seconds) & (seconds <= table["end"])
        assert (change > 15) == inside.any()


def test_a_second_run_does_nothing_but_other_settings_do(
    root: Path, clips, tmp_path: Path, capsys
):
    path = write_recording(tmp_path / "a.avi", clips[:1])
    out = tmp_path / "out"
    assert find(root, path, "--out", out) == 0
    csv = out / "a.csv"
    before = csv.stat().st_mtime_ns
    capsys.readouterr()
    assert find(root, path, "--out", out) == 0
    assert "nothing to do: 1 video has its signs" in capsys.readouterr().out
    assert csv.stat().st_mtime_ns == before
    for change in (["--pause", "0.7"], ["--draw"], ["--overwrite"]):
        before = csv.stat().st_mtime_ns
        assert find(root, path, "--out", out, *change) == 0
        assert csv.stat().st_mtime_ns > before
    (out / "a.json").write_text("damaged")
    before = csv.stat().st_mtime_ns
    assert find(root, path, "--out", out) == 0
    assert csv.stat().st_mtime_ns > before


@pytest.mark.slow  # finds signs four times
def test_what_is_found_follows_the_video_and_the_model(
    root: Path, clips, tmp_path: Path, capsys
):
    models = copy_models(root, tmp_path / "model")
    last = next(models.glob("*-last.keras"))
    path = write_recording(tmp_path / "a.avi", clips[:1])
    out = tmp_path / "out"
    args = [str(path), "--out", str(out), "--threshold", "0"]
    args += ["--model", str(last), *folders(tmp_path)]

    def run() -> tuple[dict, bool]:
        assert arguments.run(find_signs.main, args) == 0
        text = (out / "a.json").read_text(encoding="utf-8")
        return json.loads(text), "nothing to do" in capsys.readouterr().out

    first, _ = run()
    assert first["video_size"] == path.stat().st_size
    assert first["video_mtime_ns"] == path.stat().st_mtime_ns
    assert run() == (first, True)

    write_recording(path, clips)  # another video under its name
    second, was_there = run()
    assert not was_there and len(second["signs"]) > len(first["signs"])
    assert run() == (second, True)

    best = next(models.glob("*-best.keras"))
    last.write_bytes(best.read_bytes())  # trained anew under its name
    third, was_there = run()
    assert not was_there
    assert third["model_hash"] != second["model_hash"]
    assert run() == (third, True)

    (record,) = models.glob("*.json")
    content = json.loads(record.read_text(encoding="utf-8"))
    content["classes"][0]["name"] = "renamed"
    record.write_text(json.dumps(content), encoding="utf-8")
    assert not run()[1]


def test_a_gap_in_time_makes_no_large_copy(tmp_path: Path):
    """Ten pictures, 26 hours of nothing, and ten pictures more."""
    path = tmp_path / "gap.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(20):
            picture = np.full((48, 64, 3), 10 * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts = index + (index >= 10) * 26 * 3600 * 25
            frame.time_base = Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    labels = [Sign(0, 1e9, [Prediction("1", "Ä", 0.9)], True, 0)]
    copy = tmp_path / "copy.mp4"
    subtitles.write_video(copy, path, labels)
    assert copy.stat().st_size < 1_000_000
    with av.open(str(copy)) as container:
        (video,) = container.streams.video
        frames = list(container.decode(video))
    assert len(frames) == 20
    assert frames[-1].time < subtitles.LONGEST_GAP + 1
    gaps = np.diff([frame.time for frame in frames])
    assert gaps.argmax() == 9
    np.testing.assert_allclose(np.delete(gaps, 9), 0.04, atol=1e-3)


def test_a_recording_without_a_sign_and_one_that_cannot_be_read(
    root: Path, tmp_path: Path, capsys
):
    still = np.full((48, 64, 3), 90, np.uint8)
    good = write_video(tmp_path / "a.avi", picture=lambda index: still)
    bad = tmp_path / "b.avi"
    bad.write_text("no video")
    assert find(root, bad, good, "--out", tmp_path / "out") == 1
    output = capsys.readouterr()
    assert f"{bad} cannot be opened" in output.err
    assert f"0 signs: {tmp_path / 'out' / 'a.csv'}" in output.out
    lines = (tmp_path / "out" / "a.csv").read_text().splitlines()
    assert lines == ["start,end,label,name,probability"]
    record = json.loads((tmp_path / "out" / "a.json").read_text())
    assert record["signs"] == []
    failed = root / "log" / "find_signs-failed.csv"
    assert str(bad) in failed.read_text()
    assert find(root, bad, "--out", tmp_path / "out") == 2


def test_recordings_that_would_share_their_files(tmp_path: Path):
    names = {"x/a.avi": "a.avi", "x/a.mp4": "a.mp4"}
    with pytest.raises(UserError, match="x/a.avi and x/a.mp4"):
        name_outputs(tmp_path, names)
    outputs = name_outputs(tmp_path, {"1": "a/b.avi", "2": "c/b.avi"})
    assert outputs["2"].csv == tmp_path / "c" / "b.csv"


@given(st.floats(0, 360_000))
def test_a_clock_tells_the_time(seconds):
    hours, minutes, rest = subtitles.clock(seconds).split(":")
    assert len(rest) == 6 and int(minutes) < 60 and float(rest) < 60
    told = 3600 * int(hours) + 60 * int(minutes) + float(rest)
    assert told == pytest.approx(seconds, abs=6e-4)


def test_names_cannot_break_the_subtitles(tmp_path: Path):
    prediction = Prediction("1", "a --> b\n\n<i>&Tür", 0.5)
    path = tmp_path / "a.vtt"
    sign = Sign(0, 3661.5, [prediction], True, 0.1)
    subtitles.write_subtitles(path, [sign])
    assert path.read_text(encoding="utf-8") == (
        "WEBVTT\n\n00:00:00.000 --> 01:01:01.500\n"
        "a --&gt; b &lt;i&gt;&amp;Tür (50%)\n"
    )
    unknown = Sign(0, 1, [prediction], False, 0.1)
    subtitles.write_subtitles(path, [unknown])
    assert "unknown (50%)" in path.read_text(encoding="utf-8")


def test_a_label_is_drawn_while_its_sign_lasts():
    picture = np.full((51, 65, 3), 200, np.uint8)
    signs = [Sign(1, 2, [Prediction("1", "Ä", 0.9)], True, 0)]
    for seconds, is_labelled in ((0.9, False), (1.5, True), (2.1, False)):
        canvas = subtitles.label(picture, seconds, signs)
        assert canvas.shape == (50, 64, 3)
        assert (canvas.min() < 200) == is_labelled
    assert picture.min() == 200
