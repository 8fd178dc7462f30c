"""How the new softmax layer of a transferred classifier starts."""

from typing import Any

import numpy as np

from signs.core.backend import keras
from signs.models import classifier
from signs.training.feature_dataset import Batches, Embedded, Examples

HEADS = ["cold", "probe", "means"]


def start_head(model: Any, train: Examples | Embedded, head: str) -> None:
    """Gives the softmax layer of a classifier its first weights.

    Args:
        model: what `network.replace_head` made; its last layer is changed.
        train: the clips to train on.
        head: one of `HEADS`; `cold` leaves it random.
    """
    if head == "cold":
        return
    classifier.hoist_products(model)
    body = keras.Model(model.input, model.layers[-1].input)
    vectors = np.asarray(body.predict(Batches(train, 64), verbose=0), float)
    fit = {"probe": fit_probe, "means": fit_means}[head]
    there, labels = np.unique(train.labels, return_inverse=True)
    kernel, bias = fit(vectors, labels.reshape(-1))
    # A class without a training clip starts as unlikely as they come.
    least = float((vectors @ kernel + bias).min())
    weights = [np.zeros((len(kernel), train.classes)), np.zeros(train.classes)]
    weights[1][:] = least
    weights[0][:, there], weights[1][there] = kernel, bias
    model.layers[-1].set_weights([x.astype("float32") for x in weights])


def fit_probe(
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


def fit_means(
    vectors: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest class mean, as a linear classifier.

    Wang et al. 2019, SimpleShot, arXiv 1911.04623: hard to beat with few
    clips a class. The squared distance to a mean is linear in the vector but
    for a part that all classes share. How sure the layer is, which the means
    do not say, is what makes the clips likeliest, each compared to the mean
    of its class without itself; at most as sure as if classes were normally
    distributed with the same variance in each dimension.

    Args, Returns: as for `fit_probe`.
    """
    from scipy.optimize import minimize_scalar
    from scipy.spatial.distance import cdist
    from scipy.special import log_softmax

    sizes = np.bincount(labels)
    sums = np.zeros((len(sizes), vectors.shape[1]))
    np.add.at(sums, labels, vectors)
    means = sums / sizes[:, None]
    apart = cdist(vectors, means, "sqeuclidean")
    rows = np.arange(len(labels))
    # Leaving a clip out of n moves its mean away from it by n / (n - 1).
    others = sizes[labels]
    apart[rows, labels] *= np.square(others / np.maximum(others - 1, 1))
    judged = others > 1

    def loss(power: float) -> float:
        likely = log_softmax(-apart * np.exp(power), axis=1)
        return -likely[rows, labels][judged].mean()

    # Of classes of one clip each, nothing is known.
    own = apart[rows, labels][judged] if judged.any() else apart
    most = np.log(vectors.shape[1] / (2 * own.mean() + 1e-12))
    power = most
    if judged.any():
        around = (most - 10, most)
        power = minimize_scalar(loss, bounds=around, method="bounded").x
    scale = np.exp(power)
    return 2 * scale * means.T, -scale * np.square(means).sum(axis=1)
