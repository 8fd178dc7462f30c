"""The camera of the page: films one take after the other, or one."""

from collections.abc import Callable
from pathlib import Path

import gradio as gr

from signs.core.errors import UserError

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
<p class="state" role="status"></p>
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


def build(name: str, functions: list[Callable], once: bool = False) -> gr.HTML:
    """Puts a recorder into the page; its event `change` follows each take.

    Args:
        name: its id on the page.
        functions: `take`, which files a take, and `discard`.
        once: whether it stops after one take, which nobody files.
    """
    script = Path(__file__).with_name("camera.js").read_text("utf-8")
    return gr.HTML(
        html_template=TEMPLATE,
        css_template=STYLE,
        js_on_load=script,
        server_functions=functions or None,
        elem_id=name,
        once=once,
    )


def uploaded(path: str, folder: Path) -> Path:
    """A file that a browser sent just now, and no other one.

    Raises:
        UserError: if it is one of those.
    """
    video = Path(path).resolve()
    if not video.is_relative_to(folder.resolve()) or not video.is_file():
        raise UserError("that file was not uploaded here")
    return video
