"""What services go through in proofs: the shapes of traffic that every SLO is tested with, and the edges of each burn alert."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, repeat
from typing import Final

from binnacle.check.proofs.timeline import Segment, Timeline

_HOUR: Final = 12
"""Units of the shapes: steps of five minutes."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape.

    Attributes:
        name: in words, the name of the test.
        timeline: what the service goes through, in steps.
        late: whether what counts bad events appears with the first of them.
        crowded: whether it is tested among other SLOs that have much in common with this one.
    """

    name: str
    timeline: Timeline
    late: bool = False
    crowded: bool = False


def shapes(budget: Fraction) -> tuple[Shape, ...]:
    """Return the shapes for an error budget, a share of events."""
    little = float(budget) / 2
    burst, rest = Segment(1, 10.0, 0.3), Segment(6)
    return (
        Shape("steady", Timeline((Segment(1, share=little), Segment(3 * _HOUR, share=little))), crowded=True),
        _shape("bursty", *chain.from_iterable(repeat((burst, rest), 5))),
        _shape("idle", Segment(2 * _HOUR, share=little), Segment(2 * _HOUR, 0.0), Segment(2 * _HOUR, share=little)),
        _shape(
            "reset",
            Segment(_HOUR, share=little),
            Segment(_HOUR, share=little, restarts=True),
            Segment(_HOUR, share=little, restarts=True),
        ),
        _shape("absent", Segment(2 * _HOUR, share=little), Segment(_HOUR, present=False)),
        Shape("late errors", Timeline((Segment(3 * _HOUR), Segment(_HOUR, share=0.5))), late=True),
        _shape(
            "partial outage", Segment(3 * _HOUR, 3.0), Segment(_HOUR // 2, share=0.5), Segment(_HOUR // 2, share=0.5)
        ),
        _shape("total outage", Segment(3 * _HOUR, share=little), Segment(3, share=1.0), Segment(_HOUR // 2, share=1.0)),
        _shape(
            "recovery",
            Segment(_HOUR, share=little),
            Segment(3, share=1.0),
            Segment(_HOUR // 2),
            # The hour still sees what the half hour does not.
            Segment(_HOUR // 2 - 1),
            Segment(_HOUR),
            Segment(2 * _HOUR),
        ),
    )


def edges(name: str, units: int, limit: float) -> Iterator[Shape]:
    """Yield two timelines for a burn alert: just above its limit for its long window, and just below.

    What was before had so much more traffic that longer windows hardly see it: where the alert fires, no other one does.

    Args:
        name: of the alert.
        units: of its long window.
        limit: share of errors from which on it fires.
    """
    for side, by in (("above", 1.03), ("below", 0.97)):
        share = min(1.0, limit * by)
        hot = (Segment(units, share=share), Segment(2, share=share), Segment(1, share=share))
        yield _shape(f"just {side} the limit of {name}", Segment(_HOUR, 50.0 * max(1, units / _HOUR)), *hot)


def ages(longest: int, windows: tuple[int, ...]) -> Timeline:
    """Return a timeline in which one failing unit grows older than each window, all of them in units.

    A segment ends while the failure is just within a window, and another one when it is just out of it.
    """
    cuts = sorted({longest + 1} | {cut for window in windows for cut in (window - 1, window)} - {0})
    segments, at = [Segment(longest + 2), Segment(1, share=1.0)], 0
    for cut in cuts:
        if cut > at:
            segments.append(Segment(cut - at))
            at = cut
    return Timeline(tuple(segments))


def _shape(name: str, *segments: Segment) -> Shape:
    return Shape(name, Timeline(segments))
