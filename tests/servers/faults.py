"""A proxy in front of a real API server that does to chosen requests what networks, servers and administrators do.

It ends TLS with a certificate of the same authority and passes on whatever credentials a request carries, so the API
server behind it authorizes, stores and audits as ever. What becomes of a request is scripted by `Faulty.suffering`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from servers.background import Background
from servers.certificates import KeyPair

# Connections that are ended in the middle of an answer are no news here.
_UNHEARD = logging.getLogger("servers.faults.unheard")
_UNHEARD.disabled = True
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "upgrade"})
_LARGEST = 2**24


@dataclass(frozen=True, slots=True)
class Asked:
    """One request in the words of RBAC."""

    verb: str
    resource: str
    namespace: str
    name: str
    subresource: str
    group: str = ""

    @classmethod
    def of(cls, request: web.BaseRequest) -> Asked:
        """Read it off a request; `resource` is empty for what is about no resource, such as discovery."""
        parts = request.path.strip("/").split("/")
        group, parts = ("", parts[2:]) if parts[0] == "api" else (parts[1] if len(parts) > 1 else "", parts[3:])
        namespace = ""
        if len(parts) > 2 and parts[0] == "namespaces":
            namespace, parts = parts[1], parts[2:]
        resource, name, subresource = (*parts, "", "", "")[:3]
        read = "watch" if "watch" in request.query else "get" if name else "list"
        verbs = {"GET": read, "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
        return cls(verbs.get(request.method, request.method), resource, namespace, name, subresource, group)


class Exchange:
    """One request on its way, for those who decide what becomes of it."""

    def __init__(
        self,
        request: web.Request,
        session: aiohttp.ClientSession,
        target: str,
        lifted: asyncio.Event,
        note: Callable[[Asked, int], None],
    ):
        self.request = request
        self.asked = Asked.of(request)
        self.lifted = lifted
        self._session = session
        self._target = target
        self._note = note

    @contextlib.asynccontextmanager
    async def forwarded(self) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send the request on; gives the answer while its body is still coming."""
        headers = {key: value for key, value in self.request.headers.items() if key.lower() not in _HOP}
        url = f"{self._target}{self.request.raw_path}"
        body = await self.request.read()
        async with self._session.request(
            self.request.method, URL(url, encoded=True), headers=headers, data=body or None
        ) as answer:
            self._note(self.asked, answer.status)
            yield answer

    async def begin(self, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        """Begin to answer as the server did."""
        headers = {key: value for key, value in answer.headers.items() if key.lower() not in _HOP}
        response = web.StreamResponse(status=answer.status, headers=headers)
        response.enable_chunked_encoding()
        await response.prepare(self.request)
        return response

    def abort(self) -> web.StreamResponse:
        """End the connection without a word."""
        if self.request.transport is not None:
            self.request.transport.abort()
        return web.Response(status=502)


Suffering = Callable[[Exchange], Awaitable[web.StreamResponse]]
"""What becomes of a request."""


async def passed(exchange: Exchange) -> web.StreamResponse:
    """Nothing happens to it."""
    async with exchange.forwarded() as answer:
        response = await exchange.begin(answer)
        async for piece in answer.content.iter_any():
            await response.write(piece)
        return response


async def cut(exchange: Exchange) -> web.StreamResponse:
    """The connection ends, and the server never hears of the request."""
    return exchange.abort()


async def lost(exchange: Exchange) -> web.StreamResponse:
    """The server does what was asked, and its answer never arrives."""
    async with exchange.forwarded() as answer:
        await answer.read()
    return exchange.abort()


async def half_open(exchange: Exchange) -> web.StreamResponse:
    """The other side is gone without a word: nothing comes back until the fault is over, and then a reset."""
    await exchange.lifted.wait()
    return exchange.abort()


def paused(seconds: float) -> Suffering:
    """The server takes its time before it begins to answer."""

    async def suffer(exchange: Exchange) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await passed(exchange)

    return suffer


def slow(seconds: float, pieces: int = 10) -> Suffering:
    """The body comes in drops: each answer takes `seconds` or more; what comes at once in a stream, a fifth of that."""

    async def drip(response: web.StreamResponse, body: bytes, time: float) -> None:
        size = max(1, -(-len(body) // pieces))
        for at in range(0, len(body), size):
            await response.write(body[at : at + size])
            await asyncio.sleep(time / pieces)

    async def suffer(exchange: Exchange) -> web.StreamResponse:
        async with exchange.forwarded() as answer:
            response = await exchange.begin(answer)
            if exchange.asked.verb != "watch":
                await drip(response, await answer.read(), seconds)
                return response
            async for body in answer.content.iter_any():
                await drip(response, body, seconds / 5)
            return response

    return suffer


def answered(status: int, reason: str, message: str, **headers: str) -> Suffering:
    """The server refuses with a `Status` object."""

    async def suffer(exchange: Exchange) -> web.StreamResponse:
        asked = exchange.asked
        text = message.format(asked=asked)
        body = {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": status, "reason": reason}
        return web.json_response({**body, "message": text, "metadata": {}}, status=status, headers=headers)

    return suffer


FORBIDDEN = answered(
    403,
    "Forbidden",
    '{asked.resource} "{asked.name}" is forbidden: User "test" cannot {asked.verb} resource "{asked.resource}"',
)
EXPIRED = answered(410, "Expired", "too old resource version: 1 (2)")


async def forgotten(exchange: Exchange) -> web.StreamResponse:
    """A stream opens, says that the version it was asked for is too old, and ends."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    await response.prepare(exchange.request)
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 410}
    event = {"type": "ERROR", "object": {**status, "reason": "Expired", "message": "too old resource version: 1 (2)"}}
    await response.write(json.dumps(event).encode() + b"\n")
    return response


async def twice(exchange: Exchange) -> web.StreamResponse:
    """Every event of a stream comes twice."""
    async with exchange.forwarded() as answer:
        response = await exchange.begin(answer)
        while line := await answer.content.readline():
            await response.write(line + line)
        return response


class Faulty:
    """The proxy. It passes everything on until told otherwise.

    Args:
        target: URL of the API server.
        authority: certificate (PEM) that signs the API server's own.
        pair: certificate and key of the proxy itself, for 127.0.0.1.
    """

    def __init__(self, target: str, authority: bytes, pair: KeyPair) -> None:
        self._target = target
        self._authority = authority
        self._pair = pair
        self._background = Background()
        self._rule: tuple[Callable[[Asked], bool], Suffering] | None = None
        self._streams: set[asyncio.Transport] = set()
        self._lifted = asyncio.Event()
        self.url = ""
        self.hits: Counter[str] = Counter()
        """Verb -> requests that have suffered from the last fault."""
        self.used: set[tuple[Asked, int]] = set()
        """Every request that the server was asked, names left out, with the status of its answer."""

    @contextlib.contextmanager
    def suffering(self, which: Callable[[Asked], bool], how: Suffering) -> Iterator[None]:
        """Let this become of the requests of a kind for a while; streams that are open end, so that they meet it too."""
        self.hits = Counter()
        self._background.run(self._set((which, how)))
        try:
            yield
        finally:
            self._background.run(self._set(None))

    async def _set(self, rule: tuple[Callable[[Asked], bool], Suffering] | None) -> None:
        self._lifted.set()
        self._lifted = asyncio.Event()
        self._rule = rule
        for transport in list(self._streams):
            transport.abort()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        exchange = Exchange(request, self._session, self._target, self._lifted, self._note)
        how: Suffering = passed
        if self._rule is not None and self._rule[0](exchange.asked):
            self.hits[exchange.asked.verb] += 1
            how = self._rule[1]
        stream = request.transport if exchange.asked.verb == "watch" else None
        if stream is not None:
            self._streams.add(stream)
        try:
            return await how(exchange)
        except (aiohttp.ClientError, ConnectionError):
            return exchange.abort()
        finally:
            if stream is not None:
                self._streams.discard(stream)

    def _note(self, asked: Asked, status: int) -> None:
        self.used.add((replace(asked, name=""), status))

    async def _start(self) -> None:
        trusted = ssl.create_default_context(cadata=self._authority.decode())
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=trusted),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        application = web.Application(client_max_size=_LARGEST)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, logger=_UNHEARD, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls())
        await site.start()
        self.url = f"{urlsplit(self._target).scheme}://127.0.0.1:{self._runner.addresses[0][1]}"

    def _tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "pair.pem"
            file.touch(mode=0o600)
            file.write_bytes(self._pair.certificate + self._pair.key)
            context.load_cert_chain(file)
        return context

    async def _stop(self) -> None:
        await self._set(None)
        await self._runner.cleanup()
        await self._session.close()

    def __enter__(self) -> Self:
        self._background.__enter__()
        self._background.run(self._start())
        return self

    def __exit__(self, *problem: Any) -> None:
        self._background.run(self._stop())
        self._background.__exit__(*problem)
