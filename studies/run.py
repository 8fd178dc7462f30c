"""Makes all that docs/transfer-study.md shows, from nothing.

Renders stand-in data, takes its features, and runs the studies:

    OUT/NAME.csv, NAME.png    means, intervals and paired differences
    OUT/NAME-results.csv      one row for each recipe, repeat and fold
    OUT/NAME-sources.csv      the classifiers transferred, on their own split

It takes about three hours on two cores. What was stopped goes on where it was.

Example: python -m studies.run
         python -m studies.run --real actions   (see docs/transfer-study.md)
"""

import argparse
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from signs.core import arguments

SIZE = "--gestures 40 --performers 21 --words 21 --clips 2041"
SOURCE, TARGET = "sample-chalearn", "sample-ledasila"
# By folder: the seed of a rendered set, and how many frames of a clip are
# stored. Recipes were chosen on the first set, and are confirmed on the second
# one, in which all is new: gestures, words, people, rooms.
SETS = {"seed-0": (0, 20), "seed-1": (1, 20)}
# By the name of the features: how they are made, and of which sets.
CNNS = {
    "mobilenet-0.25": (
        "--cnn mobilenet --alpha 0.25 --weights {}",
        list(SETS),
    ),
    "inceptionv3": ("--cnn inceptionv3 --weights random", ["seed-1"]),
}


@dataclass(frozen=True)
class Study:
    """A table of recipes on a set.

    Attributes:
        folder: of `SETS`.
        table: in the folder studies.
        options: of study.py; the features are MobileNet's if it names none.
        same_as: the study whose trainings these are, seen from another
            baseline.
    """

    folder: str
    table: str
    options: str
    same_as: str | None = None


STUDIES = {
    "confirm": Study(
        "seed-1",
        "confirm",
        "--repeats 5 --also '--epochs 30'",
    ),
    "confirm-writeup": Study(
        "seed-1",
        "confirm",
        "--repeats 5 --baseline writeup-transfer --also '--epochs 30'",
        same_as="confirm",
    ),
    "random-cnn": Study(
        "seed-1",
        "confirm",
        "--repeats 1 --also '--epochs 30' --cnn inceptionv3",
    ),
    "recipe": Study(
        "seed-0",
        "recipe",
        "--repeats 1 --baseline recommended --also '--epochs 30 --units 128'",
    ),
    "leak": Study(
        "seed-0",
        "leak",
        "--repeats 1 --by random,signer --also '--epochs 30 --units 128'",
    ),
    "curve": Study(
        "seed-1",
        "curve",
        "--repeats 1 --clips-a-class 5,10,all --also '--epochs 30'",
    ),
    "writeup": Study(
        "seed-0",
        "writeup",
        "--repeats 1 --also '--epochs 30 --units 128'",
    ),
}
REAL = "--repeats 1 --also '--units 128 --epochs 40'"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--weights", default="imagenet", help="as in feature.py")
    add("--data", type=Path, default=Path("data/study"), help="folder")
    add("--out", type=Path, default=Path("docs/study"), help="folder")
    add(
        "--jobs",
        type=arguments.whole_number,
        default=arguments.available_cores(),
    )
    add(
        "--real",
        metavar="DATASET",
        help="only the study of inputs on real clips, whose features are there",
    )
    args = parser.parse_args(argv)
    if args.real:
        options = f"{REAL} --jobs {args.jobs}"
        return study(args, args.real, Path("data"), "inputs", options, "real")
    for folder in SETS:
        if code := prepare(args.data, folder, args.weights):
            return code
    for name, one in STUDIES.items():
        options = f"{one.options} --source {SOURCE} --jobs {args.jobs}"
        if "--cnn" not in options:
            options += " --cnn mobilenet-0.25"
        data = args.data / one.folder
        code = study(args, TARGET, data, one.table, options, name, one.same_as)
        if code:
            return code
    return 0


def prepare(root: Path, folder: str, weights: str) -> int:
    """Renders a set, and takes frames and features; returns the exit code."""
    import feature
    import frame
    import sample

    seed, stored = SETS[folder]
    where = ["--data", str(root / folder)]
    code = sample.main([*SIZE.split(), "--seed", str(seed), *where])
    for dataset in (SOURCE, TARGET):
        code = code or frame.main([dataset, "--frames", str(stored), *where])
        for flags, folders in CNNS.values():
            if folder in folders:
                made = shlex.split(flags.format(shlex.quote(weights)))
                code = code or feature.main([dataset, *made, *where])
    return code


def study(
    args: argparse.Namespace,
    dataset: str,
    folder: Path,
    table: str,
    options: str,
    name: str,
    same_as: str | None = None,
) -> int:
    """Runs one study, and keeps its tables and plot; returns the exit code."""
    import study as script

    out = args.data / "results" / (same_as or name)
    code = script.main(
        [dataset, "--table", f"studies/{table}.csv", *shlex.split(options)]
        + ["--data", str(folder), "--out", str(out)]
    )
    if code == 0:
        args.out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(out / "summary.csv", args.out / f"{name}.csv")
        shutil.copyfile(out / "summary.png", args.out / f"{name}.png")
    if code == 0 and not same_as:
        shutil.copyfile(out / "results.csv", args.out / f"{name}-results.csv")
        list_sources(out / "source", args.out / f"{name}-sources.csv")
    return code


def list_sources(folder: Path, path: Path) -> None:
    """Writes how good the classifiers are that were transferred from."""
    import pandas as pd

    from signs.data import clips_table
    from signs.training import run_record

    told = ["input", "session_mean", "layers", "dense", "dropout"]
    told += ["bidirectional", "batch", "seed"]
    rows = []
    for record in sorted(folder.glob("*.json")):
        found = run_record.read_record(record)
        figures = run_record.validation_figures(found)
        argv = {x: found["arguments"][x] for x in told}
        low, high = figures["interval"]
        rows.append(
            {
                "source": record.stem,
                **argv,
                "clips": figures["clips"],
                "accuracy": figures["accuracy"],
                "low": low,
                "high": high,
            }
        )
    if rows:
        clips_table.write_table(path, pd.DataFrame(rows))


if __name__ == "__main__":
    sys.exit(arguments.run(main))
