"""What happens to a service over time, and what rules must say of it: the truth that proofs compare with.

The two lines of Prometheus cut time differently where a sample falls exactly on the edge of a range: 2.x counts it, 3.x does
not. The truth is therefore a set of values, one for each way of cutting; where they are close together, something is
expected, and where they are not, nothing is.
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
    """

    units: int
    volume: float = 1.0
    share: float = 0.0
    present: bool = True
    restarts: bool = False


Values = tuple[float | None, ...]
"""What a share may be, by each way of cutting time; None: there is none."""

_KERNELS: tuple[tuple[float, ...], ...] = ((1.0,), (5 / 6, 1 / 6), (1 / 2, 1 / 2), (1 / 3, 1 / 3, 1 / 3))
"""What a unit may be counted from: itself and those before it, because ranges reach one scrape further than the unit."""
_SETTLING = 3
"""Units after which a series that has vanished is gone for certain."""


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

    Args:
        timeline: what happens.
        unit: milliseconds of a unit.
        settled: whether samples lie within their units and not on edges, as where increments are given and not counted.
    """

    def __init__(self, timeline: Timeline, unit: int, *, settled: bool = False):
        self.unit = unit
        self._settled = settled
        # How often the first unit counts in a window that is longer than history: nothing was known before it.
        self._begins = (1,) if settled else (0, 1, 2)
        units = timeline.units()
        self._present = [one.present for one in units]
        self._cuts: list[tuple[list[float], list[float]]] = []
        for kernel in _KERNELS[:1] if settled else _KERNELS:
            events = _smeared([one.volume if one.present else 0.0 for one in units], kernel)
            errors = _smeared([one.volume * one.share if one.present else 0.0 for one in units], kernel)
            self._cuts.append((_summed(events), _summed(errors)))

    def shares(self, at: int, window: int, *, fresh: bool) -> Values | None:
        """Return the share over `window` milliseconds at a time; None when it cannot be told.

        Args:
            at: time in units.
            window: milliseconds.
            fresh: whether it needs what is scraped now, and not only what was recorded.
        """
        if fresh:
            lately = self._present[max(0, at - _SETTLING) : at]
            if not all(lately):
                return (
                    None
                    if any(lately)
                    else (None,) * len(tuple(product(self._cuts, self._reach(window), self._begins)))
                )
        ways = product(self._cuts, self._reach(window), self._begins)
        return tuple(self._share(cut, at, length, begin) for cut, length, begin in ways)

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

    def _reach(self, window: int) -> tuple[int, ...]:
        return (window // self.unit,) if self._settled else self._lengths(window)

    def _lengths(self, milliseconds: int) -> tuple[int, ...]:
        """Return how many units a range holds, left-open and closed."""
        return tuple(dict.fromkeys((-(-milliseconds // self.unit), milliseconds // self.unit + 1)))

    def _share(self, cut: tuple[list[float], list[float]], at: int, length: int, begin: int) -> float | None:
        first = at - length
        if first <= 0:
            events, errors = (summed[at] + (begin - 1) * summed[1] for summed in cut)
        else:
            events, errors = (summed[at] - summed[first] for summed in cut)
        return errors / events if events > 0 else None


def agreed(values: Values | None) -> tuple[float, float] | None:
    """Return the bounds of values that are close together, else None."""
    known = [value for value in values or () if value is not None]
    if not known or len(known) < len(values or ()):
        return None
    low, high = min(known), max(known)
    return (low, high) if high - low <= 0.05 * high else None


def _smeared(units: Sequence[float], kernel: Sequence[float]) -> list[float]:
    return [sum(part * units[max(0, at - back)] for back, part in enumerate(kernel)) for at in range(len(units))]


def _summed(units: Iterable[float]) -> list[float]:
    total = [0.0]
    for one in units:
        total.append(total[-1] + one)
    return total
