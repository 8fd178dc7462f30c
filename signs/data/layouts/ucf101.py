"""UCF101: lists of training and test clips, and groups in the names."""

import re
from collections.abc import Iterator
from pathlib import Path

from signs.core.errors import UserError
from signs.core.messages import log
from signs.data import clips_table
from signs.data.csv_files import read_text
from signs.data.layouts.common import most, warn_left_out
from signs.data.scan import Clip, VideoFolder, is_video

LIST = re.compile(r"(train|test)list(\d+)\.txt", re.IGNORECASE)
NAME = re.compile(r"v_(.+)_(g\d+)_c\d+\.\w+")


def matches(folder: VideoFolder) -> bool:
    """Whether there are its lists, or most videos are named as its are."""
    return bool(_lists(folder)) or most(
        NAME.fullmatch(video.split("/")[-1]) for video in folder.videos
    )


def read(folder: VideoFolder) -> list[Clip]:
    """Reads UCF101: `v_ApplyEyeMakeup_g08_c01.avi` and its lists.

    Of the three pairs of lists, `trainlist01.txt` with `testlist01.txt` and
    so on, the first that is there counts. The class is the one that
    `classInd.txt` has for the number in the list, else the first folder of
    the list's line. The group, 25 of which film each class and which are
    divided as a whole, takes the place of the signer.

    Without lists the names say class and group, and there is no split.
    """
    lists = _lists(folder)
    if not lists:
        return _by_name(folder)
    first = min(number for number, _, _ in lists)
    chosen = [(split, path) for n, split, path in lists if n == first]
    if any(number != first for number, _, _ in lists):
        log.info(f"of UCF101's splits, the lists {first} are taken")
    names = _class_names(folder)
    videos = {video.split("/")[-1]: video for video in folder.videos}
    by_end = {"/".join(v.split("/")[-2:]): v for v in folder.videos}
    clips, listed = [], set()
    for split, path in chosen:
        for place, video, number in _lines(folder.root / path):
            file = video.split("/")[-1]
            there = by_end.get(video) or videos.get(file) or video
            match = NAME.fullmatch(file)
            label = names.get(number) or video.split("/")[-2:][0]
            group = match[2] if match else ""
            clips.append(
                Clip(
                    there,
                    clips_table.normal(label),
                    group,
                    split,
                    place=place,
                )
            )
            listed.add(there)
    if listed.isdisjoint(folder.videos):
        raise UserError(
            f"not one video of UCF101's lists is in {folder.root}; it should "
            "hold UCF-101"
        )
    others = [video for video in folder.videos if video not in listed]
    warn_left_out(others, f"not being in UCF101's lists {first}")
    return clips


def _lists(folder: VideoFolder) -> list[tuple[str, str, str]]:
    """The number, the split and the path of each list, by path."""
    found = []
    for path in folder.files:
        match = LIST.fullmatch(path.split("/")[-1])
        if match:
            found.append((match[2], match[1].lower(), path))
    return found


def _lines(path: Path) -> Iterator[tuple[str, str, str]]:
    """The place, the video and the class number, if any, of each line."""
    for row, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {row}"
        cells = line.replace("\\", "/").rsplit(maxsplit=1)
        if len(cells) == 2 and not cells[1].isdigit():
            cells = [line.strip()]  # a name with a blank
        video = cells[0].strip().removeprefix("./")
        if not (clips_table.is_inside(video) and is_video(video)):
            raise UserError(
                f"{place}: {line.strip()[:99]!r} is not "
                "'ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1'"
            )
        yield place, video, cells[1] if len(cells) == 2 else ""


def _class_names(folder: VideoFolder) -> dict[str, str]:
    """The classes of `classInd.txt` by their number."""
    for path in folder.files:
        if path.split("/")[-1].lower() == "classind.txt":
            lines = read_text(folder.root / path).splitlines()
            cells = [line.split(maxsplit=1) for line in lines if line.strip()]
            return {cell[0]: cell[-1].strip() for cell in cells}
    return {}


def _by_name(folder: VideoFolder) -> list[Clip]:
    clips, others = [], []
    for video in folder.videos:
        match = NAME.fullmatch(video.split("/")[-1])
        if match:
            clips.append(Clip(video, clips_table.normal(match[1]), match[2]))
        else:
            others.append(video)
    if not clips:
        raise UserError(
            f"{folder.root} has neither lists of UCF101 (trainlist01.txt, "
            "testlist01.txt) nor videos named as its are: "
            "v_ApplyEyeMakeup_g08_c01.avi"
        )
    warn_left_out(others, "not being named v_CLASS_gNN_cNN")
    return clips
