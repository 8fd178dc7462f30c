#!/usr/bin/env python3
"""Recognises signs with a trained model: in files, live, in long recordings.

Reads   model/RUN-best.keras, model/RUN.json      the newest, or --model

  python predict.py VIDEO|DIR ...          prints a table of the likeliest
                                           classes of each clip
  python predict.py --camera 0             opens a window: space records a
                                           sign, q ends; --hands-free instead
                                           waits for motion
  python predict.py --camera 0 --headless  prints a line of JSON a sign
  python predict.py --segments VIDEO ...   finds the signs of recordings:
                                           CSV, subtitles and JSON in --out
  python predict.py --export FILE.onnx     writes the CNN and the classifier
                                           as one file (.onnx or .tflite)

Example: python predict.py data/sample-chalearn/video --top 5
"""

import argparse
import contextlib
import functools
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from signs.core import arguments
from signs.core.errors import UserError
from signs.core.messages import count, log

if TYPE_CHECKING:
    from signs.core.parallel import Outcome
    from signs.inference.predictor import Recognizer


@dataclass(frozen=True)
class Video:
    """A video, and its name below the folder that was given."""

    path: Path
    name: str


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    from signs.features.backbones import ENGINES

    parser = arguments.build_parser(__doc__ or "")
    add = parser.add_argument
    add("videos", nargs="*", type=Path, metavar="VIDEO|DIR", help="clips")
    add(
        "--model",
        metavar="FILE|RUN",
        help="the model to use (default: the newest run)",
    )
    add(
        "--weights",
        metavar="FILE",
        help="weights of the CNN, if the model was trained with such a file",
    )
    add(
        "--engine",
        choices=ENGINES,
        default="auto",
        help="what runs the CNN, as in feature.py",
    )
    add("--top", type=arguments.whole_number, default=3, help="classes to name")
    add(
        "--threshold",
        type=arguments.fraction,
        default=0.5,
        help="a sign in a stream that is less probable is called unknown",
    )
    clips = parser.add_argument_group("clips")
    clips.add_argument("--csv", type=Path, metavar="FILE", help="write a table")
    clips.add_argument(
        "--json", action="store_true", help="print a line of JSON a clip"
    )
    arguments.add_cluster_flag(clips)
    _add_stream_flags(parser)
    export = parser.add_argument_group("other programs")
    export.add_argument(
        "--export", type=Path, metavar="FILE", help="write .onnx or .tflite"
    )
    args = arguments.parse(parser, argv)
    args.out = args.out or args.log / "segments"
    tasks = [bool(args.videos), args.camera is not None, bool(args.export)]
    if sum(tasks) != 1:
        parser.error("name either videos, or --camera, or --export FILE")
    if args.segments and not args.videos:
        parser.error("--segments is for videos: name some")
    if args.cluster and (args.segments or not args.videos):
        parser.error("--cluster is for clips: name some, without --segments")
    return args


def _add_stream_flags(parser: argparse.ArgumentParser) -> None:
    live = parser.add_argument_group("live")
    live.add_argument(
        "--camera",
        metavar="N|FILE|URL",
        help="number of a camera (0 is the first), a video, or an address",
    )
    live.add_argument(
        "--hands-free",
        action="store_true",
        help="motion starts and ends a sign, instead of the space bar",
    )
    live.add_argument(
        "--seconds",
        type=arguments.positive,
        default=4.0,
        help="after which a recording by the space bar ends; 10 at most",
    )
    live.add_argument(
        "--no-mirror",
        action="store_true",
        help="show the picture as the camera sees it",
    )
    live.add_argument(
        "--headless",
        action="store_true",
        help="no window: print a line of JSON a sign (implies --hands-free)",
    )
    live.add_argument(
        "--realtime",
        action="store_true",
        help="without a window, too, a video takes as long as it lasts",
    )
    long = parser.add_argument_group("long recordings")
    long.add_argument(
        "--segments",
        action="store_true",
        help="find the signs in the videos, instead of taking each for one",
    )
    long.add_argument(
        "--draw",
        action="store_true",
        help="write a copy of the video with the labels drawn in, too",
    )
    long.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where to write them (default: the folder of logs/segments)",
    )
    long.add_argument(
        "--pause",
        type=arguments.positive,
        default=0.8,
        help="seconds of rest that end a sign",
    )


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)
    if args.json or args.headless:
        messages_to_stderr()

    from signs.cluster import ray_backend
    from signs.training import run_record

    if args.cluster:
        ray_backend.require()
    path, record = run_record.find_model(args.model, args.model_dir, "*")
    log.info(f"model {path}")
    if args.export:
        return export_model(args, path, record)
    if args.camera is not None:
        return recognize_live(args, path, record)
    videos = find_videos(args.videos)
    if args.dry_run:
        log.info(f"would recognise what is in {count(len(videos), 'video')}")
        return 0
    work = find_signs if args.segments else recognize_clips
    failures = work(args, path, record, videos)
    return report(args, failures, len(videos))


def messages_to_stderr() -> None:
    """Keeps stdout for JSON."""
    log.handlers.clear()
    log.addHandler(logging.StreamHandler())


def load(args: argparse.Namespace, path: Path, record: dict) -> "Recognizer":
    """Loads the model and the CNN that it needs."""
    from signs.inference import predictor

    folder = args.model_dir / "cnn"
    return predictor.load(
        path, record, folder, args.workers, args.weights, args.engine
    )


def find_videos(paths: list[Path]) -> dict[str, Video]:
    """The videos that were named, and those in the folders that were.

    Returns:
        A video by clip, which is its path as it was named; sorted.

    Raises:
        UserError: if there are none.
    """
    from signs.data import clips_table, scan

    found = []
    for path in paths:
        if path.is_dir():
            inside = scan.find_files(path).videos
            found += [Video(path / name, name) for name in inside]
        else:
            found.append(Video(path, path.name))
    if not found:
        raise UserError(f"there is no video in {', '.join(map(str, paths))}")
    return {clips_table.as_cell(str(video.path)): video for video in found}


def recognize_clips(
    args: argparse.Namespace,
    path: Path,
    record: dict,
    videos: dict[str, Video],
) -> dict[str, str]:
    """Prints the likeliest classes of each clip.

    Returns:
        The reasons of those that failed, by clip.
    """
    from signs.core import parallel
    from signs.inference import predictions

    recognizer = load(args, path, record)
    names = [row["name"] for row in record["classes"]]
    text = predictions.Text(videos, names, min(args.top, len(names)))
    if not args.json:
        print(text.heading(), flush=True)
    found, failures = {}, {}
    paths = {clip: video.path for clip, video in videos.items()}
    for clip, probabilities, error in answer(args, recognizer, paths):
        if probabilities is not None:
            found[clip] = recognizer.best(probabilities, args.top)
            row = predictions.as_json if args.json else text.row
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


def answer(
    args: argparse.Namespace, recognizer: "Recognizer", paths: dict[str, Path]
) -> "Iterator[Outcome]":
    """Yields the probabilities of all classes for each clip, in order."""
    from signs.cluster import ray_backend
    from signs.features import engines, worker_setup
    from signs.inference import predictor

    if not args.cluster:
        yield from predictor.recognize_files(recognizer, paths, args.workers)
        return
    described = recognizer.record["features"]
    folder = args.model_dir / "cnn"
    with ray_backend.connect(args.cluster, args.workers) as machines:
        engine, on_gpu = worker_setup.choose(
            engines.suit(args.engine, described), machines.gpus
        )
        recipe = worker_setup.find(
            engine, on_gpu, described, folder, args.weights
        )
        start = functools.partial(
            predictor.start, recognizer.path, recognizer.record, recipe
        )
        with contextlib.closing(
            machines.outcomes(
                start, paths, None, ray_backend.CORES_OF_A_CNN, on_gpu
            )
        ) as found:
            outcomes = ray_backend.in_order(found, paths)
            if recognizer.is_centered:
                outcomes = predictor.classify_files(recognizer, outcomes)
            yield from outcomes


def find_signs(
    args: argparse.Namespace,
    path: Path,
    record: dict,
    videos: dict[str, Video],
) -> dict[str, str]:
    """Finds the signs of long recordings, and writes them to files.

    Returns:
        The reasons of the recordings that failed, by clip.
    """
    from signs.core import files, parallel
    from signs.inference import long_video

    outputs = long_video.name_outputs(
        args.out, {clip: video.name for clip, video in videos.items()}
    )
    todo = {}
    for clip, video in videos.items():
        settings = long_video.Settings(
            str(video.path), str(path), args.pause, args.threshold, args.top
        )
        done = outputs[clip].are_there(settings, args.draw)
        if args.overwrite or not done:
            todo[clip] = settings
    if not todo:
        there = count(len(videos), "video has its", "videos have their")
        log.info(f"nothing to do: {there} signs in {args.out}")
        return {}
    recognizer = load(args, path, record)
    failures = {}
    for clip, settings in todo.items():
        log.info(clip)
        try:
            long_video.label(outputs[clip], recognizer, settings, args.draw)
        except parallel.COSTS_ONE_CLIP as error:
            if files.is_full(error):
                raise
            failures[clip] = parallel.reason(error)
            log.warning(f"{clip}: {failures[clip]}")
    return failures


def recognize_live(args: argparse.Namespace, path: Path, record: dict) -> int:
    """Recognises the signs of a camera; returns the exit code."""
    from signs.inference import window
    from signs.inference.live import Live, recognize_stream
    from signs.inference.segmenter import ByKey, ByMotion
    from signs.video.camera import Camera

    if not args.headless:
        window.check_screen()
    by_motion = args.headless or args.hands_free
    cutter = ByMotion(args.pause) if by_motion else ByKey(args.seconds)
    at_own_pace = args.realtime or not args.headless
    with Camera(args.camera) as camera:
        if args.dry_run:
            log.info(f"would recognise the signs of {camera}")
            return 0
        recognizer = load(args, path, record)
        recognizer.warm_up()
        live = Live(
            recognizer,
            cutter,
            args.threshold,
            args.top,
            in_hurry=at_own_pace or not camera.is_file,
        )
        with live:
            if args.headless:
                for sign in recognize_stream(camera, live, at_own_pace):
                    print(json.dumps(sign.as_json()), flush=True)
                return 0
            for sign in window.watch(
                camera, live, cutter, record["run"], not args.no_mirror
            ):
                log.info(sign.in_words())
    return 0


def export_model(args: argparse.Namespace, path: Path, record: dict) -> int:
    """Writes CNN and classifier as one file; returns the exit code."""
    from signs.inference import export

    export.check_format(args.export)
    export.check_exportable(path, record)
    description = export.describe(record, path)
    if not args.overwrite and export.is_exported(args.export, description):
        log.info(f"nothing to do: {args.export} was made of {path}")
        return 0
    if args.export.exists() and not args.overwrite:
        raise UserError(
            f"{args.export} was made of another model; replace it with: "
            "--overwrite"
        )
    if args.dry_run:
        log.info(f"would export to {args.export}")
        return 0
    export.export(args.export, path, record, args.weights)
    log.info(
        f"exported {args.export}, and its classes to "
        f"{export.record_path(args.export)}"
    )
    return 0


def report(
    args: argparse.Namespace, failures: dict[str, str], videos: int
) -> int:
    """Says which videos failed; returns the exit code.

    Raises:
        UserError: if all did.
    """
    from signs.core import files

    failed = args.log / "predict-failed.csv"
    files.write_failures(failed, failures)
    if not failures:
        return 0
    clip, reason = next(iter(failures.items()))
    if len(failures) == videos:
        raise UserError(
            f"no video could be recognised, such as {clip} ({reason}); all "
            f"are in {failed}"
        )
    log.warning(
        f"{count(len(failures), 'video')} of {videos:,} failed: see {failed}"
    )
    return 1


if __name__ == "__main__":
    sys.exit(arguments.run(main))
