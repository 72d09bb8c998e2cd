"""Where the alerts of indicators that weigh time begin to fire: at the very sample that exceeds the limit, and not before.

Targets are scraped each minute, half a minute from the evaluations, as promtool can have it: then no sample lies on the edge of a
range. What evaluates an expression once for each scrape does that at full minutes, which only Prometheus 3 does not count twice
when evaluations lie there too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from binnacle.intent import series
from compile.building import make_slo, slo_rule_text
from compile.rule_tests import Promtool, readers_last

pytestmark = pytest.mark.thorough

CLOCKS = {"scrapeInterval": "60s", "evaluationInterval": "5m"}
END = 150
"""Minutes."""
LIMIT = 0.144
"""14.4 times the allowed rate, at 99%."""
INDICATORS: dict[str, tuple[dict[str, Any], str]] = {
    "availability": ({"availability": {"gauge": "up_now"}}, "up_now"),
    "threshold": ({"threshold": {"gauge": "queue_oldest_seconds", "below": "60s"}}, "queue_oldest_seconds"),
    "freshness": (
        {"freshness": {"timestamp": "last_success_timestamp_seconds", "maxAge": "1h"}},
        "last_success_timestamp_seconds",
    ),
}


def samples(name: str, bad: int) -> list[int]:
    """The samples of a gauge of which the last so many are bad; only just."""
    if name == "freshness":
        # At the full minute so long ago it is as old as it may be.
        return [(END - bad) * 60 - 3600] * END
    good, wrong = {"availability": (1, 0), "threshold": (59, 60)}[name]
    return [good] * (END - bad) + [wrong] * bad


def passes(promtool: Promtool, folder: Path, name: str, bad: int, share: float) -> str:
    indicator, gauge = INDICATORS[name]
    burn = {"name": "fast", "severity": "critical", "budget": "2%", "long": "1h", "short": "5m"}
    slo = make_slo(objective="99%", indicator=indicator, alerting={"burnRates": [burn]})
    (folder / "rules.yaml").write_text(slo_rule_text(slo, **CLOCKS))
    groups = [group["name"] for group in yaml.safe_load((folder / "rules.yaml").read_text())["groups"]]
    fires = share > LIMIT
    expected = {
        f"count(abs({series.error_ratio_of('1h')} - {share!r}) < 1e-9)": [{"labels": "{}", "value": 1}],
        'count(ALERTS{alertstate="firing"})': [{"labels": "{}", "value": 1}] if fires else [],
    }
    test = {
        "interval": "30s",
        "input_series": [
            {"series": gauge, "values": " ".join(f"_ {value}" for value in samples(name, bad))},
        ],
        "promql_expr_test": [
            {"expr": expr, "eval_time": f"{END}m", "exp_samples": found} for expr, found in expected.items()
        ],
    }
    document = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "5m",
        "group_eval_order": sorted(groups, key=readers_last),
        "tests": [test],
    }
    (folder / "test.yaml").write_text(yaml.safe_dump(document))
    ended = promtool("test", "rules", "test.yaml", cwd=folder, check=False)
    return "" if ended.returncode == 0 else ended.stdout + ended.stderr


@pytest.mark.parametrize("name", INDICATORS)
def test_one_sample_makes_the_difference(promtool: Promtool, tmp_path: Path, name: str) -> None:
    """Eight bad minutes of an hour are 13.3%, nine are 15%."""
    newer = promtool.__self__.name == "3.x"  # type: ignore[attr-defined]
    # A closed range of 2.42 has one increment more where increments lie on evaluations, too.
    minutes = 60 if newer else 65
    edge = int(minutes * LIMIT)
    for bad in (0, edge, edge + 1) if newer or name == "availability" else (0,):
        assert passes(promtool, tmp_path, name, bad, bad / minutes) == ""
