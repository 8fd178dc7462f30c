"""What is said at the end of feature.py."""

from pathlib import Path
from typing import Any

from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data.clips_table import Dataset


def report(
    dataset: Dataset,
    meta: dict[str, Any],
    clips: int,
    failures: dict[str, str],
    failed: Path,
) -> int:
    """Prints what came out; returns the exit code."""
    folder = dataset.feature(meta["cnn"])
    if len(failures) == clips:
        clip, reason = next(iter(failures.items()))
        raise UserError(
            f"no clip has features: all {clips:,} failed, such as {clip} "
            f"({reason}); see {failed}, and make the frames with: "
            f"python frame.py {dataset.name}"
        )
    done = clips - len(failures)
    log.info(
        f"{count(done, 'clip')} with features of "
        f"({meta['frames']}, {meta['length']}), {meta['dtype']}, in {folder}"
    )
    if failures:
        clip, reason = next(iter(failures.items()))
        log.warning(
            f"{count(len(failures), 'clip')} failed, such as {clip} "
            f"({reason}); all are in {failed}"
        )
        return 1
    say_next(dataset, meta["cnn"])
    return 0


def say_next(dataset: Dataset, name: str) -> None:
    """Prints the command that trains on some features."""
    which = ""
    if len(list(dataset.feature("").glob("*/meta.json"))) > 1:
        which = f" --features {name}"
    log.info(f"next: python train_lstm.py {dataset.name}{which}")
