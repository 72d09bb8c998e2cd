"""When a rule can fire: always, or during schedules only."""

from collections.abc import Sequence
from dataclasses import replace

from binnacle.api.alertpolicy import AlertPolicy
from binnacle.api.alertpolicy_rules import AlertRule
from binnacle.api.findings import Finding
from binnacle.api.schedules import Schedule
from binnacle.compile.alertpolicy.routes import unknown
from binnacle.compile.horizon import Horizon
from binnacle.compile.schedules import is_on
from binnacle.intent.rules import Alert
from binnacle.promql import build as q


def schedules(policy: AlertPolicy, rule: AlertRule) -> tuple[tuple[Schedule, ...], list[Finding]]:
    """Return the schedules of a rule, and findings about names that no schedule has."""
    known = {schedule.name: schedule for schedule in policy.spec.schedules}
    path = f"spec.rules[{rule.name}].activeDuring"
    missing = [unknown("schedule", name, path, tuple(known)) for name in rule.active_during if name not in known]
    return tuple(known[name] for name in rule.active_during if name in known), missing


def during(alerts: Sequence[Alert], chosen: Sequence[Schedule], horizon: Horizon) -> tuple[Alert, ...]:
    """Return alerts that fire while any of the schedules is on; the same ones where there is no schedule.

    `for` begins anew with each span: what has lasted outside of them does not count.
    """
    if not chosen:
        return tuple(alerts)
    on = is_on(chosen, horizon)
    return tuple(replace(alert, expr=q.and_(alert.expr, on, matching=q.on())) for alert in alerts)


def always(policy: AlertPolicy) -> AlertPolicy:
    """Return the policy with rules that can fire at any time: as its tests take them, which know no date."""
    rules = [rule.model_copy(update={"active_during": ()}) for rule in policy.spec.alerts]
    return policy.model_copy(update={"spec": policy.spec.model_copy(update={"alerts": tuple(rules)})})
