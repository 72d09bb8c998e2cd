"""Windows that are summed up rarely, periods of the calendar and maintenance in a real Prometheus, against raw counters.

Rules are evaluated at the intervals of their groups, as promtool's rule tests cannot do.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from datetime import date, datetime
from itertools import cycle, pairwise, product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from binnacle.api.config import Config
from binnacle.api.slo import SLO
from binnacle.compile.registry import KINDS
from binnacle.compile.world import World
from binnacle.intent import series
from compile.building import key_of, make_slo, rule_text, rules_of
from servers.prometheus import Prometheus, PrometheusLine
from stack.scrapes import Samples, Scrapes, openmetrics, record
from stack.shapes import DAY, HOUR, shapes
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


def share_over_window(rules: dict[str, Any]) -> str:
    """The expression of the share over an SLO's window; the current period is that of its evaluation, as in a rule group."""
    text = expression(rules, series.PERIOD_ERROR)
    if series.PERIOD_CURRENT not in text:
        return text
    current = expression(rules, series.PERIOD_CURRENT)
    return re.sub(rf"topk\(1, timestamp\({series.PERIOD_CURRENT}{{[^}}]*}}\)\)", lambda _: current, text)


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
    record(prometheus_line, tmp_path, rules.values(), scrapes, parts=["increments", "period"])
    outage = START + 0.6 * scrapes.length
    # Before it, at every part of its half hour, and for longer than the longest interval of sums; and the end.
    moments = [outage - 300 + 7 * 61.0 * number for number in range(16)] + [scrapes.end]
    wrong = {}
    with Prometheus(prometheus_line, tmp_path) as server:
        for (name, called), one in rules.items():
            expr = share_over_window(one)
            for at in moments:
                value = server.value(expr, at)
                right = shares(traffic[name], at)
                most = LATE_SERIES if name == "late-errors" else TOLERANCE
                if not min(right) * (1 - most) <= value <= max(right) * (1 + most):
                    wrong[name, called, at - outage] = (value, min(right), max(right))
    assert wrong == {}


ZONE = "Europe/Berlin"
RESET = datetime(2026, 4, 1, tzinfo=ZoneInfo(ZONE)).timestamp()
NIGHTLY = {
    "schedules": [{"name": "night", "timeZone": ZONE, "times": [{"startTime": "23:30", "endTime": "00:30"}]}],
    "maintenance": [{"schedule": "night"}],
}
"""An hour around each local midnight, and so around the reset."""
SEAM = 6 * 60.0
"""Seconds around an edge whose increment lies on both its sides: a step and a scrape."""


def between(traffic: dict[str, Samples], parts: Iterable[tuple[float, float]]) -> float:
    """The share of errors of what was counted in some parts of the time."""
    bad, fine = Grown(traffic["bad"]), Grown(traffic["fine"])
    errors, others = (sum(one.until(end) - one.until(begin) for begin, end in parts) for one in (bad, fine))
    return errors / (errors + others) if errors + others else 0.0


def test_resets_and_maintenance_in_local_time_are_exact(prometheus_line: PrometheusLine, tmp_path: Path) -> None:
    """A month and a quarter begin in an outage of half an hour, three days after the clocks were changed."""
    length = 76 * HOUR
    # Half of the outage that the shapes have lies before the reset.
    scrapes = Scrapes(RESET - 0.6 * length - HOUR / 4, length, 60)
    names = ("night-errors", "peak-outage", "uniform", "restarts")
    traffic = {name: samples for name, samples in shapes(scrapes, late=0.0).items() if name in names}
    prometheus_line.create_blocks(openmetrics(raw(traffic)), tmp_path / "data")
    windows = {
        "month": {"window": {"calendar": "Month", "timeZone": ZONE}},
        "quarter": {"window": {"calendar": "Quarter", "timeZone": ZONE}},
        "maintained": {"window": {"rolling": "4d"}, **NIGHTLY},
    }
    rules = {
        (name, called): rules_on(date(2026, 3, 1), make_slo(f"{name}-{called}", indicator=counted(name), **spec))
        for name in traffic
        for called, spec in windows.items()
    }
    record(prometheus_line, tmp_path, rules.values(), scrapes, parts=["increments", "period"])
    nights = [RESET + day * DAY for day in range(-1, 2)]
    wrong = {}

    def check(name: str, called: str, at: float, rights: Iterable[float]) -> None:
        value, known = server.value(share_over_window(rules[name, called]), at), tuple(rights)
        if not min(known) * (1 - TOLERANCE) <= value <= max(known) * (1 + TOLERANCE):
            wrong[name, called, at - RESET] = (value, min(known), max(known))

    with Prometheus(prometheus_line, tmp_path) as server:
        for name, samples in traffic.items():
            for called in ("month", "quarter"):
                # The budget is full at once; what counts then is what was counted since.
                check(name, called, RESET + 1, [0.0])
                check(name, called, RESET + 4 * 60, [0.0])
                check(name, called, RESET - 1, shares(samples, RESET - 1))
                for later in (HOUR / 2, 2 * HOUR, scrapes.end - RESET):
                    edges = [(seam, late) for seam in (0.0, SEAM) for late in range(0, int(LATE) + 1, 60)]
                    end = RESET + later
                    check(name, called, end, (between(samples, [(RESET + a, end - b)]) for a, b in edges))
            free = []
            for before, after in product((0.0, SEAM), (0.0, 8 * 60.0)):
                starts = [scrapes.start, *(night + HOUR / 2 + after for night in nights)]
                ends = [*(night - HOUR / 2 - before for night in nights), scrapes.end]
                free.append(between(samples, list(zip(starts, ends, strict=True))))
            check(name, "maintained", scrapes.end, free)
        assert server.value(share_over_window(rules["peak-outage", "maintained"]), scrapes.end) == 0
    assert wrong == {}


def test_sums_that_were_missed_are_made_good_or_told_by_nothing(
    prometheus_line: PrometheusLine, tmp_path: Path
) -> None:
    """Of a year, summed up each 44 minutes; everything that fails does in the last two hours."""
    scrapes = Scrapes(START, 2.5 * DAY, 60)
    late = scrapes.length - 2 * HOUR
    traffic = {
        "bad": scrapes.counter(lambda since: 1.0 if since > late else 0.0, first=5000.0),
        "fine": scrapes.counter(lambda _: 99.0, first=5000.0),
    }
    # Until how long before the end there were sums, in seconds.
    last = {"missed": 44 * 60.0, "stale": 5 * HOUR, "long-gone": 30 * HOUR, "new": None}
    rules = {
        name: rules_on(date(2026, 1, 1), make_slo(name, window=RARE["yearly"], indicator=counted("web")))
        for name in last
    }
    old = f'{series.TIME_PERIOD}{{slo="long-gone",slo_namespace="shop",slo_service="checkout"}}'
    written = raw({"web": traffic}) | {old: [(at, 365.0) for at in scrapes.times() if at < scrapes.end - 30 * HOUR]}
    prometheus_line.create_blocks(openmetrics(written), tmp_path / "data")
    record(prometheus_line, tmp_path, rules.values(), scrapes, parts=["increments"])
    for name, before in last.items():
        if before is not None:
            until = Scrapes(scrapes.end - before - 2 * HOUR, 2 * HOUR, 60)
            record(prometheus_line, tmp_path, [rules[name]], until, parts=["period"])
    with Prometheus(prometheus_line, tmp_path) as server:
        found = {name: server.query(share_over_window(one), scrapes.end) for name, one in rules.items()}
    values = {name: one[0].value if one else None for name, one in found.items()}
    assert values.pop("long-gone") is None, "no number instead of a wrong one"
    assert values.pop("stale") == 0
    right = shares(traffic, scrapes.end)
    assert values["missed"] is not None
    assert min(right) * (1 - TOLERANCE) <= values["missed"] <= max(right) * (1 + TOLERANCE)
    day = between(traffic, [(scrapes.end - DAY, scrapes.end)])
    assert values["new"] == pytest.approx(day, rel=0.1)
