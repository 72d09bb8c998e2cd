"""The indicator `windowed`: gauges that count events over a time already, as the results of SQL queries do."""

import math

from binnacle.api.metricset import MetricType
from binnacle.api.slo_indicators import Windowed
from binnacle.compile.slo.indicator import Counted, Rate, Reader, Source
from binnacle.compile.slo.indicators.time import span
from binnacle.promql import build as q
from binnacle.promql.nodes import Node, Selector


def counted(windowed: Windowed, reader: Reader) -> Counted | None:
    """Return what is counted, or None and findings in the reader.

    A count of the last `every` is the mean of events per second over it, times its length. Summed over a longer window,
    these means are the events of that window, those at its edges spread by `every`: still weighted by events.
    """
    total = reader.selector(windowed.total, "total")
    errors = reader.selector(windowed.errors, "errors")
    if total is None or errors is None:
        return None
    groups, timing, seconds = reader.groups, reader.timing, q.num(windowed.every.seconds)

    def mean(gauge: Selector, range_: int) -> Node:
        # What is no count (a query without a result is not a number) would spoil every sum that it is part of.
        value = q.call("avg_over_time", q.over(gauge, span(range_, timing)))
        finite = q.cmp("<", q.cmp(">=", value, q.num(0)), q.num(math.inf))
        return q.div(q.sum_by(groups, finite), seconds)

    def bad(_rate: Rate, range_: int, zero: Node) -> Node:
        return q.or_(mean(errors, range_), zero)

    sources = (
        Source(total, reader.at("total"), MetricType.GAUGE),
        Source(errors, reader.at("errors"), MetricType.GAUGE),
    )
    return Counted(lambda _rate, range_: mean(total, range_), bad, (total, errors), sources, windowed.every)
