"""What the Observer makes of a backend's answers, resource by resource."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from binnacle.api.config import Config
from binnacle.control.ports import Expectation, Liveness, Observed, Observer
from binnacle.intent import series
from binnacle.intent.readback import SLOReadback
from binnacle.intent.refs import Key
from binnacle.observe.backend import Limits, open_session
from binnacle.observe.observer import PrometheusObserver
from observe.fake_prometheus import Backend, answer, rule, rule_group, serving, vector

THREE_NINES = SLOReadback(Decimal("0.999"))
BY_REGION = SLOReadback(Decimal("0.999"), ("region",))
CHECKOUT = Key("SLO", "shop", "checkout")
PARTS = ("short", "increments", "long", "meta.0badcafe")


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 11, 21, tzinfo=UTC)

    def today(self) -> date:
        return self.now().date()

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as opened:
        yield opened


def marks_of(key: Key) -> tuple[str, ...]:
    return tuple(f"slo.{key.namespace}.{key.name}.{part}" for part in PARTS)


def expect(
    key: Key = CHECKOUT, readback: SLOReadback | None = THREE_NINES, shown: Mapping[str, Any] | None = None
) -> Expectation:
    return Expectation(key, marks_of(key), readback, shown or {})


def groups_of(key: Key = CHECKOUT, **replaced: dict[str, Any] | None) -> list[dict[str, Any]]:
    made = {
        part.partition(".")[0]: rule_group(mark, interval=240) for part, mark in zip(PARTS, marks_of(key), strict=True)
    }
    return [group for group in (made | replaced).values() if group is not None]


def figures(
    key: Key = CHECKOUT, **by_group: tuple[float, float, float]
) -> dict[str, list[tuple[Mapping[str, str], float]]]:
    """Series of one SLO: (error ratio, budget remaining, burn rate), for each region or for `_` alone.

    As the rules record them; of the three the budget is not asked for.
    """
    result: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for place, name in enumerate((series.PERIOD_ERROR, series.PERIOD_BUDGET_REMAINING, series.CURRENT_BURN_RATE)):
        for region, values in by_group.items():
            labels = {
                "__name__": name,
                series.SLO: key.name,
                series.SLO_NAMESPACE: key.namespace,
                series.SLO_SERVICE: "x",
            }
            result.setdefault(name, []).append((labels | ({} if region == "_" else {"region": region}), values[place]))
    return result


def configured(url: str | None, **prometheus: Any) -> Config:
    return Config.model_validate({"prometheus": ({"url": url} if url else {}) | prometheus})


async def look(
    backend: Any, session: aiohttp.ClientSession, *expectations: Expectation, **prometheus: Any
) -> Mapping[Key, Observed]:
    async with serving(backend) as fake:
        observer: Observer = PrometheusObserver(
            configured(fake.url, **prometheus), session, Clock(), Limits(seconds=30)
        )
        return await observer.observe(expectations)


async def test_loaded_with_figures(session: aiohttp.ClientSession) -> None:
    backend = Backend(groups_of(), figures(_=(0.00047, 0.53, 2.9)))
    found = await look(backend, session, expect())
    facts = {"sli": "99.953%", "budgetRemaining": "53%", "burnRate": "3"}
    assert found == {CHECKOUT: Observed(Liveness.LOADED, "", facts, settled=True)}


async def test_nothing_is_asked_of_nobody(session: aiohttp.ClientSession) -> None:
    async with serving(Backend()) as fake:
        assert await PrometheusObserver(configured(fake.url), session, Clock()).observe([]) == {}
        assert fake.requests == []


async def test_without_an_address_nothing_is_asked(session: aiohttp.ClientSession) -> None:
    found = await PrometheusObserver(configured(None), session, Clock()).observe([expect(shown={"sli": "99%"})])
    assert found[CHECKOUT].liveness is Liveness.UNCONFIGURED
    assert "prometheus.url" in found[CHECKOUT].message


async def test_away_keeps_what_is_shown(session: aiohttp.ClientSession) -> None:
    shown = {"sli": "99.95%", "burnRate": "<1"}
    found = await look(Backend(), session, expect(shown=shown), expect(Key("SLO", "shop", "other")))
    assert found[CHECKOUT].liveness is Liveness.MISSING  # a control: this backend does answer

    async with serving(Backend()) as fake:
        gone = fake.url
    observer = PrometheusObserver(configured(gone), session, Clock())
    found = await observer.observe([expect(shown=shown), expect(Key("SLO", "shop", "other"))])
    message = f"Prometheus at {gone} cannot be reached: the connection is refused."
    assert found == {
        CHECKOUT: Observed(Liveness.UNREACHABLE, message, shown),
        Key("SLO", "shop", "other"): Observed(Liveness.UNREACHABLE, message, {}),
    }


async def test_rules_answer_but_queries_do_not(session: aiohttp.ClientSession) -> None:
    rules = Backend(groups_of())

    async def respond(request: Any, writer: Any) -> None:
        if request.path == "/api/v1/query":
            writer.write(answer("overloaded", "503 Service Unavailable", "text/plain"))
        else:
            await rules(request, writer)

    shown = {"sli": "99.95%"}
    found = await look(respond, session, expect(shown=shown))
    assert found[CHECKOUT] == Observed(Liveness.LOADED, "", shown, settled=True)


async def test_a_status_that_somebody_wrote_into_is_no_trouble(session: aiohttp.ClientSession) -> None:
    for shown in ({"groups": 7, "sli": 3}, {"groups": {"worst": 7}, "burnRate": None}):
        one = expect(readback=BY_REGION, shown=shown)
        found = await look(Backend(groups_of(), figures(eu=(0.0005, 0.5, 1))), session, one)
        assert found[CHECKOUT].facts["sli"] == "99.95%"


async def test_a_defect_of_ours_is_an_answer_too(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("binnacle.observe.rounding.sli", broken)
    found = await look(Backend(groups_of(), figures(_=(0.1, 0.1, 1))), session, expect(shown={"sli": "99%"}))
    assert found[CHECKOUT].liveness is Liveness.UNREACHABLE
    assert found[CHECKOUT].facts == {"sli": "99%"}
    assert "secret" not in found[CHECKOUT].message
    assert "observation failed" in caplog.text


async def test_missing_names_what_is_missing(session: aiohttp.ClientSession) -> None:
    found = await look(Backend([rule_group("slo.shop.other.meta.12345678")]), session, expect())
    assert found[CHECKOUT].liveness is Liveness.MISSING
    assert found[CHECKOUT].message == (
        "Prometheus has not loaded the rules; it lacks rule groups slo.shop.checkout.short, "
        "slo.shop.checkout.increments, slo.shop.checkout.long and 1 more."
    )


@pytest.mark.parametrize(("output", "hint"), [("operator", "ruleSelector"), ("configMap", "rule_files")])
async def test_missing_says_where_to_look(output: str, hint: str, session: aiohttp.ClientSession) -> None:
    found = await look(Backend(), session, expect(), output=output)
    assert hint in found[CHECKOUT].message


async def test_missing_after_a_failed_reload_says_so(session: aiohttp.ClientSession) -> None:
    found = await look(Backend(reloaded=False), session, expect(), output="operator")
    assert "last attempt to load its configuration failed" in found[CHECKOUT].message
    found = await look(Backend(groups_of(), reloaded=False), session, expect(readback=None))
    assert found[CHECKOUT] == Observed(Liveness.LOADED)


@pytest.mark.parametrize("filters", [True, False])
async def test_another_version_is_missing_in_those_words(filters: bool, session: aiohttp.ClientSession) -> None:
    old = rule_group("slo.shop.checkout.meta.11111111")
    backend = Backend(groups_of(meta=old), figures(_=(0.0, 1, 0)), filters=filters)
    found = await look(backend, session, expect(), output="operator")
    assert found[CHECKOUT].liveness is Liveness.MISSING
    assert found[CHECKOUT].message == (
        "Prometheus still has another version of the rules loaded; it lacks rule group slo.shop.checkout.meta.0badcafe."
    )


async def test_another_version_is_known_by_its_stamp_alone(session: aiohttp.ClientSession) -> None:
    one = Expectation(CHECKOUT, ("slo.shop.checkout.meta.0badcafe",), None)
    backend = Backend([rule_group("slo.shop.checkout.meta.11111111")], filters=False)
    assert "another version" in (await look(backend, session, one))[CHECKOUT].message
    backend = Backend([rule_group("slo.shop.checkout2.meta.11111111")], filters=False)
    assert "has not loaded" in (await look(backend, session, one))[CHECKOUT].message


async def test_a_failing_rule_is_named_with_its_error(session: aiohttp.ClientSession) -> None:
    error = 'found duplicate series for the match group {i="%d"} on the right side: [{a="1"}, {a="2"}];many-to-many matching not allowed'
    messages = set()
    for number in range(3):
        bad = rule_group(
            marks_of(CHECKOUT)[2],
            rule("good"),
            rule("slo:sli_error:ratio_rate3d", "err", error % number),
            rule("b", "err", "x"),
        )
        found = await look(Backend(groups_of(long=bad), figures(_=(0.0, 1, 0))), session, expect())
        assert found[CHECKOUT].liveness is Liveness.UNHEALTHY
        assert found[CHECKOUT].facts["sli"] == "100%"
        messages.add(found[CHECKOUT].message)
    assert messages == {
        (
            "Rule slo:sli_error:ratio_rate3d fails in Prometheus: found duplicate series for the match group {…} on the right "
            "side: {…};many-to-many matching not allowed (1 more fail)"
        )
    }


async def test_errors_are_bounded_and_without_credentials(session: aiohttp.ClientSession) -> None:
    bad = rule_group(marks_of(CHECKOUT)[0], rule("r", "err", "http://u:pw@remote/read\n" + "x" * 5000))
    found = await look(Backend(groups_of(short=bad)), session, expect())
    assert "pw" not in found[CHECKOUT].message
    assert len(found[CHECKOUT].message) < 400


async def test_rules_that_were_not_evaluated_yet_are_not_settled(session: aiohttp.ClientSession) -> None:
    fresh = rule_group(marks_of(CHECKOUT)[2], rule("r", "unknown"))
    found = await look(Backend(groups_of(long=fresh)), session, expect())
    assert found[CHECKOUT] == Observed(Liveness.LOADED, settled=False)


async def test_figures_say_that_rules_work_before_each_was_evaluated(session: aiohttp.ClientSession) -> None:
    """After a restart of the server, or of an edited version: the longest interval is minutes."""
    fresh = rule_group(marks_of(CHECKOUT)[2], rule("r", "unknown"))
    found = await look(Backend(groups_of(long=fresh), figures(_=(0.0, 1, 0))), session, expect())
    assert found[CHECKOUT].settled
    assert found[CHECKOUT].facts["sli"] == "100%"


async def test_figures_are_waited_for_and_then_given_up(session: aiohttp.ClientSession) -> None:
    clock = Clock()
    backend = Backend(groups_of())
    async with serving(backend) as fake:
        observer = PrometheusObserver(configured(fake.url), session, clock)

        async def settled(shown: Mapping[str, Any] | None = None) -> bool:
            found = (await observer.observe([expect(shown=shown)]))[CHECKOUT]
            assert found.liveness is Liveness.LOADED
            assert found.facts == {} or found.settled
            return found.settled

        assert not await settled()
        clock.seconds += 500
        assert not await settled()
        clock.seconds += 101  # 2.5 intervals of 240 s
        assert await settled()
        clock.seconds += 30
        assert await settled()
        backend.samples = figures(_=(0.0, 1, 0))
        assert await settled()
        backend.samples = {}
        assert not await settled({"sli": "100%"})  # a gap is not the end of the data
        clock.seconds += 601
        assert await settled({"sli": "100%"})


async def test_what_is_no_longer_asked_for_is_forgotten(session: aiohttp.ClientSession) -> None:
    clock = Clock()
    async with serving(Backend(groups_of())) as fake:
        observer = PrometheusObserver(configured(fake.url), session, clock)
        await observer.observe([expect()])
        clock.seconds += 4000
        await observer.observe([expect(Key("SLO", "shop", "other"))])
    assert observer._waiting == {}


async def test_each_slo_gets_its_own(session: aiohttp.ClientSession) -> None:
    keys = [Key("SLO", namespace, name) for namespace in ("a", "b") for name in ("x", "y")]
    samples: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for number, key in enumerate(keys):
        for name, some in figures(key, _=(number * 1e-4, 1 - number / 10, number)).items():
            samples.setdefault(name, []).extend(some)
    backend = Backend([group for key in keys for group in groups_of(key)], samples)
    found = await look(backend, session, *(expect(key) for key in keys))
    assert [found[key].facts["budgetRemaining"] for key in keys] == ["100%", "90%", "80%", "70%"]
    assert [found[key].facts["sli"] for key in keys] == ["100%", "99.99%", "99.98%", "99.97%"]
    assert [found[key].facts["burnRate"] for key in keys] == ["<1", "1", "3", "3"]


async def test_the_worst_group_is_shown_and_groups_are_counted(session: aiohttp.ClientSession) -> None:
    samples = figures(eu=(0.0001, 0.9, 0.2), us=(0.002, -1.0, 30.0), ap=(0.0, 1.0, 0.0))
    found = await look(Backend(groups_of(), samples), session, expect(readback=BY_REGION))
    assert found[CHECKOUT].facts == {
        "sli": "99.8%",
        "budgetRemaining": "-100%",
        "burnRate": "30",
        "groups": {"count": 3, "worst": 'region="us"'},
    }


@pytest.mark.parametrize(
    ("shown", "eu", "us", "worst"),
    [
        ("eu", 0.000495, 0.0005, "eu"),  # half a percent of the budget apart: stays
        ("eu", 0.00045, 0.0005, "us"),  # five percents: changes
        ("us", 0.0005, 0.0005, "us"),
        (None, 0.0005, 0.0005, "eu"),
        ("gone", 0.0004, 0.0005, "us"),
        ("eu", 0.0, 0.000001, "us"),  # one has errors, the other has none
        ("eu", 0.000999, 0.001001, "us"),  # one is over its budget
    ],
)
async def test_the_worst_group_does_not_flip_between_equals(
    shown: str | None, eu: float, us: float, worst: str, session: aiohttp.ClientSession
) -> None:
    before = {"groups": {"count": 2, "worst": f'region="{shown}"'}} if shown else {}
    samples = figures(eu=(eu, 1 - eu * 1000, 1), us=(us, 1 - us * 1000, 1))
    found = await look(Backend(groups_of(), samples), session, expect(readback=BY_REGION, shown=before))
    assert found[CHECKOUT].facts["groups"] == {"count": 2, "worst": f'region="{worst}"'}


async def test_replicas_behind_one_address_are_not_groups(session: aiohttp.ClientSession) -> None:
    samples = {
        name: [({**labels, "replica": replica}, value) for labels, value in some for replica in ("a", "b")]
        for name, some in figures(eu=(0.0001, 0.9, 2), us=(0.0002, 0.8, 3)).items()
    }
    found = await look(Backend(groups_of(), samples), session, expect(readback=BY_REGION))
    assert found[CHECKOUT].facts["groups"] == {"count": 2, "worst": 'region="us"'}
    found = await look(Backend(groups_of(), samples), session, expect())
    assert found[CHECKOUT].facts["sli"] == "99.98%"


async def test_counting_groups_ends_and_the_worst_is_still_found(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("binnacle.observe.figures.MAX_GROUPS", 5)
    samples = figures(**{f"r{number:02}": (number * 1e-5, 1 - number / 100, 0) for number in range(20)})
    found = await look(Backend(groups_of(), samples), session, expect(readback=BY_REGION))
    assert found[CHECKOUT].facts["groups"] == {"count": 5, "worst": 'region="r19"'}


async def test_long_labels_of_a_group_are_cut_and_still_recognised(session: aiohttp.ClientSession) -> None:
    long = "x" * 2000
    samples = figures(**{long: (0.0005, 0.5, 1), "a": (0.0005, 0.5, 1)})
    facts = (
        await look(Backend(groups_of(), figures(**{long: (0.0005, 0.5, 1)})), session, expect(readback=BY_REGION))
    )[CHECKOUT].facts
    assert len(facts["groups"]["worst"]) == 256
    again = await look(Backend(groups_of(), samples), session, expect(readback=BY_REGION, shown=facts))
    assert again[CHECKOUT].facts["groups"] == {"count": 2, "worst": facts["groups"]["worst"]}


async def test_with_a_partial_answer_nothing_is_taken_away(session: aiohttp.ClientSession) -> None:
    shown = {"sli": "99.95%", "burnRate": "3"}
    backend = Backend(groups_of(), warnings=["store gateway away"])
    assert (await look(backend, session, expect(shown=shown)))[CHECKOUT].facts == shown
    backend.warnings = []
    assert (await look(backend, session, expect(shown=shown)))[CHECKOUT].facts == {}


async def test_the_budget_is_that_of_the_objective_shown_beside_it(session: aiohttp.ClientSession) -> None:
    """After an edit of the objective the series are of the old one until their rules are loaded and evaluated."""
    one = expect(readback=SLOReadback(Decimal("0.998")))
    found = await look(Backend(groups_of(), figures(_=(0.0005, 0.5, 1))), session, one)
    assert (found[CHECKOUT].facts["sli"], found[CHECKOUT].facts["budgetRemaining"]) == ("99.95%", "75%")


async def test_few_resources_are_asked_for_by_name_and_many_all_at_once(session: aiohttp.ClientSession) -> None:
    for count, rules_requests, filtered in ((1, 1, True), (25, 1, True), (200, 1, False)):
        keys = [Key("SLO", "shop", f"s{number}") for number in range(count)]
        backend = Backend([group for key in keys for group in groups_of(key)])
        async with serving(backend) as fake:
            observer = PrometheusObserver(configured(fake.url), session, Clock())
            found = await observer.observe(expect(key) for key in keys)
            assert {one.liveness for one in found.values()} == {Liveness.LOADED}
            rules = [request for request in fake.requests if request.path == "/api/v1/rules"]
            assert len(rules) == rules_requests
            assert all(("rule_group[]" in request.parameters) == filtered for request in rules)
            queries = [request.parameters["query"][0] for request in fake.requests if request.path == "/api/v1/query"]
            assert len(queries) == 2
            assert all(len(query) < 3000 for query in queries)
            assert len(fake.requests) == rules_requests + 2


async def test_series_of_others_are_passed_over(session: aiohttp.ClientSession) -> None:
    samples = figures(_=(0.0005, 0.5, 1))
    for some in samples.values():
        some += [({}, 1.0), ({"slo": "checkout"}, 1.0), ({"slo": "checkout", "slo_namespace": "other"}, 1.0)]
    found = await look(Backend(groups_of(), samples), session, expect())
    assert found[CHECKOUT].facts["sli"] == "99.95%"
    assert vector([])["result"] == []
