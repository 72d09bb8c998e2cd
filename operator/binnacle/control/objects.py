"""Objects of ours, one at a time: made as they should be, put back, deleted; never one that is somebody else's.

Every write is preceded by a comparison. Each says to the server what it believes to be there: nothing, or the object with
this uid. Where the server says otherwise, the live object is looked at before anything else is done.
"""

import logging
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from binnacle.api.reasons import Reason
from binnacle.control.cache import Cache, Child, WorkKey, is_older, object_ref, owner_of
from binnacle.control.fingerprint import Fingerprinter, applied_by_us, is_of_instance, is_ours, owner_is_forged
from binnacle.control.journal import Journal
from binnacle.control.ports import LeaseGuard, Store
from binnacle.errors import ConflictError, TransientError
from binnacle.intent.refs import ObjectRef
from binnacle.targets.base import Output

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Awaited:
    """A request about an object that is under way: the fingerprint of what it makes, and uids that vanished meanwhile."""

    wanted: bytes
    vanished: set[str] = field(default_factory=set)


class Objects:
    """Writes objects and keeps the cache equal to what the server answered.

    Args:
        cache: what is known of the objects.
        store: where they are.
        guard: whether this replica may write.
        fingerprints: what of an object is compared.
        journal: is told of every write.
        instance: the installation; objects of another one are left alone.
    """

    def __init__(
        self,
        *,
        cache: Cache,
        store: Store,
        guard: LeaseGuard,
        fingerprints: Fingerprinter,
        journal: Journal,
        instance: str,
    ):
        self._cache = cache
        self._store = store
        self._guard = guard
        self._fingerprints = fingerprints
        self._journal = journal
        self._instance = instance
        self._awaited: dict[ObjectRef, _Awaited] = {}
        """Objects about which a request is under way."""
        self._taken: set[ObjectRef] = set()
        """Names that somebody else had when last looked at."""
        self.troubles: dict[tuple[str, str], tuple[str, str]] = {}
        """(apiVersion, kind) -> (reason, message) of kinds that cannot be watched."""
        self.synced = False
        """Whether every watch that can sync has; only then may anything be deleted."""

    def gone(self, ref: ObjectRef, uid: str) -> None:
        """Take note that an object vanished: an answer about it that is still on its way must not bring it back."""
        if ref in self._awaited:
            self._awaited[ref].vanished.add(uid)

    def is_made_now(self, ref: ObjectRef, fingerprint: bytes) -> bool:
        """Say whether what a watch told of an object is what a request that is under way makes of it.

        The watch may be faster than the answer. There is nothing to put back then, and nothing to look at once more.
        """
        awaited = self._awaited.get(ref)
        return awaited is not None and awaited.wanted == fingerprint

    def is_in_sync(self, key: WorkKey, ref: ObjectRef, wanted: bytes) -> bool:
        """Say whether an object of `key` is known to have this fingerprint, so that `ensure` would do nothing."""
        child = self._cache.children.get(ref)
        watched = (ref.api_version, ref.kind) not in self.troubles
        return watched and child is not None and child.owner == key and child.in_sync(wanted)

    async def ensure(self, key: WorkKey, output: Output, wanted: bytes | None = None) -> bool:
        """Make one object as it should be; returns whether that took a write. `wanted` is its fingerprint, where it is known."""
        awaited = self._awaited[output.ref] = _Awaited(wanted or self._fingerprints.of(output.body))
        try:
            wrote = await self._make(output, awaited.wanted, awaited.vanished)
        finally:
            self._awaited.pop(output.ref, None)
        if wrote:
            self._journal.wrote(key, f"apply {output.ref}")
        return wrote

    async def _make(self, output: Output, wanted: bytes, vanished: Set[str], *, again: bool = True) -> bool:
        """Make one object as it should be; `vanished` grows with the uids that the watch says are gone meanwhile.

        `wanted` is its fingerprint. With `again` what was known of the object may turn out to be old: then it is looked
        at, and made once more.
        """
        ref = output.ref
        trouble = self.troubles.get((ref.api_version, ref.kind))
        if trouble is not None:
            # Also when it was in sync when last seen: what cannot be watched cannot be called applied.
            raise TransientError(trouble[1], reason=trouble[0])
        child = self._cache.children.get(ref)
        others = child is not None and child.owner != owner_of(output.body)
        look = others or not again or ref in self._taken
        if look:
            child = await self._look(output, vanished)
        if child is not None and child.in_sync(wanted):
            return False
        self.may_write()
        try:
            # With the uid that we know: an object that was deleted and made anew by somebody else, of which the watch
            # has not told yet, is not touched. And nothing is touched where we know of nothing.
            body = output.body if child is None else _of_uid(output.body, child.uid)
            live = await self._store.apply(body, new=child is None and not look)
        except ConflictError:
            if not again:
                raise
            if child is not None:
                self._cache.drop_child(ref, child.uid)
            return await self._make(output, wanted, vanished, again=False)
        if live["metadata"].get("uid") in vanished:
            return True  # deleted before the answer came: the watch has told us, and the owner is queued again
        child = self.seen(live)
        # Where the watch has told of a later version, that one counts: its owner is queued again.
        if child.fingerprint != wanted and child.resource_version == live["metadata"].get("resourceVersion", ""):
            log.info("the server changed what was applied", extra={"object": str(ref)})
            child.accepted = (wanted, child.fingerprint)
        return True

    async def _look(self, output: Output, vanished: Set[str]) -> Child | None:
        """Ask the server for the object of that name; None when there is none.

        Raises:
            ConflictError: `NameTaken`, it is somebody else's.
        """
        live = await self._store.get(output.ref)
        self._taken.discard(output.ref)
        if live is None or live["metadata"].get("uid") in vanished:
            return None
        if not is_ours(live, output.body):
            self._taken.add(output.ref)
            raise ConflictError(
                f"{output.ref.kind} {output.ref.namespace}/{output.ref.name} exists and is not ours; it was left as it is. "
                "Rename it, delete it, or rename this resource.",
                reason=Reason.NAME_TAKEN,
            )
        return self.seen(live)

    async def delete(self, key: WorkKey, ref: ObjectRef) -> None:
        """Delete one object, once all watches have synced and if it is still what it was taken for."""
        child = self._cache.children.get(ref)
        if child is None or not self.synced:
            return
        live = await self._store.get(ref)
        if live is None or owner_of(live) != child.owner or owner_is_forged(live):
            return  # gone already, or not what we took it for: its true owner puts the label back
        if not is_of_instance(live, self._instance):
            return  # given to another installation, or freed, and the watch has not told us yet
        self.may_write()
        await self._store.delete(ref, child.uid)
        self._journal.wrote(key, f"delete {ref}")
        self._cache.drop_child(ref, child.uid)

    def seen(self, body: Mapping[str, Any]) -> Child:
        """Take a live object of ours into the cache; one that is older than what is known of it changes nothing."""
        metadata = body["metadata"]
        ref = object_ref(body)
        known = self._cache.children.get(ref)
        uid, version = metadata.get("uid", ""), metadata.get("resourceVersion", "")
        if (
            known is not None
            and known.uid == uid
            and known.resource_version != version
            and is_older(version, known.resource_version)
        ):
            return known
        child = Child(
            uid=uid,
            resource_version=version,
            owner=owner_of(body),
            fingerprint=self._fingerprints.of(body),
            applied=applied_by_us(body),
            accepted=known.accepted if known is not None else None,
        )
        self._cache.put_child(ref, child)
        return child

    def may_write(self) -> None:
        """Raise `TransientError` when this replica may not write any more."""
        if not self._guard.held():
            raise TransientError("this replica does not hold the lease any more")


def _of_uid(body: Mapping[str, Any], uid: str) -> Mapping[str, Any]:
    """Return an object to apply that the server takes only for the object with this uid."""
    return {**body, "metadata": {**body["metadata"], "uid": uid}}
