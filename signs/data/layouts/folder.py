"""One folder a class, maybe below the folders train, val and test."""

from signs.core.errors import UserError
from signs.core.messages import log
from signs.data import clips_table
from signs.data.layouts.common import warn_left_out
from signs.data.scan import SPLIT_NAMES, Clip, VideoFolder


def matches(folder: VideoFolder) -> bool:
    """Whether a folder is taken for this layout: if it is no other one."""
    return True


def read(folder: VideoFolder) -> list[Clip]:
    """Reads `[train|val|test]/<label>/<clip>.<ending>`.

    The first folders are splits if all of them are named so and `train` is
    one; else they are the labels. What is deeper is only part of the clip's
    name. A single folder around all of these, as archives are unpacked into,
    is looked through.
    """
    around = _around(folder.videos)
    if around:
        log.info(
            f"all videos are below {clips_table.as_cell(around)}: the folders "
            "in it are the classes"
        )
    start = around.count("/") + bool(around)
    folders = [video.split("/")[start:-1] for video in folder.videos]
    first = {path[0].lower() for path in folders if path}
    splits = "train" in {SPLIT_NAMES.get(name) for name in first} and (
        first <= SPLIT_NAMES.keys() and any(len(path) > 1 for path in folders)
    )
    if not splits and len(first & SPLIT_NAMES.keys()) > 1:
        log.warning(
            f"the folders {', '.join(sorted(first & SPLIT_NAMES.keys()))} are "
            "taken for classes; they are splits only if all the first folders "
            "are, and each holds one folder a class"
        )
    clips, others = [], []
    for video, path in zip(folder.videos, folders, strict=True):
        split = SPLIT_NAMES[path[0].lower()] if splits and path else ""
        label = clips_table.normal("".join(path[int(splits) :][:1]))
        if label:
            clips.append(Clip(video, label, split=split))
        else:
            others.append(video)
    if not clips:
        raise UserError(
            f"the videos in {folder.root} are in no folder that names their "
            "class; move them into one folder a class, or list them in a CSV "
            "with the columns path,label"
        )
    warn_left_out(others, "being in no folder that names their class")
    return clips


def _around(videos: list[str]) -> str:
    """The folders that are around all classes; empty if there are none.

    A folder is around the classes if all videos are below it, none is just in
    it, and it holds several folders or those of the splits. (One that holds
    but one may be a class, and the folder in it that of a signer.)
    """
    parents = [video.split("/")[:-1] for video in videos]
    depth = 0
    while (
        len({tuple(path[: depth + 1]) for path in parents}) == 1
        and min(map(len, parents)) > depth + 1
        and parents[0][depth].lower() not in SPLIT_NAMES
    ):
        depth += 1
    below = {path[depth].lower() for path in parents if len(path) > depth}
    is_around = len(below) > 1 or below <= SPLIT_NAMES.keys()
    return "/".join(parents[0][:depth]) if is_around else ""
