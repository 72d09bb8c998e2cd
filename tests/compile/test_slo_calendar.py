"""Calendar windows: periods against Python's zones, and what rules record around a reset, by promtool on both lines.

promtool begins at the epoch. The rules are moved there: `time()` is read as `time()` plus where the test begins, so the
expressions are those of real dates.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binnacle.api.config import Config
from binnacle.api.slo import SLO
from binnacle.api.slo_window import CalendarUnit
from binnacle.compile.calendar import Periods, longest
from binnacle.compile.horizon import Horizon, epoch
from binnacle.compile.registry import KINDS
from binnacle.compile.world import Compiled, World
from binnacle.intent.rules import RuleSet
from binnacle.promql import build as q
from binnacle.promql import parse, to_text
from binnacle.promql.nodes import Call, Node, map_nodes
from compile.building import key_of, make_slo, rule_text, rules_of
from compile.rule_tests import CLOCKS, LEAD_IN, STEP, Expect, Promtool, Scenario, assert_holds, counter, steps
from compile.scalars import evaluate
from compile.test_schedules import ZONES

pytestmark = pytest.mark.thorough

SPENT = "ALERTS{alertname='SLOErrorBudgetSpent', alertstate='firing'}"


def first_day(unit: CalendarUnit, day: date) -> date:
    match unit:
        case CalendarUnit.WEEK:
            return day - timedelta(days=day.weekday())
        case CalendarUnit.MONTH:
            return day.replace(day=1)
        case CalendarUnit.QUARTER:
            return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
        case CalendarUnit.YEAR:
            return date(day.year, 1, 1)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(CalendarUnit),
    st.sampled_from(ZONES),
    st.dates(date(2020, 1, 1), date(2090, 1, 1)),
    st.floats(0, 1),
    st.integers(-7200, 7200) | st.none(),
)
def test_the_current_period_is_the_one_of_the_local_date(
    unit: CalendarUnit, zone: str, today: date, where: float, near: int | None
) -> None:
    """At any second of the horizon and of the history before it, and around the resets."""
    horizon = Horizon.of(today)
    periods = Periods.of(unit, zone, horizon)
    first, last = horizon.since(longest(unit).ms), epoch(horizon.end) - 1
    now = int(first + where * (last - first))
    if near is not None:
        now = min(max(min(periods.starts[1:], key=lambda at: abs(at - now)) + near, first), last)
    started, length = evaluate(periods.start(), now), evaluate(periods.days(), now)
    assert started is not None
    assert length is not None
    place = ZoneInfo(zone)
    day = first_day(unit, datetime.fromtimestamp(now, UTC).astimezone(place).date())
    assert datetime.fromtimestamp(started, UTC).astimezone(place).date() == day
    # It begins with that date: a second before, it is the day before.
    assert datetime.fromtimestamp(started - 1, UTC).astimezone(place).date() == day - timedelta(days=1)
    after = first_day(unit, day + timedelta(days=length + 2))
    assert datetime.fromtimestamp(started + round(length * 86400), UTC).astimezone(place).date() == after
    assert now - started <= longest(unit).ms / 1000
    assert evaluate(periods.start(300), now) == evaluate(periods.start(), now - 300)


@pytest.mark.parametrize("unit", list(CalendarUnit))
def test_what_is_written_parses_again(unit: CalendarUnit) -> None:
    periods = Periods.of(unit, "Europe/Berlin", Horizon.of(date(2026, 3, 1)))
    for node in (periods.start(300), periods.days()):
        assert parse(to_text(node)) == node


def calendar(unit: str, zone: str, **spec: Any) -> SLO:
    spec = {"alerting": {"budgetSpent": ["50%"]}, "objective": "99%", **spec}
    return make_slo(window={"calendar": unit, "timeZone": zone}, **spec)


def on(day: date, slo: SLO) -> Compiled:
    return KINDS["SLO"](slo, World(Config.from_data({"prometheus": {"output": "configMap", **CLOCKS}}), day))


def moved(outcome: Compiled, to: int) -> RuleSet:
    """The rules as they are when the epoch lies at a second."""

    def shift(node: Node) -> Node:
        return q.add(node, q.num(to)) if node == Call("time", ()) else node

    return RuleSet(
        tuple(
            replace(group, rules=tuple(replace(rule, expr=map_nodes(rule.expr, shift)) for rule in group.rules))
            for group in rules_of(outcome).groups
        )
    )


RESETS = [
    ("Month", "Europe/Berlin", "2026-11-01T00:00", 31 + 1 / 24, 30),  # the clocks were set back in between
    ("Month", "America/New_York", "2028-03-01T00:00", 29, 31 - 1 / 24),  # a leap day, and the clocks
    ("Month", "Australia/Lord_Howe", "2027-03-01T00:00", 28, 31),
    ("Week", "Europe/Berlin", "2027-03-29T00:00", 7 - 1 / 24, 7),  # the night after the change
    ("Week", "UTC", "2026-12-28T00:00", 7, 7),
    ("Quarter", "America/Santiago", "2026-10-01T00:00", 92 - 1 / 24, 92),
    ("Year", "Asia/Kolkata", "2027-01-01T00:00", 365, 365),
    ("Year", "Pacific/Kiritimati", "2029-01-01T00:00", 366, 365),
]


@pytest.mark.parametrize(
    ("unit", "zone", "local", "before", "after"), RESETS, ids=[f"{u}-{t}" for u, _, t, *_ in RESETS]
)
def test_the_budget_is_full_at_the_first_evaluation_after_a_reset(
    promtool: Promtool, tmp_path: Path, unit: str, zone: str, local: str, before: float, after: float
) -> None:
    """Five of a hundred fail until an hour before the reset, one of fifty from an hour after it on."""
    reset = int(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).timestamp())
    slo = calendar(unit, zone)
    outcome = on(datetime.fromtimestamp(reset, UTC).date() - timedelta(days=40), slo)
    hours = 8
    rules = moved(outcome, reset - hours * 3600)
    half, hour = steps(hours=hours), steps(hours=1)
    # Growth number n ends at minute (n + LEAD_IN) * STEP.
    length = 2 * half
    ends = [n + LEAD_IN for n in range(length)]
    errors = [5.0 if end <= half - hour else 2.0 if end > half + hour else 0.0 for end in ends]
    at = half - LEAD_IN + 1
    # Where scrapes fall on evaluations, a range of 2.42 has one scrape more, and half a step is counted in the next one.
    exact = 1e-9 if promtool.__self__.name == "3.x" else 5e-4  # type: ignore[attr-defined]
    scenario = Scenario(
        "reset",
        {
            'requests_total{code="500"}': counter(errors),
            'requests_total{code="200"}': counter([100.0 - bad for bad in errors]),
        },
        (
            Expect.near(at - 1, "slo:period_error:ratio", sum(errors[: at - 1]) / (100.0 * (at - 1)), exact),
            Expect.one(at - 1, f"count({SPENT})", 1),
            Expect.near(at - 1, "slo:time_period:days", before),
            # The first evaluation after it, and as long as nothing fails.
            *(Expect.near(step, "slo:period_error:ratio", 0) for step in range(at, at + hour)),
            *(Expect.near(step, "slo:period_error_budget_remaining:ratio", 1) for step in range(at, at + hour)),
            Expect.near(at, "slo:time_period:days", after),
            # The step that ends with the reset is of the old period; the one that begins with it is of the new one.
            Expect.near(
                length,
                "slo:period_error:ratio",
                sum(errors[at:]) / (100.0 * len(errors[at:])),
                exact,
            ),
            # Burn alerts look at windows of their own.
            Expect.near(at + 1, "slo:sli_error:ratio_rate6h", 5 * (72 - 12 - 1) / 7200, 1e-3),
            Expect.nothing(at, SPENT),
        ),
    )
    assert STEP == 5
    assert_holds(promtool, tmp_path, [rule_text(rules, key_of(slo))], [scenario])


def test_a_reset_in_maintenance_and_without_traffic(promtool: Promtool, tmp_path: Path) -> None:
    """A month begins while nothing is measured: the budget is full all the same, for each group that is still there."""
    reset = epoch(date(2026, 11, 1))
    slo = calendar(
        "Month",
        "UTC",
        groupBy=["region"],
        schedules=[{"name": "night", "timeZone": "UTC", "times": [{"startTime": "22:00", "endTime": "02:00"}]}],
        maintenance=[{"schedule": "night"}],
        alerting={},
    )
    rules = moved(on(date(2026, 10, 1), slo), reset - 8 * 3600)
    half, day = steps(hours=8), steps(days=1)
    busy = half + steps(hours=3)
    series = {}
    for region, errors in (
        ("idle", [2.0] * (half - 30) + [0.0] * (2 * day)),
        ("busy", [2.0] * (half - 30) + [0.0] * (busy - half + 30) + [1.0] * (2 * day)),
    ):
        traffic = [100.0 if region == "busy" or n < half - 30 else 0.0 for n in range(len(errors))]
        series[f'requests_total{{code="500",region="{region}"}}'] = counter(errors[: 2 * day])
        series[f'requests_total{{code="200",region="{region}"}}'] = counter(
            [total - bad for total, bad in zip(traffic, errors, strict=True)][: 2 * day]
        )
    gone = counter([100.0] * (half - 30))
    series['requests_total{code="200",region="gone"}'] = gone
    at = half - LEAD_IN + 1
    full = "count by (region) (slo:period_error_budget_remaining:ratio == 1)"

    def regions(*names: str) -> dict[tuple[tuple[str, str], ...], float]:
        return {(("region", name),): 1.0 for name in names}

    scenario = Scenario(
        "reset",
        series,
        (
            Expect(at - 1, full, regions("gone")),
            *(Expect(step, full, regions("busy", "gone", "idle")) for step in (at, at + 1, at + 6)),
            Expect(at + day, "count by (region) (slo:period_error:ratio > 0)", regions("busy")),
            Expect(at + day, full, regions("idle")),
        ),
    )
    assert_holds(promtool, tmp_path, [rule_text(rules, key_of(slo))], [scenario])


def test_it_is_the_same_from_one_renewal_to_the_next_and_costs_what_a_rolling_month_does() -> None:
    slo = calendar("Month", "Europe/Berlin", alerting={})
    first, last, after = (on(date.fromisoformat(day), slo) for day in ("2026-05-01", "2026-10-31", "2026-11-01"))
    assert first == last
    assert first.renew == date(2026, 11, 1)
    assert first.facts["horizon"] == "2027-12-06"
    assert after.intents != last.intents
    monthly = KINDS["SLO"](slo, World(Config.from_data({}), date(2026, 5, 1))).facts["cost"]["samplesPerMinute"]
    assert monthly <= 7000
