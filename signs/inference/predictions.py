"""How the predictions for clips are written: as text, as JSON, as CSV."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from signs.data import clips_table
from signs.inference.predictor import UNKNOWN, Prediction

WIDEST = {"clip": 60, "name": 24}  # letters; longer ones shift their row


@dataclass(frozen=True)
class ClipPredictions:
    """The likeliest classes of a clip.

    Attributes:
        predictions: best first.
        threshold: the probability below which the clip is `unknown`.
        session_mean: see `clips.Classified`.
    """

    predictions: list[Prediction]
    threshold: float = 0.0
    session_mean: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether the first class is likely enough to be believed."""
        return self.predictions[0].probability >= self.threshold

    @property
    def label(self) -> str:
        return self.predictions[0].label if self.is_known else UNKNOWN

    @property
    def name(self) -> str:
        return self.predictions[0].name if self.is_known else UNKNOWN

    def as_json(self) -> dict[str, Any]:
        """Ready for JSON."""
        best = self.predictions[0]
        return {
            "label": self.label,
            "name": self.name,
            "probability": round(best.probability, 6),
            "top": [
                {**asdict(one), "probability": round(one.probability, 6)}
                for one in self.predictions
            ],
            "session_mean": self.session_mean,
        }


class Table:
    """The rows of a table that a person reads while it grows."""

    def __init__(
        self,
        clips: Iterable[str],
        names: Iterable[str],
        top: int,
        threshold: float = 0.0,
    ):
        """
        Args:
            clips: what will be in the first column.
            names: of the classes.
            top: how many predictions a row has.
            threshold: if it is not 0, the second column says what is known.
        """
        self._clip = min(WIDEST["clip"], max(map(len, [*clips, "clip"])))
        names = [*names, UNKNOWN] if threshold else list(names)
        self._name = min(WIDEST["name"], max(map(len, names), default=0))
        self._top = top
        self._has_sign = threshold > 0

    def heading(self) -> str:
        cells = [f"{n}.".ljust(self._name + 6) for n in range(1, self._top + 1)]
        if self._has_sign:
            cells.insert(0, "sign".ljust(self._name))
        return "  ".join(["clip".ljust(self._clip), *cells]).rstrip()

    def row(self, clip: str, found: ClipPredictions) -> str:
        cells = [
            f"{one.probability:5.1%} {one.name.ljust(self._name)}"
            for one in found.predictions
        ]
        if self._has_sign:
            cells.insert(0, found.name.ljust(self._name))
        return "  ".join([clip.ljust(self._clip), *cells]).rstrip()


def json_line(clip: str, found: ClipPredictions) -> str:
    """The predictions for a clip as one line of JSON."""
    return json.dumps({"clip": clip, **found.as_json()})


def write_csv(path: Path, found: Mapping[str, ClipPredictions]) -> None:
    """Writes clip, label_1, name_1, probability_1, label_2 ...

    With a threshold, label and name, which may be `unknown`, come second.
    """
    import pandas as pd

    rows = []
    for clip, one in found.items():
        row: dict[str, str | float] = {"clip": clip}
        if one.threshold:
            row.update(label=one.label, name=one.name)
        for number, prediction in enumerate(one.predictions, 1):
            row[f"label_{number}"] = prediction.label
            row[f"name_{number}"] = prediction.name
            row[f"probability_{number}"] = round(prediction.probability, 6)
        rows.append(row)
    clips_table.write_table(path, pd.DataFrame(rows))
