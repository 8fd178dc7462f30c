#!/usr/bin/env python3
"""Recognises the sign in each clip, with a trained model.

Reads   model/RUN-best.keras, model/RUN.json      the newest, or --model
Prints  a table of the likeliest classes of each clip, or lines of JSON

A folder is taken for one session: clips of one person in one room. Models
that need the mean of a session take it from all of its clips.

live.py is for cameras, find_signs.py for long recordings, export.py for other
programs.

Example: python predict.py data/sample-chalearn/video --top 5
"""

import argparse
import contextlib
import functools
import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from signs.core import arguments
from signs.core.errors import UserError
from signs.core.messages import count, log, messages_to_stderr
from signs.inference import flags

if TYPE_CHECKING:
    from signs.core.parallel import Outcome
    from signs.inference.clips import Video
    from signs.inference.predictor import Predictor


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    parser = arguments.build_parser(__doc__ or "")
    add = parser.add_argument
    add("videos", nargs="+", type=Path, metavar="CLIP|DIR", help="clips")
    flags.add_prediction_flags(parser, threshold=0.0)
    add("--csv", type=Path, metavar="FILE", help="write a table, too")
    add("--json", action="store_true", help="print a line of JSON a clip")
    arguments.add_cluster_flag(parser)
    return arguments.parse(parser, argv)


def main(argv: Sequence[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    script = moved(argv)
    if script is not None:
        return script()
    args = parse_arguments(argv)
    if args.json:
        messages_to_stderr()
    if args.csv and args.csv.is_dir():
        raise UserError(f"--csv {args.csv} is a folder; name a file in it")

    from signs.inference import clips

    if args.cluster:
        from signs.cluster import ray_backend

        ray_backend.require()
    path, record = flags.find_model(args)
    videos = clips.find_videos(args.videos)
    if args.dry_run:
        log.info(f"would recognise what is in {count(len(videos), 'video')}")
        return 0
    failures = predict(args, path, record, videos)
    failed = args.log / "predict-failed.csv"
    return flags.report_failures(failed, failures, len(videos), "recognised")


def predict(
    args: argparse.Namespace,
    path: Path,
    record: dict,
    videos: "dict[str, Video]",
) -> dict[str, str]:
    """Prints the likeliest classes of each clip.

    Returns:
        The reasons of those that failed, by clip.
    """
    from signs.core import parallel
    from signs.inference import predictions

    predictor = flags.load(args, path, record)
    names = [row["name"] for row in record["classes"]]
    top = min(args.top, len(names))
    table = predictions.Table(videos, names, top, args.threshold)
    if not args.json:
        print(table.heading(), flush=True)
    found, failures = {}, {}
    for clip, classified, error in classify(args, predictor, videos):
        if classified is not None:
            found[clip] = predictions.ClipPredictions(
                predictor.best(classified.probabilities, top),
                args.threshold,
                classified.session_mean,
            )
            row = predictions.json_line if args.json else table.row
            print(row(clip, found[clip]), flush=True)
            continue
        failures[clip] = parallel.reason(error or ValueError("no answer"))
        log.warning(f"{clip}: {failures[clip]}")
        if args.json:
            line = {"clip": clip, "error": failures[clip]}
            print(json.dumps(line), flush=True)
    if args.csv and found:
        predictions.write_csv(args.csv, found)
        log.info(f"table {args.csv}")
    return failures


def classify(
    args: argparse.Namespace, predictor: "Predictor", videos: "dict[str, Video]"
) -> "Iterator[Outcome]":
    """Yields the probabilities of all classes for each clip, in order."""
    from signs.inference import clips

    if not args.cluster:
        yield from clips.predict_clips(predictor, videos, args.workers)
        return
    from signs.cluster import ray_backend
    from signs.core import parallel
    from signs.features import engines, worker_setup

    described = predictor.record["features"]
    folder = args.model_dir / "cnn"
    model = predictor.path, predictor.record
    paths = {clip: video.path for clip, video in videos.items()}
    with ray_backend.connect(args.cluster, args.workers) as machines:
        if whole := predictor.whole:
            models = whole.landmarks.models if whole.landmarks else None
            start = functools.partial(
                clips.start_whole, *model, folder, args.weights, models
            )
            on_gpu = False
        else:
            engine, on_gpu = worker_setup.choose(
                engines.suit(args.engine, described), machines.gpus
            )
            recipe = worker_setup.find(
                engine, on_gpu, described, folder, args.weights
            )
            start = functools.partial(clips.start_worker, *model, recipe)
        with contextlib.closing(
            machines.outcomes(
                start,
                paths,
                cores=ray_backend.CORES_OF_A_CNN,
                on_gpu=on_gpu,
            )
        ) as found:
            outcomes = parallel.in_order(found, paths)
            if predictor.needs_session_mean:
                outcomes = clips.classify_clips(predictor, outcomes, videos)
            yield from outcomes


def moved(argv: Sequence[str]) -> "functools.partial[int] | None":
    """What the flags of older versions stand for, which are scripts now.

    Returns:
        What runs the script; None where there is no such flag.
    """
    old = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    old.add_argument("--camera")
    old.add_argument("--segments", action="store_true")
    old.add_argument("--export")
    old.exit_on_error = False
    try:
        asked, rest = old.parse_known_args(argv)
    except argparse.ArgumentError:  # such as --camera without one
        return None
    named = [asked.camera is not None, asked.export is not None]
    if [*named, asked.segments].count(True) != 1:
        return None
    if asked.camera is not None:
        name, first = "live", [asked.camera]
    elif asked.export is not None:
        name, first = "export", [asked.export]
    else:
        name, first = "find_signs", []
    words = " ".join([f"{name}.py", *(first or ["VIDEO ..."])])
    print(f"note: use python {words} instead", file=sys.stderr)
    script = importlib.import_module(name)
    return functools.partial(script.main, [*first, *rest])


if __name__ == "__main__":
    sys.exit(arguments.run(main))
