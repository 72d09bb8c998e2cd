"""Many resources at once: a start writes what they share once, and a storm of edits costs no more than the keys it is about."""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from binnacle.api.config import Config
from binnacle.control.cache import Resource
from binnacle.control.firstpass import LONGEST, FirstPass
from binnacle.control.ports import Liveness, Observed
from binnacle.control.toolchain import shipped
from binnacle.intent.refs import Key
from binnacle.targets.base import AggregateKey
from binnacle.targets.registry import TARGETS
from control.memory_world import MemoryCluster, Running, ScriptedObserver, Write, thing
from control.test_controller import AGGREGATE, child, owner

FILE = AggregateKey("things", "monitoring")
KEYS = [Key("SLO", "shop", name) for name in "abc"]


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster()


async def test_a_start_writes_what_many_share_once_and_one_status_each(cluster: MemoryCluster) -> None:
    for number in range(60):
        cluster.put(thing(f"t{number:02}", **({"share": f"s{number}"} if number % 3 == 0 else {"text": "own"})))
    # Without a pause each share would be a reason to write the file.
    async with Running(cluster, aggregate_debounce=0) as run:
        await run.settle()
    writes = Counter(cluster.writes)
    assert len(cluster.objects[AGGREGATE]["data"]) == 20
    assert writes == Counter(
        [
            Write("apply", AGGREGATE),
            *(Write("status", owner(f"t{number:02}")) for number in range(60)),
            *(Write("apply", child(f"t{number:02}")) for number in range(60) if number % 3),
        ]
    )


async def test_one_resource_that_cannot_be_worked_on_does_not_hold_the_others_up(cluster: MemoryCluster) -> None:
    cluster.put(thing("a", share="one"))
    cluster.put(thing("poison", crash=True))
    async with Running(cluster) as run:
        await run.settle()
        assert set(cluster.objects[AGGREGATE]["data"]) == {"SLO.shop.a"}
        assert run.condition("a", "Ready")["status"] == "True"
        assert run.condition("poison", "Stalled")["reason"] == "InternalError"


def test_files_wait_for_the_first_pass_but_not_for_ever() -> None:
    first = FirstPass({})
    assert first.pause(FILE, 0.0) == 0
    first.begin(KEYS)
    assert first.pause(FILE, 10.0) == LONGEST
    assert first.pause(FILE, 15.0) == LONGEST - 5
    assert first.done(KEYS[0]) == ()
    # It may be written now, and then waits anew.
    assert first.pause(FILE, 10.0 + LONGEST) == 0
    assert first.pause(FILE, 11.0 + LONGEST) == LONGEST
    assert first.done(KEYS[0]) == first.done(FILE) == first.done(KEYS[1]) == ()
    assert first.under_way
    assert first.done(KEYS[2]) == (FILE,)
    assert not first.under_way
    assert first.pause(FILE, 100.0) == 0
    assert first.done(KEYS[2]) == ()


def test_a_file_waits_for_those_only_who_may_have_a_part_of_it() -> None:
    logs, other = AggregateKey("logs", "logging"), Key("LogPipeline", "shop", "a")
    first = FirstPass({"things": {"SLO"}, "logs": {"LogPipeline", "MetricSet"}})
    first.begin([*KEYS, other])
    assert first.pause(FILE, 0.0) == first.pause(logs, 0.0) == LONGEST
    assert first.done(other) == (logs,)
    assert first.pause(logs, 1.0) == 0
    assert first.pause(FILE, 1.0) == LONGEST - 1
    assert first.under_way
    assert [first.done(key) for key in KEYS] == [(), (), (FILE,)]
    assert not first.under_way


def test_who_fills_which_file_is_known_of_every_target() -> None:
    fills = shipped(Config.from_data({})).fills
    assert fills.keys() == {target.name for target in TARGETS}
    assert fills["fluentd"] == {"LogPipeline"}
    assert fills["alertmanager"] == {"AlertPolicy", "SLO"}
    assert fills["blackbox"] == {"MetricSet"}


async def test_a_storm_of_edits_ends_right_and_never_waits_more_than_once_for_each_key(cluster: MemoryCluster) -> None:
    names = [f"t{number:02}" for number in range(50)]

    def edited(turn: int, number: int) -> dict[str, str]:
        return {"share": f"v{turn}"} if number % 5 == 0 else {"text": f"v{turn}"}

    for number, name in enumerate(names):
        cluster.put(thing(name, **edited(0, number)))
    async with Running(cluster) as run:
        queue, longest = run.controller.queue, 0
        before = len(cluster.writes)
        reconciles = _reconciles(run)
        for turn in range(1, 101):
            for number, name in enumerate(names):
                cluster.put(thing(name, **edited(turn, number)))
                longest = max(longest, len(queue) + queue.delayed + len(queue._again))
            # Fifty edits for each breath of the loop, which needs some for one pass over the fifty.
            await asyncio.sleep(0)
        await run.settle()
        writes = cluster.writes[before:]
        for number, name in enumerate(names):
            status = run.status(name)
            assert status["observedGeneration"] == 101
            if number % 5:
                assert cluster.objects[child(name)]["data"] == {"text": "v100"}
            else:
                assert cluster.objects[AGGREGATE]["data"][f"SLO.shop.{name}"] == "v100"
        edits = 100 * len(names)
        # Each key and the file wait at most once, and one that is worked on at most once more for its time: on a slow machine
        # that of a resource whose file is late. The heaps behind may hold as many again that are out of date.
        assert longest <= len(names) + 1 + run.controller.settings.workers
        assert len(queue._ready_heap) + len(queue._delayed_heap) <= 2 * (len(names) + 1) + 2 * 64
        assert _reconciles(run) - reconciles < edits / 2
        assert len(writes) < edits
        assert not cluster.useless
        settled = len(cluster.writes)
        await run.controller.resync()
        await run.settle()
        assert len(cluster.writes) == settled


def _reconciles(run: Running) -> float:
    metric = run.controller.metrics.reconciles
    return sum(sample.value for one in metric.collect() for sample in one.samples if sample.name.endswith("_total"))


async def test_a_look_at_everything_lets_others_have_their_turn(cluster: MemoryCluster) -> None:
    """The lease is renewed, a probe is answered and an edit is heard of between two keys, also where no key waits for anything."""
    for number in range(200):
        cluster.put(thing(f"t{number:03}", text="own"))
    async with Running(cluster) as run:
        await run.settle()
        writes, begun = len(cluster.writes), run.controller.worked
        longest, worked, edited = 0, begun, 0
        run.controller._enqueue_everything()
        while cluster.objects[child("t199")]["data"] != {"text": "edited"}:
            await asyncio.sleep(0)
            longest, worked = max(longest, run.controller.worked - worked), run.controller.worked
            if not edited and worked - begun >= 100:
                cluster.put(thing("t199", text="edited"))
                edited = worked
        # One that begins where another one ends that has waited for an answer.
        assert longest <= 2
        # It goes before those that were there first, and until it was heard of there were a few of them.
        assert worked - edited < 10
        await run.settle()
        assert len(cluster.writes) == writes + 2


async def test_a_look_at_the_backends_lets_others_have_their_turn(
    cluster: MemoryCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = 0
    live_status = Resource.live_status

    def counted(resource: Resource) -> dict[str, Any]:
        nonlocal read
        read += 1
        return live_status(resource)

    observer = ScriptedObserver()
    for number in range(300):
        cluster.put(thing(f"t{number:03}", text="own"))
        observer.answers[Key("SLO", "shop", f"t{number:03}")] = Observed(Liveness.LOADED)
    async with Running(cluster, observer=observer) as run:
        await run.settle()
        monkeypatch.setattr(Resource, "live_status", counted)
        longest, before, looking = 0, read, asyncio.create_task(run.controller.observe())
        while not looking.done():
            await asyncio.sleep(0)
            longest, before = max(longest, read - before), read
        await looking
        assert read >= 600
        # A stride of this look, and perhaps one of the regular one.
        assert longest <= 200


async def test_what_a_watch_tells_before_the_answer_to_its_apply_is_no_reason_to_look_once_more(
    cluster: MemoryCluster,
) -> None:
    apply = cluster.apply

    async def late(body: Mapping[str, Any], *, new: bool = False) -> Mapping[str, Any]:
        answer = await apply(body, new=new)
        await asyncio.sleep(0.01)  # the watch tells meanwhile
        return answer

    cluster.apply = late  # type: ignore[method-assign]
    for number in range(20):
        cluster.put(thing(f"t{number}", text="own"))
    async with Running(cluster) as run:
        await run.settle()
        assert _reconciles(run) == 20
        # What somebody else makes of it at that moment is.
        cluster.put(thing("t0", text="new"))
        while not any(write == Write("apply", child("t0")) for write in cluster.writes[40:]):
            await asyncio.sleep(0)
        body = copy.deepcopy(cluster.objects[child("t0")])
        cluster.put({**body, "data": {"text": "by hand"}})
        await run.settle()
        assert cluster.objects[child("t0")]["data"] == {"text": "new"}


def _compilations(run: Running) -> float:
    metric = run.controller.metrics.compile_seconds
    return sum(sample.value for one in metric.collect() for sample in one.samples if sample.name.endswith("_count"))


async def test_who_waits_for_a_file_of_many_is_compiled_once(cluster: MemoryCluster) -> None:
    for number in range(20):
        cluster.put(thing(f"t{number}", share=str(number)))
    async with Running(cluster) as run:
        await run.settle()
        assert {run.condition(f"t{number}", "Ready")["status"] for number in range(20)} == {"True"}
        assert _compilations(run) == 20
        assert {resource.kept for resource in run.controller.cache.resources.values()} == {None}


@pytest.mark.parametrize("change", ["other", "own", "other comes", "other goes", "list"])
async def test_what_a_compilation_read_counts_also_while_it_waits(cluster: MemoryCluster, change: str) -> None:
    """The change comes after the compilation, and before the file is written for which the resource waits."""
    if change != "other comes":
        cluster.put(thing("a", text="old"))
    async with Running(cluster) as run:
        await run.settle()
        reader = {"reads": "a"} if change.startswith("other") else {"lists": True} if change == "list" else {}
        cluster.put(thing("b", share="1", text="x", **reader))
        cache = run.controller.cache
        while (known := cache.resources.get(Key("SLO", "shop", "b"))) is None or known.kept is None:
            await asyncio.sleep(0)
        match change:
            case "other" | "other comes":
                cluster.put(thing("a", text="much longer"))
            case "other goes":
                cluster.remove(owner("a"))
            case "list":
                for number in range(10):
                    cluster.put(thing(f"t{number}", text="x"))
            case _:
                cluster.put(thing("b", share="1", text="much longer"))
        await run.settle()
        expected = {
            "other": "x sees much longer",
            "other comes": "x sees much longer",
            "other goes": "x sees None",
            "list": "x of 12",
            "own": "much longer",
        }
        assert cluster.objects[owner("b")]["status"]["cost"]["rules"] == len(expected[change])
        assert known.kept is None
