"""The fence around what a namespace may read: no selector of anything that is compiled stands outside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from api.slo_cases import good_slo, put
from binnacle.api.config import Config
from binnacle.api.findings import Severity
from binnacle.api.reasons import Reason
from binnacle.api.registry import parse as resource_of
from binnacle.api.slo import SLO
from binnacle.check.explain.registry import EXPLANATIONS
from binnacle.check.proofs.slo import proofs_of
from binnacle.check.slo import rule_text as proof_rules
from binnacle.compile.fence import Fence
from binnacle.compile.registry import KINDS
from binnacle.compile.world import Compiled, World
from binnacle.errors import SpecError
from binnacle.intent.dashboard import Board
from binnacle.intent.probe import Probes
from binnacle.intent.refs import Key
from binnacle.intent.rules import RuleSet
from binnacle.intent.scrape import Scraping
from binnacle.promql import facts, parse, to_text
from binnacle.promql.nodes import Matcher, MatchOp, Node, Selector, map_nodes
from compile.building import rule_text
from compile.dashboards import good_dashboard, panel, plain_dashboard, row
from compile.policies import policy_body
from compile.rule_tests import Expect, Promtool, Scenario, assert_holds, counter, steps
from promql.trees import vectors

pytestmark = pytest.mark.thorough

SHOP = Fence("shop", "namespace")
OWNERS = (
    ("slo:", "slo_namespace"),
    ("binnacle:", "binnacle_namespace"),
    ("ALERTS", "binnacle_namespace"),
    ("ALERTS", "slo_namespace"),
)


def inside(selector: Selector) -> bool:
    """Whether a selector can match nothing but series of the namespace shop; said apart from how a fence is made."""
    name = selector.name or ""
    # Alerts of an SLO are told by either of the two, which only the compiler sets.
    owners = {owner for beginning, owner in OWNERS if name.startswith(beginning)} or {"namespace"}
    return any(Matcher(owner, MatchOp.EQUAL, "shop") in selector.matchers for owner in owners)


def escaped(*trees: Node) -> list[str]:
    return [to_text(one) for tree in trees for one in facts.selectors(tree) if not inside(one)]


@given(vectors())
@settings(max_examples=200)
def test_every_selector_of_a_tree_stands_inside_and_nothing_else_of_it_changes(tree: Node) -> None:
    fenced = SHOP.around(tree)

    def without(node: Node) -> Node:
        return Selector(node.name, (), node.offset, node.at, node.filled) if isinstance(node, Selector) else node

    assert escaped(fenced) == []
    assert SHOP.around(fenced) == fenced
    assert map_nodes(fenced, without) == map_nodes(tree, without)
    for before, after in zip(facts.selectors(tree), facts.selectors(fenced), strict=True):
        assert after.matchers[: len(before.matchers)] == before.matchers
    assert parse(to_text(fenced)) == fenced
    assert Fence("shop").around(tree) is tree


def compiled(body: dict[str, Any], label: str | None = "namespace") -> tuple[Compiled, World]:
    settings = {
        "prometheus": {"output": "configMap"},
        "probers": {"eu": "eu:9115"},
        "grafana": {"url": "https://g.example"},
    }
    world = World(Config.from_data({**settings, "tenancy": {"namespaceLabel": label}}), date(2026, 1, 1))
    model, findings = resource_of(body)
    assert model is not None, findings
    return KINDS[body["kind"]](model, world), world


def queries(outcome: Compiled) -> Iterator[Node]:
    """Everything of an outcome that a Prometheus is asked: rules, panels, variables."""
    for intent in outcome.intents:
        if isinstance(intent, RuleSet):
            yield from (rule.expr for group in intent.groups for rule in group.rules)
        if isinstance(intent, Board):
            for one in intent.rows:
                for shown in one.panels:
                    yield from (
                        parse(query.text, variables=True)
                        for query in shown.queries
                        if query.datasource.type == "prometheus"
                    )
            for variable in intent.variables:
                if variable.query.startswith("label_values("):
                    yield parse(variable.query.removeprefix("label_values(").rpartition(",")[0], variables=True)
                elif variable.query.startswith("query_result("):
                    yield parse(variable.query.removeprefix("query_result(")[:-1], variables=True)


INDICATORS: dict[str, dict[str, Any]] = {
    "ratio": {"errors": 'r{code=~"5.."}', "total": "r"},
    "latency": {"histogram": "http_seconds", "below": "300ms"},
    "native": {"histogram": "http_seconds", "below": "300ms", "histogramType": "native"},
    "availability": {"gauge": "up"},
    "probe": {"probe": {"metricSet": "web", "name": "home"}},
    "threshold": {"gauge": "queue_length", "below": 10},
    "freshness": {"timestamp": "backup_time_seconds", "maxAge": "1d"},
    "windowed": {"errors": "e", "total": "t", "every": "5m"},
    "expression": {
        "errorRatio": 'avg_over_time(x[$window]) * on () group_left () absent({job="a"}) or slo:objective:ratio{slo="b"} or y offset 1h'
    },
}
MEMBER = {"native": "latency", "probe": "availability"}


@pytest.mark.parametrize("name", INDICATORS)
def test_no_indicator_reads_outside(name: str) -> None:
    slo = good_slo("a")
    put("spec.indicator", {MEMBER.get(name, name): INDICATORS[name]})(slo)
    put("spec.dashboard", {})(slo)
    outcome, _ = compiled(slo)
    assert [one for one in outcome.findings if one.severity is Severity.ERROR] == []
    found = list(queries(outcome))
    assert len(found) > 10
    assert escaped(*found) == []


RULES: list[dict[str, Any]] = [
    {
        "name": "Ratio",
        "ratio": {"errors": "e", "total": "t", "groupBy": ["pod"]},
        "above": "5%",
        "noData": {"action": "Keep"},
    },
    {
        "name": "Slow",
        "quantile": {"histogram": "h_seconds", "percentile": "99%"},
        "above": "1s",
        "noData": {"action": "Alert"},
    },
    {"name": "Full", "threshold": {"gauge": "free", "dividedBy": "all", "groupBy": ["node"]}, "below": "20%"},
    {"name": "Down", "down": {"up": "up"}},
    {"name": "Odd", "expression": {"promql": 'count({__name__=~"slo:.*"}) > 0 or ALERTS{alertname="x"} or {job="a"}'}},
    {"name": "Gone", "expression": {"promql": 'absent(label_replace(x, "namespace", "shop", "", ""))'}},
]


def policy(*rules: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return policy_body(rules=[{"severity": "warning", **one} for one in rules], **spec)


def metric_set(**spec: Any) -> dict[str, Any]:
    return {**policy_body("web", **spec), "kind": "MetricSet"}


def test_no_rule_of_a_policy_reads_outside() -> None:
    outcome, _ = compiled(policy(*RULES))
    assert [one for one in outcome.findings if one.severity is Severity.ERROR] == []
    assert outcome.facts["ruleCount"] == len(RULES)
    assert escaped(*queries(outcome)) == []


def test_no_query_of_a_dashboard_reads_outside() -> None:
    texts = [
        "label_values(region)",
        "label_values(up, pod)",
        "label_values(up{$env}, pod)",
        'query_result(topk(3, {job="a"}))',
    ]
    variables = [
        {"name": "env", "type": "textbox", "value": ""},
        *({"name": f"v{number}", "type": "query", "query": text} for number, text in enumerate(texts)),
    ]
    body = good_dashboard(variables=variables, rows=[row(panel(queries=[{"name": "a", "promql": "x{$env} or $env"}]))])
    outcome, _ = compiled(body)
    assert [one for one in outcome.findings if one.severity is Severity.ERROR] == []
    found = list(queries(outcome))
    assert len(found) > len(texts)
    assert escaped(*found) == []


@pytest.mark.parametrize("query", ["label_names()", "metrics(up)", "query_result(info(up))"])
def test_a_variable_that_cannot_be_fenced_is_left_out(query: str) -> None:
    body = plain_dashboard(variables=[{"name": "all", "type": "query", "query": query}])
    [finding] = [one for one in compiled(body)[0].findings if one.severity is Severity.ERROR]
    assert (finding.reason, finding.path) == (Reason.NOT_SUPPORTED, "spec.variables[all].query")
    assert finding.fix
    assert [one for one in compiled(body, None)[0].findings if one.severity is Severity.ERROR] == []


def test_a_template_that_asks_prometheus_is_shown_as_it_is_written() -> None:
    asks = '{{ range query "up" }}{{ .Labels.pod }}{{ end }}'
    body = policy(
        {**RULES[3], "summary": asks, "description": asks, "annotations": {"a": asks}}, annotations={"b": asks}
    )
    outcome, _ = compiled(body)
    assert {one.reason for one in outcome.findings if one.severity is Severity.ERROR} == {Reason.TEMPLATE_SYNTAX}
    said = [
        value
        for intent in outcome.intents
        if isinstance(intent, RuleSet)
        for group in intent.groups
        for rule in group.rules
        for name, value in getattr(rule, "annotations", ())
        if "range query" in value
    ]
    assert said
    assert asks not in said


@pytest.mark.parametrize("written", ['namespace="pay"', 'namespace!="shop"', 'namespace=""'])
def test_a_matcher_that_leaves_out_the_namespace_is_told_and_opens_nothing(written: str) -> None:
    outcome, _ = compiled(policy({"name": "Other", "down": {"up": f"up{{{written}}}"}}))
    [finding] = [one for one in outcome.findings if one.reason is Reason.LABEL_NOT_AVAILABLE]
    assert (finding.severity, finding.path) == (Severity.WARNING, "spec.rules[Other].down.up")
    assert escaped(*queries(outcome)) == []


def test_what_is_scraped_probed_and_recorded_has_the_label_whatever_a_team_says() -> None:
    spec = {
        "target": {"selector": {"matchLabels": {"app": "a"}}, "port": "metrics"},
        "labels": {"team_ns": "pay"},
        "scrape": [{"name": "app", "honorLabels": True}],
        "probes": [{"name": "home", "url": "https://shop.example/", "regions": ["eu"]}],
        "recording": [{"name": "r", "record": "shop:x", "promql": 'label_replace(x, "team_ns", "pay", "", "")'}],
    }
    outcome, _ = compiled(metric_set(**spec), "team_ns")
    own = ("team_ns", "shop")
    [scraping] = [one for one in outcome.intents if isinstance(one, Scraping)]
    [probes] = [one for one in outcome.intents if isinstance(one, Probes)]
    [rules] = [one for one in outcome.intents if isinstance(one, RuleSet)]
    assert own in scraping.endpoints[0].labels
    assert own in scraping.endpoints[0].lasting
    assert own in probes.probes[0].labels
    assert own in rules.groups[0].rules[0].labels
    assert [one.path for one in outcome.findings if one.reason is Reason.RESERVED_LABEL] == ["spec.labels.team_ns"]


@pytest.mark.parametrize(
    "body",
    [
        good_slo("a"),
        policy(RULES[0]),
        good_dashboard(),
        metric_set(recording=[{"name": "r", "record": "a:b", "promql": "x"}]),
    ],
    ids=lambda body: body["kind"],
)
def test_explain_shows_the_fence(body: dict[str, Any]) -> None:
    def shown(label: str | None) -> str:
        outcome, world = compiled(body, label)
        model, _ = resource_of(body)
        return str(EXPLANATIONS[body["kind"]](model, outcome, outcome.facts, world))

    assert '{namespace="shop"}' in shown("namespace")
    assert "tenancy" not in shown(None)


@pytest.mark.parametrize(
    "label", ["slo_namespace", "le", "job", "environment", "__name__", "binnacle_namespace", "a-b", ""]
)
def test_a_label_that_says_something_else_is_refused(label: str) -> None:
    with pytest.raises(SpecError) as refused:
        Config.from_data({"tenancy": {"namespaceLabel": label}})
    assert refused.value.path == "tenancy.namespaceLabel"
    assert refused.value.fix


@pytest.mark.parametrize("name", ["ratio", "probe"])
def test_generated_tests_of_an_slo_hold_within_the_fence(name: str, promtool: Promtool, tmp_path: Path) -> None:
    slo = good_slo("a")
    put("spec.indicator", {MEMBER.get(name, name): INDICATORS[name]})(slo)
    outcome, world = compiled(slo)
    model, _ = resource_of(slo)
    assert isinstance(model, SLO)
    documents = proofs_of(model, outcome, world).documents
    assert documents
    names = []
    for part, made in documents.items():
        (tmp_path / f"{part}.rules.yaml").write_text(proof_rules(model, outcome, made))
        names.append(f"{part}.yaml")
        (tmp_path / names[-1]).write_text(json.dumps(made.body([f"{part}.rules.yaml"])))
    ended = promtool("test", "rules", *names, cwd=tmp_path, check=False)
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[:3000]


def test_a_test_of_a_policy_feeds_series_of_its_namespace() -> None:
    for label in ("namespace", None):
        fence = Fence("shop", label)
        assert fence.series('up{namespace="pay"}') == 'up{namespace="pay"}'
        assert fence.series('up{job="a"}') == ('up{job="a"}' if label is None else 'up{job="a",namespace="shop"}')


def test_rules_see_the_series_of_their_namespace_and_none_of_another(promtool: Promtool, tmp_path: Path) -> None:
    """All is well in shop and nothing is in pay, by every kind of rule; and an alert of shop finds the SLO of shop."""
    end = steps(hours=2)
    slo = good_slo("a")
    put("spec.indicator", {"ratio": {"errors": 'r{code="500"}', "total": "r"}})(slo)
    rules = [
        {"name": "Ratio", "ratio": {"errors": 'r{code="500"}', "total": "r"}, "above": "5%"},
        {"name": "Down", "down": {"up": "up"}},
        {"name": "Named", "expression": {"promql": 'up{namespace=~"pay|other"} == 0'}},
        {"name": "Unnamed", "expression": {"promql": '{__name__=~"u.*"} == 0'}},
        {"name": "Others", "expression": {"promql": 'slo:objective:ratio{slo_namespace!="shop"} > 0'}},
        {"name": "Own", "severity": "info", "expression": {"promql": "slo:objective:ratio > 0"}},
        {"name": "Absent", "severity": "info", "expression": {"promql": "absent(only_pay)"}},
    ]
    recording = [{"name": "r", "record": "job:up:sum", "promql": "sum by (namespace) (up)"}]
    texts = []
    for body in (slo, policy(*rules), metric_set(recording=recording)):
        outcome, _ = compiled(body)
        sets = [one for one in outcome.intents if isinstance(one, RuleSet)]
        texts += [rule_text(one, Key(body["kind"], "shop", body["metadata"]["name"])) for one in sets]
    bad, good = [100.0] * end, [100.0] * end
    fed: dict[str, Any] = {
        'r{code="500",namespace="pay"}': counter(bad),
        'r{code="200",namespace="shop"}': counter(good),
        'up{namespace="pay"}': [0.0] * (end + 20),
        'up{namespace="shop"}': [1.0] * (end + 20),
        'only_pay{namespace="pay"}': [1.0] * (end + 20),
        'slo:objective:ratio{slo_namespace="pay"}': [0.5] * (end + 20),
    }
    scenario = Scenario(
        "fenced",
        fed,
        (
            Expect(
                end,
                'count by (alertname) (ALERTS{alertstate="firing"})',
                {(("alertname", "Own"),): 1, (("alertname", "Absent"),): 1},
            ),
            Expect.one(end, 'sum(job:up:sum{namespace="shop"})', 1),
            Expect.one(end, "count(job:up:sum)", 1),
            Expect.one(end, 'sum(slo:period_error:ratio{slo_namespace="shop"})', 0),
        ),
    )
    assert_holds(promtool, tmp_path, texts, [scenario])
