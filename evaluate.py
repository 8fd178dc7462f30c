#!/usr/bin/env python3
"""Judges a trained model once, on clips that it has never seen.

Reads   model/RUN-best.keras, model/RUN.json      the newest, or --model
        model/RUN-clips.csv                       what it was trained on
        data/DATASET/clips.csv, feature/NAME/     or the videos of --videos
Writes  log/RUN-evaluation-SPLIT.html   one page to show and to print
        log/RUN-evaluation-SPLIT.json   all figures, with 95% intervals
        log/RUN-evaluation-SPLIT.csv    what the model says of each clip

Without DATASET, the model's own data set is meant. Clips that the model was
trained on, or that its epoch was chosen by, are refused.

Example: python evaluate.py shrec --split test
"""

import argparse
import datetime
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signs.core import arguments
from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.inference import flags

if TYPE_CHECKING:
    import numpy as np

    from signs.data.changes import Inputs
    from signs.inference.judged_clips import JudgedClips, Task
    from signs.training.clips_used import Overlap

KINDS = {"test": "test clip", "val": "validation clip"}


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    parser = arguments.build_parser(__doc__ or "")
    add = parser.add_argument
    add(
        "dataset",
        nargs="?",
        metavar="DATASET",
        help="name of the folder below data/ (default: the model's own)",
    )
    add(
        "--model",
        metavar="FILE|RUN",
        help="the model to judge (default: the newest run on DATASET)",
    )
    add("--split", choices=list(KINDS), default="test", help="which clips")
    add(
        "--videos",
        type=Path,
        metavar="DIR",
        help="judge on labelled videos that are in no data set, in any layout "
        "that frame.py knows",
    )
    add(
        "--anyway",
        action="store_true",
        help="judge on clips that the model was trained or chosen on, too; "
        "the report says so",
    )
    add(
        "--weights",
        metavar="FILE",
        help="with --videos: weights of the CNN, if the model was trained "
        "with such a file",
    )
    flags.add_landmark_models_flag(parser)
    args = arguments.parse(parser, argv)
    if args.videos and args.dataset:
        parser.error("name either DATASET or --videos DIR")
    args.command = shlex.join(
        ["python", "evaluate.py", *(sys.argv[1:] if argv is None else argv)]
    )
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)

    from signs.core import files
    from signs.inference import evaluation_record
    from signs.training import run_record

    args.model, record = run_record.find_model(
        args.model, args.model_dir, "*", trained_on=args.dataset
    )
    log.info(f"model {args.model}")
    # Only what is made of --videos goes there.
    with tempfile.TemporaryDirectory(prefix="signs-") as folder:
        task = find_task(args, record, Path(folder))
        known = check_overlap(args, task)
        paths = Paths(args, task)
        inputs = evaluation_record.inputs(task, known)
        if not args.overwrite and paths.are_made_from(inputs):
            log.info(
                "nothing to do: it was judged on these clips already: "
                f"{paths.page} (--overwrite does it again)"
            )
            return 0
        if args.dry_run:
            log.info(
                f"would judge it on {say_clips(task)} and write {paths.page}"
            )
            return 0
        failures = make_features(args, task) if args.videos else {}
        if failures and len(failures) == len(task.rows):
            files.write_failures(paths.failed, failures)
            clip, reason = next(iter(failures.items()))
            raise UserError(
                f"no video of {task.name} could be looked at, such as {clip} "
                f"({reason}); all are in {paths.failed}"
            )
        return judge(args, task, paths, known, inputs, failures)


class Paths:
    """Where the files of an evaluation are."""

    def __init__(self, args: argparse.Namespace, task: "Task"):
        model = args.model.stem.removesuffix("-best")
        what = args.split
        if args.videos:
            what = f"videos-{args.videos.resolve().stem}"
        elif task.name != task.record["dataset"]:
            what = f"{task.name}-{args.split}"
        stem = f"{model}-evaluation-{what}"
        self.page = args.log / f"{stem}.html"
        self.record = args.log / f"{stem}.json"
        self.table = args.log / f"{stem}.csv"
        self.failed = args.log / f"{stem}-failed.csv"

    def are_made_from(self, inputs: "Inputs") -> bool:
        """Whether all files are there, and were made from these inputs."""
        from signs.data import changes

        paths = (self.page, self.record, self.table)
        return all(changes.is_current(path, inputs) for path in paths)

    def note(self, inputs: "Inputs") -> None:
        """Writes down what the files were made from."""
        from signs.data import changes

        for path in (self.page, self.record, self.table):
            changes.note(path, inputs)


def find_task(
    args: argparse.Namespace, record: dict[str, Any], folder: Path
) -> "Task":
    """What is to be judged on what.

    Args:
        record: the model's.
        folder: an empty one, for what is made of --videos.
    """
    from signs.data.clips_table import Dataset
    from signs.inference import judged_clips, judged_videos
    from signs.training import clips_used
    from signs.video import catalog, frame_store

    model = (args.model, record, clips_used.read(args.model, record))
    if args.videos:
        rows, root = judged_videos.rows_of_videos(args.videos)
        dataset = Dataset(folder)
        name = str(args.videos)
        return judged_clips.Task(*model, dataset, name, "clip", rows, root)
    dataset = Dataset(args.data / (args.dataset or record["dataset"]))
    rows = judged_clips.rows_of(dataset, args.split)
    meta = frame_store.read_meta(dataset) or {"source": "video"}
    root = catalog.find_root(dataset, meta)
    what, split = KINDS[args.split], meta.get("split", "")
    return judged_clips.Task(
        *model, dataset, dataset.name, what, rows, root, split
    )


def check_overlap(args: argparse.Namespace, task: "Task") -> "Overlap | None":
    """Refuses to judge a model by clips that it knows.

    Returns:
        What it knows of them; None if that is not known.

    Raises:
        UserError: if it knows some, unless `--anyway` was said.
    """
    from signs.inference import evaluation_record
    from signs.training import clips_used

    if task.used is None:
        return None
    content = clips_used.content_to_compare(
        task.used, task.rows, task.root, args.workers
    )
    name = "" if args.videos else task.name
    known = clips_used.overlap(task.used, name, task.rows, content)
    found = evaluation_record.known_clips(task, known)
    if found and not args.anyway:
        raise UserError(
            f"{'; '.join(found)}; judge it on people it has never seen, or "
            "say --anyway, and the report says what it is"
        )
    return known


def make_features(args: argparse.Namespace, task: "Task") -> dict[str, str]:
    """Makes the features of --videos; returns the reasons of failures."""
    from signs.inference import judged_videos, predictor

    loaded = predictor.load_predictor(
        *(args.model, task.record, args.model_dir / "cnn", args.workers),
        args.weights,
        landmark_models=args.landmark_models,
        convert=False,
    )
    return judged_videos.make_features(task, loaded, args.workers, args.quiet)


def judge(
    args: argparse.Namespace,
    task: "Task",
    paths: Paths,
    known: "Overlap | None",
    inputs: "Inputs",
    failures: dict[str, str],
) -> int:
    """Judges the model, and writes what comes out; returns the exit code."""
    from signs.core import files
    from signs.evaluation import scores
    from signs.inference import evaluation_record, judged_clips, predictor
    from signs.training import run_record

    judged = judged_clips.find(task, failures)
    model = predictor.load_classifier(task.model, task.record)
    shown = judged_clips.show(judged.features, task.record)
    answers = {
        way: judged_clips.predict(model, features)
        for way, features in shown.items()
    }
    found = scores.evaluate(
        answers,
        judged.features.labels,
        judged.rows["signer"].to_numpy(),
        judged_clips.classes_of(task.record),
        judged_clips.nearest_class_mean(
            task, args.data, next(iter(shown.values()))
        ),
        args.seed,
    )
    lacking = {**dict.fromkeys(judged.lacking, "no features"), **failures}
    record = {
        "run": task.record["run"],
        "model": str(task.model),
        "dataset": task.name,
        "split": None if args.videos else args.split,
        "what": task.what,
        "date": datetime.datetime.now().astimezone().isoformat("T", "seconds"),
        "cautions": evaluation_record.cautions(
            task, known, judged, lacking, found["interval"]["resamples"]
        ),
        **found,
        "facts": evaluation_record.facts(task, judged, args.command),
        "versions": run_record.versions(),
    }
    write(task, judged, answers, paths, record)
    paths.note(inputs)
    files.write_failures(paths.failed, lacking)
    say(task, record)
    log.info(f"report {paths.page}")
    return 1 if lacking else 0


def write(
    task: "Task",
    judged: "JudgedClips",
    answers: "dict[str, np.ndarray]",
    paths: Paths,
    record: dict[str, Any],
) -> None:
    """Writes the table, the page and, last, the record."""
    from signs.core import files
    from signs.data import clips_table
    from signs.evaluation import report, report_pictures
    from signs.inference import evaluation_record, judged_clips

    classes = judged_clips.classes_of(task.record)
    clips_table.write_table(
        paths.table, evaluation_record.predictions(judged, answers, classes)
    )
    first = next(iter(answers.values()))
    pictures = report_pictures.draw(
        record, first, judged.features.labels, classes["name"].tolist()
    )
    files.write_text(paths.page, report.build(record, pictures))
    files.write_json(paths.record, record)


def say_clips(task: "Task") -> str:
    return f"{count(len(task.rows), task.what)} of {task.name}"


def say(task: "Task", record: dict[str, Any]) -> None:
    """Prints the figures."""
    from signs.evaluation import report, scores

    people = record["signers"]
    who = count(people, "signer") if people else "unknown signers"
    log.info(f"judged on {count(record['clips'], task.what)} of {who}")
    for way, figures in record["figures"].items():
        texts = [
            f"{scores.NAMES[name]} {report.say(figures[name])}"
            for name in report.shown_figures(record)
        ]
        log.info(f"  {scores.WAYS[way]}:\n    " + "\n    ".join(texts))
    log.info(f"  {report.say_baselines(record)}")
    log.info(
        f"  in brackets: 95% intervals that resample the "
        f"{record['interval']['resamples']}"
    )
    for text in record["cautions"]:
        log.warning(text)


if __name__ == "__main__":
    sys.exit(arguments.run(main))
