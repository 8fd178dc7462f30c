"""`log/RUN.csv`: one row an epoch, kept in step with the models."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from signs.core import files
from signs.core.messages import log


def append(path: Path, epoch: int, figures: Mapping[str, float]) -> None:
    """Adds the row of an epoch; it has the columns of Keras's CSVLogger.

    Args:
        path: the log.
        epoch: from 0, as Keras counts them.
        figures: loss, accuracy, val_loss, ...
    """
    names = sorted(figures)
    is_new = not path.exists() or not path.stat().st_size
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(["epoch", *names])
        writer.writerow([epoch, *(figures[name] for name in names)])


def cut(path: Path, epochs: int) -> list[float]:
    """Cuts a log to the epochs that the model to go on with has seen.

    A run killed between the row and the model leaves a row too many. After a
    power cut, rows may be cut or lost; they become rows without figures, so
    that there is one row an epoch.

    Returns:
        The validation loss (or training loss, without validation) of each
        epoch; NaN where it is lost.
    """
    text = ""
    if path.exists():
        text = path.read_text(encoding="utf-8", errors="replace")
    whole = text[: text.rfind("\n") + 1].splitlines()
    header, *rows = [line.split(",") for line in whole] or [[]]
    found = {row[0]: row for row in rows if len(row) == len(header)}
    numbers = [str(epoch) for epoch in range(epochs)]
    lost = [int(number) + 1 for number in numbers if number not in found]
    if lost:
        log.warning(
            f"{path}: the figures of epoch {', '.join(map(str, lost))} are "
            "lost; the models are not, and the training goes on"
        )
    blank = [""] * (len(header) - 1)
    kept = [found.get(number, [number, *blank]) for number in numbers]
    lines = [",".join(row) + "\n" for row in [header, *kept]]
    new = "".join(lines) if epochs and header else ""
    if new != text:
        files.write_text(path, new)
    return [_loss(header, row) for row in kept]


def _loss(header: list[str], row: list[str]) -> float:
    """The loss that decides in a row of the log; NaN if there is none."""
    cells = dict(zip(header, row, strict=False))
    # Without validation clips, older versions wrote the columns, but as NA.
    for name in ("val_loss", "loss"):
        try:
            return float(cells[name])
        except (KeyError, ValueError):
            continue
    return math.nan


def count_rows(path: Path) -> int:
    """How many epochs a log has rows of."""
    if not path.exists():
        return 0
    text = path.read_text(encoding="utf-8", errors="replace")
    return max(0, text.count("\n") - 1)


def epochs_since_best(losses: list[float]) -> int:
    """How many epochs come after the lowest loss; 0 where there is none."""
    if np.isnan(losses).all():
        return 0
    return len(losses) - 1 - int(np.nanargmin(losses))
