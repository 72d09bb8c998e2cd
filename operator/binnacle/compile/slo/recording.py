"""What is recorded for an SLO: increments of events, and from them the share of errors over every window.

Errors and events are recorded apart, summed over a window, and only then divided, so every window is weighted by requests.
Errors are recorded as 0 wherever there are events, so a sum never lacks one side; a share is recorded only where there
were events, so it is never NaN. Increments are measured over step + scrape interval (`Timing.covering` says why that is
exact).

Ranges of history are read by `slo` and `slo_namespace` only and summed by the groups of today: an SLO whose service or
grouping changes keeps its history, and no two label sets meet in one rule. What was written a moment ago is read by all
three labels.
"""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from binnacle.api.values import Duration
from binnacle.compile.slo.indicator import Counted, exact, plain
from binnacle.compile.slo.subject import Subject
from binnacle.compile.slo.timing import Timing
from binnacle.intent import series
from binnacle.intent.rules import Recording, pairs
from binnacle.promql import build as q
from binnacle.promql.nodes import Node


def short_rules(
    subject: Subject,
    counted: Counted,
    windows: Iterable[Duration],
    sums: Iterable[Duration],
    timing: Timing,
    mask: Node | None = None,
) -> tuple[Recording, ...]:
    """Return what is evaluated each evaluation interval: rates over a step, the short windows, the current burn rate.

    Args:
        subject: the SLO.
        counted: its events; without those of maintenance, where there is some.
        windows: over which the share of errors is wanted; those that are not short are left to `long_rules`.
        sums: over which the number of errors is wanted, alike.
        timing: the clocks of Prometheus.
        mask: is 1 in maintenance; recorded first, so that the rest may look at it.
    """
    step = timing.step
    events, errors = series.events_rate(step), series.errors_rate(step)
    range_ = timing.covering(step)
    rules = [] if mask is None else [record(subject, series.MAINTENANCE, mask)]
    rules += [
        record(subject, events, counted.events(plain, range_)),
        record(subject, errors, counted.errors(plain, range_, _zero(subject, subject.now(events)))),
    ]
    rules += [
        record(subject, series.error_ratio(window), _short_share(subject, counted, window, timing))
        for window in sorted({step, *windows})
        if timing.is_fresh(window)
    ]
    rules += [
        record(subject, series.errors_sum(window), _short_errors(subject, counted, window, timing))
        for window in sorted(set(sums))
        if timing.is_fresh(window)
    ]
    burn = q.div(subject.now(series.error_ratio(step)), q.num(float(subject.budget)))
    return (*rules, record(subject, series.CURRENT_BURN_RATE, burn))


def increment_rules(subject: Subject, counted: Counted, timing: Timing) -> tuple[Recording, ...]:
    """Return what is evaluated each step: the increments of events and errors.

    Where the calendar parts the history, increments have the period in which their step began as a label.
    """
    step = timing.step
    events, errors = series.events_increase(step), series.errors_increase(step)
    range_, seconds = timing.covering(step), q.num(step.seconds)
    zero = _zero(subject, subject.now(events))
    rules = (
        record(subject, events, q.mul(counted.events(exact, range_), seconds)),
        record(subject, errors, q.mul(counted.errors(exact, range_, zero), seconds)),
    )
    periods = subject.reach.periods
    if periods is None:
        return rules
    period = q.as_label(series.BINNACLE_PERIOD, q.call("vector", periods.start(step.ms // 1000)))
    # Always 1, also at the second 0 at which promtool begins.
    begun = q.cmp(">=", newest(subject, series.PERIOD_OF_STEP), q.num(0), return_bool=True)
    labelled = (
        replace(rule, expr=q.mul(rule.expr, begun, q.on(), q.group_left(series.BINNACLE_PERIOD))) for rule in rules
    )
    return (record(subject, series.PERIOD_OF_STEP, period), *labelled)


def long_rules(
    subject: Subject, windows: Iterable[Duration], sums: Iterable[Duration], timing: Timing
) -> tuple[Recording, ...]:
    """Return what is evaluated each `LONG_EVERY`: the long windows.

    A history that is shorter than a window counts as far as it reaches.
    """
    rules = [
        record(subject, series.error_ratio(window), long_share(subject, window, timing))
        for window in sorted(set(windows))
        if not timing.is_fresh(window)
    ]
    errors = series.errors_increase(timing.step)
    rules += [
        record(subject, series.errors_sum(window), summed(subject, errors, window))
        for window in sorted(set(sums))
        if not timing.is_fresh(window)
    ]
    return tuple(rules)


def meta_rules(subject: Subject, labels: dict[str, str]) -> tuple[Recording, ...]:
    """Return the series that describe the SLO; they alone carry the user's labels.

    A rule records a bare number as it does `vector` of it, for a seventh of the engine's time.
    """
    described = pairs({**labels, **dict(subject.labels)})
    periods = subject.reach.periods
    days: Node = q.num(float(Fraction(subject.window.ms, Duration.of(days=1).ms)))
    if periods is not None:
        days = periods.days()
    return (
        Recording(series.OBJECTIVE, q.num(float(subject.objective)), described),
        Recording(series.TIME_PERIOD, days, described),
    )


def record(subject: Subject, name: str, expr: Node) -> Recording:
    """Return the rule that records a series of the SLO."""
    return Recording(name, expr, subject.labels)


def _zero(subject: Subject, events: Node) -> Node:
    """Return 0 for every group with events.

    The sum drops the labels that rules set: `or` compares whole label sets, and with them on one side only it would yield
    two elements that become one series.
    """
    return q.mul(q.num(0), q.sum_by(subject.groups, events))


def newest(subject: Subject, name: str) -> Node:
    """Return the element that was recorded last of a series whose label changes; its value is the second of that.

    The one before it is seen for some minutes more where nothing marked its end: where history is filled in, and where
    Prometheus was not running when the label changed.
    """
    return q.aggregate("topk", (), q.call("timestamp", subject.now(name)), q.num(1))


def share(errors: Node, events: Node) -> Node:
    """Return the share of errors; none where there were no events."""
    return q.div(errors, q.gt(events, q.num(0)))


def long_share(subject: Subject, window: Duration, timing: Timing) -> Node:
    """Return the share of errors over a window, by increments."""
    step = timing.step
    return share(
        summed(subject, series.errors_increase(step), window), summed(subject, series.events_increase(step), window)
    )


def summed(subject: Subject, increments: str, window: Duration, offset: Duration | None = None) -> Node:
    """Return the increments of a window, by groups."""
    return q.sum_by(subject.groups, q.sum_over_time(subject.history(increments, offset=offset), window.ms))


def _short_share(subject: Subject, counted: Counted, window: Duration, timing: Timing) -> Node:
    """Return the share of errors over a window of at most an hour, as fresh as the last scrape.

    Below a step it is read from the scrapes. One step is the rates that are recorded. Longer ones are the last step by
    its rate, which shows an outage at once, and increments for what is older. Those end up to a step before: the window is
    as long as it says, with a gap of at most a step between its two parts.
    """
    step = timing.step
    errors, events = series.errors_rate(step), series.events_rate(step)
    if window == step:
        return share(subject.now(errors), subject.now(events))
    if window < step:
        return share(_scraped_errors(subject, counted, window, timing), counted.events(plain, timing.covering(window)))
    return share(
        _joined(subject, errors, series.errors_increase(step), window, step),
        _joined(subject, events, series.events_increase(step), window, step),
    )


def _short_errors(subject: Subject, counted: Counted, window: Duration, timing: Timing) -> Node:
    """Return the number of errors over a window of at most an hour, put together as `_short_share` does."""
    step = timing.step
    errors = series.errors_rate(step)
    if window > step:
        return _joined(subject, errors, series.errors_increase(step), window, step)
    rate = subject.now(errors) if window == step else _scraped_errors(subject, counted, window, timing)
    return q.mul(rate, q.num(window.seconds))


def _scraped_errors(subject: Subject, counted: Counted, window: Duration, timing: Timing) -> Node:
    zero = _zero(subject, subject.now(series.events_rate(timing.step)))
    return counted.errors(plain, timing.covering(window), zero)


def _joined(subject: Subject, rate: str, increments: str, window: Duration, step: Duration) -> Node:
    last = q.sum_by(subject.groups, subject.now(rate))
    past = summed(subject, increments, Duration(window.ms - step.ms), offset=step)
    return q.add(q.mul(last, q.num(step.seconds)), q.or_(past, q.mul(q.num(0), last)))
