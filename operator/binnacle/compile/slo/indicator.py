"""What an indicator counts: bad events and all events per second, as expressions over a range.

Both sides are sums by the SLO's groups, so they match one to one. Where nothing bad was ever counted the bad side is
absent; what that means is decided where it is recorded.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.api.slo_indicators import Availability, HistogramType, Indicator, Latency, ProbeRef, Ratio
from binnacle.api.values import Duration
from binnacle.compile.contract import Contract
from binnacle.compile.slo.subject import Subject
from binnacle.compile.slo.timing import Timing
from binnacle.errors import SpecError
from binnacle.intent import series
from binnacle.promql import build as q
from binnacle.promql.nodes import Matcher, Node, Selector

Rate = Callable[[Selector, int], Node]
"""Growth per second of each series of a counter, over a range in milliseconds."""

_LE: Final = "le"
_PARTS: Final = ("_bucket", "_count", "_sum")
_UNITS: Final = (
    (("_milliseconds", "_millis", "_ms"), Decimal(1000)),
    (("_microseconds", "_micros", "_us"), Decimal(1_000_000)),
    (("_nanoseconds", "_nanos", "_ns"), Decimal(1_000_000_000)),
)
"""Endings of histogram names in other units than Prometheus' base unit, and how many of the unit a second has."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What an indicator counts.

    Attributes:
        events: all events per second, by a way to measure growth and a range.
        errors: bad events per second, by the same and an expression that is 0 for every group with events. That one is
            only there to fill in for series that do not exist; it has the labels of `groups` and no others.
        selectors: what is read from the scrapes, each selector once.
    """

    events: Callable[[Rate, int], Node]
    errors: Callable[[Rate, int, Node], Node]
    selectors: tuple[Selector, ...]


def plain(counter: Selector, range_: int) -> Node:
    """Measure growth as `rate` does."""
    return q.rate(counter, range_)


def exact(counter: Selector, range_: int) -> Node:
    """Measure growth as `rate` does, but also of counters near zero.

    `rate` does not extrapolate a counter to before the time at which it would have been zero, so the onset of the first
    outage of a service, or after a restart, would count too little: up to one scrape interval of it. `delta` has no such
    limit and does not see resets; where there is one it is the smaller of the two.
    """
    grown = q.rate(counter, range_)
    seconds = q.num(Decimal(range_) / 1000)
    return q.or_(q.gt(q.div(q.call("delta", q.over(counter, range_)), seconds), grown), grown)


def read(
    indicator: Indicator, subject: Subject, contract: Contract, timing: Timing
) -> tuple[Counted | None, list[Finding]]:
    """Return what an indicator counts by the groups of an SLO, or None and the findings that say why not.

    Args:
        indicator: as it was written.
        subject: the SLO; its namespace is where a probe is looked for.
        contract: what is declared there, which says how a histogram is stored where the indicator does not.
        timing: how often is scraped.
    """
    groups = subject.groups
    findings: list[Finding] = []
    if indicator.ratio is not None:
        counted = _ratio(indicator.ratio, groups, findings)
    elif indicator.latency is not None:
        counted = _latency(indicator.latency, groups, contract, findings)
    elif indicator.availability is not None:
        counted = _availability(indicator.availability, subject, timing, findings)
    else:
        raise ValueError("an indicator has one member")
    return counted, findings


def _ratio(ratio: Ratio, groups: tuple[str, ...], findings: list[Finding]) -> Counted | None:
    total = _selector(ratio.total, "spec.indicator.ratio.total", findings)
    if ratio.errors is not None:
        errors = _selector(ratio.errors, "spec.indicator.ratio.errors", findings)
        if total is None or errors is None:
            return None
        return Counted(
            lambda rate, range_: q.sum_by(groups, rate(total, range_)),
            lambda rate, range_, zero: q.or_(q.sum_by(groups, rate(errors, range_)), zero),
            (total, errors),
        )
    good = _selector(ratio.good or "", "spec.indicator.ratio.good", findings)
    if total is None or good is None:
        return None
    return _from_good(total, good, groups)


def _latency(latency: Latency, groups: tuple[str, ...], contract: Contract, findings: list[Finding]) -> Counted | None:
    path = "spec.indicator.latency.histogram"
    histogram = _selector(latency.histogram, path, findings)
    if histogram is None:
        return None
    name = histogram.name or ""
    for part in _PARTS:
        if name.endswith(part):
            message = f"{name} is a part of a histogram, not its name."
            fix = f"Write {name.removesuffix(part)}; the parts are chosen for you."
            findings.append(Finding(Severity.ERROR, Reason.INVALID_VALUE, path, message, fix))
            return None
    if any(matcher.name == _LE for matcher in histogram.matchers):
        message = "The bucket is chosen by `below`, not by a matcher on le."
        findings.append(Finding(Severity.ERROR, Reason.INVALID_VALUE, path, message, "Remove the matcher on le."))
        return None
    limit = in_unit_of(name, latency.below)
    if (latency.histogram_type or contract.histogram_type(name)) is HistogramType.NATIVE:
        return _native(histogram, limit, groups)
    bucket = Selector(f"{name}_bucket", (*histogram.matchers, bucket_matcher(limit)))
    return _from_good(replace(histogram, name=f"{name}_count"), bucket, groups)


def _from_good(total: Selector, good: Selector, groups: tuple[str, ...]) -> Counted:
    """Errors are what is not good: all of them where no good event was ever counted, and never fewer than none.

    Both sides are read from the scrapes of the same instant. The difference could go below zero where a good event is
    counted before the event itself.
    """

    def events(rate: Rate, range_: int) -> Node:
        return q.sum_by(groups, rate(total, range_))

    def errors(rate: Rate, range_: int, zero: Node) -> Node:
        counted = q.or_(q.sum_by(groups, rate(good, range_)), zero)
        return q.call("clamp_min", q.sub(events(rate, range_), counted), q.num(0))

    return Counted(events, errors, (total, good))


def _native(histogram: Selector, limit: Decimal, groups: tuple[str, ...]) -> Counted:
    """Count events of a native histogram; the share of slow ones is interpolated within a bucket.

    Histograms are not compared with each other, so their growth is always that of `rate`.
    """

    def observed(range_: int) -> Node:
        return q.sum_by(groups, q.rate(histogram, range_))

    def events(_rate: Rate, range_: int) -> Node:
        return q.call("histogram_count", observed(range_))

    def errors(rate: Rate, range_: int, zero: Node) -> Node:
        good = q.call("histogram_fraction", q.num(0), q.num(limit), observed(range_))
        slow = q.call("clamp_min", q.mul(q.sub(q.num(1), good), events(rate, range_)), q.num(0))
        # The fraction of no observations is NaN, which no comparison lets pass.
        return q.or_(q.cmp(">=", slow, q.num(0)), zero)

    return Counted(events, errors, (histogram,))


def _availability(
    availability: Availability, subject: Subject, timing: Timing, findings: list[Finding]
) -> Counted | None:
    """Count samples of a gauge instead of events.

    Each stands for the time since the one before it, and those that are not 1 are bad.
    """
    if availability.probe is not None:
        gauge: Selector | None = probe_series(subject.namespace, availability.probe)
    else:
        gauge = _selector(availability.gauge or "", "spec.indicator.availability.gauge", findings)
    return None if gauge is None else _samples(gauge, subject.groups, timing.scrape.ms)


def probe_series(namespace: str, probe: ProbeRef) -> Selector:
    """Return the series that says whether a probe's answers are as expected, one for each region."""
    job = series.job(namespace, probe.metric_set, probe.name)
    return Selector(series.PROBE_SUCCESS, (q.eq("job", job), q.eq(series.ITEM, "")))


def _samples(gauge: Selector, groups: tuple[str, ...], scrape: int) -> Counted:
    def span(range_: int) -> int:
        # Ranges are longer by one scrape than what they are to cover, for the sake of counters; samples need no neighbour.
        # A range of a single sample would be empty whenever a scrape is late.
        return range_ - scrape if range_ >= 3 * scrape else range_

    def per_second(samples: Node, range_: int) -> Node:
        return q.div(q.sum_by(groups, samples), q.num(Decimal(span(range_)) / 1000))

    def all_samples(range_: int) -> Node:
        return q.call("count_over_time", q.over(gauge, span(range_)))

    def events(_rate: Rate, range_: int) -> Node:
        return per_second(all_samples(range_), range_)

    def errors(_rate: Rate, range_: int, zero: Node) -> Node:
        bad = q.sub(all_samples(range_), q.sum_over_time(gauge, span(range_)))
        return q.or_(per_second(q.call("clamp_min", bad, q.num(0)), range_), zero)

    return Counted(events, errors, (gauge,))


def in_unit_of(name: str, below: Duration) -> Decimal:
    """Return a duration in the unit of a histogram: seconds, unless its name ends with another unit."""
    for endings, per_second in _UNITS:
        if name.endswith(endings):
            return below.seconds * per_second
    return below.seconds


def bucket_matcher(limit: Decimal) -> Matcher:
    """Return the matcher of the bucket that ends at `limit`, however the bound is spelled.

    Clients print a bound as Go does (`1`, `1e+06`) or as OpenMetrics asks (`1.0`); Prometheus 3 stores the second for what
    it scrapes, Prometheus 2 and remote writers store what they were sent.
    """
    shortest = f"{limit.normalize():f}"
    spellings = {shortest, shortest if "." in shortest else f"{shortest}.0", _in_go(limit)}
    if len(spellings) == 1:
        return q.eq(_LE, shortest)
    return q.regex(_LE, "|".join(sorted(one.replace(".", r"\.").replace("+", r"\+") for one in spellings)))


def _in_go(limit: Decimal) -> str:
    """Return a number as Go's `strconv.FormatFloat(x, 'g', -1, 64)` prints it."""
    _, digits, _ = limit.normalize().as_tuple()
    exponent = limit.adjusted()
    if -4 <= exponent < 6:
        return f"{limit.normalize():f}"
    mantissa = "".join(map(str, digits))
    fraction = f".{mantissa[1:]}" if len(mantissa) > 1 else ""
    return f"{mantissa[0]}{fraction}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _selector(text: str, path: str, findings: list[Finding]) -> Selector | None:
    try:
        return q.bare_selector(text)
    except SpecError as error:
        findings.append(Finding(Severity.ERROR, Reason(error.reason), path, error.message, error.fix, error.column))
        return None
