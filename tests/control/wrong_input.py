"""Resources that are wrong in as many ways as any test of any kind knows, for laws over all of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from api import alertpolicy_cases, dashboard_cases, logpipeline_cases, slo_cases
from api.alertpolicy_cases import good_policy
from api.slo_cases import put
from api.test_metricset_model import GOOD as GOOD_METRIC_SET
from api.test_metricset_model import metric_set
from cluster.bad_input import AT_COMPILATION, changed
from compile.dashboards import good_dashboard, plain_dashboard
from compile.logpipelines import good_pipeline, plain_pipeline

Object = dict[str, Any]

CONFIG: Mapping[str, Any] = {"probers": {"eu": "eu.example:9115"}, "loki": {"url": "http://loki:3100"}}
"""The administrator's configuration that they are meant for."""


def wrong_metric_sets() -> Iterator[Object]:
    for place, value in {
        "probes.0.regions": ["us"],
        "probes.0.url": "http://169.254.169.254/latest",
        "recording.0.promql": "sum(rate(requests_total[5m])",
        "scrape.0.port": 70000,
        "metrics.0.type": "Counter",
        "metrics.1.name": "requests_total",
        "recording.0.record": "slo:period_error:ratio",
        "labels": {"slo": "x"},
        "exporters": [],
        "target": None,
        "probes.0.expect.bodyMatches": "(",
    }.items():
        body = metric_set(copy.deepcopy(GOOD_METRIC_SET))
        put(f"spec.{place}", value)(body)
        yield body


def wrong_policies() -> Iterator[Object]:
    changes = (
        put("spec.rules.0.ratio.errors", 'http_requests_total{code=~"5.."'),
        put("spec.routes.0.receivers", ["nobody"]),
        put("spec.rules.0.activeDuring", ["never"]),
        put("spec.routingTests.0.receivers", ["payments"]),
        put("spec.rules.0.labels", {"severity": "x"}),
    )
    for change in changes:
        body = copy.deepcopy(good_policy())
        change(body)
        yield body


def wrong_dashboards() -> Iterator[Object]:
    yield plain_dashboard(folder="finance")
    yield plain_dashboard(links=[{"name": "slo", "title": "SLO", "dashboard": "nowhere"}])
    body = plain_dashboard()
    body["spec"]["rows"][0]["panels"][0]["queries"][0]["promql"] = "sum(rate("
    yield body
    body = good_dashboard()
    body["spec"]["rows"][0]["panels"][0]["queries"][0]["promql"] = 'up{a="$nothing"}'
    yield body


def wrong_pipelines() -> Iterator[Object]:
    body = good_pipeline()
    put("spec.stages.5.route.outputs", ["nowhere"])(body)
    yield body
    yield plain_pipeline(stages=[{"name": "parse", "parse": {"format": "regex", "pattern": "(?<a>[)"}}])
    yield plain_pipeline(tests=[{"name": "fails", "input": ["a"], "output": [{"message": "b"}]}])


def wrong() -> dict[str, Object]:
    found = [changed(one.changes, one.name, "shop") for one in AT_COMPILATION]
    found += [one.object() for one in slo_cases.BAD]
    for one in (*alertpolicy_cases.BAD, *alertpolicy_cases.FILES_ONLY):
        body = copy.deepcopy(good_policy())
        for change in one.changes:
            change(body)
        found.append(body)
    found += [one.object() for one in (*dashboard_cases.BAD, *logpipeline_cases.BAD)]
    found += [*wrong_metric_sets(), *wrong_policies(), *wrong_dashboards(), *wrong_pipelines()]
    return {f"{body.get('kind')}-{number}": body for number, body in enumerate(found)}
