"""Dashboards of SLOs: what they show of recorded series, where they stand, how alerts lead to them, and what is refused."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from binnacle.api.config import Config
from binnacle.api.findings import Finding
from binnacle.compile.registry import KINDS
from binnacle.compile.slo.boards import shared_boards
from binnacle.compile.world import Compiled, World
from binnacle.control.onepass import run
from binnacle.control.toolchain import shipped
from binnacle.errors import SpecError
from binnacle.intent.dashboard import Board
from binnacle.intent.refs import Key
from binnacle.intent.rules import Alert, RuleSet
from binnacle.promql import parse
from binnacle.promql.facts import metrics
from binnacle.targets.grafana.board import text_of
from compile.building import key_of, make_slo, rule_text
from compile.dashboards import plain_dashboard
from compile.rule_tests import CLOCKS, AlertExpect, Expect, Promtool, Scenario, assert_holds, counter
from compile.rule_tests import run as run_rules

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "tests" / "data" / "grafana" / "dashboard.schema.json").read_text())
TODAY = date(2026, 1, 1)
URL = "https://grafana.example"


def world(**grafana: Any) -> World:
    return World(Config.from_data({"grafana": {"url": URL, **grafana}}), TODAY)


def compiled(around: World | None = None, **spec: Any) -> Compiled:
    return KINDS["SLO"](make_slo(**spec), around or world())


def own(**spec: Any) -> Board:
    outcome = compiled(**{"dashboard": {"folder": "shop SLOs"}, **spec})
    assert outcome.findings == ()
    (board,) = (one for one in outcome.intents if isinstance(one, Board))
    return board


def boards() -> dict[str, Board]:
    shared = shared_boards(world().config)
    return {
        "detail": shared["slo-detail"],
        "overview": shared["slo-overview"],
        "own": own(),
        "own, groups": own(groupBy=["region", "tier"]),
        "own, calendar": own(window={"calendar": "Month", "timeZone": "Europe/Berlin"}, alerting={"burnRates": []}),
    }


def queries(board: Board, **variables: str) -> dict[tuple[str, str], str]:
    """Return title and reference name of every query, with what is chosen of the variables put in."""
    found = {}
    for row in board.rows:
        for panel in row.panels:
            for query in panel.queries:
                text = re.sub(
                    r"\$(?:\{(\w+):raw\}|(\w+))", lambda name: variables.get(name[1] or name[2], name[0]), query.text
                )
                found[f"{row.title}/{panel.title}", query.ref_id] = text
    return found


@pytest.mark.parametrize("name", list(boards()))
def test_the_schema_holds_and_nothing_overlaps(name: str) -> None:
    whole = json.loads(text_of(boards()[name]))
    errors = jsonschema.Draft202012Validator(SCHEMA).iter_errors(whole)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []
    taken = [
        (x, y)
        for at in (panel["gridPos"] for panel in whole["panels"])
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24
    for panel in whole["panels"]:
        if panel["type"] != "row":
            assert panel["description"], panel["title"]


@pytest.mark.parametrize("name", list(boards()))
def test_only_what_is_recorded_for_slos_is_asked_and_every_variable_is_there(name: str) -> None:
    board = boards()[name]
    names = {variable.name for variable in board.variables}
    for text in queries(board).values():
        asked = metrics(parse(text, variables=True))
        assert all(one == "ALERTS" or one.startswith("slo:") for one in asked), text
        assert {one for one in re.findall(r"\$\{?(\w+)", text) if not one.isdecimal()} <= names, text


def series() -> dict[str, list[float]]:
    """Samples of three SLOs: one with a good and a bad group, one without groups, one that has no traffic."""
    values: dict[str, float] = {}

    def record(labels: str, objective: float, groups: dict[str, tuple[float, float]]) -> None:
        # Objective and time are described with the user's labels, and have no groups.
        values[f'slo:objective:ratio{{{labels}, team="a"}}'] = objective
        values[f'slo:time_period:days{{{labels}, team="a"}}'] = 32
        values[f'slo:alert_burn_rate:ratio{{{labels}, severity="warning", long="3d", short="6h"}}'] = 1
        values[f'slo:alert_burn_rate:ratio{{{labels}, severity="critical", long="1h", short="5m"}}'] = 14.4
        for group, (bad, burn) in groups.items():
            whole = f"{{{labels}{group}}}"
            values[f"slo:period_error:ratio{whole}"] = bad
            values[f"slo:period_error_budget_remaining:ratio{whole}"] = 1 - bad / (1 - objective)
            values[f"slo:current_burn_rate:ratio{whole}"] = burn
            values[f"slo:events:rate5m{whole}"] = 8
            values[f"slo:errors:rate5m{whole}"] = 8 * bad
            values[f"slo:sli_error:ratio_rate5m{whole}"] = burn * (1 - objective)
            values[f"slo:sli_error:ratio_rate1h{whole}"] = bad

    checkout = 'slo="avail", slo_namespace="shop", slo_service="checkout"'
    record(checkout, 0.75, {', region="eu"': (0.125, 2), ', region="us"': (0.5, 0)})
    record('slo="latency", slo_namespace="shop", slo_service="search"', 0.5, {"": (0.125, 0.5)})
    record('slo="avail", slo_namespace="mail", slo_service="smtp"', 0.5, {})
    burn = 'alertname="SLOErrorBudgetBurn", alertstate="firing"'
    values[f'ALERTS{{{burn}, {checkout}, region="us", severity="critical"}}'] = 1
    values[f'ALERTS{{alertname="SLOErrorBudgetBurn", alertstate="pending", {checkout}, severity="warning"}}'] = 1
    values['ALERTS{alertname="Other", alertstate="firing"}'] = 1
    return {name: [value] * 5 for name, value in values.items()}


def labelled(**labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def scenario(
    board: Board, expected: dict[tuple[str, str], dict[tuple[tuple[str, str], ...], float]], **of: str
) -> Scenario:
    texts = queries(board, **of)
    assert texts.keys() == expected.keys()
    return Scenario(board.title, series(), tuple(Expect(1, texts[at], values) for at, values in expected.items()))


def everything(board: Board) -> str:
    """Return what stands for all groups."""
    [group] = (variable for variable in board.variables if variable.name == "group")
    return group.every


def one(value: float) -> dict[tuple[tuple[str, str], ...], float]:
    return {(): value}


def detail_of(groups: dict[tuple[tuple[str, str], ...], tuple[float, float, float]]) -> dict[Any, Any]:
    """Return what is expected of the dashboard of the SLO with groups: its groups with SLI, budget left and burn rate."""
    sli, left, burn = ({labels: values[place] for labels, values in groups.items()} for place in range(3))
    table = "Groups, those with the least budget first/Groups"
    return {
        ("Now/Objective", "A"): one(0.75),
        ("Now/Service level", "A"): one(min(sli.values())),
        ("Now/Budget left", "A"): one(min(left.values())),
        ("Now/Burn rate", "A"): one(max(burn.values())),
        ("Now/Budget gone in", "A"): one(0.25 * 32 * 86400),
        ("Error budget/Budget left", "A"): left,
        ("Error budget/Burn rate", "A"): burn,
        (table, "A"): sli,
        (table, "B"): left,
        (table, "C"): burn,
    }


def test_they_show_what_is_recorded(promtool: Promtool, tmp_path: Path) -> None:
    eu, us = (0.875, 0.5, 2.0), (0.5, -1.0, 0.0)
    alert = labelled(alertname="SLOErrorBudgetBurn", severity="critical")
    both = {
        ("Now/Alerts firing", "A"): one(1),
        ("Events/Events per second", "A"): one(16),
        ("Events/Events per second", "B"): one(5),
        ("Alerts/Alerts", "A"): {alert: 1},
    }
    shares = {("Events/Share of bad events", "A"): {labelled(window="5m"): 0.5, labelled(window="1h"): 0.5}}
    shop = [labelled(slo="avail", slo_namespace="shop"), labelled(slo="latency", slo_namespace="shop")]
    avail, latency = (
        labelled(**dict(slo), slo_service=name) for slo, name in zip(shop, ("checkout", "search"), strict=True)
    )
    mail = labelled(slo="avail", slo_namespace="mail", slo_service="smtp")
    all_slos = {
        ("Now/Each SLO", "A"): {avail: 0.75, latency: 0.5, mail: 0.5},
        ("Now/Each SLO", "B"): {avail: 0.5, latency: 0.875},
        ("Now/Each SLO", "C"): {avail: -1.0, latency: 0.75},
        ("Now/Each SLO", "D"): {avail: 2.0, latency: 0.5},
        ("Now/Each SLO", "E"): {avail: 1},
        ("Now/SLOs", "A"): one(3),
        ("Now/Budget overspent", "A"): one(1),
        ("Now/Burning too fast", "A"): one(1),
        ("Now/Alerts firing", "A"): one(1),
        ("Budgets over time/Least budget left", "A"): dict(zip(shop, (-1.0, 0.75), strict=True)),
    }
    shared = shared_boards(world().config)
    pages = [{"name": "page", "severity": "critical", "budget": "0.25%", "long": "1h", "short": "5m"}]
    single = own(objective="75%", groupBy=["region"], alerting={"burnRates": pages})
    limits = {
        ("Error budget/Burn rate", "CRITICAL"): {labelled(long="1h", short="5m"): 14.4},
        ("Error budget/Burn rate", "WARNING"): {labelled(long="3d", short="6h"): 1.0},
        ("Error budget/Burn rate", "INFO"): {},
    }
    of_eu = {
        ("Now/Alerts firing", "A"): one(0),
        ("Events/Events per second", "A"): one(8),
        ("Events/Events per second", "B"): one(1),
        ("Alerts/Alerts", "A"): {},
    }
    eu_of_any = {
        **detail_of({labelled(region="eu", slo_service="checkout"): eu}),
        **both,
        **of_eu,
        **limits,
        ("Events/Share of bad events", "A"): {labelled(window="5m"): 0.5, labelled(window="1h"): 0.125},
    }
    only_eu = {**detail_of({labelled(region="eu"): eu}), **both, **of_eu}
    only_eu |= {
        ("Events/Share of bad events", "W0"): one(0.5),
        ("Events/Share of bad events", "W1"): one(0.125),
    }
    detail = shared["slo-detail"]
    assert_holds(
        promtool,
        tmp_path,
        [],
        [
            scenario(
                detail,
                {
                    **limits,
                    **detail_of(
                        {
                            labelled(region="eu", slo_service="checkout"): eu,
                            labelled(region="us", slo_service="checkout"): us,
                        }
                    ),
                    **both,
                    **shares,
                },
                slo="avail",
                slo_namespace="shop",
                group=everything(detail),
            ),
            scenario(detail, eu_of_any, slo="avail", slo_namespace="shop", group='region="eu"'),
            scenario(shared["slo-overview"], all_slos, namespace=".*"),
            scenario(single, only_eu, group_region="eu"),
        ],
    )


def test_the_limits_of_the_alerts_are_lines_of_the_burn_rate() -> None:
    [panel] = (panel for row in own().rows for panel in row.panels if row.title != "Now" and panel.title == "Burn rate")
    assert [(str(step.value), step.color) for step in panel.thresholds] == [
        ("None", "green"),
        ("1", "orange"),
        ("3", "orange"),
        ("6", "red"),
        ("14.4", "red"),
    ]
    assert "14.4 over 1h and 5m (critical)" in panel.description


def alerts(outcome: Compiled) -> list[dict[str, str]]:
    return [
        dict(rule.annotations)
        for intent in outcome.intents
        if isinstance(intent, RuleSet)
        for group in intent.groups
        for rule in group.rules
        if isinstance(rule, Alert)
    ]


def test_alerts_and_status_lead_to_the_dashboard() -> None:
    everything = {"noData": {"action": "Alert"}, "budgetSpent": ["50%"]}
    shared = compiled(alerting=everything)
    address = f"{URL}/d/{boards()['detail'].uid}?var-slo_namespace=shop&var-slo=avail"
    assert shared.facts["dashboard"] == address
    assert [one["dashboard_url"] for one in alerts(shared)] == [f"{address}&from=now-1d&to=now"] * 4
    grouped = compiled(alerting=everything, dashboard={}, groupBy=["region"])
    uid = own().uid
    assert grouped.facts["dashboard"] == f"{URL}/d/{uid}"
    assert {one["dashboard_url"] for one in alerts(grouped)} == {
        f"{URL}/d/{uid}?from=now-1d&to=now{{{{ with $labels.region }}}}&var-group_region={{{{ . | urlquery }}}}{{{{ end }}}}"
    }
    kept = compiled(annotations={"dashboard_url": "https://mine.example"})
    assert {one["dashboard_url"] for one in alerts(kept)} == {"https://mine.example"}
    for around in (World(Config.from_data({}), TODAY), world(sloBoards={"enabled": False})):
        outcome = compiled(around)
        assert "dashboard" not in outcome.facts
        assert not any("dashboard_url" in one for one in alerts(outcome))


def test_an_alert_leads_to_the_group_that_burns_whatever_it_is_called(promtool: Promtool, tmp_path: Path) -> None:
    clocks = Config.from_data({"grafana": {"url": URL}, "prometheus": CLOCKS})
    slo = make_slo(dashboard={}, groupBy=["region"], alerting={"runbook": {"url": "https://r.example"}})
    outcome = KINDS["SLO"](slo, World(clocks, TODAY))
    rules = next(one for one in outcome.intents if isinstance(one, RuleSet))
    selector = 'requests_total{region="a b&c", code="%s"}'
    feed = {selector % code: counter([100] * 60) for code in ("200", "500")}
    seen = "(limit of both: 1.44%, 14.4 times the allowed rate)"
    ended = run_rules(
        promtool,
        tmp_path,
        [rule_text(rules, key_of(slo))],
        [Scenario("burns", feed, (), (AlertExpect(50, "SLOErrorBudgetBurn", {}, {"dashboard_url": "?"}),))],
    )
    # What promtool got is in its complaint about what it was told to expect.
    said = ended.stdout + ended.stderr
    assert ended.returncode != 0
    assert seen in said
    assert f'dashboard_url="{URL}/d/{own().uid}?from=now-1d&to=now&var-group_region=a+b%26c"' in said


def test_without_an_address_of_grafana_they_are_made_when_the_administrator_says_so() -> None:
    config = {"grafana": {"sloBoards": {"enabled": True, "folder": "Service levels", "overviewTitle": "Levels"}}}
    made = shared_boards(Config.from_data(config))
    assert [(board.folder, board.title) for board in made.values()] == [
        ("Service levels", "One SLO"),
        ("Service levels", "Levels"),
    ]
    assert shared_boards(Config.from_data({})) == {}
    other = shared_boards(Config.from_data({"instance": "b", **config}))
    assert {board.uid for board in other.values()}.isdisjoint(board.uid for board in made.values())


def test_the_administrators_titles_must_differ() -> None:
    with pytest.raises(SpecError, match="same title") as caught:
        Config.from_data({"grafana": {"sloBoards": {"overviewTitle": "SLOs", "detailTitle": "SLOs"}}})
    assert caught.value.path == "grafana.sloBoards.detailTitle"


@pytest.mark.parametrize(
    ("namespace", "folder", "said"),
    [("shop", "pay SLOs", "namespace shop"), ("slos", "slos", "all SLOs"), ("shop", "shop-eu", "namespace shop")],
)
def test_a_folder_of_others_leaves_the_rules_alone(namespace: str, folder: str, said: str) -> None:
    outcome = compiled(namespace=namespace, dashboard={"folder": folder})
    [finding] = outcome.findings
    assert (finding.severity, finding.reason, finding.path) == ("error", "FolderNotAllowed", "spec.dashboard.folder")
    assert said in finding.message
    assert finding.fix
    assert [type(intent) for intent in outcome.intents] == [RuleSet]
    assert outcome.facts["dashboard"].endswith("var-slo=avail")


def test_of_two_with_one_title_the_dashboard_is_kept_and_the_slo_keeps_its_rules() -> None:
    slo = make_slo("checkout", dashboard={}).model_dump(mode="json", by_alias=True, exclude_none=True)
    rival = plain_dashboard("zz", title="SLO checkout")
    tools = shipped(Config.from_data({"grafana": {"url": URL}, "prometheus": {"output": "operator"}}))
    alone, both = run(tools, [slo], TODAY), run(tools, [slo, rival], TODAY)
    findings: tuple[Finding, ...] = both.desired[Key("SLO", "shop", "checkout")].findings
    assert [(one.reason, one.path) for one in findings] == [("DuplicateTitle", "spec.dashboard")]
    assert "Dashboard zz" in findings[0].message
    own_object = {one.ref for one in alone.objects} - {one.ref for one in both.objects}
    assert len(own_object) == 1
    assert {str(one.owner) for one in both.objects} == {"SLO/shop/checkout", "Dashboard/shop/zz", "None"}


def test_an_slo_and_a_dashboard_of_one_name_share_nothing() -> None:
    slo = make_slo("checkout", dashboard={}).model_dump(mode="json", by_alias=True, exclude_none=True)
    outcome = run(shipped(world().config), [slo, plain_dashboard("checkout", title="Other")], TODAY, files=True)
    paths = [file.path for file in outcome.files if file.path.startswith("grafana/dashboards/shop/")]
    assert sorted(paths) == [
        "grafana/dashboards/shop/shop.checkout.json",
        "grafana/dashboards/shop/slo.shop.checkout.json",
    ]
    uids = {json.loads(file.text)["uid"] for file in outcome.files if file.path.startswith("grafana/")}
    assert len(uids) == 4
