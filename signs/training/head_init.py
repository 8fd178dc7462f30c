"""How the new softmax layer of a transferred classifier starts."""

from typing import Any

import numpy as np

from signs.core.backend import keras
from signs.training.batches import Batches
from signs.training.feature_dataset import FeatureDataset

PREDICTED = 64  # clips whose features below the head are computed at once


def start_head(model: Any, train: FeatureDataset, head: str) -> None:
    """Gives the softmax layer of a classifier its first weights.

    Args:
        model: what `classifier.replace_head` made; its last layer is changed.
        train: the clips to train on.
        head: `random` leaves it as it is; `linear_probe`: see
            `fit_linear_probe`.
    """
    if head == "random":
        return
    body = keras.Model(model.input, model.layers[-1].input)
    vectors = body.predict(Batches(train, PREDICTED), verbose=0)
    there, labels = np.unique(train.labels, return_inverse=True)
    kernel, bias = fit_linear_probe(
        np.asarray(vectors, float), labels.reshape(-1)
    )
    # A class without a training clip starts as unlikely as they come.
    least = float((vectors @ kernel + bias).min())
    weights = [np.zeros((len(kernel), train.classes)), np.zeros(train.classes)]
    weights[1][:] = least
    weights[0][:, there], weights[1][there] = kernel, bias
    model.layers[-1].set_weights([x.astype("float32") for x in weights])


def fit_linear_probe(
    vectors: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A linear classifier of what the frozen network gives.

    To fine-tune from it keeps what the network has learned, where a random
    layer would first spoil it. Kumar et al. 2022, Fine-tuning can distort
    pretrained features, arXiv 2202.10054.

    Args:
        vectors: (clips, units).
        labels: from 0, each of them there, (clips,).

    Returns:
        Weights (units, classes) and bias (classes,) of a softmax layer.
    """
    from sklearn.linear_model import LogisticRegression

    probe = LogisticRegression(max_iter=1000).fit(vectors, labels)
    kernel, bias = probe.coef_.T, probe.intercept_
    if kernel.shape[1] == 1:  # of two classes it gives the second one only
        kernel = np.hstack([-kernel / 2, kernel / 2])
        bias = np.array([-bias[0] / 2, bias[0] / 2])
    return kernel, bias
