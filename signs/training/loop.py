"""The training itself: a model, clips, and Keras's `fit`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from signs.core.backend import keras
from signs.models import classifier
from signs.training.batches import Batches
from signs.training.feature_dataset import FeatureDataset
from signs.training.settings import FitSettings

PREDICTED = 64  # clips that frozen layers are given at once


def compile_classifier(
    model: Any, settings: FitSettings, optimizer: Any = None
) -> None:
    """Prepares a model for training on cross-entropy.

    Args:
        model: a classifier.
        settings: say the learning rate.
        optimizer: Keras's; None makes a new Adam.
    """
    if optimizer is None:
        optimizer = keras.optimizers.Adam(settings.learning_rate)
        if settings.mixed_precision:
            # The smallest gradients would be 0 in float16 if not scaled.
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    metrics = ["accuracy"]
    if model.output_shape[-1] > 5:
        top5 = keras.metrics.TopKCategoricalAccuracy(5, name="top5")
        metrics.append(top5)
    model.compile(
        optimizer=optimizer,
        loss="categorical_crossentropy",
        metrics=metrics,
    )


def fit(
    model: Any,
    train: FeatureDataset,
    val: FeatureDataset,
    settings: FitSettings,
    callbacks: Sequence[Any] = (),
    done: int = 0,
) -> dict[str, list[float]]:
    """Trains a compiled model up to a number of epochs.

    Args:
        model: the whole model; its weights are changed.
        train: the clips to learn.
        val: the clips to judge each epoch on; there may be none.
        settings: how.
        callbacks: Keras's.
        done: how many epochs it has been trained already.

    Returns:
        The figures of each epoch: loss, accuracy, val_loss, ...
    """
    trained, train, val = skip_frozen(model, train, val, settings)
    policy = "mixed_float16" if settings.mixed_precision else "float32"
    with classifier.precision(model, policy):
        history: dict[str, list[float]] = trained.fit(
            Batches(
                train,
                settings.batch,
                settings.seed,
                done,
                settings.label_smoothing,
            ),
            validation_data=Batches(val, settings.batch) if len(val) else None,
            epochs=settings.epochs,
            initial_epoch=done,
            shuffle=False,
            callbacks=list(callbacks),
            verbose=0,
        ).history
    return history


def loss(model: Any, dataset: FeatureDataset, settings: FitSettings) -> float:
    """The mean cross-entropy of a model on clips."""
    compile_classifier(model, settings)
    return float(model.evaluate(Batches(dataset, PREDICTED), verbose=0)[0])


def skip_frozen(
    model: Any,
    train: FeatureDataset,
    val: FeatureDataset,
    settings: FitSettings,
) -> tuple[Any, FeatureDataset, FeatureDataset]:
    """Computes what frozen layers give once, instead of in each epoch.

    Only done where all LSTMs are frozen. In training, a frozen LSTM would
    still drop a part of its inputs; computed once, it drops nothing, and
    copies are not looked at.

    Args:
        model: a compiled classifier.
        train, val: what to train on.
        settings: how.

    Returns:
        The model of the layers above the last LSTM, which shares its weights
        and its optimizer with the whole one, and what it is to be trained
        on; all three arguments as they are, if an LSTM is trained.
    """
    lstms = classifier.lstms(model)
    if not lstms or any(layer.trainable for layer in lstms):
        return model, train, val
    last = lstms[-1]
    body = keras.Model(model.input, last.output)
    inputs = keras.Input(last.output.shape[1:])
    outputs = inputs
    for layer in model.layers[model.layers.index(last) + 1 :]:
        outputs = layer(outputs)
    head = keras.Model(inputs, outputs)
    compile_classifier(head, settings, model.optimizer)

    def embed(dataset: FeatureDataset) -> FeatureDataset:
        if not len(dataset):
            return dataset
        vectors = body.predict(Batches(dataset, PREDICTED), verbose=0)
        vectors = np.asarray(vectors)
        return replace(
            dataset, features=vectors, means=None, copies=None, own_means=None
        )

    return head, embed(train), embed(val)
