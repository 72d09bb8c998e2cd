"""A file of all that is full: what is in stays in, a newcomer waits outside and is told, and comes in when there is room."""

from __future__ import annotations

from binnacle.api.config import Config
from binnacle.control.aggregates import Aggregates
from binnacle.intent.refs import Key
from binnacle.targets import alertmanager_text
from binnacle.targets.alertmanager import Alertmanager
from binnacle.targets.base import AggregateKey, Share

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
    aggregates.put(share(TWO, 400_000))
    aggregates.put(share(THREE, 400_000))
    assert owners(aggregates) == {TWO, THREE}
    aggregates.put(share(ONE, 400_000))
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
        aggregates.put(share(owner, 400_000))
    assert owners(aggregates) == {ONE, TWO}
    before = aggregates.assemble(AGGREGATE)[0]
    aggregates.put(share(TWO, 600_000))
    assert aggregates.assemble(AGGREGATE)[0] == before
    assert not aggregates.settled(TWO)
