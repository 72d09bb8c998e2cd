"""OpenSLO's time windows: rolling and calendar ones, of v1 and of v1alpha."""

import re
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from binnacle.api.findings import Severity
from binnacle.api.model import shown
from binnacle.api.reasons import Reason
from binnacle.api.slo_window import Window
from binnacle.api.values import Duration
from binnacle.convert import resource
from binnacle.convert.base import Options
from binnacle.convert.fields import Fields

_SHORTHAND: Final = re.compile(r"([1-9][0-9]{0,4})([mhdwMQY])", re.ASCII)
_MS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_DAYS: Final = {"M": 30, "Q": 90, "Y": 365}
_PERIODS: Final = {"1w": "Week", "1M": "Month", "3M": "Quarter", "1Q": "Quarter", "1Y": "Year", "12M": "Year"}
_UNITS: Final = {"minute": "m", "hour": "h", "day": "d", "week": "w", "month": "M", "quarter": "Q", "year": "Y"}


@dataclass(frozen=True, slots=True)
class Written:
    """A window: where it is said, how long it is, and the period of the calendar that it is, if it is one."""

    path: str
    length: Duration
    period: Window | None = None


def shorthand(text: str) -> Duration | None:
    """Return OpenSLO's duration; a month is 30 days, a quarter 90, a year 365. None when it is none."""
    found = _SHORTHAND.fullmatch(text)
    if found is None:
        return resource.duration(text)
    count, unit = int(found[1]), found[2]
    return Duration(count * (_MS[unit] if unit in _MS else _DAYS[unit] * _MS["d"]))


def window(spec: Fields, options: Options) -> Written | None:
    """Take an SLO's window; None, with the reason in the report, when it cannot be one."""
    part = spec.part
    given = [*spec.maps("timeWindow"), *spec.maps("timeWindows")]
    if not given:
        part.changed(spec.path, "spec.window", f"The SLO says no window; {options.window} is taken.",
                     severity=Severity.WARNING)  # fmt: skip
        return Written(spec.path, options.window)
    one = given[0]
    for other in given[1:]:
        part.lost(other.path, "An SLO has one window; the first one counts.", reason=Reason.INVALID_VALUE)
    path, text = _written(one)
    if text is None:
        part.refuse(path, "It has no length.", "Write duration: 28d.", Reason.MISSING_FIELD)
        return None
    length = shorthand(text)
    if length is None:
        part.refuse(path, f"{shown(text)} is no duration.", "Write one such as 28d or 4w.")
        return None
    calendar, rolling = one.map("calendar"), one.flag("isRolling")
    if rolling is not None:
        part.carried(one.at("isRolling"), "spec.window")
    period = _period(calendar, text)
    if period is not None and calendar is not None:
        part.carried(path, "spec.window.calendar")
        calendar.rest("a calendar of OpenSLO")
        one.rest("a window of OpenSLO")
        return Written(path, period.calendar.usual if period.calendar else length, period)
    if calendar is not None or rolling is False:
        said = f"A window of the calendar is a rolling one of {length} here."
        part.changed(calendar.path if calendar is not None else path, "spec.window", said, severity=Severity.WARNING)
    elif text[-1] in _DAYS:
        part.changed(path, "spec.window", f"{text} is {length} here.")
    if calendar is not None:
        calendar.ignore(dict.fromkeys(("startTime", "timeZone"), "A rolling window ends now, wherever one is."))
        calendar.rest("a calendar of OpenSLO")
    one.rest("a window of OpenSLO")
    return Written(path, length)


def _period(calendar: Fields | None, text: str) -> Window | None:
    """Return the period of the calendar that a window is, or None where ours has none of that length."""
    unit = _PERIODS.get(text)
    zone = calendar.peek("timeZone") if calendar is not None else None
    if calendar is None or unit is None:
        return None
    try:
        found = Window.model_validate({"calendar": unit, "timeZone": zone})
    except ValidationError:
        return None
    calendar.any("timeZone")
    calendar.part.carried(calendar.at("timeZone"), "spec.window.timeZone")
    if calendar.any("startTime") is not None:
        said = f"A period begins at midnight here, and a {unit.lower()} with its first day; a week with Monday."
        calendar.part.changed(calendar.at("startTime"), "spec.window.calendar", said)
    return found


def _written(one: Fields) -> tuple[str, str | None]:
    """Take the length: `duration: 4w`, or in v1alpha `count: 4` and `unit: Week`."""
    text = one.text("duration")
    if text is not None:
        return one.at("duration"), text
    unit, count = one.text("unit"), one.text("count")
    if unit is None:
        return one.path, None
    word = unit.lower().removesuffix("s")
    one.part.carried(one.at("count"), "spec.window")
    return one.at("unit"), f"{count or '1'}{_UNITS.get(word, unit)}"
