"""The mean feature of the session that a clip is seen less of.

Models may be trained on features less the mean feature of their session (see
`training/session_mean.py`). They get it here, too: a folder that is named is
one session; a clip on its own can only be seen less its own mean; and live,
the mean of what the camera saw so far runs along.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from signs.core.messages import count, log
from signs.training.session_mean import Centering, mean_by_session

# Which mean was subtracted, in records and JSON.
FOLDER, CLIP, RUNNING = "folder", "clip", "running"

Means = dict[str, tuple[np.ndarray, str]]


def session_means(
    clips: Mapping[str, np.ndarray],
    folders: Mapping[str, Path | None],
    centering: Centering,
) -> Means:
    """What to subtract from the features of each clip.

    Args:
        clips: features, float32, (frames, feature_dim), by clip.
        folders: the folder that is each clip's session; None for a clip on
            its own.
        centering: how it is to be subtracted.

    Returns:
        By clip: the mean of the means of its session's clips, float32,
        (feature_dim,), and `FOLDER`; or its own mean, and `CLIP`.
    """
    if not clips:
        return {}
    session_of = {clip: folders[clip] or clip for clip in clips}
    sizes = Counter(session_of.values())
    numbers = {session: number for number, session in enumerate(sizes)}
    means = mean_by_session(
        np.array([numbers[session_of[clip]] for clip in clips]),
        np.stack([centering.mean_of_clip(x) for x in clips.values()]),
        centering,
    )
    return {
        clip: (mean, FOLDER if sizes[session_of[clip]] > 1 else CLIP)
        for clip, mean in zip(clips, means, strict=True)
    }


def say_which(
    means: Means, folders: Mapping[str, Path | None], centering: Centering
) -> None:
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
            f"session mean: {which}, for lack of others, less only "
            f"{centering.of_lone_clip}; give a folder of clips of one person "
            "and room for better answers"
        )
