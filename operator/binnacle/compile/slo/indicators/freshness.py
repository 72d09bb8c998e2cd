"""The indicator `freshness`: time in which something happened too long ago."""

from binnacle.api.limits import Limit, Unit
from binnacle.api.metricset import MetricType
from binnacle.api.slo_indicators import Freshness
from binnacle.compile import units
from binnacle.compile.slo.indicator import Counted, Reader, Source
from binnacle.compile.slo.indicators.time import share_of_time
from binnacle.promql import build as q
from binnacle.promql.nodes import Node


def counted(freshness: Freshness, reader: Reader) -> Counted | None:
    """Return what is counted, or None and findings in the reader.

    A timestamp of 0 is long ago: it has never happened yet.
    """
    timestamp = reader.selector(freshness.timestamp, "timestamp")
    if timestamp is None:
        return None
    age = Limit(freshness.max_age.seconds, Unit.DURATION, str(freshness.max_age))
    limit, findings = units.number(age, units.of_name(timestamp.name or ""), reader.at("timestamp"))
    reader.findings += findings
    if limit is None:
        return None
    scale = limit / age.value
    now: Node = q.call("time") if scale == 1 else q.mul(q.call("time"), q.num(scale))
    good = q.cmp("<=", q.sub(now, timestamp), q.num(limit))
    return share_of_time(timestamp, good, (Source(timestamp, reader.at("timestamp"), MetricType.GAUGE),), reader)
