"""What becomes of requests on their way to a server: the behaviours that `Faulty.suffering` is scripted with."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

from aiohttp import web

from servers.faults import Exchange, Suffering, passed

_EXPIRED = "too old resource version: 1 (2)"
_STATUS = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 410}
_GONE = json.dumps({"type": "ERROR", "object": {**_STATUS, "reason": "Expired", "message": _EXPIRED}}).encode() + b"\n"
_NEIGHBOURS = 0.3
"""Seconds that an event is held back for the next one."""
_PAGE = "<html><head><title>Sign in</title></head><body>to continue</body></html>"


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


def late(seconds: float) -> Suffering:
    """The server does at once what was asked, and its answer takes its time."""

    async def suffer(exchange: Exchange) -> web.StreamResponse:
        async with exchange.forwarded() as answer:
            await asyncio.sleep(seconds)
            return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)

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
EXPIRED = answered(410, "Expired", _EXPIRED)


async def garbage(exchange: Exchange) -> web.StreamResponse:
    """Somebody in between answers 200 with a page of their own; in place of a stream, with a line that is no event."""
    if exchange.asked.verb == "watch":
        return await _lines(exchange, b"<html>\n")
    return web.Response(text=_PAGE, content_type="text/html")


def without(field: str) -> Suffering:
    """The server does not know a field of specs yet, or not any more, and leaves it out of whatever it tells."""

    async def suffer(exchange: Exchange) -> web.StreamResponse:
        async with exchange.forwarded() as answer:
            if exchange.asked.verb != "watch":
                return web.json_response(_pruned(await answer.json(), field), status=answer.status)
            response = await exchange.begin(answer)
            while line := await answer.content.readline():
                await response.write(json.dumps(_pruned(json.loads(line), field)).encode() + b"\n")
            return response

    return suffer


def _pruned(value: Any, field: str) -> Any:
    """Return an object, a list of objects or an event without a field of their specs."""
    if "object" in value:
        return {**value, "object": _pruned(value["object"], field)}
    if "items" in value:
        return {**value, "items": [_pruned(one, field) for one in value["items"]]}
    if not isinstance(value.get("spec"), dict):
        return value
    return {**value, "spec": {name: part for name, part in value["spec"].items() if name != field}}


async def torn(exchange: Exchange) -> web.StreamResponse:
    """The connection ends in the middle of an answer, of a stream in the middle of its first event."""
    async with exchange.forwarded() as answer:
        response = await exchange.begin(answer)
        stream = exchange.asked.verb == "watch"
        body = await (answer.content.readline() if stream else answer.read())
        await response.write(body[: len(body) // 2] or b"{")
    return exchange.abort()


async def halved(exchange: Exchange) -> web.StreamResponse:
    """An answer that ends in order after half of its body."""
    async with exchange.forwarded() as answer:
        body = await answer.read()
        return web.Response(status=answer.status, body=body[: len(body) // 2], content_type=answer.content_type)


async def endless(exchange: Exchange) -> web.StreamResponse:
    """The elements of an answer of Prometheus go on for as long as somebody reads them."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    await response.prepare(exchange.request)
    member = {"rules": "groups", "query": "result"}.get(exchange.asked.resource, "activeTargets")
    await response.write(f'{{"status": "success", "data": {{"resultType": "vector", "{member}": ['.encode())
    rule = {"name": "r", "query": "vector(1)", "health": "ok", "type": "recording"}
    group = {"name": "nobody's", "interval": 1, "rules": [rule] * 20, "metric": {}, "value": [0, "1"]}
    piece = (json.dumps(group) + ",").encode() * 20
    while True:
        await response.write(piece)


def bursts(*statuses: int, seconds: float = 1.5, pause: float = 1.0) -> Suffering:
    """Failures for some seconds, in turn, then none for a pause, and so on; a 502 and a 504 are a proxy's own."""
    turn = itertools.cycle(statuses)
    began: list[float] = []

    async def suffer(exchange: Exchange) -> web.StreamResponse:
        now = asyncio.get_running_loop().time()
        began.append(now)
        del began[1:]
        if (now - began[0]) % (seconds + pause) > seconds:
            return await passed(exchange)
        status = next(turn)
        if status in (502, 504):
            return web.Response(status=status, text=_PAGE, content_type="text/html")
        return await answered(status, "InternalError", "a burst of failures")(exchange)

    return suffer


async def forgotten(exchange: Exchange) -> web.StreamResponse:
    """A stream opens, says that the version it was asked for is too old, and ends."""
    return await _lines(exchange, _GONE)


async def _lines(exchange: Exchange, *lines: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    await response.prepare(exchange.request)
    for line in lines:
        await response.write(line)
    return response


async def twice(exchange: Exchange) -> web.StreamResponse:
    """Every event of a stream comes twice."""
    async with exchange.forwarded() as answer:
        response = await exchange.begin(answer)
        while line := await answer.content.readline():
            await response.write(line + line)
        return response


async def swapped(exchange: Exchange) -> web.StreamResponse:
    """Neighbouring events of a stream come the other way round, where they are of different objects.

    Never an end between the two: a client that goes on from the last version it saw would rightly miss one.
    """
    async with exchange.forwarded() as answer:
        response = await exchange.begin(answer)

        def read() -> asyncio.Task[bytes]:
            return asyncio.ensure_future(answer.content.readline())

        coming = read()
        try:
            while line := await coming:
                coming = read()
                await asyncio.wait({coming}, timeout=_NEIGHBOURS)
                after = coming.result() if coming.done() else b""
                if after and _uid(after) != _uid(line):
                    line, coming = after + line, read()
                await response.write(line)
        finally:
            coming.cancel()
        return response


def _uid(line: bytes) -> str:
    # A bookmark has none, and stays behind what it speaks of: its version is that of all events before it.
    return str(json.loads(line)["object"]["metadata"].get("uid", ""))


def stale(version: str) -> Suffering:
    """Every list is answered with the state of an earlier version; its stream then tells what has happened since.

    The first stream from there ends, as forgotten, after its first news: the next list is older than what was told.
    """
    ended: set[str] = set()

    async def suffer(exchange: Exchange) -> web.StreamResponse:
        asked, query = exchange.asked, exchange.request.query
        if asked.verb == "list":
            if "continue" in query:
                return await passed(exchange)
            exact = {"resourceVersion": version, "resourceVersionMatch": "Exact"}
            return await passed(exchange, **exact)
        if query.get("resourceVersion") != version:
            return await forgotten(exchange)
        if asked.resource in ended:
            return await passed(exchange)
        async with exchange.forwarded() as answer:
            response = await exchange.begin(answer)
            while line := await answer.content.readline():
                await response.write(line)
                if json.loads(line)["type"] != "BOOKMARK":
                    ended.add(asked.resource)
                    await response.write(_GONE)
                    break
            return response

    return suffer
