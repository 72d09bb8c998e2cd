"""Pairs of replicas whose leader ends in the middle of work, in every way and at any moment: one writes at a time.

The audit log is the judge: each write of a replica must have come and been answered while the Lease named that replica.
By default a few ways to end are tried; with `BINNACLE_FULL` a hundred, several pairs beside each other.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import random
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from binnacle.api.config import Config
from binnacle.cluster.installing import rights
from binnacle.cluster.rbac import Installation
from cluster.operator_world import MONITORING, Api, ready, rule_kinds, rule_path, slo, slo_path
from cluster.reigns import Reign, credential_of, reigns, strays
from servers import sufferings
from servers.audit import WriteCounter, WriteRecord, counted, service_account_user
from servers.controlplane import ControlPlane
from servers.faults import Asked, Faulty
from servers.operator import ACCOUNT, OperatorProcess, sweep
from servers.pace import paced
from servers.waiting import eventually

FULL = bool(os.environ.get("BINNACLE_FULL"))
SEED = int(os.environ.get("BINNACLE_SEED", "1"))
PAIRS = 4 if FULL else 3
RUNS = 100 if FULL else 3
RESOURCES = 5

CRASH = 20.0
"""Seconds from the leader's end to the successor's first write, when the Lease has to run out."""
ORDERLY = 2.0
"""The same from the moment at which the Lease was given back."""
LATE = 12.0
"""Seconds by which the Lease may be renewed for longer, where renewals arrive and only their answers are lost."""
WORK = 180.0
"""Seconds for what takes a moment on a machine that has nothing else to do."""


def leases(asked: Asked) -> bool:
    return asked.resource == "leases"


def everything(_: Asked) -> bool:
    return True


UNAVAILABLE = sufferings.answered(503, "ServiceUnavailable", "not now")
FAULTS = {
    "cut off": (everything, sufferings.cut),
    "half open": (everything, sufferings.half_open),
    "lease refused": (leases, UNAVAILABLE),
    "lease half open": (leases, sufferings.half_open),
    "lease answers lost": (leases, sufferings.lost),
}
ENDS = ("kill", "stop", "freeze", *FAULTS)


@dataclass
class Replica:
    process: OperatorProcess
    proxy: Faulty
    credential: str

    @property
    def leads(self) -> bool:
        return any(
            value == 1.0
            for name, value in self.process.metrics().items()
            if name.startswith("leader_election_master_status")
        )

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.process.pid, number)


@dataclass
class Run:
    """One end of a leader, and what came of it."""

    end: str
    died: dt.datetime
    leader: Replica
    standby: Replica


@dataclass
class Takeover:
    """How long a run took, in seconds.

    Attributes:
        end: how the leader ended.
        since_end: from then to the successor's first write.
        since_release: from when the Lease was given back; None where it was not.
        since_renewal: from the last renewal to the successor's request for the Lease.
        to_write: from that to its first write.
    """

    end: str
    since_end: float
    since_release: float | None
    since_renewal: float
    to_write: float


@dataclass
class Pair:
    """Two replicas with a Lease and a namespace of their own, and somebody who edits without pause."""

    plane: ControlPlane
    name: str
    directory: Path
    chance: random.Random
    api: Api = field(init=False)
    replicas: list[Replica] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    objectives: dict[str, int] = field(default_factory=dict)
    edits: int = 0

    def __post_init__(self) -> None:
        self.api = Api(self.plane)
        self.home, self.place = f"home-{self.name}", f"place-{self.name}"

    @contextlib.contextmanager
    def running(self) -> Iterator[Pair]:
        config: dict[str, Any] = {"instance": self.name}
        where = Installation(namespace=self.home)
        names = (self.home, self.place, MONITORING)
        self.plane.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names])
        self.plane.apply(rights(Config.from_data({**config, "namespaces": [self.place]}), where))
        with contextlib.ExitStack() as stack:
            for number in range(2):
                proxy = stack.enter_context(self.plane.faulty())
                process = OperatorProcess(
                    self.plane,
                    self.directory / str(number),
                    config,
                    namespaces=(self.place,),
                    home=self.home,
                    server=proxy.url,
                )
                stack.callback(process.stop)
                self.replicas.append(Replica(process, proxy, credential_of(process.kubeconfig)))
                process.start(WORK)
            for number in range(RESOURCES):
                self.objectives[f"slo-{number}"] = number + 1
            self.plane.apply([slo(self.place, name, objective=percent(k)) for name, k in self.objectives.items()])
            self.converged()
            yield self

    def edit(self) -> None:
        """Change something, or take away what was made of it."""
        name = self.chance.choice(list(self.objectives))
        self.edits += 1
        if self.chance.random() < 0.2:
            self.api.delete(rule_path(self.place, name))
            return
        self.objectives[name] = (self.objectives[name] + RESOURCES) % 1000
        self.api.merge(slo_path(self.place, name), {"spec": {"objective": percent(self.objectives[name])}})

    def edit_until(self, over: Callable[[], bool], limit: float, what: str) -> None:
        """Edit without pause until something is the case."""

        def look() -> bool:
            self.edit()
            return over()

        eventually(look, limit=limit, every=self.chance.uniform(0.02, 0.3), what=what)

    def converged(self) -> None:
        """Wait until all is as it was written last, although a replica may have ended on a busy machine."""

        def done() -> bool:
            for one in self.replicas:
                if not one.process.process.running:
                    one.process.start(WORK)
            slos = (self.api.get(slo_path(self.place)) or {})["items"]
            rules = {one["metadata"]["name"]: one for one in (self.api.get(rule_path(self.place)) or {})["items"]}
            return all(ready(one) for one in slos) and all(
                ratio(k) in json.dumps(rules[f"binnacle-slo-{name}"]["spec"]) for name, k in self.objectives.items()
            )

        eventually(done, limit=WORK, every=0.2, what=f"what was written last, in {self.place}")

    def run(self, end: str) -> None:
        """Let the leader end in the middle of work; return when the other one has done all of it and both are back."""
        eventually(lambda: any(one.leads for one in self.replicas), limit=WORK, what="a leader")
        leader, standby = sorted(self.replicas, key=lambda one: not one.leads)
        moment = time.monotonic() + self.chance.uniform(0.3, 3)
        self.edit_until(lambda: time.monotonic() >= moment, WORK, "the moment")
        for _ in self.objectives:
            self.edit()
        # Within what there is to do after that, and before it and after it too.
        time.sleep(self.chance.uniform(0, 0.1))
        run = Run(end, dt.datetime.now(dt.UTC), leader, standby)
        self.runs.append(run)
        with self.ending(run):
            self.edit_until(lambda: standby.leads, WORK, f"the standby's turn after {end}")
            if end not in ("kill", "stop"):
                self.edit_until(lambda: not leader.process.process.running, WORK, "the end of who lost the Lease")
        self.converged()

    @contextlib.contextmanager
    def ending(self, run: Run) -> Iterator[None]:
        leader = run.leader
        if run.end == "kill":
            leader.process.kill()
            yield
        elif run.end == "stop":
            leader.process.process.request_stop()
            yield
            leader.process.stop()
        elif run.end == "freeze":
            leader.signal(signal.SIGSTOP)
            # It wakes when its time to write is over, and the Lease is about to change hands or has just done so.
            waking = threading.Timer(self.chance.uniform(10.5, 22), leader.signal, [signal.SIGCONT])
            waking.start()
            try:
                yield
            finally:
                leader.signal(signal.SIGCONT)
                waking.cancel()
        else:
            which, how = FAULTS[run.end]
            with leader.proxy.suffering(which, how):
                yield


def percent(k: int) -> str:
    return f"99.{k:03d}5%"


def ratio(k: int) -> str:
    return f"0.99{k:03d}5"


def judged(pair: Pair, records: list[WriteRecord]) -> list[Takeover]:
    """Check what the audit log says of a pair; returns how long each of its runs took."""
    written = [one for one in records if one.user == service_account_user(pair.home, ACCOUNT)]
    held = reigns(written, pair.home)
    assert len(held) > len(pair.runs)
    # A standby asks for its own rights like the leader, and nothing is stored of that.
    assert strays((one for one in written if one.resource != "leases" and not one.asks), held) == []
    writes = counted(written)
    children = [one for one in writes if one.resource == "prometheusrules" and one.verb == "patch" and one.ok]
    assert RESOURCES <= len(children) <= RESOURCES + pair.edits, "a write that nothing asked for"
    return [takeover(run, held, writes) for run in pair.runs]


def takeover(run: Run, held: list[Reign], writes: list[WriteRecord]) -> Takeover:
    reign = next(
        one for one in held if one.credential == run.standby.credential and (one.ends is None or one.ends > run.died)
    )
    before = held[held.index(reign) - 1]
    first = next(one for one in writes if reign.begins <= one.at and one.credential == reign.credential)
    released = (first.at - before.ends).total_seconds() if before.released and before.ends is not None else None
    return Takeover(
        run.end,
        (first.at - run.died).total_seconds(),
        released,
        (reign.begins - before.renewed).total_seconds(),
        (first.at - reign.begins).total_seconds(),
    )


def test_one_replica_writes_at_a_time_however_the_leader_ends(
    control_plane: ControlPlane, crds_applied: tuple[str, ...], tmp_path: Path
) -> None:
    control_plane.ensure_running()
    sweep(control_plane)
    chance = random.Random(SEED)
    turns = chance.sample(ENDS, len(ENDS))
    courses = [[turns[run % len(turns)] for run in range(number, RUNS, PAIRS)] for number in range(PAIRS)]
    counter = WriteCounter(control_plane.audit_log)
    counter.prove(control_plane)
    mark = counter.mark()
    pairs = [
        Pair(control_plane, f"pair{number}", tmp_path / str(number), random.Random(chance.random()))
        for number in range(PAIRS)
    ]

    def course(pair: Pair, ends: list[str]) -> None:
        with pair.running():
            for end in ends:
                pair.run(end)

    try:
        with rule_kinds(control_plane, served=True), ThreadPoolExecutor(PAIRS) as threads:
            for work in [threads.submit(course, *both) for both in zip(pairs, courses, strict=True)]:
                work.result()
            records = counter.settle(mark)
    finally:
        control_plane.ensure_running()
        sweep(control_plane)
        for pair in pairs:
            control_plane.kubectl("delete", "namespace", pair.home, pair.place, "--ignore-not-found", "--wait=false")
    found = [one for pair in pairs for one in judged(pair, records)]
    assert len(found) == RUNS
    print(f"\n{table(found)}\nedits: {sum(pair.edits for pair in pairs)}")
    print("slowest:", *sorted(found, key=lambda one: one.since_end)[-3:], sep="\n")
    slow = paced(1.0)
    orderly = [one.since_release for one in found if one.since_release is not None]
    assert not orderly or statistics.median(orderly) <= ORDERLY * slow
    late = [
        one
        for one in found
        if one.end != "stop" and one.since_end > CRASH * slow + (LATE if one.end == "lease answers lost" else 0.0)
    ]
    # The machine is shared with other work, which may hold up two in a hundred.
    assert len(late) <= RUNS // 50, late


def table(found: list[Takeover]) -> str:
    """Median and worst seconds of each end."""
    lines = []
    for end in ENDS:
        times = [one.since_end for one in found if one.end == end]
        if times:
            lines.append(f"{end}: {len(times)} runs, median {statistics.median(times):.1f} s, worst {max(times):.1f} s")
    released = [one.since_release for one in found if one.since_release is not None]
    if released:
        median, worst = statistics.median(released), max(released)
        lines.append(f"after the Lease was given back: median {median:.2f} s, worst {worst:.2f} s")
    return "\n".join(lines)
