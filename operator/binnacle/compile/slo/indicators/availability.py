"""The indicator `availability`: time in which a gauge of 0 and 1, or a probe, is not 1."""

from binnacle.api.metricset import MetricType
from binnacle.api.slo_indicators import Availability, ProbeRef
from binnacle.compile.slo.indicator import Counted, Rate, Reader, Source, what_is_not
from binnacle.compile.slo.indicators.time import per_second, span
from binnacle.intent import series
from binnacle.promql import build as q
from binnacle.promql.nodes import Node, Selector


def counted(availability: Availability, reader: Reader) -> Counted | None:
    """Return what is counted, or None and findings in the reader."""
    if availability.probe is not None:
        return _samples(reader.contract.fence.selector(probe_series(reader.namespace, availability.probe)), (), reader)
    gauge = reader.selector(availability.gauge, "gauge")
    return None if gauge is None else _samples(gauge, (Source(gauge, reader.at("gauge"), MetricType.GAUGE),), reader)


def probe_series(namespace: str, probe: ProbeRef) -> Selector:
    """Return the series that says whether a probe's answers are as expected, one for each region."""
    job = series.job(namespace, probe.metric_set, probe.name)
    return Selector(series.PROBE_SUCCESS, (q.eq("job", job), q.eq(series.ITEM, "")))


def _samples(gauge: Selector, sources: tuple[Source, ...], reader: Reader) -> Counted:
    """Count samples, and as good their sum: of a gauge of 0 and 1 that needs no evaluation for each scrape."""
    groups, timing = reader.groups, reader.timing

    def events(_rate: Rate, range_: int) -> Node:
        counting = q.call("count_over_time", q.over(gauge, span(range_, timing)))
        return per_second(counting, range_, groups, timing)

    def errors(rate: Rate, range_: int, zero: Node) -> Node:
        # The comparison leaves out what is not a number: that was not 1.
        up = q.gt(q.sum_over_time(gauge, span(range_, timing)), q.num(0))
        return what_is_not(per_second(up, range_, groups, timing), events(rate, range_), zero)

    return Counted(events, errors, (gauge,), sources)
