"""The dashboards of all SLOs: there while there is any SLO, written once, and no SLO changes a byte of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from api.slo_cases import good_slo
from binnacle.api.config import Config
from binnacle.control.onepass import Earlier, run
from binnacle.control.toolchain import shipped
from binnacle.errors import TransientError
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets.base import Standing
from control.memory_world import MemoryCluster, Running, Write, thing

TODAY = date(2026, 1, 1)
TOOLS = shipped(Config.from_data({"grafana": {"url": "https://grafana.example"}}))
BOARDS = {one.ref for one in TOOLS.standing[0].outputs}
NONE = [replace(TOOLS.standing[0], outputs=(), files=())]
DETAIL = ObjectRef("v1", "ConfigMap", "monitoring", "binnacle-default-slo-detail")


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster()


def running(cluster: MemoryCluster, standing: Sequence[Standing] = TOOLS.standing) -> Running:
    return Running(cluster, standing=standing)


def owner(name: str) -> ObjectRef:
    return ObjectRef("binnacle.dev/v1alpha1", "SLO", "shop", name)


def written(cluster: MemoryCluster) -> list[Write]:
    return [write for write in cluster.writes if write.ref in BOARDS]


async def test_they_come_with_the_first_and_go_with_the_last_and_nobody_else_costs_a_write(
    cluster: MemoryCluster,
) -> None:
    async with running(cluster) as run_:
        cluster.put(thing("tried", text="x", mode="DryRun"))
        await run_.settle()
        assert not BOARDS & cluster.objects.keys()
        for number in range(5):
            cluster.put(thing(f"t{number}", text="x"))
        cluster.put(thing("broken", nothing=True))
        await run_.settle()
        assert sorted(written(cluster)) == sorted(Write("apply", ref) for ref in BOARDS)
        # Nobody waits for them, and they are nobody's children.
        assert all(child["namespace"] == "shop" for child in run_.status("t0")["children"])
        cluster.writes.clear()
        cluster.put(thing("more", text="x"))
        for name in ("t0", "t1", "t2", "t3", "t4", "more"):
            cluster.remove(owner(name))
        await run_.settle()
        assert written(cluster) == []
    cluster.writes.clear()
    # What is broken, or only tried, takes nothing away: also at a restart.
    async with running(cluster) as run_:
        await run_.settle()
        assert cluster.writes == []
        cluster.remove(owner("broken"))
        await run_.settle()
        assert cluster.objects.keys() >= BOARDS
        cluster.remove(owner("tried"))
        await run_.settle()
        assert not BOARDS & cluster.objects.keys()


async def test_they_are_put_back_and_go_when_the_administrator_wants_none(cluster: MemoryCluster) -> None:
    async with running(cluster) as run_:
        cluster.put(thing("a", text="x"))
        await run_.settle()
        wanted = cluster.objects[DETAIL]["data"]
        edited = {**cluster.objects[DETAIL], "data": {"other": "{}"}}
        cluster.put(edited)
        await run_.settle()
        assert cluster.objects[DETAIL]["data"] == wanted
        cluster.remove(DETAIL)
        await run_.settle()
        assert cluster.objects[DETAIL]["data"] == wanted
    async with running(cluster, NONE) as run_:
        await run_.settle()
        assert not BOARDS & cluster.objects.keys()


async def test_why_they_cannot_be_written_is_shown(cluster: MemoryCluster) -> None:
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": DETAIL.name, "namespace": "monitoring"}}
    cluster.put({**theirs, "data": {"mine": "1"}})
    async with running(cluster) as run_:
        cluster.put(thing("a", text="x"))
        await run_.settle()
        assert cluster.objects[DETAIL]["data"] == {"mine": "1"}
        stalled = run_.condition("a", "Stalled")
        assert stalled is not None
        assert (stalled["reason"], DETAIL.name in stalled["message"]) == ("NameTaken", True)
        cluster.remove(DETAIL)
        async with asyncio.timeout(10):
            while run_.condition("a", "Stalled"):
                await asyncio.sleep(0.01)
        assert cluster.objects.keys() >= BOARDS


async def test_what_passes_by_itself_is_nobodys_trouble(cluster: MemoryCluster) -> None:
    async with running(cluster) as run_:
        cluster.put(thing("a"))
        await run_.settle(aggregates=False)
        cluster.writes.clear()
        cluster.fail["apply"] = [TransientError("away"), TransientError("away")]
        async with asyncio.timeout(10):
            while not cluster.objects.keys() >= BOARDS:
                await asyncio.sleep(0.01)
        assert [write for write in cluster.writes if write.verb == "status"] == []


def slo(name: str, **spec: Any) -> dict[str, Any]:
    body = good_slo(name)
    body["spec"].update(spec)
    return body


def board_files(*bodies: dict[str, Any], earlier: Earlier | None = None) -> dict[str, str]:
    outcome = run(TOOLS, bodies, TODAY, files=True, earlier=earlier)
    return {file.path: file.text for file in outcome.files if "/slos/" in file.path}


def test_files_are_the_same_for_one_and_for_many() -> None:
    one = board_files(slo("a"))
    assert sorted(one) == [
        f"grafana/dashboards/slos/binnacle-default-{name}.json" for name in ("slo-detail", "slo-overview")
    ]
    assert board_files(slo("a"), slo("b"), slo("c", indicator={"ratio": {"errors": "(", "total": "x"}})) == one
    assert board_files() == board_files(slo("a", mode="DryRun")) == {}
    # What is there stays for one that is only tried, or cannot be read, and where nobody knows who else there is.
    kept = Earlier(files=one)
    assert board_files(slo("a", mode="DryRun"), earlier=kept) == one
    assert board_files(earlier=replace(kept, unread=frozenset({Key("SLO", "shop", "a")}))) == one
    assert board_files(earlier=replace(kept, all_wanted=True)) == one
    assert board_files(earlier=kept) == {}


def test_objects_are_in_grafanas_namespace_and_carry_what_the_sidecar_and_the_owner_look_for() -> None:
    outcome = run(TOOLS, [slo("a")], TODAY)
    boards = [one for one in outcome.objects if one.ref in BOARDS]
    assert len(boards) == 2
    for one in boards:
        metadata = one.body["metadata"]
        assert metadata["labels"] == {
            "app.kubernetes.io/managed-by": "binnacle",
            "binnacle.dev/instance": "default",
            "binnacle.dev/aggregate": "slo-boards",
            "grafana_dashboard": "1",
        }
        assert metadata["annotations"]["k8s-sidecar-target-directory"] == "SLOs"
        assert list(one.body["data"]) == [f"{one.ref.name}.json"]
    there = Earlier(objects=[one.body for one in boards])
    assert [one for one in run(TOOLS, [], TODAY, earlier=there).objects if one.ref in BOARDS] == []
    tried = run(TOOLS, [slo("a", mode="DryRun")], TODAY, earlier=there)
    assert {one.ref for one in tried.objects} == BOARDS
