"""What is to be read back from a backend once it has taken what a resource wants of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar

READBACK_FIELDS: Mapping[str, tuple[str, ...]] = {
    "SLO": ("sli", "budgetRemaining", "burnRate", "groups", "since"),
    "MetricSet": (
        *("found", "missing", "missingTotal", "missingLabels"),
        *("undeclared", "undeclaredTotal", "series", "failing"),
    ),
}
"""Kind -> the status fields that observation fills, and that are carried over until they are observed again."""


@dataclass(frozen=True, slots=True)
class WantedMetric:
    """A metric that should be in Prometheus.

    Attributes:
        name: as people write it.
        series: names of series; any one of them shows that the metric is there.
        labels: names of labels that some series of it should have.
        instead: a series, and what it says of the metric when there is none of `series`: a histogram is stored another way.
        related: names of all series that may be a part of it.
        namespace: only series with this label `namespace`, and those without one, count; empty for all series.
        declared: whether a MetricSet declares it; otherwise it is referred to.
    """

    name: str
    series: tuple[str, ...]
    labels: tuple[str, ...] = ()
    instead: tuple[str, str] | None = None
    related: tuple[str, ...] = ()
    namespace: str = ""
    declared: bool = False


@dataclass(frozen=True, slots=True)
class ScrapeSource:
    """Something that Prometheus scrapes: the name of its item, the label `job` of its series.

    `open` says that any series may come of it, unlike of a probe, whose series are known.
    """

    name: str
    job: str
    open: bool = True


@dataclass(frozen=True, slots=True)
class Readback:
    """What is read back of every kind that has to do with metrics.

    Attributes:
        backend: who is asked.
        metrics: what it declares or refers to, sorted.
    """

    backend: ClassVar[str] = "prometheus"
    metrics: tuple[WantedMetric, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True)
class SLOReadback(Readback):
    """The figures of an SLO that status shows.

    Attributes:
        objective: the target as a ratio, `Decimal("0.999")`.
        group_by: the labels that make the groups, one budget for each combination of their values; then the figures
            are those of the worst group, and status counts the groups. Empty for an SLO with one budget.
        window_ms: how much history its figures are about; None where that is the current period of the calendar.
    """

    objective: Decimal
    group_by: tuple[str, ...] = ()
    window_ms: int | None = None


@dataclass(frozen=True, slots=True)
class MetricSetReadback(Readback):
    """The figures of a MetricSet: what is there of what it declares, and how its sources are.

    Attributes:
        sources: what it has scraped.
    """

    sources: tuple[ScrapeSource, ...] = ()
