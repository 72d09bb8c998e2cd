"""The Lease object of coordination.k8s.io, read and written with the official client.

A client of its own, not the session of the writes: when those fill every connection, a renewal must not wait in line.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import aiohttp
from kubernetes.aio.client import ApiClient, ApiException, CoordinationV1Api, V1Lease, V1LeaseSpec, V1ObjectMeta

from binnacle.api.reasons import Reason
from binnacle.cluster.client import cause
from binnacle.cluster.connection import RequestObserver
from binnacle.cluster.lease import LeaseRecord
from binnacle.cluster.refusals import Call, NotFoundError, refusal
from binnacle.control.ports import Clock
from binnacle.errors import TransientError
from binnacle.targets.base import Resource

# The last two: what a proxy in between may answer, through the library's JSON and models.
_UNREADABLE = (aiohttp.ClientError, TimeoutError, ValueError, RecursionError)

LEASE = Resource("coordination.k8s.io/v1", "Lease", "leases")


class LeaseObject:
    """Implements `binnacle.cluster.lease.LeaseRecords`.

    Args:
        api: the official client, from `Connection.api_client`.
        clock: for the times that people read; nothing is decided by them.
        namespace, name: of the Lease.
        duration: seconds, as written into the Lease for those who read it.
        observer: told of every request.
    """

    def __init__(
        self,
        api: ApiClient,
        clock: Clock,
        namespace: str,
        name: str,
        duration: float,
        observer: RequestObserver = lambda _method, _code, _seconds: None,
    ):
        self._leases = CoordinationV1Api(api)
        self._clock = clock
        self._namespace = namespace
        self._name = name
        self._duration = int(duration)
        self._observer = observer
        self._acquired: datetime | None = None

    async def read(self) -> LeaseRecord | None:
        """Return the Lease as it stands, or None."""
        try:
            with self._observed("GET"):
                return _record(await self._leases.read_namespaced_lease(self._name, self._namespace))
        except ApiException as error:
            failure = self._failure("get", error)
            if isinstance(failure, NotFoundError):
                return None
            raise failure from None
        except _UNREADABLE as error:
            raise self._unreachable(error) from error

    async def write(self, holder: str, transitions: int, replaces: LeaseRecord | None) -> LeaseRecord:
        """Create the Lease, or replace the version read."""
        now = self._clock.now()
        if replaces is None or replaces.holder != holder:
            self._acquired = now
        body = V1Lease(
            metadata=V1ObjectMeta(
                name=self._name,
                namespace=self._namespace,
                resource_version=replaces.version if replaces is not None else None,
            ),
            spec=V1LeaseSpec(
                holder_identity=holder,
                lease_duration_seconds=self._duration if holder else 1,
                acquire_time=self._acquired,
                renew_time=now,
                lease_transitions=transitions,
            ),
        )
        try:
            if replaces is None:
                with self._observed("POST"):
                    return _record(await self._leases.create_namespaced_lease(self._namespace, body))
            with self._observed("PUT"):
                return _record(await self._leases.replace_namespaced_lease(self._name, self._namespace, body))
        except ApiException as error:
            raise self._failure("create" if replaces is None else "update", error) from None
        except _UNREADABLE as error:
            raise self._unreachable(error) from error

    @contextmanager
    def _observed(self, method: str) -> Iterator[None]:
        """Tell of one request what the sessions tell of theirs."""
        started, code = time.perf_counter(), "<error>"
        try:
            yield
            code = "201" if method == "POST" else "200"
        except ApiException as error:
            code = str(error.status or code)
            raise
        finally:
            self._observer(method, code, time.perf_counter() - started)

    def _failure(self, verb: str, error: ApiException) -> Exception:
        body = str(error.body or "").encode()
        name = "" if verb == "create" else self._name
        return refusal(Call(verb, LEASE, self._namespace, name), int(error.status or 500), None, body)

    def _unreachable(self, error: Exception) -> TransientError:
        # What was no Lease is not repeated: the library's words for it are as long as what came.
        known = isinstance(error, aiohttp.ClientError | TimeoutError)
        why = cause(error) if known else "what it answered is no Lease; is there a proxy in between?"
        return TransientError(f"cannot reach the API server for the lease: {why}", reason=Reason.API_SERVER_UNAVAILABLE)


def _record(lease: V1Lease) -> LeaseRecord:
    """Read a Lease. Without a version it did not come from an API server, and to write over it would ask nothing."""
    metadata, spec = lease.metadata or V1ObjectMeta(), lease.spec or V1LeaseSpec()
    if not metadata.resource_version:
        raise ValueError("a Lease without a resourceVersion")
    return LeaseRecord(spec.holder_identity or "", spec.lease_transitions or 0, metadata.resource_version)
