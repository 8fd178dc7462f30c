"""Writes the tables of a data set, and lets them follow their source."""

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from signs.core import files
from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data import clips_table, merge, source_table, splits
from signs.data.changes import Record
from signs.data.clips_table import Dataset
from signs.data.csv_files import read_csv, write_table
from signs.data.layouts import ledasila
from signs.data.layouts.detect import Listing, NoVideosError
from signs.data.settings import FRAMES, TableSettings
from signs.video import frame_store, images

NAMED = 3  # conflicts of edits with the source that are named


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Attributes:
        settings: of the table.
        frames: how many a clip.
        source: folder of the videos, or CSV file; None is the one before.
        overwrite: begin anew, without regard to people's edits.
        dry_run: write nothing.
    """

    settings: TableSettings
    frames: int = FRAMES
    source: Path | None = None
    overwrite: bool = False
    dry_run: bool = False


class Tables(NamedTuple):
    """The tables as they are now.

    Attributes:
        clips: the clips table.
        meta: what is known of the frames; see `frame_store.read_meta`.
        is_new: whether there were none before.
        has_changed: whether they were written.
        unreadable: why folders of the source are left out, by their path.
    """

    clips: pd.DataFrame
    meta: dict[str, Any]
    is_new: bool
    has_changed: bool
    unreadable: dict[str, str]


def update(dataset: Dataset, request: Request) -> Tables:
    """Writes the tables if they are missing, else lets them follow the source.

    Raises:
        UserError: if that is impossible; then nothing is written.
    """
    old = read_meta(dataset, request)
    if dataset.clips.exists() and not request.overwrite:
        return keep_tables(dataset, request, old)
    return make_tables(dataset, request, old)


def read_meta(dataset: Dataset, request: Request) -> dict[str, Any] | None:
    """What is known of frames made earlier; refuses to mix two numbers."""
    try:
        meta = frame_store.read_meta(dataset)
    except UserError:
        if not request.overwrite:
            raise
        return None  # what is damaged is about to be written afresh
    if meta and meta["frames"] != request.frames and not request.overwrite:
        raise UserError(
            f"{dataset.frame} has {meta['frames']} frames a clip, not "
            f"{request.frames}; say --frames {meta['frames']}, or make all "
            f"again with: python frame.py {dataset.name} --frames "
            f"{request.frames} --overwrite"
        )
    return meta


def find_root(dataset: Dataset, meta: dict[str, Any]) -> Path:
    """The folder that the column `video` starts from."""
    source = dataset.root / str(meta.get("source", "video"))
    return source.parent if source.is_file() else source


def make_tables(
    dataset: Dataset, request: Request, old: dict[str, Any] | None
) -> Tables:
    """Reads the source, and writes clips.csv, classes.csv and meta.json."""
    settings = request.settings
    meta = {**_new_meta(request, old), "arguments": asdict(settings)}
    source = dataset.root / meta["source"]
    if not source.exists():
        raise UserError(
            f"{source} is missing; put the videos there (IsoGD, LedaSila, one "
            "folder a class, or a CSV with path,label), name their folder "
            "with --source, or render stand-in data with: python sample.py"
        )
    listing = source_table.read(source, dataset.signers, settings)
    clips, layout, folder = listing
    log.info(f"{source}: {count(len(clips), 'clip')}, layout {layout}")
    if layout == "ledasila" and (settings.min_clips, settings.classes) == (
        TableSettings.min_clips,
        TableSettings.classes,
    ):
        ledasila.hint_at_min_clips(clips)
    clips = _divide(listing, settings, meta)
    classes = clips_table.classes_of(clips)
    if not request.dry_run:
        if request.overwrite:
            dataset.record("frame").unlink(missing_ok=True)
            files.remove_folder(dataset.frame)
            dataset.clips.unlink(missing_ok=True)
        # The clips come last: with them, the tables are taken for finished.
        files.write_json(frame_store.meta_path(dataset), meta)
        write_table(dataset.given, clips)
        write_table(dataset.classes, source_table.with_names(classes, layout))
        write_table(dataset.clips, clips)
    return Tables(clips, meta, True, True, folder.failures())


def keep_tables(
    dataset: Dataset, request: Request, old: dict[str, Any] | None
) -> Tables:
    """Reads clips.csv, and changes what its source has changed since."""
    clips = clips_table.read_clips(dataset)
    meta = {**(old or {}), **_new_meta(request, old)}
    _warn_of_ignored(dataset, request.settings, meta)
    merged, given, unreadable = clips, None, {}
    listing = _look_again(dataset, meta)
    if listing:
        unreadable = listing.folder.failures()
        settings = _settings(meta)
        digest = source_table.digest(listing, settings)
        if meta.get("listing") != digest and not _hides_clips(dataset, listing):
            given = _divide(listing, settings, meta)
            merged = _follow(dataset, listing.folder.root, given, clips)
    classes = _follow_classes(dataset, merged, meta)
    splits.warn_of_signers(merged, meta.get("split", "unknown"))
    is_same = merged is clips or merged.equals(clips)
    has_changed = not is_same or classes is not None
    if not request.dry_run:
        # A run that is killed in between does all of it again, as what the
        # source was is said last.
        if classes is not None:
            write_table(dataset.classes, classes)
        if not is_same:
            write_table(dataset.clips, merged)
        if given is not None:
            write_table(dataset.given, given)
        if meta != old:
            files.write_json(frame_store.meta_path(dataset), meta)
    return Tables(merged, meta, False, has_changed, unreadable)


def check_frames(
    dataset: Dataset, clips: pd.DataFrame, adopt: bool = True
) -> Record:
    """What the frames of a data set were made from.

    Args:
        dataset: whose.
        clips: the clips table.
        adopt: whether to trust, and write down, frames of an earlier version,
            whose videos are all read for that.

    Raises:
        UserError: if videos or sections have changed since, or frames are not
            finished.
    """
    meta = frame_store.read_meta(dataset)
    if meta is None or not (adopt or dataset.record("frame").exists()):
        return Record(dataset.record("frame"))
    root = find_root(dataset, meta)
    rows = frame_store.tasks(dataset, clips, root, meta["frames"])
    record = frame_store.open_record(dataset, rows)
    outdated = frame_store.outdated(record, rows)
    if outdated:
        raise UserError(
            f"the frames of {count(len(outdated), 'clip')} are not those of "
            f"the video as it is, such as {outdated[0]}; take them again "
            f"with: python frame.py {dataset.name}"
        )
    return record


def remove(dataset: Dataset) -> None:
    """Removes new tables after a run that could do nothing with them."""
    for path in (
        *(dataset.clips, dataset.classes, dataset.given),
        *(dataset.record("frame"), frame_store.meta_path(dataset)),
    ):
        path.unlink(missing_ok=True)
    for folder in (dataset.given.parent, dataset.frame):
        with suppress(OSError):  # not empty
            folder.rmdir()


def _new_meta(request: Request, old: dict[str, Any] | None) -> dict[str, Any]:
    source = (old or {}).get("source", "video")
    return {
        "frames": request.frames,
        "short_side": frame_store.SHORT_SIDE,
        "jpeg_quality": images.JPEG_QUALITY,
        # From the data set's folder, which may be moved with the videos.
        "source": str(request.source.resolve()) if request.source else source,
    }


def _divide(
    listing: Listing, settings: TableSettings, meta: dict[str, Any]
) -> pd.DataFrame:
    """The table that a source gives; notes in `meta` what it was."""
    clips, how = source_table.divide(listing, settings)
    meta |= {
        "layout": listing.layout,
        "split": how,
        "videos": len(listing.folder.videos),
        "listing": source_table.digest(listing, settings),
    }
    return clips


def _look_again(dataset: Dataset, meta: dict[str, Any]) -> Listing | None:
    """What the source of a table holds now; None if it is not to be followed.

    It is not if the table is a person's own, or if the videos are gone, which
    their frames may outlive.
    """
    source = dataset.root / meta["source"]
    if "arguments" not in meta or not source.exists():
        return None
    try:
        return source_table.read(source, dataset.signers, _settings(meta))
    except NoVideosError:
        return None


def _hides_clips(dataset: Dataset, listing: Listing) -> bool:
    """Whether clips are missing only because they cannot be looked at."""
    folder = listing.folder
    if not (folder.unreadable or folder.dangling):
        return False
    gone = set(_last_given(dataset)["video"]) - set(listing.clips["video"])
    hidden = [x for x in gone if folder.hides(clips_table.on_disk(x))]
    if hidden:
        log.warning(
            f"{dataset.clips} is kept as it is: {count(len(hidden), 'video')} "
            f"cannot be looked at, such as {min(hidden)}"
        )
    return bool(hidden)


def _follow(
    dataset: Dataset, root: Path, given: pd.DataFrame, clips: pd.DataFrame
) -> pd.DataFrame:
    """The clips table with the changes of its source.

    Args:
        dataset: whose.
        root: the folder that the videos' paths start from.
        given: the table as the source gives it now.
        clips: as it is.
    """
    if not dataset.given.exists():  # written by an earlier version
        if set(given["clip"]) != set(clips["clip"]):
            log.info(
                f"{dataset.clips} lists other clips than its source, and is "
                "kept as it is; --overwrite writes it afresh"
            )
        return clips
    merged = merge.follow(
        _last_given(dataset),
        given,
        clips,
        lambda video: (root / clips_table.on_disk(video)).is_file(),
    )
    clips_table.check_clips(merged.clips, dataset.clips)
    log.info(
        f"{dataset.clips} follows its source: "
        f"{count(merged.added, 'clip')} added, {merged.removed:,} removed, "
        f"{count(merged.changed, 'cell')} changed"
    )
    for conflict in merged.conflicts[:NAMED]:
        log.warning(f"{dataset.clips}: {conflict}")
    if len(merged.conflicts) > NAMED:
        log.warning(
            f"{dataset.clips}: and {len(merged.conflicts) - NAMED:,} more "
            "edits of what the source has changed"
        )
    return merged.clips


def _follow_classes(
    dataset: Dataset, clips: pd.DataFrame, meta: dict[str, Any]
) -> pd.DataFrame | None:
    """The classes table of other labels than before; None if it can stay."""
    labels = clips_table.class_order(clips["label"])
    if not dataset.classes.exists():
        new = clips_table.classes_of(clips)
        return source_table.with_names(new, meta.get("layout", ""))
    classes = clips_table.read_classes(dataset)
    if set(classes["label"]) == set(labels):
        return None
    new = merge.follow_classes(classes, labels)
    return source_table.with_names(new, meta.get("layout", ""))


def _last_given(dataset: Dataset) -> pd.DataFrame:
    path = dataset.given
    if not path.exists():
        return pd.DataFrame(columns=clips_table.COLUMNS, dtype=str)
    return read_csv(path)


def _settings(meta: dict[str, Any]) -> TableSettings:
    """What a table was asked for with."""
    known = asdict(TableSettings())
    asked = meta["arguments"].items()
    return TableSettings(**{k: v for k, v in asked if k in known})


def _warn_of_ignored(
    dataset: Dataset, settings: TableSettings, meta: dict[str, Any]
) -> None:
    made_with = meta.get("arguments", {})
    default = asdict(TableSettings())
    ignored = [
        "--" + name.replace("_", "-")
        for name, value in asdict(settings).items()
        if value not in (default[name], made_with.get(name, default[name]))
    ]
    if ignored:
        log.warning(
            f"{dataset.clips} is kept as it is, without regard to "
            f"{', '.join(ignored)}; --overwrite writes it afresh"
        )
