"""A connection, a client and a store as the administrator, on the test cluster."""

from collections.abc import AsyncIterator

import pytest

from binnacle.cluster.client import Client
from binnacle.cluster.connection import Connection, connect
from binnacle.cluster.store import KubernetesStore
from binnacle.control.clock import SystemClock
from cluster.objects import CONFIG_MAP, RULE, SLO
from servers.cluster import Cluster


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
