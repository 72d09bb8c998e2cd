"""Fingerprints: whether a live object still says what we want, without keeping its body.

A fingerprint covers all that we own of an object: our labels and annotations (the hash among them), our owner
reference, and everything outside `metadata` and `status` as a whole, so that a value changed, a key added and a label
changed by hand all show. Labels, annotations and owner references of others do not count.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from binnacle.targets import conventions

_NOT_OURS = frozenset({"apiVersion", "kind", "metadata", "status"})


@dataclass(frozen=True, slots=True)
class Fingerprinter:
    """Computes fingerprints. `labels` and `annotations` are the keys that we set, on whatever kind of object."""

    labels: frozenset[str]
    annotations: frozenset[str]

    def of(self, body: Mapping[str, Any]) -> bytes:
        """Return the 16-byte fingerprint of an object, wanted or live.

        Empty members at the top level count as absent: a server may leave out an empty `data`.
        """
        metadata = body["metadata"]
        ours = {
            "labels": _only(metadata.get("labels"), self.labels),
            "annotations": _only(metadata.get("annotations"), self.annotations),
            "owners": sorted(
                (owner["kind"], owner["name"], owner["uid"])
                for owner in metadata.get("ownerReferences") or ()
                if owner["apiVersion"].partition("/")[0] == conventions.API_GROUP
            ),
            "content": {
                key: value for key, value in body.items() if key not in _NOT_OURS and value not in ({}, [], None)
            },
        }
        return hashlib.sha256(conventions.canonical(ours)).digest()[:16]


def _only(values: Mapping[str, str] | None, keys: frozenset[str]) -> dict[str, str]:
    return {key: value for key, value in (values or {}).items() if key in keys}


def is_ours(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Say whether a live object is the one that we wrote for the same owner.

    The owner labels say so; where somebody changed or removed one of them by hand, the server's own record
    (`metadata.managedFields`) does: the object was applied by our field manager, and no owner label that is still in
    our manager's hand names another owner. An object that somebody else made has neither, whatever it is called.
    """
    live_labels = live["metadata"].get("labels") or {}
    wanted_labels = wanted["metadata"]["labels"]
    differing = [key for key in conventions.OWNER_LABELS if live_labels.get(key) != wanted_labels.get(key)]
    if not differing:
        return True
    held = _held_labels(live)
    return held is not None and not any(key in held for key in differing)


def is_of_instance(live: Mapping[str, Any], instance: str) -> bool:
    """Say whether a live object carries the labels by which the watches of an installation select its objects."""
    labels = live["metadata"].get("labels") or {}
    return bool(
        labels.get(conventions.LABEL_MANAGED_BY) == conventions.MANAGED_BY
        and labels.get(conventions.LABEL_INSTANCE) == instance
    )


def applied_by_us(live: Mapping[str, Any]) -> bool:
    """Say whether our field manager ever applied a live object, by the server's own record."""
    return _held_labels(live) is not None


def owner_is_forged(live: Mapping[str, Any]) -> bool:
    """Say whether an owner label of an object that we applied was written by somebody else since.

    Such an object's labels do not say whose it is; it must not be deleted on their word.
    """
    held = _held_labels(live)
    labels = live["metadata"].get("labels") or {}
    return held is not None and any(key in labels and key not in held for key in conventions.OWNER_LABELS)


def _held_labels(live: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the label keys that our field manager holds, or None when it never applied the object."""
    for entry in live["metadata"].get("managedFields") or ():
        if (
            entry.get("manager") == conventions.FIELD_MANAGER
            and entry.get("operation") == "Apply"
            and not entry.get("subresource")
        ):
            fields = entry.get("fieldsV1", {}).get("f:metadata", {}).get("f:labels", {})
            return frozenset(field.removeprefix("f:") for field in fields)
    return None
