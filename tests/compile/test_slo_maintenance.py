"""Maintenance of an SLO: its time counts neither good nor bad and is silent, and nothing jumps at its edges."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from binnacle.api.config import Config
from binnacle.api.findings import Severity
from binnacle.api.reasons import Reason
from binnacle.api.slo import SLO
from binnacle.compile.registry import KINDS
from binnacle.compile.slo.cost import rule_count
from binnacle.compile.world import Compiled, World
from compile.building import compiled, make_slo, rules_of, slo_rule_text
from compile.rule_tests import CLOCKS, LEAD_IN, STEP, Expect, Promtool, Scenario, assert_holds, counter, steps

pytestmark = pytest.mark.thorough

PAIRS = [
    {"name": "fast", "severity": "critical", "budget": "2%", "long": "1h", "short": "5m"},
    {"name": "slow", "severity": "warning", "budget": "10%", "long": "1d", "short": "2h"},
]
# promtool begins at the epoch, a Thursday.
WEEKLY = {
    "name": "upgrade",
    "timeZone": "UTC",
    "weekdays": ["thursday"],
    "times": [{"startTime": "04:00", "endTime": "06:00"}],
}
ONCE = {"name": "upgrade", "start": "1970-01-01T04:00:00Z", "end": "1970-01-01T06:00:00Z"}
KOLKATA = {**WEEKLY, "timeZone": "Asia/Kolkata", "times": [{"startTime": "09:30", "endTime": "11:30"}]}
BERLIN = {**WEEKLY, "timeZone": "Europe/Berlin"}


def maintained(schedule: dict[str, Any] = WEEKLY, **spec: Any) -> SLO:
    alerting = {"burnRates": PAIRS, "noData": {"action": "Alert", "for": "0s"}, "budgetSpent": ["50%"]}
    return make_slo(**{"alerting": alerting, "schedules": [schedule], "maintenance": [{"schedule": "upgrade"}], **spec})


def at(hours: float) -> int:
    """The step, as scenarios count them, of a time of the first day."""
    return steps(hours=hours) - LEAD_IN + 1


def outage(start: float, end: float, hours: float = 12) -> tuple[list[float], list[float]]:
    """Growth of errors and of events; growth number n ends at minute (n + LEAD_IN) * STEP."""
    length = at(hours)
    errors = [100.0 if start < (number + LEAD_IN) * STEP / 60 <= end else 0.0 for number in range(length)]
    return errors, [100.0] * length


def series(errors: list[float], events: list[float]) -> dict[str, list[float]]:
    fine = [total - bad for total, bad in zip(events, errors, strict=True)]
    return {'requests_total{code="500"}': counter(errors), 'requests_total{code="200"}': counter(fine)}


@pytest.mark.parametrize("schedule", [WEEKLY, ONCE, KOLKATA], ids=["weekly", "once", "local"])
def test_an_outage_in_maintenance_costs_nothing_and_is_silent(
    promtool: Promtool, tmp_path: Path, schedule: dict[str, Any]
) -> None:
    """The service fails from the first second of the maintenance to the last one."""
    errors, events = outage(4, 6)
    end = at(12)
    counted = "sum(sum_over_time(slo:events:increase5m[12h]))"
    # Measured at four and until ten past six it overlaps; measured are the steps after the lead-in.
    steps_counted = end - steps(minutes=130)
    scenario = Scenario(
        "maintenance",
        series(errors, events),
        (
            *(Expect.firing(step) for step in range(at(3), end, 2)),
            *(Expect.near(step, "slo:period_error:ratio", 0) for step in range(at(3), end, 7)),
            *(Expect.near(step, "slo:period_error_budget_remaining:ratio", 1) for step in range(at(3), end, 7)),
            Expect.near(end, counted, 100 * steps_counted, 200),
            Expect.nothing(at(3.9), "slo:maintenance:active"),
            Expect.one(at(4), "sum(slo:maintenance:active)", 1),
            Expect.one(at(6), "sum(slo:maintenance:active)", 1),
            Expect.nothing(at(6.25), "slo:maintenance:active"),
            # Right after it the short windows are there again, and say what was measured since.
            Expect.near(at(6.25), "slo:sli_error:ratio_rate5m", 0),
            Expect.near(at(6.25), "slo:sli_error:ratio_rate1h", 0),
        ),
    )
    assert_holds(promtool, tmp_path, [slo_rule_text(maintained(schedule), **CLOCKS)], [scenario])


def test_what_happens_around_maintenance_counts_and_is_told(promtool: Promtool, tmp_path: Path) -> None:
    """An outage from half an hour before it to half an hour after it: an hour of failures, told before and after."""
    errors, events = outage(3.5, 6.5)
    end = at(12)
    bad = sum(1 for n, one in enumerate(errors) if one and not 240 <= (n + LEAD_IN) * STEP < 370)
    all_steps = sum(1 for n, _ in enumerate(events) if not 240 <= (n + LEAD_IN) * STEP < 370)
    scenario = Scenario(
        "around",
        series(errors, events),
        (
            Expect.firing(at(3.4)),
            Expect.firing(at(3.75), {"severity": "critical"}, {"severity": "warning"}),
            *(Expect.firing(step) for step in range(at(4), at(6.15))),
            Expect.firing(at(6.5), {"severity": "critical"}, {"severity": "warning"}),
            Expect.near(end, "slo:period_error:ratio", bad / all_steps, 2 / all_steps),
        ),
    )
    # The page, and the warning that the budget is spent.
    assert_holds(promtool, tmp_path, [slo_rule_text(maintained(), **CLOCKS)], [scenario])


def test_a_service_that_is_taken_away_for_maintenance_is_not_missed(promtool: Promtool, tmp_path: Path) -> None:
    before, after = at(4), at(12)
    fine: list[float | str] = [*counter([100.0] * before)]
    fine += ["_"] * (steps(hours=2) - 1)
    fine += [1e9 + 100.0 * n for n in range(after + LEAD_IN - len(fine))]
    scenario = Scenario(
        "taken away",
        {'requests_total{code="200"}': fine},
        tuple(Expect.firing(step) for step in range(at(1), after, 2)),
    )
    slo = maintained(alerting={"noData": {"action": "Alert", "for": "0s"}})
    assert_holds(promtool, tmp_path, [slo_rule_text(slo, **CLOCKS)], [scenario])


def test_without_maintenance_nothing_is_added() -> None:
    plain, with_it = compiled(make_slo()), compiled(maintained(alerting={}))
    assert rule_count(rules_of(with_it)) == rule_count(rules_of(plain)) + 1
    assert plain.renew is None
    assert "horizon" not in plain.facts
    unused = compiled(make_slo(schedules=[WEEKLY]))
    assert unused.intents == plain.intents


def test_an_unknown_schedule_is_left_out_alone() -> None:
    slo = maintained(maintenance=[{"schedule": "upgrad"}, {"schedule": "upgrade"}])
    outcome = compiled(slo)
    (finding,) = outcome.findings
    assert (finding.severity, finding.reason, finding.path) == (
        Severity.ERROR,
        Reason.UNKNOWN_REFERENCE,
        "spec.maintenance[upgrad].schedule",
    )
    assert finding.fix == "Write upgrade."
    assert outcome.intents == compiled(maintained()).intents


def on(day: str, slo: SLO) -> Compiled:
    world = World(Config.from_data({"prometheus": {"output": "configMap"}}), date.fromisoformat(day))
    return KINDS["SLO"](slo, world)


def test_rules_are_the_same_from_one_renewal_to_the_next() -> None:
    first, last, after = (on(day, maintained(BERLIN)) for day in ("2026-05-01", "2026-10-31", "2026-11-01"))
    assert first == last
    assert last.renew == date(2026, 11, 1)
    assert last.facts["horizon"] == "2027-12-06"
    assert after.intents != last.intents
    assert after.renew == date(2027, 5, 1)
    # What comes once knows no calendar.
    assert on("2026-05-01", maintained(ONCE)) == on("2027-05-01", maintained(ONCE))
    assert on("2026-05-01", maintained(ONCE)).renew is None
