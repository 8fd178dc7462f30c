"""The page: three tabs over the folders that the scripts work on."""

from pathlib import Path
from typing import Any

import gradio as gr

from signs.app import recognise_tab, record_tab, train_tab
from signs.app.jobs import Jobs
from signs.app.model_file import Models
from signs.app.preview import Previews
from signs.app.training import Workplace
from signs.app.uploads import MEGABYTE, MOST_BYTES_IN_ALL

USER = "signs"  # whom the password is asked of


def build(place: Workplace, uploads: Path, previews: Previews) -> gr.Blocks:
    """The page, ready to be served.

    Args:
        place: the folders and the data set.
        uploads: where what browsers send is put.
        previews: what looks at videos.
    """
    with gr.Blocks(
        title=f"Signs: {place.name}", analytics_enabled=False
    ) as page:
        gr.Markdown(f"# Your own signs: {place.name}")
        with gr.Tabs():
            states = [
                record_tab.build(place.dataset, previews, uploads),
                train_tab.build(place, Jobs()),
                recognise_tab.build(place, Models(place), previews, uploads),
            ]
        for state, shown in states:
            page.load(state, outputs=shown)
    return page


def serve(
    place: Workplace,
    uploads: Path,
    host: str,
    port: int,
    password: str | None,
) -> None:
    """Serves the page until the process is stopped."""
    previews = Previews()
    options: dict[str, Any] = {}
    if password:
        options["auth"] = (USER, password)
    for folder in (place.dataset.video, place.log, place.model):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        build(place, uploads, previews).launch(
            server_name=host,
            server_port=port,
            quiet=True,
            footer_links=[],
            share=False,
            max_file_size=MOST_BYTES_IN_ALL // MEGABYTE * MEGABYTE,
            allowed_paths=[str(place.dataset.video), str(place.log)],
            **options,
        )
    finally:
        previews.close()
