"""The trained model that a transfer starts from."""

import dataclasses
from typing import Any

from signs.core.errors import UserError
from signs.features import feature_store
from signs.training import run_record
from signs.training.settings import RunOptions, TransferSettings


def find(
    settings: TransferSettings, options: RunOptions
) -> tuple[TransferSettings, dict[str, Any]]:
    """Finds the model to start from.

    Args:
        settings: name it, or leave it to be found.
        options: say where models are.

    Returns:
        The settings with the path of the model, and with what the network is
        to see as its source saw it; and the record of the model.

    Raises:
        UserError: if there is none, or it was trained on the same data set.
    """
    path, record = run_record.find_model(
        settings.model, options.model_dir, target=settings.dataset
    )
    if record["dataset"] == settings.dataset:
        raise UserError(
            f"{path} was trained on {settings.dataset} itself, so there is "
            "nothing to transfer; name a model of another data set with "
            "--model, or train on with: python train_lstm.py --resume "
            f"{record['run']}"
        )
    if "ensemble" in record:
        raise UserError(
            f"{path} is the mean of several networks, and a transfer starts "
            f"from one; name it with: --model {record['ensemble'][0]}"
        )
    found = dataclasses.replace(
        settings,
        model=str(path),
        features=record["features"]["cnn"],
        session_mean=record["session_mean"],
    )
    return found, record


def check_features(
    settings: TransferSettings, source: dict[str, Any], meta: dict[str, Any]
) -> None:
    """Raises a `UserError` if a model was trained on other features.

    Args:
        settings: of the transfer.
        source: the record of the model.
        meta: the record of the features that it is to be trained on.
    """
    if problem := feature_store.differences(source["features"], meta):
        raise UserError(
            f"{settings.model} was trained on other features than those of "
            f"{settings.dataset}: {problem}; make both with the same "
            f"settings, such as: python feature.py {settings.dataset} "
            "--overwrite"
        )
