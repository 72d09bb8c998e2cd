"""The loop under everything at once: edits, hands on its objects, lost answers, late news, and an end at any call.

What must hold when it has had time: exactly the objects that the resources want exist, each once; who does not compile
or is suspended has what it had; nobody else's object was touched; and no write was made that changed nothing.

A change is several writes, what is new before what is old goes. Who is suspended, or stops compiling, between two of them keeps
all that is there then: one version whole, and beside it what is left of those before. To finish the change would be a
write for a resource that is to be left alone, and after an end nothing tells which of the two versions was the later.
"""

import asyncio
import copy
import itertools
import logging
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from binnacle.api.conditions import Condition, broken_laws
from binnacle.control import onepass
from binnacle.errors import TransientError
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets import conventions
from control.memory_world import MemoryCluster, Running, Write, thing, toolchain
from control.virtual_time import VirtualTimeLoop

EXAMPLES = int(os.environ.get("BINNACLE_SURVIVAL_EXAMPLES", "0"))
"""How many courses of events are tried; 0 is a few, the same ones each time."""
LONG = 1000.0
"""Virtual seconds after which every back-off is over."""

T = TypeVar("T")


class Fault(StrEnum):
    """What becomes of one call of the store."""

    END_BEFORE = "the process ends before the call"
    END_AFTER = "the process ends after the call, before its answer"
    REFUSED = "refused"
    LOST = "done, and the answer lost"
    LATE = "done late"
    SLOW = "done, and answered late"


class Perilous:
    """A store whose calls meet the faults that are planned for them, by number."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self._cluster = cluster
        self.calls = 0
        self.plan: dict[int, Fault] = {}
        self.lost = 0
        self.ended = asyncio.Event()

    async def _do(self, call: Callable[[], Awaitable[T]]) -> T:
        fault = self.plan.pop(self.calls, None)
        self.calls += 1
        if fault is Fault.END_BEFORE:
            self.ended.set()
        if self.ended.is_set():
            await asyncio.Event().wait()
        if fault is Fault.REFUSED:
            await asyncio.sleep(0)
            raise TransientError("not now")
        if fault is Fault.LATE:
            await asyncio.sleep(3)
        answer = await call()
        if fault is Fault.END_AFTER:
            self.ended.set()
        if self.ended.is_set():
            await asyncio.Event().wait()
        if fault is Fault.LOST:
            self.lost += 1
            raise TransientError("the answer got lost")
        if fault is Fault.SLOW:
            await asyncio.sleep(3)
        return answer

    async def get(self, ref: ObjectRef) -> Mapping[str, Any] | None:
        return await self._do(lambda: self._cluster.get(ref))

    async def apply(self, body: Mapping[str, Any], *, new: bool = False) -> Mapping[str, Any]:
        return await self._do(lambda: self._cluster.apply(body, new=new))

    async def delete(self, ref: ObjectRef, uid: str) -> None:
        await self._do(lambda: self._cluster.delete(ref, uid))

    async def write_status(self, key: Key, uid: str, status: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return await self._do(lambda: self._cluster.write_status(key, uid, status))


class Life(Running):
    """A run of the loop that ends at once where its store says so; no key is ever worked on twice at the same time."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self.store = Perilous(cluster)
        super().__init__(cluster, store=self.store)
        self._at_work: set[Any] = set()
        reconcile = self.controller.reconciler.reconcile

        async def alone(key: Any) -> Any:
            assert key not in self._at_work
            self._at_work.add(key)
            try:
                return await reconcile(key)
            finally:
                self._at_work.discard(key)

        self.controller.reconciler.reconcile = alone  # type: ignore[method-assign]

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self.controller.run(self._stop))

    async def stop(self) -> None:
        await self.__aexit__()

    async def die(self) -> None:
        """What has been sent is done; nothing more is."""
        self.store.ended.set()
        await self.kill()

    @property
    def dead(self) -> bool:
        return self.store.ended.is_set()


def slo(name: str) -> ObjectRef:
    return ObjectRef(conventions.API_VERSION, "SLO", "shop", name)


def child(name: str, namespace: str = "shop") -> ObjectRef:
    key = Key("SLO", "shop", name)
    return ObjectRef("v1", "ConfigMap", namespace, conventions.object_name(key, namespace))


AGGREGATE = ObjectRef("v1", "ConfigMap", "monitoring", "binnacle-default-things")
TODAY = date(2026, 1, 1)
TOOLS = toolchain()


def said(body: Mapping[str, Any]) -> Any:
    """What the loop answers for in an object, but for what follows from its owner's uid."""
    metadata = body["metadata"]
    labels = {key: value for key, value in metadata["labels"].items() if key in conventions.COMMON_LABELS}
    owners = [one["name"] for one in metadata.get("ownerReferences", ())]
    return body["data"], labels, owners, conventions.ANNOTATION_HASH in metadata["annotations"]


NAMES = st.sampled_from(["a", "b", "c"])
SPECS = st.sampled_from(
    [
        {"text": "1"},
        {"text": "2"},
        {"text": "1", "elsewhere": "grafana"},
        {"share": "1"},
        {"share": "2"},
        {"share": "1", "bad_item": True},
        {"text": "1", "reads": "a"},
        {"text": "1", "lists": True},
        {"text": "1", "claims": "title"},
        {"text": "3", "suspend": True},
        {"share": "3", "mode": "DryRun"},
        {"invalid": True},
        {"crash": True},
        {"nothing": True},
        {"empty": True},
    ]
)
FAULTS = st.dictionaries(st.integers(0, 12), st.sampled_from(Fault), max_size=3)


class Survival(RuleBasedStateMachine):
    """Model: what people wrote; which resources may have lost their last good version by somebody's hand."""

    def __init__(self) -> None:
        super().__init__()
        logging.disable()
        self.loop = VirtualTimeLoop()
        self.cluster = MemoryCluster()
        self.life: Life | None = None
        self.standby: Life | None = None
        self.foreign: dict[ObjectRef, dict[str, Any]] = {}
        self.good: dict[str, list[Any]] = {}
        """Resource -> what may be applied of it while it is left alone: what was applied, and what was good since."""
        self.unheard: dict[ObjectRef, list[tuple[int, dict[str, Any] | None]]] = {}
        """Resource that was changed with no word of it -> as somebody may know it, and the version since which it is so no more.

        A list may have told what no watch did, and a later version that a watch told of ends it: `forget_what_is_over`.
        """
        self.free: set[str] = set()
        """Resources of which no more is known than that they are not somebody else's."""
        self.lost = 0
        """Writes of which the one who writes next may not know."""

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    # What people do.

    @rule(name=NAMES, spec=SPECS, unseen=st.booleans())
    def write(self, name: str, spec: dict[str, Any], unseen: bool) -> None:
        marked = {key: f"{name} {value}" if key in ("text", "share") else value for key, value in spec.items()}
        self.change(unseen, lambda: self.cluster.put(thing(name, **marked)))

    @rule(name=NAMES, unseen=st.booleans())
    def remove(self, name: str, unseen: bool) -> None:
        if slo(name) in self.cluster.objects:
            self.change(unseen, lambda: self.cluster.remove(slo(name)))
            self.free.add(name)  # whether the next of that name finds anything depends on who is faster

    @rule(name=NAMES, namespace=st.sampled_from(["shop", "grafana"]), unseen=st.booleans())
    def delete_child(self, name: str, namespace: str, unseen: bool) -> None:
        if child(name, namespace) in self.cluster.objects.keys() - self.foreign.keys():
            self.change(unseen, lambda: self.cluster.remove(child(name, namespace)))
            self.free.add(name)

    @rule(name=NAMES, namespace=st.sampled_from(["shop", "grafana"]), unseen=st.booleans(), what=st.integers(0, 3))
    def change_child(self, name: str, namespace: str, unseen: bool, what: int) -> None:
        ref = child(name, namespace)
        if ref not in self.cluster.objects.keys() - self.foreign.keys():
            return
        body = copy.deepcopy(self.cluster.objects[ref])
        match what:
            case 0:
                body["data"]["text"] = f"{name} by hand"
            case 1:
                body["data"]["more"] = "by hand"
            case 2:
                body["metadata"]["annotations"].clear()
            case 3:
                body["metadata"].pop("ownerReferences", None)
        self.change(unseen, lambda: self.cluster.put(body))
        self.free.add(name)

    @rule(unseen=st.booleans(), delete=st.booleans())
    def spoil_aggregate(self, unseen: bool, delete: bool) -> None:
        if AGGREGATE not in self.cluster.objects:
            return
        body = copy.deepcopy(self.cluster.objects[AGGREGATE])
        body["data"]["SLO.shop.a"] = "a by hand"
        self.change(unseen, lambda: self.cluster.remove(AGGREGATE) if delete else self.cluster.put(body))
        self.free |= {"a", "b", "c"}

    @rule(name=NAMES, unseen=st.booleans())
    def take_the_name(self, name: str, unseen: bool) -> None:
        ref = child(name)

        def usurp() -> None:
            if ref in self.cluster.objects:
                self.cluster.remove(ref)
            theirs = {"name": ref.name, "namespace": ref.namespace, "labels": {"app": "theirs"}}
            self.foreign[ref] = self.cluster.put(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": theirs, "data": {"mine": name}}
            )

        if ref not in self.foreign:
            self.change(unseen, usurp)
            self.free.add(name)

    @rule(name=NAMES)
    def give_the_name_back(self, name: str) -> None:
        if self.foreign.pop(child(name), None) is not None:
            self.cluster.remove(child(name))

    def change(self, unseen: bool, work: Callable[[], object]) -> None:
        """Do something that the watches tell of, or not."""
        self.forget_what_is_over()
        before = self.resources()
        self.cluster.deaf = unseen
        work()
        self.cluster.deaf = False
        after = self.resources()
        for ref in before | after if unseen else ():
            if before.get(ref) is not after.get(ref):
                self.unheard.setdefault(ref, []).append((self.cluster.version, before.get(ref)))
        for wanted in self.beliefs():
            for key, wants in wanted.desired.items():
                if key not in wanted.left:
                    self.good.setdefault(key.name, [set()]).append(_texts(wants.outputs, wants.shares))

    def resources(self) -> dict[ObjectRef, dict[str, Any] | None]:
        return {ref: body for ref, body in self.cluster.objects.items() if ref.kind == "SLO"}

    def beliefs(self) -> Iterator[onepass.Pass]:
        """What is wanted as far as the loop knows: of each change that was not told it may have heard or not."""
        live = self.resources()
        may_be = [(live.get(ref), *(body for _, body in olds)) for ref, olds in self.unheard.items()]
        for known in itertools.product(*may_be):
            bodies = live | dict(zip(self.unheard, known, strict=True))
            yield onepass.run(TOOLS, [body for body in bodies.values() if body is not None], TODAY)

    def forget_what_is_over(self) -> None:
        """Of what all have heard of since, no earlier version is believed any more.

        And where all that is wanted is there and status says so, no change is under way: no earlier version may come back.
        """
        for ref, olds in list(self.unheard.items()):
            olds[:] = [(until, body) for until, body in olds if not self.cluster.is_known(ref, until)]
            if not olds:
                del self.unheard[ref]
        if self.cluster.lag or not all(map(_is_answered, self.cluster.objects.values())):
            return  # somebody may still act on what was before
        wanted = self.wanted()
        versions = {
            key.name: _texts(wants.outputs, wants.shares)
            for key, wants in wanted.desired.items()
            if key not in wanted.left
        }
        if all(self.there(name) == version for name, version in versions.items()):
            self.good.update((name, [version]) for name, version in versions.items())

    def there(self, name: str) -> set[Any]:
        """Return what is applied of a resource."""
        own = {
            (ref, body["data"].get("text"))
            for ref, body in self.cluster.objects.items()
            if ref.kind == "ConfigMap" and body["metadata"].get("labels", {}).get(conventions.LABEL_NAME) == name
        }
        shares = self.cluster.objects.get(AGGREGATE, {"data": {}})["data"]
        return own | {(AGGREGATE, text) for owner, text in shares.items() if owner == f"SLO.shop.{name}"}

    # What the world does.

    @precondition(lambda self: self.life is None)
    @rule(plan=FAULTS, lag=st.sampled_from([0.0, 0.0, 0.05, 0.3]))
    def start(self, plan: dict[int, Fault], lag: float) -> None:
        self.cluster.lag = lag
        self.life = self.do(self.begin(leads=True))
        self.life.store.plan = dict(plan)

    @precondition(lambda self: self.life is not None and self.standby is None)
    @rule()
    def stand_by(self) -> None:
        self.standby = self.do(self.begin(leads=False))

    async def begin(self, *, leads: bool) -> Life:
        life = Life(self.cluster)
        if not leads:
            life.guard.mine.clear()
        life.start()
        return life

    @precondition(lambda self: self.life is not None)
    @rule(plan=FAULTS)
    def trouble(self, plan: dict[int, Fault]) -> None:
        assert self.life is not None
        self.life.store.plan = {self.life.store.calls + number: fault for number, fault in plan.items()}

    @rule(turns=st.integers(1, 40))
    def turns(self, turns: int) -> None:
        async def go() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.do(go())
        self.bury()

    @rule(seconds=st.sampled_from([0.1, 0.5, 2.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))
        self.bury()

    @precondition(lambda self: self.life is not None)
    @rule(orderly=st.booleans())
    def end(self, orderly: bool) -> None:
        assert self.life is not None
        if orderly and not self.life.dead:
            self.life.store.plan.clear()
            self.do(self.life.stop())
        else:
            self.do(self.life.die())
        self.lost += self.life.store.lost
        self.life, self.standby = self.standby, None
        if self.life is not None:
            self.life.guard.mine.set()
            if self.cluster.lag:
                # What was written last may not have reached it: it says that once more, of every resource at most.
                self.lost += len(self.cluster.objects)

    def bury(self) -> None:
        if self.life is not None and self.life.dead:
            self.end(orderly=False)

    # What must hold.

    @rule(restart=st.booleans())
    def converge(self, restart: bool) -> None:
        if self.life is not None:
            self.life.store.plan.clear()
            self.time_passes(5.0)  # a call that is under way may still meet its fault
        if self.life is None:
            self.start({}, 0.0)
        self.rest()
        self.unheard.clear()
        self.check()
        if restart:
            self.end(orderly=True)
            if self.life is None:
                self.start({}, 0.0)
        self.cluster.writes.clear()
        self.rest()
        assert self.cluster.writes == []

    def rest(self) -> None:
        """Give the loop all the time it may want, and a resync."""
        controllers = [life.controller for life in (self.life, self.standby) if life is not None]

        async def rest() -> None:
            await asyncio.sleep(1)
            for controller in controllers:
                await controller.resync()
            await asyncio.sleep(LONG)

        self.do(rest())

    def wanted(self) -> onepass.Pass:
        return onepass.run(TOOLS, [one for one in self.resources().values() if one is not None], TODAY)

    def check(self) -> None:
        wanted = self.wanted()
        remaining = self.unexplained(wanted)
        for name, found in remaining.items():
            if name not in self.free:
                versions = self.good.get(name, [set()])
                assert any(version <= found for version in versions), (found, versions)
                assert found <= set().union(*versions), (found, versions)
            assert all(str(text).startswith(f"{name} ") for _, text in found)
        for key, wants in wanted.desired.items():
            left = key in wanted.left
            taken = not left and any(output.ref in self.foreign for output in wants.outputs)
            self.check_status(key.name, good=not wants.quarantined if left else wants.valid, taken=taken)
            kept = [remaining[key.name]] if left or taken else []
            self.good[key.name] = kept if left else [*kept, _texts(wants.outputs, wants.shares)]
            if not taken:
                self.free.discard(key.name)
        assert len(self.cluster.useless) <= self.lost + (self.life.store.lost if self.life else 0)

    def unexplained(self, wanted: onepass.Pass) -> dict[str, set[Any]]:
        """What exists beside what is wanted, by the resource that must have had it last.

        It does not compile, or cannot have what it wants now because the name is somebody else's.
        """
        objects = {ref: body for ref, body in self.cluster.objects.items() if ref.kind == "ConfigMap"}
        for ref, body in self.foreign.items():
            assert objects.pop(ref) == body
        shares = dict(objects.pop(AGGREGATE, {"data": {}})["data"])
        for output in wanted.objects:
            if output.ref == AGGREGATE:
                for name, text in output.body["data"].items():
                    assert shares.pop(name) == text
            elif output.ref not in self.foreign:
                assert said(objects.pop(output.ref)) == said(output.body)
        remaining: dict[str, set[Any]] = {
            key.name: set()
            for key, wants in wanted.desired.items()
            if key in wanted.left or any(output.ref in self.foreign for output in wants.outputs)
        }
        for ref, body in objects.items():
            remaining[body["metadata"]["labels"][conventions.LABEL_NAME]].add((ref, body["data"].get("text")))
        for name, text in shares.items():
            remaining[name.rpartition(".")[2]].add((AGGREGATE, text))
        return remaining

    def check_status(self, name: str, *, good: bool, taken: bool) -> None:
        body = self.cluster.objects[slo(name)]
        conditions = {one["type"]: one for one in body["status"]["conditions"]}
        assert broken_laws([Condition.model_validate(one) for one in conditions.values()]) == ()
        assert body["status"]["observedGeneration"] == body["metadata"]["generation"]
        assert conditions["Ready"]["status"] == ("True" if good and not taken else "False"), conditions
        if taken:
            assert conditions["Stalled"]["reason"] == "NameTaken"

    def teardown(self) -> None:
        try:
            self.converge(restart=True)
        finally:
            while self.life is not None:
                self.end(orderly=False)
            self.loop.close()
            logging.disable(logging.NOTSET)


def _texts(outputs: Any, shares: Any) -> set[Any]:
    return {(output.ref, output.body["data"]["text"]) for output in outputs} | {
        (AGGREGATE, share.fragment) for share in shares
    }


def _is_answered(body: Mapping[str, Any]) -> bool:
    """Say whether status speaks of this version of a resource, and of work that is done; true of all other objects."""
    if body["kind"] != "SLO":
        return True
    status = body.get("status", {})
    working = any(one["type"] == "Reconciling" for one in status.get("conditions", ()))
    return status.get("observedGeneration") == body["metadata"]["generation"] and not working


Survival.TestCase.settings = settings(
    max_examples=EXAMPLES or 60,
    derandomize=not EXAMPLES,
    stateful_step_count=25,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestSurvival = Survival.TestCase


@pytest.mark.parametrize("stop", [{"text": "3", "suspend": True}, {"invalid": True}], ids=["suspended", "invalid"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"share": "1"}, {"text": "1"}),
        ({"text": "1"}, {"share": "1"}),
        ({"text": "1"}, {"text": "1", "elsewhere": "grafana"}),
    ],
    ids=["from-share", "to-share", "to-elsewhere"],
)
def test_a_change_that_is_stopped_halfway_leaves_a_version_whole_and_is_finished_when_it_may_go_on(
    before: dict[str, Any], after: dict[str, Any], stop: dict[str, Any]
) -> None:
    halfway = 0
    for fault in (None, Fault.REFUSED, Fault.END_BEFORE, Fault.END_AFTER):
        for at in range(4):
            course = Survival()
            try:
                course.start({}, 0.0)
                course.write("a", before, unseen=False)
                course.time_passes(2.0)
                old = course.there("a")
                if fault is not None:
                    course.trouble({at: fault})
                course.write("a", after, unseen=False)
                new = course.good["a"][-1]
                course.turns(12 * (at + 1))
                course.write("a", stop, unseen=at % 2 == 1)
                if fault is None and course.life is not None:
                    course.end(orderly=True)
                course.converge(restart=True)
                found = course.there("a")
                assert found in (old, new, old | new), (fault, at)
                halfway += found == old | new
                course.write("a", after, unseen=False)
                course.converge(restart=False)
                assert course.there("a") == new, (fault, at)
            finally:
                course.teardown()
    assert halfway


def test_a_version_that_nobody_told_of_is_believed_until_all_have_heard_of_a_later_one() -> None:
    course = Survival()
    try:
        course.start({}, 0.3)
        course.stand_by()
        course.write("a", {"lists": True, "text": "1"}, unseen=False)
        course.converge(restart=False)
        course.write("a", {"text": "2"}, unseen=True)
        course.write("a", {"text": "3"}, unseen=False)
        course.write("b", {"text": "1"}, unseen=False)
        assert any(text == "a 1 of 2" for version in course.good["a"] for _, text in version)
        course.time_passes(10.0)
        course.good["a"].clear()
        course.write("c", {"text": "1"}, unseen=False)
        assert course.good["a"] == [{(child("a"), "a 3")}]
    finally:
        course.teardown()


def test_a_share_that_a_successor_learns_of_late_is_dropped_where_its_owner_does_not_want_it() -> None:
    course = Survival()
    try:
        course.start({}, 0.05)
        course.stand_by()
        course.converge(restart=False)
        course.write("a", {"share": "1"}, unseen=False)
        course.time_passes(10.0)
        course.write("a", {"text": "1"}, unseen=False)
        course.time_passes(10.0)
        course.end(orderly=False)
        course.spoil_aggregate(unseen=False, delete=False)
        course.converge(restart=False)
    finally:
        course.teardown()


def story(fault: Fault | None = None, at: int = -1) -> tuple[int, Counter[Write], dict[ObjectRef, Any]]:
    """Some work from an empty cluster on, in which the process ends at one call of the store and starts again.

    Returns the calls that the first process made, all writes, and what objects there are in the end.
    """
    loop, cluster = VirtualTimeLoop(), MemoryCluster()

    async def live() -> tuple[int, Counter[Write], dict[ObjectRef, Any]]:
        life = first = Life(cluster)
        if fault is not None:
            life.store.plan[at] = fault
        life.start()

        async def rest() -> None:
            nonlocal life
            await asyncio.sleep(LONG)
            if life.dead:
                await life.die()
                life = Life(cluster)
                life.start()
                await asyncio.sleep(LONG)

        await rest()
        for name, spec in (("a", {"text": "1"}), ("b", {"share": "1"}), ("c", {"text": "1", "elsewhere": "grafana"})):
            cluster.put(thing(name, **spec))
        cluster.put(thing("d", text="1", reads="a"))
        await rest()
        cluster.put(thing("a", text="2", elsewhere="grafana"))
        cluster.remove(slo("c"))
        cluster.put(thing("b", invalid=True))
        cluster.put(thing("e", share="1"))
        await rest()
        await life.stop()
        objects = {ref: said(body) for ref, body in cluster.objects.items() if ref.kind == "ConfigMap"}
        return first.store.calls, Counter(cluster.writes), objects

    try:
        return loop.run_until_complete(live())
    finally:
        loop.close()


def test_an_end_at_any_call_changes_nothing_of_what_is_written_in_all() -> None:
    calls, writes, objects = story()
    assert calls > 15
    for at in range(calls):
        for fault in (Fault.END_BEFORE, Fault.END_AFTER):
            _, written, found = story(fault, at)
            assert found == objects, (fault, at)
            assert +(written - writes) == Counter(), (fault, at)
