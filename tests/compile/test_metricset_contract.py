"""The contract that a namespace's MetricSets make, and what PromQL is told about it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binnacle.api.metricset import MetricSet
from binnacle.api.reasons import Reason
from binnacle.api.slo_indicators import HistogramType
from binnacle.compile.contract import Contract
from binnacle.compile.world import Listing, Memory
from binnacle.intent.refs import Key
from binnacle.promql import parse
from compile.building import make_world
from servers.pace import effort

REQUESTS = {"name": "http_requests_total", "type": "counter", "labelNames": ["service", "code"]}
SECONDS = {"name": "http_request_duration_seconds", "type": "histogram", "buckets": ["0.3", 1, "0.1"]}


def metric_set(name: str = "shop", **spec: Any) -> MetricSet:
    metadata = {"name": name, "namespace": "shop"}
    return MetricSet.model_validate(
        {"apiVersion": "binnacle.dev/v1alpha1", "kind": "MetricSet", "metadata": metadata, "spec": spec}
    )


def contract(*metrics: dict[str, Any], **spec: Any) -> Contract:
    return Contract.from_sets([metric_set(metrics=list(metrics), **spec)])


def told(made: Contract, promql: str) -> list[tuple[Reason, str]]:
    return [(one.reason, one.message) for one in made.findings(parse(promql), "spec.x")]


@pytest.mark.parametrize(
    "promql",
    [
        'http_requests_total{code=~"5..", service="a"}',
        "sum by (service, pod, job) (rate(http_requests_total[5m]))",
        "histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
        "http_request_duration_seconds_sum / http_request_duration_seconds_count",
        'http_request_duration_seconds_count{anything="x"}',
        'up == 0 and ALERTS{alertstate="firing"} unless kube_pod_info',
        "slo:period_error:ratio",
        'label_replace(http_requests_total, "kind", "$1", "code", "(.).*")',
        'sum by (kind) (label_replace(http_requests_total, "kind", "$1", "code", "(.).*"))',
        'count by (status) (count_values("status", http_requests_total))',
        'sum without (region) (http_requests_total{region=""})',
        '{job="x", region="y"}',
        "sum by (region) (http_requests_total * on (pod) group_left (region) kube_pod_labels)",
        "vector(1)",
    ],
)
def test_what_is_declared_or_well_known_is_passed_over(promql: str) -> None:
    assert told(contract(REQUESTS, SECONDS), promql) == []


def test_an_unknown_metric_is_told_with_the_nearest_name() -> None:
    made = contract(REQUESTS, SECONDS)
    (finding,) = made.findings(parse("rate(http_request_total[5m])"), "spec.promql")
    assert (finding.reason, finding.path, finding.severity.value) == (Reason.UNKNOWN_METRIC, "spec.promql", "warning")
    assert "http_request_total" in finding.message
    assert "Write http_requests_total" in finding.fix


def test_thousands_of_names_that_are_nearly_right_take_no_time() -> None:
    """Of one resource: who writes such must not keep the whole loop waiting."""
    long = "abcdefgh" * 24
    made = contract(
        *({"name": f"metric_{number}_{long}", "type": "counter", "labelNames": [long[:120]]} for number in range(250))
    )
    begun = time.process_time()
    for number in range(100):
        names = (f"metrik_{number}_{other}_{long}" for other in range(14))
        assert len(made.findings(parse(" + ".join(names)), "spec.x")) == 14
        labels = (f'metric_{other}_{long}{{{long[:110]}x{number}="1"}}' for other in range(10))
        assert len(made.findings(parse(" + ".join(labels)), "spec.x")) == 10
    assert time.process_time() - begun < effort(5)


def test_a_histogram_is_known_by_its_parts_as_it_is_stored() -> None:
    classic, native = contract(SECONDS), contract({**SECONDS, "histogramType": "native"})
    assert [reason for reason, _ in told(classic, "http_request_duration_seconds")] == [Reason.UNKNOWN_METRIC]
    assert told(native, "http_request_duration_seconds") == []
    assert classic.histogram_type("http_request_duration_seconds") is HistogramType.CLASSIC
    assert native.histogram_type("http_request_duration_seconds") is HistogramType.NATIVE
    assert native.histogram_type("http_requests_total") is None
    declared = classic.declared("http_request_duration_seconds")
    assert declared is not None
    assert [str(bound) for bound in declared.buckets] == ["0.1", "0.3", "1"]


@pytest.mark.parametrize(
    ("promql", "label"),
    [
        ('http_requests_total{status="500"}', "status"),
        ("sum by (region) (rate(http_requests_total[5m]))", "region"),
        ("max by (region) (sum by (region) (http_requests_total))", "region"),
    ],
)
def test_an_unknown_label_is_told_once(promql: str, label: str) -> None:
    ((reason, message),) = told(contract(REQUESTS), promql)
    assert reason is Reason.UNKNOWN_LABEL
    assert label in message


def test_recorded_series_and_those_of_probes_count_as_declared() -> None:
    recording = [{"name": "rate", "record": "shop:orders:rate5m", "promql": "sum(rate(orders_total[5m]))"}]
    probes = [{"name": "home", "url": "https://shop.example"}]
    made = contract(REQUESTS, recording=recording, probes=probes)
    assert told(made, "shop:orders:rate5m / probe_success") == []
    assert {reason for reason, _ in told(contract(REQUESTS), "shop:orders:rate5m / probe_success")} == {
        Reason.UNKNOWN_METRIC
    }


def test_labels_that_the_metric_set_adds_are_known() -> None:
    assert told(contract(REQUESTS, labels={"team": "web"}), 'http_requests_total{team="web"}') == []


def test_several_metric_sets_speak_together() -> None:
    first = metric_set("a", metrics=[REQUESTS, SECONDS])
    second = metric_set("b", metrics=[{**REQUESTS, "labelNames": ["path"]}, {**SECONDS, "histogramType": "native"}])
    for order in ([first, second], [second, first]):
        made = Contract.from_sets(order)
        assert told(made, 'http_requests_total{path="/", code="200"}') == []
        assert made.histogram_type("http_request_duration_seconds") is None


def test_nothing_declared_is_nothing_to_check() -> None:
    assert told(Contract(), "nobody_knows{this='x'}") == []
    assert told(contract(probes=[{"name": "home", "url": "https://shop.example"}]), "nobody_knows") == []


def test_what_is_read_is_recorded_and_only_of_the_namespace() -> None:
    key = Key("MetricSet", "shop", "shop")
    known = {key: metric_set(metrics=[REQUESTS])}
    world = replace(
        make_world(),
        lookup=known.get,
        listing=lambda kind, namespace: [one for one in known if (one.kind, one.namespace) == (kind, namespace)],
    )
    assert Contract.of(world, "shop").declared("http_requests_total") is not None
    assert world.reads == {Listing("MetricSet", "shop"), key}
    assert Contract.of(world, "mail").metrics == {}


@given(st.sets(st.from_regex("[a-z_]{1,8}", fullmatch=True)), st.from_regex("[a-z_]{1,8}", fullmatch=True))
def test_a_declared_metric_is_never_unknown(names: set[str], other: str) -> None:
    made = contract(*({"name": name, "type": "gauge", "labelNames": []} for name in sorted(names)))
    reasons = [reason for reason, _ in told(made, f"{{__name__='{other}'}}")]
    known = other in names or not names or other == "up" or other.startswith(("node_", "kube_"))
    assert reasons == ([] if known else [Reason.UNKNOWN_METRIC])


def test_what_is_put_together_once_is_put_together_anew_when_anything_is_another() -> None:
    shop, web = metric_set(metrics=[REQUESTS]), metric_set("web", metrics=[SECONDS])
    memory = Memory()

    def made(*sets: MetricSet) -> Contract:
        keys = {Key("MetricSet", "shop", one.metadata.name): one for one in sets}
        world = replace(make_world(), lookup=keys.get, listing=lambda *_: keys, memory=memory)
        return Contract.of(world, "shop")

    both = made(shop, web)
    assert made(shop, web).metrics is both.metrics
    assert made(shop).metrics.keys() == {"http_requests_total"}
    assert made(shop, web) == both
    # The same text in another object may belong to another version of the world: it is read.
    before = made(shop, web)
    assert made(shop, metric_set("web", metrics=[SECONDS])).metrics is not before.metrics
    assert made().metrics == {}


def test_searches_for_one_resource_take_nothing_from_another() -> None:
    sets, memory = [metric_set(metrics=[REQUESTS])], Memory()
    world = replace(
        make_world(), lookup=lambda _: sets[0], listing=lambda *_: [Key("MetricSet", "shop", "shop")], memory=memory
    )
    hostile = Contract.of(world, "shop")
    for number in range(50):
        told(hostile, f"http_request_total{number}")
    (found,) = Contract.of(world, "shop").findings(parse("http_request_total"), "spec.x")
    assert found.fix is not None
    assert "Write http_requests_total" in found.fix
