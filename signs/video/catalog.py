"""Writes the tables of a data set once, and keeps them from then on."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signs.core import files
from signs.core.errors import UserError
from signs.core.messages import count, log

if TYPE_CHECKING:
    import pandas as pd

    from signs.data.clips_table import Dataset

# The arguments that decide what is in clips.csv, with their defaults.
OF_THE_TABLE = {
    "layout": "auto",
    "split": "auto",
    "val": 0.2,
    "min_clips": 1,
    "classes": None,
    "seed": 0,
}


def read_meta(
    args: argparse.Namespace, dataset: "Dataset"
) -> dict[str, Any] | None:
    """What is known of frames made earlier; refuses to mix two numbers."""
    from signs.video import frame_store

    try:
        meta = frame_store.read_meta(dataset)
    except UserError:
        if not args.overwrite:
            raise
        return None  # what is damaged is about to be written afresh
    if meta and meta["frames"] != args.frames and not args.overwrite:
        raise UserError(
            f"{dataset.frame} has {meta['frames']} frames a clip, not "
            f"{args.frames}; say --frames {meta['frames']}, or make all again "
            f"with: python frame.py {dataset.name} --frames {args.frames} "
            "--overwrite"
        )
    return meta


def find_root(dataset: "Dataset", meta: dict[str, Any]) -> Path:
    """The folder that the column `video` starts from."""
    source = dataset.root / meta["source"]
    return source.parent if source.is_file() else source


def new_meta(
    args: argparse.Namespace, old: dict[str, Any] | None
) -> dict[str, Any]:
    """What is known of the frames to be made; see `frames.read_meta`."""
    from signs.video import decode, frame_store

    source = (old or {}).get("source", "video")
    return {
        "frames": args.frames,
        "short_side": frame_store.SHORT_SIDE,
        "jpeg_quality": decode.JPEG_QUALITY,
        # From the data set's folder, which may be moved with the videos.
        "source": str(args.source.resolve()) if args.source else source,
    }


def make_tables(
    args: argparse.Namespace, dataset: "Dataset", old: dict[str, Any] | None
) -> tuple["pd.DataFrame", dict[str, Any]]:
    """Reads the source, and writes clips.csv, classes.csv and meta.json.

    Args:
        old: what is known of earlier frames; None if there are none.

    Returns:
        The clips table, and what is known of the frames to be made.
    """
    from signs.data import clips_table, splits
    from signs.data.layouts import detect, ledasila
    from signs.data.signers import add_signers
    from signs.video import frame_store

    meta = new_meta(args, old)
    source = dataset.root / meta["source"]
    if not source.exists():
        raise UserError(
            f"{source} is missing; put the videos there (IsoGD, LedaSila, one "
            "folder a class, or a CSV with path,label), name their folder "
            "with --source, or render stand-in data with: python sample.py"
        )
    clips, layout, found = detect.read_layout(source, args.layout)
    log.info(f"{source}: {count(len(clips), 'clip')}, layout {layout}")
    clips = add_signers(clips, dataset.signers)
    if layout == "ledasila" and args.min_clips == 1 and not args.classes:
        ledasila.hint_at_min_clips(clips)
    clips = clips_table.keep_classes(clips, args.min_clips, args.classes)
    clips, how = splits.assign(clips, args.split, args.val, args.seed)
    splits.warn_of_classes(clips)
    splits.warn_of_signers(clips, how)
    splits.warn_of_duplicates(clips, find_root(dataset, meta))
    classes = clips_table.classes_of(clips)
    classes["name"] = [detect.readable(x, layout) for x in classes["label"]]
    meta |= {
        "layout": layout,
        "split": how,
        "videos": len(found.videos),
        "arguments": {name: getattr(args, name) for name in OF_THE_TABLE},
    }
    if not args.dry_run:
        if args.overwrite:
            files.remove_folder(dataset.frame)
            if (dataset.root / "feature").exists():
                log.warning(
                    "the features are those of the old frames; make them "
                    f"again with: python feature.py {dataset.name} --overwrite"
                )
            dataset.clips.unlink(missing_ok=True)
        # The clips come last: with them, the tables are taken for finished.
        files.write_json(frame_store.meta_path(dataset), meta)
        clips_table.write_table(dataset.classes, classes)
        clips_table.write_table(dataset.clips, clips)
    return clips, meta


def keep_tables(
    args: argparse.Namespace, dataset: "Dataset", old: dict[str, Any] | None
) -> tuple["pd.DataFrame", dict[str, Any]]:
    """Reads clips.csv as it is, and says what of the arguments it ignores.

    Args:
        old: what is known of earlier frames; None if there are none.

    Returns:
        The clips table, and what is known of the frames to be made.
    """
    from signs.data import clips_table, splits
    from signs.data.scan import find_files
    from signs.video import frame_store

    clips = clips_table.read_clips(dataset)
    if not dataset.classes.exists() and not args.dry_run:
        clips_table.write_table(dataset.classes, clips_table.classes_of(clips))
    meta = {**(old or {}), **new_meta(args, old)}
    if meta != old and not args.dry_run:
        files.write_json(frame_store.meta_path(dataset), meta)
    made_with = meta.get("arguments", {})
    ignored = [
        "--" + name.replace("_", "-")
        for name, default in OF_THE_TABLE.items()
        if getattr(args, name) not in (default, made_with.get(name, default))
    ]
    if ignored:
        log.warning(
            f"{dataset.clips} is kept as it is, without regard to "
            f"{', '.join(ignored)}; --overwrite writes it afresh"
        )
    source = find_root(dataset, meta)
    if source.exists() and "videos" in meta:
        more = len(find_files(source).videos) - meta["videos"]
        if more > 0:
            log.info(
                f"{source} has {count(more, 'video')} more than when "
                f"{dataset.clips} was written; --overwrite takes them in"
            )
    splits.warn_of_signers(clips, meta.get("split", "unknown"))
    return clips, meta
