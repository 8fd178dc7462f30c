"""OpenCV serves this project and MediaPipe, in any order of installation.

MediaPipe depends on opencv-contrib-python, whose files lie in the same folder
as those of opencv-python: of both, each would overwrite the other.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow  # installs packages
CHECK = """
import cv2, mediapipe, numpy
from importlib.metadata import distributions
from mediapipe.tasks.python import vision
found = {x.metadata["Name"].lower() for x in distributions()}
found = {x for x in found if x.startswith("opencv")}
assert found == {"opencv-contrib-python"}, found
assert cv2.resize(numpy.zeros((4, 4), "uint8"), (2, 2)).shape == (2, 2)
print(cv2.__version__)
"""


def requirements(name: str, *packages: str) -> list[str]:
    """The lines of a requirements file that name one of some packages."""
    lines = (ROOT / name).read_text().splitlines()
    found = [line for line in lines if line.startswith(packages)]
    assert found, (name, packages)
    return found


@pytest.mark.parametrize("first", ["the project", "MediaPipe"])
def test_one_opencv_serves_both(tmp_path: Path, first: str):
    project = requirements("requirements.txt", "opencv", "numpy")
    landmarks = requirements("requirements-landmarks.txt", "mediapipe")
    steps = [project, landmarks]
    if first == "MediaPipe":
        steps.reverse()
    subprocess.run([sys.executable, "-m", "venv", tmp_path], check=True)
    python = tmp_path / ("Scripts" if os.name == "nt" else "bin") / "python"
    for step in steps:
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *step],
            check=True,
            stderr=subprocess.DEVNULL,
        )
    done = subprocess.run(
        [python, "-c", CHECK], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # What the project asks for is what both get.
    (wanted,) = (x for x in project if x.startswith("opencv"))
    major = re.search(r"~=(\d+\.\d+)", wanted)
    assert major and done.stdout.startswith(f"{major[1]}.")
