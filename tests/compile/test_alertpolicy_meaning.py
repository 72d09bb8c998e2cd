"""What the rules of alert policies do, by promtool on both lines: just over fires, just under does not, and missing data."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compile.policies import config, make_policy, rule_text

pytestmark = pytest.mark.thorough

Promtool = Callable[..., Any]
MINUTE = "1m"
URL = {"runbook": {"url": "https://runbooks.example/x"}}


@dataclass(frozen=True)
class Case:
    """Series by their notation, and which severities of the alert X fire at minutes."""

    name: str
    rule: dict[str, Any]
    series: dict[str, str]
    firing: dict[int, tuple[str, ...]]

    def document(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "interval": MINUTE,
            "input_series": [{"series": name, "values": values} for name, values in self.series.items()],
            "promql_expr_test": [
                {
                    "expr": "count by (severity) (ALERTS{alertname='X', alertstate='firing', binnacle_name='payments'})",
                    "eval_time": f"{minute}m",
                    "exp_samples": [{"labels": f'{{severity="{one}"}}', "value": 1} for one in severities],
                }
                for minute, severities in self.firing.items()
            ],
        }


def rule(**more: Any) -> dict[str, Any]:
    return {"name": "X", "severity": "critical", **URL, **more}


RATIO = {"errors": 'r_total{code="500"}', "total": "r_total", "window": "5m"}
LEVELS = [
    {"name": "page", "severity": "critical", "above": "5%", "for": "5m"},
    {"name": "warn", "severity": "warning", "above": "1%", "for": "10m"},
]


def traffic(errors: float, good: float) -> dict[str, str]:
    return {'r_total{code="500"}': f"0+{errors}x60", 'r_total{code="200"}': f"0+{good}x60"}


def ratio(**more: Any) -> dict[str, Any]:
    return {"levels": LEVELS, "severity": ..., "ratio": {**RATIO, **more}}


def histogram(slow: float, fast: float) -> dict[str, str]:
    return {
        'd_seconds_bucket{le="1"}': f"0+{fast}x60",
        'd_seconds_bucket{le="2"}': f"0+{fast + slow}x60",
        'd_seconds_bucket{le="+Inf"}': f"0+{fast + slow}x60",
        "d_seconds_count": f"0+{fast + slow}x60",
    }


QUANTILE = {"quantile": {"histogram": "d_seconds", "percentile": "90%"}, "above": "1s", "for": "5m"}
GAUGE = {"threshold": {"gauge": "g_bytes", "groupBy": ["node"]}, "above": "1Ki", "for": "5m"}
SHARE = {"threshold": {"gauge": "free", "dividedBy": "all", "groupBy": ["node"]}, "below": "20%"}
DOWN = {"down": {"up": 'up{job="api"}'}, "for": "5m"}
ALERT = {"noData": {"action": "Alert", "for": "10m", "severity": "info"}}
KEEP = {"noData": {"action": "Keep"}}
CRITICAL, WARNING, INFO = ("critical",), ("warning",), ("info",)
BOTH = ("critical", "warning")

CASES = (
    Case("ratio just over both", rule(**ratio()), traffic(5.1, 94.9), {4: (), 5: (), 7: CRITICAL, 12: BOTH}),
    Case("ratio just under the higher", rule(**ratio()), traffic(4.9, 95.1), {7: (), 12: WARNING, 50: WARNING}),
    Case("ratio just under both", rule(**ratio()), traffic(0.9, 99.1), {12: (), 50: ()}),
    Case("ratio without traffic", rule(**ratio()), traffic(0, 0), {30: ()}),
    Case("ratio of what is good", rule(**{**ratio(), "ratio": {"good": 'r_total{code="200"}', "total": "r_total"}}), traffic(5.1, 94.9), {12: BOTH}),
    Case("nothing good was ever counted", rule(**{**ratio(), "ratio": {"good": 'r_total{code="200"}', "total": "r_total"}}), {'r_total{code="500"}': "0+5x60"}, {12: BOTH}),
    Case("ratio with enough traffic", rule(**ratio(minRate={"limit": 100, "per": "1m"})), traffic(50, 51), {17: BOTH}),
    Case("ratio with too little traffic", rule(**ratio(minRate={"limit": 100, "per": "1m"})), traffic(50, 49), {12: (), 40: ()}),
    Case("few good ones fire below", rule(ratio={**RATIO}, below="5%", severity="critical"), {'r_total{code="200"}': "0+9x60"}, {10: CRITICAL}),
    Case("quantile just over", rule(**QUANTILE), histogram(10.5, 89.5), {5: (), 12: CRITICAL}),
    Case("quantile just under", rule(**QUANTILE), histogram(9.5, 90.5), {12: (), 40: ()}),
    Case("quantile of nothing", rule(**QUANTILE), histogram(0, 0), {12: (), 40: ()}),
    Case("gauge just over", rule(**GAUGE), {'g_bytes{node="a",disk="x"}': "1025x60", 'g_bytes{node="a",disk="y"}': "1x60"}, {4: (), 6: CRITICAL}),
    Case("gauge just at the limit", rule(**GAUGE), {'g_bytes{node="a"}': "1024x60"}, {40: ()}),
    Case("quotient just under", rule(**SHARE), {'free{node="a"}': "19x60", 'all{node="a"}': "100x60"}, {1: CRITICAL}),
    Case("quotient just at the limit", rule(**SHARE), {'free{node="a"}': "20x60", 'all{node="a"}': "100x60"}, {30: ()}),
    Case("quotient by nought", rule(**{**SHARE, "below": ..., "above": "20%"}), {'free{node="a"}': "19x60", 'all{node="a"}': "0x60"}, {30: ()}),
    Case("a target is down", rule(**DOWN), {'up{job="api",instance="a"}': "0x60", 'up{job="api",instance="b"}': "1x60"}, {4: (), 6: CRITICAL}),
    Case("a target is down for too short", rule(**DOWN), {'up{job="api",instance="a"}': "1 0x4 1x60"}, {4: (), 5: (), 30: ()}),
    Case("targets are gone", rule(**DOWN), {'up{job="other"}': "1x60"}, {4: (), 6: CRITICAL}),
    Case("targets may be gone", rule(**DOWN, noData={"action": "Ok"}), {'up{job="other"}': "1x60"}, {40: ()}),
    Case("expression", rule(expression={"promql": "a > 2"}, **{"for": "2m"}), {"a": "3x60"}, {1: (), 3: CRITICAL}),
    Case("expression with a limit", rule(expression={"promql": "sum(a)"}, above=2), {"a": "2 2 2 2.5x60"}, {2: (), 4: CRITICAL}),
    Case("no data is fine", rule(**ratio()), {"other": "1x60"}, {50: ()}),
    Case("no data is told", rule(**ratio(), **ALERT), {"other": "1x60"}, {9: (), 11: INFO}),
    Case("data is not told", rule(**ratio(), **ALERT), traffic(0, 10), {11: (), 50: ()}),
    Case(
        "one group loses its data",
        rule(**{**GAUGE, "above": 5000}, **ALERT),
        {'g_bytes{node="a"}': "1x10 stale", 'g_bytes{node="b"}': "1x60"},
        {10: (), 20: (), 22: INFO},
    ),
    *(
        Case(
            f"one group loses its data for {hours} hours",
            rule(**{**GAUGE, "above": 5000}, noData={"action": "Alert", "for": f"{hours}h", "severity": "info"}),
            {'g_bytes{node="a"}': "1x10 stale", 'g_bytes{node="b"}': "1x1000"},
            {60 * hours + 9: (), 60 * hours + 16: INFO, 60 * hours + 60: INFO, 60 * hours + 90: ()},
        )
        for hours in (1, 2, 12)
    ),
    Case("what fired is kept", rule(**GAUGE, **KEEP), {'g_bytes{node="a"}': "2000x10 stale"}, {9: CRITICAL, 12: CRITICAL, 50: CRITICAL}),
    Case("what did not fire is not kept", rule(**GAUGE, **KEEP), {'g_bytes{node="a"}': "20x10 stale"}, {9: (), 50: ()}),
    Case("what is kept ends with good data", rule(**GAUGE, **KEEP), {'g_bytes{node="a"}': "2000x10 _x10 20x40"}, {18: CRITICAL, 24: ()}),
    Case("without keeping it ends", rule(**GAUGE), {'g_bytes{node="a"}': "2000x10 stale"}, {9: CRITICAL, 12: ()}),
    Case("kept firing for a while", rule(**GAUGE, keepFiringFor="10m"), {'g_bytes{node="a"}': "2000x10 20x60"}, {9: CRITICAL, 15: CRITICAL, 25: ()}),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_rule_does_what_it_says(case: Case, promtool: Promtool, tmp_path: Path) -> None:
    spec = {name: value for name, value in case.rule.items() if value is not ...}
    (tmp_path / "rules.yaml").write_text(rule_text(make_policy(rules=[spec]), config()))
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": MINUTE, "tests": [case.document()]}
    (tmp_path / "test.yaml").write_text(json.dumps(document))
    ended = promtool("test", "rules", "test.yaml", cwd=tmp_path, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
