"""Training logs: how well a network did, epoch by epoch.

A log is a CSV file with one row an epoch, as Keras's CSVLogger writes it.
Every version of Keras had its own names for the same columns; here they have
one.
"""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from signs.core import files, messages
from signs.core.errors import UserError

COLUMNS = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
ENDINGS = [".csv", ".log", ".acc"]
LAST_EPOCHS = 5  # how many the mean of the last epochs is of

# Where a log has several of these columns, the first of this list counts.
_ACCURACY = [
    "accuracy",
    "acc",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
]
_NAMES = {
    "epoch": ["epoch"],
    "loss": ["loss"],
    "accuracy": _ACCURACY,
    "val_loss": ["val_loss"],
    "val_accuracy": ["val_" + name for name in _ACCURACY],
}
_MISSING = {"", "na", "n/a", "nan", "none", "null"}


def read_log(path: Path) -> pd.DataFrame:
    """Reads a training log, of this project or of any version of Keras.

    Commas, semicolons and tabs separate columns; columns of other names are
    ignored. An epoch that is counted from its first number again is another
    fit in the same file, and counted on. An epoch that is there twice was
    repeated after an interruption, and the later row counts. Lines that are
    cut or damaged are left out, with a warning.

    Returns:
        One row an epoch, in order: epoch (int, the first one is 1), loss,
        accuracy, val_loss, val_accuracy (float, NaN where absent).

    Raises:
        UserError: if it is missing, empty, no training log, or without a
            whole epoch.
    """
    rows, damaged = _parse(_read_text(path), path)
    if damaged:
        # A damaged log may have thousands of them.
        lines = ", ".join(map(str, damaged[:5]))
        more = ", ..." if len(damaged) > 5 else ""
        messages.log.warning(
            f"{path}: {'line' if len(damaged) == 1 else 'lines'} "
            f"{lines}{more} cut or damaged, and left out"
        )
    if not rows:
        raise UserError(
            f"{path} has no whole epoch: its training is in the first one, or "
            f"was stopped there; delete it, or train again"
        )
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["epoch"] = _count_on([int(epoch) for epoch in table["epoch"]])
    # Of an epoch that was repeated, the last row stays.
    return table[table["epoch"] > 0].reset_index(drop=True)


def find_logs(folder: Path) -> list[Path]:
    """The training logs in a folder, by name.

    Other tables and texts in the folder are told apart by their first line.
    An empty file is taken for the log of a training that died at once.

    Raises:
        UserError: if there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(
            f"there is no folder {folder}; training writes logs: "
            f"python train_lstm.py"
        )
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in ENDINGS
        and not path.name.startswith((".", files.TEMPORARY))
        and path.is_file()
        and (path.stat().st_size == 0 or _is_log(path))
    )


def validation_line(log: pd.DataFrame) -> str:
    """The best figures on the validation set, as one line of text.

    For example `Validation set: max accuracy 0.74 | min loss 0.806`; a
    figure that the log does not have is `n/a`. The two may be of different
    epochs, and the better one of many epochs is biased upwards.
    """
    accuracy, loss = log["val_accuracy"].max(), log["val_loss"].min()
    return (
        f"Validation set: "
        f"max accuracy {'n/a' if np.isnan(accuracy) else f'{accuracy:.2f}'} | "
        f"min loss {'n/a' if np.isnan(loss) else f'{loss:.3f}'}"
    )


def summary(log: pd.DataFrame) -> dict[str, Any]:
    """The figures to report of a training, by each rule to choose an epoch.

    Args:
        log: as `read_log` returns it.

    Returns:
        Ready for JSON. epochs: how many there are; best_val_loss,
        best_val_accuracy (None without validation) and last: the row of that
        epoch, as a dict with the names of `COLUMNS`; mean_of_last_5: loss,
        accuracy, val_loss and val_accuracy. What is absent, or not finite,
        is None.
    """
    mean = log[COLUMNS[1:]].tail(LAST_EPOCHS).mean()
    return {
        "epochs": len(log),
        "best_val_loss": _best(log, log["val_loss"]),
        "best_val_accuracy": _best(log, -log["val_accuracy"]),
        "last": _to_json(log.iloc[-1]),
        f"mean_of_last_{LAST_EPOCHS}": _to_json(mean),
    }


def _best(log: pd.DataFrame, cost: pd.Series) -> dict[str, Any] | None:
    """The first row of the lowest cost; None where all costs are NaN."""
    if cost.isna().all():
        return None
    return _to_json(log.iloc[int(np.nanargmin(cost))])


def _to_json(row: pd.Series) -> dict[str, Any]:
    values: dict[str, Any] = {
        str(name): float(value) if np.isfinite(value) else None
        for name, value in row.items()
    }
    if "epoch" in values:
        values["epoch"] = int(row["epoch"])
    return values


def _read_text(path: Path) -> str:
    if not path.exists():
        raise UserError(
            f"the log {path} is missing; training writes logs: "
            f"python train_lstm.py"
        )
    if path.is_dir():
        raise UserError(f"{path} is a folder, not a training log")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not a training log: it is no text in UTF-8"
        ) from error


def _is_log(path: Path) -> bool:
    """Whether the first line of a file has the columns of a training log."""
    with path.open("rb") as file:
        line = file.readline(4096).decode("utf-8-sig", errors="replace")
    return _is_header(_columns(_split(line, _separator(line))))


def _parse(text: str, path: Path) -> tuple[list[list[float]], list[int]]:
    """Reads the rows of a log.

    Returns:
        The rows, each with a number for each of `COLUMNS`, and the numbers
        of the lines that cannot be read.
    """
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip()
    ]
    if not lines:
        raise UserError(
            f"{path} is empty: its training stopped before the first epoch "
            f"was over; delete it, or train again"
        )
    separator = _separator(lines[0][1])
    header = _split(lines[0][1], separator)
    places = _columns(header)
    if not _is_header(places):
        raise UserError(
            f"{path} is not a training log: the columns epoch and loss or "
            f"accuracy are missing from its first line"
        )
    rows, damaged = [], []
    for number, line in lines[1:]:
        cells = _split(line, separator)
        if _is_header(_columns(cells)):
            # Another fit wrote to the same file, maybe with other columns.
            header, places = cells, _columns(cells)
            continue
        row = _numbers(cells, places) if len(cells) == len(header) else None
        if row is None:
            damaged.append(number)
        else:
            rows.append(row)
    whole = text.endswith(("\n", "\r")) or lines[-1][0] in damaged
    if rows and not whole and _ends_in_stump(lines, separator):
        rows.pop()
        damaged.append(lines[-1][0])
    return rows, damaged


def _separator(header: str) -> str:
    return max(",;\t", key=header.count)


def _split(line: str, separator: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=separator), [])
    except csv.Error:  # for example, a cell of more than 131,072 characters
        return []
    if separator == ";":
        # Spreadsheets of many languages write 0,5 for 0.5.
        cells = [cell.replace(",", ".") for cell in cells]
    return [cell.strip() for cell in cells]


def _columns(header: list[str]) -> dict[str, int]:
    """The place of each of `COLUMNS` that a header has."""
    names = [cell.lower() for cell in header]
    return {
        column: names.index(known[0])
        for column, candidates in _NAMES.items()
        if (known := [name for name in candidates if name in names])
    }


def _is_header(places: dict[str, int]) -> bool:
    return "epoch" in places and len(places) > 1


def _numbers(cells: list[str], places: dict[str, int]) -> list[float] | None:
    """A row's numbers in the order of `COLUMNS`; None if it is damaged."""
    try:
        row = [
            float("nan")
            if column not in places or cells[places[column]].lower() in _MISSING
            else float(cells[places[column]])
            for column in COLUMNS
        ]
    except ValueError:
        return None
    return row if row[0].is_integer() else None


def _ends_in_stump(lines: list[tuple[int, str]], separator: str) -> bool:
    """Whether a last line without an end was cut within its last number.

    Then the number has fewer than half of the characters that it has
    elsewhere; with more of them, it is as good as whole.
    """
    *others, last = [
        len(line.rpartition(separator)[2]) for _, line in lines[1:]
    ]
    return bool(others) and last < min(others) / 2


def _count_on(epochs: list[int]) -> list[int]:
    """Counts the epochs of one file from 1 on, over all its fits.

    Args:
        epochs: what the rows say; Keras counts from 0.

    Returns:
        The number of each row's epoch; 0 for a row that a later one, after
        an interruption, replaces.
    """
    first = min(epochs)
    shift = 0 if first == 1 else 1
    numbers: list[int] = []
    for epoch in epochs:
        last = numbers[-1] if numbers else 0
        if epoch == first and numbers:
            shift = last + 1 - first
        now = epoch + shift
        if now <= last:
            numbers = [number if number < now else 0 for number in numbers]
        numbers.append(now)
    return numbers
