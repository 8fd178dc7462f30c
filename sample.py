"""Renders stand-in data: people who sign, in the layouts of two real data sets.

The real sets need a registration; this one needs a minute. It writes

    data/sample-chalearn/video   IsoGD's layout: lists, 320x240, 10 fps
    data/sample-ledasila/video   LedaSila's layout: German words, 288x352

with other performers in each split and each set, and beside each `video`
a `signers.csv` (who is in which clip) and a `sample.json` (the settings).
Three of ten clips go to sample-ledasila, but at most 21 a word; of the others
about 66% are for training, 24% for validation and 10% for the test.

Example:
    python sample.py --gestures 20 --performers 12 --clips 600
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING

from signs.core import arguments
from signs.core.errors import UserError
from signs.core.messages import count, log

if TYPE_CHECKING:
    from signs.synthetic.puppets.plan import Plan, Settings


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    parser = arguments.build_parser(__doc__ or "")
    add = parser.add_argument
    add(
        "--gestures",
        type=between(2, 249),
        default=8,
        help="classes of sample-chalearn, 2 to 249",
    )
    add(
        "--performers",
        type=between(4, 21),
        default=8,
        help="people in sample-chalearn, 4 to 21; 10 others sign the words",
    )
    add(
        "--clips",
        type=between(1, 36_000),
        default=150,
        help="clips of both sets together, up to 36000",
    )
    add(
        "--words",
        type=between(2, 21),
        default=5,
        help="classes of sample-ledasila, 2 to 21",
    )
    args = arguments.parse(parser, argv)
    if args.seed < 0:
        parser.error(f"argument --seed: {args.seed} is less than 0")
    return args


def between(low: int, high: int) -> Callable[[str], int]:
    """An argparse type: a whole number from `low` to `high`."""

    def number(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f"{value} is not from {low} to {high}"
            )
        return value

    return number


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)
    from signs.core import lock
    from signs.data.clips_table import Dataset
    from signs.synthetic.puppets import plan, render

    settings = plan.Settings(
        args.gestures, args.performers, args.clips, args.words, args.seed
    )
    plan.check(settings)
    codec = "XVID" if render.can_write("XVID", ".avi") else "MJPG"
    plans = [
        plan.plan_gestures(
            Dataset(args.data / "sample-chalearn"), settings, codec
        ),
        plan.plan_words(Dataset(args.data / "sample-ledasila"), settings),
    ]
    if args.dry_run:
        return make(args, settings, plans)
    with ExitStack() as stack:
        for each in plans:
            stack.enter_context(lock.hold(each.dataset.root))
        return make(args, settings, plans)


def make(
    args: argparse.Namespace, settings: "Settings", plans: "list[Plan]"
) -> int:
    """Renders the clips that are missing; returns the exit code."""
    from signs.core import files, parallel
    from signs.synthetic.puppets import render

    for each in plans:
        check_folder(each, settings, args.overwrite)
    todo = {
        f"{each.dataset.name}/{name}": clip
        for each in plans
        for name, clip in each.clips.items()
        if args.overwrite or not clip.video.exists()
    }
    if args.dry_run:
        for each in plans:
            log.info(f"{each.dataset.name}: {each.summary}")
        log.info(f"would render {count(len(todo), 'clip')}")
        return 0
    for each in plans:
        prepare_folder(each, settings, args.overwrite)
    if not todo:
        log.info(
            f"nothing to do: all {count(settings.clips, 'clip')} are in "
            f"{' and '.join(str(each.dataset.video) for each in plans)}"
        )
        return 0
    began = time.monotonic()
    done, failures = parallel.map_clips(
        render.render, todo, args.workers, "sample", args.quiet
    )
    seconds = time.monotonic() - began
    failed = args.log / "sample-failed.csv"
    files.write_failures(failed, failures)
    if not done:
        raise UserError(f"no clip was rendered: {min(failures.values())}")
    summarise(plans, len(done), seconds)
    if failures:
        log.warning(f"{count(len(failures), 'clip')} failed: see {failed}")
        return 1
    log.info(f"next: {next_command(plans[0], args)}")
    return 0


def summarise(plans: "list[Plan]", done: int, seconds: float) -> None:
    """Says what there is now."""
    for each in plans:
        log.info(
            f"{each.dataset.name}: {each.summary}, in {each.dataset.video}"
        )
    log.info(f"{count(done, 'clip')} rendered in {seconds:.0f} seconds")


def check_folder(plan: "Plan", settings: "Settings", overwrite: bool) -> None:
    """Raises a `UserError` if the folder holds something else."""
    root = plan.dataset.root
    marker = root / "sample.json"
    if not marker.exists():
        if plan.dataset.video.exists():
            raise UserError(
                f"{plan.dataset.video} was not made by sample.py; move it "
                f"away, or take another folder with --data"
            )
        return
    try:
        found = json.loads(marker.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        found = {}
    others = [
        f"{name} {found.get(name, 'unknown')}, not {value}"
        for name, value in asdict(settings).items()
        if found.get(name) != value
    ]
    if others and not overwrite:
        raise UserError(
            f"{root} was rendered with other settings ({'; '.join(others)}); "
            f"add --overwrite to render it again"
        )


def prepare_folder(plan: "Plan", settings: "Settings", overwrite: bool) -> None:
    """Writes all but the videos, and removes those to be made again."""
    from signs.core import files

    files.remove_leftovers(plan.dataset.root, deep=True, seconds=0)
    marker = plan.dataset.root / "sample.json"
    if overwrite:
        files.remove_folder(plan.dataset.video)
    if overwrite or not marker.exists():
        files.write_json(marker, asdict(settings))
    for path, text in plan.texts.items():
        if overwrite or not path.exists():
            files.write_text(path, text)


def next_command(plan: "Plan", args: argparse.Namespace) -> str:
    """The command that goes on with what was rendered."""
    command = f"python frame.py {plan.dataset.name}"
    if str(args.data) != "data":
        command += f" --data {args.data}"
    # A table of the clips that were there before would be kept.
    return command + " --overwrite" * plan.dataset.clips.exists()


if __name__ == "__main__":
    sys.exit(arguments.run(main))
