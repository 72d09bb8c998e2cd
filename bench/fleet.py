"""The resources that benchmarks run on: SLOs as organisations write them, none like another, and large ones of the other kinds.

The fleet of all kinds, in the shares that a cluster has of them, is in `bench.mix`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

IN_A_NAMESPACE = 50
"""Resources in one namespace: what one team has."""

_OBJECTIVES = ("99%", "99.5%", "99.9%", "99.95%")


def namespaces(prefix: str, count: int) -> list[str]:
    """Return the namespaces that ``count`` resources of a fleet live in."""
    return [f"{prefix}-{number:03}" for number in range((count - 1) // IN_A_NAMESPACE + 1)]


def slos(prefix: str, count: int) -> Iterator[dict[str, Any]]:
    """Yield ``count`` SLOs: six of ten availability, three grouped by a label, one latency from a histogram."""
    homes = namespaces(prefix, count)
    for number in range(count):
        yield slo(homes[number // IN_A_NAMESPACE], number)


def slo(namespace: str, number: int) -> dict[str, Any]:
    """Return one SLO; which shape it has depends on its number alone."""
    service = f"service-{number}"
    spec: dict[str, Any] = {
        "service": service,
        "description": f"Users of {service} get what they came for",
        "owner": f"team-{number // IN_A_NAMESPACE}",
        "objective": _OBJECTIVES[number % len(_OBJECTIVES)],
        "window": {"rolling": "28d" if number % 3 == 0 else "30d"},
        "indicator": _indicator(service, number % 10),
        "alerting": {"runbook": {"url": f"https://runbooks.example/{service}"}},
    }
    if number % 10 in (6, 7, 8):
        spec["groupBy"] = ["region"]
    return {
        "apiVersion": "binnacle.dev/v1alpha1",
        "kind": "SLO",
        "metadata": {"name": service, "namespace": namespace},
        "spec": spec,
    }


def _indicator(service: str, shape: int) -> dict[str, Any]:
    if shape == 9:
        return {
            "latency": {
                "histogram": f'http_request_duration_seconds{{job="{service}", handler!~"/(health|ready)z"}}',
                "below": "500ms",
            }
        }
    return {
        "ratio": {
            "errors": f'http_requests_total{{job="{service}", code=~"5..", handler!~"/(health|ready)z"}}',
            "total": f'http_requests_total{{job="{service}", handler!~"/(health|ready)z"}}',
        }
    }


def large(namespace: str) -> Iterator[tuple[dict[str, Any], str, int]]:
    """Yield a large resource of each kind but the SLO, what its parts are called, and how many it has."""

    def resource(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
        metadata = {"name": "large", "namespace": namespace}
        return {"apiVersion": "binnacle.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}

    parts = 10
    yield resource("AlertPolicy", {"rules": [_rule(number) for number in range(parts)]}), "rule", parts
    yield resource("MetricSet", {"recording": [_recording(number) for number in range(parts)]}), "rule", parts
    panels = [_panel(number) for number in range(parts)]
    yield resource("Dashboard", {"title": "Large", "rows": [{"name": "all", "panels": panels}]}), "panel", parts
    yield resource("LogPipeline", {"stages": _stages(), "outputs": [{"name": "log", "stdout": {}}]}), "stage", parts


def _rule(number: int) -> dict[str, Any]:
    return {
        "name": f"HighErrorRate{number}",
        "summary": "{{ $labels.service }} fails {{ $value | humanizePercentage }} of requests",
        "runbook": {"url": f"https://runbooks.example/errors-{number}"},
        "ratio": {
            "errors": f'http_requests_total{{job="service-{number}", code=~"5.."}}',
            "total": f'http_requests_total{{job="service-{number}"}}',
            "groupBy": ["service"],
        },
        "severity": "warning",
        "above": "5%",
        "for": "5m",
    }


def _recording(number: int) -> dict[str, Any]:
    text = f'sum by (service) (rate(http_requests_total{{job="service-{number}"}}[5m]))'
    return {"name": f"requests-{number}", "record": f"service:requests{number}:rate5m", "promql": text}


def _panel(number: int) -> dict[str, Any]:
    text = f'sum by (code) (rate(http_requests_total{{job="service-{number}"}}[$__rate_interval]))'
    queries = [{"name": "a", "promql": text, "legend": "{{code}}"}]
    return {"name": f"requests-{number}", "type": "timeseries", "unit": "reqps", "queries": queries}


def _stages() -> list[dict[str, Any]]:
    def drop(number: int) -> dict[str, Any]:
        condition = {"field": f"field{number}", "matches": f"^/health/{number}$"}
        return {"name": f"noise-{number}", "filter": {"drop": [condition]}}

    return [
        {"name": "join", "multiline": {"preset": "java"}},
        {"name": "json", "parse": {"format": "json", "timeKey": "ts"}},
        {"name": "origin", "enrich": {"kubernetes": True, "add": {"team": "payments"}}},
        {"name": "private", "redact": {"packs": ["default"], "keys": ["customer.**"]}},
        *(drop(number) for number in range(6)),
    ]
