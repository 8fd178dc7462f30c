"""The page: three tabs over the folders that the scripts work on."""

from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from signs.app import recognise_tab, record_tab, train_tab
from signs.app.jobs import Jobs
from signs.app.model_file import Models
from signs.app.preview import Previews
from signs.app.training import Workplace
from signs.app.uploads import MEGABYTE, MOST_BYTES_IN_ALL
from signs.app.worker import Worker

LONGEST = 3600.0  # seconds that finding the signs of a recording may take
LOCAL = ("127.0.0.1", "localhost", "::1")  # what this machine calls itself
USER = "signs"  # whom the password is asked of


def build(
    place: Workplace, uploads: Path, previews: Previews, recogniser: Worker
) -> gr.Blocks:
    """The page, ready to be served.

    Args:
        place: the folders and the data set.
        uploads: where what browsers send, and are sent, is put.
        previews: what looks at videos.
        recogniser: what recognises them.
    """
    with gr.Blocks(
        title=f"Signs: {place.name}", analytics_enabled=False
    ) as page:
        gr.Markdown(f"# Your own signs: {place.name}")
        with gr.Tabs():
            states = [
                record_tab.build(place.dataset, previews, uploads),
                train_tab.build(place, Jobs()),
                recognise_tab.build(
                    place, Models(place), previews, recogniser, uploads
                ),
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
    previews, recogniser = Previews(), Worker(LONGEST)
    options: dict[str, Any] = {}
    if password:
        options["auth"] = (USER, password)
    else:
        # Else a page elsewhere could pretend to be this machine, and ask.
        only = Middleware(TrustedHostMiddleware, allowed_hosts=list(LOCAL))
        options["app_kwargs"] = {"middleware": [only]}
    for folder in (place.dataset.video, place.log, place.model):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        build(place, uploads, previews, recogniser).launch(
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
        recogniser.close()
