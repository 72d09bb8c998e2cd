"""What a peak needed is given back once there is nothing to do, and not again for nothing."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from binnacle.cluster import heap

if TYPE_CHECKING:
    from binnacle.control.ports import Clock


class Turns:
    """A clock whose sleeps end when they are let."""

    def __init__(self) -> None:
        self.slept = asyncio.Queue[None]()

    async def sleep(self, _: float) -> None:
        await self.slept.get()

    async def turn(self) -> None:
        self.slept.put_nowait(None)
        for _ in range(3):
            await asyncio.sleep(0)


async def test_memory_is_given_back_after_work_and_only_when_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    trims: list[None] = []
    monkeypatch.setattr(heap, "_trim", lambda: trims.append(None))
    idle = [True]
    controller: Any = SimpleNamespace(worked=0, queue=SimpleNamespace(idle=lambda: idle[0]))
    clock = Turns()
    task = asyncio.create_task(heap.give_back(controller, cast("Clock", clock)))
    try:
        for worked, resting, expected in (
            (0, True, 0),
            (500, False, 0),
            (500, True, 1),
            (520, True, 1),
            (700, True, 2),
            # Connections that nobody uses any more are closed some time after the work.
            (710, True, 2),
            (710, True, 2),
            (710, True, 2),
            (710, False, 2),
            (710, True, 3),
            *(((710, True, 3),) * 6),
        ):
            controller.worked, idle[0] = worked, resting
            await clock.turn()
            assert len(trims) == expected, (worked, resting)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_it_can_be_asked_for_here() -> None:
    heap._trim()
