"""What is in a cluster now, for `binnacle diff`: read with the rights of whoever asks, and never written.

The API server is also asked what it would make of a resource: a dry run, which admits, defaults and refuses as a real
request does, and stores nothing.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from binnacle.api.config import Config
from binnacle.api.reasons import Reason
from binnacle.cluster.client import Client
from binnacle.cluster.refusals import Call, NotFoundError
from binnacle.cluster.watches import children_selector
from binnacle.control.cache import object_ref, resource_key
from binnacle.control.difference import Body, Live
from binnacle.errors import ConflictError, SpecError, TransientError
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets import conventions
from binnacle.targets.base import Resource

_DRY_RUN: Final = {"dryRun": "All", "fieldValidation": "Strict", "fieldManager": "kubectl"}
"""Nothing is stored. The manager is the one that will have applied it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server would make of a resource.

    Attributes:
        body: the resource as it would be stored, or as it would be sent where the server could not be asked; None when it
            was refused.
        refused: the reason it gave.
        unasked: why it could not be asked.
    """

    body: Body | None = None
    refused: str = ""
    unasked: str = ""


async def read_live(
    client: Client, config: Config, kinds: Iterable[Resource], children: Iterable[Resource], namespaces: Sequence[str]
) -> tuple[Live, tuple[str, ...]]:
    """Read our resources of some namespaces, what was written for them, and the objects that many resources fill.

    Args:
        client: asks.
        config: of the installation; its instance selects what it has written.
        kinds: our own kinds.
        children: what the targets write.
        namespaces: of the resources.

    Returns:
        What is there, and in words what could not be read of the objects for want of a right.

    Raises:
        TransientError: the API server is away, or our own kinds may not be read.
    """
    resources: dict[Key, Body] = {}
    for kind in kinds:
        for namespace in namespaces:
            async for body in client.objects(Call("list", kind, namespace)):
                resources[resource_key(body)] = body
    objects: dict[ObjectRef, Body] = {}
    unseen: set[tuple[str, str, str]] = set()
    notes: list[str] = []
    written = tuple(dict.fromkeys(children))
    known = {version: await client.serves(version) for version in {one.api_version for one in written}}
    for resource in written:
        if resource.plural not in known[resource.api_version]:
            continue  # a kind that the cluster does not have
        for namespace in (resource.namespace,) if resource.namespace else namespaces:
            try:
                async for body in client.objects(Call("list", resource, namespace), children_selector(config.instance)):
                    if _concerns(body, namespaces):
                        objects[object_ref(body)] = body
            except TransientError as error:
                if error.reason != Reason.PERMISSION_DENIED:
                    raise
                unseen.add((resource.api_version, resource.kind, namespace))
                notes.append(f"{error.message}: what is there is not compared")
    return Live(resources, objects, frozenset(unseen)), tuple(notes)


def _concerns(body: Body, namespaces: Sequence[str]) -> bool:
    labels = body["metadata"]["labels"]
    return conventions.LABEL_AGGREGATE in labels or labels.get(conventions.LABEL_NAMESPACE) in namespaces


async def look_up(client: Client, children: Iterable[Resource], refs: Iterable[ObjectRef]) -> dict[ObjectRef, Body]:
    """Return the objects of these names, whoever made them; those that do not exist, or may not be read, are left out."""
    kinds = {(resource.api_version, resource.kind): resource for resource in children}

    async def one(ref: ObjectRef) -> tuple[ObjectRef, Body | None]:
        call = Call("get", kinds[ref.api_version, ref.kind], ref.namespace, ref.name)
        try:
            return ref, await client.request("GET", call)
        except NotFoundError:
            return ref, None
        except TransientError as error:
            if error.reason != Reason.PERMISSION_DENIED:
                raise
            return ref, None

    found = await asyncio.gather(*map(one, refs))
    return {ref: body for ref, body in found if body is not None}


async def ask(client: Client, kind: Resource, wanted: Body, live: Body | None) -> Answer:
    """Ask the API server what it would make of a resource, without storing it.

    Args:
        client: asks.
        kind: of the resource.
        wanted: as it is written.
        live: as it is; None when it does not exist.

    Raises:
        TransientError: the API server is away.
    """
    metadata = wanted["metadata"]
    body: dict[str, Any] = {**wanted, "metadata": _over(live["metadata"], metadata) if live is not None else metadata}
    body.pop("status", None)
    call = Call("create", kind, metadata["namespace"])
    if live is not None:
        call = Call("update", kind, metadata["namespace"], metadata["name"])
    try:
        made = await client.request(
            "POST" if live is None else "PUT", call, body=json.dumps(body).encode(), params=_DRY_RUN
        )
    except NotFoundError:
        # Our kinds are there, so it is the namespace, or the resource has gone this moment.
        return Answer(body, unasked=f"namespace {metadata['namespace']} does not exist")
    except (SpecError, ConflictError) as error:
        return Answer(refused=error.message)
    except TransientError as error:
        if error.reason == Reason.APPLY_REFUSED:  # a quota, or a namespace that is being deleted
            return Answer(refused=error.message)
        if error.reason != Reason.PERMISSION_DENIED:
            raise
        return Answer(body, unasked=error.message)
    return Answer(made)


def _over(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of an object to replace the live one: labels and annotations of others stay, as with an apply."""
    merged = {name: live[name] for name in ("name", "namespace", "uid", "resourceVersion")}
    for name in ("labels", "annotations"):
        values = {**(live.get(name) or {}), **(wanted.get(name) or {})}
        if values:
            merged[name] = values
    return merged
