"""LSA64, where a video is called `sign_signer_repetition`, from 1 on."""

import re

from signs.core.errors import UserError
from signs.data.layouts.common import most, warn_left_out
from signs.data.scan import Clip, VideoFolder

NAME = re.compile(r"(\d{3})_(\d{3})_(\d{3})\.\w+")


def matches(folder: VideoFolder) -> bool:
    """Whether most videos are called so, and lie in one folder."""
    parents = {video.rpartition("/")[0] for video in folder.videos}
    return len(parents) == 1 and most(map(_parse, folder.videos))


def read(folder: VideoFolder) -> list[Clip]:
    """Reads LSA64: `064_010_005.mp4` is sign 64 by signer 10."""
    clips, others = [], []
    for video in folder.videos:
        numbers = _parse(video)
        if numbers:
            sign, signer = numbers
            clips.append(Clip(video, sign, signer))
        else:
            others.append(video)
    if not clips:
        raise UserError(
            f"no video in {folder.root} is named as LSA64's are: "
            "sign_signer_repetition, as in 064_010_005.mp4"
        )
    warn_left_out(others, "not being named sign_signer_repetition")
    return clips


def _parse(video: str) -> tuple[str, str] | None:
    """The sign and the signer that a name says."""
    match = NAME.fullmatch(video.split("/")[-1])
    return (str(int(match[1])), str(int(match[2]))) if match else None
