"""An event loop on a thread of its own, for servers beside tests that have no event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

from servers.waiting import PATIENCE

T = TypeVar("T")


class Background:
    """Runs coroutines until the end of its context."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def run(self, work: Coroutine[Any, Any, T], limit: float = PATIENCE) -> T:
        """The result of ``work``, run on the thread's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(limit)

    async def _end(self) -> None:
        """End what still runs, such as requests that nobody answers any more."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=5)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
