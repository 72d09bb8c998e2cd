"""Windows that are summed up rarely, periods of the calendar and maintenance in a real Prometheus, against raw counters.

Rules are evaluated at the intervals of their groups, as promtool's rule tests cannot do.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

from binnacle.api.config import Config
from binnacle.api.slo import SLO
from binnacle.compile.registry import KINDS
from binnacle.compile.world import World
from binnacle.intent import series
from compile.building import key_of, make_slo, rule_text, rules_of
from servers.prometheus import Prometheus, PrometheusLine
from stack.history import only
from stack.scrapes import Document, Samples, Scrapes, openmetrics, record
from stack.shapes import DAY, shapes
from stack.test_slo_accuracy import START, TOLERANCE, document, expression

LATE = 11 * 60.0
"""Seconds after a scrape at which it is part of the window for certain: a step, and a look back at it."""
LATE_SERIES = 0.002
"""Most relative error where a counter appears with a value: what was counted before that is not known to anybody."""
RARE = {"quarterly": {"rolling": "90d"}, "yearly": {"calendar": "Year", "timeZone": "Europe/Berlin"}}


class Grown:
    """How much counters have grown up to a moment."""

    def __init__(self, samples: Samples) -> None:
        self._at = [at for at, _ in samples]
        self._sums = [0.0]
        for (_, earlier), (_, later) in pairwise(samples):
            self._sums.append(self._sums[-1] + (later - earlier if later >= earlier else later))

    def until(self, at: float) -> float:
        return self._sums[max(0, bisect_right(self._at, at) - 1)]


def shares(traffic: dict[str, Samples], at: float, *, since: float = 0.0, late: float = LATE) -> list[float]:
    """The shares of errors that a window may have at a moment, by how far back its last increment lies."""
    bad, fine = Grown(traffic["bad"]), Grown(traffic["fine"])
    found = []
    for back in range(0, int(late) + 1, 60):
        errors, others = (one.until(at - back) - one.until(since) for one in (bad, fine))
        found.append(errors / (errors + others) if errors + others else 0.0)
    return found


def rules_on(day: date, slo: SLO, **prometheus: Any) -> dict[str, Any]:
    world = World(Config.from_data({"prometheus": {"output": "configMap", **prometheus}}), day)
    return document(rule_text(rules_of(KINDS["SLO"](slo, world)), key_of(slo)))


def counted(name: str) -> dict[str, Any]:
    total = f'requests_total{{service="{name}"}}'
    return {"ratio": {"errors": f'requests_total{{service="{name}",code="500"}}', "total": total}}


def raw(traffic: dict[str, dict[str, Samples]]) -> dict[str, Samples]:
    return {
        f'requests_total{{service="{name}",code="{code}"}}': samples[part]
        for name, samples in traffic.items()
        for code, part in ((500, "bad"), (200, "fine"))
    }


def of_period(rules: Iterable[Document]) -> Iterator[dict[str, Any]]:
    """The rules without those for which the share over the window has no use."""
    for one in rules:
        groups = [group for group in one["groups"] if str(group["name"]).endswith((".increments", ".period"))]
        current = [group for group in one["groups"] if str(group["name"]).endswith(".long")]
        yield {"groups": [*groups, *only(current, {series.PERIOD_CURRENT})]}


def test_windows_that_are_summed_up_rarely_are_exact_at_any_time(
    prometheus_line: PrometheusLine, tmp_path: Path
) -> None:
    """In the middle of an outage and between two sums, for every shape of traffic: never later than other windows are."""
    scrapes = Scrapes(START, 2.5 * DAY, 60)
    traffic = shapes(scrapes, late=DAY)
    prometheus_line.create_blocks(openmetrics(raw(traffic)), tmp_path / "data")
    # Each shape over one of them, and what sums are missed of most over both.
    chosen = [(name, called) for name, called in zip(traffic, cycle(RARE), strict=False)]
    chosen += [("peak-outage", called) for called in RARE if ("peak-outage", called) not in chosen]
    rules = {
        (name, called): rules_on(
            date(2026, 1, 1), make_slo(f"{name}-{called}", window=RARE[called], indicator=counted(name))
        )
        for name, called in chosen
    }
    record(prometheus_line, tmp_path, of_period(rules.values()), scrapes, parts=["increments", "period", "long"])
    outage = START + 0.6 * scrapes.length
    # Before it, at every part of its half hour, and for longer than the longest interval of sums; and the end.
    moments = [outage - 300 + 7 * 61.0 * number for number in range(16)] + [scrapes.end]
    wrong = {}
    with Prometheus(prometheus_line, tmp_path) as server:
        for (name, called), one in rules.items():
            expr = expression(one, series.PERIOD_ERROR)
            for at in moments:
                value = server.value(expr, at)
                right = shares(traffic[name], at)
                most = LATE_SERIES if name == "late-errors" else TOLERANCE
                if not min(right) * (1 - most) <= value <= max(right) * (1 + most):
                    wrong[name, called, at - outage] = (value, min(right), max(right))
    assert wrong == {}
