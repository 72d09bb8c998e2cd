"""What the kubelet and Prometheus see of a replica."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from binnacle.cluster.health import HealthServer, _is_loopback
from binnacle.cluster.watches import Phase, Watch, WatchState
from binnacle.control.metrics import Metrics
from cluster.objects import CONFIG_MAP, RULE, SLO

RUNNING = WatchState(Phase.RUNNING, attempt_age=1800, activity_age=30, synced=True)


class Replica:
    def __init__(self) -> None:
        self.states = {Watch(SLO): RUNNING, Watch(CONFIG_MAP, "monitoring"): RUNNING}
        self.missing = ""
        self.metrics = Metrics(CollectorRegistry())
        self.server = HealthServer(self.metrics)
        self.server.attend(lambda: self.states, lambda: self.missing, lambda: {"SLO": 7}, lambda key: f"about {key}")
        self.url = ""

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}{path}") as response:
            return response.status, await response.text()


@pytest.fixture
async def replica() -> AsyncIterator[Replica]:
    made = Replica()
    made.url = f"http://127.0.0.1:{await made.server.start('127.0.0.1', 0)}"
    yield made
    await made.server.stop()


async def test_alive_while_every_watch_runs_or_retries(replica: Replica) -> None:
    assert (await replica.get("/healthz"))[0] == 200
    away = WatchState(
        Phase.RETRYING, attempt_age=59, activity_age=4000, synced=True, error="cannot reach the API server"
    )
    replica.states[Watch(SLO)] = away
    status, text = await replica.get("/healthz")
    assert status == 200
    assert "cannot reach the API server" in text


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.RETRYING, Phase.ABSENT])
async def test_not_alive_when_nobody_tries_any_more(replica: Replica, phase: Phase) -> None:
    replica.states[Watch(SLO)] = WatchState(phase, attempt_age=61, activity_age=61, synced=True)
    status, text = await replica.get("/healthz")
    assert status == 503
    assert "[-] slos in all namespaces" in text
    assert "[+] configmaps in monitoring" in text


async def test_ready_when_synced(replica: Replica) -> None:
    replica.missing = "caches are not synced yet"
    assert await replica.get("/readyz") == (503, "caches are not synced yet\n")
    replica.missing = ""
    assert await replica.get("/readyz") == (200, "ok\n")


async def test_the_account_of_a_key(replica: Replica) -> None:
    assert await replica.get("/debug/key?kind=slo&namespace=shop&name=a") == (200, "about SLO/shop/a")
    assert await replica.get("/debug/key?aggregate=rules&namespace=m") == (200, "about rules@m")
    for query in ("", "?kind=SLO&name=a", "?kind=Pod&namespace=shop&name=a"):
        status, text = await replica.get(f"/debug/key{query}")
        assert (status, "namespace and name" in text) == (400, True)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [("127.0.0.1", True), ("::1", True), ("10.0.0.7", False), ("fe80::1%eth0", False), (None, False), ("x", False)],
)
async def test_accounts_are_for_who_is_in_the_pod(replica: Replica, address: str | None, allowed: bool) -> None:
    assert _is_loopback(address) is allowed
    asked = make_mocked_request("GET", "/debug/key?kind=slo&namespace=shop&name=a").clone(remote=address or "")
    answer = await replica.server._debug_key(asked)
    assert (answer.status, answer.text == "about SLO/shop/a") == ((200, True) if allowed else (403, False))


async def test_metrics_have_the_names_that_dashboards_know(replica: Replica) -> None:
    metrics = replica.metrics
    queue = metrics.queue("binnacle")
    queue.adds.inc()
    metrics.request("GET", "200", 0.01)
    metrics.reconciles.labels("slo", "success").inc()
    metrics.reconcile_errors.labels("slo").inc()
    metrics.reconcile_seconds.labels("slo").observe(0.1)
    metrics.active_workers.labels("slo").set(1)
    metrics.leader.labels("binnacle-default").set(1)
    metrics.drift.labels("SLO", "ghost").inc()
    replica.states[Watch(SLO, "b")] = WatchState(Phase.RUNNING, 1, 45, synced=True)
    status, text = await replica.get("/metrics")
    assert status == 200
    samples = {
        (s.name, *sorted(s.labels.items())): s.value for f in text_string_to_metric_families(text) for s in f.samples
    }
    assert samples["watch_last_event_age_seconds", ("kind", "SLO")] == 45
    assert samples["watches", ("kind", "SLO")] == 2
    assert samples["watches_running", ("kind", "SLO")] == 2
    assert {name for name, *_ in samples} >= {
        "controller_runtime_reconcile_total",
        "controller_runtime_reconcile_errors_total",
        "controller_runtime_reconcile_time_seconds_bucket",
        "controller_runtime_active_workers",
        "workqueue_depth",
        "workqueue_adds_total",
        "workqueue_queue_duration_seconds_bucket",
        "workqueue_work_duration_seconds_bucket",
        "workqueue_retries_total",
        "rest_client_requests_total",
        "leader_election_master_status",
        "watch_last_event_age_seconds",
        "cache_objects",
        "resync_drift_total",
    }


async def test_a_kind_of_others_that_is_not_there_is_nothing_to_wait_for(replica: Replica) -> None:
    absent = WatchState(Phase.ABSENT, 1, 4000, synced=True)
    replica.states[Watch(RULE)] = replica.states[Watch(SLO)] = absent
    text = (await replica.get("/metrics"))[1]
    assert 'kind="PrometheusRule"' not in text
    assert 'watches{kind="SLO"} 1.0' in text
    assert 'watches_running{kind="SLO"} 0.0' in text
    assert 'watch_last_event_age_seconds{kind="SLO"} 4000.0' in text


async def test_a_reason_that_nobody_has_any_more_goes(replica: Replica) -> None:
    stalled = {("SLO", "PermissionDenied"): 3}
    replica.server.attend(lambda: replica.states, lambda: "", dict, str, lambda: stalled)
    assert 'stalled_resources{kind="SLO",reason="PermissionDenied"} 3.0' in (await replica.get("/metrics"))[1]
    stalled.clear()
    assert "PermissionDenied" not in (await replica.get("/metrics"))[1]


def test_two_installations_in_one_process_do_not_meet() -> None:
    Metrics(CollectorRegistry())
    Metrics(CollectorRegistry())
