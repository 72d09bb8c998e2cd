"""What is told of metrics and sources over time: at once, after a while, or not at all."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binnacle.api.metricset import MetricSetStatus
from binnacle.control.ports import Expectation
from binnacle.intent.readback import MetricSetReadback, Readback, ScrapeSource, WantedMetric
from binnacle.intent.refs import Key
from binnacle.observe import inventory, rounding
from binnacle.observe.backend import Failure
from binnacle.observe.presence import AT_ONCE, HOLD, PERIOD, Found, Presence
from observe.memory_prometheus import MemoryPrometheus

KEY = Key("MetricSet", "shop", "web")
JOB = "shop/web/api"


def declared(name: str, *labels: str, namespace: str = "shop") -> WantedMetric:
    return WantedMetric(name, (name,), labels, related=(name,), namespace=namespace, declared=True)


METRIC_SET = MetricSetReadback(
    (ScrapeSource("api", JOB),), metrics=(declared("a_total", "code"), declared("b_total"), WantedMetric("up", ("up",)))
)


class Watching:
    """One resource, its status, and the time; `look` does what the loop does with what is found."""

    def __init__(self, api: MemoryPrometheus, readback: Readback = METRIC_SET, *, told: bool = True) -> None:
        self.api = api
        self.readback = readback
        self.presence = Presence()
        self.now = 1000.0
        self.facts: dict[str, Any] = {}
        self.present: bool | None = None
        self.message = ""
        self.writes = 0
        self.keeps = told

    async def look(self, after: float = 30.0) -> Found | None:
        self.now += after
        expectation = Expectation(KEY, (), self.readback, self.facts, self.present)
        found = await self.presence.look(self.api, [expectation], self.now)  # type: ignore[arg-type] # a stand-in
        assert isinstance(found, Mapping), found
        one = found.get(KEY)
        if one is not None and one.metrics is not None and self.keeps:
            before = (self.facts, self.present, self.message)
            self.facts, self.present, self.message = dict(one.facts), one.metrics.present, one.metrics.message
            self.writes += before != (self.facts, self.present, self.message)
            MetricSetStatus.model_validate(self.facts)
        return one


def filled() -> MemoryPrometheus:
    api = MemoryPrometheus()
    api.target(JOB, series=3)
    api.put("a_total", job=JOB, namespace="shop", code="200")
    api.put("a_total", job=JOB, namespace="shop", code="500")
    api.put("b_total", job=JOB, namespace="shop")
    return api


async def test_all_is_there() -> None:
    watching = Watching(filled())
    found = await watching.look()
    assert found is not None
    assert found.facts == {"found": 2, "missingTotal": 0, "undeclaredTotal": 0, "series": 3}
    assert not found.awaited
    assert (watching.present, watching.message) == (True, "All metrics that it declares or refers to are there.")


@pytest.mark.parametrize(
    ("where", "there"), [({"namespace": "shop"}, True), ({}, True), ({"namespace": "bank"}, False)]
)
async def test_what_is_declared_is_looked_for_in_its_namespace_and_without_one(
    where: dict[str, str], there: bool
) -> None:
    api = MemoryPrometheus()
    api.put("a", **where)
    watching = Watching(api, MetricSetReadback(metrics=(declared("a"),)))
    await watching.look()
    assert watching.present is there
    # What is referred to may be anywhere.
    watching = Watching(api, Readback(metrics=(WantedMetric("a", ("a",)),)))
    await watching.look()
    assert watching.present is True


async def test_metrics_of_one_namespace_are_not_taken_for_those_of_another() -> None:
    """They are asked for together."""
    api = MemoryPrometheus()
    api.put("a", namespace="shop", code="1")
    api.put("b", namespace="bank")
    wanted = {
        Key("MetricSet", place, "x"): MetricSetReadback(
            metrics=(declared("a", "code", namespace=place), declared("b", "code", namespace=place))
        )
        for place in ("shop", "bank")
    }
    found = await Presence().look(
        api,  # type: ignore[arg-type] # a stand-in
        [Expectation(key, (), readback) for key, readback in wanted.items()],
        0,
    )
    assert isinstance(found, Mapping)
    assert {key.namespace: one.facts["missing"] for key, one in found.items()} == {"shop": ["b"], "bank": ["a"]}
    assert "missingLabels" not in found[Key("MetricSet", "shop", "x")].facts
    assert found[Key("MetricSet", "bank", "x")].facts["missingLabels"] == [{"metric": "b", "label": "code"}]
    assert len(api.queries) == 2


async def test_what_is_missing_at_first_is_awaited_and_then_told() -> None:
    api = MemoryPrometheus()
    watching = Watching(api, told=False)
    found = await watching.look()
    assert found is not None
    assert found.awaited
    assert found.facts["missing"] == ["a_total", "b_total", "up"]
    watching.api = filled()
    found = await watching.look()  # it is looked at again at once, and what is found needs not last
    assert found is not None
    assert not found.awaited
    assert found.facts["missingTotal"] == 0


@pytest.mark.parametrize(("gone", "told"), [(HOLD - 60, False), (HOLD + 60, True)])
async def test_what_is_away_for_a_moment_is_no_news(gone: float, told: bool) -> None:
    watching = Watching(filled())
    await watching.look()
    before = watching.writes
    watching.api = MemoryPrometheus()
    await watching.look(PERIOD)
    for _ in range(int(gone // 30)):
        await watching.look()
    assert (watching.present is False) == told
    watching.api = filled()
    for _ in range(20):
        await watching.look()
    assert watching.present is True
    assert watching.writes - before == (2 if told else 0)
    assert watching.facts["series"] == 3


async def test_metrics_that_come_and_go_are_told_as_they_were() -> None:
    api, rng = filled(), random.Random(1)
    watching = Watching(api)
    await watching.look()
    for _ in range(300):
        api.drop("b_total")
        if rng.random() < 0.6:
            api.put("b_total", job=JOB, namespace="shop")
        api.target(JOB, series=rng.randint(3, 4))
        await watching.look()
    assert watching.writes == 1


async def test_a_restart_tells_nothing_anew() -> None:
    api = filled()
    api.drop("b_total")
    for number in range(60):
        api.put(f"more_{number}", job=JOB)
    api.target("shop/web/other", up=False)
    api.errors = {"shop/web/other": 'Get "http://u:p@x": refused'}
    api.last = {"shop/web/other": 1_763_000_040.7}
    many = tuple(declared(f"none_{number}", "x") for number in range(120))
    readback = MetricSetReadback(
        (ScrapeSource("api", JOB), ScrapeSource("other", "shop/web/other")), metrics=(*METRIC_SET.metrics, *many)
    )
    watching = Watching(api, readback)
    await watching.look()
    assert watching.facts["failing"] == [
        {"name": "other", "error": 'Cannot be scraped: Get "http://x": refused', "lastScrape": "2025-11-13T02:14:00Z"}
    ]
    assert (watching.facts["missingTotal"], len(watching.facts["missing"])) == (121, 50)
    assert (watching.facts["undeclaredTotal"], len(watching.facts["undeclared"])) == (60, 20)
    api.errors = {"shop/web/other": "in other words"}
    api.last = {}
    for _ in range(5):
        watching.presence = Presence()
        for _ in range(6):
            await watching.look(90)
    assert watching.writes == 1


async def test_a_restart_at_the_same_time_as_prometheus_loses_nothing() -> None:
    watching = Watching(filled())
    await watching.look()
    watching.presence = Presence()
    watching.api = MemoryPrometheus()
    await watching.look()
    watching.api = filled()
    for _ in range(10):
        await watching.look()
    assert watching.writes == 1


async def test_prometheus_back_from_an_outage_without_its_data_is_no_news() -> None:
    watching = Watching(filled(), Readback(metrics=(WantedMetric("a_total", ("a_total",)),)))
    await watching.look()
    watching.present = None  # it was away, and status said so
    watching.api = MemoryPrometheus()
    found = await watching.look()
    assert found is not None
    assert found.metrics is not None
    assert found.metrics.present


async def test_prometheus_away_or_with_half_of_its_data_tells_nothing() -> None:
    api = filled()
    for failure, warnings in ((Failure("Prometheus is away."), ()), (None, ("a store is away",))):
        api.failure, api.warnings = failure, warnings
        found = await Presence().look(api, [Expectation(KEY, (), METRIC_SET)], 0)  # type: ignore[arg-type]
        assert isinstance(found, Failure)


async def test_ten_thousand_resources_are_looked_at_in_turn_with_few_queries() -> None:
    api = filled()
    presence = Presence()
    asked = [
        Expectation(
            Key("SLO", "shop", f"s{number}"), (), Readback(metrics=(WantedMetric("a_total", ("a_total",)),)), {}, True
        )
        for number in range(2 * AT_ONCE)
    ]
    seen: set[Key] = set()
    for turn in range(3):
        found = await presence.look(api, asked, turn * 30.0)  # type: ignore[arg-type] # a stand-in
        assert isinstance(found, Mapping)
        assert len(found) <= AT_ONCE
        seen |= found.keys()
    assert len(seen) == len(asked)
    assert len(api.queries) == 2  # one a turn, and the third turn has nobody
    found = await presence.look(api, asked, PERIOD + 1)  # type: ignore[arg-type] # a stand-in
    assert isinstance(found, Mapping)
    assert len(found) == AT_ONCE


async def test_queries_stay_short_whatever_is_asked() -> None:
    api = MemoryPrometheus()
    metrics = tuple(
        declared(
            f"m{number}" + "x" * 200, *(f"label_{number}_{place}" for place in range(32)), namespace=f"n{number % 7}"
        )
        for number in range(50)
    )
    found = await inventory.take_inventory(api, [MetricSetReadback(metrics=metrics)])  # type: ignore[arg-type]
    assert isinstance(found, inventory.Inventory)
    assert max(map(len, api.queries)) < 20_000
    assert len(api.queries) < 250


@given(st.lists(st.text("ab.-|+", min_size=1, max_size=9), min_size=1, max_size=30), st.integers(1, 20))
def test_alternatives_fit_their_texts_and_packs_lose_none(texts: list[str], length: int) -> None:

    packs = list(inventory.packed(texts, length))
    assert [text for pack in packs for text in pack] == texts
    for pack in packs:
        pattern = re.compile(inventory.alternatives(pack))
        assert all(pattern.fullmatch(text) for text in pack)
        assert not pattern.fullmatch("".join(pack) + "c")


@given(st.integers(0, 10_000_000), st.integers(0, 10_000_000))
def test_numbers_of_series_are_near_the_truth_and_steady(number: int, before: int) -> None:
    shown = rounding.series(before)
    again = rounding.series(number, shown)
    assert abs(again - number) <= 0.25 * max(number, again) + 1
    assert (again == 0) == (number == 0)
    assert rounding.series(number, again) == again
    if shown > 0 and abs(number - shown) <= 0.1 * shown and number > 0:
        assert again == shown
    assert rounding.series(number, "12") == rounding.series(number)
