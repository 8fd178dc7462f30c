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

clips.csv is written once; you may edit it. --overwrite writes it afresh, and
takes all frames again.

Example: python frame.py sample-chalearn
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signs.core import arguments
from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.video import catalog

if TYPE_CHECKING:
    import pandas as pd

    from signs.data.clips_table import Dataset


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
        default=20,
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
    parser.set_defaults(**catalog.OF_THE_TABLE)
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
        for folder in (dataset.root, dataset.frame):
            files.remove_leftovers(folder, seconds=0)
        return make(args, dataset)


def make(args: argparse.Namespace, dataset: "Dataset") -> int:
    """Makes what is missing of the tables and frames; returns the exit code."""
    from signs.video import frame_store

    kept = dataset.clips.exists() and not args.overwrite
    old = catalog.read_meta(args, dataset)
    clips, meta = (catalog.keep_tables if kept else catalog.make_tables)(
        args, dataset, old
    )
    source = catalog.find_root(dataset, meta)
    todo = frame_store.tasks(dataset, clips, source, args.frames)
    if not args.overwrite:
        todo = todo.only(
            lambda x: not frame_store.has_frames(x.folder, x.frames)
        )
    if args.dry_run:
        return say_what_would_be_done(args, dataset, clips, kept, len(todo))
    if kept and not todo and dataset.sheet.exists():
        return say_that_all_is_done(args, dataset, clips)
    failures = take_frames(args, dataset, source, todo)
    if len(failures) == len(clips):
        clip, reason = next(iter(failures.items()))
        raise UserError(
            f"no clip has frames: all {len(clips):,} failed, such as {clip} "
            f"({reason}); {failed_path(args, dataset)} lists them"
        )
    done = clips[~clips["clip"].isin(list(failures))]
    draw_sheet(dataset, done, args.frames)
    summarise(args, dataset, clips, meta.get("split", "unknown"), failures)
    return 1 if failures else 0


# --- The frames -------------------------------------------------------------


def take_frames(
    args: argparse.Namespace,
    dataset: "Dataset",
    source: Path,
    todo: Mapping[str, Any],
) -> dict[str, str]:
    """Makes the missing frames; returns the reasons of clips that failed."""
    from signs.cluster import ray_backend
    from signs.core import files, parallel
    from signs.video import frame_store

    if todo and not source.exists():
        raise UserError(
            f"{source} is missing, and {count(len(todo), 'clip')} of "
            f"{dataset.clips} still need it; name the folder of the videos "
            f"with: python frame.py {dataset.name} --source DIR"
        )
    how = (args.workers, "frames", args.quiet, args.timeout or None, False)
    if args.cluster:
        _, failures = ray_backend.map_clips(
            frame_store.make_frames, todo, args.cluster, *how
        )
    else:
        _, failures = parallel.map_clips(frame_store.make_frames, todo, *how)
    files.write_failures(failed_path(args, dataset), failures)
    return failures


def failed_path(args: argparse.Namespace, dataset: "Dataset") -> Path:
    return args.log / f"{dataset.name}-frame-failed.csv"


def draw_sheet(dataset: "Dataset", done: "pd.DataFrame", frames: int) -> None:
    """Draws the contact sheet of the clips that have frames."""
    from signs.data import clips_table
    from signs.video import contact_sheet

    names = clips_table.read_classes(dataset).set_index("label")["name"]
    title = (
        f"{dataset.name}: {count(len(done), 'clip')} of "
        f"{count(len(names), 'class', 'classes')}, "
        f"{count(frames, 'frame')} each"
    )
    try:
        contact_sheet.draw(
            dataset.sheet, done, names, dataset.frame, frames, title
        )
    except ValueError as error:
        log.warning(f"no contact sheet: {error}")


# --- What is said -----------------------------------------------------------


def say_what_would_be_done(
    args: argparse.Namespace,
    dataset: "Dataset",
    clips: "pd.DataFrame",
    kept: bool,
    todo: int,
) -> int:
    if not kept:
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
) -> int:
    failed_path(args, dataset).unlink(missing_ok=True)
    log.info(
        f"nothing to do: {dataset.frame} has {count(args.frames, 'frame')} of "
        f"each of {count(len(clips), 'clip')} (--overwrite makes them again)"
    )
    return 0


def summarise(
    args: argparse.Namespace,
    dataset: "Dataset",
    clips: "pd.DataFrame",
    split: str,
    failures: dict[str, str],
) -> None:
    """Prints what there is now, and what to do next."""
    from signs.data import splits

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
    log.warning(
        "\n".join(
            [
                f"{count(len(failures), 'clip')} failed, and will be tried "
                f"again by the same command; {path} lists them:",
                *first,
                *more,
            ]
        )
    )


if __name__ == "__main__":
    sys.exit(arguments.run(main))
