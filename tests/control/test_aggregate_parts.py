"""An aggregate is spelled object by object, and comes to what spelling all of it anew comes to."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from binnacle.api.config import Config
from binnacle.control.aggregates import Aggregates
from binnacle.intent.refs import Key
from binnacle.targets.alertmanager import Alertmanager
from binnacle.targets.base import AggregateKey, Output, Share, Target
from binnacle.targets.fluentd.target import Fluentd
from binnacle.targets.prometheus_rules import PrometheusRules
from control.memory_world import MemoryCluster, Running, ThingTarget, thing
from control.test_controller import AGGREGATE
from targets.assembling import assemble

CONFIG = Config.from_data({})
KEYS = st.builds(Key, st.sampled_from(["LogPipeline", "AlertPolicy"]), st.sampled_from("ab"), st.sampled_from("xyz"))
TEXTS = st.tuples(st.sampled_from("-+"), st.sampled_from([1, 400_000, 500_000])).map(lambda one: one[0] * one[1])
STEPS = st.lists(st.lists(st.tuples(KEYS, st.one_of(st.none(), TEXTS)), max_size=3), max_size=12)
FILES: list[Target] = [Fluentd(), PrometheusRules(), Alertmanager()]


@settings(deadline=None, max_examples=60)
@given(target=st.sampled_from(FILES), steps=STEPS, written=st.data())
def test_what_changes_step_by_step_comes_to_what_is_assembled_from_scratch(
    target: Target, steps: list[list[tuple[Key, str | None]]], written: st.DataObject
) -> None:
    """Between two assemblies some get a text or lose theirs; not every assembly gets as far as being written."""
    key = AggregateKey(target.name, "monitoring")
    aggregates = Aggregates([target], CONFIG)
    aggregates.put(Share(key, Key("AlertPolicy", "a", "first"), "first", ""))
    state = aggregates.get(key)
    assert state is not None
    spelled: dict[Any, Output] = {}
    for step in steps:
        for owner, text in step:
            if text is None:
                aggregates.drop(owner)
            else:
                aggregates.put(Share(key, owner, text, ""))
        placed = dict(state.placed)
        parts, snapshot = aggregates.plan(key)
        for part in parts:
            # The fingerprint says that this very object was looked at before.
            if part.fingerprint is None:
                spelled[part.ref] = part.output()
                part.fingerprint = b"seen"
        live = state.applied
        # What is live finds room before new versions of it, and these before newcomers.
        turns = sorted(snapshot, key=lambda owner: (snapshot[owner] != live.get(owner), owner not in live, owner))
        texts = {owner: zlib.decompress(snapshot[owner]).decode() for owner in turns}
        whole, now = assemble(target, key, texts, placed, CONFIG)
        assert [spelled[part.ref] for part in parts] == list(whole)
        assert state.placed == now
        if written.draw(st.booleans()):
            aggregates.written(key, snapshot)


def test_of_many_objects_only_the_one_is_spelled_whose_share_has_changed() -> None:
    key = AggregateKey("fluentd", "monitoring")
    aggregates = Aggregates([Fluentd()], CONFIG)
    owners = [Key("LogPipeline", "shop", f"p{number}") for number in range(6)]
    for owner in owners:
        aggregates.put(Share(key, owner, "-" * 600_000, ""))
    first, snapshot = aggregates.plan(key)
    assert len(first) == 6
    aggregates.written(key, snapshot)
    aggregates.put(Share(key, owners[3], "+" * 600_000, ""))
    second, _ = aggregates.plan(key)
    assert [before is after for before, after in zip(first, second, strict=True)] == [True] * 3 + [False] + [True] * 2


class Counted(ThingTarget):
    """Counts how often its file is spelled."""

    def __init__(self) -> None:
        self.spelled: Counter[str] = Counter()

    def spell(self, aggregate: AggregateKey, shard: int, shares: Mapping[Key, str], config: Config) -> Output:
        self.spelled[aggregate.target] += 1
        return super().spell(aggregate, shard, shares, config)


async def test_a_file_that_is_as_it_should_be_is_not_spelled_again_and_one_changed_by_hand_is() -> None:
    cluster = MemoryCluster()
    cluster.put(thing("a", share="one"))
    async with Running(cluster) as run:
        await run.settle()
        counted = Counted()
        state = run.controller.aggregates.get(AggregateKey("things", "monitoring"))
        assert state is not None
        for part in state.parts.values():
            part.spell = lambda texts: counted.spell(
                AggregateKey("things", "monitoring"), 0, texts, run.controller.tools.config
            )
        await run.controller.resync()
        await run.settle()
        assert counted.spelled["things"] == 0
        body = cluster.objects[AGGREGATE]
        cluster.put({**body, "data": {}})
        await run.settle()
        assert counted.spelled["things"] == 1
        assert cluster.objects[AGGREGATE]["data"] == body["data"]
