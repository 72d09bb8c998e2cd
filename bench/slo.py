"""What an SLO costs Prometheus, and how exact it is: our rules beside rule sets shaped like sloth's and like pyrra's.

All three are about the same counters of a month in the same Prometheus. Samples and seconds are the query engine's own
statistics for each rule, times how often it is evaluated. The other two shapes are written from how those tools compute:
sloth averages shares of five minutes, pyrra takes the increase over the whole window.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import yaml

from bench.figures import Figure
from binnacle.api.config import Config
from binnacle.api.slo import SLO
from binnacle.api.values import Duration
from binnacle.compile.registry import KINDS
from binnacle.compile.world import World
from binnacle.intent.refs import Key
from binnacle.intent.rules import RuleSet
from binnacle.targets import rulefile
from servers.prometheus import LINES, Prometheus, PrometheusLine
from stack.scrapes import Samples, Scrapes, openmetrics, record
from stack.shapes import DAY, shapes, share

_START: Final = 1_767_225_600.0
_SCRAPE: Final = 60.0
RECENT: Final = 2 * 3600.0
"""Seconds at the end for which everything is recorded that rules read as it is now."""
_FINE, _BAD = 22, 18
"""Scraped series of the service whose cost is counted: 40, as many of them errors as keeps the sums comparable to published ones."""
COSTLY: Final = "costly"
_OBJECTIVE: Final = 0.999
_SLOTH: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
_PYRRA: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "4d")
_EVALUATION: Final = 60.0
_TIMES: Final = 10
"""How often each rule is timed; the shortest counts. Most rules take a tenth of a millisecond, and of only a few of those even the
shortest is a third too long when the processor has just been asleep or at other work."""

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Shape:
    """A way to write an SLO as rules.

    Attributes:
        name: whose.
        rules: service -> rule file.
        history: parts of the groups that are recorded over the whole time.
        period: the series, or an expression by service, whose value is the share of errors over the window.
    """

    name: str
    rules: Mapping[str, Document]
    history: tuple[str, ...]
    period: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Cost:
    """Samples read, and seconds that the engine takes, each minute."""

    samples: float
    seconds: float


def slo_figures(*, quick: bool = False) -> list[Figure]:
    """Measure on both lines; with `quick` on three days instead of a month."""
    days = 3 if quick else 30
    # Not longer than the window: the truth is the share of all that was counted.
    scrapes = Scrapes(_START, days * DAY, _SCRAPE)
    figures: list[Figure] = []
    for line in LINES:
        figures += _line(PrometheusLine.find(line), scrapes, days)
    return figures


def _line(line: PrometheusLine, scrapes: Scrapes, days: int) -> list[Figure]:
    traffic = shapes(scrapes, late=0.9 * days * DAY)
    raw = {
        f'requests_total{{service="{name}",code="{code}"}}': samples[part]
        for name, samples in traffic.items()
        for code, part in ((500, "bad"), (200, "fine"))
    }
    raw |= costly(scrapes)
    services = (*traffic, COSTLY)
    ways = (_ours(services, days), _sloth(services, days), _pyrra(services, days))
    costs: dict[str, Cost] = {}
    errors: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="binnacle-bench-") as folder:
        directory = Path(folder)
        line.create_blocks(openmetrics(raw), directory / "data")
        recent = Scrapes(scrapes.end - RECENT, RECENT, _SCRAPE)
        for way in ways:
            for some in _weeks(scrapes) if way.history else ():
                record(line, directory, way.rules.values(), some, parts=way.history)
            parts = [part for part in ("short", "long", "meta") if part not in way.history]
            record(line, directory, [way.rules[COSTLY]], recent, parts=parts)
        with Prometheus(line, directory) as server:
            for way in ways:
                costs[way.name] = cost_of(server, way.rules[COSTLY], scrapes.end)
                errors[way.name] = _errors_of(server, way, {n: share(t) for n, t in traffic.items()}, scrapes.end)
    return _figures(line, days, costs, errors)


def costly(scrapes: Scrapes) -> dict[str, Samples]:
    """Return the scraped series of the service whose cost is counted."""
    return {
        f'requests_total{{service="{COSTLY}",code="{code}",pod="{pod}"}}': scrapes.counter(
            lambda _, pod=pod: 0.1 + pod,  # type: ignore[misc]
            first=1000.0,
        )
        for code, count in ((500, _BAD), (200, _FINE))
        for pod in range(count)
    }


def _weeks(scrapes: Scrapes) -> Iterator[Scrapes]:
    """Yield the time in parts of a week: Prometheus answers with at most 11,000 points of a series."""
    done = 0.0
    while done < scrapes.length:
        length = min(7 * DAY, scrapes.length - done)
        yield Scrapes(scrapes.start + done, length, scrapes.interval)
        done += length


def _figures(
    line: PrometheusLine, days: int, costs: Mapping[str, Cost], errors: Mapping[str, Mapping[str, float]]
) -> list[Figure]:
    on = f"Prometheus {line.version}, {days} days"
    ours, sloth = costs["ours"], costs["sloth"]
    whole = days == 30
    figures = [
        Figure(
            "slo",
            f"samples read per minute and SLO by all its rules, {on}",
            ours.samples,
            at_most=7000 if whole else None,
            detail=", ".join(f"{name} {cost.samples:,.0f}" for name, cost in costs.items()),
        ),
        Figure(
            "slo",
            f"engine time per minute and SLO: part of that of sloth's rules, {on}",
            ours.seconds / sloth.seconds,
            at_most=0.1 if whole else None,
            detail=", ".join(f"{name} {cost.seconds * 1e3:.2f} ms" for name, cost in costs.items()),
        ),
    ]
    for name, found in errors.items():
        numbers = [abs(value) for value in found.values() if math.isfinite(value)]
        detail = ", ".join(f"{shape} {value:+.3f}" for shape, value in found.items())
        if numbers:
            what = f"error of the SLI against raw counters, the largest of seven shapes of traffic: {name}, {on}"
            most = 0.05 if name == "ours" and whole else None
            figures.append(Figure("slo", what, max(numbers), "%", at_most=most, detail=detail))
        if len(numbers) < len(found):
            what = f"shapes of traffic, of seven, for which the rules give no number: {name}, {on}"
            figures.append(Figure("slo", what, len(found) - len(numbers)))
    return figures


def cost_of(server: Prometheus, document: Document, at: float) -> Cost:
    """Return what all rules of a file cost, by the engine's own statistics at a time."""
    samples = seconds = 0.0
    for group in document["groups"]:
        each = Duration.parse(group["interval"]).ms / 1000 if "interval" in group else _EVALUATION
        for rule in group["rules"]:
            # The first query opens the blocks.
            server.cost(rule["expr"], at)
            read, took = min((server.cost(rule["expr"], at) for _ in range(_TIMES)), key=lambda one: one[1])
            samples += read * 60 / each
            seconds += took * 60 / each
    return Cost(samples, seconds)


def _errors_of(server: Prometheus, way: _Shape, truth: Mapping[str, float], at: float) -> dict[str, float]:
    """Return the error of the SLI in percent by the shape of traffic; NaN where the rules give no number."""
    found: dict[str, float] = {}
    for name, right in truth.items():
        values = server.query(way.period[name], at)
        found[name] = (values[0].value / right - 1) * 100 if values else math.nan
    return found


def our_rules(name: str, window: Mapping[str, str], today: date) -> Document:
    """Return the rule file of an SLO of 99.9% with the default alerts, on the counters of the service of its name."""
    config = Config.from_data({"prometheus": {"output": "configMap", "scrapeInterval": f"{_SCRAPE:.0f}s"}})
    slo = SLO.model_validate(
        {
            "apiVersion": "binnacle.dev/v1alpha1",
            "kind": "SLO",
            "metadata": {"name": name, "namespace": "bench"},
            "spec": {
                "service": name,
                "objective": f"{_OBJECTIVE:.1%}",
                "window": dict(window),
                "indicator": {"ratio": {"errors": _errors(name), "total": _total(name)}},
            },
        }
    )
    key = Key("SLO", "bench", name)
    compiled = KINDS["SLO"](slo, World(config, today))
    groups = rulefile.groups_of([one for one in compiled.intents if isinstance(one, RuleSet)], key)
    document: Document = yaml.load(rulefile.text_of(groups, key), yaml.CSafeLoader)
    return document


def _ours(services: Iterable[str], days: int) -> _Shape:
    rules = {name: our_rules(name, {"rolling": f"{days}d"}, date(2026, 1, 1)) for name in services}
    period = {name: expression_of(one, "slo:period_error:ratio") for name, one in rules.items()}
    return _Shape("ours", rules, ("increments",), period)


def _sloth(services: Iterable[str], days: int) -> _Shape:
    rules: dict[str, Document] = {}
    period: dict[str, str] = {}
    budget = 1 - _OBJECTIVE
    for name in services:
        labels = {"sloth_id": name, "sloth_service": name, "sloth_slo": "availability"}
        same = ",".join(f'{label}="{value}"' for label, value in labels.items())
        five = f"sloth:ratio_rate5m{{{same}}}"
        by = "on(sloth_id, sloth_slo, sloth_service) group_left"
        period[name] = f"sum_over_time({five}[{days}d]) / ignoring (sloth_window) count_over_time({five}[{days}d])"
        windows = [_rule(f"sloth:ratio_rate{w}", _ratio(name, w), {**labels, "sloth_window": w}) for w in _SLOTH]
        meta = [
            _rule("sloth:objective", f"vector({_OBJECTIVE})", labels),
            _rule("sloth:error_budget", f"vector({budget})", labels),
            _rule("sloth:days", f"vector({days})", labels),
            _rule("sloth:current_burn_rate", f"{five} / {by} sloth:error_budget{{{same}}}", labels),
            _rule("sloth:period_burn_rate", f"sloth:period{{{same}}} / {by} sloth:error_budget{{{same}}}", labels),
            _rule("sloth:remaining", f"1 - sloth:period_burn_rate{{{same}}}", labels),
            _rule("sloth:info", "vector(1)", labels),
        ]

        def burning(long: str, short: str, factor: float, same: str = same) -> str:
            over = (
                f"max(sloth:ratio_rate{w}{{{same}}} > ({factor} * {budget})) without (sloth_window)"
                for w in (short, long)
            )
            return f"({' and '.join(over)})"

        alerts = [
            {"alert": "page", "expr": f"{burning('1h', '5m', 14.4)} or {burning('6h', '30m', 6)}"},
            {"alert": "ticket", "expr": f"{burning('1d', '2h', 3)} or {burning('3d', '6h', 1)}"},
        ]
        rules[name] = {
            "groups": [
                {"name": f"sloth.{name}.first", "rules": windows[:1]},
                {"name": f"sloth.{name}.short", "rules": windows[1:]},
                {"name": f"sloth.{name}.long", "rules": [_rule("sloth:period", period[name], labels)]},
                {"name": f"sloth.{name}.meta", "rules": [*meta, *alerts]},
            ]
        }
    return _Shape("sloth", rules, ("first",), period)


def _pyrra(services: Iterable[str], days: int) -> _Shape:
    rules: dict[str, Document] = {}
    period: dict[str, str] = {}
    budget = 1 - _OBJECTIVE
    pairs = (("1h", "5m", 14, "2m"), ("6h", "30m", 7, "15m"), ("1d", "2h", 2, "1h"), ("4d", "6h", 1, "3h"))
    for name in services:
        labels = {"slo": f"pyrra-{name}"}
        same = f'{{slo="pyrra-{name}"}}'
        increase = f"sum by (code) (increase({_total(name)}[{days}d]))"
        period[name] = f"sum(increase({_errors(name)}[{days}d])) / sum(increase({_total(name)}[{days}d]))"
        alerts = [
            {
                "alert": "ErrorBudgetBurn",
                "expr": f"requests:burnrate{short}{same} > ({factor} * {budget}) and requests:burnrate{long}{same} > ({factor} * {budget})",
                "for": wait,
            }
            for long, short, factor, wait in pairs
        ]
        absent = {"alert": "SLOMetricAbsent", "expr": f"absent({_total(name)}) == 1", "for": "3m"}
        rates = [_rule(f"requests:burnrate{w}", _ratio(name, w), labels) for w in _PYRRA]
        rules[name] = {
            "groups": [
                {"name": f"pyrra.{name}.short", "interval": "30s", "rules": [*rates, *alerts]},
                {
                    "name": f"pyrra.{name}.long",
                    "interval": "150s",
                    "rules": [_rule("requests:increase", increase, labels), absent],
                },
            ]
        }
    return _Shape("pyrra", rules, (), period)


def _ratio(service: str, window: str) -> str:
    return f"sum(rate({_errors(service)}[{window}])) / sum(rate({_total(service)}[{window}]))"


def _errors(service: str) -> str:
    return f'requests_total{{service="{service}",code="500"}}'


def _total(service: str) -> str:
    return f'requests_total{{service="{service}"}}'


def _rule(name: str, expr: str, labels: Mapping[str, str]) -> dict[str, Any]:
    return {"record": name, "expr": expr, "labels": dict(labels)}


def expression_of(document: Document, name: str) -> str:
    """Return the expression of the rule that records a series."""
    return next(
        str(rule["expr"]) for group in document["groups"] for rule in group["rules"] if rule.get("record") == name
    )
