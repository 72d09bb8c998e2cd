"""Since when there is history of an SLO, where its window is longer than that.

The rules that describe an SLO are evaluated whether there is traffic or not, so their series is as old as the history is:
whoever keeps it, for however long.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from datetime import UTC, datetime
from typing import Final

from binnacle.intent import series
from binnacle.observe.backend import Failure
from binnacle.observe.prometheus import Prometheus, Sample
from binnacle.promql import build as q
from binnacle.promql.nodes import Matcher, Node

_HOUR: Final = 3_600_000
_GAP: Final = 2 * _HOUR
"""A hole in the history where the window begins does not make it shorter, if it is shorter than this."""

Identity = tuple[str, str]
"""Namespace and name of an SLO."""


async def read_since(
    api: Prometheus, windows: Mapping[Identity, int], shown: Mapping[Identity, str], matchers: tuple[Matcher, ...]
) -> Mapping[Identity, str] | Failure:
    """Return since when there is history, for each SLO whose window reaches further back: `2026-11-28T10:15Z`.

    Args:
        api: who is asked.
        windows: SLOs, with their windows in milliseconds.
        shown: what status shows now. It stays until the history is as long as the window: a beginning does not move.
        matchers: select these SLOs, and maybe more.
    """
    by_window: dict[int, set[Identity]] = defaultdict(set)
    for identity, window in windows.items():
        by_window[window].add(identity)
    found: dict[Identity, str] = {}
    for window, asked in sorted(by_window.items()):
        complete: dict[Identity, float] = {}
        outcome = await _ask(api, q.sel(series.TIME_PERIOD, *matchers, offset=window), asked, complete)
        if outcome is not None:
            return outcome
        short = asked - complete.keys()
        found |= {one: shown[one] for one in short if one in shown}
        unknown = short - shown.keys()
        if unknown:
            begun: dict[Identity, float] = {}
            outcome = await _ask(api, beginning(window, matchers), unknown, begun)
            if outcome is not None:
                return outcome
            found |= {one: f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%MZ}" for one, at in begun.items()}
    return found


async def read_periods(
    api: Prometheus, asked: Set[Identity], matchers: tuple[Matcher, ...]
) -> Mapping[Identity, int] | Failure:
    """Return how long the current periods of SLOs with calendar windows are so far, in milliseconds.

    Args:
        api: who is asked; its clock counts.
        asked: SLOs.
        matchers: select these SLOs, and maybe more.
    """
    found: dict[Identity, int] = {}

    def take(sample: Sample) -> None:
        identity = _identity(sample)
        begun = sample.labels.get(series.BINNACLE_PERIOD, "")
        if identity in asked and begun.isdecimal():
            # Of two periods, the one that has just ended is seen for some minutes more.
            length = max(0, round((sample.value - int(begun)) * 1000))
            found[identity] = min(length, found.get(identity, length))

    now = q.add(q.mul(q.num(0), q.sel(series.PERIOD_CURRENT, *matchers)), q.call("time"))
    outcome = await api.query(now, take)
    return outcome if isinstance(outcome, Failure) else found


def beginning(window: int, matchers: Iterable[Matcher]) -> Node:
    """Return the expression that is the second in which the history within a window began, where that is not where the window does."""
    at = q.call("timestamp", q.sel(series.TIME_PERIOD, *matchers))
    # Looking at each full hour misses what is younger than that.
    first = q.or_(q.call("min_over_time", q.subquery(at, window, _HOUR)), at)
    return q.gt(first, q.sub(q.call("time"), q.num((window - _GAP) // 1000)))


async def _ask(api: Prometheus, expression: Node, asked: set[Identity], found: dict[Identity, float]) -> Failure | None:
    """Put the values of those that are asked for into `found`; of several series of one SLO the lowest counts."""

    def take(sample: Sample) -> None:
        identity = _identity(sample)
        if identity in asked:
            found[identity] = min(sample.value, found.get(identity, sample.value))

    outcome = await api.query(expression, take)
    return outcome if isinstance(outcome, Failure) else None


def _identity(sample: Sample) -> Identity:
    return sample.labels.get(series.SLO_NAMESPACE, ""), sample.labels.get(series.SLO, "")
