"""What happens to a service over time, and what rules must say of it: the truth that proofs compare with.

The two lines of Prometheus cut time differently where a sample falls exactly on the edge of a range: 2.x counts it, 3.x does
not. The truth is therefore a set of values, one for each way of cutting, and any of them is right.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True, slots=True)
class Segment:
    """Units of time in which nothing changes.

    Attributes:
        units: how many.
        volume: events in each, of a usual amount.
        share: which of them are bad, 0 to 1.
        present: whether there is anything to scrape.
        restarts: whether what counts begins anew with it.
        early: whether events come in the first half of a unit only.
    """

    units: int
    volume: float = 1.0
    share: float = 0.0
    present: bool = True
    restarts: bool = False
    early: bool = False


Values = tuple[float | None, ...]
"""What a share may be, by each way of cutting time; None: there is none."""

_FINE = 2
"""Samples of a unit up to which ranges are longer than it."""
_SETTLING = 3
"""Units after which a series that has vanished is gone for certain."""
_CLOSE = 0.05
"""By how much of the larger one two values may differ that are told together."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Segments one after the other; time is counted in units, from 1 for the end of the first."""

    segments: tuple[Segment, ...]

    @property
    def length(self) -> int:
        """Units in all."""
        return sum(segment.units for segment in self.segments)

    def ends(self) -> Iterator[int]:
        """Yield the time at which each segment ends."""
        at = 0
        for segment in self.segments:
            at += segment.units
            yield at

    def units(self) -> list[Segment]:
        """Return the segment of each unit."""
        return [segment for segment in self.segments for _ in range(segment.units)]


class Truth:
    """The shares of a timeline.

    `is_even` says whether events come evenly within their units: if not, what is counted depends on where a range is cut, and
    shares do not.

    Args:
        timeline: what happens.
        unit: milliseconds of a unit.
        samples: how many there are in each unit; 0 where samples lie within their units and not on edges, as where increments
            are given and not counted.
        masked: for each unit, whether what was measured at its end is left out.
        begins: how often the first unit may count in a window that is longer than history: what a test begins with may have
            been counted at its beginning.
    """

    def __init__(
        self,
        timeline: Timeline,
        unit: int,
        samples: int = 0,
        masked: Sequence[bool] = (),
        begins: Sequence[float] = (1.0,),
    ):
        self.unit = unit
        self._settled = settled = samples == 0
        self._begins = tuple(begins)
        units = timeline.units()
        self.is_even = not any(one.early for one in units)
        self._present = [one.present for one in units]
        self._masked = [*masked, *([False] * (len(units) - len(masked)))]
        counts = [1.0] * len(units) if settled else [float(not one) for one in self._masked]
        self._cuts: list[tuple[list[float], list[float]]] = []
        for kernel in _kernels(samples):
            events = _smeared([one.volume if one.present else 0.0 for one in units], kernel)
            errors = _smeared([one.volume * one.share if one.present else 0.0 for one in units], kernel)
            kept = ([value * count for value, count in zip(side, counts, strict=True)] for side in (events, errors))
            self._cuts.append((_summed(next(kept)), _summed(next(kept))))

    def shares(self, at: int, window: int, *, fresh: bool) -> Values | None:
        """Return the share over `window` milliseconds at a time; None when it cannot be told.

        Args:
            at: time in units.
            window: milliseconds.
            fresh: whether it needs what is scraped now, and not only what was recorded.
        """
        ways = tuple(product(self._cuts, self._reach(window), self._begins))
        if fresh:
            gone = self.is_gone(at)
            if gone is not False:
                return None if gone is None else (None,) * len(ways)
        return tuple(self._share(cut, at, length, begin) for cut, length, begin in ways)

    def since(self, at: int, begin: int) -> Values:
        """Return the share of what was counted after one time and up to another, both in units."""
        if begin <= 0:
            return tuple(self._share(cut, at, at + 1, first) for cut in self._cuts for first in self._begins)
        return tuple(self._share(cut, at, at - begin, 1) for cut in self._cuts)

    def errors(self, at: int, window: int) -> tuple[float, ...]:
        """Return how many events were bad over `window` milliseconds at a time, in units of usual traffic."""
        ways = product(self._cuts, self._reach(window), self._begins)
        return tuple(self._counts(cut, at, length, begin)[1] for cut, length, begin in ways)

    def is_gone(self, at: int) -> bool | None:
        """Say whether nothing is scraped, or what is scraped is left out; None for the time in which series vanish."""
        if self._masked[at - 1]:
            return True
        if not any(self._present[: at - 1]):
            # Nothing was there before that could linger.
            return not self._present[at - 1]
        lately = self._present[max(0, at - _SETTLING) : at]
        return False if all(lately) else None if any(lately) else True

    def was_there(self, at: int, within: int | None = None) -> bool:
        """Say whether anything was scraped up to a time, or in the last unit or units `within` milliseconds of it."""
        first = 0 if within is None else max(0, at - max(1, within // self.unit))
        return any(self._present[first:at])

    def over(self, at: int, window: int, held: int, limit: float, *, fresh: bool) -> bool | None:
        """Say whether the share was above a limit within the last `held` milliseconds; None when it depends."""
        answers = set()
        for back in self._lengths(held):
            shares = [self.shares(one, window, fresh=fresh) for one in range(max(1, at - back + 1), at + 1)]
            if any(one is None for one in shares):
                return None
            # Each way of cutting is one Prometheus, the same at all times.
            by_cut = zip(*(one for one in shares if one is not None), strict=False)
            answers |= {any(value is not None and value > limit for value in cut) for cut in by_cut}
        return answers.pop() if len(answers) == 1 else None

    def lately(self, at: int, held: int) -> tuple[range, ...]:
        """Return the times, in units, that a range of `held` milliseconds may look at."""
        return tuple(range(max(1, at - back + 1), at + 1) for back in self._lengths(held))

    def _reach(self, window: int) -> tuple[int, ...]:
        return (window // self.unit,) if self._settled else self._lengths(window)

    def _lengths(self, milliseconds: int) -> tuple[int, ...]:
        """Return how many units a range holds, left-open and closed."""
        return tuple(dict.fromkeys((max(1, -(-milliseconds // self.unit)), milliseconds // self.unit + 1)))

    def _share(self, cut: tuple[list[float], list[float]], at: int, length: int, begin: float) -> float | None:
        events, errors = self._counts(cut, at, length, begin)
        return errors / events if events > 0 else None

    def _counts(self, cut: tuple[list[float], list[float]], at: int, length: int, begin: float) -> tuple[float, float]:
        first = at - length
        if first > 0:
            events, errors = (summed[at] - summed[first] for summed in cut)
        else:
            # What there was before the first unit lies out of a range that begins with it.
            begin = begin if first < 0 else min(begin, 1.0)
            events, errors = (summed[at] + (begin - 1) * summed[1] for summed in cut)
        return events, errors


def bands(values: Values) -> tuple[tuple[float, float], ...] | None:
    """Return the bounds of values, those that are close together in one band; None where there may be no value."""
    known = sorted(value for value in values if value is not None)
    if not known or len(known) < len(values):
        return None
    found = [(known[0], known[0])]
    for value in known[1:]:
        low, high = found[-1]
        if value - high <= _CLOSE * value:
            found[-1] = (low, value)
        else:
            found.append((value, value))
    return tuple(found)


def _kernels(samples: int) -> Iterator[tuple[float, ...]]:
    """Yield from which units a unit may be counted, itself and those before it: ranges reach one scrape further than the unit."""
    yield (1.0,)
    if samples:
        yield samples / (samples + 1), 1 / (samples + 1)
    if 0 < samples <= _FINE:
        # Of samples that need no neighbour a range holds one more than that.
        more = samples + 2
        yield tuple(min(samples, more - samples * at) / more for at in range(-(-more // samples)))


def _smeared(units: Sequence[float], kernel: Sequence[float]) -> list[float]:
    return [sum(part * units[max(0, at - back)] for back, part in enumerate(kernel)) for at in range(len(units))]


def _summed(units: Iterable[float]) -> list[float]:
    total = [0.0]
    for one in units:
        total.append(total[-1] + one)
    return total
