"""One watch and what its API server may do to it that a healthy one does not."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web

from binnacle.cluster.client import Client
from binnacle.cluster.connection import connect
from binnacle.cluster.streaming import Pace, Streaming
from binnacle.cluster.watches import Phase, Watch
from binnacle.targets.base import Resource
from cluster.front import Front
from cluster.objects import CONFIG_MAP, SLO
from servers.cluster import Credentials, write_kubeconfig
from servers.waiting import eventually_async

SOON = Pace(backoff=0.05, last_backoff=0.05, absent=0.05, answer=5.0, stuck=2.5)
FORBIDDEN = {"kind": "Status", "code": 403, "message": "no"}


class Api:
    """An API server of one kind: each list and each stream is answered as the next of a script says, the last one for ever."""

    def __init__(self, front: Front, lists: list[Callable[[], web.Response]], streams: list[list[dict]] | None = None):
        self.lists, self.streams = lists, streams or [[]]
        self.served = True
        self.asked: list[str] = []
        # What must have come about before a stream that has begun brings anything.
        self.noticed: Callable[[], object] = lambda: True
        self._front = front
        front.handle = self.handle  # type: ignore[method-assign]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.rpartition("/")[2] not in (CONFIG_MAP.plural, SLO.plural):
            resources = [{"name": SLO.plural, "kind": SLO.kind}] if self.served else []
            return web.json_response({"kind": "APIResourceList", "resources": resources})
        if "watch" not in request.query:
            self.asked.append("list")
            return (self.lists.pop(0) if len(self.lists) > 1 else self.lists[0])()
        version = request.query["resourceVersion"]
        self.asked.append(f"watch from {version}")
        response = web.StreamResponse()
        await response.prepare(request)
        last = len(self.streams) == 1
        # Something at once: this server keeps its headers until there is something behind them.
        begun = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}
        events = self.streams[0] if last else self.streams.pop(0)
        await response.write(json.dumps(begun).encode() + b"\n")
        await eventually_async(self.noticed, every=0.01)
        for event in events:
            await response.write(json.dumps(event).encode() + b"\n")
        if last:
            await self._front.over.wait()
        return response


class Heard:
    """A watch at work, and all that it has told."""

    def __init__(self, streaming: Callable[..., Streaming]):
        self.told: list[str] = []
        self.watch = streaming(
            deliver=lambda event: self.told.append(type(event).__name__),
            synced=lambda: self.told.append("Synced"),
            trouble=lambda _reason, _message: self.told.append("Trouble"),
        )

    async def until(self, condition: Callable[[], object]) -> None:
        await eventually_async(condition, every=0.01)


@contextlib.asynccontextmanager
async def hearing(front: Front, tmp_path: Path, resource: Resource = CONFIG_MAP) -> AsyncIterator[Heard]:
    path = write_kubeconfig(tmp_path / "kubeconfig", server=front.url, authority=b"", user=Credentials(token="t"))
    async with await connect(str(path)) as connection, connection.session(2) as session:
        heard = Heard(
            lambda **tell: Streaming(
                Watch(resource),
                connection,
                Client(session),
                listed=lambda: None,
                streamed=lambda: None,
                clock=time.monotonic,
                random=lambda: 0.5,
                pace=SOON,
                **tell,
            )
        )
        task = asyncio.create_task(heard.watch.run())
        try:
            yield heard
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def listed(*names: str, version: str = "7") -> Callable[[], web.Response]:
    items = [one(name) for name in names]
    return lambda: web.json_response({"kind": "List", "metadata": {"resourceVersion": version}, "items": items})


def one(name: str, version: str = "1") -> dict:
    return {"metadata": {"name": name, "namespace": "n", "uid": name, "resourceVersion": version}}


def refused(status: int, **headers: str) -> Callable[[], web.Response]:
    return lambda: web.json_response(FORBIDDEN, status=status, headers=headers)


async def test_a_stream_goes_on_from_where_it_ended_and_is_listed_anew_where_history_is_forgotten(
    front: Front, tmp_path: Path
) -> None:
    forgotten = {"type": "ERROR", "object": {"kind": "Status", "code": 410}}
    streams = [[{"type": "ADDED", "object": one("c", "9")}], [forgotten], []]
    api = Api(front, [listed("a", "b"), listed("b", "c", version="12")], streams)
    async with hearing(front, tmp_path) as heard:
        api.noticed = lambda: "Synced" in heard.told
        await heard.until(lambda: heard.told.count("Synced") == 2)
    assert api.asked == ["list", "watch from 7", "watch from 9", "list", "watch from 12"]
    assert heard.told == ["Present", "Present", "Synced", "Present", "Present", "Present", "Gone", "Synced"]


async def test_whoever_asks_for_patience_is_not_waited_for_without_end(front: Front, tmp_path: Path) -> None:
    api = Api(front, [refused(429, **{"Retry-After": "3600"}), listed("a")])
    async with hearing(front, tmp_path) as heard:
        await heard.until(lambda: heard.watch.state().error)
        assert "answered 429" in heard.watch.state().error
        await heard.until(lambda: "no attempt for" in heard.watch.state().error or heard.told)
        assert heard.watch.state().healthy
        await heard.until(lambda: heard.told == ["Present", "Synced"])
        assert api.asked[:2] == ["list", "list"]
        # A stream that is open has all the time in the world.
        await asyncio.sleep(SOON.stuck + 0.5)
        assert heard.watch.state().phase is Phase.RUNNING
    assert len(api.asked) == 3


async def test_a_kind_that_was_refused_and_went_is_told_as_refused_when_it_is_back(
    front: Front, tmp_path: Path
) -> None:
    api = Api(front, [refused(403)])
    async with hearing(front, tmp_path, SLO) as heard:
        await heard.until(lambda: heard.told == ["Trouble"])
        assert not heard.watch.state().synced
        api.served = False
        await heard.until(lambda: "Synced" in heard.told)
        assert heard.watch.state().phase is Phase.ABSENT
        api.served = True
        await heard.until(lambda: heard.told.count("Trouble") == 2)
        assert not heard.watch.state().synced


async def test_what_is_wrong_now_is_said_and_not_what_was(front: Front, tmp_path: Path) -> None:
    def torn() -> web.Response:
        return web.Response(body=b'{"items": [', content_type="application/json")

    Api(front, [refused(503), refused(503), torn])
    async with hearing(front, tmp_path) as heard:
        await heard.until(lambda: "answered 503" in heard.watch.state().error)
        await heard.until(lambda: "JSONDecodeError" in heard.watch.state().error)
        assert heard.watch.state().phase is Phase.RETRYING
        assert not heard.told


async def test_a_list_that_breaks_off_is_said_to(front: Front, tmp_path: Path) -> None:
    def short() -> web.Response:
        response = web.Response(body=b'{"items": []}', content_type="application/json")
        response.headers["Content-Length"] = "5000"
        response.force_close()
        return response

    Api(front, [short, short, listed("a")])
    async with hearing(front, tmp_path) as heard:
        await heard.until(lambda: "the list of configmaps in all namespaces broke off" in heard.watch.state().error)
        await heard.until(lambda: heard.told == ["Present", "Synced"])
        assert not heard.watch.state().error


@pytest.mark.parametrize("body", [{}, {"metadata": {}}, {"metadata": {"uid": "u"}}, []])
async def test_an_event_that_is_no_object_ends_the_stream_and_not_the_operator(
    front: Front, tmp_path: Path, body: object
) -> None:
    nonsense: dict = {"type": "ADDED", "object": body}
    api = Api(front, [listed("a")], [[nonsense], []])
    async with hearing(front, tmp_path) as heard:
        api.noticed = lambda: "Synced" in heard.told
        await heard.until(lambda: heard.told.count("Synced") == 2)
        assert heard.told == ["Present", "Synced"] * 2
    assert api.asked.count("list") == 2
