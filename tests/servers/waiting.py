"""Waiting for a condition with a limit, in place of sleeping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 180.0
"""Seconds to wait for what is only to happen at all. It says nothing of how long things take: only a failing test waits so long,
and a machine that is starved of its processors must not make one fail."""


def eventually(
    condition: Callable[[], T], *, limit: float = PATIENCE, every: float = 0.05, what: str = "the condition"
) -> T:
    """The first true value of ``condition``, asked every ``every`` seconds for at most ``limit`` seconds.

    A test that promises a time passes `servers.pace.paced` of it as the limit. An exception counts as "not yet"; the last one is the cause of the TimeoutError.

    Raises:
        TimeoutError: it stayed false; the message has the last value.
    """
    deadline = time.monotonic() + limit
    while True:
        outcome, error = _ask(condition)
        if error is None and outcome:
            return outcome
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what} did not hold within {limit:g} s; last: {error or outcome!r}") from error
        time.sleep(every)


async def eventually_async(
    condition: Callable[[], T], *, limit: float = PATIENCE, every: float = 0.05, what: str = "the condition"
) -> T:
    """`eventually` for tests whose event loop must go on meanwhile."""
    deadline = time.monotonic() + limit
    while True:
        outcome, error = await asyncio.to_thread(_ask, condition)
        if error is None and outcome:
            return outcome
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what} did not hold within {limit:g} s; last: {error or outcome!r}") from error
        await asyncio.sleep(every)


def _ask(condition: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return condition(), None
    except Exception as error:  # noqa: BLE001 - whatever is wrong now may be right on the next try
        return None, error
