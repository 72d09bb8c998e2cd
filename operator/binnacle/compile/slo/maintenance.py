"""Maintenance: time that counts neither good nor bad, and in which no alert of the SLO fires.

What is measured reaches back by a step and a scrape. So what was measured while that time and the maintenance overlap is
left out whole: from its beginning until that long after its end. Nothing is cut in two, so nothing jumps at its edges; what
is given up is the step before the beginning and the one after the end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from binnacle.api.findings import Finding, Severity
from binnacle.api.problems import nearest
from binnacle.api.reasons import Reason
from binnacle.api.schedules import Schedule
from binnacle.api.slo import SLO
from binnacle.compile.horizon import Horizon
from binnacle.compile.schedules import was_on
from binnacle.compile.slo.indicator import Counted
from binnacle.compile.slo.subject import Subject
from binnacle.compile.slo.timing import Timing
from binnacle.intent import series
from binnacle.intent.rules import Alert
from binnacle.promql import build as q
from binnacle.promql.nodes import Node


def schedules(slo: SLO) -> tuple[tuple[Schedule, ...], list[Finding]]:
    """Return the schedules of an SLO's maintenance, and findings about names that no schedule has."""
    known = {schedule.name: schedule for schedule in slo.spec.schedules}
    names = [one.schedule for one in slo.spec.maintenance]
    missing = [_unknown(name, tuple(known)) for name in names if name not in known]
    return tuple(known[name] for name in names if name in known), missing


def mask(
    chosen: Sequence[Schedule], subject: Subject, counted: Counted, timing: Timing, horizon: Horizon
) -> Node | None:
    """Return the expression that is 1 while what is measured now overlaps maintenance; None where there is none."""
    if not chosen:
        return None
    reach = timing.covering(timing.step) + (counted.least.ms if counted.least is not None else 0)
    return was_on(chosen, horizon, reach, history=subject.reach.back.ms)


def without(counted: Counted, masked: Node | None) -> Counted:
    """Return what is counted outside maintenance.

    Args:
        counted: what is counted.
        masked: is 1 in maintenance, without labels that matter; None where there is none.
    """
    if masked is None:
        return counted
    return replace(
        counted,
        events=lambda rate, range_: outside(counted.events(rate, range_), masked),
        errors=lambda rate, range_, zero: outside(counted.errors(rate, range_, zero), masked),
    )


def recorded(subject: Subject) -> Node:
    """Return what is recorded of the mask: by rules of the group that records it, after it."""
    return subject.now(series.MAINTENANCE)


def silent(alerts: Iterable[Alert], masked: Node | None) -> tuple[Alert, ...]:
    """Return alerts that do not fire in maintenance."""
    if masked is None:
        return tuple(alerts)
    return tuple(replace(alert, expr=outside(alert.expr, masked)) for alert in alerts)


def outside(expr: Node, masked: Node | None) -> Node:
    """Return an expression without what falls into maintenance."""
    return expr if masked is None else q.unless(expr, masked, matching=q.on())


def _unknown(name: str, known: tuple[str, ...]) -> Finding:
    near = nearest(name, known)
    message = f"There is no schedule {name}, so this maintenance is left out."
    fix = f"Write {near}." if near else "Add it to schedules."
    return Finding(Severity.ERROR, Reason.UNKNOWN_REFERENCE, f"spec.maintenance[{name}].schedule", message, fix)
