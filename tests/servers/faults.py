"""A proxy in front of a real server that does to chosen requests what networks, servers and administrators do.

In front of an API server it ends TLS with a certificate of the same authority and passes on whatever credentials a
request carries, so the server behind it authorizes, stores and audits as ever. What becomes of a request is scripted by
`Faulty.suffering`, in the words of `servers.sufferings`.
"""

from __future__ import annotations

import asyncio
import contextlib
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
        self.flowing = asyncio.Event()
        self.flowing.set()
        self._session = session
        self._target = target
        self._note = note

    @contextlib.asynccontextmanager
    async def forwarded(self, **query: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send the request on, with more in its query; gives the answer while its body is still coming."""
        headers = {key: value for key, value in self.request.headers.items() if key.lower() not in _HOP}
        url = URL(f"{self._target}{self.request.raw_path}", encoded=True)
        url = url.update_query(query) if query else url
        body = await self.request.read()
        async with self._session.request(self.request.method, url, headers=headers, data=body or None) as answer:
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


async def passed(exchange: Exchange, **query: str) -> web.StreamResponse:
    """Nothing happens to it, but for what is added to its query."""
    async with exchange.forwarded(**query) as answer:
        response = await exchange.begin(answer)
        async for piece in answer.content.iter_any():
            await exchange.flowing.wait()
            await response.write(piece)
        return response


class Faulty:
    """The proxy. It passes everything on until told otherwise.

    Args:
        target: URL of the server.
        authority: certificate (PEM) that signs the server's own; None where it speaks plain HTTP.
        pair: certificate and key of the proxy itself, for 127.0.0.1; None for plain HTTP.
    """

    def __init__(self, target: str, authority: bytes | None = None, pair: KeyPair | None = None) -> None:
        self._target = target
        self._authority = authority
        self._pair = pair
        self._background = Background()
        self._rule: tuple[Callable[[Asked], bool], Suffering] | None = None
        self._streams: dict[asyncio.Transport, Exchange] = {}
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

    @contextlib.contextmanager
    def silent(self, which: Callable[[Asked], bool]) -> Iterator[None]:
        """Nothing more comes over the streams that are open, and nothing says so; new requests meet no trouble."""
        self.hits = Counter()
        self._background.run(self._silence(which))
        try:
            yield
        finally:
            self._background.run(self._set(None))

    async def _set(self, rule: tuple[Callable[[Asked], bool], Suffering] | None) -> None:
        self._lifted.set()
        self._lifted = asyncio.Event()
        self._rule = rule
        for transport, exchange in list(self._streams.items()):
            exchange.flowing.set()
            with contextlib.suppress(
                AttributeError
            ):  # of early releases of Python 3.11, where it has been closed twice
                transport.abort()

    async def _silence(self, which: Callable[[Asked], bool]) -> None:
        for exchange in self._streams.values():
            if which(exchange.asked):
                self.hits[exchange.asked.verb] += 1
                exchange.flowing.clear()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        exchange = Exchange(request, self._session, self._target, self._lifted, self._note)
        how: Suffering = passed
        if self._rule is not None and self._rule[0](exchange.asked):
            self.hits[exchange.asked.verb] += 1
            how = self._rule[1]
        stream = request.transport if exchange.asked.verb == "watch" else None
        if stream is not None:
            self._streams[stream] = exchange
        try:
            return await how(exchange)
        except (aiohttp.ClientError, ConnectionError):
            return exchange.abort()
        finally:
            if stream is not None:
                self._streams.pop(stream, None)

    def _note(self, asked: Asked, status: int) -> None:
        self.used.add((replace(asked, name=""), status))

    async def _start(self) -> None:
        trusted = ssl.create_default_context(cadata=self._authority.decode()) if self._authority else True
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

    def _tls(self) -> ssl.SSLContext | None:
        if self._pair is None:
            return None
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
