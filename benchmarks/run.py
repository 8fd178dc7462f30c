"""Measures all steps beside other ways to do the same, in one run.

Writes  benchmarks/results.json, results.md, results.png, growth.png

Let nothing else run meanwhile. `make bench` calls this with all it needs;
by hand, in an environment with benchmarks/requirements.txt:

    python -m benchmarks.run [--quick] [--only PART ...]
"""

import argparse
import datetime
import json
import platform
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import first_answer, growth, live_latency, report, rounds

PARTS = {
    "features": "frames a second",
    "decoding": "clips a second",
    "frames": "clips a second",
    "train": "clips a second",
    "landmarks": "pictures a second",
}
OTHERS = ["first_answer", "live_latency", "growth"]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="tiny sizes, to try this out")
    add("--only", nargs="*", default=[*PARTS, *OTHERS], help="these parts")
    add("--rounds", type=int, default=5, help="how often each is measured")
    add("--scratch", type=Path, help="folder for 4 GB of data for a while")
    add("--out", type=Path, default=Path(__file__).parent)
    args = parser.parse_args(arguments)
    number = 1 if args.quick else args.rounds
    results: dict[str, Any] = {**facts(sys.argv), "quick": args.quick}
    kept = args.out / "results.json"
    if not args.quick and kept.exists():
        results.update(earlier(json.loads(kept.read_text()), args.only))
    with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
        for part in PARTS:
            if part in args.only:
                print(f"measuring {part}", flush=True)
                folder = Path(scratch) / part
                results[part] = rows(part, folder, number, args.quick)
        if "first_answer" in args.only:
            print("measuring first_answer", flush=True)
            results["first_answer"] = first_answer.measure(
                Path(scratch) / "first_answer", number, args.quick
            )
        if "live_latency" in args.only:
            print("measuring live_latency", flush=True)
            results["live_latency"] = live_latency.measure(
                Path(scratch) / "live_latency", args.quick
            )
        if "growth" in args.only:
            print("measuring growth", flush=True)
            folder = Path(scratch) / "growth"
            folder.mkdir()
            results["growth"] = growth.measure(folder, args.quick)
            results["help"] = growth.help_times(args.quick)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "results.json").write_text(json.dumps(results, indent=1))
    text = report.table(results)
    (args.out / "results.md").write_text(text, encoding="utf-8")
    report.plot(results, args.out / "results.png")
    if "growth" in results:
        report.plot_growth(results, args.out / "growth.png")
    print(text)
    return 0


def earlier(results: dict[str, Any], measured: Sequence[str]) -> dict[str, Any]:
    """What stays of an earlier run where only some parts are measured.

    Args:
        results: of that run.
        measured: the parts that are measured now.
    """
    parts = [x for x in (*PARTS, *OTHERS) if x in results and x not in measured]
    dates = {
        x: results.get("earlier", {}).get(x, results["date"]) for x in parts
    }
    found = {part: results[part] for part in parts}
    if "growth" in parts:
        found["help"] = results["help"]
    return {**found, "earlier": dates} if parts else {}


def rows(part: str, folder: Path, number: int, quick: bool) -> list[dict]:
    """Measures one part: a row an engine."""
    import importlib

    module = f"benchmarks.{part}"
    folder.mkdir()
    importlib.import_module(module).prepare(folder, quick)
    measured = rounds.measure(module, folder, number, quick)
    return [
        {
            "engine": name,
            "unit": PARTS[part],
            "median": statistics.median(x.rates) if x.rates else None,
            "rates": x.rates,
            "memory": x.memory,
            "note": x.note,
        }
        for name, x in measured.items()
    ]


def facts(command: Sequence[str]) -> dict[str, Any]:
    """Where, when and with what is measured."""
    from signs.core.arguments import available_cores
    from signs.training import run_record

    return {
        "date": datetime.date.today().isoformat(),
        "command": " ".join(["python -m benchmarks.run", *command[1:]]),
        "machine": processor(),
        "cores": available_cores(),
        "versions": run_record.versions(),
    }


def processor() -> str:
    """The name of the processor, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    name, extras = platform.processor() or platform.machine(), ""
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        found = dict(line.split(":", 1) for line in lines if ":" in line)
        found = {key.strip(): value.strip() for key, value in found.items()}
        name = found.get("model name", name)
        widest = {"avx512f": ", AVX-512", "avx2": ", AVX2"}
        flags = found.get("flags", "").split()
        extras = next((widest[x] for x in widest if x in flags), "")
    return f"{name}{extras}"


if __name__ == "__main__":
    sys.exit(main())
