"""`python -m bench`: run benchmarks, one after the other, and print one table."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import machine, report
from bench.cold import cold
from bench.compile import compile_figures
from bench.figures import Figure, as_json, table
from bench.ground import Ground, ground
from bench.latency import latency
from bench.memory import memory
from bench.profile import profile
from bench.slo import slo_figures
from bench.webhook import webhook_figures
from bench.windows import window_figures
from bench.writes import writes

_CLUSTER: dict[str, Callable[[Ground, argparse.Namespace], list[Figure]]] = {
    "latency": lambda place, options: asyncio.run(latency(place, options.resources[0], 50 if options.quick else 200)),
    "memory": lambda place, options: asyncio.run(memory(place, options.resources[-1:])),
    "writes": lambda place, options: asyncio.run(writes(place, min(options.resources[0], 200))),
}
NAMES = ("compile", "slo", "webhook", "cold", *_CLUSTER)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 when a figure is below what must hold already."""
    options = _parse(arguments)
    names = options.names or list(NAMES)
    console = Console(stderr=True)
    machines: dict[str, dict[str, Any]] = {}
    figures: list[Figure] = []

    def run(name: str, work: Callable[[], list[Figure]]) -> None:
        console.print(f"bench: {name}", style="dim")
        machines[name] = machine.describe()
        found = work()
        machines[name]["load after"] = machine.load()
        figures.extend(found)
        if options.write_docs:
            report.write(options.write_docs, machines[name], found)

    if "compile" in names:
        run("compile", lambda: compile_figures(options.resources[0], 1 if options.quick else 3))
    if "slo" in names:
        run("slo", lambda: slo_figures(quick=options.quick) + ([] if options.quick else window_figures()))
    if "webhook" in names:
        run("webhook", lambda: webhook_figures(50 if options.quick else 300))
    if "cold" in names:
        run("cold", lambda: cold(options.resources, quick=options.quick))
    wanted = [name for name in _CLUSTER if name in names]
    if wanted or options.profile:
        console.print("bench: starting a control plane", style="dim")
        with ground() as place:
            for name in wanted:
                run(name, partial(_CLUSTER[name], place, options))
            if options.profile:
                run("profile", lambda: asyncio.run(profile(place, options.resources[0])))
    if options.output == "json":
        print(json.dumps({"machine": machines, "figures": as_json(figures)}, indent=2, ensure_ascii=False))
    else:
        Console(width=None if sys.stdout.isatty() else 160).print(table(figures))
        for name, described in machines.items():
            print(f"{name}: {report.line(described)}")
    return int(any(one.failed for one in figures))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Binnacle's benchmarks; all of them by default."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(NAMES)}")
    parser.add_argument(
        "--resources",
        type=int,
        nargs="+",
        metavar="N",
        help="how many (1000; with --quick 200); cold takes each of several, memory the last, the others the first",
    )
    parser.add_argument("--quick", action="store_true", help="fewer resources and repetitions: does it run at all")
    parser.add_argument("--profile", action="store_true", help="also say where a cold start's time goes (needs py-spy)")
    parser.add_argument("--output", choices=("table", "json"), default="table")
    parser.add_argument(
        "--write-docs",
        type=Path,
        nargs="?",
        const=report.PAGE,
        metavar="FILE",
        help="put the figures into docs/performance.md",
    )
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    if options.resources is None:
        options.resources = [200 if options.quick else 1000]
    return options


if __name__ == "__main__":
    sys.exit(main())
