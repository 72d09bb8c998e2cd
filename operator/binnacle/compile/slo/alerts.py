"""The burn alerts of an SLO: one rule for each severity, firing while any of its pairs does.

An incident that several pairs of one severity see is one alert: the rule joins them with `or`, and which windows burn is
told by an annotation. A label for it would make a new alert whenever another pair takes over.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.api.slo import SLO
from binnacle.api.values import AlertSeverity, Duration
from binnacle.compile import templates
from binnacle.compile.slo.burn import Pair, number, percent
from binnacle.compile.slo.subject import Subject
from binnacle.compile.world import World
from binnacle.intent import series
from binnacle.intent.refs import Key
from binnacle.intent.rules import Alert, pairs
from binnacle.promql import build as q
from binnacle.promql.nodes import Node

_ORDER: Final = tuple(AlertSeverity)


def alert_rules(slo: SLO, subject: Subject, burning: Iterable[Pair]) -> tuple[Alert, ...]:
    """Return the alerting rules of the pairs, most severe first."""
    ordered = sorted(burning, key=lambda pair: _ORDER.index(pair.severity))
    return tuple(
        _alert(slo, subject, severity, tuple(same)) for severity, same in groupby(ordered, lambda pair: pair.severity)
    )


def annotation_findings(slo: SLO) -> list[Finding]:
    """Return what is to be said about the user's annotations: templates that are not expanded."""
    return [
        Finding(
            Severity.WARNING,
            Reason.INVALID_VALUE,
            f"spec.annotations[{name}]",
            "Only plain references such as {{ $labels.region }} and {{ $value | humanizePercentage }} are expanded; "
            "the rest is shown as it is written.",
            "Write the value without other templates.",
        )
        for name, value in sorted(slo.spec.annotations.items())
        if templates.with_references(value)[1]
    ]


def route_findings(slo: SLO, world: World) -> list[Finding]:
    """Return a finding when the policy whose routes are to carry the alerts does not exist."""
    route = slo.spec.alerting.route
    if route is None or world.get(Key("AlertPolicy", slo.metadata.namespace, route.alert_policy)) is not None:
        return []
    return [
        Finding(
            Severity.WARNING,
            Reason.UNKNOWN_REFERENCE,
            "spec.alerting.route.alertPolicy",
            f"There is no AlertPolicy {route.alert_policy} in the namespace {slo.metadata.namespace}; "
            "until there is, the alerts go where the administrator's routes send them.",
            "Correct the name, or create the policy.",
        )
    ]


def user_labels(slo: SLO) -> dict[str, str]:
    """Return the labels that the user adds to alerts and descriptive series."""
    environment = {} if slo.spec.environment is None else {series.ENVIRONMENT: slo.spec.environment}
    return {**slo.spec.labels, **environment}


def _alert(slo: SLO, subject: Subject, severity: AlertSeverity, same: tuple[Pair, ...]) -> Alert:
    burning: list[Node] = [_burning(subject, pair) for pair in same]
    identity = {
        series.SEVERITY: severity.value,
        series.BINNACLE_KIND: slo.kind,
        series.BINNACLE_NAMESPACE: subject.namespace,
        series.BINNACLE_NAME: subject.name,
    }
    if slo.spec.alerting.route is not None:
        identity[series.BINNACLE_ROUTE] = slo.spec.alerting.route.alert_policy
    return Alert(
        series.ALERT_BUDGET_BURN,
        q.or_(*burning),
        labels=pairs({**user_labels(slo), **dict(subject.labels), **identity}),
        annotations=pairs(_annotations(slo, subject, same)),
    )


def _burning(subject: Subject, pair: Pair) -> Node:
    threshold = q.num(float(pair.factor * subject.budget))
    over = (q.gt(subject.now(series.error_ratio(window)), threshold) for window in (pair.long, pair.short))
    return q.and_(*over)


def _annotations(slo: SLO, subject: Subject, same: tuple[Pair, ...]) -> dict[str, str]:
    """Return the annotations: the user's, and over them those that every burn alert has."""
    groups = "".join(f" {label}={templates.label(label)}" for label in subject.groups)
    promise = f"{percent(subject.objective)} over {subject.window}"
    ours = {
        "summary": f"{subject.service}: SLO {subject.namespace}/{subject.name}{groups} burns its error budget",
        "description": (templates.literal(slo.spec.description) + ". " if slo.spec.description else "")
        + f"The objective is {promise}.",
        "burning": " or ".join(_in_words(subject, pair) for pair in same),
        "budget_remaining": templates.percentage_of(subject.now(series.PERIOD_BUDGET_REMAINING), subject.groups),
    }
    if slo.spec.owner:
        ours["owner"] = templates.literal(slo.spec.owner)
    if slo.spec.alerting.runbook is not None:
        ours["runbook_url"] = templates.literal(slo.spec.alerting.runbook.url)
    return {name: templates.with_references(value)[0] for name, value in slo.spec.annotations.items()} | ours


def _in_words(subject: Subject, pair: Pair) -> str:
    times = "" if pair.factor == 1 else f"{number(pair.factor)} times "

    def failing(window: Duration) -> str:
        return templates.percentage_of(subject.now(series.error_ratio(window)), subject.groups)

    return (
        f"{failing(pair.long)} failing over {pair.long} and {failing(pair.short)} over {pair.short} "
        f"(limit of both: {percent(pair.factor * subject.budget)}, {times}the allowed rate)"
    )
