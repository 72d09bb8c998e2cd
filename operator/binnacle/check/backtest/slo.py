"""An SLO replayed over history: its SLI, its budget at each moment, and when its alerts would have fired.

What is replayed are increments of events and errors, one for each step, by the very expressions that would have recorded
them. The windows are sums of these, as in the rules, so all of it is exact to the step: an incident is seen at the first step
that shows it, and one that comes and goes within a step may not be seen to fire.
"""

import math
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, TypeAlias

from binnacle.api.slo import SLO
from binnacle.api.slo_window import CalendarUnit
from binnacle.api.values import AlertSeverity, Duration
from binnacle.compile import calendar
from binnacle.compile.slo import burn, nodata, period, spent
from binnacle.compile.slo.alerts import held
from binnacle.compile.slo.timing import Timing
from binnacle.intent import series

Labels: TypeAlias = tuple[tuple[str, str], ...]
_ORDER: Final = tuple(AlertSeverity)


@dataclass(frozen=True, slots=True)
class Plan:
    """What of an SLO matters for its alerts and its budget.

    Attributes:
        no_data: how long there must be no data for an alert about that, and its severity; None: there is no such alert.
        calendar: the unit and the zone of a calendar window.
    """

    objective: Fraction
    window: Duration
    step: Duration
    pairs: tuple[burn.Pair, ...]
    min_failures: int | None = None
    spent: tuple[Fraction, ...] = ()
    no_data: tuple[Duration, AlertSeverity] | None = None
    calendar: tuple[CalendarUnit, str] | None = None

    @classmethod
    def of(cls, slo: SLO, timing: Timing) -> "Plan":
        """Return the plan of an SLO."""
        spec, alerting = slo.spec, slo.spec.alerting
        objective, window = Fraction(spec.objective.ratio), spec.window.usual
        windowed = spec.indicator.windowed
        least = windowed.every if windowed is not None else None
        pairs, _ = burn.pairs_of(alerting.burn_rates, objective, window, timing, least)
        return cls(
            objective,
            window,
            timing.step,
            pairs,
            alerting.min_failures,
            tuple(sorted((Fraction(one.ratio) for one in alerting.budget_spent), reverse=True)),
            nodata.asked(alerting),
            (spec.window.calendar, spec.window.time_zone) if spec.window.calendar and spec.window.time_zone else None,
        )

    @property
    def reach(self) -> Duration:
        """How much history before the first moment its figures need."""
        longest = max((pair.long for pair in self.pairs), default=self.step)
        return max(self.window if self.calendar is None else calendar.longest(self.calendar[0]), longest)


@dataclass(slots=True)
class Increments:
    """What one group counted in each step: NaN where there was no data.

    Attributes:
        first: end of the first step, in Unix seconds.
        step: seconds.
    """

    first: int
    step: int
    events: "array[float]" = field(default_factory=lambda: array("d"))
    errors: "array[float]" = field(default_factory=lambda: array("d"))


@dataclass(frozen=True, slots=True)
class Interval:
    """From the moment at which something was seen to the first one at which it was not any more, in Unix seconds."""

    begin: int
    end: int

    @property
    def seconds(self) -> int:
        """How long it lasted."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that would have fired.

    Attributes:
        alert: its name.
        severity: its severity.
        interval: from firing to the end; the end of history where it would be firing still.
        why: the pairs of windows that burned in it, the share that was spent, or nothing.
    """

    alert: str
    severity: AlertSeverity
    interval: Interval
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of one group.

    Attributes:
        labels: values of `groupBy`.
        events, errors: counted from `begin` to the end.
        remaining: share of the budget that is left at the end; None without events.
        lowest: the least that was left since `begin`, and when.
        since: beginning of the history that there is, where it does not reach back as far as was asked, or there is none.
        gaps: where there was none since then.
        alerts: in the order of their beginning.
    """

    labels: Labels
    events: float
    errors: float
    remaining: float | None
    lowest: tuple[float, int] | None
    since: int | None
    gaps: tuple[Interval, ...]
    alerts: tuple[Firing, ...]

    @property
    def error_ratio(self) -> float | None:
        """Share of errors; None without events."""
        return self.errors / self.events if self.events > 0 else None


def replay(plan: Plan, labels: Labels, increments: Increments, begin: int) -> Replay:
    """Replay one group.

    Args:
        plan: the SLO's.
        labels: the group.
        increments: of all the history that its figures need.
        begin: Unix seconds from which it is told what would have been.
    """
    history = _History(plan, increments)
    # The first step that begins at `begin` or later.
    start = max(0, -(-(begin - increments.first) // increments.step) + 1)
    left = history.remaining()
    known = [(left[at], history.at(at)) for at in range(start, len(left)) if not math.isnan(left[at])]
    events = math.fsum(value for value in increments.events[start:] if not math.isnan(value))
    errors = math.fsum(value for value in increments.errors[start:] if not math.isnan(value))
    present = history.first_present()
    alerts = [*history.burning(), *history.spending(left), *history.missing()]
    told = sorted(_cut(alerts, begin), key=lambda one: (one.interval.begin, one.alert, one.severity))
    return Replay(
        labels,
        events,
        errors,
        None if not left or math.isnan(left[-1]) else left[-1],
        min(known, default=None),
        history.at(present) - increments.step if present else None,
        tuple(_cut_gaps(history.gaps(), begin)),
        tuple(told),
    )


class _History:
    """The increments of a group, summed once so that every window is a difference."""

    def __init__(self, plan: Plan, increments: Increments) -> None:
        self._plan = plan
        self._increments = increments
        self._length = len(increments.events)
        self._events = _sums(increments.events)
        self._errors = _sums(increments.errors)

    def at(self, index: int) -> int:
        """Unix seconds of a step's end."""
        return self._increments.first + index * self._increments.step

    def first_present(self) -> int | None:
        """Return the first step with data."""
        return next((at for at, value in enumerate(self._increments.events) if not math.isnan(value)), None)

    def remaining(self) -> "array[float]":
        """Return the share of the budget that is left at each step; NaN where the window has no events."""
        budget = float(1 - self._plan.objective)
        shares = (
            self._shares(self._plan.window) if self._plan.calendar is None else self._since_reset(*self._plan.calendar)
        )
        return array("d", (1 - ratio / budget for ratio in shares))

    def _since_reset(self, unit: CalendarUnit, zone: str) -> Iterator[float]:
        """Yield the share of errors in the current period: of the steps that began in it, and none while there are no events."""
        step, first = self._increments.step, self._increments.first
        starts = calendar.starts(unit, zone, first, self.at(self._length))
        lately = _lately(
            (not math.isnan(value) for value in self._increments.events), period.LATELY.ms // (step * 1000)
        )
        for at in range(self._length):
            start = starts[bisect_right(starts, self.at(at)) - 1]
            begin = min(max(0, -(-(start - first) // step) + 1), at + 1)
            events = self._events[at + 1] - self._events[begin]
            errors = self._errors[at + 1] - self._errors[begin]
            yield errors / events if events > 0 else 0.0 if lately[at] else math.nan

    def burning(self) -> Iterator[Firing]:
        """Yield the burn alerts: one for each severity, none while one of a higher severity fires."""
        higher = bytearray(self._length)
        for severity in _ORDER:
            pairs = [pair for pair in self._plan.pairs if pair.severity is severity]
            states = [self._pair(pair) for pair in pairs]
            fires = bytearray(any(state[at] for state in states) and not higher[at] for at in range(self._length))
            for begin, end in _runs(fires):
                why = tuple(pair.name for pair, state in zip(pairs, states, strict=True) if any(state[begin:end]))
                yield Firing(series.ALERT_BUDGET_BURN, severity, self._interval(begin, end), why)
            higher = bytearray(one or other for one, other in zip(higher, fires, strict=True))

    def spending(self, left: Sequence[float]) -> Iterator[Firing]:
        """Yield the warnings that a share of the budget is spent: the highest share that is reached."""
        settled = max(1, spent.SETTLED.ms // self._plan.step.ms)
        higher = bytearray(self._length)
        for share in self._plan.spent:
            below = _lately((value <= float(1 - share) for value in left), settled)
            near = (value <= float(1 - share + spent.MARGIN) for value in left)
            reached = bytearray(one and other for one, other in zip(below, near, strict=True))
            fires = bytearray(one and not other for one, other in zip(reached, higher, strict=True))
            for begin, end in _runs(fires):
                interval = self._interval(begin, end)
                yield Firing(series.ALERT_BUDGET_SPENT, AlertSeverity.WARNING, interval, (burn.percent(share),))
            higher = reached

    def missing(self) -> Iterator[Firing]:
        """Yield the alerts about missing data: once one fires, a group is missed for a day."""
        if self._plan.no_data is None:
            return
        lasting, severity = self._plan.no_data
        wait = -(-lasting.ms // self._plan.step.ms)
        memory = nodata.remembered(lasting).ms // self._plan.step.ms
        for begin, end in self._gap_runs():
            stop = min(end, begin + memory)
            if begin + wait < stop:
                interval = self._interval(begin + wait, stop)
                yield Firing(series.ALERT_NO_DATA, severity, interval)

    def gaps(self) -> Iterator[Interval]:
        """Yield where there is no data since there is some."""
        for begin, end in self._gap_runs():
            yield Interval(self.at(begin) - self._increments.step, self.at(end) - self._increments.step)

    def _gap_runs(self) -> Iterator[tuple[int, int]]:
        first = self.first_present()
        if first is None:
            return
        absent = bytearray(at > first and math.isnan(value) for at, value in enumerate(self._increments.events))
        yield from _runs(absent)

    def _pair(self, pair: burn.Pair) -> bytearray:
        """Say at each step whether both windows of a pair burn, or did a moment ago."""
        limit = float(pair.factor * (1 - self._plan.objective))
        most = max(1, held(pair).ms // self._plan.step.ms)
        both = [_lately((share > limit for share in self._shares(window)), most) for window in (pair.long, pair.short)]
        if self._plan.min_failures is not None:
            least = self._plan.min_failures
            both.append(_lately((count >= least for count in self._counts(pair.long)), most))
        return bytearray(all(one) for one in zip(*both, strict=True))

    def _counts(self, window: Duration) -> Iterator[float]:
        return self._windows(window, lambda _events, errors: errors)

    def _shares(self, window: Duration) -> Iterator[float]:
        return self._windows(window, lambda events, errors: errors / events if events > 0 else math.nan)

    def _windows(self, window: Duration, of: Callable[[float, float], float]) -> Iterator[float]:
        steps = max(1, window.ms // self._plan.step.ms)
        for at in range(self._length):
            begin = max(0, at + 1 - steps)
            yield of(self._events[at + 1] - self._events[begin], self._errors[at + 1] - self._errors[begin])

    def _interval(self, begin: int, end: int) -> Interval:
        return Interval(self.at(begin), self.at(min(end, self._length - 1)))


def _sums(values: Iterable[float]) -> "array[float]":
    """Return running sums, the first one 0; what is NaN adds nothing."""
    total, sums = 0.0, array("d", (0.0,))
    for value in values:
        total += 0.0 if math.isnan(value) else value
        sums.append(total)
    return sums


def _lately(now: Iterable[bool], steps: int) -> bytearray:
    """Say at each step whether something holds now or did within the last `steps`, this one included."""
    found = bytearray()
    last = -steps
    for at, holds in enumerate(now):
        last = at if holds else last
        found.append(at - last < steps)
    return found


def _runs(flags: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield where flags are set: the first of them, and the first after them."""
    begin = None
    for at, flag in enumerate(flags):
        if flag and begin is None:
            begin = at
        elif not flag and begin is not None:
            yield begin, at
            begin = None
    if begin is not None:
        yield begin, len(flags)


def _cut(alerts: Iterable[Firing], begin: int) -> Iterator[Firing]:
    for one in alerts:
        if one.interval.end > begin or one.interval.begin >= begin:
            yield one


def _cut_gaps(gaps: Iterable[Interval], begin: int) -> Iterator[Interval]:
    for gap in gaps:
        if gap.end > begin:
            yield Interval(max(gap.begin, begin), gap.end)
