"""The flags of the training scripts, and the settings that they stand for.

The only place where arguments become settings.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from signs.core import arguments
from signs.core.messages import log
from signs.models.input_transform import INPUTS
from signs.training import presets
from signs.training.settings import (
    FitSettings,
    RunOptions,
    TrainingSettings,
    TransferSettings,
)

FREEZE = ["none", "first", "all"]
HEADS = ["random", "linear_probe"]
VALIDATIONS = ["val", "inner"]
POOLS = ["last", "mean", "max"]
_OLD_HEADS = {"cold": "random", "probe": "linear_probe"}
FLAG_OF = {"learning_rate": "lr"}  # where it is not the setting's name

Kind = TypeVar("Kind", bound=FitSettings)


@dataclass(frozen=True)
class Command(Generic[Kind]):
    """What a training script was asked for.

    Attributes:
        settings: of the training.
        options: where it reads and writes.
        resume: the run to go on with; None begins a new one.
        refit: the run to repeat on the clips of train and val; empty means
            the one that is trained now, None none.
        ensemble: how many networks to train, of which the mean is saved.
        given: names of what stood on the command line.
    """

    settings: Kind
    options: RunOptions
    resume: str | None
    refit: str | None
    ensemble: int
    given: frozenset[str]


def training_parser(documentation: str) -> argparse.ArgumentParser:
    """The parser of train_lstm.py."""
    parser = arguments.build_parser(documentation, dataset="chalearn")
    add = parser.add_argument
    _add_features(parser)
    add("--layers", type=arguments.whole_number, help="LSTM layers")
    add("--units", type=arguments.whole_number, help="width of each")
    add(
        "--dropout",
        type=arguments.fraction,
        help="share of the inputs of each layer that is dropped",
    )
    add(
        "--dense",
        type=arguments.whole_number,
        nargs="*",
        metavar="WIDTH",
        help="hidden dense layers before the last one",
    )
    add(
        "--input",
        choices=INPUTS,
        help="what the network sees: "
        + "; ".join(f"{name}: {text}" for name, text in INPUTS.items()),
    )
    switch = argparse.BooleanOptionalAction
    add(
        "--session-mean",
        action=switch,
        help="subtract the mean feature of all clips of the same session; "
        "see signs/training/session_mean.py",
    )
    _add_old(parser, "--center-recording", "session_mean", action=switch)
    add(
        "--bidirectional",
        action=switch,
        help="read the clip backwards, too (Schuster and Paliwal 1997)",
    )
    add(
        "--pool",
        choices=POOLS,
        help="what of the last LSTM's outputs goes on: the last one, or their "
        "mean or maximum over time (Ng et al. 2015)",
    )
    add(
        "--projection",
        type=arguments.natural,
        metavar="WIDTH",
        help="width of a linear layer below the LSTMs, which makes them much "
        "faster where there are thousands of features a frame; 0: none",
    )
    _add_fit_flags(parser, TrainingSettings)
    return parser


def transfer_parser(documentation: str) -> argparse.ArgumentParser:
    """The parser of transfer.py."""
    parser = arguments.build_parser(documentation, dataset="ledasila")
    add = parser.add_argument
    add(
        "--model",
        metavar="FILE|RUN",
        help="the network to start from (default: the newest one that "
        "train_lstm.py trained on another data set)",
    )
    add("--freeze", choices=FREEZE, help="which LSTMs keep their weights")
    add(
        "--head",
        type=lambda text: _OLD_HEADS.get(text, text),
        choices=HEADS,
        help="how the softmax layer starts: at random, or as a logistic "
        "regression on what the network below gives (Kumar et al. 2022)",
    )
    _add_fit_flags(parser, TransferSettings)
    return parser


def _add_features(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--features",
        metavar="NAME[+NAME]",
        help="which features, such as inceptionv3, landmarks, or both side by "
        "side; if not given, the only ones there are",
    )
    _add_old(parser, "--cnn", "features")


def _add_old(
    parser: argparse.ArgumentParser, flag: str, dest: str, **options: Any
) -> None:
    """Adds an older name of a flag, which `--help` does not show."""
    parser.add_argument(
        flag,
        dest=dest,
        default=argparse.SUPPRESS,
        help=argparse.SUPPRESS,
        **options,
    )


def _add_fit_flags(
    parser: argparse.ArgumentParser, kind: type[FitSettings]
) -> None:
    """Adds the flags that both training scripts have."""
    add = parser.add_argument
    add(
        "--recipe",
        type=lambda text: presets.ALIASES.get(text, text),
        choices=[presets.RECOMMENDED, presets.WRITEUP],
        help="flags in one word; those that are given, too, win: "
        + presets.describe(kind, FLAG_OF),
    )
    add(
        "--lr",
        type=arguments.positive,
        dest="learning_rate",
        metavar="RATE",
        help="Adam's learning rate",
    )
    add("--batch", type=arguments.whole_number, help="clips a batch")
    add("--epochs", type=arguments.whole_number, help="how many in all")
    add(
        "--patience",
        type=arguments.whole_number,
        help="stop after so many epochs without a lower validation loss",
    )
    add(
        "--inner-val",
        action="store_true",
        help="choose the best epoch by some signers of the training clips, so "
        "that the clips of the split val stay unseen",
    )
    add(
        "--refit",
        nargs="?",
        const="",
        metavar="RUN",
        help="then train anew on the clips of train and val, for as many "
        "epochs as were best; or do so for a RUN that is finished",
    )
    add(
        "--ensemble",
        type=arguments.whole_number,
        default=1,
        metavar="N",
        help="train N networks, with seeds that follow --seed, and save the "
        "mean of their answers as one more model, the newest",
    )
    add(
        "--copies",
        action=argparse.BooleanOptionalAction,
        help="learn the changed copies of the training clips, too, where "
        "feature.py --copies made any",
    )
    add(
        "--label-smoothing",
        type=arguments.fraction,
        metavar="SHARE",
        help="share of each label that is spread over all classes (Szegedy et "
        "al. 2016)",
    )
    add(
        "--resume",
        metavar="RUN",
        help="go on with a run, with its own settings; only --epochs and "
        "--patience may differ",
    )
    add(
        "--keep-state",
        action="store_true",
        help="keep the optimizer's state after the last epoch, so that a run "
        "can be trained longer as if it had never stopped",
    )
    add(
        "--mixed-precision",
        action="store_true",
        help="compute the hidden layers in float16, which is faster on GPUs; "
        "what is saved stays float32",
    )
    add(
        "--tensorboard",
        action="store_true",
        help="write logs for TensorBoard, too, to log/tensorboard",
    )
    add(
        "--devices",
        type=arguments.devices,
        metavar="all|N",
        help="share each batch among so many GPUs; needs Keras on JAX",
    )
    parser.set_defaults(**presets.values(kind, presets.DEFAULT))


def parse(
    parser: argparse.ArgumentParser,
    kind: type[Kind],
    argv: Sequence[str] | None = None,
) -> Command[Kind]:
    """Parses the command line of a training script.

    Args:
        parser: `training_parser` or `transfer_parser`.
        kind: the class of its settings.
        argv: the arguments; None takes those of the process.
    """
    peek = argparse.ArgumentParser(add_help=False)
    peek.add_argument("--recipe", default=presets.DEFAULT)
    asked = peek.parse_known_args(argv)[0].recipe
    if asked in (*presets.TRAINING, *presets.ALIASES):  # else refused below
        parser.set_defaults(**presets.values(kind, asked))
    values = vars(arguments.parse(parser, argv))
    given = frozenset(_given(parser, values, argv))
    refit, ensemble = values.pop("refit"), values.pop("ensemble")
    if refit and values["resume"]:
        parser.error("say either --resume RUN or --refit RUN")
    if asked in presets.ALIASES:
        log.warning(f"--recipe {asked} is called {values['recipe']} now")
    options = {
        name: values[name]
        for name in RunOptions.__dataclass_fields__
        if name in values
    }
    return Command(
        kind.from_mapping(values),
        RunOptions(**options),
        values["resume"],
        refit,
        ensemble,
        given - {"refit", "ensemble"},
    )


def _given(
    parser: argparse.ArgumentParser,
    values: dict[str, Any],
    argv: Sequence[str] | None,
) -> set[str]:
    """Which of the values stood on the command line."""
    unset = object()
    found = parser.parse_args(
        argv, argparse.Namespace(**dict.fromkeys(values, unset))
    )
    given = {name for name, x in vars(found).items() if x is not unset}
    # argparse sets a positional argument even where it was left out.
    if values["dataset"] == parser.get_default("dataset"):
        given.discard("dataset")
    return given
