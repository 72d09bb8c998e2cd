"""Reconciling one key: make the world equal to what the resource wants, and say in its status how that went.

Level-triggered: it looks at the whole state of the key and never at what changed, so it may run at any time, twice, or
again after a crash between any two calls. Every write is preceded by a comparison; at rest nothing is written.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from binnacle.api.conditions import ConditionType
from binnacle.api.meta import Mode
from binnacle.api.reasons import Reason
from binnacle.compile.world import Memory, World
from binnacle.control.aggregates import Aggregate, Aggregates, Part
from binnacle.control.backends import Backends
from binnacle.control.cache import Cache, Resource, WorkKey, compact
from binnacle.control.desired import Desired, Toolchain, desire
from binnacle.control.dispute import Dispute
from binnacle.control.fingerprint import Fingerprinter
from binnacle.control.firstpass import FirstPass
from binnacle.control.journal import Journal
from binnacle.control.metrics import Metrics
from binnacle.control.models import Models
from binnacle.control.objects import Objects
from binnacle.control.ports import (
    Clock,
    Event,
    Present,
    Recorder,
    Store,
)
from binnacle.control.queue import Priority, WorkQueue
from binnacle.control.status import (
    ChildStatus,
    Problem,
    Situation,
    build,
    condition_said,
    unobserved,
)
from binnacle.errors import BinnacleError, ConflictError, SpecError, TransientError
from binnacle.intent.readback import READBACK_FIELDS
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets import conventions
from binnacle.targets.base import AggregateKey, Output, Owner, Standing

log = logging.getLogger(__name__)

_PARTS: Final = 4
"""Objects of one aggregate that are written at the same time: each may have a megabyte."""
PATIENCE = 5.0
"""Seconds after which unfinished work is shown as `Reconciling`."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The key is to be tried again, after its back-off and not before `at_least` seconds."""

    at_least: float = 0.0


class Reconciler:
    """Works on one key at a time; the queue sees to it that no key is worked on twice at once."""

    def __init__(
        self,
        *,
        tools: Toolchain,
        cache: Cache,
        aggregates: Aggregates,
        queue: WorkQueue[WorkKey],
        objects: Objects,
        store: Store,
        recorder: Recorder,
        clock: Clock,
        fingerprints: Fingerprinter,
        aggregate_debounce: float,
        backends: Backends,
        first: FirstPass,
        metrics: Metrics,
        journal: Journal,
    ):
        self._tools = tools
        self._cache = cache
        self._aggregates = aggregates
        self._queue = queue
        self._objects = objects
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._fingerprints = fingerprints
        self._debounce = aggregate_debounce
        self._backends = backends
        self._first = first
        self._metrics = metrics
        self._journal = journal
        self._models = Models(tools.parse)
        self._memory = Memory()
        self._fallen: dict[str, Problem | None] = {}
        """Kind -> why what stands for all its resources cannot be written."""
        self.deliver: Callable[[Event], None] = lambda _event: None
        """Takes what was found beside the watches, as if a watch had told it."""

    async def reconcile(self, key: WorkKey) -> Retry | None:
        """Work on a key once. Returns how to try again, or None when there is nothing left to do.

        Raises `TransientError` when the replica may not write any more.
        """
        if isinstance(key, AggregateKey):
            standing = next((one for one in self._tools.standing if one.aggregate == key), None)
            return await (self._aggregate(key) if standing is None else self._stand(standing))
        resource = self._cache.resources.get(key)
        if resource is None:
            return await self._vanished(key)
        return await self._resource(key, resource)

    # One resource.

    async def _resource(self, key: Key, resource: Resource) -> Retry | None:
        try:
            if resource.dispute is not None and not await self._settle(key, resource, resource.dispute):
                return None  # the watch or the resync will say so too
        except BinnacleError as error:
            return self._again(key, error)
        if resource.kept is not None and resource.kept[0] == self._clock.today():
            return await self._apply(key, resource, resource.kept[1], resource.live_status())
        with self._metrics.compile_seconds.labels(key.kind).time():
            desired = desire(self._tools, resource.document(), Owner(key, resource.uid), self._world())
        for rival in self._cache.set_reads(key, desired.reads):
            self._queue.add(rival, Priority.DEPENDENT)
        resource.renew, resource.kept = desired.renew, None
        before = resource.live_status()
        spec = getattr(desired.model, "spec", None)
        if desired.withdrawn:
            return await self._withdraw(key, resource, desired, before)
        if not desired.valid:
            return await self._say(key, resource, self._unchanged(resource, key, desired, before), before)
        if spec is not None and spec.suspend:
            situation = self._unchanged(resource, key, desired, before, suspended=True)
            return await self._say(key, resource, situation, before)
        if spec is not None and spec.mode == Mode.DRY_RUN:
            situation = self._unchanged(resource, key, desired, before, changes=self._changes(key, desired))
            return await self._say(key, resource, situation, before)
        if desired.shares:
            # Before the requests, because what arrives during them makes old what is kept.
            resource.kept = self._clock.today(), replace(desired, model=None, compiled=None)
        return await self._apply(key, resource, desired, before)

    async def _settle(self, key: Key, resource: Resource, dispute: Dispute) -> bool:
        """Ask the API server for a resource that was told in two ways, when it is time; False when there is nothing to work on."""
        pause = dispute.pause(self._clock.monotonic())
        if pause is not None and pause <= 0:
            live = await self._store.get(ObjectRef(conventions.API_VERSION, key.kind, key.namespace, key.name))
            if live is None or self._cache.resources.get(key) is not resource:
                return False
            if live["metadata"]["uid"] != resource.uid:
                self.deliver(Present(live))
                return False
            if self._cache.settle(key, live):
                self._tell(self._cache.read_by(key))
        self._watch_dispute(key, resource)
        return True

    def _watch_dispute(self, key: Key, resource: Resource) -> None:
        """Come back when it is time to ask, where a resource was told in two ways."""
        pause = resource.dispute.pause(self._clock.monotonic()) if resource.dispute is not None else None
        if pause is not None:
            self._queue.add_after(key, pause)

    async def _withdraw(
        self, key: Key, resource: Resource, desired: Desired, before: Mapping[str, Any]
    ) -> Retry | None:
        """Take away what was applied, because it would harm others."""
        retry: Retry | None = None
        try:
            await self._tidy(key, desired)
        except BinnacleError as error:
            retry = self._again(key, error)
        situation = self._unchanged(resource, key, desired, before)
        gone = not self._cache.children_of(key)
        said = await self._say(
            key,
            resource,
            replace(situation, children=(), facts={}, live=None, data=None) if gone else situation,
            before,
        )
        return retry or said

    async def _apply(self, key: Key, resource: Resource, desired: Desired, before: Mapping[str, Any]) -> Retry | None:
        problem: Problem | None = None
        retry: Retry | None = None
        # Now, because an edit that arrives during the requests below changes the resource under us.
        generation = resource.generation
        outputs = desired.outputs
        try:
            if self._lost(outputs, before) and not await self._is_there(key, resource):
                return None  # the watch or the resync will say so too
        except BinnacleError as error:
            outputs, problem, retry = (), _problem(error), self._again(key, error)
        for failure in await self._ensure(key, resource, outputs):
            problem, retry = problem or _problem(failure), self._again(key, failure)
        for share in desired.shares:
            if self._aggregates.put(share):
                self._queue.add_after(share.aggregate, self._debounce, Priority.SHARED)
        problem = problem or self._aggregate_problem(key)
        self._backends.expect(resource, desired)
        waiting = not self._aggregates.settled(key)
        if problem is not None or not waiting:
            resource.kept = None
        if problem is None and not waiting:
            try:
                await self._tidy(key, desired)
            except BinnacleError as error:
                problem, retry = _problem(error), self._again(key, error)
        under_way = self._under_way(key, resource, problem, waiting)
        if under_way is None:
            return retry  # too early to say anything; the retry, the aggregate or the timer comes back here
        live, data = self._backends.judged(key, resource, before)
        situation = Situation(
            generation=generation,
            valid=True,
            findings=desired.findings,
            facts=desired.facts or {},
            children=self._children(key, desired),
            problem=problem,
            under_way=under_way,
            live=live,
            data=data,
        )
        said = await self._say(key, resource, situation, before)
        return retry or said

    async def _ensure(self, key: Key, resource: Resource, outputs: Iterable[Output]) -> list[BinnacleError]:
        """Make every object as it should be; one that fails keeps none of the others from it."""
        failures = []
        for output in outputs:
            try:
                if await self._objects.ensure(key, output):
                    resource.applied_at = self._clock.monotonic()
            except BinnacleError as error:
                failures.append(error)
        return failures

    def _lost(self, outputs: Iterable[Output], before: Mapping[str, Any]) -> bool:
        """Say whether an object that was applied before is not there any more."""
        applied = {(one["kind"], one["namespace"], one["name"]) for one in before.get("children", ())}
        return any(output.ref not in self._cache.children and output.ref[1:] in applied for output in outputs)

    async def _is_there(self, key: Key, resource: Resource) -> bool:
        """Ask whether the resource still exists.

        Its objects may have gone because it has gone, and its watch may be late or refused: made again, they would be
        collected again at once, and so on without end.
        """
        live = await self._store.get(ObjectRef(conventions.API_VERSION, key.kind, key.namespace, key.name))
        return live is not None and live["metadata"]["uid"] == resource.uid

    def _under_way(self, key: Key, resource: Resource, problem: Problem | None, waiting: bool) -> str | None:
        """Return what status is to say of unfinished work: empty when finished, None when it is too early to say."""
        if problem is None and not waiting:
            resource.work_since = None
            return ""
        if problem is not None and problem.terminal:
            return ""
        if problem is None and self._first.under_way:
            return None  # the object that holds its share is written soon after, and comes back here
        now = self._clock.monotonic()
        if resource.work_since is None:
            resource.work_since = now
        remaining = resource.work_since + PATIENCE - now
        if remaining > 0:
            self._queue.add_after(key, remaining)
            return None
        return problem.message if problem else "Waiting for the object that holds this resource's share to be written."

    async def _tidy(self, key: Key, desired: Desired) -> None:
        """Remove what the resource does not want any more, after all that it wants is in place."""
        for aggregate in self._aggregates.drop(key, keep={share.aggregate for share in desired.shares}):
            self._queue.add_after(aggregate, self._debounce, Priority.SHARED)
        for ref in self._unwanted(key, desired.outputs):
            await self._objects.delete(key, ref)

    def _unwanted(self, owner: WorkKey, outputs: Iterable[Output | Part]) -> list[ObjectRef]:
        """Return the objects that an owner, which lives, does not want any more.

        A copy that somebody made of one of them is not among these: it names an owner that never wrote it. Only when
        that owner is gone the labels decide, and the copy is an orphan like any other.
        """
        wanted = {output.ref for output in outputs}
        return [
            ref for ref in self._cache.children_of(owner) if ref not in wanted and self._cache.children[ref].applied
        ]

    async def _vanished(self, key: Key) -> Retry | None:
        """Remove what is left of a resource that does not exist, once that is certain."""
        if not self._cache.children_of(key) and not self._aggregates.contributes(key):
            return None
        if not self._objects.synced:
            return None  # asked again when the watches have synced
        try:
            live = await self._store.get(ObjectRef(conventions.API_VERSION, key.kind, key.namespace, key.name))
            if live is not None:
                # The watch has not told us of it (yet); the server's word counts, not our memory.
                self.deliver(Present(live))
                return None
            for ref in self._cache.children_of(key):
                await self._objects.delete(key, ref)
        except BinnacleError as error:
            self._warn_denied(key, "", error)
            return self._again(key, error)
        for aggregate in self._aggregates.drop(key):
            self._queue.add_after(aggregate, self._debounce, Priority.SHARED)
        return None

    # One aggregate.

    async def _aggregate(self, key: AggregateKey) -> Retry | None:
        state = self._aggregates.get(key)
        if not self._objects.synced:
            # Asked again when the watches have synced: a share that is missing yet is not gone.
            if state is not None and self._objects.troubles:
                reason, message = next(iter(self._objects.troubles.values()))
                self._fail(state, Problem(Reason(reason), message, terminal=True))
            return None
        if state is None or not (state.held or state.applied or self._cache.children_of(key)):
            return None
        pause = self._first.pause(key, self._clock.monotonic())
        if pause > 0:
            self._queue.add_after(key, pause)
            return None
        for owner in self._aggregates.inherited_owners(key):
            if owner not in self._cache.resources:
                self._queue.add(owner, Priority.DEPENDENT)
        try:
            await self._inherit(key, state)
            refused = state.refused
            parts, snapshot = self._aggregates.plan(key)
            await self._ensure_parts(key, self._made(key, state, parts))
            for ref in self._unwanted(key, parts):
                await self._objects.delete(key, ref)
        except BinnacleError as error:
            self._fail(state, _problem(error))
            return self._again(key, error)
        state.problem = None
        changed = self._aggregates.written(key, snapshot)
        now = self._clock.monotonic()
        for owner in changed:
            resource = self._cache.resources.get(owner)
            if resource is not None:
                resource.applied_at = now
        self._tell((*changed, *sorted(refused ^ state.refused)))
        return None

    def _made(self, key: AggregateKey, state: Aggregate, parts: Iterable[Part]) -> list[Part]:
        """Return the objects to make. Where nobody has a share nothing is made anew.

        A label that somebody put on another object may be all that there is of such an aggregate.
        """
        used, there = bool(state.held or state.applied), self._cache.children_of(key)
        return [part for part in parts if used or part.ref in there]

    async def _ensure_parts(self, key: AggregateKey, parts: Iterable[Part]) -> None:
        """Make the objects of an aggregate as they should be, some at a time; raises what went wrong with the first of them."""
        room, turn = asyncio.Semaphore(_PARTS), asyncio.Lock()

        async def ensure(part: Part) -> None:
            async with room:
                await self._ensure_part(key, part, turn)

        ended = await asyncio.gather(*map(ensure, parts), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    async def _ensure_part(self, key: AggregateKey, part: Part, turn: asyncio.Lock) -> None:
        """Make one object of an aggregate as it should be; one that is known to be so is not spelled."""
        if part.fingerprint is not None and self._objects.is_in_sync(key, part.ref, part.fingerprint):
            return
        # An object takes some milliseconds, and there may be a hundred: others have their turn in between.
        async with turn:
            await asyncio.sleep(0)
            output = part.output()
            part.fingerprint = self._fingerprints.of(output.body)
        await self._objects.ensure(key, output, part.fingerprint)

    async def _inherit(self, key: AggregateKey, state: Aggregate) -> None:
        """Look at the live objects once before they are written for the first time.

        What another replica wrote last may not have reached our watch, and its shares must not be lost.
        """
        if not state.assembled:
            for ref in self._cache.children_of(key):
                live = await self._store.get(ref)
                for owner in self._aggregates.inherit(key, live) if live is not None else ():
                    self._queue.add(owner, Priority.DEPENDENT)

    def _fail(self, state: Aggregate, problem: Problem) -> None:
        """Remember why an aggregate cannot be written, and let those show it whose share is not in it."""
        if state.problem != problem:
            state.problem = problem
            self._tell(state.unwritten())

    def _tell(self, owners: Iterable[Key]) -> None:
        for owner in owners:
            if owner in self._cache.resources:
                self._queue.add(owner, Priority.DEPENDENT)

    def _unwatched(self, key: AggregateKey) -> Problem | None:
        """Return why the objects of an aggregate cannot be watched: then nobody's share in them can be called applied."""
        for ref in self._cache.children_of(key) if self._objects.troubles else ():
            trouble = self._objects.troubles.get((ref.api_version, ref.kind))
            if trouble is not None:
                return Problem(Reason(trouble[0]), trouble[1], terminal=True)
        return None

    def _aggregate_problem(self, key: Key) -> Problem | None:
        fallen = self._fallen.get(key.kind)
        if fallen is not None:
            return fallen
        for aggregate in self._aggregates.contributes(key):
            unwatched = self._unwatched(aggregate)
            if unwatched is not None:
                return unwatched
            state = self._aggregates.get(aggregate)
            if state is None:
                continue
            if state.problem is not None and not self._aggregates.settled(key):
                return state.problem
            if key in state.beyond:
                return Problem(
                    Reason.OUTPUT_TOO_LARGE,
                    f"Namespace {key.namespace} has all that one may have of {aggregate}: with this resource it would be more than "
                    f"{self._aggregates.most_of_one(aggregate)} bytes, as tenancy.sharedObjects of the administrator's configuration "
                    "says; what was applied before stays. Make it smaller, or take others of this namespace out of it.",
                    terminal=True,
                )
            if key in state.refused:
                holder = self._aggregates.object_of(aggregate, key)
                return Problem(
                    Reason.OUTPUT_TOO_LARGE,
                    f"There is no room for the share of this resource in {holder.name if holder else aggregate}, or its "
                    "namespace has all that one may have of it; what was applied before stays. Make it smaller, or take "
                    "others of this namespace out of it.",
                    terminal=True,
                )
        return None

    # What there is while there is any resource of a kind.

    async def _stand(self, standing: Standing) -> Retry | None:
        """Make it be there, or go. Nobody's status waits for it, but all show why it cannot be written."""
        key = standing.aggregate
        outputs = standing.outputs if self._is_wanted(standing) else ()
        try:
            for output in outputs:
                await self._objects.ensure(key, output)
            for ref in self._unwanted(key, outputs):
                await self._objects.delete(key, ref)
        except BinnacleError as error:
            self._stands(standing, _problem(error))
            return self._again(key, error)
        self._stands(standing, None)
        return None

    def _is_wanted(self, standing: Standing) -> bool:
        """Say whether there is a resource for which it is there: one that is only tried brings nothing, and takes nothing away."""
        kept = bool(self._cache.children_of(standing.aggregate))
        return any(
            kept or (resource.document().get("spec") or {}).get("mode") != Mode.DRY_RUN
            for key, resource in self._cache.resources.items()
            if key.kind == standing.kind
        )

    def _stands(self, standing: Standing, problem: Problem | None) -> None:
        """Remember why it cannot be written, and let all show it who are the reason for it, unless that may pass by itself."""
        if problem is not None and problem.reason is Reason.PROGRESSING:
            return
        if self._fallen.get(standing.kind) != problem:
            self._fallen[standing.kind] = problem
            self._tell(key for key in tuple(self._cache.resources) if key.kind == standing.kind)

    # Status.

    async def _say(self, key: Key, resource: Resource, situation: Situation, before: Mapping[str, Any]) -> Retry | None:
        """Write the status if it says anything new."""
        status = build(situation, before, READBACK_FIELDS.get(key.kind, ()), self._clock.now())
        if status == before:
            return None
        resource.saying = compact(status)
        try:
            self._objects.may_write()
            live = await self._store.write_status(key, resource.uid, status)
        except BinnacleError as error:
            self._warn_denied(key, resource.uid, error)
            return self._again(key, error)
        finally:
            resource.saying = None
        ready = next((one["reason"] for one in status["conditions"] if one["type"] == ConditionType.READY), "")
        self._journal.wrote(key, f"status {ready}")
        # A resource that the watch says is gone must not come back by an answer from before.
        if live is not None and self._cache.resources.get(key) is resource:
            if resource.is_edited(live):
                # An edit of which the watch has not told yet. When it does, this version is known already: so now.
                self.deliver(Present(live))
            else:
                self._cache.put_status(key, live)
                self._watch_dispute(key, resource)
            self._warn(key, resource.uid, before, status)
        return None

    def _warn_denied(self, key: Key, uid: str, error: BinnacleError) -> None:
        """Record an event where a right is missing and no status can say so."""
        if isinstance(error, TransientError) and error.reason == Reason.PERMISSION_DENIED:
            self._recorder.warn(key, uid, Reason.PERMISSION_DENIED, error.message)

    def _warn(self, key: Key, uid: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Record an event when somebody must act who needed not before."""
        was, now = _stalled(before), _stalled(after)
        if now is not None and (was is None or was["reason"] != now["reason"]):
            self._recorder.warn(key, uid, now["reason"], now.get("message", ""))

    def _unchanged(
        self,
        resource: Resource,
        key: Key,
        desired: Desired,
        before: Mapping[str, Any],
        *,
        suspended: bool = False,
        changes: Sequence[Mapping[str, str]] | None = None,
    ) -> Situation:
        """Return the situation of a resource to which nothing is applied: what was applied last stays and is shown.

        A change that was under way is not finished: as a write for one that is to be left alone it would be no better than any
        other, and after an end of the process nothing tells how far it had come (ADR 0025).
        """
        resource.work_since = None
        applied = bool(before.get("children"))
        if desired.valid and not self._changes(key, desired):
            # What is applied is what the spec says, so it can be observed although nothing is applied now.
            self._backends.expect(resource, desired)
        known = resource.marks or resource.readback is not None or resource.observed is not None
        live, data = self._backends.judged(key, resource, before) if known else unobserved(before)
        return Situation(
            generation=resource.generation,
            valid=desired.valid,
            findings=desired.findings,
            facts=None,
            children=None,
            live=live if applied else None,
            data=data if applied or condition_said(before, ConditionType.DATA_PRESENT) else None,
            suspended=suspended,
            dry_run=changes is not None,
            changes=changes or (),
        )

    def _children(self, key: Key, desired: Desired) -> list[ChildStatus]:
        children = [
            ChildStatus(output.ref.kind, output.ref.namespace, output.ref.name, output.purpose)
            for output in desired.outputs
            if output.ref in self._cache.children
        ]
        for share in desired.shares:
            ref = self._aggregates.object_of(share.aggregate, key)
            if ref is not None:
                children.append(ChildStatus(ref.kind, ref.namespace, ref.name, share.purpose))
        return children

    def _changes(self, key: Key, desired: Desired) -> list[dict[str, str]]:
        """Return what applying would change, for a dry run."""
        changes = []
        for output in desired.outputs:
            child = self._cache.children.get(output.ref)
            if child is None:
                changes.append(_change("Create", output.ref))
            elif not child.in_sync(self._fingerprints.of(output.body)):
                changes.append(_change("Update", output.ref))
        changes.extend(
            _change("Update", self._aggregates.object_for(share.aggregate, key))
            for share in desired.shares
            if self._aggregates.differs(share)
        )
        changes.extend(_change("Delete", ref) for ref in self._unwanted(key, desired.outputs))
        return changes

    # The rest.

    def _world(self) -> World:
        return World(
            config=self._tools.config,
            date=self._clock.today(),
            lookup=self._lookup,
            listing=self._cache.keys_in,
            claimants=self._cache.claimants,
            memory=self._memory,
        )

    def _lookup(self, key: Key) -> Any | None:
        resource = self._cache.resources.get(key)
        return self._models.of(resource.spec) if resource is not None else None

    def _again(self, key: WorkKey, error: BinnacleError) -> Retry:
        """Return when to try again after an error: not before the other side asked for it."""
        self._journal.failed(key, error)
        return Retry((error.retry_after if isinstance(error, TransientError) else None) or 0.0)


def _problem(error: BinnacleError) -> Problem:
    """Return what status says of an error. Missing permissions wait for a person although they are also retried."""
    if isinstance(error, ConflictError):
        return Problem(
            Reason(error.reason or Reason.APPLY_REFUSED), error.message, terminal=error.reason == Reason.NAME_TAKEN
        )
    if isinstance(error, SpecError):
        return Problem(Reason(error.reason or Reason.APPLY_REFUSED), error.message, terminal=True)
    if isinstance(error, TransientError):
        reason = Reason(error.reason or Reason.PROGRESSING)
        return Problem(reason, error.message, terminal=reason is Reason.PERMISSION_DENIED)
    return Problem(Reason.INTERNAL_ERROR, str(error), terminal=True)


def _change(action: str, ref: ObjectRef) -> dict[str, str]:
    return {"action": action, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}


def _stalled(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((one for one in status.get("conditions", ()) if one["type"] == "Stalled"), None)
