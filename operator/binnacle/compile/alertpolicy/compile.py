"""An alert policy as rules and routing: puts together what the other modules of this package say."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from binnacle.api.alertpolicy import AlertPolicy
from binnacle.api.config import Config
from binnacle.api.findings import Finding
from binnacle.compile import wanted
from binnacle.compile.alertpolicy import active, detection, levels, receivers, routes
from binnacle.compile.alertpolicy.rules import Ruled, compile_rule, identity
from binnacle.compile.contract import Contract
from binnacle.compile.horizon import Horizon
from binnacle.compile.world import Compiled, World
from binnacle.intent import series
from binnacle.intent.base import Intent
from binnacle.intent.readback import Readback
from binnacle.intent.routing import Receiver, Routing
from binnacle.intent.rules import Recording, RuleGroup, RuleSet, pairs
from binnacle.promql import build as q


def compile_alertpolicy(policy: AlertPolicy, world: World) -> Compiled:
    """Return the rules and the routing of a policy, the findings about it, and what status shows of both.

    Every rule, receiver, route, mute and inhibition that cannot be used is left out alone, with what depends on it.
    `facts` has `ruleCount`, `rules`, `receivers` and `effective`, and `horizon` where the calendar matters.
    """
    config = world.config
    contract = Contract.of(world, policy.metadata.namespace)
    findings: list[Finding] = []
    ruled: list[Ruled] = []
    horizon, dated = Horizon.of(world.date), False
    for rule in policy.spec.alerts:
        if not rule.enabled:
            continue
        one, about = compile_rule(policy, rule, config.prometheus.scrape_interval, contract)
        chosen, missing = active.schedules(policy, rule)
        findings += [*about, *missing]
        if one is not None and not missing:
            ruled.append(replace(one, alerts=active.during(one.alerts, chosen, horizon)))
            dated = dated or any(schedule.time_zone is not None for schedule in chosen)
    routing, about_routing = _routing(policy, ruled, config)
    findings += about_routing
    intents: list[Intent] = []
    if ruled:
        intents.append(_rules(policy, ruled))
    if routing != Routing():
        intents.append(routing)
    facts: dict[str, Any] = {
        "ruleCount": len(ruled),
        "rules": [_fact(policy, one, config) for one in ruled],
        "receivers": [one.name for one in _own(policy, routing.receivers)],
        "effective": sorted([*_effective(policy, config), *contract.fence.effective], key=lambda one: one["name"]),
    }
    if dated:
        facts["horizon"] = horizon.end.isoformat()
    readback = Readback(metrics=wanted.referred(intents, within=contract.fence.scope))
    renew = horizon.renew if dated else None
    # Two levels can have the same to say about a text that they share.
    return Compiled(tuple(intents), tuple(sorted(set(findings))), facts, readback, renew=renew)


def _rules(policy: AlertPolicy, ruled: Sequence[Ruled]) -> RuleSet:
    interval = policy.spec.interval.ms if policy.spec.interval is not None else None
    about = pairs({**policy.spec.labels, **{k: v for k, v in identity(policy).items() if k != series.BINNACLE_ROUTE}})
    info = Recording(series.ALERT_POLICY_INFO, q.call("vector", q.num(1)), about)
    return RuleSet(
        (
            RuleGroup("alerts", tuple(alert for one in ruled for alert in one.alerts), interval),
            RuleGroup("meta", (info,), stamped=True),
        )
    )


def _routing(policy: AlertPolicy, ruled: Sequence[Ruled], config: Config) -> tuple[Routing, list[Finding]]:
    alertmanager = config.alertmanager
    platform = policy.metadata.namespace in config.platform_namespaces
    in_place, findings = receivers.read(policy, alertmanager.line, alertmanager.base.get("global") or {})
    parts, about_parts = routes.usable(policy, frozenset(one.name for one in in_place))
    between_levels, about_levels = levels.inhibitions(policy, ruled)
    nodes, more = routes.tree(policy, parts, platform=platform)
    joined = _joined(parts.default, in_place)
    routing = Routing(
        nodes,
        (*in_place, *joined, *more),
        parts.intervals,
        (*between_levels, *routes.inhibitions(policy, parts, platform=platform)),
    )
    return routing, [*findings, *about_parts, *about_levels]


def _joined(default: tuple[str, ...], in_place: Sequence[Receiver]) -> tuple[Receiver, ...]:
    """Return the receiver that does what several default receivers do."""
    if len(default) < 2:
        return ()
    integrations = tuple(
        integration for name in default for one in in_place if one.name == name for integration in one.integrations
    )
    return (Receiver(routes.DEFAULT, integrations, default),)


def _own(policy: AlertPolicy, in_place: Sequence[Receiver]) -> list[Receiver]:
    declared = {receiver.name for receiver in policy.spec.receivers}
    return [one for one in in_place if one.name in declared]


def _fact(policy: AlertPolicy, one: Ruled, config: Config) -> dict[str, Any]:
    prometheus = config.prometheus
    evaluation = policy.spec.interval or prometheus.evaluation_interval
    found = detection.worst_case_detection(one, prometheus.scrape_interval, evaluation)
    fact = {"name": one.rule.name, "type": one.rule.type}
    return fact if found is None else {**fact, "worstCaseDetection": str(found)}


def _effective(policy: AlertPolicy, config: Config) -> list[dict[str, str]]:
    """Return what the administrator's configuration decided."""
    major, minor = config.alertmanager.line
    values = {
        "alertmanager.version": f"{major}.{minor}",
        "prometheus.output": config.prometheus.output.value,
        "prometheus.scrapeInterval": str(config.prometheus.scrape_interval),
    }
    if policy.spec.interval is None:
        values["prometheus.evaluationInterval"] = str(config.prometheus.evaluation_interval)
    return [{"name": name, "value": value} for name, value in sorted(values.items())]
