"""How many writes things cost, counted at the API server's audit log: new resources, edits, rest, a relist, a restart."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bench import fleet, mix
from bench.cold import check, is_shared, repeated
from bench.figures import Figure
from bench.ground import Ground, Http, clear, create, each, path_of
from binnacle.api.registry import KINDS
from binnacle.targets import conventions
from servers.audit import WriteRecord
from servers.faults import Asked
from servers.operator import OperatorProcess
from servers.sufferings import forgotten
from servers.waiting import eventually

_MERGE = "application/merge-patch+json"
_RESYNCS = 3
_LIMIT = 120.0
_QUIET = 4.0
"""Seconds without a write after which there is none to come: shared files are written a second after their last part."""


async def writes(ground: Ground, count: int = 200) -> list[Figure]:
    """Let each thing happen to ``count`` resources of all kinds; the counter is proved by a write before and after."""
    homes = fleet.namespaces("writes", count)
    fleets = list(mix.resources("writes", count))
    with ground.plane.faulty() as proxy:
        operator = ground.operator("--resync-period", "2s", server=proxy.url).start(limit=120)
        try:
            await asyncio.to_thread(_leading, operator)
            ground.counter.prove(ground.plane)
            async with ground.client() as http:
                new = await _create(ground, http, homes, fleets)
                check(new, mix.census(count))
                edited = await _edit(ground, http, [one for one in fleets if one["kind"] == "SLO"])
                mark = ground.counter.mark()
                await asyncio.to_thread(_resynced, operator)
                rest = await _settled(ground, mark)
                mark = ground.counter.mark()
                with proxy.suffering(_watch, forgotten):
                    await asyncio.to_thread(_listed_again, operator)
                relisted = await _settled(ground, mark)
                mark = ground.counter.mark()
                await asyncio.to_thread(operator.stop)
                await asyncio.to_thread(operator.start, 120)
                await asyncio.to_thread(_seen, operator, count)
                restarted = await _settled(ground, mark)
                ground.counter.prove(ground.plane)
                await clear(http, homes)
        finally:
            operator.stop()
    return _figures(
        count,
        new,
        edited,
        {
            "at rest, over three resyncs": rest,
            "on a relist of every kind": relisted,
            "on a restart of the operator": restarted,
        },
    )


async def _settled(ground: Ground, mark: int) -> list[WriteRecord]:
    return await asyncio.to_thread(ground.writes, mark, quiet=_QUIET)


async def _create(
    ground: Ground, http: Http, homes: Sequence[str], fleets: Sequence[dict[str, Any]]
) -> list[WriteRecord]:
    """Create the MetricSets, then the rest: what refers to metrics says in its status which of them nobody declares yet."""
    mark = ground.counter.mark()
    await create(http, homes, [one for one in fleets if one["kind"] == "MetricSet"])
    await _settled(ground, mark)
    await create(http, (), [one for one in fleets if one["kind"] != "MetricSet"])
    return await _settled(ground, mark)


async def _edit(ground: Ground, http: Http, slos: Sequence[dict[str, Any]]) -> list[WriteRecord]:
    """Change the objective of some SLOs, which changes their rules."""
    mark = ground.counter.mark()
    data = conventions.canonical({"spec": {"objective": "99.7%"}})

    async def edit(slo: dict[str, Any]) -> None:
        await http.send("PATCH", path_of(slo), data, _MERGE)

    await each(slos, edit, 4)
    made = await _settled(ground, mark)
    expected = {
        (resource, subresource): len(slos) for resource, subresource in (("prometheusrules", ""), ("slos", "status"))
    }
    if Counter((one.resource, one.subresource) for one in made) != Counter(expected):
        raise RuntimeError(f"{len(slos)} edits of SLOs made other writes than {expected}: {made[:5]}")
    return made


def _watch(asked: Asked) -> bool:
    return asked.verb == "watch"


def _leading(operator: OperatorProcess) -> None:
    name = 'leader_election_master_status{name="binnacle-default"}'
    eventually(lambda: operator.metrics().get(name) == 1.0, limit=_LIMIT, what="holding the Lease")


def _resynced(operator: OperatorProcess) -> None:
    name = 'resyncs_total{result="success"}'
    wanted = operator.metrics()[name] + _RESYNCS
    eventually(lambda: operator.metrics()[name] >= wanted, limit=_LIMIT, what="the resyncs", every=0.5)


def _listed_again(operator: OperatorProcess) -> None:
    names = [f'watch_lists_total{{kind="{kind}"}}' for kind in KINDS]
    before = operator.metrics()
    eventually(
        lambda: all(operator.metrics()[name] > before[name] for name in names),
        limit=_LIMIT,
        what="a new list of every kind",
        every=0.5,
    )


def _seen(operator: OperatorProcess, count: int) -> None:
    def done() -> bool:
        series = operator.metrics().items()
        return sum(value for name, value in series if name.startswith("controller_runtime_reconcile_total")) >= count

    eventually(done, limit=_LIMIT, what="a look at every resource", every=0.5)


def _figures(
    count: int, new: Sequence[WriteRecord], edited: Sequence[WriteRecord], none: dict[str, Sequence[WriteRecord]]
) -> list[Figure]:
    name = "writes"
    census = mix.census(count)
    children, shared = sum(census.children.values()), sum(map(is_shared, new))
    again = repeated(new)
    edits = len(edited) // 2
    return [
        Figure(
            name,
            f"for {count:,} new resources, files that many share left out: beyond their objects and one status each",
            len(again),
            at_most=0,
            detail="; ".join([f"{children} objects and {census.statuses} statuses", *map(str, again[:3])]),
        ),
        Figure(name, "of files that many share meanwhile", shared, detail="each of them at most once a second"),
        Figure(
            name,
            "for each edit of an SLO",
            len(edited) / edits,
            at_most=2,
            detail=f"{edits} edits: its rules and one status",
        ),
        *(
            Figure(name, what, len(made), at_most=0, detail="; ".join(map(str, made[:3])))
            for what, made in none.items()
        ),
    ]
