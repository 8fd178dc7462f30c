"""The mean feature of the session that a clip is seen less of.

Models may be trained on features less the mean feature of their session (see
`training/session_mean.py`). They get it here, too: a folder that is named is
one session; a clip on its own can only be seen less its own mean; and live,
the mean of what the camera saw so far runs along.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from signs.core.messages import count, log

# Which mean was subtracted, in records and JSON.
FOLDER, CLIP, RUNNING = "folder", "clip", "running"

Means = dict[str, tuple[np.ndarray, str]]


def session_means(
    clips: Mapping[str, np.ndarray], folders: Mapping[str, Path | None]
) -> Means:
    """What to subtract from the features of each clip.

    Args:
        clips: features, float32, (frames, feature_dim), by clip.
        folders: the folder that is each clip's session; None for a clip on
            its own.

    Returns:
        By clip: the mean of the means of its session's clips, float32,
        (feature_dim,), and `FOLDER`; or its own mean, and `CLIP`.
    """
    own = {clip: features.mean(axis=0) for clip, features in clips.items()}
    found = {clip: (mean, CLIP) for clip, mean in own.items()}
    members: dict[Path, list[str]] = {}
    for clip in clips:
        folder = folders[clip]
        if folder is not None:
            members.setdefault(folder, []).append(clip)
    for together in members.values():
        if len(together) > 1:
            stacked = np.stack([own[clip] for clip in together])
            mean = stacked.mean(axis=0, dtype="float64").astype("float32")
            found.update(dict.fromkeys(together, (mean, FOLDER)))
    return found


def say_which(means: Means, folders: Mapping[str, Path | None]) -> None:
    """Says which means were subtracted, in one line for each kind."""
    alone = [clip for clip, (_, kind) in means.items() if kind == CLIP]
    used = {folders[clip] for clip in means.keys() - set(alone)}
    if used:
        clips = count(len(means) - len(alone), "clip")
        where = str(used.pop()) if len(used) == 1 else f"{len(used)} folders"
        log.info(f"session mean: that of the {clips} of {where}")
    if alone:
        which = alone[0] if len(alone) == 1 else count(len(alone), "lone clip")
        log.warning(
            f"session mean: {which}, for lack of others, less only the clip's "
            "own mean; give a folder of clips of one person and room for "
            "better answers"
        )
