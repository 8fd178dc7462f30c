"""Which clips a model was trained and chosen on: `model/RUN-clips.csv`.

A model that is judged on them shows what it remembers, not what it can do.
The list lies beside the model, so that it is there wherever the model goes.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from signs.core import arguments
from signs.core.errors import UserError
from signs.data import clips_table, video_content
from signs.data.clips_table import Dataset
from signs.training import run_record
from signs.video import catalog, frame_store

COLUMNS = ["dataset", "clip", "use", "signer", "content"]
TRAINED, CHOSEN = "train", "val"  # what a clip was used for


@dataclass(frozen=True)
class Overlap:
    """What a model knows of the clips that it is to be judged on.

    Attributes:
        trained: clips that it was trained on.
        chosen: clips that decided which of its epochs was kept.
        signers: people who are in its training clips, too.
    """

    trained: list[str]
    chosen: list[str]
    signers: list[str]


def path_beside(model: Path, run: str) -> Path:
    """Where the list of a model's clips is."""
    return model.with_name(f"{run}-clips.csv")


def describe(
    dataset: str, clips: pd.DataFrame, content: list[str]
) -> pd.DataFrame:
    """The list of the clips that a training uses.

    Args:
        dataset: the name of the data set.
        clips: rows of the clips table; `split` says what each is used for.
        content: see `video_content.of_clips`.

    Returns:
        One row a clip, with the columns of `COLUMNS`.
    """
    return pd.DataFrame(
        {
            "dataset": dataset,
            "clip": clips["clip"],
            "use": clips["split"],
            "signer": clips["signer"],
            "content": content,
        },
        dtype=str,
    )


def of_training(
    dataset: Dataset, uses: Mapping[str, Iterable[str]], source: Path | None
) -> pd.DataFrame:
    """The list of the clips of a training, and of all before it.

    Args:
        dataset: that is trained on.
        uses: names of clips by what they are used for.
        source: the model that a transfer starts from; its clips count, too.
    """
    clips = clips_table.read_clips(dataset)
    use_of = {clip: use for use, names in uses.items() for clip in names}
    clips = clips[clips["clip"].isin(use_of.keys())]
    clips = clips.assign(split=clips["clip"].map(use_of))
    meta = frame_store.read_meta(dataset) or {"source": "video"}
    root = catalog.find_root(dataset, meta)
    cores = arguments.available_cores()
    content = video_content.of_clips(clips, root, cores)
    used = describe(dataset.name, clips, content)
    if source is None:
        return used
    before = read(source, run_record.read_model_record(source))
    return used if before is None else pd.concat([used, before])


def summary(used: pd.DataFrame) -> dict[str, Any]:
    """What the record of a model says of its list of clips."""
    text = used.to_csv(index=False, lineterminator="\n").encode()
    return {
        TRAINED: int((used["use"] == TRAINED).sum()),
        CHOSEN: int((used["use"] == CHOSEN).sum()),
        "sha256": hashlib.sha256(text).hexdigest(),
    }


def read(model: Path, record: dict[str, Any]) -> pd.DataFrame | None:
    """The clips that a model was trained and chosen on.

    Args:
        model: its file.
        record: what its record says.

    Returns:
        The list; None where the model is older than such lists.

    Raises:
        UserError: if the list is missing or was changed.
    """
    said = record.get("clips")
    if said is None:
        return None
    path = path_beside(model, record["run"])
    if not path.exists():
        raise UserError(
            f"{path} is missing, which says what {model.name} was trained on; "
            "copy it from where the model came from"
        )
    used = clips_table.read_csv(path)
    if list(used.columns) != COLUMNS or summary(used) != said:
        raise UserError(
            f"{path} is not the list of clips that {model.name} was trained "
            "with; copy it from where the model came from"
        )
    return used


def overlap(
    used: pd.DataFrame, dataset: str, clips: pd.DataFrame, content: list[str]
) -> Overlap:
    """Which clips a model has seen in its training.

    Clips of the same data set are told by their names, all by what is in
    their files.

    Args:
        used: the list of the model's clips.
        dataset: the name of the data set of the clips; empty for none.
        clips: rows of a clips table.
        content: see `video_content.of_clips`.
    """
    own = used[used["dataset"] == dataset]

    def seen(use: str) -> list[str]:
        contents = set(used["content"][used["use"] == use]) - {""}
        names = set(own["clip"][own["use"] == use])
        return [
            clip
            for clip, text in zip(clips["clip"], content, strict=True)
            if clip in names or text in contents
        ]

    people = set(own["signer"][own["use"] == TRAINED]) - {""}
    return Overlap(
        seen(TRAINED), seen(CHOSEN), sorted(people & set(clips["signer"]))
    )


def content_to_compare(
    used: pd.DataFrame, clips: pd.DataFrame, root: Path, workers: int
) -> list[str]:
    """What is in the files of clips, but only of those a model may know.

    Args:
        used: the list of the model's clips.
        clips: rows of a clips table.
        root: the folder that its column video starts from.
        workers: threads that read.
    """
    sizes = video_content.sizes_of(used["content"])
    return video_content.of_clips(clips, root, workers, sizes)
