"""Rules of alert policies that can fire during schedules only."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from binnacle.api.reasons import Reason
from binnacle.check.alertpolicy import run_tests
from binnacle.compile.registry import KINDS
from binnacle.compile.world import Compiled, World
from compile.policies import TODAY, compiled, config, make_policy, rule_text
from compile.rule_tests import Promtool
from servers.prometheus import PrometheusLine

pytestmark = pytest.mark.thorough

# promtool begins at the epoch, a Thursday, and Kolkata's clocks have not been changed since.
OFFICE = {
    "name": "office",
    "timeZone": "Asia/Kolkata",
    "weekdays": ["monday:thursday"],
    "times": [{"startTime": "09:00", "endTime": "17:00"}],
}
DOWN = {
    "name": "X",
    "severity": "warning",
    "threshold": {"gauge": "g"},
    "above": 0,
    "for": "10m",
    "activeDuring": ["office"],
    "noData": {"action": "Alert", "for": "0s"},
}


def test_it_fires_during_its_schedule_and_for_begins_anew(promtool: Promtool, tmp_path: Path) -> None:
    """Office hours are 3:30 to 11:30 in UTC, and Friday is off."""
    (tmp_path / "rules.yaml").write_text(rule_text(make_policy(rules=[DOWN], schedules=[OFFICE])))
    times = {"3h25m": 0, "3h35m": 0, "3h40m": 1, "11h25m": 1, "11h30m": 0, "23h": 0, "32h": 0}
    cases = [
        {
            "expr": "count(ALERTS{alertname='X', alertstate='firing'})",
            "eval_time": time,
            "exp_samples": [{"labels": "{}", "value": count}] if count else [],
        }
        for time, count in times.items()
    ]
    tests = [
        {"interval": "5m", "input_series": [{"series": "g", "values": "1x500"}], "promql_expr_test": cases},
        # That there is no data is told in office hours, too.
        {
            "interval": "5m",
            "input_series": [],
            "promql_expr_test": [
                case for case in cases if case["eval_time"] in ("3h25m", "3h40m", "11h30m", "23h", "32h")
            ],
        },
    ]
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": "5m", "tests": tests}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(document))
    ended = promtool("test", "rules", "test.yaml", cwd=tmp_path, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_rule_with_an_unknown_schedule_is_left_out_alone() -> None:
    wrong = {**DOWN, "name": "Y", "activeDuring": ["ofice"], "noData": {"action": "Ok"}}
    outcome = compiled(make_policy(rules=[DOWN, wrong], schedules=[OFFICE]))
    (finding,) = [one for one in outcome.findings if one.severity == "error"]
    assert (finding.reason, finding.path) == (Reason.UNKNOWN_REFERENCE, "spec.rules[Y].activeDuring")
    assert finding.fix == "Write office."
    assert [one["name"] for one in outcome.facts["rules"]] == ["X"]


def on(day: str, schedule: dict[str, Any]) -> Compiled:
    policy = make_policy(rules=[DOWN], schedules=[schedule])
    return KINDS["AlertPolicy"](policy, World(config(), date.fromisoformat(day)))


def test_it_is_the_same_from_one_renewal_to_the_next() -> None:
    berlin = {**OFFICE, "timeZone": "Europe/Berlin"}
    first, last, after = (on(day, berlin) for day in ("2026-05-01", "2026-10-31", "2026-11-01"))
    assert first == last
    assert first.renew == date(2026, 11, 1)
    assert first.facts["horizon"] == "2027-12-06"
    assert after.intents != last.intents
    always = compiled(make_policy(rules=[{**DOWN, "activeDuring": []}], schedules=[berlin]))
    assert always.renew is None
    assert "horizon" not in always.facts


@pytest.mark.parametrize("schedule", [OFFICE, {**OFFICE, "weekdays": ["sunday"]}], ids=["thursday", "sunday"])
def test_tests_of_a_policy_know_no_date(prometheus_line: PrometheusLine, schedule: dict[str, Any]) -> None:
    test = {
        "name": "fires",
        "interval": "1m",
        "series": [{"selector": "g", "values": "1x30"}],
        "after": "15m",
        "fires": [{"rule": "X", "severity": "warning"}],
    }
    policy = make_policy(rules=[DOWN], schedules=[schedule], tests=[test])
    world = World(config(), TODAY)
    (result,) = run_tests(policy, compiled(policy), world, str(prometheus_line.promtool_program))
    assert result.passed, result.message
