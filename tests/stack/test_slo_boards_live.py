"""The dashboards of SLOs over a real Prometheus: every query of them brings data, and every way in shows what it promises.

What Grafana does between a dashboard and Prometheus is done here as Grafana does it (metric_find_query.ts): the values of
variables, and their place in queries.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from binnacle.api.config import Config
from binnacle.api.dashboard_variables import VariableType
from binnacle.api.slo import SLO
from binnacle.compile.registry import KINDS
from binnacle.compile.slo.boards import shared_boards
from binnacle.compile.world import Compiled, World
from binnacle.intent.dashboard import ALL, Board, Query, Shown, Variable
from binnacle.intent.rules import RuleSet
from compile.building import key_of, make_slo, rule_text
from servers.prometheus import Prometheus, PrometheusLine
from servers.waiting import eventually
from stack.scrapes import Scrapes, openmetrics, record

HOUR = 3600
GRAFANA = "https://grafana.example"
CONFIG = Config.from_data(
    {"grafana": {"url": GRAFANA}, "prometheus": {"scrapeInterval": "1m", "evaluationInterval": "1m"}}
)
ODD = "eu b&c"
"""A group whose name an address must spell otherwise."""
GROUPS = ({"region": ODD, "tier": "1"}, {"region": ODD, "tier": "2"}, {"region": "us"})
SHARES = (0.3, 0.2, 0.1)
"""Of each group, how much fails; the SLO without groups sees the mean."""


def counted(code: str) -> str:
    return f'requests_total{{code="{code}"}}'


RATIO = {"ratio": {"errors": counted("500"), "total": "requests_total"}}
RATES = [
    {"name": name, "severity": severity, "budget": "5%", "long": long, "short": "5m"}
    for name, severity, long in (("a", "critical", "1h"), ("b", "warning", "2h"), ("c", "info", "2h"))
]
"""All severities, so that no query of a limit has nothing to show."""
DAY = {"rolling": "1d"}
GROUPED = make_slo(
    "grouped", groupBy=["tier", "region"], window=DAY, indicator=RATIO, dashboard={}, alerting={"burnRates": RATES}
)
SHARED = make_slo("shared", groupBy=["tier", "region"], window=DAY, indicator=RATIO, alerting={"burnRates": RATES})
WHOLE = make_slo("whole", "other", window=DAY, indicator=RATIO, alerting={"burnRates": RATES})


def compiled(slo: SLO) -> Compiled:
    outcome = KINDS["SLO"](slo, World(CONFIG, date(2026, 1, 1)))
    assert outcome.findings == ()
    return outcome


OUTCOMES = {slo.metadata.name: compiled(slo) for slo in (GROUPED, SHARED, WHOLE)}
BOARDS = shared_boards(CONFIG)
DETAIL, OVERVIEW = BOARDS["slo-detail"], BOARDS["slo-overview"]
[OWN] = (one for one in OUTCOMES["grouped"].intents if isinstance(one, Board))


@dataclass
class Live:
    """A Prometheus in which the SLOs' rules have run for some hours and alerts fire, as Grafana sees it."""

    server: Prometheus

    def shown(self, board: Board, address: str = "") -> dict[tuple[str, str], list[Mapping[str, str]]]:
        """What each query of a board brings, as labels, with its variables as an address chooses them."""
        chosen = self.chosen(board, address)
        return {
            (f"{row.title}/{panel.title}", query.ref_id): self.brought(query, chosen)
            for row in board.rows
            for panel in row.panels
            for query in panel.queries
        }

    def brought(self, query: Query, chosen: Mapping[str, str]) -> list[Mapping[str, str]]:
        text = filled(query.text, chosen)
        if query.shown is Shown.INSTANT:
            return [one.labels for one in self.server.query(text)]
        now = time.time()
        return [one.labels for one in self.server.query_range(text, start=now - HOUR, end=now, step=60)]

    def chosen(self, board: Board, address: str) -> dict[str, str]:
        """Variable -> what stands for it in a query: what the address says, else what Grafana chooses."""
        asked = parse_qs(urlsplit(address).query)
        values: dict[str, str] = {}
        for variable in board.variables:
            if variable.type is VariableType.QUERY:
                usual = [ALL[1]] if variable.chosen == ALL else self.choices(variable, values)[:1]
                (choice,) = asked.get(f"var-{variable.name}", usual)
                values[variable.name] = variable.every if choice == ALL[1] else choice
        return values

    def choices(self, variable: Variable, values: Mapping[str, str]) -> list[str]:
        """What Grafana offers for a variable, in its order."""
        query = filled(variable.query, values)
        if (found := re.fullmatch(r"label_values\((.+), (\w+)\)", query)) is not None:
            return sorted({one.labels[found[2]] for one in self.server.query(found[1])})
        found = re.fullmatch(r"query_result\((.+)\)", query)
        assert found is not None, query
        texts = [element(one.labels, one.value) for one in self.server.query(found[1])]
        return sorted({part[1] for text in texts if (part := re.search(variable.taken.strip("/"), text)) is not None})


def element(labels: Mapping[str, str], value: float) -> str:
    """An element of a result as Grafana's query_result writes it."""
    pairs = ",".join(f'{name}="{text}"' for name, text in sorted(labels.items()))
    return f"{{{pairs}}} {value} 1767225600000"


def filled(text: str, chosen: Mapping[str, str]) -> str:
    return re.sub(r"\$(?:\{(\w+):raw\}|(\w+))", lambda name: chosen.get(name[1] or name[2], name[0]), text)


@pytest.fixture(scope="module")
def live(prometheus_line: PrometheusLine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    directory = tmp_path_factory.mktemp("boards")
    scrapes = Scrapes(float(int(time.time()) // 60 * 60 - 3 * HOUR), 3 * HOUR, 60)
    raw = {}
    for labels, share in zip(GROUPS, SHARES, strict=True):
        for code, part in (("500", share), ("200", 1 - share)):
            pairs = ",".join(f'{name}="{value}"' for name, value in {**labels, "code": code}.items())
            raw[f"requests_total{{{pairs}}}"] = scrapes.counter(lambda _, rate=10 * part: rate, first=1e6)
    prometheus_line.create_blocks(openmetrics(raw), directory / "data")
    texts = {
        slo.metadata.name: rule_text(
            next(one for one in OUTCOMES[slo.metadata.name].intents if isinstance(one, RuleSet)), key_of(slo)
        )
        for slo in (GROUPED, SHARED, WHOLE)
    }
    documents = [yaml.load(text, yaml.CSafeLoader) for text in texts.values()]
    record(prometheus_line, directory, documents, scrapes, parts=["short", "increments", "long", "meta"])
    with ExitStack() as stack:
        server = Prometheus(prometheus_line, directory)
        for name, text in texts.items():
            server.write_rules(name, text)
        stack.enter_context(server)
        eventually(lambda: all_fire(server))
        yield Live(server)


def all_fire(server: Prometheus) -> list[str]:
    firing = [one["labels"]["slo"] for one in server.alerts() if one["state"] == "firing"]
    assert sorted(firing) == ["grouped"] * 3 + ["shared"] * 3 + ["whole"]
    assert len(server.query("ALERTS")) >= len(firing)
    return firing


def address_of(name: str) -> str:
    return str(OUTCOMES[name].facts["dashboard"])


def test_every_query_brings_data(live: Live) -> None:
    shown = {
        "overview": live.shown(OVERVIEW),
        "own": live.shown(OWN),
        "as it opens": live.shown(DETAIL),
        "grouped": live.shown(DETAIL, address_of("shared")),
        "whole": live.shown(DETAIL, address_of("whole")),
    }
    assert {(name, at) for name, queries in shown.items() for at, found in queries.items() if not found} == set()
    each = {(one["slo_namespace"], one["slo"]) for one in shown["overview"]["Now/Each SLO", "A"]}
    assert each == {("shop", "grouped"), ("shop", "shared"), ("other", "whole")}
    groups = shown["grouped"]["Groups, those with the least budget first/Groups", "A"]
    assert sorted(map(dict, groups), key=str) == sorted(({**one, "slo_service": "checkout"} for one in GROUPS), key=str)
    assert [dict(one) for one in shown["whole"]["Groups, those with the least budget first/Groups", "A"]] == [
        {"slo_service": "checkout"}
    ]


def test_every_group_can_be_chosen_and_is_then_alone(live: Live) -> None:
    values = live.chosen(DETAIL, address_of("shared"))
    (group,) = (one for one in DETAIL.variables if one.name == "group")
    offered = live.choices(group, values)
    assert offered == sorted(",".join(f'{name}="{value}"' for name, value in one.items()) for one in GROUPS)
    assert live.choices(group, live.chosen(DETAIL, address_of("whole"))) == []
    for one in offered:
        shown = live.shown(DETAIL, f"{address_of('shared')}&var-group={one.replace('&', '%26')}")
        assert {at for at, found in shown.items() if not found} == set()
        assert len(shown["Groups, those with the least budget first/Groups", "B"]) == 1
        assert len(shown["Error budget/Budget left", "A"]) == 1


def test_alerts_lead_to_their_group(live: Live) -> None:
    """By the address in the alert itself, expanded by Prometheus."""
    seen: list[tuple[str, str]] = []
    for alert in live.server.alerts():
        labels: dict[str, Any] = alert["labels"]
        address = alert["annotations"]["dashboard_url"]
        board = OWN if labels["slo"] == "grouped" else DETAIL
        assert address.startswith(f"{GRAFANA}/d/{board.uid}?")
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        mine = {name: labels[name] for name in ("region", "tier") if name in labels}
        if board is DETAIL:
            (group,) = (one for one in DETAIL.variables if one.name == "group")
            values = live.chosen(DETAIL, address)
            assert (values["slo_namespace"], values["slo"]) == (labels["slo_namespace"], labels["slo"])
            if mine:
                assert asked["var-group"] in live.choices(group, values)
        shown = live.shown(board, address)
        assert {at for at, found in shown.items() if not found} == set(), address
        left = shown["Error budget/Budget left", "A"]
        assert [{name: one[name] for name in mine} for one in left] == [mine]
        seen.append((labels["slo"], str(sorted(mine.items()))))
    assert len(set(seen)) == 7
