"""The indicators of the SLO kind: what is counted as an event, or as time, and what of it is bad."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from binnacle.api.limits import Limit
from binnacle.api.model import Model, OneOf
from binnacle.api.values import DnsLabel, Duration, duration_between

Selector = Annotated[str, Field(min_length=1, max_length=4096)]
"""PromQL that names series; parsed by the compiler, which knows the grammar."""


class Ratio(OneOf):
    """Share of bad events, from two counters."""

    one_of: ClassVar[tuple[str, ...]] = ("errors", "good")

    errors: Annotated[
        Selector | None, Field(description="Counter of bad events, a bare vector selector. Either this or good.")
    ] = None
    good: Annotated[
        Selector | None, Field(description="Counter of good events, a bare vector selector. Either this or errors.")
    ] = None
    total: Annotated[Selector, Field(description="Counter of all events, a bare vector selector.")]


class HistogramType(StrEnum):
    """How a histogram is stored, in Prometheus' own words."""

    CLASSIC = "classic"
    NATIVE = "native"


class Latency(Model):
    """Share of events that took too long, from a histogram of seconds."""

    histogram: Annotated[
        Selector,
        Field(description="The histogram as a bare vector selector, its name without _bucket, _count and _sum."),
    ]
    below: Annotated[
        Duration,
        duration_between("1ms", "1d"),
        Field(
            description="An event that took at most this long is good. For a classic histogram this must be one of its buckets."
        ),
    ]
    histogram_type: Annotated[
        HistogramType | None,
        Field(
            description="How the histogram is stored: classic or native. Absent means what the MetricSet that declares it says, "
            "else classic."
        ),
    ] = None


class ProbeRef(Model):
    """A probe of a MetricSet in the same namespace."""

    metric_set: Annotated[DnsLabel, Field(description="Name of the MetricSet.")]
    name: Annotated[DnsLabel, Field(description="Name of the probe in it.")]


class Availability(OneOf):
    """Share of time in which something is not up, from a gauge that is 1 while it is up and 0 while it is not."""

    one_of: ClassVar[tuple[str, ...]] = ("gauge", "probe")

    gauge: Annotated[Selector | None, Field(description="The gauge, a bare vector selector. Either this or probe.")] = (
        None
    )
    probe: Annotated[ProbeRef | None, Field(description="A probe, from all its regions. Either this or gauge.")] = None


class Threshold(OneOf):
    """Share of time in which a gauge is on the wrong side of a limit."""

    one_of: ClassVar[tuple[str, ...]] = ("below", "above")

    gauge: Annotated[
        Selector, Field(description="The gauge, a bare vector selector; each of its series counts for itself.")
    ]
    below: Annotated[
        Limit | None,
        Field(
            description="Time is good while the gauge is below this: a number in the gauge's own unit, or with a unit: 60s, "
            "80%, 512Mi. Either this or above."
        ),
    ] = None
    above: Annotated[
        Limit | None,
        Field(description="Time is good while the gauge is above this, written like below. Either this or below."),
    ] = None


class Freshness(Model):
    """Share of time in which something happened too long ago, such as the last good backup."""

    timestamp: Annotated[
        Selector,
        Field(
            description="Gauge of the time at which it last happened, in seconds since 1970 (or in what its name ends with), a "
            "bare vector selector; each of its series counts for itself."
        ),
    ]
    max_age: Annotated[
        Duration,
        duration_between("1m", "366d"),
        Field(description="Time is good while it happened at most this long ago."),
    ]


class Windowed(Model):
    """Share of bad events, from gauges that already count over a time, as SQL queries do."""

    errors: Annotated[
        Selector, Field(description="Gauge of the bad events in the last `every`, a bare vector selector.")
    ]
    total: Annotated[Selector, Field(description="Gauge of all events in the last `every`, a bare vector selector.")]
    every: Annotated[
        Duration,
        duration_between("1m", "31d", whole="1m"),
        Field(
            description="The time that both gauges count over: the last, or the last complete one. Alerts look at nothing "
            "shorter."
        ),
    ]


class Expression(Model):
    """Share of what is bad, from any PromQL. Moments weigh alike, however many events they have."""

    error_ratio: Annotated[
        str,
        Field(
            min_length=1,
            max_length=4096,
            description="Share of what is bad, from 0 to 1, for each combination of groupBy; the range is written "
            "[$window]: sum(rate(a[$window])) / sum(rate(b[$window])).",
        ),
    ]


class Indicator(OneOf):
    """What is counted; exactly one member."""

    one_of: ClassVar[tuple[str, ...]] = (
        "ratio",
        "latency",
        "availability",
        "threshold",
        "freshness",
        "windowed",
        "expression",
    )

    ratio: Annotated[Ratio | None, Field(description="Share of bad events, from two counters.")] = None
    latency: Annotated[Latency | None, Field(description="Share of slow events, from a histogram.")] = None
    availability: Annotated[
        Availability | None, Field(description="Share of time in which something is not up, from a gauge of 0 and 1.")
    ] = None
    threshold: Annotated[
        Threshold | None, Field(description="Share of time in which a gauge is on the wrong side of a limit.")
    ] = None
    freshness: Annotated[
        Freshness | None, Field(description="Share of time in which something happened too long ago.")
    ] = None
    windowed: Annotated[
        Windowed | None, Field(description="Share of bad events, from gauges that already count over a time.")
    ] = None
    expression: Annotated[
        Expression | None,
        Field(description="Share of what is bad, from any PromQL; not weighted by the number of events."),
    ] = None

    @property
    def weighs_time(self) -> bool:
        """Whether moments are counted and not events."""
        return self.ratio is None and self.latency is None and self.windowed is None
