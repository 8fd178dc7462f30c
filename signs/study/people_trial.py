"""The trainings of the study of people, each a plain function of one task."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from signs.training.settings import Settings

if TYPE_CHECKING:
    from signs.training.training_data import Data


@dataclass(frozen=True)
class Task:
    """What is learned, and judged.

    Attributes:
        settings: of a training; of a transfer, they name the source. Class
            means have features centred as these say.
        data: what to train on; its `val` is only judged.
        means: None, or of what class means are taken: `features`, or
            `source`, what the network `model` gives below its softmax layer.
        model: where the network of a source is, or is to be saved; None:
            it is not kept.
    """

    settings: Settings
    data: "Data"
    means: str | None = None
    model: Path | None = None


def predict(task: Task) -> np.ndarray:
    """The classes that the judged clips are given, int, (clips,)."""
    from signs.study import trial

    with trial.quietly():
        return _predict(task)


def _predict(task: Task) -> np.ndarray:
    if task.means is None:
        return classes_of(*train(task.settings, task.data))
    from signs.evaluation.baselines import NearestClassMean
    from signs.training import training_data

    seen = training_data.prepare(task.settings, task.data)
    learned, judged = (
        np.concatenate(list(part.batches())) for part in (seen.train, seen.val)
    )
    if task.model is not None:
        learned, judged = embed(task.model, [learned, judged])
    means = NearestClassMean(len(task.data.classes))
    means.add(learned, task.data.train.labels)
    return np.asarray(means.scores(judged).argmax(axis=1))


def train_source(task: Task) -> np.ndarray:
    """Trains and saves a source network.

    Returns:
        Whether it tells each judged clip right, bool, (clips,).
    """
    from signs.core import files
    from signs.study import trial

    if task.model is None:
        raise ValueError("a source is to be saved")
    with trial.quietly():
        model, seen = train(task.settings, task.data)
    right: np.ndarray = classes_of(model, seen) == task.data.val.labels
    task.model.parent.mkdir(parents=True, exist_ok=True)
    with files.atomic(task.model) as temporary:
        model.save(temporary)
    return right


def train(settings: Settings, data: "Data") -> "tuple[Any, Data]":
    """Trains for all epochs, without a look at the judged clips.

    Returns:
        The network after the last epoch, and the data as it sees it.
    """
    from signs.core.backend import keras
    from signs.study import trial
    from signs.training import loop, run, training_data

    seen = training_data.prepare(settings, data)
    keras.utils.set_random_seed(settings.seed)
    model = trial.compiled(settings, run.build(settings, seen))
    loop.fit(model, seen.train, seen.val.first(0), settings)
    return model, seen


def classes_of(model: Any, data: "Data") -> np.ndarray:
    """The classes that a network gives the judged clips, int, (clips,)."""
    from signs.core.backend import keras

    scores = [
        keras.ops.convert_to_numpy(model(batch, training=False))
        for batch in data.val.batches()
    ]
    return np.asarray(np.concatenate(scores).argmax(axis=1))


def embed(path: Path, features: list[np.ndarray]) -> list[np.ndarray]:
    """What a network gives below its softmax layer, (clips, units) each."""
    from signs.core.backend import keras
    from signs.models import classifier

    model = classifier.load_classifier(path)
    body = keras.Model(model.input, model.layers[-1].input)
    return [body.predict(clips, verbose=0) for clips in features]


def data_of(
    about: "Data", train: np.ndarray, judged: np.ndarray, labels: set[str]
) -> "Data":
    """Clips of some gestures as a training sees them.

    Args:
        about: all clips, as its `train`.
        train, judged: row numbers.
        labels: of the gestures, which are numbered anew.
    """
    classes = about.classes[about.classes["label"].isin(labels)]
    number_of = np.full(len(about.classes), -1, "int32")
    number_of[classes["index"]] = np.arange(len(classes))
    clips = about.train
    parts = [
        replace(
            clips,
            clips=[clips.clips[row] for row in rows],
            signers=[clips.signers[row] for row in rows],
            labels=number_of[clips.labels[rows]],
            classes=len(classes),
            features=clips.features[rows],
        )
        for rows in (train, judged)
    ]
    classes = classes.assign(index=np.arange(len(classes)))
    return replace(about, classes=classes, train=parts[0], val=parts[1])
