"""An HTTP server on the loopback that answers what a test wants, byte by byte where it matters."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: the path, the parameters, the headers in lower case."""

    path: str
    parameters: Mapping[str, list[str]]
    headers: Mapping[str, str]


Responder = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Fake:
    """A running server; `requests` is what it was asked so far."""

    url: str
    requests: list[Request] = field(default_factory=list)


@asynccontextmanager
async def serving(respond: Responder) -> AsyncIterator[Fake]:
    """Serve until the block ends; `respond` writes the whole answer, after which the connection is closed."""
    fake = Fake("")

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            target = urlsplit(head[0].split(" ")[1])
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            request = Request(target.path, parse_qs(target.query), headers)
            fake.requests.append(request)
            await respond(request, writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client had enough
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield fake
    finally:
        server.close()


def answer(body: bytes | str | Any, status: str = "200 OK", kind: str = "application/json", **headers: str) -> bytes:
    """Return a whole HTTP answer; a body that is neither bytes nor text is sent as JSON."""
    if not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def success(data: Any, **more: Any) -> dict[str, Any]:
    """Return the API's envelope."""
    return {"status": "success", "data": data, **more}


def rule_group(name: str, *rules: Mapping[str, Any], interval: float = 60) -> dict[str, Any]:
    """Return a rule group as the API lists it."""
    return {
        "name": name,
        "file": f"/rules/{name}.yaml",
        "rules": list(rules) or [rule("slo:objective:ratio")],
        "interval": interval,
        "limit": 0,
        "evaluationTime": 0.0008,
        "lastEvaluation": "2026-11-21T11:00:00.123456789Z",
    }


def rule(name: str, health: str = "ok", error: str = "") -> dict[str, Any]:
    """Return a recording rule as the API lists it."""
    shown = {
        "name": name,
        "query": f'{{__name__="{name}"}} > 0 or vector(0) # "groups":[',
        "labels": {"slo": "checkout", "slo_namespace": "shop"},
        "health": health,
        "evaluationTime": 0.0002,
        "lastEvaluation": "2026-11-21T11:00:00.123456789Z",
        "type": "recording",
    }
    return shown | ({"lastError": error} if error else {})


def vector(samples: Iterable[tuple[Mapping[str, str], float | str]]) -> dict[str, Any]:
    """Return an instant vector as the API gives it."""
    return {
        "resultType": "vector",
        "result": [{"metric": dict(labels), "value": [1_763_000_000.5, str(value)]} for labels, value in samples],
    }


@dataclass
class Backend:
    """A well-behaved fake: rule groups, and the samples of each series by the name that occurs in the query."""

    groups: list[dict[str, Any]] = field(default_factory=list)
    samples: dict[str, list[tuple[Mapping[str, str], float | str]]] = field(default_factory=dict)
    filters: bool = True
    pages: bool = False
    reloaded: bool | None = True
    warnings: list[str] = field(default_factory=list)

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """Answer as Prometheus does."""
        match request.path.removeprefix("/prometheus"):
            case "/api/v1/rules":
                writer.write(answer(success(self._rules(request.parameters))))
            case "/api/v1/query":
                expression = request.parameters["query"][0]
                samples = [one for name, some in self.samples.items() if name in expression for one in some]
                more = {"warnings": self.warnings} if self.warnings else {}
                writer.write(answer(success(vector(samples), **more)))
            case "/api/v1/status/runtimeinfo" if self.reloaded is not None:
                writer.write(answer(success({"reloadConfigSuccess": self.reloaded, "goroutineCount": 40})))
            case _:
                writer.write(answer("404 page not found", "404 Not Found", "text/plain"))

    def _rules(self, parameters: Mapping[str, list[str]]) -> dict[str, Any]:
        groups = self.groups
        if self.filters and (wanted := parameters.get("rule_group[]")):
            groups = [one for one in groups if one["name"] in wanted]
        if not self.pages or "group_limit" not in parameters:
            return {"groups": groups}
        start = int(parameters.get("group_next_token", ["0"])[0])
        end = start + int(parameters["group_limit"][0])
        return {"groups": groups[start:end]} | ({"groupNextToken": str(end)} if end < len(groups) else {})
