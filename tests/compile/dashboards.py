"""Dashboards and their surroundings for tests, and the JSON that becomes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from binnacle.api.config import Config
from binnacle.api.dashboard import Dashboard
from binnacle.api.findings import Finding
from binnacle.compile.dashboard import compile_dashboard
from binnacle.compile.world import Claim, Compiled, World
from binnacle.intent.dashboard import Board
from binnacle.intent.refs import Key
from binnacle.targets.base import Output, Owner
from binnacle.targets.grafana import GrafanaDashboards

REQUESTS = "sum by (code) (rate(http_requests_total[$__rate_interval]))"


def panel(name: str = "requests", **more: Any) -> dict[str, Any]:
    """A panel with one query; keywords replace fields, `...` takes one away."""
    base = {"name": name, "type": "timeseries", "queries": [{"name": "a", "promql": REQUESTS}]}
    return {key: value for key, value in {**base, **more}.items() if value is not ...}


def row(*panels: dict[str, Any], name: str = "traffic", **more: Any) -> dict[str, Any]:
    return {"name": name, "panels": list(panels), **more}


def good_dashboard(name: str = "checkout-red", namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    """A dashboard with something of everything; keywords replace fields of the spec, `...` takes one away."""
    base: dict[str, Any] = {
        "title": f"Checkout {name}",
        "description": "Whether customers can pay",
        "tags": ["red"],
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "datasources": [{"name": "own-metrics", "type": "prometheus", "uid": "own"}],
        "variables": [
            {
                "name": "region",
                "type": "query",
                "query": "label_values(http_requests_total, region)",
                "multi": True,
                "includeAll": True,
            },
            {"name": "env", "type": "custom", "values": ["production", "staging"], "label": "Environment"},
            {"name": "metrics", "type": "datasource", "datasourceType": "prometheus"},
            {"name": "search", "type": "textbox", "value": "error"},
        ],
        "template": {"name": "red", "service": "checkout"},
        "rows": [
            row(
                panel(unit="reqps", width=16, height=8, title="Requests", description="By status"),
                panel(
                    "errors",
                    type="stat",
                    unit="percentunit",
                    thresholds=[
                        {"color": "green"},
                        {"value": "0.01", "color": "red"},
                        {"value": 1, "color": "#ff0000"},
                    ],
                    links=[{"name": "runbook", "title": "Runbook", "url": "https://runbooks.example/errors"}],
                ),
                repeat="region",
                title="Traffic in $region",
            ),
            row(
                panel("load", type="gauge", width=6),
                panel("jobs", type="table", queries=[{"name": "a", "promql": "up", "datasource": "own-metrics"}]),
                panel(
                    "slow",
                    type="logs",
                    queries=[{"name": "a", "logql": '{app="checkout"} | json | duration > 1s |~ "$search"'}],
                ),
                panel("notes", type="text", content="# Notes\n\n- *none*", queries=...),
                name="details",
            ),
        ],
        "links": [{"name": "runbook", "title": "Runbook", "url": "https://runbooks.example"}],
    }
    return {
        "apiVersion": "binnacle.dev/v1alpha1",
        "kind": "Dashboard",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {key: value for key, value in {**base, **spec}.items() if value is not ...},
    }


def plain_dashboard(name: str = "plain", **spec: Any) -> dict[str, Any]:
    """A dashboard of one panel."""
    bare = dict.fromkeys(
        ("description", "tags", "refresh", "time", "datasources", "variables", "template", "links"), ...
    )
    return good_dashboard(name, **{**bare, "rows": [row(panel())], **spec})


def key_of(body: Mapping[str, Any]) -> Key:
    return Key(body["kind"], body["metadata"]["namespace"], body["metadata"]["name"])


def make_world(
    others: Mapping[Key, Any] | None = None, claims: Mapping[Claim, set[Key]] | None = None, **grafana: Any
) -> World:
    """A world in which these other resources are, with this configuration of Grafana."""
    there = others or {}
    return World(
        Config.from_data({"grafana": grafana}),
        date(2026, 1, 1),
        there.get,
        lambda kind, namespace: [key for key in there if (key.kind, key.namespace) == (kind, namespace)],
        lambda claim: (claims or {}).get(claim, ()),
    )


def compiled(body: Mapping[str, Any], world: World | None = None) -> Compiled:
    return compile_dashboard(Dashboard.model_validate(body), world or make_world())


def board(body: Mapping[str, Any], world: World | None = None) -> Board:
    (made,) = compiled(body, world).intents
    assert isinstance(made, Board)
    return made


def output(body: Mapping[str, Any], world: World | None = None) -> Output:
    world = world or make_world()
    outcome = compiled(body, world)
    (made,) = GrafanaDashboards().render(outcome.intents, Owner(key_of(body), "uid-1"), world.config)
    return made


def text(body: Mapping[str, Any], world: World | None = None) -> str:
    (content,) = output(body, world).body["data"].values()
    return str(content)


def grafana(body: Mapping[str, Any], world: World | None = None) -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    whole: dict[str, Any] = json.loads(text(body, world))
    return whole


def findings(body: Mapping[str, Any], world: World | None = None) -> list[Finding]:
    return list(compiled(body, world).findings)
