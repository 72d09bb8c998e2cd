"""Aggregates of many files: ConfigMaps in one namespace that hold a file of each resource under a data key of its own.

A data key is `<kind>.<namespace>.<name><suffix>`; none of the parts holds a dot, so two resources never meet in one. The
files are spread over as many ConfigMaps as they need, and stay where they are.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from binnacle.api.config import Config
from binnacle.api.reasons import Reason
from binnacle.errors import SpecError
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets import conventions
from binnacle.targets.base import AggregateKey, Output
from binnacle.targets.sharding import place

LIMIT: Final = conventions.OBJECT_BYTES
"""Bytes of the files in one object."""
_KINDS: Final = {kind.lower(): kind for kind in conventions.SHORT_NAMES}


@dataclass(frozen=True, slots=True)
class DataKeys:
    """The ConfigMaps of one target.

    Attributes:
        target: its name.
        purpose: what the files are for, as `status.children[]` shows it; in messages, what a resource has too much of.
        suffix: ending of the data keys.
        reserved: bytes of every ConfigMap that are kept for files of nobody.
    """

    target: str
    purpose: str
    suffix: str = ".yaml"
    reserved: int = 0

    @property
    def limit(self) -> int:
        """Bytes of the files of resources in one ConfigMap."""
        return LIMIT - self.reserved

    def name(self, key: Key) -> str:
        """Return the data key of a resource."""
        return f"{key.kind.lower()}.{key.namespace}.{key.name}{self.suffix}"

    def key(self, name: str) -> Key | None:
        """Return the resource that a data key belongs to, or None for one that is not ours."""
        parts = name.removesuffix(self.suffix).split(".")
        if not name.endswith(self.suffix) or len(parts) != 3 or parts[0] not in _KINDS:
            return None
        return Key(_KINDS[parts[0]], parts[1], parts[2])

    def checked(self, text: str, owner: Key) -> str:
        """Return the file of a resource.

        Raises:
            SpecError: `OutputTooLarge`, it fits no object.
        """
        self.check_size(self.size(owner, text), owner)
        return text

    def check_size(self, size: int, owner: Key) -> None:
        """Refuse what has more bytes than one object holds.

        Raises:
            SpecError: `OutputTooLarge`.
        """
        if size > self.limit:
            raise SpecError(
                f"The {self.purpose} of {owner} have {size} bytes, {self.limit} is the most that one object holds.",
                reason=Reason.OUTPUT_TOO_LARGE.value,
                fix="Spread them over several resources.",
            )

    def size(self, owner: Key, text: str) -> int:
        """Return the bytes that a file takes in a ConfigMap."""
        return len(text.encode()) + len(self.name(owner))

    def place(self, sizes: Mapping[Key, int], placed: Mapping[Key, int]) -> dict[Key, int]:
        """Say which ConfigMap holds the file of each resource; `placed` says which one does now.

        Files find room in the order of `sizes`: one that grows moves, and not another one that it has no room beside any more.

        Raises:
            SpecError: `OutputTooLarge`, a share that fits no object.
        """
        for key, size in sizes.items():
            self.check_size(size, key)
        return place(sizes, placed, self.limit)

    def spell(
        self,
        aggregate: AggregateKey,
        shard: int,
        shares: Mapping[Key, str],
        instance: str,
        labels: Mapping[str, str],
        fixed: Mapping[str, str] | None = None,
    ) -> Output:
        """Build one ConfigMap.

        Args:
            aggregate: which aggregate.
            shard: which of its ConfigMaps.
            shares: file of each resource that it holds.
            instance: name of the installation.
            labels: the administrator's, put on every ConfigMap.
            fixed: files of nobody, which the first ConfigMap holds whatever the shares are; at most `reserved` bytes.
        """
        files = {self.name(key): shares[key] for key in sorted(shares)}
        data = files if shard else {**(fixed or {}), **files}
        return self._config_map(aggregate, shard, data, instance, labels)

    def split(self, body: Mapping[str, Any]) -> dict[Key, str]:
        """Take a ConfigMap apart into the files of resources; other keys are left out."""
        found = ((self.key(name), text) for name, text in (body.get("data") or {}).items())
        return {key: text for key, text in found if key is not None}

    def shard_of(self, body: Mapping[str, Any], instance: str) -> int:
        """Return the number at the end of a ConfigMap's name; the first has none."""
        rest = str(body["metadata"]["name"]).removeprefix(self.shard_name(0, instance)).removeprefix("-")
        return int(rest) if rest.isdecimal() else 0

    def shard_name(self, shard: int, instance: str) -> str:
        """Return the name of the ConfigMap that holds a shard."""
        return conventions.aggregate_name(instance, self.target, shard)

    def _config_map(
        self, aggregate: AggregateKey, shard: int, data: Mapping[str, str], instance: str, labels: Mapping[str, str]
    ) -> Output:
        ref = conventions.config_map(aggregate.namespace, self.shard_name(shard, instance))
        body = {
            "apiVersion": ref.api_version,
            "kind": ref.kind,
            "metadata": {
                "name": ref.name,
                "namespace": ref.namespace,
                "labels": {**labels, **conventions.aggregate_labels(self.target, instance)},
            },
            "data": dict(data),
        }
        return Output(ref, conventions.with_hash(body), None, self.purpose)


class KeyedTarget:
    """What all targets have in common whose files lie in ConfigMaps under data keys.

    Attributes:
        keys: the ConfigMaps.
        fewest: the first ConfigMap exists even when it is empty: a pod that mounts a ConfigMap does not start without it.
    """

    keys: ClassVar[DataKeys]
    fewest = 1

    def size(self, owner: Key, fragment: str) -> int:
        """Return the bytes that a file takes in a ConfigMap."""
        return self.keys.size(owner, fragment)

    def of_one(self, config: Config) -> int | None:
        """Return the bytes that one namespace may have in all ConfigMaps."""
        return config.tenancy.shared_objects * LIMIT

    def place(self, sizes: Mapping[Key, int], placed: Mapping[Key, int], config: Config) -> Mapping[Key, int]:
        """Say which ConfigMap holds the file of each resource.

        Raises:
            SpecError: `OutputTooLarge`, a share that fits no object.
        """
        return self.keys.place(sizes, _steady(placed, 2 * config.tenancy.shared_objects))

    def split(self, body: Mapping[str, Any]) -> dict[Key, str]:
        """Take a ConfigMap apart into the files of resources; other keys are left out."""
        return self.keys.split(body)

    def shard_of(self, body: Mapping[str, Any], config: Config) -> int:
        """Return the number at the end of a ConfigMap's name; the first has none."""
        return self.keys.shard_of(body, config.instance)

    def shard_ref(self, aggregate: AggregateKey, shard: int, config: Config) -> ObjectRef:
        """Return which ConfigMap holds a shard."""
        return conventions.config_map(aggregate.namespace, self.keys.shard_name(shard, config.instance))


def _steady(placed: Mapping[Key, int], most: int) -> dict[Key, int]:
    """Return who stays where it is: of one namespace, what is in the first `most` objects that hold any of it.

    A namespace that lets its files grow and shrink by turns would else leave a small one in every object, and make more
    objects without end: the rest of its files is placed anew, with those that are there already.
    """
    objects: dict[str, set[int]] = defaultdict(set)
    for key, shard in placed.items():
        objects[key.namespace].add(shard)
    spread = {name: frozenset(sorted(shards)[:most]) for name, shards in objects.items() if len(shards) > most}
    return {
        key: shard for key, shard in placed.items() if key.namespace not in spread or shard in spread[key.namespace]
    }
