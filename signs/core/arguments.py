"""The command line that all scripts have in common.

Nothing heavy is imported here: every script answers `--help` at once.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from signs.core.errors import UserError, explain, explain_import
from signs.core.messages import print_anything, set_up_messages


def build_parser(
    documentation: str, dataset: str | None = None
) -> argparse.ArgumentParser:
    """Returns a parser that has the flags common to all scripts.

    Args:
        documentation: the script's docstring; shown by `--help`.
        dataset: default of the positional DATASET argument; None leaves
            that argument out.
    """
    parser = argparse.ArgumentParser(
        description=documentation, formatter_class=_HelpFormatter
    )
    if dataset is not None:
        parser.add_argument(
            "dataset",
            nargs="?",
            default=dataset,
            metavar="DATASET",
            help="name of the folder below data/",
        )
    common = parser.add_argument_group("common to all scripts")
    add = common.add_argument
    add("--data", type=Path, default=Path("data"), help="folder of data sets")
    add("--log", type=Path, default=Path("log"), help="folder of logs")
    add(
        "--model-dir",
        type=Path,
        default=Path("model"),
        help="folder of trained models",
    )
    add("--seed", type=seed, default=0, help="seed of everything random")
    add(
        "--workers",
        type=whole_number,
        default=available_cores(),
        help="processes or threads that work side by side",
    )
    add(
        "--overwrite",
        action="store_true",
        help="make again what is already there",
    )
    add(
        "--dry-run",
        action="store_true",
        help="say what would be done, and write nothing",
    )
    add("--quiet", action="store_true", help="print warnings and errors only")
    return parser


def add_cluster_flag(parser: argparse._ActionsContainer) -> None:
    """Adds the flag of all scripts that can work on many machines."""
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS|local",
        help="work on a Ray cluster: auto, HOST:PORT, or local for one on "
        "this machine; see docs/scaling.md",
    )


def parse(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None = None,
) -> argparse.Namespace:
    """Parses the arguments, and sets up what `--quiet` governs."""
    args = parser.parse_args(arguments)
    set_up_messages(args.quiet)
    dataset = getattr(args, "dataset", None)
    if dataset is not None and (
        dataset in ("", ".", "..") or Path(dataset).name != dataset
    ):
        parser.error(
            f"DATASET is the name of a folder below {args.data}, not a path: "
            f"{dataset!r}"
        )
    return args


def run(
    main: Callable[[Sequence[str] | None], int],
    arguments: Sequence[str] | None = None,
) -> int:
    """Calls a script's `main`; returns its exit code.

    0: all is there. 1: some clips failed. 2: nothing could be done, with one
    line on stderr. 130: stopped by Ctrl-C, 143: by SIGTERM. Errors that no
    user can cause keep their traceback.
    """
    print_anything()
    try:
        with _stopped_by_sigterm():
            return main(arguments)
    except KeyboardInterrupt as stop:
        print("\nstopped: what is finished is kept", file=sys.stderr)
        return 143 if isinstance(stop, _Terminated) else 130
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {explain(error)}", file=sys.stderr)
    except ImportError as error:
        text = explain_import(error)
        if text is None:
            raise
        print(f"error: {text}", file=sys.stderr)
    return 2


class _Terminated(KeyboardInterrupt):
    """SIGTERM: ends what is under way just as Ctrl-C does."""


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Lets SIGTERM, which `kill` and shutting down send, end things well."""

    def stop(number: int, frame: Any) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler or signal.SIG_DFL)


def whole_number(text: str) -> int:
    """An argparse type: a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def natural(text: str) -> int:
    """An argparse type: a whole number of at least 0."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is less than 0")
    return number


def devices(text: str) -> str:
    """An argparse type: `all`, or a whole number of at least 1."""
    return text if text == "all" else str(whole_number(text))


def seed(text: str) -> int:
    """An argparse type: a number that every random generator takes."""
    number = int(text)
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(f"{number} is not in [0, 2**32)")
    return number


def fraction(text: str) -> float:
    """An argparse type: a number from 0 (included) to 1 (excluded)."""
    number = float(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not in [0, 1)")
    return number


def positive(text: str) -> float:
    """An argparse type: a finite number above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{number} is not above 0")
    return number


def not_negative(text: str) -> float:
    """An argparse type: a finite number from 0 on."""
    number = float(text)
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{number} is less than 0")
    return number


def available_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _HelpFormatter(
    argparse.ArgumentDefaultsHelpFormatter,
    argparse.RawDescriptionHelpFormatter,
):
    """Keeps the docstring's lines, and adds each flag's default."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        # A switch is off and a missing value is missing; that needs no words.
        nothing = action.default is None or action.default == ()
        if nothing or action.default is False:
            return action.help
        return super()._get_help_string(action)
