"""Shares of time: samples of a gauge are counted in place of events, each for the time since the one before it."""

from decimal import Decimal

from binnacle.compile.slo.indicator import Counted, Rate, Reader, Source, what_is_not
from binnacle.compile.slo.timing import Timing
from binnacle.promql import build as q
from binnacle.promql.nodes import Node, Selector


def share_of_time(gauge: Selector, good: Node, sources: tuple[Source, ...], reader: Reader) -> Counted:
    """Count the time in which a gauge has a value, and as bad that in which `good` has none.

    `good` is evaluated once for each scrape: PromQL counts samples by their value in no other way. What is not a number
    compares with nothing, so it is not good.

    Args:
        gauge: what there must be for time to count.
        good: an expression of the gauge that has an element while its value is good.
        sources: what the person wrote.
        reader: knows groups and clocks.
    """
    groups, timing = reader.groups, reader.timing

    def sampled(node: Node, range_: int) -> Node:
        samples = q.subquery(node, span(range_, timing), timing.scrape.ms)
        return per_second(q.call("count_over_time", samples), range_, groups, timing)

    def events(_rate: Rate, range_: int) -> Node:
        return sampled(gauge, range_)

    def errors(rate: Rate, range_: int, zero: Node) -> Node:
        return what_is_not(sampled(good, range_), events(rate, range_), zero)

    return Counted(events, errors, (gauge,), sources)


def span(range_: int, timing: Timing) -> int:
    """Return the range over which samples are counted, in milliseconds.

    Ranges are longer by one scrape than what they are to cover, for the sake of counters; samples need no neighbour. A
    range of a single sample would be empty whenever a scrape is late.
    """
    scrape = timing.scrape.ms
    return range_ - scrape if range_ >= 3 * scrape else range_


def per_second(samples: Node, range_: int, groups: tuple[str, ...], timing: Timing) -> Node:
    """Return samples of a range, summed by group, as samples per second."""
    return q.div(q.sum_by(groups, samples), q.num(Decimal(span(range_, timing)) / 1000))
