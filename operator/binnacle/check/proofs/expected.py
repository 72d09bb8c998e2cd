"""What the rules of an SLO must say at a time, as expressions that are 1 when they do."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from binnacle.api.matchers import Matcher
from binnacle.api.matchers import MatchOp as RouteOp
from binnacle.api.slo import SLO
from binnacle.api.values import AlertSeverity, Duration
from binnacle.check.proofs import samples
from binnacle.check.proofs.promtool import Expectation
from binnacle.check.proofs.timeline import Truth, Values, bands
from binnacle.compile.slo import nodata
from binnacle.compile.slo.burn import percent
from binnacle.compile.slo.period import LATELY as PERIOD_LATELY
from binnacle.compile.slo.spent import MARGIN, SETTLED
from binnacle.compile.slo.subject import Subject
from binnacle.compile.slo.timing import Timing
from binnacle.intent import series
from binnacle.promql import build as q
from binnacle.promql import to_text
from binnacle.promql.nodes import Matcher as LabelMatcher
from binnacle.promql.nodes import MatchOp, Node, Selector

_LOOKBACK: Final = Duration.of(minutes=5).ms
_TOLERANCE: Final = 0.02
_EXACT: Final = 1e-6
"""How far, as a share of it, a number may be off that is near what is expected; and one that is the same but for rounding."""
_DOUBT: Final = 0.0005
"""Shares of a budget that are closer than this are not told apart."""
_ORDER: Final = tuple(AlertSeverity)
_MATCH_OPS: Final = {
    RouteOp.EQUAL: MatchOp.EQUAL,
    RouteOp.NOT_EQUAL: MatchOp.NOT_EQUAL,
    RouteOp.MATCHES: MatchOp.REGEX,
    RouteOp.NOT_MATCHES: MatchOp.NOT_REGEX,
}


@dataclass(frozen=True, slots=True)
class Pair:
    """A burn alert as status shows it, in numbers: the limit as a share of events, the windows in milliseconds."""

    name: str
    severity: AlertSeverity
    limit: float
    long: int
    short: int

    @classmethod
    def of(cls, fact: Mapping[str, Any], subject: Subject) -> "Pair":
        """Read what a compilation says of an alert."""
        limit = float(Fraction(fact["factor"]) * subject.budget)
        long, short = (Duration.parse(fact[side]).ms for side in ("long", "short"))
        return cls(fact["name"], AlertSeverity(fact["severity"]), limit, long, short)

    @property
    def held(self) -> int:
        """Milliseconds for which the alert holds after the short window has fallen below the limit."""
        return max(self.short // 2, _LOOKBACK)


@dataclass(frozen=True, slots=True)
class Scene:
    """A course of events as the rules see it.

    Attributes:
        truth: of the course.
        known: windows, in milliseconds, whose shares can be told.
        scraped: whether targets are scraped, or else increments given.
        volume: how many events a unit of usual traffic has, at least and at most.
        resets: for each time in units from 0 on, the time at which the current period began; negative for one that began
            before the test. None where the SLO's own window cannot be told.
        masked: for each time alike, whether there is maintenance; None where that is not certain.
    """

    truth: Truth
    known: frozenset[int]
    scraped: bool
    volume: tuple[float, float]
    resets: tuple[int | None, ...] | None
    masked: tuple[bool | None, ...]

    def is_masked(self, at: int) -> bool | None:
        """Say whether there is maintenance."""
        return self.masked[at] if self.masked else False


@dataclass(frozen=True, slots=True)
class Expecter:
    """Tells what is expected of the rules of an SLO.

    Attributes:
        slo: the SLO.
        subject: the same.
        timing: the clocks of Prometheus.
        pairs: its burn alerts.
        targets: matchers of the alerts that another SLO's alerts inhibit.
    """

    slo: SLO
    subject: Subject
    timing: Timing
    pairs: tuple[Pair, ...]
    targets: tuple[tuple[Matcher, ...], ...] = ()

    def expected(self, scene: Scene, times: Iterable[int], group: Mapping[str, str]) -> Iterator[Expectation]:
        """Yield what is expected of a group at times, in units."""
        at = 0
        for at in times:
            ms = at * scene.truth.unit
            said = (
                *self._shares(scene, at, group),
                *self._sums(scene, at, group),
                *self._alerts(scene, at, group),
                self._finite(),
            )
            yield from (Expectation(ms, one) if isinstance(one, str) else Expectation(ms, one[0], None) for one in said)
        last = at * scene.truth.unit
        yield Expectation(last, _is_near(self.sel(series.OBJECTIVE, {}), float(self.subject.objective)))

    def days(self, at: int, days: float) -> Expectation:
        """Return that the SLO's window is exactly so many days long, at a time in milliseconds: an hour of a year is not much."""
        return Expectation(at, _is_near(self.sel(series.TIME_PERIOD, {}), days, _EXACT))

    def period(self, at: int, group: Mapping[str, str], share: float | None) -> Expectation:
        """Return that this is exactly the share of errors over the SLO's own window, at a time in milliseconds; None: there is none."""
        found = self.sel(series.PERIOD_ERROR, group)
        if share is None:
            return Expectation(at, to_text(q.aggregate("count", (), found)), None)
        return Expectation(at, _is_near(found, share, _EXACT))

    def in_period(self, at: int, name: str, began: int) -> Expectation:
        """Return that a series tells the period that began at a second of the epoch, at a time in milliseconds."""
        label = {series.BINNACLE_PERIOD: str(began)}
        return Expectation(at, to_text(q.aggregate("count", (), self.sel(name, label))))

    def counted(self, at: int, group: Mapping[str, str], events: float, errors: float) -> Iterator[Expectation]:
        """Yield that so much was counted in the step that ends at a time in milliseconds.

        In the first step of a series it does not matter how ranges are cut: there was nothing before.
        """
        for name, count in ((series.events_increase, events), (series.errors_increase, errors)):
            yield Expectation(at, _is_near(self.sel(name(self.timing.step), group), count))

    def no_others(self, at: int, groups: int) -> Iterator[Expectation]:
        """Yield that so many groups are counted and no more, at a time in milliseconds: what must be passed over may look like one."""
        for name in (series.events_rate, series.errors_rate, series.events_increase, series.errors_increase):
            counted = q.aggregate("count", (), self.sel(name(self.timing.step), {}))
            yield Expectation(at, to_text(q.cmp("==", counted, q.num(groups), return_bool=True)))

    def never_measured(self, at: int) -> Expectation | None:
        """Return that the alert about missing data fires, at a time in milliseconds; of which groups, nobody knows."""
        if nodata.asked(self.slo.spec.alerting) is None:
            return None
        nobody = dict.fromkeys(self.subject.groups, "")
        return Expectation(at, self._firing(self._no_data_labels(nobody), fires=True))

    def missed(self, at: int, group: Mapping[str, str], *, fires: bool) -> Expectation:
        """Return that the alert about missing data fires for a group or does not, at a time in milliseconds."""
        return Expectation(at, self._firing(self._no_data_labels(group), fires=fires))

    def missing_data(self) -> Selector:
        """Select the alerts about missing data that fire, of whichever groups."""
        return samples.of("ALERTS", self._no_data_labels({}))

    # -- shares ---------------------------------------------------------------------------------------------------

    def _shares(self, scene: Scene, at: int, group: Mapping[str, str]) -> Iterator[str | tuple[str]]:
        """Yield expressions that are 1, and in tuples those that have no value."""
        truth, budget, step = scene.truth, float(self.subject.budget), self.timing.step.ms
        wanted: list[tuple[str, Values | None, float]] = [
            (
                series.error_ratio(Duration(one)),
                truth.shares(at, one, fresh=scene.scraped and self.is_fresh(one)),
                1.0,
            )
            for one in self.windows()
            if one in scene.known
        ]
        if step in scene.known:
            shares = truth.shares(at, step, fresh=scene.scraped)
            wanted.append((series.CURRENT_BURN_RATE, shares, 1 / budget))
        wanted.append((series.PERIOD_ERROR, self._period(scene, at), 1.0))
        if scene.scraped and truth.is_gone(at) is False:
            # Also where there is no traffic: what is nought is not missing.
            counts = (
                self.sel(name(self.timing.step), group) for name in (series.events_increase, series.errors_increase)
            )
            yield from (to_text(q.aggregate("count", (), q.aggregate("max", (), one))) for one in counts)
        for name, shares, scale in wanted:
            found = self.sel(name, group)
            if shares is not None and all(one is None for one in shares):
                yield (to_text(q.aggregate("count", (), found)),)
            elif shares is not None and (close := bands(shares)) is not None:
                yield _lies_in(found, [(low * scale, high * scale) for low, high in close])
        close = bands(self._period(scene, at) or ())
        if close is not None:
            left = self.sel(series.PERIOD_BUDGET_REMAINING, group)
            yield _lies_in(left, [(1 - high / budget, 1 - low / budget) for low, high in close])

    def _sums(self, scene: Scene, at: int, group: Mapping[str, str]) -> Iterator[str]:
        """Yield that as many events are counted as bad as were, where alerts ask for so many."""
        if self.slo.spec.alerting.min_failures is None or not scene.truth.is_even:
            return
        for window in sorted({pair.long for pair in self.pairs} & scene.known):
            shares = scene.truth.shares(at, window, fresh=scene.scraped and self.is_fresh(window))
            close = bands(scene.truth.errors(at, window))
            if shares is None or None in shares or close is None:
                continue
            counted = self.sel(series.errors_sum(Duration(window)), group)
            fewest, most = scene.volume
            yield _lies_in(counted, [(low * fewest, high * most) for low, high in close])

    def _period(self, scene: Scene, at: int) -> Values | None:
        """Return what the share of the SLO's own window may be; None when it cannot be told."""
        if scene.resets is None:
            return None
        if not self.subject.reach.periods:
            return scene.truth.shares(at, self.subject.window.ms, fresh=False)
        begin = scene.resets[at]
        if begin is None:
            return None
        shares = scene.truth.since(at, begin)
        # Until there are events in a new period, nothing has failed in it for whatever was measured lately.
        full = begin > 0 and scene.truth.was_there(at, PERIOD_LATELY.ms)
        return tuple(0.0 if one is None and full else one for one in shares)

    # -- alerts ---------------------------------------------------------------------------------------------------

    def _alerts(self, scene: Scene, at: int, group: Mapping[str, str]) -> Iterator[str]:
        masked = scene.is_masked(at)
        if masked is None:
            return
        told = [*self._burning(scene, at, group), *self._spent(scene, at, group)]
        if scene.scraped:
            told += self._missing(scene, at, group)
        for labels, fires in told:
            yield self._firing(labels, fires=fires and not masked)
            if fires and not masked:
                yield from (self._firing({}, target=one) for one in self._hushed(labels))

    def _burning(self, scene: Scene, at: int, group: Mapping[str, str]) -> Iterator[tuple[dict[str, str], bool]]:
        # A severity is silent while a higher one fires.
        higher: bool | None = False
        for severity in _ORDER:
            same = [pair for pair in self.pairs if pair.severity is severity]
            answers = [self._fires(pair, scene, at) for pair in same]
            own: bool | None = True if True in answers else None if None in answers else False
            if same:
                said = False if higher else None if higher is None and own is not False else own
                if said is not None:
                    yield self._labels(series.ALERT_BUDGET_BURN, severity, group), said
            higher = True if own or higher else None if own is None or higher is None else False

    def _fires(self, pair: Pair, scene: Scene, at: int) -> bool | None:
        sides: list[bool | None] = []
        for window in (pair.long, pair.short):
            fresh = self.is_fresh(window)
            if window not in scene.known:
                # Short windows have no data where nothing is scraped; long ones have some that is not asked for.
                sides.append(False if fresh else None)
                continue
            sides.append(scene.truth.over(at, window, pair.held, pair.limit, fresh=fresh and scene.scraped))
        if False in sides:
            return False
        enough = self._are_many(pair, scene, at)
        if enough is False:
            return False
        return None if None in (*sides, enough) else True

    def _are_many(self, pair: Pair, scene: Scene, at: int) -> bool | None:
        """Say whether as many events of the long window were bad as the SLO asks for."""
        least = self.slo.spec.alerting.min_failures
        if least is None:
            return True
        answers = set()
        for times in scene.truth.lately(at, pair.held):
            bad = [scene.truth.errors(one, pair.long) for one in times]
            low, high = max(min(one) for one in bad), max(max(one) for one in bad)
            enough, few = low * scene.volume[0] > least * (1 + _DOUBT), high * scene.volume[1] < least * (1 - _DOUBT)
            answers.add(True if enough else False if few else None)
        return answers.pop() if len(answers) == 1 else None

    def _spent(self, scene: Scene, at: int, group: Mapping[str, str]) -> Iterator[tuple[dict[str, str], bool]]:
        shares = sorted((Fraction(one.ratio) for one in self.slo.spec.alerting.budget_spent), reverse=True)
        if not shares or scene.resets is None:
            return
        higher: bool | None = False
        for share in shares:
            own = self._reached(scene, at, float(share))
            said = False if higher or own is False else None if higher is None or own is None else True
            more = {series.BINNACLE_BUDGET_SPENT: percent(share)}
            if said is not None:
                yield {**self._labels(series.ALERT_BUDGET_SPENT, AlertSeverity.WARNING, group), **more}, said
            higher = own

    def _reached(self, scene: Scene, at: int, share: float) -> bool | None:
        """Say whether a share of the budget was spent lately and hardly less is now."""
        now = self._spent_at(scene, at)
        if now is None or now == ():
            return None if now is None else False
        answers = set()
        for times in scene.truth.lately(at, SETTLED.ms):
            all_of_them = [self._spent_at(scene, one) for one in times]
            if None in all_of_them:
                return None
            known = [one for one in all_of_them if one]
            most = max(min(one) for one in known), max(max(one) for one in known)
            answers.add(_both(_exceeds(most, share), _exceeds((min(now), max(now)), share - float(MARGIN))))
        return answers.pop() if len(answers) == 1 else None

    def _spent_at(self, scene: Scene, at: int) -> tuple[float, ...] | None:
        """Return which shares of the budget may be spent at a time: none where nothing is recorded, None when it depends."""
        shares = self._period(scene, at)
        known = tuple(one / float(self.subject.budget) for one in shares or () if one is not None)
        return known if shares is not None and len(known) in (0, len(shares)) else None

    def _missing(self, scene: Scene, at: int, group: Mapping[str, str]) -> Iterator[tuple[dict[str, str], bool]]:
        asked = nodata.asked(self.slo.spec.alerting)
        if asked is None:
            return
        if self.subject.groups and not scene.truth.was_there(at):
            # Of a group that was never there nobody knows.
            return
        wait = asked[0].ms
        # The alert waits from the first evaluation on that finds nothing; maintenance begins the wait anew.
        units = -(-wait // scene.truth.unit)
        times = range(at - units, at + 1)
        gone = [
            None
            if one < 1 or scene.is_masked(one) is None
            else False
            if scene.is_masked(one)
            else scene.truth.is_gone(one)
            for one in times
        ]
        # One that comes back in between ends the wait; where the wait would be over just now, both may be.
        if False in gone[1:] or (wait % scene.truth.unit == 0 and False in gone):
            yield self._no_data_labels(group), False
        elif all(gone):
            yield self._no_data_labels(group), True

    # -- the SLO --------------------------------------------------------------------------------------------------

    def _firing(self, labels: Mapping[str, str], *, fires: bool = True, target: Iterable[LabelMatcher] = ()) -> str:
        alerts = q.sel("ALERTS", *samples.of("ALERTS", labels).matchers, *target)
        counted = q.or_(q.aggregate("count", (), alerts), q.call("vector", q.num(0)))
        return to_text(q.cmp("==", counted, q.num(1 if fires else 0), return_bool=True))

    def _hushed(self, labels: Mapping[str, str]) -> Iterator[tuple[LabelMatcher, ...]]:
        """Yield the matchers of inhibitions that are about an alert, as they select it among what fires."""
        group = [q.eq(name, labels.get(name, "")) for name in self.subject.groups]
        state = q.eq("alertstate", "firing")
        for target in self.targets:
            if labels["alertname"] == series.ALERT_BUDGET_BURN and _allows(target, labels[series.SEVERITY]):
                matchers = (LabelMatcher(one.name, _MATCH_OPS[one.op], one.value) for one in target)
                yield (*matchers, *group, state, q.eq(series.SEVERITY, labels[series.SEVERITY]))

    def _no_data_labels(self, group: Mapping[str, str]) -> dict[str, str]:
        asked = nodata.asked(self.slo.spec.alerting)
        severity = asked[1] if asked is not None else AlertSeverity.WARNING
        return {**self._labels(series.ALERT_NO_DATA, severity, group), series.BINNACLE_NO_DATA: "true"}

    def _labels(self, alert: str, severity: AlertSeverity, group: Mapping[str, str]) -> dict[str, str]:
        return {
            "alertname": alert,
            "alertstate": "firing",
            series.SEVERITY: severity.value,
            **self._owner(),
            **dict(self.subject.labels),
            **group,
        }

    def neighbours(self, severity: AlertSeverity, group: Mapping[str, str]) -> Iterator[Selector]:
        """Yield alerts that are no burn alert of this SLO, and differ from one in a single label."""
        own = self._labels(series.ALERT_BUDGET_BURN, severity, group)
        for label in ("alertname", series.SEVERITY, *self._owner()):
            yield samples.of("ALERTS", {**own, label: "other"})

    def _owner(self) -> dict[str, str]:
        return {
            series.BINNACLE_KIND: self.slo.kind,
            series.BINNACLE_NAMESPACE: self.subject.namespace,
            series.BINNACLE_NAME: self.subject.name,
        }

    def _finite(self) -> str:
        """Return an expression that is 1 while nothing that is recorded is infinite or not a number."""
        ours = Selector(None, (q.regex("__name__", "slo:.+"), *self._identity()))
        finite = q.cmp("<", q.gt(ours, q.num(-math.inf)), q.num(math.inf))
        counted = (q.aggregate("count", (), one) for one in (ours, finite))
        return to_text(q.cmp("==", *counted, return_bool=True))

    def _identity(self) -> tuple[LabelMatcher, ...]:
        return tuple(q.eq(*pair) for pair in self.subject.labels)

    def sel(self, name: str, group: Mapping[str, str]) -> Selector:
        """Select a series of the SLO and a group."""
        return q.sel(name, *self._identity(), *samples.of(name, group).matchers)

    def windows(self) -> tuple[int, ...]:
        """Return the windows over which shares are recorded, in milliseconds."""
        pairs = {window for pair in self.pairs for window in (pair.long, pair.short)}
        return tuple(sorted(pairs | {self.timing.step.ms}))

    def fresh(self) -> tuple[Duration, ...]:
        """Return those that need what is scraped now."""
        return tuple(Duration(one) for one in self.windows() if self.is_fresh(one))

    def is_fresh(self, window: int) -> bool:
        """Say whether a window needs what is scraped now."""
        return self.timing.is_fresh(Duration(window))


def _allows(target: Iterable[Matcher], severity: str) -> bool:
    return all(
        severity in one.value.split("|")
        for one in target
        if one.name == series.SEVERITY and one.op is not RouteOp.NOT_EQUAL
    )


def _exceeds(between: tuple[float, float], limit: float) -> bool | None:
    low, high = between
    return True if low > limit + _DOUBT else False if high < limit - _DOUBT else None


def _both(one: bool | None, other: bool | None) -> bool | None:
    return False if False in (one, other) else None if None in (one, other) else True


def _lies_in(found: Node, close: Iterable[tuple[float, float]], tolerance: float = _TOLERANCE) -> str:
    """Return an expression that is 1 when there is one element, within one of the bounds or nearly so."""
    within = []
    for low, high in close:
        margin = max(abs(low), abs(high)) * tolerance or 1e-9
        above = q.cmp(">=", found, q.num(low - margin))
        within.append(q.cmp("<=", above, q.num(high + margin)))
    first, *others = within
    return to_text(q.aggregate("count", (), q.or_(first, *others)))


def _is_near(found: Node, value: float, tolerance: float = _TOLERANCE) -> str:
    return _lies_in(found, [(value, value)], tolerance)
