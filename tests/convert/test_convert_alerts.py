"""What is imported pages and warns as the source tool's own alerts do, where those are right; the rest is told (docs/import.md).

The rules of sloth and pyrra are written as those tools write them, and evaluated by promtool beside ours on the same series. It
evaluates all of them each five minutes, so moments are compared to a few evaluations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from binnacle.convert.report import Fate
from compile.test_slo_meaning import line_3
from convert.corpus import entries, imported
from convert.test_convert_numbers import assert_agrees, ours

HOURS = 48
START = 26
"""The hour at which an incident begins, with more than a day before it."""
ERRORS, TOTAL = 'requests_total{code="500"}', "requests_total"
FINE = 'requests_total{code="200"}'
TOOLS = ("sloth", "pyrra")
Span = tuple[float, float, float]
"""From one hour to another, so many events a minute."""
LATE = 5
"""Minutes by which ours may fire later: an evaluation."""
EARLY = {("sloth", "critical"): 0, ("sloth", "warning"): 0, ("pyrra", "critical"): 75, ("pyrra", "warning"): 200}
"""Minutes by which ours may fire earlier: pyrra waits for 15 minutes and for 3 hours, and has other factors and windows."""
HELD = {"critical": 15, "warning": 180}
"""Minutes for which ours goes on when the short window has fallen below the limit: half of it."""
BEHIND = 15
"""Minutes by which long windows may be behind."""


@dataclass(frozen=True)
class Incident:
    """What happens, and which alerts must come of it.

    Attributes:
        name: what it is called.
        errors, fine: events each minute; fine ones are 100 of all, without the errors, where they are not given.
        fires: severities of the alerts of ours.
        missed: tools and severities that have none although ours does; why is told in the documents.
        objective: percent.
        after_page: the ticket of ours waits for the end of its page.
    """

    name: str
    errors: Sequence[Span]
    fires: frozenset[str]
    fine: Sequence[Span] | None = None
    missed: frozenset[tuple[str, str]] = frozenset()
    objective: float = 99.9
    after_page: bool = False

    def series(self) -> dict[str, str]:
        fine = self.fine or [(0, HOURS, 100), *((begin, end, -rate) for begin, end, rate in self.errors)]
        return {ERRORS: counter(self.errors), FINE: counter(fine)}


PAGE, TICKET = "critical", "warning"
BOTH, NONE = frozenset({PAGE, TICKET}), frozenset[str]()
INCIDENTS = (
    Incident("total outage of ten minutes", [(START, START + 1 / 6, 100)], BOTH, after_page=True),
    Incident("burn at eight times the allowed rate", [(START, START + 8, 0.8)], BOTH),
    Incident("slow burn", [(START, START + 10, 0.4)], frozenset({TICKET})),
    Incident("what the objective allows", [(0, HOURS, 0.09)], NONE),
    Incident(
        "outage after which there is no traffic",
        [(START, START + 0.5, 100)],
        BOTH,
        fine=[(0, START, 100), (START + 3, HOURS, 100)],
        after_page=True,
    ),
    Incident(
        "one failure among few requests",
        [(START, START + 1 / 60, 1)],
        BOTH,
        fine=[(hour + part / 4, hour + part / 4 + 1 / 60, 1) for hour in range(HOURS) for part in range(4)],
        after_page=True,
    ),
    Incident(
        "total outage at an objective that factors of 14.4 and 14 cannot reach",
        [(START, START + 3, 100)],
        BOTH,
        missed=frozenset({("sloth", PAGE), ("pyrra", PAGE), ("pyrra", TICKET)}),
        objective=90,
        after_page=True,
    ),
)


def counter(spans: Iterable[Span]) -> str:
    """A counter of a service that has run for long."""
    samples, value, given = [], 1e6, list(spans)
    for minute in range(HOURS * 60 + 1):
        value += sum(rate for begin, end, rate in given if begin * 60 < minute <= end * 60)
        samples.append(f"{value:.12g}")
    return " ".join(samples)


def share(window: str) -> str:
    return f"sum(rate({ERRORS}[{window}])) / sum(rate({TOTAL}[{window}]))"


def rules_of_sloth(objective: float) -> Iterator[dict[str, Any]]:
    """A share for each window, and an alert for each severity out of two pairs of windows."""
    labels = {"sloth_id": "web-a", "sloth_service": "web", "sloth_slo": "a"}
    same = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    for window in ("5m", "30m", "1h", "2h", "6h", "1d", "3d"):
        marked = {**labels, "sloth_window": window}
        yield {"record": f"slo:sli_error:ratio_rate{window}", "expr": share(window), "labels": marked}

    def burning(short: str, long: str, factor: float) -> str:
        limit = f"({factor} * {1 - objective / 100!r})"
        return " and ".join(
            f"(max(slo:sli_error:ratio_rate{window}{{{same}}} > {limit}) without (sloth_window))"
            for window in (short, long)
        )

    alerts = {PAGE: (("5m", "1h", 14.4), ("30m", "6h", 6)), TICKET: (("2h", "1d", 3), ("6h", "3d", 1))}
    for severity, pairs in alerts.items():
        expr = " or ".join(f"({burning(*pair)})" for pair in pairs)
        yield {"alert": "Theirs", "expr": expr, "labels": {"severity": severity}}


def rules_of_pyrra(objective: float) -> Iterator[dict[str, Any]]:
    """A share for each window, and an alert for each pair of windows, which waits."""
    for window in ("5m", "30m", "1h", "2h", "6h", "1d", "4d"):
        yield {"record": f"requests:burnrate{window}", "expr": share(window), "labels": {"slo": "theirs"}}
    for short, long, factor, wait, severity in (
        ("5m", "1h", 14, "2m", PAGE),
        ("30m", "6h", 7, "15m", PAGE),
        ("2h", "1d", 2, "1h", TICKET),
        ("6h", "4d", 1, "3h", TICKET),
    ):
        limit = f"({factor} * (1 - {objective / 100!r}))"
        expr = " and ".join(f'requests:burnrate{window}{{slo="theirs"}} > {limit}' for window in (short, long))
        yield {
            "alert": "Theirs",
            "expr": expr,
            "for": wait,
            "labels": {"severity": severity, "short": short, "long": long},
        }


THEIRS = {"sloth": rules_of_sloth, "pyrra": rules_of_pyrra}


def source_of(tool: str, objective: float) -> Mapping[str, Any]:
    """The SLO as a user of the tool has it."""
    if tool == "pyrra":
        indicator = {"ratio": {"errors": {"metric": ERRORS}, "total": {"metric": TOTAL}}}
        return {
            "apiVersion": "pyrra.dev/v1alpha1",
            "kind": "ServiceLevelObjective",
            "metadata": {"name": "a"},
            "spec": {"target": str(objective), "window": "4w", "indicator": indicator},
        }
    queries = (f"sum(rate({selector}[{{{{.window}}}}]))" for selector in (ERRORS, TOTAL))
    events = dict(zip(("error_query", "total_query"), queries, strict=True))
    alerting = {"name": "A", "page_alert": {}, "ticket_alert": {}}
    slos = [{"name": "a", "objective": objective, "sli": {"events": events}, "alerting": alerting}]
    return {"version": "prometheus/v1", "service": "web", "slos": slos}


def firing(matchers: str, severity: str) -> str:
    return f'max(ALERTS{{{matchers},alertstate="firing",severity="{severity}"}})'


def moment(which: str, alert: str) -> str:
    """The second at which an alert fires first (`min`) or last (`max`)."""
    return f"{which}_over_time(timestamp({alert})[{HOURS}h:5m])"


def is_within(expr: str, low: float, high: float) -> dict[str, Any]:
    return holds(f"count({low * 60!r} <= ({expr}) <= {high * 60!r})", 1)


def holds(expr: str, value: float | None) -> dict[str, Any]:
    found = [] if value is None else [{"labels": "{}", "value": value}]
    return {"expr": expr, "eval_time": f"{HOURS}h", "exp_samples": found}


def compared(incident: Incident, tool: str) -> Iterator[dict[str, Any]]:
    name = "web-a" if tool == "sloth" else "a"
    for severity in (PAGE, TICKET):
        mine, theirs = firing(f'slo="{name}"', severity), firing('alertname="Theirs"', severity)
        missed = (tool, severity) in incident.missed
        if missed or severity not in incident.fires:
            yield holds(moment("min", theirs), None)
        if severity not in incident.fires:
            yield holds(moment("min", mine), None)
            continue
        if severity == TICKET and incident.after_page:
            # Never beside its page, and at once when that has ended.
            page = firing(f'slo="{name}"', PAGE)
            yield holds(f"count_over_time(({mine} and {page})[{HOURS}h:5m])", None)
            yield is_within(f"{moment('min', mine)} - {moment('max', page)}", 5, 5)
        elif missed:
            yield is_within(f"{moment('min', mine)} - {START * 3600}", 0, 60)
        else:
            yield is_within(f"{moment('min', mine)} - {moment('min', theirs)}", -EARLY[tool, severity], LATE)
        if not missed:
            longer = HELD[severity] + BEHIND
            yield is_within(f"{moment('max', mine)} - {moment('max', theirs)}", 0, longer)


@pytest.mark.thorough
@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda one: one.name)
def test_alerts_fire_as_those_of_sloth_and_pyrra(tmp_path: Path, incident: Incident) -> None:
    """On one line: what the two lines make of ranges is compared with the figures (`test_convert_numbers`)."""
    promtool = line_3()
    for tool in TOOLS:
        outcome = imported(tool, yaml.dump(source_of(tool, incident.objective)))
        folder = tmp_path / tool
        folder.mkdir()
        theirs = THEIRS[tool](incident.objective)
        expects = list(compared(incident, tool))
        assert_agrees(promtool, folder, theirs, ours(outcome.resources.values()), expects, incident.series())


@pytest.mark.parametrize("tool", TOOLS)
def test_how_alerts_differ_is_told(tool: str) -> None:
    outcome = imported(tool, yaml.dump(source_of(tool, 99.9)))
    path = "slos[0].alerting" if tool == "sloth" else "spec"
    (told,) = (
        one
        for one in entries(outcome, path)
        if one.target.startswith("spec.alerting") and "short window" in one.finding.message
    )
    assert told.fate is Fate.CHANGED
    assert "beside its page" in told.finding.message
