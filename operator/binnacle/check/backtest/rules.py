"""Alert rules replayed over history: when each would have fired, from where its expression had elements.

The expression is evaluated at fixed moments; `for` and `keep_firing_for` are applied as Prometheus does: an alert is pending
from the first evaluation that has the element, fires when it has had it for `for`, and ends at the first evaluation without
it, or `keep_firing_for` later.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from binnacle.check.backtest.slo import Interval
from binnacle.intent.rules import Alert

Labels: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Fired:
    """One time that a rule would have fired: its own labels, and those of the element."""

    alert: str
    labels: Labels
    interval: Interval


def fired(rule: Alert, labels: Labels, moments: Sequence[int], step: int, end: int) -> Iterator[Fired]:
    """Yield when a rule would have fired for one element.

    Args:
        rule: the rule.
        labels: of the element.
        moments: Unix seconds at which the expression had it, ascending, multiples of `step` apart.
        step: seconds between two evaluations.
        end: of the history; what fires still ends there.
    """
    merged = tuple(sorted({**dict(labels), **dict(rule.labels)}.items()))
    wait, keep = rule.for_ms / 1000, rule.keep_firing_for_ms / 1000
    open_: Interval | None = None
    for first, last in _runs(moments, step):
        begin = first + -(-wait // step) * step
        if begin > last and (open_ is None or first > open_.end):
            continue
        stop = min(last + step + keep, end)
        if open_ is not None and first <= open_.end:
            open_ = Interval(open_.begin, int(max(stop, open_.end)))
            continue
        if open_ is not None:
            yield Fired(rule.alert, merged, open_)
        open_ = Interval(int(begin), int(stop))
    if open_ is not None:
        yield Fired(rule.alert, merged, open_)


def _runs(moments: Iterable[int], step: int) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of the moments that follow each other without a gap."""
    first = last = None
    for at in moments:
        if last is not None and first is not None and at - last > step:
            yield first, last
            first = at
        first = at if first is None else first
        last = at
    if first is not None and last is not None:
        yield first, last
