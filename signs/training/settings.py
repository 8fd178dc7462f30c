"""What a training is: all that decides what is learned, and nothing else.

`log/RUN.json` keeps these as `arguments`. Where files are, and how a training
is shown, is in `RunOptions`; that may differ when a run goes on.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

EPOCHS = 100
# What records of older versions call a setting, and what it is called now.
_RENAMED = {
    "lr": "learning_rate",
    "cnn": "features",
    "center_recording": "session_mean",
}
_RENAMED_VALUES: dict[str, dict[Any, Any]] = {
    "head": {"cold": "random", "probe": "linear_probe"},
    "recipe": {"best": "recommended"},
}
# Settings of older versions that are no more, and what turned them off.
_CUT: dict[str, Any] = {
    "mixup": 0,
    "stretch": 0,
    "steps": None,
    "components": None,
    "fresh": "none",
    "anchor": 0,
    "layer_decay": 1,
    "joint": 0,
}


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """What a training from scratch and a transfer have in common.

    Attributes:
        dataset: the name of the data set, a folder below `data`.
        features: the name of its features, a folder below `feature`; None
            takes the only ones there are.
        recipe: the preset that the other settings started from; for people.
        learning_rate: Adam's.
        batch: clips a batch.
        epochs: how often all training clips are seen, in all.
        patience: epochs without a lower validation loss after which to stop;
            None never stops early.
        seed: of everything random.
        mixed_precision: whether hidden layers compute in float16.
        inner_val: whether some signers of the training clips choose the
            best epoch, so that the clips of the split val stay unseen.
        refit: the run that is repeated on the clips of train and val, for as
            many epochs as were best in it; None: a run of its own.
        session_mean: whether the mean feature of all clips of the same
            session is subtracted first. A transfer has it from the network
            that it starts with.
        copies: whether the changed copies of the training clips are learned,
            too, where feature.py made any.
        label_smoothing: share of each label that is spread over all classes,
            in [0, 1).
    """

    dataset: str
    features: str | None = None
    recipe: str = "writeup"
    learning_rate: float = 1e-3
    batch: int = 256
    epochs: int = EPOCHS
    patience: int | None = None
    seed: int = 0
    mixed_precision: bool = False
    inner_val: bool = False
    refit: str | None = None
    session_mean: bool = False
    copies: bool = False
    label_smoothing: float = 0.0

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Settings from parsed arguments or from a record.

        Args:
            values: by name, today's or an older version's. What is no
                setting is left out; what is lacking has its default.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        found: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in rename(values).items()
            if name in known
        }
        return cls(**found)

    def as_record(self) -> dict[str, Any]:
        """The settings by name, ready for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(FitSettings):
    """A training from scratch; the defaults are the 2018 write-up's.

    Attributes:
        layers: LSTM layers, at least 1.
        units: width of each.
        dropout: share of each LSTM's and hidden dense layer's inputs that is
            dropped in training, in [0, 1).
        dense: widths of hidden dense layers (ReLU) before the last one.
        input: what the first LSTM sees of the features: a key of
            `input_transform.INPUTS`.
        bidirectional: whether each LSTM reads the clip backwards, too.
        pool: what of the last LSTM's outputs goes on: `last`, `mean` or
            `max` over time.
        projection: width of a linear layer below the LSTMs; 0: none.
    """

    layers: int = 2
    units: int = 1024
    dropout: float = 0.5
    dense: tuple[int, ...] = ()
    input: str = "raw"
    bidirectional: bool = False
    pool: str = "last"
    projection: int = 0


@dataclass(frozen=True, kw_only=True)
class TransferSettings(FitSettings):
    """A training of a trained network with a new softmax layer.

    What the network sees, and its size, are those of the trained one. The
    defaults are the 2018 write-up's.

    Attributes:
        model: the path of the trained network; None is yet to be found.
        freeze: which LSTMs keep their weights: `none`, `first` or `all`.
        head: how the new softmax layer starts: `random`, or as a
            `linear_probe` of what the network below gives.
    """

    learning_rate: float = 1e-4
    batch: int = 16
    model: str | None = None
    freeze: str = "none"
    head: str = "random"


Settings = TrainingSettings | TransferSettings


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where a training reads and writes, and how it is shown.

    Attributes:
        data, log, model_dir: the folders of data sets, logs and models.
        quiet: whether only warnings and errors are printed.
        dry_run: whether to say what would be done, and write nothing.
        devices: `all`, or how many GPUs share each batch; None: one.
        tensorboard: whether to write logs for TensorBoard, too.
        keep_state: whether the optimizer's state stays after the last epoch.
    """

    data: Path = Path("data")
    log: Path = Path("log")
    model_dir: Path = Path("model")
    quiet: bool = False
    dry_run: bool = False
    devices: str | None = None
    tensorboard: bool = False
    keep_state: bool = False


def rename(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of an older version under today's names.

    Args:
        values: by name; they may be today's already.
    """
    renamed = {_RENAMED.get(name, name): x for name, x in values.items()}
    for name, new in _RENAMED_VALUES.items():
        if name in renamed:
            renamed[name] = new.get(renamed[name], renamed[name])
    return renamed


def cut_settings(values: Mapping[str, Any]) -> list[str]:
    """The flags of an older version's record that are no more, if any.

    For example `--mixup 0.2`.
    """
    found = [
        f"--{name.replace('_', '-')} {values[name]}"
        for name, off in _CUT.items()
        if values.get(name, off) != off
    ]
    if values.get("head") == "means":
        found.append("--head means")
    return found
