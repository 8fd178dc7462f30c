"""The lists of the IsoGD data set: which clip shows what, in which split."""

import re
from dataclasses import replace
from pathlib import Path

from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data import clips_table
from signs.data.layouts.common import most
from signs.data.scan import SPLIT_NAMES, Clip, VideoFolder, is_video

LIST_NAME = re.compile(r"(train|valid|val|test)(_list)?\.txt", re.IGNORECASE)


def matches(folder: VideoFolder) -> bool:
    """Whether there is one of its lists."""
    return any(is_list(folder.root / path) for path in list_paths(folder))


def require_lists(folder: VideoFolder) -> None:
    """Raises a `UserError` if the videos are IsoGD's, for want of its lists."""
    names = [video.split("/")[-1] for video in folder.videos]
    if most(re.match(r"[MK]_\d+\.avi$", name) for name in names):
        raise UserError(
            f"{folder.root} has the videos of IsoGD but not its lists; put "
            "train_list.txt, valid_list.txt and test_list.txt there, or say "
            "--layout folder"
        )


def read(folder: VideoFolder) -> list[Clip]:
    """Reads the lists, in each form they were published in.

    A line is `RGB-video depth-video label`, of which the depth video or the
    label may be missing; the labels count from 1, and 0 is none. Where a
    split has several lists, the one with the most labels counts.

    A listed clip that is not on disk stays in, so that it is reported. A list
    of which no clip is on disk, an archive not unpacked, is left out.
    """
    copies: dict[str, list[list[Clip]]] = {}
    for path in list_paths(folder):
        clips = _read_list(folder.root, path)
        if clips:
            copies.setdefault(clips[0].split, []).append(clips)
    if not copies:
        raise UserError(
            f"{folder.root} has no list of IsoGD (train_list.txt, "
            "valid_list.txt, test_list.txt); put the lists there"
        )
    lists = {split: max(same, key=_labelled) for split, same in copies.items()}
    found = []
    endings = _by_ending(folder.videos)
    for split in clips_table.SPLITS:
        found += _locate(lists.get(split, []), endings, folder.root)
    if not found:
        raise UserError(
            f"not one video of the lists is in {folder.root}; it should hold "
            "IsoGD_phase_1 and IsoGD_phase_2"
        )
    if "val" in lists and not _labelled(lists["val"]):
        log.warning(
            "the validation list has no labels, so it cannot be validated on; "
            "the one with labels was published later"
        )
    return found


def list_paths(folder: VideoFolder) -> list[str]:
    """Files named as the lists are, up to two folders deep; the top first."""
    paths = [
        path
        for path in folder.files
        if path.count("/") <= 2 and LIST_NAME.fullmatch(path.split("/")[-1])
    ]
    return sorted(paths, key=lambda path: (path.count("/"), path))


def is_list(path: Path) -> bool:
    """Whether the first line of a text is one of IsoGD's lists."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        lines = (line.split() for line in file if line.strip())
        return _parse(next(lines, [])) is not None


def _read_list(root: Path, path: str) -> list[Clip]:
    """Reads one list; the videos' paths are as the list has them."""
    try:
        text = (root / path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{root / path} is not UTF-8: {error}") from error
    match = LIST_NAME.fullmatch(path.split("/")[-1])
    split = SPLIT_NAMES[match[1].lower()] if match else ""
    clips = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        place = f"{root / path}, line {number}"
        parsed = _parse(line.split())
        if parsed is None:
            raise UserError(
                f"{place}: {line.strip()[:99]!r} is not "
                "'train/001/M_00001.avi train/001/K_00001.avi 26'"
            )
        clips.append(Clip(*parsed, split=split, place=place))
    return clips


def _parse(cells: list[str]) -> tuple[str, str] | None:
    """The RGB video and the label of a line; None if it is not of a list."""
    paths = [cell.replace("\\", "/").removeprefix("./") for cell in cells]
    videos = [path for path in paths if is_video(path)]
    labels = paths[len(videos) :]
    if len(videos) not in (1, 2) or len(labels) > 1:
        return None
    if not all(clips_table.is_inside(path) for path in videos):
        return None
    label = labels[0] if labels else "0"
    if not clips_table.is_number(label):
        return None
    rgb = [path for path in videos if path.split("/")[-1].startswith("M_")]
    number = int(label)
    return (rgb or videos)[0], str(number) if number else ""


def _by_ending(videos: list[str]) -> dict[str, str]:
    """Every video by each ending of its path (`c`, `b/c`, `a/b/c`).

    So a clip is found wherever below the source its archive was unpacked.
    Where several fit, the one least deep counts.
    """
    endings: dict[str, str] = {}
    for video in sorted(videos, key=lambda path: (path.count("/"), path)):
        parts = video.split("/")
        for first in range(len(parts)):
            endings.setdefault("/".join(parts[first:]), video)
    return endings


def _locate(
    clips: list[Clip], endings: dict[str, str], root: Path
) -> list[Clip]:
    """Sets the clips' videos to where they are, or would be, on disk."""
    there = [clip for clip in clips if clip.video in endings]
    if clips and not there:
        name = clips[0].place.split(", line")[0]
        log.warning(
            f"{name} is left out: none of its {count(len(clips), 'video')} is "
            f"in {root}"
        )
    if not there:
        return []
    top = endings[there[0].video].removesuffix(there[0].video)
    return [
        replace(clip, video=endings.get(clip.video, top + clip.video))
        for clip in clips
    ]


def _labelled(clips: list[Clip]) -> int:
    return sum(bool(clip.label) for clip in clips)
