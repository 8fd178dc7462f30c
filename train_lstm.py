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
from typing import TYPE_CHECKING, Any

from signs.core import arguments

if TYPE_CHECKING:
    from signs.training.run import Data


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    from signs.models.input_transform import INPUTS

    parser = arguments.build_parser(__doc__ or "", dataset="chalearn")
    add = parser.add_argument
    add("--cnn", help="whose features; if not given, the only ones there are")
    add("--layers", type=arguments.whole_number, default=2, help="LSTM layers")
    add(
        "--units",
        type=arguments.whole_number,
        default=1024,
        help="width of each",
    )
    add(
        "--dropout",
        type=arguments.fraction,
        default=0.5,
        help="share of the inputs of each layer that is dropped",
    )
    add(
        "--dense",
        type=arguments.whole_number,
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
    _add_more_flags(parser)
    arguments.add_training_flags(parser, "train_lstm", batch=256, lr=1e-3)
    return arguments.parse(parser, argv, "train_lstm")


def _add_more_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    switch = argparse.BooleanOptionalAction
    add(
        "--center-recording",
        action=switch,
        default=False,
        help="subtract the mean feature of all clips of the same recording; "
        "see signs/recordings.py",
    )
    add(
        "--steps",
        type=arguments.whole_number,
        metavar="N",
        help="how many of the stored frames the network sees (default: all): "
        "evenly spread ones, and in training one drawn from each of N equal "
        "sections of the clip (Wang et al. 2016)",
    )
    add(
        "--components",
        type=arguments.whole_number,
        metavar="N",
        help="show the network so many principal components of variance 1, "
        "as in YouTube-8M (Abu-El-Haija et al. 2016)",
    )
    add(
        "--bidirectional",
        action=switch,
        default=False,
        help="read the clip backwards, too (Schuster and Paliwal 1997)",
    )
    add(
        "--pool",
        choices=["last", "mean", "max"],
        default="last",
        help="what of the last LSTM's outputs goes on: the last one, or their "
        "mean or maximum over time (Ng et al. 2015)",
    )


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)

    from signs.training import run

    args = run.restore(args, "lstm")
    data = run.read_data(args)
    about = {"kind": "lstm", "input": args.input}
    return run.train(args, data, lambda: build(args, data), about)


def build(args: argparse.Namespace, data: "Data") -> Any:
    """The classifier that the arguments ask for, not compiled."""
    from signs.models import classifier

    moments = classifier.view_moments(args.input, data.train.batches())
    whitening = None
    if args.components:
        sample = data.train.sample(classifier.WHITENED_FRAMES)
        whitening = classifier.fit_whitening(
            args.input, moments, args.components, sample
        )
    return classifier.build_classifier(
        *data.train.shape,
        len(data.classes),
        layers=args.layers,
        units=args.units,
        dropout=args.dropout,
        dense=args.dense,
        view=args.input,
        moments=moments,
        whitening=whitening,
        bidirectional=args.bidirectional,
        pool=args.pool,
    )


if __name__ == "__main__":
    sys.exit(arguments.run(main))
