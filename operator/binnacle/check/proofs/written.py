"""The test of an expression that a person wrote: what is counted of it is what it says, whatever its series do.

What it comes to cannot be told from its text, so the same Prometheus is asked for it, at the same time, beside what was recorded.
Its series grow at paces that change, some faster than others, stand still, and vanish.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from binnacle.check.proofs.expected import Expecter
from binnacle.check.proofs.feeds import PART, PROCESSES, NoSeriesError, Series
from binnacle.check.proofs.labelling import labels_for, passed_over
from binnacle.check.proofs.moments import at_date
from binnacle.check.proofs.promtool import Case, Expectation
from binnacle.check.proofs.samples import gap, run, spelled
from binnacle.compile.slo.timing import Timing
from binnacle.intent import series
from binnacle.promql import build as q
from binnacle.promql import to_text
from binnacle.promql.nodes import Node, Selector
from binnacle.promql.sentinels import with_window

_PACES: Final[Sequence[tuple[int, float | None]]] = ((4, 1.0), (2, -1.0), (2, 2.0), (3, 0.0), (2, 0.5), (4, None))
"""How many units the paces last, and by which power of their number the series differ in it: 0 is none, None are no series."""
_GROWTH: Final = 0.01
_CLOSE: Final = 1e-9


def length() -> int:
    """Return how many units the test takes."""
    return sum(units for units, _ in _PACES)


def written(
    node: Node,
    selectors: Sequence[Selector],
    groups: Sequence[Mapping[str, str]],
    expecter: Expecter,
    interval: int,
    begin: int,
) -> Case:
    """Return the test of an expression.

    Args:
        node: the expression; its ranges are `$window`.
        selectors: what it reads.
        groups: labels of the groups that are fed.
        expecter: of the SLO.
        interval: milliseconds between two scrapes.
        begin: the second of the epoch that the test's beginning is taken for.

    Raises:
        NoSeriesError: no series were found that it reads.
    """
    timing, step = expecter.timing, expecter.timing.step.ms
    fed: dict[str, str] = dict(_strangers(selectors, groups, step // interval))
    for place, group in enumerate(groups):
        for number, selector in enumerate(selectors):
            labels = labels_for(selector.matchers, given=group)
            if labels is None or not selector.name:
                raise NoSeriesError(f"no series was found that {to_text(selector)} takes")
            for part, weight in enumerate(PROCESSES):
                name = spelled(selector.name, {**labels, PART: str(part)})
                fed.setdefault(name, _grown(number + 1 + place, weight, step // interval))
    counted = _counted(at_date(node, begin), expecter, timing)
    times, at = [1], 0
    for units, _ in _PACES:
        # The first unit of a pace still sees the one before.
        times += [at + 1, at + units]
        at += units
    expected = (Expectation(one * step, text) for one in dict.fromkeys(times) for text in counted)
    return Case("what is counted is what the expression says", interval, tuple(fed.items()), tuple(expected))


def _counted(node: Node, expecter: Expecter, timing: Timing) -> list[str]:
    groups, step = expecter.subject.groups, timing.step

    def share(range_: int) -> Node:
        kept = q.call("clamp", with_window(node, range_), q.num(0), q.num(1))
        return q.aggregate("avg", groups, q.cmp(">=", kept, q.num(0)))

    def nought(range_: int) -> Node:
        return q.mul(q.num(0), q.aggregate("group", groups, with_window(node, range_)))

    whole = timing.covering(step)
    bad = q.or_(share(whole), nought(whole))
    all_of_them = q.or_(q.aggregate("group", groups, share(whole)), nought(whole))
    seconds = q.num(step.seconds)
    told: dict[str, Node] = {
        series.events_rate(step): all_of_them,
        series.errors_rate(step): bad,
        series.events_increase(step): q.mul(all_of_them, seconds),
        series.errors_increase(step): q.mul(bad, seconds),
        series.CURRENT_BURN_RATE: q.div(share(whole), q.num(float(expecter.subject.budget))),
    }
    fresh = (one for one in expecter.fresh() if one.ms <= step.ms)
    told |= {series.error_ratio(one): share(timing.covering(one)) for one in fresh}
    return [text for name, truth in told.items() for text in _same(expecter.sel(name, {}), truth, groups)]


def _same(recorded: Node, truth: Node, groups: Sequence[str]) -> Iterator[str]:
    """Yield expressions that are 1 when two have the same elements."""

    def number(node: Node) -> Node:
        return q.or_(q.aggregate("count", (), node), q.call("vector", q.num(0)))

    yield to_text(q.cmp("==", number(recorded), number(truth), return_bool=True))
    apart = q.call("abs", q.sub(recorded, truth, q.on(*groups)))
    yield to_text(q.cmp("==", number(q.gt(apart, q.num(_CLOSE))), q.num(0), return_bool=True))


def _strangers(selectors: Sequence[Selector], groups: Sequence[Mapping[str, str]], samples: int) -> Iterator[Series]:
    """Yield series that the expression must pass over; they differ from what it reads in one label."""
    for selector, labels in passed_over(selectors, groups[0]):
        yield spelled(selector.name or "", labels), _grown(selectors.index(selector) + 3, 1.0, samples)


def _grown(number: int, weight: float, samples: int) -> str:
    """Return the samples of a series, by its number among all and its part of what that one has."""
    value, items = 0.0, ["0"]
    for units, power in _PACES:
        count = units * samples
        if power is None:
            items += gap(count, first="stale")
            continue
        growth = 0.0 if power == 0 else _GROWTH * weight * float(number) ** power
        items.append(run(value + growth, growth, count))
        value += growth * count
    return " ".join(items)
