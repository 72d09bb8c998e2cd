"""What can go wrong with a Prometheus is told in words, within the time limit, and raises nothing."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from binnacle.observe.backend import Failure, Limits, address, open_session
from binnacle.observe.prometheus import Answered, Group, Outcome, Prometheus, Sample
from binnacle.promql import parse
from observe.fake_prometheus import Backend, Request, Responder, answer, rule, rule_group, serving, success, vector
from servers.pace import paced

LIMITS = Limits(seconds=30, size=1024 * 1024, page=2)
SHORT = replace(LIMITS, seconds=0.6)
"""For backends that are slow on purpose: of any other one a busy machine would make a slow one, too."""


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as opened:
        yield opened


async def ask(
    respond: Responder, session: aiohttp.ClientSession, limits: Limits = LIMITS
) -> tuple[Outcome, list[Group]]:
    groups: list[Group] = []
    async with serving(respond) as fake:
        return await Prometheus(fake.url, session, limits).rules(groups.append), groups


def sends(*parts: bytes, pause: float = 0.0) -> Responder:
    async def respond(_request: Request, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    return respond


async def endless(_request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"status":"success","data":{"groups":[')
    part = (json.dumps(rule_group("g")) + ",").encode() * 50
    while True:
        writer.write(part)
        await writer.drain()


WHOLE = answer(success({"groups": [rule_group("a")]}))


async def no_answer(_request: Request, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


TROUBLES: dict[str, tuple[Responder, str]] = {
    "500": (
        sends(
            answer({"status": "error", "errorType": "internal", "error": "disk  is\nfull"}, "500 Internal Server Error")
        ),
        "answered 500 Internal Server Error: disk is full",
    ),
    "503": (
        sends(answer("Service Unavailable", "503 Service Unavailable", "text/plain")),
        "answered 503 Service Unavailable: Service Unavailable",
    ),
    "502 html": (
        sends(answer("<html><h1>Bad Gateway</h1></html>", "502 Bad Gateway", "text/html")),
        "answered 502 Bad Gateway.",
    ),
    "401": (
        sends(answer("Unauthorized", "401 Unauthorized", "text/plain")),
        "wants credentials, and none are sent",
    ),
    "403": (sends(answer("no", "403 Forbidden", "text/plain")), "wants credentials"),
    "404": (
        sends(answer("404 page not found", "404 Not Found", "text/plain")),
        "there is no Prometheus API there. Check prometheus.url",
    ),
    "redirect": (
        sends(answer("", "302 Found", "text/plain", Location="https://user:secret@login.example/?token=secret")),
        "to https://login.example, and redirects are not followed",
    ),
    "redirect nowhere": (sends(answer("", "302 Found", "text/plain")), "redirects are not followed"),
    "redirect within": (
        sends(answer("", "301 Moved Permanently", "text/plain", Location="/graph")),
        "to /graph, and redirects are not followed",
    ),
    "warnings of another kind": (sends(answer({"status": "error", "warnings": 7})), "refused the request"),
    "html": (
        sends(answer("<!DOCTYPE html><html>sign in</html>", kind="text/html")),
        "not an answer of the Prometheus API",
    ),
    "other json": (sends(answer({"hello": "world"})), "not an answer of the Prometheus API"),
    "data is a list": (sends(answer(success([]))), "not an answer of the Prometheus API"),
    "a list": (sends(answer([1, 2])), "not an answer of the Prometheus API"),
    "strange groups": (
        sends(answer(success({"groups": [{"name": "a", "rules": 7}]}))),
        "not an answer of the Prometheus API",
    ),
    "strange rules": (
        sends(answer(success({"groups": [{"name": "a", "rules": ["x"]}]}))),
        "not an answer of the Prometheus API",
    ),
    "empty": (sends(answer(b"")), "not an answer of the Prometheus API"),
    "not utf-8": (sends(answer(b'{"status":"\xff\xff"}')), "not an answer of the Prometheus API"),
    "nested": (sends(answer(b'{"status":' + b"[" * 200_000)), "not an answer of the Prometheus API"),
    "error with 200": (
        sends(answer({"status": "error", "error": "tenant unknown"})),
        "refused the request: tenant unknown",
    ),
    "truncated": (sends(WHOLE[:-40]), "broke off in the middle of its answer"),
    "truncated json": (
        sends(answer(b'{"status":"success","data":{"groups":[{"name":')),
        "not an answer of the Prometheus API",
    ),
    "nothing": (sends(b""), "without a proper answer"),
    "not http": (sends(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "without a proper answer"),
    "huge": (endless, "answered with more than 1 MiB"),
    "packed": (sends(answer(gzip.compress(b"x" * 10_000_000), Content_Encoding="gzip")), "packs its answer"),
    "slow head": (no_answer, "did not finish its answer within 0.6 s"),
    "slow body": (
        sends(WHOLE[:300], *(bytes([one]) for one in WHOLE[300:]), pause=0.2),
        "did not finish its answer within 0.6 s",
    ),
}


SLOW = ("slow head", "slow body")


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_every_trouble_is_a_failure_in_words(trouble: str, session: aiohttp.ClientSession) -> None:
    respond, said = TROUBLES[trouble]
    begun = time.monotonic()
    outcome, _ = await ask(respond, session, SHORT if trouble in SLOW else LIMITS)
    assert time.monotonic() - begun < paced(3)
    assert isinstance(outcome, Failure)
    assert said in outcome.message
    assert outcome.message.startswith("Prometheus at http://127.0.0.1:")
    assert "secret" not in outcome.message
    assert len(outcome.message) < 600


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_the_same_trouble_is_told_in_the_same_words(trouble: str, session: aiohttp.ClientSession) -> None:
    async with serving(TROUBLES[trouble][0]) as fake:
        api = Prometheus(fake.url, session, Limits(seconds=0.3 if trouble in SLOW else 30, size=100_000))
        assert await api.rules(lambda _one: None) == await api.rules(lambda _one: None)


async def test_refused_unresolved_and_invalid_addresses(session: aiohttp.ClientSession) -> None:
    async with serving(sends(WHOLE)) as fake:
        gone = fake.url
    for url, said in {
        gone: f"Prometheus at {gone} cannot be reached: the connection is refused.",
        gone.replace("//", "//admin:hunter2@"): f"Prometheus at {gone} cannot be reached: the connection is refused.",
        "http://no-such-host.invalid:9090": "cannot be reached: the host name does not resolve.",
        "http://[::1": "cannot be reached: the address is not a valid URL.",
        "gopher://x": "cannot be reached: the address is not a valid URL.",
        "http://": "Set prometheus.url to one that begins with http:// or https://.",
        "admin:hunter2@prom:9090": "Prometheus at prom:9090 cannot be reached: the address has no scheme. Set prometheus.url to http://prom:9090",
    }.items():
        outcome = await Prometheus(url, session, LIMITS).query(parse("up"), lambda _one: None)
        assert isinstance(outcome, Failure)
        assert said in outcome.message
        assert "hunter2" not in outcome.message


async def test_https_to_a_plain_server_is_told(session: aiohttp.ClientSession) -> None:
    async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        outcome = await Prometheus(url, session, LIMITS).rules(lambda _one: None)
    assert outcome == Failure(f"Prometheus at {url} cannot be reached: no TLS handshake. Does it speak https?")


async def test_the_environment_and_cookies_do_not_matter(
    monkeypatch: pytest.MonkeyPatch, session: aiohttp.ClientSession
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with serving(sends(answer(success({"groups": []}), Set_Cookie="session=1; Path=/"))) as fake:
        api = Prometheus(fake.url, session, LIMITS)
        assert await api.rules(lambda _one: None) == Answered()
        assert await api.rules(lambda _one: None) == Answered()
        assert all("cookie" not in request.headers for request in fake.requests)


async def test_groups_arrive_with_health_and_errors(session: aiohttp.ClientSession) -> None:
    groups = [rule_group("a", rule("x", "err", "many-to-many"), rule("y", "unknown"), interval=240), rule_group("b")]
    outcome, taken = await ask(Backend(groups), session)
    assert outcome == Answered()
    assert [one.name for one in taken] == ["a", "b"]
    assert taken[0].interval == 240
    assert [(one.name, one.health, one.error) for one in taken[0].rules] == [
        ("x", "err", "many-to-many"),
        ("y", "unknown", ""),
    ]


async def test_pages_are_put_together_where_the_server_has_them(session: aiohttp.ClientSession) -> None:
    groups = [rule_group(f"g{number}") for number in range(5)]
    for pages, requests in ((True, 3), (False, 1)):
        taken: list[Group] = []
        async with serving(Backend(groups, pages=pages)) as fake:
            await Prometheus(fake.url, session, LIMITS).rules(taken.append)
            assert len(fake.requests) == requests
        assert [one.name for one in taken] == [f"g{number}" for number in range(5)]


async def test_a_reload_between_two_pages_starts_again_without_pages(session: aiohttp.ClientSession) -> None:
    backend = Backend([rule_group(f"g{number}") for number in range(5)], pages=True)

    async def reloading(request: Request, writer: asyncio.StreamWriter) -> None:
        if "group_next_token" in request.parameters:
            writer.write(answer({"status": "error", "error": "invalid group_next_token"}, "400 Bad Request"))
        else:
            await backend(request, writer)

    outcome, taken = await ask(reloading, session)
    assert outcome == Answered()
    assert {one.name for one in taken} == {f"g{number}" for number in range(5)}


async def test_pages_without_end_are_refused(session: aiohttp.ClientSession) -> None:
    outcome, _ = await ask(sends(answer(success({"groups": [], "groupNextToken": "again"}))), session)
    assert isinstance(outcome, Failure)
    assert "too many pages" in outcome.message


async def test_a_path_prefix_is_kept(session: aiohttp.ClientSession) -> None:
    async with serving(Backend(samples={"up": [({"job": "x"}, 1)]})) as fake:
        samples: list[Sample] = []
        await Prometheus(f"{fake.url}/prometheus/", session, LIMITS).query(parse("up"), samples.append)
        assert samples == [Sample({"job": "x"}, 1.0)]
        assert [request.path for request in fake.requests] == ["/prometheus/api/v1/query"]


async def test_a_vector_of_another_shape_is_refused(session: aiohttp.ClientSession) -> None:
    for element in (
        {},
        {"metric": {}, "value": 1},
        {"metric": 3, "value": [1, "1"]},
        {"metric": {}, "value": [1, None]},
    ):
        async with serving(sends(answer(success({"result": [element]}, warnings=7)))) as fake:
            outcome = await Prometheus(fake.url, session, LIMITS).query(parse("up"), lambda _one: None)
        assert isinstance(outcome, Failure)


async def test_values_that_are_no_number_are_left_out_and_warnings_told(session: aiohttp.ClientSession) -> None:
    samples: list[Sample] = []
    body = success(vector([({"a": "1"}, "NaN"), ({"a": "2"}, "+Inf"), ({"a": "3"}, "-0.5")]), warnings=["store away"])
    async with serving(sends(answer(body))) as fake:
        outcome = await Prometheus(fake.url, session, LIMITS).query(parse("up"), samples.append)
    assert outcome == Answered(("store away",))
    assert [one.value for one in samples] == [-0.5]


@pytest.mark.parametrize(("reloaded", "said"), [(True, True), (False, False), (None, None)])
async def test_reload_state(reloaded: bool | None, said: bool | None, session: aiohttp.ClientSession) -> None:
    async with serving(Backend(reloaded=reloaded)) as fake:
        assert await Prometheus(fake.url, session, LIMITS).reload_succeeded() is said


async def test_cancelling_is_not_swallowed(session: aiohttp.ClientSession) -> None:
    async with serving(no_answer) as fake:
        task = asyncio.create_task(Prometheus(fake.url, session, Limits(seconds=20)).rules(lambda _one: None))
        while not fake.requests:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://p:9090", "http://p:9090"),
        ("http://user:pw@p:9090/prometheus/?token=x#y", "http://p:9090/prometheus"),
        ("https://[::1]:9090/", "https://[::1]:9090"),
        ("prom:9090", "prom:9090"),
        ("user:pw@prom:9090/prometheus?token=x", "prom:9090/prometheus"),
    ],
)
def test_address_has_no_secrets(url: str, shown: str) -> None:
    assert address(url) == shown
