"""Since when there is history: what is asked, what is shown, and that it stands still."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import yaml

from binnacle.control.ports import Expectation
from binnacle.intent import series
from binnacle.intent.readback import SLOReadback
from binnacle.intent.refs import Key
from binnacle.observe.backend import Failure
from binnacle.observe.figures import read_figures
from binnacle.observe.prometheus import Answered, Prometheus, Sample
from binnacle.observe.since import Identity, beginning, read_since
from binnacle.promql import Node, to_text
from binnacle.promql.nodes import Selector
from compile.rule_tests import Promtool

DAY = 86_400_000
WEB, DB = ("shop", "web"), ("shop", "db")
NOW = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)


@dataclass
class Memory:
    """A Prometheus that knows since when each SLO has been recorded."""

    begun: dict[Identity, datetime]
    now: datetime = NOW
    failing: bool = False
    queries: list[str] = field(default_factory=list)

    async def query(self, expression: Node, take: Callable[[Sample], None]) -> Answered | Failure:
        self.queries.append(to_text(expression))
        if self.failing:
            return Failure("away")
        for (namespace, name), begun in self.begun.items():
            labels = {series.SLO_NAMESPACE: namespace, series.SLO: name, "team": "a"}
            if not isinstance(expression, Selector):
                take(Sample(labels, begun.timestamp()))
                # An edit of its labels made a second series.
                take(Sample({**labels, "team": "b"}, begun.timestamp() + 60))
            elif self.now - begun >= timedelta(milliseconds=int(str(expression.offset))):
                take(Sample(labels, 30))
        return Answered()


async def since(memory: Memory, windows: Mapping[Identity, int], **shown: str) -> Any:
    known = {("shop", name): text for name, text in shown.items()}
    return await read_since(cast("Prometheus", memory), windows, known, ())


async def test_only_a_history_shorter_than_the_window_is_told() -> None:
    memory = Memory({WEB: NOW - timedelta(days=3), DB: NOW - timedelta(days=40)})
    assert await since(memory, {WEB: 30 * DAY, DB: 30 * DAY}) == {WEB: "2026-11-25T10:00Z"}
    assert await since(memory, {WEB: 2 * DAY, DB: 90 * DAY}) == {DB: "2026-10-19T10:00Z"}


async def test_a_beginning_that_is_shown_stands_still_and_ends_with_the_window() -> None:
    memory = Memory({WEB: NOW - timedelta(days=3)})
    assert await since(memory, {WEB: 30 * DAY}, web="2026-11-25T09:58Z") == {WEB: "2026-11-25T09:58Z"}
    assert len(memory.queries) == 1
    memory.now += timedelta(days=27)
    assert await since(memory, {WEB: 30 * DAY}, web="2026-11-25T09:58Z") == {}


async def test_nothing_is_told_of_what_is_not_recorded_yet_or_cannot_be_asked() -> None:
    assert await since(Memory({}), {WEB: 30 * DAY}) == {}
    assert await since(Memory({}, failing=True), {WEB: 30 * DAY}) == Failure("away")


@dataclass
class Month(Memory):
    """One that also has the figures of SLOs whose period of the calendar began at a time."""

    reset: datetime = NOW

    async def query(self, expression: Node, take: Callable[[Sample], None]) -> Answered | Failure:
        text = to_text(expression)
        for namespace, name in self.begun:
            labels = {series.SLO_NAMESPACE: namespace, series.SLO: name}
            if text.startswith(series.PERIOD_ERROR):
                take(Sample(labels, 0.0))
            elif series.PERIOD_CURRENT in text:
                # The period before it is seen for some minutes more.
                for begun in (self.reset, self.reset - timedelta(days=30)):
                    take(Sample({**labels, series.BINNACLE_PERIOD: f"{begun.timestamp():.0f}"}, self.now.timestamp()))
        about_time = series.TIME_PERIOD in text
        return await super().query(expression, take) if about_time else Answered()


async def test_a_period_of_the_calendar_that_is_older_than_its_history_says_so_until_it_ends() -> None:
    memory = Month({WEB: NOW - timedelta(days=3), DB: NOW - timedelta(days=40)}, reset=NOW - timedelta(days=27))

    async def told(**shown: str) -> list[Any]:
        readback = SLOReadback(Decimal("0.999"))
        asked = [
            Expectation(Key("SLO", *one), ("mark",), readback, {"since": shown[one[1]]} if one[1] in shown else {})
            for one in (WEB, DB)
        ]
        figures = await read_figures(cast("Prometheus", memory), asked)
        return [figures.of(one).get("since") for one in asked]

    assert await told() == ["2026-11-25T10:00Z", None]
    memory.now = NOW + timedelta(days=2)
    assert await told(web="2026-11-25T09:58Z") == ["2026-11-25T09:58Z", None]
    memory.now, memory.reset = NOW + timedelta(days=3, minutes=1), NOW + timedelta(days=3)
    assert await told(web="2026-11-25T09:58Z") == [None, None]


def test_prometheus_says_when_the_history_began(promtool: Promtool, tmp_path: Path) -> None:
    """A new one, one that began hours ago, one with a hole where the window begins, and one that is older than it."""
    ages = {"new": 20, "hours": 300, "hole": 24 * 60 - 90, "old": 3 * 24 * 60}
    end = 4 * 24 * 60
    names = {
        f'slo:time_period:days{{slo="{name}"}}': f"_x{(end - age) // 5} 30x{age // 5 + 5}" for name, age in ages.items()
    }
    # The last sample before an hour is looked at; for a new one the last of all.
    begun = {"new": end, "hours": end - 300}
    case = {
        "expr": to_text(beginning(DAY, ())),
        "eval_time": f"{end}m",
        "exp_samples": [{"labels": f'{{slo="{name}"}}', "value": at * 60} for name, at in begun.items()],
    }
    test = {
        "interval": "5m",
        "input_series": [{"series": name, "values": values} for name, values in names.items()],
        "promql_expr_test": [case],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({"evaluation_interval": "1h", "tests": [test]}))
    ended = promtool("test", "rules", "test.yaml", cwd=tmp_path, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
