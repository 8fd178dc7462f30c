"""frame.py from a folder of videos to tables and frames."""

import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from framing import Run, lines, numbers, snapshot
from helpers import write_video

import frame
from signs.data import clips_table
from signs.data.clips_table import Dataset
from signs.data.settings import TableSettings
from signs.video import frame_store, images, sampling

# --- A first run, and a second one ------------------------------------------


def test_a_folder_of_videos(run_frame: Run, mine: Dataset, capsys) -> None:
    assert run_frame("mine") == 0
    clips = clips_table.read_clips(mine)
    assert list(clips["clip"]) == [
        f"{label}/{number}" for label in ("Tür", "null") for number in (1, 2, 3)
    ]
    assert list(clips["split"].value_counts().items()) == [
        ("train", 4),
        ("val", 2),
    ]
    assert list(clips_table.read_classes(mine)["label"]) == ["Tür", "null"]
    for clip in clips["clip"]:
        folder = mine.frame / clip
        assert sorted(path.name for path in folder.iterdir()) == [
            f"frame-{number:03}.jpg" for number in range(1, 21)
        ]
        count = 20 + int(clip[-1])
        assert numbers(mine, clip) == sampling.sample_indices(count, 20)
    meta = frame_store.read_meta(mine)
    assert meta and len(meta.pop("listing")) == 16
    assert meta == {
        "frames": 20,
        "short_side": 299,
        "jpeg_quality": 90,
        "source": "video",
        "layout": "folder",
        "split": "random",
        "videos": 6,
        "arguments": asdict(TableSettings()),
    }
    out, err = capsys.readouterr()
    assert err == ""
    for fact in (
        "6 clips, layout folder",
        "2, each of 3 clips",
        "signers  not known",
        "train 4, val 2",
        "random, which mixes performers",
        "python feature.py mine",
    ):
        assert fact in out
    assert max(map(len, lines(out))) <= 80
    assert not Path("log").exists()


def test_a_second_run_does_nothing(
    run_frame: Run, mine: Dataset, capsys
) -> None:
    run_frame("mine")
    before = snapshot(mine.root, hidden=True)
    capsys.readouterr()
    assert run_frame("mine") == 0
    out, err = capsys.readouterr()
    assert len(lines(out)) == 1 and "nothing to do" in out and err == ""
    assert snapshot(mine.root, hidden=True) == before


def test_the_same_seed_gives_the_same_file(
    run_frame: Run, mine: Dataset
) -> None:
    for name in ("again", "other"):
        shutil.copytree(mine.video, mine.root.parent / name / "video")
    run_frame("mine")
    run_frame("again", "--seed", "0")
    run_frame("other", "--seed", "7")
    texts = [
        (mine.root.parent / name / "clips.csv").read_bytes()
        for name in ("mine", "again", "other")
    ]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize("count", [1, 7, 19, 300])
def test_short_and_long_clips(
    run_frame: Run, tmp_path: Path, count: int
) -> None:
    dataset = Dataset(tmp_path / "data" / "mine")
    write_video(dataset.video / "a" / "1.avi", count)
    assert run_frame("mine") == 0
    assert numbers(dataset, "a/1") == sampling.sample_indices(count, 20)


def test_red_reaches_the_network_as_red(run_frame: Run, mine: Dataset) -> None:
    write_video(mine.video / "red" / "1.mp4", colour=(255, 0, 0))
    run_frame("mine")
    batch = frame_store.read_pictures(mine.frame / "red/1", 20, 299)
    assert batch.shape == (20, 299, 299, 3)
    assert batch[..., 0].min() > 230 and batch[..., 1:].max() < 30


def test_work_side_by_side(mine: Dataset, tmp_path: Path) -> None:
    write_video(mine.video / "null" / "broken.avi").write_bytes(b"junk")
    script = Path(frame.__file__)
    done = subprocess.run(
        [sys.executable, str(script), "mine", "--workers", "2", "--quiet"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert "1 clip failed" in done.stderr and "null/broken" in done.stderr
    assert "Traceback" not in done.stderr
    folders = {path.parent for path in mine.frame.rglob("*.jpg")}
    assert len(folders) == 6


# --- Clips that fail --------------------------------------------------------


def write_isogd(dataset: Dataset) -> None:
    """Lists with a clip that is missing, one of 2 frames, one that is junk."""
    phase = dataset.video / "IsoGD_phase_1"
    rows = []
    for number, count in enumerate([12, 2, 0, -1, 9, 30], start=1):
        path = f"train/001/M_{number:05}.avi"
        if count > 0:
            write_video(phase / path, count, size=(320, 240), fps=10)
        elif count == 0:
            (phase / path).write_bytes(b"junk")
        rows.append(f"{path} {path.replace('M_', 'K_')} {number % 2 + 1}")
    (phase / "train_list.txt").write_text("\n".join(rows[:4]))
    valid = [row.replace(" 1", " 0") for row in rows[4:]]
    (phase / "valid_list.txt").write_text("\n".join(valid))


def test_clips_that_fail_are_listed_and_tried_again(
    run_frame: Run, tmp_path: Path, capsys
) -> None:
    dataset = Dataset(tmp_path / "data" / "chalearn")
    write_isogd(dataset)
    assert run_frame() == 1
    failed = Path("log/chalearn-frame-failed.csv")
    folder = "IsoGD_phase_1/train/001"
    failures = clips_table.read_csv(failed)
    assert list(failures["clip"]) == [f"{folder}/M_{n:05}" for n in (3, 4)]
    assert "no frame can be decoded" in failures["reason"][0]
    assert "the video is missing" in failures["reason"][1]
    assert numbers(dataset, f"{folder}/M_00002") == [0] * 10 + [1] * 10
    out, err = capsys.readouterr()
    assert "layout isogd" in out and "train 4, val 1" in out
    assert f"{failed} lists them" in err.replace("\\", "/")
    assert "1 of them without a label" in out
    assert list(clips_table.read_classes(dataset)["label"]) == ["1", "2"]

    before = snapshot(dataset.frame)
    write_video(dataset.video / folder / "M_00003.avi", 20)
    assert run_frame() == 1
    assert list(clips_table.read_csv(failed)["clip"]) == [f"{folder}/M_00004"]
    write_video(dataset.video / folder / "M_00004.avi", 20)
    assert run_frame() == 0
    assert not failed.exists()
    after = snapshot(dataset.frame)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 40


def test_if_all_clips_fail_nothing_could_be_done(
    run_frame: Run, mine: Dataset, capsys
) -> None:
    for path in mine.video.rglob("*.avi"):
        path.write_bytes(b"")
    assert run_frame("mine") == 2
    err = capsys.readouterr().err
    assert "error: no clip has frames: all 6 failed" in err
    assert "the video is an empty file" in err
    assert len(clips_table.read_csv(Path("log/mine-frame-failed.csv"))) == 6


def test_no_videos(run_frame: Run, tmp_path: Path, capsys) -> None:
    assert run_frame() == 2
    err = capsys.readouterr().err
    assert len(lines(err)) == 1 and err.startswith("error: ")
    assert str(Path("data/chalearn/video")) in err
    assert "python sample.py" in err
    assert list(tmp_path.iterdir()) == []


def test_videos_that_went_away(run_frame: Run, mine: Dataset, capsys) -> None:
    run_frame("mine")
    mine.video.rename(mine.root / "moved")
    assert run_frame("mine") == 0
    shutil.rmtree(mine.frame / "null")
    assert run_frame("mine") == 2
    assert "is missing, and 3 clips of" in capsys.readouterr().err
    assert run_frame("mine", "--source", "data/mine/moved") == 0
    assert numbers(mine, "null/1") == sampling.sample_indices(21, 20)
    meta = frame_store.read_meta(mine)
    assert meta and Path(meta["source"]) == (mine.root / "moved").resolve()


# --- Frames that are no longer right ----------------------------------------


def test_another_number_of_frames_is_refused(
    run_frame: Run, mine: Dataset, capsys
) -> None:
    run_frame("mine", "--frames", "40")
    before = snapshot(mine.root)
    assert run_frame("mine") == 2
    err = capsys.readouterr().err
    assert "has 40 frames a clip, not 20" in err
    assert "python frame.py mine --frames 20 --overwrite" in err
    assert snapshot(mine.root) == before
    assert run_frame("mine", "--overwrite") == 0
    assert len(list((mine.frame / "null/1").iterdir())) == 20
    assert numbers(mine, "null/1") == sampling.sample_indices(21, 20)


def test_leftover_frames_are_not_read(run_frame: Run, mine: Dataset) -> None:
    run_frame("mine")
    folder = mine.frame / "null/1"
    before = snapshot(mine.frame)
    for name in ("frame-021.jpg", "frame-040.jpg", ".partial-1-1.jpg"):
        shutil.copy(folder / "frame-020.jpg", folder / name)
    assert not frame_store.has_frames(folder, 20)
    assert not frame_store.has_frames(folder, 40)
    assert run_frame("mine") == 0
    after = snapshot(mine.frame)
    assert after.keys() == before.keys()
    changed = {name for name in after if after[name] != before[name]}
    assert {Path(name).parent for name in changed} == {Path("null/1")}


def test_an_interrupted_run_goes_on(
    run_frame: Run, mine: Dataset, monkeypatch
) -> None:
    really_encode, left = images.encode_jpeg, iter(range(50))

    def interrupted(picture: np.ndarray) -> bytes:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return really_encode(picture)

    with monkeypatch.context() as patch:
        patch.setattr(images, "encode_jpeg", interrupted)
        assert run_frame("mine") == 130
    assert len(list(mine.frame.rglob("*.jpg"))) == 40
    before = snapshot(mine.root)
    assert run_frame("mine") == 0
    after = snapshot(mine.root)
    assert len(list(mine.frame.rglob("*.jpg"))) == 120
    finished = [name for name in before if name.startswith("frame/Tür/1/")]
    kept = ["clips.csv", "classes.csv", "frame/meta.json", *finished]
    names = [str(Path(name)) for name in kept]
    assert len(finished) == 20
    assert [after[name] for name in names] == [before[name] for name in names]


def test_overwrite_takes_all_afresh(run_frame: Run, mine: Dataset) -> None:
    run_frame("mine")
    shutil.rmtree(mine.video / "null")
    write_video(mine.video / "Tür" / "1.avi", 5)
    assert run_frame("mine", "--overwrite") == 0
    assert len(clips_table.read_clips(mine)) == 3
    assert numbers(mine, "Tür/1") == sampling.sample_indices(5, 20)
    assert not (mine.frame / "null").exists()


def test_a_damaged_record_is_refused_and_mended(
    run_frame: Run, mine: Dataset, capsys
) -> None:
    run_frame("mine")
    frame_store.meta_path(mine).write_text("{")
    assert run_frame("mine") == 2
    assert "is damaged (Expecting" in capsys.readouterr().err
    assert run_frame("mine", "--overwrite") == 0
    assert frame_store.require_meta(mine)["frames"] == 20
