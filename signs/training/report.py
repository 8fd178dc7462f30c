"""What is said of a finished run: figures, tables, pictures."""

from typing import Any

import numpy as np
import pandas as pd

from signs.core import files
from signs.core.messages import count, log
from signs.data import clips_table
from signs.evaluation import confusion, metrics, training_log
from signs.models import classifier
from signs.training import run_record
from signs.training.batches import Batches
from signs.training.feature_dataset import FeatureDataset
from signs.training.run_record import Run

PREDICTED = 64  # clips that the model is given at once


def finish(
    run: Run, classes: pd.DataFrame, val: FeatureDataset, split: str
) -> None:
    """Evaluates the best model, prints the figures, and keeps them.

    Args:
        run: the run.
        classes: the classes table.
        val: the validation clips; there may be none.
        split: how the clips were split.
    """
    figures = training_log.summary(training_log.read_log(run.csv))
    if len(val):
        model = classifier.load_classifier(run.best, val.shape)
        probabilities = np.asarray(
            model.predict(Batches(val, PREDICTED), verbose=0)
        )
        figures["validation"] = metrics.evaluate(probabilities, val.labels)
        print_figures(figures, split)
        report_classes(run, classes, val.labels, probabilities.argmax(axis=1))
    record = run_record.read_record(run.log_record)
    files.write_json(run.log_record, {**record, "final": figures})
    log.info(f"log   {run.csv}\nmodel {run.best}")


def report_classes(
    run: Run, classes: pd.DataFrame, labels: np.ndarray, predicted: np.ndarray
) -> None:
    """Writes how good the best model is for each class, and draws it.

    Args:
        labels, predicted: classes, int, (clips,).
    """
    names = classes["name"].tolist()
    counts = confusion.matrix(predicted, labels, len(names))
    table = confusion.class_table(predicted, labels, classes)
    clips_table.write_table(run.class_table, table)
    title = f"{run.name}, {count(len(labels), 'validation clip')}"
    confusion.draw(run.confusion, counts, names, title)
    if pairs := confusion.worst_pairs(counts, names):
        log.info(f"  most often taken: {'; '.join(pairs)}")
    log.info(f"classes {run.class_table}, {run.confusion}")


def print_figures(figures: dict[str, Any], split: str) -> None:
    found = figures["validation"]
    best, last = figures["best_val_loss"], figures["last"]
    mean = figures[f"mean_of_last_{training_log.LAST_EPOCHS}"]
    log.info(
        f"{count(found['clips'], 'validation clip')}, split: {split} (chance "
        f"{found['chance']:.2f}, most frequent class "
        f"{found['majority']:.2f})\n"
        f"  best epoch {best['epoch']}: {metrics.in_words(found)}\n"
        f"  last epoch {last['epoch']}: accuracy {last['val_accuracy']:.2f}, "
        f"loss {last['val_loss']:.3f}\n"
        f"  mean of the last {training_log.LAST_EPOCHS}: accuracy "
        f"{mean['val_accuracy']:.2f}, loss {mean['val_loss']:.3f}"
    )
    if split == "random":
        log.info("  a random split mixes performers: expect less from new ones")
