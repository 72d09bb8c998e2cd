"""Names, labels and annotations of every object that Binnacle writes. Nothing else spells one."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from binnacle.api import meta
from binnacle.api.registry import KINDS
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets import jsontext

API_GROUP = meta.GROUP
API_VERSION = meta.API_VERSION

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY = "binnacle"
LABEL_INSTANCE = "binnacle.dev/instance"
LABEL_KIND = "binnacle.dev/kind"
LABEL_NAMESPACE = "binnacle.dev/namespace"
LABEL_NAME = "binnacle.dev/name"
LABEL_AGGREGATE = "binnacle.dev/aggregate"
OWNER_LABELS = (LABEL_INSTANCE, LABEL_KIND, LABEL_NAMESPACE, LABEL_NAME, LABEL_AGGREGATE)
COMMON_LABELS = frozenset({LABEL_MANAGED_BY, *OWNER_LABELS})

ANNOTATION_HASH = "binnacle.dev/hash"

FIELD_MANAGER = "binnacle"
STATUS_FIELD_MANAGER = "binnacle-status"

SHORT_NAMES: Mapping[str, str] = {kind: info.short for kind, info in KINDS.items()}
"""Kind -> the mark of its objects' names, which is its short name for kubectl."""

MONITORING_API = "monitoring.coreos.com/v1"
"""Group and version of prometheus-operator's kinds."""

OBJECT_BYTES = 900_000
"""Bytes of content that one object may hold: a ConfigMap takes 1 MiB, etcd 1.5 MiB, the API server 3 MiB; the rest is metadata and room."""

_NAME_LIMIT = 253
_HASH_LENGTH = 8
_SCRAPE_MARK = "scrape "
"""Rule groups have no space in their names."""
_VERSION_LENGTH = 12
_ROUTING_VERSION = re.compile(r"receivers/[^/]+/[^/]+/[a-z]+/version-[0-9a-f]+")


def scrape_mark(pool: str) -> str:
    """Return the mark of a scrape pool that Prometheus lists; its job's name where the job is written as such."""
    return f"{_SCRAPE_MARK}{pool}"


def scrape_pool(mark: str) -> str | None:
    """Return which scrape pool a mark is of, or None: it is of a rule group."""
    return mark.removeprefix(_SCRAPE_MARK) if mark.startswith(_SCRAPE_MARK) else None


def routing_mark(section: str, name: str) -> str:
    """Return the mark of an item of a section of Alertmanager's configuration, such as a receiver."""
    return f"{section}/{name}"


def routing_version(owner: Key, digest: str) -> str:
    """Return the name of the receiver that tells which version of a resource's routing Alertmanager has.

    It has one part more than the name of any item, so nobody's receiver can be called the same.
    """
    return f"{owner.namespace}/{owner.name}/{owner.kind.lower()}/version-{digest[:_VERSION_LENGTH]}"


def is_routing_version(mark: str) -> bool:
    """Say whether a mark is of the version of somebody's routing and not of an item."""
    return _ROUTING_VERSION.fullmatch(mark) is not None


def lease_name(instance: str) -> str:
    """Return the name of the Lease that the replicas of one installation share."""
    return f"binnacle-{instance}"


def object_name(key: Key, target_namespace: str) -> str:
    """Return the name of an object that belongs to `key` and lives in `target_namespace`.

    Across namespaces the name carries the owner's namespace and a hash of the whole identity, and is cut before the
    hash, so that two owners never meet in one name.
    """
    short = SHORT_NAMES[key.kind]
    if key.namespace == target_namespace:
        return f"binnacle-{short}-{key.name}"
    suffix = "-" + hashlib.sha256(f"{key.kind}/{key.namespace}/{key.name}".encode()).hexdigest()[:_HASH_LENGTH]
    stem = f"binnacle-{short}-{key.namespace}-{key.name}"
    return stem[: _NAME_LIMIT - len(suffix)].rstrip("-.") + suffix


def part_name(key: Key, *parts: str) -> str:
    """Return the name of one of many objects that belong to `key` and lie beside it.

    The parts are in the hash only: written out, those of two owners could join to one name.
    """
    suffix = "-" + hashlib.sha256("/".join((*key, *parts)).encode()).hexdigest()[:_HASH_LENGTH]
    return f"{object_name(key, key.namespace)}{suffix}"


def secret_file(root: str, namespace: str, name: str, key: str) -> str:
    """Return where a backend finds the value of a key of a Secret; `root` is the administrator's."""
    return f"{root}/{namespace}/{name}/{key}"


def config_map(namespace: str, name: str) -> ObjectRef:
    """Return the identity of a ConfigMap."""
    return ObjectRef("v1", "ConfigMap", namespace, name)


def aggregate_name(instance: str, target: str, shard: int) -> str:
    """Return the name of an aggregate's object; the first shard has no number."""
    stem = f"binnacle-{instance}-{target}"
    return stem if shard == 0 else f"{stem}-{shard}"


def owner_labels(key: Key, instance: str) -> dict[str, str]:
    """Return the labels of an object that belongs to one resource."""
    return {
        LABEL_MANAGED_BY: MANAGED_BY,
        LABEL_INSTANCE: instance,
        LABEL_KIND: key.kind,
        LABEL_NAMESPACE: key.namespace,
        LABEL_NAME: key.name,
    }


def aggregate_labels(target: str, instance: str) -> dict[str, str]:
    """Return the labels of an object that many resources fill."""
    return {LABEL_MANAGED_BY: MANAGED_BY, LABEL_INSTANCE: instance, LABEL_AGGREGATE: target}


def owner_reference(key: Key, uid: str) -> dict[str, Any]:
    """Return the controller reference that lets Kubernetes collect a child in the owner's own namespace."""
    return {
        "apiVersion": API_VERSION,
        "kind": key.kind,
        "name": key.name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


_NOTHING: Final[Mapping[str, bytes]] = MappingProxyType({})


def canonical(value: Any) -> bytes:
    """Return the one JSON spelling of a value: sorted keys, no spaces, UTF-8."""
    return jsontext.spelled(value)


def canonical_list(spelled: Iterable[bytes]) -> bytes:
    """Return the canonical spelling of a list whose items are spelled already."""
    return b"[" + b",".join(spelled) + b"]"


def canonical_map(value: Mapping[str, Any], spelled: Mapping[str, bytes]) -> bytes:
    """Return the canonical spelling of a map of which some members are spelled already."""
    members = (canonical(key) + b":" + (spelled.get(key) or canonical(item)) for key, item in sorted(value.items()))
    return b"{" + b",".join(members) + b"}"


def digest(value: Any) -> str:
    """Return the digest of a JSON value: 32 hexadecimal characters of SHA-256, enough against accidents and short in status."""
    return digest_of(canonical(value))


def digest_of(spelled: bytes) -> str:
    """Return the digest of a value that is spelled canonically already."""
    return hashlib.sha256(spelled).hexdigest()[:32]


def with_hash(body: dict[str, Any]) -> dict[str, Any]:
    """Return `body` with the hash annotation over everything it says."""
    return with_hash_and_size(body)[0]


def with_hash_and_size(body: dict[str, Any], spelled: Mapping[str, bytes] = _NOTHING) -> tuple[dict[str, Any], int]:
    """Return `body` with the hash annotation, and how many bytes its canonical spelling then has.

    Args:
        body: the object.
        spelled: members of it, besides the metadata, whose canonical spelling is known.
    """
    metadata = dict(body["metadata"])
    annotations = {k: v for k, v in metadata.get("annotations", {}).items() if k != ANNOTATION_HASH}
    metadata["annotations"] = annotations
    stamped = {**body, "metadata": metadata}
    whole = canonical_map(stamped, spelled)
    annotation = {ANNOTATION_HASH: digest_of(whole)}
    metadata["annotations"] = {**annotations, **annotation}
    # The annotation joins a map that had no comma to spare when it was empty.
    return stamped, len(whole) + len(canonical(annotation)) - 2 + bool(annotations)
