"""An SLO with a budget for each region, as a PrometheusRule: what burns in one region says nothing of the other."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from binnacle.observe import rounding
from servers.audit import WriteCounter, counted
from servers.controlplane import ControlPlane
from servers.operator import USER, OperatorProcess
from servers.prometheus import Prometheus, PrometheusLine
from servers.target import MetricsTarget
from servers.waiting import eventually
from stack import reloader
from stack.history import DAY, Instance, Outage, Traffic, record

RECENT = 3600
OUTAGE = 1200
REGIONS = ("eu", "us")
PATIENT = "120s"
"""Reload period that gives the test time to write history between an apply and the loading of the rules."""


def slo(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "binnacle.dev/v1alpha1",
        "kind": "SLO",
        "metadata": {"name": "search", "namespace": namespace},
        "spec": {
            "service": "search",
            "objective": "99%",
            "window": {"rolling": "1d"},
            "groupBy": ["region"],
            "indicator": {"ratio": {"errors": 'http_requests_total{code="500"}', "total": "http_requests_total"}},
            "labels": {"team": "search"},
        },
    }


@pytest.fixture
def targets() -> Iterator[list[MetricsTarget]]:
    started = [MetricsTarget(str).__enter__() for _ in REGIONS]
    yield started
    for target in started:
        target.__exit__(None, None, None)


@pytest.mark.usefixtures("prometheus_operator_crds")
def test_each_region_has_its_own_budget_and_the_worst_is_shown(
    control_plane: ControlPlane,
    namespace: str,
    write_counter: WriteCounter,
    prometheus_line: PrometheusLine,
    start_prometheus: Callable[..., Prometheus],
    start_operator: Callable[..., OperatorProcess],
    targets: list[MetricsTarget],
    tmp_path: Path,
) -> None:
    began = float(int(time.time()))
    instances = [
        Instance(
            {"job": "search", "instance": f"search-{region}:8080"},
            {"region": region},
            (Outage(began - OUTAGE, began + DAY, 0.4),) if region == "us" else (),
        )
        for region in REGIONS
    ]
    traffic = Traffic("http_requests_total", instances, begin=began - DAY - RECENT - 1800, end=began, share=0.001)
    for number, target in enumerate(targets):
        target.metrics = traffic.live(number)
    prometheus = start_prometheus(
        config={
            "scrape_configs": [
                {
                    "job_name": "search",
                    "scrape_interval": "10s",
                    "static_configs": [
                        {"targets": [target.address], "labels": {"instance": instance.labels["instance"]}}
                        for target, instance in zip(targets, instances, strict=True)
                    ],
                }
            ]
        }
    )
    start_operator(
        config={"prometheus": {"url": prometheus.url, "ruleLabels": {"release": "stack"}}, "reloadPeriod": PATIENT},
        namespaces=[namespace],
    )
    write_counter.settle(write_counter.mark(), user=USER)
    mark = write_counter.mark()
    control_plane.apply(slo(namespace))
    files = eventually(lambda: reloader.of_operator(control_plane, namespace))
    rule = control_plane.get("prometheusrule", "binnacle-slo-search", "-n", namespace)
    assert rule["metadata"]["labels"]["release"] == "stack"

    prometheus.stop()
    prometheus_line.create_blocks(traffic.openmetrics(), prometheus.data)
    record(
        prometheus_line,
        reloader.paths(files, prometheus),
        end=began,
        recent=RECENT,
        data=prometheus.data,
        directory=tmp_path / "recording",
    )
    prometheus.start()

    def status() -> dict[str, Any]:
        found = control_plane.get("slo", "search", "-n", namespace)["status"]
        assert isinstance(found, dict)
        return found

    def live() -> bool:
        return any(one["type"] == "Live" and one["status"] == "True" for one in status()["conditions"])

    eventually(live)
    write_counter.settle(mark, user=USER)
    written = [
        (one.resource, one.subresource) for one in counted(write_counter.since(mark), user=USER, namespace=namespace)
    ]
    assert written == [("prometheusrules", ""), ("slos", "status"), ("slos", "status")]

    # Each region's record is that of its own requests.
    evaluated = {
        one.labels["region"]: one.value for one in prometheus.query("timestamp(slo:period_error:ratio)", began)
    }
    assert evaluated.keys() == set(REGIONS)
    for region in REGIONS:
        at = evaluated[region]
        increment = prometheus.value(f'timestamp(slo:events:increase5m{{region="{region}"}})', at)
        recorded = prometheus.value(f'slo:period_error:ratio{{region="{region}"}}', at)
        exact = traffic.error_ratio(increment - DAY, increment, region=region)
        print(f"{prometheus_line.name} {region}: {recorded:.8f}, exact {exact:.8f}, {recorded / exact - 1:+.4%}")
        assert recorded == pytest.approx(exact, rel=0.001)

    def worst_shown() -> bool:
        shown = status()
        error = prometheus.value('slo:period_error:ratio{region="us"}')
        remaining = prometheus.value('slo:period_error_budget_remaining:ratio{region="us"}')
        assert shown["groups"] == {"count": 2, "worst": 'region="us"'}
        assert shown["sli"] == rounding.sli(error, Decimal("0.99"), shown["sli"])
        assert shown["budgetRemaining"] == rounding.budget_remaining(remaining, shown["budgetRemaining"])
        return True

    eventually(worst_shown)

    def alerts() -> list[dict[str, Any]]:
        firing = [one for one in prometheus.alerts() if one["state"] == "firing"]
        assert "critical" in {one["labels"]["severity"] for one in firing}
        return firing

    for alert in eventually(alerts):
        assert alert["labels"]["region"] == "us"
        assert alert["labels"]["team"] == "search"
        assert alert["annotations"]["summary"] == f"search: SLO {namespace}/search region=us burns its error budget"
        # The figures are those of this region: one for each window, and not another for the other region.
        assert re.match(r"\d+(\.\d+)?% failing over \w+ and \d+(\.\d+)?% over \w+ \(", alert["annotations"]["burning"])
        assert re.fullmatch(r"-?\d+(\.\d+)?%", alert["annotations"]["budget_remaining"])

    # A later operator would try to restore its rules while the namespace ends.
    control_plane.kubectl("delete", "slo", "search", "-n", namespace)
