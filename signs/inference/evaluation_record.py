"""What is said of an evaluation besides its figures."""

import hashlib
import json
from typing import Any

import pandas as pd

from signs.core.messages import count
from signs.data import changes, clips_table, splits
from signs.data.changes import Inputs
from signs.features import combined, feature_store
from signs.inference.judged_clips import JudgedClips, Task
from signs.training import clips_used
from signs.training.clips_used import Overlap

MOST_NAMED = 5


def inputs(task: Task, known: Overlap | None) -> Inputs:
    """All that an evaluation is made from.

    Files of features and videos are told by their sizes and times.
    """
    kinds = [x["cnn"] for x in combined.parts(task.record["features"])]
    digest = hashlib.sha256(repr(known).encode())
    digest.update(task.rows.to_csv(index=False).encode())
    for clip, video in zip(task.rows["clip"], task.rows["video"], strict=True):
        for name in kinds:
            path = feature_store.feature_path(task.dataset, name, clip)
            if not path.exists():  # those of --videos are yet to be made
                path = task.root / clips_table.on_disk(video)
            if path.exists():
                status = path.stat()
                known_by = f"{status.st_size} {status.st_mtime_ns} "
                digest.update(known_by.encode())
    return {
        "model": changes.fingerprint(task.model),
        "record": json.dumps(task.record, sort_keys=True),
        "clips": digest.hexdigest(),
    }


def known_clips(task: Task, known: Overlap) -> list[str]:
    """What a model knows of the clips, in sentences; empty if nothing."""
    return [
        f"{task.record['run']} {verb} {len(clips):,} of these "
        f"{count(len(task.rows), task.what, task.what + 's')}, such as "
        f"{clips[0]}: {meaning}"
        for clips, verb, meaning in (
            (
                known.trained,
                "was trained on",
                "the figures show what it remembers, not what it can do",
            ),
            (
                known.chosen,
                "had its best epoch chosen by",
                "the figures are too good",
            ),
        )
        if clips
    ]


def cautions(
    task: Task,
    known: Overlap | None,
    judged: JudgedClips,
    lacking: dict[str, str],
    units: str,
) -> list[str]:
    """What a reader of the figures must know, in sentences.

    Args:
        task: what is judged on what.
        known: what the model knows of the clips; None if that is not known.
        judged: the clips.
        lacking: the reasons of the clips that have no features.
        units: what the intervals resample, `signers` or `clips`.
    """
    found = []
    if known is None:
        found.append(
            "This model is older than lists of training clips: whether it "
            "knows these clips cannot be told."
        )
    else:
        found += [f"Not a test: {x}." for x in known_clips(task, known)]
        found += _known_people(known)
    if task.split == "random":
        found.append(f"The split is {splits.MEANING['random']}.")
    if units == "clips":
        found.append(
            "Too few signers are known, so the intervals are about other "
            "clips of the same people; on new people, accuracy varies more."
        )
    return [*found, *_left_out(task, judged, lacking)]


def _known_people(known: Overlap) -> list[str]:
    if not known.signers:
        return []
    are = "signer of these clips is", "signers of these clips are"
    return [
        f"{count(len(known.signers), *are)} in the training clips, too, such "
        f"as {known.signers[0]}: expect less from new people."
    ]


def _left_out(
    task: Task, judged: JudgedClips, lacking: dict[str, str]
) -> list[str]:
    found = []
    if judged.unknown:
        names = list(judged.unknown)
        more = ", ..." if len(names) > MOST_NAMED else ""
        found.append(
            f"Left out: {count(sum(judged.unknown.values()), 'clip')} of "
            f"{count(len(names), 'class', 'classes')} that the model does not "
            f"know ({', '.join(names[:MOST_NAMED])}{more})."
        )
    if lacking:
        clip, reason = next(iter(lacking.items()))
        found.append(
            f"Left out: {count(len(lacking), 'clip')} of {len(task.rows):,} "
            f"that {'has' if len(lacking) == 1 else 'have'} no features, such "
            f"as {clip}: {reason}."
        )
    return found


def facts(task: Task, judged: JudgedClips, command: str) -> dict[str, str]:
    """How an evaluation was made, by name, for people."""
    features, record = task.record["features"], task.record
    people = judged.rows["signer"][judged.rows["signer"] != ""].nunique()
    return {
        "command": command,
        "data": f"{task.name}: {count(len(judged.rows), task.what)} of "
        f"{count(people, 'signer') if people else 'unknown signers'}"
        + (
            f"; split: {splits.MEANING.get(task.split, task.split)}"
            if task.split
            else ""
        ),
        "model": f"{task.model}, trained on {_training(task.used, record)}",
        "network": f"input {record['input']}, "
        + (
            "less the mean feature of the session, "
            if task.session_mean
            else ""
        )
        + f"{record['frames']} frames of {features['length']:,} features",
        "features": f"{features['cnn']}, weights {features['weights']} "
        f"({features['weights_hash']})",
    }


def _training(used: pd.DataFrame | None, record: dict[str, Any]) -> str:
    if used is None:
        return f"{record['dataset']}"
    parts = []
    for dataset, rows in used.groupby("dataset", sort=False):
        train = rows[rows["use"] == clips_used.TRAINED]
        chosen = rows[rows["use"] == clips_used.CHOSEN]
        people = train["signer"][train["signer"] != ""].nunique()
        parts.append(
            f"{count(len(train), 'clip')} of {dataset}"
            + (f" by {count(people, 'signer')}" if people else "")
            + (
                f", epoch chosen by {count(len(chosen), 'other clip')}"
                if len(chosen)
                else ""
            )
        )
    text = "; before that, ".join(parts)
    refit = record.get("refit")
    return f"{text}, for as long as was best in {refit}" if refit else text


def predictions(
    judged: JudgedClips, answers: dict[str, Any], classes: pd.DataFrame
) -> pd.DataFrame:
    """What a model says of each clip.

    Returns:
        clip, signer, label; then for each way to show it the clips (all but
        the first one has its name in front): predicted, the label it
        answers; probability, of that; rank, the place of the right label.
    """
    from signs.evaluation.scores import ranks

    table = judged.rows[["clip", "signer", "label"]].copy()
    labels = classes["label"].to_numpy()
    for place, (way, each) in enumerate(answers.items()):
        front = f"{way}_" if place else ""
        best = each.argmax(axis=1)
        table[f"{front}predicted"] = labels[best]
        table[f"{front}probability"] = each.max(axis=1).round(6)
        table[f"{front}rank"] = ranks(each, judged.features.labels)
    return table
