"""The table and the plot of what was measured."""

import statistics
from pathlib import Path
from typing import Any

from benchmarks import waits
from benchmarks.growth import STEPS

EXACT = ["feature.py --engine litert", "feature.py --engine openvino"]
INT8 = ["feature.py --engine litert-int8"]
TRAIN = [f"train_lstm.py on {x}" for x in ("TensorFlow", "JAX", "torch")]
FEATURE_GOALS = [
    ("one frame at a time (2018)", 3.0),
    ("Keras predict, a clip at a time", 1.8),
    ("ONNX Runtime, a clip at a time", 1.25),
    ("bound: float32 products", 1.0),
]
# What must be how many times as fast as what: part, the best of which, slower,
# at least.
GOALS = [
    *(("features", EXACT, *goal) for goal in FEATURE_GOALS),
    *(("features", INT8, *goal) for goal in FEATURE_GOALS),
    ("decoding", ["PyAV"], "OpenCV, counting first", 1.5),
    ("decoding", ["PyAV"], "OpenCV, believing the header", 1.0),
    ("frames", ["frame.py"], "mediainfo and ffmpeg a clip (2018)", 5.0),
    ("frames", ["frame.py"], "one process, every frame", 1.6),
    ("train", TRAIN, "torch nn.LSTM", 0.9),
    ("train", TRAIN, "Keras on TensorFlow, default", 1.2),
    ("train", ["transfer.py, all frozen"], "transfer.py, everything", 20.0),
]
TITLES = {
    "features": "JPEG frames to features on disk, InceptionV3",
    "decoding": "IsoGD-like clips to 20 pictures, one core",
    "frames": "IsoGD-like clips to JPEG frames on disk",
    "train": "Training of 2 LSTM(1024), (20, 2048) a clip",
    "landmarks": "IsoGD-like clips to landmarks on disk",
}


def table(results: dict[str, Any]) -> str:
    """All results in Markdown."""
    lines = [
        "# What was measured",
        "",
        f"{results['machine']}, {results['cores']} cores, {results['date']}; "
        f"`{results['command']}`; medians of interleaved rounds.",
        "",
        ", ".join(f"{k} {v}" for k, v in results["versions"].items()),
    ]
    if earlier := results.get("earlier"):
        dates = ", ".join(f"{part} {date}" for part, date in earlier.items())
        lines += ["", f"Measured before: {dates}."]
    if results.get("quick"):
        lines += ["", "**Tiny sizes, only to try this out: no figures.**"]
    for part, title in TITLES.items():
        if part in results:
            lines += ["", f"## {title}", "", *_rows(results[part])]
    lines += waits.tables(results)
    if goals := _goals(results):
        lines += ["", "## Ratios", "", *goals]
    if "growth" in results:
        lines += ["", "## Growth with the clips", "", *_growth(results)]
    return "\n".join(lines) + "\n"


def _rows(rows: list[dict[str, Any]]) -> list[str]:
    first = next((row["median"] for row in rows if row["median"]), None)
    lines = [
        f"| engine | {rows[0]['unit']} | lowest to highest | ratio | memory |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        if not row["median"]:
            lines.append(f"| {row['engine']} | {row['note']} | | | |")
            continue
        low, high = min(row["rates"]), max(row["rates"])
        lines.append(
            f"| {row['engine']} | {row['median']:.3g} | {low:.3g} to "
            f"{high:.3g} | {row['median'] / first:.2f} | "
            f"{row['memory'] / 1e9:.1f} GB |"
        )
    return lines


def _goals(results: dict[str, Any]) -> list[str]:
    lines = []
    for part, faster, slower, least in GOALS:
        rates = {row["engine"]: row["rates"] for row in results.get(part, [])}
        ours = {
            name: ratio(rates[name], rates[slower])
            for name in faster
            if rates.get(name) and rates.get(slower)
        }
        if ours:
            best = max(ours, key=lambda name: ours[name])
            lines.append(
                f"| {best} | {slower} | {ours[best]:.2f} | {least:g} |"
            )
    head = ["| this | against | times as fast | to reach |", "|---" * 4 + "|"]
    return head + lines if lines else []


def ratio(faster: list[float], slower: list[float]) -> float:
    """Median over the rounds of how many times as fast one is."""
    return statistics.median(
        one / other for one, other in zip(faster, slower, strict=True)
    )


def _growth(results: dict[str, Any]) -> list[str]:
    rows = results["growth"]
    sizes = sorted({row["clips"] for row in rows if row["step"] in STEPS})
    head = " | ".join(f"{size:,} clips" for size in sizes)
    lines = [f"| step | {head} |", "|---" * (1 + len(sizes)) + "|"]
    for step, name in STEPS.items():
        found = {row["clips"]: row for row in rows if row["step"] == step}
        cells = [
            f"{found[size]['seconds']:.2f} s, {found[size]['memory'] / 1e6:.0f}"
            " MB"
            if size in found
            else ""
            for size in sizes
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    for row in rows:
        if row["step"] == "real":
            lines += [
                "",
                f"{row['clips']:,} clips of real size: "
                f"{row['on_disk'] / 1e9:.2f} GB on disk; checked, and trained "
                f"a few steps, in {row['seconds']:.0f} s and "
                f"{row['memory'] / 1e9:.1f} GB of memory.",
            ]
    times = ", ".join(f"{k}.py {v:.2f} s" for k, v in results["help"].items())
    return [*lines, "", f"`--help`: {times}."]


def plot_growth(results: dict[str, Any], path: Path) -> None:
    """Draws how seconds and memory of each step grow with the clips."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        ncols=2, figsize=(10, 4.6), layout="constrained"
    )
    rows = [row for row in results["growth"] if row["step"] in STEPS]
    sizes = sorted({row["clips"] for row in rows})
    for step, name in STEPS.items():
        found = {row["clips"]: row for row in rows if row["step"] == step}
        seconds = [found[size]["seconds"] for size in sizes]
        held = [found[size]["memory"] / 1e6 for size in sizes]
        axes[0].loglog(sizes, seconds, "o-", label=name)
        axes[1].semilogx(sizes, held, "o-", label=name)
    slope = [size / sizes[-1] * axes[0].get_ylim()[1] / 2 for size in sizes]
    axes[0].loglog(sizes, slope, ":", color="grey", label="in proportion")
    axes[1].set_ylim(0)
    for axis, what in zip(axes, ("seconds", "MB of memory"), strict=True):
        axis.set(xlabel="clips", title=what)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def plot(results: dict[str, Any], path: Path) -> None:
    """Draws the rates as bars, a panel a part."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    parts = [part for part in TITLES if part in results]
    if not parts:
        return
    heights = [len(results[part]) + 1 for part in parts]
    figure, axes = pyplot.subplots(
        len(parts),
        figsize=(9, 0.42 * sum(heights) + 0.6),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    for axis, part in zip(axes[:, 0], parts, strict=True):
        rows = [
            row
            for row in results[part]
            if row["median"] and not row["engine"].startswith("transfer")
        ]
        names = [row["engine"] for row in rows]
        own = [".py" in name for name in names]
        bars = axis.barh(
            names,
            [row["median"] for row in rows],
            color=["tab:blue" if x else "lightgrey" for x in own],
        )
        axis.bar_label(bars, fmt="%.3g", padding=3)
        axis.set_title(f"{TITLES[part]}: {rows[0]['unit']}", loc="left")
        axis.invert_yaxis()
        axis.margins(x=0.12)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
