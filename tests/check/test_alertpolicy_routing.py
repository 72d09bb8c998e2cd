"""Who is told: our own routing against Alertmanager's, fences between namespaces, mutes, tests of users, predictions."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from binnacle.api.schedules import Schedule
from binnacle.check import routing as router
from binnacle.check.alertpolicy import check_alertpolicy, run_tests
from binnacle.compile.alertpolicy.schedules import interval
from binnacle.compile.world import World
from compile.policies import TODAY, alertmanager_file, compiled, config, make_policy, policy_body, routing_of
from servers.alertmanager import AlertmanagerLine

HOOK = {"webhook": {"url": "http://127.0.0.1:1/x"}}
RECEIVERS = [{"name": name, **HOOK} for name in ("one", "two", "three")]
OURS = {"binnacle_namespace": "shop", "binnacle_route": "payments"}
PLAIN = {"times": [{"startTime": "22:00", "endTime": "06:00"}], "timeZone": "Europe/Berlin"}

YEAR = datetime.fromisoformat("2026-01-15"), datetime.fromisoformat("2027-07-15")
"""Winter and summer, as wall clocks."""

VALUES = st.sampled_from(["critical", "warning", "info", "a", "b", "", 'q"uo\\te', "a,b", "é", "a b"])
LABELS = st.sampled_from(["severity", "service", "alertname"])
MATCHERS = st.one_of(
    st.builds(lambda name, op, value: f'{name}{op}"{_escaped(value)}"', LABELS, st.sampled_from(["=", "!="]), VALUES),
    st.builds(
        lambda name, op, value: f'{name}{op}"{value}"',
        LABELS,
        st.sampled_from(["=~", "!~"]),
        st.sampled_from(["critical|warning", "a.*", ".+", "", "(?i)A", "[ab]|info", "a.b"]),
    ),
)
LISTS = st.lists(MATCHERS, max_size=2, unique=True)
NAMES = st.lists(st.sampled_from(["one", "two", "three", "blackhole"]), min_size=1, max_size=2, unique=True)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    routes = [
        {
            "name": f"r{number}",
            "matchers": draw(LISTS),
            "receivers": draw(NAMES),
            "appliesTo": draw(st.sampled_from(["Policy", "Namespace"])),
        }
        for number in range(draw(st.integers(0, 3)))
    ]
    mutes = [
        {"name": f"m{number}", "matchers": draw(LISTS), "during": ["nights"]}
        for number in range(draw(st.integers(0, 2)))
    ]
    return {
        "receivers": RECEIVERS,
        "defaultReceivers": draw(st.lists(st.sampled_from(["one", "two"]), max_size=2, unique=True)),
        "routes": routes,
        "mute": mutes,
        "schedules": [{"name": "nights", **PLAIN}],
    }


ALERTS = st.fixed_dictionaries(
    {"binnacle_namespace": st.sampled_from(["shop", "other"])},
    optional={
        "binnacle_route": st.sampled_from(["payments", "else"]),
        "severity": VALUES,
        "service": VALUES,
        "alertname": VALUES,
    },
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(specs(), st.lists(ALERTS, min_size=1, max_size=4), st.booleans())
def test_routes_lead_where_alertmanager_says(
    alertmanager_line: AlertmanagerLine, spec: dict[str, Any], alerts: list[dict[str, str]], platform: bool
) -> None:
    chosen = config(alertmanager={"version": alertmanager_line.name}, platformNamespaces=["shop"] if platform else [])
    routing = routing_of(compiled(make_policy(**spec), chosen))
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "alertmanager.yaml"
        file.write_text(alertmanager_file([policy_body(**spec)], chosen))
        for labels in alerts:
            told = [one for one in alertmanager_line.routed(file, labels) if one != "blackhole"]
            expanded = [
                member
                for one in told
                for item in [one.removeprefix("shop/payments/")]
                for member in (spec["defaultReceivers"] if item == "defaultReceivers" else [item])
            ]
            assert [one.receiver for one in router.deliveries(routing, labels)] == expanded, labels


def told(spec: Mapping[str, Any], labels: dict[str, str], at: str = "") -> list[str]:
    routing = routing_of(compiled(make_policy(**spec)))
    when = datetime.fromisoformat(at) if at else None
    return [one.receiver for one in router.deliveries(routing, labels, when) if not one.muted]


@settings(max_examples=100, deadline=None)
@given(specs(), ALERTS, st.datetimes(YEAR[0], YEAR[1], timezones=st.just(UTC)))
def test_a_muted_alert_is_told_nobody_and_others_are_told_as_without_mutes(
    spec: dict[str, Any], labels: dict[str, str], at: datetime
) -> None:
    without = {**spec, "mute": []}
    hour = at.astimezone(ZoneInfo("Europe/Berlin")).hour
    night = hour >= 22 or hour < 6
    policy = make_policy(**spec)
    muted = night and any(router.matches(one.matchers, labels) for one in policy.spec.mute)
    expected = (
        []
        if muted
        else [one.receiver for one in router.deliveries(routing_of(compiled(make_policy(**without))), labels)]
    )
    assert told(spec, labels, at.isoformat()) == expected


@given(specs(), ALERTS)
def test_no_policy_takes_an_alert_of_another_namespace(spec: dict[str, Any], labels: dict[str, str]) -> None:
    assert told(spec, {**labels, "binnacle_namespace": "other"}) == []
    foreign = {name: value for name, value in labels.items() if name != "binnacle_namespace"}
    assert told(spec, foreign) == []


INHIBITS = st.lists(
    st.fixed_dictionaries(
        {side: st.lists(MATCHERS, min_size=1, max_size=2, unique=True) for side in ("source", "target")},
        optional={"equal": st.lists(LABELS, max_size=2, unique=True)},
    ),
    min_size=1,
    max_size=2,
).map(lambda found: [{"name": f"i{number}", **one} for number, one in enumerate(found)])
ANYBODYS = ALERTS | ALERTS.map(
    lambda labels: {name: one for name, one in labels.items() if name != "binnacle_namespace"}
)


@settings(max_examples=200, deadline=None)
@given(INHIBITS, ANYBODYS, ANYBODYS)
def test_no_policy_hushes_an_alert_of_others_nor_lets_one_hush_its_own(
    inhibit: list[dict[str, Any]], one: dict[str, str], other: dict[str, str]
) -> None:
    """Within the namespace they hush what was written, and beyond it nothing in either direction."""
    policy = make_policy(inhibit=inhibit)
    ours = one.get("binnacle_namespace") == other.get("binnacle_namespace") == "shop"
    for rule, spelled in zip(routing_of(compiled(policy)).inhibits, policy.spec.inhibit, strict=True):
        written = router.matches(spelled.source, one) and router.matches(spelled.target, other)
        assert (router.matches(rule.source, one) and router.matches(rule.target, other)) == (ours and written)
        assert set(rule.equal) == set(spelled.equal)


def test_the_administrators_inhibitions_are_about_every_alert() -> None:
    spec = {"inhibit": [{"name": "i", "source": ['severity="critical"'], "target": ['severity="warning"']}]}
    (rule,) = routing_of(compiled(make_policy(**spec), config(platformNamespaces=["shop"]))).inhibits
    for namespace in ("shop", "other"):
        assert router.matches(rule.source, {"severity": "critical", "binnacle_namespace": namespace})
        assert router.matches(rule.target, {"severity": "warning", "binnacle_namespace": namespace})


def test_what_no_route_takes_goes_to_the_default_receivers() -> None:
    spec = {
        "receivers": RECEIVERS,
        "routes": [{"name": "page", "matchers": ['severity="critical"'], "receivers": ["one", "two"]}],
        "defaultReceivers": ["three"],
    }
    assert told(spec, {**OURS, "severity": "critical"}) == ["one", "two"]
    assert told(spec, {**OURS, "severity": "info"}) == ["three"]
    assert told(spec, {"binnacle_namespace": "shop", "severity": "critical"}) == []
    assert told({**spec, "defaultReceivers": []}, {**OURS, "severity": "info"}) == []
    assert told({**spec, "defaultReceivers": ["one", "three"]}, OURS) == ["one", "three"]


WEEKLY = st.fixed_dictionaries(
    {
        "name": st.just("s"),
        "timeZone": st.sampled_from(
            ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC", "Australia/Lord_Howe"]
        ),
        "times": st.lists(
            st.tuples(st.integers(0, 1439), st.integers(1, 1440))
            .filter(lambda pair: pair[0] != pair[1])
            .map(lambda pair: {"startTime": _clock(pair[0]), "endTime": _clock(pair[1])}),
            min_size=1,
            max_size=2,
        ),
    },
    optional={
        "weekdays": st.lists(
            st.sampled_from(["monday", "friday:monday", "sunday", "tuesday:thursday"]), min_size=1, max_size=2
        )
    },
)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


@given(WEEKLY, st.datetimes(YEAR[0], YEAR[1], timezones=st.just(UTC)))
def test_a_weekly_schedule_holds_when_the_clock_on_its_wall_says_so(given_: dict[str, Any], at: datetime) -> None:
    schedule = Schedule.model_validate(given_)
    local = at.astimezone(ZoneInfo(given_["timeZone"]))
    minute = local.hour * 60 + local.minute
    days = {day for one in schedule.weekdays or () for day in one.days} or set(range(7))
    yesterday = (local.weekday() - 1) % 7
    expected = False
    for times in schedule.times or ():
        start, end = times.start_time.minutes, times.end_time.minutes
        if start < end:
            expected |= local.weekday() in days and start <= minute < end
        else:
            expected |= (local.weekday() in days and minute >= start) or (yesterday in days and minute < end)
    assert router.holds(interval(schedule), at) == expected


@given(
    st.datetimes(YEAR[0], YEAR[1], timezones=st.just(UTC)),
    st.integers(1, 60 * 24 * 90),
    st.integers(-60, 60 * 24 * 91),
)
def test_a_schedule_that_comes_once_holds_from_start_to_end(start: datetime, length: int, after: int) -> None:
    start = start.replace(second=0, microsecond=0)
    end, at = start + timedelta(minutes=length), start + timedelta(minutes=after)
    schedule = Schedule.model_validate({"name": "s", "start": _moment(start), "end": _moment(end)})
    assert router.holds(interval(schedule), at) == (start <= at < end)


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


TESTED = {
    "receivers": RECEIVERS,
    "rules": [
        {"name": "Up", "expression": {"promql": "up == 0"}, "severity": "warning"},
        {
            "name": "Gone",
            "expression": {"promql": "absent(up)"},
            "severity": "critical",
            "runbook": {"url": "https://x.example"},
        },
    ],
    "routes": [{"name": "page", "matchers": ['severity="critical"'], "receivers": ["one"]}],
    "schedules": [{"name": "nights", **PLAIN}],
    "mute": [{"name": "all", "during": ["nights"]}],
}


def checked(**spec: Any) -> Any:
    policy = make_policy(**spec)
    return check_alertpolicy(policy, compiled(policy), World(config(), TODAY))


def test_routing_tests_run_with_every_compilation() -> None:
    good = {"name": "day", "labels": {"severity": "critical"}, "at": "2026-01-05T12:00:00Z", "receivers": ["one"]}
    night = {"name": "night", "labels": {"severity": "critical"}, "at": "2026-01-05T23:30:00Z", "receivers": []}
    wrong = {"name": "wrong", "labels": {"severity": "critical"}, "receivers": ["two"]}
    outcome = checked(**TESTED, routingTests=[good, night, wrong], defaultReceivers=["three"])
    assert outcome.facts == {"tests": {"passed": 2, "total": 3, "unproved": 0}, "testsSummary": "2/3"}
    (failed,) = outcome.findings
    assert (failed.reason, failed.path) == ("TestFailed", "spec.routingTests[wrong]")
    assert failed.message == "two was expected to be told, and one is."


def test_an_alert_that_goes_nowhere_or_twice_is_foretold() -> None:
    (finding,) = checked(**TESTED).findings
    assert (finding.reason, finding.path) == ("UnroutedAlert", "spec.defaultReceivers")
    assert "Up (warning)" in finding.message
    twice = {**TESTED, "routes": [*TESTED["routes"], {"name": "again", "receivers": ["one"]}]}
    (finding,) = checked(**twice).findings
    assert (finding.reason, finding.path) == ("DuplicateNotification", "spec.routes")
    assert "Gone (critical) goes to one" in finding.message
    unknown = {**twice, "routes": [*TESTED["routes"], {"name": "again", "matchers": ['pod="a"'], "receivers": ["one"]}]}
    assert checked(**unknown).findings == ()


RULE_TESTS = [
    {
        "name": "down",
        "series": [{"selector": 'up{job="a"}', "values": "0x10"}],
        "after": "5m",
        "fires": [{"rule": "Up", "severity": "warning", "labels": {"job": "a"}}],
        "silent": ["Gone"],
    },
    {"name": "wrong", "series": [{"selector": "up", "values": "1x10"}], "after": "5m", "fires": [{"rule": "Up"}]},
    {"name": "loud", "after": "5m", "silent": ["Gone"]},
]


def test_tests_of_rules_run_in_the_real_promtool(prometheus_line: Any) -> None:
    policy = make_policy(**TESTED, tests=RULE_TESTS, defaultReceivers=["three"])
    world = World(config(), TODAY)
    results = run_tests(policy, compiled(policy), world, str(prometheus_line.promtool_program))
    assert [(one.name, one.passed, one.path) for one in results] == [
        ("down", True, "spec.tests[down]"),
        ("wrong", False, "spec.tests[wrong]"),
        ("loud", False, "spec.tests[loud]"),
    ]
    assert "Up" in results[1].message
    assert "Gone" in results[2].message


def test_without_promtool_tests_of_rules_are_unproved() -> None:
    policy = make_policy(**TESTED, tests=RULE_TESTS)
    world = World(config(), TODAY)
    results = run_tests(policy, compiled(policy), world, None)
    assert {one.unproved for one in results} == {"promtool is not on the PATH"}
    assert check_alertpolicy(policy, compiled(policy), world).facts["tests"] == {"passed": 0, "total": 3, "unproved": 3}


def test_a_broken_promtool_is_said() -> None:
    policy = make_policy(**TESTED, tests=RULE_TESTS[:1])

    def fails(_command: Any, _folder: Path) -> Any:
        raise OSError("no")

    (result,) = run_tests(policy, compiled(policy), World(config(), TODAY), "promtool", fails)
    assert result.message == "promtool did not run: no"


def test_matchers_of_the_engine_itself(alertmanager_line: AlertmanagerLine, tmp_path: Path) -> None:
    """The patterns of the property above are read by both engines as one: here it is written out for some."""
    spec = {"receivers": RECEIVERS, "routes": [{"name": "a", "matchers": ['service=~"a|b"'], "receivers": ["one"]}]}
    file = tmp_path / "alertmanager.yaml"
    file.write_text(alertmanager_file([policy_body(**spec)]))
    assert yaml.safe_load(file.read_text())["route"]["routes"]
    for service, expected in (("a", ["shop/payments/one"]), ("ab", ["blackhole"]), ("", ["blackhole"])):
        assert alertmanager_line.routed(file, {**OURS, "service": service}) == expected


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_daylight_saving_is_the_zones_own(zone: str) -> None:
    schedule = Schedule.model_validate(
        {"name": "s", "timeZone": zone, "times": [{"startTime": "09:00", "endTime": "17:00"}]}
    )
    for day in YEAR:
        nine = day.replace(hour=9, tzinfo=ZoneInfo(zone))
        assert router.holds(interval(schedule), nine)
        assert not router.holds(interval(schedule), nine - timedelta(minutes=1))
