"""The proofs of an SLO: rule tests made from its spec, which its rules must pass on every line of Prometheus.

There are two documents, because promtool evaluates all groups of a test file at one interval and does not know a group's own.
In the first, targets are scraped as in the configuration and rules are evaluated once for each increment: every indicator goes
through the shapes of traffic, and each burn alert with a short window to its edges. In the second, increments are given
instead of scraped, so far apart that the longest window fits: it shows how long windows are, and the edges of the slow alerts.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from binnacle.api.slo import SLO
from binnacle.api.values import AlertSeverity, Duration
from binnacle.check.base import TestResult
from binnacle.check.proofs.feeds import VOLUME, Feeder, NoSeriesError, Series, groups_of, sample
from binnacle.check.proofs.promtool import Case, Document, Expectation
from binnacle.check.proofs.shapes import Shape, ages, edges, shapes
from binnacle.check.proofs.timeline import Segment, Timeline, Truth, agreed
from binnacle.compile.contract import Contract
from binnacle.compile.horizon import Horizon
from binnacle.compile.slo import indicators
from binnacle.compile.slo.compile import subject_of
from binnacle.compile.slo.subject import Subject
from binnacle.compile.slo.timing import Timing
from binnacle.compile.world import Compiled, World
from binnacle.intent import series
from binnacle.intent.refs import Key
from binnacle.intent.rules import Recording, RuleSet
from binnacle.promql import build as q
from binnacle.promql import facts, to_text
from binnacle.promql.nodes import Node, Selector
from binnacle.targets import rulefile

_LOOKBACK: Final = Duration.of(minutes=5).ms
_SECOND: Final = 1000
_MOST_UNITS: Final = 1100
_FEWEST_UNITS: Final = 24
_DATED: Final = "the date decides, and the clock of promtool begins in 1970"
_TOLERANCE: Final = 0.02
_ORDER: Final = tuple(AlertSeverity)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A burn alert as status shows it, in numbers."""

    name: str
    severity: AlertSeverity
    limit: float
    long: int
    short: int

    @property
    def held(self) -> int:
        """Milliseconds for which the alert holds after the short window has fallen below the limit."""
        return max(self.short // 2, _LOOKBACK)


@dataclass(frozen=True, slots=True)
class Proofs:
    """The generated tests of an SLO.

    Attributes:
        documents: name -> test file.
        unproved: what cannot be tested, and why.
    """

    documents: Mapping[str, Document]
    unproved: tuple[TestResult, ...] = ()


def proofs_of(slo: SLO, compiled: Compiled, world: World) -> Proofs:
    """Return the tests of an SLO that compiled."""
    if slo.spec.maintenance:
        return Proofs({}, (TestResult("traffic", passed=False, unproved=f"maintenance: {_DATED}"),))
    maker = _Maker.of(slo, compiled, world)
    documents: dict[str, Document] = {}
    unproved: list[TestResult] = []
    if not maker.rolls:
        unproved.append(TestResult("share of the period", passed=False, unproved=_DATED))
    for name, make in (("traffic", maker.traffic), ("windows", maker.windows), ("longest", maker.longest)):
        try:
            document = make()
            if document is not None:
                documents[name] = document
        except NoSeriesError as error:
            unproved.append(TestResult(name, passed=False, unproved=f"{error}."))
    return Proofs(documents, tuple(unproved))


@dataclass(frozen=True, slots=True)
class _Maker:
    slo: SLO
    subject: Subject
    timing: Timing
    rules: RuleSet
    pairs: tuple[_Pair, ...]
    feeder: Feeder
    groups: tuple[dict[str, str], ...]

    @classmethod
    def of(cls, slo: SLO, compiled: Compiled, world: World) -> "_Maker":
        timing = Timing.of(world.config.prometheus)
        subject = subject_of(slo, Horizon.of(world.date))
        contract = Contract.of(world, slo.metadata.namespace)
        counted, _ = indicators.read(slo.spec.indicator, subject, contract, timing)
        if counted is None:
            raise ValueError("the SLO does not compile")
        rules = next(one for one in compiled.intents if isinstance(one, RuleSet))
        feeder = Feeder(slo, counted, contract, _interval(timing), timing.step.ms)
        pairs = tuple(_pair(one, subject) for one in compiled.facts["alerts"])
        return cls(slo, subject, timing, rules, pairs, feeder, groups_of(slo, counted.selectors))

    # -- the two documents ----------------------------------------------------------------------------------------

    def traffic(self) -> Document:
        """Return the tests that feed what is scraped."""
        step = self.timing.step.ms
        made = [self._scraped(shape) for shape in shapes(self.subject.budget)]
        for pair in self.pairs:
            if self._is_fresh(pair.short) and not self.feeder.weighs_time:
                made += [self._scraped(one) for one in edges(pair.name, -(-pair.long // step), pair.limit)]
        return Document(step, self._order(), tuple(made))

    def windows(self) -> Document | None:
        """Return the tests that feed increments, for the windows that are put together from them."""
        scales = self._scales()
        return self._of_windows(*scales[0]) if scales else None

    def longest(self) -> Document | None:
        """Return the same for windows that are so much longer than the others that they need a measure of their own."""
        scales = self._scales()
        return self._of_windows(*scales[1]) if len(scales) > 1 else None

    def _scales(self) -> list[tuple[int, tuple[int, ...]]]:
        """Return measures in milliseconds, each with windows that are multiples of it and not too many of them."""
        windows = sorted(one for one in self._known() if not self._is_fresh(one))
        if not windows:
            return []
        unit = math.gcd(*windows)
        near = tuple(one for one in windows if one // unit <= _MOST_UNITS)
        far = tuple(one for one in windows if one not in near)
        scales = [(unit, near)] if near else []
        if far:
            unit = math.gcd(*far)
            while far[-1] // unit < _FEWEST_UNITS and unit % 2 == 0:
                unit //= 2
            scales.append((unit, far))
        if any(some[-1] // unit > _MOST_UNITS for unit, some in scales):
            raise NoSeriesError("the windows have no common measure that is coarse enough")
        return scales

    def _of_windows(self, unit: int, windows: tuple[int, ...]) -> Document:
        known = frozenset(windows)
        longest, *_ = sorted((one // unit for one in windows), reverse=True)
        whole = ages(longest, tuple(one // unit for one in windows))
        made = [self._given("windows are as long as they say", whole, unit, known)]
        for pair in self.pairs:
            if {pair.long, pair.short} <= known:
                made += [
                    self._given(one.name, one.timeline, unit, known)
                    for one in edges(pair.name, pair.long // unit, pair.limit)
                ]
        return Document(unit, self._order(), tuple(made))

    def _scraped(self, shape: Shape) -> Case:
        timeline = self.feeder.rounded(shape.timeline)
        calm = self.feeder.rounded(Timeline((Segment(timeline.length, share=float(self.subject.budget) / 4),)))
        fed: dict[str, str] = dict(self.feeder.strangers(timeline, self.groups[0]))
        expected: list[Expectation] = []
        for number, group in enumerate(self.groups):
            course = calm if number else timeline
            fed |= dict(self.feeder.series(course, group, late=shape.late and not number))
            truth = Truth(course, self.timing.step.ms)
            expected += self._expected(truth, timeline.ends(), group)
            if shape.crowded:
                fed |= dict(self._neighbours(timeline.length, group))
        return Case(shape.name, self.feeder.interval, tuple(fed.items()), tuple(expected))

    def _given(self, name: str, timeline: Timeline, unit: int, known: frozenset[int]) -> Case:
        calm = Timeline((Segment(timeline.length),))
        fed: list[Series] = []
        expected: list[Expectation] = []
        for number, group in enumerate(self.groups):
            course = calm if number else timeline
            fed += self._increments(course, group)
            expected += self._expected(Truth(course, unit, settled=True), list(timeline.ends()), group, known)
        return Case(name, unit // 2, tuple(fed), tuple(expected))

    def _neighbours(self, units: int, group: Mapping[str, str]) -> Iterator[Series]:
        """Yield what is recorded of SLOs that differ in one label only, and that fail all the time."""
        samples = units * (self.timing.step.ms // self.feeder.interval)
        counts = {name(self.timing.step) for name in (series.events_increase, series.errors_increase)}
        recorded = {rule.record for one in self.rules.groups for rule in one.rules if isinstance(rule, Recording)}
        for name in sorted(recorded):
            for label, _ in self.subject.labels:
                if label == series.SLO_SERVICE and name in counts:
                    # What was counted under another service's name is the SLO's own history.
                    continue
                labels = {**dict(self.subject.labels), **group, label: "other"}
                selector = q.sel(name, *(q.eq(*pair) for pair in sorted(labels.items())))
                value = VOLUME if name in counts or ":rate" in name else 1
                yield to_text(selector), f"{sample(value)}+0x{samples}"
        for severity in _ORDER:
            labels = {**self._alert_labels(severity, group), series.BINNACLE_NAME: "other"}
            yield to_text(q.sel("ALERTS", *(q.eq(*pair) for pair in sorted(labels.items())))), f"1+0x{samples}"

    def _increments(self, timeline: Timeline, group: Mapping[str, str]) -> Iterator[Series]:
        step = self.timing.step
        labels = {**dict(self.subject.labels), **group}
        for name, bad in ((series.events_increase(step), False), (series.errors_increase(step), True)):
            values = [sample(one.volume * VOLUME * (one.share if bad else 1)) for one in timeline.units()]
            selector = q.sel(name, *(q.eq(*pair) for pair in sorted(labels.items())))
            # Half a unit before the evaluation: the rules that record the same series write no sample at that time.
            yield to_text(selector), " ".join(f"_ {value}" for value in values)

    # -- what is expected -----------------------------------------------------------------------------------------

    def _expected(
        self, truth: Truth, times: Iterable[int], group: Mapping[str, str], given: frozenset[int] | None = None
    ) -> Iterator[Expectation]:
        """Yield what is expected of a group; where increments are `given`, of those windows alone."""
        known = self._known() if given is None else given
        for at in times:
            yield from self._shares(truth, at, group, known)
            yield from self._alerts(truth, at, group, known)
        last = at * truth.unit
        yield Expectation(last, _is_near(self._sel(series.OBJECTIVE, {}), *_both(float(self.subject.objective))))
        if self.rolls:
            days = self.subject.window.ms / Duration.of(days=1).ms
            yield Expectation(last, _is_near(self._sel(series.TIME_PERIOD, {}), *_both(days)))

    def _shares(self, truth: Truth, at: int, group: Mapping[str, str], known: frozenset[int]) -> Iterator[Expectation]:
        budget = float(self.subject.budget)
        step = self.timing.step.ms
        wanted = [(series.error_ratio(Duration(one)), one, 1.0) for one in self._windows()]
        if self.rolls:
            wanted.append((series.PERIOD_ERROR, self.subject.window.ms, 1.0))
        wanted.append((series.CURRENT_BURN_RATE, step, 1 / budget))
        for name, window, scale in wanted:
            fresh = name != series.PERIOD_ERROR and self._is_fresh(window)
            if window not in known:
                continue
            shares = truth.shares(at, window, fresh=fresh)
            found = self._sel(name, group)
            if shares is not None and all(one is None for one in shares):
                yield Expectation(at * truth.unit, to_text(q.aggregate("count", (), found)), None)
            elif (bounds := agreed(shares)) is not None:
                low, high = (bound * scale for bound in bounds)
                yield Expectation(at * truth.unit, _is_near(found, low, high))
        whole = self.subject.window.ms
        bounds = agreed(truth.shares(at, whole, fresh=False)) if self.rolls and whole in known else None
        if bounds is not None:
            low, high = (1 - bound / budget for bound in reversed(bounds))
            yield Expectation(at * truth.unit, _is_near(self._sel(series.PERIOD_BUDGET_REMAINING, group), low, high))
        yield Expectation(at * truth.unit, self._finite())

    def _alerts(self, truth: Truth, at: int, group: Mapping[str, str], known: frozenset[int]) -> Iterator[Expectation]:
        # A severity is silent while a higher one fires.
        higher: bool | None = False
        for severity in _ORDER:
            same = [pair for pair in self.pairs if pair.severity is severity]
            answers = [self._fires(pair, truth, at, known) for pair in same]
            own: bool | None = True if True in answers else None if None in answers else False
            if same:
                said = False if higher else None if higher is None and own is not False else own
                if said is not None:
                    yield Expectation(at * truth.unit, self._firing(severity, group, said))
            higher = True if own or higher else None if own is None or higher is None else False

    def _fires(self, pair: _Pair, truth: Truth, at: int, known: frozenset[int]) -> bool | None:
        sides: list[bool | None] = []
        for window in (pair.long, pair.short):
            fresh = self._is_fresh(window)
            if window not in known:
                # Short windows have no data where nothing is scraped; long ones have some that is not asked for.
                sides.append(False if fresh else None)
                continue
            sides.append(truth.over(at, window, pair.held, pair.limit, fresh=fresh))
        if False in sides:
            return False
        guard = self.slo.spec.alerting.min_failures
        if None in sides or (guard is not None and self.feeder.weighs_time):
            return None
        return True

    def _firing(self, severity: AlertSeverity, group: Mapping[str, str], fires: bool) -> str:
        labels = self._alert_labels(severity, group)
        alerts = q.sel("ALERTS", *(q.eq(*pair) for pair in sorted(labels.items())))
        counted = q.or_(q.aggregate("count", (), alerts), q.call("vector", q.num(0)))
        return to_text(q.cmp("==", counted, q.num(1 if fires else 0), return_bool=True))

    def _alert_labels(self, severity: AlertSeverity, group: Mapping[str, str]) -> dict[str, str]:
        return {
            "alertname": series.ALERT_BUDGET_BURN,
            "alertstate": "firing",
            series.SEVERITY: severity.value,
            series.BINNACLE_KIND: self.slo.kind,
            series.BINNACLE_NAMESPACE: self.subject.namespace,
            series.BINNACLE_NAME: self.subject.name,
            **dict(self.subject.labels),
            **group,
        }

    def _finite(self) -> str:
        """Return an expression that is 1 while nothing that is recorded is infinite or not a number."""
        ours = Selector(None, (q.regex("__name__", "slo:.+"), *self._identity()))
        finite = q.cmp("<", q.gt(ours, q.num(-math.inf)), q.num(math.inf))
        counted = (q.aggregate("count", (), one) for one in (ours, finite))
        return to_text(q.cmp("==", *counted, return_bool=True))

    # -- the SLO --------------------------------------------------------------------------------------------------

    def _identity(self) -> tuple[Any, ...]:
        return tuple(q.eq(*pair) for pair in self.subject.labels)

    def _sel(self, name: str, group: Mapping[str, str]) -> Selector:
        return q.sel(name, *self._identity(), *(q.eq(*pair) for pair in sorted(group.items())))

    @property
    def rolls(self) -> bool:
        """Whether the SLO's own window ends now, whatever the date is."""
        return self.subject.reach.periods is None

    def _known(self) -> frozenset[int]:
        return frozenset((*self._windows(), self.subject.window.ms) if self.rolls else self._windows())

    def _windows(self) -> tuple[int, ...]:
        pairs = {window for pair in self.pairs for window in (pair.long, pair.short)}
        return tuple(sorted(pairs | {self.timing.step.ms}))

    def _is_fresh(self, window: int) -> bool:
        return self.timing.is_fresh(Duration(window))

    def _order(self) -> tuple[str, ...]:
        """Return the names of the rule groups, those that read others' series after them."""
        named = rulefile.groups_of([self.rules], key_of(self.slo))
        left = list(zip((group["name"] for group in named), self.rules.groups, strict=True))
        ordered: list[str] = []
        while left:
            made = {rule.record for _, group in left for rule in group.rules if isinstance(rule, Recording)}
            ready = next(
                (
                    one
                    for one in left
                    if not _reads(one[1].rules) & (made - {r.record for r in one[1].rules if isinstance(r, Recording)})
                ),
                None,
            )
            # Short windows read increments and increments read rates: the ones that are older by nature come first.
            chosen = ready or next((one for one in left if one[1].interval_ms is not None), left[0])
            left.remove(chosen)
            ordered.append(chosen[0])
        return tuple(ordered)


def key_of(slo: SLO) -> Key:
    """Return the key of an SLO."""
    return Key(slo.kind, slo.metadata.namespace, slo.metadata.name)


def _reads(rules: Iterable[Any]) -> frozenset[str]:
    return frozenset(name for rule in rules for name in facts.metrics(rule.expr))


def _pair(fact: Mapping[str, Any], subject: Subject) -> _Pair:
    limit = float(Fraction(fact["factor"]) * subject.budget)
    long, short = (Duration.parse(fact[side]).ms for side in ("long", "short"))
    return _Pair(fact["name"], AlertSeverity(fact["severity"]), limit, long, short)


def _interval(timing: Timing) -> int:
    """Return the time between two test scrapes: that of the configuration, or less, so that an increment is a multiple of it."""
    step, scrape = timing.step.ms // _SECOND, timing.scrape.ms // _SECOND
    return next(one for one in range(max(1, scrape), 0, -1) if step % one == 0) * _SECOND


def _is_near(found: Node, low: float, high: float) -> str:
    """Return an expression that is 1 when there is one element, between two values or nearly so."""
    margin = max(abs(low), abs(high)) * _TOLERANCE or 1e-9
    above = q.cmp(">=", found, q.num(low - margin))
    return to_text(q.aggregate("count", (), q.and_(above, q.cmp("<=", found, q.num(high + margin)))))


def _both(value: float) -> tuple[float, float]:
    return value, value
