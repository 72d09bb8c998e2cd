"""What the Observer makes of the configuration that an Alertmanager shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from binnacle.api.config import Config
from binnacle.control.ports import Expectation, Liveness, Observed, merged
from binnacle.intent.refs import Key
from binnacle.observe.alertmanager import AlertmanagerObserver, items_of
from binnacle.observe.backend import Limits, open_session
from observe.fake_prometheus import Request, answer, serving

KEY = Key("AlertPolicy", "shop", "payments")
TEXT = """global:
  resolve_timeout: 5m
route:
  receiver: blackhole
  routes:
  - receiver: shop/payments/hidden
inhibit_rules:
- name: shop/payments/one
  source_matchers: []
receivers:
- name: blackhole
- name: shop/payments/alertpolicy/version-0123456789ab
- name: shop/payments/oncall
  slack_configs:
  - title: |-
      receivers:
      - name: shop/other/forged
    name: no
time_intervals:
- name: shop/payments/nights
templates: []
"""


def expect(*marks: str) -> Expectation:
    return Expectation(KEY, marks, None)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as opened:
        yield opened


async def look(body: bytes, session: aiohttp.ClientSession, *marks: str) -> tuple[Observed, str]:
    async def respond(request: Request, writer: Any) -> None:
        assert request.path == "/am/api/v2/status"
        writer.write(body)

    async with serving(respond) as fake:
        config = Config.from_data({"alertmanager": {"url": f"{fake.url}/am/"}})
        observer = AlertmanagerObserver(config, session, Limits(seconds=30, size=100_000))
        return (await observer.observe([expect(*marks)]))[KEY], f"{fake.url}/am"


def test_items_are_known_by_section_and_name_and_no_text_passes_for_one() -> None:
    assert list(items_of(TEXT)) == [
        "inhibit_rules/shop/payments/one",
        "receivers/blackhole",
        "receivers/shop/payments/alertpolicy/version-0123456789ab",
        "receivers/shop/payments/oncall",
        "time_intervals/shop/payments/nights",
    ]


async def test_loaded_and_missing(session: aiohttp.ClientSession) -> None:
    body = answer({"config": {"original": TEXT}, "uptime": "x"})
    found, _ = await look(body, session, "receivers/shop/payments/oncall", "time_intervals/shop/payments/nights")
    assert found == Observed(Liveness.LOADED, "Alertmanager has the routing.")
    found, _ = await look(body, session, "receivers/shop/payments/oncall", "receivers/shop/payments/new")
    assert found.liveness is Liveness.MISSING
    assert "it lacks item receivers/shop/payments/new." in found.message
    found, _ = await look(body, session, "receivers/shop/payments/onc")
    assert found.liveness is Liveness.MISSING


async def test_another_version_with_the_same_names_is_not_the_one_that_was_applied(
    session: aiohttp.ClientSession,
) -> None:
    body = answer({"config": {"original": TEXT}})
    version = "receivers/shop/payments/alertpolicy/version-"
    found, _ = await look(body, session, "receivers/shop/payments/oncall", f"{version}0123456789ab")
    assert found.liveness is Liveness.LOADED
    found, _ = await look(body, session, "receivers/shop/payments/oncall", f"{version}ba9876543210")
    assert found.liveness is Liveness.MISSING
    assert found.message.startswith("Alertmanager has another version of the routing than the one that was applied. ")
    found, _ = await look(body, session, "receivers/shop/payments/new", f"{version}ba9876543210")
    assert "it lacks item receivers/shop/payments/new." in found.message


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (answer("no", "401 Unauthorized", "text/plain"), "wants credentials"),
        (
            answer("", "302 Found", Location="http://u:p@elsewhere/x"),
            "to http://elsewhere/x, and redirects are not followed",
        ),
        (answer({"config": {}}), "is not an answer of the Alertmanager API. Check alertmanager.url"),
        (answer({"config": {"original": 3}}), "is not an answer of the Alertmanager API"),
        (answer([1]), "is not an answer of the Alertmanager API"),
        (answer({"config": {"original": "x" * 200_000}}), "answered with more than 0 MiB"),
    ],
)
async def test_every_trouble_is_unreachable_in_words(body: bytes, says: str, session: aiohttp.ClientSession) -> None:
    found, address = await look(body, session, "receivers/x")
    assert found.liveness is Liveness.UNREACHABLE
    assert found.message.startswith(f"Alertmanager at {address} ")
    assert says in found.message
    assert "u:p" not in found.message


async def test_without_an_address_nothing_is_asked(session: aiohttp.ClientSession) -> None:
    found = await AlertmanagerObserver(Config.from_data({}), session).observe([expect("receivers/x")])
    assert found[KEY].liveness is Liveness.UNCONFIGURED
    assert "alertmanager.url" in found[KEY].message


def test_rules_and_routing_are_told_together() -> None:
    both = merged([Observed(Liveness.LOADED), Observed(Liveness.LOADED, "Alertmanager has the routing.")])
    assert both.message == "The rules are loaded and healthy. Alertmanager has the routing."
    lacking = merged([Observed(Liveness.LOADED), Observed(Liveness.MISSING, "It lacks x.")])
    assert (lacking.liveness, lacking.message) == (Liveness.MISSING, "It lacks x.")
