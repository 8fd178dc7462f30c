"""Every codec, every display matrix, interlaced or not: the right pictures."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from helpers import number_of
from videos import combing, encode, fields, numbers

from signs.data import scan
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
