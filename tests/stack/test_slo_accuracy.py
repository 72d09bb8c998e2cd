"""The rules of an SLO in a real Prometheus: how exact the SLI is, and how soon a total outage pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from binnacle.api.values import Duration
from compile.building import compiled, make_slo, slo_rule_text
from servers.prometheus import Prometheus, PrometheusLine
from stack.scrapes import Samples, Scrapes, openmetrics, record
from stack.shapes import shapes, share

START = 1_767_225_600.0  # 2026-01-01T00:00:00Z
DAY = 86_400.0


LENGTH = 2.5 * DAY
HOUR = 3600.0


TOLERANCE = 0.0005
"""Most relative error of a share of errors."""
SCRAPE, STEP = 60.0, 300.0
ONSET = (1.1 + 1.0) * STEP / (STEP + SCRAPE) * SCRAPE
"""Seconds of errors by which the count may be off where a counter appears with its first errors.

The first increment reads a range in which the counter begins. It adds what it takes to lie before the first sample, for at
most 1.1 scrape intervals, and after the last one, for at most one; of a range, step / (step + scrape interval) counts. What
lies before the first sample is known to nobody, so the raw counter has none of it. Later increments add nothing to that.
"""
PHASES = {"late-errors": 40}
"""How many SLOs look at a shape of traffic, each at its own times within the step, where that matters."""


def document(text: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)
    return loaded


def expression(rules: dict[str, Any], name: str) -> str:
    return next(
        str(rule["expr"])
        for group in rules["groups"]
        for rule in group["rules"]
        if name in (rule.get("record"), rule.get("alert"))
    )


class Measured(NamedTuple):
    """How far off the SLI of an SLO is, relative to the truth, and how long after the onset of its errors it is evaluated.

    The latter is in seconds, by the first increment that may have some of it.
    """

    error: float
    phase: float


def sli_errors(
    line: PrometheusLine, directory: Path, change: Callable[[str], str], phases: Mapping[str, int]
) -> dict[str, list[Measured]]:
    """The relative errors of the SLI for each shape of traffic, with a change made to the text of the rules."""
    scrapes = Scrapes(START, LENGTH, SCRAPE)
    traffic = shapes(scrapes, late=DAY)
    raw: dict[str, Samples] = {}
    rules: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in traffic}
    for name, samples in traffic.items():
        total = f'requests_total{{service="{name}"}}'
        bad, fine = (f'requests_total{{service="{name}",code="{code}"}}' for code in (500, 200))
        raw |= {bad: samples["bad"], fine: samples["fine"]}
        for number in range(phases.get(name, 1)):
            called = f"{name}-{number}"
            slo = make_slo(called, window={"rolling": "3d"}, indicator={"ratio": {"errors": bad, "total": total}})
            rules[name][called] = document(change(slo_rule_text(slo)))
    line.create_blocks(openmetrics(raw), directory / "data")
    record(line, directory, (one for some in rules.values() for one in some.values()), scrapes, parts=["increments"])
    measured: dict[str, list[Measured]] = {name: [] for name in traffic}
    with Prometheus(line, directory) as server:
        for name, samples in traffic.items():
            for called, one in rules[name].items():
                value = server.value(expression(one, "slo:period_error:ratio"), scrapes.end)
                last = server.value(f'timestamp(slo:events:increase5m{{slo="{called}"}})', scrapes.end)
                measured[name].append(Measured(value / share(samples) - 1, (last - samples["bad"][0][0]) % STEP))
    return measured


def test_the_sli_is_exact_for_every_shape_of_traffic(prometheus_line: PrometheusLine, tmp_path: Path) -> None:
    """Against the raw counters: seams between increments, quiet nights and restarts lose nothing.

    At an onset, at most what nobody can know: wherever in the step it lies.
    """
    measured = sli_errors(prometheus_line, tmp_path, lambda text: text, PHASES)
    late = measured.pop("late-errors")
    wrong = {name: [one.error for one in some if abs(one.error) > TOLERANCE] for name, some in measured.items()}
    assert {name: errors for name, errors in wrong.items() if errors} == {}
    phases = sorted(one.phase for one in late)
    gaps = [after - before for before, after in pairwise([*phases, phases[0] + STEP])]
    assert max(gaps) < SCRAPE, "the onset lies at every number of scrapes before an evaluation"
    # One error a second, from the day on to the last hour, which is quiet.
    assert max(abs(one.error) for one in late) <= ONSET / (LENGTH - DAY - HOUR)


def test_increments_that_do_not_overlap_by_a_scrape_are_found_out(
    prometheus_line: PrometheusLine, tmp_path: Path
) -> None:
    """The test above is worth something: the usual rate over the step itself fails it."""
    wrong = sli_errors(
        prometheus_line, tmp_path, lambda text: text.replace("[6m]", "[5m]").replace("/ 360", "/ 300"), {}
    )
    assert max(abs(one.error) for name, some in wrong.items() if name not in PHASES for one in some) > TOLERANCE


def test_history_survives_changes_of_the_service_and_the_grouping(
    prometheus_line: PrometheusLine, tmp_path: Path
) -> None:
    """What was recorded under other labels still counts, and never as a second element, at which a rule would fail."""
    scrapes = Scrapes(START, 6 * HOUR, 60)
    selectors = {"errors": 'requests_total{code="500"}', "total": "requests_total"}
    before = make_slo(service="old", groupBy=["region"], indicator={"ratio": selectors})
    raw = {
        f'requests_total{{code="{code}",region="{region}"}}': scrapes.counter(lambda _, rate=rate: rate, first=1e6)
        for region, shares in (("eu", (1.0, 9.0)), ("us", (0.0, 90.0)))
        for code, rate in zip((500, 200), shares, strict=True)
    }
    prometheus_line.create_blocks(openmetrics(raw), tmp_path / "data")
    record(prometheus_line, tmp_path, [document(slo_rule_text(before))], scrapes, parts=["increments"])
    after = make_slo(service="new", indicator={"ratio": selectors})
    with Prometheus(prometheus_line, tmp_path) as server:
        for name in ("slo:period_error:ratio", "slo:sli_error:ratio_rate3d"):
            expr = expression(document(slo_rule_text(after)), name)
            assert server.value(expr, scrapes.end) == pytest.approx(0.01, rel=1e-6)


@pytest.mark.parametrize("first", ["known", "new"])
@pytest.mark.parametrize("after_scrape", [1.0, 14.0])
def test_a_total_outage_pages_within_two_minutes(
    prometheus_line: PrometheusLine, tmp_path: Path, first: str, after_scrape: float
) -> None:
    """At 15 s scrapes and evaluations and 99.9%, whether or not there ever was an error before."""
    scrapes = Scrapes(START, 2 * 3600, 15)
    begin = 1.75 * 3600 + 17 + after_scrape
    slo = make_slo(indicator={"ratio": {"errors": 'requests_total{code="500"}', "total": "requests_total"}})
    clocks = {"scrapeInterval": "15s", "evaluationInterval": "15s"}
    rules = document(slo_rule_text(slo, **clocks))
    claimed = Duration.parse(compiled(slo, **clocks).facts["alerts"][0]["worstCaseDetection"]).ms / 1000

    def failing(since: float) -> float:
        # Growth up to this scrape since the one before, as a rate: the outage begins between two scrapes.
        return 10.0 * min(1.0, max(0.0, (since - begin) / scrapes.interval))

    raw = {
        'requests_total{code="500"}': scrapes.counter(
            failing, first=0 if first == "new" else 7, appears=first == "new"
        ),
        'requests_total{code="200"}': scrapes.counter(lambda since: 10.0 - failing(since), first=100_000),
    }
    prometheus_line.create_blocks(openmetrics(raw), tmp_path / "data")
    record(prometheus_line, tmp_path, [rules], scrapes, evaluation=15, parts=["short", "increments", "long"])
    with Prometheus(prometheus_line, tmp_path) as server:
        pages = server.query_range(
            expression(rules, "SLOErrorBudgetBurn"), start=START + 3600, end=scrapes.end - 30, step=15
        )
    # Each pair of windows has the name of its own series here; in the alert they are one.
    first_true = min(page.points[0][0] for page in pages)
    # The worst evaluation comes just before the one that was asked for.
    took = first_true - (START + begin)
    assert 0 < took <= claimed <= 120
