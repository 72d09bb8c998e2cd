"""The loop beside a Prometheus in trouble: resources come, change and go, and nothing but `Live` tells of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from binnacle.api.config import Config
from binnacle.control.clock import SystemClock
from binnacle.observe.backend import Limits, open_session
from binnacle.observe.observer import PrometheusObserver
from control.memory_world import MemoryCluster, Running, thing
from observe.fake_prometheus import Backend, Request, Responder, rule_group, serving
from observe.test_observe_client import TROUBLES
from servers.waiting import PATIENCE

LASTING = ("500", "503", "401", "redirect", "html", "truncated", "nothing", "huge", "slow head", "slow body")
LIMITS = Limits(seconds=1.0, size=100_000)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as opened:
        yield opened


async def until(holds: Callable[[], bool], limit: float = PATIENCE) -> None:
    async with asyncio.timeout(limit):
        while not holds():
            await asyncio.sleep(0.01)


async def suffer(trouble: str, session: aiohttp.ClientSession) -> None:
    cluster = MemoryCluster()
    backend = Backend([rule_group(f"mark-{name}") for name in ("1", "2", "new")])
    respond: list[Responder] = [backend]

    async def as_it_is(request: Request, writer: asyncio.StreamWriter) -> None:
        await respond[0](request, writer)

    def live(run: Running, name: str) -> str:
        return (run.condition(name, "Live") or {}).get("reason", "")

    def ready(run: Running, name: str) -> bool:
        return (run.condition(name, "Ready") or {}).get("status") == "True"

    async with serving(as_it_is) as fake:
        config = Config.from_data({"prometheus": {"url": fake.url}})

        def loop() -> Running:
            observer = PrometheusObserver(config, session, SystemClock(), LIMITS)
            return Running(cluster, observer=observer, reload_period="1s")

        async with loop() as run:
            for name in ("edited", "deleted", "bystander"):
                cluster.put(thing(name, text="1"))
            for name in ("edited", "deleted", "bystander"):
                await until(lambda name=name: live(run, name) == "RulesLoaded")
            cluster.writes.clear()
            respond[0] = TROUBLES[trouble][0]
            cluster.put(thing("edited", text="2"))
            cluster.put(thing("created", text="new"))
            cluster.remove(next(ref for ref in cluster.objects if ref.name == "deleted"))
            await until(lambda: ready(run, "created") and ready(run, "edited"))
            for name in ("edited", "created", "bystander"):
                await until(lambda name=name: live(run, name) == "BackendUnreachable")
                assert ready(run, name)
            said = run.condition("edited", "Live")
            assert said is not None
            assert said["message"].startswith(f"Prometheus at {fake.url}")
            unreachable = {"backend": "prometheus", "liveness": "unreachable"}
            assert run.controller.metrics.registry.get_sample_value("backend_resources", unreachable) == 3
            texts = {ref.name: body["data"]["text"] for ref, body in cluster.objects.items() if ref.kind == "ConfigMap"}
            assert texts == {
                "binnacle-slo-edited": "2",
                "binnacle-slo-created": "new",
                "binnacle-slo-bystander": "1",
            }
        before = list(cluster.writes)
        async with loop() as run:
            await run.settle()
            assert cluster.writes == before, "a restart while it lasts"
            respond[0] = backend
            for name in ("edited", "created", "bystander"):
                await until(lambda name=name: live(run, name) == "RulesLoaded")
        # Its own news, that the backend does not answer any more, and that it answers again.
        count = Counter((one.verb, one.ref.name) for one in cluster.writes)
        assert count.pop(("status", "edited")) <= 3
        assert count.pop(("status", "created")) <= 3
        assert count.pop(("status", "bystander")) == 2
        children = (
            ("apply", "binnacle-slo-edited"),
            ("apply", "binnacle-slo-created"),
            ("delete", "binnacle-slo-deleted"),
        )
        assert count == Counter(children)
        assert cluster.useless == []


async def test_nothing_but_live_tells_of_a_backend_in_trouble(session: aiohttp.ClientSession) -> None:
    async with asyncio.TaskGroup() as all_at_once:
        for trouble in LASTING:
            all_at_once.create_task(suffer(trouble, session), name=trouble)
