"""What a call of the webhook costs the operator, and how long it takes beside a call that is passed without a look.

The webhook runs in a process of its own, with the judge of the operator and an empty cache; calls come one after another on one
TLS connection. CPU time is that of the process, so other work on the machine does not count; the latencies are of the
same run, and their ratio says what judging adds to TLS, HTTP and JSON.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry

from bench import fleet
from bench.figures import Figure
from bench.ground import CONFIG
from binnacle.api.config import Config
from binnacle.cli.compiling import offline
from binnacle.cluster.webhook.server import WebhookServer
from binnacle.control.admission import Admission
from binnacle.control.cache import Cache
from binnacle.control.clock import SystemClock
from binnacle.control.metrics import WebhookMetrics
from binnacle.control.toolchain import shipped
from cluster.webhook_calls import Mounted, encoded, review

_CALLS = 300


def webhook_figures(calls: int = _CALLS) -> list[Figure]:
    """Measure a call for a resource of each kind, and one that is passed without a look."""
    with tempfile.TemporaryDirectory() as directory:
        mounted = Mounted(Path(directory) / "certificates")
        mounted.rotate()
        ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_serve, args=(mounted.directory, theirs), daemon=True)
        process.start()
        try:
            return asyncio.run(_measure(mounted, ours, calls))
        finally:
            ours.send("stop")
            process.join(10)


async def _measure(mounted: Mounted, served: Connection, calls: int) -> list[Figure]:
    port = await asyncio.to_thread(served.recv)
    connector = aiohttp.TCPConnector(ssl=mounted.trust)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def one(asked: Mapping[str, Any]) -> tuple[float, list[float]]:
            """CPU seconds of the server for each call, and the latencies."""
            data = encoded(asked)
            latencies = []
            for number in range(calls + 20):
                if number == 20:
                    served.send("cpu")
                    before = served.recv()
                began = time.perf_counter()
                async with session.post(
                    f"https://127.0.0.1:{port}/validate", data=data, headers={"Content-Type": "application/json"}
                ) as answer:
                    body = json.loads(await answer.read())
                latencies.append(time.perf_counter() - began)
                assert body["response"]["allowed"], body
            served.send("cpu")
            return (served.recv() - before) / calls, latencies[20:]

        documents = [*fleet.slos("bench", 1), *(document for document, _, _ in fleet.large("bench"))]
        passed, bare = await one(review(documents[0], documents[0]))
        found = [
            Figure(
                "webhook",
                "a call that is passed without a look (TLS, HTTP and JSON): CPU time of the operator",
                passed * 1e3,
                "ms",
                detail=f"p50 {_ms(bare, 0.5)}, p99 {_ms(bare, 0.99)} on one connection",
            )
        ]
        for document in documents:
            cpu, latencies = await one(review(document))
            ratio = statistics.median(latencies) / statistics.median(bare)
            found.append(
                Figure(
                    "webhook",
                    f"a call for one {document['kind']} of {len(json.dumps(document)) / 1e3:.1f} kB: CPU time of the operator",
                    cpu * 1e3,
                    "ms",
                    detail=f"p50 {_ms(latencies, 0.5)}, p99 {_ms(latencies, 0.99)}: {ratio:.1f} times the one above",
                )
            )
        return found


def _ms(seconds: list[float], quantile: float) -> str:
    return f"{sorted(seconds)[int(quantile * (len(seconds) - 1))] * 1e3:.1f} ms"


def _serve(certificates: Path, parent: Connection) -> None:
    asyncio.run(_serve_until_told(certificates, parent))


async def _serve_until_told(certificates: Path, parent: Connection) -> None:
    clock = SystemClock()
    admission = Admission(shipped(offline(Config.from_data(dict(CONFIG)))), Cache(), lambda: True, clock.today)
    server = WebhookServer(admission.judge, certificates, WebhookMetrics(CollectorRegistry()), clock)
    async with server.serving("127.0.0.1", 0):
        parent.send(server.port)
        while await asyncio.to_thread(parent.recv) != "stop":
            parent.send(time.process_time())
