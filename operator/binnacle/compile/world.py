"""What a compiler may know besides the resource itself, and the record of what it asked.

A compiler gets everything through its `World`: the administrator's configuration, today's date, other resources.
What it read, misses included, is the reverse index of the loop: when one of those changes, its readers are compiled
again, and no kind has to know who refers to it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from operator import is_
from typing import Any, TypeVar

from binnacle.api.config import Config
from binnacle.api.findings import Finding
from binnacle.intent.base import Intent
from binnacle.intent.readback import Readback
from binnacle.intent.refs import Key


@dataclass(frozen=True, slots=True)
class Listing:
    """A read of "every resource of this kind in this namespace"."""

    kind: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A name of which a backend takes only one, such as a title in a folder; kind and namespace say among whom."""

    kind: str
    namespace: str
    name: str


Read = Key | Listing | Claim
P = TypeVar("P")
W = TypeVar("W")


@dataclass(slots=True)
class Memory:
    """What was put together last, and of what: the resources of a namespace are compiled one after the other, against the same others."""

    parts: tuple[Any, ...] = ()
    whole: Any = None

    def of(self, parts: tuple[P, ...], make: Callable[[tuple[P, ...]], W]) -> W:
        """Return what `make` makes of `parts`; it is not made again while each of them is the very same object."""
        if self.whole is None or len(parts) != len(self.parts) or not all(map(is_, parts, self.parts)):
            self.parts, self.whole = parts, make(parts)
        whole: W = self.whole
        return whole


@dataclass(slots=True)
class World:
    """A resource's surroundings.

    Attributes:
        config: the administrator's configuration, `auto` values resolved.
        date: today (UTC); compilers never read a clock.
        lookup: returns the parsed resource of a key, or None.
        listing: returns the keys of a kind in a namespace.
        claimants: returns the keys of the resources whose last compilation claimed a name.
        memory: shared with the worlds of those that are compiled before and after.
        reads: what was asked so far.
    """

    config: Config
    date: date
    lookup: Callable[[Key], Any | None] = lambda _key: None
    listing: Callable[[str, str], Iterable[Key]] = lambda _kind, _namespace: ()
    claimants: Callable[[Claim], Iterable[Key]] = lambda _claim: ()
    memory: Memory = field(default_factory=Memory)
    reads: set[Read] = field(default_factory=set)

    def get(self, key: Key) -> Any | None:
        """Return the resource of `key` as its model, or None; either way the read is recorded."""
        self.reads.add(key)
        return self.lookup(key)

    def list(self, kind: str, namespace: str) -> tuple[Key, ...]:
        """Return the keys of all resources of `kind` in `namespace`, sorted; the read is recorded."""
        self.reads.add(Listing(kind, namespace))
        return tuple(sorted(self.listing(kind, namespace)))

    def claim(self, claim: Claim, key: Key) -> Key:
        """Claim a name for `key` and return who holds it: the first of all claimants in the order of their keys.

        The claim is recorded; when another resource makes it too, or gives it up, `key` is compiled again.
        """
        self.reads.add(claim)
        return min({key, *self.claimants(claim)})


@dataclass(frozen=True, slots=True)
class Compiled:
    """The outcome of one compilation.

    Attributes:
        intents: what targets shall spell; empty when nothing of the resource could be compiled.
        findings: sorted; an `error` finding names an item that was left out.
        facts: the kind's own status fields that follow from the spec alone (`alerts`, `cost`), as JSON values.
        readback: what the observer shall bring back, if anything.
        withdrawn: with no intents: what was applied before must go, because it would harm others.
        renew: from this date (UTC) on the same resource compiles to something else; None where the date does not matter.
            On every day before it the outcome is the same.
    """

    intents: tuple[Intent, ...]
    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    readback: Readback | None = None
    withdrawn: bool = False
    renew: date | None = None
