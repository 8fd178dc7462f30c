#!/usr/bin/env python3
"""Finds the signs of long recordings, with a trained model.

Reads   model/RUN-best.keras, model/RUN.json      the newest, or --model
Writes  log/segments/VIDEO.csv     start, end, label, name, probability
        log/segments/VIDEO.vtt     subtitles
        log/segments/VIDEO.json    all that is known, and what it was made of
        log/segments/VIDEO-labelled.mp4    a copy with the labels (--draw)

Pauses part the signs. What is there is made again when the video, the model
or a setting has changed.

Example: python find_signs.py talk.mp4 --draw
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from signs.core import arguments
from signs.core.messages import count, log
from signs.inference import flags


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    parser = arguments.build_parser(__doc__ or "")
    add = parser.add_argument
    add("videos", nargs="+", type=Path, metavar="VIDEO|DIR", help="recordings")
    flags.add_prediction_flags(parser, threshold=0.5)
    add(
        "--pause",
        type=arguments.positive,
        default=0.8,
        help="seconds of rest that end a sign",
    )
    add(
        "--draw",
        action="store_true",
        help="write a copy of the video with the labels drawn in, too",
    )
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help="where to write them (default: log/segments)",
    )
    args = arguments.parse(parser, argv)
    args.out = args.out or args.log / "segments"
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)

    from signs.core import files, parallel
    from signs.inference import clips, long_video

    path, record = flags.find_model(args)
    videos = clips.find_videos(args.videos)
    outputs = long_video.name_outputs(
        args.out, {clip: video.name for clip, video in videos.items()}
    )
    settings = long_video.Settings(args.pause, args.threshold, args.top)
    todo = {}
    for clip, video in videos.items():
        made_from = long_video.MadeFrom(video.path, path, record, settings)
        if args.overwrite or not outputs[clip].are_of(made_from, args.draw):
            todo[clip] = made_from
    if not todo:
        there = count(len(videos), "video has its", "videos have their")
        log.info(f"nothing to do: {there} signs in {args.out}")
        return 0
    if args.dry_run:
        log.info(f"would find the signs of {count(len(todo), 'video')}")
        return 0
    predictor = flags.load(args, path, record)
    failures = {}
    for clip, made_from in todo.items():
        log.info(clip)
        try:
            long_video.label(outputs[clip], predictor, made_from, args.draw)
        except parallel.COSTS_ONE_CLIP as error:
            if files.is_full(error):
                raise
            failures[clip] = parallel.reason(error)
            log.warning(f"{clip}: {failures[clip]}")
    failed = args.log / "find_signs-failed.csv"
    return flags.report_failures(failed, failures, len(videos), "looked at")


if __name__ == "__main__":
    sys.exit(arguments.run(main))
