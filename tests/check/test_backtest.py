"""The replay of history: it says at each step what the rules say there, and what it says of gaps and beginnings."""

from __future__ import annotations

import itertools
import math
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from binnacle.api.config import PrometheusConfig
from binnacle.api.slo import SLO
from binnacle.check.backtest.inline import inlined, recordings, still_recorded
from binnacle.check.backtest.rules import fired
from binnacle.check.backtest.slo import Increments, Interval, Plan, Replay, replay
from binnacle.compile.slo.timing import Timing
from binnacle.intent.rules import Alert
from binnacle.observe.history import POINTS, pieces
from binnacle.promql import facts, parse
from compile.building import compiled, make_slo, rules_of, slo_rule_text
from compile.rule_tests import CLOCKS, Expect, Scenario, assert_holds, counter
from servers.errors import ServerMissingError
from servers.prometheus import PrometheusLine
from servers.skips import unavailable

STEP = 300
NAN = math.nan
TIMING = Timing.of(PrometheusConfig.model_validate(CLOCKS))
THREE_DAYS: dict[str, Any] = {"objective": "99%", "window": {"rolling": "3d"}}


def replayed(slo: SLO, errors: Sequence[float], events: Sequence[float], begin: int = 0) -> Replay:
    """Replay increments of which the first ends at the first step after 1970."""
    increments = Increments(STEP, STEP, array("d", events), array("d", errors))
    return replay(Plan.of(slo, TIMING), (), increments, begin)


def firing(found: Replay, step: int) -> list[str]:
    """Severities that fire at the end of a step, from 1."""
    at = step * STEP
    return sorted(
        one.severity.value
        for one in found.alerts
        if one.alert == "SLOErrorBudgetBurn" and one.interval.begin <= at < one.interval.end
    )


def outage() -> list[float]:
    return [0.0] * 50 + [500.0] * 8 + [0.0] * 110


def trickle() -> list[float]:
    return [0.0] * 20 + [25.0] * 100 + [0.0] * 60


def sawtooth() -> list[float]:
    return [0.0] * 24 + ([130.0] * 2 + [0.0] * 2) * 20 + [0.0] * 30


@pytest.mark.parametrize("shape", [outage, trickle, sawtooth], ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("more", [{}, {"minFailures": 900}], ids=["plain", "min-failures"])
def test_the_replay_says_what_the_rules_say(shape: Any, more: dict[str, Any], tmp_path: Path) -> None:
    """At every step, by promtool. Of 3.x: ranges that hold one step exactly are left-open ones."""
    try:
        line = PrometheusLine.find("3.x")
    except ServerMissingError as error:
        unavailable(str(error))
    slo = make_slo(**THREE_DAYS, alerting=more)
    errors = shape()
    found = replayed(slo, errors, [1000.0] * len(errors))
    series = {
        'requests_total{code="500"}': counter(errors),
        'requests_total{code="200"}': counter([1000.0 - one for one in errors]),
    }
    last = len(errors) - 1
    remaining = replayed(slo, errors[:last], [1000.0] * last).remaining
    assert remaining is not None
    expects = [
        *(Expect.firing(step, *firing(found, step)) for step in range(14, last)),
        Expect.near(last, "slo:period_error_budget_remaining:ratio", remaining),
    ]
    assert any(firing(found, step) for step in range(last)), "a shape that nothing is said of shows nothing"
    assert_holds(
        line.promtool, tmp_path, [slo_rule_text(slo, **CLOCKS)], [Scenario(shape.__name__, series, tuple(expects))]
    )


def test_figures_are_of_the_time_that_was_asked_for() -> None:
    found = replayed(make_slo(**THREE_DAYS), [10.0] * 100 + [0.0] * 100, [100.0] * 200, begin=100 * STEP)
    assert (found.errors, found.events) == (0.0, 100 * 100.0)
    # The window reaches back before it.
    assert found.remaining == pytest.approx(1 - (1000 / 20_000) / 0.01)
    assert found.lowest is not None
    assert found.lowest[1] == 101 * STEP


def test_a_late_beginning_and_gaps_are_told_and_count_for_nothing() -> None:
    events = [NAN] * 20 + [100.0] * 30 + [NAN] * 10 + [100.0] * 40
    errors = [NAN if math.isnan(one) else 1.0 for one in events]
    asked = {"action": "Alert", "for": "15m", "severity": "critical"}
    found = replayed(make_slo(**THREE_DAYS, alerting={"noData": asked}), errors, events)
    assert found.since == 20 * STEP
    assert found.gaps == (Interval(50 * STEP, 60 * STEP),)
    assert (found.errors, found.events) == (70.0, 7000.0)
    (missing,) = [one for one in found.alerts if one.alert == "SLONoData"]
    assert missing.interval == Interval(54 * STEP, 61 * STEP)
    assert missing.severity.value == "critical"


def test_the_pairs_are_those_of_the_rules_where_values_count_over_a_time_already() -> None:
    slo = make_slo(indicator={"windowed": {"errors": "sql_failed", "total": "sql_orders", "every": "1d"}})
    told = [(one["name"], one["severity"], one["long"], one["short"]) for one in compiled(slo).facts["alerts"]]
    assert [(p.name, p.severity.value, str(p.long), str(p.short)) for p in Plan.of(slo, TIMING).pairs] == told


def test_without_data_there_are_no_figures() -> None:
    found = replayed(make_slo(**THREE_DAYS), [NAN] * 50, [NAN] * 50)
    assert (found.error_ratio, found.remaining, found.lowest, found.since) == (None, None, None, None)
    assert found.gaps == ()
    assert found.alerts == ()
    idle = replayed(make_slo(**THREE_DAYS), [0.0] * 50, [0.0] * 50)
    assert (idle.error_ratio, idle.remaining, idle.gaps) == (None, None, ())


def test_shares_of_the_budget_are_warned_about_one_at_a_time() -> None:
    errors = [0.0] * 10 + [20.0] * 60 + [0.0] * 30
    slo = make_slo(**THREE_DAYS, alerting={"budgetSpent": ["50%", "100%"]})
    spent = [one for one in replayed(slo, errors, [1000.0] * 100).alerts if one.alert == "SLOErrorBudgetSpent"]
    assert [one.why for one in spent][:2] == [("50%",), ("100%",)]
    assert all(one.interval.end <= other.interval.begin for one, other in itertools.pairwise(spent))


@pytest.mark.parametrize(
    ("wait", "keep", "moments", "intervals"),
    [
        (0, 0, [60, 120, 180], [(60, 240)]),
        (120, 0, [60, 120, 180], [(180, 240)]),
        (180, 0, [60, 120, 180], []),
        (90, 0, [60, 120, 180], [(180, 240)]),
        (0, 0, [60, 180], [(60, 120), (180, 240)]),
        # Kept over a short break, it is one alert.
        (0, 120, [60, 180], [(60, 360)]),
        (60, 120, [60, 120, 240, 300], [(120, 480)]),
        # What fires still ends with history.
        (0, 0, [540, 600], [(540, 600)]),
    ],
)
def test_for_and_keep_firing_for(wait: int, keep: int, moments: list[int], intervals: list[tuple[int, int]]) -> None:
    rule = Alert("A", parse("up == 0"), wait * 1000, keep * 1000, labels=(("severity", "info"),))
    found = list(fired(rule, (("job", "x"),), moments, 60, 600))
    assert [(one.interval.begin, one.interval.end) for one in found] == intervals
    assert all(one.labels == (("job", "x"), ("severity", "info")) for one in found)


INDICATORS = [
    {"ratio": {"errors": 'a_total{code="5"}', "total": "a_total"}},
    {"latency": {"histogram": "d_seconds", "below": "300ms"}},
    {"availability": {"gauge": "up"}},
    {"threshold": {"gauge": "queue", "below": "3"}},
    {"freshness": {"timestamp": "last_seconds", "maxAge": "1h"}},
    {"expression": {"errorRatio": "sum(rate(a[$window])) / sum(rate(b[$window]))"}},
]


@pytest.mark.parametrize("indicator", INDICATORS, ids=lambda one: next(iter(one)))
def test_increments_are_read_from_scrapes_alone(indicator: dict[str, Any]) -> None:
    maintenance = {
        "maintenance": [{"schedule": "weekly"}],
        "schedules": [
            {
                "name": "weekly",
                "timeZone": "UTC",
                "weekdays": ["saturday"],
                "times": [{"startTime": "22:00", "endTime": "24:00"}],
            }
        ],
    }
    for more in ({}, maintenance):
        recorded = recordings([rules_of(compiled(make_slo(indicator=indicator, **more)))])
        for name in ("slo:events:increase5m", "slo:errors:increase5m"):
            node = inlined(recorded[name], recorded)
            assert still_recorded(node, recorded) == ()
            assert not any(one.startswith("slo:") for one in facts.metrics(node))


def test_history_is_asked_for_in_pieces_that_meet() -> None:
    found = list(pieces(0, 10_000 * 60, 60))
    assert found[0] == (0, (POINTS - 1) * 60)
    assert [begin for begin, _end in found[1:]] == [end + 60 for _begin, end in found[:-1]]
    assert found[-1][1] == 10_000 * 60
    assert list(pieces(0, 0, 60)) == [(0, 0)]


def test_the_budget_of_a_calendar_window_is_full_after_its_reset() -> None:
    """1970 began on a Thursday, so the first week with a Monday begins on the fifth of January."""
    slo = make_slo(objective="99%", window={"calendar": "Week", "timeZone": "UTC"})
    monday, end = 4 * 288, 5 * 288
    errors = [5.0] * (monday - 12) + [0.0] * 24 + [2.0] * (end - monday - 12)
    before = replayed(slo, errors[: monday - 1], [100.0] * (monday - 1)).remaining
    assert before == pytest.approx(1 - sum(errors[: monday - 1]) / (monday - 1))
    # The step that ends with the reset, and an hour after it.
    for at in (monday, monday + 12):
        assert replayed(slo, errors[:at], [100.0] * at).remaining == 1
    found = replayed(slo, errors, [100.0] * end)
    assert found.remaining == pytest.approx(1 - sum(errors[monday:]) / (end - monday))
    # Without traffic since the reset the budget is full, for as long as the service is measured.
    quiet = [100.0] * (monday - 1) + [0.0] * 100
    assert replayed(slo, [1.0] * (monday - 1) + [0.0] * 100, quiet).remaining == 1
    assert replayed(slo, [1.0] * (monday - 1) + [NAN] * 600, [100.0] * (monday - 1) + [NAN] * 600).remaining is None
