#!/usr/bin/env python3
"""Step 1: lists the clips of a data set, and takes frames of each.

Reads   data/DATASET/video/...         the videos, in one of the layouts below
        data/DATASET/signers.csv       clip,signer: who is in them, if known
Writes  data/DATASET/clips.csv         the clips: label, signer, split
        data/DATASET/classes.csv       the classes: index, label, name
        data/DATASET/frame/CLIP/frame-001.jpg ...
        data/DATASET/sheet.png         a few clips to look at
        log/DATASET-frame-failed.csv   clips that failed, if any

Layouts
  isogd     train_list.txt, valid_list.txt, test_list.txt beside the videos
  ucf101    trainlist01.txt, testlist01.txt, classInd.txt; v_CLASS_g01_c01.avi
  ledasila  LETTER/WORD---REGION---vid-1---lsid-1.mp4
  csv       a CSV file with path,label[,signer][,split][,start,end]
  lsa64     SIGN_SIGNER_REPETITION.mp4, as in 064_010_005.mp4
  folder    [train|val|test/]LABEL/CLIP.mp4

Each run takes up what has changed: videos that were replaced, added or taken
away, a corrected CSV. You may edit clips.csv: what you edited stays, the rest
follows the videos. --overwrite writes it afresh, and takes all frames again.

Example: python frame.py sample-chalearn
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signs.core import arguments
from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data.settings import FRAMES, TableSettings

if TYPE_CHECKING:
    import pandas as pd

    from signs.data.changes import Record
    from signs.data.clips_table import Dataset
    from signs.video.catalog import Request, Tables


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    parser = arguments.build_parser(__doc__ or "", dataset="chalearn")
    add = parser.add_argument
    add(
        "--source",
        type=Path,
        metavar="DIR",
        help="folder of the videos, or the CSV file that lists them; without "
        "it, data/DATASET/video",
    )
    add(
        "--layout",
        choices=[
            *("auto", "isogd", "ucf101", "ledasila", "csv", "lsa64", "folder")
        ],
        help="how the videos are laid out; auto looks",
    )
    add(
        "--frames",
        type=arguments.whole_number,
        default=FRAMES,
        help="frames a clip",
    )
    add(
        "--timeout",
        type=arguments.not_negative,
        default=120,
        metavar="SECONDS",
        help="give a clip up that takes longer, as some damaged ones hang for "
        "ever; 0 never does",
    )
    add(
        "--split",
        choices=["auto", "official", "signer", "random"],
        help="what is validated on; auto: the official lists if there are "
        "any, else some of the signers if they are known, else a random part",
    )
    add(
        "--val",
        type=arguments.fraction,
        help="share of the clips to validate on, where no list says which",
    )
    add(
        "--min-clips",
        type=arguments.whole_number,
        metavar="N",
        help="leave out classes with fewer clips",
    )
    add(
        "--classes",
        type=arguments.whole_number,
        metavar="N",
        help="leave out all but the N classes with the most clips",
    )
    arguments.add_cluster_flag(parser)
    parser.set_defaults(**asdict(TableSettings()))
    return arguments.parse(parser, argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)
    from signs.cluster import ray_backend
    from signs.core import files, lock
    from signs.data.clips_table import Dataset

    if args.cluster:
        ray_backend.require()
    dataset = Dataset(args.data / args.dataset)
    if args.dry_run:
        return make(args, dataset)
    with lock.hold(dataset.root):
        for path in (dataset.root, dataset.frame, dataset.given.parent):
            files.remove_leftovers(path, seconds=0)
        return make(args, dataset)


def make(args: argparse.Namespace, dataset: "Dataset") -> int:
    """Makes what is missing of the tables and frames; returns the exit code."""
    from signs.core import files
    from signs.video import catalog, frame_store

    tables = catalog.update(dataset, request(args))
    clips = tables.clips
    source = catalog.find_root(dataset, tables.meta)
    rows = frame_store.tasks(dataset, clips, source, args.frames)
    record = frame_store.open_record(dataset, rows)
    todo = rows
    if not args.overwrite:
        todo = rows.only(
            lambda clip, task: (
                not frame_store.has_current_frames(record, clip, task)
            )
        )
    if args.dry_run:
        return say_what_would_be_done(args, dataset, tables, len(todo))
    try:
        gone = frame_store.remove_others(dataset, record, clips)
        failures = take_frames(args, dataset, source, todo, record)
    except BaseException:
        record.flush()
        raise
    record.close()
    unreadable = tables.unreadable
    files.write_failures(failed_path(args, dataset), unreadable | failures)
    if len(failures) == len(clips):
        clip, reason = next(iter(failures.items()))
        if tables.is_new:
            catalog.remove(dataset)
        raise UserError(
            f"no clip has frames: all {len(clips):,} failed, such as {clip} "
            f"({reason}); {failed_path(args, dataset)} lists them"
        )
    done = clips[~clips["clip"].isin(list(failures))]
    drawn = draw_sheet(dataset, done, args.frames, record)
    if todo or gone or drawn or tables.has_changed:
        summarise(args, dataset, tables, failures)
    elif not unreadable:
        say_that_all_is_done(args, dataset, clips)
    return 1 if failures or unreadable else 0


def request(args: argparse.Namespace) -> "Request":
    """What is asked of the tables."""
    from signs.video.catalog import Request

    names = [field.name for field in fields(TableSettings)]
    settings = TableSettings(**{name: getattr(args, name) for name in names})
    return Request(
        settings, args.frames, args.source, args.overwrite, args.dry_run
    )


# --- The frames -------------------------------------------------------------


def take_frames(
    args: argparse.Namespace,
    dataset: "Dataset",
    source: Path,
    todo: Mapping[str, Any],
    record: "Record",
) -> dict[str, str]:
    """Makes the missing frames; returns the reasons of clips that failed."""
    from signs.cluster import ray_backend
    from signs.core import parallel
    from signs.video import frame_store

    if todo and not source.exists():
        raise UserError(
            f"{source} is missing, and {count(len(todo), 'clip')} of "
            f"{dataset.clips} still need it; name the folder of the videos "
            f"with: python frame.py {dataset.name} --source DIR"
        )
    record.begin(todo)
    how = (args.workers, args.timeout or None)
    if args.cluster:
        outcomes = ray_backend.outcomes(
            frame_store.make_frames, todo, args.cluster, *how
        )
    else:
        outcomes = parallel.outcomes(frame_store.make_frames, todo, *how)
    with closing(outcomes) as found:  # ends the processes, whatever happens
        _, failures = parallel.collect(
            record.watch(found), len(todo), "frames", args.quiet, keep=False
        )
    return failures


def failed_path(args: argparse.Namespace, dataset: "Dataset") -> Path:
    return args.log / f"{dataset.name}-frame-failed.csv"


def draw_sheet(
    dataset: "Dataset", done: "pd.DataFrame", frames: int, record: "Record"
) -> bool:
    """Draws the contact sheet of the clips that have frames.

    Returns:
        Whether it was to be drawn: there may be one of just these clips.
    """
    from signs.data import changes, clips_table
    from signs.video import contact_sheet

    names = clips_table.read_classes(dataset).set_index("label")["name"]
    title = (
        f"{dataset.name}: {count(len(done), 'clip')} of "
        f"{count(len(names), 'class', 'classes')}, "
        f"{count(frames, 'frame')} each"
    )
    made_from: dict[str, Any] = {"title": title}
    shown = contact_sheet.choose(done, list(names.index))
    for number, row in enumerate(shown.to_dict("records")):
        about = [row[x] for x in ("clip", "label", "signer", "split")]
        about += [names.get(row["label"], ""), record.identity(row["clip"])]
        made_from[f"row {number}"] = "|".join(about)
    journal = dataset.record("sheet")
    if changes.is_current(dataset.sheet, made_from, journal):
        return False
    try:
        contact_sheet.draw(
            dataset.sheet, done, names, dataset.frame, frames, title
        )
        changes.note(dataset.sheet, made_from, journal)
    except ValueError as error:
        log.warning(f"no contact sheet: {error}")
    return True


# --- What is said -----------------------------------------------------------


def say_what_would_be_done(
    args: argparse.Namespace, dataset: "Dataset", tables: "Tables", todo: int
) -> int:
    clips = tables.clips
    if tables.is_new or tables.has_changed:
        classes = clips["label"][clips["label"] != ""].nunique()
        log.info(
            f"would write {dataset.clips} and {dataset.classes}: "
            f"{count(len(clips), 'clip')} of "
            f"{count(classes, 'class', 'classes')}, {say_split(clips)}"
        )
    log.info(
        f"would take {count(args.frames, 'frame')} of each of "
        f"{count(todo, 'clip')} into {dataset.frame} (dry run, nothing written)"
    )
    return 0


def say_that_all_is_done(
    args: argparse.Namespace, dataset: "Dataset", clips: "pd.DataFrame"
) -> None:
    log.info(
        f"nothing to do: {dataset.frame} has {count(args.frames, 'frame')} of "
        f"each of {count(len(clips), 'clip')} (--overwrite makes them again)"
    )


def summarise(
    args: argparse.Namespace,
    dataset: "Dataset",
    tables: "Tables",
    failures: dict[str, str],
) -> None:
    """Prints what there is now, and what to do next."""
    from signs.data import splits

    clips = tables.clips
    split = tables.meta.get("split", "unknown")
    sizes = clips["label"][clips["label"] != ""].value_counts()
    unlabelled = len(clips) - sizes.sum()
    signers = clips["signer"][clips["signer"] != ""].nunique()
    facts = {
        "clips": f"{len(clips):,}"
        + (f", {unlabelled:,} of them without a label" if unlabelled else ""),
        "classes": f"{len(sizes):,}, {say_sizes(sizes)}",
        "signers": f"{signers:,}" if signers else "not known",
        "split": say_split(clips),
        "": splits.MEANING.get(split, "as clips.csv says"),
        "frames": str(dataset.frame / "CLIP" / "frame-001.jpg") + " ...",
        "sheet": str(dataset.sheet),
    }
    for name, fact in facts.items():
        log.info(f"{name:9}{fact}")
    if failures:
        say_what_failed(failures, failed_path(args, dataset))
    log.info(f"{'next':9}python feature.py {dataset.name}")


def say_sizes(sizes: "pd.Series[int]") -> str:
    """How many clips a class has."""
    if len(sizes) == 0:
        return "no clip has a label"
    if sizes.min() == sizes.max():
        return f"each of {count(int(sizes.max()), 'clip')}"
    return (
        f"of {sizes.min():,} to {sizes.max():,} clips "
        f"(median {sizes.median():g})"
    )


def say_split(clips: "pd.DataFrame") -> str:
    """How many clips each split has."""
    sizes = clips["split"].replace("", "in none").value_counts()
    names = [x for x in ("train", "val", "test", "in none") if x in sizes]
    return ", ".join(f"{name} {sizes[name]:,}" for name in names)


def say_what_failed(failures: dict[str, str], path: Path) -> None:
    first = [f"  {clip}: {why}" for clip, why in list(failures.items())[:3]]
    more = ["  ..."] if len(failures) > len(first) else []
    head = (
        f"{count(len(failures), 'clip')} failed, and will be tried again by "
        f"the same command; {path} lists them:"
    )
    log.warning("\n".join([head, *first, *more]))


if __name__ == "__main__":
    sys.exit(arguments.run(main))
