"""What goes wrong, said to people."""

import platform
import sys

from signs.core import files

# What requirements.txt brings, by the names that are imported.
PACKAGES = {
    *("tensorflow", "keras", "cv2", "av", "numpy", "pandas", "matplotlib"),
    *("sklearn", "tqdm", "pebble", "filelock", "pooch"),
}
# Systems and Pythons that TensorFlow has wheels for.
UNSUPPORTED = {
    ("Darwin", "x86_64"): "Macs with Intel processors",
    ("Windows", "arm64"): "Windows on ARM",
}
PYTHONS = [(3, 11), (3, 12), (3, 13)]


class UserError(Exception):
    """Something the user can mend.

    The message says what is wrong, with which path, and the command that
    mends it; `run` prints it as one line, without a traceback.
    """


def explain(error: OSError, command: str = "the same command again") -> str:
    """What the system refused, where, and what to do about it.

    Args:
        command: what goes on with the work.
    """
    place = f": {error.filename}" if error.filename else ""
    text = f"{error.strerror or error}{place}"
    if files.is_full(error):
        text += f"; make room, and run {command}: what is finished is kept"
    return text


def explain_import(error: ImportError) -> str | None:
    """What to install where a package of ours cannot be imported, or None.

    Where this system is one that some package has no wheels for, that is
    said, too.
    """
    if "libGL" in str(error) or "libxcb" in str(error):
        return (
            f"OpenCV lacks a library of this system ({error}): apt-get "
            "install libgl1 libglib2.0-0, or on a server: python -m pip "
            "install opencv-contrib-python-headless in place of "
            "opencv-contrib-python"
        )
    name = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or name not in PACKAGES:
        return None
    text = (
        f"{name} is not installed for {sys.executable}: "
        "python -m pip install -r requirements.txt"
    )
    system, machine = platform.system(), platform.machine().lower()
    if (system, machine) in UNSUPPORTED:
        text += f"; but it has no wheels for {UNSUPPORTED[system, machine]}"
    elif sys.version_info[:2] not in PYTHONS:
        text += (
            f"; but it has no wheels for Python {platform.python_version()}: "
            "take 3.11, 3.12 or 3.13"
        )
    return text
