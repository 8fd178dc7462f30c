"""The tab on which a model is tried: live, on a take, on a recording."""

import html
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
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
EVERY = 0.1  # seconds between two pictures of the camera
TOP = 3
KEPT = 12.0  # seconds that the camera's pictures are kept, to file a sign
WAYS = ["camera", "one take or file", "a long recording"]


def build(
    place: Workplace,
    models: Models,
    previews: Previews,
    recogniser: Worker,
    uploads: Path,
) -> tuple[Callable[[], Any], list[Any]]:
    """Puts the tab into the page that is being built.

    Args:
        place: the folders and the data set.
        models: what looks at cameras.
        previews: what shows videos.
        recogniser: what recognises videos.
        uploads: where what browsers send, and are sent, is put.

    Returns:
        What gives the names of the models there are, and what shows them.
    """
    with gr.Tab("3. Recognise", id="recognise") as tab:
        with gr.Row():
            chosen = gr.Dropdown(label="Model", elem_id="model", scale=3)
            threshold = gr.Slider(
                0, 1, 0.5, step=0.05, label="Below this it is none of these"
            )
            zipped = gr.DownloadButton("Download the model (zip)")
        with gr.Row():
            with gr.Column(scale=3):
                way = gr.Radio(
                    WAYS, value=WAYS[0], show_label=False, elem_id="way"
                )
                with gr.Column() as live:
                    camera = gr.Image(
                        sources=["webcam"],
                        streaming=True,
                        height=380,
                        label="Sign, and rest: each pause ends a sign",
                        elem_id="live-camera",
                    )
                with gr.Column(visible=False) as one:
                    filmed = recorder.build("try-recorder", [], once=True)
                    clip = gr.File(
                        label="or a video that you have",
                        file_types=["video"],
                        height=120,
                        elem_id="one-clip",
                    )
                with gr.Column(visible=False) as long:
                    recording = gr.File(
                        label="a video with pauses between the signs",
                        file_types=["video"],
                        height=120,
                        elem_id="recording",
                    )
                    search = gr.Button("Find the signs", elem_id="search")
                    timeline = gr.HTML(elem_id="timeline")
                    found = gr.Dataframe(interactive=False, elem_id="found")
                    subtitles = gr.File(
                        label="subtitles", visible=False, elem_id="subtitles"
                    )
            with gr.Column(scale=2):
                answer = gr.HTML(elem_id="answer")
                with gr.Group(visible=False) as correction:
                    gr.Markdown(
                        "That was wrong? File it for the next training."
                    )
                    right = gr.Dropdown(
                        label="It was the sign",
                        allow_custom_value=True,
                        elem_id="right-sign",
                    )
                    who = gr.Dropdown(
                        label="by", allow_custom_value=True, elem_id="by"
                    )
                    teach = gr.Button("File this take", elem_id="teach")
                taught = gr.Markdown(elem_id="taught")
        session = gr.State(lambda: {})
        seen = gr.State(None)  # the path of the take that was recognised last

    def choices() -> Any:
        names = models.names()
        filed = takes.find(place.dataset)
        signs = sorted({take.sign for take in filed})
        people = sorted({take.signer for take in filed} - {""})
        return (
            gr.Dropdown(names, value=names[0][1] if names else None),
            gr.Dropdown(signs, value=None),
            gr.Dropdown(people, value=None),
        )

    def warm_up() -> None:
        names = models.names()
        if names:
            recogniser.begin(model_file.prepare, place, names[0][1])

    def watch(
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
            signs = models.live(kept, name, least, PAUSE).update(now, picture)
            if not signs:
                return gr.skip()
            path = write_sign(kept, signs[-1], uploads)
        shown = drawing.answer(
            signs[-1].predictions, least, caution=models.caution(name)
        )
        return shown, gr.Group(visible=True), "", path

    def recognise_filmed(
        name: str, least: float, event: gr.EventData
    ) -> Iterator[Any]:
        with shown_errors():
            video = recorder.uploaded(event.path, uploads)
        yield from recognise(str(video), name, least)

    def recognise(path: str | None, name: str, least: float) -> Iterator[Any]:
        if not path:
            yield gr.skip()
            return
        # Until the answer is there, the take before must not be filed for it.
        yield "Recognising …", gr.Group(visible=False), "", None
        video = Path(path)
        with shown_errors():
            strip = previews.strip(video)
            predictions = recogniser.run(
                model_file.predict, video, place, name, TOP
            )
            caution = models.caution(name)
        shown = drawing.answer(predictions, least, strip, caution)
        yield shown, gr.Group(visible=True), "", path

    def file_it(
        path: str | None, sign: str | None, signer: str | None
    ) -> tuple[str, None]:
        if not path:
            raise gr.Error("there is no take to file", duration=5)
        with shown_errors():
            take = takes.correct(
                place.dataset, sign or "", signer or "", Path(path)
            )
        said = (
            f"Filed as {html.escape(take.sign)} ({take.path.name}); it counts "
            "from the next training on."
        )
        return said, None

    def find(path: str | None, name: str, least: float) -> Any:
        if not path:
            raise gr.Error("choose a recording first", duration=5)
        settings = long_video.Settings(PAUSE, least, TOP)
        with shown_errors():
            signs = recogniser.run(
                model_file.find_signs, Path(path), place, name, settings
            )
            vtt = model_file.write_subtitles(Path(path), signs, uploads)
        return (
            drawing.timeline(signs),
            model_file.table_of(signs),
            gr.File(str(vtt), visible=True),
        )

    def download(name: str) -> str:
        with shown_errors():
            return str(model_file.bundle(place, name, uploads))

    way.change(
        lambda name: [gr.Column(visible=name == each) for each in WAYS],
        inputs=way,
        outputs=[live, one, long],
    )
    camera.stream(
        watch,
        inputs=[camera, chosen, threshold, session, right],
        outputs=[answer, correction, taught, seen],
        stream_every=EVERY,
        time_limit=600,
        show_progress="hidden",
    )
    filmed.change(
        recognise_filmed,
        inputs=[chosen, threshold],
        outputs=[answer, correction, taught, seen],
    )
    clip.upload(
        recognise,
        inputs=[clip, chosen, threshold],
        outputs=[answer, correction, taught, seen],
    )
    teach.click(file_it, inputs=[seen, right, who], outputs=[taught, right])
    search.click(
        find,
        inputs=[recording, chosen, threshold],
        outputs=[timeline, found, subtitles],
    )
    zipped.click(download, inputs=chosen, outputs=zipped)
    tab.select(choices, outputs=[chosen, right, who])
    tab.select(warm_up)
    return choices, [chosen, right, who]


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
