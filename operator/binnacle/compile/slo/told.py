"""What every alert of an SLO says: labels that tell whose it is, and annotations that tell people about the SLO."""

from collections.abc import Iterable
from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.api.slo import SLO
from binnacle.api.values import AlertSeverity
from binnacle.compile import templates
from binnacle.compile.slo.burn import percent
from binnacle.compile.slo.subject import Subject
from binnacle.compile.world import World
from binnacle.intent import series
from binnacle.intent.refs import Key
from binnacle.intent.rules import Pairs, pairs
from binnacle.promql import build as q
from binnacle.promql.nodes import Selector

DASHBOARD: Final = "dashboard_url"
"""The annotation that says which dashboard shows the SLO; one that the user gives is kept."""


def labels(slo: SLO, subject: Subject, severity: AlertSeverity, **more: str) -> Pairs:
    """Return the labels of an alert of the SLO; those that tell resources apart are set last."""
    ours = {series.SEVERITY: severity.value, **_owner(slo), **more}
    if slo.spec.alerting.route is not None:
        ours[series.BINNACLE_ROUTE] = slo.spec.alerting.route.alert_policy
    return pairs({**user_labels(slo), **dict(subject.labels), **ours})


def annotations(slo: SLO, subject: Subject, what: str, board: str | None = None, **more: str) -> Pairs:
    """Return the annotations of an alert: the user's, and over them those that every alert has.

    Args:
        slo: the SLO.
        subject: the same.
        what: ends the summary: what is the matter with the SLO, a template.
        board: address of the dashboard that shows it, a template.
        more: further annotations, templates.
    """
    ours = {
        "summary": f"{subject.service}: SLO {subject.namespace}/{subject.name}{_which(subject)} {what}",
        "description": (templates.literal(slo.spec.description) + ". " if slo.spec.description else "")
        + f"The objective is {percent(subject.objective)} over {subject.reach.words}.",
        **more,
    }
    if slo.spec.owner:
        ours["owner"] = templates.literal(slo.spec.owner)
    if slo.spec.alerting.runbook is not None:
        ours["runbook_url"] = templates.literal(slo.spec.alerting.runbook.url)
    if board is not None and DASHBOARD not in slo.spec.annotations:
        ours[DASHBOARD] = board
    return pairs({name: templates.with_references(value)[0] for name, value in slo.spec.annotations.items()} | ours)


def firing(slo: SLO, alert: str, severities: Iterable[AlertSeverity]) -> Selector:
    """Select the alerts of the SLO that fire, by name and severities."""
    wanted = "|".join(severity.value for severity in severities)
    severity = q.regex(series.SEVERITY, wanted) if "|" in wanted else q.eq(series.SEVERITY, wanted)
    owner = (q.eq(*pair) for pair in _owner(slo).items())
    return q.sel("ALERTS", q.eq("alertname", alert), q.eq("alertstate", "firing"), severity, *owner)


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
            awaited=True,
        )
    ]


def user_labels(slo: SLO) -> dict[str, str]:
    """Return the labels that the user adds to alerts and descriptive series."""
    environment = {} if slo.spec.environment is None else {series.ENVIRONMENT: slo.spec.environment}
    return {**slo.spec.labels, **environment}


def _owner(slo: SLO) -> dict[str, str]:
    return {
        series.BINNACLE_KIND: slo.kind,
        series.BINNACLE_NAMESPACE: slo.metadata.namespace,
        series.BINNACLE_NAME: slo.metadata.name,
    }


def _which(subject: Subject) -> str:
    return "".join(f" {label}={templates.label(label)}" for label in subject.groups)
