"""A file of all that is full: what is in stays in, a newcomer waits outside and is told, and comes in when there is room."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from binnacle.api.config import Config
from binnacle.control.aggregates import Aggregates
from binnacle.intent.refs import Key
from binnacle.targets import alertmanager_text
from binnacle.targets.alertmanager import Alertmanager
from binnacle.targets.base import AggregateKey, Output, Share
from binnacle.targets.onefile import LIMIT, OneFile

AGGREGATE = AggregateKey("alertmanager", "monitoring")
ONE, TWO, THREE = (Key("AlertPolicy", "shop", name) for name in ("one", "two", "three"))


def share(owner: Key, size: int) -> Share:
    text = alertmanager_text.fragment({"receivers": [{"name": f"shop/{owner.name}/{'x' * size}"}]})
    return Share(AGGREGATE, owner, text, "routing")


def owners(aggregates: Aggregates) -> set[Key]:
    outputs, snapshot = aggregates.assemble(AGGREGATE)
    aggregates.written(AGGREGATE, snapshot)
    return set(Alertmanager().split(outputs[0].body))


def test_who_is_in_stays_in_and_a_newcomer_comes_in_when_there_is_room() -> None:
    aggregates = Aggregates([Alertmanager()], Config.from_data({}))
    # The newcomer would be first by name.
    aggregates.put(share(TWO, 250_000))
    aggregates.put(share(THREE, 250_000))
    assert owners(aggregates) == {TWO, THREE}
    aggregates.put(share(ONE, 250_000))
    assert owners(aggregates) == {TWO, THREE}
    state = aggregates.get(AGGREGATE)
    assert state is not None
    assert state.refused == {ONE}
    assert not aggregates.settled(ONE)
    assert aggregates.settled(TWO)
    aggregates.drop(TWO)
    assert owners(aggregates) == {ONE, THREE}
    assert state.refused == frozenset()
    assert aggregates.settled(ONE)


def test_a_share_that_grows_too_large_keeps_its_last_version() -> None:
    aggregates = Aggregates([Alertmanager()], Config.from_data({}))
    for owner in (ONE, TWO):
        aggregates.put(share(owner, 250_000))
    assert owners(aggregates) == {ONE, TWO}
    before = aggregates.assemble(AGGREGATE)[0]
    aggregates.put(share(TWO, 400_000))
    assert aggregates.assemble(AGGREGATE)[0] == before
    assert not aggregates.settled(TWO)


FILE = OneFile("alertmanager", "routing", "alertmanager.yaml")
TAKEN = 20_000
ROOM = LIMIT - TAKEN
POLICIES = st.builds(Key, st.just("AlertPolicy"), st.sampled_from("abcde"), st.sampled_from("pqrs"))
SIZES = st.one_of(st.just(0), st.integers(1, 10).map(lambda number: number * ROOM // 30))
COURSES = st.lists(st.lists(st.tuples(POLICIES, SIZES), min_size=1, max_size=3), max_size=30)


class Numbers(Alertmanager):
    """The file of a target whose shares say themselves how large they are."""

    def size(self, owner: Key, fragment: str) -> int:
        return int(fragment)

    def place(self, sizes: Mapping[Key, int], placed: Mapping[Key, int], config: Config) -> Mapping[Key, int]:
        return FILE.fitting(sizes, TAKEN)

    def spell(self, aggregate: AggregateKey, shard: int, shares: Mapping[Key, str], config: Config) -> Output:
        raise NotImplementedError


@settings(deadline=None, max_examples=300)
@given(course=COURSES)
def test_no_namespace_keeps_others_out_and_nobody_who_is_in_goes_when_others_come(
    course: list[list[tuple[Key, int]]],
) -> None:
    """Between two writes of the file some policies get a share of so many bytes, or lose theirs."""
    aggregates = Aggregates([Numbers()], Config.from_data({}))
    aggregates.put(Share(AGGREGATE, Key("AlertPolicy", "z", "z"), "1", "routing"))
    aggregates.drop(Key("AlertPolicy", "z", "z"))
    wanted: dict[Key, int] = {}
    live: dict[Key, int] = {}
    for changes in course:
        for key, size in changes:
            if size:
                aggregates.put(Share(AGGREGATE, key, str(size), "routing"))
                wanted[key] = size
            else:
                aggregates.drop(key)
                wanted.pop(key, None)
        _, snapshot = aggregates.plan(AGGREGATE)
        aggregates.written(AGGREGATE, snapshot)
        before, live = live, {key: int(zlib.decompress(packed)) for key, packed in snapshot.items()}
        assert live.keys() >= before.keys() & wanted.keys(), "who is in stays in"
        assert all(size in (wanted[key], before.get(key)) for key, size in live.items())
        state = aggregates.get(AGGREGATE)
        assert state is not None
        assert state.refused == {key for key in wanted if live.get(key) != wanted[key]}
        assert sum(live.values()) <= ROOM
        for namespace in "abcde":
            assert sum(size for key, size in live.items() if key.namespace == namespace) <= ROOM * 5 / 8
        for key in state.refused - live.keys():
            mine = sum(size for one, size in wanted.items() if one.namespace == key.namespace)
            # Who asks for little is refused only when the file is full.
            assert mine > ROOM // 8 or sum(live.values()) + wanted[key] > ROOM


def test_one_namespace_that_asks_for_everything_leaves_room_for_others() -> None:
    aggregates = Aggregates([Alertmanager()], Config.from_data({}))
    greedy = [Key("AlertPolicy", "greedy", f"p{number:02}") for number in range(20)]
    for owner in greedy:
        aggregates.put(share(owner, 50_000))
    taken = owners(aggregates)
    assert 10 <= len(taken) <= 11
    other = Key("AlertPolicy", "zz-other", "small")
    aggregates.put(share(other, 50_000))
    assert owners(aggregates) == taken | {other}
    state = aggregates.get(AGGREGATE)
    assert state is not None
    assert state.refused == set(greedy) - taken
    # And back: what others have takes nothing away from who is in, and who leaves makes room again.
    aggregates.drop(greedy[0])
    assert owners(aggregates) == (taken - {greedy[0]}) | {other, min(set(greedy) - taken)}
