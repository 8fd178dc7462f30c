"""Sizes that change, tracks, names, clocks, damage: the right pictures."""

import os
import shutil
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from av.video.frame import VideoFrame
from helpers import number_of, numbered
from videos import encode, numbers, write

from signs.video import decode, images
from signs.video.decode import read_frames
from signs.video.video_file import Video

# --- Sizes, tracks, names ---------------------------------------------------


def test_a_size_that_changes(tmp_path: Path) -> None:
    parts = [
        encode(tmp_path / f"{n}.h264", frames=5, size=size)
        for n, size in enumerate([(64, 48), (128, 96), (48, 64)])
    ]
    path = tmp_path / "all.h264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    pictures = read_frames(path, 15)
    assert [number_of(x) for x in pictures] == [*range(5)] * 3
    sizes = [x.shape[1::-1] for x in pictures]
    assert sizes == [(64, 48)] * 5 + [(128, 96)] * 5 + [(48, 64)] * 5
    shrunk = read_frames(path, 15, short_side=48)
    assert {min(x.shape[:2]) for x in shrunk} == {48}


def two_tracks(
    path: Path, first: Disposition, second: Disposition, codec: str = "mjpeg"
) -> Path:
    """A track of one picture that shows 7, and a video from 0 to 9."""
    with av.open(str(path), "w") as container:
        streams = []
        for name, pixels in ((codec, "yuvj420p"), ("libx264", "yuv420p")):
            stream: Any = container.add_stream(name, rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
            streams.append(stream)
        streams[0].disposition, streams[1].disposition = first, second
        for stream, images in zip(streams, ([7], range(10)), strict=True):
            for number in images:
                picture = VideoFrame.from_ndarray(numbered(number))
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
    return path


def test_the_default_track_is_taken(tmp_path: Path) -> None:
    none, default = Disposition(0), Disposition.default
    path = two_tracks(tmp_path / "second.mkv", none, default)
    assert numbers(path, 10) == list(range(10))
    path = two_tracks(tmp_path / "first.mkv", default, none)
    assert numbers(path, 3) == [7] * 3


def test_a_cover_is_no_video(tmp_path: Path) -> None:
    cover = Disposition.attached_pic
    path = two_tracks(tmp_path / "a.mp4", cover, Disposition(0))
    assert numbers(path, 10) == list(range(10))
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        jpeg = images.encode_jpeg(numbered(7))
        container.add_attachment("cover.jpg", "image/jpeg", jpeg)
        for number in range(10):
            picture = VideoFrame.from_ndarray(numbered(number))
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    assert numbers(path, 10) == list(range(10))


def test_only_sound_and_a_cover(tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        sound: Any = container.add_stream("aac", rate=44100)
        add_silence(container, sound)
    with pytest.raises(ValueError, match="a.m4a .there is no video track"):
        read_frames(path, 20)
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=44100)
        stream: Any = container.add_stream("mjpeg")
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.disposition = Disposition.attached_pic
        picture = VideoFrame.from_ndarray(numbered(7))
        container.mux(stream.encode(picture))
        add_silence(container, sound)
    with pytest.raises(ValueError, match="a.m4a .there is a cover picture"):
        read_frames(path, 20)


def add_silence(container: Any, stream: Any) -> None:
    frame = av.AudioFrame.from_ndarray(
        np.zeros((1, 1024), np.float32), "fltp", "mono"
    )
    frame.sample_rate = 44100
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


NAMES = [
    "a:b.avi",
    "file:a.avi",
    "http:a.avi",
    "concat:a|b.avi",
    "a?b#c%20d.avi",
    "frame-%03d.avi",
    "-i.avi",
    " .avi",
    "new\nline.avi",
    "ähnlich Здесь 手话 🤟.avi",
]


@pytest.mark.skipif(sys.platform == "win32", reason="names of POSIX")
def test_every_name(tmp_path: Path, monkeypatch) -> None:
    whole = encode(tmp_path / "whole.avi", "mpeg4", frames=3)
    names = [*NAMES, os.fsdecode(b"G\xfc\xdfe\xff.avi")]
    monkeypatch.chdir(tmp_path)
    for name in names:
        try:
            shutil.copy(whole, name)
        except OSError:  # macOS takes none that are not UTF-8
            continue
        assert numbers(Path(name), 3) == [0, 1, 2], name
        assert numbers(tmp_path / name, 3) == [0, 1, 2], name


def test_titles_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Gr..e"
        stream: Any = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.metadata["title"] = "Gr..e"
        write(
            container,
            stream.encode(VideoFrame.from_ndarray(numbered(5))),
            lambda packet: None,
        )
    content = path.read_bytes()
    assert content.count(b"Gr..e") == 2
    path.write_bytes(content.replace(b"Gr..e", b"Gr\xfc\xdfe"))
    assert numbers(path, 1) == [5]


# --- Time -------------------------------------------------------------------


def test_sections_go_by_the_clock(tmp_path: Path) -> None:
    """Of a video with a gap of a minute, which begins at one hour."""

    def change(packet: Any) -> None:
        gap = 3600 + (60 if packet.pts * packet.time_base >= 1 else 0)
        for name in ("pts", "dts"):
            stamp = getattr(packet, name)
            setattr(packet, name, stamp + round(gap / packet.time_base))

    for name in ("a.mkv", "a.ts", "a.mov"):
        path = encode(
            tmp_path / name, rate=10, options={"bf": "0"}, change=change
        )
        assert numbers(path, 24) == list(range(24)), name
        assert numbers(path, 5, 0.5, 1) == list(range(5, 10)), name
        assert numbers(path, 5, 0.5, 61.1) == [5, 6, 8, 9, 10], name
        assert numbers(path, 5, 61.5, 62) == list(range(15, 20)), name
        with pytest.raises(ValueError, match="20 and 30 .* gap in the video"):
            read_frames(path, 5, 20, 30)
        with pytest.raises(ValueError, match="ends at 62.30 seconds"):
            read_frames(path, 5, 70, 80)


def test_the_clock_is_the_files_own(tmp_path: Path) -> None:
    """Where the sound begins a second before the picture, so do players."""
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        sound: Any = container.add_stream("pcm_s16le", rate=8000)
        sound.layout = "mono"
        stream: Any = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        silence = av.AudioFrame.from_ndarray(
            np.zeros((1, 8000), np.int16), "s16", "mono"
        )
        silence.sample_rate, silence.pts = 8000, 0
        container.mux(sound.encode(silence))
        for number in range(20):
            picture = VideoFrame.from_ndarray(numbered(number))
            picture.pts = number + 10
            picture.time_base = 1 / Fraction(10)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    assert numbers(path, 5, 1, 1.5) == list(range(5))
    assert numbers(path, 5, 2, 2.5) == list(range(10, 15))


def test_time_stamps_that_go_back(tmp_path: Path) -> None:
    one = encode(tmp_path / "a.ts", frames=10)
    path = tmp_path / "two.ts"
    path.write_bytes(2 * one.read_bytes())
    assert numbers(path, 20) == [*range(10)] * 2
    with Video(path) as video:
        times = [time for time, _ in video.frames()]
    assert len(times) == 20 and (np.diff(times) > 0).all()


def test_what_an_edit_list_cuts_off_is_not_seen(tmp_path: Path) -> None:
    def change(packet: Any) -> None:
        cut = round(0.8 / packet.time_base)
        packet.pts, packet.dts = packet.pts - cut, packet.dts - cut

    path = encode(
        tmp_path / "a.mp4",
        options={"bf": "0"},
        change=change,
        container_options={"avoid_negative_ts": "disabled"},
    )
    assert numbers(path, 16) == list(range(8, 24))
    assert numbers(path, 2, 0, 0.2) == [8, 9]


LONG = {
    "long.avi": ("mpeg4", {}),
    "long.mp4": ("libx264", {"preset": "ultrafast"}),
    "long.mkv": ("libx264", {"preset": "ultrafast"}),
    "long.mov": ("mpeg4", {"bf": "2"}),
}


@pytest.fixture
def packets(monkeypatch) -> list[int]:
    """How many packets were read."""
    read: list[int] = []

    class Counting(Video):
        def packets(self, *position: Any) -> Any:
            for packet in super().packets(*position):
                read.append(packet.size)
                yield packet

    monkeypatch.setattr(decode, "Video", Counting)
    return read


@pytest.mark.parametrize("name", LONG)
def test_the_end_of_three_hours_costs_what_the_beginning_does(
    tmp_path: Path, name: str, packets: list[int]
) -> None:
    codec, options = LONG[name]
    seconds = 3 * 3600
    path = encode(
        tmp_path / name,
        codec,
        frames=seconds // 2,
        rate=0.5,
        options={"g": "10", **options},
    )
    for start in (0, 2, 5400, 7222, seconds - 8):
        packets.clear()
        expected = list(range(start // 2, start // 2 + 4))
        assert numbers(path, 4, start, start + 8) == expected
        assert len(packets) < 60
    assert numbers(path, 2, seconds - 4) == [5398, 5399]


def test_sections_where_nothing_can_be_sought(tmp_path: Path) -> None:
    for name in ("a.h264", "a.gif"):
        path = (
            encode(tmp_path / name, "gif", "rgb8", 100)
            if name == "a.gif"
            else encode(tmp_path / name, frames=100)
        )
        assert numbers(path, 10, 9) == list(range(90, 100))
        assert numbers(path, 10, 3, 4) == list(range(30, 40))


def test_large_videos_are_read_twice_and_not_kept(
    tmp_path: Path, packets: list[int], monkeypatch
) -> None:
    path = encode(tmp_path / "a.mp4", frames=50)
    expected = numbers(path, 20)
    assert len(packets) == 50
    monkeypatch.setattr(decode, "_KEPT", 500)
    assert numbers(path, 20) == expected
    assert len(packets) == 150
    assert numbers(path, 5, 3, 3.5) == list(range(30, 35))


# --- Damage -----------------------------------------------------------------


def test_damage_in_the_middle(tmp_path: Path, capfd) -> None:
    """What decodes is taken, evenly; nothing is said of the rest."""
    for ending in (".mp4", ".mkv", ".ts", ".avi"):
        path = encode(
            tmp_path / f"a{ending}", frames=60, options={"g": "5", "bf": "0"}
        )
        content = bytearray(path.read_bytes())
        third = len(content) // 3
        content[third : third + third // 2] = bytes(third // 2)
        path.write_bytes(content)
        seen = numbers(path, 20)
        assert len(seen) == 20
        assert len(set(seen)) > 8
    assert capfd.readouterr().err == ""


def test_reasons(tmp_path: Path) -> None:
    whole = encode(tmp_path / "a.mp4").read_bytes()
    avi = encode(tmp_path / "a.avi", "mpeg4").read_bytes()
    cases = {
        "no-index.mp4": whole[: whole.index(b"moov") - 4],
        "text.mp4": b"no video at all" * 99,
        "codec.avi": avi.replace(b"FMP4", b"zzzz"),
        "list.mp4": b"ffconcat version 1.0\nfile a.mp4\n",
    }
    reasons = {
        "no-index.mp4": "invalid data found when processing input",
        "text.mp4": "invalid data found when processing input",
        "codec.avi": "its codec is not known",
        "list.mp4": "it is a list of other files",
    }
    for name, content in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ValueError) as raised:
            read_frames(path, 20)
        expected = f"no frame can be decoded: {path} ({reasons[name]})"
        assert str(raised.value) == expected


def test_a_video_is_read_picture_by_picture(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", frames=50)
    with Video(path) as video:
        assert video.rate == 10 and video.duration == pytest.approx(5, abs=0.2)
        for index, (time, frame) in enumerate(video.frames()):
            assert time == pytest.approx(index / 10)
            assert number_of(video.picture(frame)) == index
    assert index == 49
