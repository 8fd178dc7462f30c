"""Tables, lists and records that say something impossible."""

import json
import unicodedata
from pathlib import Path

import pandas as pd
import pytest
from helpers import write_video
from scripts import META, SMALL, tree, write_features
from store import folders

import feature
import frame
import train_lstm
from signs.core import arguments
from signs.data import clips_table
from signs.data.clips_table import Dataset
from signs.data.layouts import detect
from signs.evaluation import training_log
from signs.features import feature_store
from signs.video import frame_store

ALONE = ["d", "--workers", "1", "--timeout", "0"]
HEAD = "clip,video,label,signer,split\n"
ODD_LABELS = [
    *("a/b", "../c", 'say "ja"', "it's", "null", "NA", "😀", "=1+1", "#1"),
    *("a,b", "x\ty", "NaN", "0", "-1", "$x^2$", "%s", "{0}", "ﷺ", "\\n"),
    "long " * 999,
]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Two classes of three clips, without tables."""
    dataset = Dataset(tmp_path / "data" / "d")
    for label in ("x", "y"):
        for number in range(3):
            write_video(dataset.video / label / f"{number}.avi", 3)
    return dataset


def take_frames(dataset: Dataset, *args: str) -> int:
    root = dataset.root.parents[1]
    return arguments.run(frame.main, [*ALONE, *args, *folders(root)])


def refused(capsys) -> str:
    """The one line that says why nothing was done."""
    captured = capsys.readouterr()
    errors = [x for x in captured.err.splitlines() if x.startswith("error: ")]
    assert len(errors) == 1, captured.err
    assert captured.err.splitlines()[-1] == errors[0]
    assert len(errors[0]) < 1000
    return errors[0]


# --- clips.csv --------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (HEAD.encode("utf-16"), "lists no clip"),
        (HEAD.encode("utf-16")[:-1], "save it as CSV in UTF-8"),
        (b"\x00" * 999, "clips.csv"),
        (bytes(range(256)) * 9, "clips.csv"),
        (HEAD.encode() + b'"a,a.avi,x,,train\n' * 9, "clips.csv"),
        (HEAD.replace(",", "|").encode() + b"a|a.avi|x||\n", "column clip"),
        (HEAD.encode() + b"a,x/0.avi,x,,training\n", "split 'training'"),
        (
            HEAD.encode() + b"a,x/0.avi,x,,train\nb,x/0.avi,x,,val\n",
            "'x/0.avi' is listed twice",
        ),
        (HEAD.encode() + b"a,/etc/x.avi,x,,\n", "not inside its folder"),
        (HEAD.encode() + b"a,x/../../y.avi,x,,\n", "not inside its folder"),
        (HEAD.encode() + b"a,C:/x.avi,x,,\n", "not inside its folder"),
        (HEAD.encode() + b"a,\\\\host\\x.avi,x,,\n", "not inside its folder"),
        (HEAD.encode() + b"a/../../b,x/0.avi,x,,\n", "not a path inside"),
        (HEAD.encode() + b"/a,x/0.avi,x,,\n", "not a path inside"),
        (HEAD.encode() + b",x/0.avi,x,,\n", "not a path inside"),
        (
            b"clip,video,label,signer,split,start,end\na,x/0.avi,x,,,1e308,\n",
            "the start '1e308' is not a number of seconds",
        ),
        (
            b"clip,video,label,signer,split,start,end\na,x/0.avi,x,,,2,1\n",
            "ends at 1 seconds, before it starts at 2",
        ),
    ],
)
def test_clips_that_cannot_be(
    dataset: Dataset, capsys, content: bytes, message: str
) -> None:
    dataset.clips.write_bytes(content)
    before = tree(dataset.root)
    for script in (frame, feature, train_lstm):
        small = [] if script is frame else ["--dry-run"]
        args = ["d", *small, *folders(dataset.root.parents[1])]
        assert arguments.run(script.main, args) == 2
        error = refused(capsys)
        assert str(dataset.clips) in error
        assert message in error
        assert tree(dataset.root) == before


def test_a_table_that_is_a_folder(dataset: Dataset, capsys) -> None:
    dataset.clips.mkdir()
    assert take_frames(dataset) == 2
    assert f"Is a directory: {dataset.clips}" in refused(capsys)


def test_what_spreadsheets_and_people_do_is_read(dataset: Dataset) -> None:
    rows = [
        '"x/0","x/0.avi","x","Anna; Ben","train"',
        "x 1 ,x/1.avi,x, ,val",
        "",
        "y/0,y/0.avi,y,,",
    ]
    text = "\ufeff" + HEAD.replace("\n", "\r\n") + "\r\n".join(rows)
    dataset.clips.write_bytes(text.encode())
    assert take_frames(dataset) == 0
    clips = clips_table.read_clips(dataset)
    assert list(clips["clip"]) == ["x/0", "x 1 ", "y/0"]
    assert list(clips["signer"]) == ["Anna; Ben", " ", ""]
    assert frame_store.has_frames(dataset.frame / "x 1 ", 20)


def test_labels_of_all_kinds_reach_the_model(tmp_path: Path) -> None:
    dataset = write_features(tmp_path, clips=40, classes=20)
    clips = clips_table.read_clips(dataset)
    odd = dict(enumerate(ODD_LABELS, start=1))
    clips["label"] = [odd[int(label)] for label in clips["label"]]
    clips_table.write_table(dataset.clips, clips)
    dataset.classes.unlink()
    clips_table.write_table(dataset.classes, clips_table.classes_of(clips))
    args = ["d", *SMALL, "--epochs", "1", *folders(tmp_path)]
    assert arguments.run(train_lstm.main, args) == 0
    (record,) = (tmp_path / "model").glob("*.json")
    classes = json.loads(record.read_text(encoding="utf-8"))["classes"]
    assert sorted(row["label"] for row in classes) == sorted(ODD_LABELS)


def test_labels_of_all_kinds_make_a_sheet(dataset: Dataset) -> None:
    rows = [
        [f"c{number}", f"{'xy'[number % 2]}/{number // 2}.avi", label, "", ""]
        for number, label in enumerate(ODD_LABELS[:5] + ["long " * 999])
    ]
    clips = pd.DataFrame(rows, columns=clips_table.COLUMNS)
    clips_table.write_table(dataset.clips, clips)
    assert take_frames(dataset, "--quiet") == 0
    assert dataset.sheet.stat().st_size > 5_000
    assert list(clips_table.read_classes(dataset)["label"]) == sorted(
        clips["label"]
    )


def test_a_label_that_is_new_says_what_to_do(tmp_path: Path, capsys) -> None:
    """What people edited must not be what mends it writes over."""
    dataset = write_features(tmp_path, clips=20)
    text = dataset.clips.read_text().replace(",1,", ",one,")
    dataset.clips.write_text(text)
    args = ["d", "--quiet", *folders(tmp_path)]
    assert arguments.run(train_lstm.main, args) == 2
    error = refused(capsys)
    assert "the label 'one'" in error and "--overwrite" not in error
    dataset.classes.unlink()
    clips_table.write_table(
        dataset.classes, clips_table.classes_of(clips_table.read_clips(dataset))
    )
    small = [*SMALL, "--dry-run"]
    assert arguments.run(train_lstm.main, [*args, *small]) == 0


@pytest.mark.parametrize(
    "index", ["-1", "99999999999999999999", "1e3", "0.5", "", "x", "9" * 5000]
)
def test_indices_that_are_none(tmp_path: Path, capsys, index: str) -> None:
    dataset = write_features(tmp_path, clips=20)
    dataset.classes.write_text(f"index,label,name\n0,1,1\n{index},2,2\n")
    args = ["d", *SMALL, "--dry-run", *folders(tmp_path)]
    assert arguments.run(train_lstm.main, args) == 2
    assert str(dataset.classes) in refused(capsys)


# --- Lists of the source ----------------------------------------------------


@pytest.mark.parametrize("label", ["9" * 18, "1" + "0" * 30, "9" * 5000])
def test_huge_labels(dataset: Dataset, capsys, label: str) -> None:
    line = f"x/0.avi {label}\nx/1.avi 7\n"
    (dataset.video / "train_list.txt").write_text(line)
    code = take_frames(dataset, "--quiet", "--layout", "isogd")
    if len(label) < 20:
        assert code == 0
        assert list(clips_table.read_classes(dataset)["label"]) == ["7", label]
    else:
        assert code == 2
        assert "train_list.txt, line 1: " in refused(capsys)


@pytest.mark.parametrize("label", ["9" * 30, "9" * 5000])
def test_huge_labels_of_a_csv(dataset: Dataset, label: str) -> None:
    text = f"path,label\nx/0.avi,{label}\nx/1.avi,7\n"
    (dataset.video / "list.csv").write_text(text)
    assert take_frames(dataset, "--quiet", "--layout", "csv") == 0
    assert set(clips_table.read_classes(dataset)["label"]) == {"7", label}


@pytest.mark.parametrize(
    "path", ["../out.avi", "/out.avi", "x/../../out.avi", "..\\out.avi"]
)
@pytest.mark.parametrize("layout", ["isogd", "csv"])
def test_lists_that_lead_out(
    dataset: Dataset, capsys, layout: str, path: str
) -> None:
    write_video(dataset.root / "out.avi", 3)
    if layout == "isogd":
        (dataset.video / "train_list.txt").write_text(f"{path} 1\n")
    else:
        (dataset.video / "list.csv").write_text(f"path,label\n{path},1\n")
    assert take_frames(dataset, "--layout", layout) == 2
    assert "line" in refused(capsys)
    assert not dataset.clips.exists() and not dataset.frame.exists()


def test_a_clip_in_two_lists(dataset: Dataset, capsys) -> None:
    (dataset.video / "train_list.txt").write_text("x/0.avi 1\ny/0.avi 2\n")
    (dataset.video / "valid_list.txt").write_text("x/1.avi 1\nx/0.avi 1\n")
    assert take_frames(dataset) == 2
    error = refused(capsys)
    assert "valid_list.txt, line 2: x/0.avi is listed already in" in error
    assert "train_list.txt, line 1" in error


def test_twins_in_unicode(tmp_path: Path) -> None:
    """One name in two forms: two files on Linux, told apart by the list."""
    dataset = Dataset(tmp_path / "data" / "d")
    composed = "T\u00fcr"
    apart = unicodedata.normalize("NFD", composed)
    for name, frames_there in ((composed, 3), (apart, 9)):
        write_video(dataset.video / composed / f"{name}.avi", frames_there)
    names = {path.name for path in dataset.video.rglob("*.avi")}
    if len(names) < 2:
        pytest.skip("this file system takes both forms for one")
    assert take_frames(dataset, "--quiet") == 0
    clips = clips_table.read_clips(dataset)
    assert set(clips["clip"]) == {
        f"{composed}/{composed}",
        f"{composed}/{apart}",
    }
    assert set(clips["label"]) == {composed}
    text = (
        f"path,label\n{composed}/{apart}.avi,1\n{composed}/{composed}.avi,2\n"
    )
    (dataset.video / "list.csv").write_text(text, encoding="utf-8")
    clips, _, _ = detect.read_layout(dataset.video, "csv")
    assert list(clips["video"]) == [
        f"{composed}/{apart}.avi",
        f"{composed}/{composed}.avi",
    ]


# --- Records ----------------------------------------------------------------

RECORDS = [
    *("", "{", "[]", "null", "7", '"text"', "{}", '{"frames": "many"}'),
    *('{"frames": Infinity}', '{"frames": 0}', '{"frames": -5}', "[" * 9999),
    '{"frames": 20, "source": 5}',
    '{"frames": 1e99, "cnn": [], "weights": {}, "dtype": "object"}',
]


@pytest.mark.parametrize("text", RECORDS)
def test_records_of_frames(dataset: Dataset, capsys, text: str) -> None:
    assert take_frames(dataset, "--quiet") == 0
    frame_store.meta_path(dataset).write_text(text)
    for script in (frame, feature):
        args = ["d", "--dry-run", *folders(dataset.root.parents[1])]
        assert arguments.run(script.main, args) == 2
        error = refused(capsys)
        assert str(frame_store.meta_path(dataset)) in error
        assert "python frame.py d --overwrite" in error


@pytest.mark.parametrize(
    "text",
    [
        *RECORDS,
        json.dumps({**META, "dtype": "object"}),
        json.dumps({**META, "frames": "20"}),
        json.dumps({**META, "length": -3}),
        json.dumps({**META, "size": None}),
        json.dumps({k: v for k, v in META.items() if k != "seed"}),
        json.dumps({**META, "cnn": "../../other"}),
        json.dumps({**META, "cnn": "inceptionv3"}),
    ],
)
def test_records_of_features(tmp_path: Path, capsys, text: str) -> None:
    dataset = write_features(tmp_path, clips=20)
    path = feature_store.meta_path(dataset, "mobilenet-0.25")
    path.write_text(text)
    args = ["d", *SMALL, "--dry-run", *folders(tmp_path)]
    assert arguments.run(train_lstm.main, args) == 2
    error = refused(capsys)
    assert str(path) in error and "python feature.py d" in error


def test_dates_and_nulls_in_logs(tmp_path: Path) -> None:
    path = tmp_path / "RUN.csv"
    path.write_bytes(b"epoch,loss\n0,1\n" + bytes(4096) + b"\n1,0.5\n2,0.")
    assert training_log.read_log(path)["loss"].tolist()[:2] == [1, 0.5]
