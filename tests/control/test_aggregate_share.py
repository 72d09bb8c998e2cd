"""A namespace's share of files that are spread over many objects: what is beyond it is left out and told, and nobody else notices."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binnacle.api.config import Config
from binnacle.control.aggregates import Aggregates
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets.base import AggregateKey, Share
from binnacle.targets.datakeys import LIMIT
from binnacle.targets.fluentd.target import Fluentd
from control.memory_world import MemoryCluster, Running, ThingTarget, thing

AGGREGATE = AggregateKey("fluentd", "monitoring")


def aggregates(objects: int) -> Aggregates:
    return Aggregates([Fluentd()], Config.from_data({"tenancy": {"sharedObjects": objects}}))


def put(of: Aggregates, owner: Key, size: int) -> None:
    of.put(Share(AGGREGATE, owner, "x" * (size - len(Fluentd.keys.name(owner))), "pipeline files"))


def written(of: Aggregates) -> dict[Key, tuple[int, int]]:
    """Write the objects; owner -> the object that holds its file, and the bytes of it there."""
    _, snapshot = of.plan(AGGREGATE)
    of.written(AGGREGATE, snapshot)
    state = of.get(AGGREGATE)
    assert state is not None
    assert snapshot.keys() == state.placed.keys()
    return {
        key: (state.placed[key], Fluentd.keys.size(key, zlib.decompress(text).decode()))
        for key, text in snapshot.items()
    }


def beyond(of: Aggregates) -> frozenset[Key]:
    state = of.get(AGGREGATE)
    assert state is not None
    assert state.beyond <= state.refused
    return state.beyond


def pipelines(namespace: str, count: int) -> list[Key]:
    return [Key("LogPipeline", namespace, f"p{number:04}") for number in range(count)]


def test_a_thousand_large_pipelines_of_one_namespace_leave_others_where_they_are() -> None:
    of = Aggregates([Fluentd()], Config.from_data({}))
    neighbours = [key for name in "abyz" for key in pipelines(name, 5)]
    for owner in neighbours:
        put(of, owner, 48_000)
    before = written(of)
    greedy = pipelines("greedy", 1000)
    for owner in greedy:
        put(of, owner, 48_000)
    after = written(of)
    assert {key: after[key] for key in neighbours} == before
    taken = [key for key in greedy if key in after]
    assert sum(after[key][1] for key in taken) <= 16 * LIMIT < sum(after[key][1] for key in taken) + 48_000
    assert beyond(of) == set(greedy) - set(taken)
    assert not any(of.settled(key) for key in beyond(of))
    assert all(of.settled(key) for key in (*neighbours, *taken))
    # At 18 files an object these are as few as they can be.
    assert len({shard for shard, _ in after.values()}) == -(-(len(taken) + len(neighbours)) // 18)
    # Who leaves makes room, and others come in as ever.
    of.drop(taken[0])
    put(of, Key("LogPipeline", "late", "p"), 48_000)
    last = written(of)
    assert Key("LogPipeline", "late", "p") in last
    assert len([key for key in greedy if key in last]) == len(taken)


def test_a_bound_that_is_lowered_takes_nothing_away_and_lets_nothing_grow() -> None:
    of = aggregates(4)
    mine = pipelines("shop", 8)
    for owner in mine:
        put(of, owner, 400_000)
    before = written(of)
    assert beyond(of) == frozenset()
    lower = aggregates(2)
    state = of.get(AGGREGATE)
    assert state is not None
    for part in of.plan(AGGREGATE)[0]:
        lower.inherit(AGGREGATE, part.output().body)
    for owner in mine:
        put(lower, owner, 400_000)
    assert written(lower) == before
    put(lower, mine[3], 410_000)
    assert written(lower)[mine[3]] == before[mine[3]], "the last good version stays"
    assert beyond(lower) == {mine[3]}
    put(lower, mine[3], 100_000)
    assert written(lower)[mine[3]][1] == 100_000, "what shrinks is taken"
    assert beyond(lower) == frozenset()


OBJECTS = 2
KEYS = [Key("LogPipeline", namespace, f"p{number}") for namespace in "ab" for number in range(12)]
SIZES = st.sampled_from([0, 500, 300_000, 450_000, 880_000])


@settings(deadline=None, max_examples=100)
@given(course=st.lists(st.lists(st.tuples(st.sampled_from(KEYS), SIZES), min_size=1, max_size=6), max_size=25))
def test_a_namespace_has_its_share_and_no_more_objects_than_that_may_take(
    course: list[list[tuple[Key, int]]],
) -> None:
    of = aggregates(OBJECTS)
    put(of, Key("LogPipeline", "z", "z"), 500)
    wanted: dict[Key, int] = {Key("LogPipeline", "z", "z"): 500}
    live = written(of)
    first = dict(live)
    for changes in course:
        for key, size in changes:
            if size:
                put(of, key, size)
                wanted[key] = size
            else:
                of.drop(key)
                wanted.pop(key, None)
        before, live = live, written(of)
        assert live.keys() >= before.keys() & wanted.keys(), "what is in stays in"
        assert first.items() <= live.items(), "and a neighbour where it is"
        for key, (_, size) in live.items():
            assert size in (wanted[key], before.get(key, (0, 0))[1])
        assert beyond(of) == {key for key in wanted if live.get(key, (0, 0))[1] != wanted[key]}
        for namespace in "ab":
            mine = {key: place for key, place in live.items() if key.namespace == namespace}
            assert sum(size for _, size in mine.values()) <= OBJECTS * LIMIT
            # Twice its share, where all are half full, and as much again of small files that stayed where they were.
            assert len({shard for shard, _ in mine.values()}) <= 4 * OBJECTS + 1
            for key in (key for key in beyond(of) if key.namespace == namespace):
                more = wanted[key] - live.get(key, (0, 0))[1]
                assert sum(size for _, size in mine.values()) + more > OBJECTS * LIMIT


def test_files_that_grow_and_shrink_by_turns_make_no_objects_without_end() -> None:
    of = aggregates(OBJECTS)
    put(of, Key("LogPipeline", "z", "z"), 500)
    for number, owner in enumerate(pipelines("shop", 60)):
        put(of, owner, 870_000)
        assert owner in written(of), number
        put(of, owner, 500)
        shards = {shard for shard, _ in written(of).values()}
        assert len(shards) <= 4 * OBJECTS + 1


class Narrow(ThingTarget):
    def of_one(self, config: Config) -> int | None:
        return 100


@pytest.mark.parametrize("late", [False, True], ids=["from the start", "after a while"])
async def test_who_is_beyond_the_share_is_told_and_its_neighbours_are_left_alone(
    late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ThingTarget, "of_one", Narrow.of_one)
    cluster = MemoryCluster()
    async with Running(cluster) as run:
        for name in ("one", "two"):
            cluster.put(thing(name, namespace="other", share="x" * 40))
        cluster.put(thing("p0", share="x" * 48))
        cluster.put(thing("p1", share="x" * 48))
        if late:
            await run.settle()
            cluster.writes.clear()
        for number in (2, 3):
            cluster.put(thing(f"p{number}", share="x" * 48))
        await run.settle()
        for name in ("p2", "p3"):
            stalled = run.condition(name, "Stalled")
            assert stalled is not None
            assert stalled["reason"] == "OutputTooLarge"
            assert "Namespace shop has all that one may have of things@monitoring" in stalled["message"]
            assert "100 bytes, as tenancy.sharedObjects of the administrator's configuration says" in stalled["message"]
            assert (run.condition(name, "Ready") or {})["status"] == "False"
        for name, namespace in (("one", "other"), ("two", "other"), ("p0", "shop"), ("p1", "shop")):
            assert (run.condition(name, "Ready", namespace) or {})["status"] == "True"
        assert sum(write.ref.namespace == "other" for write in cluster.writes) == (0 if late else 2)
        live = cluster.objects[ObjectRef("v1", "ConfigMap", "monitoring", "binnacle-default-things")]["data"]
        assert sorted(live) == ["SLO.other.one", "SLO.other.two", "SLO.shop.p0", "SLO.shop.p1"]
        # Room that somebody makes is taken, and told.
        cluster.remove(ObjectRef("binnacle.dev/v1alpha1", "SLO", "shop", "p0"))
        await run.settle()
        ready = [name for name in ("p1", "p2", "p3") if (run.condition(name, "Ready") or {})["status"] == "True"]
        assert ready == ["p1", "p2"]
