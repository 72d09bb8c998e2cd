"""Schedules: spans of local time that come again each week, or once; the terms are Alertmanager's.

Times are local to an IANA zone. What a span means in UTC on a given day, daylight saving included, is the compiler's to work
out; here a schedule is only read.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Final, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from binnacle.api.cel import Cel
from binnacle.api.model import Items, Law, Model, TextValue, refusal
from binnacle.api.values import DnsLabel, Shape
from binnacle.errors import SpecError

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""Names of the days; the index is Python's `date.weekday()`."""

TIME_PATTERN: Final = "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"
_DAY: Final = f"({'|'.join(WEEKDAYS)})"
WEEKDAYS_PATTERN: Final = f"^{_DAY}(:{_DAY})?$"
MOMENT_PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$"


@dataclass(frozen=True, slots=True, order=True)
class TimeOfDay(TextValue):
    """A local time as minutes after midnight, 0 to 1440 (`24:00`, the end of the day)."""

    minutes: int
    pattern: ClassVar[str] = TIME_PATTERN
    says: ClassVar[str] = "a time of day in quotes, from 00:00 to 24:00"
    length: ClassVar[int] = 5

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read `HH:MM`, whose shape has been checked."""
        hours, minutes = text.split(":")
        return cls(int(hours) * 60 + int(minutes))

    def __str__(self) -> str:
        return f"{self.minutes // 60:02d}:{self.minutes % 60:02d}"


@dataclass(frozen=True, slots=True)
class Weekdays(TextValue):
    """A day or a range of days, both ends included; a range may pass the end of the week (`saturday:monday`)."""

    first: int
    last: int
    pattern: ClassVar[str] = WEEKDAYS_PATTERN
    says: ClassVar[str] = "a day in English and lower case, or a range of days: saturday, monday:friday"
    length: ClassVar[int] = 19

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a day or a range of days, whose shape has been checked."""
        first, _, last = text.partition(":")
        return cls(WEEKDAYS.index(first), WEEKDAYS.index(last or first))

    @property
    def days(self) -> tuple[int, ...]:
        """The days from first to last, as `date.weekday()` counts them."""
        return tuple((self.first + step) % 7 for step in range((self.last - self.first) % 7 + 1))

    def __str__(self) -> str:
        first, last = WEEKDAYS[self.first], WEEKDAYS[self.last]
        return first if first == last else f"{first}:{last}"


@dataclass(frozen=True, slots=True, order=True)
class Moment(TextValue):
    """A moment, with its offset from UTC (RFC 3339, whole seconds)."""

    at: datetime
    pattern: ClassVar[str] = MOMENT_PATTERN
    says: ClassVar[str] = 'a date and time with an offset, in quotes: "2026-12-24T22:00:00Z"'
    length: ClassVar[int] = 25

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a moment, whose shape has been checked.

        Raises:
            SpecError: there is no such day or time.
        """
        try:
            return cls(datetime.fromisoformat(text))
        except ValueError:
            raise SpecError(f"There is no such moment as {text}.", fix=f"Write {cls.says}.") from None

    def __str__(self) -> str:
        return self.at.isoformat().replace("+00:00", "Z")


def _known_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise SpecError(
            f"There is no time zone {name}.", fix="Write an IANA name such as Europe/Berlin or UTC."
        ) from None


TimeZone = Annotated[
    str,
    Shape("^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$", "an IANA name such as Europe/Berlin or UTC", 64),
    Law(_known_zone),
]
"""An IANA time zone. Abbreviations of regions (`CET`) are zones of their own there; what the server cannot know, files can."""


class TimeRange(Model):
    """A span of the day; one that ends at or before its start runs past midnight."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel("self.startTime != self.endTime", "Choose another end; 00:00 to 24:00 is the whole day.", ".endTime"),
        Cel("self.startTime != '24:00'", "Write 00:00 for the beginning of a day.", ".startTime"),
    )

    start_time: Annotated[TimeOfDay, Field(description="Local time at which the span begins.")]
    end_time: Annotated[
        TimeOfDay, Field(description="Local time at which it ends, not included; 24:00 is the end of the day.")
    ]

    @model_validator(mode="after")
    def _a_span(self) -> Self:
        if self.start_time == self.end_time:
            raise refusal(
                "The span has no length.", fix="Choose another end; 00:00 to 24:00 is the whole day.", at=("endTime",)
            )
        if str(self.start_time) == "24:00":
            raise refusal("No span begins at 24:00.", fix="Write 00:00 for the beginning of a day.", at=("startTime",))
        return self


class Schedule(Model):
    """A named set of spans: either weekly in a time zone, or once from a moment to another."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "(has(self.start) && has(self.end)) != has(self.timeZone) && has(self.start) == has(self.end)",
            "Give either timeZone (with weekdays, times or both) or start and end.",
        ),
        Cel(
            "has(self.timeZone) ? has(self.weekdays) || has(self.times) : !has(self.weekdays) && !has(self.times)",
            "Give weekdays, times or both, together with timeZone.",
        ),
        Cel(
            "!has(self.start) || !has(self.end) || timestamp(self.start) < timestamp(self.end)",
            "Choose an end after the start.",
            ".end",
        ),
    )

    name: Annotated[DnsLabel, Field(description="Name of the schedule within the resource.")]
    time_zone: Annotated[TimeZone | None, Field(description="IANA time zone of the times, such as Europe/Berlin.")] = (
        None
    )
    weekdays: Annotated[
        Annotated[tuple[Weekdays, ...], Items("atomic", 7, least=1)] | None,
        Field(description="Days on which a span begins: saturday, monday:friday. Absent means every day."),
    ] = None
    times: Annotated[
        Annotated[tuple[TimeRange, ...], Items("atomic", 24, least=1)] | None,
        Field(description="Spans of these days. Absent means the whole day."),
    ] = None
    start: Annotated[Moment | None, Field(description="When a schedule that comes once begins.")] = None
    end: Annotated[Moment | None, Field(description="When it ends.")] = None

    @model_validator(mode="after")
    def _weekly_or_once(self) -> Self:
        weekly = self.weekdays is not None or self.times is not None
        both_ends = self.start is not None and self.end is not None
        if (self.start is None) != (self.end is None) or both_ends == (self.time_zone is not None):
            raise refusal(
                "The schedule is neither weekly nor once.",
                fix="Give either timeZone (with weekdays, times or both) or start and end.",
            )
        if weekly != (self.time_zone is not None):
            raise refusal(
                "The schedule has no spans, or no zone.", fix="Give weekdays, times or both, together with timeZone."
            )
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise refusal("The schedule ends before it begins.", fix="Choose an end after the start.", at=("end",))
        return self
