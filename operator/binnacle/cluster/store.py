"""The loop's Store port on a Kubernetes API server: server-side apply, status, get and delete."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from binnacle.cluster.client import APPLY_PATCH, MERGE_PATCH, Client
from binnacle.cluster.refusals import Call, NotFoundError
from binnacle.cluster.surplus import surplus
from binnacle.errors import ConflictError, SpecError
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets import conventions
from binnacle.targets.base import Resource

# Strict: a field that the server's version of a kind does not know is refused, not dropped in silence. Dropped, the
# live object would differ from the wanted one for ever.
_APPLY = {"fieldManager": conventions.FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"}
_APPLY_STATUS = {**_APPLY, "fieldManager": conventions.STATUS_FIELD_MANAGER}
_MERGE = {"fieldManager": conventions.FIELD_MANAGER}

_OF_NOTHING: Final = "1"
"""A resourceVersion that no object has: it is the revision of an empty etcd, and each write makes the next one.

Server-side apply refuses it where an object exists and does not look at it where it creates one (measured on 1.36).
"""

_NOT_PLAIN_IN_YAML: Final = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]|\xef\xbb\xbf|\xef\xbf[\xbe\xbf]")
"""In UTF-8: DEL, U+0080-009F, U+2028, U+2029, U+FEFF, U+FFFE, U+FFFF."""


def _apply_patch(body: Mapping[str, Any]) -> bytes:
    """Return the body of a server-side apply, which the server reads as YAML even where it is JSON.

    In YAML some characters that JSON takes as they are end the line or are refused; JSON below U+0020 is escaped anyway.
    """
    text = conventions.canonical(body)
    if text.isascii() and b"\x7f" not in text:
        return text  # nearly always, and told a hundred times faster than by the expression
    return _NOT_PLAIN_IN_YAML.sub(lambda found: b"\\u%04x" % ord(found.group().decode()), text)


class KubernetesStore:
    """Implements `binnacle.control.ports.Store`.

    Args:
        client: requests go through it.
        resources: every kind that is read or written: our own and those of the targets.
    """

    def __init__(self, client: Client, resources: Iterable[Resource]):
        self._client = client
        self._resources = {(resource.api_version, resource.kind): resource for resource in resources}

    async def get(self, ref: ObjectRef) -> Mapping[str, Any] | None:
        """Return the live object, or None. Raises as `Client.request`."""
        try:
            return await self._client.request("GET", self._call("get", ref))
        except NotFoundError:
            return None

    async def apply(self, body: Mapping[str, Any], *, new: bool = False) -> Mapping[str, Any]:
        """Make the object equal to `body` in all that `body` says, remove what is extra outside metadata and status.

        Owner labels that `body` does not have are removed too. One request, and a second one only when there is
        something to take away. A uid in `body` makes the server refuse when the object is another one by now, and `new`
        makes it refuse when there is one at all, in the same instant in which it would write. Returns the live object.
        Raises as `Client.request`.
        """
        metadata = body["metadata"]
        if new:
            body = {**body, "metadata": {**metadata, "resourceVersion": _OF_NOTHING}}
        ref = ObjectRef(body["apiVersion"], body["kind"], metadata["namespace"], metadata["name"])
        call = self._call("patch", ref)
        live = await self._client.request(
            "PATCH", call, body=_apply_patch(body), content_type=APPLY_PATCH, params=_APPLY
        )
        extra = surplus(body, live)
        if not extra:
            return live
        version = {"resourceVersion": live["metadata"]["resourceVersion"]}
        guarded = {**extra, "metadata": {**extra.get("metadata", {}), **version}}
        return await self._client.request(
            "PATCH", call, body=conventions.canonical(guarded), content_type=MERGE_PATCH, params=_MERGE
        )

    async def delete(self, ref: ObjectRef, uid: str) -> None:
        """Delete the object if it still is the one with `uid`; one that is gone or another one by now is fine."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        try:
            await self._client.request("DELETE", self._call("delete", ref), body=conventions.canonical(options))
        except (NotFoundError, ConflictError):
            return

    async def write_status(self, key: Key, uid: str, status: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Replace what we own of the resource's status; returns the live resource, or None when it is gone.

        The server checks no uid on the status of a resource (measured on 1.36: an apply with another uid passes). A
        resource that was deleted and made again in the same instant can so get the old one's status for as long as
        its own reconciliation takes; the answer shows it, and None is returned: the one we meant is gone.
        """
        ref = ObjectRef(conventions.API_VERSION, key.kind, key.namespace, key.name)
        body = {
            "apiVersion": ref.api_version,
            "kind": ref.kind,
            "metadata": {"name": key.name, "namespace": key.namespace},
            "status": status,
        }
        try:
            live = await self._client.request(
                "PATCH",
                self._call("patch", ref, "status"),
                body=_apply_patch(body),
                content_type=APPLY_PATCH,
                params=_APPLY_STATUS,
            )
        except NotFoundError:
            return None
        return live if live["metadata"]["uid"] == uid else None

    def _call(self, verb: str, ref: ObjectRef, subresource: str = "") -> Call:
        resource = self._resources.get((ref.api_version, ref.kind))
        if resource is None:
            raise SpecError(f"no target says that it writes {ref.api_version} {ref.kind}")
        return Call(verb, resource, ref.namespace, ref.name, subresource)
