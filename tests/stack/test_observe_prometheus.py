"""The Observer against a real Prometheus of each line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from binnacle.api.config import Config
from binnacle.control.ports import Expectation, Liveness, Observed
from binnacle.intent import series
from binnacle.intent.readback import SLOReadback
from binnacle.intent.refs import Key
from binnacle.intent.rules import Recording, RuleGroup, RuleSet, pairs
from binnacle.observe.backend import open_session
from binnacle.observe.observer import PrometheusObserver
from binnacle.promql import parse
from binnacle.targets import rulefile
from servers.errors import ServerFailedError
from servers.prometheus import Prometheus
from servers.waiting import PATIENCE

StartPrometheus = Callable[..., Prometheus]

KEY = Key("SLO", "shop", "checkout")
LABELS = {series.SLO: KEY.name, series.SLO_NAMESPACE: KEY.namespace, series.SLO_SERVICE: "checkout"}
READBACK = SLOReadback(Decimal("0.999"))
TWO = 'label_replace(vector(1), "a", "1", "", "") or label_replace(vector(1), "a", "2", "", "")'


class Clock:
    """The loop's clock, of which the Observer reads the seconds."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def today(self) -> date:
        return self.now().date()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as opened:
        yield opened


def rules(
    figures: Mapping[str, str], *, interval_ms: int = 1000, objective: str = "0.999", key: Key = KEY
) -> list[dict[str, Any]]:
    """Return groups as the target writes them, with a recording rule for each of `figures`: series -> expression."""
    labels = pairs(LABELS | {series.SLO: key.name})
    recordings = tuple(Recording(name, parse(expression), labels) for name, expression in figures.items())
    meta = (Recording(series.OBJECTIVE, parse(f"vector({objective})"), labels),)
    groups = (RuleGroup("long", recordings, interval_ms), RuleGroup("meta", meta, interval_ms, stamped=True))
    return [dict(group) for group in rulefile.groups_of([RuleSet(groups)], key)]


def figures(error: float, burn: float) -> dict[str, str]:
    return {
        series.PERIOD_ERROR: f"vector({error})",
        series.PERIOD_BUDGET_REMAINING: f"vector(1 - {error} / (1 - 0.999))",
        series.CURRENT_BURN_RATE: f"vector({burn})",
    }


def expect(groups: list[dict[str, Any]], readback: SLOReadback | None = READBACK) -> Expectation:
    return Expectation(KEY, rulefile.names(groups), readback)


def observer_of(prometheus: Prometheus, session: aiohttp.ClientSession) -> PrometheusObserver:
    return PrometheusObserver(Config.model_validate({"prometheus": {"url": prometheus.url}}), session, Clock())


async def until(observer: PrometheusObserver, expectation: Expectation, holds: Callable[[Observed], bool]) -> Observed:
    """Look again and again until what is found `holds`, for as long as patience lasts."""
    found = None
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                found = (await observer.observe([expectation]))[expectation.key]
                if holds(found):
                    return found
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"not in time; last: {found}") from None


async def test_loaded_rules_and_the_figures_of_their_series(
    start_prometheus: StartPrometheus, session: aiohttp.ClientSession
) -> None:
    prometheus = start_prometheus()
    observer = observer_of(prometheus, session)
    first, second = rules(figures(0.00047, 2.9)), rules(figures(0.00123, 14.4))

    found = (await observer.observe([expect(first)]))[KEY]
    assert found.liveness is Liveness.MISSING
    assert "has not loaded the rules" in found.message

    prometheus.write_rules("slo", {"groups": first})
    prometheus.reload()
    found = await until(observer, expect(first), lambda one: one.settled and len(one.facts) == 3)
    assert found == Observed(Liveness.LOADED, "", {"sli": "99.953%", "budgetRemaining": "53%", "burnRate": "3"})
    assert prometheus.value(series.PERIOD_ERROR) == 0.00047
    assert round(100 * prometheus.value(series.PERIOD_BUDGET_REMAINING)) == 53

    # An edit that Prometheus has not seen yet.
    found = (await observer.observe([expect(second)]))[KEY]
    assert found.liveness is Liveness.MISSING
    assert "another version" in found.message
    assert rulefile.names(second)[1] in found.message

    prometheus.write_rules("slo", {"groups": second})
    prometheus.reload()
    found = await until(
        observer, expect(second), lambda one: one.liveness is Liveness.LOADED and one.facts.get("sli") == "99.877%"
    )
    assert found.facts["budgetRemaining"] == "-23%"
    assert (await observer.observe([expect(first)]))[KEY].liveness is Liveness.MISSING


async def test_a_rule_that_fails_is_named_with_the_error_of_prometheus(
    start_prometheus: StartPrometheus, session: aiohttp.ClientSession
) -> None:
    prometheus = start_prometheus()
    bad = rules({**figures(0.0, 0.0), "slo:sli_error:ratio_rate3d": f"({TWO}) * on () ({TWO})"})
    prometheus.write_rules("slo", {"groups": bad})
    prometheus.reload()
    found = await until(observer_of(prometheus, session), expect(bad), lambda one: one.liveness is Liveness.UNHEALTHY)
    assert found.message.startswith("Rule slo:sli_error:ratio_rate3d fails in Prometheus: ")
    assert "many-to-many matching not allowed" in found.message
    assert '"' not in found.message  # no label sets, which differ from one evaluation to the next


async def test_rules_without_an_evaluation_yet_are_not_settled(
    start_prometheus: StartPrometheus, session: aiohttp.ClientSession
) -> None:
    prometheus = start_prometheus()
    slow = rules(figures(0.0, 0.0), interval_ms=24 * 3_600_000)
    prometheus.write_rules("slo", {"groups": slow})
    prometheus.reload()
    found = await until(observer_of(prometheus, session), expect(slow), lambda one: one.liveness is Liveness.LOADED)
    assert found == Observed(Liveness.LOADED, settled=False)


async def test_a_configuration_that_could_not_be_loaded_is_told(
    start_prometheus: StartPrometheus, session: aiohttp.ClientSession
) -> None:
    prometheus = start_prometheus()
    observer = observer_of(prometheus, session)
    good = rules(figures(0.0, 0.0))
    prometheus.write_rules("slo", {"groups": good})
    prometheus.write_rules("other", "groups: [{name: x, rules: [{record: 'not a name!', expr: '('}]}]")
    with pytest.raises(ServerFailedError):
        prometheus.reload()
    found = (await observer.observe([expect(good)]))[KEY]
    assert found.liveness is Liveness.MISSING
    assert "last attempt to load its configuration failed" in found.message


async def test_away_and_back(start_prometheus: StartPrometheus, session: aiohttp.ClientSession) -> None:
    prometheus = start_prometheus()
    observer = observer_of(prometheus, session)
    groups = rules(figures(0.0, 0.0))
    prometheus.write_rules("slo", {"groups": groups})
    prometheus.reload()
    await until(observer, expect(groups), lambda one: one.liveness is Liveness.LOADED)
    prometheus.stop()
    found = (await observer.observe([expect(groups)]))[KEY]
    assert found.liveness is Liveness.UNREACHABLE
    assert found.message == f"Prometheus at {prometheus.url} cannot be reached: the connection is refused."
    prometheus.start()
    found = await until(observer, expect(groups), lambda one: one.liveness is Liveness.LOADED and bool(one.facts))
    assert found.facts["sli"] == "100%"


async def test_groups_of_an_slo(start_prometheus: StartPrometheus, session: aiohttp.ClientSession) -> None:
    prometheus = start_prometheus()

    def by_region(eu: float, us: float) -> str:
        return " or ".join(
            f'label_replace(vector({value}), "region", "{region}", "", "")'
            for region, value in (("eu", eu), ("us", us))
        )

    groups = rules(
        {
            series.PERIOD_ERROR: by_region(0.0001, 0.0005),
            series.PERIOD_BUDGET_REMAINING: by_region(0.9, 0.5),
            series.CURRENT_BURN_RATE: by_region(0.2, 30),
        }
    )
    prometheus.write_rules("slo", {"groups": groups})
    prometheus.reload()
    wanted = expect(groups, SLOReadback(Decimal("0.999"), ("region",)))
    found = await until(observer_of(prometheus, session), wanted, lambda one: len(one.facts) == 4)
    assert found.facts == {
        "sli": "99.95%",
        "budgetRemaining": "50%",
        "burnRate": "30",
        "groups": {"count": 2, "worst": 'region="us"'},
    }


async def test_only_the_groups_asked_for_are_sent_where_the_server_can(
    start_prometheus: StartPrometheus, session: aiohttp.ClientSession
) -> None:
    """Two hundred SLOs are read in one listing, one of them alone by its groups' names; both say the same."""
    prometheus = start_prometheus()
    keys = [Key("SLO", "shop", f"checkout-{number}") for number in range(200)]
    made = {key: rules(figures(0.0, 0.0), interval_ms=5000, key=key) for key in keys}
    for key, groups in made.items():
        prometheus.write_rules(key.name, {"groups": groups})
    prometheus.reload()
    observer = observer_of(prometheus, session)
    wanted = [Expectation(key, rulefile.names(groups), READBACK) for key, groups in made.items()]
    await until(observer, wanted[-1], lambda one: len(one.facts) == 3)
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await observer.observe(wanted)
            if all(one.liveness is Liveness.LOADED and len(one.facts) == 3 for one in found.values()):
                break
            await asyncio.sleep(0.2)
    assert (await observer.observe(wanted[:1]))[keys[0]] == found[keys[0]]
