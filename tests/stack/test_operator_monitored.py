"""The operator watched by what it ships to watch it: `manifests/monitoring`, applied to itself, on a real Prometheus.

What Prometheus waits for before it tells somebody is left out, and minutes are made seconds; nothing else is changed.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from binnacle.promql import parse
from binnacle.promql.facts import metrics
from cluster.operator_world import BAD, MONITORING, Api, condition, ready, rights_without, slo, slo_path
from cluster.webhook_calls import Mounted, encoded, review
from servers import sufferings
from servers.controlplane import ControlPlane
from servers.errors import ServerMissingError
from servers.faults import Faulty
from servers.http import fetch
from servers.operator import NAMESPACE, REPOSITORY, OperatorProcess, install, sweep
from servers.process import free_port
from servers.prometheus import Prometheus, PrometheusLine
from servers.skips import unavailable
from servers.waiting import eventually
from stack import reloader

FOLDER = REPOSITORY / "manifests" / "monitoring"
JOB = f"{NAMESPACE}/binnacle/operator"
KINDS = {"MetricSet": "metricsets", "AlertPolicy": "alertpolicies", "Dashboard": "dashboards", "SLO": "slos"}
PLACE = "monitored"

BESIDE = {"process_virtual_memory_bytes", "process_max_fds"}
"""What the library tells of the process, and we have no use for."""


def shipped(kind: str) -> dict[str, Any]:
    """The one resource of a kind."""
    spec = yaml.safe_load((FOLDER / f"{kind.lower()}.yaml").read_text())
    assert spec["kind"] == kind
    return dict(spec["spec"])


@dataclass
class Watched:
    plane: ControlPlane
    api: Api
    proxy: Faulty
    operator: OperatorProcess
    prometheus: Prometheus
    mounted: Mounted
    webhook: int

    def ask(self, body: Mapping[str, Any]) -> None:
        """Call the webhook as the API server does."""
        headers = {"Content-Type": "application/json"}
        url = f"https://127.0.0.1:{self.webhook}/validate"
        asked = urllib.request.Request(url, encoded(review(body)), headers)
        with urllib.request.urlopen(asked, timeout=30, context=self.mounted.trust) as answer:
            assert answer.status == 200

    def firing(self, alert: str) -> list[dict[str, str]]:
        """The labels of an alert's instances that fire now."""
        return [
            one["labels"]
            for one in self.prometheus.alerts()
            if one["labels"]["alertname"] == alert and one["state"] == "firing"
        ]

    def fires(self, alert: str, **labels: str) -> None:
        """Wait until it fires with these labels."""
        eventually(
            lambda: any(labels.items() <= one.items() for one in self.firing(alert)),
            what=f"the alert {alert} with {labels}",
        )

    def reload(self) -> None:
        """Have Prometheus load what is mounted now, hastened."""
        files = reloader.mounted(self.plane)
        reloader.reload({name: hastened(text) for name, text in files.items()}, self.prometheus)

    def silent(self, alert: str) -> None:
        """Wait until it does not fire any more."""
        eventually(lambda: not self.firing(alert), what=f"the end of the alert {alert}")


def hastened(text: str) -> str:
    """A rule file whose alerts do not wait, and look at seconds instead of minutes."""
    document = yaml.safe_load(text)
    for group in document["groups"]:
        group.pop("interval", None)
        for rule in group["rules"]:
            if "alert" in rule:
                rule.pop("for", None)
                rule["expr"] = re.sub(r"\[\d+[mh]\]", "[10s]", rule["expr"])
    return yaml.safe_dump(document)


@pytest.fixture(scope="module")
def watched(
    control_plane: ControlPlane, crds_applied: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    try:
        line = PrometheusLine.find("3.x")
    except ServerMissingError as error:
        unavailable(str(error))
    directory: Path = tmp_path_factory.mktemp("monitored")
    control_plane.ensure_running()
    install(control_plane)
    sweep(control_plane)
    with control_plane.faulty() as proxy, Prometheus(line, directory / "prometheus") as prometheus:
        config = {"prometheus": {"url": prometheus.url, "output": "configMap"}, "reloadPeriod": "4s"}
        mounted, port = Mounted(directory / "certificates"), free_port()
        mounted.rotate()
        operator = OperatorProcess(
            control_plane,
            directory / "operator",
            config,
            server=proxy.url,
            arguments=[
                "--webhook",
                *("--webhook-address", f"127.0.0.1:{port}"),
                *("--webhook-certificates", str(mounted.directory)),
            ],
        )
        made = Watched(control_plane, Api(control_plane), proxy, operator, prometheus, mounted, port)
        jobs = [
            {
                "job_name": JOB,
                "static_configs": [{"targets": [operator.url.removeprefix("http://")], "labels": {"pod": "a"}}],
            }
        ]
        prometheus.configure(scrape_configs=jobs)
        try:
            control_plane.kubectl("create", "namespace", PLACE)
            control_plane.apply(FOLDER)
            operator.start()
            for kind, plural in KINDS.items():
                path = f"/apis/binnacle.dev/v1alpha1/namespaces/{NAMESPACE}/{plural}/binnacle"
                made.api.wait(path, ready, what=f"the {kind} of the operator")
            eventually(lambda: len(reloader.mounted(control_plane)) >= 2, what="rules to mount")
            made.reload()
            yield made
        finally:
            operator.stop()
            control_plane.ensure_running()
            sweep(control_plane)
            control_plane.kubectl("delete", "namespace", PLACE, "--ignore-not-found", "--wait=false")


def test_every_metric_is_exposed_as_declared_and_no_other(watched: Watched) -> None:
    watched.ask(slo(PLACE, "asked"))
    text = fetch(f"{watched.operator.url}/metrics").body.decode()
    exposed: dict[str, tuple[str, set[str]]] = {}
    for family in text_string_to_metric_families(text):
        name = family.name + ("_total" if family.type == "counter" else "_info" if family.type == "info" else "")
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        exposed[name] = ("gauge" if family.type == "info" else family.type, labels)
    declared = {one["name"]: one for one in shipped("MetricSet")["metrics"]}
    assert exposed.keys() - declared.keys() == BESIDE
    for name, one in declared.items():
        kind, labels = exposed[name]
        assert kind == one["type"], name
        assert labels <= set(one.get("labelNames", ())), name
    for metric, one in declared.items():
        if "buckets" in one:
            bounds = {float(found) for found in re.findall(rf'^{metric}_bucket{{.*le="([^"+]+)"', text, re.MULTILINE)}
            assert bounds == {float(bound) for bound in one["buckets"]}, metric


def test_every_query_finds_what_it_asks_for(watched: Watched) -> None:
    w = watched
    # Something of everything: a resource that stalls, and an object that somebody deletes.
    bad = slo(PLACE, "stalls", **BAD)
    w.plane.apply([slo(PLACE, "fine"), bad])
    w.api.wait(slo_path(PLACE, "fine"), ready)
    w.fires("ResourcesStalled", kind="SLO", reason="PromQLSyntax")
    w.plane.kubectl("delete", "configmap", "-n", MONITORING, "-l", "binnacle.dev/aggregate=rules")
    eventually(lambda: w.prometheus.query("resync_drift_total > 0"), what="drift that is counted")
    w.ask(slo(PLACE, "asked"))
    queries = {
        f"{row['name']}/{panel['name']}/{query['name']}": query["promql"].replace("$__rate_interval", "30s")
        for row in shipped("Dashboard")["rows"]
        for panel in row["panels"]
        for query in panel["queries"]
    }
    for name, query in queries.items():
        eventually(lambda query=query: w.prometheus.query(query), what=f"data of {name}: {query}")
    rules = [one for one in w.prometheus.rules() if one["type"] == "alerting"]
    assert {one["health"] for one in rules} == {"ok"}
    named = {name for one in rules for name in metrics(parse(one["query"]))}
    # Series of the objective come with time, and no error has happened of which a series would tell.
    asked = {name for name in named if not name.startswith("slo:")} | {
        name for query in queries.values() for name in metrics(parse(query))
    }
    missing = {name for name in asked if not w.prometheus.query(f'{name}{{job="{JOB}"}}')}
    assert missing == set()
    w.plane.kubectl("delete", "slo", "stalls", "-n", PLACE)
    w.silent("ResourcesStalled")


def test_a_backend_that_has_not_loaded_something_is_told(watched: Watched) -> None:
    watched.fires("BackendRefuses", backend="prometheus")
    watched.reload()
    watched.silent("BackendRefuses")


def test_all_is_well(watched: Watched) -> None:
    # A machine that does other work too may be slow, and that is rightly told.
    policy = {rule["name"] for rule in shipped("AlertPolicy")["rules"]} - {"ApiServerSlow"}
    for alert in policy:
        watched.silent(alert)


def test_a_watch_that_is_cut_is_told(watched: Watched) -> None:
    with watched.proxy.suffering(lambda asked: (asked.verb, asked.resource) == ("watch", "dashboards"), sufferings.cut):
        # A starved machine may be late with others for a moment, too.
        eventually(
            lambda: [one["kind"] for one in watched.firing("WatchDown")] == ["Dashboard"],
            what="the alert on this watch alone",
        )
    watched.silent("WatchDown")


def test_a_right_that_is_taken_away_is_told(watched: Watched) -> None:
    with rights_without(watched.plane, "slos/status", "patch"):
        watched.plane.apply([slo(PLACE, "fine", objective="99%")])
        watched.fires("PermissionMissing", code="403", method="PATCH")
        watched.fires("WorkFails", controller="SLO")
    watched.api.wait(slo_path(PLACE, "fine"), ready)
    watched.silent("PermissionMissing")


def test_an_api_server_that_fails_is_told(watched: Watched) -> None:
    unavailable = sufferings.answered(503, "ServiceUnavailable", "not now")
    with watched.proxy.suffering(lambda asked: asked.verb == "patch", unavailable):
        watched.plane.apply([slo(PLACE, "fine", objective="99.5%")])
        watched.fires("ApiServerFails", method="PATCH")
    watched.api.wait(slo_path(PLACE, "fine"), ready)


def test_a_certificate_that_ends_is_told(watched: Watched) -> None:
    authority = watched.mounted.authority
    hosts = ("localhost", "127.0.0.1")
    watched.mounted.rotate(authority.issue("webhook", hosts=hosts, purpose="server", lifetime=timedelta(days=2)))
    watched.fires("WebhookCertificateEnds")
    watched.mounted.rotate()
    watched.silent("WebhookCertificateEnds")


def test_an_operator_that_is_gone_is_told(watched: Watched) -> None:
    assert condition(watched.api.get(slo_path(PLACE, "fine")), "Ready")["status"] == "True"
    watched.operator.kill()
    try:
        watched.fires("OperatorDown")
    finally:
        watched.operator.start()
    watched.silent("OperatorDown")
    watched.silent("NoLeader")
