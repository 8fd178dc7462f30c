import numpy as np
import pytest
from scipy.special import softmax

from signs.core.backend import keras
from signs.models import classifier
from signs.training import head_init
from signs.training.feature_dataset import Embedded


def clouds(classes: int, clips: int = 12) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    labels = np.arange(clips * classes) % classes
    centres = random.normal(size=(classes, 5))
    noise = random.normal(size=(len(labels), 5)) / 2
    return centres[labels] + noise, labels


@pytest.mark.parametrize("fit", [head_init.fit_probe, head_init.fit_means])
@pytest.mark.parametrize("classes", [2, 4])
def test_a_head_knows_its_clips(fit, classes: int):
    vectors, labels = clouds(classes)
    kernel, bias = fit(vectors, labels)
    assert kernel.shape == (5, classes) and bias.shape == (classes,)
    answers = softmax(vectors @ kernel + bias, axis=1)
    assert (answers.argmax(axis=1) == labels).mean() > 0.8
    # Sure of itself, but not out of all proportion.
    likely = answers[np.arange(len(labels)), labels]
    assert 0.5 < likely.mean() < 0.9999


def test_the_nearest_mean_wins():
    vectors, labels = clouds(4)
    kernel, bias = head_init.fit_means(vectors, labels)
    means = np.stack([vectors[labels == n].mean(axis=0) for n in range(4)])
    new = np.random.default_rng(1).normal(size=(50, 5))
    apart = np.linalg.norm(new[:, None] - means, axis=2)
    answers = (new @ kernel + bias).argmax(axis=1)
    np.testing.assert_array_equal(answers, apart.argmin(axis=1))


def test_means_of_one_clip_each():
    kernel, bias = head_init.fit_means(np.eye(3), np.arange(3))
    assert np.isfinite(kernel).all() and np.isfinite(bias).all()
    assert (kernel.argmax(axis=0) == np.arange(3)).all()


@pytest.mark.parametrize("head", head_init.HEADS)
def test_a_class_without_clips_starts_unlikely(head: str):
    vectors, labels = clouds(3)
    labels = np.where(labels == 1, 3, labels)  # of 5 classes, 0, 2, 3
    inputs = keras.Input((5,))
    outputs = keras.layers.Dense(5, activation="softmax")(inputs)
    model = keras.Model(inputs, outputs)
    before = model.get_weights()
    train = Embedded(vectors.astype("float32"), labels.astype("int32"), 5)
    head_init.start_head(model, train, head)
    if head == "cold":
        np.testing.assert_array_equal(before[0], model.get_weights()[0])
        return
    answers = model.predict(train.vectors, verbose=0)
    assert (answers.argmax(axis=1) == labels).mean() > 0.8
    assert answers[:, [1, 4]].max() < 0.34


def test_heads_are_named_once():
    import transfer

    for head in head_init.HEADS:
        assert transfer.parse_arguments(["--head", head]).head == head
    for fresh in classifier.FRESH:
        assert transfer.parse_arguments(["--fresh", fresh]).fresh == fresh
