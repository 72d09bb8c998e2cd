"""Units of limits: what a measured value counts in, as its metric's name says, and a limit in that unit."""

from decimal import Decimal
from enum import StrEnum
from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.limits import Limit, Unit
from binnacle.api.reasons import Reason


class Measure(StrEnum):
    """What a value counts in; UNKNOWN takes every limit in base units."""

    SHARE = "share"
    PERCENT = "percent"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    MICROSECONDS = "microseconds"
    NANOSECONDS = "nanoseconds"
    BYTES = "bytes"
    UNKNOWN = "unknown"


_ENDINGS: Final = (
    (("_ratio",), Measure.SHARE),
    (("_percent", "_percentage"), Measure.PERCENT),
    (("_milliseconds", "_millis", "_ms"), Measure.MILLISECONDS),
    (("_microseconds", "_micros", "_us"), Measure.MICROSECONDS),
    (("_nanoseconds", "_nanos", "_ns"), Measure.NANOSECONDS),
    (("_seconds",), Measure.SECONDS),
    (("_bytes",), Measure.BYTES),
)
_FACTORS: Final = {
    Measure.PERCENT: (Unit.PERCENTAGE, Decimal(100)),
    Measure.SHARE: (Unit.PERCENTAGE, Decimal(1)),
    Measure.SECONDS: (Unit.DURATION, Decimal(1)),
    Measure.MILLISECONDS: (Unit.DURATION, Decimal(1000)),
    Measure.MICROSECONDS: (Unit.DURATION, Decimal(1_000_000)),
    Measure.NANOSECONDS: (Unit.DURATION, Decimal(1_000_000_000)),
    Measure.BYTES: (Unit.SIZE, Decimal(1)),
}
"""The unit that a limit of a measure may have, and how many of the measure its base unit has."""
_EXAMPLES: Final = {
    Unit.PERCENTAGE: "a percentage such as 5%",
    Unit.DURATION: "a duration such as 300ms",
    Unit.SIZE: "a size such as 512Mi",
}


def of_name(metric: str) -> Measure:
    """Return what a metric counts in, by the ending of its name; unknown where that tells nothing."""
    for endings, measure in _ENDINGS:
        if metric.endswith(endings):
            return measure
    return Measure.UNKNOWN


def in_a_second(measure: Measure) -> Decimal:
    """Return how many of a measure of time a second has; 1 where it is none."""
    unit, factor = _FACTORS.get(measure, (Unit.NUMBER, Decimal(1)))
    return factor if unit is Unit.DURATION else Decimal(1)


def number(limit: Limit, measure: Measure, path: str) -> tuple[Decimal | None, list[Finding]]:
    """Return a limit as a number of the measure, or None and a finding when its unit cannot be that.

    A plain number is in the measure's own unit, except for shares, where 5 could mean 5% or 500%.
    """
    if limit.unit is Unit.NUMBER:
        if measure is Measure.SHARE and abs(limit.value) > 1:
            return None, [_wrong(limit, Unit.PERCENTAGE, path)]
        return limit.value, []
    if measure is Measure.UNKNOWN:
        return limit.value, []
    unit, factor = _FACTORS[measure]
    if limit.unit is not unit:
        return None, [_wrong(limit, unit, path)]
    return limit.value * factor, []


def _wrong(limit: Limit, unit: Unit, path: str) -> Finding:
    return Finding(
        Severity.ERROR,
        Reason.WRONG_UNIT,
        path,
        f"{limit} is no limit for this value.",
        f"Write {_EXAMPLES[unit]}, or a number in the value's own unit.",
    )
