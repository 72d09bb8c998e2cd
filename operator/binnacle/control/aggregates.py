"""Aggregates: objects that many resources fill, assembled from everybody's share.

All current shares are held in memory as compressed text. After a restart the shares of resources that do not compile
any more are taken from the live objects (`split`), so the last good version of a resource survives both its own
defects and ours. An aggregate is assembled only once every watch has synced: before that, a share that is not there
yet cannot be told from one that is gone.

An object is spelled only when what it holds has changed, or the live one: an edit does not cost more because others share more.
"""

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from binnacle.api.config import Config
from binnacle.control.status import Problem
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets.base import AggregateKey, File, Output, Share, Target, shards_of

Snapshot = Mapping[Key, bytes]

_TRIALS = 5
"""Assemblies of a file that is full until only newcomers are left out, or also everybody's new version."""


@dataclass(slots=True)
class _Held:
    """One share: its text, compressed, the bytes it takes, and whether it was only found in the live object."""

    text: bytes
    size: int
    inherited: bool


@dataclass(slots=True)
class Part:
    """One object of an aggregate, spelled when it is asked for.

    Attributes:
        ref: which object.
        shares: owner -> the compressed text that it holds, sorted.
        spell: builds it from the texts.
        fingerprint: of the object, for whoever compares it; None until somebody has looked.
    """

    ref: ObjectRef
    shares: Mapping[Key, bytes]
    spell: Callable[[Mapping[Key, str]], Output]
    fingerprint: bytes | None = None

    def output(self) -> Output:
        """Return the object."""
        return self.spell({owner: _unpack(packed) for owner, packed in self.shares.items()})


@dataclass(slots=True)
class Aggregate:
    """The state of one aggregate.

    Attributes:
        target: spells it.
        placed: in which shard each share lives now.
        applied: owner -> the compressed text that the live objects hold, as far as we know.
        problem: why the aggregate cannot be written, while that lasts; its contributors show it.
        refused: owners whose share had no room in the last assembly.
        beyond: those of them whose namespace has all that one may have.
        dropped: owners that gave their share up before the first assembly; what is live does not bring it back.
        assembled: whether this process ever assembled it; from then on what is live is its own doing.
        parts: the objects of the last assembly, by shard.
    """

    target: Target
    held: dict[Key, _Held] = field(default_factory=dict)
    placed: dict[Key, int] = field(default_factory=dict)
    applied: dict[Key, bytes] = field(default_factory=dict)
    problem: Problem | None = None
    refused: frozenset[Key] = frozenset()
    beyond: frozenset[Key] = frozenset()
    dropped: set[Key] = field(default_factory=set)
    assembled: bool = False
    parts: dict[int, Part] = field(default_factory=dict)

    def unwritten(self) -> tuple[Key, ...]:
        """Return the owners whose share is not in the live objects as it should be."""
        return tuple(owner for owner, held in self.held.items() if held.text != self.applied.get(owner))


class Aggregates:
    """All aggregates of this installation."""

    def __init__(self, targets: Iterable[Target], config: Config):
        self._targets = {target.name: target for target in targets}
        self._config = config
        self._states: dict[AggregateKey, Aggregate] = {}

    def get(self, key: AggregateKey) -> Aggregate | None:
        """Return the state of an aggregate, or None when nothing of it is known."""
        return self._states.get(key)

    def keys(self) -> tuple[AggregateKey, ...]:
        """Return all aggregates known."""
        return tuple(self._states)

    def inherit(self, key: AggregateKey, body: Mapping[str, Any]) -> tuple[Key, ...]:
        """Take in a live object of an aggregate that this process has not assembled yet.

        Until then it is another one's work and may change any time: that of a run before, or of the replica that leads.
        Shares that are held because their resource compiles here are not touched: they count for more than what is live.

        Returns the owners of whom no share was held: who was looked at before may not want it.
        """
        state = self._state(key)
        if state is None or state.assembled:
            return ()
        shard = state.target.shard_of(body, self._config)
        shares = state.target.split(body)
        for owner in [owner for owner, place in state.placed.items() if place == shard and owner not in shares]:
            del state.placed[owner]
            state.applied.pop(owner, None)
            if owner in state.held and state.held[owner].inherited:
                del state.held[owner]
        new = tuple(owner for owner in shares if owner not in state.held and owner not in state.dropped)
        for owner, text in shares.items():
            packed = _pack(text)
            state.applied[owner] = packed
            state.placed[owner] = shard
            if owner not in state.dropped and (owner not in state.held or state.held[owner].inherited):
                state.held[owner] = _Held(packed, state.target.size(owner, text), inherited=True)
        return new

    def put(self, share: Share) -> bool:
        """Hold a share; returns whether its aggregate must be written because of it."""
        state = self._state(share.aggregate)
        if state is None:
            raise KeyError(share.aggregate)
        packed, applied = _pack(share.fragment), state.applied.get(share.owner)
        same = applied == packed
        # Held once in memory, not as two equal texts.
        text = applied if applied is not None and same else packed
        state.held[share.owner] = _Held(text, state.target.size(share.owner, share.fragment), inherited=False)
        state.dropped.discard(share.owner)
        return not same

    def differs(self, share: Share) -> bool:
        """Say whether the live objects lack this version of a share."""
        state = self._states.get(share.aggregate)
        return state is None or state.applied.get(share.owner) != _pack(share.fragment)

    def drop(self, owner: Key, keep: Iterable[AggregateKey] = ()) -> tuple[AggregateKey, ...]:
        """Drop the shares of `owner` from all aggregates except those in `keep`; returns the aggregates to write."""
        kept = frozenset(keep)
        touched = []
        for key, state in self._states.items():
            if key not in kept and state.held.pop(owner, None) is not None:
                touched.append(key)
                if not state.assembled:
                    state.dropped.add(owner)
        return tuple(touched)

    def inherited_owners(self, key: AggregateKey) -> tuple[Key, ...]:
        """Return whose shares are only known from the live objects."""
        state = self._states.get(key)
        return tuple(owner for owner, held in state.held.items() if held.inherited) if state else ()

    def contributes(self, owner: Key) -> tuple[AggregateKey, ...]:
        """Return the aggregates that hold a share of `owner`."""
        return tuple(key for key, state in self._states.items() if owner in state.held)

    def settled(self, owner: Key) -> bool:
        """Say whether every share of `owner` is in the live objects as it should be."""
        return all(
            state.applied.get(owner) == state.held[owner].text for state in self._states.values() if owner in state.held
        )

    def assemble(self, key: AggregateKey) -> tuple[tuple[Output, ...], Snapshot]:
        """Return the objects of an aggregate as they should be, all spelled, and what went into them, for `written`."""
        parts, snapshot = self.plan(key)
        return tuple(part.output() for part in parts), snapshot

    def plan(self, key: AggregateKey) -> tuple[tuple[Part, ...], Snapshot]:
        """Return the objects of an aggregate as they should be, and what goes into them, for `written`.

        One that holds what it held in the last plan is the same part, with the fingerprint that was found of it.

        What is in stays in: nobody's live share gives way to another one that grew or is new, and where a new version has no
        room, the live one goes on.
        """
        state = self._states[key]
        state.assembled = True
        state.dropped.clear()
        wanted = {owner: held.text for owner, held in state.held.items()}
        live = wanted.keys() & state.applied.keys()
        state.beyond = self._beyond(state, wanted, live)
        kept = state.beyond & live
        # Keeping what had no room may leave none for what had some. When nobody who is in gets a new version, all fit.
        trials = 0
        while True:
            chosen = {
                owner: state.applied[owner] if owner in kept else text
                for owner, text in wanted.items()
                if owner in live or owner not in state.beyond
            }
            sizes = {
                owner: _size(state, owner, chosen[owner])
                for owner in sorted(chosen, key=partial(_turn, chosen, state.applied))
            }
            placed = state.target.place(sizes, state.placed, self._config)
            lost = live - placed.keys()
            if not lost or kept == live:
                break
            trials += 1
            kept = frozenset(kept | lost if trials < _TRIALS else live)
        snapshot = {owner: packed for owner, packed in chosen.items() if owner in placed}
        state.refused = frozenset(owner for owner, text in wanted.items() if snapshot.get(owner) != text)
        state.placed = dict(placed)
        state.parts = {
            shard: self._part(key, state, shard, {owner: snapshot[owner] for owner in owners})
            for shard, owners in shards_of(state.target, placed).items()
        }
        return tuple(state.parts.values()), snapshot

    def _beyond(self, state: Aggregate, wanted: Snapshot, live: Set[Key]) -> frozenset[Key]:
        """Return whose share as it is wanted is more than its namespace may have: what is live counts before what is new."""
        most = state.target.of_one(self._config)
        if most is None:
            return frozenset()
        held: dict[str, int] = defaultdict(int)
        for owner in wanted:
            held[owner.namespace] += state.held[owner].size
        crowded = {namespace for namespace, size in held.items() if size > most}
        taken: dict[str, int] = defaultdict(int)
        news = []
        for owner in (one for one in sorted(wanted) if one.namespace in crowded):
            now = _size(state, owner, state.applied[owner]) if owner in live else 0
            taken[owner.namespace] += now
            if wanted[owner] != state.applied.get(owner):
                news.append((state.held[owner].size - now, owner))
        beyond = set()
        # What makes room first, then new versions of what is in, then who is not.
        for more, owner in sorted(news, key=lambda one: (one[0] > 0, one[1] not in live, one[1])):
            if more > 0 and taken[owner.namespace] + more > most:
                beyond.add(owner)
            else:
                taken[owner.namespace] += more
        return frozenset(beyond)

    def _part(self, key: AggregateKey, state: Aggregate, shard: int, shares: Mapping[Key, bytes]) -> Part:
        before = state.parts.get(shard)
        if before is not None and before.shares == shares:
            return before
        ref = state.target.shard_ref(key, shard, self._config)
        return Part(ref, shares, lambda texts: state.target.spell(key, shard, texts, self._config))

    def assemble_files(self, key: AggregateKey) -> tuple[File, ...]:
        """Return the files of an aggregate, for a folder."""
        state = self._states[key]
        texts = {owner: _unpack(held.text) for owner, held in sorted(state.held.items())}
        return state.target.assemble_files(key, texts, self._config)

    def written(self, key: AggregateKey, snapshot: Snapshot) -> tuple[Key, ...]:
        """Note that the live objects hold `snapshot` now; returns the owners whose share has changed by that.

        The snapshot is the one of the assembly that was written: shares may have moved on during the write.
        """
        state = self._states[key]
        before = state.applied
        state.applied = dict(snapshot)
        owners = snapshot.keys() | before.keys()
        return tuple(sorted(owner for owner in owners if snapshot.get(owner) != before.get(owner)))

    def most_of_one(self, key: AggregateKey) -> int | None:
        """Return the bytes that one namespace may have of an aggregate; None where there is no such number."""
        return self._targets[key.target].of_one(self._config)

    def object_of(self, key: AggregateKey, owner: Key) -> ObjectRef | None:
        """Return which object holds the share of `owner`, or None when none does."""
        state = self._states.get(key)
        if state is None or owner not in state.placed:
            return None
        return state.target.shard_ref(key, state.placed[owner], self._config)

    def object_for(self, key: AggregateKey, owner: Key) -> ObjectRef:
        """Return which object holds the share of `owner`; of one that is in none yet, the first of the aggregate."""
        return self.object_of(key, owner) or self._targets[key.target].shard_ref(key, 0, self._config)

    def _state(self, key: AggregateKey) -> Aggregate | None:
        state = self._states.get(key)
        if state is None:
            target = self._targets.get(key.target)
            if target is None:
                return None  # an aggregate of a version of ours that knew more targets; not ours to judge
            state = self._states[key] = Aggregate(target)
        return state


def _size(state: Aggregate, owner: Key, packed: bytes) -> int:
    """Return the bytes that a version of a share takes: the held one, or the live one."""
    held = state.held[owner]
    return held.size if packed is held.text else state.target.size(owner, _unpack(packed))


def _turn(chosen: Snapshot, live: Snapshot, owner: Key) -> tuple[bool, bool, Key]:
    """Return the place in the order in which shares find room: what is live, then new versions of it, then newcomers."""
    return chosen[owner] != live.get(owner), owner not in live, owner


def _pack(text: str) -> bytes:
    # Level 1 makes rule texts eight times smaller; equal texts give equal bytes within one process.
    return zlib.compress(text.encode(), 1)


def _unpack(packed: bytes) -> str:
    return zlib.decompress(packed).decode()
