"""What the Observer finds of MetricSets in a real Prometheus of each line: what is there of what they declare, and how sources are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from binnacle.api.config import Config
from binnacle.control.desired import Desired
from binnacle.control.onepass import run
from binnacle.control.ports import Expectation, Liveness, Observed
from binnacle.control.toolchain import shipped
from binnacle.intent.refs import Key
from binnacle.observe.backend import open_session
from binnacle.observe.observer import PrometheusObserver
from binnacle.observe.presence import HOLD
from servers.prometheus import Prometheus
from servers.target import MetricsTarget
from servers.waiting import PATIENCE
from stack.test_observe_prometheus import Clock

KEY = Key("MetricSet", "shop", "web")
METRICS = [
    {"name": "http_requests_total", "type": "counter", "labelNames": ["code", "zone"]},
    {"name": "http_request_duration_seconds", "type": "histogram"},
    {"name": "queue_length", "type": "gauge"},
    {"name": "other_length", "type": "gauge"},
    {"name": "elsewhere_length", "type": "gauge"},
    {"name": "rpc_seconds", "type": "summary"},
    {"name": "ticks_total", "type": "counter"},
]
RECORDING = [
    {"name": "rate", "record": "shop:requests:rate5m", "promql": "sum(rate(http_requests_total[5m]))"},
    {"name": "lost", "record": "shop:lost:rate5m", "promql": "sum(rate(lost_total[5m]))"},
]
TEXT = """
# TYPE http_requests_total counter
http_requests_total{code="200"} 10
http_requests_total{code="500"} 1
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.1"} 3
http_request_duration_seconds_bucket{le="+Inf"} 4
http_request_duration_seconds_sum 1
http_request_duration_seconds_count 4
# TYPE queue_length gauge
queue_length{queue="mail"} 3
# TYPE rpc_seconds summary
rpc_seconds_sum 3
rpc_seconds_count 2
# TYPE not_declared gauge
not_declared 1
# TYPE ticks_total counter
ticks_total 1
"""


class Moved(Clock):
    """A clock that the test alone moves, however long things take."""

    forward = 0.0

    def monotonic(self) -> float:
        return self.forward


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as opened:
        yield opened


def config(url: str = "http://127.0.0.1:1") -> Config:
    return Config.from_data(
        {"prometheus": {"output": "configMap", "url": url, "scrapeInterval": "1s"}, "probers": {"eu": "127.0.0.1:1"}}
    )


def desired(**spec: Any) -> tuple[Desired, Mapping[str, str]]:
    """Compile a MetricSet; returns what it wants, and the text of its objects by the aggregate."""
    metadata = {"name": KEY.name, "namespace": KEY.namespace}
    body = {"apiVersion": "binnacle.dev/v1alpha1", "kind": "MetricSet", "metadata": metadata, "spec": spec}
    done = run(shipped(config()), [body], date(2026, 11, 21))
    texts = {
        one.ref.name.removeprefix("binnacle-default-"): text
        for one in done.objects
        for text in one.body["data"].values()
    }
    return done.desired[KEY], texts


def expectation(wants: Desired, status: Mapping[str, Any] | None = None, present: bool | None = None) -> Expectation:
    marks = tuple(mark.name for mark in wants.marks if mark.backend == "prometheus")
    return Expectation(KEY, marks, wants.readback, status or {}, present)


def jobs(text: str, **targets: str) -> dict[str, Any]:
    """Put targets in the place of discovery: item -> address."""
    document: dict[str, Any] = yaml.safe_load(text)
    for job in document["scrape_configs"]:
        if job.pop("kubernetes_sd_configs", None):
            item = job["job_name"].rpartition("/")[2]
            job["relabel_configs"] = []
            job["static_configs"] = [{"targets": [targets[item]] if item in targets else []}]
    return document


async def until(
    observer: PrometheusObserver, wanted: Callable[[], Expectation], holds: Callable[[Observed], bool]
) -> Observed:
    """Look again and again until what is found `holds`, for as long as patience lasts."""
    found = None
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                found = (await observer.observe([wanted()]))[KEY]
                if holds(found):
                    return found
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"not in time; last: {found}") from None


async def test_a_metric_set_from_its_first_scrape_to_its_last(
    start_prometheus: Callable[..., Prometheus], session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    wants, texts = desired(
        target={"selector": {"matchLabels": {"app": "web"}}, "port": "metrics"},
        metrics=METRICS,
        scrape=[{"name": "api", "interval": "1s"}, {"name": "gone", "interval": "1s"}, {"name": "none"}],
        probes=[{"name": "home", "url": "https://shop.example", "interval": "5s", "timeout": "2s"}],
        recording=RECORDING,
    )
    clock = Moved()
    with MetricsTarget(lambda: TEXT) as target, MetricsTarget(lambda: "elsewhere_length 1\nother_length 2\n") as others:
        elsewhere = [
            {"job_name": "mail", "static_configs": [{"targets": [others.address], "labels": {"namespace": "mail"}}]},
            {
                "job_name": "bare",
                "static_configs": [{"targets": [others.address]}],
                "metric_relabel_configs": [{"source_labels": ["__name__"], "regex": "other_.*", "action": "keep"}],
            },
        ]
        prometheus = start_prometheus(config={"scrape_configs": elsewhere})
        observer = PrometheusObserver(config(prometheus.url), session, clock)

        found = (await observer.observe([expectation(wants)]))[KEY]
        assert found.liveness is Liveness.MISSING
        prometheus.write_rules("web", texts["rules"])
        prometheus.reload()
        found = await until(observer, lambda: expectation(wants), lambda one: "scrape job" in one.message)
        assert found.liveness is Liveness.MISSING
        assert "lacks scrape jobs shop/web/api, shop/web/gone, shop/web/none and 1 more." in found.message

        written = jobs(texts["scrape"], api=target.address, gone="127.0.0.1:1")["scrape_configs"]
        prometheus.configure(scrape_configs=[*elsewhere, *written])
        prometheus.reload()

        def as_expected(one: Observed) -> bool:
            facts = one.facts
            scraped = facts.get("found") == 6 and facts["series"] == 11 and facts["undeclaredTotal"] == 1
            # Each target is scraped for the first time at a moment of its own.
            refused = [item["name"] for item in facts.get("failing", ()) if "refused" in item["error"]]
            return scraped and refused == ["gone", "home"] and len(facts["failing"]) == 3

        found = await until(observer, lambda: expectation(wants), as_expected)
        assert found.liveness is Liveness.LOADED
        assert not found.settled  # what is missing may still appear
        clock.forward += 60
        found = await until(observer, lambda: expectation(wants), as_expected)
        assert found.settled
        assert found.message == "The rules and the scrape jobs are loaded."
        assert found.metrics is not None
        assert (found.metrics.present, found.metrics.message) == (
            False,
            "Prometheus has no series of elsewhere_length, lost_total.",
        )
        failing = {one["name"]: one["error"] for one in found.facts["failing"]}
        assert failing["none"] == "There is nothing to scrape: no target was found."
        assert failing["gone"].startswith("Cannot be scraped: Get ")
        assert failing["gone"].endswith("connection refused")
        assert {name: value for name, value in found.facts.items() if name != "failing"} == {
            "found": 6,
            "missing": ["elsewhere_length", "lost_total"],
            "missingTotal": 2,
            "missingLabels": [{"metric": "http_requests_total", "label": "zone"}],
            "undeclared": ["not_declared"],
            "undeclaredTotal": 1,
            "series": 11,
        }

        # At rest the same is told again and again, also by an observer that has just started, and whose turn is later.
        status = dict(found.facts)
        for one in (observer, PrometheusObserver(config(prometheus.url), session, clock)):
            for _ in range(3):
                again = (await one.observe([expectation(wants, status, present=False)]))[KEY]
                assert (again.liveness, again.message, again.facts) == (found.liveness, found.message, status)
                assert again.metrics in (None, found.metrics)
                clock.forward += HOLD

        # What fails is told once it has failed for a while, with the time of the last good scrape where that is known.
        target.down = True
        await until(
            observer, lambda: expectation(wants, status, present=False), lambda _one: not _ups(prometheus, "api")
        )
        clock.forward += 600
        assert (await observer.observe([expectation(wants, status, present=False)]))[KEY].facts == status
        clock.forward += HOLD
        found = await until(
            observer, lambda: expectation(wants, status, present=False), lambda one: one.facts != status
        )
        error = {one["name"]: one["error"] for one in found.facts["failing"]}["api"]
        assert error == "Cannot be scraped: server returned HTTP status 503 Service Unavailable"
        assert found.facts["missingTotal"] == 7
        assert found.facts["series"] == 0


def _ups(prometheus: Prometheus, item: str) -> bool:
    return any(one.value for one in prometheus.query(f'up{{job="shop/web/{item}"}}'))


async def test_histograms_are_found_as_they_are_stored(
    start_prometheus: Callable[..., Prometheus], prometheus_line: Any, session: aiohttp.ClientSession
) -> None:
    """Prometheus 3 can turn classic histograms into native ones, whose series have the bare name; 2.42 cannot."""
    native = prometheus_line.name != "2.42"
    histogram = {"name": "http_request_duration_seconds", "type": "histogram"}
    texts = {}
    wants = {}
    for kind in ("classic", "native"):
        wants[kind], texts[kind] = desired(metrics=[{**histogram, "histogramType": kind}])
        assert texts[kind] == {}
    with MetricsTarget(lambda: TEXT) as target:
        prometheus = start_prometheus(
            config={
                "scrape_configs": [
                    {
                        "job_name": "web",
                        "static_configs": [{"targets": [target.address]}],
                        **(
                            {"convert_classic_histograms_to_nhcb": True, "scrape_native_histograms": True}
                            if native
                            else {}
                        ),
                    }
                ]
            }
        )
        found = {}
        for kind, other in (("classic", "native"), ("native", "classic")):
            observer = PrometheusObserver(config(prometheus.url), session, Clock())
            stored = kind == ("native" if native else "classic")
            said = f"stored as a {other} histogram"
            found[kind] = await until(
                observer,
                lambda kind=kind: expectation(wants[kind]),  # type: ignore[misc]
                lambda one, stored=stored, said=said: bool(  # type: ignore[misc]
                    one.metrics and (one.metrics.present if stored else said in one.metrics.message)
                ),
            )
            assert found[kind].liveness is Liveness.NOTHING
            assert found[kind].facts["found"] == stored
