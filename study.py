#!/usr/bin/env python3
"""Compares recipes: all of them on the same folds, with the same seeds.

Reads   FILE.csv                     name,train,transfer,note: a recipe a row
        data/DATASET/, data/SOURCE/  clips.csv, classes.csv, feature/NAME/
Writes  DIR/folds.csv                which clip is tested in which fold
        DIR/results.csv              one row for each recipe, repeat and fold
        DIR/summary.csv, .png        means, intervals, paired differences
        DIR/source/                  the classifiers that are transferred
        DIR/study.json               arguments, versions, data
        DIR/failed.csv               trainings that failed, if any

A recipe is what you would type: `train` are flags of train_lstm.py, and
`transfer` are flags of transfer.py. With `transfer`, a classifier is trained
on SOURCE by the flags of `train`, once for all recipes that train alike, and
then transferred to the folds of DATASET; without, one is trained on the folds
from scratch. Ready-made tables are in the folder studies.

All clips of DATASET with a label and features take part, whatever their split.
A study that was stopped goes on where it was; a row that was changed is done
again. Accuracy is the mean of the last five epochs. Intervals are those of
the corrected resampled t-test (Nadeau and Bengio 2003).

Example: python study.py sample-ledasila --source sample-chalearn
             --table studies/writeup.csv --baseline scratch-2
             --repeats 1 --also "--units 64 --epochs 5"
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signs.core import arguments
from signs.core.errors import UserError
from signs.core.messages import count, log

if TYPE_CHECKING:
    import pandas as pd

    from signs.study.plan import StudySettings
    from signs.study.runner import Todo
    from signs.training.feature_dataset import FeatureDataset


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    parser = arguments.build_parser(__doc__ or "", dataset="ledasila")
    add = parser.add_argument
    add(
        "--table",
        type=Path,
        required=True,
        metavar="FILE.csv",
        help="the recipes",
    )
    add(
        "--source",
        default="chalearn",
        metavar="DATASET",
        help="what the classifiers to transfer are trained on",
    )
    add(
        "--baseline",
        metavar="NAME",
        help="the recipe that the others are compared with (default: the "
        "first one)",
    )
    add("--folds", type=_at_least_two, default=5, help="parts of the clips")
    add(
        "--repeats",
        type=arguments.whole_number,
        default=5,
        help="how often to divide the clips anew",
    )
    add(
        "--by",
        type=_ways,
        default="auto",
        help="signer: test on new people; random: mixes people; auto: by "
        "signer where they are known; random,signer: both",
    )
    add(
        "--clips-a-class",
        type=_numbers,
        default="all",
        metavar="N,...",
        help="train on at most so many clips of each class: of several "
        "numbers (and all), a learning curve",
    )
    add(
        "--source-seeds",
        type=arguments.whole_number,
        default=1,
        metavar="N",
        help="source classifiers for each way to train one; the repeats take "
        "turns with them",
    )
    add(
        "--also",
        default="",
        metavar="FLAGS",
        help='flags of train_lstm.py for all rows, such as "--units 64"; '
        "its --epochs hold for transfers, too",
    )
    add(
        "--jobs",
        type=arguments.whole_number,
        default=1,
        help="trainings side by side, which share the cores",
    )
    add(
        "--features",
        metavar="NAME",
        help="which features; if not given, the only ones there are",
    )
    add(
        "--cnn",
        dest="features",
        default=argparse.SUPPRESS,
        help=argparse.SUPPRESS,
    )
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder of the results (default: log/study-DATASET-FILE)",
    )
    arguments.add_cluster_flag(parser)
    args = arguments.parse(parser, argv)
    name = f"study-{args.dataset}-{args.table.stem}"
    args.out = args.out or args.log / name
    return args


def _at_least_two(text: str) -> int:
    number = int(text)
    if number < 2:
        raise argparse.ArgumentTypeError(f"{number} is less than 2")
    return number


def _ways(text: str) -> list[str]:
    ways = list(dict.fromkeys(text.split(",")))
    for way in ways:
        if way not in ("auto", "signer", "random"):
            raise argparse.ArgumentTypeError(
                f"{way!r} is none of auto, signer, random"
            )
    return ways


def _numbers(text: str) -> list[str]:
    """Whole numbers and `all`, as text."""
    numbers = list(dict.fromkeys(text.split(",")))
    for number in numbers:
        if number != "all":
            arguments.whole_number(number)
    return numbers


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)

    from signs.cluster import ray_backend
    from signs.core import files, lock

    if args.cluster:
        ray_backend.require()
    if args.dry_run:
        return make(args)
    with lock.hold(args.out):
        files.remove_leftovers(args.out)
        return make(args)


def make(args: argparse.Namespace) -> int:
    """Does what is missing of a study; returns the exit code."""
    from signs.data import clips_table, folds
    from signs.data.clips_table import Dataset
    from signs.features import combined
    from signs.study import plan, results
    from signs.training import feature_dataset

    dataset = Dataset(args.data / args.dataset)
    meta = combined.require_meta(dataset, args.features)
    study = settings_of(args, meta["cnn"])
    recipes = plan.read_recipes(args.table, args.also, study.dataset)
    baseline = plan.choose_baseline(args.baseline, recipes, args.table)
    classes = clips_table.read_classes(dataset)
    clips = clips_table.read_clips(dataset).sort_values("clip")
    copies = any(recipe.settings.copies for recipe in recipes)
    found = feature_dataset.find_clips(
        *(dataset, clips, classes, meta, None), copies=copies
    )
    clips = clips[clips["clip"].isin(found.clips)].reset_index(drop=True)
    ways = list(dict.fromkeys(folds.choose_way(x, clips) for x in args.by))
    places = plan.places(study, ways)
    results.check_record(study, meta)
    if study.overwrite and not args.dry_run:
        results.begin_anew(study)
    there = results.read(study.out, mend=not args.dry_run)
    if study.overwrite:
        there = there.iloc[:0]
    todo = plan.missing(recipes, places, there, study)
    log.info(
        f"{dataset.name}: {count(len(clips), 'clip')} of "
        f"{count(len(classes), 'class', 'classes')}, {study.folds} folds x "
        f"{count(study.repeats, 'repeat')} by {' and by '.join(ways)}; "
        f"{count(len(recipes), 'recipe')}, {count(len(todo), 'training')} to do"
    )
    if args.dry_run:
        return 0
    failures: dict[str, str] = {}
    if todo:
        results.write_record(study, meta, recipes)
        failures = train(study, found, clips, classes, meta, ways, todo)
        there = results.read(study.out)
    else:
        log.info(f"nothing to do: {study.out} has all of it")
    current = results.current(there, recipes, places, study)
    report(study, baseline, current, len(classes))
    return 1 if failures else 0


def settings_of(args: argparse.Namespace, features: str) -> "StudySettings":
    """The arguments as a study takes them."""
    import dataclasses

    from signs.study.plan import StudySettings

    names = [field.name for field in dataclasses.fields(StudySettings)]
    values = {**vars(args), "features": features}
    values["clips_a_class"] = tuple(args.clips_a_class)
    return StudySettings(**{name: values[name] for name in names})


def train(
    study: "StudySettings",
    found: "FeatureDataset",
    clips: "pd.DataFrame",
    classes: "pd.DataFrame",
    meta: dict[str, Any],
    ways: list[str],
    todo: "Todo",
) -> dict[str, str]:
    """Trains what has no result yet; returns the reasons of what failed."""
    from signs.core import files
    from signs.data.clips_table import Dataset
    from signs.study import runner, trial

    with tempfile.TemporaryDirectory(
        prefix=files.TEMPORARY, dir=study.out, ignore_cleanup_errors=True
    ) as folder:
        store = Path(folder) / "features.npy"
        contents = runner.pack(found.features, store, meta["dtype"])
        copies = None
        if found.copies is not None:
            copies = Path(folder) / "copies.npy"
            runner.pack(found.copies, copies, meta["dtype"])
        target = trial.Target(
            Dataset(study.data / study.dataset),
            meta,
            classes,
            list(found.clips),
            list(found.signers),
            found.labels,
            store,
            copies,
        )
        columns = runner.keep_folds(study, clips.assign(content=contents), ways)
        failures = runner.train_sources(study, meta, todo)
        failures |= runner.run_trials(study, target, columns, todo, failures)
        trial.open_store.cache_clear()
    files.write_failures(study.out / "failed.csv", failures)
    if failures:
        name, reason = next(iter(failures.items()))
        log.warning(
            f"{count(len(failures), 'training')} failed, such as {name} "
            f"({reason}); {study.out / 'failed.csv'} lists them, and the same "
            "command tries them again"
        )
    return failures


def report(
    study: "StudySettings",
    baseline: str,
    results: "pd.DataFrame",
    classes: int,
) -> None:
    """Summarises the results: prints, writes and draws them."""
    from signs.data import clips_table
    from signs.evaluation import statistics
    from signs.study import plot

    if results.empty:
        raise UserError(
            f"no training has a result; {study.out / 'failed.csv'} says why"
        )
    summary = statistics.summarise(results, baseline)
    log.info("\n".join(statistics.in_words(summary, baseline)))
    clips_table.write_table(study.out / "summary.csv", summary.round(4))
    repeats = count(study.repeats, "repeat")
    title = f"{study.dataset}, {study.folds} folds x {repeats}"
    path = study.out / "summary.png"
    plot.draw(path, summary, title, classes, baseline)
    log.info(f"table {study.out / 'summary.csv'}\nplot  {path}")


if __name__ == "__main__":
    sys.exit(arguments.run(main))
