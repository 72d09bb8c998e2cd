"""Admission: which findings about a resource are reason to refuse it, and which are only told.

The findings are those of the loop and of `binnacle check`, made by the same functions. A resource is refused for what is
wrong in itself, whichever replica is asked and whatever it has heard of the cluster so far. What depends on other resources
may be right a moment later, because resources are applied in some order and a cache may be behind: it is told, and
refuses nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.compile.world import Claim, Listing, Read, World
from binnacle.control.cache import Cache, resource_key
from binnacle.control.desired import Desired, Toolchain, desire
from binnacle.intent.refs import Key
from binnacle.targets.base import Owner

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said about a resource before it is stored.

    Attributes:
        refused: why it is refused, sorted; empty when it is taken.
        told: what is worth knowing although it is taken, or besides; sorted, errors first. Findings of severity error
            among these depend on other resources, were there before the change, or are ours to mend.
    """

    refused: tuple[Finding, ...] = ()
    told: tuple[Finding, ...] = ()


TAKEN = Verdict()


@dataclass(frozen=True, slots=True)
class Admission:
    """Judges resources as they are about to be stored.

    It may be asked from any thread: of the cache it takes copies that the interpreter makes in one step.

    Attributes:
        tools: the toolchain of the loop.
        cache: what is known of other resources.
        synced: whether that is all there is; before, nothing is said that depends on it.
        today: gives the date (UTC) for compilers.
    """

    tools: Toolchain
    cache: Cache
    synced: Callable[[], bool]
    today: Callable[[], date]

    def judge(self, body: Body, before: Body | None = None) -> Verdict:
        """Return the verdict on a resource.

        Args:
            body: the resource as it will be stored; its namespace is filled in.
            before: the stored one that it replaces. A change that leaves the spec as it is passes whatever the spec says,
                and what was wrong with it before does not refuse a change: a resource that a newer version of ours likes
                less can still be labelled, deleted, and mended step by step.

        Never raises on account of what is in `spec`.
        """
        if is_unchanged(body, before):
            return TAKEN
        key = resource_key(body)
        served = self.tools.config.namespaces
        if served and key.namespace not in served:
            return TAKEN  # somebody else's to judge, under another configuration
        # As if there were no other resource: as `binnacle check` does with a file that holds only this one.
        alone = self._compiled(key, body, _Own(self.tools, key, body))
        among = alone
        if alone.reads - {key}:
            if not self.synced():
                # Of what the others would decide nothing is known; what is certain is certain without them.
                return Verdict(tuple(one for one in alone.findings if _refuses(one)))
            own = _Own(self.tools, key, body, self.cache)
            if own.meets_others(alone.reads):
                among = self._compiled(key, body, own)
        there = frozenset(among.findings)
        refused = tuple(one for one in alone.findings if _refuses(one) and one in there)
        if refused and before is not None:
            known = frozenset(self._compiled(key, before, _Own(self.tools, key, before)).findings)
            refused = tuple(one for one in refused if one not in known)
        against = frozenset(refused)
        told = tuple(one for one in among.findings if one not in against and one.severity is not Severity.INFO)
        return Verdict(refused, told)

    def _compiled(self, key: Key, body: Body, own: "_Own") -> Desired:
        world = World(self.tools.config, self.today(), own.lookup, own.listing, own.claimants)
        # The same document that the loop compiles, so that nothing else of the object can make a difference.
        document = {
            "apiVersion": body.get("apiVersion"),
            "kind": key.kind,
            "metadata": {"name": key.name, "namespace": key.namespace},
            "spec": body.get("spec"),
        }
        return desire(self.tools, document, Owner(key), world)


@dataclass(slots=True)
class _Own:
    """The resource that is judged, in place of its stored version, and others beside it where a cache is given."""

    tools: Toolchain
    key: Key
    body: Body
    cache: Cache = field(default_factory=Cache)

    def meets_others(self, reads: Iterable[Read]) -> bool:
        """Say whether any of what was asked for is there, besides the resource itself."""
        return any(self._others(read) for read in reads)

    def _others(self, read: Read) -> bool:
        match read:
            case Key():
                return read != self.key and read in self.cache.resources
            case Listing(kind, namespace):
                return any(key != self.key for key in self.listing(kind, namespace))
            case Claim():
                return any(key != self.key for key in self.claimants(read))

    def lookup(self, key: Key) -> Any | None:
        if key == self.key:
            return self.tools.parse(self.body)[0]
        resource = self.cache.resources.get(key)
        return None if resource is None else self.tools.parse(resource.document())[0]

    def listing(self, kind: str, namespace: str) -> Iterable[Key]:
        # A tuple of a set is made in one step of the interpreter: the loop changes the set meanwhile.
        found = tuple(self.cache.keys_in(kind, namespace))
        return (*found, self.key) if (kind, namespace) == self.key[:2] and self.key not in found else found

    def claimants(self, claim: Claim) -> Iterable[Key]:
        return tuple(self.cache.claimants(claim))


def is_unchanged(body: Body, before: Body | None) -> bool:
    """Say whether a change leaves the spec as it is; quick, so that it can be asked first."""
    try:
        return before is not None and before.get("spec") == body.get("spec")
    except RecursionError:
        return False  # as deep as JSON can be read: it has to be looked at


_OURS_TO_MEND = frozenset({Reason.INTERNAL_ERROR, Reason.UNKNOWN_FIELD})
"""What is no mistake of who applies it: a defect, and a field that the API server knows (it would have left it out otherwise) and
only this replica does not, in the middle of an upgrade."""


def _refuses(finding: Finding) -> bool:
    """Say whether a finding is reason to refuse; nothing is that a later apply, or a later version of ours, may mend."""
    return finding.severity is Severity.ERROR and finding.reason not in _OURS_TO_MEND and not finding.awaited
