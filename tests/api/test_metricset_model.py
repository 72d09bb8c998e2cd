"""What a MetricSet refuses, with the field that is wrong."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from binnacle.api.findings import Severity
from binnacle.api.registry import parse

GOOD: dict[str, Any] = {
    "target": {"selector": {"matchLabels": {"app": "checkout"}}, "port": "metrics"},
    "metrics": [{"name": "requests_total", "type": "counter"}, {"name": "seconds", "type": "histogram"}],
    "scrape": [{"name": "api"}],
    "probes": [
        {
            "name": "home",
            "url": "https://shop.example",
            "expect": {"json": [{"name": "db", "path": "$.db", "equals": 1}]},
        }
    ],
    "recording": [{"name": "rate", "record": "shop:requests:rate5m", "promql": "sum(rate(requests_total[5m]))"}],
}


def metric_set(spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": "shop", "namespace": "shop"}
    return {"apiVersion": "binnacle.dev/v1alpha1", "kind": "MetricSet", "metadata": metadata, "spec": spec}


def test_a_good_one_is_read() -> None:
    model, findings = parse(metric_set(GOOD))
    assert model is not None
    assert findings == []


@pytest.mark.parametrize(
    ("place", "value", "path"),
    [
        (("metrics", 0, "name"), "requests total", "spec.metrics[requests total].name"),
        (("metrics", 0, "type"), "Counter", "spec.metrics[requests_total].type"),
        (("metrics", 0, "buckets"), ["1"], "spec.metrics[requests_total].type"),
        (("metrics", 1, "buckets"), [0.5], "spec.metrics[seconds].buckets[0]"),
        (("metrics", 1, "name"), "requests_total", "spec.metrics[requests_total]"),
        (("scrape", 0, "port"), 70000, "spec.scrape[api].port"),
        (("scrape", 0, "port"), "a_port", "spec.scrape[api].port"),
        (("scrape", 0, "path"), "/metrics?x=1", "spec.scrape[api].path"),
        (("scrape", 0, "interval"), "0", "spec.scrape[api].interval"),
        (("scrape", 0, "auth"), {}, "spec.scrape[api].auth"),
        (("scrape", 0, "name"), "home", "spec.probes[home].name"),
        (("target",), None, "spec.scrape"),
        (("target", "port"), None, "spec.scrape[api]"),
        (("target", "selector", "matchLabels"), {}, "spec.target.selector.matchLabels"),
        (("probes", 0, "url"), "ftp://shop.example", "spec.probes[home].url"),
        (("probes", 0, "url"), "http://user:pw@shop.example", "spec.probes[home].url"),
        (("probes", 0, "method"), "DELETE", "spec.probes[home].method"),
        (("probes", 0, "expect", "status"), [99], "spec.probes[home].expect.status[0]"),
        (("probes", 0, "expect", "bodyMatches"), "a\nb", "spec.probes[home].expect.bodyMatches"),
        (("probes", 0, "expect", "json", 0, "path"), "db.status", "spec.probes[home].expect.json[db].path"),
        (("probes", 0, "expect", "json", 0, "equals"), True, "spec.probes[home].expect.json[db].equals"),
        (("recording", 0, "record"), "slo:period_error:ratio", "spec.recording[rate].record"),
        (("labels",), {"slo": "x"}, "spec.labels.slo"),
        (("exporters",), [], "spec.exporters"),
    ],
)
def test_a_bad_value_is_told_at_its_field(place: tuple[str | int, ...], value: object, path: str) -> None:
    spec = copy.deepcopy(GOOD)
    at: Any = spec
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    model, findings = parse(metric_set(spec))
    assert model is None
    assert path in [one.path for one in findings]
    assert all(one.severity is Severity.ERROR and one.message for one in findings)
    assert any(one.fix for one in findings)
