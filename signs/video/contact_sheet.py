"""A contact sheet: a few clips of a data set, frame by frame, to look at."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from signs.core import files, fonts
from signs.video import frame_store, images, sampling

CLASSES = 8
COLUMNS = 7
CELL = 150  # pixels, the width of a frame on the sheet
GAP = 6
MARGIN = 190  # pixels left of the frames, for the labels
HEAD = 64  # pixels above them, for the title


@dataclass(frozen=True)
class Row:
    """One clip on the sheet: its frames (RGB, CELL wide), and its labels."""

    pictures: list[np.ndarray]
    label: str
    note: str


def draw(
    path: Path,
    clips: pd.DataFrame,
    names: pd.Series,
    folder: Path,
    count: int,
    title: str,
    draw_onto: Callable[[str, int, np.ndarray], np.ndarray] | None = None,
) -> None:
    """Draws a contact sheet as a PNG file.

    Args:
        path: the file.
        clips: the clips to choose from; they have frames.
        names: the classes' names by label, in class order.
        folder: where the clips' folders of frames are.
        count: frames a clip.
        title: what stands above.
        draw_onto: draws something onto a picture, given the clip and the
            index of the frame.

    Raises:
        ValueError: if a frame is damaged.
    """

    def picture(clip: str, index: int, path: Path) -> np.ndarray:
        small = _fit(images.read_jpeg(path))
        return draw_onto(clip, index, small) if draw_onto else small

    indices = sorted(set(sampling.sample_indices(count, COLUMNS)))
    rows = []
    for clip in choose(clips, list(names.index)).to_dict("records"):
        paths = frame_store.frame_paths(folder / clip["clip"], count)
        notes = [clip["signer"] and f"signer {clip['signer']}", clip["split"]]
        rows.append(
            Row(
                [picture(clip["clip"], i, paths[i]) for i in indices],
                _title_of(names.get(clip["label"], "no label")),
                ", ".join(filter(None, notes)),
            )
        )
    write(path, rows, [index + 1 for index in indices], title)


def choose(
    clips: pd.DataFrame, labels: list[str], most: int = CLASSES
) -> pd.DataFrame:
    """Chooses one clip of each of a few classes, by as many signers as it can.

    Args:
        clips: the clips table.
        labels: the classes, in their order; those on the sheet are spread
            over them. Without any, clips without a label are chosen.
        most: how many to choose.

    Returns:
        The chosen rows.
    """
    by_label = dict(list(clips.groupby("label")))
    there = [label for label in labels if label in by_label] or [""]
    spread = np.linspace(0, len(there) - 1, min(most, len(there)))
    chosen: list[pd.Series] = []
    for position in spread.round().astype(int):
        members = by_label[there[position]]
        fresh = ~members["signer"].isin([clip["signer"] for clip in chosen])
        pool = members[fresh] if fresh.any() else members
        # Where signers are unknown, the first clips may all be of one.
        chosen.append(pool.iloc[len(chosen) % len(pool)])
    return pd.DataFrame(chosen)


def write(
    path: Path, rows: Sequence[Row], numbers: list[int], title: str
) -> None:
    """Draws the rows below each other as a PNG file, atomically."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    cell_height = max(len(picture) for r in rows for picture in r.pictures)
    height = HEAD + len(rows) * (cell_height + GAP) + GAP
    width = MARGIN + len(numbers) * (CELL + GAP) + GAP
    canvas = np.full((height, width, 3), 255, np.uint8)
    texts = [title, *(row.label for row in rows), *(r.note for r in rows)]
    look: dict[str, Any] = {"family": fonts.families(texts)}
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    FigureCanvasAgg(figure)

    def write_text(x: float, y: float, text: str, **style) -> None:
        kept = {**look, **style}
        figure.text(x / width, 1 - y / height, text, parse_math=False, **kept)

    write_text(GAP * 2, 24, title, size=13, weight="bold", va="center")
    for column, number in enumerate(numbers):
        x = MARGIN + column * (CELL + GAP) + CELL / 2
        write_text(
            x, HEAD - 12, f"frame {number}", size=8, ha="center", color="0.4"
        )
    for index, row in enumerate(rows):
        top = HEAD + index * (cell_height + GAP)
        middle = top + cell_height / 2
        write_text(
            GAP * 2, middle - 2, _short(row.label), size=11, weight="bold"
        )
        write_text(
            GAP * 2,
            middle + 6,
            _short(row.note, 28),
            size=8,
            va="top",
            color="0.4",
        )
        for column, picture in enumerate(row.pictures):
            left = MARGIN + column * (CELL + GAP)
            y = top + (cell_height - len(picture)) // 2
            canvas[y : y + len(picture), left : left + CELL] = picture
    figure.figimage(canvas)
    with files.atomic(path) as temporary, warnings.catch_warnings():
        # A label in a script that the font lacks shows as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(temporary)


def _fit(picture: np.ndarray) -> np.ndarray:
    """Resizes a picture to the width of a cell."""
    height, width = picture.shape[:2]
    # A picture that is a mere stripe must not make the sheet a tower.
    size = (CELL, min(max(1, round(CELL * height / width)), 2 * CELL))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _title_of(name: str) -> str:
    return f"class {name}" if name.isdigit() else name


def _short(text: str, most: int = 19) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
