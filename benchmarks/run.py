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

from benchmarks import growth, report, rounds

PARTS = {
    "features": "frames a second",
    "decoding": "clips a second",
    "frames": "clips a second",
    "train": "clips a second",
    "landmarks": "pictures a second",
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="tiny sizes, to try this out")
    add("--only", nargs="*", default=[*PARTS, "growth"], help="these parts")
    add("--rounds", type=int, default=5, help="how often each is measured")
    add("--scratch", type=Path, help="folder for 4 GB of data for a while")
    add("--out", type=Path, default=Path(__file__).parent)
    args = parser.parse_args(arguments)
    number = 1 if args.quick else args.rounds
    results: dict[str, Any] = {**facts(sys.argv), "quick": args.quick}
    with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
        for part in PARTS:
            if part in args.only:
                print(f"measuring {part}", flush=True)
                folder = Path(scratch) / part
                results[part] = rows(part, folder, number, args.quick)
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
