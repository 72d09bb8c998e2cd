"""The webhook as a server: certificates that change under it, and callers of every sort."""

from __future__ import annotations

import asyncio
import gzip
import io
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization as s
from prometheus_client import CollectorRegistry

from api.slo_cases import good_slo, put
from binnacle.api.config import Config
from binnacle.cli.compiling import offline
from binnacle.cluster.webhook.server import Judge, Limits, WebhookServer
from binnacle.control.admission import TAKEN, Admission, Body, Verdict
from binnacle.control.cache import Cache
from binnacle.control.clock import SystemClock
from binnacle.control.metrics import WebhookMetrics
from binnacle.control.toolchain import shipped
from cluster.webhook_calls import Mounted, Object, encoded, review
from compile.dashboards import plain_dashboard
from servers.certificates import KeyPair
from servers.waiting import PATIENCE

PATIENT = Limits(answer=60.0, reading=30.0, look=0.05)
"""Limits that a loaded machine keeps."""


JSON = {"Content-Type": "application/json"}


def broken() -> Object:
    body = good_slo()
    put("spec.indicator.ratio.errors", 'http_requests_total{code=~"5.."')(body)
    return body


def real_judge() -> Judge:
    clock = SystemClock()
    return Admission(shipped(offline(Config.from_data({}))), Cache(), lambda: True, clock.today).judge


class Hook:
    """A webhook on the loopback with a mounted certificate."""

    def __init__(self, directory: Path, judge: Judge, limits: Limits) -> None:
        self.mounted = Mounted(directory / "certificates")
        self.registry = CollectorRegistry()
        self.server = WebhookServer(judge, self.mounted.directory, WebhookMetrics(self.registry), SystemClock(), limits)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server.port}/validate"

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    @asynccontextmanager
    async def caller(self, *, keep: bool = True) -> AsyncIterator[aiohttp.ClientSession]:
        connector = aiohttp.TCPConnector(ssl=self.mounted.trust, force_close=not keep, limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            yield session

    async def call(self, session: aiohttp.ClientSession, asked: Object) -> Object:
        async with session.post(self.url, data=io.BytesIO(encoded(asked)), headers=JSON) as answer:
            assert answer.status == 200, await answer.text()
            response: Object = (await answer.json())["response"]
            assert response["uid"] == asked["request"]["uid"]
            return response

    async def status(self, data: bytes = b"", *, method: str = "POST", path: str = "", **headers: str) -> int:
        async with self.caller(keep=False) as session:
            sent = {**JSON, **headers}
            async with session.request(method, f"{self.url}{path}", data=io.BytesIO(data), headers=sent) as answer:
                await answer.read()
                return answer.status


@asynccontextmanager
async def serving(
    directory: Path, judge: Judge | None = None, limits: Limits = PATIENT, *, certificate: bool = True
) -> AsyncIterator[Hook]:
    hook = Hook(directory, judge or real_judge(), limits)
    if certificate:
        hook.mounted.rotate()
    async with hook.server.serving("127.0.0.1", 0):
        yield hook


async def until(holds: Callable[[], object], limit: float = PATIENCE) -> None:
    async with asyncio.timeout(limit):
        while not holds():
            await asyncio.sleep(0.01)


# -- answers ---------------------------------------------------------------------------------------------------------


async def test_a_bad_one_is_refused_and_a_good_one_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with serving(tmp_path) as hook, hook.caller() as session:
        refused = await hook.call(session, review(broken()))
        assert not refused["allowed"]
        assert "spec.indicator.ratio.errors: PromQLSyntax: The `{` here is never closed" in refused["status"]["message"]
        asked = review(good_slo(), dryRun=True)
        assert await hook.call(session, asked) == {"uid": asked["request"]["uid"], "allowed": True}
        assert not (await hook.call(session, review(broken(), dryRun=True)))["allowed"]
        assert (await hook.call(session, review(good_slo())))["allowed"]
        assert (await hook.call(session, review(broken(), broken())))["allowed"]
        assert (await hook.call(session, review(broken(), subResource="status")))["allowed"]
        assert (await hook.call(session, review(None, broken(), operation="DELETE")))["allowed"]
        later = {**good_slo(), "apiVersion": "binnacle.dev/v1beta1"}
        unknown = await hook.call(session, review(later))
        assert unknown["allowed"]
        assert unknown["warnings"] == [
            "SLO shop/checkout-availability: not checked, this operator knows no SLO v1beta1."
        ]
        assert hook.count("webhook_verdicts_total", kind="SLO", verdict="denied") == 2
        assert hook.count("controller_runtime_webhook_requests_total", webhook="/validate", code="200") >= 7
        assert hook.count("controller_runtime_webhook_latency_seconds_count", webhook="/validate") >= 7
    said = next(one for one in caplog.records if one.message == "refused")
    assert said.__dict__["findings"] == "PromQLSyntax at spec.indicator.ratio.errors"
    assert "http_requests_total" not in str([one.__dict__ for one in caplog.records])


async def test_what_is_no_question_gets_a_status(tmp_path: Path) -> None:
    async with serving(tmp_path) as hook:
        question = encoded(review(good_slo()))
        assert await hook.status(question) == 200
        assert await hook.status(question, method="GET") == 405
        assert await hook.status(question, method="PUT") == 405
        assert await hook.status(question, path="/else") == 404
        assert await hook.status(question, **{"Content-Type": "text/plain"}) == 415
        assert await hook.status(b"{}") == 400
        assert await hook.status(b"[" * (1 << 20)) == 400
        assert await hook.status(gzip.compress(question), **{"Content-Encoding": "gzip"}) == 400
        assert await hook.status(b"x" * (PATIENT.body + 1)) == 413
        async with hook.caller() as session:

            async def chunks() -> AsyncIterator[bytes]:
                yield question

            async with session.post(hook.url, data=chunks(), headers=JSON) as answer:
                assert answer.status == 411
        assert hook.count("controller_runtime_webhook_requests_total", webhook="/validate", code="400") == 3


def large() -> Object:
    """As much as the API server takes, most of it in what a compiler reads."""
    body = good_slo()
    body["spec"]["annotations"] = {f"note{number}": "x" * 900 for number in range(3300)}
    return body


async def test_three_megabytes_and_two_hundred_at_once_are_answered(tmp_path: Path) -> None:
    async with serving(tmp_path) as hook, hook.caller() as session:
        asked = review(large())
        assert len(encoded(asked)) > 3_000_000
        assert not (await hook.call(session, asked))["allowed"]
        calls = [review(broken() if number % 2 else good_slo()) for number in range(200)]
        answers = await asyncio.gather(*(hook.call(session, one) for one in calls))
        assert [one["allowed"] for one in answers] == [True, False] * 100
        assert hook.count("controller_runtime_webhook_requests_in_flight", webhook="/validate") == 0


async def test_a_spec_as_deep_as_json_is_answered(tmp_path: Path) -> None:
    async with serving(tmp_path) as hook, hook.caller() as session:
        for depth in (400, 900, 5000, 100_000):
            body = plain_dashboard("deep")
            body["spec"]["rows"][0]["panels"][0]["options"] = {"a": "HERE"}
            deep = encoded(review(body)).replace(b'"HERE"', b"[" * depth + b"]" * depth)
            async with session.post(hook.url, data=io.BytesIO(deep), headers=JSON) as answer:
                assert answer.status in (200, 400)
                text = await answer.text()
                assert answer.status == 400 or '"allowed"' in text
        assert (await hook.call(session, review(good_slo())))["allowed"]


async def test_one_that_takes_too_long_passes_and_holds_up_nobody(tmp_path: Path) -> None:
    let_go = threading.Event()

    def judge(body: Body, _before: Body | None) -> Verdict:
        if body["metadata"]["name"] == "endless":
            let_go.wait(60)
        return TAKEN

    endless = good_slo("endless")
    limits = Limits(answer=2.5, reading=2.0, threads=2, spare=1)
    async with serving(tmp_path, judge, limits) as hook, hook.caller() as session:
        first = asyncio.create_task(hook.call(session, review(endless)))
        assert (await hook.call(session, review(good_slo())))["allowed"]
        late = await first
        assert late["allowed"]
        assert late["warnings"] == [
            "SLO shop/endless: not checked, there was no time: see its status, or `binnacle check`."
        ]
        # A change beside the spec need not wait, whoever is busy.
        assert "warnings" not in await hook.call(session, review(endless, endless))
        # Also when every thread is taken there is an answer, and then at once.
        assert all(
            one["allowed"] for one in await asyncio.gather(*(hook.call(session, review(endless)) for _ in range(8)))
        )
        assert hook.server._threads.stuck
        assert "no time" in (await hook.call(session, review(good_slo())))["warnings"][0]
        assert hook.count("webhook_verdicts_total", kind="SLO", verdict="unchecked") >= 10
        let_go.set()
        async with asyncio.timeout(PATIENCE):
            while "warnings" in await hook.call(session, review(good_slo())):
                pass


async def test_a_defect_passes_and_its_text_is_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def judge(_body: Body, _before: Body | None) -> Verdict:
        raise KeyError("a secret of the spec")

    async with serving(tmp_path, judge) as hook, hook.caller() as session:
        answer = await hook.call(session, review(good_slo()))
        assert answer["allowed"]
        assert "not checked, by a defect of Binnacle (KeyError)" in answer["warnings"][0]
    assert "a secret" not in caplog.text
    assert "not checked" in caplog.text


# -- slow and silent clients -----------------------------------------------------------------------------------------


async def connected(hook: Hook) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", hook.server.port, ssl=hook.mounted.trust)


async def test_slow_and_silent_clients_are_let_go_and_others_served(tmp_path: Path) -> None:
    limits = Limits(answer=8.0, reading=2.0, room=8 << 20)
    async with serving(tmp_path, limits=limits) as hook, hook.caller() as session:
        silent_reader, silent = await connected(hook)
        trickling_reader, trickling = await connected(hook)
        trickling.write(b"POST /validate HTTP/1.1\r\nHost: x\r\n")
        slow_reader, slow = await connected(hook)
        # It says that it will take all the room there is.
        slow.write(
            b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 8388608\r\n\r\n" + b'{"kind"'
        )
        assert (await hook.call(session, review(good_slo())))["allowed"]
        async with asyncio.timeout(PATIENCE):
            assert (await slow_reader.readline()).startswith(b"HTTP/1.1 503")
            assert await silent_reader.read() == b""
            assert await trickling_reader.read() == b""
        assert (await hook.call(session, review(good_slo())))["allowed"]
        for writer in (silent, trickling, slow):
            writer.close()


async def one_more(hook: Hook) -> None:
    reader, writer = await connected(hook)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    await reader.readexactly(1)


async def test_connections_are_bounded(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=Limits(answer=30.0, connections=3)) as hook:
        held = [await connected(hook) for _ in range(3)]
        async with asyncio.timeout(PATIENCE):
            with pytest.raises((OSError, EOFError)):
                await one_more(hook)
        for _, writer in held:
            writer.close()
        async with hook.caller(keep=False) as session, asyncio.timeout(PATIENCE):
            while True:
                try:
                    await hook.call(session, review(good_slo()))
                except aiohttp.ClientError:
                    continue
                break


# -- certificates ----------------------------------------------------------------------------------------------------


def shown(hook: Hook) -> bytes:
    """The certificate that a new connection is shown, DER."""
    with (
        socket.create_connection(("127.0.0.1", hook.server.port), timeout=30) as plain,
        hook.mounted.trust.wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        return wrapped.getpeercert(binary_form=True) or b""


def der(pair: KeyPair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.certificate.decode())


async def test_a_certificate_is_replaced_without_a_failed_call(tmp_path: Path) -> None:
    async with serving(tmp_path) as hook, hook.caller(keep=False) as fresh, hook.caller() as kept:
        answered, rotated = 0, asyncio.Event()

        async def call(session: aiohttp.ClientSession, number: int) -> None:
            nonlocal answered
            while not rotated.is_set() or answered < 400:
                allowed = bool(number % 2)
                assert (await hook.call(session, review(good_slo() if allowed else broken())))["allowed"] is allowed
                answered += 1

        async def rotate() -> None:
            for _ in range(4):
                wanted = answered + 60
                await until(lambda wanted=wanted: answered >= wanted)
                pair = hook.mounted.rotate()
                async with asyncio.timeout(PATIENCE):
                    while await asyncio.to_thread(shown, hook) != der(pair):
                        pass
            rotated.set()

        calls = [call(fresh if number < 6 else kept, number) for number in range(8)]
        await asyncio.gather(rotate(), *calls)
        assert answered >= 400
        assert hook.count("certwatcher_read_certificate_total") == 5
        assert hook.count("certwatcher_read_certificate_errors_total") == 0
        assert hook.count("controller_runtime_webhook_requests_total", webhook="/validate", code="200") == answered


def half(pair: KeyPair, _other: KeyPair) -> KeyPair:
    return KeyPair(pair.certificate[: len(pair.certificate) // 2], pair.key)


def crossed(pair: KeyPair, other: KeyPair) -> KeyPair:
    return KeyPair(pair.certificate, other.key)


def empty(pair: KeyPair, _other: KeyPair) -> KeyPair:
    return KeyPair(b"", pair.key)


def locked(pair: KeyPair, _other: KeyPair) -> KeyPair:
    key = s.load_pem_private_key(pair.key, None)
    secret = s.BestAvailableEncryption(b"secret")
    return KeyPair(pair.certificate, key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, secret))


@pytest.mark.parametrize("spoil", [half, crossed, empty, locked])
async def test_a_certificate_that_cannot_be_used_leaves_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoil: Callable[[KeyPair, KeyPair], KeyPair]
) -> None:
    async with serving(tmp_path) as hook, hook.caller(keep=False) as session:
        before = await asyncio.to_thread(shown, hook)
        hook.mounted.rotate(spoil(hook.mounted.issue(), hook.mounted.issue()))
        await until(lambda: hook.count("certwatcher_read_certificate_errors_total") == 1)
        assert await asyncio.to_thread(shown, hook) == before
        assert (await hook.call(session, review(good_slo())))["allowed"]
        assert hook.server.missing == ""
        pair = hook.mounted.rotate()
        await until(lambda: hook.count("certwatcher_read_certificate_total") == 2)
        assert await asyncio.to_thread(shown, hook) == der(pair)
        # Said once, not at each look.
        assert hook.count("certwatcher_read_certificate_errors_total") == 1
    said = [one for one in caplog.records if "cannot be used; the one before stays" in one.getMessage()]
    assert len(said) == 1
    assert "PRIVATE" not in str(said[0].__dict__)


async def test_it_listens_when_the_certificate_comes(tmp_path: Path) -> None:
    async with serving(tmp_path, certificate=False) as hook, hook.caller() as session:
        assert hook.server.missing == "the webhook has no certificate that can be used yet"
        hook.mounted.rotate()
        await until(lambda: hook.server.missing == "")
        assert (await hook.call(session, review(good_slo())))["allowed"]


async def test_a_port_that_is_taken_is_named_and_tried_again(tmp_path: Path) -> None:
    hook = Hook(tmp_path, real_judge(), PATIENT)
    hook.mounted.rotate()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with hook.server.serving("127.0.0.1", port):
            assert hook.server.missing.startswith(f"the webhook cannot listen on port {port}: ")
            taken.close()
            await until(lambda: hook.server.missing == "")
            async with hook.caller() as session:
                assert (await hook.call(session, review(good_slo())))["allowed"]


async def test_a_call_under_way_is_answered_at_the_end(tmp_path: Path) -> None:
    begun, let_go = threading.Event(), threading.Event()

    def judge(_body: Body, _before: Body | None) -> Verdict:
        begun.set()
        let_go.wait(60)
        return TAKEN

    hook = Hook(tmp_path, judge, PATIENT)
    hook.mounted.rotate()
    async with hook.caller() as session:
        async with hook.server.serving("127.0.0.1", 0):
            call = asyncio.create_task(hook.call(session, review(good_slo())))
            await asyncio.to_thread(begun.wait, PATIENCE)
            asyncio.get_running_loop().call_later(0.2, let_go.set)
        assert (await call)["allowed"]


def test_the_answer_is_in_time_for_the_api_server() -> None:
    # It waits 5 s, and that begins before the call has arrived.
    assert Limits().answer < 5
    assert Limits().reading < Limits().answer
