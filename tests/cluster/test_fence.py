"""What has not left this process when the lease goes never leaves, and what has left does not arrive much later."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession

from binnacle.cluster.client import Client
from binnacle.cluster.connection import connect
from binnacle.cluster.fence import Fence
from binnacle.cluster.refusals import Call
from binnacle.errors import TransientError
from cluster.objects import CONFIG_MAP
from servers.cluster import Credentials, write_kubeconfig
from servers.waiting import PATIENCE

pytestmark = pytest.mark.thorough

Take = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
READ, WRITE = Call("get", CONFIG_MAP, "default", "c"), Call("patch", CONFIG_MAP, "default", "c")
LARGE = b'{"data":"' + b"x" * 2**24 + b'"}'
"""More than the sockets between take in before somebody reads."""


class Server:
    """Takes connections and writes down what arrives on each; reads and answers only when told to."""

    def __init__(self) -> None:
        self.received: list[bytearray] = []
        self.reads, self.answers = asyncio.Event(), asyncio.Event()
        self.arrived, self.ended = asyncio.Event(), asyncio.Event()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = bytearray()
        self.received.append(received)
        with contextlib.suppress(OSError):
            while data := await reader.read(2**16):
                received += data
                self.arrived.set()
                await self.reads.wait()
                if received.endswith((b"\r\n\r\n", b'"}')):
                    await self.answers.wait()
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        self.ended.set()
        writer.close()


@asynccontextmanager
async def session_with(
    path: Path, take: Take, *, limit: int = 1
) -> AsyncIterator[tuple[ClientSession, asyncio.Server]]:
    """A session with a server that does `take` with each connection, and the server."""
    listening = await asyncio.start_server(take, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    write_kubeconfig(path / "kubeconfig", server=url, authority=b"", user=Credentials(token="t"))
    async with (
        await connect(str(path / "kubeconfig")) as connection,
        connection.session(limit, unacknowledged=1.0) as session,
    ):
        yield session, listening
    listening.close()


@asynccontextmanager
async def clients(path: Path, left: list[float], *, limit: int = 1) -> AsyncIterator[tuple[Server, Client, Client]]:
    """A server, a client that reads and one that writes while there is time `left`; they share one connection."""
    server = Server()
    async with session_with(path, server.take, limit=limit) as (session, _):
        yield server, Client(session), Client(session, fence=Fence(lambda: left[0], 5.0))
    server.reads.set()
    server.answers.set()


async def test_a_write_that_waits_for_a_connection_is_not_sent_when_the_lease_has_gone(tmp_path: Path) -> None:
    left = [8.0]
    async with clients(tmp_path, left) as (server, reading, writing):
        server.reads.set()
        read = asyncio.create_task(reading.request("GET", READ))
        await asyncio.wait_for(server.arrived.wait(), PATIENCE)
        write = asyncio.create_task(writing.request("PATCH", WRITE, body=b'{"data":"x"}'))
        await asyncio.sleep(0)
        left[0] = 0.0
        server.answers.set()
        assert await read == {}
        with pytest.raises(TransientError, match="does not hold the lease"):
            await write
        assert await reading.request("GET", READ) == {}
    assert b"PATCH" not in b"".join(server.received)


async def test_a_large_write_ends_in_the_middle_when_the_lease_goes(tmp_path: Path) -> None:
    left = [8.0]
    async with clients(tmp_path, left) as (server, _, writing):
        write = asyncio.create_task(writing.request("PATCH", WRITE, body=LARGE))
        await asyncio.wait_for(server.arrived.wait(), PATIENCE)
        left[0] = 0.0
        server.reads.set()
        with pytest.raises(TransientError, match="does not hold the lease"):
            await write
        await asyncio.wait_for(server.ended.wait(), PATIENCE)
    assert b"Content-Length: %d" % len(LARGE) in server.received[0]
    assert len(server.received[0]) < len(LARGE)


async def test_the_server_is_told_when_to_give_up(tmp_path: Path) -> None:
    async with clients(tmp_path, [7.5]) as (server, _, writing):
        server.reads.set()
        server.answers.set()
        assert await writing.request("PATCH", WRITE, body=b'{"data":"x"}', params={"force": "true"}) == {}
    assert server.received[0].startswith(b"PATCH /api/v1/namespaces/default/configmaps/c?force=true&timeout=12500ms ")


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the system has no such option")
async def test_what_the_other_side_does_not_take_in_is_dropped(tmp_path: Path) -> None:
    async with clients(tmp_path, [60.0]) as (server, _, writing):
        with pytest.raises(TransientError, match="cannot reach the API server"):
            await asyncio.wait_for(writing.request("PATCH", WRITE, body=LARGE), PATIENCE)
        server.reads.set()
        await asyncio.wait_for(server.ended.wait(), PATIENCE)
    assert len(server.received[0]) < len(LARGE)


async def test_a_write_without_an_answer_counts_until_the_server_has_given_it_up(tmp_path: Path) -> None:
    now = 100.0
    fence = Fence(lambda: 7.0, 5.0, lambda: now)
    arrived = asyncio.Event()

    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b'"}')
        arrived.set()
        writer.transport.abort()

    async with session_with(tmp_path, drop) as (session, listening):
        writing = Client(session, fence=fence)
        assert fence.settled
        with pytest.raises(TransientError, match="cannot reach the API server"):
            await writing.request("PATCH", WRITE, body=b'{"data":"x"}')
        assert arrived.is_set()
        assert not fence.settled
        now += 11.9
        assert not fence.settled
        now += 0.1
        assert fence.settled
        # What found nobody there has not been sent.
        listening.close()
        await listening.wait_closed()
        with pytest.raises(TransientError, match="cannot reach the API server"):
            await writing.request("PATCH", WRITE, body=b'{"data":"x"}')
        assert fence.settled
