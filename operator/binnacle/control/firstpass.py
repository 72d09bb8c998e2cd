"""The first look at every resource after the start, and what waits for it: files that many resources fill.

Until a resource has been looked at, its part of such a file is what an earlier run left there, or nothing. Written once a
second meanwhile, the file would be written as often as the first look has seconds, and each time for parts of it only.
"""

from collections.abc import Iterable
from typing import Final

from binnacle.control.cache import WorkKey
from binnacle.targets.base import AggregateKey

LONGEST: Final = 30.0
"""Seconds that a file waits at most: an edit of a part of it must not wait for thousands of others."""


class FirstPass:
    """Which resources have not been looked at yet, and which files wait for that."""

    def __init__(self) -> None:
        self._left: set[WorkKey] = set()
        self._waiting: dict[AggregateKey, float] = {}

    @property
    def under_way(self) -> bool:
        """Whether there is a resource that has not been looked at."""
        return bool(self._left)

    def begin(self, keys: Iterable[WorkKey]) -> None:
        """Begin with these resources."""
        self._left = set(keys)

    def done(self, key: WorkKey) -> tuple[AggregateKey, ...]:
        """Take note that a key was worked on; returns the files that need not wait any more because it was the last."""
        if key not in self._left:
            return ()
        self._left.discard(key)
        if self._left:
            return ()
        released, self._waiting = tuple(self._waiting), {}
        return released

    def pause(self, key: AggregateKey, now: float) -> float:
        """Return for how many seconds a file is to wait at most, from now on (monotonic seconds); 0 when it need not."""
        if not self._left:
            return 0.0
        since = self._waiting.setdefault(key, now)
        left = since + LONGEST - now
        if left <= 0:
            del self._waiting[key]
            return 0.0
        return left
