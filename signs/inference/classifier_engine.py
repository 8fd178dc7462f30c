"""What runs a classifier: LiteRT, or Keras.

A classifier is small, but Keras takes seconds to import and to load it. So it
is converted for LiteRT once, as CNNs are, and Keras is not needed again until
the model is trained anew.
"""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from filelock import FileLock

from signs.core import files
from signs.core.messages import log
from signs.core.quiet import quiet_libraries
from signs.data import changes
from signs.features.engines import open_interpreter


class Classifier(Protocol):
    """Tells the classes of clips; Keras's models are such."""

    def predict_on_batch(self, features: np.ndarray) -> Any:
        """The probabilities of all classes, float32, (1, classes).

        Args:
            features: of a clip, float32, (1, frames, feature_dim).
        """
        ...


class LiteRtClassifier:
    """Runs a converted classifier.

    Args:
        path: what `convert` wrote.
        threads: how many cores it uses.
    """

    def __init__(self, path: Path, threads: int):
        self._model = open_interpreter(path, threads)
        with quiet_libraries():
            self._model.allocate_tensors()
        self._input = self._model.get_input_details()[0]["index"]
        self._output = self._model.get_output_details()[0]["index"]

    def predict_on_batch(self, features: np.ndarray) -> np.ndarray:
        """See `Classifier`."""
        self._model.set_tensor(self._input, features.astype("float32"))
        self._model.invoke()
        found: np.ndarray = self._model.get_tensor(self._output)
        return found


def open_converted(
    path: Path, record: dict[str, Any], folder: Path, threads: int
) -> LiteRtClassifier:
    """A classifier run by LiteRT; converts it first, where need be.

    Args:
        path, record: what `run_record.find_model` found.
        folder: where converted networks are kept.
        threads: how many cores it uses.

    Raises:
        UserError: if the model cannot be loaded, or is not the record's.
        OSError: if it is not converted yet, and nothing can be written.
    """
    converted = folder / f"{path.stem}.tflite"
    with _alone(converted):
        inputs = made_from(path, record)
        if not changes.is_current(converted, inputs):
            _convert(path, record, converted)
            changes.note(converted, inputs)
        return LiteRtClassifier(converted, threads)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Who wants the same file waits, and does not convert it as well.

    Models of several folders may have the same name: none may take the file
    of another one for its own.
    """
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    # Where no file can be written, or the disk knows no locks, there is none.
    with suppress(OSError, NotImplementedError):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def made_from(path: Path, record: dict[str, Any]) -> changes.Inputs:
    """What is made of a model depends on this; see `changes`.

    Args:
        path, record: what `run_record.find_model` found.
    """
    return {
        "model": changes.fingerprint(path),
        "record": json.dumps(record, sort_keys=True),
    }


def _convert(path: Path, record: dict[str, Any], to: Path) -> None:
    if not os.access(to.parent, os.W_OK):  # before the work is done in vain
        reason = os.strerror(errno.EACCES)
        raise PermissionError(errno.EACCES, reason, str(to.parent))
    from signs.core.backend import keras
    from signs.inference import export
    from signs.inference.predictor import load_classifier

    classifier = load_classifier(path, record)
    log.info("converting the classifier (once; kept as %s)", to)
    # Of one clip; for more, LiteRT's own operations are not enough.
    features = keras.Input(batch_shape=(1, *classifier.input_shape[1:]))
    one = keras.Model(features, export.in_plain(classifier)(features))
    with files.atomic(to) as temporary:
        export.convert(one, temporary, "litert")
