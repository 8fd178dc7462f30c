"""The page in a real browser, with a camera that plays rendered clips."""

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import (
    BROWSER,
    CHROMIUM,
    choose,
    free_port,
    needs_browser,
    open_tab,
    wait_for,
    wait_until,
)
from helpers import write_video
from store import folders
from trained import trained

import app
import sample
from signs.app import model_file, takes
from signs.app.training import Workplace
from signs.core import arguments
from signs.data import signers
from signs.data.clips_table import Dataset
from signs.data.layouts import detect
from signs.training import clips_used, run_record
from signs.video import decode, images

ROOT = Path(__file__).parents[1]


def test_other_machines_need_a_password(tmp_path, capsys):
    assert arguments.run(app.main, ["mine", "--host", "0.0.0.0"]) == 2
    assert "give a --password, too" in capsys.readouterr().err


def test_without_gradio_one_line_says_what_to_install(tmp_path):
    program = (
        "import sys; sys.modules['gradio'] = None\n"
        "import app; from signs.core import arguments\n"
        "sys.exit(arguments.run(app.main, ['mine']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "error: the page needs gradio: python -m pip install -r "
        "requirements-app.txt\n"
    )


def film(path: Path, clips: list[Path]) -> Path:
    """Writes clips one after the other as a fake camera's film (MJPEG)."""
    with path.open("wb") as file:
        for clip in clips:
            for picture in decode.read_frames(clip, 60):
                big = cv2.resize(picture, (320, 240))
                file.write(images.encode_jpeg(big))
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a few takes of rendered people, filed by sign."""
    root = tmp_path_factory.mktemp("page")
    dataset = Dataset(root / "data" / "mine")
    flags = "--gestures 2 --performers 4 --clips 40 --words 2 --quiet".split()
    rendered = tmp_path_factory.mktemp("rendered")
    assert arguments.run(sample.main, [*flags, *folders(rendered)]) == 0
    source = Dataset(rendered / "data" / "sample-chalearn")
    rows, _, _ = detect.read_layout(source.video)
    rows = signers.add_signers(rows, source.signers)
    chosen = rows.groupby(["label", "signer"]).head(3)
    for row in chosen.itertuples():
        path = source.video / str(row.video)
        takes.add(dataset, f"sign {row.label}", f"Person {row.signer}", path)
    film(root / "camera.mjpeg", [takes.find(dataset)[0].path])
    return root


@pytest.fixture(scope="module")
def address(place: Path) -> Iterator[str]:
    """The page, served by a process of its own."""
    port = free_port()
    command = [sys.executable, str(ROOT / "app.py"), "mine"]
    command += ["--port", str(port), "--weights", "random"]
    temporary = place / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with (place / "page.log").open("w") as output:
        process = subprocess.Popen(
            command, cwd=place, stdout=output, stderr=output, env=environment
        )
        url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(url, timeout=2).close()
                break
            except OSError:
                assert process.poll() is None, (place / "page.log").read_text()
                assert time.monotonic() < until
                time.sleep(0.2)
        yield url
        process.terminate()
        process.wait(30)
        assert not list(temporary.iterdir())


@pytest.fixture
def page(place: Path, address: str):
    from playwright.sync_api import sync_playwright

    camera = f"--use-file-for-fake-video-capture={place / 'camera.mjpeg'}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*BROWSER, camera]
        )
        context = browser.new_context(viewport={"width": 1360, "height": 1000})
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(address)
        page.wait_for_selector("#sign")
        yield page
        browser.close()


@pytest.mark.slow  # starts the script of the zip
def test_a_model_goes_with_all_that_belongs_to_it(tmp_path, tmp_path_factory):
    root = trained(tmp_path_factory)
    data, logs, models = (root / name for name in ("data", "log", "model"))
    place = Workplace(root, data, logs, models, "sample-chalearn")
    archive = model_file.bundle(place, "", tmp_path)
    shutil.unpack_archive(archive, tmp_path)
    path, record = run_record.find_model(
        str(next(tmp_path.glob("*.keras"))), tmp_path
    )
    used = clips_used.read(path, record)
    assert used is not None and len(used)
    for name in [path.name, f"{record['run']}-clips.csv", "recognise.py"]:
        assert f"`{name}`" in (tmp_path / "README.md").read_text()
    video = root / "data/sample-chalearn/video" / (f"{used['clip'][0]}.avi")
    done = subprocess.run(
        [sys.executable, "recognise.py", str(video)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("[Prediction(label="), done.stderr


@needs_browser
def test_the_page_answers_to_this_machine_only(address):
    asked = urllib.request.Request(address, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(asked, timeout=20)


@needs_browser
def test_takes_are_filmed_one_after_the_other_and_discarded(page, place):
    dataset = Dataset(place / "data" / "mine")
    before = len(takes.find(dataset))
    page.click("#recorder .go")
    wait_for(page, "#recorder .state", "Say first which sign")
    page.fill("#sign :is(input, textarea)", "Grüße")
    page.fill("#signer :is(input, textarea)", "Anna")
    page.fill("#recorder .seconds", "1")
    page.click("#recorder .go")
    wait_for(page, "#recorder .last", "Grüße, Anna: Anna-02")
    page.click("#recorder .go")
    wait_for(page, "#advice", "Grüße")
    filmed = [take for take in takes.find(dataset) if take.sign == "Grüße"]
    assert len(filmed) >= 2 and filmed[0].signer == "Anna"
    assert len(decode.read_frames(filmed[0].path, 20)) == 20
    wait_for(page, "#recorder .go", "Start")
    last = page.inner_text("#recorder .last p").split()[-1]
    page.click("#recorder .discard")
    wait_for(page, "#recorder .state", "Discarded")
    left = [take.path.stem for take in takes.find(dataset)]
    assert last not in left
    for take in takes.find(dataset):
        if take.sign == "Grüße":
            takes.discard(dataset, take)
    assert len(takes.find(dataset)) == before


@needs_browser
def test_a_bad_file_is_named_and_a_name_is_no_path(page, place, tmp_path):
    bad = tmp_path / "broken.mp4"
    bad.write_bytes(b"no video")
    page.click("button:has-text('Videos that you have')")
    page.set_input_files("#files input[type=file]", str(bad))
    page.fill("#sign :is(input, textarea)", "../../outside")
    page.fill("#signer :is(input, textarea)", "Anna")
    page.wait_for_selector("#files :text('broken')")
    page.click("#bring")
    wait_for(page, "#brought", "broken.mp4")
    good = write_video(tmp_path / "good.avi")
    page.set_input_files("#files input[type=file]", str(good))
    page.wait_for_selector("#files :text('good')")
    page.click("#bring")
    wait_for(page, "#brought", "cannot be the name of a sign")
    assert not list(place.glob("**/outside*"))


@needs_browser
def test_train_stop_go_on_reload_and_recognise(page, place):
    """The whole way; the training is stopped, and goes on where it was."""
    dataset = Dataset(place / "data" / "mine")
    open_tab(page, "2. Train")
    page.click("#features input")
    page.click("ul[role=listbox] li:has-text('mobilenet-0.25')")
    wait_for(page, "#needed", "random weights")
    page.fill("#epochs input", "12")
    page.click("#train-button")
    wait_for(page, "#status", "training from scratch")
    other = page.context.new_page()
    other.goto(page.url)
    open_tab(other, "2. Train")
    other.click("#train-button")
    wait_for(other, "body", "under way already")
    other.close()
    wait_until(lambda: rows_of_log(place) > 1)
    page.click("#stop-button")
    wait_for(page, "#status", "stopped")
    rows = rows_of_log(place)
    assert rows < 12
    page.reload()
    open_tab(page, "2. Train")
    wait_for(page, "#status", "stopped")
    page.click("#train-button")
    wait_for(page, "#status", "going on with the training")
    wait_for(page, "#status", "done")
    assert rows_of_log(place) == 12
    wait_for(page, "#outcome", "left out of the training")
    assert "The CNN has random weights" in page.inner_text("#outcome")

    open_tab(page, "3. Recognise")
    assert "trained on all takes" in page.input_value("#model input")
    page.click("#way label:has-text('one take')")
    take = takes.find(dataset)[0]
    page.set_input_files("#one-clip input[type=file]", str(take.path))
    wait_for(page, "#answer", "What it saw")
    assert page.locator("#answer img").count() == 1
    assert page.inner_text("#answer").count("%") == 2  # of two signs
    # What was filed wrongly moves.
    choose(page, "#right-sign", "moved")
    choose(page, "#by", take.signer)
    page.click("#teach")
    wait_for(page, "#taught", "Filed as moved")
    assert not take.path.exists()
    assert len(list((dataset.video / "moved").iterdir())) == 1

    before = len(takes.find(dataset))
    page.fill("#try-recorder .seconds", "1")
    page.click("#try-recorder .go")
    wait_for(page, "#try-recorder .state", "the answer comes")
    # The answer before, and what was said of it, are gone by then.
    wait_until(lambda: not page.inner_text("#taught").strip())
    wait_for(page, "#answer", "What it saw")
    choose(page, "#right-sign", "new sign")
    choose(page, "#by", "Ada")
    page.click("#teach")
    wait_for(page, "#taught", "Filed as new sign (Ada-01.webm)")
    assert len(takes.find(dataset)) == before + 1

    page.click("#way label:has-text('a long recording')")
    recording = recording_of(place / "long.avi", takes.find(dataset)[:2])
    page.set_input_files("#recording input[type=file]", str(recording))
    page.wait_for_selector("#recording :text('long')")
    page.click("#search")
    page.wait_for_selector("#timeline .timeline")
    assert page.locator("#timeline [title]").count() >= 1
    page.wait_for_selector("#subtitles :text('.vtt')")


def recording_of(path: Path, filed: list[takes.Take]) -> Path:
    """Writes takes one after the other, with rest between them."""
    pictures: list[np.ndarray] = []
    for take in filed:
        some = decode.read_frames(take.path, 20)
        pictures += [some[0]] * 15 + some + [some[-1]] * 15
    size = pictures[0].shape[1], pictures[0].shape[0]
    resized = [cv2.resize(picture, size) for picture in pictures]
    return write_video(path, len(resized), size, 10, None, resized.__getitem__)


def rows_of_log(place: Path) -> int:
    """How many epochs the first training has had."""
    logs = sorted((place / "log").glob("*-lstm-*in?.csv"))
    return len(logs[0].read_text().splitlines()) - 1 if logs else 0
