"""The proofs of an SLO: rule tests made from its spec, which its rules must pass on every line of Prometheus.

There are several documents, because promtool evaluates all groups of a test file at one interval and does not know a group's
own. In some, targets are scraped as in the configuration and rules are evaluated once for each increment: every indicator
goes through the shapes of traffic, and each burn alert with a short window to its edges. In others, increments are given
instead of scraped, so far apart that the longest window fits: they show how long windows are, and the edges of the slow
alerts. What the date matters to is shown at dates of its own.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from binnacle.api.slo import SLO
from binnacle.api.slo_window import CalendarUnit
from binnacle.api.values import AlertSeverity, Duration
from binnacle.check.base import TestResult
from binnacle.check.proofs import shapes, written
from binnacle.check.proofs.cases import LATELY, Given, Stage
from binnacle.check.proofs.dependencies import inhibitions, targets_of
from binnacle.check.proofs.expected import Expecter, Pair
from binnacle.check.proofs.feeds import VOLUME, Feeder, NoSeriesError, groups_of
from binnacle.check.proofs.moments import Calendar, moved
from binnacle.check.proofs.promtool import Case, Document
from binnacle.check.proofs.shapes import Shape
from binnacle.check.proofs.summed import Sums
from binnacle.check.proofs.timeline import Segment, Timeline
from binnacle.compile.contract import Contract
from binnacle.compile.horizon import Horizon
from binnacle.compile.slo import indicators, maintenance, nodata
from binnacle.compile.slo.burn import percent
from binnacle.compile.slo.compile import subject_of
from binnacle.compile.slo.period import SOMETIMES, is_rare
from binnacle.compile.slo.spent import MARGIN, SETTLED
from binnacle.compile.slo.timing import Timing
from binnacle.compile.world import Compiled, World
from binnacle.intent.refs import Key
from binnacle.intent.rules import Recording, RuleSet
from binnacle.promql import facts
from binnacle.targets import rulefile

_SECOND: Final = 1000
_HOUR: Final = 12
_DAY: Final = Duration.of(days=1)
_FORTNIGHT: Final = Duration.of(days=14)
_MOST_UNITS: Final = 400
_MOST_WAVERING: Final = 1100
_FEWEST_UNITS: Final = 24
_MOST_GONE: Final = 600
"""Steps of an absence, about two days: a course that is longer takes promtool too long."""
_TOO_LONG: Final = "It is waited for too long to be shown."
_TOO_SHORT: Final = "The time between maintenance is too short for it."
_PARTS: Final = 6
"""How finely the time is gone through that a warning about the budget stays."""
_HALF_DAY: Final = _DAY.ms // 2
_QUARTER: Final = _DAY.ms // 4
_DAYS: Final = {CalendarUnit.WEEK: 2, CalendarUnit.MONTH: 3, CalendarUnit.QUARTER: 8, CalendarUnit.YEAR: 32}
"""How many days at a time all periods of the calendar are gone through; of each, that is not much."""
_FED: Final = 2
"""How many periods are gone through that are as long as the one before; in others like these there is nothing to be counted."""
_ORDER: Final = tuple(AlertSeverity)


@dataclass(frozen=True, slots=True)
class Proofs:
    """The generated tests of an SLO.

    Attributes:
        documents: name -> test file.
        results: what needs no engine, and what cannot be tested, and why.
    """

    documents: Mapping[str, Document]
    results: tuple[TestResult, ...] = ()


def proofs_of(slo: SLO, compiled: Compiled, world: World) -> Proofs:
    """Return the tests of an SLO that compiled."""
    maker = _Maker.of(slo, compiled, world)
    documents: dict[str, Document] = {}
    makers: tuple[tuple[str, Callable[[], Document | None]], ...] = (
        ("traffic", maker.traffic),
        ("short", maker.short),
        ("windows", maker.windows),
        ("longest", maker.longest),
        ("summed", maker.summed),
        ("away", maker.away),
        ("turned", maker.turned),
        ("spent", maker.spent),
        ("forgotten", maker.forgotten),
        ("reset", maker.reset),
        ("periods", maker.periods),
        ("maintenance-begins", maker.maintenance_begins),
        ("maintenance-ends", maker.maintenance_ends),
    )
    for name, make in makers:
        try:
            document = make()
        except NoSeriesError as error:
            maker.cannot(name, f"{error}.")
        else:
            if document is not None:
                documents[name] = document
    return Proofs(documents, (*inhibitions(slo, compiled, world), *maker.unproved))


@dataclass(frozen=True, slots=True)
class _Maker:
    slo: SLO
    stage: Stage
    unproved: list[TestResult] = field(default_factory=list)

    @classmethod
    def of(cls, slo: SLO, compiled: Compiled, world: World) -> "_Maker":
        timing, horizon = Timing.of(world.config.prometheus), Horizon.of(world.date)
        subject = subject_of(slo, horizon)
        contract = Contract.of(world, slo.metadata.namespace)
        counted, _ = indicators.read(slo.spec.indicator, subject, contract, timing)
        if counted is None:
            raise ValueError("the SLO does not compile")
        rules = next(one for one in compiled.intents if isinstance(one, RuleSet))
        feeder = Feeder(slo, counted, contract, _interval(timing), timing.step.ms)
        pairs = tuple(Pair.of(one, subject) for one in compiled.facts["alerts"])
        reach = timing.covering(timing.step) + (counted.least.ms if counted.least is not None else 0)
        chosen, _ = maintenance.schedules(slo)
        calendar = Calendar.of(subject, chosen, horizon, -(-reach // _SECOND))
        expecter = Expecter(slo, subject, timing, pairs, targets_of(compiled))
        groups = groups_of(slo, counted.selectors)
        return cls(slo, Stage(subject, timing, rules, feeder, groups, expecter, calendar))

    def cannot(self, name: str, why: str) -> None:
        """Note what cannot be proved, and why."""
        self.unproved.append(TestResult(name, passed=False, unproved=why))

    # -- the documents --------------------------------------------------------------------------------------------

    def traffic(self) -> Document:
        """Return the tests that feed what is scraped."""
        step = self.stage.timing.step.ms
        if self._waited() is not None and self._shown_wait() is None:
            self.cannot("missing data is told of", _TOO_LONG)
        if self.slo.spec.indicator.expression is not None:
            return self._of_expression()
        wanted = self._shapes()
        for pair in self.stage.expecter.pairs:
            if self.stage.expecter.is_fresh(pair.short) and not self.stage.feeder.weighs_time:
                wanted += self._edges(pair, step)
        if not self.stage.feeder.weighs_time:
            wanted += self._few(
                [one for one in self.stage.expecter.pairs if self.stage.expecter.is_fresh(one.short)], step
            )
        begin = self._quiet(wanted)
        return self._document(begin, step, [self.stage.scraped(one, begin) for one in wanted])

    def short(self) -> Document | None:
        """Return the tests of short windows that give what the last scrapes said, where no scrapes can say it finely enough."""
        if not self.stage.feeder.weighs_time:
            return None
        told = self.slo.spec.indicator.expression is not None
        if told and written.is_always_there(self.stage.feeder.counted.sources[0].node):
            raise NoSeriesError(
                "the expression may have a value without any series, and so be recorded beside what is given"
            )
        step = self.stage.timing.step.ms
        pairs = [one for one in self.stage.expecter.pairs if self._is_given(one.short) and self._is_given(one.long)]
        fresh = [one for one in pairs if self.stage.expecter.is_fresh(one.short)]
        wanted = [shape for one in fresh for shape in self._edges(one, step)]
        wanted += self._few(fresh, step)
        if told:
            # What is fed to an expression comes to whatever it says: the shapes of traffic are those of what it is counted as.
            wanted += [one for one in self._shapes() if not one.empty]
        if not wanted:
            return None
        known = frozenset(window for one in pairs for window in (one.long, one.short)) | {step}
        begin = self._quiet(wanted)
        given = Given(step, known, rates=True)
        return self._document(begin, step, [self.stage.given(one, begin, given) for one in wanted])

    def windows(self) -> Document | None:
        """Return the tests that feed increments, for the windows that are put together from them."""
        scales = self._scales()
        return self._of_windows(scales[0]) if scales else None

    def longest(self) -> Document | None:
        """Return the same for windows that are so much longer than the others that they need a measure of their own."""
        scales = self._scales()
        return self._of_windows(scales[1]) if len(scales) > 1 else None

    def summed(self) -> Document | None:
        """Return the test of a window that is summed up rarely: what was recorded since the last sums counts too."""
        sums = self._sums()
        if sums is None:
            return None
        return self._among_others(self.stage.timing.step.ms, sums.followed(), sums.begin, sums.given)

    def away(self) -> Document | None:
        """Return the test of the same window when its SLO is away for so long that it is new."""
        sums = self._sums()
        if sums is None:
            return None
        return self._among_others(SOMETIMES.ms, sums.away(), sums.begin, sums.given_away)

    def turned(self) -> Document | None:
        """Return the test of the same window when a period begins and nothing is recorded of it."""
        sums = self._sums()
        if sums is None or not sums.calendar.resets:
            return None
        return self._among_others(SOMETIMES.ms, sums.turned(), sums.begin_turned, sums.given_away)

    def spent(self) -> Document | None:
        """Return the tests of the warnings about a spent budget."""
        shares = sorted(Fraction(one.ratio) for one in self.slo.spec.alerting.budget_spent)
        if not shares:
            return None
        if not self.stage.rolls:
            return self._spent_of_period(shares)
        whole, budget = self.stage.subject.window.ms, self.stage.subject.budget
        unit = math.gcd(whole, SETTLED.ms // 2)
        wanted = [shapes.spent(whole // unit, budget, shares)]
        if whole // unit <= _MOST_WAVERING:
            for share in shares:
                wavering = list(shapes.wavering(whole // unit, SETTLED.ms // unit, budget, share, MARGIN))
                wanted += wavering
                if not wavering:
                    self._cannot_waver(share)
        else:
            self.cannot(
                "how long a warning about the budget stays", "The window is too long to be gone through so finely."
            )
        begin = self.stage.calendar.first if self.stage.calendar.maintenance else 0
        given = Given(unit, frozenset({whole}))
        return self._document(begin, unit, [self.stage.given(one, begin, given) for one in wanted])

    def forgotten(self) -> Document | None:
        """Return the test that a group which is gone is missed for as long as it is remembered."""
        asked = nodata.asked(self.slo.spec.alerting)
        if asked is None or len(self.stage.groups) == 1:
            return None
        timing, memory = self.stage.timing, nodata.remembered(asked[0])
        apart = 4 * nodata.looked(timing, memory).ms
        unit = apart * max(1, min(3, _QUARTER // apart))
        known = (memory.ms - timing.step.ms) // unit
        begin = self.stage.calendar.quiet((known + 6) * unit // _SECOND) if self.stage.calendar.maintenance else 0
        if begin is None or (known - 1) * unit < asked[0].ms or unit % LATELY.ms:
            self.cannot("for how long a group is missed", _TOO_SHORT if begin is None else _TOO_LONG)
            return None
        return self._document(begin, unit, [self.stage.forgotten(unit, known)])

    def reset(self) -> Document | None:
        """Return the test of a period's end: the budget is full at the first evaluation of the next one."""
        if not self.stage.calendar.resets:
            return None
        step = self.stage.timing.step.ms
        before = 2 * _HOUR
        begin = self.stage.calendar.resets[1] - before * step // _SECOND
        much, little = min(1.0, 20 * float(self.stage.subject.budget)), float(self.stage.subject.budget) / 2
        course = (
            Segment(before - 1, share=much),
            Segment(1),
            Segment(1),
            Segment(_HOUR // 2),
            Segment(_HOUR, share=little),
        )
        return self._document(
            begin, step, [self.stage.scraped(Shape("a new period", Timeline(course), crowded=True), begin)]
        )

    def periods(self) -> Document | None:
        """Return the test that every period that the rules know is told, and counted whole and by itself."""
        resets = self.stage.calendar.resets
        if not resets:
            return None
        unit, begin = _DAY.ms * _DAYS[self.slo.spec.window.calendar or CalendarUnit.WEEK], resets[0]
        cuts = [-(-(one - begin) * _SECOND // unit) for one in resets]
        course: list[Segment] = []
        # Of the last period the beginning is enough.
        for number, (first, after) in enumerate(pairwise([*cuts[:-1], cuts[-2] + 2])):
            is_last = number == len(cuts) - 2
            if number < _FED or is_last or resets[number + 1] - resets[number] != resets[number] - resets[number - 1]:
                # The end of a period still knows its beginning.
                course += Segment(1, share=1.0), Segment(max(1, after - first - 2)), Segment(1)
            elif course[-1].present:
                course.append(Segment(after - first, present=False))
            else:
                course[-1] = replace(course[-1], units=course[-1].units + after - first)
        shape = Shape("every period", Timeline(tuple(course)), crowded=True)
        made = self.stage.given(shape, begin, Given(unit, frozenset(), parts=unit // _HALF_DAY), by_period=True)
        lengths = [
            self.stage.expecter.days(cut * unit, (after - first) * _SECOND / _DAY.ms)
            for cut, first, after in zip(cuts, resets, resets[1:], strict=False)
        ]
        # How long the last one is, nobody knows.
        # Not at the first evaluation: Prometheus 2.42 may lose the first sample of a series that comes while others are collected.
        told = self.stage.periods_told(unit, begin, [at for cut in cuts for at in (cut - 1, cut + 1) if at > 0])
        return self._document(begin, unit, [replace(made, expected=(*made.expected, *lengths, *told))])

    def maintenance_begins(self) -> Document | None:
        """Return the test that a service may fail from the first second of its maintenance on."""
        if not self.stage.calendar.maintenance:
            return None
        on, off = self._edge_of_maintenance(0)
        step, little = self.stage.timing.step.ms, float(self.stage.subject.budget) / 2
        begin = on - 2 * _HOUR * step // _SECOND
        failing = max(1, min((off - on) * _SECOND // step, _HOUR))
        course = (Segment(2 * _HOUR - 1, share=little), Segment(1, share=little), Segment(failing, share=1.0))
        return self._document(begin, step, [self.stage.scraped(Shape("maintenance begins", Timeline(course)), begin)])

    def maintenance_ends(self) -> Document | None:
        """Return the test that it may fail until the last one, and that what comes then is told."""
        if not self.stage.calendar.maintenance:
            return None
        on, off = self._edge_of_maintenance(1)
        step = self.stage.timing.step.ms
        failing = max(1, min((off - on) * _SECOND // step, _HOUR))
        begin = off - failing * step // _SECOND
        felt = self.stage.calendar.reach * _SECOND // step + 2
        course = (
            Segment(failing, share=1.0),
            Segment(felt),
            Segment(_HOUR),
            Segment(3, share=1.0),
            Segment(_HOUR // 2, share=1.0),
        )
        return self._document(begin, step, [self.stage.scraped(Shape("maintenance ends", Timeline(course)), begin)])

    # -- cases ----------------------------------------------------------------------------------------------------

    def _of_expression(self) -> Document:
        stage, step = self.stage, self.stage.timing.step.ms
        waited = self._shown_wait()
        crowd = Shape("an expression", Timeline((Segment(written.length(waited)),)), crowded=waited is not None)
        begin = self._quiet([crowd])
        counted, interval = stage.feeder.counted, stage.feeder.interval
        cases = written.written(
            counted.sources[0].node, counted.selectors, stage.groups, stage.expecter, interval, begin, waited
        )
        others = tuple(stage.crowd(crowd, crowd.timeline.length * (step // interval), begin))
        return self._document(begin, step, [replace(one, series=(*one.series, *others)) for one in cases])

    def _of_windows(self, given: Given) -> Document:
        """Return the tests of windows, each shown to be as long as it says, and of the alerts about them."""
        unit, windows = given.unit, given.windows
        longest = max(windows) // unit
        wanted = [
            Shape(
                "windows are as long as they say",
                shapes.ages(longest, tuple(one // unit for one in windows)),
                crowded=True,
            )
        ]
        for pair in self.stage.expecter.pairs:
            if {pair.long, pair.short} <= windows:
                wanted += self._edges(pair, unit)
        slow = [one for one in self.stage.expecter.pairs if {one.long, one.short} <= windows]
        wanted += self._few(slow, unit)
        if slow:
            lowest = min(slow, key=lambda one: one.limit)
            length = max(lowest.long, min(_FORTNIGHT.ms, self.stage.subject.window.ms)) // unit
            wanted.append(shapes.lasting(length, min(1.0, 1.001 * lowest.limit)))
        begin = self.stage.calendar.first if self.stage.calendar.maintenance else 0
        return self._document(begin, unit, [self.stage.given(one, begin, given) for one in wanted])

    def _spent_of_period(self, shares: Sequence[Fraction]) -> Document:
        """Return the tests of the warnings for a period of the calendar: what failed in it stays, and is less beside what is good."""
        unit, budget, calendar = SETTLED.ms // _PARTS, self.stage.subject.budget, self.stage.calendar
        wanted = [shapes.spent(_PARTS, budget, shares)]
        for share in shares:
            diluted = list(shapes.diluted(_PARTS, budget, share, MARGIN))
            wanted += diluted
            if not diluted:
                self._cannot_waver(share)
        begin = calendar.resets[0]
        if calendar.maintenance:
            longest = max(one.timeline.length for one in wanted)
            begin = calendar.quiet((longest + 1) * unit // _SECOND) or begin
        given = Given(unit, frozenset())
        return self._document(begin, unit, [self.stage.given(one, begin, given, by_period=True) for one in wanted])

    def _cannot_waver(self, share: Fraction) -> None:
        self.cannot(
            f"how long a warning about {percent(share)} of the budget stays",
            "What must fail for it does not fit into the window, or the share is too small.",
        )

    def _shapes(self) -> list[Shape]:
        """Return the shapes of traffic; where there is nothing at all is shown only where that is told of."""
        waited = self._shown_wait()
        gone = _HOUR if waited is None else max(_HOUR, waited + written.GONE)
        found = shapes.shapes(self.stage.subject.budget, gone, missed=waited is not None)
        return [one for one in found if waited is not None or not one.empty]

    def _edges(self, pair: Pair, unit: int) -> list[Shape]:
        long, short, held = (-(-one // unit) for one in (pair.long, pair.short, pair.held))
        return list(shapes.edges(pair.name, long, short, held, pair.limit))

    def _few(self, pairs: Sequence[Pair], unit: int) -> list[Shape]:
        least = self.slo.spec.alerting.min_failures
        if least is None or not pairs:
            return []
        volume = least / VOLUME
        found = [shapes.too_few(volume)]
        for pair in pairs:
            # A severity is told by any of its alerts, and hushed by a higher one.
            others = [
                one.long // unit
                for one in self.stage.expecter.pairs
                if _ORDER.index(one.severity) <= _ORDER.index(pair.severity)
            ]
            found.append(shapes.enough(pair.name, pair.long // unit, others, volume))
        return found

    def _quiet(self, wanted: list[Shape]) -> int:
        """Return when tests that feel maintenance begin; those that are too long for the time between are taken out."""
        if not self.stage.calendar.maintenance:
            return 0
        step = self.stage.timing.step.ms // _SECOND
        while wanted:
            longest = max(one.timeline.length for one in wanted)
            begin = self.stage.calendar.quiet((longest + 1) * step)
            if begin is not None:
                return begin
            for one in [one for one in wanted if one.timeline.length == longest]:
                wanted.remove(one)
                self.cannot(one.name, _TOO_SHORT)
        raise NoSeriesError("maintenance comes so often that no time is without it")

    def _edge_of_maintenance(self, side: int) -> tuple[int, int]:
        found = self.stage.calendar.edge(side)
        if found is None:
            raise NoSeriesError(f"no {('beginning', 'end')[side]} of maintenance was found")
        return found

    # -- the SLO --------------------------------------------------------------------------------------------------

    def _waited(self) -> int | None:
        """Return for how many steps there must be no data until that is told; None where it is not."""
        asked = nodata.asked(self.slo.spec.alerting)
        return None if asked is None else -(-asked[0].ms // self.stage.timing.step.ms)

    def _shown_wait(self) -> int | None:
        """Return the same; None too where that is longer than can be shown."""
        waited = self._waited()
        return None if waited is None or waited + written.GONE > _MOST_GONE else waited

    def _is_given(self, window: int) -> bool:
        return window >= self.stage.timing.step.ms and window % self.stage.timing.step.ms == 0

    def _scales(self) -> list[Given]:
        """Return measures, each with windows that are multiples of it and not too many of them."""
        known = (*self.stage.expecter.windows(), *((self.stage.subject.window.ms,) if self.stage.rolls else ()))
        windows = sorted({one for one in known if not self.stage.expecter.is_fresh(one)})
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
        return [Given(unit, frozenset(some)) for unit, some in scales]

    def _sums(self) -> Sums | None:
        """Return what makes the tests of a window that is summed up rarely; None for any other."""
        stage = self.stage
        if not is_rare(stage.subject):
            return None
        return Sums(stage.subject, stage.timing, stage.groups, stage.expecter, stage.calendar)

    def _among_others(self, unit: int, case: Case, begin: int, given: frozenset[str]) -> Document:
        """Return a test for which something is given, among what there is of other SLOs."""
        ends = case.expected[-1].at // case.interval
        others = self.stage.crowd(Shape(case.name, Timeline((Segment(ends),)), crowded=True), ends, begin)
        case = replace(case, series=(*case.series, *others))
        return Document(unit, self._order(begin, given), (case,), begin, given)

    def _document(self, begin: int, unit: int, cases: Iterable[Case]) -> Document:
        return Document(unit, self._order(begin), tuple(cases), begin)

    def _order(self, begin: int, given: Collection[str] = ()) -> tuple[str, ...]:
        """Return the names of the rule groups, those that read others' series after them."""
        rules = moved(self.stage.rules, begin, given)
        named = rulefile.groups_of([rules], key_of(self.slo))
        left = list(zip((group["name"] for group in named), rules.groups, strict=True))
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


def _interval(timing: Timing) -> int:
    """Return the time between two test scrapes: that of the configuration, or less, so that an increment is a multiple of it."""
    step, scrape = timing.step.ms // _SECOND, timing.scrape.ms // _SECOND
    return next(one for one in range(max(1, scrape), 0, -1) if step % one == 0) * _SECOND
