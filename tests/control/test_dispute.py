"""A generation that is told in two ways, for minutes: few writes meanwhile, and the truth at the end."""

import asyncio
import copy
import random
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from binnacle.control.dispute import ENOUGH, LAST_PAUSE
from binnacle.control.ports import Event, Present
from binnacle.intent.refs import Key, ObjectRef
from control.memory_world import MemoryCluster, Running, thing

KEY = Key("SLO", "shop", "a")
REF = ObjectRef("binnacle.dev/v1alpha1", *KEY)
LASTS = 300.0
"""Seconds for which the API servers do not agree."""


class Divided(MemoryCluster):
    """API servers of which some do not know the field `bad_item`; watches are faster than answers."""

    def __init__(self) -> None:
        super().__init__()
        self.behind: Callable[[str], bool] = lambda _who: False
        """Says whether who tells something (`watch` or `answer`) is one that is behind."""

    def _seen(self, who: str, body: Mapping[str, Any]) -> dict[str, Any]:
        seen = copy.deepcopy(dict(body))
        if seen["kind"] == "SLO" and self.behind(who):
            seen["spec"].pop("bad_item", None)
        return seen

    async def events(self) -> AsyncIterator[Event]:
        async for event in super().events():
            yield Present(self._seen("watch", event.body)) if isinstance(event, Present) else event

    async def get(self, ref: ObjectRef) -> Mapping[str, Any] | None:
        body = await super().get(ref)
        return None if body is None else self._seen("answer", body)

    async def write_status(self, key: Key, uid: str, status: Mapping[str, Any]) -> Mapping[str, Any] | None:
        body = await super().write_status(key, uid, status)
        await asyncio.sleep(0.05)
        return None if body is None else self._seen("answer", body)

    def told_again(self) -> None:
        """A list, as the API server's watches begin with after it has taken the schema in."""
        self.tell(self.objects[REF])

    def statuses(self) -> int:
        return sum(write.verb == "status" for write in self.writes)


def reason(cluster: MemoryCluster, kind: str = "Accepted") -> str:
    conditions = cluster.objects[REF]["status"]["conditions"]
    return next(str(one["reason"]) for one in conditions if one["type"] == kind)


def some() -> Callable[[str], bool]:
    rng = random.Random(1)
    return lambda _who: rng.random() < 0.5


WHO: dict[str, Callable[[], Callable[[str], bool]]] = {
    "watches": lambda: lambda who: who == "watch",
    "answers": lambda: lambda who: who == "answer",
    "some of all": some,
}


COURSES = [("watches", True), ("answers", True), ("some of all", True), ("watches", False), ("answers", False)]
"""Who is behind, and whether the watch tells of everything once more when nobody is; where all have told both, it must."""


@pytest.mark.parametrize(("who", "again"), COURSES)
async def test_a_disagreement_that_lasts_costs_few_writes_and_ends_with_the_truth(who: str, again: bool) -> None:
    cluster = Divided()
    async with Running(cluster) as run:
        cluster.put(thing("a", text="old"))
        await run.settle()
        cluster.behind = WHO[who]()
        cluster.writes.clear()
        cluster.put(thing("a", text="new", bad_item=True))
        for seconds, asked in ((10.0, 3), (LASTS - 10.0, 9)):
            await asyncio.sleep(seconds)
            # One for the edit, and one for each time of asking; two where that came to what was said before.
            assert 1 <= cluster.statuses() <= 1 + asked, seconds
        # Others' changes of the status tell of it once more; each costs what it costs in peace.
        before = cluster.statuses()
        for number in range(5):
            cluster.put({**cluster.objects[REF], "status": {"observedGeneration": number}})
            await asyncio.sleep(0.1)
        assert cluster.statuses() - before <= 5 + 1
        cluster.behind = lambda _who: False
        if again:
            cluster.told_again()
        await asyncio.sleep(LAST_PAUSE + 1)
        assert reason(cluster) == "ItemsQuarantined"
        cluster.writes.clear()
        await asyncio.sleep(3 * LAST_PAUSE)
        assert cluster.writes == []
        told = run.controller.account(KEY)
        assert "told in two ways" not in told or not again
        # A new generation is nothing to argue about.
        cluster.put(thing("a", text="newer"))
        await run.settle()
        assert reason(cluster) == "Compiled"
        assert "told in two ways" not in run.controller.account(KEY)


async def test_an_answer_that_stays_the_same_is_enough_in_the_end() -> None:
    cluster = Divided()
    async with Running(cluster) as run:
        cluster.behind = lambda who: who == "watch"
        cluster.put(thing("a", text="new"))
        await run.settle()
        cluster.put(thing("a", text="new", bad_item=True))
        await asyncio.sleep(LASTS)
        assert "told in two ways" in run.controller.account(KEY)
        await asyncio.sleep(ENOUGH * LAST_PAUSE)
        assert "told in two ways" not in run.controller.account(KEY)
        assert run.controller.queue.delayed == 0
        # It is heard of again when the watch has a reason to speak.
        poked = cluster.objects[REF]
        cluster.put({**poked, "metadata": {**poked["metadata"], "labels": {"a": "b"}}})
        await run.settle()
        assert "told in two ways" in run.controller.account(KEY)


async def test_a_list_that_tells_the_known_version_with_more_is_looked_into() -> None:
    """A default of a new schema, say: no version and no generation tells of it."""

    cluster = Divided()
    async with Running(cluster) as run:
        cluster.put(thing("a", text="old"))
        await run.settle()
        cluster.objects[REF]["spec"]["bad_item"] = True
        cluster.told_again()
        await asyncio.sleep(2.0)
        assert reason(cluster) == "ItemsQuarantined"
        cluster.told_again()
        assert "told in two ways" not in run.controller.account(KEY)


async def test_who_reads_a_resource_in_dispute_is_compiled_again_when_it_is_settled() -> None:
    cluster = Divided()
    async with Running(cluster) as run:
        cluster.put(thing("a", text="old"))
        cluster.put(thing("reader", reads="a"))
        await run.settle()
        cluster.objects[REF]["spec"]["text"] = "new"
        cluster.told_again()
        await asyncio.sleep(2.0)
        child = ObjectRef("v1", "ConfigMap", "shop", "binnacle-slo-reader")
        assert cluster.objects[child]["data"] == {"text": " sees new"}
