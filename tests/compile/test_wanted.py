"""Which metrics are looked for: those that rules read and nobody makes, and those that are declared, by their series."""

from __future__ import annotations

from typing import Any

import pytest

from binnacle.api.metricset import Metric
from binnacle.compile import wanted
from binnacle.intent.readback import MetricSetReadback, ScrapeSource
from binnacle.intent.rules import Alert, Recording, RuleGroup, RuleSet
from binnacle.promql import parse
from compile.building import compiled, make_slo
from compile.policies import compiled as compiled_policy
from compile.policies import make_policy
from compile.test_metricset_compile import HOME, TARGET
from compile.test_metricset_compile import compiled as metric_set


def rules(**expressions: str) -> RuleSet:
    made = [
        Alert(name, parse(text)) if name[0].isupper() else Recording(name, parse(text))
        for name, text in expressions.items()
    ]
    return RuleSet((RuleGroup("x", tuple(made)),))


def names(*intents: RuleSet, besides: frozenset[str] = frozenset()) -> list[str]:
    return [metric.name for metric in wanted.referred(intents, besides)]


def test_what_is_read_is_referred_to_but_for_what_is_recorded_here_or_is_ours() -> None:
    assert names(
        rules(a='rate(x_total{code="5"}[5m]) / b', b="sum(y)", A='a > on() group_left slo:objective:ratio{slo="s"}'),
        rules(B="absent(z) or ALERTS or binnacle:alert_policy:info or {job='j'}"),
        besides=frozenset({"y"}),
    ) == ["x_total", "z"]


def test_a_name_that_is_longer_than_status_shows_is_looked_for_whole() -> None:
    long = "x" * 300
    (metric,) = wanted.referred([rules(a=long)])
    assert (len(metric.name), metric.series) == (256, (long,))


def test_an_slo_refers_to_the_metrics_of_its_indicator() -> None:
    readback = compiled(make_slo()).readback
    assert readback is not None
    assert [metric.name for metric in readback.metrics] == ["requests_total"]
    assert not readback.metrics[0].declared


@pytest.mark.parametrize(
    ("metric", "series", "instead"),
    [
        ({"type": "counter"}, ("x",), None),
        ({"type": "gauge"}, ("x",), None),
        ({"type": "summary"}, ("x", "x_count", "x_sum"), None),
        ({"type": "histogram"}, ("x_bucket", "x_count", "x_sum"), ("x", "stored as a native histogram")),
        (
            {"type": "histogram", "histogramType": "native"},
            ("x",),
            ("x_bucket", "stored as a classic histogram"),
        ),
    ],
)
def test_a_declared_metric_is_found_by_its_series(
    metric: dict[str, Any], series: tuple[str, ...], instead: tuple[str, str] | None
) -> None:
    (found,) = wanted.declared([Metric.model_validate({"name": "x", **metric, "labelNames": ["b", "a"]})], "shop")
    assert (found.series, found.instead, found.labels, found.namespace) == (series, instead, ("a", "b"), "shop")
    assert {*series, "x"} <= set(found.related)


def test_a_metric_set_wants_what_it_declares_and_what_it_records_from() -> None:
    record = {"name": "r", "record": "shop:r", "promql": "x_bucket + y"}
    outcome = metric_set(
        target=TARGET,
        metrics=[{"name": "x", "type": "histogram"}],
        scrape=[{"name": "api"}],
        probes=[HOME],
        recording=[record],
    )
    readback = outcome.readback
    assert isinstance(readback, MetricSetReadback)
    assert [(metric.name, metric.declared) for metric in readback.metrics] == [("x", True), ("y", False)]
    assert readback.sources == (ScrapeSource("api", "shop/web/api"), ScrapeSource("home", "shop/web/home", open=False))


def test_a_policy_refers_to_the_metrics_of_its_rules() -> None:
    rule = {"name": "A", "summary": "s", "severity": "warning", "expression": {"promql": "x > 1"}}
    readback = compiled_policy(make_policy(rules=[rule])).readback
    assert readback is not None
    assert [metric.name for metric in readback.metrics] == ["x"]
