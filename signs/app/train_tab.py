"""The tab on which a model is trained, and shown for what it is worth."""

from collections.abc import Callable
from typing import Any

import gradio as gr
import pandas as pd

from signs.app import takes, training
from signs.app.jobs import Jobs, Progress
from signs.app.training import Workplace
from signs.core.errors import UserError
from signs.evaluation import training_log

LINES_SHOWN = 12
STATES = {
    "waiting": "waiting",
    "running": "under way",
    "stopped": "stopped; Train goes on with it",
    "failed": "failed",
    "done": "done",
}


def build(place: Workplace, jobs: Jobs) -> tuple[Callable[[], Any], list[Any]]:
    """Puts the tab into the page that is being built.

    Returns:
        What gives the state of the training, and what shows it.
    """
    features, why = training.features_to_use(place)
    with gr.Tab("2. Train", id="train") as tab:
        with gr.Row():
            with gr.Column(scale=2):
                chosen = gr.Dropdown(
                    _choices(features),
                    value=features,
                    label="Features",
                    info=f"suggested: {features} ({why})",
                    elem_id="features",
                )
                needed = gr.Markdown(elem_id="needed")
                epochs = gr.Number(
                    training.EPOCHS,
                    label="Epochs",
                    precision=0,
                    minimum=1,
                    elem_id="epochs",
                )
                with gr.Row():
                    train = gr.Button(
                        "Train", variant="primary", elem_id="train-button"
                    )
                    stop = gr.Button("Stop", elem_id="stop-button")
                status = gr.HTML(elem_id="status")
                lines = gr.Textbox(
                    label="What the scripts say",
                    lines=LINES_SHOWN,
                    max_lines=LINES_SHOWN,
                    interactive=False,
                    autoscroll=True,
                )
            with gr.Column(scale=3):
                curve = gr.LinePlot(
                    x="epoch",
                    y="accuracy",
                    color="clips",
                    y_lim=[0, 1],
                    height=260,
                    title="Accuracy, epoch by epoch",
                    visible=False,
                )
                said = gr.Markdown(elem_id="outcome")
                with gr.Row():
                    with gr.Column():
                        gr.Markdown("What is taken for what")
                        confusion = gr.Image(
                            show_label=False,
                            interactive=False,
                            height=340,
                        )
                    with gr.Column():
                        wrong = gr.Dataframe(
                            label="Clips that it gets wrong: click to watch",
                            interactive=False,
                            elem_id="wrong",
                        )
                        watched = gr.Video(
                            label="the clip", visible=False, height=240
                        )
                report = gr.File(label="The report", visible=False)
        timer = gr.Timer(1.0)

    shown = [status, lines, curve, said, confusion, wrong, report]

    def state() -> list[Any]:
        progress = jobs.current.progress if jobs.current else _before(place)
        accuracy = curve_of(place)
        return [
            status_as_html(progress),
            "\n".join(list(progress.lines)[-LINES_SHOWN:]),
            gr.LinePlot(accuracy, visible=len(accuracy) > 0),
            *_outcome(place, progress),
        ]

    def start(name: str, most: float) -> None:
        try:
            jobs.start(training.plan(place, name, int(most)), place.root)
        except UserError as error:
            raise gr.Error(str(error), duration=8) from error

    def end() -> None:
        if jobs.current:
            jobs.current.stop()

    def watch(table: pd.DataFrame, event: gr.SelectData) -> Any:
        clip = table.iloc[event.index[0]]["clip"]
        # Looked up, as what a browser sends is no path.
        found = [
            str(take.path)
            for take in takes.find(place.dataset)
            if takes.clip_of(place.dataset, take) == clip
        ]
        return gr.Video(found[0] if found else None, visible=True)

    def say_lacking(name: str) -> str:
        return training.lacking(place, name)

    def begin() -> list[Any]:
        name, why = training.features_to_use(place)
        choice = gr.Dropdown(value=name, info=f"suggested: {name} ({why})")
        return [choice, say_lacking(name), *state()]

    train.click(start, inputs=[chosen, epochs]).then(state, outputs=shown)
    stop.click(end).then(state, outputs=shown)
    timer.tick(state, outputs=shown, show_progress="hidden")
    chosen.change(say_lacking, inputs=chosen, outputs=needed)
    tab.select(say_lacking, inputs=chosen, outputs=needed)
    tab.select(state, outputs=shown)
    wrong.select(watch, inputs=wrong, outputs=watched)
    return begin, [chosen, needed, *shown]


def _before(place: Workplace) -> Progress:
    """What is known of a training of an earlier page."""
    run = training.unfinished(place)
    if run is None:
        return Progress()
    return Progress("stopped", run.name, number=1, steps=1)


def _choices(preferred: str) -> list[str]:
    others = [training.LANDMARKS, training.SMALL_CNN, "inceptionv3"]
    return list(dict.fromkeys([preferred, *others]))


def status_as_html(progress: Progress) -> str:
    """How far a job is, as a bar."""
    if not progress.step:
        return "<p>No training is under way.</p>"
    finished = progress.number - 1 + (progress.percent or 0) / 100
    if progress.state == "done":
        finished = progress.steps
    share = 100 * finished / max(1, progress.steps)
    return (
        f"<p><b>{progress.step}</b> (step {progress.number} of "
        f"{progress.steps}): {STATES[progress.state]}</p>"
        '<div style="background:#8883;border-radius:6px">'
        f'<div style="width:{share:.0f}%;height:12px;border-radius:6px;'
        'background:#ea580c"></div></div>'
    )


def curve_of(place: Workplace) -> pd.DataFrame:
    """The accuracy of the newest run: epoch, accuracy, of which clips."""
    empty = pd.DataFrame(columns=["epoch", "accuracy", "clips"])
    run = training.newest_run(place, judged=True)
    if run is None or not run.csv.exists():
        return empty
    try:
        log = training_log.read_log(run.csv)
    except UserError:  # no epoch is finished yet
        return empty
    parts = [
        pd.DataFrame(
            {
                "epoch": log["epoch"].astype(float),
                "accuracy": log[column].astype(float),
                "clips": clips,
            }
        )
        for column, clips in (
            ("accuracy", "trained on"),
            ("val_accuracy", "left out"),
        )
    ]
    return pd.concat(parts).dropna()


def _outcome(place: Workplace, progress: Progress) -> list[Any]:
    """The sentence, the confusion, the wrong clips and the report."""
    nothing = pd.DataFrame(columns=["clip", "label", "predicted"])
    if progress.state == "failed":
        last = progress.lines[-1] if progress.lines else "no reason given"
        return [
            f"**{progress.step} failed.** {last}",
            *(None, nothing, gr.File(visible=False)),
        ]
    came_out = training.outcome(place)
    if came_out is None or progress.state == "running":
        return ["", None, nothing, gr.File(visible=False)]
    confusion = str(came_out.confusion) if came_out.confusion else None
    report = str(came_out.report) if came_out.report else None
    return [
        f"**{came_out.caution}** {came_out.sentence}"
        if came_out.caution
        else came_out.sentence,
        confusion,
        came_out.wrong,
        gr.File(report, visible=report is not None),
    ]
