#!/usr/bin/env python3
"""Recognises the signs of a camera, with a trained model.

Reads   model/RUN-best.keras, model/RUN.json      the newest, or --model

  python live.py                    a window: space records a sign, q ends
  python live.py --hands-free       motion starts and ends a sign, instead
  python live.py --headless         no window: prints a line of JSON a sign

Besides a camera's number (0 is the first) it takes a device (/dev/video0), an
address (rtsp://...), a GStreamer pipeline (... ! appsink), or a video.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from signs.core import arguments
from signs.core.messages import log, messages_to_stderr
from signs.inference import flags


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    parser = arguments.build_parser(__doc__ or "")
    add = parser.add_argument
    add(
        "camera",
        nargs="?",
        default="0",
        metavar="CAMERA|URL|FILE",
        help="where the pictures come from",
    )
    flags.add_prediction_flags(parser, threshold=0.5)
    add(
        "--hands-free",
        action="store_true",
        help="motion starts and ends a sign, instead of the space bar",
    )
    add(
        "--seconds",
        type=arguments.positive,
        default=4.0,
        help="after which a recording by the space bar ends; 10 at most",
    )
    add(
        "--pause",
        type=arguments.positive,
        default=0.8,
        help="seconds of rest that end a sign, hands-free",
    )
    add(
        "--no-mirror",
        action="store_true",
        help="show the picture as the camera sees it",
    )
    add(
        "--headless",
        action="store_true",
        help="no window: print a line of JSON a sign (implies --hands-free)",
    )
    add(
        "--realtime",
        action="store_true",
        help="without a window, too, a video takes as long as it lasts",
    )
    add(
        "--reconnect",
        type=arguments.not_negative,
        default=60.0,
        metavar="SECONDS",
        help="how long to try again when a camera or an address gives no "
        "more pictures",
    )
    return arguments.parse(parser, argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)
    if args.headless:
        messages_to_stderr()

    from signs.inference import window
    from signs.inference.live import Live, recognize_stream
    from signs.inference.segmenter import ByKey, ByMotion
    from signs.video.stream import Stream

    path, record = flags.find_model(args)
    if not args.headless:
        window.check_screen()
    by_motion = args.headless or args.hands_free
    segmenter = ByMotion(args.pause) if by_motion else ByKey(args.seconds)
    at_own_pace = args.realtime or not args.headless
    with Stream(args.camera, args.reconnect) as stream:
        if args.dry_run:
            log.info(f"would recognise the signs of {stream}")
            return 0
        predictor = flags.load(args, path, record)
        predictor.warm_up()
        if predictor.needs_session_mean:
            log.info("session mean: the running mean of the signs so far")
        with Live(
            predictor,
            segmenter,
            args.threshold,
            args.top,
            is_realtime=at_own_pace or not stream.is_file,
        ) as live:
            if args.headless:
                for sign in recognize_stream(stream, live, at_own_pace):
                    print(json.dumps(sign.as_json()), flush=True)
                return 0
            for sign in window.watch(
                stream, live, segmenter, record["run"], not args.no_mirror
            ):
                log.info(sign.in_words())
    return 0


if __name__ == "__main__":
    sys.exit(arguments.run(main))
