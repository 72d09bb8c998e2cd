"""What an applied object has too much: server-side apply never takes away what others have added.

Objects of ours are ours whole outside `metadata` and `status`, so a key added by hand goes again. So
does an owner label: labels of others stay, but who owns an object is ours alone to say. The result is a merge patch; it
only takes away, and for a list that differs it names the whole list, because a merge patch knows no members of lists.
"""

from collections.abc import Mapping
from typing import Any

from binnacle.targets import conventions

_NOT_OURS = frozenset({"apiVersion", "kind", "metadata", "status"})


def surplus(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge patch that takes away what `live` has beyond `wanted`; empty when there is nothing.

    Args:
        wanted: the object as it was applied.
        live: the object as the server returned it.
    """
    patch = _beyond(
        {key: value for key, value in wanted.items() if key not in _NOT_OURS},
        {key: value for key, value in live.items() if key not in _NOT_OURS},
    )
    foreign = _labels(live) & conventions.COMMON_LABELS - _labels(wanted)
    if foreign:
        patch["metadata"] = {"labels": dict.fromkeys(sorted(foreign))}
    return patch


def _labels(body: Mapping[str, Any]) -> frozenset[str]:
    return frozenset((body.get("metadata") or {}).get("labels") or ())


def _beyond(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    patch: dict[str, Any] = {key: None for key in live if key not in wanted}
    for key, value in wanted.items():
        there = live.get(key)
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            if inner := _beyond(value, there):
                patch[key] = inner
        elif isinstance(value, list) and key in live and value != there:
            patch[key] = value
    return patch
