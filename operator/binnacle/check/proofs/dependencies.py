"""Proofs about the SLOs that an SLO depends on: the alerts that hush its own are fired by them, by the labels that are asked for."""

from collections.abc import Iterable

from binnacle.api.matchers import Matcher
from binnacle.api.slo import SLO
from binnacle.check.base import TestResult
from binnacle.check.routing import matches
from binnacle.compile.slo.compile import compile_slo
from binnacle.compile.world import Compiled, World
from binnacle.intent.refs import Key
from binnacle.intent.routing import InhibitRule, Routing
from binnacle.intent.rules import Alert, RuleSet


def inhibit_rules(compiled: Compiled) -> tuple[InhibitRule, ...]:
    """Return the inhibitions of an SLO."""
    return tuple(rule for intent in compiled.intents if isinstance(intent, Routing) for rule in intent.inhibits)


def targets_of(compiled: Compiled) -> tuple[tuple[Matcher, ...], ...]:
    """Return what the inhibitions of an SLO hush, as matchers."""
    return tuple(rule.target for rule in inhibit_rules(compiled))


def inhibitions(slo: SLO, compiled: Compiled, world: World) -> tuple[TestResult, ...]:
    """Return for each dependency that hushes whether its alerts are those that the inhibitions name.

    What they hush is shown with the alerts themselves, where those fire.
    """
    rules = inhibit_rules(compiled)
    results = []
    for one in slo.spec.depends_on:
        name = f"the alerts of {one.name} hush"
        other = world.get(Key(slo.kind, slo.metadata.namespace, one.name)) if one.inhibit else None
        if other is None:
            if one.inhibit:
                results.append(TestResult(name, passed=False, unproved=f"There is no SLO {one.name}."))
            continue
        fired = _alerts(compile_slo(other, world))
        # An alert has the labels of its group beside those of its rule.
        lacking = [
            label
            for rule in rules
            for label in rule.equal
            if not {label} <= {*other.spec.group_by} & {*slo.spec.group_by}
        ]
        sources = [rule for rule in rules if any(matches(rule.source, labels) for labels in fired)]
        if lacking:
            message = f"Its alerts have no label {lacking[0]}."
        elif not sources:
            message = f"No inhibition is about an alert that {one.name} fires."
        else:
            message = ""
        results.append(TestResult(name, passed=not message, message=message))
    return tuple(results)


def _alerts(compiled: Compiled) -> Iterable[dict[str, str]]:
    sets = (intent for intent in compiled.intents if isinstance(intent, RuleSet))
    return [
        {**dict(rule.labels), "alertname": rule.alert}
        for one in sets
        for group in one.groups
        for rule in group.rules
        if isinstance(rule, Alert)
    ]
