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

from signs.core import arguments
from signs.core.errors import UserError
from signs.core.messages import log

if TYPE_CHECKING:
    from signs.training.run import Data


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    parser = arguments.build_parser(__doc__ or "", dataset="ledasila")
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
        type=arguments.not_negative,
        default=0.0,
        metavar="STRENGTH",
        help="pull all weights but the softmax layer's back to where they "
        "started, such as 10 (L2-SP, Li et al. 2018)",
    )
    add(
        "--layer-decay",
        type=arguments.positive,
        default=1.0,
        metavar="FACTOR",
        help="each layer's learning rate is that of the layer above it times "
        "this, such as .5 (Howard and Ruder 2018)",
    )
    add(
        "--joint",
        type=arguments.not_negative,
        default=0.0,
        metavar="WEIGHT",
        help="train on the clips of the model's own data set, too, with its "
        "own softmax layer; their loss counts so much, such as .3 (Ge and Yu "
        "2017)",
    )
    arguments.add_training_flags(parser, "transfer", batch=16, lr=1e-4)
    args = arguments.parse(parser, argv, "transfer")
    if args.freeze == "all" and args.fresh == "last":
        parser.error("--freeze all would keep the fresh LSTM at random")
    if args.freeze == "all" and args.joint:
        parser.error("--freeze all leaves nothing that --joint could train")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)

    from signs.training import run, run_record

    args = run.restore(args, "transfer")
    path, source = run_record.find_model(args.model, args.model_dir)
    args.model = str(path)
    # The features must be those of the network that the model was trained on.
    args.cnn = source["features"]["cnn"]
    run.inherit(args, source)
    data = run.read_data(args)
    check_features(args, path, source, data.meta)
    if args.joint:
        task = run.find_source_task(
            args, path, source["dataset"], data, source["classes"]
        )
        data = dataclasses.replace(data, source=task)
    log.info(f"starting from {path}, whose classes were of {source['dataset']}")

    def start() -> Any:
        loaded = run.load_model(path, data.meta, args.steps)
        return build(args, data, loaded)

    about = {
        "kind": "transfer",
        "input": args.input,
        "freeze": args.freeze,
        "source": source["run"],
    }
    return run.train(args, data, start, about)


def build(args: argparse.Namespace, data: "Data", source: Any) -> Any:
    """The classifier to train, made of a trained one; not compiled."""
    from signs.models import classifier
    from signs.training import head_init

    classes = len(data.classes)
    model = classifier.replace_head(source, classes, args.freeze, args.fresh)
    head_init.start_head(model, data.train, args.head)
    return model


def check_features(
    args: argparse.Namespace, path: Any, source: dict, meta: dict
) -> None:
    """Raises a `UserError` if a model was trained on other features."""
    from signs.features import feature_store

    if problem := feature_store.differences(source["features"], meta):
        raise UserError(
            f"{path} was trained on other features than those of "
            f"{args.dataset}: {problem}; make both with the same settings, "
            f"such as: python feature.py {args.dataset} --overwrite"
        )


if __name__ == "__main__":
    sys.exit(arguments.run(main))
