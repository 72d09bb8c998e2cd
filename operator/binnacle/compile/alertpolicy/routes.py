"""Routes of a policy as a tree that cannot reach beyond its namespace, and in which one bad item takes no other down.

Every top route continues, so that each policy sees every alert and none sees what it must not: each is fenced by labels that
no user can set. Alerts of a policy that has default receivers pass through one node, whose own receiver takes what no route
under it takes. Without default receivers there is no such node, so what no route takes is left to the administrator's routes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

from binnacle.api import alertpolicy_routing as spelled
from binnacle.api.alertpolicy import AlertPolicy
from binnacle.api.alertpolicy_routing import AppliesTo
from binnacle.api.findings import Finding, Severity
from binnacle.api.matchers import Matcher, MatchOp
from binnacle.api.problems import nearest
from binnacle.api.reasons import Reason
from binnacle.api.receivers import BLACKHOLE
from binnacle.compile.alertpolicy.schedules import interval
from binnacle.errors import SpecError
from binnacle.intent import series
from binnacle.intent.routing import Grouping, InhibitRule, Receiver, RouteNode, TimeInterval
from binnacle.promql import build as q
from binnacle.promql import parse, to_text

DEFAULT: Final = "defaultReceivers"
"""Name of the receiver that joins several default receivers; no item of a user can be called so."""


@dataclass(frozen=True, slots=True)
class Usable:
    """What of a policy's routing can be used: items whose references exist and whose patterns compile."""

    routes: tuple[tuple[spelled.Route, tuple[str, ...]], ...]
    """Routes with those of their receivers that exist."""
    default: tuple[str, ...]
    mutes: tuple[spelled.Mute, ...]
    inhibits: tuple[spelled.Inhibit, ...]
    intervals: tuple[TimeInterval, ...]


def usable(policy: AlertPolicy, known: frozenset[str]) -> tuple[Usable, list[Finding]]:
    """Return the items of a policy's routing that can be used, and why the others cannot.

    Args:
        policy: the policy.
        known: names of the receivers that are in place.
    """
    spec, findings = policy.spec, list[Finding]()
    declared = frozenset(receiver.name for receiver in spec.receivers)

    def present(names: Sequence[str], path: str) -> tuple[str, ...]:
        for name in names:
            if name in declared and name not in known:
                message = f"The receiver {name} was left out, so nothing is sent to it from here."
                findings.append(
                    Finding(Severity.ERROR, Reason.UNKNOWN_REFERENCE, path, message, f"Correct the receiver {name}.")
                )
            elif name not in known and name != BLACKHOLE:
                findings.append(unknown("receiver", name, path, (*sorted(declared), BLACKHOLE)))
        return tuple(name for name in names if name in known or name == BLACKHOLE)

    routes = []
    for route in spec.routes:
        path = f"spec.routes[{route.name}]"
        receivers = present(route.receivers, f"{path}.receivers")
        if _patterns(route.matchers, f"{path}.matchers", findings) and receivers:
            routes.append((route, receivers))
    schedules = {schedule.name: schedule for schedule in spec.schedules}
    mutes = []
    for mute in spec.mute:
        path = f"spec.mute[{mute.name}]"
        missing = [name for name in mute.during if name not in schedules]
        findings += [unknown("schedule", name, f"{path}.during", tuple(schedules)) for name in missing]
        if _patterns(mute.matchers, f"{path}.matchers", findings) and not missing:
            mutes.append(mute)
    inhibits = []
    for inhibit in spec.inhibit:
        path = f"spec.inhibit[{inhibit.name}]"
        source = _patterns(inhibit.source, f"{path}.source", findings)
        if _patterns(inhibit.target, f"{path}.target", findings) and source:
            inhibits.append(inhibit)
    used = {name for mute in mutes for name in mute.during}
    return (
        Usable(
            tuple(routes),
            present(spec.default_receivers, "spec.defaultReceivers"),
            tuple(mutes),
            tuple(inhibits),
            tuple(interval(schedules[name]) for name in sorted(used)),
        ),
        findings,
    )


def tree(policy: AlertPolicy, parts: Usable, *, platform: bool) -> tuple[tuple[RouteNode, ...], tuple[Receiver, ...]]:
    """Return the top routes of a policy, and the receivers that they need besides the policy's own.

    Args:
        policy: the policy.
        parts: what of its routing can be used.
        platform: whether its namespace is one of the administrator's, whose namespace routes are about every alert.
    """
    meta = policy.metadata
    namespace = Matcher(series.BINNACLE_NAMESPACE, MatchOp.EQUAL, meta.namespace)
    own = (namespace, Matcher(series.BINNACLE_ROUTE, MatchOp.EQUAL, meta.name))
    outer = () if platform else (namespace,)
    nodes: list[RouteNode] = []
    if parts.default:
        receiver = parts.default[0] if len(parts.default) == 1 else DEFAULT
        nodes.append(_fence(own, receiver, policy, parts))
    for route, receivers in parts.routes:
        wide = route.applies_to is AppliesTo.NAMESPACE
        if wide and parts.default:
            # Alerts of the policy itself are in the fence already. Two matchers on one label are both to hold.
            fences = [(*outer, Matcher(series.BINNACLE_ROUTE, MatchOp.NOT_EQUAL, meta.name))]
            if platform:
                elsewhere = Matcher(series.BINNACLE_NAMESPACE, MatchOp.NOT_EQUAL, meta.namespace)
                fences.append((Matcher(series.BINNACLE_ROUTE, MatchOp.EQUAL, meta.name), elsewhere))
        elif wide:
            fences = [outer]
        elif parts.default:
            continue
        else:
            fences = [own]
        nodes += [
            replace(node, matchers=(*fence, *node.matchers), routes=_muted(parts.mutes))
            for fence in fences
            for node in _nodes(route, receivers, policy, ())
        ]
    needed = [Receiver(BLACKHOLE)] if _uses(BLACKHOLE, parts) else []
    return tuple(nodes), tuple(needed)


def inhibitions(policy: AlertPolicy, parts: Usable, *, platform: bool) -> tuple[InhibitRule, ...]:
    """Return the user's inhibitions; both sides are fenced to the namespace, unless it is one of the administrator's."""
    fence = () if platform else (Matcher(series.BINNACLE_NAMESPACE, MatchOp.EQUAL, policy.metadata.namespace),)
    return tuple(
        InhibitRule(one.name, (*fence, *one.source), (*fence, *one.target), tuple(sorted(one.equal)))
        for one in parts.inhibits
    )


def _fence(own: tuple[Matcher, ...], receiver: str, policy: AlertPolicy, parts: Usable) -> RouteNode:
    """Return the node that all alerts of the policy pass through: one child for each set of mutes that an alert can match."""

    def child(matchers: tuple[Matcher, ...], mute: tuple[str, ...]) -> RouteNode:
        routes = [node for route, names in parts.routes for node in _nodes(route, names, policy, mute)]
        return RouteNode(matchers, receiver, grouping=_grouping(policy.spec.grouping), mute=mute, routes=tuple(routes))

    plain = child((), ())
    if not parts.mutes:
        return replace(plain, matchers=own, continues=True)
    cases = [child(matchers, mute) for matchers, mute in _cases(parts.mutes)]
    # A mute without matchers leaves nothing for a last child.
    rest = [] if any(not case.matchers for case in cases) else [plain]
    return RouteNode(own, continues=True, routes=(*cases, *rest))


def _nodes(
    route: spelled.Route, receivers: Iterable[str], policy: AlertPolicy, mute: tuple[str, ...]
) -> list[RouteNode]:
    grouping = _grouping(policy.spec.grouping, route.grouping)
    return [RouteNode(route.matchers, name, True, grouping, mute) for name in receivers]


def _muted(mutes: Sequence[spelled.Mute]) -> tuple[RouteNode, ...]:
    """Return children that notify as their parent does, but not while a mute that the alert matches is on."""
    return tuple(RouteNode(matchers, mute=during) for matchers, during in _cases(mutes))


def _cases(mutes: Sequence[spelled.Mute]) -> list[tuple[tuple[Matcher, ...], tuple[str, ...]]]:
    """Return every set of mutes as matchers and intervals, the larger sets first.

    The first case that an alert matches is then the set of all mutes that it matches: no larger set matches, and of those of
    the same size only this one does. Sets that contradict themselves are left out.
    """
    cases = []
    for size in range(len(mutes), 0, -1):
        for chosen in combinations(mutes, size):
            matchers = tuple(dict.fromkeys(matcher for mute in chosen for matcher in mute.matchers))
            equal = {(matcher.name, matcher.value) for matcher in matchers if matcher.op is MatchOp.EQUAL}
            if len({name for name, _ in equal}) == len(equal):
                cases.append((matchers, tuple(sorted({name for mute in chosen for name in mute.during}))))
    return cases


def _grouping(*given: spelled.Grouping | None) -> Grouping | None:
    """Return groupings laid over each other, the later ones on top."""
    result = Grouping()
    for one in given:
        if one is None:
            continue
        result = Grouping(
            result.by if one.group_by is None else one.group_by,
            result.wait_ms if one.group_wait is None else one.group_wait.ms,
            result.interval_ms if one.group_interval is None else one.group_interval.ms,
            result.repeat_ms if one.repeat_interval is None else one.repeat_interval.ms,
        )
    return None if result == Grouping() else result


def _uses(name: str, parts: Usable) -> bool:
    return name in parts.default or any(name in receivers for _, receivers in parts.routes)


def _patterns(matchers: Sequence[Matcher], path: str, findings: list[Finding]) -> bool:
    """Say whether all regular expressions are some, with findings about the others."""
    good = True
    for matcher in matchers:
        if matcher.op not in (MatchOp.MATCHES, MatchOp.NOT_MATCHES):
            continue
        try:
            # Prometheus' matchers take the same expressions, anchored in the same way.
            parse(to_text(q.sel("x", q.regex("x", matcher.value))))
        except SpecError as error:
            good = False
            findings.append(
                Finding(
                    Severity.ERROR,
                    Reason.INVALID_VALUE,
                    path,
                    f"{matcher} has no regular expression that Alertmanager reads: {error.message}",
                    error.fix,
                )
            )
    return good


def unknown(what: str, name: str, path: str, known: Sequence[str]) -> Finding:
    """Return the finding about a name that nothing has; `known` are those that are there."""
    near = nearest(name, tuple(known))
    fix = (
        f"Write {near}."
        if near
        else f"Add it to {what}s, or write one of {', '.join(known)}."
        if known
        else f"Add it to {what}s."
    )
    return Finding(Severity.ERROR, Reason.UNKNOWN_REFERENCE, path, f"There is no {what} {name}.", fix)
