"""Who signs, as `signers.csv` says: the layouts seldom tell."""

from collections import defaultdict
from pathlib import Path

import pandas as pd

from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data.clips_table import normal, on_disk
from signs.data.csv_files import read_csv, rename_columns

# What people call the columns; of several the first counts.
COLUMNS = {
    "clip": ["video", "path", "file", "filename", "file_name"],
    "signer": ["performer", "person", "subject", "signer_id", "participant"],
}


def read_signers(path: Path) -> pd.DataFrame:
    """Reads `signers.csv`: its columns clip and signer, and whatever else.

    Raises:
        UserError: if the file is wrong.
    """
    rows = rename_columns(read_csv(path), COLUMNS)
    if not {"clip", "signer"} <= set(rows.columns):
        raise UserError(f"{path} must have the columns clip,signer")
    return rows


def add_signers(clips: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Fills the column signer from `signers.csv` (clip,signer), if there.

    Clips may be named as in clips.csv, or by their video with its ending; a
    video stands for all its sections.

    Raises:
        UserError: if the file is wrong.
    """
    if not path.exists():
        return clips
    rows = read_signers(path)
    names = [normal(x).replace("\\", "/") for x in rows["clip"]]
    of_name = dict(zip(names, rows["signer"].map(normal), strict=True))
    if len(of_name) < len(names):
        twice = next(x for x in names if names.count(x) > 1)
        raise UserError(f"{path} lists the clip {twice!r} twice")
    known = defaultdict(list)
    for row, clip in enumerate(clips[["clip", "video"]].to_dict("records")):
        for name in {normal(clip["clip"]), normal(on_disk(clip["video"]))}:
            known[name].append(row)
    signers = list(clips["signer"])
    # What is said of a clip comes after what is said of its video.
    for name in sorted(of_name, key=lambda name: -len(known.get(name, []))):
        for row in known.get(name, []):
            signers[row] = of_name[name] or signers[row]
    unknown = sorted(name for name in of_name if name and name not in known)
    if unknown:
        log.warning(
            f"{path} lists {count(len(unknown), 'clip')} that "
            f"{'is' if len(unknown) == 1 else 'are'} not there, such as "
            f"{unknown[0]}"
        )
    return clips.assign(signer=signers)
