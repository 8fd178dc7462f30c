"""Makes what the docs say of real people, from their videos.

For each table `path,label,signer`: frames, features of motion images with
changed copies, and the recommended recipe on people left out, fold by fold.
For the first one: whether transfer helps on other gestures of other people.

    LOG/study-NAME-people/     of each table, see study.py
    LOG/study-NAME-transfer/   see studies/people_transfer.py

It takes about an hour on two cores, for SHREC with 14 and with 28 gestures.
What was stopped goes on where it was.

Example: python -m studies.real_people SHREC/clips.csv SHREC/clips28.csv
"""

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from signs.core import arguments

CNN = "--cnn mobilenet --alpha 0.25 --motion --grid 2 --copies 3"
FEATURES = "mobilenet-0.25-motion-grid2"
TABLE, TRANSFERS = "studies/recommended.csv", "studies/people.csv"


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("tables", nargs="+", type=Path, metavar="TABLE", help="of the videos")
    add("--weights", default="imagenet", help="as in feature.py")
    add("--data", type=Path, default=Path("data"), help="folder")
    add("--log", type=Path, default=Path("log"), help="folder")
    add("--model-dir", type=Path, default=Path("model"), help="folder")
    add("--also", default="", metavar="FLAGS", help="as in study.py")
    add(
        "--clips-a-class",
        default="1,2,5,10,20",
        metavar="NUMBERS",
        help="as in studies/people_transfer.py",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)
    start = time.monotonic()
    data = f"--data {shlex.quote(str(args.data))}"
    weights = f"--weights {shlex.quote(args.weights)}"
    jobs = f"--jobs {arguments.available_cores()}"
    for table in args.tables:
        name = f"people-{table.stem}"
        out = args.log / f"study-{name}"
        source = shlex.quote(str(table))
        run(f"frame.py {name} --source {source} --layout csv {data}")
        run(f"feature.py {name} {CNN} {weights} {data}")
        run(
            f"study.py {name} --table {TABLE} --features {FEATURES} {data} "
            f"--by signer --repeats 1 {jobs} --out {shlex.quote(str(out))} "
            f"--also {shlex.quote(f'--epochs 40 {args.also}')}"
        )
    first = f"people-{args.tables[0].stem}"
    out = args.log / f"study-{first}-transfer"
    run(f"feature.py {first} --cnn mobilenet --alpha 0.25 {weights} {data}")
    run(
        f"-m studies.people_transfer {first} --features mobilenet-0.25 {data} "
        f"--table {shlex.quote(TRANSFERS)} --out {shlex.quote(str(out))} "
        f"--clips-a-class {args.clips_a_class} "
        f"--models {shlex.quote(str(args.model_dir / 'study'))} {jobs} "
        f"--also {shlex.quote(args.also)}"
    )
    print(f"\nall of it: {(time.monotonic() - start) / 60:.0f} minutes")
    return 0


def run(command: str) -> None:
    """Runs a script as a user would.

    Raises:
        UserError: if it fails.
    """
    from signs.core.errors import UserError

    print(f"\n$ python {command}", flush=True)
    start = time.monotonic()
    code = subprocess.run(
        [sys.executable, *shlex.split(command)], check=False
    ).returncode
    if code:
        raise UserError(f"stopped, as this failed ({code}): python {command}")
    print(f"{time.monotonic() - start:.0f} seconds", flush=True)


if __name__ == "__main__":
    sys.exit(arguments.run(main))
