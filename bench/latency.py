"""How fast an edit reaches the rules, and how fast what was deleted by hand is back, with N resources at rest."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from collections.abc import AsyncIterator
from typing import Any

from bench import fleet, mix
from bench.figures import Figure
from bench.ground import Ground, Http, clear, collection, create, path_of
from binnacle.intent.refs import Key
from binnacle.targets import conventions

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_RULES = ("monitoring.coreos.com", "prometheusrules")
_SECONDS = 30.0
"""How long one sample may take before the benchmark gives up."""
_START = 1200.0
"""Seconds that a cold start may take before it does."""


class Watcher:
    """Sees the rules of the fleet change, as anybody who watches them does."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], asyncio.Future[float]] = {}

    def expect(self, namespace: str, name: str) -> asyncio.Future[float]:
        """The time at which an object of this name is next added or changed."""
        future = self._waiting[namespace, name] = asyncio.get_running_loop().create_future()
        return future

    async def run(self, http: Http, opened: asyncio.Event) -> None:
        """Read the stream until cancelled."""
        async with http.stream(f"{collection(*_RULES)}?watch=true") as stream:
            opened.set()
            # Objects may be larger than a line of aiohttp's reader.
            rest = b""
            async for piece in stream.content.iter_any():
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))

    def _take(self, event: dict[str, object]) -> None:
        body = event["object"]
        if event["type"] in ("ADDED", "MODIFIED") and isinstance(body, dict):
            metadata = body["metadata"]
            waiting = self._waiting.pop((metadata["namespace"], metadata["name"]), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(time.perf_counter())


@contextlib.asynccontextmanager
async def _watching(ground: Ground) -> AsyncIterator[Watcher]:
    async with ground.client() as http:
        watcher, opened = Watcher(), asyncio.Event()
        task = asyncio.create_task(watcher.run(http, opened))
        try:
            await opened.wait()
            yield watcher
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def latency(ground: Ground, count: int = 1000, samples: int = 200) -> list[Figure]:
    """Alternate bare applies, edits, and deletions by hand, one at a time, spread over the fleet."""
    homes = fleet.namespaces("edit", count)
    slos = [one for one in mix.resources("edit", count) if one["kind"] == "SLO"]
    raw: list[float] = []
    raw_beside: list[float] = []
    beside: list[float] = []
    edits: list[float] = []
    restored: list[float] = []
    async with ground.client() as http:
        await create(http, homes, mix.resources("edit", count))
        mark = ground.counter.mark()
        operator = ground.operator().start(limit=300)
        try:
            await _done(ground, mark, count)
            yardstick = await _yardstick(http, slos[0])
            async with _watching(ground) as watcher:
                for number in range(samples):
                    slo = slos[number * 7919 % len(slos)]
                    raw.append(await _apply(http, yardstick, number))
                    edits.append(await _edit(http, watcher, slo, number))
                    restored.append(await _restore(http, watcher, slo))
                await _poison(ground, http, homes[0])
                for number in range(samples, 2 * samples):
                    slo = slos[number * 7919 % len(slos)]
                    raw_beside.append(await _apply(http, yardstick, number))
                    beside.append(await _edit(http, watcher, slo, number))
        finally:
            operator.stop()
        await clear(http, homes)
    return [*_figures(count, raw, edits, restored), _beside(raw, edits, raw_beside, beside)]


async def _done(ground: Ground, mark: int, count: int) -> None:
    """Wait until all resources have a status and nothing is written any more: the first write may be long in coming.

    Raises:
        RuntimeError: that takes longer than a benchmark may.
    """
    began = time.monotonic()
    statuses = 0
    while statuses < count:
        made = await asyncio.to_thread(ground.writes, mark, quiet=4.0)
        statuses = len({(one.resource, one.namespace, one.name) for one in made if one.subresource == "status"})
        if time.monotonic() - began > _START:
            raise RuntimeError(f"after {_START:.0f} s {statuses} of {count} resources have a status")


async def _poison(ground: Ground, http: Http, home: str) -> None:
    """Create a poisoned resource of every kind; all that may come of it is a status of each.

    Raises:
        RuntimeError: something else was written.
    """
    poison = list(mix.poisoned(home))
    # A watch may tell of a write before the audit log does.
    await asyncio.to_thread(ground.writes, ground.counter.mark())
    mark = ground.counter.mark()
    await create(http, (), poison)
    made = await asyncio.to_thread(ground.writes, mark, quiet=4.0)
    odd = [str(one) for one in made if (one.name, one.subresource) != ("poison", "status")]
    if odd or len({one.resource for one in made}) != len(poison):
        raise RuntimeError(f"{len(poison)} poisoned resources made {len(made)} writes, of others: {odd[:3]}")


async def _yardstick(http: Http, slo: dict[str, Any]) -> dict[str, Any]:
    """An object like those of the operator, but nobody's: to apply by hand."""
    live = json.loads(await http.send("GET", _rules(slo)))
    metadata = {"name": "bare-apply", "namespace": slo["metadata"]["namespace"]}
    return {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata, "spec": live["spec"]}


async def _apply(http: Http, body: dict[str, Any], number: int) -> float:
    """Seconds of one apply that changes an object."""
    for group in body["spec"]["groups"]:
        for rule in group["rules"]:
            rule["labels"] = {**rule["labels"], "slo_service": f"service-{number}"}
    metadata = body["metadata"]
    path = f"{collection(*_RULES, metadata['namespace'])}/{metadata['name']}?fieldManager=bench&force=true"
    data = conventions.canonical(body)
    started = time.perf_counter()
    await http.send("PATCH", path, data, _APPLY)
    return time.perf_counter() - started


async def _edit(http: Http, watcher: Watcher, slo: dict[str, Any], number: int) -> float:
    """Seconds from sending an edit until a watch shows the changed rules."""
    seen = watcher.expect(slo["metadata"]["namespace"], _child(slo))
    data = conventions.canonical({"spec": {"objective": f"99.{100 + number}%"}})
    started = time.perf_counter()
    await http.send("PATCH", path_of(slo), data, _MERGE)
    return await asyncio.wait_for(seen, _SECONDS) - started


async def _restore(http: Http, watcher: Watcher, slo: dict[str, Any]) -> float:
    """Seconds from sending a deletion of the rules until a watch shows them again."""
    seen = watcher.expect(slo["metadata"]["namespace"], _child(slo))
    started = time.perf_counter()
    await http.send("DELETE", _rules(slo))
    return await asyncio.wait_for(seen, _SECONDS) - started


def _rules(slo: dict[str, Any]) -> str:
    """Return the path of an SLO's rules."""
    return f"{collection(*_RULES, slo['metadata']['namespace'])}/{_child(slo)}"


def _child(slo: dict[str, Any]) -> str:
    home, name = slo["metadata"]["namespace"], slo["metadata"]["name"]
    return conventions.object_name(Key("SLO", home, name), home)


def _figures(count: int, raw: list[float], edits: list[float], restored: list[float]) -> list[Figure]:
    name = "latency"

    def milliseconds(values: list[float]) -> str:
        return f"median {quantile(values, 0.5) * 1e3:.0f} ms, p99 {quantile(values, 0.99) * 1e3:.0f} ms"

    return [
        Figure(
            name,
            f"edit sent → rules changed, p99, {count:,} resources: times one bare apply's p99",
            quantile(edits, 0.99) / quantile(raw, 0.99),
            at_most=3,
            detail=f"{milliseconds(edits)}; {len(edits)} edits",
        ),
        Figure(
            name,
            "the same of the medians",
            quantile(edits, 0.5) / quantile(raw, 0.5),
            detail=f"bare apply {milliseconds(raw)}",
        ),
        Figure(
            name,
            "rules deleted by hand → restored, p99",
            quantile(restored, 0.99),
            "s",
            at_most=1,
            detail=milliseconds(restored),
        ),
    ]


def _beside(raw: list[float], edits: list[float], raw_beside: list[float], beside: list[float]) -> Figure:
    """Compare edits of others before and after, each against the bare applies of its own time."""
    without, with_poison = (
        quantile(ours, 0.5) / quantile(theirs, 0.5) for ours, theirs in ((edits, raw), (beside, raw_beside))
    )
    return Figure(
        "latency",
        "edits beside a poisoned resource of every kind, medians: times those without",
        with_poison / without,
        at_most=1.25,
        detail=f"{len(beside)} edits; what was written because of the poisoned is a status of each, nothing else",
    )


def quantile(values: list[float], share: float) -> float:
    """The value that ``share`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
