"""A run after any sequence of edits gives what one from nothing would."""

import os
import shutil
import tempfile
from pathlib import Path

from framing import made, show, take_frames
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signs.data.clips_table import Dataset

NAMES = ["a/1", "a/2", "b/1", "c/1"]
EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from(NAMES), st.integers(1, 9)),
        st.tuples(st.just("touch"), st.sampled_from(NAMES), st.integers(1, 9)),
        st.tuples(st.just("remove"), st.sampled_from(NAMES), st.just(0)),
        st.tuples(st.just("rename"), st.sampled_from(NAMES), st.just(0)),
        st.tuples(st.just("label"), st.sampled_from(NAMES), st.integers(1, 3)),
        st.tuples(st.just("signer"), st.sampled_from(NAMES), st.integers(0, 2)),
        st.tuples(st.just("end"), st.sampled_from(NAMES), st.integers(1, 3)),
        st.tuples(st.just("run"), st.just(""), st.just(0)),
    ),
    min_size=1,
    max_size=8,
)


def edit(root: Path, rows: dict, what: str, clip: str, value: int) -> None:
    """Changes a video or a row of the source's table."""
    path = root / f"{clip}.avi"
    if what == "write":
        show(path, value)
        rows.setdefault(clip, {"label": clip[0], "signer": "", "end": ""})
    elif clip not in rows:
        return
    elif what == "touch":
        os.utime(path, (value, value))
    elif what == "remove":
        path.unlink()
        del rows[clip]
    elif what == "rename":
        other = f"{clip}-new"
        path.rename(root / f"{other}.avi")
        rows[other] = rows.pop(clip)
    elif what == "end":
        rows[clip][what] = str(value / 10)
    else:
        rows[clip][what] = f"{what} {value}"


def write_list(root: Path, rows: dict) -> None:
    lines = ["path,label,signer,start,end"] + [
        f"{clip}.avi,{row['label']},{row['signer']},,{row['end']}"
        for clip, row in sorted(rows.items())
    ]
    (root / "list.csv").write_text("\n".join(lines))


@given(edits=EDITS)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_a_run_after_any_edits_is_a_run_from_nothing(edits: list) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        dataset = Dataset(folder / "one" / "data" / "d")
        anew = Dataset(folder / "two" / "data" / "d")
        rows: dict[str, dict[str, str]] = {}
        edit(dataset.video, rows, "write", "a/1", 1)
        for what, clip, value in [*edits, ("write", "b/1", 3), ("run", "", 0)]:
            if what != "run":
                edit(dataset.video, rows, what, clip, value)
            elif rows:
                write_list(dataset.video, rows)
                assert take_frames(folder / "one", "--quiet") == 0
        shutil.copytree(dataset.video, anew.video)
        assert take_frames(folder / "two", "--quiet") == 0
        assert made(dataset) == made(anew)
    finally:
        shutil.rmtree(folder)
