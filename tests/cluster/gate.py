"""A TCP proxy in front of the API server that can be shut: connections end, and new ones are refused or hang."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Gate:
    """Passes bytes to a server on loopback; TLS goes through it untouched."""

    def __init__(self, target: str):
        parts = urlsplit(target)
        self._host, self._port = str(parts.hostname), int(parts.port or 443)
        self._scheme = parts.scheme
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._mode = "open"

    @property
    def url(self) -> str:
        """The gate's own URL, the same over its life."""
        assert self._server is not None
        return f"{self._scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def open(self) -> None:
        """Let connections through."""
        self._mode = "open"

    def close(self) -> None:
        """End every connection, and every new one at once."""
        self._mode = "closed"
        for task in self._connections:
            task.cancel()

    def hang(self) -> None:
        """Keep every connection and pass nothing on, like a network that has lost its way."""
        self._mode = "hanging"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        assert self._server is not None
        self._server.close()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if self._mode == "closed":
                return
            there, away = await asyncio.open_connection(self._host, self._port)
            try:
                await asyncio.gather(self._pass(reader, away), self._pass(there, writer))
            finally:
                away.close()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            while self._mode == "hanging":
                await asyncio.sleep(0.02)
            writer.write(data)
            await writer.drain()
        writer.close()
