"""What services go through in proofs: the shapes of traffic that every SLO is tested with, and the edges of its alerts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise, repeat
from typing import Final

from binnacle.check.proofs.timeline import Segment, Timeline
from binnacle.compile.slo.burn import percent

_HOUR: Final = 12
"""Units of the shapes: steps of five minutes."""
_ABOVE: Final = 1.03
_BELOW: Final = 0.97
_SPREAD: Final = 4
"""Units over which failures are spread at least, so that a scrape that is not counted yet does not matter."""
_LESS: Final = (("hardly less", Fraction(19, 20)), ("much less", Fraction(21, 20)))
"""How much less than a share of the budget is left spent, of the margin within which a warning about it stays."""
_SIDES: Final = (("above", _ABOVE), ("below", _BELOW))


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape.

    Attributes:
        name: in words, the name of the test.
        timeline: what the service goes through, in steps.
        late: whether what counts bad events appears with the first of them.
        new: whether whatever counts appears with the first event.
        crowded: whether it is tested among other SLOs that have much in common with this one.
        alarmed: whether alerts fire that differ from its own in one label only.
        empty: whether there is nothing at all of it.
    """

    name: str
    timeline: Timeline
    late: bool = False
    new: bool = False
    crowded: bool = False
    alarmed: bool = False
    empty: bool = False


def shapes(budget: Fraction, gone: int = _HOUR, *, missed: bool = False) -> tuple[Shape, ...]:
    """Return the shapes for an error budget, a share of events, with an absence of so many units.

    Where an absence is `missed`, that is shown among other SLOs: what is there of them must not be taken for one's own.
    """
    little = float(budget) / 2
    burst, rest = Segment(1, 10.0, 0.3), Segment(6)
    return (
        _shape("steady", Segment(1, share=little), Segment(3 * _HOUR, share=little), crowded=True),
        _shape("bursty", *chain.from_iterable(repeat((burst, rest), 5))),
        _shape(
            "bursts in each step",
            Segment(1, 2.0, little, early=True),
            Segment(_HOUR, 2.0, little, early=True),
            Segment(1, 2.0, little, early=True, restarts=True),
        ),
        # For a while a window still sees what was before.
        _shape(
            "idle",
            Segment(2 * _HOUR, share=little),
            Segment(3, 0.0),
            Segment(2 * _HOUR - 3, 0.0),
            Segment(2 * _HOUR, share=little),
        ),
        _shape(
            "reset",
            Segment(_HOUR, share=little),
            Segment(_HOUR, share=little, restarts=True),
            Segment(_HOUR, share=little, restarts=True),
        ),
        _shape(
            "absent",
            Segment(2 * _HOUR, share=little),
            Segment(2, present=False),
            Segment(_HOUR // 2, share=little),
            Segment(gone, present=False),
            Segment(_HOUR, share=little),
            crowded=missed,
        ),
        _shape("never there", Segment(_HOUR // 2 + gone), crowded=missed, empty=True),
        # What is counted at first must be counted whole, and so must what is lost when counters begin anew.
        _shape(
            "first traffic",
            Segment(2, present=False),
            Segment(1, share=0.5),
            Segment(1, 4.0, 0.5, restarts=True),
            new=True,
        ),
        _shape("nothing good yet", Segment(2, present=False), Segment(3, share=1.0), new=True),
        _shape("late errors", Segment(3 * _HOUR), Segment(_HOUR, share=0.5), late=True),
        # It begins with failures: what has no past yet must be told too. And what others count must not be taken for one's own.
        _shape(
            "partial outage",
            Segment(1, 3.0, 0.5),
            Segment(3 * _HOUR - 1, 3.0),
            Segment(_HOUR // 2, share=0.5),
            Segment(_HOUR // 2, share=0.5),
            crowded=True,
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


def edges(name: str, long: int, short: int, held: int, limit: float) -> Iterator[Shape]:
    """Yield four timelines for a burn alert: one of its windows is just above its limit or just below, and the other is above.

    What was before had so much more traffic that longer windows hardly see it: where the alert fires, no other one does.

    Args:
        name: of the alert.
        long: its long window in units.
        short: its short one.
        held: units for which it holds after the short window has ended.
        limit: share of errors from which on it fires.
    """
    before = Segment(_HOUR, 50.0 * max(1, long / _HOUR))
    over = min(1.0, 1.3 * limit)
    # Ranges see up to a unit more than they say, and the unit before is smeared into the next one.
    last, calm = short + 2, short + held + 2
    for side, by in _SIDES:
        near = min(1.0, limit * by)
        rest = (near * long - over * last) / (long - last) if long > last else 0.0
        if rest > 0:
            hot = (Segment(long - last + 3, share=min(1.0, rest)), Segment(last, share=over))
        else:
            hot = (Segment(long, share=near), Segment(3, share=near))
        yield _shape(f"the long window of {name} is just {side} its limit", before, *hot)
        if near == 1.0:
            continue
        rest = (over * long - near * calm) / (long - calm) if long > calm else 1.0
        first = max(long - calm, long // 2, 1)
        # Here too the long window sees a unit more, and smeared into it what was before.
        hot = (Segment(first + 3, share=min(1.0, max(rest, over))), Segment(calm, share=near))
        yield _shape(f"the short window of {name} is just {side} its limit", before, *hot, alarmed=side == "above")


def enough(name: str, long: int, others: Sequence[int], volume: float) -> Shape:
    """Return a timeline in which everything fails, with just enough failures for one burn alert alone.

    Args:
        name: of the alert.
        long: its long window in units.
        others: those of the alerts that would fire in its place: shorter ones see too few failures for that, and longer ones
            events that are good.
        volume: how many failures are asked for, in units of usual traffic.
    """
    # Ranges see up to a unit more than they say, and of the last unit one scrape less.
    shorter = max((one + 2 for one in others if one < long), default=0)
    failing = max(1, min(long - 1, max(_SPREAD, shorter * 11 // 10 + 1)))
    hot = Segment(failing, _ABOVE * volume / failing, share=1.0)
    before = (Segment(1), Segment(long - failing + 3, 0.0)) if any(one > long for one in others) else ()
    return _shape(f"{name} sees just enough failures", *before, hot)


def too_few(volume: float) -> Shape:
    """Return a timeline in which everything fails, with hardly enough failures for any burn alert; `volume` as for `enough`."""
    return _shape("just too few failures", Segment(1, _BELOW * volume, share=1.0))


def lasting(length: int, share: float) -> Shape:
    """Return a timeline that burns evenly for so many units."""
    half = length // 2
    return _shape("a slow burn that lasts", Segment(half, share=share), Segment(length - half, share=share))


def spent(window: int, budget: Fraction, shares: Sequence[Fraction]) -> Shape:
    """Return a timeline in which each share of a budget is just not spent, and then just spent.

    Args:
        window: of the SLO, in units; what it holds is told by the first of them.
        budget: share of events.
        shares: of the budget, ascending.
    """
    levels = [share + by for share in shares for by in (Fraction(-1, 100), Fraction(1, 100))]
    failed = [one * budget * window / (1 - one * budget) for one in levels if one > 0]
    failures = [after - before for before, after in pairwise([Fraction(0), *sorted(failed)])]
    steps = ((Segment(1, float(one), share=1.0), Segment(1, 0.0)) for one in failures)
    return _shape("the budget is spent", Segment(1, float(window)), *chain.from_iterable(steps))


def wavering(window: int, settled: int, budget: Fraction, share: Fraction, margin: Fraction) -> Iterator[Shape]:
    """Yield timelines in which a little more than a share of the budget is spent, and then a little less.

    There are none where the window is too short to hold what must fail and what lies between.

    Args:
        window: of the SLO, in units.
        settled: units for which a warning stays while hardly less is spent, at least two.
        budget: share of events.
        share: of the budget.
        margin: what is hardly less, a share of the budget.
    """
    for name, by in _LESS:
        left = share - by * margin
        if left <= 0:
            continue
        first, second = (_failing(one * budget * window) for one in (share + margin / 4 - left, left))
        before = window - first.units - second.units - settled
        if before < settled:
            # What failed second would leave the window while the warning is waited for to end.
            continue
        yield _shape(
            f"{name} than {percent(share)} of the budget is left spent",
            first,
            Segment(before),
            second,
            # What failed first begins to leave the window, and is gone.
            Segment(settled),
            Segment(first.units),
            Segment(settled // 2),
            # It is only now that the warning has been waited for: any later, a longer wait would be over too.
            Segment(settled - settled // 2),
        )


def diluted(settled: int, budget: Fraction, share: Fraction, margin: Fraction) -> Iterator[Shape]:
    """Yield timelines in which a little more than a share of a period's budget is spent, and then, beside good events, a little less.

    There are none where the share is too small. Arguments as for `wavering`, with at least three units settled.
    """
    for name, by in _LESS:
        most, left = share + margin / 4, share - by * margin
        if left <= 0 or most * budget > 1:
            continue
        yield _shape(
            f"{name} than {percent(share)} of the budget is left spent",
            Segment(1, share=float(most * budget)),
            Segment(1, float(most / left - 1)),
            Segment(settled - 2, 0.0),
            # Whether a range holds what lies on its edge is different in the two lines of Prometheus.
            Segment(2, 0.0),
        )


def _failing(units: Fraction) -> Segment:
    """Return as many units as are needed to fail for so many units."""
    whole = max(1, -(-units.numerator // units.denominator))
    return Segment(whole, share=float(units / whole))


def ages(longest: int, windows: tuple[int, ...]) -> Timeline:
    """Return a timeline in which one failing unit grows older than each window, all of them in units.

    A segment ends while the failure is just within a window, and another one when it is just out of it. There was so much before
    that a window which sees it, too, is told from one that does not.
    """
    cuts = sorted({longest + 1} | {cut for window in windows for cut in (window - 1, window)} - {0})
    segments, at = [Segment(2, max(1.0, longest / 10)), Segment(1, share=1.0)], 0
    for cut in cuts:
        if cut > at:
            segments.append(Segment(cut - at))
            at = cut
    return Timeline(tuple(segments))


def _shape(name: str, *segments: Segment, **what: bool) -> Shape:
    return Shape(name, Timeline(segments), **what)
