#!/usr/bin/env python3
"""Writes a trained model and its CNN as one file, for other programs.

Reads   model/RUN-best.keras, model/RUN.json      the newest, or --model
Writes  FILE          its ending says the format: .tflite, .onnx or .keras
        FILE.json     its classes, what it takes, and what it was made of

It takes the pictures of a clip and gives the probabilities of the classes.
The file of a model of landmarks takes those of a clip, and has no CNN.
What is there is made again when the model has changed.

Example: python export.py signs.tflite
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from signs.core import arguments
from signs.core.errors import UserError
from signs.core.messages import log
from signs.inference import flags


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    parser = arguments.build_parser(__doc__ or "")
    parser.add_argument("file", type=Path, metavar="FILE", help="what to write")
    flags.add_model_flags(parser)
    return arguments.parse(parser, argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)

    from signs.inference import export

    path, record = flags.find_model(args)
    export.check_format(args.file)
    export.check_exportable(path, record)
    made_from = export.made_from(path, record)
    if not args.overwrite:
        if export.is_current(args.file, made_from):
            log.info(f"nothing to do: {args.file} was made of {path}")
            return 0
        if args.file.exists() and not export.is_ours(args.file):
            raise UserError(
                f"{args.file} was not made by this script; replace it with: "
                "--overwrite"
            )
    if args.dry_run:
        log.info(f"would export to {args.file}")
        return 0
    export.export(args.file, path, record, args.weights)
    log.info(
        f"exported {args.file}, and its classes to "
        f"{export.record_path(args.file)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(arguments.run(main))
