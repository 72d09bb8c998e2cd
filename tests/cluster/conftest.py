"""A connection, a client and a store as the administrator, and operators at work, on the test cluster."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from aiohttp import web

from binnacle.cluster.client import Client
from binnacle.cluster.connection import Connection, connect
from binnacle.cluster.store import KubernetesStore
from binnacle.control.clock import SystemClock
from cluster.front import Front
from cluster.objects import CONFIG_MAP, RULE, SLO
from cluster.operator_world import Cut, World, Worlds, world
from servers.cluster import Cluster
from servers.controlplane import ControlPlane
from servers.faults import Faulty


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
async def connection(cluster: Cluster) -> AsyncIterator[Connection]:
    async with await connect(str(cluster.kubeconfig)) as made:
        yield made


@pytest.fixture
async def client(connection: Connection) -> AsyncIterator[Client]:
    async with connection.session(32) as session:
        yield Client(session)


@pytest.fixture
def store(client: Client) -> KubernetesStore:
    return KubernetesStore(client, [SLO, CONFIG_MAP, RULE])


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    made = Front()

    async def handle(request: web.Request) -> web.StreamResponse:
        return await made.handle(request)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    made.over.set()
    await runner.cleanup()


@pytest.fixture(scope="module")
def worlds(
    control_plane: ControlPlane, crds_applied: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Worlds:
    """Worlds with an operator each, as contexts: the fixtures of modules whose tests share one are made of it."""

    def made(output: str, **arguments: Any) -> AbstractContextManager[World]:
        return world(control_plane, tmp_path_factory.mktemp("operator"), output, **arguments)

    return made


@pytest.fixture(scope="module")
def line(control_plane: ControlPlane) -> Iterator[Cut]:
    """An operator's line to the API server, which can be cut."""
    control_plane.ensure_running()
    with Cut(control_plane.url) as made:
        yield made


@pytest.fixture(scope="module")
def proxy(control_plane: ControlPlane) -> Iterator[Faulty]:
    """What stands between an operator and the API server, and does to requests what it is told to."""
    control_plane.ensure_running()
    with control_plane.faulty() as made:
        yield made
