"""The tests of an expression that a person wrote: what is counted of it is what it says, whatever its series do.

What it comes to cannot be told from its text, so the same Prometheus is asked for it, at the same time, beside what was recorded.
Its series grow at paces that change, some faster than others, stand still, and vanish, the first of them alone, the others alone,
and all. Where missing data is told of, they stand still and are gone for long enough, come back, and in a test of its own are never
there: an expression whose series stand still mostly is not a number, which is there; and of one that is never missing
(`or vector(0)`) Prometheus says so itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from binnacle.check.proofs.expected import Expecter
from binnacle.check.proofs.feeds import PART, PROCESSES, NoSeriesError, Series
from binnacle.check.proofs.labelling import labels_for, passed_over
from binnacle.check.proofs.moments import at_date
from binnacle.check.proofs.promtool import Case, Expectation
from binnacle.check.proofs.samples import gap, run, spelled
from binnacle.compile.slo import nodata
from binnacle.compile.slo.timing import Timing
from binnacle.intent import series
from binnacle.promql import build as q
from binnacle.promql import facts, to_text
from binnacle.promql.nodes import Call, Node, Selector
from binnacle.promql.sentinels import with_window


@dataclass(frozen=True, slots=True)
class Pace:
    """What series do for so many units.

    Attributes:
        units: how many.
        power: by which power of their number they differ in how fast they grow; None: they stand still.
        first: whether the series of the first selector are there.
        others: whether those of the others are.
    """

    units: int
    power: float | None = 1.0
    first: bool = True
    others: bool = True


_STILL: Final = 3
GONE: Final = 4
"""Units for which series stand still and are gone, beyond those that missing data is waited for; of these, a unit or two still
see what was before."""
_OF_NOTHING: Final = frozenset({"vector", "absent", "absent_over_time"})
"""Functions that have a value where there is no series."""
_SCALARS: Final = frozenset({"time", "pi"})
"""Functions without arguments that give a number and not a series; the others, those of the date, give one that is always there."""
_GROWTH: Final = 0.01
_CLOSE: Final = 1e-9


def paces(waited: int | None) -> tuple[Pace, ...]:
    """Return what the series go through, where missing data is told of after so many units; None: it is not."""
    more = waited or 0
    back = (Pace(2),) if waited is not None else ()
    return (
        *(Pace(4), Pace(2, -1.0), Pace(2, 2.0), Pace(_STILL + more, None), Pace(2, 0.5)),
        *(Pace(2, first=False), Pace(2), Pace(2, others=False), Pace(2)),
        Pace(GONE + more, first=False, others=False),
        *back,
    )


def is_always_there(node: Node) -> bool:
    """Say whether an expression may have a value where none of its series are."""
    calls = (one for one in facts.walk(node) if isinstance(one, Call))
    return any(one.func in _OF_NOTHING if one.args else one.func not in _SCALARS for one in calls)


def length(waited: int | None) -> int:
    """Return how many units the tests take; `waited` as for `paces`."""
    return sum(one.units for one in paces(waited))


def written(
    node: Node,
    selectors: Sequence[Selector],
    groups: Sequence[Mapping[str, str]],
    expecter: Expecter,
    interval: int,
    begin: int,
    waited: int | None,
) -> list[Case]:
    """Return the tests of an expression.

    Args:
        node: the expression; its ranges are `$window`.
        selectors: what it reads.
        groups: labels of the groups that are fed.
        expecter: of the SLO.
        interval: milliseconds between two scrapes.
        begin: the second of the epoch that the test's beginning is taken for.
        waited: after how many units missing data is told of; None where it is not.

    Raises:
        NoSeriesError: no series were found that it reads.
    """
    timing, step, course = expecter.timing, expecter.timing.step.ms, paces(waited)
    strangers = tuple(_strangers(selectors, groups, course, step // interval))
    fed: dict[str, str] = dict(strangers)
    for place, group in enumerate(groups):
        for number, selector in enumerate(selectors):
            labels = labels_for(selector.matchers, given=group)
            if labels is None or not selector.name:
                raise NoSeriesError(f"no series was found that {to_text(selector)} takes")
            for part, weight in enumerate(PROCESSES):
                name = spelled(selector.name, {**labels, PART: str(part)})
                there = [one.first if number == 0 else one.others for one in course]
                fed.setdefault(name, _grown(number + 1 + place, weight, course, there, step // interval))
    dated = at_date(node, begin)
    counted = _counted(dated, expecter, timing)
    missing = () if waited is None else tuple(_missing(dated, expecter, waited))
    times, at = [1], 0
    for pace in course:
        # The first unit of a pace still sees the one before.
        times += [at + 1, at + pace.units]
        at += pace.units
    told = ((one, (*counted, *missing) if one > (waited or 0) else counted) for one in dict.fromkeys(times))
    expected = tuple(Expectation(one * step, text) for one, texts in told for text in texts)
    cases = [Case("what is counted is what the expression says", interval, tuple(fed.items()), expected)]
    if waited is not None:
        last = (GONE + waited) * step
        never = tuple(Expectation(last, text) for text in missing)
        cases.append(Case("what the expression reads is never there", interval, strangers, never))
    return cases


def _missing(node: Node, expecter: Expecter, waited: int) -> Iterator[str]:
    """Yield expressions that are 1 when alerts about missing data fire for what the expression has lacked for so many units, alone.

    A group is missing that was there before; where none was, that is told once.
    """
    groups, step = expecter.subject.groups, expecter.timing.step
    asked = nodata.asked(expecter.slo.spec.alerting)
    if asked is None:
        return

    def there(lasting: int) -> Node:
        element = q.aggregate("group", groups, with_window(node, expecter.timing.covering(step)))
        return q.aggregate("group", groups, q.call("last_over_time", q.subquery(element, lasting, step.ms)))

    # Half a unit more: whether a range holds what lies on its edge is different in the two lines of Prometheus.
    lately = there(waited * step.ms + step.ms // 2)
    nothing = q.aggregate("group", (), q.call("absent", lately))
    gone = q.unless(there(nodata.remembered(asked[0]).ms), lately)
    missing = q.or_(gone, nothing, matching=q.on()) if groups else nothing
    yield from _same(q.aggregate("count", groups, expecter.missing_data()), missing, groups)


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


def _strangers(
    selectors: Sequence[Selector], groups: Sequence[Mapping[str, str]], course: Sequence[Pace], samples: int
) -> Iterator[Series]:
    """Yield series that the expression must pass over; they differ from what it reads in one label, and are always there."""
    always = [True] * len(course)
    for selector, labels in passed_over(selectors, groups[0]):
        values = _grown(selectors.index(selector) + 3, 1.0, course, always, samples)
        yield spelled(selector.name or "", labels), values


def _grown(number: int, weight: float, course: Sequence[Pace], there: Sequence[bool], samples: int) -> str:
    """Return the samples of a series, by its number among all and its part of what that one has; it goes in the middle of a unit."""
    value, growth, items, was_there = 0.0, 0.0, ["0"], True
    for pace, present in zip(course, there, strict=True):
        count = pace.units * samples
        if not present:
            kept = samples // 2 if was_there else 0
            if kept:
                items.append(run(value + growth, growth, kept))
            items += gap(count - kept, first="stale")
            was_there = False
            continue
        was_there = True
        growth = 0.0 if pace.power is None else _GROWTH * weight * float(number) ** pace.power
        items.append(run(value + growth, growth, count))
        value += growth * count
    return " ".join(items)
