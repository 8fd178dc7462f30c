"""The tab on which people film: take after take, and files that they bring."""

import base64
import html
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from signs.app import takes, uploads
from signs.app.preview import Previews
from signs.core.errors import UserError
from signs.core.messages import count
from signs.data.clips_table import Dataset

HERE = Path(__file__).parent
TEMPLATE = """
<div class="stage">
  <video class="camera" muted playsinline></video>
  <div class="count"></div><div class="dot">recording</div>
</div>
<div class="bar">
  <button class="go">Start filming (space)</button>
  <label>seconds a take
    <input class="seconds" type="number" min="0.5" max="20" step="0.5"
      value="2.5"></label>
</div>
<p class="state" role="status">Name the sign and who signs, then start.</p>
<div class="last" hidden>
  <p></p><img alt="the frames of the take">
  <button class="discard">Discard this take (D)</button>
</div>
"""
STYLE = """
.stage { position: relative; background: #222; border-radius: 8px;
  overflow: hidden; aspect-ratio: 4 / 3; max-width: 520px; }
.camera { width: 100%; height: 100%; object-fit: contain;
  transform: scaleX(-1); }
.count { position: absolute; inset: 0; display: grid; place-items: center;
  font: bold 120px sans-serif; color: white; text-shadow: 0 0 16px black; }
.dot { position: absolute; top: 12px; left: 12px; padding: 4px 12px;
  border-radius: 16px; background: #c0392b; color: white; display: none; }
&.recording .dot { display: block; }
.bar { display: flex; gap: 16px; align-items: center; margin: 12px 0 4px; }
button { padding: 8px 16px; border-radius: 8px; border: 1px solid #8886;
  cursor: pointer; background: #f3f4f6; color: #111; }
button.go { background: #ea580c; color: white; border: none;
  font-weight: 600; }
.seconds { width: 5em; padding: 4px; }
.state { font-size: 1.1em; min-height: 1.6em; margin: 4px 0; }
.state.error { color: #c0392b; font-weight: 600; }
.last img { max-width: 100%; border-radius: 4px; }
.last p { margin: 4px 0; }
"""


def build(
    dataset: Dataset, previews: Previews, upload_folder: Path
) -> tuple[Callable[[], tuple[pd.DataFrame, str]], list[Any]]:
    """Puts the tab into the page that is being built.

    Args:
        dataset: where takes are filed.
        previews: what looks at videos.
        upload_folder: where the page puts what browsers send.

    Returns:
        What gives the state of the takes, and the components that show it.
    """

    def keep_take(sent: dict[str, str]) -> dict[str, Any]:
        try:
            video = _uploaded(sent["path"], upload_folder)
            picture = previews.strip(video)
            take = takes.add(dataset, sent["sign"], sent["signer"], video)
        except UserError as error:
            return {"error": str(error)}
        return {
            "clip": takes.clip_of(dataset, take),
            "picture": as_data(picture),
            "text": f"{take.sign}, {take.signer}: {take.path.stem}",
        }

    def discard_take(sent: dict[str, str]) -> dict[str, Any]:
        for take in takes.find(dataset):
            if takes.clip_of(dataset, take) == sent["clip"]:
                takes.discard(dataset, take)
                return {}
        return {"error": f"there is no take {sent['clip']}"}

    def state() -> tuple[pd.DataFrame, str]:
        found = takes.find(dataset)
        return takes.table(found).reset_index(), advice_in_markdown(found)

    def add_files(
        files: list[str] | None, sign: str, signer: str
    ) -> tuple[str, None, pd.DataFrame, str]:
        kept, problems = 0, list[str]()
        for file in files or []:
            with tempfile.TemporaryDirectory(dir=upload_folder) as folder:
                added, wrong = _add_upload(
                    dataset, previews, Path(file), Path(folder), sign, signer
                )
            kept, problems = kept + added, problems + wrong
        said = [f"Kept {count(kept, 'video')}."] if files else ["No files."]
        said += [f"- {html.escape(problem)}" for problem in problems]
        return "\n".join(said), None, *state()

    with gr.Tab("1. Record", id="record") as tab:
        with gr.Row():
            with gr.Column(scale=3):
                with gr.Row():
                    sign = gr.Textbox(label="Sign", elem_id="sign")
                    signer = gr.Textbox(label="Who signs", elem_id="signer")
                camera = gr.HTML(
                    html_template=TEMPLATE,
                    css_template=STYLE,
                    js_on_load=(HERE / "camera.js").read_text("utf-8"),
                    server_functions=[keep_take, discard_take],
                    elem_id="recorder",
                )
            with gr.Column(scale=2):
                gr.Markdown(f"### Takes in `{dataset.video}`")
                table = gr.Dataframe(interactive=False, elem_id="takes")
                advice = gr.Markdown(elem_id="advice")
                with gr.Accordion("Videos that you have", open=False):
                    gr.Markdown(
                        "Videos, or a zip archive. In an archive with a "
                        "folder a sign, the folders say which sign it is."
                    )
                    files = gr.File(
                        file_count="multiple", show_label=False, height=120
                    )
                    bring = gr.Button("Add these files", elem_id="bring")
                    said = gr.Markdown(elem_id="brought")
    camera.change(state, outputs=[table, advice])
    tab.select(state, outputs=[table, advice])
    bring.click(
        add_files,
        inputs=[files, sign, signer],
        outputs=[said, files, table, advice],
    )
    return state, [table, advice]


def as_data(picture: bytes) -> str:
    """A JPEG as an address that a page can show."""
    return "data:image/jpeg;base64," + base64.b64encode(picture).decode()


def advice_in_markdown(found: list[takes.Take]) -> str:
    missing = takes.advice(found)
    if not missing:
        return "**Enough to train on.** More takes and people make it better."
    return "**Still missing:**\n" + "\n".join(f"- {text}" for text in missing)


def _uploaded(path: str, folder: Path) -> Path:
    """A file that a browser sent just now, and no other one.

    Raises:
        UserError: if it is one of those.
    """
    video = Path(path).resolve()
    if not video.is_relative_to(folder.resolve()) or not video.is_file():
        raise UserError("that file was not uploaded here")
    return video


def _add_upload(
    dataset: Dataset,
    previews: Previews,
    upload: Path,
    folder: Path,
    sign: str,
    signer: str,
) -> tuple[int, list[str]]:
    """Files what an upload holds; returns how much, and what was wrong."""
    kept, problems = 0, list[str]()
    try:
        for one in uploads.videos_of(upload, folder):
            try:
                previews.strip(one.path)
                takes.add(dataset, one.sign or sign, signer, one.path)
                kept += 1
            except UserError as error:
                text = str(error).replace(one.path.name, one.name)
                problems.append(
                    text if one.name in text else f"{one.name}: {text}"
                )
    except UserError as error:
        problems.append(str(error))
    return kept, problems
