"""Training on more than the clips that there are: varied and mixed ones.

Only training sees this; a model is judged on clips as they are.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Augmentation:
    """How the clips of a training batch are changed; nothing by default.

    Attributes:
        smoothing: share of each label that is spread over all classes, in
            [0, 1). Szegedy et al. 2016, Rethinking the Inception
            architecture, arXiv 1512.00567.
        mixup: alpha of the Beta distribution that pairs of clips, and their
            labels, are mixed by; 0 mixes none. Zhang et al. 2018, mixup,
            arXiv 1710.09412.
        stretch: by which share clips are made faster or slower, in [0, 1).
            Speed perturbation: Ko et al. 2015, Audio augmentation for speech
            recognition, Interspeech.
    """

    smoothing: float = 0.0
    mixup: float = 0.0
    stretch: float = 0.0


def draw_steps(
    frames: int, steps: int, stretch: float, random: np.random.Generator
) -> np.ndarray:
    """Which of the stored frames of a clip the network is to see this time.

    Of fewer steps than frames, one is drawn from each of so many equal
    sections (Wang et al. 2016, Temporal segment networks, arXiv 1608.00859).
    Stretched, they are taken from a window that is longer or shorter than the
    clip and lies anywhere in or about it; beyond the clip its first or last
    frame stands still.

    Args:
        frames: how many are stored.
        steps: how many the network sees, at most `frames`.
        stretch: see `Augmentation`.
        random: where chance comes from.

    Returns:
        Indices of frames, int, (steps,), none smaller than the one before.
    """
    section = frames / steps
    # The middle of the only frame in a section, or anywhere in a long one.
    inside = random.random(steps) if steps < frames else 0.5
    times = (np.arange(steps) + inside) * section
    if stretch:
        speed = random.uniform(1 - stretch, 1 + stretch)
        start = random.random() * (1 - speed) * frames
        times = start + speed * times
    return np.clip(times.astype(int), 0, frames - 1)


def soften(labels: np.ndarray, smoothing: float) -> np.ndarray:
    """Spreads a share of each label over all classes.

    Args:
        labels: one-hot, float32, (clips, classes).
    """
    return labels * np.float32(1 - smoothing) + np.float32(
        smoothing / labels.shape[1]
    )


def mix(
    features: np.ndarray,
    labels: np.ndarray,
    alpha: float,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Mixes each clip of a batch with another one of it.

    Args:
        features: float32, (clips, ...).
        labels: float32, (clips, classes).
        alpha: see `Augmentation.mixup`.
        random: where chance comes from.

    Returns:
        Features and labels, as they came.
    """
    others = random.permutation(len(features))
    share = random.beta(alpha, alpha, len(features)).astype("float32")

    def both(values: np.ndarray) -> np.ndarray:
        kept = share.reshape(-1, *[1] * (values.ndim - 1))
        return kept * values + (1 - kept) * values[others]

    return both(features), both(labels)
