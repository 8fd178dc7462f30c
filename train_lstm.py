#!/usr/bin/env python3
"""Step 3: trains the LSTM classifier on the features of a large data set.

Reads   data/DATASET/clips.csv, classes.csv, feature/CNN/   (made by feature.py)
Writes  log/RUN.csv              one row an epoch
        log/RUN.json             arguments, versions, data, final figures
        log/RUN-classes.csv      how good the best model is for each class
        log/RUN-confusion.png    which classes it takes for which
        model/RUN-best.keras     the model with the lowest validation loss
        model/RUN-last.keras     the model after the last epoch
        model/RUN.json           classes, CNN, frames, input

Example: python train_lstm.py sample-chalearn --input centered --epochs 20
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from signs import cli


def parse_arguments(
    arguments: Sequence[str] | None = None,
) -> argparse.Namespace:
    from signs.inputs import INPUTS

    parser = cli.build_parser(__doc__ or "", dataset="chalearn")
    add = parser.add_argument
    add("--cnn", help="whose features; if not given, the only ones there are")
    add("--layers", type=cli.whole_number, default=2, help="LSTM layers")
    add("--units", type=cli.whole_number, default=1024, help="width of each")
    add(
        "--dropout",
        type=cli.fraction,
        default=0.5,
        help="share of the inputs of each layer that is dropped",
    )
    add(
        "--dense",
        type=cli.whole_number,
        nargs="*",
        default=[],
        metavar="WIDTH",
        help="hidden dense layers before the last one",
    )
    add(
        "--input",
        choices=INPUTS,
        default="raw",
        help="what the network sees: "
        + "; ".join(f"{name}: {text}" for name, text in INPUTS.items()),
    )
    cli.add_training_flags(parser, batch=256, lr=1e-3)
    return cli.parse(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse_arguments(arguments)

    from signs import experiment, network

    args = experiment.restore(args, "lstm")
    data = experiment.read_data(args)

    def build() -> Any:
        return network.build_classifier(
            data.meta["frames"],
            data.meta["length"],
            len(data.classes),
            layers=args.layers,
            units=args.units,
            dropout=args.dropout,
            dense=args.dense,
            view=args.input,
            moments=network.view_moments(args.input, data.train.batches()),
        )

    about = {"kind": "lstm", "input": args.input}
    return experiment.train(args, data, build, about)


if __name__ == "__main__":
    sys.exit(cli.run(main))
