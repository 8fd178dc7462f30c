#!/usr/bin/env python3
"""Film your own signs, train on them, and try them, in a browser.

Reads   data/DATASET/video/SIGN/SIGNER-01.webm ...   what was filmed
Writes  the same, and what the scripts write: frames, features, models

The page is for this machine alone. To open it to others, give --host and
--password. It needs: python -m pip install -r requirements-app.txt

Example: python app.py my-signs
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from signs.core import arguments
from signs.core.errors import UserError
from signs.core.messages import log

LOCAL = ("127.0.0.1", "localhost", "::1")


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = arguments.build_parser(__doc__ or "", dataset="mine")
    add = parser.add_argument
    add("--port", type=arguments.whole_number, default=7860, help="of the page")
    add(
        "--host",
        default=LOCAL[0],
        help="others than this machine's need a password",
    )
    add("--password", help="what the page asks for; the name is: signs")
    add(
        "--weights",
        default="imagenet",
        metavar="imagenet|auto|random|FILE",
        help="of the CNN, where features are a CNN's; as in feature.py",
    )
    return arguments.parse(parser, argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)
    if args.host not in LOCAL and not args.password:
        raise UserError(
            f"--host {args.host} opens the page to other machines; give a "
            "--password, too"
        )
    if args.dry_run:
        log.info(f"would open http://{args.host}:{args.port}")
        return 0
    with tempfile.TemporaryDirectory(prefix="signs-") as uploads:
        # Gradio reads both when it is imported.
        os.environ["GRADIO_TEMP_DIR"] = uploads
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        # What processes that are stopped leave behind goes with it.
        os.environ.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), uploads))
        try:
            from signs.app import page
        except ModuleNotFoundError as error:
            raise UserError(
                f"the page needs {error.name}: python -m pip install -r "
                "requirements-app.txt"
            ) from error
        from signs.app.training import Workplace

        place = Workplace(
            Path.cwd(),
            args.data.absolute(),
            args.log.absolute(),
            args.model_dir.absolute(),
            args.dataset,
            args.weights,
        )
        log.info(f"open http://{args.host}:{args.port} (Ctrl-C ends it)")
        page.serve(place, Path(uploads), args.host, args.port, args.password)
    return 0


if __name__ == "__main__":
    sys.exit(arguments.run(main))
