"""Class names in any language, in pictures and on any terminal."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from signs.core import fonts
from signs.inference import lettering, overlay, subtitles
from signs.inference.live import Sign
from signs.inference.predictor import Prediction

NAMES = {
    "Chinese": "你好",
    "Thai": "สวัสดี",
    "Hindi": "नमस्ते",
    "Arabic": "مرحبا",
    "German": "Grüße",
    "Korean": "안녕",
    "an emoji": "🖐 wave",
}


def drawn(text: str, **options) -> np.ndarray:
    canvas = np.zeros((60, 600, 3), np.uint8)
    lettering.write(canvas, text, (20, 40), 24, (255, 255, 255), **options)
    return canvas


@pytest.fixture(autouse=True)
def _not_told_yet() -> None:
    """Each name is warned of once; in each test anew."""
    lettering._drawable.cache_clear()
    lettering.draw.cache_clear()
    fonts.find_file.cache_clear()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_is_drawn_or_spelled_with_a_warning(name: str, capsys):
    picture = drawn(name)
    assert picture.any()
    assert not np.array_equal(picture, drawn("?" * len(name)))
    error = capsys.readouterr().err
    assert lettering.can_write(name) == (error == "")
    if error:
        assert f"no font on this computer has all letters of {name!r}" in error
        assert error.count("warning") == 1  # not for every picture


@pytest.mark.parametrize("language", ["Chinese", "Arabic", "German", "Korean"])
def test_these_need_no_font_of_the_computer(language: str, monkeypatch):
    monkeypatch.setattr(fonts, "_installed", lambda: ())
    assert lettering.can_write(NAMES[language])


def test_arabic_is_joined_and_begins_at_the_right():
    word = "".join(NAMES["Arabic"])
    apart = lettering.draw(word[0], 24, 400).width * len(word)
    assert lettering.draw(word, 24, 400).width < 0.9 * apart
    # Its last letter, alef, is a bar at the left.
    mask = lettering.draw(word, 48, 400).mask > 128
    left = mask[:, : mask.shape[1] // 8]
    assert left.any(axis=1).sum() > 0.7 * mask.any(axis=1).sum()


def test_what_has_no_font_is_spelled(monkeypatch, capsys):
    monkeypatch.setattr(fonts, "find_file", lambda text, bold=False: None)
    word = "ส!"
    assert np.array_equal(drawn(word), drawn("[U+0E2A]!"))
    assert "Noto Sans" in capsys.readouterr().err
    # A label that can be drawn is better than that.
    assert overlay.shown_name(Prediction("hello", word, 1.0)) == "hello"
    assert overlay.shown_name(Prediction(word, word, 1.0)) == word
    assert overlay.shown_name(Prediction("1", "Tür", 1.0)) == "Tür"


def test_text_may_lie_outside():
    for place in ((-30, 40), (590, 40), (20, -5), (20, 70), (-999, -999)):
        canvas = np.zeros((60, 600, 3), np.uint8)
        lettering.write(canvas, "Tür 中", place, 24, (255, 255, 255))
        assert canvas.shape == (60, 600, 3)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_all_that_is_drawn_takes_such_names(name: str):
    picture = np.full((240, 320, 3), 200, np.uint8)
    found = [Prediction("1", name, 0.9), Prediction("2", name * 9, 0.1)]
    sign = Sign(0, 1, found, True, 0.1)
    window = overlay.draw(picture, overlay.Overlay(sign=sign, model=name))
    assert window.any()
    labelled = subtitles.label(picture, 0.5, [sign])
    assert labelled[-40:].min() < 100


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_terminal_without_the_letters_gets_their_numbers(encoding: str):
    code = (
        "import sys; from signs.core import arguments, messages\n"
        "def main(args):\n"
        "    print('Tür 你好', 'b\\udcfc')\n"
        "    messages.log.warning('你好 b\\udcfc')\n"
        "    return 0\n"
        "sys.exit(arguments.run(main))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True,
    )
    assert found.returncode == 0, found.stderr
    line = found.stdout.decode(encoding)
    assert "r 你好" in line or "r \\u4f60\\u597d" in line
    assert "b\\udcfc" in line
