"""What a model remembers of the clips that it was trained on."""

from pathlib import Path

import pandas as pd
import pytest

from signs.core.errors import UserError
from signs.data import video_content
from signs.training import clips_used


def table(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    columns = ["clip", "label", "signer", "split"]
    clips = pd.DataFrame(rows, columns=columns)
    return clips.assign(video=clips["clip"] + ".avi")


CLIPS = table(
    ("a", "null", "ann", "train"),
    ("b", "wave", "bob", "train"),
    ("c", "null", "cyd", "val"),
)


def write_videos(root: Path, **contents: bytes) -> None:
    root.mkdir(exist_ok=True)
    for clip, content in contents.items():
        (root / f"{clip}.avi").write_bytes(content)


def test_content_is_that_of_the_bytes_wherever_they_are(
    tmp_path: Path,
) -> None:
    write_videos(tmp_path, a=b"x" * 10, b=b"y" * 10)
    a, b, c = video_content.of_clips(CLIPS, tmp_path, workers=2)
    assert a != b
    assert c == ""
    write_videos(tmp_path / "other", z=b"x" * 10)
    assert video_content.of_file(tmp_path / "other" / "z.avi") == a
    assert video_content.sizes_of([a, b, c]) == {10}


def test_sections_of_one_video_differ(tmp_path: Path) -> None:
    write_videos(tmp_path, a=b"x")
    clips = pd.DataFrame(
        {
            "video": "a.avi",
            "start": ["", "1", "1.0", "2"],
            "end": ["", "2", "2", ""],
        }
    )
    whole, first, same, second = video_content.of_clips(clips, tmp_path, 1)
    assert first == same
    assert len({whole, first, second}) == 3
    assert video_content.sizes_of([first]) == {1}


def test_files_of_other_sizes_are_not_read(tmp_path: Path) -> None:
    write_videos(tmp_path, a=b"x" * 10, b=b"y" * 11)
    found = video_content.of_clips(CLIPS, tmp_path, 1, sizes={11})
    assert [bool(text) for text in found] == [False, True, False]


def describe(root: Path) -> pd.DataFrame:
    return clips_used.describe(
        "mine", CLIPS, video_content.of_clips(CLIPS, root, 1)
    )


def test_clips_are_known_by_name_and_by_content(tmp_path: Path) -> None:
    write_videos(tmp_path / "mine", a=b"A", b=b"B", c=b"C")
    used = describe(tmp_path / "mine")
    write_videos(tmp_path / "theirs", p=b"A", q=b"C", r=b"new", b=b"else")
    rows = table(
        ("p", "null", "ann", "test"),
        ("q", "null", "", "test"),
        ("r", "null", "dan", "test"),
        ("b", "null", "eve", "test"),
    )
    content = clips_used.content_to_compare(used, rows, tmp_path / "theirs", 1)
    found = clips_used.overlap(used, "theirs", rows, content)
    assert found == clips_used.Overlap(["p"], ["q"], [])
    # In the same data set, the name says it, too, and signers are the same.
    found = clips_used.overlap(used, "mine", rows, content)
    assert found == clips_used.Overlap(["p", "b"], ["q"], ["ann"])


def test_the_list_goes_with_the_model(tmp_path: Path) -> None:
    used = describe(tmp_path)
    model = tmp_path / "run-best.keras"
    record: dict = {"run": "run", "clips": clips_used.summary(used)}
    assert record["clips"]["train"] == 2
    assert record["clips"]["val"] == 1
    used.to_csv(tmp_path / "run-clips.csv", index=False)
    again = clips_used.read(model, record)
    assert again is not None
    pd.testing.assert_frame_equal(again, used)


def test_a_list_that_is_missing_or_another_one_is_refused(
    tmp_path: Path,
) -> None:
    used = describe(tmp_path)
    model = tmp_path / "run-best.keras"
    record: dict = {"run": "run", "clips": clips_used.summary(used)}
    with pytest.raises(UserError, match="run-clips.csv is missing"):
        clips_used.read(model, record)
    used[1:].to_csv(tmp_path / "run-clips.csv", index=False)
    with pytest.raises(UserError, match="not the list of clips"):
        clips_used.read(model, record)
    assert clips_used.read(model, {"run": "run"}) is None
