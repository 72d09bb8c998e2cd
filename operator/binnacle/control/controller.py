"""The loop: events in, keys through the queue, reconciles out; resync and observation beside it.

One controller serves one installation. It is started with the ports of a cluster or a folder and runs until it is told
to stop. Standby replicas run the intake (their caches are warm and they count as ready) and nothing that writes.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from binnacle.api.conditions import ConditionStatus, ConditionType
from binnacle.api.registry import KINDS
from binnacle.control.account import account
from binnacle.control.aggregates import Aggregates
from binnacle.control.backends import Backends
from binnacle.control.cache import Cache, Change, Resource, WorkKey, is_older, object_ref, resource_key
from binnacle.control.desired import Toolchain
from binnacle.control.fingerprint import Fingerprinter
from binnacle.control.firstpass import FirstPass
from binnacle.control.journal import Entry, Journal
from binnacle.control.metrics import Metrics
from binnacle.control.objects import Objects
from binnacle.control.ports import (
    Clock,
    Event,
    Expectation,
    Gone,
    LeaseGuard,
    Liveness,
    Observed,
    Observer,
    Present,
    Recorder,
    Source,
    Stamp,
    Store,
    Synced,
    Trouble,
    Unconfigured,
    merged,
)
from binnacle.control.queue import Priority, WorkQueue
from binnacle.control.reconcile import Reconciler
from binnacle.control.status import condition_said
from binnacle.errors import BinnacleError, defect
from binnacle.intent.readback import READBACK_FIELDS
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets import conventions
from binnacle.targets.base import AggregateKey

log = logging.getLogger(__name__)

T = TypeVar("T")

_STRIDE = 50
"""Resources whose status is read before everything else has its turn: some milliseconds."""
_NOT_SEEN = frozenset({Liveness.UNCONFIGURED, Liveness.UNASKED})
"""What no look at a backend finds."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How the loop runs.

    Attributes:
        workers: reconciles at the same time.
        resync_period: seconds between resyncs, ±10%.
        observe_period: seconds between looks at the backends.
        aggregate_debounce: seconds between a changed share and the write of its aggregate: many changes, one write.
        drain_period: seconds that running reconciles have to end after a stop.
    """

    workers: int = 16
    resync_period: float = 600.0
    observe_period: float = 30.0
    aggregate_debounce: float = 1.0
    drain_period: float = 10.0


@dataclass(slots=True)
class Ports:
    """The world as the loop sees it."""

    source: Source
    store: Store
    guard: LeaseGuard
    recorder: Recorder
    clock: Clock
    observers: Mapping[str, Observer] = field(default_factory=dict)
    rng: random.Random = field(default_factory=random.SystemRandom)


def fingerprinter(tools: Toolchain) -> Fingerprinter:
    """Return the fingerprinter that knows every label and annotation that our targets set."""
    labels, annotations = set(conventions.COMMON_LABELS), {conventions.ANNOTATION_HASH}
    for target in tools.targets:
        more_labels, more_annotations = target.metadata_keys(tools.config)
        labels |= more_labels
        annotations |= more_annotations
    return Fingerprinter(frozenset(labels), frozenset(annotations))


class Controller:
    """Keeps the world equal to what the resources say.

    Args:
        tools: what turns resources into outputs.
        ports: the world.
        kinds: (apiVersion, kind) of everything that the source watches; work starts when each has synced or is known
            to be in trouble.
        metrics: where the loop counts what it does.
        settings: how it runs.
    """

    def __init__(
        self,
        tools: Toolchain,
        ports: Ports,
        kinds: Iterable[tuple[str, str]],
        metrics: Metrics,
        settings: Settings | None = None,
    ):
        self.tools = tools
        self.ports = ports
        self.settings = settings or Settings()
        self.metrics = metrics
        self.cache = Cache()
        self.aggregates = Aggregates(tools.targets, tools.config)
        self.journal = Journal()
        self.queue: WorkQueue[WorkKey] = WorkQueue(ports.clock, ports.rng, metrics.queue("binnacle"))
        fingerprints = fingerprinter(tools)
        self.objects = Objects(
            cache=self.cache,
            store=ports.store,
            guard=ports.guard,
            fingerprints=fingerprints,
            journal=self.journal,
            instance=tools.config.instance,
        )
        self.first = FirstPass(tools.fills)
        self.backends = Backends(ports.observers, tools.config.reload_period.ms / 1000, ports.clock)
        self.reconciler = Reconciler(
            tools=tools,
            cache=self.cache,
            aggregates=self.aggregates,
            queue=self.queue,
            objects=self.objects,
            store=ports.store,
            recorder=ports.recorder,
            clock=ports.clock,
            fingerprints=fingerprints,
            aggregate_debounce=self.settings.aggregate_debounce,
            backends=self.backends,
            first=self.first,
            metrics=metrics,
            journal=self.journal,
        )
        self.reconciler.deliver = self.take
        metrics.begin_controllers([*KINDS, *(target.name for target in tools.targets)])
        self._waiting_for = set(kinds)
        self._settled = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self._turn = asyncio.Lock()
        self.worked = 0
        """Keys worked on since the start."""
        self.broken_off = False
        """Whether `run` ended with work under way: the API server may still be doing what that asked for."""

    # What the health endpoints ask.

    @property
    def ready(self) -> bool:
        """Whether the caches are synced (or known to be in trouble)."""
        return self._settled.is_set()

    def account(self, key: WorkKey) -> str:
        """Say in plain text why a key is as it is."""
        return account(
            key,
            cache=self.cache,
            aggregates=self.aggregates,
            queue=self.queue,
            journal=self.journal,
            troubles=self.objects.troubles,
            now=self.ports.clock.now(),
        )

    # Life.

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; then finish what is running, within `drain_period` and while the lease is held.

        Raises whatever ends one of the loop's own tasks: a loop that stands still must not look alive.
        """
        tasks = [self._spawn(self._intake(), "intake"), self._spawn(self._work(), "work")]
        if self.settings.resync_period > 0:
            tasks.append(self._spawn(self._resync_regularly(), "resync"))
        if any(not isinstance(one, Unconfigured) for one in self.ports.observers.values()):
            tasks.append(self._spawn(self._observe_regularly(), "observe"))
        stopping = self._spawn(_wait(stop), "stop")
        try:
            done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()
                if not stop.is_set():
                    raise BinnacleError(f"{task.get_name()} ended although nobody stopped it")
        finally:
            self.queue.close()
            self.broken_off = bool(self._workers)  # until it is known that it is not so
            # Without the lease another replica may write any moment: what is under way is broken off, not finished.
            if self._workers and self.ports.guard.held():
                await asyncio.wait(self._workers, timeout=self.settings.drain_period)
            self.broken_off = not all(worker.done() and not worker.cancelled() for worker in self._workers)
            await _cancel([*tasks, stopping])

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        return asyncio.create_task(work, name=f"binnacle-{name}")

    # Events in.

    async def _intake(self) -> None:
        async for event in self.ports.source.events():
            self.take(event)

    def take(self, event: Event) -> None:
        """Take in one event: the cache learns, the queue gets keys; nothing here waits or fails."""
        match event:
            case Present(body):
                if body["apiVersion"].partition("/")[0] == conventions.API_GROUP:
                    self._resource_present(body)
                else:
                    self._child_present(body)
            case Gone(ref, uid):
                if ref.api_version.partition("/")[0] == conventions.API_GROUP:
                    self._resource_gone(Key(ref.kind, ref.namespace, ref.name), uid)
                else:
                    self._child_gone(ref, uid)
            case Synced(api_version, kind):
                self._kind_synced(api_version, kind)
            case Trouble(api_version, kind, reason, message):
                self._kind_in_trouble(api_version, kind, reason, message)

    def _resource_present(self, body: Any) -> None:
        rivals = self.cache.rivals(resource_key(body))
        key, change = self.cache.put_resource(body)
        resource = self.cache.resources[key]
        if resource.dispute is not None:
            pause = resource.dispute.pause(self.ports.clock.monotonic())
            if pause is not None:
                self.queue.add_after(key, pause)
        if change is Change.NOTHING:
            return
        if change is Change.STATUS:
            self.queue.add(key, Priority.DRIFT)
            return
        resource.work_since = None
        self.queue.forget(key)
        if self.ready:
            self.queue.add(key, Priority.EDIT)
            self._look_at_standing(key)
        self._tell_readers(key, appeared_or_vanished=change is Change.APPEARED)
        if change is Change.APPEARED:
            self._tell(rivals)

    def _resource_gone(self, key: Key, uid: str) -> None:
        rivals = self.cache.rivals(key)
        if self.cache.drop_resource(key, uid):
            self.queue.forget(key)
            self.queue.add(key)
            self._look_at_standing(key)
            self._tell_readers(key, appeared_or_vanished=True)
            self._tell(rivals)

    def _look_at_standing(self, key: Key) -> None:
        """See to what there is while there is any resource of a kind: this one may be the first, or have been the last."""
        for standing in self.tools.standing:
            if standing.kind == key.kind:
                self.queue.add_after(standing.aggregate, self.settings.aggregate_debounce)

    def _tell_readers(self, key: Key, *, appeared_or_vanished: bool) -> None:
        self._tell(self.cache.readers(key, appeared_or_vanished=appeared_or_vanished))

    def _tell(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self.queue.add(key, Priority.DEPENDENT)

    def _child_present(self, body: Any) -> None:
        ref = object_ref(body)
        known = self.cache.children.get(ref)
        metadata = body["metadata"]
        if (
            known is not None
            and known.uid == metadata["uid"]
            and is_older(metadata["resourceVersion"], known.resource_version)
        ):
            return  # our own write, answered before the watch told us
        before = known.owner if known is not None else None
        child = self.objects.seen(body)
        if isinstance(child.owner, AggregateKey) and child.applied:
            for contributor in self.aggregates.inherit(child.owner, body):
                self._put_back(contributor)
        if known is not None and known.fingerprint == child.fingerprint and before == child.owner:
            return  # somebody changed what is not ours
        if before in (None, child.owner) and self.objects.is_made_now(ref, child.fingerprint):
            return
        if known is not None:
            self.metrics.drift.labels(kind=ref.kind, what="changed").inc()
        for owner in {before, child.owner}:
            self._put_back(owner)

    def _child_gone(self, ref: ObjectRef, uid: str) -> None:
        self.objects.gone(ref, uid)
        known = self.cache.drop_child(ref, uid)
        if known is not None:
            self.metrics.drift.labels(kind=ref.kind, what="deleted").inc()
            self._put_back(known.owner)

    def _put_back(self, owner: WorkKey | None) -> None:
        if owner is not None and self.ready:
            self.queue.add(owner, Priority.DRIFT)

    def _kind_synced(self, api_version: str, kind: str) -> None:
        recovered = self.objects.troubles.pop((api_version, kind), None)
        self._kind_settled(api_version, kind)
        if recovered is not None and self.ready:
            self._enqueue_everything()

    def _kind_in_trouble(self, api_version: str, kind: str, reason: str, message: str) -> None:
        known = self.objects.troubles.get((api_version, kind))
        self.objects.troubles[(api_version, kind)] = (reason, message)
        self.objects.synced = False
        self._kind_settled(api_version, kind)
        if known is None:
            log.error("cannot watch", extra={"kind": kind, "reason": reason, "error": message})
            if self.ready:
                self._enqueue_everything()

    def _kind_settled(self, api_version: str, kind: str) -> None:
        self._waiting_for.discard((api_version, kind))
        if self._waiting_for:
            return
        self.objects.synced = not self.objects.troubles
        if not self.ready:
            log.info(
                "caches are synced",
                extra={"resources": len(self.cache.resources), "children": len(self.cache.children)},
            )
            self._settled.set()
            self.first.begin(self.cache.resources)
            # What was never applied goes before what the backends say of the rest.
            self._enqueue_everything(Priority.DEPENDENT)

    def _enqueue_everything(self, priority: Priority = Priority.RESYNC) -> None:
        """Look at every key once more: all resources, all owners of objects (they may be gone), all aggregates.

        At the start this is how they come into the queue at all: a person's edit goes before a thousand of them. In the
        order of keys, because of those who claim the same name the first one holds it: at a restart it is compiled
        before the others, which so never take the name for a moment.
        """
        standing = (one.aggregate for one in self.tools.standing)
        for key in (*sorted(self.cache.resources), *self.cache.owners(), *self.aggregates.keys(), *standing):
            self.queue.add(key, priority)

    # Work out.

    async def _work(self) -> None:
        await self._settled.wait()
        if not self.ports.guard.held():
            await self.ports.guard.acquired()
            # What has come meanwhile somebody else has worked on: in its order, by urgency, the second to claim a name
            # would have it for a moment. All is looked at in the order of a start.
            self.queue.clear()
            self._enqueue_everything(Priority.DEPENDENT)
        self._workers = [self._spawn(self._worker(), f"worker-{number}") for number in range(self.settings.workers)]
        try:
            await asyncio.gather(*self._workers)
        finally:
            await _cancel(self._workers)

    async def _next(self) -> WorkKey | None:
        """Take the most urgent key, one worker after the other; between two of them everything else has its turn.

        A key where all is in order is worked on without waiting for anything, some milliseconds long. Ten thousand of these in
        a row would keep the lease from being renewed, and an edit from being heard of.
        """
        async with self._turn:
            await asyncio.sleep(0)
            return await self.queue.get()

    async def _worker(self) -> None:
        while (key := await self._next()) is not None:
            controller = key.kind if isinstance(key, Key) else key.target
            entry = self.journal.begin(key, self.ports.clock.now())
            began = self.ports.clock.monotonic()
            with self.metrics.reconciling(controller) as outcome:
                try:
                    retry = await self.reconciler.reconcile(key)
                except asyncio.CancelledError:
                    raise
                except BinnacleError as error:
                    outcome.failed("error")
                    entry.error, entry.pause = str(error), self.queue.retry(key)
                except Exception as error:
                    # A defect of ours in one key must not stop the work on the others.
                    outcome.failed("panic")
                    entry.error, entry.pause = f"a defect of Binnacle: {defect(error)}", self.queue.retry(key)
                    log.exception("reconcile failed unexpectedly", extra={"key": str(key)})
                else:
                    if retry is None:
                        self.queue.forget(key)
                    else:
                        outcome.failed("error" if entry.error else "requeue_after")
                        entry.pause = self.queue.retry(key, retry.at_least)
                finally:
                    self.worked += 1
                    self.queue.done(key)
                    for released in self.first.done(key):
                        self.queue.add(released, Priority.SHARED)
            entry.seconds = self.ports.clock.monotonic() - began
            _tell(key, entry)
            if isinstance(key, Key) and key not in self.cache.resources and entry.pause is None:
                self.journal.forget(key)

    # Resync: what the watches missed.

    async def _resync_regularly(self) -> None:
        await self._settled.wait()
        while True:
            await self.ports.clock.sleep(self.settings.resync_period * (0.9 + 0.2 * self.ports.rng.random()))
            self.renew()
            try:
                await self.resync()
            except BinnacleError as error:
                self.metrics.resyncs.labels("error").inc()
                log.warning("resync failed", extra={"error": str(error)})
            else:
                self.metrics.resyncs.labels("success").inc()

    def renew(self) -> None:
        """Enqueue the resources whose compilation is out of date: the calendar has gone on.

        Asked anew each time instead of waited for: months pass in between, and a machine may sleep through the day.
        """
        today = self.ports.clock.today()
        for key, resource in self.cache.resources.items():
            if resource.renew is not None and resource.renew <= today:
                self.queue.add(key, Priority.RESYNC)

    async def resync(self) -> None:
        """Compare the caches with a listing of what exists; fetch what was missed and drop what is gone.

        The second line of defence: sources tell of what vanished while a watch was away, and this finds what they
        did not, so that no ghost stays in the caches for longer than a resync.
        """
        stamps = await self.ports.source.stamps()
        listed: dict[ObjectRef, Stamp] = {stamp.ref: stamp for stamp in stamps}
        known = self._known_versions()
        for ref, stamp in listed.items():
            version = known.pop(ref, None)
            if version is None or (version[0] != stamp.uid or not is_older(stamp.resource_version, version[1])):
                await self._fetch(ref)
        for ref, (uid, _) in known.items():
            await self._bury(ref, uid)

    def _known_versions(self) -> dict[ObjectRef, tuple[str, str]]:
        known = {ref: (child.uid, child.resource_version) for ref, child in self.cache.children.items()}
        for key, resource in self.cache.resources.items():
            ref = ObjectRef(conventions.API_VERSION, key.kind, key.namespace, key.name)
            known[ref] = (resource.uid, resource.resource_version)
        return known

    async def _fetch(self, ref: ObjectRef) -> None:
        body = await self.ports.store.get(ref)
        if body is not None:
            self.metrics.drift.labels(kind=ref.kind, what="missed").inc()
            self.take(Present(body))

    async def _bury(self, ref: ObjectRef, uid: str) -> None:
        """Look at an object that is known and not listed: it has gone, or lost the labels by which it is listed."""
        live = await self.ports.store.get(ref)
        if live is not None and live["metadata"]["uid"] == uid:
            self.take(Present(live))
        else:
            # Somebody else's object of that name is not ours to know. With the uid: one of ours that was made in its
            # place while the answer was on its way stays known.
            self.metrics.drift.labels(kind=ref.kind, what="ghost").inc()
            self.take(Gone(ref, uid))

    # Observation: what the backends say.

    async def _observe_regularly(self) -> None:
        await self._settled.wait()
        await self.ports.guard.acquired()
        while True:
            await self.observe()
            await self.ports.clock.sleep(self.settings.observe_period)

    async def observe(self) -> None:
        """Look at the backends once; resources whose status would say something else are enqueued."""
        found: dict[Key, list[Observed]] = {}
        for backend, observer in self.ports.observers.items():
            if isinstance(observer, Unconfigured):
                continue  # it would say the same again
            expectations = await self._expectations(backend)
            if not expectations:
                continue
            with self.metrics.observe_seconds.labels(backend).time():
                answers = await observer.observe(expectations)
            for liveness in (one for one in Liveness if one not in _NOT_SEEN):
                count = sum(one.liveness is liveness for one in answers.values())
                self.metrics.observed.labels(backend, liveness.value).set(count)
            for key, one in answers.items():
                found.setdefault(key, []).append(one)
        async for key, observations in _with_turns(found.items()):
            resource = self.cache.resources.get(key)
            if resource is None:
                continue
            resource.observed = merged(observations)
            if self._says_something_new(key, resource):
                self.queue.add(key, Priority.OBSERVED)

    async def _expectations(self, backend: str) -> list[Expectation]:
        """Return what is to be known from one backend: of every resource that it loads or has something of."""
        expectations = []
        async for key, resource in _with_turns(self.cache.resources.items()):
            marks = tuple(mark.name for mark in resource.marks if mark.backend == backend)
            readback = resource.readback if resource.readback and resource.readback.backend == backend else None
            if marks or (readback is not None and readback.metrics):
                status = resource.live_status()
                expectations.append(Expectation(key, marks, readback, _figures(key, status), _present(status)))
        return expectations

    def _says_something_new(self, key: Key, resource: Resource) -> bool:
        status = resource.live_status()
        live, data = self.backends.judged(key, resource, status)
        if condition_said(status, ConditionType.LIVE) != live.said():
            return True
        return condition_said(status, ConditionType.DATA_PRESENT) != data or _figures(key, status) != live.facts


def _figures(key: Key, status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures that a status shows."""
    return {name: status[name] for name in READBACK_FIELDS.get(key.kind, ()) if name in status}


def _tell(key: WorkKey, entry: Entry) -> None:
    """Log work that did something, or failed: one line for each, and none for a look that found everything in order."""
    if not (entry.wrote or entry.error):
        return
    extra = {"key": str(key), "took": f"{entry.seconds or 0.0:.3f}s"}
    if entry.wrote:
        extra["wrote"] = ", ".join(entry.wrote)
    if entry.pause is not None:
        extra["retry"] = f"{entry.pause:.1f}s"
    if entry.error:
        log.warning("reconcile failed", extra={**extra, "error": entry.error})
    else:
        log.info("reconciled", extra=extra)


def _present(status: Mapping[str, Any]) -> bool | None:
    """Return whether a status says that the metrics are there; None when it says neither."""
    said = condition_said(status, ConditionType.DATA_PRESENT)
    if said is None or said.status is ConditionStatus.UNKNOWN:
        return None
    return said.status is ConditionStatus.TRUE


async def _with_turns(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield what there is now; everything else has its turn in between, because ten thousand take a second."""
    for number, item in enumerate(tuple(items), 1):
        yield item
        if number % _STRIDE == 0:
            await asyncio.sleep(0)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
