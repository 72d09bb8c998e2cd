"""The SLO's own window: the share of errors over it, and what is left of its budget.

Every increment of the window is summed up, which of a year is twelve times as much to read as of a month. So the longer the
window, the more rarely that is done (`timing.summed_every`), in a group of its own. What was recorded since is added each
`LONG_EVERY`, so that a long window is as fresh as a short one, and a missed evaluation is made good by the next. At its far
end a long window reaches back by up to that interval further than it says.

In a period of the calendar only the increments of that period count. Until there are some, nothing has failed for any
group that was measured lately: the budget is full from the first evaluation on.
"""

from typing import Final

from binnacle.api.values import Duration
from binnacle.compile.slo.recording import long_share, newest, record, share
from binnacle.compile.slo.subject import Subject
from binnacle.compile.slo.timing import LONG_LIMIT, Timing, summed_every
from binnacle.intent import series
from binnacle.intent.rules import Recording, RuleGroup, pairs
from binnacle.promql import build as q
from binnacle.promql.nodes import Node, Selector

LATELY: Final = Duration.of(days=1)
"""How long a group without events counts as one that is measured, and a sum is of use that no other has followed."""
_LOOKBACK: Final = Duration.of(minutes=5)
"""How long Prometheus sees a sample: each increment is seen once by looks so far apart."""
BEFORE: Final = Duration.of(days=30)
SOMETIMES: Final = Duration.of(hours=6)
"""How far back, and how densely, is looked for a sign that the SLO is not new."""


def sum_groups(subject: Subject, timing: Timing) -> tuple[RuleGroup, ...]:
    """Return the group that sums up a window that is too long to be summed up each `LONG_EVERY`; none of a shorter one."""
    if not is_rare(subject):
        return ()
    by = subject.groups if subject.reach.periods is None else (*subject.groups, series.BINNACLE_PERIOD)
    labels = pairs({**dict(subject.labels), series.BINNACLE_GROUPS: _grouped(subject)})

    def whole(increments: str) -> Node:
        return q.sum_by(by, q.sum_over_time(subject.history(increments), subject.reach.back.ms))

    rules = (
        record(subject, series.PERIOD_COUNTED, q.call("vector", q.call("time"))),
        Recording(series.PERIOD_EVENTS, whole(series.events_increase(timing.step)), labels),
        Recording(series.PERIOD_ERRORS, whole(series.errors_increase(timing.step)), labels),
    )
    return (RuleGroup("period", rules, summed_every(subject.reach.back).ms),)


def share_rules(subject: Subject, timing: Timing) -> tuple[Recording, ...]:
    """Return what is recorded of the window each `LONG_EVERY`."""
    spent = q.div(subject.now(series.PERIOD_ERROR), q.num(float(subject.budget)))
    return (
        *_share_rules(subject, timing),
        record(subject, series.PERIOD_BUDGET_REMAINING, q.sub(q.num(1), spent)),
    )


def _share_rules(subject: Subject, timing: Timing) -> tuple[Recording, ...]:
    periods, step = subject.reach.periods, timing.step
    ratio = _share_since(subject, timing) if is_rare(subject) else _share_over(subject, subject.reach.back, timing)
    if periods is None:
        return (record(subject, series.PERIOD_ERROR, ratio),)
    current = q.as_label(series.BINNACLE_PERIOD, q.call("vector", periods.start()))
    lately = q.call("count_over_time", q.over(subject.history(series.events_increase(step)), LATELY.ms))
    nothing: Node = q.mul(q.num(0), q.sum_by(subject.groups, lately))
    if is_rare(subject):
        nothing = q.unless(nothing, _awaiting_sums(subject), matching=q.on())
    return (
        record(subject, series.PERIOD_CURRENT, current),
        record(subject, series.PERIOD_ERROR, q.or_(ratio, nothing)),
    )


def _share_over(subject: Subject, back: Duration, timing: Timing) -> Node:
    """Return the share of errors by the increments of the last time, as far as they belong to the period."""
    if subject.reach.periods is None:
        return long_share(subject, back, timing)

    def within(increments: str) -> Node:
        return _within(subject, q.sum_over_time(subject.history(increments), back.ms))

    return share(within(series.errors_increase(timing.step)), within(series.events_increase(timing.step)))


def _share_since(subject: Subject, timing: Timing) -> Node:
    """Return the share of errors by the last sums and what was recorded since.

    An SLO that is new has no sums yet, and its history is as short as what is read here in place of them. One that is not,
    and was not evaluated for longer than `LATELY`, has no share until there are sums again.
    """

    def counted(sums: str, increments: str) -> Node:
        last = Selector(sums, (*subject.now(sums).matchers, q.eq(series.BINNACLE_GROUPS, _grouped(subject))))
        return _within(subject, q.or_(q.call("last_over_time", q.over(last, LATELY.ms)), _since(subject, increments)))

    known = share(
        counted(series.PERIOD_ERRORS, series.errors_increase(timing.step)),
        counted(series.PERIOD_EVENTS, series.events_increase(timing.step)),
    )
    return q.or_(known, q.unless(_share_over(subject, LATELY, timing), _is_old(subject), matching=q.on()))


def _is_old(subject: Subject) -> Node:
    """Return an expression that has elements where the SLO was there a day ago."""
    before = q.subquery(subject.history(series.TIME_PERIOD, offset=LATELY), BEFORE.ms, SOMETIMES.ms)
    return q.call("count_over_time", before)


def _awaiting_sums(subject: Subject) -> Node:
    """Return an expression that has elements where the SLO is not new and was not summed up for a day."""
    counted = q.call("last_over_time", q.over(subject.now(series.PERIOD_COUNTED), LATELY.ms))
    return q.unless(_is_old(subject), counted, matching=q.on())


def _since(subject: Subject, increments: str) -> Node:
    """Return the increments that were recorded since the last sums.

    Looks back at each increment, asks when the last sums before that were, and keeps what came later than those. Of that
    counts what has the same last sums as the present moment: what followed earlier ones is part of the sums.
    """
    every = summed_every(subject.reach.back)
    # One that was missed does no harm.
    reach = Duration(2 * every.ms)
    one = subject.history(increments)
    counted = q.call("last_over_time", q.over(subject.now(series.PERIOD_COUNTED), reach.ms))
    later = q.and_(one, q.gt(q.call("timestamp", one), counted, q.on(), q.group_left()))
    moment = q.as_label(series.BINNACLE_COUNTED, counted)
    labelled = q.mul(later, moment, q.on(), q.group_left(series.BINNACLE_COUNTED))
    all_of_them = q.call("sum_over_time", q.subquery(labelled, reach.ms, _LOOKBACK.ms))
    return q.and_(all_of_them, moment, matching=q.on(series.BINNACLE_COUNTED))


def _within(subject: Subject, counts: Node) -> Node:
    """Return counts by groups, of those that belong to the period."""
    if subject.reach.periods is not None:
        counts = q.and_(counts, newest(subject, series.PERIOD_CURRENT), matching=q.on(series.BINNACLE_PERIOD))
    return q.sum_by(subject.groups, counts)


def _grouped(subject: Subject) -> str:
    return ",".join(subject.groups)


def is_rare(subject: Subject) -> bool:
    """Say whether an SLO's own window is so long that it is not summed up each `LONG_EVERY`."""
    return subject.reach.back > LONG_LIMIT
