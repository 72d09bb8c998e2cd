"""What the imports make of files as users have them, field by field, and the laws of the report."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from binnacle.api.findings import Severity
from binnacle.api.reasons import Reason
from binnacle.convert import leftovers
from binnacle.convert.report import Fate
from convert.corpus import DATA, FILES, entries, imported, silent, specs, values


@pytest.mark.parametrize("name", FILES)
def test_every_field_of_a_users_file_is_spoken_of(name: str) -> None:
    text = (DATA / name).read_text()
    outcome = imported(FILES[name], text)
    assert silent(values(text), outcome) == []
    said = [entry.finding.message for part in outcome.parts for entry in part.entries]
    assert leftovers.NOT_LOOKED_AT not in said


def load(name: str) -> Any:
    return yaml.load((DATA / name).read_text(), yaml.CSafeLoader)


def test_sloth_file() -> None:
    outcome = imported("sloth", (DATA / "sloth-file.yaml").read_text())
    found = specs(outcome)
    assert list(found) == ["checkout-availability", "checkout-latency", "checkout-probes", "checkout-wifi"]
    availability = found["checkout-availability"]
    assert availability == {
        "service": "checkout",
        "description": "Customers can pay.",
        "objective": "99.9%",
        "window": {"rolling": "30d"},
        "indicator": {
            "ratio": {
                "errors": 'http_requests_total{job="checkout",code=~"5.."}',
                "total": 'http_requests_total{job="checkout"}',
            }
        },
        "labels": {"team": "payments", "tier": "2", "journey": "pay", "category": "availability"},
        "annotations": {"board": "{{ $labels.team }}"},
        "alerting": {"runbook": {"url": "https://runbooks.example/checkout"}},
    }
    assert [rate["name"] for rate in found["checkout-latency"]["alerting"]["burnRates"]] == ["slow", "trend"]
    assert found["checkout-probes"]["alerting"] == {"burnRates": []}
    # What no other indicator says is an expression, with a warning.
    assert found["checkout-wifi"]["indicator"] == {
        "expression": {
            "errorRatio": "(sum_over_time(count(satisfaction_ratio < 0.75)[$window:]) or on () vector(0)) "
            "/ sum_over_time(count(satisfaction_ratio)[$window:])"
        }
    }
    assert entries(outcome, "slos[3].sli.events.error_query")[0].finding.severity is Severity.WARNING
    (lost,) = entries(outcome, "slos[0].alerting.page_alert.labels.routing_key")
    assert (lost.fate, lost.finding.severity) == (Fate.LOST, Severity.WARNING)
    (renamed,) = entries(outcome, "slos[0].alerting.name")
    assert renamed.fate is Fate.CHANGED
    assert "SLOErrorBudgetBurn" in renamed.finding.message


def test_sloth_objects_in_a_list_with_a_catalogue_of_windows() -> None:
    outcome = imported("sloth", (DATA / "sloth-objects.yaml").read_text())
    found = specs(outcome)
    assert list(found) == ["search-availability"], "the one by a plugin is left out"
    spec = found["search-availability"]
    assert spec["groupBy"] == ["region"]
    assert [(rate["budget"], rate["long"]) for rate in spec["alerting"]["burnRates"]] == [("3%", "1h"), ("6%", "6h")]
    (body,) = outcome.resources.values()
    assert body["metadata"]["namespace"] == "shop"
    (plugin,) = entries(outcome, "spec.slos[1].sli.plugin")
    assert plugin.finding.severity is Severity.ERROR


def test_pyrra() -> None:
    found = specs(imported("pyrra", (DATA / "pyrra.yaml").read_text()))
    assert {name: spec["indicator"] for name, spec in found.items()} == {
        "api-errors": {
            "ratio": {
                "errors": 'http_requests_total{job="api",code=~"5.."}',
                "total": 'http_requests_total{job="api"}',
            }
        },
        "api-latency": {"latency": {"histogram": 'http_request_duration_seconds{job="api"}', "below": "250ms"}},
        "api-native": {
            "latency": {"histogram": 'rpc_duration_seconds{job="api"}', "below": "200ms", "histogramType": "native"}
        },
        "api-up": {"availability": {"gauge": 'up{job="api"}'}},
    }
    assert found["api-errors"]["groupBy"] == ["handler"]
    assert found["api-errors"]["labels"] == {"team": "web"}
    assert found["api-errors"]["window"] == {"rolling": "28d"}
    assert {name: spec.get("alerting") for name, spec in found.items()} == {
        "api-errors": {
            "runbook": {"url": "https://runbooks.example/api"},
            "noData": {"action": "Alert", "severity": "critical"},
        },
        "api-latency": {"burnRates": []},
        "api-native": {"noData": {"action": "Alert", "severity": "critical"}},
        "api-up": {"burnRates": [], "noData": {"action": "Alert", "severity": "warning"}},
    }
    assert {spec["service"] for spec in found.values()} == {"api"}


def test_openslo_v1_with_everything_that_it_refers_to() -> None:
    outcome = imported("openslo", (DATA / "openslo-v1.yaml").read_text())
    found = specs(outcome)
    assert list(found) == ["web-availability-good", "web-availability-excellent", "raw-errors", "cpu"]
    assert [spec["objective"] for spec in found.values()] == ["99.5%", "99.95%", "99%", "99%"]
    assert found["cpu"]["indicator"] == {"threshold": {"gauge": 'cpu_used_ratio{job="web"}', "below": "0.8"}}
    good = found["web-availability-good"]
    assert good["indicator"]["ratio"]["good"] == 'http_requests_total{component="web",code=~"2..|4.."}'
    assert good["labels"] == {"team": "web,core", "env": "prod"}
    # 14.4 times over an hour of four weeks, and once over three days of them.
    assert good["alerting"]["burnRates"] == [
        {"name": "fast-burn", "severity": "critical", "budget": "2.14285714%", "long": "1h", "short": "5m"},
        {"name": "slow-burn", "severity": "warning", "budget": "10.71428571%", "long": "3d", "short": "6h"},
    ]
    assert good["alerting"]["noData"] == {"action": "Alert"}
    assert found["raw-errors"]["indicator"] == {"ratio": {"errors": "errors_total", "total": "calls_total"}}
    assert found["raw-errors"]["window"] == {"calendar": "Month", "timeZone": "America/New_York"}
    assert found["raw-errors"]["alerting"] == {"burnRates": []}, "no policy, no alert"
    (elsewhere,) = entries(outcome, "spec.indicator.spec.thresholdMetric.metricSource")
    assert elsewhere.finding.severity is Severity.ERROR


@pytest.mark.parametrize("length", ["0", "5m", "2Y", "soon", "0d", "99999Y"])
def test_a_window_that_is_none_is_an_error(length: str) -> None:
    text = (DATA / "openslo-v1.yaml").read_text().replace("duration: 4w", f"duration: '{length}'")
    outcome = imported("openslo", text)
    assert list(specs(outcome)) == ["raw-errors"]
    said = entries(outcome, "spec.timeWindow[0].duration")
    assert Severity.ERROR in {entry.finding.severity for entry in said}


def test_openslo_v1alpha() -> None:
    found = specs(imported("openslo", (DATA / "openslo-v1alpha.yaml").read_text()))
    assert {name: (spec["objective"], spec["indicator"]["latency"]["below"]) for name, spec in found.items()} == {
        "apiserver-fast": ("99%", "400ms"),
        "apiserver-at-all": ("99.9%", "5s"),
    }


@pytest.mark.parametrize(
    ("written", "percentage"),
    [
        ("99.9", "99.9%"),
        ("99.99", "99.99%"),
        ("95", "95%"),
        ("99.999999", "99.999999%"),
        ("9.99e1", "99.9%"),
        ("'99.9'", "99.9%"),
        ("0.1", "0.1%"),
    ],
)
def test_objectives_are_exact(written: str, percentage: str) -> None:
    text = (DATA / "sloth-file.yaml").read_text().replace("objective: 99.9\n", f"objective: {written}\n")
    assert specs(imported("sloth", text))["checkout-availability"]["objective"] == percentage


@pytest.mark.parametrize("written", ["100", "0", "-1", "100.5", "99.9999999999", "high", "[1]", "true", "~"])
def test_an_objective_that_is_none_is_an_error(written: str) -> None:
    text = (DATA / "sloth-file.yaml").read_text().replace("objective: 99.9\n", f"objective: {written}\n")
    outcome = imported("sloth", text)
    found = specs(outcome)
    if written == "99.9999999999":
        assert entries(outcome, "slos[0].objective")[0].finding.severity is Severity.ERROR
    assert "checkout-availability" not in found
    assert "checkout-latency" in found, "its neighbour does not notice"


def test_the_window_is_an_option_where_a_tool_has_one_for_all() -> None:
    outcome = imported("sloth", (DATA / "sloth-file.yaml").read_text(), window="28d", namespace="shop")
    assert all(spec["window"] == {"rolling": "28d"} for spec in specs(outcome).values())
    assert {body["metadata"]["namespace"] for body in outcome.resources.values()} == {"shop"}


PYRRA = """\
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: %s, namespace: a}
spec:
  target: "99"
  window: 28d
  indicator: {ratio: {errors: {metric: 'x_total{code="500"}'}, total: {metric: x_total}}}
"""


def test_duplicates_are_errors_and_names_that_meet_are_told_apart() -> None:
    text = "---\n".join(PYRRA % name for name in ("Up_Time", "up-time", "up.time", "Up_Time", "x" * 80))
    outcome = imported("pyrra", text)
    names = [body["metadata"]["name"] for body in outcome.resources.values()]
    assert names[:3] == ["up-time", "up-time-2", "up-time-3"]
    assert len(names) == 4
    assert len(names[3]) <= 63
    twice = [entry for part in outcome.parts for entry in part.entries if entry.finding.severity is Severity.ERROR]
    assert [entry.finding.reason for entry in twice] == [Reason.DUPLICATE_RESOURCE]


@pytest.mark.parametrize(
    ("tool", "text", "reason"),
    [
        ("sloth", (DATA / "pyrra.yaml").read_text(), "Use binnacle import pyrra."),
        ("pyrra", (DATA / "openslo-v1alpha.yaml").read_text(), "Use binnacle import openslo."),
        ("openslo", (DATA / "sloth-file.yaml").read_text(), "Use binnacle import sloth."),
        ("openslo", "- 1\n- text\n", "Give documents with"),
        (
            "openslo",
            "apiVersion: openslo/v2alpha\nkind: SLO\nmetadata: {name: x}\nspec: {}\n",
            "Write one of openslo/v1",
        ),
        ("pyrra", "apiVersion: pyrra.dev/v1alpha1\nkind: Other\n", "Write ServiceLevelObjective."),
        ("sloth", "version: prometheus/v1\nservice: a\nslos: []\n", "Add one under slos."),
    ],
)
def test_the_wrong_file_is_an_error_that_says_what_to_do(tool: str, text: str, reason: str) -> None:
    outcome = imported(tool, text)
    assert not outcome.resources
    errors = [
        entry.finding.fix
        for part in outcome.parts
        for entry in part.entries
        if entry.finding.severity is Severity.ERROR
    ]
    assert errors
    assert all(fix.startswith(reason) for fix in errors)


def test_what_refers_to_nothing_is_told() -> None:
    documents = load("openslo-v1.yaml")
    text = yaml.dump_all([one for one in documents if one["kind"] == "SLO"], Dumper=yaml.CSafeDumper)
    outcome = imported("openslo", text)
    (reference,) = entries(outcome, "spec.indicatorRef")
    assert (reference.finding.reason, reference.finding.severity) == (Reason.UNKNOWN_REFERENCE, Severity.ERROR)
    (policy,) = entries(outcome, "spec.alertPolicies[0].alertPolicyRef")
    assert policy.finding.reason is Reason.UNKNOWN_REFERENCE


def test_labels_that_are_ours_are_lost_and_said() -> None:
    text = (DATA / "sloth-file.yaml").read_text().replace('tier: "2"', "slo: x\n  bad-name: y\n  binnacle_kind: z")
    outcome = imported("sloth", text)
    assert specs(outcome)["checkout-availability"]["labels"] == {
        "team": "payments",
        "journey": "pay",
        "category": "availability",
    }
    fates = {path: entries(outcome, f"labels.{path}")[0] for path in ("slo", "bad-name", "binnacle_kind")}
    assert all(entry.fate is Fate.LOST for entry in fates.values())
    assert fates["slo"].finding.reason is Reason.RESERVED_LABEL


def test_two_queries_of_one_indicator_are_explained_once() -> None:
    outcome = imported("sloth", (DATA / "sloth-file.yaml").read_text())
    (first,), (second,) = (entries(outcome, f"slos[3].sli.events.{name}_query") for name in ("error", "total"))
    assert first.finding.severity is Severity.WARNING
    assert "spec.indicator.expression" in {first.target, second.target}
    assert (second.fate, second.finding.severity) == (Fate.CHANGED, Severity.INFO)
    assert first.finding.path in second.finding.message


@pytest.mark.parametrize(("counter", "assumed"), [("", True), ("counter: true", False)])
def test_that_a_metric_is_a_counter_is_assumed_only_where_it_is_not_said(counter: str, assumed: bool) -> None:
    outcome = imported("openslo", COUNTER % counter)
    (bad,) = entries(outcome, "spec.indicator.spec.ratioMetric.bad.metricSource.spec.query")
    assert ("taken to be a counter" in bad.finding.message) is assumed
    assert (bad.finding.severity is Severity.WARNING) is assumed
    assert specs(outcome)["x"]["indicator"] == {"ratio": {"errors": "bad_total", "total": "all_total"}}


COUNTER = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: x}
spec:
  service: a
  timeWindow: [{duration: 4w, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
  indicator:
    metadata: {name: x}
    spec:
      ratioMetric:
        bad: {metricSource: {type: Prometheus, spec: {query: sum(bad_total)}}}
        total: {metricSource: {type: Prometheus, spec: {query: sum(all_total)}}}
        %s
"""


@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("error_query", "Write errorQuery if that is meant, or remove the field."),
        ("errorqeury", "Write errorQuery if that is meant, or remove the field."),
        ("window", "Correct the name if it is a slip of the pen, or remove the field."),
    ],
)
def test_a_field_that_is_unknown_comes_with_the_one_that_was_meant(written: str, fix: str) -> None:
    """As when what is written in a file of sloth is put into an object."""
    events = {written: "sum(rate(bad[{{.window}}]))", "totalQuery": "sum(rate(all[{{.window}}]))"}
    slos = [{"name": "a", "objective": 99, "sli": {"events": events}}]
    body = {"apiVersion": "sloth.slok.dev/v1", "kind": "PrometheusServiceLevel", "spec": {"service": "a", "slos": slos}}
    (entry,) = entries(imported("sloth", yaml.dump(body)), f"spec.slos[0].sli.events.{written}")
    assert (entry.finding.reason, entry.finding.fix) == (Reason.UNKNOWN_FIELD, fix)
