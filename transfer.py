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
import sys
from collections.abc import Sequence
from typing import Any

from signs import cli
from signs.cli import UserError, log


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
    cli.add_training_flags(parser, batch=16, lr=1e-4)
    return cli.parse(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse_arguments(arguments)

    from signs import experiment, network, runs

    args = experiment.restore(args, "transfer")
    path, source = runs.find_model(args.model, args.model_dir)
    args.model = str(path)
    # The features must be those of the network that the model was trained on.
    args.cnn = source["features"]["cnn"]
    data = experiment.read_data(args)
    check_features(args, path, source, data.meta)
    log.info(f"starting from {path}, whose classes were of {source['dataset']}")

    def build() -> Any:
        return network.replace_head(
            experiment.load_model(path, data.meta),
            len(data.classes),
            args.freeze,
        )

    about = {
        "kind": "transfer",
        "input": source["input"],
        "freeze": args.freeze,
        "source": source["run"],
    }
    return experiment.train(args, data, build, about)


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
