"""A fleet of all kinds: of ten resources four SLOs, three AlertPolicies, and one each of the rest, as teams write them.

Which kind and which shape a resource has depends on its number alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench import fleet

KINDS = (*("SLO",) * 4, *("AlertPolicy",) * 3, "MetricSet", "Dashboard", "LogPipeline")
"""The kind of each of ten resources, one after the other."""
SHARED = ("alertmanager", "fluentd")
"""The targets whose files many resources fill."""
_ROUTED = 10
"""One AlertPolicy of so many says where its alerts go, and has levels of which one keeps the other quiet."""


def resources(prefix: str, count: int) -> Iterator[dict[str, Any]]:
    """Yield ``count`` resources, in the namespaces that `fleet.namespaces` names."""
    homes = fleet.namespaces(prefix, count)
    for number in range(count):
        yield resource(homes[number // fleet.IN_A_NAMESPACE], number)


def resource(namespace: str, number: int) -> dict[str, Any]:
    """Return one resource."""
    kind = KINDS[number % len(KINDS)]
    if kind == "SLO":
        return fleet.slo(namespace, number)
    service = f"service-{number}"
    return {
        "apiVersion": "binnacle.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": service, "namespace": namespace},
        "spec": _SPECS[kind](service, number),
    }


@dataclass(frozen=True, slots=True)
class Census:
    """What a fleet makes the operator write, files that many share left out: one write for each of these.

    Attributes:
        children: objects that belong to one resource, by kind.
        statuses: one for each resource.
    """

    children: Mapping[str, int]
    statuses: int


def census(count: int) -> Census:
    """Return what ``count`` resources make the operator write."""
    kinds = Counter(KINDS[number % len(KINDS)] for number in range(count))
    return Census(
        children={
            "prometheusrules": kinds["SLO"] + kinds["AlertPolicy"] + kinds["MetricSet"],
            "podmonitors": kinds["MetricSet"],
            "configmaps": kinds["Dashboard"],
        },
        statuses=count,
    )


def poisoned(namespace: str) -> Iterator[dict[str, Any]]:
    """Yield one resource of every kind that the API server takes and that cannot be compiled."""
    broken = {"name": "a", "promql": "sum("}
    specs: dict[str, dict[str, Any]] = {
        "SLO": {
            **fleet.slo(namespace, 0)["spec"],
            "indicator": {"ratio": {"errors": "x{", "total": 'y"} or vector(1) #'}},
        },
        "AlertPolicy": {
            "rules": [{"name": "X", "severity": "info", "expression": {"promql": "(" * 300 + "x" + ")" * 300}}]
        },
        "MetricSet": {"recording": [{"name": "a", "record": "a:b:c", "promql": "sum("}]},
        "Dashboard": {
            "title": "Poison",
            "rows": [{"name": "a", "panels": [{"name": "a", "type": "stat", "queries": [broken]}]}],
        },
        "LogPipeline": {
            "stages": [{"name": "a", "filter": {"drop": [{"field": "a", "matches": "(a+)+("}]}}],
            "outputs": [{"name": "log", "stdout": {}}],
        },
    }
    for kind, spec in specs.items():
        metadata = {"name": "poison", "namespace": namespace}
        yield {"apiVersion": "binnacle.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def _is_routed(number: int) -> bool:
    """Say whether an AlertPolicy has receivers: policies have three of each ten numbers, 4 to 6."""
    return (number // len(KINDS) * 3 + number % len(KINDS) - 4) % _ROUTED == 0


_LEVELS = {
    "levels": [
        {"name": "page", "severity": "critical", "above": "5%", "for": "5m"},
        {"name": "warn", "severity": "warning", "above": "1%", "for": "15m"},
    ]
}
_ONE_LEVEL = {"severity": "critical", "above": "5%", "for": "5m"}


def _alert_policy(service: str, number: int) -> dict[str, Any]:
    """Two to four rules: errors, latency, being down, and something only this team knows how to ask."""
    requests = f'http_requests_total{{job="{service}"}}'
    book = {"url": f"https://runbooks.example/{service}"}
    rules: list[dict[str, Any]] = [
        {
            "name": "HighErrorRate",
            "summary": "{{ $labels.job }} fails {{ $value | humanizePercentage }} of requests",
            "description": f"Users of {service} do not get what they came for.",
            "runbook": {**book, "steps": [f"kubectl logs deploy/{service}"]},
            "ratio": {
                "errors": f'http_requests_total{{job="{service}", code=~"5.."}}',
                "total": requests,
                "groupBy": ["job"],
                "window": "5m",
            },
            **(_LEVELS if _is_routed(number) else _ONE_LEVEL),
        },
        {
            "name": "Slow",
            "summary": "One in twenty requests takes longer than {{ $value | humanizeDuration }}",
            "runbook": book,
            "quantile": {
                "histogram": f'http_request_duration_seconds{{job="{service}"}}',
                "percentile": "95%",
            },
            "severity": "warning",
            "above": "2s",
            "for": "10m",
        },
        {
            "name": "Down",
            "runbook": book,
            "down": {"up": f'up{{job="{service}"}}'},
            "severity": "critical",
            "for": "5m",
        },
        {
            "name": "QueueGrows",
            "summary": "{{ $value | humanize }} messages wait",
            "runbook": book,
            "expression": {"promql": f'sum by (queue) (queue_depth{{job="{service}"}}) > 1000'},
            "severity": "warning",
            "for": "15m",
        },
    ]
    spec: dict[str, Any] = {"labels": {"team": f"team-{number // fleet.IN_A_NAMESPACE}"}}
    spec["rules"] = rules[: 2 + number % 3]
    return {**spec, **(_routing(service) if _is_routed(number) else {})}


def _routing(service: str) -> dict[str, Any]:
    return {
        "receivers": [
            {
                "name": "team",
                "slack": {"channel": f"#{service}", "apiUrl": {"secretRef": {"name": "slack", "key": "url"}}},
            },
            {"name": "oncall", "pagerduty": {"routingKey": {"secretRef": {"name": "pagerduty", "key": "key"}}}},
        ],
        "defaultReceivers": ["team"],
        "grouping": {
            "groupBy": ["alertname", "job"],
            "groupWait": "30s",
            "groupInterval": "5m",
            "repeatInterval": "4h",
        },
        "routes": [
            {"name": "page", "matchers": ['severity="critical"'], "receivers": ["oncall", "team"]},
        ],
        "schedules": [
            {"name": "nights", "timeZone": "Europe/Berlin", "times": [{"startTime": "22:00", "endTime": "06:00"}]}
        ],
        "mute": [{"name": "quiet-nights", "matchers": ['severity="warning"'], "during": ["nights"]}],
    }


_OF_ALL = [
    {"name": "http_requests_total", "type": "counter", "labelNames": ["job", "code", "handler"]},
    {
        "name": "http_request_duration_seconds",
        "type": "histogram",
        "histogramType": "classic",
        "labelNames": ["job", "handler"],
        "buckets": ["0.1", "0.5", "1", "2", "5"],
    },
    {"name": "queue_depth", "type": "gauge", "labelNames": ["job", "queue"]},
]
"""What all services of a team measure; the first MetricSet of each namespace declares it."""


def _metric_set(service: str, number: int) -> dict[str, Any]:
    series = f"service_{number}"
    return {
        "target": {"selector": {"matchLabels": {"app": service}}, "port": "metrics"},
        "metrics": [
            *(_OF_ALL if number % fleet.IN_A_NAMESPACE < len(KINDS) else ()),
            {"name": f"{series}_requests_total", "type": "counter", "labelNames": ["code", "method"]},
            {
                "name": f"{series}_duration_seconds",
                "type": "histogram",
                "histogramType": "classic",
                "labelNames": ["method"],
                "buckets": ["0.05", "0.1", "0.3", "1", "3"],
            },
            {"name": f"{series}_queue", "type": "gauge"},
        ],
        "scrape": [{"name": "app", "interval": "30s"}],
        "recording": [
            {
                "name": "requests",
                "record": f"{series}:requests:rate5m",
                "promql": f"sum by (code) (rate({series}_requests_total[5m]))",
            },
            {
                "name": "latency",
                "record": f"{series}:duration_seconds:p95",
                "promql": f"histogram_quantile(0.95, sum by (le) (rate({series}_duration_seconds_bucket[5m])))",
            },
        ],
    }


def _dashboard(service: str, number: int) -> dict[str, Any]:
    requests = f'http_requests_total{{job="{service}"}}'

    def panel(name: str, unit: str, promql: str, legend: str) -> dict[str, Any]:
        queries = [{"name": "a", "promql": promql, "legend": legend}]
        return {"name": name, "type": "timeseries", "unit": unit, "queries": queries}

    pods = f'{{namespace="{service}"}}'
    causes = [
        panel("by-code", "reqps", f"sum by (code) (rate({requests}[$__rate_interval]))", "{{code}}"),
        panel("queue", "short", f'sum by (queue) (queue_depth{{job="{service}"}})', "{{queue}}"),
        panel(
            "cpu", "short", f"sum by (pod) (rate(container_cpu_usage_seconds_total{pods}[$__rate_interval]))", "{{pod}}"
        ),
        panel("memory", "bytes", f"sum by (pod) (container_memory_working_set_bytes{pods})", "{{pod}}"),
    ]
    return {
        # Titles are everybody's.
        "title": f"Service {number}",
        "description": f"Whether {service} does what its users came for, and why not",
        "tags": [service],
        "time": {"from": "now-6h"},
        "template": {"name": "red", "service": service},
        "rows": [{"name": "causes", "title": "Causes", "panels": causes}],
        "links": [{"name": "runbook", "title": "Runbook", "url": f"https://runbooks.example/{service}"}],
    }


def _log_pipeline(service: str, _: int) -> dict[str, Any]:
    return {
        "environment": "production",
        "inputs": [{"name": "app", "containers": {"pods": [f"{service}-*"], "exclude": ["istio-proxy"]}}],
        "stages": [
            {"name": "json", "parse": {"format": "json", "timeKey": "ts"}},
            {"name": "origin", "enrich": {"kubernetes": True, "add": {"app": service}}},
            {"name": "private", "redact": {"packs": ["default"], "keys": ["customer.**"]}},
            {"name": "noise", "filter": {"drop": [{"field": "level", "in": ["debug", "trace"]}]}},
        ],
        "outputs": [{"name": "loki", "loki": {"labelNames": ["app", "level"]}}],
    }


_SPECS = {
    "AlertPolicy": _alert_policy,
    "MetricSet": _metric_set,
    "Dashboard": _dashboard,
    "LogPipeline": _log_pipeline,
}
