"""What the loop knows: resources, children, and who read whom. Rebuilt from the source; nothing here is kept elsewhere.

Resources are held as JSON text, packed against others of their kind, not as trees of Python objects: a hundredth of the
memory, and a compile reads it in microseconds. Of children only identity, version, owner and fingerprint are held.
"""

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from binnacle.compile.world import Claim, Listing, Read
from binnacle.control.desired import Desired
from binnacle.control.dispute import Dispute
from binnacle.control.packing import Packing
from binnacle.control.ports import Mark, Observed
from binnacle.intent.readback import Readback
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets import conventions
from binnacle.targets.base import AggregateKey

_STALLED = re.compile(rb'"reason":"([A-Za-z]+)","status":"True","type":"Stalled"')
"""In canonical JSON. Within a string every quote has a backslash before it, so no message looks like this."""


def compact(value: Any) -> bytes:
    """Return the canonical JSON text of a value, the form in which the cache holds and compares documents."""
    return conventions.canonical(value)


class Change(StrEnum):
    """What an event about a resource brought."""

    APPEARED = "appeared"
    SPEC = "spec"
    STATUS = "status"
    NOTHING = "nothing"


WorkKey = Key | AggregateKey
"""What is worked on, and what an object belongs to: a resource, or a file that many share."""


@dataclass(slots=True)
class Texts:
    """How the texts of one kind's resources are held."""

    spec: Packing = field(default_factory=Packing)
    status: Packing = field(default_factory=Packing)


@dataclass(slots=True)
class Resource:
    """One resource as last seen, and what the loop has made of it.

    Attributes:
        uid, resource_version, generation: from its metadata (`generation` 0 outside a cluster).
        texts: packs and unpacks `spec` and `status`.
        reads: what its last compilation asked the world for.
        marks, readback: what is to be observed of it; set once its outputs are applied, and so unknown of one that has not
            compiled since the start.
        applied_at: monotonic time of the last apply that changed something, for the backends' time to load it.
        observed: the last observation.
        unwell_since: monotonic time since which the backend has lacked or refused it; None while all is well.
        work_since: monotonic time since which this generation has been worked on without being done; None when it is done, or
            has not been begun.
        renew: the date from which on its last compilation is out of date.
        saying: the status, as text, of a write that is under way.
        kept: the date (UTC) and the outcome of its last compilation, while it waits for a file that many share to be
            written; None as soon as anything that the compilation asked for has changed.
        echo: whether this version is the answer to a write of ours, which the watch is still to tell of.
        dispute: that this generation was told in two ways; None when it never was.
    """

    uid: str
    resource_version: str
    generation: int
    texts: Texts
    _spec: bytes = field(default=b"", init=False)
    _status: bytes = field(default=b"", init=False)
    reads: frozenset[Read] = frozenset()
    marks: tuple[Mark, ...] = ()
    readback: Readback | None = None
    applied_at: float | None = None
    observed: Observed | None = None
    unwell_since: float | None = None
    work_since: float | None = None
    renew: date | None = None
    saying: bytes | None = None
    kept: tuple[date, Desired] | None = None
    echo: bool = False
    dispute: Dispute | None = None

    @property
    def spec(self) -> bytes:
        """Its apiVersion, kind, name, namespace and spec as canonical JSON text."""
        return self.texts.spec.unpack(self._spec)

    @spec.setter
    def spec(self, text: bytes) -> None:
        self._spec = self.texts.spec.pack(text)

    @property
    def status(self) -> bytes:
        """The live status as canonical JSON text."""
        return self.texts.status.unpack(self._status)

    @status.setter
    def status(self, text: bytes) -> None:
        self._status = self.texts.status.pack(text)

    def document(self) -> dict[str, Any]:
        """Return apiVersion, kind, metadata (name, namespace) and spec."""
        document: dict[str, Any] = json.loads(self.spec)
        return document

    def live_status(self) -> dict[str, Any]:
        """Return the live status."""
        status: dict[str, Any] = json.loads(self.status)
        return status

    def is_edited(self, body: Mapping[str, Any]) -> bool:
        """Say whether this version of it is another generation than the one that is known, or its spec where none is counted."""
        generation = _generation(body)
        return generation != self.generation or (not generation and _spec(body) != self.spec)


@dataclass(slots=True)
class Child:
    """One object of ours as last seen.

    `applied` says whether our field manager ever applied it. A copy that somebody made of one of our objects carries our
    labels too, and is not our doing.

    `accepted` is a pair of fingerprints (wanted, live): the server changed what we sent (a default, say), and that is
    as near as it gets. Such an object counts as in sync while neither side moves.
    """

    uid: str
    resource_version: str
    owner: WorkKey | None
    fingerprint: bytes
    applied: bool
    accepted: tuple[bytes, bytes] | None = None

    def in_sync(self, wanted: bytes) -> bool:
        """Say whether the live object is what we want."""
        return self.fingerprint == wanted or self.accepted == (wanted, self.fingerprint)


def _generation(body: Mapping[str, Any]) -> int:
    return int(body["metadata"].get("generation", 0))


def _spec(body: Mapping[str, Any]) -> bytes:
    """Return what of a resource is compiled, as the cache keeps it."""
    key = resource_key(body)
    return compact(
        {
            "apiVersion": body["apiVersion"],
            "kind": body["kind"],
            "metadata": {"name": key.name, "namespace": key.namespace},
            "spec": body.get("spec"),
        }
    )


def _is_before(body: Mapping[str, Any], known: Resource) -> bool:
    """Say whether this is an older version than the known one."""
    version = body["metadata"]["resourceVersion"]
    return version != known.resource_version and is_older(version, known.resource_version)


def _hear(known: Resource, spec: bytes) -> None:
    """Take note of how the generation that is known was told."""
    if known.dispute is not None:
        known.dispute.heard(known.spec, spec)
    elif spec != known.spec:
        known.dispute = Dispute(spec)


def resource_key(body: Mapping[str, Any]) -> Key:
    """Return the key of one of our resources."""
    metadata = body["metadata"]
    return _key(body["kind"], metadata.get("namespace", ""), metadata["name"])


def object_ref(body: Mapping[str, Any]) -> ObjectRef:
    """Return the identity of any object."""
    metadata = body["metadata"]
    version, kind, namespace = body["apiVersion"], body["kind"], metadata.get("namespace", "")
    return ObjectRef(_shared(version), _shared(kind), _shared(namespace), metadata["name"])


def _key(kind: str, namespace: str, name: str) -> Key:
    return Key(_shared(kind), _shared(namespace), name)


def _shared(text: str) -> str:
    """Return the one text for all who say the same, so that it is not held once for each object."""
    return sys.intern(text)


def owner_of(body: Mapping[str, Any]) -> WorkKey | None:
    """Return whose object this is by its labels, or None when they do not say."""
    metadata = body["metadata"]
    labels = metadata.get("labels") or {}
    aggregate = labels.get(conventions.LABEL_AGGREGATE)
    if aggregate:
        return AggregateKey(aggregate, metadata.get("namespace", ""))
    try:
        return _key(labels[conventions.LABEL_KIND], labels[conventions.LABEL_NAMESPACE], labels[conventions.LABEL_NAME])
    except KeyError:
        return None


def is_older(resource_version: str, than: str) -> bool:
    """Say whether one resourceVersion of an object is older than, or the same as, another of the same object.

    Versions are compared as numbers (promised by Kubernetes since 1.35, true for etcd before); where one is not a
    number only equality counts.
    """
    if resource_version == than:
        return True
    try:
        return int(resource_version) <= int(than)
    except ValueError:
        return False


@dataclass(slots=True)
class Cache:
    """Resources, children and the reverse index of reads."""

    resources: dict[Key, Resource] = field(default_factory=dict)
    children: dict[ObjectRef, Child] = field(default_factory=dict)
    _by_owner: dict[WorkKey, tuple[ObjectRef, ...]] = field(default_factory=dict)
    _readers: dict[Read, set[Key]] = field(default_factory=lambda: defaultdict(set))
    _namespaces: dict[Listing, set[Key]] = field(default_factory=lambda: defaultdict(set))
    _texts: dict[str, Texts] = field(default_factory=lambda: defaultdict(Texts))

    def counts(self) -> dict[str, int]:
        """Return how many objects of each kind are held."""
        return dict(Counter([*(key.kind for key in self.resources), *(ref.kind for ref in self.children)]))

    def stalled(self) -> dict[tuple[str, str], int]:
        """Return how many resources are stalled, by kind and reason."""
        # Ten thousand statuses are searched at each scrape: as text, which takes a hundredth of the time of reading them.
        found = ((key.kind, _STALLED.search(resource.status)) for key, resource in self.resources.items())
        return dict(Counter((kind, match[1].decode()) for kind, match in found if match is not None))

    def put_resource(self, body: Mapping[str, Any]) -> tuple[Key, Change]:
        """Take in a resource as seen; returns its key and what of it is new.

        An event that is older than what is known (an echo of our own write that was answered already) changes nothing.
        Nor does another spec of the generation that is known: that is the resource's `dispute`.
        """
        key = resource_key(body)
        metadata = body["metadata"]
        uid = metadata.get("uid", "")
        version = metadata.get("resourceVersion", "")
        known = self.resources.get(key)
        if known is None or known.uid != uid:
            # A resource that was deleted and made anew is a new one, also when the deletion was not seen.
            self.forget_reads(key)
            made = Resource(uid, version, _generation(body), self._texts[key.kind])
            made.spec, made.status = _spec(body), compact(body.get("status") or {})
            self.resources[key] = made  # whole, because the webhook's threads look on
            self._namespaces[Listing(key.kind, key.namespace)].add(key)
            self._outdate(self.readers(key, appeared_or_vanished=True))
            return key, Change.APPEARED
        if version and is_older(version, known.resource_version):
            if version == known.resource_version:
                self._hear_again(known, body)
            return key, Change.NOTHING
        spec, status, generation = _spec(body), compact(body.get("status") or {}), _generation(body)
        change = Change.NOTHING
        if known.is_edited(body):
            change = Change.SPEC
            self._outdate((key, *self.read_by(key)))
            known.spec, known.generation, known.dispute = spec, generation, None
        else:
            _hear(known, spec)
            if known.status != status and status != known.saying:
                # A watch may be faster than the answer to our own write, and there is nothing new in that.
                change = Change.STATUS
        known.resource_version, known.status, known.echo = version, status, False
        return key, change

    def _hear_again(self, known: Resource, body: Mapping[str, Any]) -> None:
        """Take in the version that is known once more: a list after a change of the schema may tell it otherwise."""
        if known.echo and known.dispute is None:
            known.echo = False  # told back, which is not worth a look
        elif _generation(body) == known.generation:
            _hear(known, _spec(body))

    def settle(self, key: Key, body: Mapping[str, Any]) -> bool:
        """Take in what the API server answered about a resource that is in dispute; returns whether its spec is another now.

        An answer that is older than what is known settles nothing.
        """
        known = self.resources.get(key)
        if known is None or known.dispute is None:
            return False
        old = _is_before(body, known) or _generation(body) != known.generation
        spec = known.spec if old else _spec(body)
        known.dispute.answered(known.spec, spec)
        if spec == known.spec:
            return False
        known.spec = spec
        self._outdate((key, *self.read_by(key)))
        return True

    def put_status(self, key: Key, body: Mapping[str, Any]) -> None:
        """Take in the answer to a write of the status; one older than what is known changes nothing.

        Of one version the answer counts for more than what a watch said of it, which may have left out what it does not know.
        """
        known, version = self.resources.get(key), body["metadata"]["resourceVersion"]
        if known is None or _is_before(body, known):
            return
        known.echo = version != known.resource_version
        known.resource_version, known.status = version, compact(body.get("status") or {})
        spec = _spec(body)
        if spec != known.spec:
            _hear(known, spec)

    def drop_resource(self, key: Key, uid: str) -> bool:
        """Forget a resource; False when the one known is another (made anew meanwhile) or none is."""
        known = self.resources.get(key)
        if known is None or (uid and known.uid != uid):
            return False
        self.forget_reads(key)
        del self.resources[key]
        self._outdate(self.readers(key, appeared_or_vanished=True))
        listing = Listing(key.kind, key.namespace)
        self._namespaces[listing].discard(key)
        if not self._namespaces[listing]:
            del self._namespaces[listing]
        return True

    def read_by(self, key: Key) -> frozenset[Key]:
        """Return who is compiled again when `key` changes."""
        return self.readers(key, appeared_or_vanished=False)

    def keys_in(self, kind: str, namespace: str) -> Iterable[Key]:
        """Return the keys of a kind in a namespace."""
        return self._namespaces.get(Listing(kind, namespace), ())

    def put_child(self, ref: ObjectRef, child: Child) -> WorkKey | None:
        """Take in a child; returns its owner before, which may be another when labels were changed."""
        before = self.children.get(ref)
        if before is not None and before.owner != child.owner:
            self._unindex(ref, before.owner)
        self.children[ref] = child
        if child.owner is not None and ref not in (refs := self._by_owner.get(child.owner, ())):
            self._by_owner[child.owner] = tuple(sorted((*refs, ref)))
        return before.owner if before is not None else None

    def drop_child(self, ref: ObjectRef, uid: str = "") -> Child | None:
        """Forget a child and return what was known of it; None when nothing was, or when another has its name now."""
        known = self.children.get(ref)
        if known is None or (uid and known.uid != uid):
            return None
        del self.children[ref]
        self._unindex(ref, known.owner)
        return known

    def children_of(self, owner: WorkKey) -> tuple[ObjectRef, ...]:
        """Return the objects that belong to an owner, sorted."""
        return self._by_owner.get(owner, ())

    def owners(self) -> Iterable[WorkKey]:
        """Return everybody who owns an object."""
        return tuple(self._by_owner)

    def set_reads(self, key: Key, reads: frozenset[Read]) -> frozenset[Key]:
        """Remember what the last compilation of `key` asked for.

        Returns who claims a name that `key` claims now and did not, or claimed and does not any more.
        """
        resource = self.resources.get(key)
        if resource is None or resource.reads == reads:
            return frozenset()
        rivals = self._rivals(key, resource.reads ^ reads)
        for read in resource.reads - reads:
            self._unread(read, key)
        resource.reads = self._as_others_read(reads)
        for read in reads:
            self._readers[read].add(key)
        self._outdate(rivals)
        return rivals

    def _outdate(self, keys: Iterable[Key]) -> None:
        """Let nothing be kept of compilations that would not come to the same any more."""
        for key in keys:
            resource = self.resources.get(key)
            if resource is not None:
                resource.kept = None

    def _as_others_read(self, reads: frozenset[Read]) -> frozenset[Read]:
        """Return an equal set that another resource has, where there is one: most of a namespace ask for the same."""
        for read in reads:
            other = next(iter(self._readers.get(read, ())), None)
            known = self.resources.get(other) if other is not None else None
            if known is not None and known.reads == reads:
                return known.reads
        return reads

    def forget_reads(self, key: Key) -> None:
        """Drop `key` from the reverse index."""
        self.set_reads(key, frozenset())

    def claimants(self, claim: Claim) -> Iterable[Key]:
        """Return who claims a name."""
        return self._readers.get(claim, ())

    def rivals(self, key: Key) -> frozenset[Key]:
        """Return who else claims a name that `key` claims."""
        resource = self.resources.get(key)
        return self._rivals(key, resource.reads) if resource is not None else frozenset()

    def _rivals(self, key: Key, reads: Iterable[Read]) -> frozenset[Key]:
        found = {rival for read in reads if isinstance(read, Claim) for rival in self._readers.get(read, ())}
        return frozenset(found - {key})

    def readers(self, key: Key, *, appeared_or_vanished: bool) -> frozenset[Key]:
        """Return who must be compiled again because `key` changed, or came or went."""
        readers = set(self._readers.get(key, ()))
        if appeared_or_vanished:
            readers |= self._readers.get(Listing(key.kind, key.namespace), set())
        readers.discard(key)
        return frozenset(readers)

    def _unread(self, read: Read, key: Key) -> None:
        self._readers[read].discard(key)
        if not self._readers[read]:
            del self._readers[read]

    def _unindex(self, ref: ObjectRef, owner: WorkKey | None) -> None:
        if owner is None:
            return
        refs = tuple(one for one in self._by_owner.get(owner, ()) if one != ref)
        if refs:
            self._by_owner[owner] = refs
        else:
            self._by_owner.pop(owner, None)
