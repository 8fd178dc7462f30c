"""What the page does to recognise signs, without its looks."""

import html
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from signs.app import drawing, filming, model_file, recorder, takes
from signs.app.model_file import Models
from signs.app.preview import Previews
from signs.app.training import Workplace
from signs.app.worker import Worker
from signs.core.errors import UserError
from signs.inference import long_video
from signs.inference.live import Sign
from signs.video import images

PAUSE = 0.8  # seconds of rest that end a sign
TOP = 3
KEPT = 12.0  # seconds that the camera's pictures are kept, to file a sign


@dataclass(frozen=True)
class Recognising:
    """What the tab's buttons, files and cameras lead to.

    Attributes:
        place, models, previews, recogniser, uploads: see `recognise_tab.build`.
    """

    place: Workplace
    models: Models
    previews: Previews
    recogniser: Worker
    uploads: Path

    def choices(self) -> Any:
        names = self.models.names()
        filed = takes.find(self.place.dataset)
        signs = sorted({take.sign for take in filed})
        people = sorted({take.signer for take in filed} - {""})
        return (
            gr.Dropdown(names, value=names[0][1] if names else None),
            gr.Dropdown(signs, value=None),
            gr.Dropdown(people, value=None),
        )

    def warm_up(self) -> None:
        names = self.models.names()
        if names:
            self.recogniser.begin(model_file.prepare, self.place, names[0][1])

    def watch(
        self,
        picture: np.ndarray | None,
        name: str,
        least: float,
        kept: dict,
        correcting: str | None,
    ) -> Any:
        # While a sign is being corrected, no other one takes its place.
        if picture is None or not name or correcting:
            return gr.skip()
        now = time.monotonic()
        with shown_errors():
            keep(kept, now, picture)
            signs = self.models.live(kept, name, least, PAUSE).update(
                now, picture
            )
            if not signs:
                return gr.skip()
            path = write_sign(kept, signs[-1], self.uploads)
        shown = drawing.answer(
            signs[-1].predictions, least, caution=self.models.caution(name)
        )
        return shown, gr.Group(visible=True), "", path

    def recognise_filmed(
        self, name: str, least: float, event: gr.EventData
    ) -> Iterator[Any]:
        with shown_errors():
            video = recorder.uploaded(event.path, self.uploads)
        yield from self.recognise(str(video), name, least)

    def recognise(
        self, path: str | None, name: str, least: float
    ) -> Iterator[Any]:
        if not path:
            yield gr.skip()
            return
        # Until the answer is there, the take before must not be filed for it.
        yield "Recognising …", gr.Group(visible=False), "", None
        video = Path(path)
        with shown_errors():
            strip = self.previews.strip(video)
            predictions = self.recogniser.run(
                model_file.predict, video, self.place, name, TOP
            )
            caution = self.models.caution(name)
        shown = drawing.answer(predictions, least, strip, caution)
        yield shown, gr.Group(visible=True), "", path

    def file_it(
        self, path: str | None, sign: str | None, signer: str | None
    ) -> tuple[str, None]:
        if not path:
            raise gr.Error("there is no take to file", duration=5)
        with shown_errors():
            take = takes.correct(
                self.place.dataset, sign or "", signer or "", Path(path)
            )
        said = (
            f"Filed as {html.escape(take.sign)} ({take.path.name}); it counts "
            "from the next training on."
        )
        return said, None

    def find(self, path: str | None, name: str, least: float) -> Any:
        if not path:
            raise gr.Error("choose a recording first", duration=5)
        settings = long_video.Settings(PAUSE, least, TOP)
        with shown_errors():
            signs = self.recogniser.run(
                model_file.find_signs, Path(path), self.place, name, settings
            )
            vtt = model_file.write_subtitles(Path(path), signs, self.uploads)
        return (
            drawing.timeline(signs),
            model_file.table_of(signs),
            gr.File(str(vtt), visible=True),
        )

    def download(self, name: str) -> str:
        with shown_errors():
            return str(model_file.bundle(self.place, name, self.uploads))


def keep(kept: dict, now: float, picture: np.ndarray) -> None:
    """Keeps a picture of the camera for some seconds, as JPEG.

    Args:
        kept: what the page keeps of a browser.
        now: when it came, in seconds.
        picture: RGB, uint8.
    """
    pictures = kept.setdefault("pictures", deque())
    pictures.append((now, images.encode_jpeg(picture)))
    while pictures[0][0] < now - KEPT:
        pictures.popleft()


def write_sign(kept: dict, sign: Sign, folder: Path) -> str | None:
    """Writes the pictures of a sign that the camera saw, as a video.

    Args:
        kept: see `keep`.
        sign: what was recognised.
        folder: where it is written.

    Returns:
        The path of the video; None if the pictures are gone already.
    """
    pictures = [
        (when, images.decode_jpeg(picture))
        for when, picture in kept["pictures"]
        if sign.start <= when <= sign.end
    ]
    if len(pictures) < 2:
        return None
    path = Path(tempfile.mkdtemp(prefix="sign-", dir=folder)) / "sign.mp4"
    return str(filming.write_video(path, pictures))


class shown_errors:
    """Shows a `UserError` on the page; everything else is a bug."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, UserError):
            raise gr.Error(str(error), duration=10) from error
