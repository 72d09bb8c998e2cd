"""Checks of alert policies: who is told is worked out with every compilation, rules are tested by promtool where it is."""

import shutil
from collections.abc import Mapping, Sequence
from typing import Any, Final

from binnacle.api.alertpolicy import AlertPolicy
from binnacle.api.alertpolicy_routing import RoutingTest
from binnacle.api.alertpolicy_tests import FiringAlert, RuleTest
from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.api.values import Duration
from binnacle.check import routing as router
from binnacle.check.base import Checked, TestResult, without_promtool
from binnacle.check.proofs.promtool import Run
from binnacle.check.proofs.promtool import run_tests as run_promtool
from binnacle.compile.alertpolicy import active, compile_alertpolicy
from binnacle.compile.fence import Fence
from binnacle.compile.world import Compiled, World
from binnacle.intent import series
from binnacle.intent.refs import Key
from binnacle.intent.routing import Routing
from binnacle.intent.rules import Alert, RuleSet
from binnacle.promql import build as q
from binnacle.promql import to_text
from binnacle.targets import rulefile

_MINUTE: Final = Duration.of(minutes=1)


def check_alertpolicy(policy: AlertPolicy, compiled: Compiled, world: World) -> Checked:  # noqa: ARG001 - the shape of all checks
    """Run the routing tests, and say where an alert goes twice or nowhere.

    `facts` has `tests` and `testsSummary` when the policy carries tests; those that need promtool count as unproved.
    """
    routing = _routing(compiled)
    results = [_routed(test, policy, routing) for test in policy.spec.routing_tests]
    findings = [
        Finding(Severity.ERROR, Reason.TEST_FAILED, one.path, one.message, "Correct the routes or the test.")
        for one in results
        if not one.passed
    ]
    findings += _predictions(policy, compiled, routing)
    total = len(results) + len(policy.spec.tests)
    if not total:
        return Checked(tuple(findings))
    passed = sum(one.passed for one in results)
    facts: dict[str, Any] = {
        "tests": {"passed": passed, "total": total, "unproved": len(policy.spec.tests)},
        "testsSummary": f"{passed}/{total}",
    }
    return Checked(tuple(findings), facts)


def prove_alertpolicy(policy: AlertPolicy, compiled: Compiled, world: World) -> tuple[TestResult, ...]:
    """Run all tests of a policy; those of its rules by the promtool on the PATH."""
    return run_tests(policy, compiled, world, shutil.which("promtool"))


def run_tests(
    policy: AlertPolicy, compiled: Compiled, world: World, promtool: str | None, run: Run | None = None
) -> tuple[TestResult, ...]:
    """Run all tests of a policy.

    Args:
        policy: the resource.
        compiled: what it compiled to.
        world: its surroundings.
        promtool: the program; without it the tests of rules are unproved.
        run: how programs are run.
    """
    routing = _routing(compiled)
    results = [_routed(test, policy, routing) for test in policy.spec.routing_tests]
    if not policy.spec.tests:
        return tuple(results)
    if any(rule.active_during for rule in policy.spec.alerts):
        compiled = compile_alertpolicy(active.always(policy), world)
    sets = [intent for intent in compiled.intents if isinstance(intent, RuleSet)]
    key = Key(policy.kind, policy.metadata.namespace, policy.metadata.name)
    text = rulefile.text_of(rulefile.groups_of(sets, key), key)
    fence = Fence.of(world.config, policy.metadata.namespace)
    interval = policy.spec.interval or world.config.prometheus.evaluation_interval
    for test in policy.spec.tests:
        path = f"spec.tests[{test.name}]"
        if promtool is None:
            results.append(without_promtool(test.name, path))
            continue
        message = run_promtool(
            promtool, {"rules.yaml": text}, {"test.yaml": _document(test, policy, interval, fence)}, run
        )
        results.append(TestResult(test.name, passed=not message, message=message, path=path))
    return tuple(results)


def _routing(compiled: Compiled) -> Routing:
    return next((intent for intent in compiled.intents if isinstance(intent, Routing)), Routing())


def _identity(policy: AlertPolicy) -> dict[str, str]:
    meta = policy.metadata
    return {
        series.BINNACLE_KIND: policy.kind,
        series.BINNACLE_NAMESPACE: meta.namespace,
        series.BINNACLE_NAME: meta.name,
        series.BINNACLE_ROUTE: meta.name,
    }


def _routed(test: RoutingTest, policy: AlertPolicy, routing: Routing) -> TestResult:
    labels = {**_identity(policy), **test.labels}
    at = test.at.at if test.at is not None else None
    told = sorted({one.receiver for one in router.deliveries(routing, labels, at) if not one.muted})
    wanted = sorted(test.receivers)
    message = "" if told == wanted else f"{_names(wanted)} was expected to be told, and {_names(told)} is."
    return TestResult(test.name, told == wanted, message, path=f"spec.routingTests[{test.name}]")


def _names(names: Sequence[str]) -> str:
    return " and ".join(names) or "nobody"


def _predictions(policy: AlertPolicy, compiled: Compiled, routing: Routing) -> list[Finding]:
    """Return findings about alerts that go twice to a receiver, and about those that no route takes.

    Labels that a rule's series bring are not known here: what depends on them is not judged.
    """
    findings: dict[tuple[str, str], Finding] = {}
    routed = bool(policy.spec.routes or policy.spec.default_receivers)
    for alert in _alerts(compiled):
        labels = {**dict(alert.labels), "alertname": alert.alert}
        found = router.deliveries(routing, labels)
        severity = labels[series.SEVERITY]
        names = [one.receiver for one in found]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice and _depends_on_known(routing, labels):
            findings["DuplicateNotification", alert.alert] = Finding(
                Severity.WARNING,
                Reason.DUPLICATE_NOTIFICATION,
                "spec.routes",
                f"{alert.alert} ({severity}) goes to {_names(twice)} by more than one route.",
                "Narrow the matchers of one of the routes, or leave the receiver out of one.",
            )
        if routed and not found and _depends_on_known(routing, labels):
            findings["UnroutedAlert", alert.alert] = Finding(
                Severity.WARNING,
                Reason.UNROUTED_ALERT,
                "spec.defaultReceivers",
                f"No route takes {alert.alert} ({severity}).",
                "Set defaultReceivers, or add a route that matches.",
            )
    return list(findings.values())


def _depends_on_known(routing: Routing, labels: Mapping[str, str]) -> bool:
    """Say whether all matchers of all routes look at labels whose values are known."""

    def known(nodes: Sequence[Any]) -> bool:
        return all(
            all(one.name in labels or one.name.startswith("binnacle_") for one in node.matchers) and known(node.routes)
            for node in nodes
        )

    return known(routing.routes)


def _alerts(compiled: Compiled) -> list[Alert]:
    return [
        rule
        for intent in compiled.intents
        if isinstance(intent, RuleSet)
        for group in intent.groups
        for rule in group.rules
        if isinstance(rule, Alert)
    ]


def _document(test: RuleTest, policy: AlertPolicy, interval: Duration, fence: Fence) -> dict[str, Any]:
    """Return a test as promtool reads it: what fires is asked of `ALERTS`, so labels that are not named do not matter."""
    at = str(test.after)
    asked = [(_firing(policy, one), 1) for one in test.fires]
    asked += [
        (_firing(policy, FiringAlert.model_construct(rule=name, severity=None, labels={})), 0) for name in test.silent
    ]
    return {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": str(interval),
        "tests": [
            {
                "name": test.name,
                "interval": str(test.interval or _MINUTE),
                "input_series": [{"series": fence.series(one.selector), "values": one.values} for one in test.series],
                "promql_expr_test": [
                    {"expr": expr, "eval_time": at, "exp_samples": [{"labels": "{}", "value": value}]}
                    for expr, value in asked
                ],
            }
        ],
    }


def _firing(policy: AlertPolicy, wanted: FiringAlert) -> str:
    """Return an expression that is 1 while such an alert of the policy fires, and else 0."""
    labels = {**wanted.labels, "alertname": wanted.rule, "alertstate": "firing"}
    labels |= {name: value for name, value in _identity(policy).items() if name != series.BINNACLE_ROUTE}
    if wanted.severity is not None:
        labels[series.SEVERITY] = wanted.severity.value
    alerts = q.sel("ALERTS", *(q.eq(name, value) for name, value in sorted(labels.items())))
    counted = q.or_(q.aggregate("count", (), alerts), q.call("vector", q.num(0)))
    return to_text(q.call("clamp_max", counted, q.num(1)))
