"""What an SLO depends on: whose alerts hush its own, and what its alerts say about them.

The hushing is Alertmanager's, which sees both alerts before it tells anybody. Both sides of every inhibition are burn alerts
of one SLO by labels that only the compiler sets, so no namespace reaches into another.
"""

from collections.abc import Iterable
from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.matchers import Matcher, MatchOp
from binnacle.api.reasons import Reason
from binnacle.api.slo import SLO
from binnacle.api.slo_alerting import Dependency
from binnacle.api.values import AlertSeverity
from binnacle.compile import templates
from binnacle.compile.slo.burn import Pair
from binnacle.compile.world import World
from binnacle.intent import series
from binnacle.intent.refs import Key
from binnacle.intent.routing import InhibitRule, Routing
from binnacle.promql import build as q

_ORDER: Final = tuple(AlertSeverity)


def routing(slo: SLO, burning: Iterable[Pair], world: World) -> tuple[tuple[Routing, ...], list[Finding]]:
    """Return the inhibitions of an SLO, if it has any, and findings about dependencies.

    Args:
        slo: the SLO.
        burning: its burn alerts.
        world: where the others are found. SLOs that hush each other in a ring would all be silent, so none of a ring is
            hushed by the ring.
    """
    own = sorted({_ORDER.index(pair.severity) for pair in burning})
    rules: list[InhibitRule] = []
    findings: list[Finding] = []
    for one in slo.spec.depends_on:
        found, usable = _findings(slo, one, world)
        findings += found
        other = world.get(_key(slo, one.name))
        if not (one.inhibit and usable):
            continue
        # Where both tell groups apart by a label, the same group is meant.
        shared = () if other is None else tuple(sorted({*slo.spec.group_by} & {*other.spec.group_by}))
        for place, severity in enumerate(_ORDER):
            hushed = [_ORDER[lower].value for lower in own if lower >= place]
            if hushed:
                rules.append(
                    InhibitRule(
                        # A dot is in no name of a user's item.
                        f"depends.{len(rules)}",
                        _alerts(slo, one.name, (severity.value,)),
                        _alerts(slo, slo.metadata.name, hushed),
                        shared,
                    )
                )
    return ((Routing(inhibits=tuple(rules)),) if rules else ()), findings


def standing(slo: SLO) -> dict[str, str]:
    """Return the annotation that says how much of their budgets the dependencies have left, if there are any."""
    if not slo.spec.depends_on:
        return {}
    said = []
    for one in sorted(slo.spec.depends_on, key=lambda one: one.name):
        left = q.sel(
            series.PERIOD_BUDGET_REMAINING,
            q.eq(series.SLO, one.name),
            q.eq(series.SLO_NAMESPACE, slo.metadata.namespace),
        )
        said.append(f"{one.name}: {templates.percentage_of(q.aggregate('min', (), left), ())} of its budget is left")
    return {"depends_on": ", ".join(said)}


def _findings(slo: SLO, one: Dependency, world: World) -> tuple[list[Finding], bool]:
    """Return what is to be said about a dependency, and whether it may hush."""
    path = f"spec.dependsOn[{one.name}]"
    if one.name == slo.metadata.name:
        message = "The SLO depends on itself, which would silence it."
        return [Finding(Severity.ERROR, Reason.CIRCULAR_REFERENCE, path, message, "Remove the item.")], False
    if world.get(_key(slo, one.name)) is None:
        message = f"There is no SLO {one.name} in the namespace {slo.metadata.namespace}."
        fix = "Correct the name, or create the SLO."
        return [Finding(Severity.WARNING, Reason.UNKNOWN_REFERENCE, path, message, fix, awaited=True)], True
    ring = _ring(slo, one.name, world) if one.inhibit else ()
    if not ring:
        return [], True
    message = f"{' inhibits '.join(ring)}: if all of them burn, nobody would be told, so none of these inhibits."
    fix = "Leave inhibit out of one of them."
    return [Finding(Severity.ERROR, Reason.CIRCULAR_REFERENCE, f"{path}.inhibit", message, fix)], False


def _ring(slo: SLO, start: str, world: World) -> tuple[str, ...]:
    """Return the names from `start` through those that inhibit it back to `start`, by way of the SLO; empty without a ring."""
    ways: list[tuple[str, ...]] = [(slo.metadata.name, start)]
    seen = {start}
    while ways:
        way = ways.pop()
        other = world.get(_key(slo, way[-1]))
        for one in other.spec.depends_on if other is not None else ():
            if not one.inhibit:
                continue
            if one.name == slo.metadata.name:
                return tuple(reversed((*way, one.name)))
            if one.name not in seen:
                seen.add(one.name)
                ways.append((*way, one.name))
    return ()


def _key(slo: SLO, name: str) -> Key:
    return Key(slo.kind, slo.metadata.namespace, name)


def _alerts(slo: SLO, name: str, severities: Iterable[str]) -> tuple[Matcher, ...]:
    wanted = tuple(severities)
    severity = (
        Matcher(series.SEVERITY, MatchOp.EQUAL, wanted[0])
        if len(wanted) == 1
        else Matcher(series.SEVERITY, MatchOp.MATCHES, "|".join(wanted))
    )
    return (
        Matcher(series.BINNACLE_KIND, MatchOp.EQUAL, slo.kind),
        Matcher(series.BINNACLE_NAMESPACE, MatchOp.EQUAL, slo.metadata.namespace),
        Matcher(series.BINNACLE_NAME, MatchOp.EQUAL, name),
        Matcher("alertname", MatchOp.EQUAL, series.ALERT_BUDGET_BURN),
        severity,
    )
