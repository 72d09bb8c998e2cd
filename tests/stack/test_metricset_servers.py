"""What a MetricSet asks for in a real Prometheus of both lines and a real blackbox_exporter.

There is no cluster to discover pods in. `discovered` puts targets with the labels that discovery would give them in its place and
leaves every other setting as it is; and the one host that the prober asks is replaced by a server of the test.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from binnacle.api.config import Config
from binnacle.control.onepass import run
from binnacle.control.toolchain import shipped
from servers import blackbox
from servers.blackbox import Blackbox
from servers.errors import ServerMissingError
from servers.find import find
from servers.prometheus import Prometheus, PrometheusLine
from servers.skips import unavailable
from servers.target import MetricsTarget
from servers.waiting import eventually

HOST = "http://shop.example:8080"
HEALTH = {
    "checks": [{"deep": {"a": [1, {"b": "}]"}]}}, {"ok": True}],
    "components": {"cache": {"status": "down", "why": 'a, "b"'}, "db": {"latency": 3, "status": "healthy"}},
    "status": 'fähig/"1"',
    "version": 42,
}
SPEC: dict[str, Any] = {
    "target": {"selector": {"matchLabels": {"app.kubernetes.io/name": "checkout"}}, "port": "metrics"},
    "labels": {"team": "pay$ments"},
    "metrics": [{"name": "x", "type": "gauge"}],
    "scrape": [{"name": "api", "interval": "1s", "honorLabels": True, "params": [{"name": "a", "values": ["b&c"]}]}],
    "probes": [
        {
            "name": "home",
            "url": f"{HOST}/health",
            "interval": "5s",
            "timeout": "2s",
            "expect": {
                "status": [200],
                "bodyMatches": '"components"',
                "json": [
                    {"name": "cache", "path": "$.components.cache.status", "equals": "healthy"},
                    {"name": "checks", "path": "$.checks[1].ok", "equals": "true"},
                    {"name": "db", "path": "$.components.db.status", "equals": "healthy"},
                    {"name": "missing", "path": "$.components.db.stat", "equals": "healthy"},
                    {"name": "second", "path": "$.checks[2].ok", "equals": "true"},
                    {"name": "status", "path": "$.status", "equals": 'fähig/"1"'},
                    {"name": "text", "path": "$.version", "equals": "4"},
                    {"name": "version", "path": "$.version", "equals": 42},
                ],
            },
        },
        {"name": "gone", "url": f"{HOST}/gone", "interval": "5s", "timeout": "2s"},
        {"name": "moved", "url": f"{HOST}/moved", "interval": "5s", "timeout": "2s"},
    ],
    "recording": [{"name": "doubled", "record": "shop:x:doubled", "promql": "2 * x"}],
}
METRICS = """
x{job="mine",namespace="mail",binnacle_namespace="mail",slo="other",slo_service="s"} 21
slo:period_error:ratio{slo="other"} 1
ALERTS{alertname="Forged"} 1
"""


def metric_set(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "web", "namespace": "shop"}
    return {"apiVersion": "binnacle.dev/v1alpha1", "kind": "MetricSet", "metadata": metadata, "spec": {**SPEC, **spec}}


def files_of(prober: str = "127.0.0.1:9115", **spec: Any) -> dict[str, str]:
    config = Config.from_data({"prometheus": {"output": "configMap"}, "probers": {"eu": prober}})
    done = run(shipped(config), [metric_set(**spec)], date(2026, 11, 21))
    (desired,) = done.desired.values()
    assert desired.findings == ()
    return {
        one.ref.name.removeprefix("binnacle-default-"): text
        for one in done.objects
        for text in one.body["data"].values()
    }


def discovered(text: str, address: str) -> str:
    """Put a pod that is meant, and three that are not, in the place of discovery."""
    document = yaml.safe_load(text)
    pod = {
        "__meta_kubernetes_namespace": "shop",
        "__meta_kubernetes_pod_name": "checkout-1",
        "__meta_kubernetes_pod_container_name": "api",
        "__meta_kubernetes_pod_label_app_kubernetes_io_name": "checkout",
        "__meta_kubernetes_pod_container_port_name": "metrics",
        "__meta_kubernetes_pod_phase": "Running",
    }
    others = (
        {"__meta_kubernetes_pod_label_app_kubernetes_io_name": "checkouts"},
        {"__meta_kubernetes_pod_container_port_name": "http"},
        {"__meta_kubernetes_pod_phase": "Succeeded"},
    )
    for job in document["scrape_configs"]:
        if job.pop("kubernetes_sd_configs", None):
            found = [pod, *({**pod, "__meta_kubernetes_pod_name": "other", **other} for other in others)]
            job["static_configs"] = [{"targets": [address], "labels": labels} for labels in found]
    return yaml.safe_dump(document)


@pytest.fixture
def website() -> Iterator[str]:
    """A website whose /health tells how it is."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(HEALTH).encode()
            self.send_response({"/health": 200, "/moved": 302}.get(self.path, 404))
            if self.path == "/moved":
                self.send_header("Location", "/health")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - as the base class calls it
            """A test's output is for its failures."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _prober() -> None:
    try:
        find("blackbox")
    except ServerMissingError as error:
        unavailable(str(error))


def test_scraped_probed_and_recorded(
    start_prometheus: Callable[..., Prometheus], prometheus_line: PrometheusLine, website: str, tmp_path: Path
) -> None:
    modules = files_of()["blackbox"]
    with MetricsTarget(lambda: METRICS) as target, Blackbox(tmp_path / "blackbox", modules) as prober:
        files = files_of(prober.address)
        jobs = discovered(files["scrape"].replace(HOST, website), target.address)
        (tmp_path / "jobs.yaml").write_text(jobs)
        if prometheus_line.name == "2.42":
            config = yaml.safe_load(jobs)
        else:
            config = {"scrape_config_files": [str(tmp_path / "jobs.yaml")]}
        prometheus = start_prometheus(config=config)
        prometheus.write_rules("shop", files["rules"])
        prometheus.reload()

        eventually(lambda: len(prometheus.query("probe_success")) == 11, what="every part is probed")
        eventually(lambda: prometheus.query("shop:x:doubled"), what="the rule is evaluated")
        (up,) = prometheus.query('up{job="shop/web/api"}')
        (x,) = prometheus.query("x")
        success = {
            (one.labels["probe"], one.labels.get("item", "")): one.value for one in prometheus.query("probe_success")
        }
        (whole,) = prometheus.query('probe_success{job="shop/web/home",item=""}')
        (doubled,) = prometheus.query("shop:x:doubled")
        forged = prometheus.query('{__name__=~"slo:.*|ALERTS.*"}')

    assert up.value == 1
    told = {"namespace": "shop", "pod": "checkout-1", "container": "api", "team": "pay$ments"}
    assert told.items() <= up.labels.items()
    assert x.labels == {"__name__": "x", "job": "mine", "instance": target.address, **told}
    assert success == {
        ("gone", ""): 0,
        ("home", ""): 1,
        ("home", "cache"): 0,
        ("home", "checks"): 1,
        ("home", "db"): 1,
        ("home", "missing"): 0,
        ("home", "second"): 0,
        ("home", "status"): 1,
        ("home", "text"): 0,
        ("home", "version"): 1,
        ("moved", ""): 0,
    }
    assert {"region": "eu", "namespace": "shop", "instance": f"{website}/health"}.items() <= whole.labels.items()
    assert (doubled.value, doubled.labels["binnacle_namespace"]) == (42, "shop")
    assert forged == []


AUTH = {"basic": {"username": "a'\"\\ #{", "password": {"secretRef": {"name": "s", "key": "k"}}}}


def test_prometheus_and_the_prober_take_every_setting(
    prometheus_line: PrometheusLine, promtool: Callable[..., Any], tmp_path: Path
) -> None:
    scrape = [
        {"name": "plain"},
        {
            "name": "bearer",
            "port": 8443,
            "scheme": "https",
            "auth": {"bearer": {"secretRef": {"name": "s", "key": "k"}}},
        },
        {"name": "basic", "path": "/a/b;c=d", "timeout": "500ms", "auth": AUTH},
    ]
    probe = {"name": "home", "url": f"{HOST}/?a=1&b=%20#c", "method": "POST", "auth": AUTH}
    expect = {"status": [500, 200], "bodyMatches": r"(?i)^\s*\p{L}+[^\]\"']{0,1000}$"}
    target = {**SPEC["target"], "kind": "Service"}
    files = files_of(scrape=scrape, probes=[{**probe, "expect": expect}], target=target)
    text = files["scrape"].replace("/etc/binnacle/secrets", str(tmp_path))
    secret = tmp_path / "shop" / "s"
    secret.mkdir(parents=True)
    (secret / "k").write_text("secret")
    # Debian builds its Prometheus without discovery in Kubernetes.
    old = prometheus_line.name == "2.42"
    (tmp_path / "prometheus.yml").write_text(discovered(text, "127.0.0.1:1") if old else text)
    said = promtool("check", "config", "prometheus.yml", cwd=tmp_path, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    assert blackbox.refusal(files["blackbox"], tmp_path) == ""
