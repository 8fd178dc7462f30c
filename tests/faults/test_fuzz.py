"""Whatever is in a list, table or record: an answer, or an error for people.

Each test draws texts that are nearly right, and some that are nothing at
all. `--campaign N` draws N times as many.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store import META

from signs import features, frames, layouts, logs, runs, splits, table, video
from signs.cli import UserError
from signs.table import Dataset

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
        ("train_list.txt", "isogd"),
        ("valid.txt", "isogd"),
        ("list.csv", "auto"),
        ("list.csv", "csv"),
    ],
)
@quick
@given(content=tables())
def test_lists(source: Path, name: str, layout: str, content: bytes) -> None:
    (source / name).write_bytes(content)
    found = answers(lambda: layouts.read_layout(source, layout))
    if found is None:
        return
    clips, _, _ = found
    assert len(clips) and not clips["clip"].duplicated().any()
    assert all(map(table.is_inside, clips["clip"]))
    assert all(map(table.is_inside, map(table.on_disk, clips["video"])))
    divided = answers(lambda: splits.assign(clips, "auto", 0.2, 0))
    if divided is not None:
        path = source.parent / "clips.csv"
        table.write_table(path, divided[0])
        table.check_clips(table.read_csv(path), path)


@quick
@given(content=tables())
def test_tables(tmp_path: Path, content: bytes) -> None:
    dataset = Dataset(tmp_path)
    for path in (dataset.clips, dataset.classes, dataset.signers):
        path.write_bytes(content)
    clips = answers(lambda: table.read_clips(dataset))
    if clips is not None:
        rows = frames.tasks(dataset, clips, dataset.video, 20)
        assert len(rows) == len(clips)
        for row in rows.values():
            assert row.folder.is_relative_to(dataset.frame)
            assert 0 <= row.start < row.end
        answers(lambda: splits.assign(clips))
        answers(lambda: table.add_signers(clips, dataset.signers))
        assert list(table.classes_of(clips)["index"]) == sorted(
            table.classes_of(clips)["index"]
        )
    classes = answers(lambda: table.read_classes(dataset))
    if classes is not None:
        assert list(classes["index"]) == list(range(len(classes)))


@quick
@given(content=tables())
def test_logs(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "RUN.csv"
    path.write_bytes(content)
    found = answers(lambda: logs.read_log(path))
    if found is not None:
        json.dumps(logs.summary(found), allow_nan=False)
        assert logs.validation_line(found)


@quick
@given(content=records())
def test_records(tmp_path: Path, content: bytes) -> None:
    dataset = Dataset(tmp_path)
    for path in (
        frames.meta_path(dataset),
        features.meta_path(dataset, "mobilenet-0.25"),
        tmp_path / "r.json",
        tmp_path / "r-best.keras",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    meta = answers(lambda: frames.read_meta(dataset))
    assert meta is None or meta["frames"] > 0
    meta = answers(lambda: features.read_meta(dataset, "mobilenet-0.25"))
    if meta is not None:
        assert features.differences(meta, meta) == ""
        clips = table.pd.DataFrame({"clip": ["a"]})
        assert features.tasks(dataset, clips, meta, only_missing=True)
    answers(lambda: runs.read_record(tmp_path / "r.json"))
    answers(lambda: runs.find_model("r", tmp_path))


@given(st.integers(1, 10**15), st.integers(1, 500))
def test_samples_of_any_size(count: int, number: int) -> None:
    """Evenly spread, first and last included, however long a video is."""
    found = video.sample_indices(count, number)
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
    inside = table.is_inside(text)
    path = Path("/folder", text) if "\0" not in text else Path("/")
    if inside:
        assert path.is_relative_to("/folder") and ".." not in path.parts
        assert "\\" not in text
    for label in (table.normal(text), layouts.readable(text, "ledasila")):
        assert table.normal(label) == table.normal(table.normal(label))
