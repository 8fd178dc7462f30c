"""evaluate.py --videos: judged on a folder of videos, not on a data set."""

import shutil
from pathlib import Path

import pytest
from judged import record_of
from store import folders
from trained import trained

import evaluate
import sample
from signs.core import arguments
from signs.data.clips_table import Dataset


@pytest.mark.slow  # renders, and shows all to a CNN
def test_videos_of_a_folder_are_judged(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture,
) -> None:
    made = trained(tmp_path_factory)
    more = "--gestures 3 --performers 4 --clips 66 --words 2 --seed 1".split()
    command = [*more, *folders(tmp_path), "--quiet"]
    assert arguments.run(sample.main, command) == 0
    source = Dataset(tmp_path / "data" / "sample-chalearn")
    dataset = Dataset(made / "data" / "sample-chalearn")
    where = [
        *("--data", str(made / "data")),
        *("--log", str(tmp_path / "log")),
        *("--model-dir", str(made / "model")),
    ]
    videos = ["--videos", str(dataset.video)]
    assert arguments.run(evaluate.main, [*videos, *where]) == 2
    assert "was trained on" in capsys.readouterr().err
    videos = ["--videos", str(source.video)]
    assert arguments.run(evaluate.main, [*videos, *where]) == 0
    record = record_of(tmp_path, "videos-video")
    assert record["clips"] > 20
    assert record["baselines"]["nearest_class_mean"]["value"] > 0.3


@pytest.mark.slow  # shows videos to a CNN
def test_videos_that_cannot_be_read_are_named(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture,
) -> None:
    made = trained(tmp_path_factory)
    videos = tmp_path / "videos"
    for label in "12":
        (videos / label).mkdir(parents=True)
        (videos / label / "bad.avi").write_bytes(b"no video")
    where = ["--log", str(tmp_path), "--model-dir", str(made / "model")]
    command = ["--videos", str(videos), *where]
    assert arguments.run(evaluate.main, command) == 2
    error = capsys.readouterr().err
    assert "could be looked at, such as 1/bad (no frame" in error
    failed = tmp_path.glob("*-evaluation-videos-videos-failed.csv")
    assert next(failed).read_text().count("no frame can be decoded") == 2
    known = Dataset(made / "data" / "sample-chalearn").video
    shutil.copy(next(known.rglob("test/**/M*.avi")), videos / "1" / "good.avi")
    assert arguments.run(evaluate.main, command) == 1
    error = capsys.readouterr().err
    assert "Left out: 2 clips of 3" in error and "feature.py" not in error
