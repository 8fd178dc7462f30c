"""Whatever is in a list, table or record: an answer, or an error for people.

Each test draws texts that are nearly right, and some that are nothing at
all. `--campaign N` draws N times as many.
"""

import json
import math
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scripts import META

from signs.core.errors import UserError
from signs.data import changes, clips_table, splits
from signs.data.clips_table import Dataset
from signs.data.layouts import detect
from signs.data.signers import add_signers
from signs.evaluation import training_log
from signs.features import feature_store
from signs.training import run_record
from signs.video import frame_store, sampling

quick = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
CELLS = st.one_of(
    st.sampled_from(
        [
            *("", " ", "a/1.avi", "a/2.avi", "b/1.avi", "M_1.avi", "../x.avi"),
            *("/x.avi", "C:/x.avi", "a\\1.avi", ".", "..", "a//1.avi", "null"),
            *("train", "val", "test", "valid", "TRAIN", "dev", "NA", "nan"),
            *("0", "1", "26", "-1", "1e9", "1e400", "inf", "٣", "９", "²"),
            *("0.5", "9" * 25, "Tür", "Tu\u0308r", "\ufeff", "\x00", "\udcfc"),
            *('"', "'", '""', ",", ";", "\t", "\r", "\x0b", "\x85", "\u2028"),
        ]
    ),
    st.text(max_size=9),
)
HEADERS = st.sampled_from(
    [
        *("path,label", "path,label,signer,split,start,end", "PATH;Label"),
        *("clip,video,label,signer,split", "index,label,name", "clip,signer"),
        *("clip,video,label,signer,split,start,end", "path\tlabel", "a,b"),
        *("path,path,label", "clip,clip,video,label,signer,split", "", ","),
        "epoch,loss,accuracy,val_loss,val_accuracy",
    ]
)


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """The bytes of a text that looks like a table, more or less."""
    separator = draw(st.sampled_from([",", ";", "\t", " "]))
    end = draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n"]))
    rows = draw(st.lists(st.lists(CELLS, max_size=8), max_size=9))
    lines = [draw(HEADERS), *(separator.join(row) for row in rows)]
    text = end.join(lines) + draw(st.sampled_from(["", end]))
    encoding = draw(
        st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"])
    )
    content = text.encode(encoding, "replace")
    if draw(st.booleans()):
        content = content[: draw(st.integers(0, len(content)))]
    return draw(st.one_of(st.just(content), st.binary(max_size=99)))


@st.composite
def isogd_lists(draw: st.DrawFn) -> bytes:
    """The bytes of a list of IsoGD, most lines of which are right."""
    path = st.sampled_from(
        ["a/1.avi", "a/2.avi", "b/1.avi", "a\\1.avi", "./a/1.avi", "9/9.avi"]
    )
    label = st.sampled_from(["0", "1", "26", "001", "249", "9" * 18])
    line = st.tuples(path, st.just("b/K_1.avi"), label) | st.tuples(path, label)
    odd = st.lists(CELLS, max_size=4).map(tuple)
    lines = draw(st.lists(line | line | line | odd, max_size=6))
    end = draw(st.sampled_from(["\n", "\r\n", " \n\n"]))
    text = draw(st.sampled_from(["", "\ufeff"])) + end.join(
        map(" ".join, lines)
    )
    content = text.encode("utf-8", "replace")
    return content[: draw(st.none() | st.integers(0, len(content)))]


# What is between the slashes of a path: any bytes but two.
NAMES = st.one_of(
    st.sampled_from(
        [
            *("train", "val", "test", "a", "Tür", "Tu\u0308r", "_oe__", "___"),
            *(" ", "..a", "a.", "-", "---", "CON", "frame-001", "\ufeff", "\t"),
            *("x---y", "a---b---vid-1---lsid-1", "\udcfc---W---v---l", "😀"),
        ]
    ),
    st.text(max_size=6),
    st.binary(max_size=6).map(
        lambda content: content.decode("utf-8", "surrogateescape")
    ),
).map(lambda text: re.sub("[/\0]", "", text) or "b")
VIDEOS = st.lists(
    st.tuples(st.lists(NAMES, max_size=2), NAMES).map(
        lambda parts: "/".join([*parts[0], parts[1] + ".mp4"])
    ),
    min_size=1,
    max_size=6,
)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([20, 8, 224, "float16", "mobilenet-0.25", "random"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=9,
)


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """The bytes of a JSON file that is like one of this project's."""
    known = {**META, "source": "video", "run": "r", "arguments": {}, "data": {}}
    record = dict(known)
    for key in draw(st.lists(st.sampled_from(sorted(known)), max_size=4)):
        if draw(st.booleans()):
            record.pop(key, None)
        else:
            record[key] = draw(values)
    content = json.dumps(draw(st.one_of(st.just(record), values))).encode()
    if draw(st.integers(0, 4)) == 0:
        content = content[: draw(st.integers(0, len(content)))]
    return content


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with three videos, which nobody decodes here."""
    for name in ("a/1.avi", "a/2.avi", "b/1.avi", "M_1.avi"):
        path = tmp_path / "video" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "video"


def answers(read: Callable[[], Any]) -> Any:
    """What a reader returns; None if it says what is wrong, in one line."""
    try:
        return read()
    except UserError as error:
        assert str(error)
        assert "\n" not in str(error).strip()
        return None


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("train_list.txt", "auto"),
        ("valid.txt", "isogd"),
        ("list.csv", "auto"),
        ("list.csv", "csv"),
    ],
)
@quick
@given(data=st.data())
def test_lists(
    source: Path,
    name: str,
    layout: str,
    tried: Counter[str],
    data: st.DataObject,
) -> None:
    kind = "csv" if name.endswith(".csv") else "isogd"
    content = data.draw(tables() if kind == "csv" else tables() | isogd_lists())
    (source / name).write_bytes(content)
    found = answers(lambda: detect.read_layout(source, layout))
    tried[f"random lists ({kind})"] += 1
    if found is None:
        return
    tried[f"random lists ({kind}), of which list clips"] += 1
    check_clips(found[0], source)


@pytest.mark.parametrize("layout", ["auto", "ledasila", "folder"])
@quick
@given(names=VIDEOS)
@example(names=["0\x1f/\udc80.mp4"])
def test_names_of_videos(
    tmp_path: Path, layout: str, tried: Counter[str], names: list[str]
) -> None:
    """Whatever a file is called, its clip leads to it, or it is named."""
    source = Path(tempfile.mkdtemp(dir=tmp_path)) / "video"
    for name in names:
        path = source / name
        with suppress(OSError):  # too long, or a folder and a file at once
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
    found = answers(lambda: detect.read_layout(source, layout))
    tried["folders of random names"] += 1
    if found is None:
        return
    clips = found[0]
    check_clips(clips, source)
    for path in clips["video"].map(clips_table.on_disk):
        assert (source / path).is_file()


def check_clips(clips: pd.DataFrame, source: Path) -> None:
    """What is read of a source can be divided, written and read again."""
    assert len(clips) and not clips["clip"].duplicated().any()
    assert all(map(clips_table.is_inside, clips["clip"]))
    assert all(
        map(clips_table.is_inside, map(clips_table.on_disk, clips["video"]))
    )
    divided = answers(lambda: splits.assign(clips, "auto", 0.2, 0))
    if divided is None:
        return
    dataset = Dataset(source.parent)
    clips_table.write_table(dataset.clips, divided[0])
    again = clips_table.read_clips(dataset)
    assert again.equals(divided[0][again.columns])
    answers(lambda: clips_table.keep_classes(again, min_clips=2))


@quick
@given(content=tables())
def test_tables(tmp_path: Path, tried: Counter[str], content: bytes) -> None:
    tried["random tables"] += 1
    dataset = Dataset(tmp_path)
    for path in (dataset.clips, dataset.classes, dataset.signers):
        path.write_bytes(content)
    clips = answers(lambda: clips_table.read_clips(dataset))
    if clips is not None:
        rows = frame_store.tasks(dataset, clips, dataset.video, 20)
        assert len(rows) == len(clips)
        for row in rows.values():
            assert row.folder.is_relative_to(dataset.frame)
            assert 0 <= row.start < row.end
        answers(lambda: splits.assign(clips))
        answers(lambda: add_signers(clips, dataset.signers))
        assert list(clips_table.classes_of(clips)["index"]) == sorted(
            clips_table.classes_of(clips)["index"]
        )
    classes = answers(lambda: clips_table.read_classes(dataset))
    if classes is not None:
        assert list(classes["index"]) == list(range(len(classes)))


@quick
@given(content=tables())
def test_logs(tmp_path: Path, tried: Counter[str], content: bytes) -> None:
    tried["random logs"] += 1
    path = tmp_path / "RUN.csv"
    path.write_bytes(content)
    found = answers(lambda: training_log.read_log(path))
    if found is not None:
        json.dumps(training_log.summary(found), allow_nan=False)
        assert training_log.validation_line(found)


@quick
@given(content=records())
def test_records(tmp_path: Path, tried: Counter[str], content: bytes) -> None:
    tried["random records"] += 1
    dataset = Dataset(tmp_path)
    for path in (
        frame_store.meta_path(dataset),
        feature_store.meta_path(dataset, "mobilenet-0.25"),
        dataset.record("frame"),
        tmp_path / "r.json",
        tmp_path / "r-best.keras",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    record = changes.Record(dataset.record("frame"))
    for clip in [*record, "a"]:
        assert not record.is_current(clip, {"video": None, "frames": 7})
        record.identity(clip)
    meta = answers(lambda: frame_store.read_meta(dataset))
    assert meta is None or meta["frames"] > 0
    meta = answers(lambda: feature_store.read_meta(dataset, "mobilenet-0.25"))
    if meta is not None:
        assert feature_store.differences(meta, meta) == ""
        clips = pd.DataFrame({"clip": ["a"]})
        assert feature_store.tasks(dataset, clips, meta, only_missing=True)
    answers(lambda: run_record.read_record(tmp_path / "r.json"))
    answers(lambda: run_record.find_model("r", tmp_path))


@given(st.integers(1, 10**15), st.integers(1, 500))
def test_samples_of_any_size(count: int, number: int) -> None:
    """Evenly spread, first and last included, however long a video is."""
    found = sampling.sample_indices(count, number)
    assert len(found) == number
    assert 0 <= found[0] and found[-1] <= count - 1
    assert found == sorted(found)
    if number > 1:
        assert (found[0], found[-1]) == (0, count - 1)
        gap = (count - 1) / (number - 1)
        steps = np.diff(found)
        assert math.floor(gap) <= steps.min() <= steps.max() <= math.ceil(gap)


@given(st.text(max_size=30))
def test_names_of_all_kinds(text: str) -> None:
    """A name that is let in cannot lead out, on any system."""
    inside = clips_table.is_inside(text)
    path = Path("/folder", text) if "\0" not in text else Path("/")
    if inside:
        assert path.is_relative_to("/folder") and ".." not in path.parts
        assert "\\" not in text
    for label in (clips_table.normal(text), detect.readable(text, "ledasila")):
        assert clips_table.normal(label) == clips_table.normal(
            clips_table.normal(label)
        )
