"""Machines as they are: fonts, settings of Keras and of matplotlib."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from signs.core import fonts

ROOT = Path(__file__).parents[1]


def run(tmp_path: Path, program: str, **environment: str):
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HOME": str(home), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_settings_of_other_projects_do_not_change_what_is_computed(tmp_path):
    """A keras.json with channels_first and float16, as people have it."""
    folder = tmp_path / "keras"
    folder.mkdir()
    settings = {
        "image_data_format": "channels_first",
        "floatx": "float16",
        "backend": "torch",
    }
    (folder / "keras.json").write_text(json.dumps(settings))
    program = (
        "from signs.core.backend import keras\n"
        "print(keras.config.image_data_format(), keras.config.floatx(),\n"
        "    keras.config.dtype_policy().name, keras.backend.backend())\n"
    )
    done = run(tmp_path, program, KERAS_HOME=str(folder))
    assert done.stdout == "channels_last float32 float32 tensorflow\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("theano", "KERAS_BACKEND=theano: it can be tensorflow, jax, torch"),
        ("jax", "KERAS_BACKEND=jax, but jax is not installed: python -m pip"),
    ],
)
def test_a_backend_that_is_not_there_is_named_in_one_line(
    tmp_path, name, message
):
    program = (
        "import sys; sys.modules['jax'] = None\n"
        "import importlib.util as util; find = util.find_spec\n"
        "util.find_spec = lambda n, *a: None if n == 'jax' else find(n, *a)\n"
        "from signs.core import arguments\n"
        "def main(argv):\n"
        "    from signs.core.backend import keras\n"
        "sys.exit(arguments.run(main))\n"
    )
    done = run(tmp_path, program, KERAS_BACKEND=name)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            "ModuleNotFoundError('no', name='pandas')",
            "error: pandas is not installed for ",
        ),
        (
            "ImportError('libGL.so.1: cannot open shared object file')",
            "error: OpenCV lacks a library of this system (libGL.so.1",
        ),
    ],
)
def test_a_package_that_is_not_there_is_named_in_one_line(
    tmp_path, error, message
):
    program = (
        "import sys; from signs.core import arguments\n"
        "def main(argv):\n"
        f"    raise {error}\n"
        "sys.exit(arguments.run(main))\n"
    )
    done = run(tmp_path, program)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(message)


def test_the_device_is_said_once(tmp_path):
    program = (
        "from signs.core.messages import set_up_messages\n"
        "from signs.core import backend\n"
        "set_up_messages(False); backend.say_device(); backend.say_device()\n"
    )
    done = run(tmp_path, program, CUDA_VISIBLE_DEVICES="-1")
    assert done.stdout.count("\n") == 1
    assert done.stdout.startswith("computing on ")
    assert done.stdout.endswith(", by tensorflow\n")


def test_a_notebooks_backend_of_matplotlib_is_no_matter(tmp_path):
    program = (
        "from signs.evaluation import curves; from matplotlib import pyplot\n"
        "pyplot.figure()\n"
    )
    backend = "module://matplotlib_inline.backend_inline"
    assert run(tmp_path, program, MPLBACKEND=backend).returncode == 0


def test_each_name_is_drawn_in_letters_that_a_font_has_or_as_its_index():
    """Nothing is ever drawn as empty boxes."""
    names = ["Grüße", "привет", "مرحبا", "你好", "สวัสดี", "नमस्ते", "a b"]
    drawn = fonts.names_to_draw(names)
    assert drawn[:3] == names[:3] and drawn[-1] == "a b"
    for index, (name, shown) in enumerate(zip(names, drawn, strict=True)):
        assert shown in (name, f"class {index}")
    # A private letter, which no font has.
    assert fonts.names_to_draw(["hello", "\U000f1234"]) == ["hello", "class 1"]
    assert fonts.families(["hello"]) == [fonts.PLAIN]
