"""The election: its rules on a clock of our own, and two contenders on a real API server."""

import asyncio
import contextlib
import heapq
import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binnacle.cluster.connection import Connection, connect
from binnacle.cluster.lease import KubernetesLeaseGuard, LeaseRecord, LeaseTimes
from binnacle.cluster.leaseobject import LeaseObject
from binnacle.control.ports import Clock
from binnacle.errors import ConflictError, TransientError
from cluster.gate import Gate
from servers.cluster import Cluster
from servers.controlplane import ControlPlane
from servers.pace import paced
from servers.waiting import PATIENCE, eventually_async


class World:
    """Virtual time for many processes, each of which may have a wall clock of its own."""

    def __init__(self) -> None:
        self.time = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def monotonic(self) -> float:
        return self.time

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def today(self) -> date:
        return self.now().date()

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.time + seconds, next(self._order), future))
        await future

    async def run(self, seconds: float, each: "list[KubernetesLeaseGuard] | None" = None) -> None:
        """Let time pass; never may two of `each` hold the lease at one instant."""
        end = self.time + seconds
        while True:
            for _ in range(20):
                await asyncio.sleep(0)
            assert sum(guard.held() for guard in each or []) <= 1
            if not self._sleepers or self._sleepers[0][0] > end:
                break
            self.time, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
        self.time = end


class Records:
    """A lease in memory; each replica sees it through a link of its own that may be down."""

    def __init__(self) -> None:
        self.record: LeaseRecord | None = None
        self.version = itertools.count(1)

    def link(self) -> "Link":
        return Link(self)


class Link:
    def __init__(self, records: Records):
        self.records = records
        self.down = False
        self.failure: Exception = TransientError("down")
        self.loses_answers = False

    async def read(self) -> LeaseRecord | None:
        if self.down:
            raise self.failure
        return self.records.record

    async def write(self, holder: str, transitions: int, replaces: LeaseRecord | None) -> LeaseRecord:
        if self.down:
            raise self.failure
        if replaces != self.records.record:
            raise ConflictError("moved")
        record = LeaseRecord(holder, transitions, str(next(self.records.version)))
        self.records.record = record
        if self.loses_answers:
            raise TransientError("no answer")
        return record


class Replica:
    """One process that wants the lease."""

    def __init__(self, world: World, records: Records, name: str):
        self.link = records.link()
        self.losses: list[float] = []
        self.guard = KubernetesLeaseGuard(self.link, world, name, lambda: self.losses.append(world.time))
        self.task = asyncio.create_task(self.guard.run())

    def kill(self) -> None:
        self.task.cancel()


@pytest.fixture
async def world() -> World:
    return World()


@pytest.fixture
async def pair(world: World) -> AsyncIterator[tuple[Replica, Replica]]:
    records = Records()
    first = Replica(world, records, "first")
    await world.run(1)
    second = Replica(world, records, "second")
    await world.run(30, [first.guard, second.guard])
    assert first.guard.held()
    yield first, second
    for replica in (first, second):
        replica.kill()
        with contextlib.suppress(asyncio.CancelledError):
            await replica.task


async def test_a_killed_leader_is_followed_within_seventeen_seconds(
    world: World, pair: tuple[Replica, Replica]
) -> None:
    first, second = pair
    first.kill()
    await world.run(13, [second.guard])
    assert not second.guard.held()
    await world.run(4, [second.guard])
    assert second.guard.held()
    assert second.guard.epoch == first.guard.epoch + 1


async def test_a_released_lease_is_taken_within_a_second(world: World, pair: tuple[Replica, Replica]) -> None:
    first, second = pair
    first.kill()
    await first.guard.release()
    assert not first.guard.held()
    await world.run(1, [first.guard, second.guard])
    assert second.guard.held()


async def test_a_release_beside_a_running_guard_is_no_loss_and_is_not_undone(
    world: World, pair: tuple[Replica, Replica]
) -> None:
    first, second = pair
    for _ in range(3):
        await world.run(0.7, [first.guard, second.guard])
    renewal = asyncio.create_task(first.guard._renewed())
    await first.guard.release()
    await renewal
    assert not first.guard.held()
    await world.run(30, [first.guard, second.guard])
    assert second.guard.held()
    assert first.losses == []
    assert first.task.done()


async def test_a_leader_that_cannot_renew_stops_before_anybody_else_begins(
    world: World, pair: tuple[Replica, Replica]
) -> None:
    first, second = pair
    first.link.down = True
    cut = world.time
    await world.run(30, [first.guard, second.guard])
    assert second.guard.held()
    assert len(first.losses) == 1
    assert first.losses[0] - cut <= 12


async def test_who_gives_no_answer_is_told_of(
    world: World, pair: tuple[Replica, Replica], caplog: pytest.LogCaptureFixture
) -> None:
    for replica in pair:
        replica.link.down, replica.link.failure = True, TimeoutError()
    await world.run(5, [replica.guard for replica in pair])
    said = {record.getMessage() for record in caplog.records if record.levelname == "WARNING"}
    assert said == {
        "cannot renew the lease: it gave no answer in time",
        "cannot look at the lease: it gave no answer in time",
    }


async def test_a_short_outage_is_survived(world: World, pair: tuple[Replica, Replica]) -> None:
    first, second = pair
    first.link.down = True
    await world.run(5, [first.guard, second.guard])
    first.link.down = False
    await world.run(60, [first.guard, second.guard])
    assert first.guard.held()
    assert first.losses == []


async def test_a_renewal_whose_answer_was_lost_is_recognised(world: World, pair: tuple[Replica, Replica]) -> None:
    first, second = pair
    first.link.loses_answers = True
    await world.run(3, [first.guard, second.guard])
    first.link.loses_answers = False
    await world.run(60, [first.guard, second.guard])
    assert first.guard.held()


async def test_somebody_else_in_the_lease_is_a_loss_at_once(world: World, pair: tuple[Replica, Replica]) -> None:
    first, _ = pair
    record = first.link.records.record
    assert record is not None
    first.link.records.record = replace(record, holder="intruder", version="x")
    await world.run(2.1)
    assert not first.guard.held()
    assert len(first.losses) == 1


async def test_a_standby_cut_off_for_long_does_not_take_over_when_it_comes_back(
    world: World, pair: tuple[Replica, Replica]
) -> None:
    first, second = pair
    second.link.down = True
    await world.run(100, [first.guard, second.guard])
    second.link.down = False
    await world.run(60, [first.guard, second.guard])
    assert first.guard.held()
    assert not second.guard.held()


@given(st.lists(st.tuples(st.floats(0.1, 20), st.integers(0, 2), st.booleans(), st.booleans()), max_size=25))
@settings(max_examples=60, deadline=None)
def test_never_two_writers_and_never_none_for_long(steps: list[tuple[float, int, bool, bool]]) -> None:
    async def scenario() -> None:
        world, records = World(), Records()
        replicas = [Replica(world, records, f"r{n}") for n in range(3)]
        guards = [replica.guard for replica in replicas]
        for seconds, which, down, loses in steps:
            replicas[which].link.down, replicas[which].link.loses_answers = down, loses
            await world.run(seconds, guards)
            # A process that lost the lease ends, and its pod starts a new one.
            for index, replica in enumerate(replicas):
                if replica.task.done():
                    replicas[index] = Replica(world, records, f"r{index}.{world.time}")
            guards = [replica.guard for replica in replicas]
        for replica in replicas:
            replica.link.down = replica.link.loses_answers = False
        await world.run(20, guards)
        restarted = [Replica(world, records, f"new{n}") for n, r in enumerate(replicas) if r.task.done()]
        await world.run(20, [*guards, *(replica.guard for replica in restarted)])
        assert sum(guard.held() for guard in [*guards, *(replica.guard for replica in restarted)]) == 1
        for replica in [*replicas, *restarted]:
            replica.kill()
        await asyncio.gather(*(replica.task for replica in [*replicas, *restarted]), return_exceptions=True)

    asyncio.run(scenario())


@contextlib.asynccontextmanager
async def contender(
    connection: Connection, clock: Clock, namespace: str, identity: str, times: LeaseTimes | None = None
) -> AsyncIterator[tuple[KubernetesLeaseGuard, "asyncio.Task[None]"]]:
    async with connection.api_client() as api:
        times = times or LeaseTimes()
        records = LeaseObject(api, clock, namespace, "binnacle-test", times.duration)
        guard = KubernetesLeaseGuard(records, clock, identity, lambda: None, times)
        task = asyncio.create_task(guard.run())
        yield guard, task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_on_a_real_server_a_killed_leader_is_followed_within_twenty_seconds(
    cluster: Cluster, connection: Connection, clock: Clock, namespace: str
) -> None:
    async with contender(connection, clock, namespace, "first") as (first, task):
        await asyncio.wait_for(first.acquired(), PATIENCE)
        async with contender(connection, clock, namespace, "second") as (second, _):
            lease = cluster.get("lease", "binnacle-test", "-n", namespace)["spec"]
            assert lease["holderIdentity"] == "first"
            assert lease["leaseTransitions"] == 1
            await eventually_async(
                lambda: (
                    cluster.get("lease", "binnacle-test", "-n", namespace)["spec"]["renewTime"] > lease["renewTime"]
                ),
            )
            task.cancel()
            died = time.monotonic()
            await asyncio.wait_for(second.acquired(), PATIENCE)
            assert 10 < time.monotonic() - died < paced(20)
            assert not first.held()
            assert second.epoch == 2


async def test_on_a_real_server_a_released_lease_is_taken_within_two_seconds(
    cluster: Cluster, connection: Connection, clock: Clock, namespace: str
) -> None:
    async with contender(connection, clock, namespace, "first") as (first, task):
        await asyncio.wait_for(first.acquired(), PATIENCE)
        async with contender(connection, clock, namespace, "second") as (second, _):
            task.cancel()
            began = time.monotonic()
            await first.release()
            assert not first.held()
            await asyncio.wait_for(second.acquired(), PATIENCE)
            assert time.monotonic() - began < paced(2)
            assert cluster.get("lease", "binnacle-test", "-n", namespace)["spec"]["holderIdentity"] == "second"


async def test_on_a_real_server_a_leader_behind_a_dead_network_stops_in_time(
    control_plane: ControlPlane, connection: Connection, clock: Clock, namespace: str, tmp_path
) -> None:
    times = LeaseTimes(duration=3, renew_deadline=2, retry=0.4, poll=0.2)
    async with Gate(control_plane.url) as gate:
        kubeconfig = control_plane.admin_kubeconfig(tmp_path / "gate.kubeconfig", server=gate.url)
        async with (
            await connect(str(kubeconfig)) as behind,
            contender(behind, clock, namespace, "first", times) as (first, task),
        ):
            await asyncio.wait_for(first.acquired(), PATIENCE)
            async with contender(connection, clock, namespace, "second", times) as (second, _):
                promised = paced(4)
                gate.hang()
                await asyncio.wait_for(task, promised)
                assert not first.held()
                assert not second.held()
                await asyncio.wait_for(second.acquired(), promised)
