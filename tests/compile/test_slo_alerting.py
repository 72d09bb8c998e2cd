"""What an SLO's alerts do besides burning: few failures, no data, a spent budget, a sawtooth, and who hushes whom."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from binnacle.api.config import Config
from binnacle.api.findings import Severity
from binnacle.api.reasons import Reason
from binnacle.api.slo import SLO
from binnacle.check.routing import matches
from binnacle.compile.registry import KINDS
from binnacle.compile.world import Compiled, World
from binnacle.intent.refs import Key
from binnacle.intent.routing import InhibitRule, Routing
from binnacle.intent.rules import RuleGroup, RuleSet
from compile.building import compiled, key_of, make_slo, rule_text, rules_of, slo_rule_text
from compile.rule_tests import (
    CLOCKS,
    LEAD_IN,
    AlertExpect,
    Expect,
    Promtool,
    Scenario,
    assert_holds,
    counter,
    steps,
)

pytestmark = pytest.mark.thorough

FAST = {"name": "fast", "severity": "critical", "budget": "2%", "long": "1h", "short": "5m"}
TICKET = {"name": "slow", "severity": "warning", "budget": "10%", "long": "1d", "short": "2h"}


def traffic(errors: list[float], events: list[float], region: str = "") -> dict[str, list[float]]:
    where = f',region="{region}"' if region else ""
    return {
        f'requests_total{{code="500"{where}}}': counter(errors),
        f'requests_total{{code="200"{where}}}': counter(
            [total - bad for bad, total in zip(errors, events, strict=True)]
        ),
    }


def held(promtool: Promtool, folder: Path, slo: SLO, *scenarios: Scenario) -> None:
    assert_holds(promtool, folder, [slo_rule_text(slo, **CLOCKS)], scenarios)


# -- few failures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", [FAST, TICKET], ids=["short window", "long window"])
def test_few_failures_are_no_incident(promtool: Promtool, tmp_path: Path, pair: dict[str, str]) -> None:
    """One failure of ten events each half hour is a hundred times the allowed rate, and still a handful of failures."""
    slo = make_slo(alerting={"burnRates": [pair], "minFailures": 10})
    span = steps(hours=1) if pair is FAST else steps(days=1)
    few = [1.0 if at % (span // 2) == 0 else 0.0 for at in range(span * 2)]
    many = [1.0] * (span * 2)
    held(
        promtool,
        tmp_path,
        slo,
        Scenario("few", traffic(few, [10.0] * len(few)), tuple(Expect.firing(at) for at in range(0, len(few), 7))),
        Scenario(
            "the tenth fires",
            traffic(many, [10.0] * len(many)),
            # In the first step nothing is growth yet, and increments are a step late.
            (Expect.firing(8), Expect.firing(14, pair["severity"])),
        ),
    )


# -- missing data ----------------------------------------------------------------------------------------------------


def no_data(**more: str) -> dict[str, Any]:
    return {"burnRates": [FAST], "noData": {"action": "Alert", "for": "10m", **more}}


def test_missing_data_is_told_apart_from_no_traffic(promtool: Promtool, tmp_path: Path) -> None:
    hour = steps(hours=1)
    slo = make_slo(alerting=no_data(severity="critical"))
    idle = [10.0] * hour + [0.0] * 2 * hour
    alert = AlertExpect(
        hour + 6,
        "SLONoData",
        {
            "severity": "critical",
            "binnacle_no_data": "true",
            "slo": "avail",
            "slo_namespace": "shop",
            "slo_service": "checkout",
            "binnacle_kind": "SLO",
            "binnacle_namespace": "shop",
            "binnacle_name": "avail",
        },
        {
            "summary": "checkout: SLO shop/avail has no data",
            "description": "The objective is 99.9% over 30d.",
            "missing": "The series of all events are missing: that is not a service without traffic, but one that is not measured.",
        },
    )
    held(
        promtool,
        tmp_path,
        slo,
        Scenario("idle", traffic([0.0] * len(idle), idle), tuple(Expect.firing(at) for at in (hour + 6, len(idle)))),
        Scenario("gone", traffic([0.0] * hour, [10.0] * hour), (Expect.firing(hour),), (alert,)),
        Scenario("never there", {}, (Expect.firing(-1), Expect.firing(6, "critical"))),
        Scenario("never a failure", {'requests_total{code="200"}': counter([9.0] * hour)}, (Expect.firing(hour),)),
    )


def test_a_group_without_data_is_told_of_by_its_labels(promtool: Promtool, tmp_path: Path) -> None:
    hour, day = steps(hours=1), steps(days=1)
    slo = make_slo(alerting=no_data(), groupBy=["region"])
    here = traffic([0.0] * (day + 4 * hour), [10.0] * (day + 4 * hour), "us")
    gone = traffic([0.0] * hour, [10.0] * hour, "eu")
    eu = {"severity": "warning", "region": "eu"}
    us = {"severity": "warning", "region": "us"}
    held(
        promtool,
        tmp_path,
        slo,
        Scenario(
            "one of two",
            here | gone,
            (
                Expect.firing(hour),
                Expect.firing(hour + 6, eu),
                Expect.firing(day, eu),
                # A day later the region counts as gone for good.
                Expect.firing(day + 3 * hour),
            ),
        ),
        Scenario(
            "both, and after a day nothing is left to name",
            traffic([0.0] * hour, [10.0] * hour, "us") | gone,
            (Expect.firing(hour + 6, eu, us), Expect.firing(day + 3 * hour, {"severity": "warning"})),
        ),
    )


@pytest.mark.parametrize("days", [1, 3])
def test_a_group_that_is_waited_for_is_known_for_a_day_after(promtool: Promtool, tmp_path: Path, days: int) -> None:
    hour, day, wait = steps(hours=1), steps(days=1), steps(days=days)
    slo = make_slo(alerting=no_data(**{"for": f"{days}d"}), groupBy=["region"])
    long = wait + day + 4 * hour
    here = traffic([0.0] * long, [10.0] * long, "us")
    gone = traffic([0.0] * hour, [10.0] * hour, "eu")
    eu = {"severity": "warning", "region": "eu"}
    held(
        promtool,
        tmp_path,
        slo,
        Scenario(
            "one of two",
            here | gone,
            (
                Expect.firing(wait),
                Expect.firing(wait + hour + 6, eu),
                Expect.firing(wait + day, eu),
                Expect.firing(wait + day + 3 * hour),
            ),
        ),
    )


# -- a spent budget --------------------------------------------------------------------------------------------------


def test_of_a_spent_budget_the_highest_share_is_told(promtool: Promtool, tmp_path: Path) -> None:
    """Over a day at 99%: each step with nothing but errors spends a third of the budget at most."""
    hour = steps(hours=1)
    slo = make_slo(
        objective="90%", window={"rolling": "1d"}, alerting={"burnRates": [FAST], "budgetSpent": ["50%", "100%"]}
    )
    calm = steps(days=1)
    # Of 288 steps 29 may fail: 15 are more than half of them, 30 are all.
    errors = [0.0] * calm + [10.0] * 15 + [0.0] * 6 + [10.0] * 15 + [0.0] * (2 * calm)
    series = traffic(errors, [10.0] * len(errors))
    spent = "count by (severity, binnacle_budget_spent) (ALERTS{alertname='SLOErrorBudgetSpent', alertstate='firing'})"

    def told(at: int, *shares: str) -> Expect:
        return Expect(at, spent, {(("binnacle_budget_spent", one), ("severity", "warning")): 1 for one in shares})

    first = calm + 15
    held(
        promtool,
        tmp_path,
        slo,
        Scenario(
            "spending",
            series,
            (
                told(calm),
                told(calm + 12),
                told(first + 3, "50%"),
                told(calm + 40, "100%"),
                # The errors leave the window a day after they came, and the warning stays for some hours unless all is well.
                told(calm + 40 + hour * 8, "100%"),
                told(2 * calm + 40),
            ),
        ),
    )


def test_a_budget_around_its_limit_is_one_warning(promtool: Promtool, tmp_path: Path) -> None:
    """Old errors leave the window as new ones come: the budget wavers around its half."""
    calm = steps(days=1)
    slo = make_slo(objective="90%", window={"rolling": "1d"}, alerting={"burnRates": [FAST], "budgetSpent": ["50%"]})
    wave = [1.0 if at // 6 % 2 else 0.0 for at in range(3 * calm)]  # half of the time a tenth fails: 5% of errors
    firing = "count(ALERTS{alertname='SLOErrorBudgetSpent', alertstate='firing'})"
    held(
        promtool,
        tmp_path,
        slo,
        Scenario(
            "wavering",
            traffic(wave, [10.0] * len(wave)),
            tuple(Expect.one(at, firing, 1) for at in range(calm + 20, len(wave), 5)),
        ),
    )


# -- one alert, steadily ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("period", [2, 6])
def test_a_sawtooth_around_the_limit_is_one_page_and_no_ticket(promtool: Promtool, tmp_path: Path, period: int) -> None:
    """Errors come and go around the lowest rate that pages, with periods of up to half an hour."""
    hours = steps(hours=14)
    errors = [12.1 if at % period < period // 2 else 0.2 for at in range(hours)]
    paging = "count(ALERTS{alertstate='firing', severity='critical'})"
    tickets = "ALERTS{alertstate='firing', severity='warning'}"
    after = range(steps(hours=7), hours)
    held(
        promtool,
        tmp_path,
        make_slo(),
        Scenario(
            "sawtooth",
            traffic(errors, [1000.0] * hours),
            (*(Expect.one(at, paging, 1) for at in after), *(Expect.nothing(at, tickets) for at in after)),
        ),
    )


def test_page_and_ticket_are_never_both_told(promtool: Promtool, tmp_path: Path) -> None:
    """Through an outage and after it, step by step, in each region by itself."""
    half, rest = steps(hours=6), steps(hours=30)
    outage = [0.0] * half + [50.0] * 12 + [0.0] * rest
    slow = [0.4] * len(outage)
    both = "count by (region) (count by (region, severity) (ALERTS{alertname='SLOErrorBudgetBurn', alertstate='firing'})) > 1"
    held(
        promtool,
        tmp_path,
        make_slo(groupBy=["region"]),
        Scenario(
            "outage",
            traffic(outage, [100.0] * len(outage), "eu") | traffic(slow, [100.0] * len(slow), "us"),
            (
                *(Expect.nothing(at, both) for at in range(1, len(outage), 3)),
                Expect.firing(
                    half + 2, {"severity": "critical", "region": "eu"}, {"severity": "warning", "region": "us"}
                ),
                Expect.firing(
                    half + 40, {"severity": "warning", "region": "eu"}, {"severity": "warning", "region": "us"}
                ),
            ),
        ),
    )


def test_a_long_slow_burn_warns(promtool: Promtool, tmp_path: Path) -> None:
    """A burn at just above the allowed rate is a ticket within the time that status tells, and for as long as it lasts."""
    (trend,) = [one for one in compiled(make_slo(), **CLOCKS).facts["alerts"] if one["name"] == "trend"]
    assert trend["detectionAtFactor"] == "3d24m"
    found = steps(days=3, minutes=24)
    errors = [1.01] * (found + steps(hours=12))
    slo = make_slo(
        alerting={"burnRates": [{"name": "trend", "severity": "warning", "budget": "10%", "long": "3d", "short": "6h"}]}
    )
    held(
        promtool,
        tmp_path,
        slo,
        Scenario(
            "slow",
            traffic(errors, [1000.0] * len(errors)),
            tuple(Expect.firing(at, "warning") for at in range(found, len(errors), 12)),
        ),
    )


@pytest.mark.parametrize("start", [0, 10, 19])
def test_an_outage_pages_within_two_minutes(promtool: Promtool, tmp_path: Path, start: int) -> None:
    """At scrapes of 15 s, wherever between two steps it begins. promtool knows one interval, so the increments are given."""
    slo = make_slo()
    rules = rules_of(compiled(slo, scrapeInterval="15s", evaluationInterval="15s"))
    short = RuleSet(tuple(group for group in rules.groups if group.part == "short"))
    calm = 20 * 15 + start  # samples of 15 s
    series = {
        'requests_total{code="200"}': f"0+15x{calm} {15 * calm}x40",
        'requests_total{code="500"}': f"0x{calm} 15+15x40",
    }
    labels = '{slo="avail",slo_namespace="shop",slo_service="checkout"}'
    samples = calm // 20 + 2
    increments = " ".join(["300", *["_x19 300"] * samples])
    none = " ".join(["0", *["_x19 0"] * samples])
    series[f"slo:events:increase5m{labels}"] = increments
    series[f"slo:errors:increase5m{labels}"] = none
    # The outage begins right after the scrape number `calm`.
    begins = calm * 15
    (tmp_path / "rules.yaml").write_text(rule_text(short, key_of(slo)))
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {"expr": "count(ALERTS)", "eval_time": f"{begins}s", "exp_samples": []},
            {
                "expr": "count(ALERTS{alertstate='firing', severity='critical'})",
                "eval_time": f"{begins + 120}s",
                "exp_samples": [{"labels": "{}", "value": 1}],
            },
        ],
    }
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": "15s", "tests": [test]}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(document))
    ended = promtool("test", "rules", "test.yaml", cwd=tmp_path, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


# -- dependencies ----------------------------------------------------------------------------------------------------


def depending(name: str, *on: str, namespace: str = "shop", inhibit: bool = True, **spec: Any) -> SLO:
    return make_slo(name, namespace, dependsOn=[{"name": one, "inhibit": inhibit} for one in on], **spec)


def compiled_among(slo: SLO, *others: SLO) -> Compiled:
    found = {key_of(one): one for one in (slo, *others)}
    world = World(Config.from_data({"prometheus": {"output": "configMap"}}), date(2026, 1, 1), found.get)
    return KINDS["SLO"](slo, world)


def inhibitions(outcome: Compiled) -> tuple[InhibitRule, ...]:
    return tuple(rule for intent in outcome.intents if isinstance(intent, Routing) for rule in intent.inhibits)


def burn_alert(slo: str, severity: str, namespace: str = "shop", **more: str) -> dict[str, str]:
    return {
        "alertname": "SLOErrorBudgetBurn",
        "severity": severity,
        "binnacle_kind": "SLO",
        "binnacle_namespace": namespace,
        "binnacle_name": slo,
        **more,
    }


def hushed(rules: tuple[InhibitRule, ...], source: dict[str, str], target: dict[str, str]) -> bool:
    return any(
        matches(rule.source, source)
        and matches(rule.target, target)
        and all(source.get(label, "") == target.get(label, "") for label in rule.equal)
        for rule in rules
    )


def test_a_dependency_hushes_what_is_not_more_severe() -> None:
    rules = inhibitions(compiled_among(depending("web", "db"), make_slo("db")))
    order = ("critical", "warning", "info")
    for source in order:
        for target in ("critical", "warning"):
            wanted = order.index(source) <= order.index(target)
            assert hushed(rules, burn_alert("db", source), burn_alert("web", target)) is wanted
    # Nothing else is hushed, and nothing else hushes.
    page = burn_alert("web", "critical")
    for source in (
        burn_alert("other", "critical"),
        burn_alert("db", "critical", "elsewhere"),
        {**burn_alert("db", "critical"), "alertname": "SLONoData"},
        {**burn_alert("db", "critical"), "binnacle_kind": "AlertPolicy"},
    ):
        assert not hushed(rules, source, page)
    for target in (
        burn_alert("db", "critical"),
        burn_alert("web", "critical", "elsewhere"),
        {**page, "alertname": "SLOErrorBudgetSpent"},
        {"alertname": "Other", "severity": "critical"},
    ):
        assert not hushed(rules, burn_alert("db", "critical"), target)


def test_the_same_group_is_meant_where_both_have_groups() -> None:
    rules = inhibitions(
        compiled_among(depending("web", "db", groupBy=["region", "plan"]), make_slo("db", groupBy=["region", "zone"]))
    )
    eu = burn_alert("db", "critical", region="eu", zone="a")
    assert hushed(rules, eu, burn_alert("web", "critical", region="eu", plan="x"))
    assert not hushed(rules, eu, burn_alert("web", "critical", region="us", plan="x"))


def test_without_inhibit_a_dependency_is_told_only(promtool: Promtool, tmp_path: Path) -> None:
    slo = depending("avail", "db", inhibit=False, alerting={"burnRates": [FAST]})
    outcome = compiled_among(slo, make_slo("db"))
    assert inhibitions(outcome) == ()
    (rules,) = outcome.intents
    assert isinstance(rules, RuleSet)
    alerts = [dict(rule.annotations) for group in rules.groups for rule in group.rules if hasattr(rule, "alert")]
    assert [one["depends_on"].startswith("db: {{ range query") for one in alerts] == [True]
    hour = steps(hours=1)
    budget = {'slo:period_error_budget_remaining:ratio{slo="db",slo_namespace="shop"}': [0.25] * (hour + LEAD_IN)}
    scenario = Scenario("told", traffic([9.0] * hour, [10.0] * hour) | budget, (Expect.firing(hour, "critical"),))
    assert_holds(promtool, tmp_path, [slo_rule_text(slo, **CLOCKS)], [scenario])


def test_a_dependency_that_does_not_exist_is_warned_about() -> None:
    outcome = compiled_among(depending("web", "bd"))
    (finding,) = outcome.findings
    assert (finding.severity, finding.reason, finding.path) == (
        Severity.WARNING,
        Reason.UNKNOWN_REFERENCE,
        "spec.dependsOn[bd]",
    )


def test_a_ring_hushes_nobody() -> None:
    ring = [depending("a", "b"), depending("b", "c", "d"), depending("c", "a"), make_slo("d"), depending("e", "a")]
    outcomes = {one.metadata.name: compiled_among(one, *ring) for one in ring}
    for name in "abc":
        (finding,) = outcomes[name].findings
        assert (finding.severity, finding.reason) == (Severity.ERROR, Reason.CIRCULAR_REFERENCE)
        assert finding.fix
        assert outcomes[name].intents
    page = burn_alert("d", "critical")
    assert hushed(inhibitions(outcomes["b"]), page, burn_alert("b", "critical"))
    for one, other in ("ab", "bc", "ca"):
        assert not hushed(inhibitions(outcomes[one]), burn_alert(other, "critical"), burn_alert(one, "critical"))
    # Who only looks at the ring is hushed by it.
    assert hushed(inhibitions(outcomes["e"]), burn_alert("a", "critical"), burn_alert("e", "critical"))


def test_an_slo_does_not_hush_itself() -> None:
    outcome = compiled_among(depending("a", "a"))
    assert [(one.severity, one.reason) for one in outcome.findings] == [(Severity.ERROR, Reason.CIRCULAR_REFERENCE)]
    assert inhibitions(outcome) == ()


def test_what_it_depends_on_is_read() -> None:
    world = World(Config.from_data({}), date(2026, 1, 1))
    KINDS["SLO"](depending("a", "b"), world)
    assert Key("SLO", "shop", "b") in world.reads


def test_the_parts_of_a_rule_set_stay_in_their_groups() -> None:
    asked = {"minFailures": 5, "noData": {"action": "Alert"}, "budgetSpent": ["90%", "50%"]}
    groups: dict[str, RuleGroup] = {one.part: one for one in rules_of(compiled(make_slo(alerting=asked))).groups}
    told = {part: [getattr(rule, "alert", "") for rule in group.rules] for part, group in groups.items()}
    assert [one for one in told["short"] if one] == ["SLOErrorBudgetBurn", "SLOErrorBudgetBurn", "SLONoData"]
    assert [one for one in told["long"] if one] == ["SLOErrorBudgetSpent", "SLOErrorBudgetSpent"]
    assert not any(told["meta"] + told["increments"])
