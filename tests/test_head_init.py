import numpy as np
import pytest
from scipy.special import softmax

from signs.core.backend import keras
from signs.training import flags, head_init
from signs.training.feature_dataset import FeatureDataset


def clouds(classes: int, clips: int = 12) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    labels = np.arange(clips * classes) % classes
    centres = random.normal(size=(classes, 5))
    noise = random.normal(size=(len(labels), 5)) / 2
    return centres[labels] + noise, labels


@pytest.mark.parametrize("classes", [2, 4])
def test_a_linear_probe_knows_its_clips(classes: int):
    vectors, labels = clouds(classes)
    kernel, bias = head_init.fit_linear_probe(vectors, labels)
    assert kernel.shape == (5, classes) and bias.shape == (classes,)
    answers = softmax(vectors @ kernel + bias, axis=1)
    assert (answers.argmax(axis=1) == labels).mean() > 0.8
    # Sure of itself, but not out of all proportion.
    likely = answers[np.arange(len(labels)), labels]
    assert 0.5 < likely.mean() < 0.9999


@pytest.mark.parametrize("head", flags.HEADS)
def test_a_class_without_clips_starts_unlikely(head: str):
    vectors, labels = clouds(3)
    labels = np.where(labels == 1, 3, labels)  # of 5 classes, 0, 2, 3
    inputs = keras.Input((5,))
    outputs = keras.layers.Dense(5, activation="softmax")(inputs)
    model = keras.Model(inputs, outputs)
    before = model.get_weights()
    names = [str(number) for number in range(len(vectors))]
    train = FeatureDataset(names, names, labels, 5, vectors)
    head_init.start_head(model, train, head)
    if head == "random":
        np.testing.assert_array_equal(before[0], model.get_weights()[0])
        return
    answers = model.predict(vectors, verbose=0)
    assert (answers.argmax(axis=1) == labels).mean() > 0.8
    assert answers[:, [1, 4]].max() < 0.34
