"""Which clips are of one session, and the mean feature of each session.

A session is one person in front of one camera, without a break. Its mean
feature is its room, its light, and the person, who rests in it more than in
any one sign. Subtracted, it takes them away, but leaves the pose. Speech
recognition does this with every speaker (cepstral mean normalisation: Atal
1974, Effectiveness of linear prediction characteristics of the speech wave),
and AdaBN with every domain (Li et al. 2016, arXiv 1603.04779). It needs no
labels.

Of landmarks, the mean is that of the numbers that are made of them (see
`models.landmark_transform`): the shape of a person's hands and how they are
mostly held. Few clips tell it badly, as they tell the signs as well. So the
mean of the training counts as some clips besides, as it does where a speech
recogniser adapts to a speaker (maximum a posteriori: Gauvain and Lee 1994).
With a clip on its own, it is most of what is subtracted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from signs.core.messages import count, log
from signs.features import combined, variants
from signs.models.feature_blocks import transformed
from signs.models.landmark_layout import (
    LANDMARK_DIM,
    LANDMARKS,
    Blocks,
    has_landmarks,
)
from signs.models.landmark_transform import PARTS, TRANSFORMED_DIM

if TYPE_CHECKING:  # it needs Keras, without which cameras start sooner
    from signs.training.feature_dataset import FeatureDataset

FEWEST = 3  # clips that make a session
DIMENSIONS = 32  # in which scenes are compared
REMEMBERED = 50  # clips; what a camera saw long before counts less and less
PRIOR = 1.0  # clips that the mean of the training counts as, of landmarks


@dataclass(frozen=True)
class Centering:
    """How the mean of a session is subtracted from features.

    Attributes:
        blocks: the kinds of features that it is subtracted from, see
            `models.feature_blocks`; none: a CNN's. Landmarks that are not
            transformed have no part in it, as models of older versions have
            them.
        landmark_mean: of the numbers made of landmarks, over the training
            clips, float32, (`TRANSFORMED_DIM`,); None: 0.
    """

    blocks: Blocks = ()
    landmark_mean: np.ndarray | None = None

    @classmethod
    def of_model(cls, record: Mapping[str, Any]) -> Self:
        """That which a model was trained with; see `run_record`."""
        blocks = combined.blocks_of(record["features"])
        mean = record.get("landmark_mean")
        if mean is None:
            return cls(blocks)
        return cls(transformed(blocks), np.array(mean, "float32"))

    @property
    def of_lone_clip(self) -> str:
        """What is subtracted from a clip on its own, in words."""
        own = "the clip's own mean"
        return (
            own if self.landmark_mean is None else f"{own} and the training's"
        )

    def mean_of_clip(self, features: np.ndarray) -> np.ndarray:
        """The mean feature of a clip.

        Args:
            features: float32, (frames, feature_dim).

        Returns:
            float32, (feature_dim,); NaN for numbers of a hand or a body that
            the clip does not show.
        """
        mean: np.ndarray = features.mean(axis=0)
        _, weight = self.start(len(mean))
        # Such numbers of landmarks are 0 in all frames.
        mean[~features.any(axis=0) & (weight > 0)] = np.nan
        mean[~self.has_part(len(mean))] = 0
        return mean

    def has_part(self, feature_dim: int) -> np.ndarray:
        """From which columns a mean is subtracted, bool, (feature_dim,).

        Not from those that say what was seen, nor from landmarks that are not
        transformed.
        """
        found = np.ones(feature_dim, bool)
        for name, start, length in self._parts(feature_dim):
            part = found[start : start + length]
            if name == LANDMARKS:
                part[PARTS["seen"]] = False
                if length == LANDMARK_DIM:
                    part[:] = False
        return found

    def start(self, feature_dim: int) -> tuple[np.ndarray, np.ndarray]:
        """What is known of a session before its first clip.

        Returns:
            Its mean, and as how many clips that counts; float32,
            (feature_dim,).
        """
        mean = np.zeros(feature_dim, "float32")
        weight = np.zeros(feature_dim, "float32")
        for name, start, length in self._parts(feature_dim):
            if (name, length) == (LANDMARKS, TRANSFORMED_DIM):
                weight[start : start + length] = PRIOR
                if self.landmark_mean is not None:
                    mean[start : start + length] = self.landmark_mean
        return mean, weight

    def scene(self, features: np.ndarray) -> np.ndarray:
        """What a clip shows before and after the sign, when hands are at rest.

        Landmarks, and pictures of hands alone, do not tell rooms apart.

        Args:
            features: (frames, feature_dim).

        Returns:
            float32, (feature_dim,).
        """
        found: np.ndarray = features[[0, -1]].mean(axis=0, dtype="float32")
        for name, start, length in self._parts(len(found)):
            if name == LANDMARKS or variants.shows_hands(name):
                found[start : start + length] = 0
        return found

    def _parts(self, feature_dim: int) -> Iterator[tuple[str, int, int]]:
        """Name, first column and columns of each kind."""
        start = 0
        for name, length in self.blocks or [("", feature_dim)]:
            yield name, start, length
            start += length


PLAIN = Centering()


def find_sessions(signers: Sequence[str], scenes: np.ndarray) -> np.ndarray:
    """Tells sessions apart by the signer, and by the scene.

    Clips of two known signers are never of one session. Those of one
    signer, and all those of unknown signers, are told apart by their scenes:
    by HDBSCAN (Campello, Moulavi and Sander 2013), which needs no threshold.

    Args:
        signers: of each clip; "" where unknown.
        scenes: see `Centering.scene`, float, (clips, feature_dim).

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


def mean_by_session(
    sessions: np.ndarray, clips: np.ndarray, centering: Centering = PLAIN
) -> np.ndarray:
    """The mean feature of each clip's session.

    Args:
        sessions: see `find_sessions`.
        clips: the mean feature of each clip, (clips, feature_dim), NaN where
            it does not show something.
        centering: what is known before.

    Returns:
        float32, (clips, feature_dim); 0 where a clip does not show something.
    """
    shown = ~np.isnan(clips)
    mean, weight = centering.start(clips.shape[1])
    sums = np.tile((mean * weight).astype(float), (sessions.max() + 1, 1))
    sizes = np.tile(weight.astype(float), (len(sums), 1))
    np.add.at(sums, sessions, np.where(shown, clips, 0))
    np.add.at(sizes, sessions, shown)
    found = (sums / np.maximum(sizes, 1)).astype("float32")[sessions]
    return np.where(shown, found, np.float32(0))


def subtract(
    splits: "Sequence[FeatureDataset]", centering: Centering = PLAIN
) -> "list[FeatureDataset]":
    """Lets the mean of its session be subtracted from each clip.

    Args:
        splits: all the clips there are; their labels are not looked at.
        centering: how.

    Returns:
        The same, with `means`; and with `own_means`, those that a clip has
        as the only one of its session.
    """
    scenes, clips, signers = [], [], []
    for split in splits:
        signers += list(split.signers)
        for batch in replace(split, means=None).batches():
            scenes += [centering.scene(features) for features in batch]
            clips += [centering.mean_of_clip(features) for features in batch]
    if not clips:
        return list(splits)
    each = np.stack(clips)
    sessions = find_sessions(signers, np.stack(scenes))
    log.info(f"centred by the means of {count(sessions.max() + 1, 'session')}")
    ends = np.cumsum([len(split) for split in splits])[:-1]
    means, own = (
        np.split(mean_by_session(which, each, centering), ends)
        for which in (sessions, np.arange(len(each)))
    )
    return [
        replace(split, means=part, own_means=own_part)
        for split, part, own_part in zip(splits, means, own, strict=True)
    ]


def learn_centering(blocks: Blocks, train: "FeatureDataset") -> Centering:
    """How the means of sessions are to be subtracted, for a new model.

    Args:
        blocks: the kinds of features.
        train: the clips to train on, with landmarks transformed.
    """
    centering = Centering(transformed(blocks))
    if not has_landmarks(blocks):
        return centering
    columns = np.concatenate(
        [np.full(n, name == LANDMARKS) for name, n in centering.blocks]
    )
    clips = [
        centering.mean_of_clip(features)[columns]
        for batch in replace(train, means=None).batches()
        for features in batch
    ]
    shown = ~np.isnan(clips)
    sums = np.where(shown, clips, 0).sum(axis=0, dtype=float)
    mean = sums / np.maximum(shown.sum(axis=0), 1)
    return replace(centering, landmark_mean=mean.astype("float32"))


class RunningMean:
    """The mean feature of what a camera has seen so far.

    Args:
        centering: how it is subtracted.
    """

    def __init__(self, centering: Centering = PLAIN) -> None:
        self._centering = centering
        self._mean: np.ndarray | None = None
        self._weight = np.zeros(0)

    def center(self, features: np.ndarray) -> np.ndarray:
        """Takes in the features of a clip, and subtracts the mean from them.

        The first clip is centred by its own mean; of landmarks, mostly by
        that of the training. Later ones change the mean less and less, until
        each counts 1/50.

        Args:
            features: float32, (frames, feature_dim).

        Returns:
            The same, centred.
        """
        own = self._centering.mean_of_clip(features)
        if self._mean is None:
            self._mean, self._weight = self._centering.start(len(own))
        shown = ~np.isnan(own)
        self._weight[shown] = np.minimum(self._weight[shown] + 1, REMEMBERED)
        step = (own - self._mean) / np.maximum(self._weight, 1)
        self._mean = self._mean + np.where(shown, step, 0)
        centered: np.ndarray = features - np.where(shown, self._mean, 0)
        return centered.astype("float32")
