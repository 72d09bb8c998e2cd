"""The horizon of what is compiled from a calendar: until when the rules know a zone's offsets, and when they are made anew.

Rules know UTC only, so offsets and boundaries are written into them for some time ahead. That is the same for all days
between two renewals, so that nothing changes from day to day; the renewals are on fixed dates of the year, so that all that
is compiled on one day agrees.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

_RENEWALS: Final = ((5, 1), (11, 1))
"""Month and day. Neither is near a change of the clocks or the end of a year, when few people want anything to change."""
_AHEAD: Final = timedelta(days=400)
"""What is left of a horizon when it is renewed."""

_FIRST: Final = date(1970, 1, 1)
_LAST: Final = date(9990, 1, 1)


@dataclass(frozen=True, slots=True)
class Horizon:
    """What a compilation knows of the calendar.

    Attributes:
        start: the last renewal.
        renew: the next one: from this date on the same resource compiles to something new.
        end: the first date that is not known any more, at least 400 days behind every date before `renew`.
    """

    start: date
    renew: date
    end: date

    @classmethod
    def of(cls, today: date) -> "Horizon":
        """Return the horizon of what is compiled on a date; before and behind the years that clocks show, the nearest one."""
        today = min(max(today, _FIRST), _LAST)
        days = [date(today.year + years, *day) for years in (-1, 0, 1) for day in _RENEWALS]
        renew = next(day for day in days if day > today)
        return cls(days[days.index(renew) - 1], renew, renew + _AHEAD)

    def since(self, milliseconds: int) -> int:
        """Return the second of the epoch that lies so long before the start: history is evaluated too, when it is filled in."""
        return epoch(self.start) - milliseconds // 1000


def epoch(day: date) -> int:
    """Return the second of the epoch in which a date begins, UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
