"""Aggregates of one file: a ConfigMap in the backend's namespace whose only data key everybody adds to.

A backend that reads one file cannot have it in parts, so there is a most that all of it may have. What is in stays in, and what no
longer fits is refused. Nor can one namespace fill it: beyond an eighth of it, all namespaces together have half of it, so that
one has five eighths at most and others find room.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from binnacle.api.config import Config
from binnacle.api.reasons import Reason
from binnacle.errors import SpecError
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets import conventions
from binnacle.targets.base import AggregateKey, Output

LIMIT: Final = conventions.OBJECT_BYTES
"""Bytes of the file."""
_OF_EACH: Final = 8
"""Every namespace may have one part of so many of what the administrator leaves of the file."""
_BEYOND: Final = 2
"""Beyond that, all namespaces together may have one part of so many."""
_OF_ONE: Final = LIMIT // _OF_EACH + LIMIT // _BEYOND


@dataclass(frozen=True, slots=True)
class OneFile:
    """The ConfigMap of one target.

    Attributes:
        target: its name.
        purpose: what the file is for, as `status.children[]` shows it.
        data_key: name of the file.
    """

    target: str
    purpose: str
    data_key: str

    def check_size(self, size: int, owner: Key, *, what: str, fix: str) -> None:
        """Refuse a part that would not fit even alone.

        Args:
            size: of the part, in bytes.
            owner: whose.
            what: the part in words, with its verb: `The routing of {owner} has`.
            fix: what its owner can do.

        Raises:
            SpecError: `OutputTooLarge`.
        """
        if size > _OF_ONE:
            raise SpecError(
                f"{what.format(owner=owner)} {size} bytes, {_OF_ONE} is the most that one namespace may have of the "
                "file of all.",
                reason=Reason.OUTPUT_TOO_LARGE.value,
                fix=fix,
            )

    def fitting(self, sizes: Mapping[Key, int], taken: int) -> dict[Key, int]:
        """Return whose shares fit, sorted, each placed in the one file.

        Whether a set of shares fits does not depend on who came first, so nobody who is in has to go when others come.

        Args:
            sizes: bytes that each part takes in the file, in the order in which they find room.
            taken: bytes that the file has without any.
        """
        room = LIMIT - taken
        of_each, beyond = room // _OF_EACH, room // _BEYOND
        of_namespace: dict[str, int] = {}
        chosen = []
        for key, needed in sizes.items():
            before = of_namespace.get(key.namespace, 0)
            more = max(before + needed - of_each, 0) - max(before - of_each, 0)
            if needed <= room and more <= beyond:
                room, beyond = room - needed, beyond - more
                of_namespace[key.namespace] = before + needed
                chosen.append(key)
        return dict.fromkeys(sorted(chosen), 0)

    def spell(self, aggregate: AggregateKey, text: str, instance: str) -> Output:
        """Build the ConfigMap with the file `text`."""
        ref = self.ref(aggregate, instance)
        body = {
            "apiVersion": ref.api_version,
            "kind": ref.kind,
            "metadata": {
                "name": ref.name,
                "namespace": ref.namespace,
                "labels": conventions.aggregate_labels(self.target, instance),
            },
            "data": {self.data_key: text},
        }
        return Output(ref, conventions.with_hash(body), None, self.purpose)

    def ref(self, aggregate: AggregateKey, instance: str) -> ObjectRef:
        """Return which ConfigMap it is."""
        return conventions.config_map(aggregate.namespace, conventions.aggregate_name(instance, self.target, 0))

    def text(self, body: Mapping[str, Any]) -> str:
        """Return the file that a live ConfigMap holds; empty when it holds none."""
        return str((body.get("data") or {}).get(self.data_key) or "")


class OneFileTarget:
    """What all targets have in common that fill one file.

    Attributes:
        file: the ConfigMap.
        fewest: the ConfigMap exists even when nobody adds to it.
    """

    file: ClassVar[OneFile]
    fewest = 1

    def metadata_keys(self, config: Config) -> tuple[frozenset[str], frozenset[str]]:  # noqa: ARG002 - the protocol's shape
        """Return nothing: the object has the common labels only."""
        return frozenset(), frozenset()

    def of_one(self, config: Config) -> int | None:  # noqa: ARG002 - the protocol's shape
        """Return None: what fits the one file decides."""
        return None

    def shard_of(self, body: Mapping[str, Any], config: Config) -> int:  # noqa: ARG002 - the protocol's shape
        """Return 0: there is one object."""
        return 0

    def shard_ref(self, aggregate: AggregateKey, shard: int, config: Config) -> ObjectRef:  # noqa: ARG002 - the protocol's shape
        """Return which object it is."""
        return self.file.ref(aggregate, config.instance)
