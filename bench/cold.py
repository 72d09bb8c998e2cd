"""Cold start: N resources exist, the operator begins; its rate against a client that only replays its writes."""

from __future__ import annotations

import asyncio
import datetime as dt
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench import fleet, mix
from bench.figures import Figure
from bench.ground import Ground, Http, Usage, clear, create, ground
from bench.replay import Write, record, replay
from binnacle.control.controller import Settings
from binnacle.targets import conventions
from servers.audit import WriteRecord
from servers.operator import ACCOUNT

WORKERS = Settings().workers
_WARM_UP = 50


@dataclass(frozen=True, slots=True)
class Run:
    """One cold start or one replay: seconds, writes, and CPU seconds of the client and of the API server.

    Attributes:
        since_start: seconds from the start of the operator's process to its last write.
        requests: of the operator, those that are answered by a watch included.
        shared: writes of files that many resources fill.
        again: other writes of what had been written already.
    """

    seconds: float
    writes: int
    client_cpu: float
    server_cpu: float
    since_start: float = 0.0
    rss: int = 0
    reconciles: int = 0
    requests: int = 0
    shared: int = 0
    again: tuple[str, ...] = ()

    @property
    def rate(self) -> float:
        """Writes in a second."""
        return self.writes / self.seconds


def cold(counts: Sequence[int] = (1000,), *, quick: bool = False) -> list[Figure]:
    """Alternate cold starts and replays, each in fresh namespaces, and compare their rates; for each number of resources.

    Each pair has a control plane of its own. After some pairs on one of them its API server holds gigabytes of what was deleted, and
    the very same requests take it up to a quarter more processor time.
    """
    figures: list[Figure] = []
    rates: dict[int, float] = {}
    for count in counts:
        rounds = [asyncio.run(_round(f"{count}-{number}", count)) for number in range(_rounds(count, quick=quick))]
        started, replayed = [ours for ours, _ in rounds], [theirs for _, theirs in rounds]
        rates[count] = _middle([one.rate for one in started])
        figures += _figures(started, replayed, count)
    return figures + _across(rates)


def _rounds(count: int, *, quick: bool) -> int:
    """How often it is measured: as often as there is time for."""
    return 1 if quick or count > 5000 else 2 if count > 1000 else 3


async def _round(name: str, count: int) -> tuple[Run, Run]:
    with ground() as place:
        async with place.client() as http:
            await _pair(place, http, "w", _WARM_UP)  # the API server makes some things once
            await clear(http, [*fleet.namespaces("cold-w", _WARM_UP), *fleet.namespaces("copy-w", _WARM_UP)])
            return await _pair(place, http, name, count)


async def _pair(place: Ground, http: Http, name: str, count: int) -> tuple[Run, Run]:
    mine, theirs = f"cold-{name}", f"copy-{name}"
    await create(http, fleet.namespaces(mine, count), mix.resources(mine, count))
    started, writes = await start(place, count)
    await create(http, fleet.namespaces(theirs, count), mix.resources(theirs, count))
    return started, await _replay(place, await record(http, writes, mine, theirs))


async def start(ground: Ground, count: int) -> tuple[Run, list[WriteRecord]]:
    """Start an operator on what is there; what its work took, by the audit log, and its writes."""
    mark = ground.counter.mark()
    operator = ground.operator()
    server = ground.usage("kube-apiserver")
    began = dt.datetime.now(dt.UTC)
    operator.start(limit=300)
    try:
        writes = await asyncio.to_thread(ground.writes, mark, quiet=5.0)
        used = Usage.of(operator.process.pid)
        server_cpu = ground.usage("kube-apiserver").cpu - server.cpu
        metrics = operator.metrics()
    finally:
        operator.stop()
    check(writes, mix.census(count))
    first, last = min(one.at for one in writes), max(one.at for one in writes)
    run = Run(
        seconds=(last - first).total_seconds(),
        writes=len(writes),
        client_cpu=used.cpu,
        server_cpu=server_cpu,
        since_start=(last - began).total_seconds(),
        rss=used.rss,
        reconciles=_sum(metrics, "controller_runtime_reconcile_total"),
        requests=_sum(metrics, "rest_client_requests_total"),
        shared=sum(map(is_shared, writes)),
        again=tuple(map(str, repeated(writes))),
    )
    return run, writes


def _sum(metrics: dict[str, float], name: str) -> int:
    return int(sum(value for series, value in metrics.items() if series.partition("{")[0] == name))


async def _replay(ground: Ground, writes: list[Write]) -> Run:
    server, cpu = ground.usage("kube-apiserver").cpu, time.process_time()
    async with ground.client(account=ACCOUNT) as http:
        seconds = await replay(http, writes, WORKERS)
    return Run(
        seconds=seconds,
        writes=len(writes),
        client_cpu=time.process_time() - cpu,
        server_cpu=ground.usage("kube-apiserver").cpu - server,
    )


def is_shared(write: WriteRecord) -> bool:
    """Say whether a write is one of a file that many resources fill."""
    return write.resource == "configmaps" and any(
        write.name.startswith(conventions.aggregate_name("default", target, 0)) for target in mix.SHARED
    )


def repeated(writes: Sequence[WriteRecord]) -> list[WriteRecord]:
    """Return the writes of what was written before already, files that many share left out."""
    seen: set[tuple[str, ...]] = set()
    again = []
    for one in writes:
        identity = (one.resource, one.subresource, one.namespace, one.name)
        if identity in seen and not is_shared(one):
            again.append(one)
        seen.add(identity)
    return again


def check(writes: Sequence[WriteRecord], wanted: mix.Census) -> None:
    """A rate means nothing when the work was not what it should be.

    That is every object of one resource and every status, and of each file that many share at least one write and at
    most one a second. See `repeated` for what was written more than once.

    Raises:
        RuntimeError: it was something else.
    """
    odd = [str(one) for one in writes if not one.ok or one.verb != "patch"]
    if odd:
        raise RuntimeError(f"{len(odd)} writes were refused, or no applies: {odd[:3]}")
    own = {(one.resource, one.subresource, one.namespace, one.name) for one in writes if not is_shared(one)}
    kinds = Counter("status" if subresource else resource for resource, subresource, _, _ in own)
    if kinds != Counter({**wanted.children, "status": wanted.statuses}):
        raise RuntimeError(f"what was written is {dict(kinds)} instead of {wanted}")
    shared: dict[str, list[dt.datetime]] = {}
    for one in filter(is_shared, writes):
        shared.setdefault(one.name, []).append(one.at)
    for name, times in shared.items():
        # One for the fraction of a second that requests may be early or late.
        if len(times) > 2 + (max(times) - min(times)).total_seconds():
            raise RuntimeError(f"{name} was written {len(times)} times, more than once a second")
    missing = [
        name for name in mix.SHARED if not any(conventions.aggregate_name("default", name, 0) in one for one in shared)
    ]
    if missing:
        raise RuntimeError(f"nothing was written of {missing}")


def _middle(values: list[float]) -> float:
    return statistics.median(values)


def _runs(values: list[float], digits: int = 2) -> str:
    return ", ".join(f"{one:.{digits}f}" for one in values)


def _figures(started: list[Run], replayed: list[Run], count: int) -> list[Figure]:
    name = "cold"
    ratios = [ours.rate / theirs.rate for ours, theirs in zip(started, replayed, strict=True)]
    work = [
        (ours.client_cpu + ours.server_cpu) / (theirs.client_cpu + theirs.server_cpu)
        for ours, theirs in zip(started, replayed, strict=True)
    ]
    cpu = [one.client_cpu for one in started]
    served = [one.server_cpu for one in started]
    last = started[-1]
    of = f"{count:,} resources"
    return [
        Figure(
            name,
            f"cold start of {of}: rate against a bare replay of its writes",
            _middle(ratios),
            at_least=0.75,
            floor=0.5,
            detail=f"{_runs(ratios)}; {last.writes:,} writes, {last.shared} of them of files that many share",
        ),
        Figure(
            name,
            f"{of}: CPU of operator and API server, times that of the replay",
            _middle(work),
            detail=f"operator, start included {_runs(cpu, 1)} s, API server {_runs(served, 1)} s; "
            f"replaying client {_runs([one.client_cpu for one in replayed], 1)} s, "
            f"API server {_runs([one.server_cpu for one in replayed], 1)} s",
        ),
        Figure(
            name,
            f"{of}: writes a second, operator",
            _middle([one.rate for one in started]),
            "1/s",
            detail=f"first to last write {_runs([one.seconds for one in started])} s",
        ),
        Figure(
            name,
            f"{of}: writes a second, replay",
            _middle([one.rate for one in replayed]),
            "1/s",
            detail=f"{_runs([one.seconds for one in replayed])} s, {WORKERS} at a time",
        ),
        Figure(
            name,
            f"{of}: process start to last write",
            _middle([one.since_start for one in started]),
            "s",
            detail=f"{last.requests / count:.2f} requests and {last.reconciles / count:.2f} reconciles for each resource",
        ),
        Figure(
            name,
            f"{of}: writes of what had been written already, shared files left out",
            max(len(one.again) for one in started),
            at_most=0,
            detail="; ".join(one.again[0] for one in started if one.again),
        ),
        Figure(name, f"{of}: operator's memory afterwards", _middle([one.rss / 1e6 for one in started]), "MB"),
    ]


def _across(rates: dict[int, float]) -> list[Figure]:
    """Compare the rate at the most resources with that at the fewest."""
    if len(rates) < 2:
        return []
    few, many = min(rates), max(rates)
    ratio = rates[many] / rates[few]
    return [Figure("cold", f"rate at {many:,} resources, times that at {few:,}", ratio, at_least=0.8)]
