"""Clocks that jump: whatever the wall clock says, what is written is what the resources want, once, and no later."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from binnacle.errors import TransientError
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets import conventions
from control.memory_world import LoopClock, MemoryCluster, Running, Write, thing

PLAIN, DATED = (ObjectRef("v1", "ConfigMap", "shop", f"binnacle-slo-{name}") for name in ("plain", "dated"))
KEY = Key("SLO", "shop", "plain")
RESOURCE = ObjectRef(conventions.API_VERSION, *KEY)
JUMPS = (timedelta(days=400), timedelta(days=-800), timedelta(hours=2), timedelta(seconds=-90))


class JumpingClock(LoopClock):
    """The loop's own time goes on evenly; the time of day and the date are ahead, or behind."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    def jump(self, by: timedelta) -> None:
        self.ahead += by
        self.date += timedelta(days=by.days)


@pytest.fixture
async def run() -> AsyncIterator[Running]:
    cluster, clock = MemoryCluster(), JumpingClock()
    async with Running(cluster, clock=clock) as running:
        cluster.put(thing("plain", text="1"))
        cluster.put(thing("shared", share="1"))
        cluster.put(thing("dated", text="1", dated=True))
        await running.settle()
        cluster.writes.clear()
        yield running


def jump(run: Running, by: timedelta) -> None:
    assert isinstance(run.clock, JumpingClock)
    run.clock.jump(by)


@pytest.mark.parametrize("by", JUMPS, ids=str)
async def test_a_jump_alone_writes_only_what_depends_on_the_date(run: Running, by: timedelta) -> None:
    before = run.clock.today().year
    jump(run, by)
    run.controller.renew()
    await run.controller.resync()
    await run.settle()
    renewed = [Write("apply", DATED)]
    # A calendar that goes back asks for nothing: what it is of a later year stays until it is looked at again.
    assert run.cluster.writes == (renewed if run.clock.today().year > before else [])
    assert run.cluster.useless == []


@pytest.mark.parametrize("by", JUMPS, ids=str)
async def test_work_goes_on_as_ever_after_a_jump(run: Running, by: timedelta) -> None:
    jump(run, by)
    run.cluster.put(thing("plain", text="2"))
    await run.settle()
    assert run.cluster.writes == [Write("apply", PLAIN), Write("status", RESOURCE)]
    run.cluster.writes.clear()
    run.cluster.remove(PLAIN)
    await run.settle()
    assert run.cluster.writes == [Write("apply", PLAIN)]


@pytest.mark.parametrize("by", JUMPS, ids=str)
async def test_a_pause_after_a_failure_is_as_long_as_it_was(run: Running, by: timedelta) -> None:
    run.cluster.fail["apply"] = [TransientError("not now")]
    run.cluster.put(thing("plain", text="2"))
    async with asyncio.timeout(10):
        while run.cluster.fail["apply"]:
            await asyncio.sleep(0.01)
        failed = run.clock.monotonic()
        jump(run, by)
        while not run.cluster.writes:
            await asyncio.sleep(0.01)
    # The first pause is a second, or half of it.
    assert 0.4 < run.clock.monotonic() - failed < 5
