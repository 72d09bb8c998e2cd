"""The generated tests of SLOs: right rules pass them on both lines of Prometheus."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from binnacle.api.config import Config
from binnacle.check.proofs.labelling import labels_for, takes
from binnacle.check.proofs.moments import moved
from binnacle.check.proofs.slo import key_of, proofs_of
from binnacle.check.proofs.written import is_always_there
from binnacle.check.slo import proof_files, run_proofs
from binnacle.compile.horizon import Horizon
from binnacle.compile.slo.compile import compile_slo, subject_of
from binnacle.compile.world import World
from binnacle.intent.routing import Routing
from binnacle.promql import parse
from binnacle.promql.build import bare_selector
from compile.building import compiled, make_slo, make_world, rule_text, rules_of
from compile.rule_tests import Promtool
from compile.test_slo_meaning import line_3

pytestmark = pytest.mark.thorough

RATIO = {
    "ratio": {
        "errors": 'http_requests_total{service="checkout",code=~"5..",handler!~"/(health|ready)z"}',
        "total": 'http_requests_total{service="checkout",handler!~"/(health|ready)z"}',
    }
}
NATIVE = {"latency": {"histogram": 'h_seconds{job="a"}', "below": "300ms", "histogramType": "native"}}
LATENCY = {"latency": {"histogram": "h_seconds", "below": "300ms"}}
CASES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "ratio": ({"indicator": RATIO, "groupBy": ["region"]}, {}),
    "good": ({"indicator": {"ratio": {"good": 'a_total{code!~"5.."}', "total": "a_total"}}, "objective": "50%"}, {}),
    "apart": (
        {
            "indicator": {"ratio": {"errors": 'bad_total{job="a"}', "total": 'all_total{job="a"}'}},
            "window": {"rolling": "1d"},
            "alerting": {"minFailures": 10, "noData": {"action": "Alert"}, "budgetSpent": ["50%", "100%"]},
        },
        {"scrapeInterval": "15s", "evaluationInterval": "15s"},
    ),
    "missed for days": (
        {"indicator": RATIO, "groupBy": ["region"], "alerting": {"noData": {"action": "Alert", "for": "1d"}}},
        {},
    ),
    "latency": (
        {"indicator": {"latency": {"histogram": "h_seconds", "below": "300ms"}}, "window": {"rolling": "90d"}},
        {},
    ),
    "availability": ({"indicator": {"availability": {"gauge": 'up{job="a"}'}}, "window": {"rolling": "7d"}}, {}),
    "probe": ({"indicator": {"availability": {"probe": {"metricSet": "web", "name": "home"}}}}, {}),
    "below": (
        {"indicator": {"threshold": {"gauge": 'q_seconds{queue="mail"}', "below": "60s"}}, "groupBy": ["queue"]},
        {"scrapeInterval": "5m"},
    ),
    "above": ({"indicator": {"threshold": {"gauge": "free_ratio", "above": "20%"}}, "objective": "90%"}, {}),
    "freshness": ({"indicator": {"freshness": {"timestamp": "last_seconds", "maxAge": "26h"}}}, {}),
    "windowed": ({"indicator": {"windowed": {"errors": "sql_failed", "total": "sql_orders", "every": "1d"}}}, {}),
    "expression": (
        {
            "indicator": {"expression": {"errorRatio": "sum(rate(a[$window])) / sum(rate(b[$window]))"}},
            "window": {"rolling": "366d"},
        },
        {},
    ),
    "expression that is missed": (
        {
            "indicator": {
                "expression": {
                    "errorRatio": 'sum by (region) (rate(a_total{job="a"}[$window])) / sum by (region) (rate(b_total[$window]))'
                }
            },
            "groupBy": ["region"],
            "alerting": {"noData": {"action": "Alert", "for": "12m"}},
        },
        {},
    ),
}

NIGHT = {"name": "night", "timeZone": "Europe/Berlin", "weekdays": ["saturday"]}
NIGHT |= {"times": [{"startTime": "22:00", "endTime": "02:00"}]}
MAINTAINED = {"schedules": [NIGHT], "maintenance": [{"schedule": "night"}]}
DATED: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "week": (
        {
            "indicator": RATIO,
            "window": {"calendar": "Week", "timeZone": "Australia/Lord_Howe"},
            "alerting": {"budgetSpent": ["50%"]},
        },
        {},
    ),
    "month": (
        {
            "indicator": {"freshness": {"timestamp": "last_seconds", "maxAge": "26h"}},
            "window": {"calendar": "Month", "timeZone": "Europe/Berlin"},
            "groupBy": ["job"],
            "objective": "99%",
            **MAINTAINED,
        },
        {},
    ),
    "quarter": (
        {"indicator": LATENCY, "window": {"calendar": "Quarter", "timeZone": "America/Santiago"}},
        {"scrapeInterval": "30s"},
    ),
    "year": (
        {
            "indicator": {"availability": {"gauge": "up"}},
            "window": {"calendar": "Year", "timeZone": "UTC"},
            "objective": "90%",
        },
        {},
    ),
    "maintained": (
        {"indicator": RATIO, **MAINTAINED, "alerting": {"noData": {"action": "Alert"}, "budgetSpent": ["90%"]}},
        {},
    ),
}
"""Where the date matters."""

FULL = bool(os.environ.get("BINNACLE_FULL"))
GIVEN = frozenset({"short", "windows", "longest"})
WINDOWS = frozenset({"ratio", "apart", "expression"})
"""Where increments are given it does not matter what they are increments of."""
HERE = {
    "week": {"reset", "spent"},
    "month": {"reset", "periods", "maintenance-begins", "maintenance-ends"},
    "quarter": {"reset"},
}
HERE |= {"year": {"traffic", "short", "summed", "away", "reset", "periods"}}
"""What of a window of the calendar differs from others; the rest is shown in the long run alone."""


def is_shown(name: str, part: str) -> bool:
    """Whether a document is run every time; all of them are in the long run."""
    return FULL or ((part not in GIVEN or name in WINDOWS or name in HERE) and part in HERE.get(name, {part}))


def written(folder: Path, name: str, spec: Mapping[str, Any], clocks: Mapping[str, str]) -> list[str]:
    """Write rules and generated tests of an SLO; the names of the tests."""
    slo = make_slo(**spec)
    outcome = compiled(slo, **clocks)
    names = []
    for part, document in proofs_of(slo, outcome, make_world(**clocks)).documents.items():
        if not is_shown(name, part):
            continue
        rules = f"{name}.{part}.rules.yaml"
        (folder / rules).write_text(rule_text(moved(rules_of(outcome), document.begin, document.given), key_of(slo)))
        names.append(f"{name}.{part}.yaml")
        (folder / names[-1]).write_text(json.dumps(document.body([rules])))
    return names


def test_right_rules_pass(promtool: Promtool, tmp_path: Path) -> None:
    """Every indicator, with clocks, windows, objectives and alerts that differ, through every shape of traffic."""
    tests = [test for name, (spec, clocks) in (CASES | DATED).items() for test in written(tmp_path, name, spec, clocks)]
    assert len(tests) > len(CASES)
    ended = promtool("test", "rules", *tests, cwd=tmp_path, check=False, timeout=900)
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[:3000]


def test_native_histograms_pass(tmp_path: Path) -> None:
    """On 3.x only: promtool 2.42 has no notation for native histograms."""
    tests = written(tmp_path, "native", {"indicator": NATIVE}, {})
    ended = line_3()("test", "rules", *tests, cwd=tmp_path, check=False)
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[:3000]


def test_results_name_what_failed() -> None:
    fast = {"name": "fast", "severity": "critical", "budget": "2%", "long": "1h", "short": "5m"}
    slo = make_slo(alerting={"burnRates": [fast]})
    outcome = compiled(slo)
    program = str(line_3().__self__.promtool_program)  # type: ignore[attr-defined]
    passed = run_proofs(slo, outcome, make_world(), program)
    assert all(one.passed for one in passed)
    assert {"steady", "idle", "late errors", "total outage", "windows are as long as they say"} <= {
        one.name for one in passed
    }
    other = compiled(make_slo(objective="99%", alerting={"burnRates": [fast]}))
    failed = [one for one in run_proofs(slo, other, make_world(), program) if not one.passed]
    assert failed
    assert all(one.message for one in failed)


WAITS: dict[str, dict[str, Any]] = {
    "at once": {"indicator": RATIO, "groupBy": ["region"], "for": "0s"},
    "an expression at once": {**CASES["expression that is missed"][0], "for": "0s"},
    "a month": {"indicator": {"availability": {"gauge": "up"}}, "groupBy": ["job"], "for": "30d"},
    "never": {"indicator": {"expression": {"errorRatio": "sum(rate(a[$window])) or vector(0)"}}, "for": "10m"},
}


def test_right_rules_pass_however_long_missing_data_is_waited_for(promtool: Promtool, tmp_path: Path) -> None:
    """A group that never was there is not missed; what is waited for too long is not shown; and what is never missing is not given."""
    tests = []
    for name, given in WAITS.items():
        alerting = {"burnRates": [], "noData": {"action": "Alert", "for": given["for"]}}
        spec = {**{field: value for field, value in given.items() if field != "for"}, "alerting": alerting}
        tests += [test for test in written(tmp_path, name, spec, {}) if ".windows." not in test]
    ended = promtool("test", "rules", *tests, cwd=tmp_path, check=False, timeout=900)
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[:3000]


SPENT: dict[str, dict[str, Any]] = {
    "a month": {"window": {"calendar": "Month", "timeZone": "Europe/Berlin"}, **MAINTAINED},
    "a quarter": {"window": {"calendar": "Quarter", "timeZone": "America/Santiago"}, "groupBy": ["region"]},
    "a year": {"window": {"calendar": "Year", "timeZone": "Asia/Kolkata"}, "objective": "1%"},
}


def test_right_rules_pass_whatever_is_spent_of_a_period(promtool: Promtool, tmp_path: Path) -> None:
    """Each share is reached alone, and is told for as long as is promised once good events have made it a little less."""
    tests = []
    for name, given in SPENT.items():
        spec = {"indicator": RATIO, "alerting": {"burnRates": [], "budgetSpent": ["2%", "50%", "75%", "100%"]}, **given}
        tests += [test for test in written(tmp_path, name, spec, {}) if ".spent." in test]
    assert len(tests) == len(SPENT)
    ended = promtool("test", "rules", *tests, cwd=tmp_path, check=False, timeout=900)
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[:3000]


@pytest.mark.parametrize(
    ("promql", "always"),
    [
        ("sum(rate(a[5m])) or vector(0)", True),
        ("sum(rate(a[5m])) or hour() * 0", True),
        ("absent(a) * 0 or sum(rate(a[5m]))", True),
        ("sum(rate(a[5m])) * pi() / time()", False),
        ("hour(a) / minute(b)", False),
    ],
)
def test_what_has_a_value_without_series_is_known(promql: str, always: bool) -> None:
    assert is_always_there(parse(promql)) is always


SHAPES = ("steady", "bursty", "idle", "reset", "absent", "late errors", "partial outage", "total outage", "recovery")
KINDS = ("ratio", "good", "latency", "availability", "probe", "below", "above", "freshness", "windowed")
SPANS: tuple[dict[str, str], ...] = (
    {"rolling": "30d"},
    *({"calendar": unit, "timeZone": "Europe/Berlin"} for unit in ("Week", "Month", "Quarter", "Year")),
)


@pytest.mark.parametrize("indicator", KINDS)
def test_every_cell_is_proved(indicator: str) -> None:
    """Each indicator, over each kind of window, goes through each shape, and is asked for shares at several times."""
    fast = {"name": "fast", "severity": "critical", "budget": "2%", "long": "1h", "short": "5m"}
    for window in SPANS:
        slo = make_slo(
            indicator=CASES[indicator][0]["indicator"], window=window, alerting={"burnRates": [fast]}, objective="99%"
        )
        found = proofs_of(slo, compiled(slo), make_world())
        assert not found.results
        cases = {case.name: case for case in found.documents["traffic"].cases}
        for shape in SHAPES:
            shares = [one.at for one in cases[shape].expected if "slo:sli_error:ratio_rate" in one.expr]
            period = [one.at for one in cases[shape].expected if "slo:period_error:ratio" in one.expr]
            assert len(set(shares)) >= 2, (indicator, window, shape)
            assert period, (indicator, window, shape)
        dated = {"reset", "periods"} & found.documents.keys()
        assert dated == ({"reset", "periods"} if "calendar" in window else set())


def test_every_shape_is_proved_of_what_an_expression_is_counted_as() -> None:
    """What it counts of its series is proved by itself; what comes of that, of events that are given."""
    spec, clocks = CASES["expression that is missed"]
    slo = make_slo(**spec)
    cases = {case.name: case for case in proofs_of(slo, compiled(slo, **clocks), make_world()).documents["short"].cases}
    for shape in SHAPES:
        assert any("slo:sli_error:ratio_rate" in one.expr for one in cases[shape].expected), shape
    missing = 'count(ALERTS{alertname="SLONoData",'
    told = {
        shape: {one.expr.endswith("bool 1") for one in cases[shape].expected if missing in one.expr} for shape in SHAPES
    }
    assert told.pop("absent") == {True, False}
    assert set(map(frozenset, told.values())) == {frozenset({False})}


def test_dependencies_hush_what_fires() -> None:
    database = make_slo("database", indicator=RATIO)
    slo = make_slo(dependsOn=[{"name": "database", "inhibit": True}, {"name": "gone", "inhibit": True}])
    world = World(Config.from_data({}), date(2026, 1, 1), {key_of(database): database}.get)
    outcome = compile_slo(slo, world)
    found = proofs_of(slo, outcome, world)
    assert [(one.name, one.passed, bool(one.unproved)) for one in found.results] == [
        ("the alerts of database hush", True, False),
        ("the alerts of gone hush", False, True),
    ]
    hushed = 'count(ALERTS{binnacle_kind="SLO",binnacle_namespace="shop",binnacle_name="avail",'
    outage = next(one for one in found.documents["traffic"].cases if one.name == "total outage")
    assert any(one.expr.startswith(f"({hushed}") for one in outage.expected)
    # An inhibition by labels that no alert of the other has hushes nothing.
    rules, routing = outcome.intents
    assert isinstance(routing, Routing)
    wrong = tuple(
        replace(one, source=tuple(replace(m, value="info") if m.name == "severity" else m for m in one.source))
        for one in routing.inhibits
    )
    (failed, _) = proofs_of(slo, replace(outcome, intents=(rules, replace(routing, inhibits=wrong))), world).results
    assert "database" in failed.message


def test_maintenance_without_end_leaves_nothing_to_prove() -> None:
    always = {"name": "always", "timeZone": "UTC", "times": [{"startTime": "00:00", "endTime": "24:00"}]}
    slo = make_slo(schedules=[always], maintenance=[{"schedule": "always"}])
    found = proofs_of(slo, compiled(slo), make_world())
    unproved = {one.name: one.unproved for one in found.results}
    assert unproved.keys() >= {"traffic", "maintenance-begins", "maintenance-ends"}
    assert "no time is without it" in unproved["traffic"]


def test_the_time_between_maintenance_decides_what_is_proved() -> None:
    """What is too long for it is named."""
    often = [{"startTime": f"{hour:02d}:00", "endTime": f"{hour:02d}:30"} for hour in range(0, 24, 4)]
    slo = make_slo(
        schedules=[{"name": "often", "timeZone": "UTC", "times": often}], maintenance=[{"schedule": "often"}]
    )
    found = proofs_of(slo, compiled(slo), make_world())
    unproved = {one.name for one in found.results}
    assert "idle" in unproved
    assert "steady" in {case.name for case in found.documents["traffic"].cases}


def test_moved_rules_are_those_of_the_date() -> None:
    slo = make_slo(window={"calendar": "Month", "timeZone": "UTC"})
    rules = rules_of(compiled(slo))
    texts = [rule_text(moved(rules, begin), key_of(slo)) for begin in (0, 1767225600)]
    assert "time() + 1767225600" in texts[1]
    assert texts[0] == rule_text(rules, key_of(slo))


@pytest.mark.parametrize("unit", ["Week", "Month", "Quarter", "Year"])
def test_every_period_is_told_before_and_after_it_begins(unit: str) -> None:
    """By the rule that tells the current one and the one that tells that of a step, also where the horizon ends."""
    slo = make_slo(window={"calendar": unit, "timeZone": "Europe/Berlin"})
    document = proofs_of(slo, compiled(slo), make_world()).documents["periods"]
    periods = subject_of(slo, Horizon.of(make_world().date)).reach.periods
    assert periods is not None
    (case,) = document.cases
    for name in ("slo:period:current{", "slo:period:step{"):
        told = {one.at // 1000 + document.begin: one.expr for one in case.expected if name in one.expr}
        for last, begins in pairwise(periods.starts):
            before = told[max(at for at in told if at < begins)]
            after = told[min(at for at in told if at >= begins + 300)]
            assert f'binnacle_period="{last}"' in before
            assert f'binnacle_period="{begins}"' in after


def test_without_promtool_nothing_is_claimed() -> None:
    slo = make_slo()
    results = run_proofs(slo, compiled(slo), make_world(), None)
    assert results
    assert all(not one.passed and one.unproved for one in results)


def test_what_cannot_be_tested_is_said() -> None:
    slo = make_slo(indicator={"expression": {"errorRatio": 'rate(a{b="c",b!="c"}[$window])'}})
    (unproved,) = proofs_of(slo, compiled(slo), make_world()).results
    assert "no series was found" in unproved.unproved
    same = make_slo(indicator={"ratio": {"errors": 'a{b="c"}', "total": 'a{b="c"}'}})
    (unproved,) = proofs_of(same, compiled(same), make_world()).results
    assert "no series was found" in unproved.unproved


@pytest.mark.parametrize(
    ("window", "parts"),
    [
        ({"rolling": "30d"}, {"traffic", "windows"}),
        ({"rolling": "90d"}, {"traffic", "windows", "summed", "away"}),
        ({"calendar": "Year", "timeZone": "UTC"}, {"traffic", "summed", "away", "turned", "reset", "periods"}),
    ],
    ids=["rolls", "long", "dated"],
)
def test_files_run_where_they_lie(tmp_path: Path, window: dict[str, str], parts: set[str]) -> None:
    """Those of a date bring the rules as they are then, and those that are given sums the rules without them."""
    slo = make_slo(window=window, alerting={"burnRates": []})
    outcome = compiled(slo)
    rules = tmp_path / "prometheus/rules/slo.shop.avail.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text(rule_text(rules_of(outcome), key_of(slo)))
    files = proof_files(slo, outcome, make_world())
    for file in files:
        (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file.path).write_text(file.text)
    tests = sorted(str(path) for path in (tmp_path / "prometheus/tests").glob("*.yaml"))
    assert {Path(test).name.split(".")[3] for test in tests} == parts
    ended = line_3()("test", "rules", *tests, cwd=tmp_path, check=False)
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[:2000]
    assert files == proof_files(slo, outcome, make_world())


@pytest.mark.parametrize(
    "selector",
    [
        'x{a="b"}',
        'x{code=~"5.."}',
        'x{code=~"4..|5..",code!="404"}',
        'x{path=~"/api/v[12]/.+",path!~".*health.*"}',
        'x{a=~"(?i)get|post"}',
        'x{a=~"[^a]{2,}\\\\d+"}',
        'x{a!=""}',
        'x{a=~".*"}',
        'x{a=~"(foo|bar)-(?:baz)?x"}',
    ],
)
def test_labels_are_found_that_a_selector_takes_and_that_it_does_not(selector: str) -> None:
    node = bare_selector(selector)
    labels = labels_for(node.matchers)
    assert labels is not None
    assert takes(node, labels)
    others = labels_for((), against=node.matchers)
    if others is not None:
        assert not takes(node, others)
    else:
        assert ".*" in selector
