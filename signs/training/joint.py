"""Training on two data sets at once, each with a softmax layer of its own.

The layers below are shared, so what they are to keep of the first data set is
said by its clips. Ge and Yu 2017, Borrowing treasures from the wealthy,
arXiv 1702.08690; Caruana 1997, Multitask learning.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from signs.core.backend import keras
from signs.training.feature_dataset import Batches, Examples


@dataclass(frozen=True)
class SourceTask:
    """What a transferred classifier is to go on doing.

    Attributes:
        head: weights (units, classes) and bias (classes,) of the softmax
            layer of the classifier that it was made from.
        examples: training clips of that classifier's data set.
        weight: of their loss, where that of the new clips counts 1.
    """

    head: list[np.ndarray]
    examples: Examples
    weight: float


def join(model: Any, task: SourceTask) -> Any:
    """A model that trains a classifier on both data sets.

    The source's softmax layer keeps its weights. So what is trained is what
    is trained without it, in the same order, and the optimizer that is saved
    with the classifier fits both.

    Args:
        model: what `network.replace_head` made; its layers are shared.
        task: the source's.

    Returns:
        A `keras.Model`, not compiled. It takes clips, as many clips of the
        source, and the one-hot labels of these; it gives the probabilities of
        the former.
    """
    body = keras.Model(model.input, model.layers[-1].input)
    shape = model.input.shape[1:]
    clips = keras.Input(shape, name="clips")
    others = keras.Input(shape, name="others")
    labels = keras.Input((task.examples.classes,), name="other_labels")
    outputs = model.layers[-1](body(clips))
    head = keras.layers.Dense(
        task.examples.classes,
        activation="softmax",
        trainable=False,
        dtype="float32",
        name="source_softmax",
    )
    guesses = head(body(others))
    head.set_weights(task.head)
    outputs = _AddSourceLoss(task.weight)([outputs, guesses, labels])
    return keras.Model([clips, others, labels], outputs)


class _AddSourceLoss(keras.layers.Layer):
    """Hands probabilities on, and adds the loss of others to the model's."""

    def __init__(self, weight: float):
        super().__init__(dtype="float32")
        self._weight = weight

    def call(self, inputs: Any) -> Any:
        outputs, guesses, labels = inputs
        losses = keras.losses.categorical_crossentropy(labels, guesses)
        self.add_loss(self._weight * keras.ops.mean(losses))
        return outputs


class JointBatches(keras.utils.PyDataset):
    """Batches of clips, and beside each as many clips of the source.

    Where a model is judged, the source's clips are empty, and cost no loss.

    Args:
        batches: of the clips to learn.
        task: where the other ones come from.
        seed: of which clips are drawn; None is for judging.
        epoch: the first epoch, from 0.
    """

    def __init__(
        self,
        batches: Batches,
        task: SourceTask,
        seed: int | None = None,
        epoch: int = 0,
    ):
        super().__init__(
            workers=batches.workers, max_queue_size=batches.max_queue_size
        )
        self._batches = batches
        self._task = task
        self._seed = seed
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[tuple[np.ndarray, ...], Any]:
        clips, labels = self._batches[index]
        theirs = self._task.examples
        other_labels = np.zeros((len(clips), theirs.classes), "float32")
        if self._seed is None:
            return (clips, np.zeros_like(clips), other_labels), labels
        # Behind the seeds that `Batches` has, so that nothing is drawn twice.
        random = np.random.default_rng((self._seed, self._epoch, index + 1, 1))
        chosen = random.integers(len(theirs), size=len(clips))
        other_labels[np.arange(len(chosen)), theirs.labels[chosen]] = 1
        return (clips, theirs.read(chosen, 0.0, random), other_labels), labels

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._batches.on_epoch_end()
