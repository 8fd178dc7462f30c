#!/usr/bin/env python3
"""Step 4: puts a new softmax layer on a trained classifier, and trains on.

Reads   model/RUN-best.keras and model/RUN.json of train_lstm.py
        data/DATASET/clips.csv, classes.csv, feature/NAME/
Writes  of the new run, what train_lstm.py writes: log/RUN.csv, log/RUN.json,
        log/RUN-classes.csv, log/RUN-confusion.png, model/RUN-best.keras,
        model/RUN-last.keras, model/RUN.json

Without --model, it starts from the newest run of train_lstm.py on another
data set.

Example: python transfer.py sample-ledasila --freeze first
"""

import sys
from collections.abc import Sequence
from typing import Any

from signs.core import arguments
from signs.core.messages import log
from signs.training import flags
from signs.training.flags import Command
from signs.training.settings import TransferSettings


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> Command[TransferSettings]:
    parser = flags.transfer_parser(__doc__ or "")
    return flags.parse(parser, TransferSettings, argv)


def main(argv: Sequence[str] | None = None) -> int:
    command = parse_arguments(argv)

    from signs.training import (
        ensemble,
        restore,
        source_model,
        training_data,
    )

    settings = restore.settings_of(command, "transfer")
    settings, source = source_model.find(settings, command.options)
    log.info(
        f"starting from {settings.model}, whose classes were of "
        f"{source['dataset']}"
    )
    data = training_data.read_data(settings, command.options)
    source_model.check_features(settings, source, data.meta)
    about: dict[str, Any] = {
        "kind": "transfer",
        "input": source["input"],
        "freeze": settings.freeze,
        "source": source["run"],
    }
    ensemble.train(
        *(settings, command.options, data, about, command.resume),
        refit=command.refit == "",
        members=command.ensemble,
    )
    return 0


if __name__ == "__main__":
    sys.exit(arguments.run(main))
