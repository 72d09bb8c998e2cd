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
from binnacle.targets import conventions
from servers.audit import WriteRecord

_APPLY = "application/apply-patch+yaml"
_CHILD = {"fieldManager": conventions.FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"}
_STATUS = {**_CHILD, "fieldManager": conventions.STATUS_FIELD_MANAGER}

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """One request as it goes over the wire: its path with the query, and its body."""

    path: str
    body: bytes


async def record(http: Http, writes: Sequence[WriteRecord], before: str, after: str) -> list[Write]:
    """Return the writes of a run, in its order, for other namespaces.

    The bodies are those that the operator sent: everything that it says of an object and nothing of what the server
    adds. Of an object that was written more than once the last version is live; its earlier ones are taken to have had
    a part of it, which grew evenly.

    Args:
        http: the client.
        writes: what the operator wrote.
        before, after: what is in the names of its namespaces, and what it is for the copies; both of one length, so
            that the bytes are as many. The copies of the resources must exist: statuses are theirs, and owner
            references name them.
    """
    live = {one: await _items(http, *one) for one in {(write.group, write.resource) for write in writes}}
    uids = {
        (one["kind"], *place): one["metadata"]["uid"]
        for (group, _), objects in live.items()
        if group == conventions.API_GROUP
        for place, one in objects.items()
    }
    times = Counter(map(_identity, writes))
    sent: Counter[tuple[str, ...]] = Counter()
    copies = []
    for write in writes:
        identity = _identity(write)
        sent[identity] += 1
        body = live[write.group, write.resource][write.namespace, write.name]
        said = _status(body) if write.subresource else _child(body, uids, before, after)
        if sent[identity] < times[identity]:
            said = _part(said, sent[identity] / times[identity])
        copies.append(_moved(write, said, before, after))
    return copies


async def replay(http: Http, writes: Sequence[Write], workers: int) -> float:
    """Send the writes, ``workers`` at a time; seconds that it took."""

    async def send(one: Write) -> None:
        await http.send("PATCH", one.path, one.body, _APPLY)

    return await each(writes, send, workers)


def _identity(write: WriteRecord) -> tuple[str, ...]:
    return write.group, write.resource, write.subresource, write.namespace, write.name


def _child(live: Object, uids: Mapping[tuple[str, ...], str], before: str, after: str) -> Object:
    metadata = live["metadata"]
    kept = {key: metadata[key] for key in ("name", "namespace", "labels", "annotations") if key in metadata}
    owners = [
        {**owner, "uid": uids[owner["kind"], metadata["namespace"].replace(before, after, 1), owner["name"]]}
        for owner in metadata.get("ownerReferences", ())
    ]
    if owners:
        kept["ownerReferences"] = owners
    return {**{key: value for key, value in live.items() if key != "status"}, "metadata": kept}


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


def _moved(write: WriteRecord, body: Object, before: str, after: str) -> Write:
    """Spell a write for the copies. What lies in a namespace that all share gets a name of its own there."""
    name, namespace = write.name, write.namespace.replace(before, after, 1)
    if namespace == write.namespace:
        name = name.replace(before, after, 1) if before in name else f"{after}-{name}"
    body = {**body, "metadata": {**body["metadata"], "name": name}}
    query = urllib.parse.urlencode(_STATUS if write.subresource else _CHILD)
    path = f"{collection(write.group, write.resource, namespace)}/{name}"
    path += f"/{write.subresource}" if write.subresource else ""
    return Write(f"{path}?{query}", conventions.canonical(body).replace(before.encode(), after.encode()))


async def _items(http: Http, group: str, resource: str) -> dict[tuple[str, str], Object]:
    page = json.loads(await http.send("GET", collection(group, resource)))
    kind = str(page["kind"]).removesuffix("List")
    objects = ({"apiVersion": page["apiVersion"], "kind": kind, **one} for one in page["items"])
    return {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in objects}
