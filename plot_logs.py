"""Draw the curves of training logs, and print their best figures.

Reads the logs that train_lstm.py and transfer.py write, and those of older
Keras programs (.csv, .log or .acc). For each it prints, for example,

    Validation set: max accuracy 0.74 | min loss 0.806

and draws accuracy (left) and loss (right) of training and validation beside
the log, as RUN.png. Of several logs it also draws one figure to compare them,
comparison.png (of more than 8, the newest 8). A figure that shows the same
already is kept.

Example, of all logs in log/ and of two runs:

    python plot_logs.py
    python plot_logs.py log/RUN.csv log/OTHER-RUN.csv --out compare.png
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from signs.core import arguments, files
from signs.core.errors import UserError
from signs.core.messages import count, log

if TYPE_CHECKING:
    from signs.evaluation.curves import Run

MOST_COMPARED = 8  # more curves than this nobody tells apart
COMPARISON = "comparison.png"
FORMATS = [".png", ".pdf", ".svg", ".jpg", ".jpeg"]


@dataclass(frozen=True)
class Plot:
    """A figure file, and the runs it shows."""

    path: Path
    runs: "list[Run]"

    def description(self) -> str:
        """What the file is to say of itself, so that it can be kept."""
        return "\n".join(run.identity() for run in self.runs)

    def is_current(self) -> bool:
        """Whether the file is there and shows just this."""
        if self.path.suffix.lower() != ".png" or not self.path.is_file():
            return False
        from PIL import Image  # which matplotlib itself reads PNG with

        try:
            with Image.open(self.path) as picture:
                return picture.info.get("Description") == self.description()
        except OSError:  # no picture: to be replaced by one
            return False


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parses the command line."""
    parser = arguments.build_parser(__doc__)
    parser.add_argument(
        "logs",
        nargs="*",
        type=Path,
        metavar="LOG",
        help="a log, a run's name or a folder of logs; all in log/ if left out",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE|DIR",
        help=f"folder of the figures, or file ({', '.join(FORMATS)}) of the "
        "only one to draw: of several logs, their comparison; beside the "
        "logs if left out",
    )
    parser.add_argument(
        "--show", action="store_true", help="show the figures in windows too"
    )
    return arguments.parse(parser, argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)
    show = args.show and not args.dry_run
    if show:
        require_screen()
    runs, failures = read_runs(find_logs(args.logs, args.log))
    print_figures(runs)
    plots = plan(runs, args.out)
    to_do = [plot for plot in plots if args.overwrite or not plot.is_current()]
    for plot in to_do:
        if args.dry_run:
            log.info(f"would write {plot.path}")
        else:
            save(plot)
            log.info(f"wrote {plot.path}")
    if not to_do:
        figures = count(len(plots), "figure is", "figures are")
        log.info(f"nothing to do: {figures} up to date (or use --overwrite)")
    if show:
        show_windows(plots)
    return 1 if failures else 0


def find_logs(named: list[Path], folder: Path) -> list[Path]:
    """The logs that the arguments name, each once.

    Args:
        named: logs, names of runs and folders; empty for all in `folder`.
        folder: the folder of logs.
    """
    from signs.evaluation import training_log

    found: dict[Path, Path] = {}
    for path in named or [folder]:
        if named and not path.is_dir():
            # RUN, or log/RUN, which is where a shell's completion stops.
            choices = [path, folder / f"{path}.csv", Path(f"{path}.csv")]
            paths = [next(filter(Path.is_file, choices), path)]
        else:
            paths = training_log.find_logs(path)
        if not paths:
            raise UserError(
                f"there is no training log in {path}; training writes one: "
                f"python train_lstm.py"
            )
        for log_path in paths:
            found.setdefault(log_path.resolve(), log_path)
    return list(found.values())


def read_runs(paths: list[Path]) -> "tuple[list[Run], list[str]]":
    """Reads the logs; those that cannot be read are named in warnings.

    Returns:
        The runs, and what is wrong with the other logs.

    Raises:
        UserError: if none can be read.
    """
    from signs.evaluation import training_log
    from signs.evaluation.curves import Run

    runs, failures = [], []
    for path, name in zip(paths, short_names(paths), strict=True):
        try:
            table = training_log.read_log(path)
            runs.append(Run(path, name, table, read_classes(path)))
        except UserError as error:
            failures.append(str(error))
    if not runs:
        raise UserError("; ".join(failures))
    for failure in failures:
        log.warning(failure)
    return runs, failures


def short_names(paths: list[Path]) -> list[str]:
    """The shortest ending of each path that tells it from the others."""
    choices = [
        [path.stem for path in paths],
        [path.name for path in paths],
        [f"{path.resolve().parent.name}/{path.name}" for path in paths],
        [path.resolve().as_posix() for path in paths],
    ]
    counts = [Counter(names) for names in choices]
    return [
        next(
            name
            for name, times in zip(names, counts, strict=True)
            if times[name] == 1
        )
        for names in zip(*choices, strict=True)
    ]


def read_classes(path: Path) -> int | None:
    """How many classes a run had, if RUN.json beside its log says so."""
    try:
        text = path.with_suffix(".json").read_text(encoding="utf-8")
        classes = json.loads(text)["data"]["classes"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # older programs wrote no such file, or another one
    return classes if isinstance(classes, int) and classes > 1 else None


def print_figures(runs: "list[Run]") -> None:
    """Prints a line for each run; for a single one, two shorter lines."""
    from signs.evaluation import training_log

    width = max(len(run.name) for run in runs)
    epochs = [count(len(run.table), "epoch") for run in runs]
    wide = max(map(len, epochs))
    gap = "  " if len(runs) > 1 else "\n"
    for run, number in zip(runs, epochs, strict=True):
        log.info(
            f"{run.name:{width}}  {number:>{wide}}{gap}"
            f"{training_log.validation_line(run.table)}"
        )


def plan(runs: "list[Run]", out: Path | None) -> list[Plot]:
    """Which figures to draw, and where.

    Raises:
        UserError: if `out` is no place for figures.
    """
    if out is not None and out.suffix and not out.is_dir():
        if out.suffix.lower() not in FORMATS:
            raise UserError(
                f"--out {out} is neither a folder that there is nor an image "
                f"file ({', '.join(FORMATS)}); make the folder first with: "
                f"mkdir {out}"
            )
        return [Plot(out, newest(runs))]
    plots = [Plot(figure_path(run, runs, out), [run]) for run in runs]
    if len(runs) > 1:
        folder = runs[0].path.parent if out is None else out
        plots.append(Plot(folder / COMPARISON, newest(runs)))
    places = Counter(plot.path for plot in plots)
    path, times = places.most_common(1)[0]
    if times > 1:
        raise UserError(
            f"{times} figures would go to {path}; draw the logs one by one, "
            f"each with --out FILE"
        )
    return plots


def figure_path(run: "Run", runs: "list[Run]", out: Path | None) -> Path:
    """The file of a run's own figure; no two runs share one."""
    if out is not None:
        name = run.name.strip("/").replace(":", "").replace("/", "-")
        return out / f"{name}.png"
    path = run.path.with_suffix(".png")
    others = [other.path.with_suffix(".png") for other in runs]
    if others.count(path) == 1:
        return path
    return run.path.with_name(run.path.name + ".png")


def newest(runs: "list[Run]") -> "list[Run]":
    """At most `MOST_COMPARED` runs, in the order they came in."""
    if len(runs) <= MOST_COMPARED:
        return runs

    def age(run: "Run") -> tuple[float, str]:
        return run.path.stat().st_mtime, run.name

    log.info(
        f"{len(runs)} logs are too many for one figure: the comparison shows "
        f"the newest {MOST_COMPARED}; name the logs to choose others"
    )
    kept = {run.path for run in sorted(runs, key=age)[-MOST_COMPARED:]}
    return [run for run in runs if run.path in kept]


def save(plot: Plot) -> None:
    """Draws a figure into its file, without a screen."""
    from matplotlib.figure import Figure

    from signs.evaluation import curves

    is_png = plot.path.suffix.lower() == ".png"
    names = [run.name for run in plot.runs]
    with curves.style(names), files.atomic(plot.path) as temporary:
        figure = Figure(layout="constrained")
        curves.draw(figure, plot.runs)
        metadata = {"Description": plot.description()} if is_png else None
        figure.savefig(temporary, metadata=metadata)


def require_screen() -> None:
    """Raises a `UserError` where no window can be opened."""
    import matplotlib
    from matplotlib import pyplot
    from matplotlib.backends import BackendFilter, backend_registry

    windowed = backend_registry.list_builtin(BackendFilter.INTERACTIVE)
    try:
        pyplot.switch_backend(matplotlib.get_backend())
        # Without a screen, matplotlib falls back on one that draws files.
        if matplotlib.get_backend().lower() in windowed:
            return
    except ImportError as error:
        log.debug(f"no window: {error}")
    raise UserError(
        "--show needs a screen, and Python's tkinter or Qt; leave --show out, "
        "and open the figure files"
    )


def show_windows(plots: list[Plot]) -> None:
    """Shows the figures, until the user closes their windows."""
    from matplotlib import pyplot

    from signs.evaluation import curves

    with curves.style():
        for plot in plots:
            curves.draw(pyplot.figure(layout="constrained"), plot.runs)
        pyplot.show()


if __name__ == "__main__":
    sys.exit(arguments.run(main))
