"""Rules of a policy as alerting rules of Prometheus: one for each level, and one for missing data where it is asked for."""

from dataclasses import dataclass
from typing import Final

from binnacle.api.alertpolicy import AlertPolicy
from binnacle.api.alertpolicy_rules import AlertRule, Level, NoDataAction
from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.api.values import AlertSeverity, Duration
from binnacle.compile import expressions
from binnacle.compile.alertpolicy import expression, measure, texts
from binnacle.compile.alertpolicy.gotemplate import Dialect
from binnacle.compile.alertpolicy.measure import Measured, known
from binnacle.compile.contract import Contract
from binnacle.compile.units import Measure, number
from binnacle.intent import series
from binnacle.intent.rules import Alert, pairs
from binnacle.promql import build as q
from binnacle.promql.nodes import Node

_NO_DATA_FOR: Final = Duration.of(minutes=10)
_TARGET: Final = ("instance", "job")
"""Labels that Prometheus gives to every target."""
_HUMANIZE: Final = {
    Measure.SHARE: " | humanizePercentage",
    Measure.SECONDS: " | humanizeDuration",
    Measure.BYTES: " | humanize1024",
}
ORDER: Final = tuple(AlertSeverity)


@dataclass(frozen=True, slots=True)
class Ruled:
    """A rule that compiled.

    Attributes:
        rule: as it was written.
        levels: its levels that compiled, most severe first.
        measured: what it measures.
        alerts: the alerting rules.
        labels: labels that tell its alerts apart; None when they cannot be told.
    """

    rule: AlertRule
    levels: tuple[Level, ...]
    measured: Measured
    alerts: tuple[Alert, ...]
    labels: tuple[str, ...] | None


def compile_rule(
    policy: AlertPolicy, rule: AlertRule, scrape: Duration, contract: Contract
) -> tuple[Ruled | None, list[Finding]]:
    """Return a rule of a policy, or None when nothing of it can be used, and the findings about it."""
    path = f"spec.rules[{rule.name}]"
    found, findings = _measured(rule, path, scrape, contract)
    findings += _runbook_findings(rule, path)
    if found is None:
        return None, findings
    findings += contract.findings(found.above, f"{path}.{rule.type}")
    set_twice = sorted(set(found.labels or ()) & set(user_labels(policy, rule)))
    if set_twice:
        message = (
            f"The label {set_twice[0]} tells alerts of this rule apart, and labels or environment set it to one value."
        )
        fix = "Leave it out of labels, or of groupBy."
        findings.append(Finding(Severity.ERROR, Reason.INVALID_VALUE, f"{path}.labels", message, fix))
        return None, findings
    dialect = texts.dialect(contract.fence)
    levels: list[Level] = []
    alerts: list[Alert] = []
    for level in sorted(rule.all_levels, key=lambda level: ORDER.index(level.severity)):
        condition = _condition(rule, level, found, _level_path(rule, level, path), findings)
        if condition is not None:
            levels.append(level)
            alerts.append(
                _alert(policy, rule, level, found, condition, path, findings if len(levels) == 1 else [], dialect)
            )
    if not alerts:
        return None, findings
    if _action(rule) is NoDataAction.KEEP and found.current is None:
        message = "For an expression it cannot be told which of the alerts that fired have lost their data."
        fix = "Choose Ok or Alert; noData was left out."
        findings.append(Finding(Severity.ERROR, Reason.NOT_SUPPORTED, f"{path}.noData", message, fix))
    if _action(rule) is NoDataAction.ALERT:
        alerts.append(_no_data(policy, rule, found, levels[0]))
    labels = _TARGET if rule.down is not None else found.labels
    return Ruled(rule, tuple(levels), found, tuple(alerts), labels), findings


def user_labels(policy: AlertPolicy, rule: AlertRule) -> dict[str, str]:
    """Return the labels that the user adds to an alert."""
    spec = policy.spec
    environment = {} if spec.environment is None else {series.ENVIRONMENT: spec.environment}
    return {**spec.labels, **rule.labels, **environment}


def identity(policy: AlertPolicy) -> dict[str, str]:
    """Return the labels that say whose alert it is."""
    meta = policy.metadata
    return {
        series.BINNACLE_KIND: policy.kind,
        series.BINNACLE_NAMESPACE: meta.namespace,
        series.BINNACLE_NAME: meta.name,
        series.BINNACLE_ROUTE: meta.name,
    }


def _measured(
    rule: AlertRule, path: str, scrape: Duration, contract: Contract
) -> tuple[Measured | None, list[Finding]]:
    if rule.expression is not None:
        return expression.read(rule, path, contract.fence)
    if rule.down is None:
        return measure.measured(rule, path, scrape, contract)
    up, findings = expressions.read_selector(rule.down.up, f"{path}.down.up", contract.fence)
    if up is None:
        return None, findings
    # The labels of targets are kept: which of them are down is what a person wants to know.
    down = q.cmp("==", up, q.num(0))
    return Measured(down, down, Measure.UNKNOWN, None, None, None, (up,)), findings


def _level_path(rule: AlertRule, level: Level, path: str) -> str:
    return path if rule.levels is None else f"{path}.levels[{level.name}]"


def _condition(rule: AlertRule, level: Level, found: Measured, path: str, findings: list[Finding]) -> Node | None:
    """Return when a level fires, or None and a finding."""
    limit = level.above if level.above is not None else level.below
    if limit is None:
        condition = found.above
    else:
        side = "above" if level.above is not None else "below"
        value, wrong = number(limit, found.measure, f"{path}.{side}")
        findings.extend(wrong)
        if value is None:
            return None
        if (
            found.measure is Measure.SHARE
            and rule.ratio is not None
            and (value >= 1 if side == "above" else value <= 0)
        ):
            message = f"No share is {side} {limit}: the level could never fire."
            fix = "Choose a limit between 0% and 100%."
            findings.append(Finding(Severity.ERROR, Reason.NEVER_FIRES, f"{path}.{side}", message, fix))
            return None
        if found.most is not None and side == "above" and value >= found.most:
            message = f"Values above {found.most} cannot be told apart: that is the histogram's last bucket."
            fix = "Choose a lower limit, or a histogram with higher buckets."
            findings.append(Finding(Severity.ERROR, Reason.NEVER_FIRES, f"{path}.{side}", message, fix))
            return None
        compared = found.above if side == "above" else found.below
        condition = q.cmp(">" if side == "above" else "<", compared, q.num(value))
    return condition if found.guard is None else q.and_(condition, found.guard)


def _alert(
    policy: AlertPolicy,
    rule: AlertRule,
    level: Level,
    found: Measured,
    condition: Node,
    path: str,
    findings: list[Finding],
    dialect: Dialect,
) -> Alert:
    labels = {**user_labels(policy, rule), series.SEVERITY: level.severity.value, **identity(policy)}
    if _action(rule) is NoDataAction.KEEP and found.current is not None and found.labels is not None:
        condition = q.or_(condition, _held(policy, rule, level, found.labels, found.current))
    return Alert(
        rule.name,
        condition,
        for_ms=level.for_.ms if level.for_ is not None else 0,
        keep_firing_for_ms=rule.keep_firing_for.ms if rule.keep_firing_for is not None else 0,
        labels=pairs(labels),
        annotations=pairs(_annotations(policy, rule, level, found, path, findings, dialect)),
    )


def _held(policy: AlertPolicy, rule: AlertRule, level: Level, labels: tuple[str, ...], current: Node) -> Node:
    """Return the groups whose alert fired at the last evaluation and that have no data now."""
    meta = policy.metadata
    fired = q.sel(
        "ALERTS",
        q.eq("alertname", rule.name),
        q.eq("alertstate", "firing"),
        q.eq(series.SEVERITY, level.severity.value),
        q.eq(series.BINNACLE_NO_DATA, ""),
        q.eq(series.BINNACLE_KIND, policy.kind),
        q.eq(series.BINNACLE_NAMESPACE, meta.namespace),
        q.eq(series.BINNACLE_NAME, meta.name),
    )
    return q.unless(q.aggregate("group", labels, fired), current)


def _no_data(policy: AlertPolicy, rule: AlertRule, found: Measured, worst: Level) -> Alert:
    """Return the alert that fires while there is nothing to judge by: for a group of late, or for all of them."""
    gone: list[Node] = [q.call("absent", q.aggregate("group", (), source)) for source in dict.fromkeys(found.sources)]
    asked = rule.no_data
    if rule.down is not None:
        default_for, default_severity = worst.for_ or Duration(0), worst.severity
        summary = f"{rule.name}: no target is known"
        description = f"No series matches {rule.down.up}: the targets are not down, they are not there at all."
    else:
        default_for, default_severity = _NO_DATA_FOR, AlertSeverity.WARNING
        summary = f"{rule.name} has no data"
        description = "The series that the rule looks at are missing, so it cannot tell whether all is well."
    for_ = asked.for_ if asked is not None and asked.for_ is not None else default_for
    severity = asked.severity if asked is not None and asked.severity is not None else default_severity
    if found.labels and found.current is not None:
        gone.insert(0, q.unless(known(found, for_), found.current))
    labels = {
        **user_labels(policy, rule),
        series.SEVERITY: severity.value,
        series.BINNACLE_NO_DATA: "true",
        **identity(policy),
    }
    said = {
        "summary": texts.literal(summary) + texts.which(found.labels or ()),
        "description": texts.literal(description),
        **texts.runbook(rule),
    }
    return Alert(rule.name, q.or_(*gone), for_.ms, labels=pairs(labels), annotations=pairs(said))


def _annotations(
    policy: AlertPolicy,
    rule: AlertRule,
    level: Level,
    found: Measured,
    path: str,
    findings: list[Finding],
    dialect: Dialect,
) -> dict[str, str]:
    said = {
        name: texts.template(value, f"spec.annotations[{name}]", findings, dialect)
        for name, value in policy.spec.annotations.items()
    }
    said |= {
        name: texts.template(value, f"{path}.annotations[{name}]", findings, dialect)
        for name, value in rule.annotations.items()
    }
    said["summary"] = _default_summary(rule, level, found)
    if rule.summary is not None:
        said["summary"] = texts.template(rule.summary, f"{path}.summary", findings, dialect)
    if rule.description is not None:
        said["description"] = texts.template(rule.description, f"{path}.description", findings, dialect)
    return said | texts.runbook(rule)


def _default_summary(rule: AlertRule, level: Level, found: Measured) -> str:
    if rule.down is not None:
        return f"{rule.name}:{texts.which(_TARGET)} is down"
    value = "{{ $value" + _HUMANIZE.get(found.measure, " | humanize") + " }}"
    which = f"{rule.name}{texts.which(found.labels or ())}"
    if level.above is not None:
        return f"{which}: {value} is above {level.above}"
    return f"{which}: {value} is below {level.below}" if level.below is not None else f"{which}: {value}"


def _action(rule: AlertRule) -> NoDataAction:
    if rule.no_data is not None:
        return rule.no_data.action
    return NoDataAction.ALERT if rule.down is not None else NoDataAction.OK


def _runbook_findings(rule: AlertRule, path: str) -> list[Finding]:
    critical = any(level.severity is AlertSeverity.CRITICAL for level in rule.all_levels)
    if rule.runbook is not None or not critical:
        return []
    message = "A critical alert wakes people; this one does not say what to do."
    return [Finding(Severity.WARNING, Reason.MISSING_RUNBOOK, f"{path}.runbook", message, "Add runbook.url.")]
