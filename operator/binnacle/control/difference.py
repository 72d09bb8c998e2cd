"""What applying resources would change: they themselves, the objects that come of them, and their shares of common objects.

Compares what two passes want, one over the resources as they are and one over them as they would be, with what is live.
Nothing is written and nothing is asked here. What the server manages, what others have added and what Binnacle derives
(status, hashes, owner references) is no difference.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import yaml

from binnacle.control.cache import owner_of
from binnacle.control.controller import fingerprinter
from binnacle.control.desired import Desired, Toolchain
from binnacle.control.fingerprint import applied_by_us, is_ours
from binnacle.control.onepass import Pass
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets import conventions
from binnacle.targets.base import AggregateKey, Output

Body = Mapping[str, Any]

_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


class Action(StrEnum):
    """What would happen to an object, in the words of `status.changes[]`."""

    CREATE = "Create"
    UPDATE = "Update"
    DELETE = "Delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        action: what would happen. Of a share, what would happen to the share and not to the object that holds it.
        ref: the object.
        owner: the resource that it is about; `ref` itself where the resource is what changes. Of what stands for all
            resources of a kind, the kind alone.
        share: whether `ref` is an object that many resources fill, and this is the owner's part of it.
        before, after: as YAML, or the share's own text; empty for nothing.
    """

    action: Action
    ref: ObjectRef
    owner: Key
    share: bool
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Live:
    """What is there.

    Attributes:
        resources: our resources of the namespaces that are looked at.
        objects: what Binnacle has written for them, and the objects that many resources fill; those, too, that stand where
            something would be written and are somebody else's.
        unseen: api version, kind and namespace of what could not be read: nothing is said about it.
    """

    resources: Mapping[Key, Body]
    objects: Mapping[ObjectRef, Body]
    unseen: frozenset[tuple[str, str, str]] = frozenset()

    def sees(self, ref: ObjectRef) -> bool:
        """Say whether an object of this kind and place would have been found."""
        return ref[:3] not in self.unseen


def resource_change(key: Key, live: Body | None, wanted: Body) -> Change | None:
    """Return what applying a resource would change of itself; None when nothing.

    Args:
        key: the resource.
        live: as it is; None when it does not exist.
        wanted: as the server would store it, or as it is written.
    """
    ref = ObjectRef(conventions.API_VERSION, *key)
    after = _resource(wanted)
    if live is None:
        return Change(Action.CREATE, ref, key, False, "", _yaml(after))
    before = _in_order(_resource(live), after)
    return None if before == after else Change(Action.UPDATE, ref, key, False, _yaml(before), _yaml(after))


def affected(before: Pass, after: Pass, given: Set[Key]) -> tuple[Key, ...]:
    """Return the resources of which more or other things are wanted, though they are not among those given."""
    others = sorted(after.desired.keys() - given)
    return tuple(key for key in others if _wants(before, key) != _wants(after, key))


def object_changes(tools: Toolchain, live: Live, after: Pass, keys: Iterable[Key]) -> Iterator[Change]:
    """Yield what would change of the objects that come of resources.

    Args:
        tools: the toolchain of both passes.
        live: what is there.
        after: the pass over the resources as they would be.
        keys: whose objects are compared. Of a resource of which nothing is applied everything stays as it is.
    """
    fingerprints = fingerprinter(tools)
    ours = (fingerprints.labels, fingerprints.annotations - {conventions.ANNOTATION_HASH})
    children: dict[Key, list[ObjectRef]] = {}
    for ref, body in sorted(live.objects.items()):
        owner = owner_of(body)
        if isinstance(owner, Key) and applied_by_us(body):
            children.setdefault(owner, []).append(ref)
    shares = _shares(tools, live)
    for key in keys:
        if key in after.left:
            continue
        desired = after.desired[key]
        for output in desired.outputs:
            found = live.objects.get(output.ref)
            if live.sees(output.ref) and (found is None or is_ours(found, output.body)):
                yield from _object(output.ref, key, found, output.body, ours)
        wanted = {output.ref for output in desired.outputs}
        for ref in children.get(key, ()):
            if ref not in wanted:
                yield from _object(ref, key, live.objects[ref], None, ours)
        yield from _share_changes(tools, live, shares, key, desired)


def standing_changes(tools: Toolchain, live: Live, after: Pass, keys: Iterable[Key]) -> Iterator[Change]:
    """Yield what would change of the objects that there are for all resources of a kind, of the kinds among `keys`."""
    fingerprints = fingerprinter(tools)
    ours = (fingerprints.labels, fingerprints.annotations - {conventions.ANNOTATION_HASH})
    kinds = {key.kind for key in keys}
    for kind, output in _standing(tools, after):
        found = live.objects.get(output.ref)
        if kind in kinds and live.sees(output.ref) and (found is None or is_ours(found, output.body)):
            yield from _object(output.ref, Key(kind, "", ""), found, output.body, ours)


def _standing(tools: Toolchain, after: Pass) -> Iterator[tuple[str, Output]]:
    for one in tools.standing:
        if one.kind in after.standing:
            yield from ((one.kind, output) for output in one.outputs)


def taken(live: Live, after: Pass, key: Key) -> Iterator[ObjectRef]:
    """Yield the objects that would be written for a resource, but are somebody else's."""
    if key in after.left:
        return
    for output in after.desired[key].outputs:
        found = live.objects.get(output.ref)
        if found is not None and not is_ours(found, output.body):
            yield output.ref


def unknown_objects(tools: Toolchain, live: Live, after: Pass, keys: Iterable[Key]) -> list[ObjectRef]:
    """Return the objects that would be made, and of which it is not known yet whether somebody else has that name."""
    outputs: Sequence[Output] = [one for key in keys if key not in after.left for one in after.desired[key].outputs]
    every = (*outputs, *(output for _, output in _standing(tools, after)))
    return sorted({one.ref for one in every if one.ref not in live.objects and live.sees(one.ref)})


def as_written(body: Body) -> Body:
    """Return a resource as a pass takes it: what was written of it, without what the server added."""
    metadata = body["metadata"]
    return {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
        "spec": body.get("spec"),
    }


# -- shares --------------------------------------------------------------------------------------------------------

_Shares = Mapping[tuple[AggregateKey, Key], tuple[ObjectRef, str]]


def _shares(tools: Toolchain, live: Live) -> _Shares:
    targets = {target.name: target for target in tools.targets}
    found: dict[tuple[AggregateKey, Key], tuple[ObjectRef, str]] = {}
    for ref, body in live.objects.items():
        aggregate = owner_of(body)
        if isinstance(aggregate, AggregateKey) and aggregate.target in targets:
            for owner, text in targets[aggregate.target].split(body).items():
                found[aggregate, owner] = (ref, text)
    return found


def _share_changes(tools: Toolchain, live: Live, shares: _Shares, key: Key, desired: Desired) -> Iterator[Change]:
    targets = {target.name: target for target in tools.targets}
    wanted = {share.aggregate: share.fragment for share in desired.shares}
    there = {aggregate: found for (aggregate, owner), found in shares.items() if owner == key}
    for aggregate in sorted(wanted.keys() | there.keys()):
        new = targets[aggregate.target].shard_ref(aggregate, 0, tools.config)
        ref, before = there.get(aggregate, (new, ""))
        after = wanted.get(aggregate, "")
        if live.sees(ref) and before != after:
            yield Change(_action(before, after), ref, key, True, _readable(before), _readable(after))


def _action(before: object, after: object) -> Action:
    return Action.DELETE if not after else Action.UPDATE if before else Action.CREATE


# -- objects as text -----------------------------------------------------------------------------------------------


def _wants(outcome: Pass, key: Key) -> Any:
    desired = outcome.desired.get(key)
    return None if desired is None else (desired.outputs, desired.shares, desired.withdrawn, outcome.left.get(key))


def _resource(body: Body) -> dict[str, Any]:
    metadata = body["metadata"]
    kept: dict[str, Any] = {name: metadata[name] for name in ("name", "namespace") if name in metadata}
    for name in ("labels", "annotations"):
        values = {k: v for k, v in (metadata.get(name) or {}).items() if k != _LAST_APPLIED}
        if values:
            kept[name] = values
    whole = {"apiVersion": body.get("apiVersion"), "kind": body.get("kind"), "metadata": kept}
    return whole | {name: value for name, value in body.items() if name not in (*whole, "status")}


def _object(
    ref: ObjectRef, owner: Key, live: Body | None, wanted: Body | None, ours: tuple[Set[str], Set[str]]
) -> Iterator[Change]:
    after = _child(wanted, ours) if wanted is not None else None
    before = _in_order(_child(live, ours), after) if live is not None else None
    if before != after:
        yield Change(_action(before, after), ref, owner, False, _yaml(before), _yaml(after))


def _child(body: Body, ours: tuple[Set[str], Set[str]]) -> dict[str, Any]:
    metadata = body["metadata"]
    kept: dict[str, Any] = {"name": metadata["name"], "namespace": metadata["namespace"]}
    for name, keys in zip(("labels", "annotations"), ours, strict=True):
        values = {key: value for key, value in (metadata.get(name) or {}).items() if key in keys}
        if values:
            kept[name] = values
    whole = {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": kept}
    return whole | {
        name: {key: _readable(text) if isinstance(text, str) else text for key, text in value.items()}
        if name == "data" and isinstance(value, Mapping)
        else value
        for name, value in body.items()
        # A server may leave out what is empty.
        if name not in (*whole, "status") and value not in ({}, [], None)
    }


def _readable(text: str) -> str:
    """Return a text; JSON on one line, as Grafana's files are, in lines of its own members."""
    if text[:1] not in ("{", "["):
        return text
    try:
        return json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"
    except ValueError:
        return text


def _in_order(value: Any, like: Any) -> Any:
    """Return a value with the members of its maps in the order of another one: a server sorts them, people do not."""
    if isinstance(value, Mapping):
        pattern: Mapping[str, Any] = like if isinstance(like, Mapping) else {}
        keys = [key for key in pattern if key in value] + [key for key in value if key not in pattern]
        return {key: _in_order(value[key], pattern.get(key)) for key in keys}
    if isinstance(value, list):
        patterns = like if isinstance(like, list) else []
        named = {one["name"]: one for one in patterns if isinstance(one, Mapping) and isinstance(one.get("name"), str)}
        return [
            _in_order(
                item,
                named.get(item.get("name"))
                if isinstance(item, Mapping) and named
                # Without names, by place.
                else patterns[at]
                if at < len(patterns)
                else None,
            )
            for at, item in enumerate(value)
        ]
    return value


class _Dumper(yaml.CSafeDumper):
    """Texts of several lines as blocks, and the same object twice written twice."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - as the base class has it
        return True


def _text(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _yaml(value: Mapping[str, Any] | None) -> str:
    if value is None:
        return ""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1 << 20))
