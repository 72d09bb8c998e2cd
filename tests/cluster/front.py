"""An HTTP server in place of the API server, for answers that a healthy one does not give."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from aiohttp import web


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
