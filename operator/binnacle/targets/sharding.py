"""Which of several objects holds which share: each below a size, and nobody moves without need.

A share stays where it is while it fits there; a new one goes to the first object with room. Objects that are emptied
keep their place, so no other share moves.
"""

from collections.abc import Mapping
from typing import TypeVar

K = TypeVar("K")


def place(sizes: Mapping[K, int], placed: Mapping[K, int], limit: int) -> dict[K, int]:
    """Return the shard of every share.

    Args:
        sizes: bytes of each share, in the order in which new ones are placed; none above `limit`.
        placed: where shares are now; others than those in `sizes` are gone.
        limit: bytes that one object holds.
    """
    result: dict[K, int] = {}
    used: dict[int, int] = {}
    for key, size in sizes.items():
        shard = placed.get(key)
        if shard is not None and used.get(shard, 0) + size <= limit:
            used[shard] = used.get(shard, 0) + size
            result[key] = shard
    for key, size in sizes.items():
        if key in result:
            continue
        shard = 0
        while used.get(shard, 0) + size > limit:
            shard += 1
        used[shard] = used.get(shard, 0) + size
        result[key] = shard
    return result
