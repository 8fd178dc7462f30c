"""What the page works with: uploads, previews and jobs."""

import importlib.util
import os
import stat
import time
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import shared
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signs.app import (
    drawing,
    jobs,
    preview,
    recognising,
    takes,
    training,
    uploads,
)
from signs.app.jobs import Job, Jobs, Step
from signs.app.training import Workplace
from signs.app.worker import Worker
from signs.core import files
from signs.core.errors import UserError
from signs.inference.live import Sign
from signs.inference.predictor import Prediction
from signs.synthetic.puppets import render
from signs.training.run_record import Run
from signs.video import decode, images


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


def test_hands_are_drawn_in_where_they_can_be_found(tmp_path, monkeypatch):
    models = shared("weights", "hand_landmarker.task").parent
    pytest.importorskip("mediapipe")
    path = tmp_path / "take.mp4"
    form = render.Format(640, 480, 25, "mp4v", 420)
    render.render(render.Clip(path, 249, 3, 0, 0, 50, 5, form))
    monkeypatch.setenv("SIGNS_LANDMARK_MODELS", str(tmp_path))
    without = preview.strip(path)
    monkeypatch.setenv("SIGNS_LANDMARK_MODELS", str(models))
    drawn = images.decode_jpeg(preview.strip(path)).astype(int)
    changed = np.abs(drawn - images.decode_jpeg(without)).max(axis=2) > 60
    assert drawn.shape[1] == 10 * preview.WIDTH
    assert 20 < changed.sum() < changed.size / 20


def die(video: Path) -> None:
    os._exit(9)


def hang(video: Path) -> None:
    time.sleep(60)


def test_a_worker_may_die_or_hang_and_the_next_one_works(video):
    worker = Worker(seconds=3)
    try:
        with pytest.raises(UserError, match="clip.avi: .* crashed on it"):
            worker.run(die, video)
        with pytest.raises(UserError, match="clip.avi: .* longer than 3 sec"):
            worker.run(hang, video)
        assert worker.run(os.path.getsize, video) == video.stat().st_size
    finally:
        worker.close()


def sign(start: float, end: float, name: str, is_known: bool = True) -> Sign:
    return Sign(start, end, [Prediction(name, name, 0.9)], is_known, 0.0)


def test_a_timeline_has_a_row_a_sign_and_names_are_only_text():
    signs = [sign(1, 2, "<b>"), sign(3, 4.5, "you"), sign(6, 8, "<b>")]
    drawn = drawing.timeline([*signs, sign(9, 10, "x", is_known=False)])
    assert drawn.count('title="&lt;b&gt;: 6.0 to 8.0 s, 90%"') == 1
    assert "<b>" not in drawn
    assert drawn.count("title=") == 4 and "unknown: 9.0 to 10.0 s" in drawn
    assert "left:60.000%;width:20.000%" in drawn  # of 10 seconds
    assert ">0 s<" in drawn and ">10 s<" in drawn
    assert "No sign" in drawing.timeline([])


def test_a_sign_of_the_camera_can_be_filed(tmp_path):
    kept: dict = {}
    for number in range(200):
        picture = np.full((48, 64, 3), number, np.uint8)
        recognising.keep(kept, number / 10, picture)
    # Twelve seconds before the last picture are kept.
    gone = recognising.write_sign(kept, sign(1, 2, "hello"), tmp_path)
    assert gone is None
    path = recognising.write_sign(kept, sign(15, 17, "hello"), tmp_path)
    assert path is not None
    pictures = decode.read_frames(Path(path), 3)
    shades = [float(picture.mean()) for picture in pictures]
    assert shades == pytest.approx([150, 160, 170], abs=6)


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


def test_a_link_in_an_archive_leads_nowhere(tmp_path):
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    link = zipfile.ZipInfo("hello/link.mp4")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, str(tmp_path / "secret.mp4"))
    folder = tmp_path / "unpacked"
    folder.mkdir()
    (found,) = uploads.videos_of(path, folder)
    assert not found.path.is_symlink()
    assert found.path.read_bytes() != b"secret"


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@given(st.data())
@settings(
    max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_damaged_archive_is_named(tmp_path, packing, data):
    path, folder = tmp_path / "a.zip", tmp_path / "unpacked"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", packing) as archive:
        for number in range(3):
            archive.writestr(f"s/{number}.mp4", bytes(range(200)))
    content = bytearray(path.read_bytes())
    places = st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=9)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(places)])
    with pytest.raises(UserError, match=r"^a\.zip cannot be unpacked: \S"):
        list(uploads.videos_of(path, folder))
    path.write_bytes(content)
    with suppress(UserError):
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


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    data, log, model = (tmp_path / name for name in ("data", "log", "model"))
    return Workplace(tmp_path, data, log, model, "mine")


def test_files_that_a_training_lacks_are_named(
    workplace, tmp_path, monkeypatch
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    said = training.lacking(workplace, "mobilenet-0.25")
    assert "/mobilenet/mobilenet_2_5_224_tf_no_top.h5" in said
    assert str(tmp_path / "models") in said
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mobilenet_2_5_224_tf_no_top.h5").touch()
    assert training.lacking(workplace, "mobilenet-0.25") == ""
    random = replace(workplace, weights="random")
    assert "no measure" in training.lacking(random, "mobilenet-0.25")
    monkeypatch.setenv("SIGNS_LANDMARK_MODELS", str(tmp_path))
    if importlib.util.find_spec("mediapipe"):
        said = training.lacking(workplace, "landmarks")
        assert "/hand_landmarker.task" in said and str(tmp_path) in said


def _stopped_run(place: Workplace, clip: str) -> Run:
    """What a training leaves that was stopped before its end."""
    run = Run("20260101-000000-lstm-1in1", place.log, place.model)
    features = {"cnn": "mobilenet-0.25"}
    files.write_json(run.log_record, {"run": run.name, "data": {}})
    files.write_json(
        run.model_record, {"dataset": place.name, "features": features}
    )
    for path in (run.clip_table, run.state):
        files.write_text(path, f"clip\n{clip}\n")
    return run


def test_a_stopped_training_goes_on_unless_takes_or_features_change(
    workplace, video
):
    take = takes.add(workplace.dataset, "hello", "Anna", video)
    run = _stopped_run(workplace, takes.clip_of(workplace.dataset, take))

    def trains(features: str) -> list[str]:
        (step,) = [
            step.command
            for step in training.plan(workplace, features)
            if not callable(step.command) and "--refit" in step.command
        ]
        return list(step)

    assert trains("mobilenet-0.25")[1:3] == ["--resume", run.name]
    assert "--resume" not in trains("landmarks")
    takes.add(workplace.dataset, "hello", "Anna", video)
    assert "--resume" not in trains("mobilenet-0.25")
