"""All objects of a file that many share, from scratch: what is made step by step is compared with it."""

from __future__ import annotations

from collections.abc import Mapping

from binnacle.api.config import Config
from binnacle.intent.refs import Key
from binnacle.targets.base import AggregateKey, Output, Target, shards_of


def assemble(
    target: Target, aggregate: AggregateKey, shares: Mapping[Key, str], placed: Mapping[Key, int], config: Config
) -> tuple[tuple[Output, ...], Mapping[Key, int]]:
    """Build all objects of an aggregate from scratch.

    Args:
        target: whose aggregate.
        aggregate: which.
        shares: everybody's fragment, in the order in which they find room.
        placed: in which shard each is now.
        config: the administrator's.

    Returns:
        The objects, one for each shard, and the new placement.

    Raises:
        SpecError: `OutputTooLarge`, as `Target.place`.
    """
    now = target.place({owner: target.size(owner, text) for owner, text in shares.items()}, placed, config)
    outputs = (
        target.spell(aggregate, shard, {owner: shares[owner] for owner in owners}, config)
        for shard, owners in shards_of(target, now).items()
    )
    return tuple(outputs), now
