"""Memory of the operator: with nothing to do, and what each resource adds."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence

from bench import fleet, mix
from bench.cold import is_shared
from bench.figures import Figure
from bench.ground import REPOSITORY, Ground, Usage, clear, create
from servers.audit import WriteRecord
from servers.operator import OperatorProcess

_IMPORTS = """
import psutil
import binnacle.cli.main, binnacle.cli.operator
print(psutil.Process().memory_info().rss)
"""
_SETTLED = 30.0
"""Seconds; the operator gives memory back when it has had nothing to do for some, and once more 20 s after."""
_LIMIT = 120.0
_LONGEST = 1800.0
"""Seconds that the work on all resources may take."""


async def memory(ground: Ground, counts: Sequence[int] = (1000,)) -> list[Figure]:
    """Look at an operator with no resources, and at a new one with each number of them, after things have settled."""
    name = "memory"
    imports = _imported()
    empty = await _resident(ground, 0)
    figures = [
        Figure(name, "importing the operator's modules", imports / 1e6, "MB"),
        Figure(
            name,
            "operator at 0 resources, beyond its imports",
            (empty - imports) / 1e6,
            "MB",
            at_most=30,
            detail=f"{empty / 1e6:.0f} MB",
        ),
    ]
    for count in counts:
        full = await _resident(ground, count)
        figures.append(
            Figure(
                name,
                f"growth for each of {count:,} resources",
                (full - empty) / count / 1e3,
                "kB",
                at_most=12,
                detail=f"{full / 1e6:.0f} MB",
            )
        )
    return figures


def _imported() -> int:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(REPOSITORY / "operator")}
    command = [sys.executable, "-c", _IMPORTS]
    return int(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)


async def _resident(ground: Ground, count: int) -> int:
    prefix = f"memory-{count}"
    homes = fleet.namespaces(prefix, count) if count else []
    async with ground.client() as http:
        await create(http, homes, mix.resources(prefix, count))
        mark = ground.counter.mark()
        operator = ground.operator().start(limit=300)
        try:
            census = mix.census(count)
            expected = census.statuses + sum(census.children.values())
            deadline = time.monotonic() + _LONGEST
            # On a busy machine a pause of the writes is not their end.
            while _own(await asyncio.to_thread(ground.writes, mark)) < expected:
                if not operator.process.running or time.monotonic() > deadline:
                    raise RuntimeError(f"the operator has not done its work:\n{operator.process.tail()}")
            return await asyncio.to_thread(_settle, operator)
        finally:
            operator.stop()
            await clear(http, homes)


def _own(writes: Sequence[WriteRecord]) -> int:
    """How many writes are of what belongs to one resource alone."""
    return sum(one.ok and not is_shared(one) for one in writes)


def _settle(operator: OperatorProcess) -> int:
    """The resident bytes once they have stayed within 1% for a while."""
    pid = operator.process.pid
    last, since = Usage.of(pid).rss, time.monotonic()
    deadline = since + _LIMIT
    while (now := time.monotonic()) - since < _SETTLED and now < deadline:
        time.sleep(0.2)
        rss = Usage.of(pid).rss
        if abs(rss - last) > last / 100:
            last, since = rss, now
    return Usage.of(pid).rss
