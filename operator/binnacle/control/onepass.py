"""One pass over a set of resources: what the loop would do, without a world to do it in.

`binnacle render` and `binnacle check` are this. The same functions compile, spell and assemble as in the loop; what
is missing is only the comparison with what exists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from binnacle.compile.world import World
from binnacle.control.aggregates import Aggregates
from binnacle.control.cache import resource_key
from binnacle.control.desired import Desired, Toolchain, desire
from binnacle.intent.refs import Key
from binnacle.targets.base import File, Output, Owner


@dataclass(frozen=True, slots=True)
class Pass:
    """The outcome: what each resource wants, the objects to apply, and the files for those without a cluster.

    Attributes:
        desired: key -> what the resource wants, in the order given.
        objects: all objects, aggregates included; empty when files were asked for.
        files: all files; empty when objects were asked for.
    """

    desired: Mapping[Key, Desired]
    objects: tuple[Output, ...] = ()
    files: tuple[File, ...] = ()


@dataclass(slots=True)
class _Known:
    """The resources of one pass, parsed when somebody asks for them."""

    tools: Toolchain
    bodies: Mapping[Key, Mapping[str, Any]]
    models: dict[Key, Any] = field(default_factory=dict)

    def lookup(self, key: Key) -> Any | None:
        if key not in self.models:
            body = self.bodies.get(key)
            self.models[key] = self.tools.parse(body)[0] if body is not None else None
        return self.models[key]

    def listing(self, kind: str, namespace: str) -> tuple[Key, ...]:
        return tuple(key for key in self.bodies if key.kind == kind and key.namespace == namespace)


def run(tools: Toolchain, bodies: Sequence[Mapping[str, Any]], today: date, *, files: bool = False) -> Pass:
    """Compile every resource and spell all that they want.

    Args:
        tools: the toolchain.
        bodies: resources of our kinds, namespaces filled in, no key twice.
        today: the date that compilers are given.
        files: spell the backends' own files instead of Kubernetes objects.

    One that does not compile contributes nothing and changes no byte of the others.
    """
    by_key = {resource_key(body): body for body in bodies}
    known = _Known(tools, by_key)
    aggregates = Aggregates(tools.targets, tools.config)
    desired: dict[Key, Desired] = {}
    objects: list[Output] = []
    spelled: list[File] = []
    for key, body in by_key.items():
        world = World(config=tools.config, date=today, lookup=known.lookup, listing=known.listing)
        wants = desired[key] = desire(tools, body, Owner(key), world, files=files)
        objects.extend(wants.outputs)
        spelled.extend(wants.files)
        for share in wants.shares:
            aggregates.put(share)
    for aggregate in sorted(aggregates.keys()):
        if files:
            spelled.extend(aggregates.assemble_files(aggregate))
        else:
            objects.extend(aggregates.assemble(aggregate)[0])
    return Pass(
        desired, tuple(sorted(objects, key=lambda one: one.ref)), tuple(sorted(spelled, key=lambda one: one.path))
    )
