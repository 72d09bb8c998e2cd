"""What windows of 90 days and of a calendar year cost Prometheus, and how exact they are.

How exact is measured on raw counters of 90 days, what is read of a year on increments that are written as they would have been
recorded: that many raw samples would take longer to write than all the rest.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

from bench.figures import Figure
from bench.slo import COSTLY, RECENT, cost_of, costly, expression_of, our_rules
from binnacle.intent import series
from servers.prometheus import LINES, Prometheus, PrometheusLine
from stack.scrapes import Samples, Scrapes, openmetrics, record
from stack.shapes import DAY, shapes, share

_START: Final = 1_767_225_600.0  # 2026-01-01T00:00:00Z
_STEP: Final = 300.0
_SHAPES: Final = ("night-errors", "peak-outage", "restarts", "late-errors")
"""Of the seven those that windows go wrong by; the others are about increments, which a month shows."""
_WINDOWS: Final = {
    "90 days": ({"rolling": "90d"}, 90),
    "calendar year": ({"calendar": "Year", "timeZone": "UTC"}, 365),
}
_PART: Final = 30 * DAY
"""Prometheus answers with at most 11,000 points of a series."""


def window_figures() -> list[Figure]:
    """Measure on both lines."""
    return [figure for line in LINES for figure in _line(PrometheusLine.find(line))]


def _line(line: PrometheusLine) -> list[Figure]:
    on = f"Prometheus {line.version}"
    figures = [_cost_figure(line, name, *window, on) for name, window in _WINDOWS.items()]
    found = _errors(line)
    return [
        *figures,
        Figure(
            "slo",
            f"error of the SLI against raw counters, the largest of four shapes of traffic: ours, {on}, 90 days",
            max(abs(one) for one in found.values()),
            "%",
            at_most=0.05,
            detail=", ".join(f"{shape} {value:+.3f}" for shape, value in found.items()),
        ),
    ]


def _cost_figure(line: PrometheusLine, name: str, window: dict[str, str], days: int, on: str) -> Figure:
    rules = our_rules(COSTLY, window, date(2026, 1, 1))
    end = _START + days * DAY
    recent = Scrapes(end - RECENT, RECENT, 60)
    labels = f'slo="{COSTLY}",slo_namespace="bench",slo_service="{COSTLY}"'
    if "calendar" in window:
        labels += f',{series.BINNACLE_PERIOD}="{_START:.0f}"'
    recorded = {
        f"slo:{part}:increase5m{{{labels}}}": _given(days, each) for part, each in (("events", 100.0), ("errors", 0.1))
    }
    with tempfile.TemporaryDirectory(prefix="binnacle-bench-") as folder:
        directory = Path(folder)
        line.create_blocks(openmetrics(recorded | costly(recent)), directory / "data")
        record(line, directory, [rules], recent, parts=("period", "short", "long", "meta"))
        with Prometheus(line, directory) as server:
            cost = cost_of(server, rules, end)
    what = f"samples read per minute and SLO by all its rules, {on}, {name}"
    return Figure("slo", what, cost.samples, at_most=7000, detail=f"engine {cost.seconds * 1e3:.2f} ms")


def _given(days: int, each: float) -> Samples:
    """Return increments of a length of time, one at the end of each step."""
    return [(_START + _STEP * number + 7, each) for number in range(1, int(days * DAY / _STEP))]


def _errors(line: PrometheusLine) -> dict[str, float]:
    """Return the error of the SLI over 90 days in percent, by the shape of traffic."""
    scrapes = Scrapes(_START, 90 * DAY, 60)
    traffic = {name: one for name, one in shapes(scrapes, late=0.9 * scrapes.length).items() if name in _SHAPES}
    raw = {
        f'requests_total{{service="{name}",code="{code}"}}': samples[part]
        for name, samples in traffic.items()
        for code, part in ((500, "bad"), (200, "fine"))
    }
    rules: dict[str, Any] = {name: our_rules(name, {"rolling": "90d"}, date(2026, 1, 1)) for name in traffic}
    with tempfile.TemporaryDirectory(prefix="binnacle-bench-") as folder:
        directory = Path(folder)
        line.create_blocks(openmetrics(raw), directory / "data")
        for some in _parts(scrapes):
            record(line, directory, rules.values(), some, parts=("increments",))
        recent = Scrapes(scrapes.end - RECENT, RECENT, 60)
        record(line, directory, rules.values(), recent, parts=("period",))
        with Prometheus(line, directory) as server:
            return {
                name: (server.value(expression_of(rules[name], series.PERIOD_ERROR), scrapes.end) / share(samples) - 1)
                * 100
                for name, samples in traffic.items()
            }


def _parts(scrapes: Scrapes) -> Iterator[Scrapes]:
    done = 0.0
    while done < scrapes.length:
        yield Scrapes(scrapes.start + done, min(_PART, scrapes.length - done), scrapes.interval)
        done += _PART
