"""Which clips are of one session, and the mean feature of each session.

A session is one person in front of one camera, without a break. Its mean
feature is its room, its light, and the person, who rests in it more than in
any one sign. Subtracted, it takes them away, but leaves the pose. Speech
recognition does this with every speaker (cepstral mean normalisation: Atal
1974, Effectiveness of linear prediction characteristics of the speech wave),
and AdaBN with every domain (Li et al. 2016, arXiv 1603.04779). It needs no
labels.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from signs.core.messages import count, log
from signs.models.landmark_layout import LANDMARKS, Blocks

if TYPE_CHECKING:  # it needs Keras, without which cameras start sooner
    from signs.training.feature_dataset import FeatureDataset

FEWEST = 3  # clips that make a session
DIMENSIONS = 32  # in which scenes are compared
REMEMBERED = 50  # clips; what a camera saw long before counts less and less


def scene(features: np.ndarray) -> np.ndarray:
    """What a clip shows before and after the sign, when hands are at rest.

    Args:
        features: (frames, feature_dim).

    Returns:
        float32, (feature_dim,).
    """
    found: np.ndarray = features[[0, -1]].mean(axis=0, dtype="float32")
    return found


def find_sessions(signers: Sequence[str], scenes: np.ndarray) -> np.ndarray:
    """Tells sessions apart by the signer, and by the scene.

    Clips of two known signers are never of one session. Those of one
    signer, and all those of unknown signers, are told apart by their scenes:
    by HDBSCAN (Campello, Moulavi and Sander 2013), which needs no threshold.

    Args:
        signers: of each clip; "" where unknown.
        scenes: see `scene`, float, (clips, feature_dim).

    Returns:
        The number of each clip's session, from 0, int, (clips,).
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
    filled: np.ndarray = np.where(found >= 0, found, nearest)
    return filled


def mean_by_session(sessions: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """The mean feature of each clip's session.

    Args:
        sessions: see `find_sessions`.
        clips: the mean feature of each clip, (clips, feature_dim).

    Returns:
        float32, (clips, feature_dim).
    """
    sums = np.zeros((sessions.max() + 1, clips.shape[1]))
    np.add.at(sums, sessions, clips)
    sizes = np.bincount(sessions)[:, None]
    found: np.ndarray = (sums / sizes).astype("float32")[sessions]
    return found


def without_landmarks(features: np.ndarray, blocks: Blocks) -> np.ndarray:
    """Features with 0 for landmarks, which have no part in any mean.

    Args:
        features: (..., feature_dim).
        blocks: the kinds of features, see `models.feature_blocks`.
    """
    start = 0
    for name, length in blocks:
        if name == LANDMARKS:
            features = features.copy()
            features[..., start : start + length] = 0
        start += length
    return features


def subtract(
    splits: "Sequence[FeatureDataset]", blocks: Blocks = ()
) -> "list[FeatureDataset]":
    """Lets the mean of its session be subtracted from each clip.

    Args:
        splits: all the clips there are; their labels are not looked at.
        blocks: the kinds of features; from landmarks nothing is subtracted.

    Returns:
        The same, with `means`.
    """
    scenes, clips, signers = [], [], []
    for split in splits:
        signers += list(split.signers)
        for batch in replace(split, means=None).batches():
            block = without_landmarks(batch, blocks)
            scenes += [scene(features) for features in block]
            clips += [features.mean(axis=0) for features in block]
    if not clips:
        return list(splits)
    sessions = find_sessions(signers, np.stack(scenes))
    log.info(f"centred by the means of {count(sessions.max() + 1, 'session')}")
    found = mean_by_session(sessions, np.stack(clips))
    ends = np.cumsum([len(split) for split in splits])
    parts = np.split(found, ends[:-1])
    return [
        replace(split, means=part)
        for split, part in zip(splits, parts, strict=True)
    ]


class RunningMean:
    """The mean feature of what a camera has seen so far.

    Args:
        blocks: the kinds of features; from landmarks nothing is subtracted.
    """

    def __init__(self, blocks: Blocks = ()) -> None:
        self._blocks = blocks
        self._seen = 0
        self._mean: np.ndarray | None = None

    def center(self, features: np.ndarray) -> np.ndarray:
        """Takes in the features of a clip, and subtracts the mean from them.

        The first clip is centred by its own mean. Later ones change the mean
        less and less, until each counts 1/50.

        Args:
            features: float32, (frames, feature_dim).

        Returns:
            The same, centred.
        """
        own = without_landmarks(features, self._blocks).mean(axis=0)
        self._seen = min(self._seen + 1, REMEMBERED)
        if self._mean is None:
            self._mean = own
        self._mean = self._mean + (own - self._mean) / self._seen
        centered: np.ndarray = features - self._mean
        return centered
