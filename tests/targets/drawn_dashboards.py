"""Dashboards drawn by a generator with a seed: every field, alone and beside others, in many sizes."""

from __future__ import annotations

import random
from typing import Any

from compile.dashboards import plain_dashboard

PROMQL = (
    "sum by (code) (rate(http_requests_total[$__rate_interval]))",
    'histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{region=~"$v0"}[$__rate_interval])))',
    "up == 0",
)
LOGQL = ('{app="checkout"} | json', 'sum by (level) (count_over_time({app="checkout"}[5m]))')
QUERIES = ("label_values(up, job)", "label_values(region)", "label_names()", "metrics(http_.*)", "query_result(up)")
TEXTS = ("Checkout", "50% of \"all\" \\ 'these'", "</b> ${x} $$ {{y}}", "Größe 🙂", "a" * 100)
TYPES = ("timeseries", "stat", "gauge", "table", "logs", "text")
COLOURS = ("red", "dark-red", "#00ff7F", "semi-dark-blue")
URL = "https://runbooks.example/a?b=c&d=%20#e"


class Draw:
    """What is drawn for one dashboard."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def maybe(self, **fields: Any) -> dict[str, Any]:
        """Some of the fields."""
        return {name: value for name, value in fields.items() if self.chance.random() < 0.5}

    def some(self, most: int, least: int = 0) -> range:
        return range(self.chance.randint(least, most))

    def one(self, *choices: Any) -> Any:
        return self.chance.choice(choices)

    def links(self) -> list[dict[str, Any]]:
        return [{"name": f"l{number}", "title": self.one(*TEXTS), "url": URL} for number in self.some(3)]

    def queries(self, logs: bool) -> list[dict[str, Any]]:
        return [
            {
                "name": f"q-{number}",
                **(
                    {"logql": self.one(*LOGQL)} if logs or self.chance.random() < 0.3 else {"promql": self.one(*PROMQL)}
                ),
                **self.maybe(legend=self.one("{{code}}", *TEXTS)),
            }
            for number in self.some(4, 1)
        ]

    def thresholds(self) -> list[dict[str, Any]]:
        values = sorted(self.chance.sample(range(-50, 1000), self.chance.randint(0, 5)))
        steps: list[dict[str, Any]] = [
            {"value": self.one(value, f"{value}.5"), "color": self.one(*COLOURS)} for value in values
        ]
        return [*([{"color": "green"}] if self.chance.random() < 0.5 else []), *steps]

    def panel(self, number: int) -> dict[str, Any]:
        kind = self.one(*TYPES)
        shown = {"content": self.one(*TEXTS)} if kind == "text" else {"queries": self.queries(kind == "logs")}
        return {
            "name": f"p{number}",
            "type": kind,
            **shown,
            **self.maybe(
                title=self.one(*TEXTS),
                description=self.one(*TEXTS),
                unit=self.one("s", "reqps", "percentunit", "currencyEUR"),
                width=self.chance.randint(1, 24),
                height=self.chance.randint(1, 64),
                thresholds=self.thresholds(),
                links=self.links(),
            ),
        }

    def variable(self, number: int) -> dict[str, Any]:
        kind = self.one("query", "custom", "datasource", "textbox")
        several = self.maybe(multi=self.one(True, False), includeAll=self.one(True, False))
        own = {
            "query": {"query": self.one(*QUERIES), **several, **self.maybe(datasource="own")},
            "custom": {"values": self.chance.sample(["a", "b c", "d:e", "1"], self.chance.randint(1, 4)), **several},
            "datasource": {"datasourceType": self.one("prometheus", "loki")},
            "textbox": self.maybe(value=self.one(*TEXTS)),
        }[kind]
        return {"name": f"v{number}", "type": kind, **own, **self.maybe(label=self.one(*TEXTS))}

    def dashboard(self) -> dict[str, Any]:
        variables = [self.variable(number) for number in self.some(5, 1)]
        repeatable = [one["name"] for one in variables if one["type"] in ("query", "custom")]
        rows = [
            {
                "name": f"r{number}",
                "panels": [self.panel(place) for place in self.some(8, 1)],
                **self.maybe(title=self.one(*TEXTS), **({"repeat": self.one(*repeatable)} if repeatable else {})),
            }
            for number in self.some(4, 1)
        ]
        return plain_dashboard(
            title=self.one(*TEXTS),
            rows=rows,
            variables=variables,
            datasources=[{"name": "own", "type": "prometheus", "uid": "own-1"}],
            **self.maybe(
                description=self.one(*TEXTS),
                tags=self.chance.sample(TEXTS[:4], 2),
                refresh=self.one("5s", "1m", "1d"),
                time=self.one({"from": "now-6h"}, {"from": "now-1d/d", "to": "now/d"}),
                template={"name": "red", "service": "checkout"},
                environment="production",
                links=self.links(),
            ),
        )


def drawn(count: int, seed: int) -> dict[str, dict[str, Any]]:
    """So many dashboards, by names that say how to draw each again."""
    return {f"seed{number}": Draw(number).dashboard() for number in range(seed * 1_000_000, seed * 1_000_000 + count)}
