"""What a dashboard means: queries that are looked at, items left out, links, folders, titles."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.compile.slo.boards import shared_boards
from binnacle.compile.world import Claim
from binnacle.intent.dashboard import dashboard_uid, folder_slug
from binnacle.intent.refs import Key
from compile.building import make_slo
from compile.dashboards import (
    board,
    compiled,
    findings,
    good_dashboard,
    grafana,
    make_world,
    panel,
    plain_dashboard,
    row,
)


def one_query(**query: Any) -> dict[str, Any]:
    kind = "logs" if "logql" in query else "timeseries"
    return plain_dashboard(rows=[row(panel("p", type=kind, queries=[{"name": "a", **query}]), panel("good"))])


def said(body: dict[str, Any], **world: Any) -> list[tuple[Severity, Reason, int | None]]:
    return [(one.severity, one.reason, one.column) for one in findings(body, make_world(**world))]


def panels(body: dict[str, Any], **world: Any) -> list[str]:
    return [one.title for line in board(body, make_world(**world)).rows for one in line.panels]


E, W, I = Severity.ERROR, Severity.WARNING, Severity.INFO  # noqa: E741 - as they are known


def test_a_good_dashboard_has_nothing_to_be_said_of_but_that_logql_is_not_parsed() -> None:
    assert [one.reason for one in findings(good_dashboard())] == [Reason.QUERY_NOT_PARSED]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sum(", [(E, Reason.PROMQL_SYNTAX, 4)]),
        ("sum(rate(x_total[$__rate_interval])", [(E, Reason.PROMQL_SYNTAX, 4)]),
        ("x" * 4096, []),
        ("+".join(["x"] * 900), [(E, Reason.PROMQL_TOO_LARGE, None)]),
        ("up[5m]", [(E, Reason.INVALID_VALUE, None)]),
        ('"text"', [(E, Reason.INVALID_VALUE, None)]),
        ('up{job="$job"}', [(W, Reason.UNKNOWN_REFERENCE, 9)]),
        ("topk($count, up)", [(E, Reason.UNKNOWN_REFERENCE, 6)]),
        ("rate(x_total[$window])", [(E, Reason.UNKNOWN_REFERENCE, 14)]),
        ("rate(x_total[$__rate_interval])", []),
        ("rate(x_total[5m])", [(W, Reason.FIXED_RANGE, None)]),
        ("rate(x_total[$__interval])", [(W, Reason.FIXED_RANGE, None)]),
        ("increase(x_total[1h])", []),
        ("x_total", [(W, Reason.COUNTER_WITHOUT_RATE, None)]),
        ("sum(x_total) / sum(y)", [(W, Reason.COUNTER_WITHOUT_RATE, None)]),
        ("histogram_quantile(0.9, sum by (le) (x_bucket))", [(W, Reason.COUNTER_WITHOUT_RATE, None)]),
        ("count(x_total)", []),
        ("absent(x_total)", []),
        ("x_count", []),
    ],
)
def test_promql_is_parsed_and_looked_at(text: str, expected: list[object]) -> None:
    assert said(one_query(promql=text)) == expected
    bad = any(one.severity is E for one in findings(one_query(promql=text)))
    assert panels(one_query(promql=text)) == (["good"] if bad else ["p", "good"])


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ('{app="checkout"', 1),
        ('{app="checkout"}}', 17),
        ('{app="checkout"} |= "error', 21),
        ("{app='checkout'}", 6),
        ('{app="a"} |= `x', 14),
        ("error", 1),
        ("{}", 1),
        ('sum(rate({app="a"}[5m))', 22),
        ('{app="a"} ; drop', 11),
        ('{app="a"} |= $', 14),
        ('{app="a"} | line_format $nothing', 25),
    ],
)
def test_logql_is_fenced(text: str, column: int) -> None:
    (first, *_) = findings(one_query(logql=text))
    assert (first.severity, first.column) == (E, column)
    assert first.path == "spec.rows[traffic].panels[p].queries[a].logql"
    assert panels(one_query(logql=text)) == ["good"]


@pytest.mark.parametrize(
    "text",
    [
        '{app="checkout"} |= "error" != `debug` |~ "a|b" !~ "c"',
        '{app="a", ns=~"x.+"} | json first="servers[0]" | duration > 1.5s and status >= 500',
        'sum by (level) (count_over_time({app="a"}[$__auto]))',
        'quantile_over_time(0.99, {app="a"} | logfmt | unwrap duration(took) [5m]) by (host)',
        '{app="a"} | line_format "{{.msg}} } ) ]" # } comment',
        '{app="a"} | label_format x="{{ .y | ToUpper }}" | pattern `<_> - <ip>`',
    ],
)
def test_logql_that_people_write_is_taken_as_it_is(text: str) -> None:
    body = one_query(logql=text)
    assert [one.reason for one in findings(body)] == [Reason.QUERY_NOT_PARSED]
    assert board(body).rows[0].panels[0].queries[0].text == text


def test_one_bad_query_leaves_the_panel_its_others_and_one_bad_panel_the_row_its_others() -> None:
    both = [{"name": "good", "promql": "up"}, {"name": "bad", "promql": "up{"}]
    body = plain_dashboard(
        rows=[
            row(panel("half", queries=both), panel("gone", queries=[both[1]]), panel("good")),
            row(panel("lost", queries=[both[1]]), name="empty"),
        ]
    )
    made = board(body)
    assert [[one.title for one in line.panels] for line in made.rows] == [["half", "good"]]
    assert [one.ref_id for one in made.rows[0].panels[0].queries] == ["GOOD"]
    assert [one.path for one in findings(body)] == [
        "spec.rows[empty].panels[lost].queries[bad].promql",
        "spec.rows[traffic].panels[gone].queries[bad].promql",
        "spec.rows[traffic].panels[half].queries[bad].promql",
    ]


def test_without_a_panel_there_is_no_dashboard() -> None:
    outcome = compiled(plain_dashboard(rows=[row(panel(queries=[{"name": "a", "promql": "up{"}]))]))
    assert outcome.intents == ()
    assert not outcome.withdrawn
    assert [one.severity for one in outcome.findings] == [E]


def test_logs_are_not_asked_in_promql() -> None:
    (found,) = findings(plain_dashboard(rows=[row(panel("p", type="logs"), panel("good"))]))
    assert (found.severity, found.reason) == (E, Reason.INVALID_VALUE)


QUERY = {"name": "region", "type": "query", "query": "label_values(up, region)"}


@pytest.mark.parametrize(
    ("query", "reason", "column"),
    [
        ("label_values(http_requests_total{, region)", Reason.PROMQL_SYNTAX, 33),
        ("label_values(sum(up), region)", Reason.NOT_A_SELECTOR, None),
        ("label_valeus(up, region)", Reason.INVALID_VALUE, None),
        ("query_result(sum(up)", Reason.PROMQL_SYNTAX, 17),
        ("query_result(sum(up)) by (job)", Reason.PROMQL_SYNTAX, 21),
        ("query_result(topk(5, up{)))", Reason.PROMQL_SYNTAX, 24),
        ('label_values(up{zone="$region"}, region)', Reason.INVALID_VALUE, None),
        ("label_values($metric, region)", Reason.UNKNOWN_REFERENCE, 14),
    ],
)
def test_a_variable_that_cannot_be_used_takes_what_needs_it_with_it(
    query: str, reason: Reason, column: int | None
) -> None:
    body = plain_dashboard(
        variables=[
            {**QUERY, "query": query},
            {"name": "host", "type": "query", "query": 'label_values(up{region="$region"}, host)'},
            {"name": "env", "type": "custom", "values": ["a"]},
        ],
        rows=[
            row(
                panel("needs", queries=[{"name": "a", "promql": 'up{host=~"$host"}'}]),
                panel("other", queries=[{"name": "a", "promql": 'up{env="${env:regex}"}'}]),
                repeat="region",
            )
        ],
    )
    found = findings(body)
    about = [one for one in found if one.path == "spec.variables[region].query"]
    assert [(one.reason, one.column) for one in about][:1] == [(reason, column)]
    assert {one.path for one in found} == {
        "spec.variables[region].query",
        "spec.variables[host].query",
        "spec.rows[traffic].repeat",
        "spec.rows[traffic].panels[needs].queries[a].promql",
    }
    assert panels(body) == ["other"]
    assert {one.name for one in board(body).variables} == {"datasource", "env"}


@pytest.mark.parametrize(
    "query",
    [
        "label_values(region)",
        "label_values(http_requests_total, region)",
        'label_values(http_requests_total{code=~"5..",env="$env"}, region)',
        'label_values({__name__=~"a|b"}, region)',
        "label_names()",
        "metrics(http_.*)",
        "query_result(topk(5, sum by (region) (up)))",
    ],
)
def test_queries_of_variables(query: str) -> None:
    env = {"name": "env", "type": "custom", "values": ["a"]}
    assert findings(plain_dashboard(variables=[{**QUERY, "query": query}, env])) == []


def test_a_query_asks_what_is_chosen_at_the_top_unless_it_names_a_datasource() -> None:
    own = {"name": "ds", "type": "prometheus", "uid": "pinned"}
    rows = [
        row(
            panel("chosen"),
            panel("pinned", queries=[{"name": "a", "promql": "up", "datasource": "ds"}]),
            panel("logs", type="logs", queries=[{"name": "a", "logql": '{a="b"}'}]),
        )
    ]
    made = board(plain_dashboard(datasources=[own], rows=rows))
    assert [one.queries[0].datasource.uid for one in made.rows[0].panels] == ["${datasource}", "pinned", "${loki}"]
    assert [(one.name, one.offers) for one in made.variables] == [("datasource", "prometheus"), ("loki", "loki")]

    mine = {"name": "which", "type": "datasource", "datasourceType": "prometheus"}
    made = board(plain_dashboard(variables=[mine], rows=rows, datasources=[own]))
    assert made.rows[0].panels[0].queries[0].datasource.uid == "${which}"
    assert [one.name for one in made.variables] == ["loki", "which"]

    taken = {"name": "datasource", "type": "custom", "values": ["a"]}
    made = board(plain_dashboard(variables=[taken]))
    assert made.rows[0].panels[0].queries[0].datasource.uid == "${datasource_}"


def test_the_administrators_datasources_are_chosen_at_first() -> None:
    world = make_world(datasources=[{"type": "prometheus", "uid": "mimir", "name": "Mimir"}])
    (variable,) = grafana(plain_dashboard(), world)["templating"]["list"]
    assert variable["current"] == {"selected": True, "text": "Mimir", "value": "mimir"}


@pytest.mark.parametrize(("datasource", "reason"), [("nope", Reason.UNKNOWN_REFERENCE), ("logs", Reason.INVALID_VALUE)])
def test_a_datasource_that_does_not_fit_leaves_the_query_out(datasource: str, reason: Reason) -> None:
    body = one_query(promql="up", datasource=datasource)
    body["spec"]["datasources"] = [{"name": "logs", "type": "loki", "uid": "x"}]
    (found,) = findings(body)
    assert (found.severity, found.reason) == (E, reason)
    assert found.path == "spec.rows[traffic].panels[p].queries[a].datasource"


# Where it is found.


@pytest.mark.parametrize("folder", [None, "shop", "shop SLOs", "shop_a", "shop "[:4]])
def test_a_folder_of_the_namespace_is_taken(folder: str | None) -> None:
    assert board(plain_dashboard(folder=folder if folder is not None else ...)).folder == (folder or "shop")


@pytest.mark.parametrize("folder", ["General", "shop-eu", "shopping", "Shop", "other shop"])
def test_a_folder_of_others_is_refused(folder: str) -> None:
    outcome = compiled(plain_dashboard(folder=folder))
    assert outcome.intents == ()
    assert [one.reason for one in outcome.findings] == [Reason.FOLDER_NOT_ALLOWED]


def test_folders_of_two_namespaces_never_meet() -> None:
    """Not as folders, and not as directories: what `shop` may use begins with a character that `shop-eu` cannot have."""
    allowed = {folder_slug(f"shop{more}") for more in ("", " a", "_a", " -eu", "_-eu")}
    assert not allowed & {folder_slug(f"shop-eu{more}") for more in ("", " a", "_a")}


def test_the_second_dashboard_of_a_title_withdraws() -> None:
    claim = Claim("Dashboard", "shop", "shop/Same")
    first, second = Key("Dashboard", "shop", "a"), Key("Dashboard", "shop", "b")
    world = make_world(claims={claim: {first, second}})
    assert compiled(plain_dashboard("a", title="Same"), world).intents
    outcome = compiled(plain_dashboard("b", title="Same"), world)
    assert (outcome.intents, outcome.withdrawn) == ((), True)
    assert [one.reason for one in outcome.findings] == [Reason.DUPLICATE_TITLE]
    assert compiled(plain_dashboard("b", title="Same", folder="shop x"), make_world(claims={claim: {first}})).intents
    dry = make_world(claims={claim: {first}})
    assert compiled(plain_dashboard("b", title="Same", mode="DryRun"), dry).intents, "a trial takes nobody's title"
    assert claim not in dry.reads


def test_uids_are_lawful_and_differ() -> None:
    names = [Key("Dashboard", f"n{a}", f"d{b}") for a in range(40) for b in range(40)]
    uids = {dashboard_uid(key) for key in names}
    assert len(uids) == len(names)
    assert all(re.fullmatch("b[a-z2-7]{20}", uid) for uid in uids)
    long = Key("Dashboard", "n" * 63, "d" * 253)
    assert len(dashboard_uid(long)) <= 40


# Links.


def test_links_lead_to_addresses_dashboards_and_slos() -> None:
    there = {
        Key("Dashboard", "shop", "other"): object(),
        Key("SLO", "shop", "avail"): make_slo("avail"),
    }
    links = [
        {"name": "u", "title": "U", "url": "https://runbooks.example"},
        {"name": "d", "title": "D", "dashboard": "other"},
        {"name": "s", "title": "S", "slo": "avail"},
        {"name": "gone", "title": "G", "slo": "gone"},
    ]
    world = make_world(there)
    body = plain_dashboard(links=links)
    made = grafana(body, world)
    assert [one["title"] for one in made["links"]] == ["U", "D", "S"]
    url, other, slo = (one["url"] for one in made["links"])
    assert url == "https://runbooks.example"
    assert other == f"/d/{dashboard_uid(Key('Dashboard', 'shop', 'other'))}"
    pane = json.loads(parse_qs(urlsplit(slo).query)["panes"][0])["slo"]
    assert pane["datasource"] == "${datasource}"
    assert pane["queries"][0]["expr"] == ('slo:period_error_budget_remaining:ratio{slo="avail",slo_namespace="shop"}')
    assert pane["range"]["from"] == "now-720h"
    assert Key("SLO", "shop", "gone") in world.reads, "it is compiled again when the SLO comes"
    (missing,) = findings(body, world)
    assert (missing.severity, missing.path) == (E, "spec.links[gone].slo")


@pytest.mark.parametrize(
    ("spec", "own"),
    [
        ({}, False),
        ({"dashboard": {"folder": "shop SLOs"}}, True),
        ({"dashboard": {"enabled": False}}, False),
        ({"dashboard": {"folder": "pay"}}, False),
        ({"dashboard": {}, "mode": "DryRun"}, False),
    ],
)
def test_where_slos_have_dashboards_links_lead_to_them(spec: dict[str, Any], own: bool) -> None:
    world = make_world({Key("SLO", "shop", "avail"): make_slo("avail", **spec)}, url="https://g.example")
    made = grafana(plain_dashboard(links=[{"name": "s", "title": "S", "slo": "avail"}]), world)
    (link,) = made["links"]
    if own:
        assert link["url"] == f"/d/{dashboard_uid(Key('SLO', 'shop', 'avail'))}"
        return
    address = urlsplit(link["url"])
    assert address.path == f"/d/{shared_boards(world.config)['slo-detail'].uid}"
    assert parse_qs(address.query) == {
        "var-slo_namespace": ["shop"],
        "var-slo": ["avail"],
        "var-datasource": ["${datasource}"],
    }
    # Variables of the dashboard itself, which may have the same names, are not taken along.
    assert (link["includeVars"], link["keepTime"]) == (False, True)


# Thresholds, templates, facts.


def test_thresholds_ascend_from_a_colour_below_all() -> None:
    def steps(*given: dict[str, object]) -> list[tuple[object, str]]:
        (made,) = board(plain_dashboard(rows=[row(panel(thresholds=list(given)))])).rows[0].panels
        return [(None if one.value is None else str(one.value), one.color) for one in made.thresholds]

    assert steps() == []
    assert steps({"value": 2, "color": "red"}, {"value": "0.5", "color": "orange"}) == [
        (None, "green"),
        ("0.5", "orange"),
        ("2", "red"),
    ]
    assert steps({"value": -1, "color": "red"}, {"color": "blue"}) == [(None, "blue"), ("-1", "red")]
    assert steps({"value": 1, "color": "red"}, {"value": "1.0", "color": "blue"}) == []
    assert steps({"color": "red"}, {"color": "blue"}) == []


def test_the_template_comes_before_own_rows() -> None:
    made = board(plain_dashboard(template={"name": "red", "service": "checkout"}))
    assert [line.title for line in made.rows] == ["checkout: requests, errors, duration", "traffic"]
    assert [one.title for one in made.rows[0].panels] == ["Requests", "Errors", "Duration"]
    assert {one.box.h for one in made.rows[0].panels} == {8}
    only = board(plain_dashboard(template={"name": "red", "service": "checkout"}, rows=...))
    assert [one.id for one in only.rows[0].panels] == [one.id for one in made.rows[0].panels]
    assert findings(plain_dashboard(template={"name": "red", "service": "checkout"}, rows=...)) == []


def test_status_says_where_it_is() -> None:
    facts = compiled(plain_dashboard(), make_world(url="https://grafana.example/")).facts
    uid = dashboard_uid(Key("Dashboard", "shop", "plain"))
    assert (facts["uid"], facts["panels"], facts["folder"]) == (uid, 1, "shop")
    assert facts["url"] == f"https://grafana.example/d/{uid}"
    assert "url" not in compiled(plain_dashboard()).facts


@pytest.mark.parametrize(
    ("written", "meant"), [("1m", "1m"), ("90s", "90s"), ("1h30m", "90m"), ("24h", "1d"), ("5s", "5s")]
)
def test_refresh_is_in_one_unit_and_can_be_chosen(written: str, meant: str) -> None:
    made = grafana(plain_dashboard(refresh=written))
    assert made["refresh"] == meant
    assert meant in made["timepicker"]["refresh_intervals"]


def test_the_environment_becomes_a_tag() -> None:
    assert board(plain_dashboard(environment="production", tags=["a"])).tags == ("a", "environment:production")


def test_findings_are_sorted_values() -> None:
    found = findings(good_dashboard(rows=[row(panel(queries=[{"name": "a", "promql": "x_total[5m]"}]), panel("b"))]))
    assert found == sorted(found)
    assert all(isinstance(one, Finding) for one in found)
