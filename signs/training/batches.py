"""The clips to train on, read batch by batch while the network trains."""

import numpy as np

from signs.core.backend import keras
from signs.training.feature_dataset import FeatureDataset
from signs.training.feature_files import FeatureFiles

READERS = 2  # threads that read the next batches during a training step


class Batches(keras.utils.PyDataset):
    """Clips in batches, for `fit`, `evaluate` and `predict`.

    Gives features, float32, (batch, *shape), and labels, one-hot, float32,
    (batch, classes). Keras itself would shuffle only the batches, so the
    clips are shuffled here.

    Args:
        dataset: what to read.
        size: clips a batch; the last one may be smaller.
        seed: of the order and of the copies that stand in for clips, which
            differ from epoch to epoch and are the same in every run; None
            keeps the order of the table, and the clips themselves.
        epoch: the first epoch, from 0.
        smoothing: share of each label that is spread over all classes, in
            [0, 1). Szegedy et al. 2016, Rethinking the Inception
            architecture, arXiv 1512.00567.
    """

    def __init__(
        self,
        dataset: FeatureDataset,
        size: int,
        seed: int | None = None,
        epoch: int = 0,
        smoothing: float = 0.0,
    ):
        # What is in memory needs no threads, which would cost more.
        workers = READERS if isinstance(dataset.features, FeatureFiles) else 1
        super().__init__(workers=workers, max_queue_size=2 * READERS)
        self._dataset = dataset
        self._size = size
        self._seed = seed
        self._epoch = epoch
        one_hot = np.eye(dataset.classes, dtype="float32")
        self._label_of = one_hot * (1 - smoothing) + smoothing / len(one_hot)
        self._order = np.arange(len(dataset))
        self._shuffle()

    def __len__(self) -> int:
        return -(-len(self._dataset) // self._size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        start = index * self._size
        chosen = self._order[start : start + self._size]
        random = None
        if self._seed is not None:
            draw = self._seed, self._epoch, index
            random = np.random.default_rng(draw)
        labels = self._label_of[self._dataset.labels[chosen]]
        return self._dataset.read(chosen, random), labels

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        if self._seed is not None:
            random = np.random.default_rng((self._seed, self._epoch))
            self._order = random.permutation(len(self._dataset))
