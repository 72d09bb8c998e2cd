"""The indicator `latency`: events of a histogram, classic or native, of which those above a limit are bad."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from binnacle.api.findings import Finding
from binnacle.api.limits import Limit, Unit
from binnacle.api.metricset import MetricType
from binnacle.api.reasons import Reason
from binnacle.api.slo_indicators import HistogramType, Latency
from binnacle.compile import units
from binnacle.compile.slo.indicator import Counted, Rate, Reader, Source, from_good
from binnacle.promql import build as q
from binnacle.promql.nodes import Matcher, Node, Selector

_LE: Final = "le"
_PARTS: Final = ("_bucket", "_count", "_sum")


def counted(latency: Latency, reader: Reader) -> Counted | None:
    """Return what is counted, or None and findings in the reader."""
    histogram = reader.selector(latency.histogram, "histogram")
    if histogram is None:
        return None
    name = histogram.name or ""
    for part in _PARTS:
        if name.endswith(part):
            message = f"{name} is a part of a histogram, not its name."
            fix = f"Write {name.removesuffix(part)}; the parts are chosen for you."
            reader.error("histogram", Reason.INVALID_VALUE, message, fix)
            return None
    if any(matcher.name == _LE for matcher in histogram.matchers):
        message = "The bucket is chosen by `below`, not by a matcher on le."
        reader.error("histogram", Reason.INVALID_VALUE, message, "Remove the matcher on le.")
        return None
    limit, findings = limit_in(name, latency)
    reader.findings += findings
    if limit is None:
        return None
    if (latency.histogram_type or reader.contract.histogram_type(name)) is HistogramType.NATIVE:
        return _native(histogram, limit, reader)
    total = replace(histogram, name=f"{name}_count")
    bucket = Selector(f"{name}_bucket", (*histogram.matchers, bucket_matcher(limit)))
    return from_good(total, bucket, reader.groups, _sources(total, reader))


def limit_in(name: str, latency: Latency) -> tuple[Decimal | None, list[Finding]]:
    """Return the limit in the unit of the histogram `name`, or None and a finding when it does not count time."""
    below = Limit(latency.below.seconds, Unit.DURATION, str(latency.below))
    return units.number(below, units.of_name(name), "spec.indicator.latency.below")


def _sources(selector: Selector, reader: Reader) -> Sequence[Source]:
    return (Source(selector, reader.at("histogram"), MetricType.HISTOGRAM),)


def _native(histogram: Selector, limit: Decimal, reader: Reader) -> Counted:
    """Count events of a native histogram; the share of slow ones is interpolated within a bucket.

    Histograms are not compared with each other, so their growth is always that of `rate`.
    """
    groups = reader.groups

    def observed(range_: int) -> Node:
        return q.sum_by(groups, q.rate(histogram, range_))

    def events(_rate: Rate, range_: int) -> Node:
        return q.call("histogram_count", observed(range_))

    def errors(rate: Rate, range_: int, zero: Node) -> Node:
        good = q.call("histogram_fraction", q.num(0), q.num(limit), observed(range_))
        slow = q.call("clamp_min", q.mul(q.sub(q.num(1), good), events(rate, range_)), q.num(0))
        # The fraction of no observations is NaN, which no comparison lets pass.
        return q.or_(q.cmp(">=", slow, q.num(0)), zero)

    return Counted(events, errors, (histogram,), tuple(_sources(histogram, reader)))


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
