"""The loop on ports in memory: what it writes, what it leaves alone, and what it says."""

import asyncio
import copy
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from binnacle.api.conditions import Condition, broken_laws
from binnacle.control.ports import Gone, Liveness, MetricsSeen, Observed
from binnacle.errors import SpecError, TransientError
from binnacle.intent.refs import Key, ObjectRef
from control.memory_world import LoopClock, MemoryCluster, Running, ScriptedObserver, Write, thing
from servers.waiting import PATIENCE


def child(name: str, namespace: str = "shop") -> ObjectRef:
    return ObjectRef("v1", "ConfigMap", namespace, f"binnacle-slo-{name}")


AGGREGATE = ObjectRef("v1", "ConfigMap", "monitoring", "binnacle-default-things")


def owner(name: str, namespace: str = "shop") -> ObjectRef:
    return ObjectRef("binnacle.dev/v1alpha1", "SLO", namespace, name)


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster()


def lawful(cluster: MemoryCluster) -> None:
    for ref, body in cluster.objects.items():
        if ref.kind == "SLO" and "status" in body:
            conditions = [Condition.model_validate(one) for one in body["status"]["conditions"]]
            assert broken_laws(conditions) == ()


async def test_a_new_resource_costs_its_child_and_one_status(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="hello"))
        await run.settle()
        assert cluster.writes == [Write("apply", child("a")), Write("status", owner("a"))]
        assert cluster.objects[child("a")]["data"] == {"text": "hello"}
        status = run.status("a")
        assert status["observedGeneration"] == 1
        assert status["children"] == [
            {"kind": "ConfigMap", "namespace": "shop", "name": "binnacle-slo-a", "purpose": "thing"}
        ]
        assert run.condition("a", "Ready")["status"] == "True"
        assert run.condition("a", "Live")["reason"] == "BackendNotConfigured"
        lawful(cluster)


async def test_an_edit_costs_the_child_and_one_status_and_a_resync_costs_nothing(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="hello"))
        await run.settle()
        cluster.writes.clear()
        cluster.put(thing("a", text="bye"))
        await run.settle()
        assert cluster.writes == [Write("apply", child("a")), Write("status", owner("a"))]
        cluster.writes.clear()
        for _ in range(3):
            await run.controller.resync()
            run.controller._enqueue_everything()
            await run.settle()
        assert cluster.writes == []


async def test_what_depends_on_the_calendar_is_written_when_its_date_comes_and_on_no_day_before(
    cluster: MemoryCluster,
) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="plain"))
        cluster.put(thing("b", text="year", dated=True))
        await run.settle()
        cluster.writes.clear()
        for today in (date(2026, 1, 2), date(2026, 12, 31)):
            run.clock.date = today
            run.controller.renew()
            run.controller._enqueue_everything()
            await run.settle()
        assert cluster.writes == []
        # The machine slept through the day itself.
        run.clock.date = date(2027, 1, 3)
        run.controller.renew()
        await run.settle()
        assert cluster.writes == [Write("apply", child("b"))]
        assert cluster.objects[child("b")]["data"] == {"text": "year of 2027"}
        cluster.writes.clear()
        run.controller.renew()
        await run.settle()
        assert cluster.writes == []


async def test_the_calendar_is_looked_at_with_every_resync(cluster: MemoryCluster) -> None:
    async with Running(cluster, resync_period=0.01) as run:
        cluster.put(thing("b", text="year", dated=True))
        await run.settle()
        run.clock.date = date(2027, 1, 1)
        async with asyncio.timeout(10):
            while cluster.objects[child("b")]["data"] != {"text": "year of 2027"}:
                await asyncio.sleep(0.005)


async def test_status_speaks_of_the_generation_that_was_worked_on(cluster: MemoryCluster) -> None:
    apply, write_status = cluster.apply, cluster.write_status
    said = []

    async def edited_meanwhile(body: Mapping[str, Any], *, new: bool) -> Mapping[str, Any]:
        live = await apply(body, new=new)
        if body["data"]["text"] == "old":
            cluster.put(thing("a", text="new"))
            async with asyncio.timeout(2):
                while run.controller.cache.resources[Key("SLO", "shop", "a")].generation != 2:
                    await asyncio.sleep(0)
        return live

    async def noted(key: Key, uid: str, status: Mapping[str, Any]) -> Mapping[str, Any] | None:
        said.append((status["observedGeneration"], cluster.objects[child("a")]["data"]["text"]))
        return await write_status(key, uid, status)

    async with Running(cluster) as run:
        cluster.apply, cluster.write_status = edited_meanwhile, noted
        cluster.put(thing("a", text="old"))
        await run.settle()
    assert said == [(1, "old"), (2, "new")]


async def test_an_edit_that_the_answer_of_a_status_write_tells_before_the_watch_is_worked_on(
    cluster: MemoryCluster,
) -> None:
    write_status = cluster.write_status

    async def edited_meanwhile(key: Key, uid: str, status: Mapping[str, Any]) -> Mapping[str, Any] | None:
        cluster.write_status, cluster.lag = write_status, 0.05
        cluster.put(thing("a", text="new"))
        return await write_status(key, uid, status)

    async with Running(cluster) as run:
        cluster.write_status = edited_meanwhile
        cluster.put(thing("a", text="old"))
        async with asyncio.timeout(5):
            while run.controller.cache.resources.get(Key("SLO", "shop", "a")) is None or cluster.lag == 0.0:
                await asyncio.sleep(0)
            while cluster.objects[child("a")]["data"] != {"text": "new"}:
                await asyncio.sleep(0.01)
        await run.settle()
        assert run.status("a")["observedGeneration"] == 2


async def test_a_restart_costs_nothing(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        for number in range(20):
            cluster.put(thing(f"t{number}", text="x", **({"share": f"s{number}"} if number % 2 else {})))
        await run.settle()
    cluster.writes.clear()
    async with Running(cluster) as run:
        await run.settle()
        assert cluster.writes == []


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(lambda body: body["data"].update(text="other"), id="value"),
        pytest.param(lambda body: body["data"].update(more="x"), id="added-key"),
        pytest.param(lambda body: body["data"].clear(), id="removed-key"),
        pytest.param(lambda body: body["metadata"]["labels"].update({"binnacle.dev/name": "b"}), id="owner-label"),
        pytest.param(lambda body: body["metadata"]["labels"].pop("binnacle.dev/kind"), id="owner-label-removed"),
        pytest.param(lambda body: body["metadata"]["annotations"].clear(), id="hash"),
        pytest.param(lambda body: body["metadata"]["ownerReferences"].clear(), id="owner-reference"),
    ],
)
async def test_what_is_changed_by_hand_is_put_back(cluster: MemoryCluster, tamper: Any) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="hello"))
        await run.settle()
        before = cluster.objects[child("a")]
        tampered = {
            **before,
            "metadata": {k: (v.copy() if hasattr(v, "copy") else v) for k, v in before["metadata"].items()},
        }
        tampered["data"] = dict(before["data"])
        if "ownerReferences" in tampered["metadata"]:
            tampered["metadata"]["ownerReferences"] = list(before["metadata"]["ownerReferences"])
        changed = list(before["metadata"]["labels"])
        tamper(tampered)
        # As the real server does, somebody else's change takes the field out of our manager's hand.
        labels = tampered["metadata"]["labels"]
        for key in changed:
            if labels.get(key) != before["metadata"]["labels"][key]:
                held = tampered["metadata"]["managedFields"][0]["fieldsV1"]["f:metadata"]["f:labels"]
                held.pop(f"f:{key}")
        cluster.writes.clear()
        cluster.put(tampered)
        await run.settle()
        after = cluster.objects[child("a")]
        assert after["data"] == {"text": "hello"}
        assert after["metadata"]["labels"] == before["metadata"]["labels"]
        assert after["metadata"]["annotations"] == before["metadata"]["annotations"]
        assert after["metadata"]["ownerReferences"] == before["metadata"]["ownerReferences"]
        assert cluster.writes == [Write("apply", child("a"))]


async def test_a_label_that_selects_our_objects_is_put_back(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="hello"))
        await run.settle()
        body = cluster.objects[child("a")]
        body["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "me"
        # The watch selects by this label, so what arrives is a deletion.
        from binnacle.control.ports import Gone

        for watcher in cluster._watchers:
            watcher.put_nowait(Gone(child("a"), body["metadata"]["uid"]))
        await run.settle()
        assert cluster.objects[child("a")]["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "binnacle"


async def test_labels_of_others_are_nobodys_drift(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="hello"))
        await run.settle()
        cluster.writes.clear()
        body = cluster.objects[child("a")]
        body["metadata"]["labels"]["argocd.argoproj.io/instance"] = "x"
        cluster.put(body)
        await run.settle()
        assert cluster.writes == []


async def test_a_child_deleted_by_hand_comes_back(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="hello"))
        await run.settle()
        cluster.remove(child("a"))
        await run.settle()
        assert cluster.objects[child("a")]["data"] == {"text": "hello"}


@pytest.mark.parametrize("known", [False, True], ids=["new", "edited"])
async def test_a_child_deleted_before_its_apply_was_answered_comes_back(cluster: MemoryCluster, known: bool) -> None:
    """The watch may be faster than the answer; an answer about what is gone must not make a ghost of it."""
    async with Running(cluster) as run:
        if known:
            cluster.put(thing("a", text="old"))
            await run.settle()
        told = told_of_gone(run)
        apply = cluster.apply

        async def slow(body: Any, *, new: bool = False) -> Any:
            live = await apply(body, new=new)
            cluster.apply = apply
            cluster.remove(child("a"))
            await told.wait()
            return live

        cluster.apply = slow
        cluster.put(thing("a", text="new"))
        await run.settle()
        assert cluster.objects[child("a")]["data"] == {"text": "new"}
        assert run.condition("a", "Ready")["status"] == "True"


async def test_a_resource_deleted_before_its_status_was_answered_stays_away(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        told = told_of_gone(run)
        write = cluster.write_status

        async def slow(key: Key, uid: str, status: Any) -> Any:
            live = await write(key, uid, status)
            cluster.remove(owner("a"))
            await told.wait()
            return live

        cluster.write_status = slow
        cluster.put(thing("a", text="x"))
        await run.settle()
        assert run.controller.cache.resources == {}
        assert child("a") not in cluster.objects


def told_of_gone(run: Running) -> asyncio.Event:
    """Set once the loop has taken in that something is gone."""
    told, take = asyncio.Event(), run.controller.take

    def taking(event: Any) -> None:
        take(event)
        if isinstance(event, Gone):
            told.set()

    run.controller.take = taking
    return told


async def test_an_object_of_somebody_else_is_never_touched(cluster: MemoryCluster) -> None:
    theirs = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "binnacle-slo-a", "namespace": "shop", "labels": {"app": "theirs"}},
        "data": {"mine": "1"},
    }
    cluster.put(theirs)
    async with Running(cluster) as run:
        cluster.put(thing("a", text="hello"))
        cluster.put(thing("b", text="neighbour"))
        await run.settle()
        assert cluster.objects[child("a")]["data"] == {"mine": "1"}
        stalled = run.condition("a", "Stalled")
        assert (stalled["status"], stalled["reason"]) == ("True", "NameTaken")
        assert run.warnings.said == [(Key("SLO", "shop", "a"), "NameTaken")]
        assert run.condition("b", "Ready")["status"] == "True"
        lawful(cluster)
        # The person makes room: the next try succeeds without an edit.
        cluster.remove(child("a"))
        run.controller._enqueue_everything()
        run.controller.queue.add(Key("SLO", "shop", "a"))
        await run.settle()
        assert run.condition("a", "Ready")["status"] == "True"
        assert run.condition("a", "Stalled") is None


async def test_what_belongs_to_a_deleted_resource_is_removed_across_namespaces_and_downtime(
    cluster: MemoryCluster,
) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="x", elsewhere="grafana"))
        cluster.put(thing("b", share="b"))
        cluster.put(thing("c", share="c"))
        await run.settle()
        assert sum(ref.namespace == "grafana" for ref in cluster.objects) == 1
        assert cluster.objects[AGGREGATE]["data"] == {"SLO.shop.b": "b", "SLO.shop.c": "c"}
    cluster.remove(owner("a"))
    cluster.remove(owner("b"))
    async with Running(cluster) as run:
        await run.settle()
        assert not any(ref.namespace == "grafana" for ref in cluster.objects)
        assert cluster.objects[AGGREGATE]["data"] == {"SLO.shop.c": "c"}


async def test_nothing_is_deleted_while_the_owner_is_really_there(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="x"))
        await run.settle()
        # A watch that lies: the deletion event comes although the resource exists.
        run.controller._resource_gone(Key("SLO", "shop", "a"), "")
        await run.settle()
        assert child("a") in cluster.objects
        assert Key("SLO", "shop", "a") in run.controller.cache.resources


async def test_an_object_that_another_installation_took_over_is_not_deleted_with_its_owner(
    cluster: MemoryCluster,
) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="x"))
        await run.settle()
        cluster.deaf = True
        cluster.objects[child("a")]["metadata"]["labels"]["binnacle.dev/instance"] = "other"
        cluster.deaf = False
        cluster.remove(owner("a"))
        await run.settle()
        assert child("a") in cluster.objects


async def test_objects_that_went_with_their_owner_are_not_made_again(cluster: MemoryCluster) -> None:
    """The server collects the object before the watch, late or refused, says that its owner is gone."""
    async with Running(cluster) as run:
        cluster.put(thing("a", text="x"))
        await run.settle()
        del cluster.objects[owner("a")]
        cluster.writes.clear()
        cluster.remove(child("a"))
        await run.settle()
        assert cluster.writes == []
        assert child("a") not in cluster.objects


async def test_a_copy_of_our_object_is_left_alone_while_the_owner_it_names_lives(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="x"))
        await run.settle()
        original = cluster.objects[child("a")]
        labels = original["metadata"]["labels"]
        copied = {**original, "metadata": {"name": "my-copy", "namespace": "shop", "labels": labels}}
        cluster.put(copied)
        cluster.put(thing("a", text="y"))
        await run.settle()
        copy_of_a = child("a")._replace(name="my-copy")
        assert copy_of_a in cluster.objects
        cluster.remove(owner("a"))
        await run.settle()
        assert copy_of_a not in cluster.objects


async def test_when_the_output_moves_the_new_is_there_before_the_old_goes(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="x"))
        await run.settle()
        cluster.writes.clear()
        cluster.put(thing("a", share="x"))
        await run.settle()
        assert cluster.writes == [
            Write("apply", AGGREGATE),
            Write("delete", child("a")),
            Write("status", owner("a")),
        ]
        cluster.writes.clear()
        cluster.put(thing("a", text="x"))
        await run.settle()
        assert [write for write in cluster.writes if write.verb != "status"] == [
            Write("apply", child("a")),
            Write("apply", AGGREGATE),
        ]


async def test_many_shares_become_one_write_and_statuses_wait_for_it(cluster: MemoryCluster) -> None:
    async with Running(cluster, aggregate_debounce=1) as run:  # longer than fifty of them take on a busy machine
        for number in range(50):
            cluster.put(thing(f"t{number}", share=str(number)))
        await run.settle(aggregates=False)
        assert cluster.writes == []
        await run.settle()
        assert cluster.writes.count(Write("apply", AGGREGATE)) == 1
        assert len(cluster.writes) == 51
        assert run.status("t7")["children"][0]["name"] == AGGREGATE.name
        lawful(cluster)


async def test_a_share_that_was_given_up_just_before_an_end_does_not_stay(cluster: MemoryCluster) -> None:
    killed = Running(cluster)
    await killed.__aenter__()
    cluster.put(thing("a", share="1"))
    await killed.settle()
    cluster.put(thing("a", text="1"))
    async with asyncio.timeout(5):
        while child("a") not in cluster.objects:
            await asyncio.sleep(0)
    await killed.kill()
    assert cluster.objects[AGGREGATE]["data"] != {}, "the aggregate waits for more shares when the process ends"
    async with Running(cluster) as run:
        await run.settle()
        assert cluster.objects[AGGREGATE]["data"] == {}


@pytest.mark.parametrize("broken", [{"invalid": True}, {"nothing": True}, {"crash": True}])
async def test_a_spec_that_does_not_compile_keeps_its_last_good_version(
    cluster: MemoryCluster, broken: dict[str, Any]
) -> None:
    async with Running(cluster) as run:
        for number in range(5):
            cluster.put(thing(f"good{number}", text="x"))
        cluster.put(thing("a", text="good"))
        cluster.put(thing("s", share="good"))
        await run.settle()
        before = {ref: body["metadata"]["resourceVersion"] for ref, body in cluster.objects.items()}
        cluster.writes.clear()
        cluster.put(thing("a", text="bad", **broken))
        cluster.put(thing("s", share="bad", **broken))
        await run.settle()
        assert cluster.writes == [Write("status", owner("a")), Write("status", owner("s"))]
        assert run.condition("a", "Stalled")["status"] == "True"
        assert run.condition("a", "Accepted")["status"] == "False"
        assert run.status("a")["children"], "what is in place is still listed"
        assert run.status("a")["findings"][0]["severity"] == "error"
        for ref, version in before.items():
            if ref not in (owner("a"), owner("s")):
                assert cluster.objects[ref]["metadata"]["resourceVersion"] == version
        lawful(cluster)
    cluster.writes.clear()
    async with Running(cluster) as run:
        await run.settle()
        assert cluster.writes == [], "the restart reads the last good version from what is live"
        cluster.put(thing("t", share="new"))
        await run.settle()
        assert cluster.objects[AGGREGATE]["data"]["SLO.shop.s"] == "good"


@pytest.mark.parametrize("kept", [{"text": "x"}, {"share": "x"}], ids=["object", "share"])
async def test_a_resource_that_wants_nothing_any_more_has_nothing_any_more(
    cluster: MemoryCluster, kept: dict[str, str]
) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", **kept))
        await run.settle()
        cluster.put(thing("a", empty=True))
        await run.settle()
        assert contents(cluster) == {}
        ready = run.condition("a", "Ready")
        assert (ready["status"], ready["message"]) == ("True", "0 objects applied.")
        assert "children" not in run.status("a")
        lawful(cluster)


async def test_items_left_out_are_counted_and_the_rest_is_applied(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="x", bad_item=True))
        await run.settle()
        assert run.condition("a", "Ready")["status"] == "True"
        assert run.condition("a", "Accepted")["reason"] == "ItemsQuarantined"
        assert child("a") in cluster.objects
        lawful(cluster)


async def test_suspend_stops_changes_and_dry_run_says_what_it_would_change(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="x"))
        await run.settle()
        cluster.put(thing("a", text="y", suspend=True))
        await run.settle()
        assert cluster.objects[child("a")]["data"] == {"text": "x"}
        assert run.condition("a", "Ready")["reason"] == "Suspended"
        cluster.put(thing("a", text="y", mode="DryRun"))
        await run.settle()
        assert cluster.objects[child("a")]["data"] == {"text": "x"}
        assert run.status("a")["changes"] == [
            {"action": "Update", "kind": "ConfigMap", "namespace": "shop", "name": "binnacle-slo-a"}
        ]
        lawful(cluster)
        cluster.put(thing("a", text="y"))
        await run.settle()
        assert cluster.objects[child("a")]["data"] == {"text": "y"}


async def test_readers_are_compiled_again_and_nobody_else(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("reader", text="r", reads="other"))
        cluster.put(thing("counter", text="c", lists=True))
        cluster.put(thing("stranger", text="s"))
        await run.settle()
        assert cluster.objects[child("reader")]["data"]["text"] == "r sees None"
        cluster.put(thing("other", text="1"))
        await run.settle()
        assert cluster.objects[child("reader")]["data"]["text"] == "r sees 1"
        assert cluster.objects[child("counter")]["data"]["text"] == "c of 4"
        cluster.writes.clear()
        cluster.put(thing("other", text="2"))
        await run.settle()
        assert {write.ref for write in cluster.writes if write.verb == "apply"} == {child("other"), child("reader")}
        cluster.remove(owner("other"))
        await run.settle()
        assert cluster.objects[child("reader")]["data"]["text"] == "r sees None"
        assert cluster.objects[child("counter")]["data"]["text"] == "c of 3"


async def test_a_name_that_two_claim_is_held_by_the_first_and_passes_on(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("b", text="b", claims="title"))
        cluster.put(thing("stranger", text="s", claims="another"))
        await run.settle()
        assert run.condition("b", "Ready")["status"] == "True"
        cluster.writes.clear()

        cluster.put(thing("a", text="a", claims="title"))
        await run.settle()
        assert child("a") in cluster.objects
        assert child("b") not in cluster.objects, "two of one name would harm the first"
        assert run.condition("b", "Stalled")["reason"] == "DuplicateResource"
        assert "children" not in run.status("b")
        assert run.condition("a", "Ready")["status"] == "True"
        assert owner("stranger") not in {write.ref for write in cluster.writes}

        cluster.put(thing("a", text="a", claims="free"))
        await run.settle()
        assert run.condition("b", "Ready")["status"] == "True"
        assert child("b") in cluster.objects

        cluster.put(thing("a", text="a", claims="title"))
        await run.settle()
        assert child("b") not in cluster.objects
        cluster.remove(owner("a"))
        await run.settle()
        assert set(cluster.objects) >= {child("b")}
        assert child("a") not in cluster.objects
        lawful(cluster)


async def test_at_a_restart_the_holder_of_a_name_is_known_before_anybody_else_takes_it(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        # In this order they are told at the restart.
        cluster.put(thing("b", text="2", claims="title"))
        await run.settle()
        cluster.put(thing("a", text="1", claims="title"))
        await run.settle()
    cluster.writes.clear()
    async with Running(cluster) as run:
        await run.settle()
        assert cluster.writes == []
        assert child("b") not in cluster.objects


async def test_a_suspended_resource_keeps_what_it_has_although_another_claims_its_name(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("b", text="b", claims="title"))
        await run.settle()
        cluster.put(thing("b", text="b", claims="title", suspend=True))
        cluster.put(thing("a", text="a", claims="title"))
        await run.settle()
        assert child("b") in cluster.objects


async def test_a_resync_finds_what_the_watch_missed(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="x"))
        cluster.put(thing("b", text="x"))
        await run.settle()
        cluster.deaf = True
        cluster.remove(owner("a"))
        cluster.put(thing("b", text="y"))
        cluster.put(thing("c", text="z"))
        cluster.remove(child("b"))
        cluster.deaf = False
        await run.controller.resync()
        await run.settle()
        assert child("a") not in cluster.objects
        assert cluster.objects[child("b")]["data"] == {"text": "y"}
        assert cluster.objects[child("c")]["data"] == {"text": "z"}


async def test_a_resync_finds_that_another_object_has_taken_the_place_of_ours(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="x"))
        await run.settle()
        cluster.deaf = True
        cluster.remove(child("a"))
        labels = {"app": "theirs"}
        metadata = {"name": "binnacle-slo-a", "namespace": "shop", "labels": labels}
        cluster.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"mine": "1"}})
        cluster.deaf = False
        await run.controller.resync()
        await run.settle()
        assert cluster.objects[child("a")]["data"] == {"mine": "1"}
        assert run.condition("a", "Stalled")["reason"] == "NameTaken"


async def test_a_resync_puts_back_the_labels_by_which_our_objects_are_listed(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="x"))
        await run.settle()
        cluster.deaf = True
        body = copy.deepcopy(cluster.objects[child("a")])
        labels = body["metadata"]["labels"]
        before, labels["app.kubernetes.io/managed-by"] = dict(labels), "me"
        cluster.put(body)
        cluster.deaf = False
        await run.controller.resync()
        await run.settle()
        assert cluster.objects[child("a")]["metadata"]["labels"] == before


async def test_a_resync_does_not_forget_what_was_made_anew_while_it_asked(cluster: MemoryCluster) -> None:
    get = cluster.get

    async def late(ref: ObjectRef) -> Mapping[str, Any] | None:
        answer = await get(ref)
        if ref == owner("a") and answer is None:
            cluster.put(thing("a", suspend=True))
            async with asyncio.timeout(2):
                while run.controller.cache.resources[Key("SLO", "shop", "a")].uid == old:
                    await asyncio.sleep(0)
        return answer

    async with Running(cluster) as run:
        old = cluster.put(thing("a", suspend=True))["metadata"]["uid"]
        await run.settle()
        cluster.deaf = True
        cluster.remove(owner("a"))
        cluster.deaf = False
        cluster.get = late
        await run.controller.resync()
        await run.settle()
        assert Key("SLO", "shop", "a") in run.controller.cache.resources
        assert run.condition("a", "Ready")["reason"] == "Suspended"


async def test_a_permission_that_is_missing_is_shown_and_retried(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        denied = TransientError("patch of configmaps in shop is not allowed", reason="PermissionDenied")
        cluster.fail["apply"] = [denied, denied]
        cluster.put(thing("a", text="x"))
        await run.settle()
        stalled = run.condition("a", "Stalled")
        assert stalled["reason"] == "PermissionDenied"
        lawful(cluster)
        cluster.fail.clear()
        async with asyncio.timeout(5):
            while run.condition("a", "Stalled"):
                await asyncio.sleep(0.01)
        assert run.condition("a", "Ready")["status"] == "True"


@pytest.mark.parametrize("verb", ["delete", "status", "delete of a resource that is gone"])
async def test_a_permission_is_told_in_status_or_where_that_cannot_say_so_by_an_event(
    cluster: MemoryCluster, verb: str
) -> None:
    denied = TransientError("the operator has no permission to do that", reason="PermissionDenied")
    denied.for_ever = True  # type: ignore[attr-defined]
    async with Running(cluster) as run:
        cluster.put(thing("a", text="hello", elsewhere="other"))
        await run.settle()
        cluster.fail[verb.split()[0]] = [denied]
        if verb == "status":
            cluster.put(thing("a", text="other", elsewhere="other"))
        elif verb == "delete":
            cluster.put(thing("a", empty=True))
        else:
            cluster.remove(owner("a"))
        await run.settle()
        assert (owner("a")[1:], "PermissionDenied") in [(tuple(key), reason) for key, reason in run.warnings.said]
        if verb == "delete":
            assert run.condition("a", "Stalled")["reason"] == "PermissionDenied"
        elif verb == "status":
            assert run.status("a")["observedGeneration"] == 1


async def test_what_passes_by_itself_is_not_shown_before_five_seconds(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.fail["apply"] = [TransientError("away"), TransientError("away"), SpecError("unused")][:2]
        cluster.put(thing("a", text="x"))
        async with asyncio.timeout(8):
            while "a" not in {ref.name for ref in cluster.objects if "status" in cluster.objects[ref]}:
                await asyncio.sleep(0.01)
        assert cluster.writes[-1] == Write("status", owner("a"))
        assert sum(write.verb == "status" for write in cluster.writes) == 1
        assert run.condition("a", "Ready")["status"] == "True"


async def test_a_standby_that_takes_over_keeps_the_last_good_share_that_its_predecessor_wrote(
    cluster: MemoryCluster,
) -> None:
    standby = Running(cluster)
    standby.guard.mine.clear()
    async with standby:
        async with Running(cluster) as leader:
            cluster.put(thing("early", share="1"))
            cluster.put(thing("late", share="1"))
            cluster.put(thing("leaves", share="1"))
            await leader.settle()
            cluster.put(thing("early", share="2"))
            cluster.put(thing("leaves", text="x"))
            await leader.settle()
            cluster.put(thing("early", invalid=True))
            cluster.put(thing("late", invalid=True))
            cluster.put(thing("leaves", invalid=True))
            await leader.settle()
        cluster.writes.clear()
        standby.guard.mine.set()
        await standby.settle()
        assert cluster.writes == []
        cluster.put(thing("new", share="3"))
        await standby.settle()
        assert cluster.objects[AGGREGATE]["data"] == {"SLO.shop.early": "2", "SLO.shop.late": "1", "SLO.shop.new": "3"}


async def test_a_standby_that_takes_over_gives_a_name_to_nobody_but_its_holder(cluster: MemoryCluster) -> None:
    standby = Running(cluster)
    standby.guard.mine.clear()
    async with Running(cluster) as leader:
        cluster.put(thing("a", text="1", claims="title"))
        await leader.settle()
        async with standby:
            cluster.put(thing("b", text="1", claims="title"))
            await leader.settle()
            cluster.writes.clear()
            leader.guard.mine.clear()
            standby.guard.mine.set()
            await standby.settle()
            assert cluster.writes == []


async def test_a_standby_knows_everything_and_writes_nothing(cluster: MemoryCluster) -> None:
    run = Running(cluster)
    run.guard.mine.clear()
    async with run:
        cluster.put(thing("a", text="x"))
        await asyncio.sleep(0.05)
        assert run.controller.ready
        assert cluster.writes == []
        run.guard.mine.set()
        await run.settle()
        assert run.condition("a", "Ready")["status"] == "True"
        run.guard.mine.clear()
        cluster.writes.clear()
        cluster.put(thing("a", text="y"))
        await asyncio.sleep(0.05)
        assert cluster.writes == []


async def test_a_replica_that_lost_the_lease_breaks_off_what_it_was_writing(cluster: MemoryCluster) -> None:
    begun, broken_off = asyncio.Event(), asyncio.Event()

    async def stuck(_body: Mapping[str, Any], *, new: bool) -> Mapping[str, Any]:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            broken_off.set()
        raise AssertionError

    cluster.apply = stuck
    cluster.put(thing("a", text="x"))
    run = Running(cluster)
    ending = asyncio.Event()
    async with asyncio.timeout(5):
        task = asyncio.create_task(run.controller.run(ending))
        await begun.wait()
        run.guard.mine.clear()
        ending.set()
        await task
    assert broken_off.is_set()


@pytest.mark.parametrize("finishes", [True, False])
async def test_what_is_not_done_in_time_at_the_end_is_broken_off_and_that_is_known(
    cluster: MemoryCluster, finishes: bool
) -> None:
    begun, answered, ending = asyncio.Event(), asyncio.Event(), asyncio.Event()
    apply = cluster.apply

    async def waiting(body: Mapping[str, Any], *, new: bool) -> Mapping[str, Any]:
        begun.set()
        await answered.wait()
        return await apply(body, new=new)

    cluster.apply = waiting  # type: ignore[method-assign]
    cluster.put(thing("a", text="x"))
    run = Running(cluster)
    run.controller.settings = replace(run.controller.settings, drain_period=60.0 if finishes else 0.01)
    async with asyncio.timeout(PATIENCE):
        task = asyncio.create_task(run.controller.run(ending))
        await begun.wait()
        ending.set()
        if finishes:
            answered.set()
        await task
    assert run.controller.broken_off is not finishes
    assert (child("a") in cluster.objects) is finishes


async def test_a_defect_beside_a_write_breaks_it_off_and_that_is_known(cluster: MemoryCluster) -> None:
    begun = asyncio.Event()

    async def waiting(_body: Mapping[str, Any], *, new: bool) -> Mapping[str, Any]:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    cluster.apply = waiting  # type: ignore[method-assign]
    cluster.put(thing("a", text="x"))
    run = Running(cluster)
    begin = run.controller.journal.begin

    def breaks(key: Any, now: Any) -> Any:
        if begun.is_set():
            raise RuntimeError("boom")
        return begin(key, now)

    run.controller.journal.begin = breaks  # type: ignore[method-assign]
    async with asyncio.timeout(PATIENCE):
        task = asyncio.create_task(run.controller.run(asyncio.Event()))
        await begun.wait()
        cluster.put(thing("b", text="x"))
        with pytest.raises(RuntimeError, match="boom"):
            await task
    assert run.controller.broken_off


async def test_live_and_the_figures_settle_in_one_write_and_stay_quiet(cluster: MemoryCluster) -> None:
    observer = ScriptedObserver()
    key = Key("SLO", "shop", "a")
    async with Running(cluster, observer=observer) as run:
        observer.answers[key] = Observed(Liveness.MISSING, "not there yet")
        cluster.put(thing("a", text="x"))
        await run.settle()
        assert run.condition("a", "Live")["reason"] == "NotLoadedYet"
        assert run.condition("a", "Ready")["status"] == "True"
        cluster.writes.clear()
        observer.answers[key] = Observed(Liveness.LOADED, settled=False)
        await asyncio.sleep(0.1)
        assert cluster.writes == []
        observer.answers[key] = Observed(Liveness.LOADED, facts={"sli": "99.95%", "budgetRemaining": "50%"})
        async with asyncio.timeout(2):
            while run.condition("a", "Live")["status"] != "True":
                await asyncio.sleep(0.01)
        assert run.status("a")["sli"] == "99.95%"
        await asyncio.sleep(0.1)
        assert cluster.writes == [Write("status", owner("a"))]
        # The backend goes away for a moment: nothing is said before it had its time.
        observer.answers[key] = Observed(Liveness.UNREACHABLE, "connection refused")
        await asyncio.sleep(0.1)
        assert len(cluster.writes) == 1
        # An edit carries Live and the figures over: one status.
        cluster.put(thing("a", text="y"))
        await run.settle()
        assert [write.verb for write in cluster.writes] == ["status", "apply", "status"]
        assert run.status("a")["sli"] == "99.95%"
    cluster.writes.clear()
    async with Running(cluster, observer=ScriptedObserver()) as run:
        await run.settle()
        assert cluster.writes == []
        assert run.status("a")["sli"] == "99.95%"


async def test_a_backend_that_stays_away_makes_live_unknown_and_nothing_else(cluster: MemoryCluster) -> None:
    observer = ScriptedObserver()
    key = Key("SLO", "shop", "a")
    observer.answers[key] = Observed(Liveness.LOADED, facts={"sli": "99.95%"})
    async with Running(cluster, observer=observer, reload_period="1s") as run:
        cluster.put(thing("a", text="x"))
        async with asyncio.timeout(2):
            while (run.condition("a", "Live") or {}).get("status") != "True":
                await asyncio.sleep(0.01)
        observer.answers[key] = Observed(Liveness.UNREACHABLE, "connection refused")
        async with asyncio.timeout(5):
            while run.condition("a", "Live")["status"] != "Unknown":
                await asyncio.sleep(0.01)
        assert run.condition("a", "Live")["reason"] == "BackendUnreachable"
        assert run.condition("a", "Ready")["status"] == "True"
        assert run.status("a")["sli"] == "99.95%"
        lawful(cluster)


async def test_a_backend_that_refuses_stalls_the_resource_after_two_reload_periods(cluster: MemoryCluster) -> None:
    observer = ScriptedObserver()
    key = Key("SLO", "shop", "a")
    observer.answers[key] = Observed(Liveness.UNHEALTHY, "rule x: many-to-many matching not allowed")
    async with Running(cluster, observer=observer, reload_period="1s") as run:
        cluster.put(thing("a", text="x"))
        await run.settle()
        assert run.condition("a", "Stalled") is None
        async with asyncio.timeout(5):
            while run.condition("a", "Stalled") is None:
                await asyncio.sleep(0.01)
        assert run.condition("a", "Stalled")["reason"] == "BackendRefused"
        assert run.condition("a", "Live")["status"] == "False"
        lawful(cluster)
        # A new version has its chance before it is judged.
        cluster.put(thing("a", text="better"))
        await run.settle()
        assert run.condition("a", "Stalled") is None
        lawful(cluster)


async def test_whether_metrics_are_there_is_told_with_live_and_never_touches_ready(cluster: MemoryCluster) -> None:
    observer = ScriptedObserver()
    key = Key("SLO", "shop", "a")
    observer.answers[key] = Observed(Liveness.MISSING, "not yet", metrics=MetricsSeen(False, "no series of x"))
    async with Running(cluster, observer=observer) as run:
        cluster.put(thing("a", text="x", metrics=["x"]))
        await run.settle()
        assert run.condition("a", "DataPresent")["reason"] == "NotCheckedYet"
        cluster.writes.clear()
        observer.answers[key] = Observed(Liveness.LOADED, metrics=MetricsSeen(False, "no series of x"))
        await until(lambda: run.condition("a", "DataPresent")["status"] == "False")
        assert run.condition("a", "Live")["status"] == "True"
        assert run.condition("a", "Ready")["status"] == "True"
        assert run.condition("a", "DataPresent")["message"] == "no series of x"
        assert cluster.writes == [Write("status", owner("a"))]
        # Nothing new is known of them: what was said stays, also across a restart and a spec that does not compile.
        observer.answers[key] = Observed(Liveness.LOADED)
        await asyncio.sleep(0.1)
        assert len(cluster.writes) == 1
    async with Running(cluster, observer=ScriptedObserver()) as run:
        await run.settle()
        assert len(cluster.writes) == 1
        cluster.put(thing("a", nothing=True))
        await run.settle()
        assert run.condition("a", "Stalled") is not None
        assert run.condition("a", "DataPresent")["status"] == "False"
        lawful(cluster)
        cluster.put(thing("a", text="x"))
        await run.settle()
        assert run.condition("a", "DataPresent") is None


async def test_a_backend_that_stays_away_makes_the_metrics_unknown_and_nothing_else(cluster: MemoryCluster) -> None:
    observer = ScriptedObserver()
    key = Key("SLO", "shop", "a")
    observer.answers[key] = Observed(Liveness.NOTHING, metrics=MetricsSeen(True, "there"))
    async with Running(cluster, observer=observer, reload_period="1s") as run:
        cluster.put(thing("a", declares=True, metrics=["x"]))
        await until(lambda: (run.condition("a", "DataPresent") or {}).get("status") == "True")
        assert run.condition("a", "Live") is None
        assert run.condition("a", "Ready")["status"] == "True"
        cluster.writes.clear()
        observer.answers[key] = Observed(Liveness.NOTHING, metrics=MetricsSeen(None, "connection refused"))
        await until(lambda: run.condition("a", "DataPresent")["status"] == "Unknown")
        assert run.condition("a", "Ready")["status"] == "True"
        assert cluster.writes == [Write("status", owner("a"))]
        lawful(cluster)


async def test_without_an_observer_metrics_are_not_looked_for(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="x", metrics=["x"]))
        cluster.put(thing("b", declares=True, metrics=["x"]))
        await run.settle()
        for name in ("a", "b"):
            assert run.condition(name, "DataPresent")["reason"] == "BackendNotConfigured"
        live = run.condition("a", "Live")
        assert (live["reason"], live["message"]) == ("BackendNotConfigured", "prometheus.url is not set.")
        assert run.condition("b", "Live") is None
        assert [write.verb for write in cluster.writes].count("status") == 2


async def test_of_a_backend_that_nobody_can_ask_it_is_not_said_that_its_address_is_missing(
    cluster: MemoryCluster,
) -> None:
    for _ in range(2):
        cluster.writes.clear()
        async with Running(cluster, observers={"alertmanager": ScriptedObserver()}) as run:
            cluster.put(thing("a", text="x", metrics=["x"]))
            await run.settle()
            for kind in ("Live", "DataPresent"):
                said = run.condition("a", kind)
                assert (said["status"], said["reason"]) == ("Unknown", "NotReadBack")
                assert "does not ask this backend yet" in said["message"]
            assert run.condition("a", "Ready")["status"] == "True"
    assert cluster.writes == []


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, for at most 10 s."""
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("seed", range(10))
async def test_killed_at_any_moment_the_next_run_comes_to_the_same_end(seed: int) -> None:
    rng = random.Random(seed)
    cluster, steady = MemoryCluster(), MemoryCluster()
    names = [f"t{number}" for number in range(6)]

    def edit(target: MemoryCluster, name: str, choice: int) -> None:
        match choice:
            case 0:
                target.put(thing(name, text=f"v{name}"))
            case 1:
                target.put(thing(name, share=f"s{name}"))
            case 2:
                target.put(thing(name, text=f"w{name}", elsewhere="grafana"))
            case 3 if owner(name) in target.objects:
                target.remove(owner(name))

    for _ in range(8):
        run = Running(cluster)
        task = asyncio.create_task(run.__aenter__())
        for _ in range(rng.randrange(1, 5)):
            name, choice = rng.choice(names), rng.randrange(4)
            edit(cluster, name, choice)
            edit(steady, name, choice)
            for _ in range(rng.randrange(30)):
                await asyncio.sleep(0)
        task.cancel()
        if run._task is not None:
            await run.kill()
    async with Running(cluster) as run:
        await run.settle()
    async with Running(steady) as run:
        await run.settle()
    assert contents(cluster) == contents(steady)


def contents(cluster: MemoryCluster) -> dict[ObjectRef, Any]:
    return {ref: body["data"] for ref, body in cluster.objects.items() if ref.kind == "ConfigMap" and body["data"]}


def test_the_clock_of_these_tests_is_the_loops() -> None:
    assert LoopClock().today().year == 2026


async def test_an_object_made_anew_by_somebody_else_behind_the_watch_is_not_touched(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="x"))
        await run.settle()
        cluster.deaf = True
        cluster.remove(child("a"))
        theirs = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "binnacle-slo-a", "namespace": "shop", "labels": {}},
            "data": {"mine": "1"},
        }
        cluster.put(theirs)
        cluster.deaf = False
        cluster.put(thing("a", text="y"))
        await run.settle()
        assert cluster.objects[child("a")]["data"] == {"mine": "1"}
        assert run.condition("a", "Stalled")["reason"] == "NameTaken"


async def test_a_suspended_resource_is_observed_after_a_restart(cluster: MemoryCluster) -> None:
    observer = ScriptedObserver()
    key = Key("SLO", "shop", "a")
    observer.answers[key] = Observed(Liveness.LOADED, facts={"sli": "99.95%"})
    async with Running(cluster, observer=observer) as run:
        cluster.put(thing("a", text="x"))
        await run.settle()
        cluster.put(thing("a", text="x", suspend=True))
        await run.settle()
    observer.answers[key] = Observed(Liveness.LOADED, facts={"sli": "99.90%"})
    async with Running(cluster, observer=observer) as run:
        async with asyncio.timeout(5):
            while run.status("a").get("sli") != "99.90%":
                await asyncio.sleep(0.01)
        assert run.condition("a", "Ready")["reason"] == "Suspended"


@pytest.mark.parametrize("spec", [{"invalid": True}, {"nothing": True}, {"text": "y", "suspend": True}])
@pytest.mark.parametrize("answer", [Liveness.UNREACHABLE, Liveness.LOADED])
async def test_after_a_restart_no_figures_are_shown_of_what_nobody_can_look_for(
    cluster: MemoryCluster, spec: dict[str, Any], answer: Liveness
) -> None:
    observer = ScriptedObserver()
    key = Key("SLO", "shop", "a")
    metrics = MetricsSeen(True, "there")
    observer.answers[key] = Observed(Liveness.LOADED, facts={"sli": "99.92%"}, metrics=metrics)
    async with Running(cluster, observer=observer) as run:
        cluster.put(thing("a", text="x", metrics=["m"]))
        await until(lambda: run.status("a").get("sli") == "99.92%")
        cluster.put(thing("a", **spec))
        await run.settle()
        # Here it is still known what to look for.
        assert run.status("a")["sli"] == "99.92%"
        assert run.condition("a", "Live")["status"] == "True"
    children = run.status("a")["children"]
    for writes in ([Write("status", owner("a"))], []):
        cluster.writes.clear()
        observer.answers[key] = Observed(answer, "connection refused")
        async with Running(cluster, observer=observer, reload_period="1s") as run:
            await run.settle()
            await asyncio.sleep(0.1)
            for kind in ("Live", "DataPresent"):
                said = run.condition("a", kind)
                assert (said["status"], said["reason"]) == ("Unknown", "NotObserved")
            assert "sli" not in run.status("a")
            assert run.status("a")["children"] == children
            assert cluster.writes == writes
    # Corrected it is observed again, as a new one is: what is applied and the first word of it, in two writes.
    observer.answers[key] = Observed(Liveness.LOADED, facts={"sli": "99.90%"}, metrics=metrics)
    async with Running(cluster, observer=observer) as run:
        cluster.writes.clear()
        cluster.put(thing("a", text="z", metrics=["m"]))
        await until(lambda: run.status("a").get("sli") == "99.90%")
        await run.settle()
        assert run.condition("a", "Live")["status"] == "True"
        assert run.condition("a", "DataPresent")["status"] == "True"
        assert [write.verb for write in cluster.writes].count("status") <= 2
        lawful(cluster)


async def test_a_message_longer_than_a_condition_holds_is_no_news_at_every_look(cluster: MemoryCluster) -> None:
    observer = ScriptedObserver()
    key = Key("SLO", "shop", "a")
    observer.answers[key] = Observed(Liveness.MISSING, "x" * 5000, metrics=MetricsSeen(False, "y" * 5000))
    async with Running(cluster, observer=observer, reload_period="1s") as run:
        cluster.put(thing("a", text="x", metrics=["m"]))
        await until(lambda: (run.condition("a", "Live") or {}).get("reason") == "BackendRefused")
        await until(lambda: (run.condition("a", "DataPresent") or {}).get("reason") == "MetricsMissing")
        await run.settle()
        assert len(run.condition("a", "Live")["message"]) == 1024
        resource = run.controller.cache.resources[key]
        assert not run.controller._says_something_new(key, resource)
