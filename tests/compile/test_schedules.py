"""Schedules as PromQL, against Python's zones and against the same schedules as Alertmanager's time intervals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from binnacle.api.schedules import Schedule
from binnacle.check.routing import holds
from binnacle.compile import schedules
from binnacle.compile.alertpolicy.schedules import interval
from binnacle.compile.horizon import Horizon, epoch
from binnacle.compile.zones import offsets
from binnacle.promql import parse, to_text
from compile.rule_tests import Promtool
from compile.scalars import evaluate

pytestmark = pytest.mark.thorough

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour
    "Asia/Kolkata",
    "America/Santiago",  # at midnight, so that some days begin at one
    "Pacific/Auckland",
    "Africa/Casablanca",  # by the moon
    "Pacific/Kiritimati",
)
TODAY = date(2026, 3, 1)
HORIZON = Horizon.of(TODAY)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


@st.composite
def weekly(draw: st.DrawFn) -> Schedule:
    times = []
    for _ in range(draw(st.integers(0, 3))):
        start, end = draw(st.integers(0, 1439)), draw(st.integers(0, 1440))
        if start != end:
            times.append({"startTime": clock(start), "endTime": clock(end)})
    day = st.sampled_from(DAYS)
    ranges = st.builds("{}:{}".format, day, day)
    days = draw(st.lists(day | ranges, max_size=3, unique=True))
    spec: dict[str, Any] = {"name": "a", "timeZone": draw(st.sampled_from(ZONES))}
    if times or not days:
        spec["times"] = times or [{"startTime": "09:00", "endTime": "17:00"}]
    if days:
        spec["weekdays"] = days
    return Schedule.model_validate(spec)


@st.composite
def once(draw: st.DrawFn) -> Schedule:
    start = draw(st.integers(epoch(HORIZON.start), epoch(HORIZON.end)))
    end = start + draw(st.integers(1, 40 * 86400))
    texts = [datetime.fromtimestamp(at, UTC).isoformat() for at in (start, end)]
    return Schedule.model_validate({"name": "a", "start": texts[0], "end": texts[1]})


@st.composite
def instants(draw: st.DrawFn, zone: str) -> int:
    """Anywhere in the horizon; half of them within hours of a change of the clocks, where there are any."""
    first, last = epoch(HORIZON.start), epoch(HORIZON.end) - 1
    changes = [at for at, _ in offsets(zone, first, last)[1:]]
    if changes and draw(st.booleans()):
        return draw(st.sampled_from(changes)) + draw(st.integers(-4 * 3600, 4 * 3600))
    return draw(st.integers(first, last))


@settings(max_examples=300, deadline=None)
@given(st.data(), st.lists(weekly() | once(), min_size=1, max_size=3))
def test_it_is_on_when_alertmanager_takes_it_to_be(data: st.DataObject, chosen: list[Schedule]) -> None:
    expression = schedules.is_on(chosen, HORIZON)
    now = data.draw(instants(chosen[0].time_zone or "UTC"))
    wanted = any(holds(interval(one), datetime.fromtimestamp(now, UTC)) for one in chosen)
    assert evaluate(expression, now) == (1.0 if wanted else None)


@settings(max_examples=100, deadline=None)
@given(st.data(), weekly() | once(), st.integers(1, 30))
def test_it_was_on_when_it_was_at_any_second_of_the_time(data: st.DataObject, chosen: Schedule, minutes: int) -> None:
    lately = minutes * 60
    expression = schedules.was_on([chosen], HORIZON, lately * 1000)
    now = data.draw(instants(chosen.time_zone or "UTC"))
    # Seconds after now - lately up to now; it changes at whole minutes, so the edges and the minutes between are enough.
    seconds = {now - lately + 1, now, *range((now - lately) // 60 * 60 + 60, now + 1, 60)}
    spans = interval(chosen)
    wanted = any(holds(spans, datetime.fromtimestamp(at, UTC)) for at in seconds)
    assert evaluate(expression, now) == (1.0 if wanted else None)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ZONES), st.integers(-3650, 3650))
def test_offsets_are_those_of_the_zone(zone: str, day: int) -> None:
    first = epoch(TODAY + timedelta(days=day))
    found = offsets(zone, first, first + 800 * 86400)
    place = ZoneInfo(zone)
    for (at, offset), after in zip(found, (*found[1:], (first + 800 * 86400 + 1, None)), strict=True):
        for second in (at, (at + after[0]) // 2, after[0] - 1):
            delta = datetime.fromtimestamp(second, UTC).astimezone(place).utcoffset()
            assert delta == timedelta(seconds=offset)


@given(st.dates(date(1999, 1, 1), date(2200, 1, 1)))
def test_a_horizon_reaches_four_hundred_days_and_is_renewed_before(today: date) -> None:
    horizon = Horizon.of(today)
    assert horizon.start <= today < horizon.renew
    assert horizon.end - today >= timedelta(days=400)
    assert horizon.end - horizon.renew >= timedelta(days=400)
    # The same bytes on every day up to the renewal, and the next horizon takes up where it ends.
    assert Horizon.of(horizon.start) == Horizon.of(horizon.renew - timedelta(days=1)) == horizon
    assert Horizon.of(horizon.renew).start == horizon.renew


@pytest.mark.parametrize("today", [date.min, date(1969, 12, 31), date.max])
def test_a_date_out_of_reason_is_no_trouble(today: date) -> None:
    horizon = Horizon.of(today)
    chosen = Schedule.model_validate({**NIGHTS, "timeZone": "Europe/Berlin"})
    assert to_text(schedules.is_on([chosen], horizon, history=366 * 86_400_000))


NIGHTS = {
    "name": "nights",
    "timeZone": "Europe/Berlin",
    "weekdays": ["saturday"],
    "times": [{"startTime": "22:00", "endTime": "02:30"}, {"startTime": "12:00", "endTime": "12:01"}],
}


@pytest.mark.parametrize("start", ["2026-03-27", "2026-10-23", "2026-12-31", "2028-02-28"])
def test_prometheus_agrees(promtool: Promtool, tmp_path: Path, start: str) -> None:
    """Three days of each quarter of an hour around changes of the clocks, a year's end, and a leap day."""
    chosen = Schedule.model_validate({**NIGHTS, "weekdays": ["friday:sunday"]})
    first = epoch(date.fromisoformat(start))
    horizon = Horizon.of(date.fromisoformat(start))
    expression = to_text(schedules.is_on([chosen], horizon))
    assert to_text(parse(expression)) == expression
    spans, zone = interval(chosen), UTC
    cases = []
    for at in range(first, first + 3 * 86400, 900):
        on = holds(spans, datetime.fromtimestamp(at, zone))
        cases.append(
            {"expr": expression, "eval_time": f"{at}s", "exp_samples": [{"labels": "{}", "value": 1}] if on else []}
        )
    document = {"evaluation_interval": "1d", "tests": [{"interval": "1d", "promql_expr_test": cases}]}
    (tmp_path / "test.yaml").write_text(yaml.dump(document, Dumper=yaml.CSafeDumper))
    ended = promtool("test", "rules", "test.yaml", cwd=tmp_path, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert {bool(one["exp_samples"]) for one in cases} == {True, False}


def test_what_is_always_on_says_so_shortly() -> None:
    all_day = Schedule.model_validate(
        {"name": "a", "timeZone": "Europe/Berlin", "times": [{"startTime": "00:00", "endTime": "24:00"}]}
    )
    assert to_text(schedules.is_on([all_day], HORIZON)) == "group(vector(1))"
