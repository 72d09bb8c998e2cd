"""The last look at the lease: at the moment when the bytes of a write leave this process.

The loop asks whether the lease is held before it begins a write. Between that and the wire lie a wait for a free connection,
perhaps a handshake, and whatever makes a whole process stand still: a debugger, a freezer, swapping, a suspended machine.
Three bounds together make sure that a write of an old holder is done, or never will be, when another may take the lease:

- its bytes leave only while the lease is held (`Fence.payload`);
- bytes that have left and are not acknowledged are dropped after the margin (`Connection.session`): a kernel goes on sending
  them for minutes, and after the end of the process too;
- the server is told to give up by then as well (`Fence.limit`): what it cannot do in time it must not do later.

The margin lies between the last moment at which the holder writes and the first at which another may.
"""

import io
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from binnacle.errors import TransientError


@dataclass(slots=True)
class Fence:
    """The right to send, as the session's requests see it, and what became of them.

    Attributes:
        left: seconds for which writing is still allowed; 0 when it is not.
        margin: seconds from then on in which nobody writes.
        clock: monotonic seconds.
    """

    left: Callable[[], float]
    margin: float
    clock: Callable[[], float] = time.monotonic
    _unanswered: float = field(default=-math.inf, init=False)
    """Until when the server may work on a write of which no answer came."""

    def lost(self) -> None:
        """Take note that a write has ended without an answer. The server may be doing it all the same, until its limit."""
        self._unanswered = max(self._unanswered, self.clock() + self.left() + self.margin)

    @property
    def settled(self) -> bool:
        """Whether every write has been answered, or is too old to be done any more."""
        return self.clock() >= self._unanswered

    def check(self) -> None:
        """Raise `TransientError` when nothing may be sent any more."""
        if self.left() <= 0:
            raise TransientError("this replica does not hold the lease any more")

    def limit(self) -> str:
        """Return how long the server may work on a request that is sent now, as its parameter `timeout` has it."""
        return f"{int((self.left() + self.margin) * 1000)}ms"

    def payload(self, body: bytes) -> aiohttp.BytesIOPayload:
        """Return a body that is sent only while it may be, piece by piece.

        A request is nothing to a server until its body is whole, and its headers leave together with the first piece.
        """
        return _FencedPayload(body, self)


class _FencedPayload(aiohttp.BytesIOPayload):
    def __init__(self, body: bytes, fence: Fence):
        super().__init__(io.BytesIO(body))
        self._fence = fence

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        fenced = cast("AbstractStreamWriter", _FencedWriter(writer, self._fence))
        await super().write_with_length(fenced, content_length)


class _FencedWriter:
    """The part of a stream writer that payloads use."""

    def __init__(self, writer: AbstractStreamWriter, fence: Fence):
        self._writer = writer
        self._fence = fence

    async def write(self, chunk: Any) -> None:
        self._fence.check()
        await self._writer.write(chunk)
