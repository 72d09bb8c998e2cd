"""What a rule set costs Prometheus: samples read per minute, counted on the rules themselves.

How many scraped series a selector matches is not known here. The estimate takes `ASSUMED_SERIES` for all scraped selectors
of the SLO together and one group; recorded series are counted as they are.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from binnacle.compile.slo.timing import Timing
from binnacle.intent.rules import Recording, RuleSet
from binnacle.promql.nodes import Node, Range, Selector, children

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
    each = Fraction(ASSUMED_SERIES, max(1, len(set(scraped))))
    intervals = {
        rule.record: group.interval_ms or timing.evaluation.ms
        for group in rules.groups
        for rule in group.rules
        if isinstance(rule, Recording)
    }
    total = Fraction(0)
    for group in rules.groups:
        per_evaluation = sum((_read(rule.expr, intervals, each, timing) for rule in group.rules), Fraction(0))
        total += per_evaluation * _MINUTE / (group.interval_ms or timing.evaluation.ms)
    return round(total)


def _read(node: Node, intervals: Mapping[str, int], each: Fraction, timing: Timing) -> Fraction:
    """Return the samples read by one evaluation of an expression."""
    match node:
        case Range(selector, range_) if isinstance(range_, int):
            series, interval = _series(selector, intervals, each, timing)
            return series * Fraction(range_, interval)
        case Selector():
            return _series(node, intervals, each, timing)[0]
        case _:
            return sum((_read(child, intervals, each, timing) for child in children(node)), Fraction(0))


def _series(selector: Selector, intervals: Mapping[str, int], each: Fraction, timing: Timing) -> tuple[Fraction, int]:
    """Return how many series a selector matches and the milliseconds between their samples."""
    recorded = intervals.get(selector.name or "")
    return (each, timing.scrape.ms) if recorded is None else (Fraction(1), recorded)
