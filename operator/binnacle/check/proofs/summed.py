"""The tests of a window that is summed up rarely: sums and what came after them, and an SLO that comes back.

promtool evaluates every group at every step, so sums that the rules make are never older than what is added to them. Here
they are given: some steps apart, of other numbers than what is recorded between them, and until there are none. Increments
are given too, a while before each evaluation, as in a real Prometheus: there no rule sees one at two of its looks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from binnacle.api.values import Duration
from binnacle.check.proofs.expected import Expecter
from binnacle.check.proofs.feeds import Series
from binnacle.check.proofs.moments import Calendar
from binnacle.check.proofs.promtool import Case, Expectation
from binnacle.check.proofs.samples import sample, spelled
from binnacle.compile.slo.period import BEFORE, LATELY, SOMETIMES
from binnacle.compile.slo.subject import Subject
from binnacle.compile.slo.timing import Timing, summed_every
from binnacle.intent import series

_SECOND: Final = 1000
_BEFORE: Final = Duration.of(hours=12)
_GAPS: Final = 5
"""So many gaps there are between sums."""
_FORGOTTEN: Final = (LATELY.ms + BEFORE.ms) // SOMETIMES.ms
"""Units of `SOMETIMES` for which an SLO that was there at a moment is not new."""
_TURN: Final = _FORGOTTEN - 2
"""Such units from the beginning of a test to the beginning of a period."""
_FOREIGN: Final = "binnacle_nobody"
"""A label that sums by other groups than those of the SLO are told by: what was recorded before `groupBy` was changed."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Makes the tests of one SLO.

    Attributes:
        subject: the SLO.
        timing: the clocks of Prometheus.
        groups: labels of its groups.
        expecter: tells what is expected.
        calendar: what the date means.
    """

    subject: Subject
    timing: Timing
    groups: Sequence[Mapping[str, str]]
    expecter: Expecter
    calendar: Calendar

    @property
    def begin(self) -> int:
        """The second of the epoch at which tests begin: half a day before a period of the calendar does."""
        return self.calendar.resets[1] - _BEFORE.ms // _SECOND if self.calendar.resets else 0

    @property
    def begin_turned(self) -> int:
        """The second of the epoch at which the test of a period that begins does."""
        return self.calendar.resets[1] - _TURN * SOMETIMES.ms // _SECOND

    @property
    def given(self) -> frozenset[str]:
        """What is given while the SLO is there all the time."""
        increments = {series.events_increase(self.timing.step), series.errors_increase(self.timing.step)}
        return frozenset({series.PERIOD_COUNTED, series.PERIOD_EVENTS, series.PERIOD_ERRORS, *increments})

    @property
    def given_away(self) -> frozenset[str]:
        """What is given while it is there now and then."""
        return self.given | {series.TIME_PERIOD}

    def followed(self) -> Case:
        """Return the test of an SLO that is new, then is summed up now and then, and at last no longer. Its unit is a step."""
        step, reach = self.timing.step.ms, 2 * summed_every(self.subject.reach.back).ms
        day = LATELY.ms // step
        # For so many steps the last sums are known, also on the line of Prometheus that sees a range without its beginning.
        known, unknown = (reach - 1) // step, reach // step + 1
        first = day + 2
        sums = tuple(range(first, first + _GAPS * known + 1, known))
        last = sums[-1]
        end = last + day + 2
        feed = _Feed(self, self.begin, step, parts=5, length=end)
        fed = dict(feed.counted(sums))
        expected: list[Expectation] = []
        for number, group in enumerate(self.groups):
            course = _Course(number)
            fed |= dict(feed.increments(group, course, range(1, end + 1)))
            fed |= dict(feed.sums(group, course, sums, sums))
            # A new SLO counts what there is of the period; one that has been there for a day waits for sums.
            shares: list[tuple[int, float | None]] = []
            for at in (2, day - 2):
                same = [one for one in range(1, at + 1) if feed.period(one) == feed.period(at)]
                shares.append((at, course.share(same)))
            shares.append((first - 1, None))
            fresh = (first, first + 1, first + known - 1, first + known, last - 1, last, last + known)
            shares += [(at, course.since(max(one for one in sums if one <= at), at)) for at in fresh]
            # Where no sums followed for so long, nobody knows what is missing: the last ones stand for a day.
            shares += [(at, course.since(last, last)) for at in (last + unknown, last + day - 1)]
            shares.append((end, None))
            expected += [self.expecter.period(at * step, group, share) for at, share in shares]
        return Case("what was recorded since the last sums counts", feed.interval, tuple(fed.items()), tuple(expected))

    def away(self) -> Case:
        """Return the test of an SLO that is there at first and once more when that is forgotten. Its unit is `SOMETIMES`.

        In between, events and errors are summed up one without the other, as when a rule fails: a day later they are of no use.
        """
        unit = SOMETIMES.ms
        day, forgotten = LATELY.ms // unit, _FORGOTTEN
        end = forgotten + 1
        feed = _Feed(self, self.begin, unit, parts=2, length=end)
        fed = dict(feed.there({0}))
        expected: list[Expectation] = []
        # More than a day, and less than two.
        later = 2 * day - 2
        alone = (5 * day, 5 * day + later), (10 * day, 10 * day + later)
        for number, group in enumerate(self.groups):
            course = _Course(number)
            fed |= dict(feed.increments(group, course, range(end - 2 * day + 1, end + 1)))
            fed |= dict(feed.sums(group, course, (alone[0][1], alone[1][0]), (alone[0][0], alone[1][1])))
            shares: list[tuple[int, float | None]] = [(after + 1, None) for _, after in alone]
            shares += [(forgotten - 1, None), (end, course.share(range(end - day + 1, end + 1)))]
            expected += [self.expecter.period(at * unit, group, share) for at, share in shares]
        return Case("an SLO that was away for a month is new", feed.interval, tuple(fed.items()), tuple(expected))

    def turned(self) -> Case:
        """Return the test of a period of which nothing is recorded yet: nothing of its budget is spent. Its unit is `SOMETIMES`.

        First the SLO does not wait for sums, because there were some within a day; then because it was away for so long that it is new.
        """
        unit = SOMETIMES.ms
        day = LATELY.ms // unit
        waiting, new = _FORGOTTEN - 1, _FORGOTTEN + 1
        # Within a day of the one moment, beyond a day of the other.
        summed = (waiting - day + 1,)
        feed = _Feed(self, self.begin_turned, unit, parts=2, length=new)
        fed = dict(feed.there({0})) | dict(feed.counted(summed))
        expected: list[Expectation] = []
        for number, group in enumerate(self.groups):
            course = _Course(number)
            fed |= dict(feed.increments(group, course, range(_TURN - 3, _TURN + 1)))
            fed |= dict(feed.sums(group, course, summed, summed))
            expected += [self.expecter.period(at * unit, group, 0.0) for at in (waiting, new)]
        return Case("of a period that begins nothing is spent", feed.interval, tuple(fed.items()), tuple(expected))


class _Course:
    """What is recorded of a group, by units: numbers that tell units, sums and groups apart."""

    def __init__(self, number: int) -> None:
        self._number = number

    def events(self, at: int) -> int:
        """Return the events of a unit."""
        return 100 + 7 * (at % 11) + self._number

    def errors(self, at: int) -> int:
        """Return its errors."""
        return 1 + (at * at + self._number) % 13

    def all_events(self, at: int) -> int:
        """Return the events of the whole window, when it is summed up at a unit's end."""
        return 5000 + 3 * at

    def all_errors(self, at: int) -> int:
        """Return its errors."""
        return 900 - at + 50 * self._number

    def share(self, units: Sequence[int]) -> float:
        """Return the share of errors of some units."""
        return sum(map(self.errors, units)) / sum(map(self.events, units))

    def since(self, summed: int, last: int) -> float:
        """Return the share of errors by the sums of a unit and what came after it."""
        units = range(summed + 1, last + 1)
        errors = self.all_errors(summed) + sum(map(self.errors, units))
        return errors / (self.all_events(summed) + sum(map(self.events, units)))


@dataclass(frozen=True, slots=True)
class _Feed:
    """Spells series whose unit, in milliseconds, is cut in parts, up to the end of so many units.

    What is recorded with the evaluation at a unit's end is there at that moment, and an increment one part before. The first unit
    begins at a second of the epoch.
    """

    of: Sums
    begin: int
    unit: int
    parts: int
    length: int

    @property
    def interval(self) -> int:
        """Milliseconds between two samples."""
        return self.unit // self.parts

    def increments(self, group: Mapping[str, str], course: _Course, units: Iterable[int]) -> Iterator[Series]:
        """Yield the increments of some units."""
        step = self.of.timing.step
        for name, count in (
            (series.events_increase(step), course.events),
            (series.errors_increase(step), course.errors),
        ):
            own: dict[str, dict[int, float]] = {}
            for at in units:
                own.setdefault(self.period(at), {})[at * self.parts - 1] = float(count(at))
            for period, values in own.items():
                yield self._spelled(name, {**group, **_of(period)}, values)

    def sums(
        self, group: Mapping[str, str], course: _Course, events: Sequence[int], errors: Sequence[int]
    ) -> Iterator[Series]:
        """Yield what is summed up at the ends of some units, and what others have there."""
        grouped = {series.BINNACLE_GROUPS: ",".join(self.of.subject.groups)}
        for name, count, units in (
            (series.PERIOD_EVENTS, course.all_events, events),
            (series.PERIOD_ERRORS, course.all_errors, errors),
        ):
            # All of them are of one period.
            own = {**group, **_of(self.period(units[-1])), **grouped}
            others = dict.fromkeys(self._ends(units), 77_777.0)
            yield self._spelled(name, own, {at * self.parts: float(count(at)) for at in units})
            yield self._spelled(name, {**own, series.BINNACLE_GROUPS: _FOREIGN}, others)
            for label, _ in self.of.subject.labels:
                yield self._spelled(name, {**own, label: "another"}, others)

    def counted(self, units: Iterable[int]) -> Iterator[Series]:
        """Yield when that was: by promtool's clock, like the timestamps that it is compared with, whatever the date is.

        What others have summed up was when one's own sums before the last were.
        """
        moments = {at: float(at * self.interval // _SECOND) for at in self._ends(units)}
        yield self._spelled(series.PERIOD_COUNTED, {}, moments)
        earlier = {at: moments[before] for before, at in pairwise(moments)}
        for label, _ in self.of.subject.labels:
            yield self._spelled(series.PERIOD_COUNTED, {label: "another"}, earlier)

    def there(self, units: Iterable[int]) -> Iterator[Series]:
        """Yield that the SLO is there at the ends of some units."""
        yield self._spelled(series.TIME_PERIOD, {}, dict.fromkeys(self._ends(units), 1.0))

    def _ends(self, units: Iterable[int]) -> Iterator[int]:
        return (at * self.parts for at in units)

    def period(self, at: int) -> str:
        """Return the label of the period in which the step began that ends with a unit; empty where there are no periods."""
        if not self.of.calendar.resets:
            return ""
        return str(self.of.calendar.began(self.begin + (at * self.unit - self.of.timing.step.ms) // _SECOND))

    def _spelled(self, name: str, labels: Mapping[str, str], values: Mapping[int, float]) -> Series:
        parts = range(self.length * self.parts + 1)
        text = " ".join(sample(values[at]) if at in values else "_" for at in parts)
        return spelled(name, {**dict(self.of.subject.labels), **labels}), text


def _of(period: str) -> Mapping[str, str]:
    return {series.BINNACLE_PERIOD: period} if period else {}
