"""Threads for work that must not hold up the event loop and may not be waited for too long.

Not the executors of the standard library: their threads have no room on the stack for what people write, and a process waits
at its end for whatever they are doing.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Self, TypeVar

from binnacle.promql.fences import STACK_BYTES

T = TypeVar("T")


@dataclass(slots=True)
class _Job:
    work: Callable[[], Any]
    future: "Future[Any]" = field(default_factory=Future)
    ended: bool = False
    given_up: bool = False
    replaced: bool = False


class Threads:
    """A few threads that take work in order.

    A thread cannot be stopped: work that nobody waits for any more runs to its end. Another thread then takes the place of
    the one that is busy with it, up to a number; work that has not begun is not begun.

    Args:
        count: how many there are.
        most: how many there may be, those included that are busy with what was given up.
    """

    def __init__(self, count: int, most: int) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._count, self._most = count, most
        self._running = 0
        self._given_up = 0

    @property
    def stuck(self) -> bool:
        """Whether every thread is busy with what was given up, so that nothing new would be begun."""
        return self._given_up >= self._running

    async def run(self, work: Callable[[], T]) -> T:
        """Have a thread do something and return the outcome; when this is cancelled, the work is given up."""
        job = _Job(work)
        self._jobs.put(job)
        try:
            outcome: T = await asyncio.wrap_future(job.future)
        except asyncio.CancelledError:
            self._give_up(job)
            raise
        return outcome

    def __enter__(self) -> Self:
        for _ in range(self._count):
            self._running += 1
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            for _number in range(self._running):
                self._jobs.put(None)

    def _give_up(self, job: _Job) -> None:
        if job.future.cancel():
            return  # it has not begun
        with self._lock:
            if job.ended:
                return
            job.given_up = True
            self._given_up += 1
            job.replaced = self._running < self._most
            self._running += job.replaced
        if job.replaced:
            self._start()

    def _start(self) -> None:
        before = threading.stack_size(STACK_BYTES)
        try:
            threading.Thread(target=self._serve, name="webhook", daemon=True).start()
        finally:
            threading.stack_size(before)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            _do(job)
            with self._lock:
                job.ended = True
                self._given_up -= job.given_up
                self._running -= job.replaced
            if job.replaced:
                return
            del job  # what it holds must not stay in memory until the next one


def _do(job: _Job) -> None:
    if not job.future.set_running_or_notify_cancel():
        return
    try:
        outcome = job.work()
    except BaseException as error:  # noqa: BLE001 - it is raised where the outcome is waited for
        job.future.set_exception(error)
    else:
        job.future.set_result(outcome)
