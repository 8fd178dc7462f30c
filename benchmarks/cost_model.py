"""From what a clip costs here: time and price of many, on many machines.

The model is a sum of three straight lines. Frames and features take their
seconds a clip, divided by all cores (or GPUs) there are, since clips know
nothing of each other; a training takes the time of one machine.
"""

import argparse
import statistics
from pathlib import Path
from typing import Any

from benchmarks import data

CLIPS = [36_000, 1_000_000, 8_000_000]
MACHINES = [1, 10, 100]
# What is assumed, not measured; change it to what you have.
ASSUMED = {
    "cores": (16, "cores of a machine"),
    "speed": (1.0, "how fast a core is, beside one that was measured"),
    "cpu_price": (1.0, "price of a machine for an hour"),
    "gpu_price": (4.0, "price of a machine with one GPU for an hour"),
    "gpu_frames": (2000.0, "frames a second of InceptionV3 on a GPU"),
    "gpu_train": (5000.0, "clips a second that a GPU trains on"),
    "epochs": (100, "epochs of the training"),
}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds a flag for all that is assumed."""
    group = parser.add_argument_group("what is assumed of other machines")
    for name, (default, meaning) in ASSUMED.items():
        group.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(default),
            default=default,
            help=f"{meaning} (default: {default:g})",
        )


def table(results: dict[str, Any], args: argparse.Namespace) -> str:
    """All that was measured and estimated, in Markdown."""
    lines = [
        "# On many machines",
        "",
        f"{results['machine']}, {results['cores']} cores, {results['date']}; "
        "`python -m benchmarks.scaling`.",
    ]
    if results.get("quick"):
        lines += ["", "**Tiny sizes, only to try this out: no figures.**"]
    if "overhead" in results:
        lines += ["", "## Ray beside processes", "", *_overhead(results)]
        lines += ["", "## Estimated and measured", "", *_check(results)]
    if "waits" in results:
        lines += ["", "## Clips that take time, but no core", ""]
        lines += [
            "What sharing out costs with more processes than there are cores.",
            "",
            "| workers | clips | estimated | measured | error |",
            "|---" * 5 + "|",
        ]
        lines += [
            f"| {row['workers']} | {row['clips']} | {row['estimated']:.1f} s | "
            f"{row['seconds']:.1f} s | "
            f"{row['estimated'] / row['seconds'] - 1:+.0%} |"
            for row in results["waits"]
        ]
    if "memory" in results:
        lines += ["", "## Memory of the process that shares out", ""]
        lines += ["| rows | memory | seconds |", "|---|---|---|"]
        lines += [
            f"| {row['rows']:,} | {row['memory'] / 1e6:.0f} MB | "
            f"{row['seconds']:.0f} |"
            for row in results["memory"]
        ]
    if "stages" in results:
        lines += ["", "## What a clip costs here", "", *_stages(results)]
        lines += ["", "## Estimated", "", *_estimated(results["stages"], args)]
    return "\n".join(lines) + "\n"


# --- What was measured ------------------------------------------------------


def _rows(results: dict, how: str, workers: int, clips: int) -> list[dict]:
    return [
        row
        for row in results["overhead"]
        if (row["how"], row["workers"], row["clips"]) == (how, workers, clips)
    ]


def _median(rows: list[dict], key: str) -> float:
    return statistics.median(row[key] for row in rows)


def _overhead(results: dict[str, Any]) -> list[str]:
    most = max(row["clips"] for row in results["overhead"])
    loads = [row["load"] for row in results["overhead"] if row["load"]]
    rounds = len(_rows(results, "ray", 1, most))
    lines = [
        f"{most:,} tiny clips, medians of {rounds} interleaved rounds, in "
        f"seconds. {statistics.median(loads or [0]):.0f} processes wanted a "
        f"core meanwhile (of {results['cores']}).",
        "",
        "| workers | processes | Ray | of which Ray's start | ratio beyond "
        "it | ratio in all |",
        "|---" * 6 + "|",
    ]
    for workers in (1, 2):
        plain = _rows(results, "processes", workers, most)
        ray = _rows(results, "ray", workers, most)
        beyond, whole = (
            statistics.median(
                two[key] / one["total"]
                for one, two in zip(plain, ray, strict=True)
            )
            for key in ("work", "total")
        )
        lines.append(
            f"| {workers} | {_median(plain, 'total'):.1f} | "
            f"{_median(ray, 'total'):.1f} | "
            f"{_median(ray, 'total') - _median(ray, 'work'):.1f} | "
            f"{beyond:.2f} | {whole:.2f} |"
        )
    for how in ("processes", "ray"):
        one, two = (_rows(results, how, x, most) for x in (1, 2))
        gain = statistics.median(
            x["work"] / y["work"] for x, y in zip(one, two, strict=True)
        )
        lines += ["", f"Two workers are {gain:.2f} times as fast by {how}."]
    return lines


def _check(results: dict[str, Any]) -> list[str]:
    """Estimates all other times with Ray from the fewest clips."""
    sizes = sorted({row["clips"] for row in results["overhead"]})
    base = _rows(results, "ray", 1, sizes[0])
    first = _median(base, "first")
    clip = (_median(base, "work") - first) / (sizes[0] - 1)
    lines = [
        f"From {sizes[0]:,} clips by 1 worker with Ray: {first:.1f} s until "
        f"the first clip, {1000 * clip:.1f} ms for each other one.",
        "",
        "| clips | workers | estimated | measured | error |",
        "|---" * 5 + "|",
    ]
    for clips in sizes:
        for workers in (1, 2):
            if (clips, workers) == (sizes[0], 1):
                continue
            guess = first + clip * (clips - 1) / workers
            found = _median(_rows(results, "ray", workers, clips), "work")
            lines.append(
                f"| {clips:,} | {workers} | {guess:.1f} s | {found:.1f} s | "
                f"{guess / found - 1:+.0%} |"
            )
    return lines


def _stages(results: dict[str, Any]) -> list[str]:
    found = results["stages"]
    frames = data.FRAMES * found["frame_bytes"]
    read = f"{frames / 1e6:.2f} MB, {data.FRAMES} files"
    store = f"{found['feature_bytes'] / 1e6:.2f} MB, 1 file"
    return [
        "| step | core-seconds a clip | reads | writes |",
        "|---" * 4 + "|",
        f"| frame.py | {found['frame_seconds']:.4f} | "
        f"{found['video_bytes'] / 1e6:.2f} MB, 1 file | {read} |",
        f"| feature.py ({found['engine']}) | {found['feature_seconds']:.2f} | "
        f"{read} | {store} |",
        f"| of which reading | {found['read_seconds']:.4f} | | |",
        f"| train_lstm.py, an epoch | {found['train_seconds']:.3f} | "
        f"{store} | |",
    ]


# --- What is estimated -------------------------------------------------------


def rates(
    found: dict[str, Any], args: argparse.Namespace, on_gpu: bool
) -> dict[str, float]:
    """Clips a second of each step on one machine.

    Args:
        found: what a clip costs, in seconds of one core.
        args: what is assumed.
    """
    power = args.cores * args.speed
    frame = power / found["frame_seconds"]
    if not on_gpu:
        return {
            "frame": frame,
            "feature": power / found["feature_seconds"],
            "train": power / found["train_seconds"] / args.epochs,
        }
    # A GPU waits where the cores cannot read as fast as it computes.
    reading = power / found["read_seconds"]
    return {
        "frame": frame,
        "feature": min(args.gpu_frames / data.FRAMES, reading),
        "train": args.gpu_train / args.epochs,
    }


def _estimated(found: dict[str, Any], args: argparse.Namespace) -> list[str]:
    lines = [
        "Assumed: "
        + "; ".join(
            f"{meaning}: {getattr(args, name):g}"
            for name, (_, meaning) in ASSUMED.items()
        )
        + f". {_gpu_measured()}",
        "",
        "| clips | machines | frame.py | feature.py | price of both | "
        "training on 1 | longest | storage gives | storage takes |",
        "|---" * 9 + "|",
    ]
    for clips in CLIPS:
        for on_gpu in (False, True):
            lines += [
                _row(found, args, clips, machines, on_gpu)
                for machines in MACHINES
            ]
    total = found["video_bytes"] + data.FRAMES * found["frame_bytes"]
    total += found["feature_bytes"]
    disks = ", ".join(
        f"{clips:,} clips {clips * total / 1e12:.2g} TB" for clips in CLIPS
    )
    return [*lines, "", f"Videos, frames and features together: {disks}."]


def _row(
    found: dict[str, Any],
    args: argparse.Namespace,
    clips: int,
    machines: int,
    on_gpu: bool,
) -> str:
    rate = rates(found, args, on_gpu)
    seconds = {
        "frame.py": clips / rate["frame"] / machines,
        "feature.py": clips / rate["feature"] / machines,
        "training": clips / rate["train"],
    }
    both = seconds["frame.py"] + seconds["feature.py"]
    price = args.gpu_price if on_gpu else args.cpu_price
    frames = data.FRAMES * found["frame_bytes"]
    gives = max(rate["frame"] * found["video_bytes"], rate["feature"] * frames)
    takes = max(
        rate["frame"] * frames, rate["feature"] * found["feature_bytes"]
    )
    longest = max(seconds, key=lambda step: seconds[step])
    kind = "GPU" if on_gpu else "CPU"
    return (
        f"| {clips:,} | {machines} {kind} | {_time(seconds['frame.py'])} | "
        f"{_time(seconds['feature.py'])} | "
        f"{machines * both / 3600 * price:,.2f} | "
        f"{_time(seconds['training'])} | {longest} | "
        f"{machines * gives / 1e6:,.0f} MB/s | "
        f"{machines * takes / 1e6:,.0f} MB/s |"
    )


def _time(seconds: float) -> str:
    if seconds < 1:
        return "< 1 s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    if seconds < 360_000:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} days"


def _gpu_measured() -> str:
    """What `benchmarks.gpu` found, if it has been called."""
    path = Path(__file__).parent / "gpu.json"
    if not path.exists():
        return "Call `python -m benchmarks.gpu` for the rates of your GPU."
    return f"`{path.name}` has the rates of a GPU that was measured."
