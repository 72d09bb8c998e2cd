"""Threads for work that must not hold up the event loop and may not be waited for too long.

Not the executors of the standard library: their threads have no room on the stack for what people write, and a process waits
at its end for whatever they are doing.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Self, TypeVar

from binnacle.promql.fences import STACK_BYTES

T = TypeVar("T")

_Job = tuple["Future[Any]", Callable[[], Any]]


class Threads:
    """A fixed number of threads that take work in order.

    Work that nobody waits for any more is not begun. What has begun runs to its end, whoever waits: a thread cannot be stopped;
    meanwhile the others go on.

    Args:
        count: how many.
    """

    def __init__(self, count: int) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._count = count

    async def run(self, work: Callable[[], T]) -> T:
        """Have a thread do something and return the outcome. When this is cancelled while it waits, it is not begun."""
        future: Future[T] = Future()
        self._jobs.put((future, work))
        return await asyncio.wrap_future(future)

    def __enter__(self) -> Self:
        before = threading.stack_size(STACK_BYTES)
        try:
            for number in range(self._count):
                threading.Thread(target=self._serve, name=f"webhook-{number}", daemon=True).start()
        finally:
            threading.stack_size(before)
        return self

    def __exit__(self, *_: object) -> None:
        for _number in range(self._count):
            self._jobs.put(None)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            _do(*job)
            del job  # what it holds must not stay in memory until the next one


def _do(future: "Future[Any]", work: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        outcome = work()
    except BaseException as error:  # noqa: BLE001 - it is raised where the outcome is waited for
        future.set_exception(error)
    else:
        future.set_result(outcome)
