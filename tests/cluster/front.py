"""An HTTP server in place of the API server, for answers that a healthy one does not give."""

import asyncio
from collections.abc import Callable

from aiohttp import web


class Front:
    """What it answers, what it was asked, and whether it is silent."""

    def __init__(self) -> None:
        self.answer: Callable[[web.Request], web.StreamResponse] = lambda _: web.json_response({})
        self.seen: list[web.Request] = []
        self.silent = False
        self.over = asyncio.Event()
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        if self.silent:
            await self.over.wait()
        return self.answer(request)
