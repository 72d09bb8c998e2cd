"""What is imported gives the figures of the source tool's own rules, where those are right.

The rules of sloth and pyrra are written here as those tools write them for the same input, those of OpenSLO as its
specification computes a ratio, and evaluated by promtool on the same series as ours: on steady traffic, and those of pyrra and OpenSLO
on traffic that comes and goes, with restarts. There sloth's mean of shares is wrong (docs/import.md), and nothing is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from binnacle.api.slo import SLO
from compile.building import compiled, key_of, rule_text, rules_of
from compile.rule_tests import Promtool, readers_last
from compile.test_slo_meaning import line_3
from convert.corpus import imported
from servers.prometheus import PrometheusLine

pytestmark = pytest.mark.thorough

HOURS = 26
"""Longer than the windows, which are of one day so that the test is fast."""
CLOCKS = {"scrapeInterval": "1m", "evaluationInterval": "5m"}
WINDOWS = ("5m", "1h", "6h")
PERIOD = "1d"
NEAR = 1e-9
TOLERANCE = 0.0005
"""Most relative difference where traffic is restless."""

RATIO = ('sum by (zone) (rate(http_requests_total{job="a",code=~"5.."}[{{.window}}]))',
         'sum by (zone) (rate(http_requests_total{job="a"}[{{.window}}]))')  # fmt: skip
COUNT, FAST = 'http_duration_seconds_count{job="a"}', 'http_duration_seconds_bucket{job="a",le="0.25"}'
SLOW = (
    f"sum(rate({COUNT}[{{{{.window}}}}])) - sum(rate({FAST}[{{{{.window}}}}]))",
    f"sum(rate({COUNT}[{{{{.window}}}}]))",
)
DOWN = '1 - sum(sum_over_time(up{job="a"}[{{.window}}])) / sum(count_over_time(up{job="a"}[{{.window}}]))'

SLOTH = {
    "version": "prometheus/v1",
    "service": "web",
    "slos": [
        {
            "name": "ratio",
            "objective": 99,
            "sli": {"events": dict(zip(("error_query", "total_query"), RATIO, strict=True))},
        },
        {
            "name": "slow",
            "objective": 90,
            "sli": {"events": dict(zip(("error_query", "total_query"), SLOW, strict=True))},
        },
        {"name": "down", "objective": 90, "sli": {"raw": {"error_ratio_query": DOWN}}},
        # No indicator says it, so it is an expression.
        {"name": "odd", "objective": 90, "sli": {"raw": {"error_ratio_query": f"0.5 * ({SLOW[0]}) / ({SLOW[1]})"}}},
    ],
}
PYRRA_INDICATORS = {
    "ratio": {
        "ratio": {
            "errors": {"metric": 'http_requests_total{job="a",code=~"5.."}'},
            "total": {"metric": 'http_requests_total{job="a"}'},
            "grouping": ["zone"],
        }
    },
    "slow": {"latency": {"success": {"metric": FAST}, "total": {"metric": COUNT}}},
    "down": {"bool_gauge": {"metric": 'up{job="a"}'}},
}

NATIVE = {"latencyNative": {"total": {"metric": 'rpc_seconds{job="a"}'}, "latency": "1500ms"}}

MINUTES = HOURS * 60 + 5
SERIES = {
    'http_requests_total{job="a",zone="x",code="200"}': f"1000000+97x{MINUTES}",
    'http_requests_total{job="a",zone="x",code="500"}': f"1000000+2x{MINUTES}",
    'http_requests_total{job="a",zone="x",code="503"}': f"1000000+1x{MINUTES}",
    'http_requests_total{job="a",zone="y",code="200"}': f"1000000+10x{MINUTES}",
    'http_requests_total{job="a",zone="y",code="500"}': f"1000000+0x{MINUTES}",
    'http_requests_total{job="b",zone="y",code="500"}': f"1000000+77x{MINUTES}",
    'http_duration_seconds_count{job="a"}': f"1000000+50x{MINUTES}",
    'http_duration_seconds_bucket{job="a",le="0.25"}': f"900000+40x{MINUTES}",
    'http_duration_seconds_bucket{job="a",le="+Inf"}': f"1000000+50x{MINUTES}",
    'up{job="a",instance="1"}': f"1x{MINUTES}",
    'up{job="a",instance="2"}': f"0x{MINUTES}",
    'used_ratio{node="1"}': f"0.5x{MINUTES}",
    'used_ratio{node="2"}': f"0.8x{MINUTES}",
    'used_ratio{node="3"}': f"0.9x{MINUTES}",
}


def restless(
    rates: Iterable[tuple[float, float, float]], *, first: int = 1_000_000, restart: float | None = None
) -> str:
    """A counter that grows by so much a minute from one hour to another, and begins again at nought at one."""
    spans, value, samples = list(rates), float(first), []
    for minute in range(MINUTES + 1):
        growth = sum(rate for begin, end, rate in spans if begin * 60 < minute <= end * 60)
        value = growth if restart is not None and minute == restart * 60 else value + growth
        samples.append(f"{value:.12g}")
    return " ".join(samples)


def switched(usual: float, other: float, begin: float, end: float) -> str:
    """A gauge that has another value from one hour to another."""
    return " ".join(f"{other if begin * 60 < minute <= end * 60 else usual:g}" for minute in range(MINUTES + 1))


BUSY = ((3, 9, 300), (9, 19, 10), (21, 25, 900))
"""Quiet where windows of six hours and of a day begin and end: there increments and rates see different moments."""
NIGHTLY = ((10, 13, 9), (21.5, 22, 90))
RESTLESS = {
    'http_requests_total{job="a",zone="x",code="200"}': restless(BUSY, restart=12.5),
    'http_requests_total{job="a",zone="x",code="500"}': restless(NIGHTLY),
    'http_requests_total{job="a",zone="x",code="503"}': restless([(4, 4.5, 7)], restart=16),
    'http_requests_total{job="a",zone="y",code="200"}': restless([(22, 24, 33)]),
    'http_requests_total{job="a",zone="y",code="500"}': restless([(22.5, 23, 11), (5, 6, 1)]),
    'http_requests_total{job="b",zone="y",code="500"}': restless([(3, 25, 77)]),
    'http_duration_seconds_count{job="a"}': restless(BUSY),
    'http_duration_seconds_bucket{job="a",le="0.25"}': restless([(3, 8, 300), (9, 19, 2), (21, 25, 850)]),
    'http_duration_seconds_bucket{job="a",le="+Inf"}': restless(BUSY),
    'up{job="a",instance="1"}': switched(1, 0, 22, 23),
    'up{job="a",instance="2"}': switched(0, 1, 5, 24),
    'used_ratio{node="1"}': switched(0.5, 0.8, 4, 24),
    'used_ratio{node="2"}': switched(0.9, 0.1, 22, 23.5),
}
TRAFFIC = {"steady": SERIES, "restless": RESTLESS}
LENGTHS = {"steady": WINDOWS, "restless": ("6h",)}
"""Windows over which a share is compared besides the SLO's own."""
BY_TIME = frozenset({"down", "limit"})
"""Where moments are counted. Before Prometheus 3.0 a range has both of its ends, so a moment that is an end of two steps, as some are in
promtool, counts twice: what changes there is left to 3.x."""

BAD, GOOD, ALL = (f'http_requests_total{{job="a"{more}}}' for more in (',code=~"5.."', ',code!~"5.."', ""))
OPENSLO_RATIOS: dict[str, tuple[dict[str, str], str]] = {
    # What is written in the file, and the specification's formula for the share of errors over a window.
    "good": ({"good": GOOD, "total": ALL}, f"1 - sum(increase({GOOD}[W])) / sum(increase({ALL}[W]))"),
    "bad": (
        {"bad": f"sum by (zone) (rate({BAD}[5m]))", "total": f"sum by (zone) (rate({ALL}[5m]))"},
        f"sum by (zone) (increase({BAD}[W])) / sum by (zone) (increase({ALL}[W]))",
    ),
    "success": (
        {"raw": f"sum(rate({FAST}[5m])) / sum(rate({COUNT}[5m]))", "rawType": "success"},
        f"1 - sum(increase({FAST}[W])) / sum(increase({COUNT}[W]))",
    ),
    "failure": (
        {"raw": f"sum(rate({BAD}[5m])) / sum(rate({ALL}[5m]))", "rawType": "failure"},
        f"sum(increase({BAD}[W])) / sum(increase({ALL}[W]))",
    ),
}
BURNS = [
    {"name": f"over-{window}", "severity": "warning", "budget": "10%", "long": window, "short": "5m"}
    for window in WINDOWS[1:]
]
LIMIT = "sum(count_over_time((used_ratio >= 0.8)[W:1m])) / sum(count_over_time(used_ratio[W:1m]))"
"""Of the time that each series is measured, how much it is not below the objective's value."""


def openslo_documents() -> Iterable[dict[str, Any]]:
    def metric(query: str) -> dict[str, Any]:
        return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}

    indicators: dict[str, dict[str, Any]] = {
        name: {
            "ratioMetric": {
                "counter": True,
                **{side: text if side == "rawType" else metric(text) for side, text in written.items()},
            }
        }
        for name, (written, _) in OPENSLO_RATIOS.items()
    }
    indicators["limit"] = {"thresholdMetric": metric("used_ratio")}
    for name, indicator in indicators.items():
        objective = {"target": 0.9, **({"op": "lt", "value": 0.8} if name == "limit" else {})}
        yield {
            "apiVersion": "openslo/v1",
            "kind": "SLO",
            "metadata": {"name": name},
            "spec": {
                "service": "web",
                "indicator": {"metadata": {"name": name}, "spec": indicator},
                "timeWindow": [{"duration": PERIOD, "isRolling": True}],
                "budgetingMethod": "Occurrences",
                "objectives": [objective],
            },
        }


def openslo_rules() -> Iterable[dict[str, Any]]:
    shares = {name: share for name, (_, share) in OPENSLO_RATIOS.items()} | {"limit": LIMIT}
    for name, share in shares.items():
        for window in (*WINDOWS, PERIOD):
            yield {
                "record": f"x:share{window}",
                "expr": share.replace("W", window),
                "labels": {"slo": f"openslo-{name}"},
            }


def sloth_rules() -> Iterable[dict[str, Any]]:
    """sloth's recording rules: a share for each window, and the period as the mean of the shares of five minutes."""
    for slo in SLOTH["slos"]:
        labels = {"sloth_id": f"web-{slo['name']}", "sloth_service": "web", "sloth_slo": slo["name"]}
        sli = slo["sli"]
        if "raw" in sli:
            share = f"({sli['raw']['error_ratio_query']})"
        else:
            share = f"({sli['events']['error_query']})\n/\n({sli['events']['total_query']})"
        for window in WINDOWS:
            expr = share.replace("{{.window}}", window)
            yield {
                "record": f"slo:sli_error:ratio_rate{window}",
                "expr": expr,
                "labels": {**labels, "sloth_window": window},
            }
        five = f'slo:sli_error:ratio_rate5m{{sloth_id="web-{slo["name"]}", sloth_service="web", sloth_slo="{slo["name"]}"}}'
        yield {
            "record": f"slo:sli_error:ratio_rate{PERIOD}",
            "expr": f"sum_over_time({five}[{PERIOD}])\n/ ignoring (sloth_window)\ncount_over_time({five}[{PERIOD}])\n",
            "labels": {**labels, "sloth_window": PERIOD},
        }


def pyrra_object(name: str, indicator: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "pyrra.dev/v1alpha1",
        "kind": "ServiceLevelObjective",
        "metadata": {"name": name},
        "spec": {"target": "90", "window": PERIOD, "indicator": indicator},
    }


def pyrra_rules() -> Iterable[dict[str, Any]]:
    """pyrra's burn rates, which are shares of errors, and the share over the period out of its increases."""
    errors, total = 'http_requests_total{job="a",code=~"5.."}', 'http_requests_total{job="a"}'
    up = 'up{job="a"}'
    shares = {
        "ratio": f"sum by (zone) (rate({errors}[W])) / sum by (zone) (rate({total}[W]))",
        "slow": f"(sum(rate({COUNT}[W])) - sum(rate({FAST}[W]))) / sum(rate({COUNT}[W]))",
        "down": f"(sum(count_over_time({up}[W])) - sum(sum_over_time({up}[W]))) / sum(count_over_time({up}[W]))",
    }
    for name, share in shares.items():
        for window in WINDOWS:
            yield {
                "record": f"x:burnrate{window}",
                "expr": share.replace("W", window),
                "labels": {"slo": f"pyrra-{name}"},
            }
    increases = {
        "ratio": f"sum by (zone) (increase({errors}[W])) / sum by (zone) (increase({total}[W]))",
        "slow": f"1 - sum(increase({FAST}[W])) / sum(increase({COUNT}[W]))",
        "down": f"1 - sum(sum_over_time({up}[W])) / sum(count_over_time({up}[W]))",
    }
    for name, share in increases.items():
        yield {"record": "x:period", "expr": share.replace("W", PERIOD), "labels": {"slo": f"pyrra-{name}"}}


def ours(resources: Iterable[Any]) -> Iterable[str]:
    for body in resources:
        slo = SLO.model_validate(body)
        yield rule_text(rules_of(compiled(slo, **CLOCKS)), key_of(slo))


def agree(count: int, one: str, other: str, within: float = 0.0) -> dict[str, Any]:
    """Both have `count` elements, and no two that meet differ by more than a part of them."""
    apart = f"abs({one} - on (zone) {other})"
    expr = f"count({apart} < on (zone) ({NEAR!r} + {within!r} * {other})) == count({one}) == count({other})"
    return {"expr": expr, "eval_time": f"{HOURS}h", "exp_samples": [{"labels": "{}", "value": count}]}


def all_agree(name: str, count: int, theirs: str, period: str, traffic: str) -> list[dict[str, Any]]:
    """Over each window, by a template of the name of their series, and over the SLO's own."""
    within = 0.0 if traffic == "steady" else TOLERANCE
    shares = [
        agree(count, f'slo:sli_error:ratio_rate{window}{{slo="{name}"}}', theirs.format(window), within)
        for window in LENGTHS[traffic]
    ]
    return [*shares, agree(count, f'slo:period_error:ratio{{slo="{name}"}}', period, within)]


def is_left_out(name: str, traffic: str, line: PrometheusLine) -> bool:
    return name in BY_TIME and traffic == "restless" and not line.left_open


def assert_agrees(
    promtool: Promtool,
    folder: Path,
    theirs: Iterable[dict[str, Any]],
    files: Iterable[str],
    expects: list[dict[str, Any]],
    series: Mapping[str, str] = SERIES,
) -> None:
    texts = list(files)
    groups: list[str] = []
    for text in texts:
        groups += [group["name"] for group in yaml.load(text, yaml.CSafeLoader)["groups"]]
    texts.append(yaml.dump({"groups": [{"name": "theirs", "rules": list(theirs)}]}, Dumper=yaml.CSafeDumper))
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text)
    document = {
        "rule_files": [f"{number}.yaml" for number in range(len(texts))],
        "evaluation_interval": "5m",
        "group_eval_order": ["theirs", *sorted(groups, key=readers_last)],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": expects,
            }
        ],
    }
    (folder / "test.yaml").write_text(yaml.dump(document, Dumper=yaml.CSafeDumper, width=1_000_000))
    ended = promtool("test", "rules", "test.yaml", cwd=folder, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_figures_of_sloth(promtool: Promtool, tmp_path: Path) -> None:
    outcome = imported("sloth", yaml.dump(SLOTH), window=PERIOD)
    assert len(outcome.resources) == 4
    expects = []
    for slo in SLOTH["slos"]:
        name = slo["name"]
        count = 2 if name == "ratio" else 1
        # Of an expression only the short window is recorded as it is; the others are means of it.
        for window in WINDOWS:
            series = f"slo:sli_error:ratio_rate{window}"
            expects.append(agree(count, f'{series}{{slo="web-{name}"}}', f'{series}{{sloth_slo="{name}"}}'))
        theirs = f'slo:sli_error:ratio_rate{PERIOD}{{sloth_slo="{name}"}}'
        expects.append(agree(count, f'slo:period_error:ratio{{slo="web-{name}"}}', theirs))
    assert_agrees(promtool, tmp_path, sloth_rules(), ours(outcome.resources.values()), expects)


@pytest.mark.parametrize("traffic", TRAFFIC)
def test_figures_of_pyrra(prometheus_line: PrometheusLine, tmp_path: Path, traffic: str) -> None:
    objects = [pyrra_object(name, indicator) for name, indicator in PYRRA_INDICATORS.items()]
    outcome = imported("pyrra", yaml.dump_all(objects))
    assert len(outcome.resources) == 3
    expects = []
    for name in PYRRA_INDICATORS:
        if is_left_out(name, traffic, prometheus_line):
            continue
        burnrate, period = f'x:burnrate{{}}{{{{slo="pyrra-{name}"}}}}', f'x:period{{slo="pyrra-{name}"}}'
        expects += all_agree(name, 2 if name == "ratio" else 1, burnrate, period, traffic)
    promtool = prometheus_line.promtool
    assert_agrees(promtool, tmp_path, pyrra_rules(), ours(outcome.resources.values()), expects, TRAFFIC[traffic])


@pytest.mark.parametrize("traffic", TRAFFIC)
def test_figures_of_openslo(prometheus_line: PrometheusLine, tmp_path: Path, traffic: str) -> None:
    """Against the formulas of the specification, which says nothing of rules."""
    outcome = imported("openslo", yaml.dump_all(openslo_documents()))
    names = [body["metadata"]["name"] for body in outcome.resources.values()]
    assert names == [*OPENSLO_RATIOS, "limit"]
    # Burn alerts have their windows recorded, and OpenSLO has none without a policy.
    bodies = [
        {**body, "spec": {**body["spec"], "alerting": {"burnRates": BURNS}}} for body in outcome.resources.values()
    ]
    expects = []
    for name in names:
        if is_left_out(name, traffic, prometheus_line):
            continue
        share = f'x:share{{}}{{{{slo="openslo-{name}"}}}}'
        expects += all_agree(name, 2 if name == "bad" else 1, share, share.format(PERIOD), traffic)
    promtool = prometheus_line.promtool
    assert_agrees(promtool, tmp_path, openslo_rules(), ours(bodies), expects, TRAFFIC[traffic])


def test_figures_of_pyrra_with_native_histograms(tmp_path: Path) -> None:
    """On 3.x only: promtool 2.42 has no notation for native histograms."""
    (body,) = imported("pyrra", yaml.dump(pyrra_object("native", NATIVE))).resources.values()
    # Schema 0: the buckets end at 1, 2 and 4, and the limit is within the second.
    first = "{{schema:0 sum:30 count:16 buckets:[8 6 2]}}"
    series = {'rpc_seconds{job="a"}': f"{first}+{first}x{MINUTES}"}
    good = 'histogram_fraction(0, 1.5, sum(rate(rpc_seconds{job="a"}[W])))'
    theirs = [
        {"record": f"x:burnrate{window}", "expr": f"1 - {good.replace('W', window)}", "labels": {"slo": "pyrra-native"}}
        for window in WINDOWS[:2]
    ]
    expects = [
        agree(1, f'slo:sli_error:ratio_rate{window}{{slo="native"}}', f'x:burnrate{window}{{slo="pyrra-native"}}')
        for window in WINDOWS[:2]
    ]
    # promtool has no room for a longer window over histograms; on steady traffic all have one share.
    expects.append(agree(1, 'slo:period_error:ratio{slo="native"}', 'x:burnrate1h{slo="pyrra-native"}'))
    assert_agrees(line_3(), tmp_path, theirs, ours([body]), expects, series)
