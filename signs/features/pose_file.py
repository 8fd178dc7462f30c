"""Landmarks as `.pose` files, which other tools of the field read.

The format is pose-format's (Moryossef et al. 2021, arXiv 2310.09066); its
components are named as those of MediaPipe's holistic model.
"""

import importlib.util
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import av
import numpy as np

from signs.core import files
from signs.core.errors import UserError
from signs.features.landmark_store import LandmarkTask, read_landmarks
from signs.models import landmark_layout as layout
from signs.video.frame_store import FrameTask

_UNIT = 1000  # pixels that a picture's height is taken for
_BODY = "POSE_LANDMARKS"
_HANDS = ("LEFT_HAND_LANDMARKS", "RIGHT_HAND_LANDMARKS")
_FINGERS = ("THUMB", "INDEX_FINGER", "MIDDLE_FINGER", "RING_FINGER", "PINKY")
_JOINTS = ("MCP", "PIP", "DIP", "TIP")
_HAND_NAMES = [
    "WRIST",
    *(f"THUMB_{joint}" for joint in ("CMC", "MCP", "IP", "TIP")),
    *(f"{finger}_{joint}" for finger in _FINGERS[1:] for joint in _JOINTS),
]
_BODY_NAMES = [
    "NOSE",
    *("LEFT_EYE_INNER", "LEFT_EYE", "LEFT_EYE_OUTER"),
    *("RIGHT_EYE_INNER", "RIGHT_EYE", "RIGHT_EYE_OUTER"),
    *("LEFT_EAR", "RIGHT_EAR", "MOUTH_LEFT", "MOUTH_RIGHT"),
    *(
        f"{side}_{part}"
        for part in (
            *("SHOULDER", "ELBOW", "WRIST", "PINKY", "INDEX", "THUMB", "HIP"),
        )
        for side in ("LEFT", "RIGHT")
    ),
]


def require_packages() -> None:
    """Raises a `UserError` if pose-format is not installed."""
    if importlib.util.find_spec("pose_format") is None:
        raise UserError(
            "--export-pose needs pose-format; install it with: "
            "python -m pip install -r requirements-landmarks.txt"
        )


def export(tasks: Sequence[LandmarkTask]) -> int:
    """Writes `CLIP.pose` beside each clip's `CLIP.npy`.

    Args:
        tasks: those of the clips; all have landmarks.

    Returns:
        How many were written.
    """
    for task in tasks:
        landmarks = read_landmarks(task.path, task.clip.frames)
        rate = task.clip.frames / duration(task.clip)
        write_pose(task.path.with_suffix(".pose"), landmarks, rate)
    return len(tasks)


def duration(clip: FrameTask) -> float:
    """How many seconds a clip takes, by its section or its video's header.

    A header that does not say is taken for one of a second.
    """
    end = clip.end
    if end == float("inf"):
        with av.open(clip.video) as container:
            end = (container.duration or av.time_base) / av.time_base
    return max(end - clip.start, 1e-3)


def write_pose(path: Path, landmarks: np.ndarray, rate: float) -> None:
    """Writes the landmarks of a clip as a `.pose` file, atomically.

    Args:
        path: the file.
        landmarks: float32, (frames, 176); see `models.landmark_layout`.
        rate: frames a second.
    """
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import (
        PoseHeader,
        PoseHeaderComponent,
        PoseHeaderDimensions,
    )

    parts = [
        (_BODY, _BODY_NAMES, layout.BODY_BONES),
        *((name, _HAND_NAMES, layout.HAND_BONES) for name in _HANDS),
    ]
    components = [
        PoseHeaderComponent(name, points, list(bones), [(255, 0, 0)], "XYZC")
        for name, points, bones in parts
    ]
    hands, body = layout.split(landmarks)
    flat = np.concatenate([body, np.zeros_like(body[..., :1])], axis=-1)
    frames = len(landmarks)
    # (frames, people, points, 3)
    points = np.concatenate([flat, hands.reshape(frames, -1, 3)], axis=1)
    points = points[:, None] * _UNIT
    is_seen = ~np.isnan(points).any(axis=-1)
    widest = max(_UNIT, int(np.nan_to_num(points[..., 0]).max()) + 1)
    pose = Pose(
        PoseHeader(
            version=0.2,
            dimensions=PoseHeaderDimensions(widest, _UNIT, _UNIT),
            components=components,
        ),
        NumPyPoseBody(
            fps=rate,
            data=np.nan_to_num(points).astype(np.float32),
            confidence=is_seen.astype(np.float32),
        ),
    )
    content = BytesIO()
    pose.write(content)
    with files.atomic(path) as temporary:
        temporary.write_bytes(content.getvalue())
