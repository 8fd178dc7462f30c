"""The tab on which people film: take after take, and files that they bring."""

import base64
import html
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from signs.app import recorder, takes, uploads
from signs.app.preview import Previews
from signs.core.errors import UserError
from signs.core.messages import count
from signs.data.clips_table import Dataset


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

    def take(sent: dict[str, str]) -> dict[str, Any]:
        try:
            video = recorder.uploaded(sent["path"], upload_folder)
            picture = previews.strip(video)
            filed = takes.add(dataset, sent["sign"], sent["signer"], video)
        except UserError as error:
            return {"error": str(error)}
        return {
            "clip": takes.clip_of(dataset, filed),
            "picture": as_data(picture),
            "text": f"{filed.sign}, {filed.signer}: {filed.path.stem}",
        }

    def discard(sent: dict[str, str]) -> dict[str, Any]:
        for filed in takes.find(dataset):
            if takes.clip_of(dataset, filed) == sent["clip"]:
                takes.discard(dataset, filed)
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
                camera = recorder.build("recorder", [take, discard])
            with gr.Column(scale=2):
                gr.Markdown(f"### Takes in `data/{dataset.name}/video`")
                table = gr.Dataframe(interactive=False, elem_id="takes")
                advice = gr.Markdown(elem_id="advice")
                with gr.Accordion("Videos that you have", open=False):
                    gr.Markdown(
                        "Videos, or a zip archive. In an archive with a "
                        "folder a sign, the folders say which sign it is."
                    )
                    files = gr.File(
                        file_count="multiple",
                        show_label=False,
                        height=120,
                        elem_id="files",
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
                previews.check(one.path)
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
