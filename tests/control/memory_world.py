"""The ports of the loop in memory, for tests of the loop alone: what the real ones promise, and faults on demand."""

import asyncio
import copy
import json
import random
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry

from binnacle.api.config import Config
from binnacle.api.findings import Finding, Severity
from binnacle.api.meta import Mode
from binnacle.api.reasons import Reason
from binnacle.compile.world import Claim, Compiled, World
from binnacle.control.controller import Controller, Ports, Settings
from binnacle.control.desired import Toolchain
from binnacle.control.metrics import Metrics
from binnacle.control.ports import (
    Event,
    Expectation,
    Gone,
    Observed,
    Observer,
    Present,
    Stamp,
    Store,
    Synced,
    Unconfigured,
)
from binnacle.errors import ConflictError
from binnacle.intent.base import Intent
from binnacle.intent.readback import Readback, WantedMetric
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets import conventions
from binnacle.targets.base import AggregateKey, File, Output, Owner, Resource, Share, Standing
from servers.waiting import PATIENCE

CONFIG_MAP = ("v1", "ConfigMap")
UNCONFIGURED = Unconfigured("prometheus.url is not set.")
OWN = (conventions.API_VERSION, "SLO")


class Write(NamedTuple):
    verb: str
    ref: ObjectRef


class LoopClock:
    def __init__(self) -> None:
        self.date = date(2026, 1, 1)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def today(self) -> date:
        return self.date

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Guard:
    def __init__(self) -> None:
        self.mine = asyncio.Event()
        self.mine.set()

    def held(self) -> bool:
        return self.mine.is_set()

    async def acquired(self) -> None:
        await self.mine.wait()


class Warnings:
    def __init__(self) -> None:
        self.said: list[tuple[Key, str]] = []

    def warn(self, key: Key, uid: str, reason: str, message: str) -> None:
        self.said.append((key, reason))


class Watch(asyncio.Queue[Event]):
    """What one watch has still to tell, and from which version on who listens knows each object."""

    def __init__(self, since: int) -> None:
        super().__init__()
        self._since = since
        self._heard: dict[ObjectRef, int] = {}

    def heard(self, ref: ObjectRef, version: int) -> None:
        self._heard[ref] = max(version, self._heard.get(ref, 0))

    def knows(self, ref: ObjectRef, version: int) -> bool:
        return max(self._since, self._heard.get(ref, 0)) >= version


class MemoryCluster:
    """Objects with uid, resourceVersion and generation; a Store and a Source for any number of controllers."""

    def __init__(self) -> None:
        self.objects: dict[ObjectRef, dict[str, Any]] = {}
        self.writes: list[Write] = []
        self.fail: dict[str, list[Exception]] = {}
        self.version = 0
        """The number of the last change."""
        self._removed: dict[str, int] = {}
        """uid -> version from which on the object is gone."""
        self._watchers: list[Watch] = []
        self.deaf = False
        self.lag = 0.0
        """Seconds between what happens and the word of it."""
        self.useless: list[Write] = []
        """Writes that changed nothing."""

    # What people do.

    def put(self, body: Mapping[str, Any]) -> dict[str, Any]:
        old = self.objects.get(_ref(body))
        changed_in_place = old is body
        body = copy.deepcopy(dict(body))
        ref = _ref(body)
        meta = body["metadata"]
        if old is not None and not changed_in_place and _said(old) == _said({"status": old.get("status"), **body}):
            return copy.deepcopy(old)  # as the real server does, no new version
        if old is None:
            meta.setdefault("uid", f"uid-{self._next()}")
            meta["generation"] = 1
        else:
            meta["uid"] = old["metadata"]["uid"]
            changed = old.get("spec") != body.get("spec")
            meta["generation"] = old["metadata"]["generation"] + changed
            if "status" not in body and "status" in old:
                body["status"] = old["status"]
        meta["resourceVersion"] = str(self._next())
        self.objects[ref] = body
        self._emit(Present(copy.deepcopy(body)))
        return body

    def remove(self, ref: ObjectRef) -> None:
        body = self.objects.pop(ref)
        self._removed[body["metadata"]["uid"]] = self._next()
        self._emit(Gone(ref, body["metadata"]["uid"]))

    def _next(self) -> int:
        self.version += 1
        return self.version

    def is_known(self, ref: ObjectRef, version: int) -> bool:
        """Say whether all who watch have been told of this version of an object, or of a later one."""
        return all(watch.knows(ref, version) for watch in self._watchers)

    def tell(self, body: Mapping[str, Any]) -> None:
        """Have the watches tell of a version as it is here, whatever is stored."""
        self._emit(Present(copy.deepcopy(dict(body))))

    def _emit(self, event: Event) -> None:
        if self.deaf:
            return
        ref = event.ref if isinstance(event, Gone) else _ref(event.body)  # type: ignore[union-attr]
        if isinstance(event, Present) and ref.kind == "ConfigMap" and not _selected(event.body):
            return
        for watcher in self._watchers:
            watcher.put_nowait(event)

    # Source.

    async def events(self) -> AsyncIterator[Event]:
        queue = Watch(self.version)
        self._watchers.append(queue)
        for body in list(self.objects.values()):
            if body["kind"] != "ConfigMap" or _selected(body):
                queue.put_nowait(Present(copy.deepcopy(body)))
        for kind in (OWN, CONFIG_MAP):
            queue.put_nowait(Synced(*kind))
        try:
            while True:
                event = await queue.get()
                if self.lag:
                    await asyncio.sleep(self.lag)
                yield event
                if isinstance(event, Gone):
                    queue.heard(event.ref, self._removed.get(event.uid, 0))
                elif isinstance(event, Present):
                    queue.heard(_ref(event.body), int(event.body["metadata"]["resourceVersion"]))
        finally:
            self._watchers.remove(queue)

    async def stamps(self) -> Sequence[Stamp]:
        return [
            Stamp(ref, body["metadata"]["uid"], body["metadata"]["resourceVersion"])
            for ref, body in self.objects.items()
            if ref.kind != "ConfigMap" or _selected(body)
        ]

    # Store.

    def _maybe_fail(self, verb: str) -> None:
        errors = self.fail.get(verb)
        if errors:
            raise errors.pop(0) if len(errors) > 1 or not getattr(errors[0], "for_ever", False) else errors[0]

    async def get(self, ref: ObjectRef) -> Mapping[str, Any] | None:
        await asyncio.sleep(0)
        self._maybe_fail("get")
        body = self.objects.get(ref)
        return copy.deepcopy(body) if body is not None else None

    async def apply(self, body: Mapping[str, Any], *, new: bool = False) -> Mapping[str, Any]:
        await asyncio.sleep(0)
        self._maybe_fail("apply")
        ref = _ref(body)
        if new and ref in self.objects:
            raise ConflictError("the object has been modified")
        self.writes.append(Write("apply", ref))
        old = self.objects.get(ref)
        uid = body["metadata"].get("uid")
        if uid and (old is None or old["metadata"]["uid"] != uid):
            raise ConflictError("the object has another uid, or is gone")
        new = json.loads(json.dumps(body))
        if old is not None:
            old = copy.deepcopy(old)
            for key in conventions.COMMON_LABELS:
                old["metadata"].get("labels", {}).pop(key, None)
            for field in ("labels", "annotations"):
                new["metadata"][field] = {**old["metadata"].get(field, {}), **new["metadata"].get(field, {})}
        new["metadata"]["managedFields"] = [
            {
                "manager": "binnacle",
                "operation": "Apply",
                "fieldsV1": {"f:metadata": {"f:labels": {f"f:{key}": {} for key in body["metadata"]["labels"]}}},
            }
        ]
        return self._put(Write("apply", ref), new)

    def _put(self, write: Write, body: Mapping[str, Any]) -> dict[str, Any]:
        old = self.objects.get(write.ref)
        new = copy.deepcopy(self.put(body))
        if old is not None and old["metadata"]["resourceVersion"] == new["metadata"]["resourceVersion"]:
            self.useless.append(write)
        return new

    async def delete(self, ref: ObjectRef, uid: str) -> None:
        await asyncio.sleep(0)
        self._maybe_fail("delete")
        body = self.objects.get(ref)
        if body is not None and body["metadata"]["uid"] == uid:
            self.writes.append(Write("delete", ref))
            self.remove(ref)

    async def write_status(self, key: Key, uid: str, status: Mapping[str, Any]) -> Mapping[str, Any] | None:
        await asyncio.sleep(0)
        self._maybe_fail("status")
        ref = ObjectRef(conventions.API_VERSION, key.kind, key.namespace, key.name)
        body = self.objects.get(ref)
        if body is None or body["metadata"]["uid"] != uid:
            return None
        self.writes.append(Write("status", ref))
        return self._put(Write("status", ref), {**body, "status": json.loads(json.dumps(status))})


def _ref(body: Mapping[str, Any]) -> ObjectRef:
    meta = body["metadata"]
    return ObjectRef(body["apiVersion"], body["kind"], meta["namespace"], meta["name"])


def _said(body: Mapping[str, Any]) -> Any:
    """All of an object but what the server numbers."""
    numbered = ("uid", "resourceVersion", "generation")
    metadata = {key: value for key, value in body["metadata"].items() if key not in numbered}
    return {**{key: value for key, value in body.items() if value is not None}, "metadata": metadata}


def _selected(body: Mapping[str, Any]) -> bool:
    labels = body["metadata"].get("labels", {})
    return (
        labels.get(conventions.LABEL_MANAGED_BY) == "binnacle" and labels.get(conventions.LABEL_INSTANCE) == "default"
    )


# A kind and a target as small as they can be: `spec.text` goes into an object of its own, `spec.share` into the aggregate.


class Spec(NamedTuple):
    suspend: bool
    mode: Mode
    raw: Mapping[str, Any]


class Thing(NamedTuple):
    key: Key
    spec: Spec


def parse(body: Mapping[str, Any]) -> tuple[Thing | None, list[Finding]]:
    spec = body["spec"]
    if spec.get("invalid"):
        return None, [Finding(Severity.ERROR, Reason.INVALID_VALUE, "spec.invalid", "This is wrong.", "Leave it out.")]
    key = Key(body["kind"], body["metadata"]["namespace"], body["metadata"]["name"])
    return Thing(key, Spec(spec.get("suspend", False), Mode(spec.get("mode", Mode.APPLY)), spec)), []


def compile_thing(thing: Thing, world: World) -> Compiled:
    spec = thing.spec.raw
    if spec.get("crash"):
        raise RuntimeError("boom")
    findings = []
    text = spec.get("text", "")
    if "reads" in spec:
        other = world.get(Key("SLO", thing.key.namespace, spec["reads"]))
        text += f" sees {other.spec.raw.get('text') if other else None}"
    renew = None
    if spec.get("dated"):
        text += f" of {world.date.year}"
        renew = date(world.date.year + 1, 1, 1)
    if spec.get("lists"):
        text += f" of {len(world.list('SLO', thing.key.namespace))}"
    if "claims" in spec and world.claim(Claim("SLO", thing.key.namespace, spec["claims"]), thing.key) != thing.key:
        taken = Finding(Severity.ERROR, Reason.DUPLICATE_RESOURCE, "spec.claims", "Somebody else has it.")
        return Compiled((), (taken,), withdrawn=True)
    if spec.get("bad_item"):
        findings.append(Finding(Severity.ERROR, Reason.DUPLICATE_BURN_RATE, "spec.bad_item", "Left out."))
    intents = (({"text": text, **{k: spec[k] for k in ("share", "elsewhere", "name") if k in spec}}),)
    if spec.get("empty"):
        intents = ()
    if spec.get("nothing"):
        findings.append(Finding(Severity.ERROR, Reason.PROMQL_SYNTAX, "spec.text", "No parse."))
        intents = ()
    metrics = tuple(WantedMetric(name, (name,)) for name in spec.get("metrics", ()))
    readback = Readback(metrics=metrics)
    if spec.get("declares"):
        intents = ({"nothing": True},)
    facts = {"cost": {"rules": len(text)}}
    return Compiled(intents, tuple(findings), facts, readback, renew=renew)  # type: ignore[arg-type]


class ThingTarget:
    name = "things"
    backend = "prometheus"
    spells: tuple[type[Intent], ...] = ()
    fewest = 1

    def resources(self, config: Config) -> tuple[Resource, ...]:
        return (Resource("v1", "ConfigMap", "configmaps"),)

    def metadata_keys(self, config: Config) -> tuple[frozenset[str], frozenset[str]]:
        return frozenset(), frozenset()

    def render(self, intents: Sequence[Any], owner: Owner, config: Config) -> tuple[Output | Share, ...]:
        items: list[Output | Share] = []
        for intent in intents:
            key = owner.key
            if "nothing" in intent:
                continue
            if "share" in intent:
                aggregate = AggregateKey(self.name, config.prometheus.namespace)
                items.append(Share(aggregate, key, intent["share"], "part", (f"mark-{intent['share']}",)))
                continue
            namespace = intent.get("elsewhere", key.namespace)
            metadata: dict[str, Any] = {
                "name": intent.get("name", conventions.object_name(key, namespace)),
                "namespace": namespace,
                "labels": conventions.owner_labels(key, config.instance),
            }
            if namespace == key.namespace:
                metadata["ownerReferences"] = [conventions.owner_reference(key, owner.uid)]
            body = conventions.with_hash(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": intent["text"]}}
            )
            items.append(Output(_ref(body), body, key, "thing", (f"mark-{intent['text']}",)))
        return tuple(items)

    def size(self, owner: Key, fragment: str) -> int:
        return len(fragment)

    def of_one(self, config: Config) -> int | None:
        return None

    def place(self, sizes: Mapping[Key, int], placed: Mapping[Key, int], config: Config) -> Mapping[Key, int]:
        return dict.fromkeys(sizes, 0)

    def spell(self, aggregate: AggregateKey, shard: int, shares: Mapping[Key, str], config: Config) -> Output:
        body = conventions.with_hash(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": self.shard_ref(aggregate, 0, config).name,
                    "namespace": aggregate.namespace,
                    "labels": conventions.aggregate_labels(self.name, config.instance),
                },
                "data": {f"{key.kind}.{key.namespace}.{key.name}": text for key, text in shares.items()},
            }
        )
        return Output(_ref(body), body, None, "things")

    def split(self, body: Mapping[str, Any]) -> dict[Key, str]:
        return {Key(*name.split(".")): text for name, text in body.get("data", {}).items()}

    def shard_of(self, body: Mapping[str, Any], config: Config) -> int:
        return 0

    def shard_ref(self, aggregate: AggregateKey, shard: int, config: Config) -> ObjectRef:
        return conventions.config_map(
            aggregate.namespace, conventions.aggregate_name(config.instance, self.name, shard)
        )

    def files(self, intents: Sequence[Any], owner: Owner, config: Config) -> tuple[File | Share, ...]:
        return ()

    def assemble_files(self, aggregate: AggregateKey, shares: Mapping[Key, str], config: Config) -> tuple[File, ...]:
        return ()


class ScriptedObserver:
    def __init__(self) -> None:
        self.answers: dict[Key, Observed] = {}

    async def observe(self, expectations: Iterable[Expectation]) -> Mapping[Key, Observed]:
        return {one.key: self.answers[one.key] for one in expectations if one.key in self.answers}


def thing(name: str, namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": conventions.API_VERSION,
        "kind": "SLO",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def toolchain(reload_period: str = "2m") -> Toolchain:
    config = Config.from_data({"reloadPeriod": reload_period})
    return Toolchain(parse=parse, compilers={"SLO": compile_thing}, targets=(ThingTarget(),), config=config)


class Running:
    """A running controller on a memory cluster."""

    def __init__(
        self,
        cluster: MemoryCluster,
        *,
        observer: Observer | None = None,
        observers: Mapping[str, Observer] | None = None,
        reload_period: str = "2m",
        store: Store | None = None,
        resync_period: float = 0,
        standing: Sequence[Standing] = (),
        aggregate_debounce: float = 0.1,
        clock: LoopClock | None = None,
    ) -> None:
        self.cluster = cluster
        self.guard = Guard()
        self.warnings = Warnings()
        self.clock = clock or LoopClock()
        self.tools = replace(toolchain(reload_period), standing=standing)
        self.controller = Controller(
            self.tools,
            Ports(
                cluster,
                store or cluster,
                self.guard,
                self.warnings,
                self.clock,
                {"prometheus": UNCONFIGURED if observer is None else observer} if observers is None else observers,
                random.Random(1),
            ),
            [OWN, CONFIG_MAP],
            Metrics(CollectorRegistry()),
            Settings(
                workers=4,
                resync_period=resync_period,
                observe_period=0.02,
                aggregate_debounce=aggregate_debounce,
            ),
        )
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Running":
        self._task = asyncio.create_task(self.controller.run(self._stop))
        await self.settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        assert self._task is not None
        async with asyncio.timeout(PATIENCE):
            await self._task

    async def kill(self) -> None:
        """Stop at once, in the middle of whatever it was doing."""
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def settle(self, *, aggregates: bool = True) -> None:
        """Wait until nothing is ready, running, or (but for retries) due within two seconds."""
        queue = self.controller.queue
        async with asyncio.timeout(PATIENCE):
            quiet = 0
            while quiet < 5:
                await asyncio.sleep(0.002)
                busy = not self.controller.ready or (self.guard.held() and not queue.idle())
                soon = aggregates and any(
                    isinstance(key, AggregateKey) and not queue.failures(key) for key in queue._delayed
                )
                quiet = (
                    0 if busy or soon or any(not watcher.empty() for watcher in self.cluster._watchers) else quiet + 1
                )

    def status(self, name: str, namespace: str = "shop") -> dict[str, Any]:
        body = self.cluster.objects[ObjectRef(conventions.API_VERSION, "SLO", namespace, name)]
        return dict(body.get("status", {}))

    def condition(self, name: str, kind: str, namespace: str = "shop") -> dict[str, Any] | None:
        return next((one for one in self.status(name, namespace).get("conditions", []) if one["type"] == kind), None)
