"""Compiling without a cluster: one resource of each kind in this process, and a thousand SLOs through the command line."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from bench import fleet
from bench.figures import Figure
from bench.ground import CONFIG, REPOSITORY
from binnacle.api.config import Config
from binnacle.compile.world import World
from binnacle.control.desired import Desired, Toolchain, desire
from binnacle.control.toolchain import shipped
from binnacle.intent.refs import Key
from binnacle.targets.base import Owner

_DATE = date(2026, 1, 1)
_REPEATS = 5
_LARGEST = 5000


def compile_figures(count: int = 1000, rounds: int = 3) -> list[Figure]:
    """Measure both."""
    return [*_in_process(), *_other_kinds(), *_commands(count, rounds)]


def _in_process(count: int = 200) -> list[Figure]:
    tools = shipped(Config.from_data(dict(CONFIG)))
    documents = list(fleet.slos("compile", count))
    bodies = [body for document in documents for body in _bodies(tools, document)]
    rules = sum(len(group["rules"]) for body in bodies for group in body["spec"]["groups"])
    compiling: list[float] = []
    printing: list[float] = []
    for _ in range(_REPEATS):
        compiling.append(_cpu(lambda: [_bodies(tools, document) for document in documents]) / count)
        printing.append(_cpu(lambda: [json.dumps(body) for body in bodies]) / count)
    ratio = statistics.median(ours / theirs for ours, theirs in zip(compiling, printing, strict=True))
    size = statistics.mean(len(json.dumps(body)) for body in bodies)
    ours = statistics.median(compiling) * 1e3
    return [
        Figure(
            "compile",
            "compile and print one SLO: times json-serialising a document of its size",
            ratio,
            detail=f"{ours:.2f} ms against {statistics.median(printing) * 1e3:.3f} ms for {size / 1e3:.1f} kB",
        ),
        Figure(
            "compile",
            "compile and print, for each rule",
            ours * count / rules,
            "ms",
            at_most=1,
            detail=f"{rules / count:.1f} rules an SLO",
        ),
    ]


def _other_kinds() -> list[Figure]:
    tools = shipped(Config.from_data(dict(CONFIG)))
    return [_one(tools, document, part, parts) for document, part, parts in fleet.large("compile")]


def _one(tools: Toolchain, document: dict[str, Any], part: str, parts: int, count: int = 20) -> Figure:
    desired = _desired(tools, document)
    texts = [*(output.body for output in desired.outputs), *(share.fragment for share in desired.shares)]
    compiling = [_cpu(lambda: [_desired(tools, document) for _ in range(count)]) / count for _ in range(_REPEATS)]
    printing = [_cpu(lambda: [json.dumps(texts) for _ in range(count)]) / count for _ in range(_REPEATS)]
    ours, theirs = statistics.median(compiling), statistics.median(printing)
    return Figure(
        "compile",
        f"compile and print one {document['kind']}, for each of {parts} {part}s",
        ours / parts * 1e3,
        "ms",
        at_most=1,
        detail=f"{ours / theirs:,.0f} times json-serialising its {len(json.dumps(texts)) / 1e3:.1f} kB",
    )


def _bodies(tools: Toolchain, document: dict[str, Any]) -> list[Any]:
    return [output.body for output in _desired(tools, document).outputs]


def _desired(tools: Toolchain, document: dict[str, Any]) -> Desired:
    metadata = document["metadata"]
    world = World(config=tools.config, date=_DATE, lookup=lambda _: None, listing=lambda *_: ())
    owner = Owner(Key(document["kind"], metadata["namespace"], metadata["name"]), "uid")
    desired = desire(tools, document, owner, world)
    if not desired.valid:
        raise RuntimeError(f"a resource of the benchmark does not compile: {desired.findings}")
    return desired


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


@dataclass(frozen=True, slots=True)
class _Ran:
    """A finished command: seconds by the clock and of CPU, and the most resident bytes."""

    wall: float
    cpu: float
    rss: int


def _commands(count: int, rounds: int) -> list[Figure]:
    """Measure the commands on ``count`` SLOs, and `render` also on a fleet five times as large, up to the largest with a goal."""
    sizes = sorted({count, min(5 * count, _LARGEST)})
    with tempfile.TemporaryDirectory(prefix="binnacle-bench-") as directory:
        fleets = {size: _write(Path(directory) / str(size), size) for size in {1, *sizes}}
        started: list[_Ran] = []
        checked: list[_Ran] = []
        rendered: dict[int, list[_Ran]] = {size: [] for size in sizes}
        for _ in range(rounds):
            started.append(_run("render", fleets[1]))
            checked.append(_run("check", fleets[count]))
            for size, ran in rendered.items():
                ran.append(_run("render", fleets[size]))
    start = statistics.median(one.wall for one in started)
    return [
        Figure("compile", "start of the command line: render of one SLO", start, "s", detail=_detail(started)),
        *(figure for size, ran in rendered.items() for figure in _render(size, ran, start)),
        Figure(
            "compile",
            f"check of {count:,} SLOs, beyond the start",
            statistics.median(one.wall for one in checked) - start,
            "s",
            detail=_detail(checked),
        ),
    ]


def _write(folder: Path, count: int) -> Path:
    """Write a fleet into a folder, in files no larger than an API server takes at once."""
    folder.mkdir()
    documents = list(fleet.slos("render", count))
    for number in range(0, count, 1000):
        some = documents[number : number + 1000]
        (folder / f"{number:05}.yaml").write_text(yaml.dump_all(some, Dumper=yaml.CSafeDumper))
    return folder


def _render(count: int, ran: Sequence[_Ran], start: float) -> list[Figure]:
    return [
        Figure(
            "compile",
            f"render of {count:,} SLOs, beyond the start",
            statistics.median(one.wall for one in ran) - start,
            "s",
            at_most=(6 / _LARGEST if count >= _LARGEST else 1.5 / 1000) * count,
            detail=_detail(ran),
        ),
        Figure(
            "compile",
            f"render of {count:,} SLOs, memory of its largest process",
            statistics.median(one.rss for one in ran) / 1e6,
            "MB",
            at_most=250,
        ),
    ]


def _detail(runs: Sequence[_Ran]) -> str:
    return "wall " + ", ".join(f"{one.wall:.2f}" for one in runs) + f" s; CPU {runs[-1].cpu:.2f} s"


def _run(command: str, path: Path) -> _Ran:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(REPOSITORY / "operator")}
    arguments = [sys.executable, "-m", "binnacle.cli.main", command, str(path)]
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    started = time.perf_counter()
    pid = os.posix_spawn(sys.executable, arguments, environment, file_actions=quiet)
    _, status, used = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"binnacle {command} ended with {os.waitstatus_to_exitcode(status)}")
    return _Ran(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
