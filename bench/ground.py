"""What benchmarks of the operator stand on: a real control plane, a plain HTTP client, and an operator beside them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import psutil

from binnacle.api.registry import KINDS
from binnacle.targets import conventions
from binnacle.targets.conventions import canonical
from servers.audit import WriteCounter, WriteRecord, counted
from servers.controlplane import ControlPlane
from servers.operator import ACCOUNT, NAMESPACE, USER, OperatorProcess, install

T = TypeVar("T")

REPOSITORY = Path(__file__).resolve().parents[1]
STAND_INS = REPOSITORY / "tests" / "data" / "crds"
CONFIG: Mapping[str, Any] = {"prometheus": {"output": "operator"}}
"""The administrator's configuration of every benchmark: rules are PrometheusRules beside their resource."""

_ROOTS = {
    "": "/api/v1",
    conventions.API_GROUP: f"/apis/{conventions.API_VERSION}",
    "monitoring.coreos.com": f"/apis/{conventions.MONITORING_API}",
}
_PLURALS = {kind: info.plural for kind, info in KINDS.items()}
_MADE = (("monitoring.coreos.com", "prometheusrules"), ("monitoring.coreos.com", "podmonitors"))
"""What the operator makes beside the resources of a fleet."""
_SHARED = "monitoring"
"""The namespace of what it makes elsewhere."""
_ADMINISTRATOR = "bench"
_BY_OPERATOR = f'"{USER}"'.encode()
_NO_WRITES = (b'"resource":"leases"', b'"apiGroup":"authorization.k8s.io"')


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used: CPU seconds so far, and resident bytes now."""

    cpu: float
    rss: int

    @classmethod
    def of(cls, pid: int) -> Usage:
        """Look at a process."""
        process = psutil.Process(pid)
        times = process.cpu_times()
        return cls(times.user + times.system, process.memory_info().rss)


class Http:
    """The plainest client of the API server: bytes out, bytes in, one bounded session."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def send(
        self, method: str, path: str, body: bytes | None = None, content_type: str = "application/json"
    ) -> bytes:
        """Send one request and return the answer.

        Raises:
            RuntimeError: the server refused it.
        """
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        async with self._session.request(method, path, data=body, headers=headers) as response:
            answer = await response.read()
            if response.status >= 400:
                raise RuntimeError(f"{method} {path}: {response.status} {answer.decode(errors='replace')[:500]}")
            return answer

    def stream(self, path: str) -> contextlib.AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Open a watch: JSON lines until the response is closed."""
        return self._session.get(path, timeout=aiohttp.ClientTimeout(total=None))


class Ground:
    """A control plane with Binnacle's kinds and the stand-ins for prometheus-operator's, and who may do what there."""

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        self.plane = plane
        self.directory = directory
        self.counter = WriteCounter(plane.audit_log)
        self._runs = 0
        self._url, authority = plane.endpoint()
        self._tls = ssl.create_default_context(cadata=authority.decode())
        self._tokens = {
            ACCOUNT: plane.service_account_token(NAMESPACE, ACCOUNT, seconds=36_000),
            _ADMINISTRATOR: plane.service_account_token(NAMESPACE, _ADMINISTRATOR, seconds=36_000),
        }

    @contextlib.asynccontextmanager
    async def client(self, *, account: str = _ADMINISTRATOR, connections: int = 32) -> AsyncIterator[Http]:
        """A client: of the benchmark itself, who may do everything, or with the operator's own rights."""
        async with aiohttp.ClientSession(
            self._url,
            connector=aiohttp.TCPConnector(limit=connections, ssl=self._tls),
            # No compression, as the operator: it would take both sides longer.
            headers={"Authorization": f"Bearer {self._tokens[account]}", "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=60),
        ) as session:
            yield Http(session)

    def operator(self, *arguments: str, server: str | None = None) -> OperatorProcess:
        """A new operator, not started; with more arguments, or by way of another address of the API server."""
        self._runs += 1
        directory = self.directory / f"operator-{self._runs}"
        return OperatorProcess(self.plane, directory, CONFIG, arguments=arguments, server=server)

    def usage(self, program: str) -> Usage:
        """What one of the control plane's programs has used."""
        return Usage.of(self.plane.pids[program])

    def writes(self, mark: int, *, quiet: float = 2.0, limit: float = 1800.0) -> list[WriteRecord]:
        """The operator's writes since a mark, once none has come for ``quiet`` seconds.

        Until then the log is only searched for the operator's name: to read what it says would take something of the cores
        on which the operator is measured, and nobody reads it during a replay.
        """
        self._wait_until_quiet(mark, quiet, limit)
        return counted(self.counter.settle(mark, quiet=0.0, user=USER), user=USER)

    def _wait_until_quiet(self, mark: int, quiet: float, limit: float) -> None:
        began = since = time.monotonic()
        with self.plane.audit_log.open("rb") as log:
            log.seek(mark)
            while (now := time.monotonic()) - since < quiet:
                # A line that is torn between two looks may count as one more write, and the wait is longer for it.
                if any(
                    _BY_OPERATOR in line and not any(text in line for text in _NO_WRITES)
                    for line in log.read().split(b"\n")
                ):
                    since = now
                if now - began > limit:
                    raise TimeoutError(f"writes went on for {limit:g} s")
                time.sleep(0.1)


@contextlib.contextmanager
def ground() -> Any:
    """Start a control plane of its own for benchmarks; everything is thrown away at the end."""
    with tempfile.TemporaryDirectory(prefix="binnacle-bench-") as folder, ControlPlane(Path(folder) / "plane") as plane:
        plane.install_crds(REPOSITORY / "crds", *sorted(STAND_INS.glob("monitoring.coreos.com_*.yaml")))
        install(plane)
        plane.apply(_administrator())
        yield Ground(plane, Path(folder))


def _administrator() -> list[dict[str, Any]]:
    who = {"name": _ADMINISTRATOR, "namespace": NAMESPACE}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": who},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": _ADMINISTRATOR},
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", **who}],
        },
    ]


async def each(items: Iterable[T], work: Callable[[T], Awaitable[object]], workers: int) -> float:
    """Do ``work`` on every item, ``workers`` at a time; seconds that it took."""
    waiting = iter(items)

    async def worker() -> None:
        for item in waiting:
            await work(item)

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(workers)))
    return time.perf_counter() - started


def collection(group: str, plural: str, namespace: str = "") -> str:
    """Return the path of a collection; of all namespaces when none is given."""
    return f"{_ROOTS[group]}/{f'namespaces/{namespace}/' if namespace else ''}{plural}"


def path_of(resource: Mapping[str, Any]) -> str:
    """Return the path of one of our resources."""
    metadata = resource["metadata"]
    return f"{_home_of(resource)}/{metadata['name']}"


def _home_of(resource: Mapping[str, Any]) -> str:
    return collection(conventions.API_GROUP, _PLURALS[resource["kind"]], resource["metadata"]["namespace"])


async def create(http: Http, homes: Sequence[str], resources: Iterable[Mapping[str, Any]]) -> None:
    """Create namespaces and resources in them, as fast as the server takes them."""

    async def make_namespace(name: str) -> None:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await http.send("POST", "/api/v1/namespaces", canonical(body))

    async def make(resource: Mapping[str, Any]) -> None:
        await http.send("POST", _home_of(resource), canonical(resource))

    await each(homes, make_namespace, 8)
    await each(resources, make, 16)


async def clear(http: Http, homes: Sequence[str]) -> None:
    """Delete the resources in some namespaces and all that was made for anybody's, and return when they are gone."""

    async def empty(name: str) -> None:
        for group, plural in (*((conventions.API_GROUP, plural) for plural in _PLURALS.values()), *_MADE):
            await http.send("DELETE", collection(group, plural, name), b"{}")

    await each(homes, empty, 4)
    ours = f"{conventions.LABEL_MANAGED_BY}={conventions.MANAGED_BY}"
    await http.send("DELETE", f"{collection('', 'configmaps', _SHARED)}?labelSelector={ours}", b"{}")
