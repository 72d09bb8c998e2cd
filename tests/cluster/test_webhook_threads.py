"""Threads: what is given up takes nobody's place for long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from binnacle.cluster.webhook.threads import Threads
from servers.waiting import PATIENCE


def spinning(end: threading.Event) -> Callable[[], str]:
    def work() -> str:
        while not end.wait(0.001):
            pass
        return "at last"

    return work


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.005)


async def gave_up(threads: Threads, work: Callable[[], str]) -> asyncio.Task[str]:
    """Begin something, and give it up once it has begun."""
    begun = threading.Event()

    def noted() -> str:
        begun.set()
        return work()

    task = asyncio.create_task(threads.run(noted))
    assert await asyncio.to_thread(begun.wait, PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return task


async def test_others_take_the_place_of_what_was_given_up_and_leave_it_again() -> None:
    end = threading.Event()
    with Threads(1, 3) as threads:
        for number in range(3):
            assert not threads.stuck
            assert await threads.run(lambda number=number: number) == number
            await gave_up(threads, spinning(end))
        assert threads.stuck
        late = asyncio.create_task(threads.run(lambda: "late"))
        await asyncio.sleep(0)
        assert not late.done()
        end.set()
        async with asyncio.timeout(PATIENCE):
            assert await late == "late"
        await until(lambda: (threads._running, threads._given_up) == (1, 0))
        assert await threads.run(lambda: "again") == "again"


async def test_what_has_not_begun_is_not_begun() -> None:
    end, done = threading.Event(), []
    with Threads(1, 1) as threads:
        first = asyncio.create_task(threads.run(spinning(end)))
        second = asyncio.create_task(threads.run(lambda: done.append(2)))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert not threads.stuck
        end.set()
        async with asyncio.timeout(PATIENCE):
            assert await first == "at last"
            await threads.run(lambda: done.append(3))
    assert done == [3]


async def test_errors_are_raised_where_the_outcome_is_waited_for() -> None:
    def wrong() -> None:
        raise KeyError("x")

    with Threads(1, 1) as threads:
        with pytest.raises(KeyError):
            await threads.run(wrong)
        assert await threads.run(lambda: 1) == 1


async def test_they_have_the_stack_that_parsing_needs_and_nobody_else_gets_it() -> None:
    before = threading.stack_size()

    def deep(level: int) -> int:
        return level and deep(level - 1)

    with Threads(1, 1) as threads:
        assert await threads.run(lambda: deep(800)) == 0
    assert threading.stack_size() == before
