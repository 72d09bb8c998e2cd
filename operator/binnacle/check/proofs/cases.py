"""Tests of an SLO: a course of events, the series that its rules see of it, and what they must say."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from binnacle.api.values import AlertSeverity, Duration
from binnacle.check.proofs.expected import Expecter, Scene
from binnacle.check.proofs.feeds import VOLUME, Feeder, NoSeriesError, Series
from binnacle.check.proofs.moments import Calendar
from binnacle.check.proofs.promtool import Case, Expectation
from binnacle.check.proofs.samples import sample, spelled
from binnacle.check.proofs.shapes import Shape
from binnacle.check.proofs.timeline import Segment, Timeline, Truth
from binnacle.compile.slo.subject import Subject
from binnacle.compile.slo.timing import Timing
from binnacle.intent import series
from binnacle.intent.rules import Recording, RuleSet
from binnacle.promql import to_text

_SECOND: Final = 1000
_DAY: Final = Duration.of(days=1)
LATELY: Final = Duration.of(minutes=4)
"""How old the last increment is where that matters: nearly what an instant looks back, and nearly a step."""
_ORDER: Final = tuple(AlertSeverity)
_PERIODS: Final = frozenset({series.PERIOD_CURRENT, series.PERIOD_OF_STEP})
_OF_PERIODS: Final = frozenset({series.PERIOD_EVENTS, series.PERIOD_ERRORS, *_PERIODS})
"""What is told by periods of the calendar, beside increments; and what tells them."""


@dataclass(frozen=True, slots=True)
class Given:
    """Windows that are told from increments.

    Attributes:
        unit: milliseconds between two of them.
        windows: in milliseconds.
        rates: whether what is read from the scrapes at last is given too.
        parts: in how many parts a unit is cut; increments are given in the last but one.
    """

    unit: int
    windows: frozenset[int]
    rates: bool = False
    parts: int = 2


@dataclass(frozen=True, slots=True)
class Stage:
    """What the tests of an SLO are made from.

    Attributes:
        subject: the SLO.
        timing: the clocks of Prometheus.
        rules: what is proved; only what they record is looked at, to put others' series beside it.
        feeder: makes what is scraped.
        groups: labels of the groups that are fed: the first goes through the course of events, the second is calm.
        expecter: tells what is expected.
        calendar: what the date means.
    """

    subject: Subject
    timing: Timing
    rules: RuleSet
    feeder: Feeder
    groups: tuple[dict[str, str], ...]
    expecter: Expecter
    calendar: Calendar

    @property
    def rolls(self) -> bool:
        """Whether the SLO's own window ends now, whatever the date is."""
        return self.subject.reach.periods is None

    def scraped(self, shape: Shape, begin: int) -> Case:
        """Return a test in which targets are scraped, that begins at a second of the epoch."""
        feeder, step = replace(self.feeder, begin=begin), self.timing.step.ms
        timeline = feeder.rounded(shape.timeline)
        if shape.empty:
            last = timeline.length * step
            told = self.expecter.never_measured(last)
            fed = dict(self.crowd(shape, timeline.length * (step // feeder.interval), begin))
            return Case(shape.name, feeder.interval, tuple(fed.items()), () if told is None else (told,))
        calm = feeder.rounded(Timeline((Segment(timeline.length, share=float(self.subject.budget) / 4),)))
        fed = dict(feeder.strangers(timeline, self.groups[0]))
        expected: list[Expectation] = []
        masked = self._masked(begin, step, timeline.length)
        if None in masked:
            raise NoSeriesError("maintenance comes so often that no time is without it")
        if not masked[-1]:
            expected += self.expecter.no_others(timeline.length * step, len(self.groups))
        samples = step // feeder.interval
        for number, group in enumerate(self.groups):
            course = calm if number else timeline
            fed |= dict(feeder.series(course, group, late=shape.late and not number, new=shape.new and not number))
            truth = Truth(course, step, samples, [bool(one) for one in masked[1:]], feeder.begins)
            resets = self._resets(begin, step, timeline.length)
            scene = Scene(truth, self._known(), True, feeder.volume, resets, masked)
            expected += self.expecter.expected(scene, timeline.ends(), group)
        if shape.new and feeder.appears_at_nought:
            first = next(at for at, one in enumerate(timeline.units()) if one.present)
            counts = (_amount(timeline.units()[first], bad) or 0.0 for bad in (False, True))
            expected += self.expecter.counted((first + 1) * step, self.groups[0], *counts)
        fed |= dict(self.crowd(shape, timeline.length * samples, begin))
        return Case(shape.name, feeder.interval, tuple(fed.items()), (*expected, *self._days(timeline.length * step)))

    def given(self, shape: Shape, begin: int, given: Given, *, by_period: bool = False) -> Case:
        """Return a test in which increments are given, that begins at a second of the epoch."""
        timeline, unit = shape.timeline, given.unit
        calm = Timeline((Segment(timeline.length),))
        fed: dict[str, str] = {}
        expected: list[Expectation] = []
        periods = self._period_of_units(begin, unit, timeline.length) if by_period else None
        resets: tuple[int | None, ...] | None = None
        if periods is not None:
            current = [self.calendar.began(begin + at * unit // _SECOND) or 0 for at in range(timeline.length + 1)]
            resets = tuple(sum(one < now for one in periods[:at]) for at, now in enumerate(current))
        elif self.rolls and self.subject.window.ms in given.windows:
            resets = (0,) * (timeline.length + 1)
        masked = self._masked(begin, unit, timeline.length)
        for number, group in enumerate(self.groups):
            course = calm if number else timeline
            fed |= dict(self._increments(course, group, given, periods))
            scene = Scene(Truth(course, unit), given.windows, given.rates, (VOLUME, VOLUME), resets, masked)
            expected += self.expecter.expected(scene, timeline.ends(), group)
        fed |= dict(self.crowd(shape, given.parts * timeline.length, begin, by_period=by_period))
        return Case(
            shape.name, unit // given.parts, tuple(fed.items()), (*expected, *self._days(timeline.length * unit))
        )

    def forgotten(self, unit: int, known: int) -> Case:
        """Return a test in which a group goes, is missed for so many units, and two units later no longer; the other one stays."""
        gone = Timeline((Segment(3), Segment(known, present=False), Segment(2, present=False)))
        stays = Timeline((Segment(gone.length),))
        given = Given(unit, frozenset(), rates=True, parts=unit // LATELY.ms)
        fed: dict[str, str] = {}
        for timeline, group in zip((gone, stays), self.groups, strict=True):
            fed |= dict(self._increments(timeline, group, given, None))
        expected = (
            self.expecter.missed(at * unit, group, fires=group == self.groups[0] and at == 3 + known)
            for at in gone.ends()
            for group in self.groups
        )
        return Case("a group that is gone is missed for a while", LATELY.ms, tuple(fed.items()), tuple(expected))

    def periods_told(self, unit: int, begin: int, times: Iterable[int]) -> Iterator[Expectation]:
        """Yield which period must be told, at times in units: that of the moment, and that in which the step began which ends then."""
        step = self.timing.step.ms // _SECOND
        for at in times:
            second = begin + at * unit // _SECOND
            for name, past in ((series.PERIOD_CURRENT, 0), (series.PERIOD_OF_STEP, step)):
                yield self.expecter.in_period(at * unit, name, self._began(second - past))

    def _days(self, at: int) -> list[Expectation]:
        return [self.expecter.days(at, self.subject.window.ms / _DAY.ms)] if self.rolls else []

    # -- series ---------------------------------------------------------------------------------------------------

    def crowd(self, shape: Shape, samples: int, begin: int, *, by_period: bool = False) -> Iterator[Series]:
        """Yield what there is of other SLOs in all groups, where a shape is tested among them from a second of the epoch on.

        All of it, or what is told by periods alone.
        """
        for group in self.groups:
            if shape.crowded:
                yield from self._neighbours(samples, group, begin, by_period=by_period)
            if (shape.crowded and not by_period) or shape.alarmed:
                for severity in _ORDER:
                    for alert in self.expecter.neighbours(severity, group):
                        yield to_text(alert), f"1+0x{samples}"

    def _neighbours(self, samples: int, group: Mapping[str, str], begin: int, *, by_period: bool) -> Iterator[Series]:
        """Yield what is recorded of SLOs that differ in one label only, and that fail all the time.

        What they count is of the period in which a test begins, and they say that it is another one.
        """
        counts = {name(self.timing.step) for name in (series.events_increase, series.errors_increase)}
        recorded = {rule.record for one in self.rules.groups for rule in one.rules if isinstance(rule, Recording)}
        told = {*counts, *_OF_PERIODS}
        for name in sorted(recorded & told if by_period else recorded):
            for label, _ in self.subject.labels:
                if label == series.SLO_SERVICE and name in (*counts, series.TIME_PERIOD):
                    # What was recorded under another service's name is the SLO's own history.
                    continue
                labels = {**dict(self.subject.labels), **group, label: "other"}
                if not self.rolls and name in told:
                    labels[series.BINNACLE_PERIOD] = "0" if name in _PERIODS else str(self._began(begin))
                value = VOLUME if name in counts or ":rate" in name else 1
                yield spelled(name, labels), f"{sample(value)}+0x{samples}"

    def _increments(
        self, timeline: Timeline, group: Mapping[str, str], given: Given, periods: list[int] | None
    ) -> Iterator[Series]:
        """Yield increments; each with the period that its unit is of, where those are told."""
        step = self.timing.step
        for name, bad in ((series.events_increase(step), False), (series.errors_increase(step), True)):
            values = [_amount(one, bad) for one in timeline.units()]
            if periods is None:
                yield self._given_series(name, group, values, given.parts)
                continue
            for period in sorted(set(periods)):
                own = [value if one == period else None for value, one in zip(values, periods, strict=True)]
                if any(one is not None for one in own):
                    yield self._given_series(name, {**group, series.BINNACLE_PERIOD: str(period)}, own, given.parts)
        if given.rates:
            for name, bad in ((series.events_rate(step), False), (series.errors_rate(step), True)):
                amounts = (_amount(one, bad) for one in timeline.units())
                rates = (None if one is None else one / (step.ms / _SECOND) for one in amounts)
                yield self._given_series(name, group, rates, given.parts)

    def _given_series(self, name: str, group: Mapping[str, str], values: Iterable[float | None], parts: int) -> Series:
        labels = {**dict(self.subject.labels), **group}
        # A part before the evaluation: the rules that record the same series write no sample at that time.
        gap = "_" if parts == 2 else f"_x{parts - 1}"
        return spelled(name, labels), " ".join(f"{gap} {'_' if one is None else sample(one)}" for one in values)

    # -- dates ----------------------------------------------------------------------------------------------------

    def _masked(self, begin: int, unit: int, length: int) -> tuple[bool | None, ...]:
        return tuple(self.calendar.masks(range(begin, begin + length * unit // _SECOND + 1, unit // _SECOND)))

    def _resets(self, begin: int, unit: int, length: int) -> tuple[int | None, ...]:
        """Return for each time in units when the current period began."""
        found: list[int | None] = []
        for at in range(length + 1):
            began = self.calendar.began(begin + at * unit // _SECOND)
            gone = 0 if began is None else max(0, began - begin) * _SECOND
            found.append(gone // unit if gone % unit == 0 else None)
        return tuple(found)

    def _period_of_units(self, begin: int, unit: int, length: int) -> list[int]:
        """Return for each unit the period in which the step began that ends with it."""
        step = self.timing.step.ms // _SECOND
        return [self._began(begin + at * unit // _SECOND - step) for at in range(1, length + 1)]

    def _began(self, second: int) -> int:
        """Return when the period began that a second of the epoch lies in, or the first one that is known."""
        return self.calendar.began(second) or self.calendar.resets[0]

    def _known(self) -> frozenset[int]:
        return frozenset((*self.expecter.windows(), self.subject.window.ms))


def _amount(segment: Segment, bad: bool) -> float | None:
    """Return how many events a unit has, or how many bad ones; None where nothing is there to be measured."""
    return segment.volume * VOLUME * (segment.share if bad else 1) if segment.present else None
