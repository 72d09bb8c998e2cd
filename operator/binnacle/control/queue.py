"""The work queue: which key is worked on next, and when one that failed is tried again.

It holds keys, never objects or events, because reconciling looks at the whole state of a key and not at what changed.
From that follow its four laws, which the tests check as a state machine:

* **Nothing is lost.** A key added while it is being worked on is worked on once more afterwards.
* **Nothing runs twice at once.** A key that is being worked on is not given out again before `done`.
* **Nothing piles up.** A key waits at most once, at the most urgent of the priorities it was added with.
* **Nothing hammers.** A key that fails waits for a full-jitter exponential back-off with a cap; an edit ends the wait
  (the person may have repaired it), a resync does not.

The shape is that of controller-runtime's priority queue: resync and relist never delay an edit.
"""

import asyncio
import heapq
import itertools
import random
from collections.abc import Hashable
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

from binnacle.control.backoff import doubled
from binnacle.control.metrics import QueueMetrics
from binnacle.control.ports import Clock

K = TypeVar("K", bound=Hashable)

BACKOFF_BASE = 1.0
BACKOFF_CAP = 300.0


class Priority(IntEnum):
    """Lower is more urgent.

    A file that many resources fill goes before everything once it is due: it is due at most once a second, and behind a
    thousand edits those who have a part in it would wait for all of them.
    """

    SHARED = 0
    EDIT = 1
    DRIFT = 2
    DEPENDENT = 3
    OBSERVED = 4
    RESYNC = 5


@dataclass(slots=True)
class _Waiting:
    """A ready key. `entry` is the number of its entry in the heap; older entries of the key do not count."""

    priority: Priority
    since: float
    entry: int


@dataclass(frozen=True, slots=True)
class _Due:
    """A key that waits for its time (monotonic seconds); `entry` as above."""

    at: float
    priority: Priority
    entry: int


_SLACK = 64
"""Entries of a heap that may be out of date before it is cleared of them."""


class WorkQueue(Generic[K]):
    """A deduplicating priority queue of keys with delayed adds and per-key back-off; single event loop, no threads."""

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        metrics: QueueMetrics | None = None,
        *,
        backoff_base: float = BACKOFF_BASE,
        backoff_cap: float = BACKOFF_CAP,
    ):
        self._clock = clock
        self._rng = rng
        self._metrics = metrics
        self._backoff_base = backoff_base
        self._backoff_cap = backoff_cap
        self._sequence = itertools.count()
        self._ready: dict[K, _Waiting] = {}
        self._ready_heap: list[tuple[int, int, K]] = []
        self._delayed: dict[K, _Due] = {}
        self._delayed_heap: list[tuple[float, int, K]] = []
        self._processing: dict[K, float] = {}
        self._again: dict[K, Priority] = {}
        self._failures: dict[K, int] = {}
        self._wake = asyncio.Event()
        self._closed = False
        if metrics is not None:
            # Told when they are asked for: what hangs sends no word of it.
            metrics.unfinished_seconds.set_function(lambda: sum(self._taken()))
            metrics.longest_seconds.set_function(lambda: max(self._taken(), default=0.0))

    def _taken(self) -> list[float]:
        """Return how many seconds each piece of work that is not over has taken."""
        now = self._clock.monotonic()
        return [now - since for since in self._processing.values()]

    def __len__(self) -> int:
        """Return how many keys are ready to be worked on."""
        return len(self._ready)

    @property
    def processing(self) -> int:
        """How many keys are being worked on."""
        return len(self._processing)

    @property
    def delayed(self) -> int:
        """How many keys wait for their time."""
        return len(self._delayed)

    def state(self, key: K) -> str:
        """Say in words where a key is: for people, who ask why nothing happens."""
        now = self._clock.monotonic()
        parts = []
        if key in self._processing:
            parts.append(f"being worked on for {now - self._processing[key]:.1f} s")
        if key in self._again:
            parts.append(f"to be worked on once more at once ({self._again[key].name.lower()})")
        if key in self._ready:
            waiting = self._ready[key]
            parts.append(f"ready for {now - waiting.since:.1f} s ({waiting.priority.name.lower()})")
        if key in self._delayed:
            due = self._delayed[key]
            parts.append(f"due in {max(due.at - now, 0.0):.1f} s ({due.priority.name.lower()})")
        if key in self._failures:
            parts.append(f"failed {self._failures[key]} times in a row")
        return "; ".join(parts) or "nothing to do"

    def idle(self) -> bool:
        """Say whether nothing is ready, running, or to be run again; keys waiting for their time do not count."""
        self._promote()
        return not (self._ready or self._processing or self._again)

    def add(self, key: K, priority: Priority = Priority.EDIT) -> None:
        """Ask for `key` to be worked on now, or as soon as it is not being worked on any more.

        A key that waits for its back-off is brought forward by an edit or by drift, and left waiting by the rest.
        """
        if self._metrics is not None:
            self._metrics.adds.inc()
        if key in self._processing:
            self._again[key] = min(priority, self._again.get(key, priority))
        else:
            self._bring_forward(key, priority)

    def add_after(self, key: K, seconds: float, priority: Priority = Priority.DRIFT) -> None:
        """Ask for `key` in `seconds`.

        Of two requests the earlier time counts, and the more urgent priority. A key that is ready stays ready, at the
        more urgent of the two priorities: behind a resync of everything "now" may be later than `seconds`.
        """
        if key in self._ready:
            self._push(key, priority)
            return
        at = self._clock.monotonic() + max(seconds, 0.0)
        known = self._delayed.get(key)
        if known is not None:
            if known.at <= at and known.priority <= priority:
                return
            at, priority = min(known.at, at), min(known.priority, priority)
        self._delayed[key] = due = _Due(at, priority, next(self._sequence))
        heapq.heappush(self._delayed_heap, (at, due.entry, key))
        if len(self._delayed_heap) > 2 * len(self._delayed) + _SLACK:
            # A key that fails and is edited, again and again, leaves an entry for each of its pauses.
            self._delayed_heap = [(one.at, one.entry, delayed) for delayed, one in self._delayed.items()]
            heapq.heapify(self._delayed_heap)
        self._wake.set()

    def retry(self, key: K, at_least: float = 0.0) -> float:
        """Ask for `key` again after its back-off: `base * 2^n` with full jitter, capped, not below `at_least` seconds.

        Returns the pause in seconds.
        """
        self._promote()  # what has become due during the work came before the failure, and is no reason to skip the pause
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        if self._metrics is not None:
            self._metrics.retries.inc()
        ceiling = doubled(failures, self._backoff_base, self._backoff_cap)
        # A pause of nearly nothing would make the first retries useless: jitter spans the upper half.
        pause = max(ceiling / 2 + self._rng.random() * ceiling / 2, at_least)
        self.add_after(key, pause)
        return pause

    def forget(self, key: K) -> None:
        """Reset the back-off of `key`: it succeeded, or it is a new generation."""
        self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        """Return how often `key` failed in a row."""
        return self._failures.get(key, 0)

    def pop(self) -> K | None:
        """Take the most urgent ready key, or None. The caller must call `done` for it."""
        self._promote()
        while self._ready_heap:
            _, entry, key = heapq.heappop(self._ready_heap)
            waiting = self._ready.get(key)
            if waiting is None or waiting.entry != entry:
                continue  # superseded by a more urgent entry
            del self._ready[key]
            self._processing[key] = self._clock.monotonic()
            if self._metrics is not None:
                self._metrics.depth.set(len(self._ready))
                self._metrics.wait_seconds.observe(self._clock.monotonic() - waiting.since)
            return key
        return None

    async def get(self) -> K | None:
        """Wait for a key and take it; None once the queue is closed."""
        while not self._closed:
            key = self.pop()
            if key is not None:
                return key
            self._wake.clear()
            pause = self._next_due()
            if pause is None:
                await self._wake.wait()
            else:
                try:
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        self._wake.set()  # let the other waiters see the end too
        return None

    def done(self, key: K) -> None:
        """Say that the work on `key` is over; if it was added meanwhile it becomes ready again, as by `add`."""
        started = self._processing.pop(key, None)
        if self._metrics is not None and started is not None:
            self._metrics.work_seconds.observe(self._clock.monotonic() - started)
        priority = self._again.pop(key, None)
        if priority is not None:
            self._bring_forward(key, priority)

    def clear(self) -> None:
        """Forget every key that waits, and its pause; to be called while nothing is being worked on."""
        self._ready.clear()
        self._ready_heap.clear()
        self._delayed.clear()
        self._delayed_heap.clear()
        self._failures.clear()
        if self._metrics is not None:
            self._metrics.depth.set(0)

    def close(self) -> None:
        """Give out no more keys; those who wait get None."""
        self._closed = True
        self._wake.set()

    def _bring_forward(self, key: K, priority: Priority) -> None:
        delayed = self._delayed.get(key)
        if delayed is not None:
            if key in self._failures and priority > Priority.DRIFT:
                return
            del self._delayed[key]
            # What was due in a moment must not stand behind thousands of others because a resync came first.
            priority = min(priority, delayed.priority)
        self._push(key, priority)

    def _push(self, key: K, priority: Priority) -> None:
        waiting = self._ready.get(key)
        entry = next(self._sequence)
        if waiting is not None:
            if waiting.priority <= priority:
                return
            waiting.priority, waiting.entry = priority, entry
        else:
            self._ready[key] = _Waiting(priority, self._clock.monotonic(), entry)
            if self._metrics is not None:
                self._metrics.depth.set(len(self._ready))
        heapq.heappush(self._ready_heap, (priority, entry, key))
        if len(self._ready_heap) > 2 * len(self._ready) + _SLACK:
            self._ready_heap = [(one.priority, one.entry, ready) for ready, one in self._ready.items()]
            heapq.heapify(self._ready_heap)
        self._wake.set()

    def _promote(self) -> None:
        now = self._clock.monotonic()
        while self._delayed_heap and self._delayed_heap[0][0] <= now:
            _, entry, key = heapq.heappop(self._delayed_heap)
            due = self._delayed.get(key)
            if due is None or due.entry != entry:
                continue  # superseded
            del self._delayed[key]
            if key in self._processing:
                self._again[key] = min(due.priority, self._again.get(key, due.priority))
            else:
                self._push(key, due.priority)

    def _next_due(self) -> float | None:
        while self._delayed_heap:
            at, entry, key = self._delayed_heap[0]
            due = self._delayed.get(key)
            if due is None or due.entry != entry:
                heapq.heappop(self._delayed_heap)
                continue
            return max(at - self._clock.monotonic(), 0.0)
        return None
