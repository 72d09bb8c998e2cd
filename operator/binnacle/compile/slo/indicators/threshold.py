"""The indicator `threshold`: time in which a gauge is on the wrong side of a limit."""

from binnacle.api.metricset import MetricType
from binnacle.api.slo_indicators import Threshold
from binnacle.compile import units
from binnacle.compile.slo.indicator import Counted, Reader, Source
from binnacle.compile.slo.indicators.time import share_of_time
from binnacle.promql import build as q


def counted(threshold: Threshold, reader: Reader) -> Counted | None:
    """Return what is counted, or None and findings in the reader."""
    gauge = reader.selector(threshold.gauge, "gauge")
    if gauge is None:
        return None
    field = "below" if threshold.below is not None else "above"
    given = threshold.below if threshold.below is not None else threshold.above
    if given is None:
        raise ValueError("a threshold has one limit")
    limit, findings = units.number(given, units.of_name(gauge.name or ""), reader.at(field))
    reader.findings += findings
    if limit is None:
        return None
    good = q.cmp("<" if field == "below" else ">", gauge, q.num(limit))
    return share_of_time(gauge, good, (Source(gauge, reader.at("gauge"), MetricType.GAUGE),), reader)
