"""Where the operator's time goes during a cold start: samples of its stack, by layer and by function."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench import fleet, mix
from bench.figures import Figure
from bench.ground import Ground, clear, create
from servers.http import fetch
from servers.operator import OperatorProcess

_RATE = 250
_FRAME = re.compile(r"(?P<function>.+) \((?P<file>[^():]+)(?::\d+)?\)")
_LAYERS = (
    ("compile", ("binnacle/compile/", "binnacle/promql/", "binnacle/intent/")),
    ("api (models)", ("binnacle/api/",)),
    ("targets", ("binnacle/targets/",)),
    ("control", ("binnacle/control/",)),
    ("cluster", ("binnacle/cluster/",)),
    ("kopf", ("kopf/",)),
    ("aiohttp", ("aiohttp/",)),
    ("other libraries", ("site-packages/",)),
)
_WORTH = ("binnacle/", "kopf/", "aiohttp/client.py", "json/")
_SHOWN = 15
_WAITING = (("EpollSelector.select", "selectors.py"), ("_worker", "concurrent/futures/thread.py"))


def sampler() -> str:
    """Return the path of py-spy.

    Raises:
        RuntimeError: it is not installed.
    """
    beside = Path(sys.executable).with_name("py-spy")
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        raise RuntimeError("--profile needs py-spy: pip install py-spy")
    return found


async def profile(ground: Ground, count: int = 1000) -> list[Figure]:
    """Start an operator on ``count`` resources under the sampler."""
    program = sampler()
    homes = fleet.namespaces("profile", count)
    raw = ground.directory / "profile.raw"
    async with ground.client() as http:
        await create(http, homes, mix.resources("profile", count))
        mark = ground.counter.mark()
        operator = ground.operator()
        operator.process.start()
        try:
            with _sampling(program, operator, raw):
                await asyncio.to_thread(
                    operator.process.wait_ready, lambda: fetch(f"{operator.url}/readyz").status == 200, 120
                )
                await asyncio.to_thread(ground.writes, mark, quiet=10.0)
        finally:
            operator.stop()
        await clear(http, homes)
    return summarize(raw.read_text().splitlines())


@contextlib.contextmanager
def _sampling(program: str, operator: OperatorProcess, raw: Path) -> Iterator[None]:
    command = [program, "record", "--pid", str(operator.process.pid), "--rate", str(_RATE)]
    command += ["--format", "raw", "--output", str(raw), "--nolineno"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as running:
        try:
            yield
        finally:
            running.send_signal(signal.SIGINT)
            _, told = running.communicate(timeout=60)
            if not raw.exists():
                raise RuntimeError(f"py-spy wrote nothing: {told.decode(errors='replace')}")


def summarize(stacks: Iterable[str]) -> list[Figure]:
    """Add up py-spy's raw lines: ``frame;frame;... count``, the outermost first."""
    layers: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for line in stacks:
        stack, _, number = line.rpartition(" ")
        frames = [_frame(one) for one in stack.split(";")]
        # Imports are the start, and py-spy counts some waiting as work.
        if any("importlib" in file for _, file in frames) or frames[-1] in _WAITING:
            continue
        layers[_layer(frames)] += int(number)
        for name in {f"{_short(file)} {function}" for function, file in frames}:
            functions[name] += int(number)
    total = layers.total() or 1
    whose = [
        Figure("profile", f"code of {name}", 100 * weight / total, "%", detail="the code alone")
        for name, weight in layers.most_common()
    ]
    ours = [
        (name, weight) for name, weight in functions.most_common() if name.startswith(_WORTH) and weight < total / 2
    ]
    return whose + [
        Figure("profile", name, 100 * weight / total, "%", detail="with what it calls")
        for name, weight in ours[:_SHOWN]
    ]


def _frame(text: str) -> tuple[str, str]:
    found = _FRAME.fullmatch(text.strip())
    return (found["function"], found["file"]) if found else (text.strip(), "")


def _layer(frames: list[tuple[str, str]]) -> str:
    for _, file in reversed(frames):
        for name, places in _LAYERS:
            if any(place in file for place in places):
                return name
    return "event loop and start"


def _short(file: str) -> str:
    return file.rpartition("site-packages/")[2].rpartition("operator/")[2]
