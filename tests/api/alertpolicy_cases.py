"""Alert policies that must be refused, by the models and by a real API server: changes of a good one."""

from collections.abc import Callable
from typing import Any

from api.slo_cases import Case, put

SECRET = {"secretRef": {"name": "s", "key": "k"}}


def good_policy(name: str = "payments", namespace: str = "shop") -> dict[str, Any]:
    """The policy of the documentation, with the fields that exist."""
    return {
        "apiVersion": "binnacle.dev/v1alpha1",
        "kind": "AlertPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "labels": {"team": "payments"},
            "interval": "30s",
            "rules": [
                {
                    "name": "HighErrorRate",
                    "enabled": True,
                    "summary": "{{ $labels.service }} fails {{ $value | humanizePercentage }} of requests",
                    "description": "Customers cannot pay.",
                    "annotations": {"impact": "revenue"},
                    "runbook": {
                        "url": "https://runbooks.example/errors",
                        "steps": ["kubectl -n shop logs deploy/checkout"],
                        "links": [{"name": "logs", "logql": '{app="checkout"} |= "error"'}],
                    },
                    "keepFiringFor": "5m",
                    "activeDuring": ["nights"],
                    "noData": {"action": "Ok"},
                    "ratio": {
                        "errors": 'http_requests_total{code=~"5.."}',
                        "total": "http_requests_total",
                        "groupBy": ["service"],
                        "window": "5m",
                        "minRate": {"limit": 6, "per": "1m"},
                    },
                    "levels": [
                        {"name": "page", "severity": "critical", "above": "5%", "for": "5m"},
                        {"name": "warn", "severity": "warning", "above": "1%", "for": "15m"},
                    ],
                },
                {"name": "Down", "down": {"up": 'up{job="api"}'}, "severity": "warning", "for": "5m"},
            ],
            "tests": [
                {
                    "name": "five-percent",
                    "interval": "1m",
                    "series": [
                        {"selector": 'http_requests_total{service="a",code="500"}', "values": "0+10x20"},
                        {"selector": 'http_requests_total{service="a",code="200"}', "values": "0+90x20"},
                    ],
                    "after": "12m",
                    "fires": [{"rule": "HighErrorRate", "severity": "critical", "labels": {"service": "a"}}],
                    "silent": [],
                }
            ],
            "receivers": [
                {
                    "name": "payments",
                    "slack": {
                        "channel": "#payments",
                        "apiUrl": SECRET,
                        "title": "{{ .CommonAnnotations.summary }}",
                        "sendResolved": True,
                    },
                },
                {"name": "oncall", "pagerduty": {"routingKey": SECRET}},
            ],
            "defaultReceivers": ["payments"],
            "grouping": {
                "groupBy": ["alertname", "service"],
                "groupWait": "30s",
                "groupInterval": "5m",
                "repeatInterval": "4h",
            },
            "routes": [
                {
                    "name": "page",
                    "matchers": ['severity="critical"'],
                    "receivers": ["oncall", "payments"],
                    "grouping": {"repeatInterval": "1h"},
                    "appliesTo": "Policy",
                }
            ],
            "schedules": [
                {
                    "name": "nights",
                    "timeZone": "Europe/Berlin",
                    "times": [{"startTime": "22:00", "endTime": "06:00"}],
                }
            ],
            "mute": [{"name": "nights", "matchers": ['severity="info"'], "during": ["nights"]}],
            "inhibit": [
                {
                    "name": "critical-over-warning",
                    "source": ['severity="critical"'],
                    "target": ['severity="warning"'],
                    "equal": ["service"],
                }
            ],
            "routingTests": [
                {
                    "name": "night-page",
                    "labels": {"severity": "critical", "service": "a"},
                    "at": "2026-03-29T03:30:00+02:00",
                    "receivers": ["oncall", "payments"],
                }
            ],
        },
    }


def case(name: str, change: Callable[[dict[str, Any]], None], **said: str) -> Case:
    return Case(name, (change,), **said)


RULE = "spec.rules[HighErrorRate]"
BAD = (
    case("two-types", put("spec.rules.0.down", {"up": "up"}), path=RULE, fix="Keep exactly one", server="exactly one of ratio"),
    case("active-twice", put("spec.rules.0.activeDuring", ["nights", "nights"]), path=f"{RULE}.activeDuring[1]", fix="Leave one out", server="Duplicate value", field="spec.rules[0].activeDuring[1]"),
    case("active-as-name", put("spec.rules.0.activeDuring", "nights"), path=f"{RULE}.activeDuring", fix="list", server="must be of type array", field="spec.rules[0].activeDuring"),
    case("no-type", put("spec.rules.0.ratio", ...), path=RULE, fix="Give exactly one", server="exactly one of ratio"),
    case("levels-and-severity", put("spec.rules.0.severity", "info"), path=f"{RULE}.levels", fix="Keep one", server="either levels, or severity"),
    case("no-severity", put("spec.rules.1.severity", ...), path="spec.rules[Down].severity", fix="Add severity", server="either levels, or severity"),
    case("no-limit", put("spec.rules.0.levels.0.above", ...), path=f"{RULE}.levels[page].above", fix="Add above or below", server="above or below in every level"),
    case("both-limits", put("spec.rules.0.levels.0.below", "1%"), path=f"{RULE}.levels[page].below", fix="Keep one", server="above or below in every level"),
    case("down-with-a-limit", put("spec.rules.1.above", 1), path="spec.rules[Down]", fix="Leave above", server="down takes neither"),
    case("one-severity-twice", put("spec.rules.0.levels.1.severity", "critical"), path=f"{RULE}.levels[warn].severity", fix="a severity of its own", server="severity of its own"),
    case("a-limit-without-meaning", put("spec.rules.0.levels.0.above", "5 %"), path=f"{RULE}.levels[page].above", fix="Write a whole number", server="Invalid value"),
    case("down-kept", put("spec.rules.1.noData", {"action": "Keep"}), path="spec.rules[Down].noData.action", fix="Choose Ok or Alert", server="Choose Ok or Alert"),
    case("no-data-for-without-alert", put("spec.rules.0.noData.for", "5m"), path=f"{RULE}.noData.action", fix="Leave for", server="unless action is Alert"),
    case("rule-name", put("spec.rules.1.name", "1 down"), path="spec.rules[1 down].name", fix="beginning with a letter", server="beginning with a letter"),
    case("reserved-group", put("spec.rules.0.ratio.groupBy", ["severity"]), path=f"{RULE}.ratio.groupBy[0]", fix="other than", server="other than"),
    case("label-template", put("spec.rules.0.labels", {"a": "{{ $value }}"}), path=f"{RULE}.labels.a", fix="without {{", server="without {{"),
    case("interval-too-long", put("spec.interval", "5m"), path="spec.interval", fix="from 1s to 4m", server="from 1s to 4m"),
    case("receiver-without-any", put("spec.receivers.0.slack", ...), path="spec.receivers[payments]", fix="at least one of slack", server="at least one of slack"),
    case("receiver-called-blackhole", put("spec.receivers.0.name", "blackhole"), path="spec.receivers[blackhole].name", fix="another name", server="another name"),
    case("webhook-without-address", put("spec.receivers.0.webhook", {}), path="spec.receivers[payments].webhook", fix="exactly one", server="exactly one of url"),
    case("two-ways-to-slack", put("spec.receivers.0.slack.appToken", SECRET), path="spec.receivers[payments].slack.appToken", fix="Keep one", server="one of apiUrl"),
    case("no-routing-key", put("spec.receivers.1.pagerduty", {}), path="spec.receivers[oncall].pagerduty", fix="exactly one", server="exactly one of routingKey"),
    case("a-secret-in-clear", put("spec.receivers.1.pagerduty", {"routingKey": "abc"}), path="spec.receivers[oncall].pagerduty.routingKey", fix="fields", server="routingKey"),
    case("all-labels-and-others", put("spec.grouping.groupBy", ["...", "a"]), path="spec.grouping.groupBy", fix="alone", server="alone"),
    case("matcher", put("spec.routes.0.matchers", ["severity is critical"]), path="spec.routes[page].matchers[0]", fix="name, operator and quoted value", server="name, operator and quoted value"),
    case("route-to-nobody", put("spec.routes.0.receivers", []), path="spec.routes[page].receivers", fix="at least 1", server="at least 1"),
    case("schedule-without-zone", put("spec.schedules.0.timeZone", ...), path="spec.schedules[nights]", fix="timeZone", server="timeZone"),
    case("repeat-at-once", put("spec.grouping.repeatInterval", "0"), path="spec.grouping.repeatInterval", fix="from 1m", server="from 1m"),
)  # fmt: skip
"""Refused by both; files alone find what the server cannot read (below)."""
FILES_ONLY = (
    case("samples", put("spec.tests.0.series.0.values", "0+1x20 oops"), path="spec.tests[five-percent].series[0].values", fix="Write samples"),
    case("too-many-samples", put("spec.tests.0.series.0.values", "0+1x9999 1x9999"), path="spec.tests[five-percent].series[0].values", fix="at most 10000"),
    case("zone", put("spec.schedules.0.timeZone", "Europe/Nowhere"), path="spec.schedules[nights].timeZone", fix="IANA"),
    case("percentile", put("spec.rules.1", {"name": "Q", "severity": "info", "above": "1s", "quantile": {"histogram": "h", "percentile": "100%"}}), path="spec.rules[Q].quantile.percentile", fix="below 100%"),
    case("unknown-field", put("spec.escalation", []), path="spec.escalation", fix="Known here"),
    case("not-compiled-yet", put("spec.rules.0.lowActivity", {"counter": "orders_total", "window": "1h"}), path=f"{RULE}.lowActivity", fix="Known here"),
)  # fmt: skip
