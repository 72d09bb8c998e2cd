"""Burn alerts as arithmetic: which pairs an SLO gets, what is replaced, what is left out, and how late they are."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from binnacle.api.config import PrometheusConfig
from binnacle.api.findings import Severity
from binnacle.api.reasons import Reason
from binnacle.api.slo_alerting import BurnRate
from binnacle.api.slo_window import CalendarUnit
from binnacle.api.values import AlertSeverity, Duration
from binnacle.compile.slo import burn
from binnacle.compile.slo.detection import worst_case_detection
from binnacle.compile.slo.timing import Timing
from compile.building import compiled, make_slo

MINUTE = Timing.of(PrometheusConfig())


def timing(scrape: str, evaluation: str) -> Timing:
    return Timing.of(PrometheusConfig.model_validate({"scrapeInterval": scrape, "evaluationInterval": evaluation}))


def days(count: int) -> Duration:
    return Duration.of(days=count)


def rate(name: str, long: str, short: str, budget: str = "2%", severity: str = "critical") -> BurnRate:
    return BurnRate.model_validate({"name": name, "severity": severity, "budget": budget, "long": long, "short": short})


def test_thirty_days_are_the_workbook() -> None:
    pairs, findings = burn.derive(Fraction(999, 1000), days(30), MINUTE)
    shown = [
        (p.severity.value, burn.number(p.factor), str(p.long), str(p.short), burn.percent(p.budget(days(30))))
        for p in pairs
    ]
    assert shown == [
        ("critical", "14.4", "1h", "5m", "2%"),
        ("critical", "6", "6h", "30m", "5%"),
        ("warning", "3", "1d", "2h", "10%"),
        ("warning", "1", "3d", "6h", "10%"),
    ]
    assert findings == []


@given(
    window=st.integers(24, 366 * 24).map(lambda hours: Duration.of(hours=hours)),
    objective=st.fractions(Fraction(1, 1000), Fraction(99999, 100000)),
    clocks=st.sampled_from([("15s", "15s"), ("1m", "1m"), ("5m", "1m"), ("10m", "5m")]),
)
def test_derived_pairs_can_always_fire(window: Duration, objective: Fraction, clocks: tuple[str, str]) -> None:
    clock = timing(*clocks)
    pairs, findings = burn.derive(objective, window, clock)
    assert {pair.severity for pair in pairs} == {AlertSeverity.CRITICAL, AlertSeverity.WARNING}
    assert len({pair.name for pair in pairs}) == len(pairs)
    for pair in pairs:
        assert 0 < pair.factor * (1 - objective) < 1
        assert pair.short < pair.long <= window
        assert pair.budget(window) <= 1
        for ranged in (pair.long, pair.short):
            assert clock.is_recordable(ranged)
            assert clock.covering(ranged) >= 2 * clock.scrape.ms
    assert all(finding.severity is Severity.INFO for finding in findings)


def test_an_unreachable_factor_is_replaced_and_reported() -> None:
    pairs, findings = burn.derive(Fraction(9, 10), days(30), MINUTE)
    assert pairs[0].factor == 9
    assert [(finding.reason, finding.path) for finding in findings] == [
        (Reason.UNREACHABLE_BURN_RATE, "spec.alerting.burnRates")
    ]
    assert "90%" in findings[0].message


def test_windows_that_do_not_fit_are_replaced_and_reported() -> None:
    pairs, findings = burn.derive(Fraction(999, 1000), days(1), MINUTE)
    assert [str(pair.long) for pair in pairs] == ["1h", "6h", "12h"]
    assert {finding.reason for finding in findings} == {Reason.WINDOW_TOO_LONG}


def test_given_pairs_are_taken_as_they_are() -> None:
    rates = (rate("a", "1h", "5m"), rate("b", "30m", "2m", "1%", "warning"))
    pairs, findings = burn.given(rates, Fraction(999, 1000), days(30), MINUTE)
    assert [(pair.name, burn.number(pair.factor)) for pair in pairs] == [("a", "14.4"), ("b", "14.4")]
    assert findings == []


@pytest.mark.parametrize(
    ("bad", "path", "reason"),
    [
        (rate("x", "7m", "5m"), "long", Reason.INVALID_VALUE),
        (rate("x", "1h", "8m"), "short", Reason.INVALID_VALUE),
    ],
)
def test_a_bad_pair_is_left_out_alone(bad: BurnRate, path: str, reason: Reason) -> None:
    pairs, findings = burn.given((rate("a", "1h", "5m"), bad), Fraction(999, 1000), days(30), MINUTE)
    assert [pair.name for pair in pairs] == ["a"]
    (finding,) = findings
    assert (finding.severity, finding.reason, finding.path) == (
        Severity.ERROR,
        reason,
        f"spec.alerting.burnRates[x].{path}",
    )
    assert finding.fix


def test_a_window_below_the_scrape_interval_is_left_out() -> None:
    _, findings = burn.given((rate("x", "1h", "1m"),), Fraction(999, 1000), days(30), timing("2m", "1m"))
    assert [finding.reason for finding in findings] == [Reason.WINDOW_TOO_SHORT]


def test_given_pairs_that_cannot_work_are_mended_with_a_warning() -> None:
    rates = (rate("all", "1h", "5m", "100%"), rate("long", "3d", "6h", "50%"), rate("again", "1h", "5m"))
    pairs, findings = burn.given(rates, Fraction(99, 100), days(2), MINUTE)
    assert [(pair.name, str(pair.long), burn.number(pair.factor)) for pair in pairs] == [
        ("all", "1h", "0.96"),
        ("long", "2d", "0.5"),
    ]
    assert sorted(finding.reason for finding in findings) == [Reason.DUPLICATE_BURN_RATE, Reason.WINDOW_TOO_LONG]
    assert all(finding.severity is Severity.WARNING for finding in findings)


def apart(pairs: Iterable[burn.Pair], objective: Fraction) -> bool:
    """Whether each page waits for twice the burn rate of each ticket, or for nearly everything to fail."""
    most = burn.MOST_ERRORS / (1 - objective)
    page, ticket = AlertSeverity.CRITICAL, AlertSeverity.WARNING
    every = [
        (one, other) for one, other in product(pairs, repeat=2) if (one.severity, other.severity) == (page, ticket)
    ]
    return all(one.factor >= min(2 * other.factor, most) for one, other in every)


@given(
    st.integers(24, 366 * 24).map(lambda hours: Duration.of(hours=hours)),
    st.fractions(Fraction(1, 2), Fraction(99999, 100000)),
    st.integers(1, 72).map(lambda hours: Duration.of(hours=hours)),
)
def test_pages_of_values_that_count_over_a_time_wait_for_more_than_tickets(
    window: Duration, objective: Fraction, every: Duration
) -> None:
    """Lifted to what the indicator counts over, a page with the budget of an hour would come with the ticket, or before it."""
    pairs, _ = burn.derive(objective, window, timing("60s", "60s"), every)
    assert apart(pairs, objective)


def test_given_pages_that_are_lifted_wait_for_more_than_tickets() -> None:
    rates = (
        rate("fast", "1h", "5m"),
        rate("slow", "1d", "2h", "10%", "warning"),
        rate("note", "3h", "30m", "1%", "info"),
    )
    pairs, findings = burn.given(rates, Fraction(999, 1000), days(30), timing("60s", "60s"), Duration.of(hours=24))
    assert [(pair.name, pair.long, pair.factor) for pair in pairs] == [
        ("fast", days(1), 6),
        ("slow", days(1), 3),
        ("note", days(1), 1),
    ]
    assert [one.path for one in findings] == [
        "spec.alerting.burnRates[fast].long",
        "spec.alerting.burnRates[note].long",
    ]
    assert "at a burn rate of 6." in findings[0].message


def test_a_total_outage_pages_within_two_minutes() -> None:
    pairs, _ = burn.derive(Fraction(999, 1000), days(30), MINUTE)
    assert worst_case_detection(pairs[0], Fraction(999, 1000), timing("15s", "15s")) <= Duration.of(minutes=2)
    assert worst_case_detection(pairs[0], Fraction(999, 1000), timing("15s", "30s")) <= Duration.of(minutes=2)


def test_status_facts_are_in_the_spelling_of_the_api() -> None:
    facts = compiled(make_slo(), scrapeInterval="15s", evaluationInterval="15s").facts
    assert facts["alerts"][0] == {
        "name": "fast",
        "severity": "critical",
        "factor": "14.4",
        "budget": "2%",
        "long": "1h",
        "short": "5m",
        "worstCaseDetection": "1m37s",
        "detectionAtFactor": "1h5m45s",
    }
    assert facts["cost"]["rules"] == 18


def test_cost_stays_within_its_bound() -> None:
    """At 60 s scrapes and 40 scraped series, for every kind of indicator."""
    indicators = (
        {"ratio": {"errors": "a", "total": "b"}},
        {"ratio": {"good": "a", "total": "b"}},
        {"latency": {"histogram": "a", "below": "1s"}},
        {"latency": {"histogram": "a", "below": "1s", "histogramType": "native"}},
    )
    for indicator in indicators:
        assert compiled(make_slo(indicator=indicator)).facts["cost"]["samplesPerMinute"] <= 7000


@given(
    st.integers(24, 366 * 24).map(lambda hours: {"rolling": f"{hours}h"})
    | st.sampled_from(CalendarUnit).map(lambda unit: {"calendar": unit.value, "timeZone": "Europe/Berlin"})
)
@example({"rolling": "366d"})
@example({"rolling": "35d"})
@example({"calendar": "Year", "timeZone": "Europe/Berlin"})
@settings(max_examples=30, deadline=None)
def test_no_window_costs_more_than_its_bound(window: dict[str, str]) -> None:
    """With the default alerts, whatever is longer than a few weeks reads no more than that, however long groups are missed."""
    for alerting in ({}, *({"noData": {"action": "Alert", "for": lasting}} for lasting in ("0s", "59m", "1d", "30d"))):
        slo = make_slo(window=window, alerting=alerting, groupBy=["region"])
        assert compiled(slo, scrapeInterval="60s").facts["cost"]["samplesPerMinute"] <= 7000
