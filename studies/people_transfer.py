"""Does transfer help on other people and other gestures, and when?

A source network learns some gestures of some people of a data set. It is
transferred to the other gestures, with a few clips of each of other people,
and judged on people that no training ever saw. Roles are rotated, so that
everyone is judged once. docs/transfer-study.md shows the results.

    OUT/DATASET-transfer.json         who and what is in which part, and the
                                      recipes; written before any training
    OUT/DATASET-transfer-trials.csv   a row for each training and person
    OUT/DATASET-transfer-sources.csv  the sources, on people new to them
    OUT/DATASET-transfer.csv, .png    accuracies, intervals, differences

All trainings have a fixed number of epochs, of which the last one counts.
What was stopped goes on where it was; what is finished is always shown.

Example: python -m studies.people_transfer shrec --source ~/shrec/clips.csv
         python -m studies.people_transfer sample-chalearn
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from signs.core import arguments

if TYPE_CHECKING:
    from signs.study.people_runner import Study


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("dataset", help="name of the data set; all its clips take part")
    add(
        "--source",
        type=Path,
        metavar="TABLE",
        help="table path,label,signer of the videos, where the data set is\n"
        "yet to be made: stores frames, and features of MobileNet .25",
    )
    add("--weights", default="imagenet", help="as in feature.py")
    add("--features", help="their name; only needed where there are several")
    add("--data", type=Path, default=Path("data"), help="folder")
    add("--out", type=Path, default=Path("log/study-people"), help="folder")
    add("--models", type=Path, default=Path("model/study"), help="folder")
    add(
        "--table",
        type=Path,
        default=Path("studies/people.csv"),
        help="the recipes, among them recommended; the first one is what the\n"
        "others are compared with",
    )
    add(
        "--also",
        default="",
        metavar="FLAGS",
        help="flags of train_lstm.py for all recipes",
    )
    add(
        "--clips-a-class",
        default="1,2,5,10,20",
        metavar="NUMBERS",
        help="training clips of each gesture",
    )
    add("--seeds", type=arguments.whole_number, default=1, help="of each split")
    add(
        "--jobs",
        type=arguments.whole_number,
        default=arguments.available_cores(),
        help="trainings side by side",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)
    if args.source and (code := prepare(args)):
        return code
    from signs.core import messages

    messages.set_up_messages(quiet=True)
    study = read_study(args)
    from signs.study import people_runner

    todo = people_runner.find_todo(study)
    places = list(dict.fromkeys(place for place, _ in todo))
    people_runner.train_sources(study, places)
    people_runner.run_trials(study, todo)
    return show(study)


def prepare(args: argparse.Namespace) -> int:
    """Stores frames and features; returns the exit code."""
    import feature
    import frame

    where = ["--data", str(args.data)]
    made = ["--source", str(args.source), "--layout", "csv"]
    cnn = ["--cnn", "mobilenet", "--alpha", "0.25", "--weights", args.weights]
    code = frame.main([args.dataset, *made, *where])
    return code or feature.main([args.dataset, *cnn, *where])


def read_study(args: argparse.Namespace) -> "Study":
    """Reads recipes and clips, and fixes the splits before any training."""
    from signs.core.errors import UserError
    from signs.data import clips_table
    from signs.data.clips_table import Dataset
    from signs.features import feature_store
    from signs.study import people, plan
    from signs.study.people_runner import EMBEDDING, Study
    from signs.training import feature_dataset
    from signs.training.training_data import Data

    recipes = plan.read_recipes(args.table, args.also, args.dataset)
    if EMBEDDING not in [recipe.name for recipe in recipes]:
        raise UserError(f"{args.table} must have a row {EMBEDDING}")
    dataset = Dataset(args.data / args.dataset)
    table = clips_table.read_clips(dataset)
    table = table[(table["label"] != "") & (table["signer"] != "")]
    classes = clips_table.read_classes(dataset)
    meta = feature_store.require_meta(dataset, args.features)
    found = feature_dataset.find_clips(dataset, table, classes, meta, None)
    (clips,) = feature_dataset.read_once([found], quiet=True)
    splits = people.make_splits(table, seed=0)
    data = Data(dataset, meta, classes, clips, clips, "signer")
    study = Study(
        *(args.dataset, recipes, splits, data, args.out, args.models),
        *(
            tuple(map(int, args.clips_a_class.split(","))),
            args.seeds,
            args.jobs,
        ),
    )
    settings = {
        recipe.name: [
            each.as_record()
            for each in (recipe.train, recipe.transfer)
            if each is not None
        ]
        for recipe in recipes
    }
    record = {"splits": people.as_plan(splits), "recipes": settings}
    people.keep_plan(study.path(".json"), record)
    return study


def show(study: "Study") -> int:
    """Writes and prints what is finished; returns the exit code."""
    from signs.core.errors import UserError
    from signs.data import clips_table
    from signs.study import people

    trials = people.read_trials(study.path("-trials.csv"))
    trials = people.complete(trials, study.names)
    if trials.empty:
        raise UserError(
            "no place has all recipes yet; go on with the same command"
        )
    summary = people.summarise(trials, study.names)
    clips_table.write_table(study.path(".csv"), summary.round(6))
    targets = len(study.splits[0].target_gestures)
    title = (
        f"{study.dataset}: other gestures of other people, "
        f"{trials['signer'].nunique()} people judged"
    )
    people.draw(study.path(".png"), summary, title, 1 / targets)
    print(people.in_words(summary))
    print(f"against {study.names[0]}, paired; *: p < .05 after Holm")
    return 0


if __name__ == "__main__":
    sys.exit(arguments.run(main))
