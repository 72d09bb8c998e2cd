"""The work queue against a model of it, step by step."""

import asyncio
import os
import random
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from binnacle.control.queue import BACKOFF_BASE, BACKOFF_CAP, Priority, WorkQueue


class ManualClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def today(self) -> date:
        return self.now().date()

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


KEYS = st.sampled_from(["a", "b", "c", "d"])


EXAMPLES = int(os.environ.get("BINNACLE_SURVIVAL_EXAMPLES", "200"))


class QueueMachine(RuleBasedStateMachine):
    """Model: which keys owe a run and how urgently (`owed`), which run, and when a delayed one is due."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.queue: WorkQueue[str] = WorkQueue(self.clock, random.Random(1))
        self.owed: dict[str, Priority] = {}
        self.running: set[str] = set()
        self.added_while_running: dict[str, Priority] = {}
        self.due: dict[str, tuple[float, Priority]] = {}
        self.failures: dict[str, int] = {}

    @rule(key=KEYS, priority=st.sampled_from(Priority))
    def add(self, key: str, priority: Priority) -> None:
        self.ripen()
        self.queue.idle()  # takes in what has become due, as `pop` does
        self.queue.add(key, priority)
        if key in self.running:
            self.add_while_running(key, priority)
        else:
            self.owe(key, priority)

    def add_while_running(self, key: str, priority: Priority) -> None:
        self.added_while_running[key] = min(priority, self.added_while_running.get(key, priority))

    def owe(self, key: str, priority: Priority) -> None:
        if key in self.due and self.failures.get(key) and priority > Priority.DRIFT:
            return  # a resync does not end a back-off; the key still comes when it is due
        _, waiting = self.due.pop(key, (0, priority))
        self.owed[key] = min(priority, waiting, self.owed.get(key, priority))

    @rule(key=KEYS, seconds=st.floats(0, 50), priority=st.sampled_from(Priority))
    def add_after(self, key: str, seconds: float, priority: Priority) -> None:
        self.queue.add_after(key, seconds, priority)
        if key in self.owed:
            self.owed[key] = min(priority, self.owed[key])
        else:
            self.delay(key, self.clock.at + seconds, priority)

    def delay(self, key: str, at: float, priority: Priority) -> None:
        earlier, more_urgent = self.due.get(key, (at, priority))
        self.due[key] = (min(at, earlier), min(priority, more_urgent))

    @rule(seconds=st.floats(0.1, 400))
    def time_passes(self, seconds: float) -> None:
        self.clock.at += seconds

    def ripen(self) -> None:
        for key, (at, priority) in list(self.due.items()):
            if at <= self.clock.at:
                del self.due[key]
                if key in self.running:
                    self.add_while_running(key, priority)
                else:
                    self.owed[key] = priority

    @rule()
    def pop(self) -> None:
        self.ripen()
        key = self.queue.pop()
        if key is None:
            assert not self.owed
            return
        assert key not in self.running
        assert self.owed.pop(key) <= min(self.owed.values(), default=max(Priority))
        self.running.add(key)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), fails=st.booleans(), asked=st.just(0.0) | st.floats(0, 400))
    def finish(self, data: st.DataObject, fails: bool, asked: float) -> None:
        key = data.draw(st.sampled_from(sorted(self.running)))
        self.ripen()
        if fails:
            pause = self.queue.retry(key, asked)
            tries = self.failures.get(key, 0)
            ceiling = min(BACKOFF_CAP, BACKOFF_BASE * 2**tries)
            assert max(asked, ceiling / 2) <= pause <= max(asked, ceiling)
            self.failures[key] = tries + 1
            self.delay(key, self.clock.at + pause, Priority.DRIFT)
        else:
            self.queue.forget(key)
            self.failures.pop(key, None)
        self.queue.done(key)
        self.running.discard(key)
        if key in self.added_while_running:
            self.owe(key, self.added_while_running.pop(key))

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.queue) <= len(self.owed) + len(self.due)
        assert self.queue.processing == len(self.running)

    def teardown(self) -> None:
        """Whatever happened: in the end every key that is owed a run gets it, once."""
        for key in list(self.running):
            self.queue.done(key)
            if key in self.added_while_running:
                self.owe(key, self.added_while_running.pop(key))
        self.clock.at += 10 * BACKOFF_CAP
        owed = self.owed.keys() | self.due.keys()
        seen = []
        while (key := self.queue.pop()) is not None:
            seen.append(key)
            self.queue.done(key)
        assert sorted(seen) == sorted(owed)


QueueMachine.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None)
TestQueue = QueueMachine.TestCase


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_an_edit_goes_before_a_thousand_resyncs(clock: ManualClock) -> None:
    queue: WorkQueue[str] = WorkQueue(clock, random.Random(1))
    for number in range(1000):
        queue.add(f"old-{number}", Priority.RESYNC)
    queue.add("edited")
    assert queue.pop() == "edited"


def test_a_key_is_raised_to_the_most_urgent_priority_it_was_added_with(clock: ManualClock) -> None:
    queue: WorkQueue[str] = WorkQueue(clock, random.Random(1))
    queue.add("a", Priority.RESYNC)
    queue.add("b", Priority.OBSERVED)
    queue.add("a", Priority.EDIT)
    assert [queue.pop(), queue.pop(), queue.pop()] == ["a", "b", None]


@pytest.mark.parametrize("first", ["resync", "share"])
def test_an_aggregate_that_is_due_soon_does_not_fall_behind_a_resync(clock: ManualClock, first: str) -> None:
    queue: WorkQueue[str] = WorkQueue(clock, random.Random(1))
    if first == "share":
        queue.add_after("aggregate", 1.0, Priority.DRIFT)
    for number in range(1000):
        queue.add(f"old-{number}", Priority.RESYNC)
    queue.add("aggregate", Priority.RESYNC)
    if first == "resync":
        queue.add_after("aggregate", 1.0, Priority.DRIFT)
    clock.at += 1.0
    assert queue.pop() == "aggregate"


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(Priority), st.booleans())))
def test_among_equals_who_asked_first_comes_first(steps: list[tuple[str, Priority, bool]]) -> None:
    queue: WorkQueue[str] = WorkQueue(ManualClock(), random.Random(1))
    waiting: dict[str, tuple[Priority, int]] = {}
    for number, (key, priority, take) in enumerate(steps):
        queue.add(key, priority)
        if key not in waiting or priority < waiting[key][0]:
            waiting[key] = (priority, number)
        if take:
            first = min(waiting, key=lambda one: waiting[one])
            assert queue.pop() == first
            queue.done(first)
            del waiting[first]


def test_a_storm_on_few_keys_leaves_nothing_behind(clock: ManualClock) -> None:
    queue: WorkQueue[str] = WorkQueue(clock, random.Random(1))
    queue.add("resynced", Priority.RESYNC)
    for number in range(10_000):
        key = f"k{number % 50}"
        queue.add(key, Priority.RESYNC)
        queue.add(key, Priority.EDIT)
        assert queue.pop() == key
        queue.retry(key, at_least=300)
        queue.done(key)
    assert len(queue._ready_heap) + len(queue._delayed_heap) < 500


def test_a_pause_that_the_other_side_asked_for_is_kept(clock: ManualClock) -> None:
    queue: WorkQueue[str] = WorkQueue(clock, random.Random(1))
    assert queue.retry("a", at_least=30) == 30
    clock.at += 29
    assert queue.pop() is None
    clock.at += 1
    assert queue.pop() == "a"


@pytest.mark.parametrize(("priority", "waits"), [(Priority.RESYNC, True), (Priority.EDIT, False)])
def test_what_comes_during_a_run_that_fails_ends_the_pause_only_if_it_is_an_edit(
    clock: ManualClock, priority: Priority, waits: bool
) -> None:
    queue: WorkQueue[str] = WorkQueue(clock, random.Random(1))
    queue.add("a")
    assert queue.pop() == "a"
    queue.add("a", priority)
    queue.retry("a")
    queue.done("a")
    assert queue.pop() == (None if waits else "a")
    clock.at += BACKOFF_BASE
    assert queue.pop() == ("a" if waits else None)


async def test_waiting_workers_get_keys_and_the_end() -> None:
    queue: WorkQueue[str] = WorkQueue(LoopClock(), random.Random(1))
    waiting = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    queue.add("a")
    queue.add_after("b", 0.01)
    done, _ = await asyncio.wait(waiting, timeout=2, return_when=asyncio.FIRST_COMPLETED)
    assert done
    async with asyncio.timeout(2):
        while sum(task.done() for task in waiting) < 2:
            await asyncio.wait([task for task in waiting if not task.done()], return_when=asyncio.FIRST_COMPLETED)
    assert sorted(task.result() or "" for task in waiting if task.done()) == ["a", "b"]
    queue.close()
    async with asyncio.timeout(2):
        assert None in await asyncio.gather(*waiting)


class LoopClock(ManualClock):
    """The event loop's own time."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()
