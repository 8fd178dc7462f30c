"""Which clips were recorded together, and what all of them have in common.

The mean feature of a recording is its room, its light, and the person in
front of the camera, who rests in it more than in any one sign. Subtracted, it
takes them away, but leaves the pose. Speech recognition does this with every
speaker (cepstral mean normalisation: Atal 1974, Effectiveness of linear
prediction characteristics of the speech wave), and AdaBN with every domain
(Li et al. 2016, arXiv 1603.04779). It needs no labels.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from signs.core.messages import count, log

if TYPE_CHECKING:  # it needs Keras, without which cameras start sooner
    from signs.training.feature_dataset import Examples

FEWEST = 3  # clips that make a recording
DIMENSIONS = 32  # in which scenes are compared
REMEMBERED = 50  # clips; what a camera saw long before counts less and less


def scene(features: np.ndarray) -> np.ndarray:
    """What a clip shows before and after the sign, when hands are at rest.

    Args:
        features: (frames, length).

    Returns:
        float32, (length,).
    """
    return features[[0, -1]].mean(axis=0, dtype="float32")


def find(signers: Sequence[str], scenes: np.ndarray) -> np.ndarray:
    """Tells recordings apart by the signer, and by the scene.

    Clips of two known signers are never of one recording. Those of one
    signer, and all those of unknown signers, are told apart by their scenes:
    by HDBSCAN (Campello, Moulavi and Sander 2013), which needs no threshold.

    Args:
        signers: of each clip; "" where unknown.
        scenes: see `scene`, float, (clips, length).

    Returns:
        The number of each clip's recording, from 0, int, (clips,).
    """
    names = np.asarray(signers, object)
    found = np.zeros(len(names), int)
    for name in sorted(set(names)):
        chosen = names == name
        found[chosen] = _clusters(scenes[chosen]) + found.max() + 1
    return np.unique(found, return_inverse=True)[1].reshape(-1)


def _clusters(scenes: np.ndarray) -> np.ndarray:
    """The number of each scene's cluster, from 0; none is left over."""
    from sklearn.cluster import HDBSCAN
    from sklearn.decomposition import PCA
    from sklearn.metrics import pairwise_distances_argmin

    if len(scenes) < FEWEST:
        return np.arange(len(scenes))
    if not np.ptp(scenes, axis=0).any():
        return np.zeros(len(scenes), int)
    most = min(*scenes.shape, DIMENSIONS)
    near = PCA(most, random_state=0).fit_transform(scenes)
    found = HDBSCAN(
        FEWEST, min_samples=1, allow_single_cluster=True, copy=True
    ).fit_predict(near)
    numbers = np.unique(found[found >= 0])
    if not len(numbers):
        return np.zeros(len(scenes), int)
    # What is near to none goes to the nearest.
    centres = np.stack([near[found == n].mean(axis=0) for n in numbers])
    nearest = numbers[pairwise_distances_argmin(near, centres)]
    return np.where(found >= 0, found, nearest)


def means(recordings: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """The mean feature of each clip's recording.

    Args:
        recordings: see `find`.
        clips: the mean feature of each clip, (clips, length).

    Returns:
        float32, (clips, length).
    """
    sums = np.zeros((recordings.max() + 1, clips.shape[1]))
    np.add.at(sums, recordings, clips)
    sizes = np.bincount(recordings)[:, None]
    return (sums / sizes).astype("float32")[recordings]


def offsets(
    splits: "Iterable[Examples]", signers: Mapping[Path, str]
) -> dict[Path, np.ndarray]:
    """What to subtract from the frames of each clip.

    Args:
        splits: all the clips there are, with the frames that the network
            sees of them; their labels are not looked at.
        signers: of clips, by the path of their features.

    Returns:
        The mean feature of the clip's recording, float32, (length,), by path.
    """
    paths, scenes, clips = [], [], []
    for examples in splits:
        plain = replace(examples, offsets={})
        for index, path in enumerate(plain.paths):
            features = plain.read([index])[0]
            paths.append(path)
            scenes.append(scene(features))
            clips.append(features.mean(axis=0))
    if not paths:
        return {}
    names = [signers.get(path, "") for path in paths]
    recordings = find(names, np.stack(scenes))
    log.info(
        f"centred by the means of {count(recordings.max() + 1, 'recording')}"
    )
    return dict(zip(paths, means(recordings, np.stack(clips)), strict=True))


def center(clips: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Subtracts from clips of unknown signers the means of their recordings.

    Args:
        clips: features, each float32, (frames, length).

    Returns:
        The same, centred; in the same order.
    """
    recordings = find([""] * len(clips), np.stack([scene(x) for x in clips]))
    lone = int((np.bincount(recordings) == 1).sum())
    if lone:
        log.warning(
            f"{count(lone, 'clip has', 'clips have')} no other clip of the "
            "same recording, and only its own mean can be subtracted: expect "
            "worse answers than with several clips of a recording at once"
        )
    subtracted = means(recordings, np.stack([x.mean(axis=0) for x in clips]))
    return [clip - mean for clip, mean in zip(clips, subtracted, strict=True)]


class RunningMean:
    """The mean feature of what a camera has seen so far."""

    def __init__(self) -> None:
        self._seen = 0
        self._mean: np.ndarray | None = None

    def center(self, features: np.ndarray) -> np.ndarray:
        """Takes in the features of a clip, and subtracts the mean from them.

        The first clip is centred by its own mean. Later ones change the mean
        less and less, until each counts 1/50.

        Args:
            features: float32, (frames, length).

        Returns:
            The same, centred.
        """
        own = features.mean(axis=0)
        self._seen = min(self._seen + 1, REMEMBERED)
        if self._mean is None:
            self._mean = own
        self._mean = self._mean + (own - self._mean) / self._seen
        return features - self._mean
