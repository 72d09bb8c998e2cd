"""The yardstick of the cold start: the writes that the operator made, sent again by a client that does nothing else."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.ground import RULES, SLOS, Http, each
from binnacle.targets import conventions

_APPLY = "application/apply-patch+yaml"
_CHILD = {"fieldManager": conventions.FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"}
_STATUS = {**_CHILD, "fieldManager": conventions.STATUS_FIELD_MANAGER}


@dataclass(frozen=True, slots=True)
class Write:
    """One request as it goes over the wire: its path with the query, and its body."""

    path: str
    body: bytes


Writes = tuple[Write, ...]
"""What the operator wrote for one resource, in order: its rules, then its status."""


async def record(http: Http, homes: Sequence[str], before: str, after: str) -> list[Writes]:
    """Return the writes that made what is live in ``homes``, for other namespaces.

    The bodies are those that the operator sent: everything that it says of an object and nothing of what the server adds.

    Args:
        http: the client.
        homes: the namespaces of the operator's run.
        before, after: the beginning of their names, and what it is for the copies; both of one length, so that the
            bytes are as many. The copies of the SLOs must exist: owner references name them.
    """
    writes = []
    for home in homes:
        copy = home.replace(before, after, 1)
        slos = await _items(http, f"{SLOS}/namespaces/{home}/slos")
        rules = await _items(http, f"{RULES}/namespaces/{home}/prometheusrules")
        uids = {
            name: one["metadata"]["uid"] for name, one in (await _items(http, f"{SLOS}/namespaces/{copy}/slos")).items()
        }
        for name, slo in sorted(slos.items(), key=lambda item: int(item[1]["metadata"]["resourceVersion"])):
            child = rules[conventions.object_name(_key(slo), home)]
            writes.append((_child(child, uids[name], home, copy), _status(slo, home, copy)))
    return writes


async def replay(http: Http, writes: Sequence[Writes], workers: int) -> float:
    """Send the writes, those of one resource in order, ``workers`` resources at a time; seconds that it took."""

    async def send(resource: Writes) -> None:
        for one in resource:
            await http.send("PATCH", one.path, one.body, _APPLY)

    return await each(writes, send, workers)


def _key(slo: dict[str, Any]) -> conventions.Key:
    return conventions.Key("SLO", slo["metadata"]["namespace"], slo["metadata"]["name"])


def _child(live: dict[str, Any], uid: str, home: str, copy: str) -> Write:
    metadata = live["metadata"]
    owners = [{**owner, "uid": uid} for owner in metadata["ownerReferences"]]
    body = {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {
            **{key: metadata[key] for key in ("name", "namespace", "labels", "annotations")},
            "ownerReferences": owners,
        },
        "spec": live["spec"],
    }
    path = f"{RULES}/namespaces/{copy}/prometheusrules/{metadata['name']}?{urllib.parse.urlencode(_CHILD)}"
    return Write(path, _moved(body, home, copy))


def _status(live: dict[str, Any], home: str, copy: str) -> Write:
    metadata = live["metadata"]
    body = {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
        "status": live["status"],
    }
    path = f"{SLOS}/namespaces/{copy}/slos/{metadata['name']}/status?{urllib.parse.urlencode(_STATUS)}"
    return Write(path, _moved(body, home, copy))


def _moved(body: dict[str, Any], home: str, copy: str) -> bytes:
    return conventions.canonical(body).replace(home.encode(), copy.encode())


async def _items(http: Http, path: str) -> dict[str, dict[str, Any]]:
    page = json.loads(await http.send("GET", path))
    kind = str(page["kind"]).removesuffix("List")
    return {one["metadata"]["name"]: {"apiVersion": page["apiVersion"], "kind": kind, **one} for one in page["items"]}
