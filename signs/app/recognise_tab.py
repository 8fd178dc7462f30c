"""The tab on which a model is tried: live, on a take, on a recording."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from signs.app import recorder
from signs.app.model_file import Models
from signs.app.preview import Previews
from signs.app.recognising import Recognising
from signs.app.training import Workplace
from signs.app.worker import Worker

EVERY = 0.1  # seconds between two pictures of the camera
WAYS = ["camera", "one take or file", "a long recording"]


@dataclass(frozen=True)
class _Inputs:
    """What is recognised: of a camera, a take, or a recording.

    Attributes:
        way: which of them is shown, see `WAYS`.
        groups: what is shown of each.
        camera, filmed, clip, recording: where pictures come from.
        search: starts the search in the recording.
        found: what shows its signs: as a timeline, a table, and subtitles.
    """

    way: gr.Radio
    groups: list[gr.Column]
    camera: gr.Image
    filmed: Any
    clip: gr.File
    recording: gr.File
    search: gr.Button
    found: list[Any]


@dataclass(frozen=True)
class _Answer:
    """What was recognised, and what it was instead.

    Attributes:
        shown: the answer.
        correction: the group of what follows.
        right, who: the sign that it was, and by whom.
        teach: files it.
        taught: says where it was filed.
    """

    shown: gr.HTML
    correction: gr.Group
    right: gr.Dropdown
    who: gr.Dropdown
    teach: gr.Button
    taught: gr.Markdown


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
    work = Recognising(place, models, previews, recogniser, uploads)
    with gr.Tab("3. Recognise", id="recognise") as tab:
        with gr.Row():
            chosen = gr.Dropdown(label="Model", elem_id="model", scale=3)
            threshold = gr.Slider(
                0, 1, 0.5, step=0.05, label="Below this it is none of these"
            )
            zipped = gr.DownloadButton("Download the model (zip)")
        with gr.Row():
            inputs, answer = _build_inputs(), _build_answer()
        session = gr.State(lambda: {})
        seen = gr.State(None)  # the path of the take that was recognised last
    outputs = [answer.shown, answer.correction, answer.taught, seen]
    inputs.way.change(
        lambda name: [gr.Column(visible=name == each) for each in WAYS],
        inputs=inputs.way,
        outputs=inputs.groups,
    )
    inputs.camera.stream(
        work.watch,
        inputs=[inputs.camera, chosen, threshold, session, answer.right],
        outputs=outputs,
        stream_every=EVERY,
        time_limit=600,
        show_progress="hidden",
    )
    inputs.filmed.change(
        work.recognise_filmed, inputs=[chosen, threshold], outputs=outputs
    )
    inputs.clip.upload(
        work.recognise, inputs=[inputs.clip, chosen, threshold], outputs=outputs
    )
    answer.teach.click(
        work.file_it,
        inputs=[seen, answer.right, answer.who],
        outputs=[answer.taught, answer.right],
    )
    inputs.search.click(
        work.find,
        inputs=[inputs.recording, chosen, threshold],
        outputs=inputs.found,
    )
    zipped.click(work.download, inputs=chosen, outputs=zipped)
    choices = [chosen, answer.right, answer.who]
    tab.select(work.choices, outputs=choices)
    tab.select(work.warm_up)
    return work.choices, choices


def _build_inputs() -> _Inputs:
    with gr.Column(scale=3):
        way = gr.Radio(WAYS, value=WAYS[0], show_label=False, elem_id="way")
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
            found = [
                gr.HTML(elem_id="timeline"),
                gr.Dataframe(interactive=False, elem_id="found"),
                gr.File(label="subtitles", visible=False, elem_id="subtitles"),
            ]
    groups = [live, one, long]
    return _Inputs(way, groups, camera, filmed, clip, recording, search, found)


def _build_answer() -> _Answer:
    with gr.Column(scale=2):
        shown = gr.HTML(elem_id="answer")
        with gr.Group(visible=False) as correction:
            gr.Markdown("That was wrong? File it for the next training.")
            right = gr.Dropdown(
                label="It was the sign",
                allow_custom_value=True,
                elem_id="right-sign",
            )
            who = gr.Dropdown(label="by", allow_custom_value=True, elem_id="by")
            teach = gr.Button("File this take", elem_id="teach")
        taught = gr.Markdown(elem_id="taught")
    return _Answer(shown, correction, right, who, teach, taught)
