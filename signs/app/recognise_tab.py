"""The tab on which a model is tried: live, on a take, on a recording."""

import base64
import html
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from signs.app import recorder, takes
from signs.app.model_file import Models, bundle
from signs.app.preview import Previews
from signs.app.training import Workplace
from signs.core.errors import UserError
from signs.inference.predictor import Prediction

PAUSE = 0.8  # seconds of rest that end a sign
EVERY = 0.1  # seconds between two pictures of the camera
TOP = 3
WAYS = ["camera", "one take or file", "a long recording"]


def build(
    place: Workplace, models: Models, previews: Previews, uploads: Path
) -> tuple[Callable[[], Any], list[Any]]:
    """Puts the tab into the page that is being built.

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
                    found = gr.Dataframe(interactive=False, elem_id="found")
                    subtitles = gr.File(label="subtitles", visible=False)
            with gr.Column(scale=2):
                answer = gr.HTML(elem_id="answer")
                with gr.Group(visible=False) as correction:
                    gr.Markdown(
                        "That was wrong? File it for the next training."
                    )
                    right = gr.Textbox(label="It was the sign")
                    who = gr.Textbox(label="by")
                    teach = gr.Button("File this take", elem_id="teach")
                taught = gr.Markdown()
        session = gr.State(lambda: {})
        seen = gr.State(None)  # the path of the take that was recognised last

    def choices() -> Any:
        names = models.names()
        return gr.Dropdown(names, value=names[0] if names else None)

    def watch(
        picture: np.ndarray | None, name: str, least: float, kept: dict
    ) -> Any:
        if picture is None or not name:
            return gr.skip()
        with shown_errors():
            signs = models.live(kept, name, least, PAUSE).update(
                time.monotonic(), picture
            )
        if not signs:
            return gr.skip()
        return answer_as_html(signs[-1].predictions, least)

    def recognise_filmed(name: str, least: float, event: gr.EventData) -> Any:
        with shown_errors():
            video = recorder.uploaded(event.path, uploads)
        return recognise(str(video), name, least)

    def recognise(path: str | None, name: str, least: float) -> Any:
        if not path:
            return gr.skip()
        with shown_errors():
            strip = previews.strip(Path(path))
            predictions = models.predict(name, Path(path), TOP)
        shown = answer_as_html(predictions, least, strip)
        return shown, gr.Group(visible=True), "", path

    def file_it(path: str | None, sign: str, signer: str) -> str:
        if not path:
            raise gr.Error("there is no take to file", duration=5)
        with shown_errors():
            take = takes.add(place.dataset, sign, signer, Path(path))
        return (
            f"Filed as {html.escape(take.sign)} ({take.path.name}); it counts "
            "from the next training on."
        )

    def find(path: str | None, name: str, least: float) -> Any:
        if not path:
            raise gr.Error("choose a recording first", duration=5)
        with shown_errors():
            table, vtt = models.find_signs(name, Path(path), least, PAUSE, TOP)
        return table, gr.File(str(vtt), visible=True)

    def download(name: str) -> str:
        with shown_errors():
            return str(bundle(place, name))

    way.change(
        lambda name: [gr.Column(visible=name == each) for each in WAYS],
        inputs=way,
        outputs=[live, one, long],
    )
    camera.stream(
        watch,
        inputs=[camera, chosen, threshold, session],
        outputs=answer,
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
    teach.click(file_it, inputs=[seen, right, who], outputs=taught)
    search.click(
        find, inputs=[recording, chosen, threshold], outputs=[found, subtitles]
    )
    zipped.click(download, inputs=chosen, outputs=zipped)
    tab.select(choices, outputs=chosen)
    return choices, [chosen]


class shown_errors:
    """Shows a `UserError` on the page; everything else is a bug."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, UserError):
            raise gr.Error(str(error), duration=10) from error


def answer_as_html(
    predictions: Sequence[Prediction], least: float, strip: bytes | None = None
) -> str:
    """The likeliest signs as bars, best first, and what was seen.

    Args:
        predictions: best first.
        least: the probability below which it is none of them.
        strip: the frames that were seen, as JPEG.
    """
    best = predictions[0]
    is_known = best.probability >= least
    head = html.escape(best.name) if is_known else "none of these"
    rows = [
        f'<div style="display:flex;gap:8px;align-items:center;margin:6px 0">'
        f'<span style="width:9em">{html.escape(one.name)}</span>'
        '<span style="flex:1;background:#8883;border-radius:4px">'
        f'<span style="display:block;height:18px;border-radius:4px;'
        f"background:{'#ea580c' if is_known else '#888'};"
        f'width:{100 * one.probability:.0f}%"></span></span>'
        f'<span style="width:3em">{one.probability:.0%}</span></div>'
        for one in predictions
    ]
    picture = ""
    if strip is not None:
        data = base64.b64encode(strip).decode()
        picture = (
            '<p>What it saw:</p><img style="max-width:100%" '
            f'alt="the frames of the clip" src="data:image/jpeg;base64,{data}">'
        )
    return f"<h2>{head}</h2>" + "".join(rows) + picture
