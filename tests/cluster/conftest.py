"""A connection, a client and a store as the administrator, on the test cluster."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import pytest

from binnacle.cluster.client import Client
from binnacle.cluster.connection import Connection, connect
from binnacle.cluster.store import KubernetesStore
from cluster.objects import CONFIG_MAP, RULE, SLO
from servers.cluster import Cluster


class SystemClock:
    """Real time."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def today(self) -> date:
        return self.now().date()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


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
