"""Measures the page: minutes from `python app.py` to the first right answer.

A browser does what people do: it brings the takes of two people, trains, and
asks what a third person signs, whom the model has never seen. All three are
rendered.

Writes  benchmarks/page.json    what each step took, and how many were right

Needs requirements-dev.txt and Chromium:

    python -m benchmarks.page --weights mobilenet_2_5_224_tf_no_top.h5
"""

import argparse
import contextlib
import datetime
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.run import processor
from signs.core import parallel
from signs.core.arguments import available_cores
from signs.synthetic.puppets import render
from signs.synthetic.puppets.render import Clip, Format
from signs.video import decode, images

ROOT = Path(__file__).parents[1]
SIGNS = ["hello", "thanks", "house", "tree", "water"]
# Rendered gestures that look like words; see `puppets.plan.plan_words`.
FIRST_GESTURE = 249
TRAINED_ON = {"Anna": 3, "Ben": 8}  # people, and their numbers
NEW_PERSON = 14
WEBCAM = Format(640, 480, 25, "mp4v", 420)
FRAMES = (50, 75)  # of a take, shortest and longest
BROWSER = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run"),
    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--features", default="mobilenet-0.25", help="as the page names them")
    add("--weights", help="file of the CNN's weights, without its top")
    add("--takes", type=int, default=10, help="of a sign by a person")
    add("--asked", type=int, default=15, help="clips of the third person")
    add("--pictures", type=Path, metavar="DIR", help="of the page, for docs")
    add("--out", type=Path, default=Path(__file__).with_name("page.json"))
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        clips = render_people(folder / "rendered", args.takes, args.asked)
        found = measure(folder, clips, args)
    known = json.loads(args.out.read_text()) if args.out.exists() else {}
    args.out.write_text(json.dumps({**known, args.features: found}, indent=1))
    print(json.dumps(found, indent=1))
    return 0


def render_people(
    folder: Path, takes: int, asked: int
) -> dict[str, list[tuple[str, Path]]]:
    """Renders the takes of all three people.

    Returns:
        By person, sign and video of each take; the new one's name is empty.
    """
    wanted = [(who, takes) for who in TRAINED_ON] + [("", asked)]
    found: dict[str, list[tuple[str, Path]]] = {}
    todo: dict[str, Clip] = {}
    for who, number in wanted:
        total = number * (len(SIGNS) if who else 1)
        for take in range(total):
            sign = SIGNS[take % len(SIGNS)]
            video = folder / (who or "new") / sign / f"{take:03}.mp4"
            found.setdefault(who, []).append((sign, video))
            todo[str(video)] = Clip(
                video=video,
                gesture=FIRST_GESTURE + 2 * (take % len(SIGNS)),
                signer=TRAINED_ON.get(who, NEW_PERSON),
                session=0,
                take=take,
                frames=FRAMES[0] + take * 7 % (FRAMES[1] - FRAMES[0]),
                seed=5,
                format=WEBCAM,
            )
    _, failures = parallel.map_clips(
        render.render, todo, available_cores(), "rendering"
    )
    if failures:
        raise SystemExit(f"not rendered: {failures}")
    return found


def measure(
    folder: Path,
    clips: dict[str, list[tuple[str, Path]]],
    args: argparse.Namespace,
) -> dict[str, Any]:
    """Goes the whole way in a browser, and takes the time."""
    began = time.monotonic()
    times: dict[str, float] = {}

    def note(what: str) -> None:
        times[what] = round(time.monotonic() - began - sum(times.values()), 1)

    film = camera(folder / "camera.mjpeg", clips[""][0][1])
    with open_page(folder, args.weights, film) as page:
        note("page open")
        for who in TRAINED_ON:
            bring(page, archive(folder / f"{who}.zip", clips[who]), who)
        note(f"{args.takes * len(SIGNS) * len(TRAINED_ON)} takes brought")
        steps = train(page, args.features)
        note("trained")
        outcome = page.inner_text("#outcome")
        picture(page, args.pictures, "app-train")
        tab(page, "3. Recognise")
        page.click("#way label:has-text('one take')")
        first, right = 0.0, 0
        for sign, video in clips[""]:
            right += recognise(page, video) == sign
            if right and not first:
                first = time.monotonic() - began
        note("asked")
        if args.pictures:
            page.evaluate("document.querySelector('#answer h2')?.remove()")
            page.click("#try-recorder .go")
            read_answer(page)
            picture(page, args.pictures, "app-recognise")
            tab(page, "1. Record")
            film_take(page, clips[""][0][0], "Cleo")
            picture(page, args.pictures, "app-record")
    return {
        "date": datetime.date.today().isoformat(),
        "machine": processor(),
        "cores": available_cores(),
        "seconds": times,
        "training": steps,
        "first_right_answer": round(first, 1) or None,
        "right": right,
        "asked": len(clips[""]),
        "outcome": outcome,
    }


@contextlib.contextmanager
def open_page(folder: Path, weights: str | None, film: Path) -> Iterator[Any]:
    """Starts the page in a folder of its own, and opens it in a browser.

    Args:
        folder: where the page works.
        weights: of the CNN.
        film: what the browser's camera sees.
    """
    from playwright.sync_api import sync_playwright

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, str(ROOT / "app.py"), "signs", "--port", port]
    if weights:
        command += ["--weights", str(Path(weights).resolve())]
    address = f"http://127.0.0.1:{port}"
    with (folder / "page.log").open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output
        )
        try:
            while not _answers(address):
                if process.poll() is not None:
                    raise SystemExit((folder / "page.log").read_text())
                time.sleep(0.1)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"),
                    args=[
                        *BROWSER,
                        f"--use-file-for-fake-video-capture={film}",
                    ],
                )
                page = browser.new_page(
                    viewport={"width": 1360, "height": 1000}
                )
                page.set_default_timeout(300_000)
                page.goto(address)
                page.wait_for_selector("#sign")
                yield page
                browser.close()
        finally:
            process.terminate()
            process.wait(30)


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=2).close()
    except OSError:
        return False
    return True


def camera(path: Path, video: Path) -> Path:
    """Writes a video as a fake camera's film (MJPEG)."""
    with path.open("wb") as file:
        for shown in decode.read_frames(video, FRAMES[0]):
            file.write(images.encode_jpeg(shown))
    return path


def film_take(page: Any, sign: str, who: str) -> None:
    """Films one take, and leaves it on the page."""
    page.fill("#sign :is(input, textarea)", sign)
    page.fill("#signer :is(input, textarea)", who)
    page.click("#recorder .go")
    says(page, "#recorder .last", f"{sign}, {who}")
    page.click("#recorder .go")


def archive(path: Path, clips: list[tuple[str, Path]]) -> Path:
    """An archive with a folder a sign."""
    with zipfile.ZipFile(path, "w") as packed:
        for sign, video in clips:
            packed.write(video, f"{sign}/{video.name}")
    return path


def tab(page: Any, name: str) -> None:
    """Opens a tab; a page that is still being built ignores clicks."""
    button = page.locator(f"button[role=tab]:has-text('{name}')")
    while button.get_attribute("aria-selected") != "true":
        button.click()
        page.wait_for_timeout(200)


def says(page: Any, selector: str, text: str) -> None:
    """Waits until a part of the page says something."""
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector)"
        "?.innerText.includes(text)",
        arg=[selector, text],
    )


def bring(page: Any, packed: Path, who: str) -> None:
    if not page.is_visible("#files"):
        page.click("button:has-text('Videos that you have')")
    page.fill("#signer :is(input, textarea)", who)
    page.set_input_files("#files input[type=file]", str(packed))
    page.wait_for_selector(f"#files :text('{packed.stem}')")
    page.click("#bring")
    page.wait_for_selector("#files :text('Drop File Here')")
    says(page, "#takes", who)


def train(page: Any, features: str) -> dict[str, float]:
    """Trains; returns how many seconds each step took."""
    tab(page, "2. Train")
    page.click("#features input")
    page.click(f"ul[role=listbox] li:has-text('{features}')")
    page.click("#train-button")
    steps: dict[str, float] = {}
    began, before = time.monotonic(), ""
    while True:
        said = page.inner_text("#status")
        match = re.match(r"(.+) \(step.*: (.+)", said)
        step, state = match.groups() if match else (before, "")
        if step != before or state in ("done", "failed"):
            now = time.monotonic()
            if before:
                steps[before] = round(now - began, 1)
            began, before = now, step
        if state == "failed":
            raise SystemExit(page.inner_text("#outcome"))
        if state == "done":
            says(page, "#outcome", "right")
            return steps
        time.sleep(0.2)


def recognise(page: Any, video: Path) -> str:
    """The sign that the page says it is."""
    clear = "#one-clip button[aria-label='Clear']"
    if page.is_visible(clear):
        page.click(clear)
    page.evaluate("document.querySelector('#answer h2')?.remove()")
    page.set_input_files("#one-clip input[type=file]", str(video))
    return read_answer(page)


def read_answer(page: Any) -> str:
    page.wait_for_selector("#answer h2")
    return page.inner_text("#answer h2").strip()


def picture(page: Any, folder: Path | None, name: str) -> None:
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(1500)
        page.screenshot(path=str(folder / f"{name}.png"))


if __name__ == "__main__":
    sys.exit(main())
