"""The shapes that targets give to the loop: whole objects, and shares of objects that many resources fill.

A target spells intents for one backend. It is pure and byte-stable: same intents and configuration, same bytes,
under any hash seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from binnacle.api.config import Config
from binnacle.intent.base import Intent
from binnacle.intent.refs import Key, ObjectRef


@dataclass(frozen=True, slots=True)
class Owner:
    """The resource that an object belongs to, with what an owner reference needs; `uid` is empty outside a cluster."""

    key: Key
    uid: str = ""


@dataclass(frozen=True, slots=True, order=True)
class AggregateKey:
    """An object, or a set of shards, that many resources fill: `target` names it, `namespace` is where it lives."""

    target: str
    namespace: str

    def __str__(self) -> str:
        return f"{self.target}@{self.namespace}"


@dataclass(frozen=True, slots=True)
class Output:
    """One whole object to apply.

    Attributes:
        ref: what it is.
        body: the object as the API server would be sent it: labels, owner reference and hash annotation included.
        owner: the resource it belongs to; None for the object of an aggregate.
        purpose: what it is for, shown in `status.children[]`, for example `rules`.
        marks: what the backend lists once it has loaded exactly this version (rule group names).
        facts: status fields of the owner that only spelling tells, such as a size; JSON values.
    """

    ref: ObjectRef
    body: Mapping[str, Any]
    owner: Key | None
    purpose: str
    marks: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Share:
    """A resource's part of an aggregate.

    Attributes:
        aggregate: which aggregate.
        owner: whose part.
        fragment: the part as the backend's text (one rule file).
        purpose, marks, facts: as for `Output`.
    """

    aggregate: AggregateKey
    owner: Key
    fragment: str
    purpose: str
    marks: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class File:
    """One file for users without Kubernetes; `path` is relative, with forward slashes; `facts` as for `Output`."""

    path: str
    text: str
    owner: Key | None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is while there is any resource of a kind, whichever they are: no resource changes a byte of it.

    Attributes:
        kind: of the resources.
        aggregate: what it is called as an owner of objects.
        outputs: in a cluster; none when there shall be none.
        files: in a folder.
    """

    kind: str
    aggregate: AggregateKey
    outputs: tuple[Output, ...]
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object that a target writes, for watches and for RBAC.

    Attributes:
        api_version, kind: as in the object.
        plural: the name in paths and in RBAC rules.
        namespace: the only namespace where it is written (aggregates); empty: wherever its owners are. Nothing is
            watched and no right is asked for elsewhere.
    """

    api_version: str
    kind: str
    plural: str
    namespace: str = ""

    @property
    def group(self) -> str:
        """API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]


class Target(Protocol):
    """How one backend spells intents.

    Attributes:
        name: of the target, in object names and labels.
        backend: who loads what it writes (`prometheus`, `alertmanager`, `grafana`, `fluentd`); names the observer.
        spells: the intents that it picks.
        fewest: objects that an aggregate of it has even when nobody has a share.
    """

    name: str
    backend: str
    spells: tuple[type[Intent], ...]
    fewest: int

    def resources(self, config: Config) -> tuple[Resource, ...]:
        """Return the kinds of objects that this target may write under `config`."""

    def metadata_keys(self, config: Config) -> tuple[frozenset[str], frozenset[str]]:
        """Return the label keys and the annotation keys that this target sets besides the common ones."""

    def render(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[Output | Share, ...]:
        """Spell what `owner` means by `intents`; intents of other backends are passed over."""

    def size(self, owner: Key, fragment: str) -> int:
        """Return the bytes that a share takes in the object that holds it."""

    def of_one(self, config: Config) -> int | None:
        """Return the bytes that the shares of one namespace may have in all its objects; None where `place` sees to that."""

    def place(self, sizes: Mapping[Key, int], placed: Mapping[Key, int], config: Config) -> Mapping[Key, int]:
        """Say which shard each share lives in.

        `sizes` come in the order in which they find room. `placed` says in which shard each lives now; it stays there while it
        fits. Raises `SpecError` (`OutputTooLarge`) for a share that fits nowhere; a target that has one file for all leaves such
        a share out of the placement, and keeps what is in.
        """

    def spell(self, aggregate: AggregateKey, shard: int, shares: Mapping[Key, str], config: Config) -> Output:
        """Build one of the aggregate's objects from the fragments that are placed in it, sorted by owner."""

    def split(self, body: Mapping[str, Any]) -> dict[Key, str]:
        """Take one live object of an aggregate apart again: `split(spell(shares)) == shares`; unknown keys are left out."""

    def shard_of(self, body: Mapping[str, Any], config: Config) -> int:
        """Return which shard of its aggregate a live object is."""

    def shard_ref(self, aggregate: AggregateKey, shard: int, config: Config) -> ObjectRef:
        """Return which object holds a shard of an aggregate."""

    def files(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[File | Share, ...]:
        """Spell the same for a folder: the backend's own files, and shares of files that many resources fill."""

    def assemble_files(self, aggregate: AggregateKey, shares: Mapping[Key, str], config: Config) -> tuple[File, ...]:
        """Build the files that many resources fill."""

    def split_file(self, path: str, text: str, config: Config) -> tuple[Share, ...]:
        """Take a file of `assemble_files` apart again into everybody's share; nothing of a file that is not this target's."""


def shards_of(target: Target, placed: Mapping[Key, int]) -> dict[int, list[Key]]:
    """Return who is in which object, both sorted."""
    shards: dict[int, list[Key]] = {shard: [] for shard in {*range(target.fewest), *placed.values()}}
    for owner in sorted(placed):
        shards[placed[owner]].append(owner)
    return dict(sorted(shards.items()))
