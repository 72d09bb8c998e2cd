"""When proofs take place: the moments of the calendar and of maintenance that an SLO's rules must know.

promtool's clock begins with the epoch. Rules that the date matters to are proved at a date of their own: every `time()` in
them is read as `time()` plus where the test begins, so what is evaluated are the expressions of that date.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from binnacle.api.schedules import Schedule
from binnacle.check.routing import holds
from binnacle.compile.alertpolicy.schedules import interval
from binnacle.compile.horizon import Horizon, epoch
from binnacle.compile.slo.subject import Subject
from binnacle.intent.routing import TimeInterval
from binnacle.intent.rules import Recording, RuleSet
from binnacle.promql import build as q
from binnacle.promql.nodes import Call, Node, map_nodes

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400
_SCANNED: Final = 9 * _DAY
"""Seconds in which weekly maintenance is looked for: a week, and what its first and last day cut off."""
_NOW: Final = Call("time", ())

Stretch = tuple[int, int]
"""Seconds of the epoch from which on and until when there is maintenance."""


def moved(rules: RuleSet, begin: int, given: Collection[str] = ()) -> RuleSet:
    """Return the rules as they are when promtool's clock begins at a second of the epoch.

    Rules that record what is `given` by a test are left out, and so are groups that none is left of.
    """
    if not begin and not given:
        return rules
    groups = (
        replace(
            group,
            rules=tuple(
                replace(rule, expr=at_date(rule.expr, begin))
                for rule in group.rules
                if not (isinstance(rule, Recording) and rule.record in given)
            ),
        )
        for group in rules.groups
    )
    return RuleSet(tuple(group for group in groups if group.rules))


def at_date(node: Node, begin: int) -> Node:
    """Return an expression as it is when promtool's clock begins at a second of the epoch."""
    return map_nodes(node, lambda one: q.add(one, q.num(begin)) if begin and one == _NOW else one)


@dataclass(frozen=True, slots=True)
class Calendar:
    """What the date means for an SLO.

    Attributes:
        resets: seconds of the epoch at which the periods begin that the rules know; empty for a window that rolls. The last
            one lies behind the horizon, and nobody knows how long it is.
        maintenance: the spans of each schedule of its maintenance.
        first: second of the epoch from which on maintenance is looked for.
        reach: seconds that what is measured at a moment reaches back.
    """

    resets: tuple[int, ...]
    maintenance: tuple[TimeInterval, ...]
    first: int
    reach: int

    @classmethod
    def of(cls, subject: Subject, schedules: Sequence[Schedule], horizon: Horizon, reach: int) -> "Calendar":
        """Return the calendar of an SLO whose maintenance has these schedules."""
        periods = subject.reach.periods
        resets = () if periods is None else periods.starts
        once = [int(one.start.at.timestamp()) - _DAY for one in schedules if one.start is not None]
        first = min(once) if once and len(once) == len(schedules) else epoch(horizon.start)
        return cls(resets, tuple(interval(one) for one in schedules), first - first % _MINUTE, reach)

    @property
    def matters(self) -> bool:
        """Whether rules depend on the date at all."""
        return bool(self.resets or self.maintenance)

    def began(self, second: int) -> int | None:
        """Return the second in which the current period began; None for a moment before all that are known."""
        return max((one for one in self.resets if one <= second), default=None)

    def masks(self, seconds: range) -> list[bool | None]:
        """Say of moments whether what is measured at them overlaps maintenance; None where that is a matter of a minute."""
        if not self.maintenance:
            return [False] * len(seconds)
        least = seconds.start - self.reach - 2 * _MINUTE
        found = list(self.stretches(least - least % _MINUTE, seconds.stop))
        return [_overlap(found, second, self.reach) for second in seconds]

    def stretches(self, first: int, last: int) -> Iterator[Stretch]:
        """Yield the stretches of maintenance between two seconds, whole minutes, cut off there."""
        begun: int | None = None
        for second in range(first, last, _MINUTE):
            at = datetime.fromtimestamp(second, UTC)
            on = any(holds(one, at) for one in self.maintenance)
            if on and begun is None:
                begun = second
            elif not on and begun is not None:
                yield begun, second
                begun = None
        if begun is not None:
            yield begun, last

    def quiet(self, seconds: int) -> int | None:
        """Return a moment from which on there is no maintenance for so long, nor anything that still feels it."""
        last = self.first + _SCANNED
        after = self.first
        for begin, end in (*self.stretches(self.first, last), (last, last)):
            if begin - after >= seconds:
                return after
            after = end + self.reach + 2 * _MINUTE
        return None

    def edge(self, side: int) -> Stretch | None:
        """Return the first stretch of maintenance whose beginning (0) or end (1) is seen, that of an hour or more if there is one."""
        last = self.first + _SCANNED
        seen = [one for one in self.stretches(self.first, last) if one[side] not in (self.first, last)]
        return max(seen, key=lambda one: (min(one[1] - one[0], _HOUR), -one[0]), default=None)


def _overlap(found: Iterable[Stretch], second: int, reach: int) -> bool | None:
    for begin, end in found:
        if begin <= second and second - reach - _MINUTE < end:
            return True if second - reach < end else None
    return False
