"""The first look at every resource after the start, and what waits for it: files that many resources fill.

Until a resource has been looked at, its part of such a file is what an earlier run left there, or nothing. Written once a
second meanwhile, the file would be written as often as the first look has seconds, and each time for parts of it only.

A file waits for the kinds that may have a part of it and for no other. So it is written while others are still looked at, and
a start does not end with the largest writes of all and with those who wait for them.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from binnacle.intent.refs import Key
from binnacle.targets.base import AggregateKey

LONGEST: Final = 30.0
"""Seconds that a file waits at most: an edit of a part of it must not wait for thousands of others."""


class FirstPass:
    """Which resources have not been looked at yet, and which files wait for that.

    Args:
        fills: name of a target -> the kinds that may have a part of its files; of one that is not here, all.
    """

    def __init__(self, fills: Mapping[str, Collection[str]]) -> None:
        self._fills = fills
        self._left: set[Key] = set()
        self._kinds: Counter[str] = Counter()
        self._waiting: dict[AggregateKey, float] = {}

    @property
    def under_way(self) -> bool:
        """Whether there is a resource that has not been looked at."""
        return bool(self._left)

    def begin(self, keys: Iterable[Key]) -> None:
        """Begin with these resources."""
        self._left = set(keys)
        self._kinds = Counter(key.kind for key in self._left)

    def done(self, key: Key | AggregateKey) -> tuple[AggregateKey, ...]:
        """Take note that a key was worked on; returns the files that need not wait any more because it was the last."""
        if not isinstance(key, Key) or key not in self._left:
            return ()
        self._left.discard(key)
        self._kinds[key.kind] -= 1
        if self._kinds[key.kind]:
            return ()
        released = tuple(file for file in self._waiting if not self._awaited(file))
        for file in released:
            del self._waiting[file]
        return released

    def pause(self, key: AggregateKey, now: float) -> float:
        """Return for how many seconds a file is to wait at most, from now on (monotonic seconds); 0 when it need not."""
        if not self._awaited(key):
            return 0.0
        since = self._waiting.setdefault(key, now)
        left = since + LONGEST - now
        if left <= 0:
            del self._waiting[key]
            return 0.0
        return left

    def _awaited(self, file: AggregateKey) -> bool:
        """Say whether there is a resource that has not been looked at and may have a part of a file."""
        return any(self._kinds[kind] for kind in self._fills.get(file.target, tuple(self._kinds)))
