"""Credentials: from where, renewed when refused, and never told; and what faults of the way become."""

import asyncio
import base64
import json
import logging
import tempfile
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from kubernetes.aio.config.incluster_config import InClusterConfigLoader

from binnacle.api.config import Config, RuleOutput
from binnacle.api.reasons import Reason
from binnacle.cluster import connection as connection_module
from binnacle.cluster.client import Client
from binnacle.cluster.connection import connect
from binnacle.cluster.leaseobject import LeaseObject
from binnacle.cluster.platform import resolve
from binnacle.cluster.refusals import Call
from binnacle.control.clock import SystemClock
from binnacle.errors import SpecError, TransientError
from cluster.front import Front
from cluster.objects import CONFIG_MAP
from servers.certificates import Authority
from servers.cluster import Cluster

SECRET = "s3cr3t-t0k3n"
CALL = Call("get", CONFIG_MAP, "default", "c")


def kubeconfig(path: Path, server: str, user: dict) -> str:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "here"}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(json.dumps(document))
    return str(path)


async def ask(path: str, observer: Callable[[str, str, float], None] | None = None) -> object:
    async with await connect(path, observer) as connection, connection.session(2) as session:
        return await Client(session).request("GET", CALL)


async def test_a_token_goes_with_each_request(front: Front, tmp_path: Path) -> None:
    counted: list[tuple[str, str]] = []
    path = kubeconfig(tmp_path / "k", front.url, {"token": SECRET})
    await ask(path, lambda method, code, _: counted.append((method, code)))
    assert front.seen[0].headers["Authorization"] == f"Bearer {SECRET}"
    assert front.seen[0].headers["User-Agent"].startswith("binnacle")
    assert counted == [("GET", "200")]
    async with await connect(path) as connection:
        assert connection.namespace == "here"


async def test_refused_credentials_are_read_again_once(front: Front, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    front.answer = lambda r: web.json_response({}, status=200 if r.headers["Authorization"] == "Bearer new" else 401)
    path = kubeconfig(tmp_path / "k", front.url, {"tokenFile": str(token)})
    async with await connect(path) as connection, connection.session(4) as session:
        client = Client(session)
        with pytest.raises(TransientError) as caught:
            await client.request("GET", CALL)
        assert caught.value.reason == Reason.PERMISSION_DENIED
        token.write_text("new")
        await asyncio.gather(*(client.request("GET", CALL) for _ in range(4)))
        before = len(front.seen)
        await client.request("GET", CALL)
        assert len(front.seen) == before + 1


async def test_an_exec_plugin_gives_the_token_and_gives_a_new_one_when_refused(front: Front, tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text(
        "#!/bin/sh\n"
        f'echo x >> "{tmp_path}/calls"\n'
        f'N=$(wc -l < "{tmp_path}/calls" | tr -d " ")\n'
        'echo "{\\"apiVersion\\":\\"client.authentication.k8s.io/v1\\",\\"kind\\":\\"ExecCredential\\",'
        '\\"status\\":{\\"token\\":\\"t$N\\"}}"\n'
    )
    plugin.chmod(0o700)
    user = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    }
    front.answer = lambda r: web.json_response({}, status=200 if r.headers["Authorization"] == "Bearer t2" else 401)
    await ask(kubeconfig(tmp_path / "k", front.url, user))
    assert [request.headers["Authorization"] for request in front.seen] == ["Bearer t1", "Bearer t2"]


async def test_a_pods_token_is_read_again(front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token, authority = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("first\n")
    authority.write_text("x")

    def in_cluster(configuration: object) -> None:
        environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": front.url.rpartition(":")[2]}
        loader = InClusterConfigLoader(str(token), str(authority), environ=environment)
        loader.load_and_set(configuration)
        configuration.host = front.url
        configuration.ssl_ca_cert = None

    monkeypatch.setattr(connection_module, "load_incluster_config", in_cluster)
    front.answer = lambda r: web.json_response({}, status=200 if r.headers["Authorization"] == "Bearer second" else 401)
    async with await connect() as connection, connection.session(2) as session:
        token.write_text("second\n")
        await Client(session).request("GET", CALL)
    assert [request.headers["Authorization"] for request in front.seen] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        f"token: {SECRET}\n  : bad: yaml",
        json.dumps({"users": [{"user": {"token": SECRET}}]}),
        json.dumps({"current-context": "x", "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                    "clusters": [{"name": "c", "cluster": {"server": "http://x"}}],
                    "users": [{"name": "u", "user": {"token": SECRET, "exec": {"apiVersion": SECRET}}}, {"user": SECRET}]}),
        json.dumps({"current-context": "x", "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                    "clusters": [], "users": [{"name": "u", "user": {"token": SECRET}}]}),
    ],
)  # fmt: skip
async def test_a_broken_kubeconfig_is_named_and_not_quoted(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "broken"
    path.write_text(text)
    refused: SpecError | None = None
    try:
        async with await connect(str(path)):
            pass
    except SpecError as error:
        refused = error
    assert refused is None or str(path) in str(refused)
    assert SECRET not in "".join(traceback.format_exception(refused))
    assert SECRET not in caplog.text


async def test_a_missing_kubeconfig_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="nothing-here"):
        await connect(str(tmp_path / "nothing-here"))


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a read-only root: the system has no place for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere"])


def with_certificates(path: Path) -> str:
    """A kubeconfig that has all certificates in it."""
    authority = Authority("an authority of its own")
    client = authority.issue("somebody", purpose="client")
    held = {name: base64.b64encode(data).decode() for name, data in (("c", client.certificate), ("k", client.key))}
    made = kubeconfig(path, "https://127.0.0.1:1", {"client-certificate-data": held["c"], "client-key-data": held["k"]})
    document = json.loads(path.read_text())
    cluster = document["clusters"][0]["cluster"]
    cluster["certificate-authority-data"] = base64.b64encode(authority.certificate).decode()
    path.write_text(json.dumps(document))
    return made


async def test_certificates_in_a_kubeconfig_need_no_writable_root(
    read_only: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr(connection_module, "_MEMORY", str(memory))
    async with await connect(with_certificates(tmp_path / "k")):
        held = sorted(memory.iterdir())
        assert len(held) == 3
        assert {one.stat().st_mode & 0o777 for one in held} == {0o600}


async def test_a_kubeconfig_whose_certificates_have_no_place_says_what_to_do(
    read_only: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "_MEMORY", str(tmp_path / "nowhere"))
    path = with_certificates(tmp_path / "k")
    with pytest.raises(SpecError, match="has certificates in it, and there is no folder") as refused:
        await connect(path)
    assert path in str(refused.value)
    assert "mount an emptyDir of medium Memory at /tmp" in refused.value.fix
    with pytest.raises(SpecError, match="cannot read how to reach the API server"):
        await connect(str(tmp_path / "nothing-here"))


async def test_no_kubeconfig_at_all_is_told_with_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection_module, "KUBE_CONFIG_DEFAULT_LOCATION", f"{tmp_path}/a:{tmp_path}/b")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(SpecError, match=f"no kubeconfig at {tmp_path}/a:{tmp_path}/b") as caught:
        await connect()
    assert "--kubeconfig" in str(caught.value.fix)
    assert caplog.text == ""


async def test_an_address_without_a_scheme_is_refused_in_words(tmp_path: Path) -> None:
    for server in ("api.example:6443", "api.example", "/etc"):
        with pytest.raises(SpecError, match="not a URL"):
            await connect(kubeconfig(tmp_path / "k", server, {"token": SECRET}))


async def test_throttling_and_outages_are_transient(front: Front, tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "k", front.url, {"token": SECRET})
    for status, header, wait in ((429, "7", 7.0), (503, "3", 3.0), (500, None, None), (504, "soon", None)):
        front.answer = lambda _, s=status, h=header: web.Response(
            status=s, headers={"Retry-After": h} if h else {}, text="<html>"
        )
        with pytest.raises(TransientError) as caught:
            await ask(path)
        assert caught.value.reason == Reason.API_SERVER_UNAVAILABLE
        assert caught.value.retry_after == wait


async def test_a_server_that_is_away_or_silent_is_transient_and_keeps_the_secret(
    front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TransientError) as caught:
        await ask(kubeconfig(tmp_path / "away", "http://127.0.0.1:1", {"token": SECRET}))
    assert caught.value.reason == Reason.API_SERVER_UNAVAILABLE
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    monkeypatch.setattr(connection_module, "REQUEST_SECONDS", 0.2)
    front.silent = True
    with pytest.raises(TransientError, match="in time") as caught:
        await ask(kubeconfig(tmp_path / "silent", front.url, {"token": SECRET}))
    assert caught.value.reason == Reason.API_SERVER_UNAVAILABLE


NO_ANSWERS = {
    "a page": (b"<html>sign in</html>", "text/html"),
    "nothing": (b"", "application/json"),
    "cut": (b'{"kind": "Lease", "meta', "application/json"),
    "a list": (b"[1]", "application/json"),
    "an empty object": (b"{}", "application/json"),
    "no text": (b"\xff\xfe", "application/json"),
    "nested": (b"[" * 200_000, "application/json"),
}


@pytest.mark.parametrize(("body", "kind"), NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
async def test_what_no_api_server_answers_is_transient(front: Front, tmp_path: Path, body: bytes, kind: str) -> None:
    """A proxy, a load balancer or a sign-in page in between answers 200 and means nothing by it."""
    front.answer = lambda _: web.Response(body=body, content_type=kind)
    path = kubeconfig(tmp_path / "k", front.url, {"token": SECRET})
    async with (
        await connect(path) as connection,
        connection.session(2) as session,
        connection.api_client() as api,
    ):
        client, lease = Client(session), LeaseObject(api, SystemClock(), "default", "binnacle", 15)
        asked: list[Awaitable[object]] = [lease.read(), lease.write("me", 1, None), client.serves("v1")]
        asked += [_all(client.metadata(CALL)), _all(client.objects(CALL))]
        if body != b"{}":
            asked.append(client.request("GET", CALL))
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(answer, TransientError), answer
            assert answer.reason == Reason.API_SERVER_UNAVAILABLE
            assert "proxy in between" in answer.message
            assert len(answer.message) < 200


async def _all(items: AsyncIterator[object]) -> list[object]:
    return [item async for item in items]


async def test_credentials_do_not_follow_a_redirect(front: Front, tmp_path: Path) -> None:
    reached: list[web.Request] = []

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        reached.append(request)
        return web.json_response({})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", elsewhere)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/there"
        front.answer = lambda _: web.Response(status=307, headers={"Location": url})
        path = kubeconfig(tmp_path / "k", front.url, {"token": SECRET})
        with pytest.raises(TransientError):
            await ask(path)
        assert reached == []
        # kopf's requests follow redirects.
        async with await connect(path) as connection, connection.session(2) as session, session.get("/x") as answer:
            assert answer.status == 200
        assert ["Authorization" in request.headers for request in reached] == [False]
        assert front.seen[-1].headers["Authorization"] == f"Bearer {SECRET}"
    finally:
        await runner.cleanup()


async def test_auto_is_decided_by_what_the_cluster_has(
    cluster: Cluster, client: Client, request: pytest.FixtureRequest
) -> None:
    config = Config.from_data({})
    fixed = Config.from_data({"prometheus": {"output": "operator"}})
    assert (await resolve(config, client)).prometheus.output is RuleOutput.CONFIG_MAP
    assert await resolve(fixed, client) is fixed
    request.getfixturevalue("prometheus_operator_crds")
    assert (await resolve(config, client)).prometheus.output is RuleOutput.OPERATOR
