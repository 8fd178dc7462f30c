"""What a classifier must beat to have been worth its training."""

import numpy as np


class NearestClassMean:
    """Answers the class whose mean training clip is the most alike.

    Clips are centred by the mean of the training clips, and compared by the
    cosine. Wang et al. 2019, SimpleShot, arXiv 1911.04623.

    Args:
        classes: how many there are.
    """

    def __init__(self, classes: int):
        self._classes = classes
        self._sums: np.ndarray | None = None
        self._clips = np.zeros(classes)

    def add(self, vectors: np.ndarray, labels: np.ndarray) -> None:
        """Takes in training clips.

        Args:
            vectors: float, (clips, ...); the shape of all must be the same.
            labels: their classes, int, (clips,), from 0.
        """
        flat = vectors.reshape(len(vectors), -1)
        if self._sums is None:
            self._sums = np.zeros((self._classes, flat.shape[1]))
        np.add.at(self._sums, labels, flat)
        self._clips += np.bincount(labels, minlength=self._classes)

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """How alike clips are to the mean of each class.

        Returns:
            Cosines, float64, (clips, classes); -inf for a class without a
            training clip.

        Raises:
            ValueError: if no training clip was taken in.
        """
        if self._sums is None:
            raise ValueError("there is no training clip to compare with")
        middle = self._sums.sum(axis=0) / self._clips.sum()
        means = self._sums / np.maximum(self._clips, 1)[:, None] - middle
        flat = vectors.reshape(len(vectors), -1) - middle
        scores: np.ndarray = _of_length_1(flat) @ _of_length_1(means).T
        scores[:, self._clips == 0] = -np.inf
        return scores


def _of_length_1(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: np.ndarray = rows / np.maximum(lengths, np.finfo(float).tiny)
    return scaled
