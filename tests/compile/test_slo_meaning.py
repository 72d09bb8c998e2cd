"""What the rules of an SLO do, by promtool on both lines: shares of errors for shapes of traffic, and alerts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from binnacle.api.slo import SLO
from binnacle.api.values import Duration
from binnacle.intent.rules import RuleSet
from binnacle.promql.nodes import Binary, Node, Number, Range, map_nodes
from compile.building import compiled, key_of, make_slo, rule_text, rules_of, slo_rule_text
from compile.rule_tests import (
    CLOCKS,
    AlertExpect,
    Expect,
    Promtool,
    Scenario,
    assert_holds,
    counter,
    run,
    steps,
)
from servers.errors import ServerMissingError
from servers.prometheus import PrometheusLine
from servers.skips import unavailable

pytestmark = pytest.mark.thorough

ERRORS = 'requests_total{code="500"}'
FINE = 'requests_total{code="200"}'
SANE = "count({__name__=~'slo:.+'}) == bool count(({__name__=~'slo:.+'} > -Inf) < Inf)"
"""1 where no recorded series is NaN or infinite."""


def traffic(errors: list[float], fine: list[float], **more: list[float]) -> dict[str, list[float]]:
    return {ERRORS: counter(errors), FINE: counter(fine)}


def sli_scenarios() -> list[Scenario]:
    day, quiet = steps(hours=7), [0.0] * 4
    outage = [0.0] * day + [0.0] * 30 + [100.0] * 3 + [0.0] * (day - 33) + quiet
    busy = [10_000.0] * day + [100.0] * 30 + [0.0] * 3 + [100.0] * (day - 33) + quiet
    end = len(outage)
    hours = steps(hours=3)
    idle = [100.0] * hours + [0.0] * hours + [100.0] * hours + quiet
    return [
        Scenario(
            "steady",
            traffic([1.0] * day + quiet, [99.0] * day + quiet),
            (
                Expect.near(day + 4, "slo:period_error:ratio", 0.01),
                Expect.near(day + 4, "slo:period_error_budget_remaining:ratio", -9),
                Expect.near(day, "slo:sli_error:ratio_rate5m", 0.01),
                Expect.near(day, "slo:sli_error:ratio_rate30m", 0.01),
                Expect.near(day, "slo:sli_error:ratio_rate1h", 0.01),
                Expect.near(day, "slo:sli_error:ratio_rate6h", 0.01),
                Expect.near(day, "slo:current_burn_rate:ratio", 10),
                Expect.near(day, "slo:objective:ratio", 0.999),
                Expect.near(day, "slo:time_period:days", 30),
            ),
        ),
        Scenario(
            "an outage in the quiet half weighs by its requests",
            traffic(outage, busy),
            (Expect.near(end, "slo:period_error:ratio", 300 / (10_000 * day + 100 * day)),),
        ),
        Scenario(
            "idle hours are no data, not NaN, and not good",
            traffic([0.0] * len(idle), idle),
            (
                *(Expect.one(at, SANE, 1) for at in (hours, hours + 2, hours + 20, 2 * hours + 1, len(idle))),
                Expect.nothing(hours + 20, "slo:sli_error:ratio_rate5m"),
                Expect.nothing(hours + 20, "slo:sli_error:ratio_rate1h"),
                Expect.nothing(hours + 20, "slo:current_burn_rate:ratio"),
                Expect.near(hours + 20, "slo:period_error:ratio", 0),
                Expect.near(hours + 20, "slo:period_error_budget_remaining:ratio", 1),
            ),
        ),
        Scenario(
            "never any traffic",
            traffic([0.0] * hours, [0.0] * hours),
            (Expect.one(hours, SANE, 1), Expect.nothing(hours, "slo:period_error:ratio")),
        ),
        Scenario(
            "a restart of the counters loses and invents nothing",
            {
                ERRORS: counter([2.0] * day + quiet, resets=[day // 2]),
                FINE: counter([98.0] * day + quiet, resets=[day // 2]),
            },
            (Expect.near(day + 4, "slo:period_error:ratio", 0.02),),
        ),
        Scenario(
            "no error was ever counted",
            {FINE: counter([100.0] * day)},
            (
                Expect.near(day, "slo:period_error:ratio", 0),
                Expect.near(day, "slo:sli_error:ratio_rate5m", 0),
                Expect.near(day, "slo:sli_error:ratio_rate1h", 0),
                Expect.firing(day),
            ),
        ),
        Scenario(
            "the error series appears late, at zero",
            {
                FINE: counter([99.0] * day + quiet),
                ERRORS: ["_"] * (day // 2) + counter([1.0] * (day // 2) + quiet, start=0),
            },
            (Expect.near(day + 4, "slo:period_error:ratio", (day // 2) / (99 * day + day // 2), 1e-4),),
        ),
        Scenario(
            "the service is gone: nothing new is recorded, the period keeps what was",
            {FINE: counter([99.0] * hours), ERRORS: counter([1.0] * hours)},
            (
                Expect.nothing(hours + 20, "slo:sli_error:ratio_rate5m"),
                Expect.near(hours + 20, "slo:period_error:ratio", 0.01),
            ),
        ),
    ]


def test_share_of_errors(promtool: Promtool, tmp_path: Path) -> None:
    assert_holds(promtool, tmp_path, [slo_rule_text(make_slo(), **CLOCKS)], sli_scenarios())


def test_good_instead_of_errors(promtool: Promtool, tmp_path: Path) -> None:
    slo = make_slo(indicator={"ratio": {"good": 'requests_total{code!~"5.."}', "total": "requests_total"}})
    day, quiet = steps(hours=2), [0.0] * 4
    assert_holds(promtool, tmp_path, [slo_rule_text(slo, **CLOCKS)], sli_scenarios()[:3])
    assert_holds(
        promtool,
        tmp_path,
        [slo_rule_text(slo, **CLOCKS)],
        [
            Scenario(
                "nothing good was ever counted",
                {ERRORS: counter([10.0] * day + quiet)},
                (Expect.near(day, "slo:period_error:ratio", 1),),
            ),
        ],
    )
    apart = make_slo(indicator={"ratio": {"good": "good_total", "total": "all_total"}})
    assert_holds(
        promtool,
        tmp_path,
        [slo_rule_text(apart, **CLOCKS)],
        [
            Scenario(
                "more good events than events is no negative error",
                {"good_total": counter([101.0] * day + quiet), "all_total": counter([100.0] * day + quiet)},
                (Expect.near(day, "slo:period_error:ratio", 0), Expect.near(day, "slo:sli_error:ratio_rate1h", 0)),
            )
        ],
    )


@pytest.mark.parametrize(("below", "spelling"), [("1s", "1"), ("1s", "1.0"), ("300ms", "0.3"), ("2500ms", "2.5")])
def test_classic_latency(promtool: Promtool, tmp_path: Path, below: str, spelling: str) -> None:
    slo = make_slo(indicator={"latency": {"histogram": 'seconds{job="a"}', "below": below}})
    day, quiet = steps(hours=2), [0.0] * 4
    series = {
        f'seconds_bucket{{job="a",le="{spelling}"}}': counter([95.0] * day + quiet),
        'seconds_bucket{job="a",le="11"}': counter([100.0] * day + quiet),
        'seconds_bucket{job="a",le="+Inf"}': counter([100.0] * day + quiet),
        'seconds_count{job="a"}': counter([100.0] * day + quiet),
        'seconds_count{job="b"}': counter([5000.0] * day + quiet),
    }
    scenario = Scenario("latency", series, (Expect.near(day + 4, "slo:period_error:ratio", 0.05),))
    assert_holds(promtool, tmp_path, [slo_rule_text(slo, **CLOCKS)], [scenario])


def test_native_latency(tmp_path: Path) -> None:
    """On 3.x only: promtool 2.42 has no notation for native histograms."""
    slo = make_slo(indicator={"latency": {"histogram": "seconds", "below": "1s", "histogramType": "native"}})
    # Schema 0: the buckets end at 1 and at 2, so one of ten is slower than a second.
    first = "{{schema:0 sum:10 count:10 buckets:[9 1]}}"
    series = {"seconds": [f"{first}+{first}x40", "{{schema:0 sum:410 count:410 buckets:[369 41]}}x20"]}
    scenario = Scenario(
        "native",
        series,
        (
            Expect.near(30, "slo:sli_error:ratio_rate5m", 0.1, 1e-6),
            Expect.near(50, "slo:period_error:ratio", 0.1, 1e-6),
            Expect.one(55, SANE, 1),
            Expect.nothing(55, "slo:sli_error:ratio_rate5m"),
        ),
    )
    assert_holds(line_3(), tmp_path, [slo_rule_text(slo, **CLOCKS)], [scenario])


def test_groups_are_kept_apart(promtool: Promtool, tmp_path: Path) -> None:
    day = steps(hours=2)
    series = {
        'requests_total{code="200",region="eu"}': counter([95.0] * day),
        'requests_total{code="500",region="eu"}': counter([5.0] * day),
        'requests_total{code="200",region="us",pod="a"}': counter([500.0] * day),
        'requests_total{code="200",region="us",pod="b"}': counter([500.0] * day),
    }
    scenario = Scenario(
        "groups",
        series,
        (
            Expect(
                day,
                "round(sum by (region) (slo:period_error:ratio), 1e-6)",
                {(("region", "eu"),): 0.05, (("region", "us"),): 0},
            ),
            Expect.firing(day, {"severity": "critical", "region": "eu"}),
        ),
    )
    assert_holds(promtool, tmp_path, [slo_rule_text(make_slo(groupBy=["region"]), **CLOCKS)], [scenario])


def test_namespaces_share_nothing(promtool: Promtool, tmp_path: Path) -> None:
    day = steps(hours=2)
    one = make_slo(namespace="one", indicator={"ratio": {"errors": "a_bad_total", "total": "a_total"}})
    two = make_slo(namespace="two", indicator={"ratio": {"errors": "b_bad_total", "total": "b_total"}})
    series = {
        "a_bad_total": counter([5.0] * day),
        "a_total": counter([100.0] * day),
        "b_bad_total": counter([0.0] * day),
        "b_total": counter([100.0] * day),
    }
    scenario = Scenario(
        "namespaces",
        series,
        (
            Expect(
                day,
                "round(sum by (slo_namespace) (slo:period_error:ratio), 1e-6)",
                {(("slo_namespace", "one"),): 0.05, (("slo_namespace", "two"),): 0},
            ),
            Expect.firing(day, {"severity": "critical", "binnacle_namespace": "one"}),
        ),
    )
    assert_holds(promtool, tmp_path, [slo_rule_text(slo, **CLOCKS) for slo in (one, two)], [scenario])


def alert_scenarios() -> list[Scenario]:
    """99.9% over 30 days: what fires when."""
    hour, half = steps(hours=1), steps(hours=12)

    def share(failing: float, length: int) -> tuple[list[float], list[float]]:
        return [1000.0 * failing] * length, [1000.0 * (1 - failing)] * length

    calm, outage, after = share(0, half), share(1, steps(minutes=10)), share(0, 11 * hour)
    total = [a + b + c for a, b, c in zip(calm, outage, after, strict=True)]
    fast = [a + b for a, b in zip(calm, share(0.02, hour), strict=True)]
    return [
        Scenario(
            "a total outage pages at once, and its alerts end one after the other",
            traffic(*total),
            (
                Expect.firing(half),
                Expect.firing(half + 1, "critical"),
                Expect.firing(half + 2 * hour, "warning"),
                Expect.firing(len(total[0])),
            ),
        ),
        Scenario(
            "twenty times the allowed rate pages within the hour and not at once",
            traffic(*fast),
            (Expect.firing(half + 6), Expect.firing(half + hour, "critical")),
        ),
        Scenario(
            "a slow burn is a ticket and no page",
            traffic(*share(0.004, 3 * hour)),
            (Expect.firing(3 * hour, "warning"),),
        ),
        Scenario("what the objective allows is silent", traffic(*share(0.0009, 3 * hour)), (Expect.firing(3 * hour),)),
    ]


def test_alerts(promtool: Promtool, tmp_path: Path) -> None:
    assert_holds(promtool, tmp_path, [slo_rule_text(make_slo(), **CLOCKS)], alert_scenarios())


PAIRS = {
    "fast": {"severity": "critical", "budget": "2%", "long": "1h", "short": "5m"},
    "medium": {"severity": "critical", "budget": "5%", "long": "6h", "short": "30m"},
    "slow": {"severity": "warning", "budget": "10%", "long": "1d", "short": "2h"},
    "trend": {"severity": "warning", "budget": "10%", "long": "3d", "short": "6h"},
}
THRESHOLDS = {"fast": 0.0144, "medium": 0.006, "slow": 0.003, "trend": 0.001}


def single(pair: str) -> SLO:
    """An SLO with one budget for each region and this burn alert alone."""
    return make_slo(pair, groupBy=["region"], alerting={"burnRates": [{"name": pair, **PAIRS[pair]}]})


def threshold_scenario() -> Scenario:
    """Regions that fail a little more and a little less than each pair allows; a constant share looks alike over all windows."""
    length = steps(hours=2)
    shares = {
        f"{name}-{side}": limit * by
        for name, limit in THRESHOLDS.items()
        for side, by in (("over", 1.03), ("under", 0.97))
    }
    series = {}
    for region, failing in shares.items():
        series[f'requests_total{{code="500",region="{region}"}}'] = counter([100_000 * failing] * length)
        series[f'requests_total{{code="200",region="{region}"}}'] = counter([100_000 * (1 - failing)] * length)
    fire = [
        {"severity": str(PAIRS[pair]["severity"]), "slo": pair, "region": region}
        for pair, limit in THRESHOLDS.items()
        for region, failing in shares.items()
        if failing > limit
    ]
    return Scenario("thresholds", series, (Expect.firing(length, *fire),))


def test_each_pair_fires_just_above_its_threshold_and_not_below(promtool: Promtool, tmp_path: Path) -> None:
    assert_holds(promtool, tmp_path, [slo_rule_text(single(pair), **CLOCKS) for pair in PAIRS], [threshold_scenario()])


SPANS = {"5m": 1, "30m": 6, "1h": 12, "2h": 24, "6h": 72, "1d": 288}


def pulse_scenario(spans: dict[str, int]) -> Scenario:
    """One step fails altogether: every window shows it for as long as the window is, by its share of the window."""
    before, after = max(spans.values()), max(spans.values()) + 2
    errors = [0.0] * before + [100.0] + [0.0] * after
    expects = []
    for window, span in spans.items():
        ratio = f"slo:sli_error:ratio_rate{window}"
        expects += [
            Expect.near(before, ratio, 0),
            Expect.near(before + 1, ratio, 1 / span),
            Expect.near(before + span, ratio, 1 / span),
            Expect.near(before + span + 1, ratio, 0),
        ]
    return Scenario("pulse", traffic(errors, [100.0 - amount for amount in errors]), tuple(expects))


def test_windows_are_as_long_as_they_say(tmp_path: Path) -> None:
    """On 3.x: there a range of two scrapes that fall on the evaluation is exactly one step."""
    rules = slo_rule_text(make_slo(), **CLOCKS)
    assert_holds(line_3(), tmp_path, [rules], [pulse_scenario(SPANS)])


WINDOWS = ("1d", "2d", "3d", "7d", "14d", "28d", "30d", "90d", "25h", "366d")


@pytest.mark.parametrize("objective", ["50%", "90%", "99.9%"])
def test_every_window_pages(promtool: Promtool, tmp_path: Path, objective: str) -> None:
    calm, outage = steps(hours=1), steps(minutes=80)
    budget = 1 - float(objective.removesuffix("%")) / 100
    bad = [1000 * budget * 0.9] * calm + [1000.0] * outage
    names = [{"severity": "critical", "slo": f"over-{window}"} for window in WINDOWS]
    everything = "count by (severity, slo) (ALERTS{severity='critical'})"
    pages = {tuple(sorted(name.items())): 1.0 for name in names}
    scenario = Scenario(
        "outage",
        traffic(bad, [1000 - amount for amount in bad]),
        (Expect.firing(calm), Expect(calm + outage, everything, pages)),
    )
    slos = [make_slo(f"over-{window}", window={"rolling": window}, objective=objective) for window in WINDOWS]
    assert_holds(promtool, tmp_path, [slo_rule_text(slo, **CLOCKS) for slo in slos], [scenario])


def test_texts_of_users_are_shown_as_written(promtool: Promtool, tmp_path: Path) -> None:
    hostile = "{{ $x }} {{/* \"` %d {{{ }} \\n ' \u2028 end {"
    slo = make_slo(
        description=hostile,
        owner="team a",
        annotations={"note": hostile, "where": "{{ $labels.region }}!{", "much": "{{ $value | humanizePercentage }}"},
        groupBy=["region"],
        labels={"team": "a'b\"c"},
        environment="live",
        alerting={
            "burnRates": [{"name": "fast", "severity": "critical", "budget": "2%", "long": "1h", "short": "5m"}],
            "runbook": {"url": "https://runbooks.example/a%20b?q=1"},
        },
    )
    alert = AlertExpect(
        step=steps(hours=2),
        name="SLOErrorBudgetBurn",
        labels={
            "severity": "critical",
            "region": 'e"u',
            "team": "a'b\"c",
            "environment": "live",
            "slo": "avail",
            "slo_namespace": "shop",
            "slo_service": "checkout",
            "binnacle_kind": "SLO",
            "binnacle_namespace": "shop",
            "binnacle_name": "avail",
        },
        annotations={
            "summary": 'checkout: SLO shop/avail region=e"u burns its error budget',
            "description": f"{hostile}. The objective is 99.9% over 30d.",
            "burning": "100% failing over 1h and 100% over 5m (limit of both: 1.44%, 14.4 times the allowed rate)",
            "budget_remaining": "-9.99e+04%",
            "time_to_exhaustion": "the budget is spent, or nothing fails at present",
            "runbook_url": "https://runbooks.example/a%20b?q=1",
            "owner": "team a",
            "note": hostile,
            "where": 'e"u!{',
            "much": "100%",
        },
    )
    series = {
        'requests_total{code="500",region="e\\"u"}': counter([10.0] * steps(hours=2)),
        'requests_total{code="200",region="other"}': counter([10.0] * steps(hours=2)),
    }
    assert_holds(promtool, tmp_path, [slo_rule_text(slo, **CLOCKS)], [Scenario("firing", series, (), (alert,))])


def _changed(rules: RuleSet, change: Callable[[Node], Node]) -> RuleSet:
    """The rule set with a change made to every expression."""
    return RuleSet(
        tuple(
            replace(group, rules=tuple(replace(rule, expr=map_nodes(rule.expr, change)) for rule in group.rules))
            for group in rules.groups
        )
    )


def _swap(wanted: str, other: str) -> Callable[[Node], Node]:
    return lambda node: replace(node, op=other) if isinstance(node, Binary) and node.op == wanted else node


def _scaled(wanted: float, factor: float) -> Callable[[Node], Node]:
    return lambda node: Number.of(node.value * factor) if isinstance(node, Number) and node.value == wanted else node


def _range(wanted: str, other: str) -> Callable[[Node], Node]:
    before, after = Duration.parse(wanted).ms, Duration.parse(other).ms
    return lambda node: replace(node, range=after) if isinstance(node, Range) and node.range == before else node


MUTATIONS: dict[str, tuple[Callable[[Node], Node], str]] = {
    "alerts below the threshold": (_swap(">", "<"), "thresholds"),
    "at the inverse": (_swap("/", "*"), "thresholds"),
    **{
        f"{pair} factor times {factor}": (_scaled(limit, factor), "thresholds")
        for pair, limit in THRESHOLDS.items()
        for factor in (0.9, 1.1)
    },
    "either window is enough": (_swap("and", "or"), "alerts"),
    "all pairs are needed": (_swap("or", "and"), "alerts"),
    "half an hour is an hour": (_range("25m", "55m"), "pulse"),
    "the hour is half of it": (_range("55m", "25m"), "pulse"),
    "two hours are three": (_range("2h", "3h"), "pulse"),
    "six hours are five": (_range("6h", "5h"), "pulse"),
    "increments overlap": (_range("10m", "15m"), "pulse"),
    "the period is an hour": (_range("30d", "1h"), "sli"),
    "traffic of none counts": (_swap(">", ">="), "sli"),
    "no errors are no data": (lambda node: node.lhs if isinstance(node, Binary) and node.op == "or" else node, "sli"),
}


@pytest.mark.parametrize("mutation", sorted(MUTATIONS))
def test_a_wrong_rule_is_found(tmp_path: Path, mutation: str) -> None:
    """The scenarios above are worth something: rules that are wrong in one place fail those that are about it."""
    change, about = MUTATIONS[mutation]
    slos = [single(pair) for pair in PAIRS] if about == "thresholds" else [make_slo()]
    scenarios = {
        "thresholds": lambda: [threshold_scenario()],
        "alerts": alert_scenarios,
        "pulse": lambda: [pulse_scenario({window: span for window, span in SPANS.items() if span <= 72})],
        "sli": lambda: sli_scenarios()[1:3] + sli_scenarios()[5:6],
    }[about]()
    right = [rules_of(compiled(slo, **CLOCKS)) for slo in slos]
    wrong = [_changed(rules, change) for rules in right]
    assert wrong != right
    texts = [rule_text(rules, key_of(slo)) for rules, slo in zip(wrong, slos, strict=True)]
    assert run(line_3(), tmp_path, texts, scenarios).returncode != 0


def line_3() -> Promtool:
    """promtool of the newest line, for what need not be asked twice."""
    try:
        return PrometheusLine.find("3.x").promtool
    except ServerMissingError as error:
        unavailable(str(error))
