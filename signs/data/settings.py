"""What is asked of a clips table; imports nothing, for the sake of --help."""

from dataclasses import dataclass

FRAMES = 20  # of a clip, where no other number is asked for


@dataclass(frozen=True)
class TableSettings:
    """What decides which clips are in a table, and in which split.

    Attributes:
        layout: one of `layouts.detect.LAYOUTS`.
        split: one of `splits.WAYS`.
        val: share of the clips to validate on, where no list says which.
        min_clips: clips that a class must have.
        classes: how many of the largest classes to keep; None keeps all.
        seed: of the split.
    """

    layout: str = "auto"
    split: str = "auto"
    val: float = 0.2
    min_clips: int = 1
    classes: int | None = None
    seed: int = 0
