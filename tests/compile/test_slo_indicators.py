"""The indicators that count time, windows of SQL or free expressions: what is refused, warned of, and what the rules do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from binnacle.api.findings import Severity
from binnacle.api.reasons import Reason
from binnacle.api.values import Duration
from compile.building import compiled, make_slo, slo_rule_text
from compile.rule_tests import CLOCKS, LEAD_IN, Expect, Promtool, Scenario, assert_holds, counter, steps
from compile.test_metricset_slo import beside, reasons, web
from compile.test_slo_meaning import SANE

pytestmark = pytest.mark.thorough

THRESHOLD = {"threshold": {"gauge": "queue_oldest_seconds", "below": "60s"}}
FRESHNESS = {"freshness": {"timestamp": "last_success_seconds", "maxAge": "1h"}}
WINDOWED = {"windowed": {"errors": "sql_failed", "total": "sql_orders", "every": "1d"}}
EXPRESSION = {"expression": {"errorRatio": "sum by (region) (rate(a[$window])) / sum by (region) (rate(b[$window]))"}}

LONG_AGO = -1e6
"""A timestamp before 1970, because promtool's clock begins there."""


def changed(indicator: dict[str, Any], **fields: Any) -> dict[str, Any]:
    ((member, given),) = indicator.items()
    return {member: {**given, **fields}}


@pytest.mark.parametrize(
    ("indicator", "path", "reason"),
    [
        (changed(THRESHOLD, gauge="a{"), "threshold.gauge", Reason.PROMQL_SYNTAX),
        (changed(THRESHOLD, gauge="max(a)"), "threshold.gauge", Reason.NOT_A_SELECTOR),
        (changed(THRESHOLD, below="512Mi"), "threshold.below", Reason.WRONG_UNIT),
        (changed(THRESHOLD, gauge="free_ratio", below=20), "threshold.below", Reason.WRONG_UNIT),
        (changed(FRESHNESS, timestamp="time() - a"), "freshness.timestamp", Reason.NOT_A_SELECTOR),
        (changed(FRESHNESS, timestamp="size_bytes"), "freshness.timestamp", Reason.WRONG_UNIT),
        (changed(WINDOWED, errors="increase(a[1d])"), "windowed.errors", Reason.NOT_A_SELECTOR),
        (changed(WINDOWED, total="sum(a)"), "windowed.total", Reason.NOT_A_SELECTOR),
        (changed(EXPRESSION, errorRatio="rate(a[$window]"), "expression.errorRatio", Reason.PROMQL_SYNTAX),
        (changed(EXPRESSION, errorRatio="rate(a[5m])"), "expression.errorRatio", Reason.INVALID_VALUE),
        (changed(EXPRESSION, errorRatio="a[$window]"), "expression.errorRatio", Reason.INVALID_VALUE),
        (changed(EXPRESSION, errorRatio="rate(a[$__rate_interval])"), "expression.errorRatio", Reason.PROMQL_SYNTAX),
        (changed(EXPRESSION, errorRatio="rate(a[$window]) / $window"), "expression.errorRatio", Reason.PROMQL_SYNTAX),
        (changed(EXPRESSION, errorRatio="mad_over_time(a[$window])"), "expression.errorRatio", Reason.NOT_SUPPORTED),
    ],
)
def test_what_cannot_be_counted_is_refused(indicator: Any, path: str, reason: Reason) -> None:
    outcome = compiled(make_slo(indicator=indicator))
    assert outcome.intents == ()
    (finding,) = outcome.findings
    assert (finding.severity, finding.path, finding.reason) == (Severity.ERROR, f"spec.indicator.{path}", reason)
    assert finding.message
    assert finding.fix or reason is Reason.PROMQL_SYNTAX


@pytest.mark.parametrize(
    "indicator",
    [
        changed(EXPRESSION, errorRatio="sum(rate(a[$window])) / sum(rate(b[$window]))"),
        changed(THRESHOLD, gauge='queue_oldest_seconds{region=""}'),
        changed(WINDOWED, errors='sql_failed{region=""}'),
    ],
)
def test_groups_that_cannot_be_told_apart_are_refused(indicator: Any) -> None:
    outcome = compiled(make_slo(indicator=indicator, groupBy=["region"]))
    assert outcome.intents == ()
    assert [one.path for one in outcome.findings if one.reason is Reason.LABEL_NOT_AVAILABLE] == ["spec.groupBy"]


def test_an_expression_says_that_it_is_not_weighted() -> None:
    outcome = compiled(make_slo(indicator=EXPRESSION))
    assert outcome.intents
    assert [(one.severity, one.reason) for one in outcome.findings] == [(Severity.INFO, Reason.NOT_REQUEST_WEIGHTED)]


@pytest.mark.parametrize(
    ("indicator", "wanted"),
    [
        (THRESHOLD, [(Reason.UNKNOWN_METRIC, "threshold.gauge")]),
        (changed(THRESHOLD, gauge='depth{zone="a"}'), [(Reason.UNKNOWN_LABEL, "threshold.gauge")]),
        (changed(THRESHOLD, gauge="requests_total"), [(Reason.WRONG_METRIC_TYPE, "threshold.gauge")]),
        (FRESHNESS, [(Reason.UNKNOWN_METRIC, "freshness.timestamp")]),
        (
            changed(WINDOWED, total="depth"),
            [(Reason.UNKNOWN_METRIC, "windowed.errors")],
        ),
        (
            {"expression": {"errorRatio": 'sum(rate(requests_total{zone="a"}[$window])) / sum(rate(b[$window]))'}},
            [
                (Reason.NOT_REQUEST_WEIGHTED, "expression.errorRatio"),
                (Reason.UNKNOWN_METRIC, "expression.errorRatio"),
                (Reason.UNKNOWN_LABEL, "expression.errorRatio"),
            ],
        ),
        (
            {"ratio": {"errors": "depth", "total": "requests_total"}},
            [(Reason.WRONG_METRIC_TYPE, "ratio.errors")],
        ),
    ],
)
def test_what_nobody_declares_is_told(indicator: Any, wanted: list[tuple[Reason, str]]) -> None:
    declared = web(
        metrics=[
            {"name": "requests_total", "type": "counter", "labelNames": ["code"]},
            {"name": "depth", "type": "gauge", "labelNames": ["queue"]},
        ]
    )
    outcome = beside(make_slo(indicator=indicator), declared)
    assert outcome.intents
    found = sorted(reasons(outcome))
    assert found == sorted((reason, f"spec.indicator.{path}") for reason, path in wanted)


def shape(*parts: tuple[float | str, int]) -> list[float | str]:
    """Samples of a gauge: each value so many times, the first also for the lead-in."""
    return [parts[0][0]] * LEAD_IN + [value for value, times in parts for _ in range(times)]


def scenarios() -> list[tuple[dict[str, Any], list[Scenario]]]:
    hours = steps(hours=4)
    end = 2 * hours + 30
    ratio = "slo:sli_error:ratio_rate5m"
    late = "absent(slo:sli_error:ratio_rate5m)"
    gauge = "queue_oldest_seconds"

    def age(minutes: float, number: int) -> list[float]:
        """A timestamp that is always so many minutes ago."""
        return [max(0.0, (at * 5 - minutes) * 60) for at in range(number + LEAD_IN)]

    return [
        (
            THRESHOLD,
            [
                Scenario(
                    "above, at and below the limit, not a number, gone",
                    {f'{gauge}{{q="a"}}': shape((59, hours), (60, hours), ("NaN", 10), ("_", 20))},
                    (
                        Expect.near(hours - 1, ratio, 0),
                        Expect.near(2 * hours - 1, ratio, 1),
                        Expect.near(2 * hours + 8, ratio, 1),
                        Expect.near(end - 1, "slo:period_error:ratio", 58 / 109, 0.02),
                        Expect.one(end - 1, late, 1),
                        *(Expect.one(at, SANE, 1) for at in (hours, 2 * hours + 5, end)),
                    ),
                ),
                Scenario(
                    "each series counts for itself",
                    {f'{gauge}{{q="a"}}': shape((1, hours)), f'{gauge}{{q="b"}}': shape((61, hours))},
                    (Expect.near(hours - 1, "slo:period_error:ratio", 0.5),),
                ),
            ],
        ),
        (
            {"threshold": {"gauge": gauge, "above": "60s"}},
            [
                Scenario(
                    "the other side",
                    {gauge: shape((61, hours), (60, hours))},
                    (Expect.near(hours - 1, ratio, 0), Expect.near(2 * hours - 1, ratio, 1)),
                )
            ],
        ),
        (
            FRESHNESS,
            [
                Scenario("fresh", {"last_success_seconds": age(55, hours)}, (Expect.near(hours - 1, ratio, 0),)),
                Scenario("old", {"last_success_seconds": age(65, hours)}, (Expect.near(hours - 1, ratio, 1),)),
                Scenario(
                    "never yet, gone, not a number",
                    {"last_success_seconds": shape((LONG_AGO, hours), ("NaN", hours), ("_", 30))},
                    (
                        Expect.near(hours - 1, ratio, 1),
                        Expect.near(2 * hours - 1, ratio, 1),
                        Expect.one(end - 1, late, 1),
                        Expect.one(2 * hours, SANE, 1),
                    ),
                ),
            ],
        ),
        (
            changed(FRESHNESS, timestamp="last_success_ms"),
            [
                Scenario(
                    "in milliseconds",
                    {
                        'last_success_ms{job="a"}': [seconds * 1000 for seconds in age(55, hours)],
                        'last_success_ms{job="b"}': [seconds * 1000 for seconds in age(65, hours)],
                    },
                    (Expect.near(hours - 1, ratio, 0.5),),
                )
            ],
        ),
        (
            WINDOWED,
            [
                Scenario(
                    "weighted by what is counted",
                    {"sql_orders": shape((1000, hours), (10, hours)), "sql_failed": shape((1, hours), (1, hours))},
                    (
                        Expect.near(hours - 1, ratio, 0.001),
                        Expect.near(2 * hours - 1, ratio, 0.1),
                        Expect.near(2 * hours - 1, "slo:period_error:ratio", 99 / 51_480, 1e-4),
                    ),
                ),
                Scenario(
                    "no failed orders have no series, no orders are no data, nonsense counts for nothing",
                    {
                        "sql_orders": shape((1000, hours), (0, 10), ("NaN", 10), ("Inf", 10), ("-5", 10)),
                        "sql_failed": shape(("_", hours), ("NaN", 40)),
                    },
                    (
                        Expect.near(hours - 1, ratio, 0),
                        *(Expect.one(hours + at, late, 1) for at in (8, 18, 28, 38)),
                        *(Expect.one(hours + at, SANE, 1) for at in (8, 18, 28, 38)),
                        Expect.near(hours + 38, "slo:period_error:ratio", 0),
                    ),
                ),
            ],
        ),
        (
            EXPRESSION,
            [
                Scenario(
                    "moments weigh alike, idle is no data",
                    {
                        'a{region="eu"}': counter([100.0] * hours + [0.1] * hours + [0.0] * 30),
                        'b{region="eu"}': counter([1000.0] * hours + [10.0] * hours + [0.0] * 30),
                    },
                    (
                        Expect.near(hours - 1, ratio, 0.1),
                        Expect.near(2 * hours - 1, ratio, 0.01, 1e-6),
                        Expect.near(2 * hours - 1, "slo:period_error:ratio", 0.055, 2e-3),
                        Expect.one(end - 1, late, 1),
                        Expect.one(end, SANE, 1),
                    ),
                ),
                Scenario(
                    "more errors than events are all of them, errors without events too",
                    {
                        'a{region="eu"}': counter([20.0] * hours + [1.0] * hours),
                        'b{region="eu"}': counter([10.0] * hours + [0.0] * hours),
                    },
                    (
                        Expect.near(hours - 1, ratio, 1),
                        Expect.near(2 * hours - 1, ratio, 1),
                        Expect.one(2 * hours - 1, SANE, 1),
                    ),
                ),
            ],
        ),
        (
            {"availability": {"gauge": "up_ish"}},
            [
                Scenario(
                    "what is not a number is not up",
                    {"up_ish": shape((1, hours), ("NaN", 12), (1, 12))},
                    (Expect.near(hours + 10, ratio, 1), Expect.one(hours + 20, SANE, 1)),
                )
            ],
        ),
    ]


def test_each_indicator_counts_what_it_says(promtool: Promtool, tmp_path: Path) -> None:
    for number, (indicator, held) in enumerate(scenarios()):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert_holds(promtool, folder, [slo_rule_text(make_slo(indicator=indicator), **CLOCKS)], held)


def test_an_expression_of_an_idle_service_is_not_missing(promtool: Promtool, tmp_path: Path) -> None:
    """The share of no traffic is not a number; that of series that are gone is not there."""
    hours = steps(hours=2)
    slo = make_slo(indicator=EXPRESSION, groupBy=["region"], alerting={"burnRates": [], "noData": {"action": "Alert"}})
    idle, gone = 'region="idle"', 'region="gone"'
    series = {
        f"a{{{idle}}}": counter([5.0] * hours + [0.0] * hours),
        f"b{{{idle}}}": counter([10.0] * hours + [0.0] * hours),
        f"a{{{gone}}}": [*counter([5.0] * hours), *["_"] * hours],
        f"b{{{gone}}}": [*counter([10.0] * hours), *["_"] * hours],
    }
    current = 'slo:sli_error:ratio_rate5m{region="idle"}'
    expected = (
        Expect.firing(hours),
        Expect.near(hours, current, 0.5),
        Expect.firing(2 * hours, {"region": "gone", "severity": "warning"}),
        Expect.nothing(2 * hours, current),
        Expect.near(2 * hours, 'slo:period_error:ratio{region="idle"}', 0.5),
        Expect.one(2 * hours, SANE, 1),
    )
    assert_holds(promtool, tmp_path, [slo_rule_text(slo, **CLOCKS)], [Scenario("idle and gone", series, expected)])


def test_alerts_look_at_nothing_shorter_than_what_a_window_of_sql_counts() -> None:
    derived = compiled(make_slo(indicator=WINDOWED)).facts["alerts"]
    assert derived
    day = Duration.parse("1d")
    assert all(Duration.parse(one["long"]) >= day for one in derived)
    assert all(Duration.parse(one["worstCaseDetection"]) > day for one in derived)
    fast = {"name": "fast", "severity": "critical", "budget": "2%", "long": "1h", "short": "5m"}
    outcome = compiled(make_slo(indicator=WINDOWED, objective="99%", alerting={"burnRates": [fast]}))
    # 2% in a day are less than what is allowed: it fires at no less than a burn rate of 1.
    assert [(one["long"], one["factor"]) for one in outcome.facts["alerts"]] == [("1d", "1")]
    (finding,) = outcome.findings
    assert (finding.reason, finding.path) == (Reason.WINDOW_TOO_SHORT, "spec.alerting.burnRates[fast].long")


def test_groups_of_every_indicator_have_their_own_budget(promtool: Promtool, tmp_path: Path) -> None:
    hours = steps(hours=2)
    bad, good = 'region="bad"', 'region="good"'
    series = {
        f"queue_oldest_seconds{{{bad}}}": shape((99, hours)),
        f"queue_oldest_seconds{{{good}}}": shape((9, hours)),
        f"last_success_seconds{{{bad}}}": shape((LONG_AGO, hours)),
        f"last_success_seconds{{{good}}}": shape((1e9, hours)),
        f"sql_failed{{{bad}}}": shape((5, hours)),
        f"sql_orders{{{bad}}}": shape((5, hours)),
        f"sql_orders{{{good}}}": shape((50, hours)),
        f"a{{{bad}}}": counter([5.0] * hours),
        f"a{{{good}}}": counter([0.0] * hours),
        f"b{{{bad}}}": counter([5.0] * hours),
        f"b{{{good}}}": counter([5.0] * hours),
    }
    shares = {(("region", "bad"),): 1.0, (("region", "good"),): 0.0}
    for number, indicator in enumerate((THRESHOLD, FRESHNESS, WINDOWED, EXPRESSION)):
        folder = tmp_path / str(number)
        folder.mkdir()
        scenario = Scenario(
            "groups",
            series,
            (
                Expect(hours, "sum by (region) (slo:period_error:ratio)", shares),
                Expect.firing(hours, {"region": "bad", "severity": "critical"}),
            ),
        )
        slo = make_slo(indicator=indicator, groupBy=["region"])
        assert_holds(promtool, folder, [slo_rule_text(slo, **CLOCKS)], [scenario])
