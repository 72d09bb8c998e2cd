"""The yardstick of the cold start: the writes that the operator made, sent again by a client that does nothing else."""

from __future__ import annotations

import json
import math
import urllib.parse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.ground import Http, collection, each
from binnacle.api.registry import KINDS
from binnacle.targets import conventions
from servers.audit import WriteRecord

_APPLY = "application/apply-patch+yaml"
_CHILD = {"fieldManager": conventions.FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"}
_STATUS = {**_CHILD, "fieldManager": conventions.STATUS_FIELD_MANAGER}

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """One write as the operator meant it: where it goes, with the query, and what it says.

    Attributes:
        path: of the request.
        body: everything that the operator says of an object and nothing of what the server adds.
    """

    path: str
    body: Object


@dataclass(frozen=True, slots=True)
class Write:
    """One request as it goes over the wire: its path with the query, and its body."""

    path: str
    body: bytes


async def record(http: Http, writes: Sequence[WriteRecord]) -> list[Said]:
    """Return the writes of a run, in its order.

    Of an object that was written more than once the last version is live; its earlier ones are taken to have had a part of
    it, which grew evenly.
    """
    live = {one: await _items(http, *one) for one in {(write.group, write.resource) for write in writes}}
    times = Counter(map(_identity, writes))
    sent: Counter[tuple[str, ...]] = Counter()
    recorded = []
    for write in writes:
        identity = _identity(write)
        sent[identity] += 1
        body = live[write.group, write.resource][write.namespace, write.name]
        said = _status(body) if write.subresource else _child(body)
        if sent[identity] < times[identity]:
            said = _part(said, sent[identity] / times[identity])
        recorded.append(Said(_path(write), said))
    return recorded


async def addressed(http: Http, recorded: Sequence[Said]) -> list[Write]:
    """Return recorded writes as they are sent to another API server, where the same resources exist.

    Owner references name the resources there: the bytes are as many.
    """
    groups = {(conventions.API_GROUP, kind): info.plural for kind, info in KINDS.items()}
    uids = {
        (kind, *place): one["metadata"]["uid"]
        for (group, kind), plural in groups.items()
        for place, one in (await _items(http, group, plural)).items()
    }
    return [Write(one.path, conventions.canonical(_owned(one.body, uids))) for one in recorded]


async def replay(http: Http, writes: Sequence[Write], workers: int) -> float:
    """Send the writes, ``workers`` at a time; seconds that it took."""

    async def send(one: Write) -> None:
        await http.send("PATCH", one.path, one.body, _APPLY)

    return await each(writes, send, workers)


def _identity(write: WriteRecord) -> tuple[str, ...]:
    return write.group, write.resource, write.subresource, write.namespace, write.name


def _child(live: Object) -> Object:
    kept = {
        key: live["metadata"][key]
        for key in ("name", "namespace", "labels", "annotations", "ownerReferences")
        if key in live["metadata"]
    }
    return {**{key: value for key, value in live.items() if key != "status"}, "metadata": kept}


def _owned(body: Object, uids: Mapping[tuple[str, ...], str]) -> Object:
    metadata = body["metadata"]
    if "ownerReferences" not in metadata:
        return body
    owners = [
        {**owner, "uid": uids[owner["kind"], metadata["namespace"], owner["name"]]}
        for owner in metadata["ownerReferences"]
    ]
    return {**body, "metadata": {**metadata, "ownerReferences": owners}}


def _status(live: Object) -> Object:
    metadata = {key: live["metadata"][key] for key in ("name", "namespace")}
    return {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata, "status": live["status"]}


def _part(body: Object, share: float) -> Object:
    """Return an object with a share of its data: of many files some, of one file its beginning."""
    data: dict[str, str] = body.get("data", {})
    if len(data) > 1:
        data = dict(list(data.items())[: math.ceil(len(data) * share)])
    else:
        data = {name: text[: math.ceil(len(text) * share)] for name, text in data.items()}
    return {**body, "data": data}


def _path(write: WriteRecord) -> str:
    query = urllib.parse.urlencode(_STATUS if write.subresource else _CHILD)
    path = f"{collection(write.group, write.resource, write.namespace)}/{write.name}"
    path += f"/{write.subresource}" if write.subresource else ""
    return f"{path}?{query}"


async def _items(http: Http, group: str, resource: str) -> dict[tuple[str, str], Object]:
    page = json.loads(await http.send("GET", collection(group, resource)))
    kind = str(page["kind"]).removesuffix("List")
    objects = ({"apiVersion": page["apiVersion"], "kind": kind, **one} for one in page["items"])
    return {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in objects}
