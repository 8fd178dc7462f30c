#!/usr/bin/env python3
"""Step 3: trains the LSTM classifier on the features of a large data set.

Reads   data/DATASET/clips.csv, classes.csv, feature/NAME/  (of feature.py)
Writes  log/RUN.csv              one row an epoch
        log/RUN.json             settings, versions, data, final figures
        log/RUN-classes.csv      how good the best model is for each class
        log/RUN-confusion.png    which classes it takes for which
        model/RUN-best.keras     the model with the lowest validation loss
        model/RUN-last.keras     the model after the last epoch
        model/RUN.json           classes, features, frames, input

Example: python train_lstm.py sample-chalearn --epochs 20
"""

import sys
from collections.abc import Sequence

from signs.core import arguments
from signs.training import flags
from signs.training.flags import Command
from signs.training.settings import TrainingSettings


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> Command[TrainingSettings]:
    parser = flags.training_parser(__doc__ or "")
    return flags.parse(parser, TrainingSettings, argv)


def main(argv: Sequence[str] | None = None) -> int:
    command = parse_arguments(argv)

    from signs.training import ensemble, restore, training_data

    settings = restore.settings_of(command, "lstm")
    data = training_data.read_data(settings, command.options)
    about = {"kind": "lstm", "input": settings.input}
    ensemble.train(
        *(settings, command.options, data, about, command.resume),
        refit=command.refit == "",
        members=command.ensemble,
    )
    return 0


if __name__ == "__main__":
    sys.exit(arguments.run(main))
