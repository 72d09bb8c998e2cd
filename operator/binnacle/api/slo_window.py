"""The time that an objective is about: one that ends now, or a period of the calendar."""

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from binnacle.api.cel import Cel
from binnacle.api.model import OneOf, refusal
from binnacle.api.reasons import Reason
from binnacle.api.schedules import TimeZone
from binnacle.api.values import Duration, duration_between


class CalendarUnit(StrEnum):
    """A period of the calendar."""

    WEEK = "Week"
    MONTH = "Month"
    QUARTER = "Quarter"
    YEAR = "Year"

    @property
    def usual(self) -> Duration:
        """How long it is taken to be where that must be one length."""
        return Duration.of(days={"Week": 7, "Month": 30, "Quarter": 91, "Year": 365}[self.value])


class Window(OneOf):
    """The time that the objective is about."""

    one_of: ClassVar[tuple[str, ...]] = ("rolling", "calendar")
    rules: ClassVar[tuple[Cel, ...]] = (
        Cel("!has(self.calendar) || has(self.timeZone)", "Add timeZone: its midnights part the periods.", ".timeZone"),
        Cel("!has(self.timeZone) || has(self.calendar)", "Leave timeZone out of a rolling window.", ".timeZone"),
    )

    rolling: Annotated[
        Annotated[Duration, duration_between("1d", "366d", whole="1h")] | None,
        Field(description="Length of a window that ends now: whole hours, from 1d to 366d. Either this or calendar."),
    ] = None
    calendar: Annotated[
        CalendarUnit | None,
        Field(
            description="A period of the calendar, with a full budget at its beginning: Week (from Monday on), Month, Quarter "
            "or Year. Either this or rolling."
        ),
    ] = None
    time_zone: Annotated[
        TimeZone | None, Field(description="IANA time zone in which the periods begin, such as Europe/Berlin.")
    ] = None

    @model_validator(mode="after")
    def _zone_of_a_calendar(self) -> Self:
        if self.calendar is not None and self.time_zone is None:
            raise refusal(
                "The calendar has no time zone.",
                fix="Add timeZone: its midnights part the periods.",
                reason=Reason.MISSING_FIELD,
                at=("timeZone",),
            )
        if self.calendar is None and self.time_zone is not None:
            raise refusal(
                "A rolling window has no time zone.", fix="Leave timeZone out, or write calendar.", at=("timeZone",)
            )
        return self

    @property
    def usual(self) -> Duration:
        """How long it is; a period of the calendar, how long it usually is."""
        return self.calendar.usual if self.calendar is not None else self.rolling or Duration(0)

    @property
    def words(self) -> str:
        """What people call it; completes "over ..."."""
        if self.calendar is None:
            return str(self.rolling)
        return f"each calendar {self.calendar.value.lower()} ({self.time_zone})"
