"""The API server's audit log as a counter of writes."""

from __future__ import annotations

import datetime as dt
import json
import time
import urllib.parse
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from servers.waiting import PATIENCE

READS = ("get", "list", "watch")

POLICY: Mapping[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "omitManagedFields": True,
    "rules": [
        {"level": "None", "verbs": list(READS)},
        {"level": "Request", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
        {"level": "Metadata"},
    ],
}
"""Who did what to what, once for each request that is not a read; bodies of Leases alone."""

_CREDENTIAL = "authentication.kubernetes.io/credential-id"


@dataclass(frozen=True, slots=True)
class WriteRecord:
    """One request that was not a read, as the API server answered it.

    ``user`` is as RBAC knows it (``system:serviceaccount:<namespace>:<name>`` for a ServiceAccount), ``code`` the
    HTTP status, ``at`` when the request arrived and ``done`` when it was answered. ``name`` is empty where the server chose
    it and for collections. ``credential`` tells the tokens of one account apart (``JTI=<its jti>``); ``lease`` is the spec
    that was written into a Lease.
    """

    verb: str
    user: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    at: dt.datetime
    done: dt.datetime
    field_manager: str = ""
    dry_run: bool = False
    user_agent: str = ""
    credential: str = ""
    lease: Mapping[str, Any] | None = None

    @property
    def ok(self) -> bool:
        """Whether the server did it."""
        return 200 <= self.code < 300

    @property
    def asks(self) -> bool:
        """Whether it stores nothing whoever sends it: a review, or a token."""
        return self.group in ("authentication.k8s.io", "authorization.k8s.io") or self.subresource == "token"

    @property
    def counted(self) -> bool:
        """Whether it is a write as the write budget counts them.

        Left out: Leases and Events, and the requests that only ask (reviews, tokens, dry runs).
        """
        own = self.resource == "events" or (self.group, self.resource) == ("coordination.k8s.io", "leases")
        return not (self.asks or own or self.dry_run)

    def __str__(self) -> str:
        what = "/".join(part for part in (self.resource, self.subresource) if part)
        where = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.verb} {what} {where} by {self.user}: {self.code}"


def service_account_user(namespace: str, name: str) -> str:
    """The user name that the API server gives to a ServiceAccount."""
    return f"system:serviceaccount:{namespace}:{name}"


def counted(
    records: Iterable[WriteRecord],
    *,
    user: str | None = None,
    namespace: str | None = None,
    resource: str | None = None,
) -> list[WriteRecord]:
    """The records that count as writes, of one user, namespace or resource where given; refused ones too."""
    return [
        record
        for record in records
        if record.counted
        and (user is None or record.user == user)
        and (namespace is None or record.namespace == namespace)
        and (resource is None or record.resource == resource)
    ]


class Applier(Protocol):
    """What a control write needs of a cluster."""

    def apply(self, what: Mapping[str, Any]) -> None:
        """Apply one object."""


class WriteCounter:
    """Reads the audit log from a mark on.

    >>> mark = counter.mark()
    >>> ...
    >>> assert counted(counter.settle(mark), user=operator) == []
    """

    def __init__(self, log: Path) -> None:
        self._log = log

    def mark(self) -> int:
        """Now, as a place in the log."""
        return self._log.stat().st_size if self._log.exists() else 0

    def since(self, mark: int) -> list[WriteRecord]:
        """Every request that was not a read since the mark, in the order the server finished them.

        The server writes a record just after its answer: for a count, use `settle`.
        """
        return list(self._read(mark)[0])

    def settle(
        self, mark: int, *, quiet: float = 1.0, limit: float = PATIENCE, user: str | None = None
    ) -> list[WriteRecord]:
        """The records since the mark, once no counted write (of ``user``) came for ``quiet`` seconds.

        Raises:
            TimeoutError: writes went on for ``limit`` seconds; the message lists the last ones.
        """
        records: list[WriteRecord] = []
        position = mark
        started = last = time.monotonic()
        while True:
            fresh, position = self._read(position)
            records += fresh
            now = time.monotonic()
            if counted(fresh, user=user):
                last = now
            if now - last >= quiet:
                return records
            if now - started >= limit:
                shown = "\n".join(str(record) for record in counted(records, user=user)[-10:])
                raise TimeoutError(f"writes went on for {limit:g} s, the last ones:\n{shown}")
            time.sleep(0.05)

    def prove(self, cluster: Applier, *, namespace: str = "default", limit: float = PATIENCE) -> None:
        """Make one write and see it counted, so that a count of nothing means something.

        Raises:
            AssertionError: the write was not counted exactly once.
        """
        name = f"control-write-{uuid.uuid4().hex[:12]}"
        mark = self.mark()
        cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}})
        deadline = time.monotonic() + limit
        while True:
            seen = [r for r in counted(self.since(mark), resource="configmaps") if r.name == name and r.ok]
            if seen or time.monotonic() >= deadline:
                break
            time.sleep(0.02)
        assert len(seen) == 1, f"one control write was counted {len(seen)} times"

    def _read(self, position: int) -> tuple[list[WriteRecord], int]:
        if not self._log.exists():
            return [], position
        with self._log.open("rb") as file:
            file.seek(position)
            data = file.read()
        # The last line may still be on its way.
        whole = data[: data.rfind(b"\n") + 1]
        return list(_records(whole)), position + len(whole)


def _records(lines: bytes) -> Iterator[WriteRecord]:
    for line in lines.splitlines():
        event = json.loads(line)
        reference = event.get("objectRef", {})
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(event["requestURI"]).query)
        yield WriteRecord(
            verb=event["verb"],
            user=event["user"].get("username", ""),
            group=reference.get("apiGroup", ""),
            resource=reference.get("resource", ""),
            subresource=reference.get("subresource", ""),
            namespace=reference.get("namespace", ""),
            name=reference.get("name", ""),
            code=event.get("responseStatus", {}).get("code", 0),
            at=dt.datetime.fromisoformat(event["requestReceivedTimestamp"]),
            done=dt.datetime.fromisoformat(event["stageTimestamp"]),
            field_manager=query.get("fieldManager", [""])[0],
            dry_run="dryRun" in query,
            user_agent=event.get("userAgent", ""),
            credential=event["user"].get("extra", {}).get(_CREDENTIAL, [""])[0],
            lease=event["requestObject"].get("spec", {}) if "requestObject" in event else None,
        )
