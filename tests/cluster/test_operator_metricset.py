"""MetricSets on a real API server: objects of both kinds of output, true statuses, and SLOs that follow them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from servers.audit import WriteCounter, counted
from servers.controlplane import ControlPlane
from servers.operator import USER, OperatorProcess
from servers.waiting import eventually

SPACE = "metricsets"
CONFIG = {"probers": {"eu": "eu.example:9115"}}
SET: dict[str, Any] = {
    "apiVersion": "binnacle.dev/v1alpha1",
    "kind": "MetricSet",
    "metadata": {"name": "web", "namespace": SPACE},
    "spec": {
        "target": {"selector": {"matchLabels": {"app": "web"}}, "port": "metrics"},
        "metrics": [{"name": "requests_total", "type": "counter", "labelNames": ["code"]}],
        "scrape": [{"name": "api"}],
        "probes": [
            {
                "name": "home",
                "url": "https://shop.example",
                "expect": {"json": [{"name": "db", "path": "$.db", "equals": "up"}]},
            }
        ],
        "recording": [{"name": "rate", "record": "web:requests:rate5m", "promql": "sum(rate(requests_total[5m]))"}],
    },
}
SLO: dict[str, Any] = {
    "apiVersion": "binnacle.dev/v1alpha1",
    "kind": "SLO",
    "metadata": {"name": "home", "namespace": SPACE},
    "spec": {
        "service": "web",
        "objective": "99%",
        "window": {"rolling": "30d"},
        "indicator": {"availability": {"probe": {"metricSet": "web", "name": "home"}}},
    },
}


@pytest.fixture
def place(control_plane: ControlPlane) -> Iterator[str]:
    for name in (SPACE, "monitoring"):
        control_plane.kubectl("create", "namespace", name, check=False)
    yield SPACE
    control_plane.kubectl("delete", "slo,mset", "--all", "-n", SPACE)


def status(plane: ControlPlane, kind: str, name: str) -> dict[str, Any]:
    found = plane.get(kind, name, "-n", SPACE).get("status", {})
    assert isinstance(found, dict)
    return found


def is_ready(plane: ControlPlane, kind: str, name: str) -> bool:
    conditions = {one["type"]: one["status"] for one in status(plane, kind, name).get("conditions", ())}
    return conditions.get("Ready") == "True"


def reasons(plane: ControlPlane) -> list[str]:
    return [one["reason"] for one in status(plane, "slo", "home").get("findings", ())]


def modules(plane: ControlPlane) -> set[str]:
    body = plane.get("configmap", "binnacle-default-blackbox", "-n", "monitoring")
    return set(yaml.safe_load(body["data"]["blackbox.yaml"])["modules"])


@pytest.mark.usefixtures("prometheus_operator_crds")
def test_objects_of_prometheus_operator_and_an_slo_that_follows(
    control_plane: ControlPlane, place: str, start_operator: Callable[..., OperatorProcess], write_counter: WriteCounter
) -> None:
    start_operator(config=CONFIG)
    control_plane.apply([SLO])
    eventually(lambda: is_ready(control_plane, "slo", "home"))
    assert reasons(control_plane) == ["UnknownReference"]

    control_plane.apply([SET])
    eventually(lambda: is_ready(control_plane, "mset", "web"))
    eventually(lambda: reasons(control_plane) == [], what="the SLO knows of the probe")
    listed = control_plane.kubectl("get", "mset", "web", "-n", place).stdout.splitlines()
    assert listed[0].split() == ["NAME", "SOURCES", "DECLARED", "MISSING", "SERIES", "READY", "AGE"]
    assert listed[1].split()[:4] == ["web", "2", "1", "True"]
    pods = control_plane.get("podmonitor", "binnacle-mset-web", "-n", place)
    assert pods["spec"]["podMetricsEndpoints"][0]["port"] == "metrics"
    kinds = [one["kind"] for one in status(control_plane, "mset", "web")["children"]]
    assert sorted(kinds) == ["ConfigMap", "PodMonitor", "Probe", "Probe", "PrometheusRule"]
    assert modules(control_plane) == {f"{place}/web/home", f"{place}/web/home/db"}

    write_counter.settle(write_counter.mark(), quiet=2, user=USER)
    mark = write_counter.mark()
    assert counted(write_counter.settle(mark, quiet=2, user=USER), user=USER) == []
    control_plane.kubectl("delete", "mset", "web", "-n", place)
    eventually(lambda: reasons(control_plane) == ["UnknownReference"], what="the probe is missed")
    eventually(lambda: modules(control_plane) == set(), what="the modules are gone")


def test_jobs_in_a_config_map(
    control_plane: ControlPlane, place: str, start_operator: Callable[..., OperatorProcess]
) -> None:
    start_operator(config={**CONFIG, "prometheus": {"output": "configMap"}})
    bad = {**SET, "spec": {**SET["spec"], "probes": [{"name": "home", "url": "http://169.254.169.254"}]}}
    control_plane.apply([bad])
    eventually(lambda: is_ready(control_plane, "mset", "web"))
    told = status(control_plane, "mset", "web")
    assert [(one["reason"], one["path"]) for one in told["findings"]] == [
        ("ProbeTargetRefused", "spec.probes[home].url")
    ]
    assert {one["type"]: one["status"] for one in told["conditions"]}["Accepted"] == "False"
    jobs = control_plane.get("configmap", "binnacle-default-scrape", "-n", "monitoring")["data"]
    names = [job["job_name"] for job in yaml.safe_load(jobs[f"metricset.{place}.web.yaml"])["scrape_configs"]]
    assert names == [f"{place}/web/api"]
    control_plane.apply([SET])
    eventually(lambda: modules(control_plane) == {f"{place}/web/home", f"{place}/web/home/db"})
