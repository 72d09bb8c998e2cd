"""Test series of an indicator: what its selectors would find in a service that goes through a timeline."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from binnacle.api.slo import SLO
from binnacle.api.slo_indicators import HistogramType
from binnacle.check.proofs.labelling import labels_for, passed_over
from binnacle.check.proofs.samples import gap, run, sample, spelled
from binnacle.check.proofs.timeline import Segment, Timeline
from binnacle.compile import units
from binnacle.compile.contract import Contract
from binnacle.compile.slo.indicator import Counted
from binnacle.compile.slo.indicators.latency import limit_in
from binnacle.promql import to_text
from binnacle.promql.nodes import MatchOp, Selector

Series = tuple[str, str]
Labels = Mapping[str, str]

VOLUME: Final = 1e6
"""Events in a unit of usual traffic: enough for any guard against few of them."""
_START: Final = 1e9
"""Where counters begin: those of a service that has run for long. Near zero, growth cannot be told to the last event."""
_GRAIN: Final = 2.0**-18
"""What counters grow by is a multiple of this, so that sums of it are exact: a counter that is a rounding error lower has begun anew."""
_PARTS: Final = 10
"""How many series a gauge has where it is told apart which part of them is bad."""
PART: Final = "part"
PROCESSES: Final = (0.75, 0.25)
"""How much of the traffic each of the processes has that count events."""


class NoSeriesError(Exception):
    """No test series can be made; the text says why, for a person."""


@dataclass(frozen=True, slots=True)
class Feeder:
    """Makes the test series of one SLO.

    Attributes:
        slo: the SLO.
        counted: what its indicator reads.
        contract: what is declared in its namespace.
        interval: milliseconds between two samples, a divisor of `unit`.
        unit: milliseconds of a unit of a timeline.
        begin: the second of the epoch that the test's beginning is taken for.
    """

    slo: SLO
    counted: Counted
    contract: Contract
    interval: int
    unit: int
    begin: int = 0

    @property
    def weighs_time(self) -> bool:
        """Whether samples are counted and not events: then a share is a number of series of ten, and volume is one."""
        return self.slo.spec.indicator.weighs_time

    @property
    def volume(self) -> tuple[float, float]:
        """How many events a unit of usual traffic has where it is scraped, at least and at most.

        Of what is measured in time a range may hold one sample more.
        """
        if self.slo.spec.indicator.expression is not None:
            return (self.unit / 1000,) * 2
        if not self.weighs_time:
            return VOLUME, VOLUME
        samples = self.unit // self.interval
        return float(samples * _PARTS), float((samples + 1) * _PARTS)

    @property
    def appears_at_nought(self) -> bool:
        """Whether what is new is first seen before it has counted anything, so that all it counts is known."""
        return not self.weighs_time and not self._is_native()

    @property
    def begins(self) -> tuple[float, ...]:
        """How often the first unit may count: at the beginning of a test a gauge has a sample, and a counter has not grown yet."""
        if self.slo.spec.indicator.windowed is not None:
            return (2.0,)
        if not self.weighs_time:
            return (1.0,)
        samples = self.unit // self.interval
        return ((samples + 1) / (samples + 2), 1.0, *(1 + 1 / (samples + more) for more in range(3)))

    def rounded(self, timeline: Timeline) -> Timeline:
        """Return the timeline as far as this indicator can go through it."""
        if not self.weighs_time:
            return timeline
        return Timeline(
            tuple(
                replace(
                    one,
                    volume=1.0,
                    share=round(one.share * _PARTS) / _PARTS,
                    present=one.present and one.volume > 0,
                    early=False,
                )
                for one in timeline.segments
            )
        )

    def series(self, timeline: Timeline, group: Labels, *, late: bool = False, new: bool = False) -> tuple[Series, ...]:
        """Return the series of a group that goes through a timeline, samples from time 0 on.

        Args:
            timeline: what happens.
            group: labels of the group.
            late: what counts bad events is not there before the first one.
            new: nor is what counts any others.

        Raises:
            NoSeriesError: there can be none.
        """
        indicator = self.slo.spec.indicator
        if indicator.ratio is not None or indicator.latency is not None:
            return self._events(timeline, group, late=late or new, new=new)
        if indicator.windowed is not None:
            every = Decimal(indicator.windowed.every.ms) / self.unit
            return tuple(self._windows(timeline, group, every, late=late or new, new=new))
        if indicator.expression is not None:
            raise NoSeriesError("what series an expression needs cannot be told from it")
        return self._gauges(timeline, group)

    def strangers(self, timeline: Timeline, group: Labels) -> tuple[Series, ...]:
        """Return series that the selectors must pass over, as many as can be made: they fail all the time.

        A sample that fails may count for nothing where good ones are looked for, so beside such a gauge there is one that is fine.
        """
        failing = Timeline((Segment(timeline.length, share=1.0),))
        found: dict[str, str] = {}
        for selector, labels in passed_over(self.counted.selectors, group):
            name = selector.name or ""
            if self.weighs_time:
                for number, value in enumerate(self._gauge_values()):
                    found[spelled(name, {**labels, PART: str(number)})] = self._always(timeline, value)
            elif self.slo.spec.indicator.windowed is not None:
                found[spelled(name, labels)] = self._always(timeline, self._gauge_values()[1])
            elif self._is_native():
                found[spelled(name, labels)] = self._histogram(failing)
            else:
                found[spelled(name, labels)] = self._counter(failing, lambda one: one.volume)
        return tuple(found.items())

    # -- events ---------------------------------------------------------------------------------------------------

    def _events(self, timeline: Timeline, group: Labels, *, late: bool, new: bool) -> tuple[Series, ...]:
        if self._is_native():
            return ((spelled(*self._named(self.counted.selectors[0], group)), self._histogram(timeline)),)
        total, part = self.counted.selectors
        ratio = self.slo.spec.indicator.ratio
        counts_bad = ratio is not None and ratio.errors is not None
        amounts: tuple[Callable[[Segment], float], ...] = (_bad, _good) if counts_bad else (_good, _bad)
        ours, rest = amounts
        late_ours, late_rest = (late, new) if counts_bad else (new, late)
        if total.name != part.name:
            return (
                *self._counters(*self._named(total, group), timeline, lambda one: one.volume, late=new),
                *self._counters(*self._named(part, group), timeline, ours, late=late_ours),
            )
        both = labels_for((*total.matchers, *part.matchers), given=group)
        only = labels_for(total.matchers, against=part.matchers, given=group) if part.matchers else None
        if both is None or only is None:
            raise NoSeriesError(f"no series was found that {to_text(total)} takes and {to_text(part)} does not")
        name = total.name or ""
        return (
            *self._counters(name, both, timeline, ours, late=late_ours),
            *self._counters(name, only, timeline, rest, late=late_rest),
        )

    def _counters(
        self, name: str, labels: Labels, timeline: Timeline, amount: Callable[[Segment], float], *, late: bool = False
    ) -> Iterator[Series]:
        """Yield a counter as two processes have it: what is summed must be told from what is not."""
        for number, weight in enumerate(PROCESSES):
            values = self._counter(timeline, lambda one, weight=weight: amount(one) * weight, late=late)  # type: ignore[misc]
            yield spelled(name, {**labels, PART: str(number)}), values

    def _is_native(self) -> bool:
        latency = self.slo.spec.indicator.latency
        name = self.counted.selectors[0].name or ""
        return (
            latency is not None
            and (latency.histogram_type or self.contract.histogram_type(name)) is HistogramType.NATIVE
        )

    def _counter(self, timeline: Timeline, amount: Callable[[Segment], float], *, late: bool = False) -> str:
        """Return the samples of a counter that grows by `amount` of the usual volume in each unit."""
        per_unit = self.unit // self.interval
        items: list[str] = []
        value, there, counted = (0.0 if late else _START), not late, False
        if there:
            items.append(sample(value))
        else:
            items.append("_")
        for segment in timeline.segments:
            samples = segment.units * per_unit
            growth = round(amount(segment) * VOLUME / per_unit / _GRAIN) * _GRAIN
            if not segment.present:
                items += gap(samples, first="stale" if there else "_")
                there = False
                continue
            if late and not counted and growth == 0:
                items += gap(samples, first="_")
                continue
            if late and not counted:
                # It appears at nought: what it had counted before it was first seen, nobody knows.
                items[-1:] = _shortened(items[-1])
                counted = True
            there = True
            if segment.early and per_unit > 1:
                half = per_unit // 2
                value = 0.0 if segment.restarts else value
                for _ in range(segment.units):
                    grown = round(growth * per_unit / half / _GRAIN) * _GRAIN
                    items += [run(value + grown, grown, half), run(value + grown * half, 0.0, per_unit - half)]
                    value += grown * half
                continue
            value = growth if segment.restarts else value + growth
            items.append(run(value, growth, samples))
            value += growth * (samples - 1)
        return " ".join(items)

    def _histogram(self, timeline: Timeline) -> str:
        """Return the samples of a native histogram: good events in the last bucket below the limit, bad ones in the first above."""
        latency = self.slo.spec.indicator.latency
        name = self.counted.selectors[0].name or ""
        limit = limit_in(name, latency)[0] if latency is not None else None
        if limit is None:
            raise NoSeriesError("the limit has no place among the buckets")
        # At this schema the bucket i ends at 2^(i/32); the one that the limit may lie in is empty.
        low = math.floor(math.log2(limit) * 32)
        per_unit = self.unit // self.interval

        def at(good: float, bad: float) -> str:
            buckets = f"[{good:.0f} 0 0 {bad:.0f}]"
            return f"{{{{schema:5 count:{good + bad:.0f} sum:1 offset:{low - 1} buckets:{buckets}}}}}"

        good = bad = _START
        items = [at(good, bad)]

        def grow(more: tuple[int, int], samples: int, *, anew: bool = False) -> None:
            nonlocal good, bad
            good, bad = more if anew else (good + more[0], bad + more[1])
            items.append(f"{at(good, bad)}+{at(*more)}x{samples - 1}" if samples > 1 else at(good, bad))
            good, bad = good + more[0] * (samples - 1), bad + more[1] * (samples - 1)

        for segment in timeline.segments:
            if not segment.present:
                items += gap(segment.units * per_unit, first="stale")
                continue
            counted = per_unit // 2 if segment.early and per_unit > 1 else per_unit
            more = (round(_good(segment) * VOLUME / counted), round(_bad(segment) * VOLUME / counted))
            if counted == per_unit:
                grow(more, segment.units * per_unit, anew=segment.restarts)
                continue
            for number in range(segment.units):
                grow(more, counted, anew=segment.restarts and number == 0)
                grow((0, 0), per_unit - counted)
        return " ".join(items)

    # -- gauges ---------------------------------------------------------------------------------------------------

    def _windows(self, timeline: Timeline, group: Labels, every: Decimal, *, late: bool, new: bool) -> Iterator[Series]:
        """Yield gauges that count what there was in `every`, as two parts of a service have them: they must be summed."""
        total, errors = self.counted.selectors
        counts: tuple[tuple[Selector, Callable[[Segment], float], bool], ...] = (
            (total, lambda one: one.volume, new),
            (errors, _bad, late),
        )
        for selector, amount, appears in counts:
            name, labels = self._named(selector, group)
            for number, weight in enumerate(PROCESSES):
                scale = float(every) * VOLUME * weight
                values = self._held(timeline, lambda one, a=amount, by=scale: (a(one) * by, 0.0), late=appears)  # type: ignore[misc]
                yield spelled(name, {**labels, PART: str(number)}), values

    def _gauges(self, timeline: Timeline, group: Labels) -> tuple[Series, ...]:
        gauge = self.counted.selectors[0]
        name, labels = self._named(gauge, group)

        def part(number: int) -> str:
            return self._held(timeline, lambda one: self._gauge_values()[number < round(one.share * _PARTS)])

        return tuple((spelled(name, {**labels, PART: str(number)}), part(number)) for number in range(_PARTS))

    def _gauge_values(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return a good and a bad value, each with its growth by sample; both near the limit."""
        indicator = self.slo.spec.indicator
        if (threshold := indicator.threshold) is not None:
            given, below = (threshold.below, True) if threshold.below is not None else (threshold.above, False)
            name = self.counted.selectors[0].name or ""
            limit = units.number(given, units.of_name(name), "")[0] if given is not None else None
            if limit is None:
                raise NoSeriesError("the threshold has no limit")
            near = abs(float(limit)) / 50 or 1.0
            return (float(limit) + (-near if below else near), 0.0), (float(limit), 0.0)
        if (freshness := indicator.freshness) is not None:
            name = self.counted.selectors[0].name or ""
            per_second = float(units.in_a_second(units.of_name(name)))
            pace, age = self.interval / 1000 * per_second, float(freshness.max_age.seconds) * per_second
            start = self.begin * per_second
            return (start - 0.98 * age, pace), (start - 1.02 * age, pace)
        if indicator.windowed is not None:
            return (VOLUME, 0.0), (VOLUME, 0.0)
        return (1.0, 0.0), (0.0, 0.0)

    def _held(self, timeline: Timeline, value: Callable[[Segment], tuple[float, float]], *, late: bool = False) -> str:
        """Return the samples of a gauge; one whose value has a pace keeps that distance from the time of the sample.

        One that is `late` is not there before it has something to count.
        """
        items: list[str] = []
        at = 0
        for scrapes, segment in self._pieces(timeline):
            samples = scrapes + (not items)
            base, pace = value(segment)
            late = late and not (segment.present and base > 0)
            if late or not segment.present:
                items += gap(samples, first="stale" if items else "_")
            else:
                items.append(run(base + pace * at, pace, samples))
            at += samples
        return " ".join(items)

    def _pieces(self, timeline: Timeline) -> Iterator[tuple[int, Segment]]:
        """Yield how long a gauge keeps its value, in samples, and what there is then: what comes early is gone by half a unit."""
        per_unit = self.unit // self.interval
        half = per_unit // 2
        for segment in timeline.segments:
            if not segment.early or not half:
                yield segment.units * per_unit, segment
                continue
            for _ in range(segment.units):
                yield half, replace(segment, volume=segment.volume * per_unit / half)
                yield per_unit - half, replace(segment, volume=0.0)

    def _always(self, timeline: Timeline, value: tuple[float, float]) -> str:
        """Return the samples of a gauge that has the same value all the time, or the same distance from it."""
        return self._held(Timeline((Segment(timeline.length),)), lambda _: value)

    def _named(self, selector: Selector, group: Labels) -> tuple[str, dict[str, str]]:
        labels = labels_for(selector.matchers, given=group)
        if labels is None:
            raise NoSeriesError(f"no series was found that {to_text(selector)} takes")
        return selector.name or "", labels


def groups_of(slo: SLO, selectors: Iterable[Selector]) -> tuple[dict[str, str], ...]:
    """Return the labels of two groups that all selectors take, or of one where two were not found."""
    names = slo.spec.group_by
    fixed = [
        one for selector in selectors for one in selector.matchers if one.name in names and one.op is MatchOp.EQUAL
    ]
    groups = []
    for value in ("one", "two"):
        given = dict.fromkeys(names, value)
        given |= {matcher.name: matcher.value for matcher in fixed}
        groups.append(given)
    return (groups[0],) if not names or groups[0] == groups[1] else (groups[0], groups[1])


def _bad(segment: Segment) -> float:
    return segment.volume * segment.share


def _good(segment: Segment) -> float:
    return segment.volume * (1 - segment.share)


def _shortened(missing: str) -> list[str]:
    """Return a gap whose last sample is nought."""
    if missing == "_":
        return ["0"]
    number = int(missing.removeprefix("_x"))
    return [f"_x{number - 1}", "0"] if number > 1 else ["0"]
