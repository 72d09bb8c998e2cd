"""Cold start: N SLOs exist, the operator begins; its rate against a client that only replays its writes."""

from __future__ import annotations

import asyncio
import datetime as dt
import statistics
import time
from dataclasses import dataclass

from bench import fleet
from bench.figures import Figure
from bench.ground import Ground, Http, Usage, clear, create
from bench.replay import Writes, record, replay
from binnacle.control.controller import Settings
from servers.audit import WriteRecord
from servers.operator import ACCOUNT

WORKERS = Settings().workers
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Run:
    """One cold start or one replay: seconds, writes, and CPU seconds of the client and of the API server."""

    seconds: float
    writes: int
    client_cpu: float
    server_cpu: float
    since_start: float = 0.0
    rss: int = 0

    @property
    def rate(self) -> float:
        """Writes in a second."""
        return self.writes / self.seconds


async def cold(ground: Ground, count: int = 1000, rounds: int = ROUNDS) -> list[Figure]:
    """Alternate cold starts and replays, each in fresh namespaces, and compare their rates."""
    started: list[Run] = []
    replayed: list[Run] = []
    async with ground.client() as http:
        await _warm_up(ground, http)
        for number in range(rounds):
            mine, theirs = f"cold-{number}", f"copy-{number}"
            homes, copies = fleet.namespaces(mine, count), fleet.namespaces(theirs, count)
            await create(http, homes, fleet.slos(mine, count))
            started.append(await start(ground, count))
            await create(http, copies, fleet.slos(theirs, count))
            writes = await record(http, homes, mine, theirs)
            replayed.append(await _replay(ground, writes))
            await clear(http, [*homes, *copies])
            await asyncio.sleep(1)
    return _figures(started, replayed, count)


async def start(ground: Ground, count: int) -> Run:
    """Start an operator on what is there; what its work took, by the audit log."""
    mark = ground.counter.mark()
    operator = ground.operator()
    server = ground.usage("kube-apiserver")
    began = dt.datetime.now(dt.UTC)
    operator.start(limit=300)
    try:
        writes = await asyncio.to_thread(ground.writes, mark)
        used = Usage.of(operator.process.pid)
        server_cpu = ground.usage("kube-apiserver").cpu - server.cpu
    finally:
        operator.stop()
    _check(writes, count)
    first, last = min(one.at for one in writes), max(one.at for one in writes)
    return Run(
        seconds=(last - first).total_seconds(),
        writes=len(writes),
        client_cpu=used.cpu,
        server_cpu=server_cpu,
        since_start=(last - began).total_seconds(),
        rss=used.rss,
    )


async def _replay(ground: Ground, writes: list[Writes]) -> Run:
    server, cpu = ground.usage("kube-apiserver").cpu, time.process_time()
    async with ground.client(account=ACCOUNT) as http:
        seconds = await replay(http, writes, WORKERS)
    return Run(
        seconds=seconds,
        writes=sum(len(one) for one in writes),
        client_cpu=time.process_time() - cpu,
        server_cpu=ground.usage("kube-apiserver").cpu - server,
    )


async def _warm_up(ground: Ground, http: Http) -> None:
    """Let the API server make what it makes once, so that the first of two runs has no disadvantage."""
    homes, copies = fleet.namespaces("cold-w", 50), fleet.namespaces("copy-w", 50)
    await create(http, homes, fleet.slos("cold-w", 50))
    await start(ground, 50)
    await create(http, copies, fleet.slos("copy-w", 50))
    await _replay(ground, await record(http, homes, "cold-w", "copy-w"))
    await clear(http, [*homes, *copies])


def _check(writes: list[WriteRecord], count: int) -> None:
    """A rate means nothing when the work was not what it should be: one object and one status for each SLO."""
    refused = [str(one) for one in writes if not one.ok]
    if refused or len(writes) != 2 * count:
        raise RuntimeError(f"{len(writes)} writes instead of {2 * count}, refused: {refused[:3]}")


def _figures(started: list[Run], replayed: list[Run], count: int) -> list[Figure]:
    name = "cold"
    ratios = [ours.rate / theirs.rate for ours, theirs in zip(started, replayed, strict=True)]

    def middle(values: list[float]) -> float:
        return statistics.median(values)

    def runs(values: list[float], digits: int = 2) -> str:
        return ", ".join(f"{one:.{digits}f}" for one in values)

    return [
        Figure(
            name,
            f"cold start of {count:,} SLOs: rate against a bare replay of its writes",
            middle(ratios),
            at_least=0.75,
            floor=0.5,
            detail=f"median of {runs(ratios)}",
        ),
        Figure(
            name,
            "writes a second, operator",
            middle([one.rate for one in started]),
            "1/s",
            detail=f"first to last write {runs([one.seconds for one in started])} s",
        ),
        Figure(
            name,
            "writes a second, replay",
            middle([one.rate for one in replayed]),
            "1/s",
            detail=f"{runs([one.seconds for one in replayed])} s, {WORKERS} at a time",
        ),
        Figure(
            name,
            "process start to last write",
            middle([one.since_start for one in started]),
            "s",
            detail=runs([one.since_start for one in started]),
        ),
        Figure(
            name,
            "CPU of the operator, start included",
            middle([one.client_cpu for one in started]),
            "s",
            detail=f"the replaying client: {runs([one.client_cpu for one in replayed])} s",
        ),
        Figure(
            name,
            "CPU of the API server meanwhile",
            middle([one.server_cpu for one in started]),
            "s",
            detail=f"during the replay: {runs([one.server_cpu for one in replayed])} s",
        ),
        Figure(name, "operator's memory afterwards", middle([one.rss / 1e6 for one in started]), "MB"),
    ]
