"""SLOs and what MetricSets declare: availability from gauges and probes, types of histograms, warnings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from binnacle.api.metricset import MetricSet
from binnacle.api.reasons import Reason
from binnacle.api.slo import SLO
from binnacle.compile.registry import KINDS
from binnacle.compile.world import Compiled
from binnacle.intent.refs import Key
from compile.building import key_of, make_slo, make_world, rule_text, rules_of
from compile.rule_tests import CLOCKS, LEAD_IN, Expect, Promtool, Scenario, assert_holds, steps

pytestmark = pytest.mark.thorough

PROBE = {"availability": {"probe": {"metricSet": "web", "name": "home"}}}
SERIES = 'probe_success{job="shop/web/home",probe="home",instance="https://shop.example",region="%s"}'


def web(**spec: Any) -> MetricSet:
    given = {"probes": [{"name": "home", "url": "https://shop.example"}], **spec}
    metadata = {"name": "web", "namespace": "shop"}
    return MetricSet.model_validate(
        {"apiVersion": "binnacle.dev/v1alpha1", "kind": "MetricSet", "metadata": metadata, "spec": given}
    )


def beside(slo: SLO, *sets: MetricSet, **prometheus: Any) -> Compiled:
    known = {Key("MetricSet", one.metadata.namespace, one.metadata.name): one for one in sets}
    world = replace(
        make_world(**prometheus),
        lookup=known.get,
        listing=lambda kind, namespace: [key for key in known if (key.kind, key.namespace) == (kind, namespace)],
    )
    return KINDS["SLO"](slo, world)


def reasons(outcome: Compiled) -> list[tuple[Reason, str]]:
    return [(one.reason, one.path) for one in outcome.findings]


def text_of(slo: SLO, *sets: MetricSet, **prometheus: Any) -> str:
    return rule_text(rules_of(beside(slo, *sets, **prometheus)), key_of(slo))


def test_availability_is_the_share_of_time_that_a_probe_succeeds(promtool: Promtool, tmp_path: Path) -> None:
    day = steps(hours=6)
    lead = [1] * LEAD_IN
    up, down = [1] * day, [1] * (day - 12) + [0] * 6 + [1] * 6
    scenarios = [
        Scenario(
            "two places, one of them down for half an hour",
            {
                SERIES % "eu": [*lead, *up],
                SERIES % "us": [*lead, *down],
                SERIES.replace('probe="home"', 'probe="home",item="db"') % "eu": [0] * (day + LEAD_IN),
                SERIES.replace("shop/web", "mail/web") % "eu": [0] * (day + LEAD_IN),
            },
            (
                Expect.near(day - 1, "slo:period_error:ratio", 6 / (2 * (day + LEAD_IN - 2)), 1e-3),
                Expect.near(day - 8, "slo:sli_error:ratio_rate5m", 0.5),
                Expect.near(day - 1, "slo:sli_error:ratio_rate5m", 0),
            ),
        ),
        Scenario(
            "nobody probes: no data, which is not good",
            {SERIES % "eu": [*lead, *up, *["_"] * 12]},
            (Expect.near(day - 1, "slo:period_error:ratio", 0), Expect.nothing(day + 9, "slo:sli_error:ratio_rate5m")),
        ),
    ]
    text = text_of(make_slo(indicator=PROBE), web(), **CLOCKS)
    assert_holds(promtool, tmp_path, [text], scenarios)
    gauge = {"availability": {"gauge": 'probe_success{job="shop/web/home",item=""}'}}
    assert text_of(make_slo(indicator=gauge), web(), **CLOCKS) == text


def test_each_place_may_have_a_budget_of_its_own(promtool: Promtool, tmp_path: Path) -> None:
    day = steps(hours=6)
    text = text_of(make_slo(indicator=PROBE, groupBy=["region"]), web(), **CLOCKS)
    scenario = Scenario(
        "us is down",
        {SERIES % "eu": [1] * (day + LEAD_IN), SERIES % "us": [0] * (day + LEAD_IN)},
        (
            Expect.near(day, 'slo:sli_error:ratio_rate1h{region="eu"}', 0),
            Expect.near(day, 'slo:sli_error:ratio_rate1h{region="us"}', 1),
            Expect.firing(day, {"severity": "critical", "region": "us"}),
        ),
    )
    assert_holds(promtool, tmp_path, [text], [scenario])


@pytest.mark.parametrize(
    ("sets", "path"),
    [
        ((), "spec.indicator.availability.probe.metricSet"),
        ((web(probes=[{"name": "other", "url": "https://shop.example"}]),), "spec.indicator.availability.probe.name"),
        ((web(),), None),
    ],
)
def test_a_probe_that_is_not_there_is_told_and_waited_for(sets: tuple[MetricSet, ...], path: str | None) -> None:
    outcome = beside(make_slo(indicator=PROBE), *sets)
    assert outcome.intents
    assert reasons(outcome) == ([] if path is None else [(Reason.UNKNOWN_REFERENCE, path)])


def test_what_an_slo_reads_is_checked_against_what_is_declared() -> None:
    declared = web(metrics=[{"name": "requests_total", "type": "counter", "labelNames": ["code"]}])
    errors = {"ratio": {"errors": 'request_total{code="500"}', "total": 'requests_total{status="200"}'}}
    assert reasons(beside(make_slo(indicator=errors, groupBy=["zone", "pod"]), declared)) == [
        (Reason.UNKNOWN_LABEL, "spec.groupBy"),
        (Reason.UNKNOWN_METRIC, "spec.indicator.ratio.errors"),
        (Reason.UNKNOWN_LABEL, "spec.indicator.ratio.total"),
    ]
    assert reasons(beside(make_slo(indicator=errors, groupBy=["zone"]), web())) == []
    assert reasons(beside(make_slo(), declared)) == []


def test_how_a_histogram_is_stored_comes_from_its_declaration() -> None:
    seconds = {"name": "request_seconds", "type": "histogram"}
    latency = {"latency": {"histogram": "request_seconds", "below": "300ms"}}
    slo = make_slo(indicator=latency)
    native = web(metrics=[{**seconds, "histogramType": "native"}])
    assert "histogram_fraction" in text_of(slo, native)
    assert "request_seconds_bucket" in text_of(slo, web(metrics=[seconds]))
    assert "request_seconds_bucket" in text_of(slo)
    told = make_slo(indicator={"latency": {**latency["latency"], "histogramType": "classic"}})
    assert "request_seconds_bucket" in text_of(told, native)


def test_a_limit_that_is_no_bucket_is_told() -> None:
    buckets = {"name": "request_seconds", "type": "histogram", "buckets": ["0.1", "0.3"]}
    good, bad = ({"latency": {"histogram": "request_seconds", "below": one}} for one in ("300ms", "200ms"))
    assert reasons(beside(make_slo(indicator=good), web(metrics=[buckets]))) == []
    (finding,) = beside(make_slo(indicator=bad), web(metrics=[buckets])).findings
    assert (finding.reason, finding.path) == (Reason.UNKNOWN_BUCKET, "spec.indicator.latency.below")
    assert "0.1, 0.3" in finding.fix


def test_a_change_of_a_metric_set_concerns_those_that_read_it() -> None:
    world = make_world()
    KINDS["SLO"](make_slo(indicator=PROBE), world)
    assert Key("MetricSet", "shop", "web") in world.reads
