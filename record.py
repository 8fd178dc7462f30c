#!/usr/bin/env python3
"""Films your own signs with a camera, take after take, without a browser.

Writes  data/DATASET/video/SIGN/SIGNER-01.mp4 ...
        data/DATASET/signers.csv                    who signs

In the window, space starts and stops filming, d discards the last take, q
ends. Then go on with: python frame.py DATASET

Example: python record.py mine --sign hello --signer anna
"""

import argparse
import sys
from collections.abc import Sequence

from signs.core import arguments
from signs.core.messages import count, log


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = arguments.build_parser(__doc__ or "", dataset="mine")
    add = parser.add_argument
    add("--sign", required=True, help="what is signed")
    add("--signer", required=True, help="who signs")
    add("--camera", default="0", help="number of the camera, or an address")
    add(
        "--seconds",
        type=arguments.positive,
        default=2.5,
        help="how long a take is",
    )
    add("--takes", type=arguments.whole_number, help="how many, then end")
    return arguments.parse(parser, argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)

    from signs.app import filming, takes
    from signs.data.clips_table import Dataset
    from signs.video.stream import Stream

    dataset = Dataset(args.data / args.dataset)
    sign = takes.check_name(args.sign, "sign")
    signer = takes.check_name(args.signer, "signer")
    if args.dry_run:
        log.info(f"would film {sign} by {signer} into {dataset.video / sign}")
        return 0
    with Stream(args.camera) as stream:
        filmed = filming.film(
            stream, dataset, sign, signer, args.seconds, args.takes
        )
        for what, take in filmed:
            log.info(f"{what} {take.path}")
    found = takes.find(dataset)
    log.info(f"{count(len(found), 'take')} in {dataset.video}")
    for line in takes.advice(found):
        log.info(f"  {line}")
    log.info(f"next: python frame.py {args.dataset}")
    return 0


if __name__ == "__main__":
    sys.exit(arguments.run(main))
