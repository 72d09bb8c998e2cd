"""Compiling an SLO: what is refused where, what stays as it was written, and what labels go where."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binnacle.api.findings import Severity
from binnacle.api.reasons import Reason
from binnacle.api.slo_indicators import Latency
from binnacle.api.values import Duration
from binnacle.compile import templates
from binnacle.compile.slo.indicators.latency import bucket_matcher, limit_in
from binnacle.intent.rules import Alert, Recording
from binnacle.promql import parse, to_text
from binnacle.promql.nodes import MatchOp, Node, Range, Selector, children
from compile.building import compiled, make_slo, rules_of


def selectors(node: Node) -> list[Selector]:
    if isinstance(node, Selector):
        return [node]
    return [found for child in children(node) for found in selectors(child)]


@pytest.mark.parametrize(
    ("indicator", "path", "reason"),
    [
        ({"ratio": {"errors": "a{", "total": "b"}}, "ratio.errors", Reason.PROMQL_SYNTAX),
        ({"ratio": {"errors": "a", "total": "rate(b[5m])"}}, "ratio.total", Reason.NOT_A_SELECTOR),
        ({"ratio": {"good": "a[5m]", "total": "b"}}, "ratio.good", Reason.NOT_A_SELECTOR),
        ({"ratio": {"errors": "a offset 5m", "total": "b"}}, "ratio.errors", Reason.NOT_A_SELECTOR),
        ({"latency": {"histogram": "x_bucket", "below": "1s"}}, "latency.histogram", Reason.INVALID_VALUE),
        ({"latency": {"histogram": 'x{le="1"}', "below": "1s"}}, "latency.histogram", Reason.INVALID_VALUE),
    ],
)
def test_an_indicator_that_cannot_be_read_leaves_nothing(indicator: Any, path: str, reason: Reason) -> None:
    outcome = compiled(make_slo(indicator=indicator))
    assert outcome.intents == ()
    (finding,) = outcome.findings
    assert (finding.severity, finding.path, finding.reason) == (Severity.ERROR, f"spec.indicator.{path}", reason)
    assert finding.message
    assert finding.fix or reason is Reason.PROMQL_SYNTAX


def test_without_burn_alerts_everything_is_recorded_and_nothing_fires() -> None:
    outcome = compiled(make_slo(alerting={"burnRates": []}))
    assert outcome.findings == ()
    assert outcome.facts["alerts"] == []
    rules = [rule for group in rules_of(outcome).groups for rule in group.rules]
    assert all(isinstance(rule, Recording) for rule in rules)
    assert {rule.record for rule in rules if isinstance(rule, Recording)} >= {
        "slo:period_error:ratio",
        "slo:period_error_budget_remaining:ratio",
        "slo:current_burn_rate:ratio",
    }


def test_both_bad_selectors_are_told() -> None:
    outcome = compiled(make_slo(indicator={"ratio": {"errors": "a{", "total": "b{"}}))
    assert [finding.path for finding in outcome.findings] == [
        "spec.indicator.ratio.errors",
        "spec.indicator.ratio.total",
    ]


@pytest.mark.parametrize(
    "selector",
    [
        'a{code!="200",job=~"x|y",path!~"/healthz.*"}',
        '{__name__="a.dotted.name", code!~"2.."}',
        'a{quoted="\\"{}\\\\"}',
    ],
)
def test_matchers_stay_as_they_were_written(selector: str) -> None:
    rules = rules_of(compiled(make_slo(indicator={"ratio": {"errors": selector, "total": "b"}})))
    wanted = parse(selector)
    assert isinstance(wanted, Selector)
    read = [
        found
        for group in rules.groups
        for rule in group.rules
        for found in selectors(rule.expr)
        if found.name == wanted.name
    ]
    assert read
    assert all(found == wanted for found in read)


def test_every_expression_prints_and_parses() -> None:
    for indicator in (
        {"ratio": {"good": "a", "total": "b"}},
        {"latency": {"histogram": "h", "below": "1s", "histogramType": "native"}},
    ):
        for group in rules_of(compiled(make_slo(groupBy=["b", "a"], indicator=indicator))).groups:
            for rule in group.rules:
                assert parse(to_text(rule.expr)) == rule.expr


def test_ranges_hold_two_scrapes() -> None:
    for scrape in ("1s", "15s", "1m", "2m", "5m", "10m"):
        rules = rules_of(compiled(make_slo(), scrapeInterval=scrape))
        for group in rules.groups:
            for rule in group.rules:
                for found in ranges(rule.expr):
                    assert isinstance(found.range, int)
                    if not (found.selector.name or "").startswith("slo:"):
                        assert found.range >= 2 * Duration.parse(scrape).ms


def ranges(node: Node) -> list[Range]:
    own = [node] if isinstance(node, Range) else []
    return own + [found for child in children(node) for found in ranges(child)]


def test_a_rule_reads_what_its_group_recorded_before_it() -> None:
    for group in rules_of(compiled(make_slo())).groups:
        recorded = [rule.record for rule in group.rules if isinstance(rule, Recording)]
        seen: set[str] = set()
        for rule in group.rules:
            own = {found.name for found in selectors(rule.expr)} & set(recorded)
            assert own <= seen
            if isinstance(rule, Recording):
                seen.add(rule.record)


def test_the_users_labels_are_on_alerts_and_descriptions_only() -> None:
    rules = rules_of(compiled(make_slo(labels={"team": "pay"}, environment="live")))
    for group in rules.groups:
        for rule in group.rules:
            labels = dict(rule.labels)
            described = isinstance(rule, Alert) or group.part == "meta"
            assert (labels.get("team"), labels.get("environment")) == (("pay", "live") if described else (None, None))
            assert labels["slo"] == "avail"
            assert labels["slo_namespace"] == "shop"
            assert labels["slo_service"] == "checkout"


def test_history_is_read_whatever_the_service_was_called() -> None:
    """A label that changes must neither lose thirty days nor make two elements of one."""
    rules = rules_of(compiled(make_slo()))
    read = [
        found.selector
        for group in rules.groups
        for rule in group.rules
        # Alerts look back for hours at most, and at what the SLO is called now.
        if isinstance(rule, Recording)
        for found in ranges(rule.expr)
        if (found.selector.name or "").startswith("slo:")
    ]
    assert read
    assert all({matcher.name for matcher in one.matchers} == {"slo", "slo_namespace"} for one in read)


def test_one_group_is_stamped_and_has_no_alerts() -> None:
    groups = rules_of(compiled(make_slo())).groups
    (stamped,) = (group for group in groups if group.stamped)
    assert all(isinstance(rule, Recording) for rule in stamped.rules)


def test_the_same_input_gives_the_same_value() -> None:
    spec = {"labels": dict.fromkeys("badc", "x"), "groupBy": ["z", "y"]}
    shuffled = dict(reversed(list(spec["labels"].items())))  # type: ignore[union-attr]
    one, other = compiled(make_slo(**spec)), compiled(make_slo(**{**spec, "labels": shuffled, "groupBy": ["y", "z"]}))
    assert one == other
    assert json.dumps(one.facts) == json.dumps(other.facts)


@pytest.mark.parametrize(
    ("limit", "spellings"),
    [
        ("0.3", {"0.3"}),
        ("1", {"1", "1.0"}),
        ("10", {"10", "10.0"}),
        ("2.5", {"2.5"}),
        ("1000000", {"1000000", "1000000.0", "1e+06"}),
        ("1500000", {"1500000", "1500000.0", "1.5e+06"}),
        ("0.00001", {"0.00001", "1e-05"}),
    ],
)
def test_a_bucket_is_found_in_every_spelling(limit: str, spellings: set[str]) -> None:
    matcher = bucket_matcher(Decimal(limit))
    for spelling in spellings:
        found = matcher.value == spelling if matcher.op is MatchOp.EQUAL else re.fullmatch(matcher.value, spelling)
        assert found, spelling
    if matcher.op is MatchOp.REGEX:
        assert not re.fullmatch(matcher.value, f"{limit}5")
        assert not re.fullmatch(matcher.value, f"1{limit}")


def test_a_duration_is_written_in_the_unit_of_the_histogram() -> None:
    below = Latency.model_construct(below=Duration.parse("300ms"))
    assert limit_in("request_duration_seconds", below) == (Decimal("0.3"), [])
    assert limit_in("request_duration_milliseconds", below) == (300, [])
    assert limit_in("latency_us", below) == (300_000, [])
    assert limit_in("latency", below) == (Decimal("0.3"), [])
    _, (finding,) = limit_in("request_size_bytes", below)
    assert (finding.severity, finding.path) == (Severity.ERROR, "spec.indicator.latency.below")


def expand(template: str) -> str:
    """What Go makes of a template whose only actions are string constants."""
    return re.sub(r'\{\{"(\{+)"\}\}', r"\1", template)


@given(st.text(alphabet='{}"`$a .|%\\\n', max_size=40))
def test_literal_text_has_no_action_but_constants(text: str) -> None:
    template = templates.literal(text)
    assert expand(template) == text
    rest = re.sub(r'\{\{"\{+"\}\}', "", template)
    assert "{{" not in rest


@given(st.text(alphabet='{}$ a"', max_size=20), st.text(alphabet='{}$ a"', max_size=20))
def test_literals_stay_literal_side_by_side(one: str, other: str) -> None:
    assert expand(templates.literal(one) + templates.literal(other)) == one + other


def test_only_plain_references_are_templates() -> None:
    known = "{{ $labels.region }} {{$value | humanizePercentage}}"
    assert templates.with_references(known) == (known, False)
    text, strange = templates.with_references("{{ $labels.region }} {{ .Foo }}")
    assert strange
    assert text == '{{ $labels.region }} {{"{{"}} .Foo }}'
    outcome = compiled(make_slo(annotations={"note": "{{ range .X }}"}))
    assert [(finding.severity, finding.path) for finding in outcome.findings] == [
        (Severity.WARNING, "spec.annotations[note]")
    ]
