"""Kinds and objects that the tests of the cluster's side share."""

from collections.abc import Mapping
from typing import Any

from binnacle.targets import conventions
from binnacle.targets.base import Resource

SLO = Resource("binnacle.dev/v1alpha1", "SLO", "slos")
CONFIG_MAP = Resource("v1", "ConfigMap", "configmaps")
RULE = Resource("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules")

INSTANCE = "test"
OURS = {conventions.LABEL_MANAGED_BY: conventions.MANAGED_BY, conventions.LABEL_INSTANCE: INSTANCE}


def slo(namespace: str, name: str, objective: str = "99.9%") -> dict[str, Any]:
    """A valid SLO."""
    return {
        "apiVersion": SLO.api_version,
        "kind": SLO.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "service": "shop",
            "objective": objective,
            "window": {"rolling": "30d"},
            "indicator": {"ratio": {"errors": 'http_requests_total{code=~"5.."}', "total": "http_requests_total"}},
        },
    }


def config_map(namespace: str, name: str, data: Mapping[str, str], **metadata: Any) -> dict[str, Any]:
    """A ConfigMap of ours."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": OURS, **metadata},
        "data": dict(data),
    }


def rule(namespace: str, name: str, groups: list[dict[str, Any]]) -> dict[str, Any]:
    """A PrometheusRule of ours."""
    return {
        "apiVersion": RULE.api_version,
        "kind": RULE.kind,
        "metadata": {"name": name, "namespace": namespace, "labels": OURS},
        "spec": {"groups": groups},
    }


def foreign_rule(namespace: str, name: str) -> dict[str, Any]:
    """Somebody else's object with the name that the rules of an SLO would have."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": f"binnacle-slo-{name}", "namespace": namespace, "labels": {"team": "them"}},
        "spec": {"groups": []},
    }
