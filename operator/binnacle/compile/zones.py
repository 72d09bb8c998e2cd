"""Offsets of time zones, and local time as PromQL, which has no zones of its own.

Where a zone's clocks change is found by asking for its offsets, because Python's zones tell nothing else (PEP 615).
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from binnacle.promql import build as q
from binnacle.promql.nodes import Node

_DAY: Final = 86400


@lru_cache(maxsize=256)
def offsets(zone: str, first: int, last: int) -> tuple[tuple[int, int], ...]:
    """Return from when on a zone has which offset from UTC.

    Args:
        zone: IANA name.
        first: the second of the epoch that the first entry begins with.
        last: the second of the epoch that no entry begins behind.

    Returns:
        seconds of the epoch, ascending, each with the seconds that local time is ahead of UTC from then on.
    """
    place = ZoneInfo(zone)
    found = [(first, _offset(place, first))]
    before = first
    while before < last:
        after = min(before + _DAY, last)
        if _offset(place, after) != found[-1][1]:
            # Two changes on one day have never been.
            low, high = before, after
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(place, middle) == found[-1][1] else (low, middle)
            found.append((high, _offset(place, high)))
        before = after
    return tuple(found)


def local_time(zone: str, first: int, last: int, ahead: int = 0) -> Node:
    """Return the scalar that counts local seconds as `time()` counts those of UTC, plus `ahead`.

    Before `first` and behind `last` it goes on with the offset that is nearest.
    """
    (_, offset), *changes = offsets(zone, first, last)
    local = q.add(q.call("time"), q.num(offset + ahead))
    for at, changed in changes:
        step = q.mul(q.num(abs(changed - offset)), reached(at))
        local = q.add(local, step) if changed > offset else q.sub(local, step)
        offset = changed
    return local


def reached(at: int) -> Node:
    """Return the scalar that is 1 from a second of the epoch on, and 0 before it."""
    return q.cmp(">=", q.call("time"), q.num(at), return_bool=True)


def _offset(place: ZoneInfo, second: int) -> int:
    offset = datetime.fromtimestamp(second, UTC).astimezone(place).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0
