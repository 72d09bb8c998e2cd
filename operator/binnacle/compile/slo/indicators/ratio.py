"""The indicator `ratio`: counters of all events, and of the bad or the good ones among them."""

from binnacle.api.metricset import MetricType
from binnacle.api.slo_indicators import Ratio
from binnacle.compile.slo.indicator import Counted, Reader, Source, from_good
from binnacle.promql import build as q


def counted(ratio: Ratio, reader: Reader) -> Counted | None:
    """Return what is counted, or None and findings in the reader."""
    field = "errors" if ratio.errors is not None else "good"
    total = reader.selector(ratio.total, "total")
    part = reader.selector(ratio.errors if ratio.errors is not None else ratio.good, field)
    if total is None or part is None:
        return None
    sources = [
        Source(selector, reader.at(name), MetricType.COUNTER) for name, selector in (("total", total), (field, part))
    ]
    groups = reader.groups
    if ratio.errors is None:
        return from_good(total, part, groups, sources)
    return Counted(
        lambda rate, range_: q.sum_by(groups, rate(total, range_)),
        lambda rate, range_, zero: q.or_(q.sum_by(groups, rate(part, range_)), zero),
        (total, part),
        tuple(sources),
    )
