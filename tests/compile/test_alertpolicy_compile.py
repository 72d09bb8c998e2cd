"""What alert policies compile to: findings and what is left out, names and labels, levels, references from SLOs."""

from __future__ import annotations

from typing import Any

import pytest

from binnacle.api.registry import parse
from binnacle.compile.registry import KINDS
from binnacle.compile.world import Compiled, World
from binnacle.intent.refs import Key
from binnacle.intent.rules import Alert, RuleSet
from binnacle.promql import to_text
from compile.building import make_slo
from compile.policies import TODAY, compiled, config, make_policy, routing_of

URL = {"runbook": {"url": "https://runbooks.example/x"}}
RATIO = {"errors": "e_total", "total": "r_total", "groupBy": ["service"]}
HOOK = {"webhook": {"url": "http://127.0.0.1:1/x"}}


def alerts_of(outcome: Compiled) -> list[Alert]:
    return [
        rule
        for one in outcome.intents
        if isinstance(one, RuleSet)
        for group in one.groups
        for rule in group.rules
        if isinstance(rule, Alert)
    ]


def rule(**more: Any) -> dict[str, Any]:
    spec = {"name": "X", "severity": "critical", **URL, **more}
    return {name: value for name, value in spec.items() if value is not ...}


GOOD = {"name": "Good", "severity": "info", "expression": {"promql": "up == 0"}}
LEFT_OUT = [
    (rule(expression={"promql": "sum("}), "PromQLSyntax", "spec.rules[X].expression.promql"),
    (rule(expression={"promql": "up[5m]"}), "InvalidValue", "spec.rules[X].expression.promql"),
    (rule(expression={"promql": '"text"'}), "InvalidValue", "spec.rules[X].expression.promql"),
    (rule(expression={"promql": "mad_over_time(up[5m]) > 1"}), "NotSupported", "spec.rules[X].expression.promql"),
    (rule(down={"up": "rate(up[5m])"}), "NotASelector", "spec.rules[X].down.up"),
    (rule(ratio={**RATIO, "total": "sum(r_total)"}, above="5%"), "NotASelector", "spec.rules[X].ratio.total"),
    (rule(ratio={**RATIO, "window": "1m"}, above="5%"), "WindowTooShort", "spec.rules[X].ratio.window"),
    (rule(ratio={**RATIO, "total": 'r_total{service=""}'}, above="5%"), "LabelNotAvailable", "spec.rules[X].ratio.groupBy"),
    (rule(ratio={**RATIO, "groupBy": ["Inf"]}, above="5%"), "InvalidValue", "spec.rules[X].ratio.groupBy"),
    (rule(ratio=RATIO, above="100%"), "NeverFires", "spec.rules[X].above"),
    (rule(ratio=RATIO, above=5), "WrongUnit", "spec.rules[X].above"),
    (rule(ratio=RATIO, above="5s"), "WrongUnit", "spec.rules[X].above"),
    (rule(quantile={"histogram": "d_seconds_bucket", "percentile": "9%"}, above="1s"), "InvalidValue", "spec.rules[X].quantile.histogram"),
    (rule(quantile={"histogram": "d_seconds", "percentile": "9%"}, above="5%"), "WrongUnit", "spec.rules[X].above"),
    (rule(threshold={"gauge": "g_bytes"}, above="5s"), "WrongUnit", "spec.rules[X].above"),
    (rule(threshold={"gauge": "g", "dividedBy": "h", "groupBy": ["team"]}, above="5%", labels={"team": "a"}), "InvalidValue", "spec.rules[X].labels"),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "reason", "path"), LEFT_OUT, ids=[f"{one[1]} at {one[2]}" for one in LEFT_OUT])
def test_a_bad_rule_is_left_out_alone(bad: dict[str, Any], reason: str, path: str) -> None:
    policy = make_policy(rules=[bad, GOOD])
    outcome = compiled(policy)
    assert [(one.severity, one.reason, one.path) for one in outcome.findings] == [("error", reason, path)]
    assert outcome.findings[0].fix
    assert [one.alert for one in alerts_of(outcome)] == ["Good"]
    assert [one["name"] for one in outcome.facts["rules"]] == ["Good"]
    only_bad = compiled(make_policy(rules=[bad]))
    assert only_bad.intents == ()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"quantile": {"histogram": "d_milliseconds", "percentile": "95%"}, "above": "2s"}, "> 2000"),
        ({"quantile": {"histogram": "d_seconds", "percentile": "95%"}, "above": "300ms"}, "> 0.3"),
        ({"quantile": {"histogram": "d", "percentile": "95%"}, "above": "2s"}, "> 2"),
        ({"threshold": {"gauge": "cpu_percent"}, "above": "80%"}, "> 80"),
        ({"threshold": {"gauge": "used_ratio"}, "above": "80%"}, "> 0.8"),
        ({"threshold": {"gauge": "free_bytes"}, "below": "1Gi"}, "< 1073741824"),
        ({"threshold": {"gauge": "queue_length"}, "above": 100}, "> 100"),
    ],
)
def test_a_limit_is_in_the_unit_of_what_is_measured(given: dict[str, Any], expected: str) -> None:
    (alert,) = alerts_of(compiled(make_policy(rules=[rule(**given)])))
    assert to_text(alert.expr).endswith(expected)


def test_an_alert_says_whose_it_is_and_nobody_can_say_otherwise() -> None:
    policy = make_policy(
        rules=[rule(ratio=RATIO, above="5%", labels={"a": "b"})], labels={"team": "x"}, environment="prod"
    )
    (alert,) = alerts_of(compiled(policy))
    assert dict(alert.labels) == {
        "a": "b",
        "team": "x",
        "environment": "prod",
        "severity": "critical",
        "binnacle_kind": "AlertPolicy",
        "binnacle_namespace": "shop",
        "binnacle_name": "payments",
        "binnacle_route": "payments",
    }


def test_a_critical_alert_without_a_runbook_is_noticed_and_stays() -> None:
    outcome = compiled(make_policy(rules=[rule(expression={"promql": "up == 0"}, runbook=...)]))
    assert [(one.severity, one.reason) for one in outcome.findings] == [("warning", "MissingRunbook")]
    assert len(alerts_of(outcome)) == 1


@pytest.mark.parametrize(
    ("promql", "noticed"),
    [
        ("up", True),
        ("up == bool 0", True),
        ("up == 0", False),
        ("absent(up)", False),
        ("sum(up) unless on() vector(1)", False),
        ("up == 0 or b", True),
        ("avg(up == 0)", False),
    ],
)
def test_an_expression_without_a_condition_is_noticed(promql: str, noticed: bool) -> None:
    outcome = compiled(make_policy(rules=[rule(expression={"promql": promql})]))
    assert ["AlwaysFires" for one in outcome.findings if one.reason == "AlwaysFires"] == ["AlwaysFires"] * noticed
    assert len(alerts_of(outcome)) == 1


LEVELS = [
    {"name": "a", "severity": "info", "above": "1%"},
    {"name": "b", "severity": "critical", "above": "3%"},
    {"name": "c", "severity": "warning", "above": "2%"},
]


def test_higher_levels_hush_lower_ones_of_the_same_group_only() -> None:
    two = [rule(name=name, severity=..., levels=LEVELS, ratio=RATIO) for name in ("One", "Two")]
    inhibits = routing_of(compiled(make_policy(rules=two))).inhibits
    said = [
        ([str(one) for one in rule.source[3:]], [str(one) for one in rule.target[3:]], rule.equal) for rule in inhibits
    ]
    assert said == [
        (['alertname=~"One|Two"', 'severity="critical"'], ['alertname=~"One|Two"', 'severity=~"warning|info"'], ("alertname", "service")),
        (['alertname=~"One|Two"', 'severity="warning"'], ['alertname=~"One|Two"', 'severity="info"'], ("alertname", "service")),
    ]  # fmt: skip


def test_levels_of_an_expression_whose_labels_are_unknown_are_noticed() -> None:
    spec = rule(severity=..., levels=LEVELS[:2], expression={"promql": "some_ratio"})
    outcome = compiled(make_policy(rules=[spec]))
    assert [one.reason for one in outcome.findings] == ["LevelsNotInhibited"]
    known = rule(severity=..., levels=LEVELS[:2], expression={"promql": "max by (a) (some_ratio)"})
    assert routing_of(compiled(make_policy(rules=[known]))).inhibits[0].equal == ("alertname", "a")


@pytest.mark.parametrize(
    ("spec", "reason", "path", "left"),
    [
        ({"routes": [{"name": "r", "receivers": ["b", "a"]}]}, "UnknownReference", "spec.routes[r].receivers", 1),
        ({"routes": [{"name": "r", "receivers": ["b"]}]}, "UnknownReference", "spec.routes[r].receivers", 0),
        ({"routes": [{"name": "r", "matchers": ['x=~"("'], "receivers": ["a"]}]}, "InvalidValue", "spec.routes[r].matchers", 0),
        ({"defaultReceivers": ["c"]}, "UnknownReference", "spec.defaultReceivers", 0),
        ({"defaultReceivers": ["a"], "mute": [{"name": "m", "during": ["n"]}]}, "UnknownReference", "spec.mute[m].during", 1),
    ],
)  # fmt: skip
def test_what_refers_to_nothing_is_left_out(spec: dict[str, Any], reason: str, path: str, left: int) -> None:
    outcome = compiled(make_policy(receivers=[{"name": "a", **HOOK}], **spec))
    assert [(one.severity, one.reason, one.path) for one in outcome.findings] == [("error", reason, path)]
    assert len(routing_of(outcome).routes) == left


def test_a_receiver_that_is_left_out_takes_its_routes_with_it_and_says_so() -> None:
    spec = {
        "receivers": [{"name": "a", "email": {"to": "x@y"}}, {"name": "b", **HOOK}],
        "routes": [{"name": "r", "receivers": ["a", "b"]}],
    }
    outcome = compiled(make_policy(**spec))
    assert [(one.reason, one.path) for one in outcome.findings] == [
        ("MissingField", "spec.receivers[a].email.from"),
        ("MissingField", "spec.receivers[a].email.smarthost"),
        ("UnknownReference", "spec.routes[r].receivers"),
    ]
    assert [one.receiver for one in routing_of(outcome).routes] == ["b"]
    assert outcome.facts["receivers"] == ["b"]
    with_globals = config(alertmanager={"base": {
        "global": {"smtp_smarthost": "m:25", "smtp_from": "a@b"}, "route": {"receiver": "x"}, "receivers": [{"name": "x"}]
    }})  # fmt: skip
    assert compiled(make_policy(**spec), with_globals).findings == ()


def test_a_disabled_rule_is_not_there() -> None:
    assert compiled(make_policy(rules=[rule(expression={"promql": "sum("}, enabled=False)])).intents == ()


def test_the_worst_case_of_detection_adds_up_the_clocks() -> None:
    def worst(**given: Any) -> str | None:
        return compiled(make_policy(rules=[rule(**given)])).facts["rules"][0].get("worstCaseDetection")

    # A twentieth of five minutes, five minutes of `for`, two scrapes and one evaluation of a minute.
    assert worst(ratio=RATIO, above="5%", **{"for": "5m"}) == "8m15s"
    assert worst(down={"up": "up"}) == "3m"
    assert worst(expression={"promql": "up == 0"}) is None


def test_an_slo_takes_the_routes_of_a_policy_and_says_when_there_is_none() -> None:
    slo = make_slo(alerting={"route": {"alertPolicy": "payments"}})
    policy = make_policy()
    key = Key("AlertPolicy", "shop", "payments")
    there = World(config(), TODAY, lookup={key: policy}.get)
    outcome = KINDS["SLO"](slo, there)
    assert outcome.findings == ()
    assert {dict(alert.labels)["binnacle_route"] for alert in alerts_of(outcome)} == {"payments"}
    assert key in there.reads
    (finding,) = KINDS["SLO"](slo, World(config(), TODAY)).findings
    assert (finding.severity, finding.reason, finding.path) == (
        "warning",
        "UnknownReference",
        "spec.alerting.route.alertPolicy",
    )
    assert "binnacle_route" not in dict(alerts_of(KINDS["SLO"](make_slo(), there))[0].labels)


def metric_set(*metrics: dict[str, Any]) -> Any:
    body = {
        "apiVersion": "binnacle.dev/v1alpha1",
        "kind": "MetricSet",
        "metadata": {"name": "shop", "namespace": "shop"},
        "spec": {"metrics": list(metrics)},
    }
    model, findings = parse(body)
    assert findings == []
    return model


def with_metrics(policy: Any, *metrics: dict[str, Any]) -> Compiled:
    key = Key("MetricSet", "shop", "shop")
    found = metric_set(*metrics)
    world = World(config(), TODAY, {key: found}.get, lambda kind, _namespace: [key] if kind == "MetricSet" else [])
    outcome = KINDS["AlertPolicy"](policy, world)
    assert key in world.reads
    return outcome


def test_metrics_that_nobody_declares_are_noticed_and_declared_ones_decide() -> None:
    histogram = {"name": "d_seconds", "type": "histogram", "buckets": ["0.1", 1, 2], "labelNames": ["code"]}
    near = with_metrics(make_policy(rules=[rule(ratio=RATIO, above="5%")]), {"name": "r_total", "type": "counter"})
    assert [(one.severity, one.reason) for one in near.findings] == [("warning", "UnknownMetric")]
    quantile = {"histogram": "d_seconds", "percentile": "95%"}
    never = with_metrics(make_policy(rules=[rule(quantile=quantile, above="2s")]), histogram)
    assert [(one.reason, one.path) for one in never.findings] == [("NeverFires", "spec.rules[X].above")]
    assert with_metrics(make_policy(rules=[rule(quantile=quantile, above="1s")]), histogram).findings == ()
    native = {"name": "d_seconds", "type": "histogram", "histogramType": "native"}
    (alert,) = alerts_of(with_metrics(make_policy(rules=[rule(quantile=quantile, above="2s")]), native))
    assert "_bucket" not in to_text(alert.expr)
