"""Right pictures of every kind of file that people have."""

import os
import shutil
import struct
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, ColorTrc
from helpers import number_of, numbered
from videos import combing, encode, fields, in_yuv, write

from signs.data import scan
from signs.video import decode, images
from signs.video.decode import read_frames
from signs.video.video_file import Video

PAL = {"size": (720, 576), "rate": 25, "frames": 8}
TV = {"rate": 25}
# name: codec, form of its pixels, and what else the encoder wants
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "xvid.avi": ("mpeg4", "yuv420p", {"options": {"tag": "xvid"}}),
    "b-frames.avi": ("mpeg4", "yuv420p", {"options": {"bf": "2"}}),
    "mpeg4.mp4": ("mpeg4", "yuv420p", {}),
    "h264.mp4": ("libx264", "yuv420p", {}),
    "h264.mkv": ("libx264", "yuv420p", {}),
    "h264.mov": ("libx264", "yuv420p", {}),
    "h264.flv": ("libx264", "yuv420p", {}),
    "h264.ts": ("libx264", "yuv420p", TV),
    "h264.mts": ("libx264", "yuv420p", TV | {"format": "mpegts"}),
    "h264.m2ts": ("libx264", "yuv420p", TV | {"format": "mpegts"}),
    "h264.h264": ("libx264", "yuv420p", {}),
    "h264-444.mp4": ("libx264", "yuv444p", {"size": (65, 49)}),
    "h265.mp4": ("libx265", "yuv420p", {}),
    "h265.hevc": ("libx265", "yuv420p", {}),
    "h265-10-bit.mp4": ("libx265", "yuv420p10le", {}),
    "av1.mp4": ("libsvtav1", "yuv420p", {"size": (64, 64)}),
    "av1.webm": ("libsvtav1", "yuv420p", {"size": (64, 64)}),
    "av1-10-bit.mkv": ("libsvtav1", "yuv420p10le", {"size": (64, 64)}),
    "vp8.webm": ("libvpx", "yuv420p", {}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"size": (65, 49)}),
    "mpeg1.mpg": ("mpeg1video", "yuv420p", TV),
    "mpeg2.mpg": ("mpeg2video", "yuv420p", TV),
    "mpeg2.vob": ("mpeg2video", "yuv420p", TV),
    "mpeg2.m2v": ("mpeg2video", "yuv420p", TV),
    "mpeg2.mxf": ("mpeg2video", "yuv422p", TV),
    "dv.dv": ("dvvideo", "yuv420p", PAL),
    "dv.avi": ("dvvideo", "yuv420p", PAL),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {"size": (65, 49)}),
    "mjpeg.mov": ("mjpeg", "yuvj422p", {}),
    "prores.mov": ("prores_ks", "yuv422p10le", {}),
    "dnxhr.mov": (
        "dnxhd",
        "yuv422p",
        TV | {"size": (256, 128), "options": {"profile": "dnxhr_lb"}},
    ),
    "cineform.mov": ("cfhd", "yuv422p10le", {"size": (128, 96)}),
    "wmv1.wmv": ("wmv1", "yuv420p", {}),
    "wmv2.wmv": ("wmv2", "yuv420p", {}),
    "msmpeg4v2.avi": ("msmpeg4v2", "yuv420p", {}),
    "divx3.avi": ("msmpeg4", "yuv420p", {}),
    "sorenson.flv": ("flv", "yuv420p", {}),
    "h263.3gp": ("h263", "yuv420p", {"size": (176, 144)}),
    "real.rm": ("rv20", "yuv420p", {"size": (176, 144)}),
    "gif.gif": ("gif", "rgb8", {}),
    "apng.apng": ("apng", "rgb24", {}),
    "png.mov": ("png", "rgb24", {}),
    "animation.mov": ("qtrle", "rgb24", {}),
    "jpeg2000.mov": ("jpeg2000", "rgb24", {}),
    "cinepak.avi": ("cinepak", "rgb24", {}),
    "video1.avi": ("msvideo1", "rgb555le", {}),
    "sorenson.mov": ("svq1", "yuv410p", {}),
    "raw-rgb.avi": ("rawvideo", "bgr24", {"size": (65, 49)}),
    "raw-yuv.avi": ("rawvideo", "yuv420p", {}),
    "raw-grey.mkv": ("ffv1", "gray", {}),
    "ffv1.mkv": ("ffv1", "yuv420p", {"size": (65, 49)}),
    "huffyuv.avi": ("huffyuv", "yuv422p", {}),
    "ffvhuff.avi": ("ffvhuff", "yuv420p", {}),
    "utvideo.avi": ("utvideo", "yuv420p", {}),
    "magicyuv.avi": ("magicyuv", "yuv444p", {}),
    "screen.avi": ("zmbv", "bgr0", {}),
}


def numbers(
    path: Path, frames: int, start: float = 0, end: float = float("inf")
) -> list[int]:
    return [number_of(x) for x in read_frames(path, frames, start, end)]


@pytest.mark.parametrize("name", KINDS)
def test_every_codec(tmp_path: Path, name: str, capfd) -> None:
    codec, pixels, more = KINDS[name]
    path = encode(tmp_path / name, codec, pixels, **more)
    capfd.readouterr()  # what encoders say
    frames = more.get("frames", 24)
    pictures = read_frames(path, frames)
    assert [number_of(x) for x in pictures] == list(range(frames))
    size = more.get("size", (64, 48))
    if not name.startswith(("dv.", "h263.")):  # their pixels are not square
        assert {x.shape for x in pictures} == {(size[1], size[0], 3)}
    assert numbers(path, 3) == [0, frames // 2, frames - 1]
    assert capfd.readouterr() == ("", "")


def test_their_endings_are_those_of_clips() -> None:
    for ending in ("gif", "h264", "hevc", "mts", "M2TS", "mxf", "dav"):
        assert scan.is_video(f"a.{ending}")


def test_dav_of_surveillance_recorders(tmp_path: Path) -> None:
    """DHAV, made by hand, as FFmpeg can only read it."""
    raw = encode(tmp_path / "a.h264", options={"bf": "0"})
    parts = []
    with av.open(str(raw)) as container:
        for number, packet in enumerate(container.demux(video=0)):
            if not packet.size:
                continue
            more = struct.pack("<4B", 0x81, 0, 2, 10)  # H.264, 10 a second
            more += struct.pack("<4B", 0x80, 0, 8, 6)  # 64x48
            kind = 0xFD if packet.is_keyframe else 0xFC
            length = 24 + len(more) + packet.size + 8
            head = b"DHAV" + struct.pack(
                "<4BIIIHBB",
                kind,
                0,
                1,
                0,
                number,
                length,
                number // 10,
                number * 100 % 65536,
                len(more),
                0,
            )
            tail = b"dhav" + struct.pack("<I", length)
            parts.append(head + more + bytes(packet) + tail)
    path = tmp_path / "a.dav"
    path.write_bytes(b"".join(parts))
    assert numbers(path, 24) == list(range(24))


# --- Upright ----------------------------------------------------------------

# Where the display matrix (a, b, c, d) puts the pixel (x, y), and what that
# does to a picture.
TURNS: dict[tuple[int, ...], Callable[[np.ndarray], np.ndarray]] = {
    (1, 0, 0, 1): lambda x: x,
    (0, 1, -1, 0): lambda x: np.rot90(x, -1),
    (-1, 0, 0, -1): lambda x: np.rot90(x, 2),
    (0, -1, 1, 0): lambda x: np.rot90(x, 1),
    (-1, 0, 0, 1): lambda x: x[:, ::-1],
    (1, 0, 0, -1): lambda x: x[::-1],
    (0, 1, 1, 0): lambda x: x.swapaxes(0, 1),
    (0, -1, -1, 0): lambda x: np.rot90(x, 2).swapaxes(0, 1),
}


def corner(size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A picture that has no symmetry."""
    picture = np.full((size[1], size[0], 3), 128, np.uint8)
    picture[: size[1] // 2, : size[0] // 2] = [250, 0, 0]
    picture[: size[1] // 4, size[0] // 2 :] = [0, 0, 250]
    return picture


@pytest.mark.parametrize("matrix", TURNS)
def test_every_display_matrix(tmp_path: Path, matrix: tuple[int, ...]) -> None:
    a, b, c, d = (65536 * x for x in matrix)
    path = encode(
        tmp_path / "a.mp4",
        frames=3,
        picture=lambda n: corner(),
        display_matrix=[a, b, 0, c, d, 0, 0, 0, 1 << 30],
    )
    expected = TURNS[matrix](corner())
    seen = read_frames(path, 2)[1]
    assert seen.shape == expected.shape
    assert np.abs(seen.astype(int) - expected).mean() < 8
    assert seen.flags.c_contiguous and seen.flags.writeable


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    """Pictures are as on screen; the longer side is shrunk, none grows."""

    def size(pixel: str, short_side: int | None = None) -> tuple[int, ...]:
        path = encode(
            tmp_path / "a.mp4", frames=3, sample_aspect_ratio=Fraction(pixel)
        )
        return read_frames(path, 1, short_side=short_side)[0].shape[1::-1]

    assert size("1/1") == (64, 48)
    assert size("2/1") == (64, 24)
    assert size("64/45") == (64, 34)
    assert size("1/2") == (32, 48)
    assert size("2/1", 12) == (32, 12)
    assert size("100/1") == (64, 48)  # an error of the file


# --- Interlaced -------------------------------------------------------------

INTERLACED: dict[str, tuple[str, dict[str, Any]]] = {
    "avchd.mts": (
        "libx264",
        {
            "format": "mpegts",
            "options": {"flags": "+ildct+ilme", "x264-params": "tff=1"},
        },
    ),
    "dvd.mpg": (
        "mpeg2video",
        {"options": {"flags": "+ildct+ilme", "b": "3000000"}},
    ),
    "camcorder.dv": ("dvvideo", {"size": (720, 576)}),
}


@pytest.mark.parametrize("name", INTERLACED)
def test_interlaced_pictures_are_whole(tmp_path: Path, name: str) -> None:
    codec, more = INTERLACED[name]
    size = more.get("size", (128, 96))
    path = encode(
        tmp_path / name,
        codec,
        frames=10,
        rate=25,
        picture=lambda n: fields(n, size),
        **more,
    )
    pictures = read_frames(path, 10)
    assert len(pictures) == 10
    for index, picture in enumerate(pictures):
        made = fields(index, size)
        assert combing(picture) < 0.1 * combing(made)
        assert abs(float(picture.mean()) - made.mean()) < 3
        # The bar is where it was, to within what it moves in a field.
        row = picture[10].mean(axis=1)
        middle = np.flatnonzero(row > 130).mean() * size[0] / len(row)
        assert abs(middle - index * 6 % (size[0] - 16) - 7.5) < 4
    with Video(path) as video:
        times = [time for time, _ in video.frames()]
    np.testing.assert_allclose(times, np.arange(10) / 25, atol=1e-3)


def test_interlaced_from_the_middle_on(tmp_path: Path) -> None:
    """One size, another one that is interlaced, and the first again."""
    options = INTERLACED["avchd.mts"][1]["options"]
    one = encode(tmp_path / "1.h264", frames=9)
    two = encode(tmp_path / "2.h264", frames=9, size=(96, 64), options=options)
    path = tmp_path / "both.h264"
    path.write_bytes(one.read_bytes() + two.read_bytes() + one.read_bytes())
    assert numbers(path, 27) == [*range(9)] * 3


# --- Colours ----------------------------------------------------------------

SKIN = (200, 120, 90)
SPACES = {
    "601": Colorspace.ITU601,
    "709": Colorspace.ITU709,
    "2020": Colorspace.BT2020,
    "240M": Colorspace.SMPTE240M,
}
LIMITED, FULL = ColorRange.MPEG, ColorRange.JPEG


def patch(
    colour: tuple[int, int, int] = SKIN, size: tuple[int, int] = (64, 48)
) -> np.ndarray:
    return np.full((size[1], size[0], 3), colour, np.uint8)


def one_colour(path: Path) -> np.ndarray:
    return read_frames(path, 1)[0].mean(axis=(0, 1))


@pytest.mark.parametrize("form", ["yuv420p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("colour_range", [LIMITED, FULL])
@pytest.mark.parametrize("space", SPACES)
def test_every_matrix_and_range(
    tmp_path: Path, space: str, colour_range: ColorRange, form: str
) -> None:
    numbers = {"601": 6, "709": 1, "2020": 9, "240M": 7}
    path = encode(
        tmp_path / "a.mp4",
        pixels=form,
        frames=3,
        options={"qp": "1", "colorspace": str(numbers[space])},
        picture=lambda n: in_yuv(patch(), form, SPACES[space], colour_range),
        colorspace=numbers[space],
        color_range=int(colour_range),
    )
    np.testing.assert_allclose(one_colour(path), SKIN, atol=4)


@pytest.mark.parametrize(
    ("size", "space"), [((64, 48), "601"), ((1280, 720), "709")]
)
def test_a_matrix_that_is_not_given(
    tmp_path: Path, size: tuple[int, int], space: str
) -> None:
    """As players guess: BT.709 if it is large."""

    def picture(index: int) -> VideoFrame:
        yuv = in_yuv(patch(size=size), "yuv420p", SPACES[space], LIMITED)
        yuv.colorspace, yuv.color_range = 2, 0
        return yuv

    path = encode(
        tmp_path / "a.mp4",
        "mpeg4",
        size=size,
        frames=2,
        picture=picture,
    )
    np.testing.assert_allclose(one_colour(path), SKIN, atol=6)


def test_grey_in_limited_range(tmp_path: Path) -> None:
    def picture(index: int) -> VideoFrame:
        levels = np.full((48, 64), 126, np.uint8)
        levels[:24], levels[:24, :32] = 235, 16
        return VideoFrame.from_ndarray(levels, "gray")

    path = encode(
        tmp_path / "a.mkv",
        "ffv1",
        "gray",
        2,
        picture=picture,
        color_range=int(LIMITED),
    )
    seen = read_frames(path, 1)[0]
    found = seen[12, 16, 0], seen[12, 48, 0], seen[36, 32, 0]
    np.testing.assert_allclose(np.array(found, int), [0, 255, 128], atol=3)


@pytest.mark.parametrize(
    ("curve", "codes"),
    [
        # Codes of black, skin (about 50 candela a square metre), white (203)
        # and a lamp (1000).
        (ColorTrc.SMPTE2084, [0.0, 0.44, 0.58, 0.75]),
        (ColorTrc.ARIB_STD_B67, [0.0, 0.46, 0.75, 1.0]),
    ],
)
def test_high_dynamic_range(
    tmp_path: Path, curve: ColorTrc, codes: list[float]
) -> None:
    def picture(index: int) -> VideoFrame:
        bars = np.repeat(np.array(codes) * 65535, 16).round()
        grey = np.broadcast_to(bars[None, :, None], (48, 64, 3))
        frame = in_yuv(
            np.ascontiguousarray(grey, np.uint16),
            "yuv420p10le",
            Colorspace.BT2020,
            LIMITED,
        )
        frame.color_trc, frame.color_primaries = int(curve), 9
        return frame

    path = encode(
        tmp_path / "a.mp4",
        pixels="yuv420p10le",
        frames=2,
        picture=picture,
        colorspace=9,
        color_range=int(LIMITED),
        color_primaries=9,
        color_trc=int(curve),
    )
    seen = read_frames(path, 1)[0].astype(int)
    assert np.ptp(seen, axis=2).max() <= 4  # grey stays grey
    black, skin, white, lamp = seen[24, 8::16, 1]
    assert black <= 3
    assert 125 <= skin <= 160
    assert 215 <= white <= 235
    assert white + 10 < lamp <= 255


def test_transparent_is_black(tmp_path: Path) -> None:
    def picture(index: int) -> VideoFrame:
        image = np.full((48, 64, 4), 255, np.uint8)
        image[:, :32, 3] = 0
        image[:24, 32:, 3] = 128
        return VideoFrame.from_ndarray(image, "rgba")

    path = encode(tmp_path / "a.mov", "png", "rgba", 2, picture=picture)
    seen = read_frames(path, 1)[0]
    assert seen.shape == (48, 64, 3)
    found = seen[12, 16, 0], seen[12, 48, 0], seen[36, 48, 0]
    assert found == (0, 128, 255)


def test_an_alpha_that_says_nothing(tmp_path: Path) -> None:
    """Some programs leave that byte empty."""
    image = np.dstack([patch(), np.zeros((48, 64), np.uint8)])
    path = encode(
        tmp_path / "a.mov",
        "png",
        "rgba",
        2,
        picture=lambda n: VideoFrame.from_ndarray(image, "rgba"),
    )
    np.testing.assert_allclose(one_colour(path), SKIN)


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
