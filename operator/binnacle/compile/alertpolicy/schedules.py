"""Schedules as spans that a router of alerts knows: minutes of days in a zone, never past midnight, or days of the calendar."""

from datetime import UTC, date, datetime, timedelta

from binnacle.api.schedules import Schedule
from binnacle.intent.routing import Span, TimeInterval

_DAY = 1440


def interval(schedule: Schedule) -> TimeInterval:
    """Return the spans of a schedule: its own zone's wall clock for a weekly one, UTC for one that comes once.

    Spans are whole minutes. What begins or ends within a minute covers that minute.
    """
    if schedule.start is not None and schedule.end is not None:
        return TimeInterval(schedule.name, _once(schedule.start.at, schedule.end.at))
    return TimeInterval(schedule.name, _weekly(schedule))


def _weekly(schedule: Schedule) -> tuple[Span, ...]:
    zone = schedule.time_zone or "UTC"
    days = tuple(sorted({day for weekdays in schedule.weekdays or () for day in weekdays.days}))
    if schedule.times is None:
        return (Span(zone, weekdays=days),)
    spans: list[Span] = []
    for times in schedule.times:
        start, end = times.start_time.minutes, times.end_time.minutes
        if start < end:
            spans.append(Span(zone, start, end, days))
            continue
        spans.append(Span(zone, start, _DAY, days))
        if end:
            spans.append(Span(zone, 0, end, tuple(sorted((day + 1) % 7 for day in days))))
    return tuple(spans)


def _once(start: datetime, end: datetime) -> tuple[Span, ...]:
    """Split a stretch of time into the rest of its first day, whole days by month, and the beginning of its last day."""
    begin = start.astimezone(UTC)
    until = end.astimezone(UTC)
    if until.second:
        until += timedelta(seconds=60 - until.second)
    first, last = begin.date(), until.date()
    from_minute, to_minute = begin.hour * 60 + begin.minute, until.hour * 60 + until.minute
    if first == last:
        return (_part(first, from_minute, to_minute),)
    spans = [_part(first, from_minute, _DAY)]
    day = first + timedelta(days=1)
    while day < last:
        month_end = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        through = min(month_end, last - timedelta(days=1))
        spans.append(Span("UTC", days=(day.day, through.day), month=day.month, year=day.year))
        day = through + timedelta(days=1)
    if to_minute:
        spans.append(_part(last, 0, to_minute))
    return tuple(spans)


def _part(day: date, start: int, end: int) -> Span:
    return Span("UTC", start, end, days=(day.day, day.day), month=day.month, year=day.year)
