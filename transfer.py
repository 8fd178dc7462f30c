#!/usr/bin/env python3
"""Step 4: puts a new softmax layer on a trained classifier, and trains on.

Reads   model/RUN-best.keras and model/RUN.json of train_lstm.py
        data/DATASET/clips.csv, classes.csv, feature/CNN/
Writes  of the new run, what train_lstm.py writes: log/RUN.csv, log/RUN.json,
        log/RUN-classes.csv, log/RUN-confusion.png, model/RUN-best.keras,
        model/RUN-last.keras, model/RUN.json

Without --model, the newest run of train_lstm.py is taken.

Example: python transfer.py sample-ledasila --freeze first
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from signs import cli
from signs.cli import UserError, log

if TYPE_CHECKING:
    from signs.experiment import Data


def parse_arguments(
    arguments: Sequence[str] | None = None,
) -> argparse.Namespace:
    parser = cli.build_parser(__doc__ or "", dataset="ledasila")
    add = parser.add_argument
    add(
        "--model",
        metavar="FILE|RUN",
        help="the classifier to start from (default: the newest run)",
    )
    add(
        "--freeze",
        choices=["none", "first", "all"],
        default="none",
        help="which LSTMs keep their weights",
    )
    add(
        "--fresh",
        choices=["none", "last"],
        default="none",
        help="start the last LSTM afresh, too (Yosinski et al. 2014)",
    )
    add(
        "--head",
        choices=["cold", "probe", "means"],
        default="cold",
        help="how the softmax layer starts: cold: at random; probe: as a "
        "logistic regression on what the network below gives (Kumar et al. "
        "2022); means: as the nearest class mean (Wang et al. 2019)",
    )
    add(
        "--anchor",
        type=cli.not_negative,
        default=0.0,
        metavar="STRENGTH",
        help="pull all weights but the softmax layer's back to where they "
        "started, such as 10 (L2-SP, Li et al. 2018)",
    )
    add(
        "--layer-decay",
        type=cli.positive,
        default=1.0,
        metavar="FACTOR",
        help="each layer's learning rate is that of the layer above it times "
        "this, such as .5 (Howard and Ruder 2018)",
    )
    add(
        "--joint",
        type=cli.not_negative,
        default=0.0,
        metavar="WEIGHT",
        help="train on the clips of the model's own data set, too, with its "
        "own softmax layer; their loss counts so much, such as .3 (Ge and Yu "
        "2017)",
    )
    cli.add_training_flags(parser, "transfer", batch=16, lr=1e-4)
    args = cli.parse(parser, arguments, "transfer")
    if args.freeze == "all" and args.fresh == "last":
        parser.error("--freeze all would keep the fresh LSTM at random")
    if args.freeze == "all" and args.joint:
        parser.error("--freeze all leaves nothing that --joint could train")
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse_arguments(arguments)

    from signs import experiment, runs

    args = experiment.restore(args, "transfer")
    path, source = runs.find_model(args.model, args.model_dir)
    args.model = str(path)
    # The features must be those of the network that the model was trained on.
    args.cnn = source["features"]["cnn"]
    experiment.inherit(args, source)
    data = experiment.read_data(args)
    check_features(args, path, source, data.meta)
    if args.joint:
        task = experiment.find_source_task(
            args, path, source["dataset"], data, source["classes"]
        )
        data = dataclasses.replace(data, source=task)
    log.info(f"starting from {path}, whose classes were of {source['dataset']}")

    def start() -> Any:
        loaded = experiment.load_model(path, data.meta, args.steps)
        return build(args, data, loaded)

    about = {
        "kind": "transfer",
        "input": args.input,
        "freeze": args.freeze,
        "source": source["run"],
    }
    return experiment.train(args, data, start, about)


def build(args: argparse.Namespace, data: "Data", source: Any) -> Any:
    """The classifier to train, made of a trained one; not compiled."""
    from signs import heads, network

    classes = len(data.classes)
    model = network.replace_head(source, classes, args.freeze, args.fresh)
    heads.start_head(model, data.train, args.head)
    return model


def check_features(
    args: argparse.Namespace, path: Any, source: dict, meta: dict
) -> None:
    """Raises a `UserError` if a model was trained on other features."""
    from signs import features

    if problem := features.differences(source["features"], meta):
        raise UserError(
            f"{path} was trained on other features than those of "
            f"{args.dataset}: {problem}; make both with the same settings, "
            f"such as: python feature.py {args.dataset} --overwrite"
        )


if __name__ == "__main__":
    sys.exit(cli.run(main))
