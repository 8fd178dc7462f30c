"""What the page works with: uploads, previews and jobs."""

import time
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from signs.app import jobs, preview, uploads
from signs.app.jobs import Job, Jobs, Step
from signs.core.errors import UserError


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48)
    )
    for shade in range(25):
        writer.write(np.full((48, 64, 3), 10 * shade, np.uint8))
    writer.release()
    return path


def test_a_take_is_shown_as_its_twenty_frames(video):
    looking = preview.Previews()
    try:
        picture = cv2.imdecode(
            np.frombuffer(looking.strip(video), np.uint8), cv2.IMREAD_COLOR
        )
        assert picture is not None
        height = preview.WIDTH * 48 // 64
        assert picture.shape == (2 * height, 10 * preview.WIDTH, 3)
        assert picture[5, 5].max() < 20 < 200 < picture[-5, -5].min()
        video.write_bytes(b"no video at all")
        with pytest.raises(UserError, match=r"^clip\.avi: "):
            looking.strip(video)
    finally:
        looking.close()


def _archive(path: Path, names: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return path


def test_an_archive_gives_its_videos_with_the_folders_as_signs(tmp_path):
    path = _archive(
        tmp_path / "a.zip",
        {
            "set/hello/../../../../etc/x.mp4": b"1",
            "set/bye/two.MP4": b"22",
            "three.webm": b"333",
            "__MACOSX/set/bye/._two.mp4": b"",
            "readme.txt": b"no",
        },
    )
    folder = tmp_path / "unpacked"
    folder.mkdir()
    found = list(uploads.videos_of(path, folder))
    assert [(one.name, one.sign) for one in found] == [
        ("x.mp4", "etc"),
        ("two.MP4", "bye"),
        ("three.webm", ""),
    ]
    assert [one.path.read_bytes() for one in found] == [b"1", b"22", b"333"]
    assert all(one.path.parent == folder for one in found)


def test_too_much_is_refused_whatever_the_archive_says(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_BYTES", 1000)
    path = _archive(tmp_path / "bomb.zip", {"a/x.mp4": b"\0" * 100_000})
    folder = tmp_path / "unpacked"
    folder.mkdir()
    with pytest.raises(UserError, match=r"x\.mp4 is larger than"):
        list(uploads.videos_of(path, folder))
    monkeypatch.setattr(uploads, "MOST_FILES", 1)
    path = _archive(tmp_path / "many.zip", {"a.mp4": b"", "b.mp4": b""})
    with pytest.raises(UserError, match="more than 1 videos"):
        list(uploads.videos_of(path, folder))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.zip", b"PK no", "a.zip cannot be unpacked"),
        ("a.txt", b"text", "a.txt is no video and no .zip"),
    ],
)
def test_what_is_no_video_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        list(uploads.videos_of(tmp_path / name, tmp_path))


def _script(folder: Path, name: str, program: str) -> list[str]:
    (folder / name).write_text(program)
    return [str(folder / name)]


def test_a_job_runs_its_steps_and_says_how_far_it_is(tmp_path):
    bars = (
        "import tqdm, sys\n"
        "print('begin ' + sys.argv[1])\n"
        "for _ in tqdm.tqdm(range(4), desc='work'): pass\n"
    )
    first = _script(tmp_path, "first.py", bars)
    second = _script(tmp_path, "second.py", "print('Grüße')")
    job = Job([Step("one", [*first, "now"]), Step("two", second)], tmp_path)
    job.start()
    job.wait(60)
    assert job.progress.state == "done"
    assert list(job.progress.lines) == ["begin now", "Grüße"]
    assert (job.progress.number, job.progress.steps) == (2, 2)


def test_a_job_ends_at_the_step_that_fails(tmp_path):
    bad = _script(tmp_path, "bad.py", "raise SystemExit('error: no clips')")
    never = _script(tmp_path, "never.py", "open('here', 'w')")
    job = Job([Step("bad", bad), Step("never", never)], tmp_path)
    job.start()
    job.wait(60)
    assert job.progress.state == "failed" and job.progress.step == "bad"
    assert list(job.progress.lines) == ["error: no clips"]
    assert not (tmp_path / "here").exists()


def test_a_job_can_be_stopped_and_only_one_runs(tmp_path):
    slow = _script(
        tmp_path, "slow.py", "import time; print('up'); time.sleep(60)"
    )
    running = Jobs()
    job = running.start([Step("slow", slow)], tmp_path)
    while not job.progress.lines:
        time.sleep(0.02)
    with pytest.raises(UserError, match="under way already"):
        running.start([Step("slow", slow)], tmp_path)
    job.stop()
    job.wait(30)
    assert job.progress.state == "stopped"
    quick = _script(tmp_path, "quick.py", "print(1)")
    again = running.start([Step("quick", quick)], tmp_path)
    again.wait(60)
    assert again.progress.state == "done"


def test_scripts_are_found_by_their_names():
    assert (jobs.ROOT / "frame.py").is_file()
