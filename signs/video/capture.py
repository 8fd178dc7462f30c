"""Cameras as OpenCV opens them: by number, by device, by a pipeline."""

import re
import stat
from pathlib import Path

import cv2

from signs.core.errors import UserError


def is_capture(source: str) -> bool:
    """Whether a source is a camera or a pipeline, not a file or an address."""
    return (
        (source.isascii() and source.isdigit())
        or is_pipeline(source)
        or _is_device(source)
    )


def is_pipeline(source: str) -> bool:
    """Whether a source is a GStreamer pipeline, such as `a ! b ! appsink`."""
    return "!" in source and "appsink" in source


def open_capture(source: str) -> cv2.VideoCapture:
    """Opens a camera.

    Args:
        source: `0` is the first camera; `/dev/video0` is a device;
            `v4l2src ! videoconvert ! appsink` is a GStreamer pipeline.

    Raises:
        UserError: if it cannot be opened.
    """
    if is_pipeline(source):
        if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
            raise UserError(
                f"this OpenCV was built without GStreamer, which {source!r} "
                "needs; give the address itself, such as rtsp://..., or "
                "install an OpenCV that has it"
            )
        capture = cv2.VideoCapture(source, cv2.CAP_GSTREAMER)
    elif source.isdigit():
        capture = cv2.VideoCapture(int(source))
    elif not Path(source).exists():
        raise UserError(
            f"there is no camera {source}; is it plugged in? Cameras are "
            "numbered, too: 0 is the first"
        )
    else:
        capture = cv2.VideoCapture(source, cv2.CAP_ANY)
    if not capture.isOpened():
        capture.release()
        raise UserError(f"camera {source} cannot be opened; {advice(source)}")
    return capture


def without_password(source: str) -> str:
    """An address as it may be shown, logged and kept."""
    return re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1:***@", source)


def advice(source: str) -> str:
    """What to do where a camera gives nothing."""
    if is_pipeline(source):
        return "does it run with gst-launch-1.0, and end in appsink?"
    return (
        "is it plugged in, allowed, and not in use by another program? A "
        "video can stand in for it: python live.py FILE"
    )


def _is_device(source: str) -> bool:
    try:
        return stat.S_ISCHR(Path(source).stat().st_mode)
    except (OSError, ValueError):  # such as a name that is too long
        return source.startswith("/dev/")
