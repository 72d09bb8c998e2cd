"""Periods of the calendar in a time zone, and the current one as PromQL."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from binnacle.api.slo_window import CalendarUnit
from binnacle.api.values import Duration
from binnacle.compile.horizon import Horizon, epoch
from binnacle.compile.zones import reached
from binnacle.promql import build as q
from binnacle.promql.nodes import Node

_MONTHS: Final = {CalendarUnit.MONTH: 1, CalendarUnit.QUARTER: 3, CalendarUnit.YEAR: 12}
_LONGEST: Final = {CalendarUnit.WEEK: 7, CalendarUnit.MONTH: 31, CalendarUnit.QUARTER: 92, CalendarUnit.YEAR: 366}
_CLOCKS: Final = Duration.of(hours=2)
"""By how much a change of the clocks makes a day longer, at most."""


_FEW: Final = 3
"""Consecutive periods of one length that are written one by one."""


def longest(unit: CalendarUnit) -> Duration:
    """Return how long a period is at most."""
    return Duration(Duration.of(days=_LONGEST[unit]).ms + _CLOCKS.ms)


def starts(unit: CalendarUnit, zone: str, first: int, last: int) -> tuple[int, ...]:
    """Return the seconds of the epoch at which periods begin, from the last one not after `first` to the first one after `last`."""
    place = ZoneInfo(zone)
    begin = datetime.fromtimestamp(first, UTC).date() - timedelta(days=_LONGEST[unit] + 1)
    found: list[int] = []
    for day in _days(unit, begin):
        # Where the clocks skip midnight, this is the moment at which they do.
        found.append(int(datetime(day.year, day.month, day.day, tzinfo=place).timestamp()))
        if found[-1] > last:
            break
    return tuple(found[bisect_right(found, first) - 1 :])


@dataclass(frozen=True, slots=True)
class Periods:
    """Consecutive periods.

    Attributes:
        unit: what they are.
        zone: IANA name of the zone whose midnights part them.
        starts: seconds of the epoch at which they begin, ascending, at least two; the last one ends with the horizon.
    """

    unit: CalendarUnit
    zone: str
    starts: tuple[int, ...]

    @classmethod
    def of(cls, unit: CalendarUnit, zone: str, horizon: Horizon) -> "Periods":
        """Return the periods of a horizon, and those before it that an SLO's history reaches into."""
        return cls(unit, zone, starts(unit, zone, horizon.since(longest(unit).ms), epoch(horizon.end)))

    def start(self, delay: int = 0) -> Node:
        """Return the scalar that is the second of the epoch in which the current period began.

        Args:
            delay: seconds; the period that was current so long ago is meant.
        """
        result: Node = q.num(self.starts[0])
        for first, length, count in _runs(self.starts):
            last = first + length * count
            if count > _FEW:
                # Alike, as weeks are but for changes of the clocks: what has gone of the run, without what has gone of a period.
                gone = q.sub(q.call("time"), q.num(first + delay))
                within = q.sub(reached(first + delay), reached(last + delay))
                result = q.add(result, q.mul(q.sub(gone, q.mod(gone, q.num(length))), within))
                result = q.add(result, q.mul(q.num(length * count), reached(last + delay)))
                continue
            for number in range(1, count + 1):
                result = q.add(result, q.mul(q.num(length), reached(first + length * number + delay)))
        return result

    def days(self) -> Node:
        """Return the scalar that is the length of the current period in days."""
        lengths = [(first, length) for first, length, _ in _runs(self.starts)]
        result: Node = q.num(lengths[0][1])
        for (_, before), (at, after) in pairwise(lengths):
            step = q.mul(q.num(abs(after - before)), reached(at))
            result = q.add(result, step) if after > before else q.sub(result, step)
        return q.div(result, q.num(86400))


def _runs(starts: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return consecutive periods of one length together: when the first begins, how long each is, and how many."""
    runs: list[tuple[int, int, int]] = []
    for start, end in pairwise(starts):
        if runs and runs[-1][1] == end - start:
            first, length, count = runs[-1]
            runs[-1] = (first, length, count + 1)
        else:
            runs.append((start, end - start, 1))
    return runs


def _days(unit: CalendarUnit, since: date) -> Iterator[date]:
    """Yield the first days of periods, from the one that `since` lies in on."""
    if unit is CalendarUnit.WEEK:
        day = since - timedelta(days=since.weekday())
        while True:
            yield day
            day += timedelta(days=7)
    months = _MONTHS[unit]
    month = (since.year * 12 + since.month - 1) // months * months
    while True:
        yield date(month // 12, month % 12 + 1, 1)
        month += months
