"""What a rule set costs Prometheus: samples read per minute, counted on the rules themselves.

How many scraped series a selector matches is not known here. The estimate takes `ASSUMED_SERIES` for all scraped selectors
of the SLO together and one group; recorded series are counted as they are.
"""

from collections.abc import Callable, Mapping
from typing import Final

from binnacle.compile.slo.timing import Timing
from binnacle.intent.rules import Recording, RuleSet
from binnacle.promql.nodes import Aggregate, Binary, Node, Number, Range, Selector, Subquery, children

ASSUMED_SERIES: Final = 40
_MINUTE: Final = 60_000


def rule_count(rules: RuleSet) -> int:
    """Return the number of rules."""
    return sum(len(group.rules) for group in rules.groups)


def samples_per_minute(rules: RuleSet, scraped: tuple[Selector, ...], timing: Timing) -> int:
    """Return the samples that the rules read per minute, rounded.

    Args:
        rules: all rules of one SLO.
        scraped: its selectors of scraped series, which share `ASSUMED_SERIES` evenly.
        timing: the clocks of Prometheus.
    """
    each = ASSUMED_SERIES / max(1, len(set(scraped)))
    intervals = {
        rule.record: group.interval_ms or timing.evaluation.ms
        for group in rules.groups
        for rule in group.rules
        if isinstance(rule, Recording)
    }
    read = _reader(intervals, each, timing.scrape.ms)
    total = 0.0
    for group in rules.groups:
        samples = sum(read(rule.expr) for rule in group.rules)
        total += samples * _MINUTE / (group.interval_ms or timing.evaluation.ms)
    return round(total)


def _reader(intervals: Mapping[str, int], each: float, scrape: int) -> Callable[[Node], float]:
    """Return what counts the samples read by one evaluation of an expression; times are milliseconds."""

    def read(node: Node) -> float:
        # An SLO has hundreds of nodes: what most of them are is asked first.
        if isinstance(node, Binary):
            return read(node.lhs) + read(node.rhs)
        if isinstance(node, Number):
            return 0
        if isinstance(node, Range) and isinstance(node.range, int):
            interval = intervals.get(node.selector.name or "")
            return each * node.range / scrape if interval is None else node.range / interval
        if isinstance(node, Selector):
            return 1 if node.name in intervals else each
        if isinstance(node, Aggregate) and node.param is None:
            return read(node.expr)
        if isinstance(node, Subquery) and isinstance(node.range, int):
            step = node.step if isinstance(node.step, int) else scrape
            return read(node.expr) * max(1, node.range // step)
        samples = 0.0
        for child in children(node):
            samples += read(child)
        return samples

    return read
