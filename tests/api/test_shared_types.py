"""Schedules, matchers, secret references, rates: types that several kinds share."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from binnacle.api.matchers import Matcher, MatchOp
from binnacle.api.schedules import Schedule, TimeOfDay, Weekdays
from binnacle.api.secrets import SecretValue
from binnacle.api.values import Rate
from binnacle.errors import SpecError

names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,20}", fullmatch=True)


@given(st.builds(Matcher, names, st.sampled_from(MatchOp), st.text(max_size=40)))
def test_a_matcher_prints_what_reads_back(matcher: Matcher) -> None:
    if "\r" not in str(matcher) and len(str(matcher)) <= 1024:
        assert Matcher.parse(str(matcher)) == matcher


@pytest.mark.parametrize(
    ("text", "name", "op", "value"),
    [
        ('severity="critical"', "severity", "=", "critical"),
        (' region =~ "eu-.+" ', "region", "=~", "eu-.+"),
        ("team!=payments", "team", "!=", "payments"),
        (r'a!~"x\"y\\z\n"', "a", "!~", 'x"y\\z\n'),
        ('a=""', "a", "=", ""),
        ("a=", "a", "=", ""),
    ],
)
def test_a_matcher_is_read_as_alertmanager_reads_it(text: str, name: str, op: str, value: str) -> None:
    assert Matcher.parse(text) == Matcher(name, MatchOp(op), value)


@pytest.mark.parametrize("text", ["", "a", "=x", 'a="x', 'a="x"y"', "a=x,b=y", "1a=x", "a==x", 'a="\\q"', "a=b\n", 5])
def test_what_is_no_matcher_is_refused(text: object) -> None:
    with pytest.raises(SpecError):
        Matcher.parse(text)


WEEKLY: dict[str, Any] = {
    "name": "w",
    "timeZone": "Europe/Berlin",
    "weekdays": ["monday:friday"],
    "times": [{"startTime": "22:00", "endTime": "02:00"}],
}
ONCE: dict[str, Any] = {"name": "o", "start": "2026-12-24T22:00:00Z", "end": "2026-12-25T04:00:00+01:00"}


def test_a_weekly_schedule() -> None:
    schedule = Schedule.model_validate(WEEKLY)
    assert schedule.weekdays == (Weekdays(0, 4),)
    assert schedule.times is not None
    assert schedule.times[0].start_time == TimeOfDay(22 * 60)


def test_a_schedule_that_comes_once() -> None:
    schedule = Schedule.model_validate(ONCE)
    assert schedule.start is not None
    assert schedule.end is not None
    assert (schedule.end.at - schedule.start.at).total_seconds() == 5 * 3600
    assert str(schedule.start) == "2026-12-24T22:00:00Z"


@given(st.integers(0, 6), st.integers(0, 6))
def test_a_range_of_days_has_both_ends_and_may_pass_sunday(first: int, last: int) -> None:
    days = Weekdays(first, last)
    assert Weekdays.parse(str(days)) == days
    assert (days.days[0], days.days[-1]) == (first, last)
    assert len(set(days.days)) == len(days.days) == (last - first) % 7 + 1


@pytest.mark.parametrize(
    "change",
    [
        {"timeZone": "Europe/Bonn"},
        {"timeZone": "../../etc/passwd"},
        {"weekdays": ["Monday"]},
        {"weekdays": ["monday:"]},
        {"weekdays": []},
        {"times": [{"startTime": "24:00", "endTime": "02:00"}]},
        {"times": [{"startTime": "02:00", "endTime": "02:00"}]},
        {"times": [{"startTime": "2:00", "endTime": "03:00"}]},
        {"times": [{"startTime": 1320, "endTime": "03:00"}]},
        {"timeZone": None},
        {"weekdays": None, "times": None},
        {"start": "2026-12-24T22:00:00Z"},
        {"start": "2026-12-24T22:00:00Z", "end": "2026-12-25T22:00:00Z"},
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Schedule.model_validate({name: value for name, value in (WEEKLY | change).items() if value is not None})


@pytest.mark.parametrize(
    "end", ["2026-12-24T22:00:00Z", "2026-12-24T21:00:00Z", "2026-12-25T04:00:00", "2026-13-01T00:00:00Z", "2026-12-25"]
)
def test_a_schedule_ends_at_a_real_moment_after_its_start(end: str) -> None:
    with pytest.raises(ValidationError):
        Schedule.model_validate(ONCE | {"end": end})


@pytest.mark.parametrize(
    ("model", "value"),
    [
        (SecretValue, {"secretRef": {"name": "slack", "key": "../url"}}),
        (SecretValue, {"secretRef": {"name": "slack", "key": ".."}}),
        (SecretValue, {"secretRef": {"name": "../other", "key": "url"}}),
        (SecretValue, {"secretRef": {"name": "slack", "key": "url", "namespace": "other"}}),
        (Rate, {"limit": 0, "per": "1s"}),
        (Rate, {"limit": "10", "per": "1s"}),
        (Rate, {"limit": 10, "per": "0s"}),
    ],
)
def test_a_reference_or_rate_out_of_bounds_is_refused(model: type[BaseModel], value: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(value)


def test_a_secret_is_named() -> None:
    value = SecretValue.model_validate({"secretRef": {"name": "slack", "key": "url"}})
    assert (value.secret_ref.name, value.secret_ref.key) == ("slack", "url")
