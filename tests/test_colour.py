"""Every matrix, range and curve of colours: the right ones."""

from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, ColorTrc
from videos import encode, in_yuv

from signs.video.decode import read_frames

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
