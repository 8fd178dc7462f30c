"""The tables of how long people wait: for a first answer, and live."""

import statistics
from collections.abc import Sequence
from typing import Any

LIVE = [
    *("features", "signs found", "known to be over after", "answer after that"),
    *("p95", "pictures dropped", "a core's share while nobody signs"),
]


def tables(results: dict[str, Any]) -> list[str]:
    """The lines of Markdown of what was measured of the two."""
    lines = []
    if "first_answer" in results:
        lines += ["", "## From the shell to the first answer, seconds", ""]
        lines += _first_answer(results["first_answer"])
    if "live_latency" in results:
        lines += ["", "## From a sign's last motion to its answer, live", ""]
        lines += _live(results["live_latency"])
    return lines


def _first_answer(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| features, cache of the disk | predict.py | lowest to highest "
        "| of it before the first picture | plain Keras | times as fast |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        if "note" in row:
            lines.append(f"| {row['features']} | {row['note']} | | | | |")
            continue
        ours, before, plain = (
            statistics.median(row[x]) for x in ("ours", "before", "plain")
        )
        ratio = statistics.median(
            slow / fast
            for slow, fast in zip(row["plain"], row["ours"], strict=True)
        )
        lines.append(
            f"| {row['features']}, {row['cache']} | {ours:.2f} | "
            f"{min(row['ours']):.2f} to {max(row['ours']):.2f} | {before:.2f} "
            f"| {plain:.2f} | {ratio:.1f} |"
        )
    if all(row.get("cache") != "cold" for row in rows):
        lines += ["", "Warm only: the disk's cache could not be emptied."]
    return lines


def _live(rows: list[dict[str, Any]]) -> list[str]:
    lines = [f"| {' | '.join(LIVE)} |", "|---" * len(LIVE) + "|"]
    for row in rows:
        if "note" in row:
            lines.append(
                f"| {row['features']} | {row['note']} |"
                + " |" * (len(LIVE) - 2)
            )
            continue
        lines.append(
            f"| {row['features']} | {row['signs']} of {row['shown']} "
            f"| {quantile(row['known'], 0.5):.2f} s "
            f"| {1000 * quantile(row['answered'], 0.5):.0f} ms "
            f"| {1000 * quantile(row['answered'], 0.95):.0f} ms "
            f"| {row['dropped']} of {row['pictures']:,} "
            f"| {row['share_at_rest']:.0%} |"
        )
    return lines


def quantile(values: Sequence[float], share: float) -> float:
    """The value that a share of them do not exceed; NaN of none."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
