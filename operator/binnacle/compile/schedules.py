"""Schedules as PromQL: 1 while a schedule is on, nothing while it is not.

A weekly schedule is about the wall clock of its zone, as in Alertmanager: what the clocks skip does not happen, what they
repeat happens twice. All boundaries are whole minutes of UTC; what begins or ends within a minute covers that minute.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from binnacle.api.schedules import Schedule
from binnacle.compile.horizon import Horizon, epoch
from binnacle.compile.zones import local_time
from binnacle.promql import build as q
from binnacle.promql.nodes import Node

_MINUTE: Final = 60
_DAY: Final = 86400
_WEEK: Final = 7 * _DAY
_MONDAY: Final = 3 * _DAY
"""From the Monday before the epoch to the epoch, which began on a Thursday."""

Stretch = tuple[int, int]
"""From a second on to another, which is not included."""


def is_on(schedules: Sequence[Schedule], horizon: Horizon, history: int = 0) -> Node:
    """Return the expression that is 1, without labels, while any of the schedules is on.

    Args:
        schedules: at least one.
        horizon: for how long ahead the zones' offsets are written into it.
        history: milliseconds before the horizon's start for which it is right, too.
    """
    parts = [part for schedule in schedules for part in _parts(schedule, horizon, history)]
    return q.aggregate("group", (), q.or_(*parts))


def was_on(schedules: Sequence[Schedule], horizon: Horizon, lately: int, history: int = 0) -> Node:
    """Return the expression that is 1 while any of the schedules is on or was within the last milliseconds `lately`.

    A schedule changes at whole minutes, so looking at each minute misses nothing; the minute that was begun last is looked
    at by its beginning, so the range is longer by one.
    """
    minute = _MINUTE * 1000
    return q.call("max_over_time", q.subquery(is_on(schedules, horizon, history), lately + minute, minute))


def _parts(schedule: Schedule, horizon: Horizon, history: int) -> Iterable[Node]:
    if schedule.start is not None and schedule.end is not None:
        begin, end = int(schedule.start.at.timestamp()), int(schedule.end.at.timestamp())
        whole = (begin // _MINUTE * _MINUTE, -(-end // _MINUTE) * _MINUTE)
        return (_within(q.call("vector", q.call("time")), whole),)
    days = sorted({day for weekdays in schedule.weekdays or () for day in weekdays.days}) or range(7)
    times = [(one.start_time.minutes * _MINUTE, one.end_time.minutes * _MINUTE) for one in schedule.times or ()]
    spans = [(start, end if start < end else end + _DAY) for start, end in times or [(0, _DAY)]]
    if len(days) == 7:
        circle, stretches = _DAY, _merged(spans, _DAY)
    else:
        circle = _WEEK
        stretches = _merged([(day * _DAY + start, day * _DAY + end) for day in days for start, end in spans], _WEEK)
    if stretches == [(0, circle)]:
        return (q.call("vector", q.num(1)),)
    zone = schedule.time_zone or "UTC"
    ahead = _MONDAY if circle == _WEEK else 0
    local = local_time(zone, horizon.since(history), epoch(horizon.end), ahead)
    place = q.call("vector", q.mod(local, q.num(circle)))
    return tuple(_within(place, one) for one in stretches)


def _within(place: Node, stretch: Stretch) -> Node:
    return q.cmp("<", q.cmp(">=", place, q.num(stretch[0])), q.num(stretch[1]))


def _merged(stretches: Iterable[Stretch], circle: int) -> list[Stretch]:
    """Return the same stretches of a circle without overlaps: ascending, none across its end."""
    cut: list[Stretch] = []
    for start, end in stretches:
        cut += [(start, end)] if end <= circle else [(start, circle), (0, end - circle)]
    result: list[Stretch] = []
    for start, end in sorted(one for one in cut if one[0] < one[1]):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result
