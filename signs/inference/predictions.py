"""How the answers for clips are written: as text, as JSON, as CSV."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from signs.data import clips_table
from signs.inference.predictor import Guess

WIDEST = {"clip": 60, "name": 24}  # letters; longer ones shift their row


class Text:
    """The rows of a table that a person reads while it grows."""

    def __init__(self, clips: Iterable[str], names: Iterable[str], top: int):
        """
        Args:
            clips: what will be in the first column.
            names: of the classes.
            top: how many guesses a row has.
        """
        self._clip = min(WIDEST["clip"], max(map(len, [*clips, "clip"])))
        self._name = min(WIDEST["name"], max(map(len, names), default=0))
        self._top = top

    def heading(self) -> str:
        cells = [f"{n}." for n in range(1, self._top + 1)]
        width = self._name + 6
        return "  ".join(
            ["clip".ljust(self._clip), *(cell.ljust(width) for cell in cells)]
        ).rstrip()

    def row(self, clip: str, guesses: Iterable[Guess]) -> str:
        cells = [
            f"{guess.probability:5.1%} {guess.name.ljust(self._name)}"
            for guess in guesses
        ]
        return "  ".join([clip.ljust(self._clip), *cells]).rstrip()


def as_json(clip: str, guesses: list[Guess]) -> str:
    """The answer for a clip as one line of JSON."""
    best = guesses[0]
    return json.dumps(
        {
            "clip": clip,
            "label": best.label,
            "name": best.name,
            "probability": round(best.probability, 6),
            "top": [
                {**asdict(guess), "probability": round(guess.probability, 6)}
                for guess in guesses
            ],
        }
    )


def write_csv(path: Path, answers: Mapping[str, list[Guess]]) -> None:
    """Writes clip, label_1, name_1, probability_1, label_2 ..."""
    rows = []
    for clip, guesses in answers.items():
        row: dict[str, str | float] = {"clip": clip}
        for number, guess in enumerate(guesses, 1):
            row[f"label_{number}"] = guess.label
            row[f"name_{number}"] = guess.name
            row[f"probability_{number}"] = round(guess.probability, 6)
        rows.append(row)
    clips_table.write_table(path, pd.DataFrame(rows))
