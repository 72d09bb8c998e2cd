"""Which of its rights the operator lacks, found before they are needed.

What is needed and refused is told at once, in the status of the resource that needs it. But a right to delete is needed by
nobody's resource, one to write a status cannot be told in it, and one to list is needed when a stream ends, an hour from now.
So the API server is asked for the rights themselves, which everybody may (the role `system:basic-user`): one review of all
that holds in a namespace, and for what is not found in it a review of its own, which is exact where the authorizer cannot
list its rules. ADR 0030 says why so and not otherwise.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from binnacle.api.reasons import Reason
from binnacle.cluster.client import Client
from binnacle.cluster.leaseobject import LEASE
from binnacle.cluster.rbac import Installation, Rule, fixed_rules, lease_rules, served_rules
from binnacle.cluster.refusals import OPERATOR, Call
from binnacle.control.metrics import Metrics
from binnacle.control.ports import LeaseGuard
from binnacle.errors import BinnacleError, TransientError
from binnacle.targets import conventions
from binnacle.targets.base import Resource

log = logging.getLogger(__name__)

PERIOD: Final = 30.0
"""Seconds between two looks while nothing is missing; one is taken at once when a request was refused."""
PERIOD_LACKING: Final = 3.0
"""Seconds between two looks while something is missing, and the fewest between any two."""

_REVIEWS: Final = "authorization.k8s.io/v1"
_RULES = Resource(_REVIEWS, "SelfSubjectRulesReview", "selfsubjectrulesreviews")
_ACCESS = Resource(_REVIEWS, "SelfSubjectAccessReview", "selfsubjectaccessreviews")
_NOWHERE: Final = "binnacle-all-namespaces"
"""A namespace that nobody has: there only the rules for all namespaces hold."""

Report = Callable[[str, str], None]
"""Told a reason and a message for whoever runs the operator."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one kind of object.

    Attributes:
        namespace: where; empty for all namespaces.
        group, resource: as RBAC names them, the subresource behind a slash.
        verb: what may be done.
        name: of the only object that is meant; empty for any.
    """

    namespace: str
    group: str
    resource: str
    verb: str
    name: str = ""

    def __str__(self) -> str:
        plural, _, subresource = self.resource.partition("/")
        version = f"{self.group}/v1" if self.group else "v1"
        return str(Call(self.verb, Resource(version, "", plural), self.namespace, self.name, subresource))

    def is_in(self, rules: Iterable[Mapping[str, Any]]) -> bool:
        """Say whether one of these rules of a review gives it."""
        _, _, subresource = self.resource.partition("/")
        resources = {self.resource, "*", f"*/{subresource}" if subresource else "*"}
        return any(
            not {self.verb, "*"}.isdisjoint(_texts(rule, "verbs"))
            and not {self.group, "*"}.isdisjoint(_texts(rule, "apiGroups"))
            and not resources.isdisjoint(_texts(rule, "resources"))
            and self.name in (_texts(rule, "resourceNames") or (self.name,))
            for rule in rules
        )


def needed(kinds: Sequence[Resource], children: Sequence[Resource], where: Installation) -> tuple[Right, ...]:
    """Return every right that `rbac.manifests` would give, sorted."""
    served = served_rules(kinds, children)
    found = {right for namespace in where.namespaces or ("",) for right in _rights(namespace, served)}
    for namespace, rules in fixed_rules(children).items():
        found |= _rights(namespace, rules)
    return tuple(sorted(found | _rights(where.namespace, lease_rules(where))))


def _rights(namespace: str, rules: Iterable[Rule]) -> set[Right]:
    return {
        Right(namespace, group, resource, verb, name)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", ("",))
    }


class Rights:
    """Looks at the operator's rights from time to time, and tells which are missing: in a metric, the log, and an Event.

    Args:
        client: requests go through it.
        rights: all that are needed, from `needed`.
        metrics: has a series for each verb on each kind.
        guard: who leads tells by Events too.
        report: makes an Event about the operator.
        refused: set whenever a request was refused, which is a reason to look at once.
    """

    def __init__(
        self,
        client: Client,
        rights: Sequence[Right],
        metrics: Metrics,
        guard: LeaseGuard,
        report: Report,
        refused: asyncio.Event,
    ) -> None:
        self._client = client
        self._rights = rights
        self._metrics = metrics
        self._guard = guard
        self._report = report
        self._refused = refused
        self._show(())
        self._reported: frozenset[Right] = frozenset()
        self.missing: tuple[Right, ...] = ()
        """What the last look found missing."""
        self.unknown = ""
        """Why nothing is known; empty when something is."""

    def account(self) -> str:
        """Say in words what is missing; empty when nothing is."""
        lines = [f"{OPERATOR} has no permission to {right}" for right in self.missing]
        return "".join(f"{line}\n" for line in [*lines, *filter(None, [self.unknown])])

    async def run(self) -> None:
        """Look until cancelled; at most a tenth of the time goes into asking, however much is missing in however many places."""
        clock = asyncio.get_running_loop().time
        while True:
            self._refused.clear()
            began = clock()
            await self.look()
            await asyncio.sleep(max(PERIOD_LACKING, 9 * (clock() - began)))
            if not self.missing:
                try:
                    async with asyncio.timeout(PERIOD - PERIOD_LACKING):
                        await self._refused.wait()
                except TimeoutError:
                    continue

    async def look(self) -> None:
        """Ask once, and tell what is new."""
        try:
            missing = await self._ask()
        except BinnacleError as error:
            unknown = f"which rights are missing cannot be told: {error}"
            if not self.unknown:
                log.info("%s", unknown)
            self.unknown = unknown
            return
        self.unknown = ""
        gone, found = set(self.missing) - set(missing), [right for right in missing if right not in self.missing]
        self.missing = missing
        for right in gone:
            log.info("has the permission again", extra={"right": str(right)})
        self._show(missing)
        for right in found:
            log.error("has no permission", extra={"right": str(right)})
        if not self._guard.held():
            return  # who leads tells; once this one does, it tells what it has found before
        untold, self._reported = [right for right in missing if right not in self._reported], frozenset(missing)
        if untold:
            more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
            self._report(Reason.PERMISSION_DENIED, f"{OPERATOR} has no permission to {untold[0]}{more}")

    def _show(self, missing: Sequence[Right]) -> None:
        """Show every right that is needed, so that one of which nothing is missing is told from one of which nothing is known."""
        counts = Counter(_labels(right) for right in missing)
        for labels in {_labels(right) for right in self._rights}:
            self._metrics.missing_rights.labels(*labels).set(counts[labels])

    async def _ask(self) -> tuple[Right, ...]:
        missing = []
        for namespace in sorted({right.namespace for right in self._rights}):
            rules = await self._rules(namespace or _NOWHERE)
            here = [one for one in self._rights if one.namespace == namespace and not one.is_in(rules)]
            missing += [right for right in here if not await self._allowed(right)]
        return tuple(missing)

    async def _rules(self, namespace: str) -> Sequence[Mapping[str, Any]]:
        status = await self._review(_RULES, {"namespace": namespace})
        rules = status.get("resourceRules")
        return [rule for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []

    async def _allowed(self, right: Right) -> bool:
        resource, _, subresource = right.resource.partition("/")
        attributes = {
            "namespace": right.namespace,
            "verb": right.verb,
            "group": right.group,
            "resource": resource,
            "subresource": subresource,
            "name": right.name,
        }
        status = await self._review(_ACCESS, {"resourceAttributes": attributes})
        return status.get("allowed") is True

    async def _review(self, resource: Resource, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        body = {"apiVersion": resource.api_version, "kind": resource.kind, "spec": spec}
        answer = await self._client.request("POST", Call("create", resource), body=conventions.canonical(body))
        status = answer.get("status")
        if not isinstance(status, dict):
            # Something in between that answers anything with 200: no right is missing on its word.
            raise TransientError(f"what answered to {resource.plural} is no API server")
        return status


def lease_reference(namespace: str, name: str) -> Mapping[str, str]:
    """Return what Events about the operator itself are about: its Lease, which is there however it is run."""
    return {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "namespace": namespace, "name": name}


def _texts(rule: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """Return what a rule of a review lists; nothing of what is no list."""
    listed = rule.get(field)
    return tuple(map(str, listed)) if isinstance(listed, list) else ()


def _labels(right: Right) -> tuple[str, str, str]:
    return right.verb, right.group, right.resource
